"""Metrics of whole rows, with intervals from resampling the photographs (SciPy's bootstrap).

All rows and all metrics share the same resampled sets of photographs. So the difference between
two rows has an interval of its own, far narrower than theirs: photographs that are hard for one row
are hard for the other, and that part of the spread cancels.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.stats import DegenerateDataWarning, bootstrap

from tinct.errors import MetricError
from tinct.lab.metrics.score import METRICS, Metric, Scores

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

    Samples = NDArray[np.float64]  # a metric of all photographs, then of each resampled set

ROUNDS = 1000
LEVEL = 0.95
SETS_AT_A_TIME = 50  # keeps memory small with very many photographs


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric over all photographs, with its 95 % interval where there can be one."""

    value: float
    low: float | None = None
    high: float | None = None

    @property
    def excludes_zero(self) -> bool:
        """Tell whether the interval lies on one side of 0; False without an interval."""
        return self.low is not None and self.high is not None and (self.low > 0 or self.high < 0)


@dataclass(frozen=True, slots=True)
class RowSummary:
    """What the scores of a row come to, by key of the metric."""

    metrics: dict[str, Estimate]
    differences: dict[str, Estimate]  # from the reference row; empty for that row itself


def summarize(scores: Mapping[str, Sequence[Scores]], reference: str) -> dict[str, RowSummary]:
    """Sum up the scores of all rows.

    Args:
        scores: By name of the row: those of its photographs, the same ones in the same order, all
            with the same names. What a photograph has no score for is NaN.
        reference: Name of the row that the others are compared with.

    Returns:
        By name of the row. Metrics that no photograph has the scores for are left out.

    Raises:
        MetricError: There is no row, or no photograph.
    """
    if not scores or not all(scores.values()):
        raise MetricError("no photograph to sum up")
    names = list(next(iter(scores.values()))[0])
    tables = [
        np.array([[one[name] for name in names] for one in of_row]) for of_row in scores.values()
    ]  # (photographs, scores) each
    means = np.split(resample_means(np.concatenate(tables, axis=1)), len(tables), axis=1)
    samples = {
        row: _samples(dict(zip(names, mean.T, strict=True)), dict(zip(names, table.T, strict=True)))
        for row, table, mean in zip(scores, tables, means, strict=True)
    }
    return {
        row: RowSummary(_estimates(mine), _differences(mine, samples[reference], row == reference))
        for row, mine in samples.items()
    }


def resample_means(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Average over all photographs, then over as many drawn from them, with replacement.

    Args:
        table: (photographs, scores); NaN where a photograph has none. The same photographs are
            drawn for all scores, and in every call with as many photographs.

    Returns:
        (1 + ROUNDS, scores), NaN where no photograph with such a score was drawn; (1, scores) of a
        single photograph.
    """
    has_score = np.isfinite(table).astype(np.float64)
    filled = np.nan_to_num(table, nan=0.0)
    everyone = np.arange(len(table))

    def means(drawn: NDArray[np.int64], axis: int = -1) -> NDArray[np.float64]:
        """Average over the photographs (..., number) drawn: (scores, ...)."""
        # How often each was drawn, times the table: a third of the time of taking the scores out.
        counts = [np.bincount(one, minlength=len(table)) for one in np.atleast_2d(drawn)]
        times_drawn = np.array(counts, np.float64)
        with np.errstate(invalid="ignore"):  # 0 / 0 is NaN
            found = (times_drawn @ filled) / (times_drawn @ has_score)
        return found.T.reshape(-1, *drawn.shape[:-1])

    whole = means(everyone)[None]
    if len(table) == 1:  # nothing else can be drawn, and SciPy refuses to try
        return whole
    with warnings.catch_warnings():  # its own intervals, not used here, know no NaN
        warnings.simplefilter("ignore", DegenerateDataWarning)
        sampled = bootstrap(
            (everyone,), means, n_resamples=ROUNDS, batch=SETS_AT_A_TIME,
            method="percentile", rng=0,
        )  # fmt: skip
    return np.concatenate([whole, sampled.bootstrap_distribution.T])


def _samples(
    means: Mapping[str, NDArray[np.float64]], scores: Mapping[str, NDArray[np.float64]]
) -> dict[str, Samples]:
    """Compute all metrics of a row, by key, from the means and the single values of its scores."""
    known = [metric for metric in METRICS if all(name in means for name in metric.scores)]
    values = {metric.key: _metric_samples(metric, means, scores) for metric in known}
    return {key: samples for key, samples in values.items() if np.isfinite(samples[0])}


def _metric_samples(
    metric: Metric,
    means: Mapping[str, NDArray[np.float64]],
    scores: Mapping[str, NDArray[np.float64]],
) -> Samples:
    if metric.of_worst:
        # Resampling says nothing about a maximum: no set drawn has a larger one.
        return np.asarray([scores[metric.scores[0]].max()])
    samples = np.asarray(metric.combine(*(means[name] for name in metric.scores)))
    known = min(np.isfinite(scores[name]).sum() for name in metric.scores)
    return samples if known > 1 else samples[:1]  # of one photograph nobody knows the spread


def _estimates(samples: Mapping[str, Samples]) -> dict[str, Estimate]:
    folded = {metric.key for metric in METRICS if metric.is_distance}
    estimates = {key: _estimate(values) for key, values in samples.items()}
    return {key: _fold(one) if key in folded else one for key, one in estimates.items()}


def _differences(
    mine: Mapping[str, Samples], other: Mapping[str, Samples], is_reference: bool
) -> dict[str, Estimate]:
    if is_reference:
        return {}
    folded = {metric.key for metric in METRICS if metric.is_distance}
    return {
        key: _estimate(abs(values) - abs(other[key]) if key in folded else values - other[key])
        for key, values in mine.items()
        if key in other
    }


def _estimate(samples: Samples) -> Estimate:
    if len(samples) == 1:
        return Estimate(float(samples[0]))
    low, high = np.nanquantile(samples[1:], [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(samples[0]), float(low), float(high))


def _fold(signed: Estimate) -> Estimate:
    """Turn a difference with its interval into a distance with its own."""
    ends = [abs(end) for end in (signed.low, signed.high) if end is not None]
    if not ends:
        return Estimate(abs(signed.value))
    low = min(ends) if signed.excludes_zero else 0.0
    return Estimate(abs(signed.value), low, max(ends))
