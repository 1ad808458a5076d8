"""The fourth panel: the loss over the last seconds, with axes."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from tinct.apps.live.panels import axis_ticks, split_at_gaps
from tinct.apps.live.window_text import Texts, load_pygame

if TYPE_CHECKING:
    from tinct.apps.live.loss_curve import LossCurve

_PAPER, _GRID, _INK, _SOFT, _LINE = (
    (28, 31, 37), (52, 56, 64), (232, 232, 232), (150, 155, 165), (86, 180, 233)
)  # fmt: skip
_GAP = 1.0  # seconds without a loss, as in a pause, over which no line is drawn
_INTERVAL = 0.1  # seconds between drawings: faster than anybody reads
_NUM_STEPS = 4  # of the axis of time


class CurveSurface:
    """Draws a curve into a surface of its own, ten times a second at most."""

    def __init__(self, texts: Texts) -> None:
        self._pygame = load_pygame()
        self._texts = texts
        self._surface: Any = None
        self._drawn = 0.0

    def draw(self, size: tuple[int, int], curve: LossCurve) -> Any:
        """Return the surface, (width, height) pixels."""
        now = time.perf_counter()
        if self._surface is None or self._surface.get_size() != size:
            self._surface = self._pygame.Surface(size)
        elif now - self._drawn < _INTERVAL:
            return self._surface
        self._drawn = now
        self._surface.fill(_PAPER)
        if curve.is_gray:
            self._write_middle("gray source: no original to compare with")
        elif not curve.points:
            self._write_middle("waiting for the first picture")
        else:
            self._draw_curve(curve)
        return self._surface

    def _write_middle(self, words: str) -> None:
        text = self._texts.get(words, _SOFT)
        self._surface.blit(text, text.get_rect(center=self._surface.get_rect().center))

    def _draw_curve(self, curve: LossCurve) -> None:
        high = self._texts.line
        width, height = self._surface.get_size()
        ticks = axis_ticks(max(loss for _, loss in curve.points))
        left = max(self._texts.width(f"{tick:.4g}") for tick in ticks) + high
        plot = self._pygame.Rect(left, high + 6, width - left - high, height - 3 * high)
        if plot.width < self._width_of_mark(curve.seconds) or plot.height < high:
            self._write_middle(f"{curve.current:.4f}")  # no room for axes
            return
        self._draw_axes(plot, ticks, curve.seconds)
        self._draw_line(plot, curve, ticks[-1])
        for name in (
            "   mean squared error of ab / 127.5, the paper's loss",
            "   MSE of ab / 127.5",
            "",
        ):
            words = f"{curve.current:.4f}{name}"
            if self._texts.width(words) <= width - left:
                break
        self._surface.blit(self._texts.get(words, _INK), (left, 4))

    def _draw_line(self, plot: Any, curve: LossCurve, top: float) -> None:
        end = curve.points[-1][0]
        for piece in split_at_gaps(list(curve.points), _GAP):
            points = [
                (
                    plot.right - (end - moment) / curve.seconds * plot.width,
                    plot.bottom - loss / top * plot.height,
                )
                for moment, loss in piece
            ]
            for lower in (0, 1) if len(points) > 1 else ():  # smooth lines are one pixel thin
                line = [(x, y + lower) for x, y in points]
                self._pygame.draw.aalines(self._surface, _LINE, False, line)
        self._pygame.draw.circle(self._surface, _LINE, points[-1], 4)

    def _draw_axes(self, plot: Any, ticks: list[float], seconds: float) -> None:
        # Where marks would overlap, those of the ends stand alone.
        step = 1 if plot.height >= (len(ticks) - 1) * self._texts.line else len(ticks) - 1
        for tick in ticks[::step]:
            y = round(plot.bottom - tick / ticks[-1] * plot.height)
            self._pygame.draw.line(self._surface, _GRID, (plot.left, y), (plot.right, y))
            self._mark(f"{tick:.4g}", midright=(plot.left - 6, y))
        step = 1 if plot.width >= _NUM_STEPS * self._width_of_mark(seconds) else _NUM_STEPS
        for number in range(0, _NUM_STEPS + 1, step):
            share = number / _NUM_STEPS
            x = round(plot.left + share * plot.width)
            self._pygame.draw.line(self._surface, _GRID, (x, plot.bottom), (x, plot.bottom + 5))
            self._mark(f"{(share - 1) * seconds:.0f} s", midtop=(x, plot.bottom + 6))
        self._pygame.draw.line(self._surface, _SOFT, plot.topleft, plot.bottomleft)
        self._pygame.draw.line(self._surface, _SOFT, plot.bottomleft, plot.bottomright)

    def _width_of_mark(self, seconds: float) -> int:
        """Return the width of the widest mark of the axis of time, with what is free beside it."""
        return self._texts.width(f"{-seconds:.0f} s") + self._texts.line // 2

    def _mark(self, words: str, **place: tuple[int, int]) -> None:
        text = self._texts.get(words, _SOFT)
        self._surface.blit(text, text.get_rect(**place))
