"""From a small map of ab to chroma at full size, with the edges of the full-size luma.

Within a small window chroma is nearly a linear function of luma: a red roof before a blue sky, a
face before dark hair. That function is fitted once, at half the working size (the guided filter,
He, Sun and Tang 2013), and only its two coefficients are enlarged; meeting the full-size luma they
give chroma whose edges lie where those of the picture lie (the fast guided filter, He and Sun
2015). The cost per full-size pixel is a few multiplications.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color import Plane, Standard
from tinct.gamut import chroma_from_lab

FIT_SHRINK = 2
"""The function is fitted at the working size divided by this; on 200 photographs 1 instead of 2
gains 0.001 dB."""
WINDOW_RADIUS = 8
"""Radius of the window in which chroma is a linear function of luma, in pixels of the working
size."""
FIT_ROUNDS = 2
"""Rounds of the fit. The first one sees the blur of the network's map; the second is fitted to the
result of the first, whose edges are sharp already."""
EPSILON = 4e-4
"""Regularization of the guided filter, in squared luma: where the variance of luma is below this, a
window counts as flat and chroma follows the network's map alone."""
NOISE_WEIGHT = 4.0
"""Variances of noise that are added to it. Chroma takes the noise of luma over, times the slope: a
flatter one is steadier in films, and nearer to the truth."""

MAX_ROWS_PER_CELL = 8
"""Rows of the picture to one row of the model, at most. Every strip enlarges up to two rows of the
model more than it uses, so that taller rows waste more work."""


@dataclass(frozen=True)
class ChromaModel:
    """Chroma as a linear function of luma that changes slowly over the picture.

    ``Cb = slope_cb * Y' + offset_cb`` and the same for Cr, with luma Y' in 0..1 and chroma in
    -0.5..0.5, BT.601 in photographs. The four planes are (h, w) float32 and cover the whole
    picture, whatever its size.
    """

    slope_cb: Plane
    slope_cr: Plane
    offset_cb: Plane
    offset_cr: Plane
    rows_per_cell: int = 1
    """Rows of the picture that one row of the planes covers."""

    def for_height(self, height: int) -> ChromaModel:
        """Return the model for a picture, or for a chroma plane, of so many rows.

        Every row of its planes covers the same whole number of rows of the picture, so that strips
        of the picture can be enlarged one by one. The planes keep at least as many rows as they
        have, unless the picture has fewer.
        """
        rows_per_cell = min(max(height // len(self.slope_cb), 1), MAX_ROWS_PER_CELL)
        planes = np.hstack((self.slope_cb, self.slope_cr, self.offset_cb, self.offset_cr))
        resampled = _resample_rows(planes, height, rows_per_cell)  # one call for all four
        slope_cb, slope_cr, offset_cb, offset_cr = np.hsplit(resampled, 4)
        return ChromaModel(slope_cb, slope_cr, offset_cb, offset_cr, rows_per_cell)

    def evaluate(self, top: int, luma: Plane) -> tuple[Plane, Plane]:
        """Return the chroma of a strip of a picture, of the height that ``for_height`` was given.

        Args:
            top: Number of the first row of the strip.
            luma: Luma of the strip, (rows, width) float32, 0..1.

        Returns:
            Cb and Cr, each (rows, width) float32, nominally -0.5..0.5; not yet limited to the
            gamut.
        """
        planes = []
        for slope, offset in ((self.slope_cb, self.offset_cb), (self.slope_cr, self.offset_cr)):
            chroma = self._enlarge(offset, top, luma.shape)
            cv2.accumulateProduct(self._enlarge(slope, top, luma.shape), luma, chroma)
            planes.append(chroma)
        return planes[0], planes[1]

    def _enlarge(self, plane: Plane, top: int, shape: tuple[int, ...]) -> Plane:
        """Enlarge the part of a plane under a strip, with one row of context on each side."""
        first = max(top // self.rows_per_cell - 1, 0)
        part = plane[first : (top + shape[0] - 1) // self.rows_per_cell + 2]
        large: Any = cv2.resize(part, (shape[1], len(part) * self.rows_per_cell))
        begin = top - first * self.rows_per_cell
        return cast("Plane", large[begin : begin + shape[0]])


def fit_chroma(
    luma: Plane,
    ab: NDArray[np.float32],
    standard: Standard = "bt601",
    shrink: int = FIT_SHRINK,
    noise: float = 0.0,
) -> ChromaModel:
    """Fit chroma, as a function of luma, to the a and b that the network predicts.

    Args:
        luma: (H, W) float32 luma at working size, 0..1.
        ab: (2, H / stride, W / stride) float32, CIE units.
        standard: Whose luma and chroma: "bt601", "bt709" or "bt2020".
        shrink: The function is fitted at the working size divided by this.
        noise: Standard deviation of the noise of the luma that the function will be given, 0..1.

    Returns:
        A model with planes of (H / shrink, W / shrink), rounded up.
    """
    width, height = (-(-side // shrink) for side in luma.shape[::-1])
    small: Any = cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA)
    coarse: Any = cv2.resize(small, ab.shape[:0:-1], interpolation=cv2.INTER_AREA)
    cells: NDArray[np.float32] = chroma_from_lab(
        coarse, np.ascontiguousarray(np.moveaxis(ab, 0, -1)), standard
    )
    chroma = cv2.resize(cells, (width, height), interpolation=cv2.INTER_LINEAR)
    split: Any = cv2.split(chroma)
    epsilon = EPSILON + NOISE_WEIGHT * noise**2
    planes = [_fit_plane(small, channel, WINDOW_RADIUS // shrink, epsilon) for channel in split]
    return ChromaModel(planes[0][0], planes[1][0], planes[0][1], planes[1][1])


def _fit_plane(luma: Plane, chroma: Plane, radius: int, epsilon: float) -> tuple[Plane, Plane]:
    """Return slope and offset of chroma over luma in the window around each pixel, (h, w) each."""
    mean = partial(_mean, side=2 * radius + 1)
    mean_luma = mean(luma)
    variance = mean(luma * luma) - mean_luma * mean_luma + np.float32(epsilon)
    for _ in range(FIT_ROUNDS):
        mean_chroma = mean(chroma)
        window_slope = (mean(chroma * luma) - mean_chroma * mean_luma) / variance
        slope, offset = mean(window_slope), mean(mean_chroma - window_slope * mean_luma)
        chroma = slope * luma + offset
    return slope, offset


def _mean(plane: NDArray[Any], side: int) -> Plane:
    mean: Any = cv2.blur(plane, (side, side), borderType=cv2.BORDER_REFLECT)
    return cast("Plane", mean)


def _resample_rows(plane: Plane, height: int, rows_per_cell: int) -> Plane:
    """Resample a plane linearly, so that each row covers ``rows_per_cell`` rows of ``height``."""
    count = -(-height // rows_per_cell)
    centers = (np.arange(count) + 0.5) * (rows_per_cell * len(plane) / height) - 0.5
    centers = centers.clip(0, len(plane) - 1)
    above = np.minimum(centers.astype(np.intp), max(len(plane) - 2, 0))
    below = np.minimum(above + 1, len(plane) - 1)
    weight = (centers - above).astype(np.float32)[:, None]  # of the row below
    return cast("Plane", plane[above] + weight * (plane[below] - plane[above]))
