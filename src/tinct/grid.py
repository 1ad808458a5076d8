"""The ab grid of Colorful Image Colorization: 313 colors, 10 units apart, near the sRGB gamut.

The metrics of that paper weigh pixels by how rare their color is on this grid. It is the published
one (``pts_in_hull``; Zhang, Isola and Efros, ECCV 2016), written down as the range of b that each a
has, because no simple rule of the sRGB gamut gives exactly these points: 261 of them are nearest to
some sRGB color, the other 52 border on those.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

GRID_STEP = 10  # CIE units

# a: first and last b. Listed in this order, the points are numbered as in the published file.
B_RANGES: dict[int, tuple[int, int]] = {
    -90: (50, 90),
    -80: (20, 90),
    -70: (0, 90),
    -60: (-20, 90),
    -50: (-30, 100),
    -40: (-40, 100),
    -30: (-50, 100),
    -20: (-50, 100),
    -10: (-60, 100),
    0: (-70, 100),
    10: (-80, 90),
    20: (-80, 90),
    30: (-90, 90),
    40: (-100, 90),
    50: (-100, 80),
    60: (-110, 80),
    70: (-110, 80),
    80: (-110, 70),
    90: (-110, 70),
    100: (-90, 0),
}


def grid_centers() -> NDArray[np.float32]:
    """Return the points of the grid, (313, 2) float32, CIE units, in the published order."""
    points = [
        (a, b)
        for a, (first, last) in B_RANGES.items()
        for b in range(first, last + GRID_STEP, GRID_STEP)
    ]
    return np.array(points, dtype=np.float32)


def nearest_on_grid(ab: NDArray[np.floating]) -> NDArray[np.intp]:
    """Number the grid point nearest to each color.

    Args:
        ab: (..., 2) float, CIE units; any color, in or out of the gamut.

    Returns:
        (...) int, 0 to 312.
    """
    cell = np.clip(np.rint(ab / GRID_STEP).astype(np.intp) + _REACH, 0, 2 * _REACH)
    nearest: NDArray[np.intp] = _CELLS[cell[..., 0], cell[..., 1]]
    outside = nearest < 0
    if outside.any():
        nearest[outside] = _nearest_by_distance(ab[outside])
    return nearest


def _nearest_by_distance(ab: NDArray[np.floating]) -> NDArray[np.intp]:
    distances = ((ab[:, None, :] - grid_centers()[None]) ** 2).sum(-1)  # (P, 313)
    nearest: NDArray[np.intp] = np.argmin(distances, axis=1)
    return nearest


def _cell_table() -> NDArray[np.intp]:
    """Number of the point at each place of the full square grid; -1 where there is none."""
    table = np.full((2 * _REACH + 1, 2 * _REACH + 1), -1, dtype=np.intp)
    rows, columns = (grid_centers() / GRID_STEP).astype(np.intp).T + _REACH
    table[rows, columns] = np.arange(len(rows))
    return table


# The square lattice answers for every color whose rounding is a point of the grid, which includes
# all of sRGB; only the others are searched by distance.
_REACH = 12  # lattice places on each side of gray; the outermost hold no point
_CELLS = _cell_table()
