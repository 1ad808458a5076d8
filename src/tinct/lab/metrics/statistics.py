"""What colors photographs have: the prior of the rebalanced AuC, the mean color per lightness.

The statistics of tinct's own training photographs are shipped as ``statistics.json``, which says
how many photographs it was made of and by which command.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any

import numpy as np

from tinct import color
from tinct.bins import grid_centers, nearest_on_grid
from tinct.errors import MetricError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tinct.lab.data.dataset import Photographs

SHIPPED_FILE = "statistics.json"
SMOOTHING_SIGMA = 5.0  # CIE units, Zhang et al.
LIGHTNESS_LEVELS = 101  # the table of mean colors has one row for each whole L*
PIXEL_STEP = 4  # every fourth pixel of every fourth row is counted: neighbors tell little more
SIGNIFICANT_DIGITS = 6


@dataclass(frozen=True)
class Statistics:
    """Colors of a set of photographs."""

    prior: NDArray[np.float64]  # (313,) smoothed probability of each point of the grid
    mean_ab: NDArray[np.float32]  # (101, 2) mean color at each whole L*, CIE units
    num_photographs: int
    sha256: str  # of the photographs' names and contents
    made_by: str  # the command that made it

    @property
    def origin(self) -> str:
        """Where they come from, in words."""
        return f"{self.num_photographs} photographs (sha256 {self.sha256[:16]}), {self.made_by}"

    def color_of(self, lightness: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return the mean color at each lightness, (...) L* in 0..100 to (..., 2) ab."""
        levels = np.arange(LIGHTNESS_LEVELS)
        a, b = (np.interp(lightness, levels, column) for column in self.mean_ab.T)
        return np.stack([a, b], axis=-1).astype(np.float32)

    def to_json(self) -> str:
        """Write down as JSON, numbers to six digits."""
        record = {
            "made_by": self.made_by,
            "photographs": self.num_photographs,
            "photographs_sha256": self.sha256,
            "pixel_step": PIXEL_STEP,
            "prior_smoothing_sigma": SMOOTHING_SIGMA,
            "prior": _rounded(self.prior),
            "mean_ab": [_rounded(pair) for pair in self.mean_ab],
        }
        return json.dumps(record) + "\n"


@cache
def shipped_statistics() -> Statistics:
    """Return the statistics of tinct's training photographs."""
    return parse_statistics(files(__package__).joinpath(SHIPPED_FILE).read_text("utf-8"))


def parse_statistics(text: str) -> Statistics:
    """Read statistics from JSON.

    Raises:
        MetricError: The text is not that of statistics.
    """
    try:
        record = json.loads(text)
        prior = np.array(record["prior"], dtype=np.float64)
        mean_ab = np.array(record["mean_ab"], dtype=np.float32)
        if prior.shape != (len(grid_centers()),) or mean_ab.shape != (LIGHTNESS_LEVELS, 2):
            raise ValueError("tables of unexpected size")
        facts = record["photographs"], record["photographs_sha256"], record["made_by"]
    except (ValueError, KeyError, TypeError) as error:
        raise MetricError(f"not color statistics: {error}") from error
    return Statistics(prior, mean_ab, *facts)


def gather(photographs: Photographs, made_by: str) -> Statistics:
    """Count the colors of photographs.

    Args:
        photographs: They are read once.
        made_by: The command that asked for it.

    Raises:
        MetricError: There is no photograph.
    """
    num_photographs = 0
    counts = np.zeros(len(grid_centers()))
    pixels = np.zeros(LIGHTNESS_LEVELS)
    sums = np.zeros((LIGHTNESS_LEVELS, 2))
    for photograph in photographs:
        num_photographs += 1
        rgb = photograph.rgb[::PIXEL_STEP, ::PIXEL_STEP].astype(np.float32) / np.float32(255)
        lab = color.rgb_to_lab(rgb).reshape(-1, 3)
        level = np.rint(lab[:, 0]).astype(np.intp)
        counts += np.bincount(nearest_on_grid(lab[:, 1:]), minlength=len(counts))
        pixels += np.bincount(level, minlength=LIGHTNESS_LEVELS)
        for axis in range(2):
            sums[:, axis] += np.bincount(level, lab[:, 1 + axis], minlength=LIGHTNESS_LEVELS)
    if not num_photographs:
        raise MetricError("no photograph to gather color statistics from")
    tables = smooth_prior(counts), _mean_colors(pixels, sums)
    return Statistics(*tables, num_photographs, photographs.sha256, made_by)


def smooth_prior(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Turn counts on the grid, (313,), into probabilities.

    Each count is spread over the points of the grid by a Gaussian of sigma 5 CIE units around its
    own point, normalized so that none of it is lost at the border of the grid. A point that keeps
    nothing even so, because no color near it occurred, gets the smallest probability of the rest.
    """
    centers = grid_centers().astype(np.float64)
    squared = ((centers[:, None] - centers[None]) ** 2).sum(-1)
    kernel = np.exp(-squared / (2 * SMOOTHING_SIGMA**2))
    smoothed = (kernel / kernel.sum(0)) @ counts
    smoothed = np.maximum(smoothed, smoothed[smoothed > 0].min())
    return np.asarray(smoothed / smoothed.sum())


def _mean_colors(pixels: NDArray[np.float64], sums: NDArray[np.float64]) -> NDArray[np.float32]:
    seen = np.flatnonzero(pixels)
    levels = np.arange(LIGHTNESS_LEVELS)
    means = sums[seen] / pixels[seen, None]
    columns = [np.interp(levels, seen, means[:, axis]) for axis in range(2)]
    return np.stack(columns, axis=-1).astype(np.float32)


def _rounded(values: NDArray[Any]) -> list[float]:
    return [float(f"{value:.{SIGNIFICANT_DIGITS}g}") for value in values]
