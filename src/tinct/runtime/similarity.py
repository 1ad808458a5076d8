"""What colors that are known at some places say about all others: closed-form, no network.

The branch for hints (``tinct.lab.networks.hints``, which has the formulas and their source) has
answered keys and strengths for every place of a picture. From them comes how alike two places are,
the kernels of two Gaussian processes over the difference between true and automatic color: one of
small differences, one of large ones. Their means and variances, given a few differences, are a few
products of matrices.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

_EXPLAINED = 1e-5
"""Of the largest variance: what is left of it then is rounding."""


@dataclass(frozen=True)
class Places:
    """Some places of a picture, of each head H of the branch."""

    keys: Floats
    """(H, P, D): keys, and behind them row and column over the reach of the head."""
    offsets: Floats
    """(H, P): logarithm of the strength, less half of the squared length of the key."""

    @classmethod
    def of(cls, keys: Floats, strengths: Floats) -> Places:
        """Make them of keys (H, P, D) and strengths (H, P), above 0."""
        return cls(keys, np.log(strengths) - np.square(keys).sum(axis=2) / 2)

    def __getitem__(self, chosen: Any) -> Places:
        """Return some of the places."""
        return Places(self.keys[:, chosen], self.offsets[:, chosen])

    def of_heads(self, chosen: slice) -> Places:
        """Return what some of the heads say of them."""
        return Places(self.keys[chosen], self.offsets[chosen])


def similarity(one: Places, other: Places) -> Floats:
    """Return how alike places are, (P, M), above 0."""
    total = np.zeros((one.keys.shape[1], other.keys.shape[1]), np.float32)
    for keys, offsets, others, their_offsets in zip(
        one.keys, one.offsets, other.keys, other.offsets, strict=True
    ):
        alike = keys @ others.T
        alike += offsets[:, None]
        alike += their_offsets
        total += np.exp(alike, out=alike)
    return total


def own_similarity(places: Places) -> Floats:
    """Return how alike places are to themselves, (P,): the variance before any hint."""
    squares = np.square(places.keys).sum(axis=2)
    total: Floats = np.exp(2 * places.offsets + squares).sum(axis=0)
    return total


def solve(hints: Places, values: Floats, noise: float) -> Floats:
    """Return the weights by which similarities to hints add up to what is known.

    Args:
        hints: M places.
        values: What is known there, (M, C).
        noise: Variance that a hint leaves open.

    Returns:
        (M, C): ``similarity(places, hints) @ weights`` are the values at other places.
    """
    among = similarity(hints, hints).astype(np.float64)
    among[np.diag_indices_from(among)] += noise
    return np.linalg.solve(among, values.astype(np.float64)).astype(np.float32)


def representatives(places: Places, most: int) -> NDArray[np.intp]:
    """Choose places that stand for all: each next one is that which the others explain least.

    Args:
        places: P of them.
        most: How many at most.

    Returns:
        Their numbers, fewer than ``most`` where these explain all the rest.
    """
    left = own_similarity(places)
    nothing = _EXPLAINED * float(left.max())
    factor = np.zeros((min(most, len(left)), len(left)), np.float32)
    chosen: list[int] = []
    for row in range(len(factor)):
        first = int(left.argmax())
        if left[first] <= nothing:
            break
        column = similarity(places, places[[first]])[:, 0]
        column -= factor[:row, first] @ factor[:row]
        factor[row] = column / np.sqrt(left[first])
        left -= np.square(factor[row])
        chosen.append(first)
    return np.array(chosen, np.intp)


def small_part(differences: Floats, middle: float) -> Floats:
    """Return what of differences (M, 2) is of the process of small ones."""
    square = np.square(differences).sum(axis=1, keepdims=True)
    return np.asarray(differences * (middle**2 / (middle**2 + square)), np.float32)


def halved(maps: Floats) -> Floats:
    """Return the means of two by two places of maps (..., h, w); h and w are even."""
    upper, lower = maps[..., ::2, :], maps[..., 1::2, :]
    both = upper + lower
    return cast("Floats", (both[..., ::2] + both[..., 1::2]) * np.float32(0.25))


def sample(maps: Floats, at: Floats) -> Floats:
    """Read maps between their places.

    Args:
        maps: (C, h, w).
        at: (M, 2): row and column, 0 the middle of the first; beyond the border it counts.

    Returns:
        (C, M), bilinear.
    """
    last = np.array(maps.shape[1:], np.float32) - 1
    at = np.clip(at, 0, last)
    first = np.minimum(at.astype(np.intp), np.maximum(last.astype(np.intp) - 1, 0))
    share = (at - first).astype(np.float32)
    second = np.minimum(first + 1, last.astype(np.intp))
    (top, left), (bottom, right), (down, along) = first.T, second.T, share.T
    above = maps[:, top, left] * (1 - along) + maps[:, top, right] * along
    below = maps[:, bottom, left] * (1 - along) + maps[:, bottom, right] * along
    known: Floats = above * (1 - down) + below * down
    return known
