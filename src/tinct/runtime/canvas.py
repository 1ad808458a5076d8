"""A picture that is being colored by somebody who knows some of its colors.

The network looks at it once. Every hint after that is a few products of matrices (``similarity``):
the difference between what was said and what the network thought goes to all places alike.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np

from tinct import color, gamut
from tinct.errors import InputError, OptionError
from tinct.photographs import Picture
from tinct.photographs.in_color import is_in_color
from tinct.runtime.color_names import Color, color_code, parse_color
from tinct.runtime.colorizer import ColorOptions, adjust, working_luma
from tinct.runtime.compose import Pixels, compose_rgb, luma_of, white_level
from tinct.runtime.inputs import open_picture, read_pixels
from tinct.runtime.propagation import Propagation
from tinct.runtime.reference import Reference, ab_of, color_like
from tinct.runtime.similarity import sample, similarity, solve
from tinct.runtime.upsample import ChromaModel, fit_chroma

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tinct.color import Plane
    from tinct.runtime.colorizer import Colorizer
    from tinct.runtime.hint_session import Description, HintSession

    Floats = NDArray[np.float32]
    Point = tuple[float, float]

MOST_POINTS = 600
"""Of all hints: of strokes and large spots that come to more, every second one counts, and so on:
the cost of a hint grows with the square."""
PREVIEW_PIXELS = 1_000_000
CORRECTIONS = 3
"""Rounds in which the finished chroma is compared with the hints and brought nearer."""
CORRECTION_NOISE = 1e-2
"""Of a correction, over the largest similarity: keeps neighboring ones from fighting."""
SUGGESTION_SPREAD = 14.0
"""Colors nearer to each other than this, in a and b, are one suggestion."""
_LEAST_CHANGE = 1.0  # in a and b: less than this nobody sees, and it is not worth a sentence


@dataclass(frozen=True)
class Suggestion:
    """A likely color of a place."""

    code: str
    """``#rrggbb``, at the lightness of the place."""
    probability: float
    """0..1."""


@dataclass(frozen=True)
class _Hint:
    """What was said at one moment: points of the picture and their color."""

    points: Floats
    """(P, 2): row and column in cells of the map."""
    chroma: Floats
    """(P, 2): Cb and Cr that shall be there."""
    ab: Floats
    """(P, 2): the same as a and b."""
    luma: Floats
    """(P,): mean luma there."""


