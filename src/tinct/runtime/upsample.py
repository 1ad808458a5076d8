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

from tinct.color import Standard
from tinct.gamut import chroma_from_lab

Plane = NDArray[np.float32]

SHRINK = 2
"""The working size over that of the fit; on 200 photographs 1 gains 0.001 dB."""
RADIUS = 8
"""Of the window in which chroma is a linear function of luma, in pixels of the working size."""
ROUNDS = 2
"""Times the fit is done: the first still sees the blur of the network's map, the next hardly."""
EPSILON = 4e-4
"""Luma variance below which a window counts as flat and chroma follows the network's map alone."""

LONGEST_STEP = 8
"""Rows of the picture to a row of the model, at most: each strip enlarges some in vain."""


@dataclass(frozen=True)
class ChromaModel:
    """Chroma as a locally linear function of luma, small.

    ``Cb = slope_cb * Y' + offset_cb``, the same for Cr; luma 0..1, chroma -0.5..0.5, of BT.601 in
    photographs. Each plane is (h, w).
    """

    slope_cb: Plane
    slope_cr: Plane
    offset_cb: Plane
    offset_cr: Plane
    step: int = 1
    """Rows of the picture to one row here."""

    def suited(self, height: int) -> ChromaModel:
        """Return the model for a picture, or chroma plane, of so many rows.

        Each of its rows then stands for the same whole number of rows of the picture, so that
        strips can be enlarged apart. They are no fewer than they were, unless the picture's are.
        """
        step = min(max(height // len(self.slope_cb), 1), LONGEST_STEP)
        planes = (self.slope_cb, self.slope_cr, self.offset_cb, self.offset_cr)
        sheet = _restep(np.hstack(planes), height, step)  # at one go
        slope_cb, slope_cr, offset_cb, offset_cr = np.hsplit(sheet, 4)
        return ChromaModel(slope_cb, slope_cr, offset_cb, offset_cr, step)

    def rows(self, top: int, luma: Plane) -> tuple[Plane, Plane]:
        """Return chroma of some rows of a picture that the model is suited to.

        Args:
            top: The first of them.
            luma: Luma of the picture in these rows, (rows, width), 0..1.

        Returns:
            Cb and Cr, each (rows, width), nominally -0.5..0.5; not yet limited to the gamut.
        """
        planes = []
        for slope, offset in ((self.slope_cb, self.offset_cb), (self.slope_cr, self.offset_cr)):
            chroma = self._enlarge(offset, top, luma.shape)
            cv2.accumulateProduct(self._enlarge(slope, top, luma.shape), luma, chroma)
            planes.append(chroma)
        return planes[0], planes[1]

    def _enlarge(self, plane: Plane, top: int, shape: tuple[int, ...]) -> Plane:
        """Enlarge the part of a plane under some rows, and one row of context on each side."""
        first = max(top // self.step - 1, 0)
        part = plane[first : (top + shape[0] - 1) // self.step + 2]
        large: Any = cv2.resize(part, (shape[1], len(part) * self.step))
        begin = top - first * self.step
        return cast("Plane", large[begin : begin + shape[0]])


def fit_chroma(
    luma: Plane, ab: NDArray[np.float32], standard: Standard = "bt601", shrink: int = SHRINK
) -> ChromaModel:
    """Fit chroma to the network's answer.

    Args:
        luma: (H, W) luma at working size, 0..1.
        ab: (2, H / stride, W / stride) in CIE units.
        standard: Whose luma and chroma: "bt601", "bt709" or "bt2020".
        shrink: The working size over that of the fit.

    Returns:
        Planes of (H / shrink, W / shrink).
    """
    width, height = (-(-side // shrink) for side in luma.shape[::-1])
    small: Any = cv2.resize(luma, (width, height), interpolation=cv2.INTER_AREA)
    coarse: Any = cv2.resize(small, ab.shape[:0:-1], interpolation=cv2.INTER_AREA)
    cells: NDArray[np.float32] = chroma_from_lab(
        coarse, np.ascontiguousarray(np.moveaxis(ab, 0, -1)), standard
    )
    chroma = cv2.resize(cells, (width, height), interpolation=cv2.INTER_LINEAR)
    split: Any = cv2.split(chroma)
    planes = [_fit_plane(small, channel, RADIUS // shrink) for channel in split]
    return ChromaModel(planes[0][0], planes[1][0], planes[0][1], planes[1][1])


def _fit_plane(luma: Plane, chroma: Plane, radius: int) -> tuple[Plane, Plane]:
    """Return slope and offset of chroma over luma in the window around each pixel, (h, w) each."""
    mean = partial(_mean, side=2 * radius + 1)
    mean_luma = mean(luma)
    variance = mean(luma * luma) - mean_luma * mean_luma + np.float32(EPSILON)
    for _ in range(ROUNDS):
        mean_chroma = mean(chroma)
        steep = (mean(chroma * luma) - mean_chroma * mean_luma) / variance
        slope, offset = mean(steep), mean(mean_chroma - steep * mean_luma)
        chroma = slope * luma + offset
    return slope, offset


def _mean(plane: NDArray[Any], side: int) -> Plane:
    mean: Any = cv2.blur(plane, (side, side), borderType=cv2.BORDER_REFLECT)
    return cast("Plane", mean)


def _restep(plane: Plane, height: int, step: int) -> Plane:
    """Resample a plane linearly: each row shall stand for ``step`` rows of ``height``."""
    centers = (np.arange(-(-height // step)) + 0.5) * (step * len(plane) / height) - 0.5
    centers = centers.clip(0, len(plane) - 1)
    above = np.minimum(centers.astype(np.intp), max(len(plane) - 2, 0))
    below = np.minimum(above + 1, len(plane) - 1)
    share = (centers - above).astype(np.float32)[:, None]
    return cast("Plane", plane[above] + share * (plane[below] - plane[above]))
