"""From a small map of ab to chroma at full size, with the edges of the full-size luma.

Within a small window chroma is nearly a linear function of luma: a red roof before a blue sky, a
face before dark hair. That function is fitted once, at working size (the guided filter, He, Sun and
Tang 2013), and only its two coefficients are enlarged; meeting the full-size luma they give chroma
whose edges lie where those of the picture lie (the fast guided filter, He and Sun 2015). The cost
per full-size pixel is a few multiplications.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.gamut import chroma_from_lab

Plane = NDArray[np.float32]

RADIUS = 8
"""Of the window in which chroma is a linear function of luma, in pixels of the working size."""
ROUNDS = 2
"""Times the fit is done: the first still sees the blur of the network's map, the next hardly."""
EPSILON = 4e-4
"""Luma variance below which a window counts as flat and chroma follows the network's map alone."""


@dataclass(frozen=True)
class ChromaModel:
    """Chroma as a locally linear function of luma, at working size.

    ``Cb = slope_cb * Y' + offset_cb``, the same for Cr; luma 0..1, chroma -0.5..0.5, BT.601. Each
    plane is (h, w).
    """

    slope_cb: Plane
    slope_cr: Plane
    offset_cb: Plane
    offset_cr: Plane

    def rows(self, top: int, bottom: int, height: int, luma: Plane) -> tuple[Plane, Plane]:
        """Return chroma of some rows of a picture; the model must have been widened to it.

        Args:
            top: First row.
            bottom: Row after the last.
            height: Rows of the whole picture, or chroma plane.
            luma: Its luma in these rows, (bottom - top, width), 0..1.

        Returns:
            Cb and Cr, each (bottom - top, width), nominally -0.5..0.5; not yet limited to the
            gamut.
        """
        above, share = _places(len(self.slope_cb), top, bottom, height)
        planes = []
        for slope, offset in ((self.slope_cb, self.offset_cb), (self.slope_cr, self.offset_cr)):
            chroma = _rows(offset, above, share)
            cv2.accumulateProduct(_rows(slope, above, share), luma, chroma)
            planes.append(chroma)
        return planes[0], planes[1]

    def widened(self, size: tuple[int, int]) -> ChromaModel:
        """Return the model enlarged to the width of a picture of a size (H, W), linearly.

        Rows are enlarged last, strip by strip: one of the model serves many of the picture. Only
        where the picture has fewer are they brought to its number here.
        """
        shape = (size[1], min(size[0], len(self.slope_cb)))
        planes: Any = (self.slope_cb, self.slope_cr, self.offset_cb, self.offset_cr)
        return ChromaModel(*(cv2.resize(plane, shape) for plane in planes))


def fit_chroma(luma: Plane, ab: NDArray[np.float32]) -> ChromaModel:
    """Fit chroma to the network's answer.

    Args:
        luma: (h, w) luma at working size, 0..1.
        ab: (2, h / stride, w / stride) in CIE units.
    """
    height, width = luma.shape
    coarse: Any = cv2.resize(luma, ab.shape[:0:-1], interpolation=cv2.INTER_AREA)
    cells: NDArray[np.float32] = chroma_from_lab(
        coarse, np.ascontiguousarray(np.moveaxis(ab, 0, -1))
    )
    chroma = cv2.resize(cells, (width, height), interpolation=cv2.INTER_LINEAR)
    split: Any = cv2.split(chroma)
    planes = [_fit_plane(luma, channel) for channel in split]
    return ChromaModel(planes[0][0], planes[1][0], planes[0][1], planes[1][1])


def _fit_plane(luma: Plane, chroma: Plane) -> tuple[Plane, Plane]:
    """Return slope and offset of chroma over luma in the window around each pixel, (h, w) each."""
    mean_luma = _mean(luma)
    variance = _mean(luma * luma) - mean_luma * mean_luma + np.float32(EPSILON)
    for _ in range(ROUNDS):
        mean = _mean(chroma)
        steep = (_mean(chroma * luma) - mean * mean_luma) / variance
        slope, offset = _mean(steep), _mean(mean - steep * mean_luma)
        chroma = slope * luma + offset
    return slope, offset


def _mean(plane: NDArray[Any]) -> Plane:
    side = 2 * RADIUS + 1
    mean: Any = cv2.blur(plane, (side, side), borderType=cv2.BORDER_REFLECT)
    return cast("Plane", mean)


def _places(
    height: int, top: int, bottom: int, enlarged: int
) -> tuple[NDArray[np.intp], NDArray[np.float32]]:
    """Return where rows of a plane lie that is enlarged from ``height`` to ``enlarged`` rows.

    Returns:
        The row above each, (rows,), and the share of the row below that, (rows, 1).
    """
    rows = (np.arange(top, bottom) + 0.5) * (height / enlarged) - 0.5
    rows = rows.clip(0, height - 1)
    above = np.minimum(rows.astype(np.intp), max(height - 2, 0))
    return above, (rows - above).astype(np.float32)[:, None]


def _rows(plane: Plane, above: NDArray[np.intp], share: NDArray[np.float32]) -> Plane:
    below = np.minimum(above + 1, len(plane) - 1)
    lines: Plane = plane.take(below, axis=0)
    upper: Plane = plane.take(above, axis=0)
    lines -= upper
    lines *= share
    lines += upper
    return lines
