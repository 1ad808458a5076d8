"""Quantized ab bins: where colors are counted, and how a color becomes a distribution over bins.

A classifier over the ab plane needs a finite set of colors. Zhang et al. (Colorful Image
Colorization, 2016) take a grid of 10 units, 313 cells of which lie in the sRGB gamut. tinct places
its bins by weighted k-means instead: close together where photographs have most of their colors,
the corners of the gamut pinned, so that few bins (a layer has at most 128 filters) cover what sRGB
can show.

A color is encoded by its barycentric coordinates in the Delaunay triangle of bins around it. At
most three bins carry weight, and the mean of the bin centers under the code *is* the color: there
is no rounding error to average away, unlike with Gaussian soft encoding.

The metrics of that paper weigh pixels by how rare their color is on its grid. It is the published
one (``pts_in_hull``), written down as the range of b that each a has, because no simple rule of the
sRGB gamut gives exactly these points: 261 of them are nearest to some sRGB color, the other 52
border on those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from tinct import color

if TYPE_CHECKING:
    from scipy.spatial import Delaunay

AB_LIMIT = 128
"""The tables below cover a and b from -AB_LIMIT to AB_LIMIT - 1, one cell a unit."""

_CORNERS_RGB = np.array(
    [
        [1, 0, 0],
        [1, 1, 0],
        [0, 1, 0],
        [0, 1, 0.59],
        [0, 1, 1],
        [0, 0.56, 1],
        [0, 0, 1],
        [1, 0, 1],
    ],
    dtype=np.float64,
)
"""Pinned bins: the six corners of the gamut, and one where its edge bulges between two of them.

No color of sRGB lies more than 1.5 units of ab outside their hull.
"""


@dataclass(frozen=True)
class BinCode:
    """The code of every whole-numbered ab: which bins carry weight, and how much.

    Attributes:
        index: (256, 256, 3) int64, bins of the color ``(row - 128, column - 128)``.
        weight: (256, 256, 3) float32, their weights; they sum to 1.
    """

    index: NDArray[np.int64]
    weight: NDArray[np.float32]


def ab_cells() -> NDArray[np.float32]:
    """Return the color of every cell of the ab tables, (256, 256, 2), float32."""
    axis = np.arange(-AB_LIMIT, AB_LIMIT, dtype=np.float32)
    return np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1)


def ab_histogram(ab: NDArray[np.float32]) -> NDArray[np.int64]:
    """Count colors, (..., 2) in CIE units, in cells of one unit: (256, 256), int64."""
    cell = np.clip(np.rint(ab).astype(np.int64) + AB_LIMIT, 0, 2 * AB_LIMIT - 1).reshape(-1, 2)
    flat = np.bincount(cell[:, 0] * 2 * AB_LIMIT + cell[:, 1], minlength=(2 * AB_LIMIT) ** 2)
    return flat.reshape(2 * AB_LIMIT, 2 * AB_LIMIT)


def place_bins(
    histogram: NDArray[np.int64], num_bins: int, *, power: float = 0.5, iterations: int = 60
) -> NDArray[np.float32]:
    """Place bins by weighted k-means over the colors of photographs.

    Args:
        histogram: (256, 256) counts, see :func:`ab_histogram`, of ``num_bins`` colors or more.
        num_bins: How many bins, at least 9: eight of them are pinned to the edge of the gamut.
        power: Weight of a color is its frequency to this power: 1 follows the photographs (nearly
            all bins gray), 0 spreads evenly over the colors that occur.
        iterations: Rounds of Lloyd's algorithm.

    Returns:
        (num_bins, 2) float32 bin centers in CIE units, sorted by chroma: the first is nearly gray.
    """
    corners = color.rgb_to_lab(_CORNERS_RGB)[:, 1:]
    occupied = histogram > 0
    points = ab_cells()[occupied].astype(np.float64)  # (P, 2)
    weight = (histogram[occupied] / histogram.sum()) ** power
    rng = np.random.default_rng(0)
    start = rng.choice(len(points), num_bins - len(corners), replace=False, p=weight / weight.sum())
    free = points[start]
    for _ in range(iterations):
        centers = np.concatenate([corners, free])
        nearest = _nearest(points, centers)
        mass = np.bincount(nearest, weight, minlength=num_bins)[len(corners) :]
        for axis in range(2):
            total = np.bincount(nearest, weight * points[:, axis], minlength=num_bins)
            moved = total[len(corners) :] / np.maximum(mass, 1e-12)
            free[:, axis] = np.where(mass > 0, moved, free[:, axis])
    centers = np.concatenate([corners, free])
    return centers[np.argsort(np.hypot(*centers.T))].astype(np.float32)


def _nearest(points: NDArray[np.float64], centers: NDArray[np.float64]) -> NDArray[np.intp]:
    squared = (points**2).sum(1)[:, None] - 2 * points @ centers.T + (centers**2).sum(1)[None]
    nearest: NDArray[np.intp] = np.argmin(squared, axis=1)
    return nearest


def encode_bins(bin_centers: NDArray[np.float32]) -> BinCode:
    """Build the table of barycentric codes for a set of bins.

    A color outside the convex hull of the bins first loses chroma until it is on the hull.

    Args:
        bin_centers: (Q, 2) float32.
    """
    from scipy.spatial import Delaunay

    mesh = Delaunay(bin_centers.astype(np.float64))
    cells = ab_cells().reshape(-1, 2).astype(np.float64)
    cells = _shrink_into(mesh, cells)
    triangle = mesh.find_simplex(cells, tol=1e-6)
    transform = mesh.transform[triangle]  # (P, 3, 2): inverse matrix, then the origin
    first_two = np.einsum("pij,pj->pi", transform[:, :2], cells - transform[:, 2])
    weight = np.concatenate([first_two, 1 - first_two.sum(1, keepdims=True)], axis=1).clip(0, 1)
    weight /= weight.sum(1, keepdims=True)
    shape = (2 * AB_LIMIT, 2 * AB_LIMIT, 3)
    index = mesh.simplices[triangle].astype(np.int64)
    return BinCode(index.reshape(shape), weight.astype(np.float32).reshape(shape))


def _shrink_into(mesh: Delaunay, cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Scale colors outside the mesh towards gray until they lie inside, by bisection."""
    fit = mesh.find_simplex(cells) >= 0
    far = cells[~fit]
    inside, outside = np.zeros(len(far)), np.ones(len(far))
    for _ in range(24):
        middle = (inside + outside) / 2
        fits = mesh.find_simplex(far * middle[:, None]) >= 0
        inside, outside = np.where(fits, middle, inside), np.where(fits, outside, middle)
    shrunk = cells.copy()
    shrunk[~fit] = far * inside[:, None]
    return shrunk


def bin_prior(
    histogram: NDArray[np.int64], code: BinCode, num_bins: int, *, floor: float = 1e-4
) -> NDArray[np.float32]:
    """Return how often each bin occurs in photographs, (num_bins,) float32, summing to 1.

    Args:
        histogram: (256, 256) counts of the photographs' colors.
        code: The code of each cell.
        num_bins: Number of bins.
        floor: Share spread evenly over all bins, so that no logarithm is taken of nothing.
    """
    mass = histogram[..., None] * code.weight
    total = np.bincount(code.index.ravel(), mass.ravel(), minlength=num_bins).astype(np.float64)
    prior: NDArray[np.float64] = (1 - floor) * total / total.sum() + floor / num_bins
    return prior.astype(np.float32)


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
