"""The window of ``tinct live``: the panels of the paper, honest numbers, and keys."""

from __future__ import annotations

import os
import time
import warnings
from typing import TYPE_CHECKING, Any

from tinct.apps.live.panels import PANELS, Box, Place, arrange
from tinct.apps.live.window_curve import CurveSurface
from tinct.apps.live.window_pictures import Wanted, compose_panels
from tinct.apps.live.window_text import Texts, load_pygame
from tinct.errors import DeviceError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinct.apps.live.live_colorizer import ColoredFrame
    from tinct.apps.live.loss_curve import LossCurve
    from tinct.apps.live.window_pictures import PanelPictures

pygame: Any = load_pygame()

KEYS = {
    "escape": "quit", "q": "quit", "space": "pause", "up": "more vivid", "down": "less vivid",
    "c": "cautious", "t": "steady", "s": "snapshot", "r": "record",
}  # fmt: skip
"""Keys that mean something beyond the window, and what."""
HELP = (
    ("space", "pause, go on"),
    ("up, down", "vividness"),
    ("c", "cautious: unsure colors fade to gray"),
    ("t", "steady colors: smoothed over time"),
    ("s", "snapshot, as PNG"),
    ("r", "record, stop recording"),
    ("1 2 3 4", "one panel alone; again: all"),
    ("f", "full screen"),
    ("h", "this help"),
    ("q, escape", "quit"),
)

_REPEATED = ("up", "down")  # keys that mean the same again and again while they are held
_BACKGROUND, _INK, _SOFT, _LIVE = (18, 20, 24), (236, 236, 236), (168, 173, 183), (226, 74, 66)
_SHADE = (8, 9, 11, 215)
_BLIND = ("dummy", "offscreen", "evdev")  # what SDL falls back to where there is no display
_SETTLING = 0.3  # seconds in which a window manager may undo the first try at another size
_BETWEEN = "     "  # the parts of a line
_MARGIN = 8
_CAPTIONS = {"gray": "gray"}


