from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from tinct import color, gamut

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])
STANDARDS = pytest.mark.parametrize("standard", ["bt601", "bt709", "bt2020"])


def all_of_srgb(dtype: Any, levels: int = 21) -> NDArray[Any]:
    steps = np.linspace(0, 1, levels, dtype=dtype)
    return np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1)


def any_lab(dtype: Any, count: int = 4000) -> NDArray[Any]:
    rng = np.random.default_rng(3)
    return rng.uniform([0, -130, -130], [100, 130, 130], (count, 3)).astype(dtype)


def luma_of(lightness: NDArray[Any], ab: NDArray[Any], standard: Any) -> NDArray[Any]:
    lab = np.concatenate([lightness[..., None], ab], axis=-1).astype(np.float64)
    return color.rgb_to_luma(color.lab_to_rgb(lab), standard)


@DTYPES
def test_srgb_is_in_gamut(dtype: Any) -> None:
    assert gamut.in_gamut(color.rgb_to_lab(all_of_srgb(dtype))).all()


@DTYPES
@pytest.mark.parametrize("channel", [0, 1, 2])
@pytest.mark.parametrize("value", [-0.002, 1.002])
def test_just_beyond_a_channel_is_out_of_gamut(dtype: Any, channel: int, value: float) -> None:
    rgb = all_of_srgb(dtype)
    rgb[..., channel] = value
    lab = color.rgb_to_lab(rgb)
    assert not gamut.in_gamut(lab).any()
    assert gamut.in_gamut(lab, tolerance=0.003).all()


@DTYPES
def test_mapping_leaves_colors_inside_untouched(dtype: Any) -> None:
    lab = color.rgb_to_lab(all_of_srgb(dtype))
    before = lab.copy()
    np.testing.assert_array_equal(gamut.map_to_gamut(lab), before)


@DTYPES
def test_mapping_lowers_chroma_only(dtype: Any) -> None:
    lab = any_lab(dtype)
    before = lab.copy()
    mapped = gamut.map_to_gamut(lab)
    assert mapped.dtype == dtype
    np.testing.assert_array_equal(lab, before)
    assert gamut.in_gamut(mapped).all()
    np.testing.assert_array_equal(mapped[:, 0], lab[:, 0])
    chroma, mapped_chroma = np.hypot(lab[:, 1], lab[:, 2]), np.hypot(mapped[:, 1], mapped[:, 2])
    assert (mapped_chroma <= chroma).all()
    # The hue: no component across the old direction, and none against it.
    across = lab[:, 1] * mapped[:, 2] - lab[:, 2] * mapped[:, 1]
    np.testing.assert_allclose(across / chroma, 0, atol=1e-4)
    assert (lab[:, 1:] * mapped[:, 1:] >= 0).all()


@DTYPES
def test_mapping_ends_on_the_boundary(dtype: Any) -> None:
    lab = any_lab(dtype)
    outside = ~gamut.in_gamut(lab)
    mapped = gamut.map_to_gamut(lab)[outside]
    assert outside.sum() > 1000
    chroma = np.hypot(mapped[:, 1], mapped[:, 2])
    more = mapped.copy()
    more[:, 1:] *= ((chroma + 0.01) / chroma)[:, None]
    assert not gamut.in_gamut(more).any()


@DTYPES
def test_mapping_twice_is_mapping_once(dtype: Any) -> None:
    mapped = gamut.map_to_gamut(any_lab(dtype))
    np.testing.assert_array_equal(gamut.map_to_gamut(mapped), mapped)


def test_mapping_beyond_black_and_white_gives_neutral() -> None:
    lab = np.array([[-1.0, 20.0, 20.0], [101.0, -20.0, 20.0]])
    np.testing.assert_array_equal(gamut.map_to_gamut(lab), [[-1, 0, 0], [101, 0, 0]])


@pytest.mark.parametrize("shape", [(3,), (0, 3), (4, 5, 3)])
def test_mapping_takes_any_shape(shape: tuple[int, ...]) -> None:
    lab = np.full(shape, 50, np.float32)
    assert gamut.in_gamut(lab).shape == shape[:-1]
    assert gamut.map_to_gamut(lab).shape == shape


