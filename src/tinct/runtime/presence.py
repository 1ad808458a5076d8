"""How much there is to color at each place of a frame, found from its luma alone.

Networks are trained on photographs. Of a title card, of the bars around a picture or of a blank
frame they know nothing, and answer with some color. Such places are flat: they differ from the
light around them by no more than noise, and that light is nearly the same all over.
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color import Plane

BLANK_CONTRAST = 0.02
"""Luma, 0..1, between the darkest and the brightest fiftieth of a frame that shows nothing ..."""
FULL_CONTRAST = 0.06
"""... and of one that has all its colors; a fade lies in between."""
_FLAT = 0.012  # luma by which a flat cell differs from what is around it: three steps of 8 bits
_DARK = 0.45  # luma of the brightest bar: what is flat and brighter may be sky
_WHITE = 0.75  # luma of a ground that is brighter than clear sky
_SKY_RANGE = 0.035, 0.02  # as _CARD_RANGE, of a ground that might be sky: that is less even
_GROUND = 0.03  # luma by which what is seen between letters differs from a light ground
_REACH = 9  # cells: of what is around one; thin letters and lines are less than half of it
_INK = 0.1  # luma by which letters differ from a light ground at least
_DARK_REACH, _LIGHT_REACH = 13, 17
"""Cells: letters and lines of them are thinner. A light ground so even is no scene: one of 2,000
photographs in color has one, and it is white there."""
_CARD_SHARE = 0.5, 0.65  # of the frame that is flat, from a scene to a title card
_SCENE_SHARE = 0.42  # of every second cell that is flat; 1,681 photographs were within 0.05 of all
_CARD_RANGE = 0.05, 0.03  # luma over which the flat part varies, from a scene to a title card
_SHADED_SHARE = 0.6, 0.75  # of the frame that is flat, to a card whose ground is not even ...
_SHADED_LUMA = 0.22, 0.17  # ... and the brightest of that ground: a dim scene is not as empty
_BAR_SHARE = 0.95  # of the cells of a row of a bar: a station's logo may stand in it
_SPARSE = 4
_SMALLEST = 2 * _REACH  # cells of a side in which bars and cards can be told from anything else
_MOST_BAR = 0.45  # of a side of the frame
_EDGE_SHARE = 0.25  # of the row behind a bar that must differ from it


def find_presence(luma: Plane) -> Plane:
    """Return how much of its color each cell of a frame may have, 0..1.

    Args:
        luma: (h, w), 0..1, at the size of the map of ab, best averaged over some frames.

    Returns:
        (h, w) float32: 1 in a scene; 0 on bars, on title cards and in a blank frame.
    """
    contrast = float(_ramp(_spread(luma), BLANK_CONTRAST, FULL_CONTRAST))
    if not contrast:
        return np.zeros_like(luma)
    if min(luma.shape) < _SMALLEST:
        return np.full_like(luma, contrast)
    empty = np.maximum(_card(luma), _bars(luma))
    presence: Any = cv2.blur(contrast * (1 - empty), (3, 3))
    return np.asarray(np.minimum(presence, contrast * (1 - empty)), np.float32)


def is_blank(luma: Plane) -> bool:
    """Tell whether a frame, (h, w), 0..1, shows nothing at all."""
    return _spread(luma) < BLANK_CONTRAST


def _spread(luma: Plane) -> float:
    """Return the range of luma without its outermost fiftieths, from every fourth cell."""
    values = np.sort(luma.ravel()[::_SPARSE])
    outer = len(values) // 50
    return float(values[len(values) - 1 - outer] - values[outer])


def _brightest(luma: Plane) -> float:
    """Return luma but for its brightest fiftieth, from every fourth cell."""
    values = np.sort(luma.ravel()[::_SPARSE])
    return float(values[len(values) - 1 - len(values) // 50])


def _card(luma: Plane) -> Plane:
    """Return 1 on the ground of a title card and on the letters in it, 0 elsewhere."""
    coarse = np.ascontiguousarray(luma[::2, ::2])
    if _flat(coarse, _median(coarse, _REACH // 2 + 1)).mean() < _SCENE_SHARE:  # much sooner told
        return np.zeros_like(luma)
    around = _median(luma, _REACH)
    flat = _flat(luma, around)
    is_dark = around < _DARK
    dark, light = flat & is_dark, flat & ~is_dark
    return _light_card(luma, light) if light.sum() > dark.sum() else _dark_card(luma, dark)


def _median(luma: Plane, reach: int) -> Plane:
    """Return the median around each cell."""
    around: Any = cv2.medianBlur(cv2.convertScaleAbs(luma, alpha=255), reach)
    return np.asarray(around / np.float32(255), np.float32)


def _flat(luma: Plane, around: Plane) -> NDArray[np.bool_]:
    return np.asarray(np.abs(luma - around) < _FLAT)


def _dark_card(luma: Plane, flat: NDArray[np.bool_]) -> Plane:
    share = float(_ramp(flat.mean(), *_CARD_SHARE))
    if not share:
        return np.zeros_like(luma)
    brightest = _brightest(luma[flat])
    even = float(_ramp(_spread(luma[flat]), *_CARD_RANGE))
    shaded = _ramp(flat.mean(), *_SHADED_SHARE) * _ramp(brightest, *_SHADED_LUMA)
    weight = share * max(even, float(shaded))
    if not weight:
        return np.zeros_like(luma)
    return weight * _close(flat | (luma < brightest + _GROUND), _DARK_REACH)


def _light_card(luma: Plane, flat: NDArray[np.bool_]) -> Plane:
    level = np.float32(np.median(luma[flat]))
    flat = flat & (np.abs(luma - level) < _INK)  # thick letters are flat, too
    share = float(_ramp(flat.mean(), *_CARD_SHARE))
    if not share:
        return np.zeros_like(luma)
    limits = _CARD_RANGE if level > _WHITE else _SKY_RANGE
    weight = share * float(_ramp(_spread(luma[flat]), *limits))
    if not weight:
        return np.zeros_like(luma)
    return weight * _close(np.abs(luma - level) < _GROUND, _LIGHT_REACH)


def _close(ground: NDArray[np.bool_], reach: int) -> Plane:
    """Return the ground as 0 and 1, with what is thinner than so many cells in it."""
    disc = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    closed: Any = cv2.morphologyEx(ground.astype(np.float32), cv2.MORPH_CLOSE, disc)
    return np.asarray(closed, np.float32)


def _bars(luma: Plane) -> Plane:
    """Return 1 on the bars above, below and beside the picture, 0 elsewhere."""
    found = np.zeros_like(luma)
    height = luma.shape[0]
    top, bottom = _bar(luma), _bar(luma[::-1])
    found[:top] = 1
    found[height - bottom :] = 1
    inner = luma[top : height - bottom].T
    left, right = _bar(inner), _bar(inner[::-1])
    found[:, :left] = 1
    found[:, luma.shape[1] - right :] = 1
    return found


def _bar(luma: Plane) -> int:
    """Return how many rows from the first on are a bar: one dark level, then an edge."""
    level = np.sort(luma[0])[luma.shape[1] // 2]
    if level > _DARK or (np.abs(luma[0] - level) < _FLAT).mean() < _BAR_SHARE:
        return 0
    same = (np.abs(luma - level) < _FLAT).mean(axis=1)
    differing = np.flatnonzero(same < _BAR_SHARE)
    rows = int(differing[0]) if differing.size else 0
    # The row in between holds some of both.
    if not 0 < rows <= _MOST_BAR * len(luma) or 1 - same[rows : rows + 2].min() < _EDGE_SHARE:
        return 0
    return rows + 1


def _ramp(value: Any, begin: float, end: float) -> Any:
    """Rise from 0 at ``begin`` to 1 at ``end``."""
    return np.clip((value - begin) / (end - begin), 0, 1)
