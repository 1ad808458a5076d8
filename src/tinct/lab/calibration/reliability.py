"""Whether a network is as sure as it should be: reliability, risk over coverage.

A color counts as right within ``NEAR`` of the truth; a calibrated confidence is the share of
colors of that confidence that are right. Risk over coverage tells whether the wrong ones go first
when the least sure colors are taken away.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

NEAR = 15.0
"""CIE units of ab: farther off, a color is another one to most eyes."""
BINS = 10
COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1)

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Reliability:
    """Confidences in bins of equal width; those that hold nothing are left out."""

    confidence: NDArray[np.float64]  # (B,) mean in each
    right: NDArray[np.float64]  # (B,) share of what happened
    weight: NDArray[np.float64]  # (B,) share of all

    @property
    def error(self) -> float:
        """Expected calibration error: the mean distance of the two, 0 at best."""
        return float((self.weight * np.abs(self.confidence - self.right)).sum())


@dataclass(frozen=True)
class Confidences:
    """How sure colors were, and how far from the truth."""

    confidence: Floats  # (M,), 0..1
    distance: Floats  # (M,), of ab, in CIE units

    @property
    def right(self) -> NDArray[np.float64]:
        """Return 1 where a color is right, 0 elsewhere, (M,)."""
        return (self.distance <= NEAR).astype(np.float64)

    @cached_property
    def reliability(self) -> Reliability:
        """Compare confidence and truth."""
        return reliability(self.confidence, self.right)

    def risk(self, coverage: float, *, best: bool = False) -> float:
        """Return the mean distance from the truth, in CIE units, of the surest colors.

        Args:
            coverage: Share of the colors that is kept.
            best: Keep those nearest to the truth instead, as nobody could: the lower bound.
        """
        distance = np.sort(self.distance) if best else self._by_confidence
        count = max(round(coverage * len(distance)), 1)
        return float(distance[:count].mean(dtype=np.float64))

    @cached_property
    def _by_confidence(self) -> Floats:
        order = np.argsort(-self.confidence, kind="stable")
        return np.asarray(self.distance[order])


def reliability(
    predicted: NDArray[np.floating], happened: NDArray[np.floating], bins: int = BINS
) -> Reliability:
    """Sort predictions into bins of equal width and compare them with what happened.

    Args:
        predicted: (M,) probabilities.
        happened: (M,) 0 or 1, or shares between.
        bins: How many.
    """
    index = np.minimum((predicted * bins).astype(np.intp), bins - 1)
    count, of_predicted, of_happened = (
        np.bincount(index, values, minlength=bins) for values in (None, predicted, happened)
    )
    held = count > 0
    return Reliability(
        of_predicted[held] / count[held], of_happened[held] / count[held], count[held] / len(index)
    )


def classwise_error(predicted: Floats, happened: Floats, bins: int = BINS) -> float:
    """Return the expected calibration error of a distribution, mean over its classes.

    Args:
        predicted: (M, Q) probabilities of Q classes.
        happened: (M, Q) what share of the truth each had.
        bins: Of equal width, in which each class's probabilities are compared.
    """
    errors = [
        reliability(ours, true, bins).error
        for ours, true in zip(predicted.T, happened.T, strict=True)
    ]
    return float(np.mean(errors))
