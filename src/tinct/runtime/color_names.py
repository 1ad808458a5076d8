"""Colors as people name them: CSS names, ``#2e7d32``, ``rgb()``, ``hsl()``, ``lab()``."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from tinct import color
from tinct.errors import OptionError

Color = str | Sequence[float]
"""A name or code; or red, green and blue, 0..255."""

_KNOWN = "a CSS name, #rrggbb, rgb(46, 125, 50), hsl(120, 50%, 30%) or lab(46, -39, 32)"
_NUMBER = r"\s*([-+]?\d+(?:\.\d+)?)\s*"
_LAB = re.compile(rf"lab\({_NUMBER}%?[,\s]{_NUMBER}[,\s]{_NUMBER}\)", re.IGNORECASE)
AB_LIMIT = 128.0


def parse_color(name: Color) -> NDArray[np.float32]:
    """Return a color as L*, a and b, (3,) in CIE units.

    Raises:
        OptionError: It is no color.
    """
    if not isinstance(name, str):
        return _from_levels(name)
    found = _LAB.fullmatch(name.strip())
    if found:
        lab = np.array([float(part) for part in found.groups()], np.float32)
        if not (0 <= lab[0] <= 100 and np.abs(lab[1:]).max() <= AB_LIMIT):
            raise OptionError(f"{name!r}: L* is 0 to 100, a and b are -128 to 128")
        return lab
    from PIL import ImageColor

    try:
        return _from_levels(ImageColor.getrgb(name.strip())[:3])
    except ValueError as error:
        raise OptionError(f"{name!r}: not a color: {_KNOWN}") from error


def _from_levels(levels: Sequence[float]) -> NDArray[np.float32]:
    try:
        rgb = np.asarray(levels, np.float32)
    except (TypeError, ValueError) as error:
        raise OptionError(f"{levels!r}: not a color: {_KNOWN}") from error
    if rgb.shape != (3,) or not (rgb.min() >= 0 and rgb.max() <= 255):
        raise OptionError(f"{levels!r}: a color has red, green and blue, 0 to 255")
    return color.rgb_to_lab(rgb / np.float32(255))


def color_code(rgb: NDArray[np.float32]) -> str:
    """Return ``#rrggbb`` of a color (3,) in 0..1."""
    return "#" + "".join(f"{level:02x}" for level in np.rint(rgb.clip(0, 1) * 255).astype(int))