class Canvas:
    """One picture with its hints; made by ``Colorizer.open``. Not for several threads at once.

    Coordinates are pixels of the picture, upright: x from the left edge, y from the top, the middle
    of the first pixel at 0.5.

    Attributes:
        size: Width and height of the picture.
        options: How colorful, and how careful, what nothing is said about is colored.
    """

    def __init__(
        self, colorizer: Colorizer, branch: HintSession, image: Any, options: ColorOptions
    ) -> None:
        """Look at a picture; see :meth:`Colorizer.open`."""
        self._colorizer, self.options = colorizer, options
        self._pixels, self._finish = open_picture(image, colorizer.session.spec.name)
        height, width = self._pixels.shape[:2]
        self.size = width, height
        spec = colorizer.session.spec
        self._luma = working_luma(self._pixels, spec.short_side, spec.multiple)
        self._branch = branch
        described = self._describe(self._luma)
        self._automatic = described
        self._picture = Propagation(described, branch.spec)
        self._references: list[Reference] = []
        self._scores, self._bins = described.scores, np.array(branch.spec.bins, np.float32)
        self._hints: list[_Hint] = []  # what is valid of each
        self._said: _Hint | None = None  # all of them together
        self._small: tuple[int, Pixels] | None = None  # the last preview's gray, and its size

    # What is said

    def hint(self, x: float, y: float, color: Color, radius: float = 0.0) -> str | None:
        """Say what color a spot is.

        Args:
            x: Of its middle, 0 to the width of the picture.
            y: Of its middle, 0 to the height.
            color: A name or code, see :func:`~tinct.runtime.color_names.parse_color`; its lightness
                does not matter.
            radius: Of the spot in pixels; 0 for the smallest.

        Returns:
            None; or a sentence, if sRGB has no color of that hue as vivid at this lightness, which
            says what it becomes.

        Raises:
            OptionError: The spot is outside the picture, or the color is none.
        """
        self._check_inside(x, y)
        return self._say(np.array([[y, x]], np.float32), color, radius)

    def stroke(self, points: Iterable[Point], color: Color, radius: float = 0.0) -> str | None:
        """Say what color things along a line are.

        Args:
            points: x and y of its corners, at least one: pairs, or an array (P, 2).
            color: As with :meth:`hint`.
            radius: Half of its width in pixels.

        Returns:
            As :meth:`hint`.

        Raises:
            OptionError: A point is outside the picture, there is none, or the color is none.
        """
        try:
            places = [(float(x), float(y)) for x, y in points]
        except (TypeError, ValueError) as error:
            raise OptionError("the points of a stroke are pairs of numbers, x and y") from error
        if not places:
            raise OptionError("a stroke needs at least one point")
        for x, y in places:
            self._check_inside(x, y)
        corners = np.array([(y, x) for x, y in places], np.float32)
        return self._say(_along(corners, self._cell), color, radius)

    def area(self, mask: Any, color: Color) -> str | None:
        """Say what color all of an area is.

        Args:
            mask: (H, W) of the picture's size, bool or 0..1: the area is where it is above 0.5.
            color: As with :meth:`hint`.

        Returns:
            As :meth:`hint`.

        Raises:
            OptionError: The mask is of another size or marks nothing, or the color is none.
        """
        marked = np.asarray(mask) > 0.5
        if marked.shape != self.size[::-1]:
            raise OptionError(
                f"a mask of shape {marked.shape}, where {self.size[::-1]} was expected"
            )
        shape = self._picture.shape[::-1]
        share: Any = cv2.resize(marked.astype(np.float32), shape, interpolation=cv2.INTER_AREA)
        if not share.any():
            raise OptionError("the mask marks nothing")
        cells = np.argwhere(share >= min(0.5, share.max()))
        return self._say(((cells + 0.5) * self._cell).astype(np.float32), color, 0.0)

    def reference(self, picture: Any) -> None:
        """Say that things are colored like those of another picture; several add up.

        What is like nothing in any of them keeps its automatic color. Hints count for more.

        Args:
            picture: Of any kind that ``colorizer(image)`` takes, in color.

        Raises:
            InputError: It cannot be read, is no picture, or is gray.
        """
        pixels = read_pixels(picture)
        if not is_in_color(pixels):
            raise InputError("a reference says what color things are, and this picture is gray")
        spec = self._colorizer.session.spec
        known = self._describe(working_luma(pixels, spec.short_side, spec.multiple), coarse=True)
        ab = ab_of(pixels, known.confidence.shape)
        self._refer_to([*self._references, Reference(known, ab, self._branch.spec)])

    def _refer_to(self, references: list[Reference]) -> None:
        self._references = references
        coarse = self._describe(self._luma, coarse=True)
        ab, confidence = color_like(coarse, [(one, 1.0) for one in references])
        described = replace(self._automatic, ab=ab, confidence=confidence)
        self._picture = Propagation(described, self._branch.spec)

    def clear(self) -> None:
        """Forget all hints and references."""
        self._hints.clear()
        self._said = None
        if self._references:
            self._references.clear()
            self._picture = Propagation(self._automatic, self._branch.spec)

    # What comes of it

    def picture(self) -> Any:
        """Return the picture in color, at full size, of the kind that was opened.

        Of a file with further pages, references are about all of them, and hints about the first.
        """
        colored = self._finish(self.chroma())
        if not (self._references and isinstance(colored, Picture)):
            return self._colorizer.color_pages(colored, self.options)
        return replace(colored, pages=tuple(map(self._color_page, colored.pages)))

    def _color_page(self, page: Picture) -> Picture:
        """Color a further page by the references."""
        canvas = Canvas(self._colorizer, self._branch, page, self.options)
        canvas._refer_to(self._references)
        return cast("Picture", canvas.picture())

    def preview(self, pixels: int = PREVIEW_PIXELS) -> Pixels:
        """Return the picture in color, small, at once: (H, W, 3), or (H, W, 4) with alpha.

        Args:
            pixels: It has about so many, if the picture has more.

        Raises:
            OptionError: That is none.
        """
        if pixels < 1:
            raise OptionError(f"a preview needs at least 1 pixel, not {pixels}")
        if self._small is None or self._small[0] != pixels:
            width, height = self.size
            scale = min((pixels / (width * height)) ** 0.5, 1.0)
            size = max(round(width * scale), 1), max(round(height * scale), 1)
            small: Any = cv2.resize(self._pixels, size, interpolation=cv2.INTER_AREA)
            self._small = pixels, small
        return compose_rgb(self._small[1], self.chroma())

    def colors(self) -> tuple[Floats, Floats]:
        """Return ab (2, h, w) in CIE units and the confidence (h, w) on the network's map."""
        said = self._said
        if said is None:
            return self._picture.ab, self._picture.confidence
        return self._picture.colors(said.points, said.ab)

    def wanted(self) -> Floats:
        """Return a and b that were asked for, as sRGB can show them: (P, 2), the latest last."""
        said = self._said
        return np.empty((0, 2), np.float32) if said is None else said.ab

    def chroma(self) -> ChromaModel:
        """Return the chroma of the picture as a function of luma, for pictures of any size."""
        ab, _ = self.colors()
        model = fit_chroma(self._luma, ab)
        said = self._said
        return model if said is None else self._corrected(model, said)

    # What is asked

    def suggest(self, x: float, y: float, n: int = 5) -> list[Suggestion]:
        """Return likely colors of a place, the likeliest first.

        Args:
            x: 0 to the width of the picture.
            y: 0 to its height.
            n: How many at most.

        Raises:
            OptionError: The place is outside the picture.
        """
        self._check_inside(x, y)
        point = self._to_cells(np.array([[y, x]], np.float32))
        scores = sample(self._scores, point)[:, 0]
        left = np.exp(scores - scores.max())
        left /= left.sum()
        luma = self._mean_luma(np.array([[y, x]], np.float32))
        found: list[Suggestion] = []
        while len(found) < n and left.max() > 0:
            middle = self._bins[left.argmax()]
            is_near = np.hypot(*(self._bins - middle).T) <= SUGGESTION_SPREAD
            share = left * is_near
            ab = (share @ self._bins / share.sum()).astype(np.float32)
            rgb = color.luma_chroma_to_rgb(luma, gamut.chroma_from_lab(luma, ab[None]))[0]
            found.append(Suggestion(color_code(rgb), float(share.sum())))
            left = left * ~is_near
        return sorted(found, key=lambda one: -one.probability)

    def where(self) -> Point:
        """Return x and y of the place where the next hint is worth most."""
        said = self._said
        points = np.empty((0, 2), np.float32) if said is None else said.points
        row, column = self._picture.best_place(points)
        height, width = self._cell
        return float((column + 0.5) * width), float((row + 0.5) * height)

    # How

    def _describe(self, luma: Plane, *, coarse: bool = False) -> Description:
        """Describe a picture, its automatic colors as the options want them."""
        options, lightness = self.options, color.luma_to_lightness(luma)[None, None]
        level = options.vividness
        if level is None:
            level = self._colorizer.session.spec.default_vividness
        described = self._branch.describe(lightness, level, coarse=coarse)
        return replace(described, ab=adjust(described.ab, described.confidence, options))

    @property
    def _cell(self) -> Floats:
        """Height and width in pixels of what one place of the map stands for."""
        height, width = self._picture.shape
        return np.array([self.size[1] / height, self.size[0] / width], np.float32)

    def _to_cells(self, points: Floats) -> Floats:
        """Turn rows and columns of the picture into those of the map."""
        return cast("Floats", (points / self._cell - 0.5).astype(np.float32))

    def _check_inside(self, x: float, y: float) -> None:
        width, height = self.size
        if not (0 <= x <= width and 0 <= y <= height):
            raise OptionError(f"{x:g}, {y:g} is outside the picture of {width} x {height} pixels")

    def _say(self, middles: Floats, name: Color, radius: float) -> str | None:
        if not 0 <= radius <= max(self.size):
            raise OptionError(f"radius must be between 0 and {max(self.size)}, not {radius:g}")
        asked = parse_color(name)
        points = _spots(middles, radius, self._cell, self._picture.shape)
        points = points[((points >= 0) & (points <= self.size[::-1])).all(axis=1)]
        points = points[:: -(-len(points) // (2 * MOST_POINTS))]
        luma = self._mean_luma(points)
        wanted = np.repeat(asked[None], len(points), axis=0)
        wanted[:, 0] = color.luma_to_lightness(luma)
        chroma = gamut.chroma_from_lab(luma, gamut.map_to_gamut(wanted)[:, 1:])
        rgb = color.luma_chroma_to_rgb(luma, chroma).clip(0, 1)
        ab = color.rgb_to_lab(rgb)[:, 1:]
        reach = np.maximum(radius / self._cell, 0.5).astype(np.float32)
        hint = _Hint(self._to_cells(points), chroma, ab, luma)
        before = [_without(one, hint.points, reach) for one in self._hints]
        self._hints = [*(one for one in before if len(one.points)), hint]
        self._said = _join(self._hints)
        middle = len(points) // 2
        if np.hypot(*(ab[middle] - asked[1:])) <= _LEAST_CHANGE:
            return None
        return f"{name} is not that vivid at this lightness: it becomes {color_code(rgb[middle])}"

    def _mean_luma(self, points: Floats) -> Floats:
        """Return the mean luma around points (P, 2) of the picture, in half a cell, (P,)."""
        height, width = self._pixels.shape[:2]
        half = np.maximum(self._cell / 4, 0.5)
        first = np.floor(points - half).astype(np.intp).clip(0, [height - 1, width - 1])
        last = np.ceil(points + half).astype(np.intp)
        parts = [
            luma_of(self._pixels[top:bottom, left:right]).mean()
            for (top, left), (bottom, right) in zip(first, last, strict=True)
        ]
        return np.asarray(np.array(parts) / white_level(self._pixels.dtype), np.float32)

    def _corrected(self, model: ChromaModel, said: _Hint) -> ChromaModel:
        """Bring finished chroma to what was said, where the fit has smoothed it."""
        shape, places = self._picture.shape, self._picture.near
        near = self._picture.between(places, said.points)
        alike = similarity(places, near)  # (h * w, M)
        rows, columns = model.offset_cb.shape
        scale = np.array([rows / shape[0], columns / shape[1]], np.float32)
        at = (said.points + 0.5) * scale - 0.5
        for _ in range(CORRECTIONS):
            slopes = sample(np.stack([model.slope_cb, model.slope_cr]), at).T
            offsets = sample(np.stack([model.offset_cb, model.offset_cr]), at).T
            missing = said.chroma - (slopes * said.luma[:, None] + offsets)
            weights = solve(near, missing, CORRECTION_NOISE)
            change = (alike @ weights).reshape(*shape, 2)
            large: Any = cv2.resize(change, (columns, rows), interpolation=cv2.INTER_LINEAR)
            model = replace(
                model,
                offset_cb=model.offset_cb + large[..., 0],
                offset_cr=model.offset_cr + large[..., 1],
            )
        return model


def _without(hint: _Hint, later: Floats, reach: Floats) -> _Hint:
    """Return a hint without the points that are within the reach (2,) of later ones, (L, 2)."""
    away = np.square((hint.points[:, None] - later) / reach).sum(axis=2)  # (P, L)
    return _pick(hint, (away >= 1).all(axis=1))


def _join(hints: Sequence[_Hint]) -> _Hint:
    """Put all hints together, thinned out to ``MOST_POINTS`` if they have more."""
    step = -(-sum(len(hint.points) for hint in hints) // MOST_POINTS)
    parts = ("points", "chroma", "ab", "luma")
    return _Hint(
        *(np.concatenate([getattr(hint, part)[::step] for hint in hints]) for part in parts)
    )


def _pick(hint: _Hint, chosen: Any) -> _Hint:
    """Return some of the points of a hint."""
    parts = {name: getattr(hint, name)[chosen] for name in ("points", "chroma", "ab", "luma")}
    return replace(hint, **parts)


def _along(corners: Floats, step: Floats) -> Floats:
    """Return points along a line through corners (C, 2), no farther apart than a step (2,)."""
    parts = [corners[:1]]
    for first, last in pairwise(corners):
        count = max(int(np.ceil(np.abs((last - first) / step).max())), 1)
        share = np.arange(1, count + 1, dtype=np.float32)[:, None] / count
        parts.append(first + share * (last - first))
    return np.concatenate(parts)


def _spots(middles: Floats, radius: float, step: Floats, shape: tuple[int, int]) -> Floats:
    """Return points that fill circles around middles (P, 2), a step (2,) apart.

    Those more steps away than a shape has are outside of it, and left out: of a picture with a side
    of few pixels there would be millions.
    """
    counts = np.minimum(radius / step, shape).astype(int)
    rows, columns = (
        np.arange(-count, count + 1) * size for count, size in zip(counts, step, strict=True)
    )
    grid = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1).reshape(-1, 2)
    inside = grid[np.hypot(*grid.T) <= max(radius, 1e-6)].astype(np.float32)
    points = (middles[:, None] + inside).reshape(-1, 2)
    # Circles along a line overlap: one point is enough for half a cell.
    _, first = np.unique(np.floor(2 * points / step), axis=0, return_index=True)
    return cast("Floats", points[np.sort(first)])