class LiveWindow:
    """Shows colored frames; draws at the size of the panels, and no more than has changed.

    Attributes:
        is_recording: Whether the mark of a recording is shown.
        places: Where the panels are, as they were last drawn.
    """

    def __init__(
        self,
        title: str,
        losses: LossCurve,
        panels: Sequence[str] = PANELS,
        size: tuple[int, int] = (1280, 800),
    ) -> None:
        """Open it.

        Args:
            title: Of the window.
            losses: What the curve shows.
            panels: Which of ``PANELS`` are shown.
            size: In pixels, at first.

        Raises:
            DeviceError: There is no display.
        """
        self.is_recording = False
        self._panels = tuple(panels)
        self._single: str | None = None
        self._losses = losses
        self._lines: tuple[str, ...] = ()
        self._toast = ""
        self._with_help = self._is_full = False
        self._held: set[int] = set()  # keys
        self._aspect, self._rows = 16 / 9, 0
        self.places: list[Place] = []
        self._wanted = Wanted(frozenset(), (1, 1))
        self._last: ColoredFrame | None = None
        self._dirty = True
        self._windowed, self._settled_at = size, 0.0
        self._screen = _open_display(title, size)
        self._texts = Texts()
        self._curve = CurveSurface(self._texts)

    @property
    def has_loss(self) -> bool:
        """Whether the curve is on the screen, or a key away."""
        return "loss" in (*self._panels, self._single)

    def events(self) -> list[str]:
        """Return what the keys mean that were pressed since the last call, see ``KEYS``."""
        actions = []
        for event in pygame.event.get():
            if event.type == pygame.QUIT:
                actions.append("quit")
            elif event.type == pygame.KEYDOWN:
                name = pygame.key.name(event.key)
                if name in _REPEATED or event.key not in self._held:
                    actions += self._press(name)
                self._held.add(event.key)
            elif event.type == pygame.KEYUP:
                self._held.discard(event.key)
            elif event.type in (pygame.VIDEORESIZE, pygame.WINDOWEXPOSED):
                self._dirty = True
        return actions

    def prepare(self, colored: ColoredFrame) -> None:
        """Bring a frame to the size of the panels; in any thread, while another one is shown."""
        colored.panels = compose_panels(
            colored.frame.rgb, colored.luma, colored.chroma, self._wanted
        )

    def show(self, colored: ColoredFrame) -> None:
        """Put a frame on the screen."""
        height, width = colored.luma.shape
        aspect = width / height * float(colored.frame.aspect)
        if aspect != self._aspect:
            self._aspect, self._dirty = aspect, True
        self._last = colored
        self._draw(colored)

    def set_status(self, lines: Sequence[str], toast: str = "") -> None:
        """Set the lines below the panels, and what is said for a moment over them."""
        if (tuple(lines), toast) != (self._lines, self._toast):
            self._dirty |= toast != self._toast
            self._lines, self._toast = tuple(lines), toast
            self._draw_status()

    def refresh(self) -> None:
        """Draw anew what is to be drawn anew, without a new frame."""
        if self._settled_at and time.perf_counter() >= self._settled_at:
            self._settled_at = 0.0
            if pygame.display.get_surface().get_size() != self._windowed and not self._is_full:
                _set_mode(self._windowed, pygame.RESIZABLE)
                self._dirty = True
        if self._dirty:
            self._draw(self._last)

    def toggle_full_screen(self) -> None:
        """Fill the screen, or go back to the size before."""
        self._dirty = True
        if not self._is_full:
            self._windowed = self._screen.get_size()
        self._is_full = not self._is_full
        if self._is_full:
            _set_mode((0, 0), pygame.FULLSCREEN)
        else:
            _set_mode(self._windowed, pygame.RESIZABLE)
            self._settled_at = time.perf_counter() + _SETTLING

    def close(self) -> None:
        """Close it."""
        pygame.display.quit()

    @property
    def _visible(self) -> tuple[str, ...]:
        return (self._single,) if self._single else self._panels

    def _press(self, key: str) -> list[str]:
        if key in KEYS:
            return [KEYS[key]]
        if key.removeprefix("[").removesuffix("]") in ("1", "2", "3", "4"):
            chosen = PANELS[int(key.strip("[]")) - 1]
            self._single = None if self._single == chosen else chosen
        elif key == "h":
            self._with_help = not self._with_help
        elif key == "f":
            self.toggle_full_screen()
        self._dirty = True
        return []

    def _lay_out(self) -> None:
        """Find places for everything; only when something has changed."""
        self._screen = pygame.display.get_surface()
        width, height = self._screen.get_size()
        self._texts.scale_to(width, height)
        self._rows = len(self._wrap(width))
        line = self._texts.line
        area = Box(_MARGIN, _MARGIN, width - 2 * _MARGIN, height - 2 * _MARGIN - self._rows * line)
        self.places = arrange(self._visible, self._aspect, area, line + 2)
        picture = self.places[0].picture  # all are alike
        self._wanted = Wanted(frozenset(self._visible) - {"loss"}, (picture.width, picture.height))
        self._screen.fill(_BACKGROUND)
        for place in self.places:
            self._draw_caption(place)

    def _draw(self, colored: ColoredFrame | None) -> None:
        is_new = self._dirty
        if is_new:
            self._lay_out()
        if colored is not None:
            if colored.panels is None or colored.panels.wanted != self._wanted:
                self.prepare(colored)  # the window has changed meanwhile
            for place in self.places:
                self._draw_panel(place, colored.panels)
        self._draw_overlays()
        self._dirty = False
        if is_new:
            self._draw_status()
            pygame.display.flip()
        else:
            pygame.display.update([_rect(place.picture) for place in self.places])

    def _draw_panel(self, place: Place, pictures: PanelPictures | None) -> None:
        box = place.picture
        if place.name == "loss":
            surface = self._curve.draw((box.width, box.height), self._losses)
        else:
            assert pictures is not None
            pixels = pictures.pixels[place.name]
            surface = pygame.image.frombuffer(pixels, (box.width, box.height), "BGRA")
            surface.set_alpha(None)  # opaque: copied, not blended
        self._screen.blit(surface, (box.left, box.top))
        if self.is_recording and place.name == "colored":
            radius = max(self._texts.line // 3, 4)
            pygame.draw.circle(
                self._screen, _LIVE, (box.left + 3 * radius, box.top + 3 * radius), radius
            )

    def _draw_caption(self, place: Place) -> None:
        number = PANELS.index(place.name) + 1
        text = self._texts.get(f"{number}  {_CAPTIONS.get(place.name, place.name)}", _SOFT)
        self._screen.blit(text, (place.caption.left, place.caption.top))

    def _draw_status(self) -> None:
        """Draw the lines below the panels, and make room where they need more of it."""
        width, height = self._screen.get_size()
        lines = self._wrap(width)
        if len(lines) > self._rows:
            self._dirty = True
            return
        box = pygame.Rect(0, height - self._rows * self._texts.line - _MARGIN // 2, width, height)
        self._screen.fill(_BACKGROUND, box)
        for number, line in enumerate(lines):
            text = self._texts.get(line, _INK if number == 0 else _SOFT)
            self._screen.blit(text, (_MARGIN, box.top + number * self._texts.line))
        pygame.display.update(box)

    def _wrap(self, width: int) -> list[str]:
        """Break the lines at their double spaces where they are too long."""
        lines = []
        for line in self._lines:
            lines.append("")
            for part in line.split("  "):
                longer = f"{lines[-1]}{_BETWEEN}{part}" if lines[-1] else part
                if lines[-1] and self._texts.width(longer) > width - 2 * _MARGIN:
                    lines.append(part)
                else:
                    lines[-1] = longer
        return lines

    def _draw_overlays(self) -> None:
        width, height = self._screen.get_size()
        if self._toast:
            self._draw_card([(self._toast, "")], (width // 2, height * 4 // 5))
        if self._with_help:
            self._draw_card(HELP, (width // 2, height // 2))

    def _draw_card(self, rows: Sequence[tuple[str, str]], center: tuple[int, int]) -> None:
        """Draw a dark card with rows of two columns over everything."""
        first = [self._texts.get(row[0], _INK) for row in rows]
        second = [self._texts.get(row[1], _SOFT) for row in rows]
        line, pad = self._texts.line, self._texts.line
        column = max(text.get_width() for text in first) + (pad if any(r[1] for r in rows) else 0)
        width = column + max(text.get_width() for text in second) + 2 * pad
        card = pygame.Surface((width, len(rows) * line + pad), pygame.SRCALPHA)
        card.fill(_SHADE)
        for number, (left, right) in enumerate(zip(first, second, strict=True)):
            card.blit(left, (pad, pad // 2 + number * line))
            card.blit(right, (pad + column, pad // 2 + number * line))
        self._screen.blit(card, card.get_rect(center=center))


def _rect(box: Box) -> Any:
    return pygame.Rect(box.left, box.top, box.width, box.height)


def _set_mode(size: tuple[int, int], flags: int) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # about sizes that the system prefers
        return pygame.display.set_mode(size, flags)


def _open_display(title: str, size: tuple[int, int]) -> Any:
    try:
        pygame.display.init()
        if pygame.display.get_driver() in _BLIND and "SDL_VIDEODRIVER" not in os.environ:
            raise pygame.error("nobody would see it")
        if pygame.display.get_driver() == "x11":
            # Through shared memory; SDL would make textures of our pictures, even without a GPU.
            os.environ.setdefault("SDL_FRAMEBUFFER_ACCELERATION", "0")
        screen = _set_mode(size, pygame.RESIZABLE)
    except pygame.error as error:
        pygame.display.quit()
        raise DeviceError(
            f"there is no display for a window ({error}); --no-window does without one, "
            "--serve 8080 shows the pictures in a browser"
        ) from error
    pygame.display.set_caption(title)
    pygame.key.set_repeat(400, 60)
    return screen
