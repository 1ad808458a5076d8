"""Text in the live window: rendered once, kept while it is in use."""

from __future__ import annotations

import os
from collections import OrderedDict
from importlib import import_module
from typing import Any

from tinct.errors import MissingExtraError

_KEPT = 256  # texts; numbers on the screen change all the time
_SMALLEST, _LARGEST = 12, 24  # pixels


def load_pygame() -> Any:
    """Import pygame-ce, without the line that it prints.

    Raises:
        MissingExtraError: It is not installed.
    """
    os.environ.setdefault("PYGAME_HIDE_SUPPORT_PROMPT", "1")
    try:
        return import_module("pygame")
    except ImportError as error:
        raise MissingExtraError("the window", "live") from error


class Texts:
    """Rendered texts in one font, whose size follows that of the window."""

    def __init__(self) -> None:
        self._pygame = load_pygame()
        self._pygame.font.init()
        self._surfaces: OrderedDict[tuple[str, tuple[int, ...]], Any] = OrderedDict()
        self._size = 0
        self.scale_to(1280, 800)

    def scale_to(self, width: int, height: int) -> None:
        """Choose the size of the font for a window."""
        size = min(max(min(width // 70, height // 40), _SMALLEST), _LARGEST)
        if size != self._size:
            self._size = size
            self._font = self._pygame.font.Font(None, round(size * 1.25))
            self._surfaces.clear()

    @property
    def line(self) -> int:
        """Height of a line, in pixels."""
        return int(self._font.get_linesize()) + 2

    def width(self, text: str) -> int:
        """Return the width of a text, in pixels."""
        return int(self._font.size(text)[0])

    def get(self, text: str, color: tuple[int, ...]) -> Any:
        """Return the surface of a text; rendered if it has not been lately."""
        key = (text, color)
        if key not in self._surfaces:
            self._surfaces[key] = self._font.render(text, True, color)
            if len(self._surfaces) > _KEPT:
                self._surfaces.popitem(last=False)
        self._surfaces.move_to_end(key)
        return self._surfaces[key]
