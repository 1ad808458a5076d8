"""The file that holds hints: ``hints.json``, described in docs/hints.md."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinct.errors import InputError, OptionError
from tinct.files import read_bytes
from tinct.runtime.color_names import parse_color

if TYPE_CHECKING:
    from tinct.runtime.canvas import Canvas

FORMAT = 1
MOST_HINTS = 1000
_KEYS = {"x", "y", "points", "color", "radius"}
RATIO_TOLERANCE = 0.01
"""By how much the ratio of the sides may differ, where a picture was scaled."""


@dataclass(frozen=True)
class FileHint:
    """One entry of the file: a spot, or a stroke where there are several points."""

    points: tuple[tuple[float, float], ...]
    """x and y in pixels of the picture that the file was made for."""
    color: str
    radius: float = 0.0


@dataclass(frozen=True)
class HintFile:
    """What a file of hints says."""

    name: str
    """Of the file, for errors."""
    hints: tuple[FileHint, ...]
    size: tuple[float, float] | None = None
    """Width and height of the picture that it was made for; None: of the one it is used for."""
    digest: str = ""
    """Of its bytes."""

    def apply(self, canvas: Canvas) -> list[str]:
        """Say everything that the file says, in its order.

        Returns:
            What had to be changed, a sentence each.

        Raises:
            InputError: A hint is outside the picture, or the picture has another ratio of sides.
        """
        scale = self._scale(canvas.size)
        width, height = self.size or canvas.size
        notes = []
        for number, hint in enumerate(self.hints, start=1):
            # In this order what lies on the edge stays there, and never beyond it by rounding.
            points = [
                (x / width * canvas.size[0], y / height * canvas.size[1]) for x, y in hint.points
            ]
            try:
                note = canvas.stroke(points, hint.color, hint.radius * min(scale))
            except OptionError as error:
                raise InputError(f"{self.name}: hint {number}: {error}") from error
            if note:
                notes.append(f"{self.name}: hint {number}: {note}")
        return notes

    def _scale(self, size: tuple[int, int]) -> tuple[float, float]:
        if self.size is None:
            return 1.0, 1.0
        scale = size[0] / self.size[0], size[1] / self.size[1]
        if abs(scale[0] / scale[1] - 1) > RATIO_TOLERANCE:
            made_for = f"{self.size[0]:g} x {self.size[1]:g}"
            raise InputError(
                f"{self.name}: made for a picture of {made_for} pixels, not {size[0]} x {size[1]}"
            )
        return scale


def read_hints(path: str | Path) -> HintFile:
    """Read a file of hints.

    Raises:
        InputError: It is missing, damaged, or says what makes no sense.
    """
    content = read_bytes(path)
    try:
        # Whole numbers, too: one of hundreds of digits is infinity then, which is refused.
        table = json.loads(content, parse_int=float)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not a file of hints: {error}".splitlines()[0]) from error
    if not isinstance(table, dict) or table.get("tinct-hints") != FORMAT:
        raise InputError(f'{path}: not a file of hints: it begins with {{"tinct-hints": {FORMAT}')
    unknown = sorted(set(table) - {"tinct-hints", "size", "hints"})
    if unknown:
        raise InputError(f"{path}: unknown key {unknown[0]!r}; known are size and hints")
    entries = table.get("hints")
    if not isinstance(entries, list) or len(entries) > MOST_HINTS:
        raise InputError(f"{path}: hints must be a list of at most {MOST_HINTS}")
    hints = tuple(
        _hint(entry, f"{path}: hint {number}") for number, entry in enumerate(entries, start=1)
    )
    size = table.get("size")
    if size is not None:
        size = _pair(size, f"{path}: size")
        if min(size) <= 0:
            raise InputError(f"{path}: size must be above 0")
    return HintFile(str(path), hints, size, hashlib.sha256(content).hexdigest())


def _hint(entry: Any, place: str) -> FileHint:
    if not isinstance(entry, dict):
        raise InputError(f"{place}: must be a table")
    unknown = sorted(set(entry) - _KEYS)
    if unknown:
        raise InputError(
            f"{place}: unknown key {unknown[0]!r}; known are {', '.join(sorted(_KEYS))}"
        )
    is_spot, is_stroke = {"x", "y"} <= set(entry), "points" in entry
    if is_spot == is_stroke or (is_stroke and ({"x", "y"} & set(entry))):
        raise InputError(f"{place}: needs x and y, or points")
    points = entry["points"] if is_stroke else [[entry["x"], entry["y"]]]
    if not isinstance(points, list) or not points:
        raise InputError(f"{place}: points must be a list of [x, y]")
    radius = entry.get("radius", 0.0)
    if not _is_number(radius) or radius < 0:
        raise InputError(f"{place}: radius must be a number of pixels, not {radius!r}")
    color = entry.get("color")
    if not isinstance(color, str):
        raise InputError(f"{place}: needs a color, as text")
    try:
        parse_color(color)
    except OptionError as error:
        raise InputError(f"{place}: {error}") from error
    return FileHint(tuple(_pair(point, f"{place}: a point") for point in points), color, radius)


def _pair(value: Any, place: str) -> tuple[float, float]:
    if not (isinstance(value, list) and len(value) == 2 and all(map(_is_number, value))):
        raise InputError(f"{place} must be two numbers, not {json.dumps(value)[:40]}")
    return float(value[0]), float(value[1])


def _is_number(value: Any) -> bool:
    return type(value) is float and math.isfinite(value)
