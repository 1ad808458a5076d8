"""The faults that people see first in colored photographs, each as a number.

Every measure compares a predicted ab with the true colors of one photograph:

* *gray hands*: chroma of skin, and how much of it is left without color. Faces are found by
  scikit-image's cascade (local binary patterns) in the true lightness and confirmed by their color;
  what else in the photograph has the color of a face counts as further skin, hands for example.
* *violet, green and patches on gray*: colors where the truth has none, as on suits, walls, mist.
* *halos*: colors on what is truly gray, close to something colored.
"""

from __future__ import annotations

from functools import cache
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.bool_]

GRAY_CHROMA = 4.0
"""Below this chroma, smoothed over the neighborhood, a true color is called gray."""
COLORED_CHROMA = 15.0
"""Above this chroma a true color can cast a halo onto what is beside it."""
VISIBLE_CHROMA = 8.0
"""Above this chroma a predicted color is seen on gray."""
HALO_PIXELS = 6
"""How far from a colored thing a halo reaches, at 256x256."""
VIOLET_DEGREES = (270.0, 345.0)
GREEN_DEGREES = (110.0, 200.0)
"""Ranges of the hue angle of CIE ab."""
SKIN_DEGREES = (15.0, 80.0)
SKIN_CHROMA = (8.0, 50.0)
"""Hue angle and chroma of human skin of all tones in photographs, generously."""
SAME_SKIN = 7.0
"""Largest distance in ab from the median of a face at which something counts as the same skin."""
_LEAST_FACE = (24, 24)
"""Height and width of the smallest face, in pixels."""
LEAST_PIXELS = 64
"""A photograph with fewer pixels of a kind says nothing about that kind."""


class Faults(NamedTuple):
    """Measures of one photograph; NaN where it has nothing of the kind."""

    face_chroma: float
    """Mean predicted chroma of faces over the true one."""
    skin_chroma: float
    """The same of further skin."""
    gray_skin: float
    """Share of all skin with less than half of its true chroma."""
    violet_on_gray: float
    """Share of gray with a visible violet."""
    green_on_gray: float
    """Share of gray with a visible green."""
    chroma_on_gray: float
    """Mean predicted chroma on gray."""
    patches_on_gray: float
    """Standard deviation of predicted ab on gray, pixels apart from their photograph's mean."""
    halo: float
    """Mean predicted chroma on gray close to colored things, less that on other gray."""


def measure_faults(ab: NDArray[np.float32], lab: NDArray[np.float32]) -> Faults:
    """Measure the faults of a prediction.

    Args:
        ab: Predicted colors, (H, W, 2), CIE units.
        lab: True colors, (H, W, 3).
    """
    chroma = np.hypot(ab[..., 0], ab[..., 1])
    hue = np.degrees(np.arctan2(ab[..., 1], ab[..., 0])) % 360
    true_ab = cv2.blur(np.ascontiguousarray(lab[..., 1:]), (5, 5))
    true_chroma = np.hypot(true_ab[..., 0], true_ab[..., 1])
    gray = (true_chroma < GRAY_CHROMA) & (lab[..., 0] > 10) & (lab[..., 0] < 95)
    visible = chroma > VISIBLE_CHROMA
    face, skin = find_skin(lab)
    everywhere = face | skin
    colored = (true_chroma > COLORED_CHROMA).astype(np.uint8)
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (2 * HALO_PIXELS + 1,) * 2)
    near = cv2.dilate(colored, kernel).astype(bool)
    return Faults(
        _mean(chroma, face) / _mean(true_chroma, face),
        _mean(chroma, skin) / _mean(true_chroma, skin),
        _mean(chroma < true_chroma / 2, everywhere),
        _mean(visible & _within(hue, VIOLET_DEGREES), gray),
        _mean(visible & _within(hue, GREEN_DEGREES), gray),
        _mean(chroma, gray),
        float(np.sqrt(_variance(ab, gray))),
        _mean(chroma, gray & near) - _mean(chroma, gray & ~near),
    )


def find_skin(lab: NDArray[np.float32]) -> tuple[Mask, Mask]:
    """Find faces, and what else has their color.

    Args:
        lab: True colors, (H, W, 3).

    Returns:
        Masks (H, W) of faces and of further skin, which exclude each other.
    """
    lightness = np.rint(lab[..., 0] * 2.55).astype(np.uint8)
    ab = lab[..., 1:]
    hue = np.degrees(np.arctan2(ab[..., 1], ab[..., 0])) % 360
    chroma = np.hypot(ab[..., 0], ab[..., 1])
    possible = _within(hue, SKIN_DEGREES) & _within(chroma, SKIN_CHROMA)
    face, skin = np.zeros_like(possible), np.zeros_like(possible)
    boxes = _face_cascade().detect_multi_scale(lightness, 1.2, 1, _LEAST_FACE, lab.shape[:2])
    for box in boxes:
        left, top, width, height = (box[key] for key in ("c", "r", "width", "height"))
        inner = np.zeros_like(possible)  # without hair and background at the corners
        center, axes = (left + width // 2, top + height // 2), (width * 2 // 5, height * 2 // 5)
        shape = cv2.ellipse(inner.astype(np.uint8), center, axes, 0, 0, 360, 1, cv2.FILLED)
        inner = shape.astype(bool)
        if possible[inner].mean() < 0.6:
            continue  # a cascade sees faces in leaves and windows, too
        median = np.median(ab[inner & possible], axis=0)
        face |= inner & possible
        skin |= possible & (np.linalg.norm(ab - median, axis=-1) < SAME_SKIN)
    wide = cv2.dilate(face.astype(np.uint8), np.ones((9, 9), np.uint8)).astype(bool)
    return face, skin & ~wide


@cache
def _face_cascade() -> Any:
    from skimage.data import lbp_frontal_face_cascade_filename
    from skimage.feature import Cascade

    return Cascade(lbp_frontal_face_cascade_filename())


def _within(values: NDArray[np.floating], limits: tuple[float, float]) -> Mask:
    return (values >= limits[0]) & (values <= limits[1])


def _mean(values: NDArray[np.generic], mask: Mask) -> float:
    return float(values[mask].mean()) if mask.sum() >= LEAST_PIXELS else float("nan")


def _variance(ab: NDArray[np.float32], mask: Mask) -> float:
    """Return the variance of ab inside a mask, both planes added."""
    return float(ab[mask].var(axis=0).sum()) if mask.sum() >= LEAST_PIXELS else float("nan")
