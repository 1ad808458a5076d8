"""One picture as the network saw it, and what colors that are known in it make of the others."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, cast

import numpy as np

from tinct.runtime.similarity import (
    Places,
    own_similarity,
    sample,
    similarity,
    small_part,
    solve,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tinct.runtime.hint_session import Description
    from tinct.spec import HintSpec

    Floats = NDArray[np.float32]

CANDIDATE_STEP = 4
"""Every so many places of the map one is looked at for the next hint."""
NEAR = 1.5
"""Reach of :attr:`Propagation.near`, in places of the map."""


class Propagation:
    """Automatic colors of one picture, and how what is known of some places changes them.

    Points are (M, 2) float32: row and column on the network's map, 0 the middle of the first place.

    Attributes:
        ab: Automatic colors, (2, h, w) in CIE units.
        confidence: Of them, (h, w), 0..1.
        near: Places that are alike only where they are nearly the same, (h * w): for corrections.
    """

    def __init__(self, picture: Description, spec: HintSpec) -> None:
        """Take what a model and its branch for hints say of a picture.

        Args:
            picture: The description, with automatic colors as they shall be.
            spec: Of the branch.
        """
        self.ab, self.confidence, self._middle = picture.ab, picture.confidence, spec.middle
        places = all_places(picture.keys, picture.strengths, spec.reach)
        first = spec.heads[0]
        small, large = places.of_heads(slice(None, first)), places.of_heads(slice(first, None))
        self._processes = tuple(zip((small, large), spec.noise, strict=True))
        self.near = _near_places(picture.keys[first])

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of the map."""
        return cast("tuple[int, int]", self.confidence.shape)

    def colors(self, points: Floats, known: Floats) -> tuple[Floats, Floats]:
        """Return ab (2, h, w) and confidence (h, w), where some colors are known.

        Args:
            points: Where.
            known: ab there, (M, 2).
        """
        ab, confidence = self.ab, self.confidence
        if not len(points):
            return ab, confidence
        differences = known - sample(ab, points).T
        small = small_part(differences, self._middle)
        left_open = np.ones(confidence.shape, np.float32)
        for (places, noise), part in zip(
            self._processes, (small, differences - small), strict=True
        ):
            hints = self.between(places, points)
            alike = similarity(places, hints)  # (h * w, M)
            ab = ab + (alike @ solve(hints, part, noise)).T.reshape(ab.shape)
            # What one hint alone explains of the variance of a place; all of them explain more.
            explained = np.square(alike) / (own_similarity(hints) + np.float32(noise))
            share = explained.max(axis=1) / own_similarity(places)
            left_open *= 1 - share.clip(0, 1).reshape(confidence.shape)
        return ab, 1 - (1 - confidence) * left_open

    def best_place(self, points: Floats) -> tuple[int, int]:
        """Return row and column where one more color is worth most, some being known.

        There the expected squared error of all places falls most (as sensors are placed in Gaussian
        processes: Krause et al., 2008, with variance instead of entropy).
        """
        height, width = self.shape
        grid = np.arange(height * width).reshape(height, width)
        step = CANDIDATE_STEP
        candidates = grid[step // 2 :: step, step // 2 :: step].ravel()
        places, noise = self._processes[0]
        others, chosen = places[grid[::2, ::2].ravel()], places[candidates]
        shared, own = similarity(chosen, others), own_similarity(chosen)
        if len(points):
            hints = self.between(places, points)
            among = similarity(hints, chosen)  # (M, candidates)
            weights = solve(hints, among, noise)
            shared = shared - weights.T @ similarity(hints, others)
            own = own - (weights * among).sum(axis=0)
        worth = np.square(shared).sum(axis=1) / (own.clip(0) + np.float32(noise))
        row, column = divmod(int(candidates[worth.argmax()]), width)
        return row, column

    def between(self, places: Places, points: Floats) -> Places:
        """Read keys and strengths of places of the whole map at points between them."""
        heads, _, length = places.keys.shape
        strengths = np.exp(places.offsets + np.square(places.keys).sum(axis=2) / 2)
        maps = np.concatenate([places.keys, strengths[..., None]], axis=2)  # (H, h * w, D + 1)
        maps = maps.transpose(0, 2, 1).reshape(heads * (length + 1), *self.shape)
        known = sample(maps, points).reshape(heads, length + 1, -1).transpose(0, 2, 1)
        return Places.of(np.ascontiguousarray(known[..., :-1]), known[..., -1])


def all_places(keys: Floats, strengths: Floats, reach: Iterable[float]) -> Places:
    """Make places of keys (H, D, h, w) and strengths (H, h, w), row after row."""
    heads, _, height, width = keys.shape
    positions = _positions(height, width) / min(height, width)
    far = np.array(list(reach), np.float32).reshape(-1, 1, 1)
    flat = np.concatenate([_flat(keys), positions[None] / far], axis=2)
    return Places.of(flat, strengths.reshape(heads, -1))


def _near_places(keys: Floats) -> Places:
    """Make places of the keys (D, h, w) of a head, with a reach of next to nothing."""
    positions = _positions(*keys.shape[1:]) / np.float32(NEAR)
    flat = np.concatenate([_flat(keys[None]), positions[None]], axis=2)
    return Places.of(flat, np.ones((1, flat.shape[1]), np.float32))


def _flat(keys: Floats) -> Floats:
    """Turn (H, D, h, w) into (H, h * w, D)."""
    return np.ascontiguousarray(keys.reshape(*keys.shape[:2], -1).transpose(0, 2, 1))


def _positions(height: int, width: int) -> Floats:
    """Return row and column of each place from the middle, (h * w, 2)."""
    rows, columns = np.mgrid[:height, :width].astype(np.float32)
    middle = np.array([height - 1, width - 1], np.float32) / 2
    return cast("Floats", np.stack([rows.ravel(), columns.ravel()], axis=1) - middle)
