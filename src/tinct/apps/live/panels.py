"""Where the panels of the live window go, and what the marks on its axes say: arithmetic alone."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tinct.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

PANELS = ("original", "gray", "colored", "loss")
"""Of the window of the paper, in the order of their number keys."""
_SPELLINGS = {
    "gray": "gray",
    "colored": "colored",
    "color": "colored",
    "grey": "gray",
    "coloured": "colored",
    "colour": "colored",
}
_GAP = 6  # pixels between panels
_SMALLEST_TOP = 1e-4  # of an axis: below, there is nothing to see
_STEPS = ((0.2, 5), (0.5, 4), (1.0, 5), (2.0, 5))  # of axes that end at 1, 2, 5 and 10


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels."""

    left: int
    top: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Place:
    """A panel in the window: its caption, and below that its picture."""

    name: str
    caption: Box
    picture: Box


def parse_panels(text: str) -> tuple[str, ...]:
    """Read a list such as ``colored,loss``.

    Raises:
        OptionError: A panel is unknown, or there is none.
    """
    names = [part.strip().lower() for part in text.split(",") if part.strip()]
    names = [_SPELLINGS.get(name, name) for name in names]
    unknown = [name for name in names if name not in PANELS]
    if unknown or not names:
        raise OptionError(f"panels {text!r}: choose from original, gray, colored, loss")
    return tuple(name for name in PANELS if name in names)


def arrange(names: Sequence[str], aspect: float, area: Box, caption: int) -> list[Place]:
    """Lay out panels of equal size, as large as they can be.

    Args:
        names: The panels, row by row.
        aspect: Width over height of the pictures.
        area: Where they go; the rest of it stays free on all sides alike.
        caption: Height of a caption.
    """
    choices = [_picture_size(len(names), columns, aspect, area, caption)
               for columns in range(1, len(names) + 1)]  # fmt: skip
    width, height = max(choices)
    columns = choices.index((width, height)) + 1
    rows = math.ceil(len(names) / columns)
    left = area.left + (area.width - columns * (width + _GAP) + _GAP) // 2
    top = area.top + (area.height - rows * (caption + height + _GAP) + _GAP) // 2
    places = []
    for index, name in enumerate(names):
        x = left + index % columns * (width + _GAP)
        y = top + index // columns * (caption + height + _GAP)
        boxes = Box(x, y, width, caption), Box(x, y + caption, width, height)
        places.append(Place(name, *boxes))
    return places


def _picture_size(
    count: int, columns: int, aspect: float, area: Box, caption: int
) -> tuple[int, int]:
    rows = math.ceil(count / columns)
    width = (area.width - (columns - 1) * _GAP) / columns
    height = (area.height - (rows - 1) * _GAP) / rows - caption
    width = min(width, height * aspect)
    return max(int(width), 1), max(int(width / aspect), 1)


def axis_ticks(highest: float) -> list[float]:
    """Return the marks of an axis from 0 to a round number above a value.

    The last one is 1, 2 or 5 times a power of ten, and at least 5 % above the value.
    """
    wanted = 1.05 * max(highest, _SMALLEST_TOP)
    power = 10.0 ** math.floor(math.log10(wanted))
    step, count = next(pair for pair in _STEPS if pair[0] * pair[1] * power >= wanted)
    return [number * step * power for number in range(count + 1)]


def split_at_gaps(points: list[tuple[float, float]], gap: float) -> list[list[tuple[float, float]]]:
    """Cut a curve where no point follows for some time.

    Args:
        points: Moments and values, in their order.
        gap: The longest time, in the unit of the moments, over which a line is drawn.
    """
    pieces: list[list[tuple[float, float]]] = []
    for point in points:
        if not pieces or point[0] - pieces[-1][-1][0] > gap:
            pieces.append([])
        pieces[-1].append(point)
    return pieces