@DTYPES
@STANDARDS
def test_limited_chroma_fits_and_luma_is_the_same(dtype: Any, standard: color.Standard) -> None:
    rng = np.random.default_rng(4)
    luma = rng.random((40, 50)).astype(dtype)
    chroma = rng.uniform(-0.7, 0.7, (40, 50, 2)).astype(dtype)
    limited = gamut.limit_chroma(luma, chroma, standard)
    assert limited.dtype == dtype
    rgb = color.luma_chroma_to_rgb(luma, limited, standard)
    assert rgb.min() >= -1e-6
    assert rgb.max() <= 1 + 1e-6
    np.testing.assert_allclose(color.rgb_to_luma(rgb, standard), luma, atol=1e-6)
    # Hue and size: one factor in 0..1 for both; where it is below 1, a channel is at its end.
    factor = limited[..., 0] / chroma[..., 0]
    np.testing.assert_allclose(limited, chroma * factor[..., None], atol=1e-6)
    assert factor.min() >= 0
    assert factor.max() <= 1 + 1e-6
    at_an_end = np.minimum(rgb.min(axis=-1), 1 - rgb.max(axis=-1)) < 1e-6
    np.testing.assert_array_equal(at_an_end | (factor > 1 - 1e-6), True)


@DTYPES
def test_limiting_keeps_all_of_srgb(dtype: Any) -> None:
    rgb = all_of_srgb(dtype)
    luma, chroma = color.rgb_to_luma(rgb), color.rgb_to_chroma(rgb)
    np.testing.assert_allclose(gamut.limit_chroma(luma, chroma), chroma, atol=1e-6)


def test_black_and_white_have_no_chroma() -> None:
    luma = np.array([0.0, 1.0, -0.1, 1.1, 0.5])
    limited = gamut.limit_chroma(luma, np.tile([0.1, -0.1], (5, 1)))
    assert not limited[:4].any()
    assert limited[4].tolist() == [0.1, -0.1]
    assert not gamut.limit_chroma(luma, np.zeros((5, 2))).any()


@DTYPES
@STANDARDS
def test_lightness_of_all_of_srgb_is_found(dtype: Any, standard: color.Standard) -> None:
    rgb = all_of_srgb(dtype)
    lab, luma = color.rgb_to_lab(rgb), color.rgb_to_luma(rgb, standard)
    lightness, _ = gamut.solve_lightness(luma, lab[..., 1:], standard)
    assert lightness.dtype == dtype
    assert lightness.shape == luma.shape
    error = luma_of(lightness, lab[..., 1:], standard) - luma
    np.testing.assert_allclose(error, 0, atol=1e-3)
    # Luma 0.0005 is at most 0.8 in L where luma is flattest, just above black.
    np.testing.assert_allclose(lightness, lab[..., 0], atol=0.8)
    np.testing.assert_allclose(lightness[luma > 0.05], lab[luma > 0.05][:, 0], atol=0.3)
    found = np.concatenate([lightness[..., None], lab[..., 1:]], axis=-1)
    _, chroma = gamut.solve_lightness(luma, lab[..., 1:], standard)
    wanted = color.rgb_to_chroma(color.lab_to_rgb(found), standard)
    np.testing.assert_allclose(chroma, wanted, atol=1e-5 if dtype == np.float32 else 1e-9)


@DTYPES
def test_lightness_of_pure_blue(dtype: Any) -> None:
    blue_ab = np.array([79.1875, -107.8602], dtype)
    luma = np.array(0.114, dtype)
    lightness, _ = gamut.solve_lightness(luma, blue_ab)
    assert lightness.shape == ()
    np.testing.assert_allclose(lightness, 32.2970, atol=0.1)


@DTYPES
@STANDARDS
@pytest.mark.parametrize("strength", [1.0, 1.5])
def test_lightness_of_any_combination(
    dtype: Any, standard: color.Standard, strength: float
) -> None:
    rng = np.random.default_rng(5)
    ab = color.rgb_to_lab(rng.random((20000, 3)).astype(dtype))[:, 1:] * dtype(strength)
    luma = rng.random(20000).astype(dtype)
    lightness, _ = gamut.solve_lightness(luma, ab, standard)
    error = luma_of(lightness, ab, standard) - luma
    too_bright_at_black = (lightness == 0) & (error > 0)
    too_dark_at_white = (lightness == 100) & (error < 0)
    reached = ~(too_bright_at_black | too_dark_at_white)
    assert reached.mean() > 0.85
    np.testing.assert_allclose(error[reached], 0, atol=1e-3)


