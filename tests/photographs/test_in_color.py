"""Which photographs are in color."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tinct.errors import InputError
from tinct.photographs import Picture
from tinct.photographs.in_color import file_is_in_color, is_in_color, own_color

_REFERENCES = Path(__file__).parent.parent / "references" / "photographs"
_NAMES = ["astronaut.jpg", "chelsea.jpg", "coffee.jpg", "rocket.jpg"]


def _read(name: str) -> NDArray[np.uint8]:
    return np.asarray(cv2.imread(str(_REFERENCES / name), cv2.IMREAD_COLOR_RGB), np.uint8)


def _toned(rgb: NDArray[np.uint8], tint: tuple[float, float, float]) -> NDArray[np.uint8]:
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    curve = np.stack([gray**power for power in tint], axis=2)
    return np.rint(curve * 255).astype(np.uint8)


@pytest.mark.parametrize("name", _NAMES)
def test_photographs_in_color(name: str) -> None:
    assert is_in_color(_read(name))


@pytest.mark.parametrize("name", _NAMES)
@pytest.mark.parametrize("tint", [(1, 1, 1), (0.7, 0.9, 1.3), (1.4, 1.1, 0.7), (1, 0.95, 0.85)])
def test_gray_and_toned_ones(name: str, tint: tuple[float, float, float]) -> None:
    assert not is_in_color(_toned(_read(name), tint))


@pytest.mark.parametrize("name", _NAMES)
def test_a_print_under_uneven_warm_light(name: str) -> None:
    gray = _toned(_read(name), (1, 1, 1)).astype(np.float32)
    height, width = gray.shape[:2]
    across = np.linspace(0, 1, width)[None, :, None] * np.ones((height, 1, 1))
    light = np.concatenate([1 - 0.05 * across, 0.92 - 0.1 * across, 0.7 - 0.15 * across], axis=2)
    assert not is_in_color(np.rint(gray * light).astype(np.uint8))


@pytest.mark.parametrize("seed", range(3))
def test_noise_is_not_color(seed: int) -> None:
    noise = np.random.default_rng(seed).normal(0, 8, (600, 800, 3))
    gray = np.linspace(40, 220, 800)[None, :, None] + noise
    assert not is_in_color(np.clip(np.rint(gray), 0, 255).astype(np.uint8))


def test_one_channel_is_gray() -> None:
    gray = np.full((20, 30), 90, np.uint8)
    assert not is_in_color(gray)
    assert not is_in_color(np.dstack([gray, gray]))


def test_depth_and_alpha_change_nothing() -> None:
    rgb = _read("coffee.jpg")
    deep: NDArray[Any] = rgb.astype(np.uint16) * 257
    opaque = np.dstack([rgb, np.full(rgb.shape[:2], 255, np.uint8)])
    assert own_color(deep) == pytest.approx(own_color(rgb), rel=0.01)
    assert own_color(opaque) == own_color(rgb)


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 500, 3), (700, 2, 3)])
def test_any_shape(shape: tuple[int, ...]) -> None:
    assert own_color(np.full(shape, 128, np.uint8)) == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("name", _NAMES)
def test_a_strong_blue_tone_with_noise(name: str) -> None:
    """A cyanotype: red is clipped over half of the tones, so that no smooth curve explains it."""
    gray = _toned(_read(name), (1, 1, 1)).astype(np.float32)
    blue = gray * np.float32([1.9, 1.05, 0.75]) + np.float32([-180, -20, 90])
    noisy = blue + np.random.default_rng(0).normal(0, 5, blue.shape)
    copy = np.clip(np.rint(noisy), 0, 255).astype(np.uint8)
    data = cv2.imencode(".jpg", copy[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 60])[1]
    assert not is_in_color(np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8))


def test_a_file_that_has_gone_since_is_one_line(tmp_path: Path) -> None:
    picture = Picture(np.zeros((8, 8), np.uint8), source_format="JPEG")
    with pytest.raises(InputError, match=r"gone\.jpg: no such file"):
        file_is_in_color(tmp_path / "gone.jpg", picture)
