"""What time and cheap scanners do to gray photographs: written down, and the same every time.

Each degradation takes a color photograph, (H, W, 3) uint8, and gives the gray picture, (H, W)
uint8, that is left of it. Sizes are those of a picture of 256x256. Random parts come from a
generator of the photograph's own, seeded by its name.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from functools import partial

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color import Gray
from tinct.errors import OptionError
from tinct.lab.data.batches import film_response

Rgb = NDArray[np.uint8]
Levels = NDArray[np.float32]  # (H, W), 0..255
Degradation = Callable[[Rgb, np.random.Generator], Gray]

CLEAN = "clean"
ORTHOCHROMATIC = np.array([0.0, 0.55, 0.45])
"""Sensitivity to linear red, green, blue: red lips and bricks turn black, skies white."""
BLUE_SENSITIVE = np.array([0.0, 0.08, 0.92])
"""Of the first plates."""
SEPIA = np.array([[44, 30, 20], [250, 232, 196]], np.float32)
"""RGB of black and of white in a toned and yellowed print."""


def names() -> tuple[str, ...]:
    """Return the names of all degradations; the first is none at all."""
    return tuple(DEGRADATIONS)


def choose(text: str) -> list[str]:
    """Read ``all``, or names with commas between them; the clean picture always comes first.

    Raises:
        OptionError: There is no such degradation.
    """
    if text == "all":
        return list(DEGRADATIONS)
    wanted = [part.strip() for part in text.split(",")]
    for name in wanted:
        if name not in DEGRADATIONS:
            raise OptionError(f"no degradation {name!r}; there are all, {', '.join(DEGRADATIONS)}")
    return [CLEAN, *dict.fromkeys(name for name in wanted if name != CLEAN)]


def degrade(rgb: Rgb, name: str, photograph: str) -> Gray:
    """Return what a degradation leaves of a photograph.

    Args:
        rgb: (H, W, 3).
        name: Of the degradation.
        photograph: Its name, which the random parts follow from.
    """
    seed = [zlib.crc32(text.encode(errors="surrogateescape")) for text in (name, photograph)]
    return DEGRADATIONS[name](rgb, np.random.default_rng(seed))


def _gray(rgb: Rgb) -> Levels:
    """Return BT.601 luma in whole steps, 0..255."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.float32)


def _rounded(levels: Levels) -> Gray:
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)


def _on_gray(change: Callable[[Levels, np.random.Generator], Levels]) -> Degradation:
    """Make a degradation of a change of gray levels."""

    def apply(rgb: Rgb, rng: np.random.Generator) -> Gray:
        return _rounded(change(_gray(rgb), rng))

    return apply


def _film(weight: NDArray[np.float64], rgb: Rgb, rng: np.random.Generator) -> Gray:
    return _rounded(film_response(rgb, weight))


def _blur(levels: Levels, rng: np.random.Generator) -> Levels:
    return np.asarray(cv2.GaussianBlur(levels, (0, 0), 1.8), np.float32)


def _grain(levels: Levels, rng: np.random.Generator) -> Levels:
    """Add grain of 12 levels, coarser than a pixel, most of it in the midtones."""
    noise = cv2.GaussianBlur(rng.standard_normal(levels.shape, np.float32), (0, 0), 0.8)
    strength = 12 * np.sqrt(np.clip(levels / 255 * (1 - levels / 255), 0.04, None) * 4)
    return np.asarray(levels + strength * noise / noise.std(), np.float32)


def _scratches(levels: Levels, rng: np.random.Generator) -> Levels:
    """Draw a dozen hairlines, white and black, nearly upright, as a film's transport leaves."""
    height, width = levels.shape
    for _ in range(12):
        top, bottom = np.sort(rng.uniform(-0.2, 1.2, 2)) * height
        left = rng.uniform(0, width)
        ends = [(left, top), (left + rng.normal(0, 0.03) * (bottom - top), bottom)]
        first, last = (tuple(int(8 * value) for value in end) for end in ends)
        level = 255 if rng.random() < 0.7 else 0
        cv2.line(levels, first, last, level, 1, cv2.LINE_AA, shift=3)
    return levels


def _dust(levels: Levels, rng: np.random.Generator) -> Levels:
    """Strew 60 specks and 6 hairs, mostly white, over the picture."""
    height, width = levels.shape
    for index in range(66):
        center = (int(rng.uniform(0, width)), int(rng.uniform(0, height)))
        level = 245 if rng.random() < 0.8 else 15
        size = (int(rng.integers(1, 3)), 1) if index < 60 else (int(rng.integers(8, 20)), 3)
        end = 360 if index < 60 else int(rng.integers(60, 200))
        thickness = cv2.FILLED if index < 60 else 1
        cv2.ellipse(levels, center, size, rng.uniform(0, 180), 0, end, level, thickness)
    return levels


def _low_contrast(levels: Levels, rng: np.random.Generator) -> Levels:
    """Leave 40 % of the range, around the middle."""
    return np.float32(128) + np.float32(0.4) * (levels - np.float32(128))


def _fading(levels: Levels, rng: np.random.Generator) -> Levels:
    """Lift blacks to a third, more so towards one side, as light does through a window."""
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.meshgrid(*(np.linspace(-1, 1, n) for n in levels.shape), indexing="ij")
    along = (rows * np.sin(angle) + columns * np.cos(angle)) / np.sqrt(8) + 0.5  # 0..1
    black = np.asarray(255 * (0.15 + 0.35 * along), np.float32)
    return np.asarray(black + levels * (235 - black) / 255, np.float32)


def _jpeg(levels: Levels, rng: np.random.Generator) -> Levels:
    """Write at quality 15 and read again."""
    data = cv2.imencode(".jpg", _rounded(levels), [cv2.IMWRITE_JPEG_QUALITY, 15])[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_GRAYSCALE), np.float32)


def _sepia(levels: Levels, rng: np.random.Generator) -> Levels:
    """Scan a toned print in color, and take the luma of the scan."""
    black, white = SEPIA
    toned: Levels = black + levels[..., None] / 255 * (white - black)
    return _gray(_rounded(toned))


def _worn(rgb: Rgb, rng: np.random.Generator) -> Gray:
    """Let an orthochromatic print get soft, fade, gather dust and scratches, and be scanned."""
    levels = film_response(rgb, ORTHOCHROMATIC)
    for change in (_blur, _grain, _fading, _scratches, _dust, _jpeg):
        levels = change(levels, rng)
    return _rounded(levels)


DEGRADATIONS: Mapping[str, Degradation] = {
    CLEAN: lambda rgb, rng: _rounded(_gray(rgb)),
    "orthochromatic": partial(_film, ORTHOCHROMATIC),
    "blue-sensitive": partial(_film, BLUE_SENSITIVE),
    "blur": _on_gray(_blur),
    "grain": _on_gray(_grain),
    "scratches": _on_gray(_scratches),
    "dust": _on_gray(_dust),
    "low-contrast": _on_gray(_low_contrast),
    "fading": _on_gray(_fading),
    "jpeg": _on_gray(_jpeg),
    "sepia": _on_gray(_sepia),
    "worn": _worn,
}
"""By name; the last is many of them together."""
