"""Whether a photograph is in color already, or gray, perhaps toned or taken under colored light.

In a toned picture (sepia, cyanotype, a print photographed by lamp light) color is a function of
luma and of the place, and of little else: what is left when that function is taken away tells.
``python -m benchmarks.in_color`` measures how often this is wrong.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.files import read_bytes

if TYPE_CHECKING:
    from tinct.photographs.picture import Picture

THRESHOLD = 1.95
"""Least color in levels of 8 bits, see ``own_color``, of a photograph that is in color."""

FINE = 384
"""Pixels of the short side at which lightness is taken."""
CELLS = 16
"""Cells along the short side; averages over so much take out noise and marks of JPEG."""
TONES = 12
"""Knots of the piecewise linear function of lightness."""
SHARE = 98
"""Percentile: a photograph with a few colored things in it is in color."""
STRONG_TONE = 30
"""Levels of 8 bits of mean toning that weigh what is left by 1/1.41: noise, JPEG and clipped
channels disturb a strong tone more than a faint one."""
REGULARIZATION = 1e-5
"""Of each cell: tones that the picture does not have leave their knots undecided."""


def is_in_color(pixels: NDArray[Any]) -> bool:
    """Tell whether a photograph has colors of its own.

    Args:
        pixels: (H, W) or (H, W, 2..4), sRGB, uint8 or uint16, upright or not.
    """
    return pixels.ndim == 3 and pixels.shape[2] > 2 and own_color(pixels) >= THRESHOLD


def own_color(pixels: NDArray[Any]) -> float:
    """Measure the color of a picture that neither toning nor uneven light explains.

    Averages of Cb and Cr over cells are fitted by least squares with a piecewise linear function of
    luma and a polynomial of second degree in the place, whose strength may change with luma. The
    function of luma is averaged over the cells as well, not taken of averages, and chroma in JPEGs
    is stored as averages: so that toning is explained entirely, however much luma varies in a cell.

    Args:
        pixels: (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or uint16.

    Returns:
        The 98th percentile of what is left, in levels of 8 bits, less where the tone is strong: 0
        for gray, 5 and more for most photographs in color.
    """
    colors = np.ascontiguousarray(pixels[..., :3])
    fine = cv2.resize(colors, _size(colors, FINE), interpolation=cv2.INTER_AREA)
    scaled = fine.astype(np.float32) * np.float32(1 / np.iinfo(pixels.dtype).max)
    planes = np.asarray(cv2.cvtColor(scaled, cv2.COLOR_RGB2YCrCb), np.float32)
    size = _size(fine, CELLS)

    def average(plane: NDArray[np.float32]) -> NDArray[np.float64]:
        cells = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
        return np.asarray(cells, np.float64).ravel()

    luma = planes[..., 0]
    chroma = np.stack([average(planes[..., 1]), average(planes[..., 2])], axis=1) - 0.5
    tones = [
        average(np.maximum(np.float32(0), 1 - np.abs(luma * (TONES - 1) - knot)))
        for knot in range(TONES)
    ]
    y, x = (axis.ravel() for axis in np.mgrid[-1 : 1 : size[1] * 1j, -1 : 1 : size[0] * 1j])
    place = [x, y, x * x, y * y, x * y]
    mean = average(luma)
    terms = np.stack([*tones, *place, *(term * mean for term in place)], axis=1)
    normal = terms.T @ terms + REGULARIZATION * len(terms) * np.eye(terms.shape[1])
    tone = terms @ np.linalg.solve(normal, terms.T @ chroma)
    rest = 255 * np.percentile(np.hypot(*(chroma - tone).T), SHARE)
    strength = 255 * np.hypot(*tone.T).mean()
    return float(rest / np.hypot(1, strength / STRONG_TONE))


def _size(pixels: NDArray[Any], short_side: int) -> tuple[int, int]:
    """Return width and height of a picture brought to a short side, unless it is smaller."""
    height, width = pixels.shape[:2]
    scale = min(1.0, short_side / min(height, width))
    return max(1, round(width * scale)), max(1, round(height * scale))


def file_is_in_color(file: Path | bytes, picture: Picture) -> bool:
    """Tell whether the photograph in a file has colors of its own.

    Args:
        file: Its path, or its bytes.
        picture: What was read from it; of a color JPEG perhaps its luma alone.

    Raises:
        InputError: It has gone since.
    """
    if picture.source_format == "JPEG" and picture.pixels.ndim == 2:
        import simplejpeg

        data = file if isinstance(file, bytes) else read_bytes(file)
        try:
            if simplejpeg.decode_jpeg_header(data, strict=False)[2] == "Gray":
                return False
            # Decoded at an eighth of the size where that is enough: a fraction of the time.
            small = simplejpeg.decode_jpeg(
                data, "RGB", min_height=FINE, min_width=FINE, strict=False
            )
        except ValueError:
            return False
        return is_in_color(small)
    return is_in_color(picture.pixels)
