"""The camera that everybody has: a moving landscape in color, drawn by tinct itself."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.cameras.capture import CaptureOptions, parse_size
from tinct.errors import OptionError

Rgb = NDArray[np.uint8]
Samples = NDArray[np.float32]

DEFAULT_SIZE, DEFAULT_RATE = (1280, 720), 30.0
_LATEST = 2.0  # periods: a camera holds a picture or two for a late reader, no more
_CROSSING = 20.0  # seconds in which the landscape passes by once
_ROUND = 7.0  # seconds of one round of the ball

_SKY_TOP, _SKY_LOW = (74, 128, 200), (186, 212, 236)
_CLOUD, _SUN = (250, 250, 248), (255, 240, 190)
_HILLS = ((104, 132, 138), (82, 118, 78), (76, 124, 48))
_SKIN, _HAIR, _SHIRT, _LIPS = (224, 172, 140), (62, 42, 30), (178, 40, 44), (188, 96, 92)
_BRICK, _ROOF, _TRUNK, _LEAVES = (178, 104, 78), (110, 52, 44), (92, 66, 44), (58, 102, 42)


class PatternSource:
    """Pictures of a pattern, each at its time; what its reader is too late for counts as missed."""

    live = True

    def __init__(self, address: str, options: CaptureOptions) -> None:
        """Draw the scene.

        Args:
            address: ``test://``, or with queries ``test://?size=640x480&rate=60&frames=100&gray=1``;
                ``frames`` ends it after so many.
            options: Size and rate win over those of the address.

        Raises:
            OptionError: A query is unknown or makes no sense.
        """
        query = _read_query(address)
        self.missed = 0
        self._rate = options.rate or query["rate"]
        self._frames = query["frames"]
        self._scene = Scene(*(options.size or query["size"]), gray=query["gray"])
        self._number = -1
        self._start = time.perf_counter()
        self._stopped = False

    def advance(self) -> float | None:
        """See :class:`tinct.cameras.capture.Source`."""
        self._number += 1
        now = time.perf_counter()
        lost = int((now - self._start) * self._rate - self._number - _LATEST)
        if lost > 0:
            self.missed += lost
            self._number += lost
        if self._stopped or (self._frames is not None and self._number >= self._frames):
            return None
        due = self._start + self._number / self._rate
        time.sleep(max(due - now, 0))
        return due

    def picture(self) -> Rgb:
        """See :class:`tinct.cameras.capture.Source`."""
        return self._scene.at(self._number / self._rate)

    def interrupt(self) -> None:
        """See :class:`tinct.cameras.capture.Source`."""
        self._stopped = True

    def close(self) -> None:
        """See :class:`tinct.cameras.capture.Source`."""


def _read_query(address: str) -> dict[str, Any]:
    found: dict[str, Any] = {
        "size": DEFAULT_SIZE, "rate": DEFAULT_RATE, "frames": None, "gray": False
    }  # fmt: skip
    readers: dict[str, Callable[[str], Any]] = {
        "size": parse_size, "rate": float, "frames": int, "gray": lambda text: text != "0"
    }  # fmt: skip
    for name, text in parse_qsl(urlsplit(address).query, keep_blank_values=True):
        if name not in readers:
            raise OptionError(f"{address}: {name!r} is none of {', '.join(readers)}")
        try:
            found[name] = readers[name](text)
        except ValueError as error:
            raise OptionError(f"{address}: {name}={text}: not a number") from error
    CaptureOptions(size=found["size"], rate=found["rate"])  # checks the ranges
    return found


class Scene:
    """Sky, hills, a house and trees that pass by; a face that nods and a ball that rolls."""

    def __init__(self, width: int, height: int, *, gray: bool = False) -> None:
        """Draw what moves and what it moves before.

        Args:
            width: Of the pictures.
            height: Of the pictures.
            gray: Whether all colors are taken out.
        """
        self._size = (width, height)
        unit = max(min(width, height), 1)
        panorama = _draw_landscape(width, height)
        sprites = [_draw_ball(max(unit // 5, 2)), _draw_face(max(unit // 2, 4))]
        if gray:
            panorama = _without_color(panorama)
            sprites = [(_without_color(rgb), mask) for rgb, mask in sprites]
        # Twice in a row: each view is one slice, wherever it begins.
        self._panorama = np.hstack([panorama, panorama])
        self._ball, self._face = sprites

    def at(self, seconds: float) -> Rgb:
        """Return the picture at a time, (H, W, 3) uint8."""
        width, height = self._size
        turn = 2 * np.pi * seconds / _ROUND
        left = int(seconds / _CROSSING * self._panorama.shape[1] / 2) % (
            self._panorama.shape[1] // 2
        )
        rgb = self._panorama[:, left : left + width].copy()
        _paste(rgb, self._face, (0.28 * width, height * (0.62 + 0.02 * np.sin(3 * turn))))
        _paste(rgb, self._ball, (width * (0.68 + 0.22 * np.sin(turn)), 0.86 * height))
        return rgb


def _draw_landscape(width: int, height: int) -> Rgb:
    """Draw twice the width of a picture; the right edge goes on at the left one."""
    span = 2 * width
    noise = np.random.default_rng(11)
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None, None]
    rgb = _tint(_SKY_TOP) + (_tint(_SKY_LOW) - _tint(_SKY_TOP)) * np.minimum(rows / 0.6, 1)
    rgb = np.repeat(rgb, span, axis=1)
    clouds = np.clip(_noise(noise, span, height, 5, 9) * 2.2 - 1.15, 0, 1) * (rows[..., 0] < 0.55)
    rgb += clouds[..., None] * (_tint(_CLOUD) - rgb)
    cv2.circle(rgb, (int(0.8 * width), int(0.16 * height)), height // 16, _SUN, -1, cv2.LINE_AA)
    for number, color in enumerate(_HILLS):
        _draw_hill(rgb, noise, number, color)
    _draw_house(rgb, (int(1.3 * width), int(0.66 * height)), height // 4)
    for place in (0.5, 0.92, 1.12, 1.75):
        _draw_tree(rgb, noise, (int(place * width), int(0.72 * height)), height // 4)
    return np.asarray(np.clip(np.rint(rgb), 0, 255), np.uint8)


def _draw_hill(rgb: Samples, noise: np.random.Generator, number: int, color: Any) -> None:
    """Draw a ridge and everything below it, rougher the nearer it is."""
    height, span = rgb.shape[:2]
    turn = np.linspace(0, 2 * np.pi, span, endpoint=False)
    ridge = 0.52 + 0.1 * number + 0.05 * np.sin((number + 2) * turn + 2 * number)
    ridge += 0.02 * np.sin((3 * number + 5) * turn)
    below = np.clip(np.arange(height)[:, None] - (ridge * height)[None], 0, 1)
    grain = _noise(noise, span, height, 30 * (number + 1), 60 * (number + 1))
    shade = 0.82 + 0.36 * grain
    rgb += below[..., None].astype(np.float32) * (shade[..., None] * _tint(color) - rgb)


def _draw_house(rgb: Samples, at: tuple[int, int], side: int) -> None:
    left, base = at
    cv2.rectangle(rgb, (left, base - side // 2), (left + side, base), _BRICK, -1)
    roof = [
        (left - side // 8, base - side // 2),
        (left + side // 2, base - side),
        (left + side * 9 // 8, base - side // 2),
    ]
    cv2.fillPoly(rgb, [np.array(roof, np.int32)], _ROOF, cv2.LINE_AA)
    for column in (1, 5):
        corner = (left + column * side // 8, base - 3 * side // 8)
        cv2.rectangle(rgb, corner, (corner[0] + side // 4, corner[1] + side // 6), (54, 62, 70), -1)


def _draw_tree(rgb: Samples, noise: np.random.Generator, at: tuple[int, int], height: int) -> None:
    x, base = at
    cv2.rectangle(rgb, (x - height // 24, base - height // 2), (x + height // 24, base), _TRUNK, -1)
    for _ in range(60):
        dx, dy = noise.normal(0, height / 8, 2)
        shade = noise.uniform(0.75, 1.25)
        center = (int(x + dx), int(base - 0.7 * height + dy))
        leaves = [shade * value for value in _LEAVES]
        cv2.circle(rgb, center, max(height // 14, 1), leaves, -1, cv2.LINE_AA)


def _draw_ball(side: int) -> tuple[Rgb, Samples]:
    """Draw a red ball in the light from above left: RGB, and its opacity."""
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    light = np.clip(1.1 - 0.45 * np.hypot(x + 0.4, y + 0.4), 0, 1)[..., None]
    rgb = np.clip(light * np.array((214, 44, 36)) + 90 * np.maximum(light - 0.95, 0), 0, 255)
    return rgb.astype(np.uint8), _disc(side)


def _draw_face(side: int) -> tuple[Rgb, Samples]:
    """Draw head and shoulders: RGB, and its opacity."""
    rgb = np.zeros((side, side, 3), np.uint8)
    mask = np.zeros((side, side), np.uint8)
    at = partial(_scaled, side)
    shapes = [
        (_SHIRT, (0.5, 1.08), (0.44, 0.34)),
        (_HAIR, (0.5, 0.38), (0.27, 0.34)),
        (_SKIN, (0.5, 0.75), (0.09, 0.12)),
        (_SKIN, (0.5, 0.45), (0.2, 0.27)),
        (_LIPS, (0.5, 0.6), (0.07, 0.018)),
        (_HAIR, (0.42, 0.41), (0.03, 0.015)),
        (_HAIR, (0.58, 0.41), (0.03, 0.015)),
    ]
    for color, center, radii in shapes:
        for image, paint in ((rgb, color), (mask, 255)):
            cv2.ellipse(image, at(center), at(radii), 0, 0, 360, paint, -1, cv2.LINE_AA)
    soft = cv2.GaussianBlur(rgb, (0, 0), max(side / 150, 0.3))
    return np.asarray(soft, np.uint8), np.asarray(mask / np.float32(255), np.float32)


def _scaled(side: int, pair: tuple[float, float]) -> tuple[int, int]:
    return int(pair[0] * side), int(pair[1] * side)


def _disc(side: int) -> Samples:
    y, x = np.mgrid[-1 : 1 : side * 1j, -1 : 1 : side * 1j]
    return np.asarray(np.clip((1 - np.hypot(x, y)) * side / 3, 0, 1), np.float32)


def _paste(rgb: Rgb, sprite: tuple[Rgb, Samples], center: tuple[float, float]) -> None:
    """Lay a sprite over a picture, in place; what lies outside is cut off."""
    colors, mask = sprite
    side = len(mask)
    left, top = int(center[0] - side / 2), int(center[1] - side / 2)
    rows = slice(max(top, 0), max(min(top + side, rgb.shape[0]), 0))
    columns = slice(max(left, 0), max(min(left + side, rgb.shape[1]), 0))
    under = rgb[rows, columns]
    if not under.size:
        return
    inner = (
        slice(rows.start - top, rows.stop - top),
        slice(columns.start - left, columns.stop - left),
    )
    weight = np.ascontiguousarray(mask[inner])
    over = np.ascontiguousarray(colors[inner])
    rgb[rows, columns] = cv2.blendLinear(over, np.ascontiguousarray(under), weight, 1 - weight)


def _noise(noise: np.random.Generator, width: int, height: int, rows: int, columns: int) -> Samples:
    """Return smooth noise, (height, width), about 0..1, that repeats from right to left."""
    cells = noise.random((rows, columns), np.float32)
    cells = np.hstack([cells[:, -1:], cells, cells[:, :1]])
    step = width / columns
    large: Any = cv2.resize(cells, (round(width + 2 * step), height), interpolation=cv2.INTER_CUBIC)
    begin = round(step)
    return np.asarray(large[:, begin : begin + width], np.float32)


def _tint(color: Any) -> Samples:
    return np.array(color, np.float32)


def _without_color(rgb: Rgb) -> Rgb:
    return np.asarray(
        cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB), np.uint8
    )
