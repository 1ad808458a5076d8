"""Luma is the input's own, whatever the chroma."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tinct.gamut import limit_chroma
from tinct.runtime import compose
from tinct.runtime.compose import (
    compose_planes,
    compose_rgb,
    limit_to_gamut,
    luma_of,
    strips,
    white_level,
)
from tinct.runtime.upsample import ChromaModel

TYPES = ("uint8", "uint16", "float32", "float64")


def wild_chroma(rng: np.random.Generator, scale: float = 0.8) -> ChromaModel:
    """Return chroma far outside the gamut in places."""
    return ChromaModel(*(((rng.random((24, 32), np.float32) - 0.5) * scale) for _ in range(4)))


def random_pixels(rng: np.random.Generator, shape: tuple[int, ...], dtype: str) -> np.ndarray:
    values = rng.random(shape)
    return (
        np.rint(values * white_level(np.dtype(dtype))).astype(dtype)
        if dtype[0] == "u"
        else values.astype(dtype)
    )


@pytest.mark.parametrize("dtype", TYPES)
@pytest.mark.parametrize("channels", [0, 1, 2, 3, 4])
def test_luma_type_size_and_alpha_are_kept(
    rng: np.random.Generator, dtype: str, channels: int
) -> None:
    pixels = random_pixels(rng, (83, 61, channels) if channels else (83, 61), dtype)
    result = compose_rgb(pixels, wild_chroma(rng))
    alpha = channels in (2, 4)
    assert result.shape == (83, 61, 4 if alpha else 3)
    assert result.dtype == pixels.dtype
    if alpha:
        np.testing.assert_array_equal(result[..., 3], pixels[..., -1])
    before = luma_of(pixels).astype(np.float64)
    after = result[..., :3].astype(np.float64) @ [0.299, 0.587, 0.114]
    allowed = 1.01 if dtype[0] == "u" else 1e-6  # rounding
    assert np.abs(after - before).max() <= allowed


def test_floats_stay_within_range(rng: np.random.Generator) -> None:
    result = compose_rgb(random_pixels(rng, (40, 50), "float32"), wild_chroma(rng))
    assert result.min() >= -1e-6
    assert result.max() <= 1 + 1e-6


@pytest.mark.parametrize("scale", [0.004, 0.02, 0.1, 1])
@pytest.mark.parametrize("brightest", [0.01, 0.1, 1])
def test_limit_to_gamut_is_the_twin_of_limit_chroma(
    rng: np.random.Generator, scale: float, brightest: float
) -> None:
    luma = rng.random((64, 64), np.float32) * np.float32(brightest)
    luma[::2] = 1 - luma[::2]
    cb, cr = (rng.random((2, 64, 64), np.float32) - np.float32(0.5)) * np.float32(scale)
    wanted = limit_chroma(luma, np.stack([cb, cr], axis=-1))
    limit_to_gamut(cb, cr, luma)
    np.testing.assert_allclose(np.stack([cb, cr], axis=-1), wanted, atol=1e-6)


@pytest.mark.parametrize("shape", [(1, 1), (2, 2), (1, 7), (7, 1), (64, 48), (63, 47), (301, 203)])
def test_planes_have_half_the_size(rng: np.random.Generator, shape: tuple[int, int]) -> None:
    cb, cr = compose_planes(random_pixels(rng, shape, "uint8"), wild_chroma(rng))
    assert cb.shape == cr.shape == ((shape[0] + 1) // 2, (shape[1] + 1) // 2)
    assert cb.dtype == np.uint8


def test_planes_agree_with_rgb(rng: np.random.Generator) -> None:
    """On smooth pictures the 4:2:0 planes and the RGB picture show the same colors."""
    smooth = cv2.resize(rng.random((4, 5), np.float32), (160, 120), interpolation=cv2.INTER_LINEAR)
    luma = np.rint((0.3 + 0.4 * smooth) * 255).astype(np.uint8)
    chroma = wild_chroma(rng, 0.1)
    chroma = ChromaModel(*(cv2.blur(plane, (15, 15)) for plane in vars_of(chroma)))
    rgb = compose_rgb(luma, chroma).astype(np.float64)
    cb, cr = compose_planes(luma, chroma)
    wanted_cb = 128 + (rgb[..., 2] - rgb @ [0.299, 0.587, 0.114]) / 1.772
    assert np.abs(cv2.resize(wanted_cb, (80, 60), interpolation=cv2.INTER_AREA) - cb).max() < 2
    assert cr.std() > 0


def test_planes_without_a_format_have_the_codes_of_a_jpeg() -> None:
    flat = np.zeros((8, 8), np.float32)
    cb, cr = compose_planes(
        np.full((8, 8), 128, np.uint8), ChromaModel(flat, flat, flat - 0.1, flat + 0.2)
    )
    np.testing.assert_array_equal(cb, round(128 - 0.1 * 255))
    np.testing.assert_array_equal(cr, round(128 + 0.2 * 255))


def vars_of(chroma: ChromaModel) -> list[np.ndarray]:
    return [chroma.slope_cb, chroma.slope_cr, chroma.offset_cb, chroma.offset_cr]


def test_strips_cover_everything_once(
    monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator
) -> None:
    monkeypatch.setattr(compose, "STRIP_PIXELS", 1000)
    rows = [row for top, bottom in strips(101, 37) for row in range(top, bottom)]
    assert rows == list(range(101))
    luma, chroma = random_pixels(rng, (101, 37), "uint8"), wild_chroma(rng)
    in_strips = (*compose_planes(luma, chroma), compose_rgb(luma, chroma))
    monkeypatch.setattr(compose, "STRIP_PIXELS", 1 << 30)
    for part, whole in zip(
        in_strips, (*compose_planes(luma, chroma), compose_rgb(luma, chroma)), strict=True
    ):
        np.testing.assert_array_equal(part, whole)


def test_planes_of_a_smooth_picture_keep_its_luma(rng: np.random.Generator) -> None:
    """Decoded with interpolated chroma, luma is what went in, black and white included."""
    smooth = cv2.resize(rng.random((6, 5), np.float32), (192, 256), interpolation=cv2.INTER_CUBIC)
    luma = np.rint(smooth.clip(0, 1) * 255).astype(np.uint8)
    cb, cr = compose_planes(luma, wild_chroma(rng))
    large = [cv2.resize(plane, (192, 256), interpolation=cv2.INTER_LINEAR) for plane in (cr, cb)]
    rgb = cv2.cvtColor(cv2.merge([luma, *large]), cv2.COLOR_YCrCb2RGB)
    difference = np.abs(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(int) - luma)
    assert difference.mean() < 0.2
    assert (difference > 2).mean() < 0.01


def test_a_black_pixel_does_not_take_the_color_of_its_neighbors() -> None:
    luma = np.full((16, 16), 140, np.uint8)
    luma[4:6, 4] = 0
    flat = np.zeros((16, 16), np.float32)
    cb, cr = compose_planes(luma, ChromaModel(flat, flat, flat - 0.08, flat + 0.1))
    assert cb.max() < 128
    assert cr.min() > 128
