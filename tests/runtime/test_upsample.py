"""Chroma follows the edges of luma."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from tinct.color import luma_to_lightness, rgb_to_lab
from tinct.gamut import chroma_from_lab
from tinct.runtime.upsample import WINDOW_RADIUS, ChromaModel, fit_chroma

SIZE = 128


def two_regions(size: int) -> tuple[np.ndarray, np.ndarray]:
    """Return luma of a dark left and a bright right half, and where the left is."""
    left = np.zeros((size, size), bool)
    left[:, : size * 3 // 8 + 1] = True  # not at a border of the network's coarse cells
    return np.where(left, 0.25, 0.75).astype(np.float32), left


def coarse_ab(
    left: np.ndarray, colors: tuple[tuple[float, float], tuple[float, float]]
) -> np.ndarray:
    """Return what a network makes of it: colors averaged over cells of 4x4 pixels."""
    ab = np.where(left[None], np.reshape(colors[0], (2, 1, 1)), np.reshape(colors[1], (2, 1, 1)))
    cells = ab.reshape(2, left.shape[0] // 4, 4, left.shape[1] // 4, 4)
    return cells.mean(axis=(2, 4)).astype(np.float32)


def test_color_does_not_bleed_over_an_edge() -> None:
    """Next to an edge colors are wrong in far fewer places than where ab is enlarged linearly."""
    luma, left = two_regions(SIZE)
    colors = ((40.0, 30.0), (-10.0, -30.0))
    ab = coarse_ab(left, colors)
    full = np.kron(luma, np.ones((4, 4), np.float32))  # the picture is four times as large
    cb, cr = fit_chroma(luma, ab).for_height(len(full)).evaluate(0, full)
    linear = chroma_from_lab(full, np.dstack([cv2.resize(plane, full.shape) for plane in ab]))
    where = np.kron(left, np.ones((4, 4))) > 0
    for side, color in ((where, colors[0]), (~where, colors[1])):
        wanted = chroma_from_lab(full[side][:1], np.array([color], np.float32))[0]
        error = np.hypot(cb[side] - wanted[0], cr[side] - wanted[1])
        bleeding = np.hypot(*(linear[side] - wanted).T)
        assert bleeding.max() > 0.1
        assert error.max() < 0.5 * bleeding.max()
        assert (error > 0.05).sum() < 0.25 * (bleeding > 0.05).sum()


def test_a_flat_picture_takes_the_color_of_the_map() -> None:
    luma = np.full((64, 96), 0.5, np.float32)
    ab = np.tile(np.array([20, 35], np.float32)[:, None, None], (1, 16, 24))
    cb, cr = fit_chroma(luma, ab).for_height(64).evaluate(0, luma)
    wanted = chroma_from_lab(luma[:1, :1], np.array([[[20, 35]]], np.float32))[0, 0]
    np.testing.assert_allclose(cb, wanted[0], atol=1e-4)
    np.testing.assert_allclose(cr, wanted[1], atol=1e-4)


def test_no_blocks_on_a_flat_picture() -> None:
    """A gradient of the map comes out as a gradient, without a large step."""
    luma = np.full((128, 128), 0.5, np.float32)
    ab = np.zeros((2, 32, 32), np.float32)
    ab[1] = np.linspace(-40, 40, 32)
    large = np.full((512, 512), 0.5, np.float32)
    cb, _ = fit_chroma(luma, ab).for_height(512).evaluate(0, large)
    steps = np.abs(np.diff(cb, axis=1))
    assert steps.max() < 3 * steps.mean()


def test_gray_stays_exactly_gray(rng: np.random.Generator) -> None:
    luma = rng.random((64, 64), np.float32)
    cb, cr = fit_chroma(luma, np.zeros((2, 16, 16), np.float32)).for_height(64).evaluate(0, luma)
    assert not cb.any()
    assert not cr.any()


def test_strips_agree_with_the_whole(rng: np.random.Generator) -> None:
    model = ChromaModel(*(rng.random((48, 64), np.float32) for _ in range(4))).for_height(301)
    luma = rng.random((301, 203), np.float32)
    whole = model.evaluate(0, luma)
    parts = [model.evaluate(top, luma[top : top + 37]) for top in range(0, 301, 37)]
    for index in range(2):
        joined = np.concatenate([part[index] for part in parts])
        np.testing.assert_array_equal(joined, whole[index])


@pytest.mark.parametrize("height", [1, 7, 31, 32, 33, 63, 64, 96, 100, 1000])
def test_enlarging_agrees_with_opencv(rng: np.random.Generator, height: int) -> None:
    """Exactly by whole numbers, and where no row is made of another made one; closely otherwise."""
    window = (2 * WINDOW_RADIUS + 1,) * 2
    smooth = cv2.blur(cv2.blur(rng.random((32, 40), np.float32), window), window)  # as fits are
    zero = np.zeros_like(smooth)
    luma = np.zeros((height, 90), np.float32)
    cb, _ = ChromaModel(zero, zero, smooth, zero).for_height(height).evaluate(0, luma)
    wanted = cv2.resize(smooth, (90, height), interpolation=cv2.INTER_LINEAR)
    exact = height < 64 or height % 32 == 0
    np.testing.assert_allclose(cb, wanted, atol=1e-5 if exact else 0.02 * np.ptp(smooth))


@pytest.mark.parametrize("color", [(255, 0, 0), (0, 0, 255), (30, 120, 60), (250, 220, 30)])
def test_a_uniform_color_returns(color: tuple[int, int, int]) -> None:
    """The true ab of a color and its gray give the color back, however far off its L* is."""
    rgb = np.array(color, np.float32) / 255
    luma = np.full((64, 64), rgb @ np.array([0.299, 0.587, 0.114], np.float32), np.float32)
    ab = np.tile(rgb_to_lab(rgb[None])[0, 1:, None, None], (1, 16, 16)).astype(np.float32)
    cb, cr = fit_chroma(luma, ab).for_height(64).evaluate(0, luma)
    back = luma[0, 0] + np.array(
        [1.402 * cr[9, 9], -0.344136 * cb[9, 9] - 0.714136 * cr[9, 9], 1.772 * cb[9, 9]]
    )
    np.testing.assert_allclose(back, rgb, atol=0.012)
    assert luma_to_lightness(luma)[0, 0] < 100
