"""Text in the live window: rendered once, kept while it is in use."""

from __future__ import annotations

import os
from collections import OrderedDict
from importlib import import_module
from typing import Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from tinct.errors import MissingExtraError

_KEPT = 256  # texts; numbers on the screen change all the time
_SMALLEST, _LARGEST = 12, 24  # pixels
_LEADING = 1.3  # height of a line over the size of the font

Color = tuple[int, int, int]


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
    """Rendered texts in one font, whose size follows that of the window.

    The font is the one that Pillow brings: at these sizes easier to read than that of SDL.
    """

    def __init__(self) -> None:
        self._pygame = load_pygame()
        self._surfaces: OrderedDict[tuple[str, Color], Any] = OrderedDict()
        self._size = 0
        self.scale_to(1280, 800)

    def scale_to(self, width: int, height: int) -> None:
        """Choose the size of the font for a window."""
        size = min(max(min(width // 75, height // 44), _SMALLEST), _LARGEST)
        if size != self._size:
            self._size = size
            self._font = ImageFont.load_default(size)
            self._surfaces.clear()

    @property
    def line(self) -> int:
        """Height of a line, in pixels."""
        return round(self._size * _LEADING)

    def width(self, text: str) -> int:
        """Return the width of a text, in pixels."""
        return round(self._font.getlength(text))

    def get(self, text: str, color: Color) -> Any:
        """Return the surface of a text, a line high; rendered if it has not been lately."""
        key = (text, color)
        if key not in self._surfaces:
            self._surfaces[key] = self._render(text, color)
            if len(self._surfaces) > _KEPT:
                self._surfaces.popitem(last=False)
        self._surfaces.move_to_end(key)
        return self._surfaces[key]

    def _render(self, text: str, color: Color) -> Any:
        size = (max(self.width(text), 1), self.line)
        mask = Image.new("L", size)
        ImageDraw.Draw(mask).text((0, self.line / 2), text, 255, self._font, anchor="lm")
        rgba = np.empty((*size[::-1], 4), np.uint8)
        rgba[..., :3], rgba[..., 3] = color, np.asarray(mask)
        return self._pygame.image.frombytes(rgba.tobytes(), size, "RGBA")
