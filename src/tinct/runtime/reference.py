"""Pictures whose colors are known, and what these say about other pictures.

How alike places of two pictures are is told by the branch for hints, as within one picture
(``similarity``). Every place of the known picture is an observation of the difference between true
and automatic color, thousands of them, too many to solve for: a few hundred places stand for all.
They are those by which the others are explained best (pivoted Cholesky decomposition of the
similarities; Fine and Scheinberg, 2001), and their weights are those of the projected process
(Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, equation 8.26).

The process of large differences alone is enough here: a picture in color says of everything what
color it is, so that nothing has to be guessed about how far a single difference reaches. Both
halvings of the map, and that process alone, cost 0.2 dB or less of the colors of films, and make
it eight times as fast.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

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
    Weighted = tuple["Reference", float]

REPRESENTATIVES = 200
"""Places that stand for all of a picture."""
MOTION = 2.0
"""In another frame of a scene things have moved: there a head reaches as many times as far."""
ANYWHERE = np.inf
"""Reach in a picture of something else: a thing may be anywhere in it."""
_BLOCK = 64  # places at a time: they stay in the cache, and BLAS starts no threads for so few
_LEAST_SHARE = 1e-3  # of what is explained, so that there is always some weight
_STEADY = 1e-6  # of the mean of a diagonal: keeps a solution from amplifying rounding


class Reference:
    """A picture whose colors are known."""

    def __init__(self, picture: Description, ab: Floats, spec: HintSpec, reach: float) -> None:
        """Solve for what its colors say.

        Args:
            picture: What the model and its branch for hints say of it, coarsely.
            ab: Its true colors, (2, h, w) in CIE units.
            spec: Of the branch.
            reach: Factor on how far its heads reach: ``MOTION`` or ``ANYWHERE``.
        """
        self._spec, self._reach = spec, reach
        places = places_of(picture, spec, reach)
        differences = halved(ab - picture.ab).reshape(2, -1).T.astype(np.float64)  # (P, 2)
        chosen = representatives(places, REPRESENTATIVES)
        self._known = places[chosen]
        alike = similarity(places, self._known).astype(np.float64)
        normal = alike.T @ alike + spec.noise[1] * alike[chosen]
        normal[np.diag_indices_from(normal)] += _STEADY * np.trace(normal) / len(normal)
        self._weights = np.linalg.solve(normal, alike.T @ differences).astype(np.float32)
        self._own = own_similarity(self._known)

    def colors(self, picture: Description) -> tuple[Floats, Floats]:
        """Return what it says about another picture.

        Args:
            picture: What the model and its branch for hints say of the other one, coarsely.

        Returns:
            What to add to the colors of the other picture, (2, h, w) in CIE units, and which share
            of their uncertainty is taken away by that, (h, w), 0..1; h and w are those of the keys.
        """
        places = places_of(picture, self._spec, self._reach)
        own = own_similarity(places)
        differences = np.empty((len(own), 2), np.float32)
        share = np.empty(len(own), np.float32)
        for first in range(0, len(own), _BLOCK):
            block = slice(first, first + _BLOCK)
            alike = similarity(places[block], self._known)
            np.matmul(alike, self._weights, out=differences[block])
            np.square(alike, out=alike)
            alike /= self._own
            share[block] = alike.max(axis=1) / own[block]
        shape = picture.strengths.shape[1:]
        return differences.T.reshape(2, *shape), share.clip(0, 1).reshape(shape)


def color_like(picture: Description, references: Sequence[Weighted]) -> tuple[Floats, Floats]:
    """Return ab (2, h, w) and confidence (h, w) of a picture, some others being known.

    Args:
        picture: What the model and its branch for hints say of it, coarsely.
        references: The known pictures, at least one, and their weights above 0. At places of which
            one says more than another it counts for more.
    """
    total: Any = 0.0
    weights: Any = 0.0
    left_open: Any = 1.0
    for reference, weight in references:
        differences, share = reference.colors(picture)
        here = np.float32(weight) * (share + np.float32(_LEAST_SHARE))
        total, weights = total + here * differences, weights + here
        left_open = np.minimum(left_open, 1 - share)
    maps = np.concatenate([total / weights, left_open[None]])
    size = picture.confidence.shape[::-1]
    large = np.stack([cv2.resize(plane, size, interpolation=cv2.INTER_LINEAR) for plane in maps])
    confidence = 1 - (1 - picture.confidence) * large[2]
    return picture.ab + large[:2], confidence


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
