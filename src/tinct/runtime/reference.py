"""Pictures whose colors are known, and what these say about other pictures.

How alike places of two pictures are is told by the branch for hints, as within one picture
(``similarity``), by its heads of large differences; two by two cells are one place.

Frames of one scene show the same things, and what the network gets wrong in one of them it gets
wrong in all: the difference between true and automatic color is interpolated. Every place of the
known frame is an observation, thousands of them, too many to solve for: a few hundred places stand
for all. They are those by which the others are explained best (pivoted Cholesky decomposition of
the similarities; Fine and Scheinberg, 2001), and their weights are those of the projected process
(Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, equation 8.26).

Another picture may show anything, and an interpolation between colors that are not there goes
wrong by more than it gains. There each place gets the mean color of the places that are like it,
which is at worst a color of that picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

import cv2
import numpy as np

from tinct import color
from tinct.runtime.compose import white_level
from tinct.runtime.propagation import all_places
from tinct.runtime.similarity import (
    Places,
    halved,
    own_similarity,
    representatives,
    similarity,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tinct.runtime.compose import Pixels
    from tinct.runtime.hint_session import Description
    from tinct.spec import HintSpec

    Floats = NDArray[np.float32]
    Weighted = tuple["KnownPicture", float]

REPRESENTATIVES = 200
"""Places that stand for all of a key frame."""
MOTION = 2.0
"""In another frame of a scene things have moved: there a head reaches as many times as far."""
SHARPNESS = 50.0
"""Power of the likeness by which a mean is weighted: the higher, the fewer places count. Over 48
pairs of frames of eight films, the mean CIEDE2000 in four of them and in the others was 6.9 and 5.2
with 8, 6.3 and 5.0 with 50 and with 120, and 12.9 and 11.3 without any reference."""
LEAST_SHARE = 1e-3
"""Of what is explained, so that there is always some weight."""
_BLOCK = 64  # places at a time: they stay in the cache, and BLAS starts no threads for so few
_STEADY = 1e-6  # of the mean of a diagonal: keeps a solution from amplifying rounding


class KnownPicture(Protocol):
    """A picture whose colors are known."""

    def changes(self, picture: Description) -> tuple[Floats, Floats]:
        """Return what it says about another picture.

        Args:
            picture: What the model and its branch for hints say of the other one, coarsely.

        Returns:
            What to add to the colors of the other picture, (2, h, w) in CIE units, and how sure
            that is, (h, w), 0..1; h and w are those of the keys.
        """
        ...


class KeyFrame:
    """A frame of a scene, for others of that scene."""

    def __init__(self, picture: Description, ab: Floats, spec: HintSpec) -> None:
        """Solve for what its colors say.

        Args:
            picture: What the model and its branch for hints say of it, coarsely.
            ab: Its true colors, (2, h, w) in CIE units.
            spec: Of the branch.
        """
        self._spec = spec
        places = places_of(picture, spec, MOTION)
        differences = _flat(halved(ab - picture.ab)).astype(np.float64)
        chosen = representatives(places, REPRESENTATIVES)
        self._known = places[chosen]
        alike = similarity(places, self._known).astype(np.float64)
        normal = alike.T @ alike + spec.noise[1] * alike[chosen]
        normal[np.diag_indices_from(normal)] += _STEADY * np.trace(normal) / len(normal)
        self._weights = np.linalg.solve(normal, alike.T @ differences).astype(np.float32)
        self._own = own_similarity(self._known)

    def changes(self, picture: Description) -> tuple[Floats, Floats]:
        """Interpolate, see ``KnownPicture.changes``."""
        places = places_of(picture, self._spec, MOTION)
        own = own_similarity(places)
        changes, share = np.empty((len(own), 2), np.float32), np.empty_like(own)
        for first in range(0, len(own), _BLOCK):
            block = slice(first, first + _BLOCK)
            alike = similarity(places[block], self._known)
            np.matmul(alike, self._weights, out=changes[block])
            np.square(alike, out=alike)
            alike /= self._own
            share[block] = alike.max(axis=1) / own[block]
        shape = picture.strengths.shape[1:]
        return changes.T.reshape(2, *shape), share.clip(0, 1).reshape(shape)


class Reference:
    """A picture that shows some of the same things, wherever they are in it."""

    def __init__(self, picture: Description, ab: Floats, spec: HintSpec) -> None:
        """Keep all of its places; arguments are those of ``KeyFrame``."""
        self._spec = spec
        self._known = places_of(picture, spec, np.inf)
        self._colors = _flat(halved(ab))
        self._own = np.sqrt(own_similarity(self._known))

    def changes(self, picture: Description) -> tuple[Floats, Floats]:
        """Average, see ``KnownPicture.changes``."""
        places = places_of(picture, self._spec, np.inf)
        own = np.sqrt(own_similarity(places))
        colors, share = np.empty((len(own), 2), np.float32), np.empty_like(own)
        for first in range(0, len(own), _BLOCK):
            block = slice(first, first + _BLOCK)
            alike = similarity(places[block], self._known) / (own[block, None] * self._own)
            most = alike.max(axis=1, keepdims=True)
            weights = (alike / most) ** np.float32(SHARPNESS)
            colors[block] = weights @ self._colors / weights.sum(axis=1, keepdims=True)
            share[block] = np.square(most[:, 0])
        shape = picture.strengths.shape[1:]
        known = share.clip(0, 1).reshape(shape)
        return known * (colors.T.reshape(2, *shape) - halved(picture.ab)), known


def color_like(picture: Description, references: Sequence[Weighted]) -> tuple[Floats, Floats]:
    """Return ab (2, h, w) and confidence (h, w) of a picture, some others being known.

    Args:
        picture: What the model and its branch for hints say of it, coarsely.
        references: The known pictures, at least one, and their weights above 0. At places of which
            one says more than another it counts for more.
    """
    total: Any = 0.0
    weights: Any = 0.0
    known: Any = 0.0
    for reference, weight in references:
        changes, share = reference.changes(picture)
        here = np.float32(weight) * (share + np.float32(LEAST_SHARE))
        total, weights = total + here * changes, weights + here
        known = np.maximum(known, share)
    size = picture.confidence.shape[::-1]
    maps = (*(total / weights), known)
    a, b, sure = (cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in maps)
    return picture.ab + np.stack([a, b]), 1 - (1 - picture.confidence) * (1 - sure)


def ab_of(rgb: Pixels, shape: tuple[int, ...]) -> Floats:
    """Return the colors of a picture on a map.

    Args:
        rgb: (H, W, 3 or 4) uint8, uint16 or float in 0..1; alpha does not count.
        shape: Height and width of the map.

    Returns:
        ab, (2, height, width) in CIE units.
    """
    small: Any = cv2.resize(rgb[..., :3], shape[::-1], interpolation=cv2.INTER_AREA)
    lab = color.rgb_to_lab(small.astype(np.float32) / np.float32(white_level(rgb.dtype)))
    return np.ascontiguousarray(np.moveaxis(lab[..., 1:], -1, 0))


def places_of(picture: Description, spec: HintSpec, reach: float) -> Places:
    """Return the places of a picture by the heads of large differences."""
    large = slice(spec.heads[0], None)
    far = np.array(spec.reach[large], np.float32) * np.float32(reach)
    return all_places(picture.keys[large], picture.strengths[large], far)


def _flat(maps: Floats) -> Floats:
    """Turn (C, h, w) into (h * w, C)."""
    return np.ascontiguousarray(maps.reshape(len(maps), -1).T)