@DTYPES
@STANDARDS
def test_newton_finds_lightness_in_four_rounds(
    dtype: Any, standard: color.Standard, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong slope would be made up for by halving the bracket, in many more rounds."""
    monkeypatch.setattr(gamut, "MAX_ROUNDS", gamut.NEWTON_ROUNDS)
    rng = np.random.default_rng(9)
    ab = color.rgb_to_lab(rng.random((5000, 3)).astype(dtype))[:, 1:] * dtype(0.5)
    luma = rng.uniform(0.2, 0.8, 5000).astype(dtype)
    lightness, _ = gamut.solve_lightness(luma, ab, standard)
    error = np.abs(luma_of(lightness, ab, standard) - luma)
    assert (error < 1e-3).mean() > 0.999


def test_luma_rises_with_lightness() -> None:
    ab = color.rgb_to_lab(all_of_srgb(np.float64, 13)).reshape(-1, 3)[:, 1:]
    lightness = np.linspace(0, 100, 101)[:, None] * np.ones(len(ab))
    luma = luma_of(lightness, np.broadcast_to(ab, (*lightness.shape, 2)), "bt601")
    assert np.diff(luma, axis=0).min() > 0


def test_unreachable_luma_gives_the_nearer_end() -> None:
    yellow = np.array([-21.6, 94.5])
    assert gamut.solve_lightness(np.array(1.0), yellow)[0] == 100
    # A little red and blue that no green outweighs: luma is above 0 at L = 0 already.
    purple = np.array([20.0, -20.0])
    assert luma_of(np.array(0.0), purple, "bt601") > 0.01
    assert gamut.solve_lightness(np.array(0.0), purple)[0] == 0


@DTYPES
@STANDARDS
def test_chroma_of_all_of_srgb(dtype: Any, standard: color.Standard) -> None:
    rgb = all_of_srgb(dtype)
    lab, luma = color.rgb_to_lab(rgb), color.rgb_to_luma(rgb, standard)
    chroma = gamut.chroma_from_lab(luma, lab[..., 1:], standard)
    assert chroma.dtype == dtype
    expected = color.rgb_to_chroma(rgb, standard)
    off = np.abs(chroma - expected).max(axis=-1)
    assert np.quantile(off, 0.99) < 1e-3
    # Where a channel is all but black, 0.0005 of luma is a few codes of that channel.
    assert off.max() < 0.01


@DTYPES
def test_chroma_fits_for_any_combination(dtype: Any) -> None:
    rng = np.random.default_rng(6)
    ab = rng.uniform(-130, 130, (60, 50, 2)).astype(dtype)
    luma = rng.random((60, 50)).astype(dtype)
    chroma = gamut.chroma_from_lab(luma, ab)
    assert chroma.shape == (60, 50, 2)
    assert chroma.dtype == dtype
    assert np.abs(chroma).max() <= 0.5 + 1e-6
    rgb = color.luma_chroma_to_rgb(luma, chroma)
    assert rgb.min() >= -1e-6
    assert rgb.max() <= 1 + 1e-6


@DTYPES
def test_neutral_ab_gives_no_chroma(dtype: Any) -> None:
    luma = np.linspace(0, 1, 1001, dtype=dtype)
    assert not gamut.chroma_from_lab(luma, np.zeros((1001, 2), dtype)).any()


def test_blocks_give_what_single_pixels_give() -> None:
    rng = np.random.default_rng(7)
    count = gamut.BLOCK + 300
    luma = rng.random(count).astype(np.float32)
    ab = rng.uniform(-60, 60, (count, 2)).astype(np.float32)
    chroma = gamut.chroma_from_lab(luma, ab)
    for index in (0, gamut.BLOCK - 1, gamut.BLOCK, count - 1):
        alone = gamut.chroma_from_lab(luma[index], ab[index])
        np.testing.assert_allclose(chroma[index], alone, atol=2e-3)


def test_planes_of_a_network_are_taken_as_they_are() -> None:
    rng = np.random.default_rng(8)
    planes = rng.uniform(-60, 60, (2, 30, 40)).astype(np.float32)
    luma = rng.random((30, 40)).astype(np.float32)
    moved = np.moveaxis(planes, 0, -1)
    expected = gamut.chroma_from_lab(luma, np.ascontiguousarray(moved))
    np.testing.assert_array_equal(gamut.chroma_from_lab(luma, moved), expected)


def test_no_pixels() -> None:
    luma, ab = np.zeros((0, 4), np.float32), np.zeros((0, 4, 2), np.float32)
    assert gamut.solve_lightness(luma, ab)[0].shape == (0, 4)
    assert gamut.chroma_from_lab(luma, ab).shape == (0, 4, 2)


def test_mismatched_shapes_are_refused() -> None:
    with pytest.raises(ValueError, match=r"must be \(3, 4, 2\)"):
        gamut.chroma_from_lab(np.zeros((3, 4)), np.zeros((4, 3, 2)))
