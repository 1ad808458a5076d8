"""The pictures in the panels of the live window, made at the size at which they are shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from tinct.runtime.compose import compose_rgb

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tinct.runtime.upsample import ChromaModel

    Bytes = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which pictures a window shows, all of one size."""

    names: frozenset[str]
    size: tuple[int, int]  # width, height


@dataclass(frozen=True, slots=True)
class PanelPictures:
    """Pictures of panels by their names, (h, w, 4) in the order of a screen: blue first."""

    wanted: Wanted
    pixels: dict[str, Bytes]


def compose_panels(rgb: Bytes, luma: Bytes, chroma: ChromaModel, wanted: Wanted) -> PanelPictures:
    """Compose at the size of the panels, or at that of the frame where it is smaller.

    Args:
        rgb: The original, (H, W, 3).
        luma: Its luma, (H, W).
        chroma: Its new colors.
        wanted: What is shown.
    """
    size = (min(wanted.size[0], luma.shape[1]), min(wanted.size[1], luma.shape[0]))
    small: dict[str, Bytes] = {}
    if "original" in wanted.names:
        small["original"] = _shrink(rgb, size)
        small["gray"] = np.asarray(cv2.cvtColor(small["original"], cv2.COLOR_RGB2GRAY), np.uint8)
    else:
        small["gray"] = _shrink(luma, size)
    if "colored" in wanted.names:
        small["colored"] = compose_rgb(small["gray"], chroma)
    pixels = {name: _for_screen(small[name], wanted.size) for name in wanted.names}
    return PanelPictures(wanted, pixels)


def _for_screen(pixels: Bytes, size: tuple[int, int]) -> Bytes:
    code = cv2.COLOR_GRAY2BGRA if pixels.ndim == 2 else cv2.COLOR_RGB2BGRA
    bgra = cv2.cvtColor(pixels, code)
    return np.asarray(bgra if bgra.shape[1::-1] == size else cv2.resize(bgra, size), np.uint8)


def _shrink(pixels: Bytes, size: tuple[int, int]) -> Bytes:
    """Shrink a picture to a size (width, height): by halves, which is quick, then the rest."""
    while pixels.shape[1] >= 2 * size[0] and pixels.shape[0] >= 2 * size[1]:
        height, width = (side // 2 for side in pixels.shape[:2])
        even = pixels[: 2 * height, : 2 * width]
        pixels = np.asarray(cv2.resize(even, (width, height), interpolation=cv2.INTER_AREA))
    if pixels.shape[1::-1] == size:
        return pixels
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_LINEAR))
