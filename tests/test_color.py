from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from oracles import dequantize_luma

from tinct import color

# Tolerances in the unit of the result, by dtype.
LAB_TOLERANCE = {np.float32: 5e-4, np.float64: 1e-9}
RGB_TOLERANCE = {np.float32: 2e-5, np.float64: 1e-11}

DTYPES = pytest.mark.parametrize("dtype", [np.float32, np.float64])

# L*a*b* of the fully saturated colors of sRGB, from the calculator of brucelindbloom.com (D65).
LINDBLOOM_LAB = {
    (1, 1, 1): (100.0, 0.0, 0.0),
    (1, 1, 0): (97.1393, -21.5537, 94.4780),
    (0, 1, 1): (91.1132, -48.0875, -14.1312),
    (0, 1, 0): (87.7347, -86.1827, 83.1793),
    (1, 0, 1): (60.3242, 98.2343, -60.8249),
    (1, 0, 0): (53.2408, 80.0925, 67.2032),
    (0, 0, 1): (32.2970, 79.1875, -107.8602),
    (0, 0, 0): (0.0, 0.0, 0.0),
}

# Its matrices for sRGB, D65, to the seven digits printed there.
LINDBLOOM_XYZ_FROM_RGB = [
    [0.4124564, 0.3575761, 0.1804375],
    [0.2126729, 0.7151522, 0.0721750],
    [0.0193339, 0.1191920, 0.9503041],
]
LINDBLOOM_RGB_FROM_XYZ = [
    [3.2404542, -1.5371385, -0.4985314],
    [-0.9692660, 1.8760108, 0.0415560],
    [0.0556434, -0.2040259, 1.0572252],
]

# Y', Cb, Cr codes of 100 % red, green and blue as the Recommendations' users print them.
BARS: list[tuple[color.Standard, int, list[tuple[int, int, int]]]] = [
    ("bt601", 8, [(81, 90, 240), (145, 54, 34), (41, 240, 110)]),
    ("bt709", 8, [(63, 102, 240), (173, 42, 26), (32, 240, 118)]),
    ("bt709", 10, [(250, 409, 960), (691, 167, 105), (127, 960, 471)]),
]


@pytest.fixture(scope="module")
def sweep() -> NDArray[np.float64]:
    """Every fifth of the 256 levels in each channel, the corners included: (52, 52, 52, 3)."""
    levels = np.arange(0, 256, 5) / 255
    return np.stack(np.meshgrid(levels, levels, levels, indexing="ij"), axis=-1)


def neutrals(dtype: Any) -> NDArray[Any]:
    return np.repeat(np.linspace(0, 1, 256, dtype=dtype)[:, None], 3, axis=1)


def test_published_matrices() -> None:
    np.testing.assert_allclose(color.XYZ_FROM_LINEAR_RGB, LINDBLOOM_XYZ_FROM_RGB, atol=6e-8)
    rgb_from_xyz = color.LINEAR_RGB_FROM_RELATIVE / color.WHITE_XYZ
    np.testing.assert_allclose(rgb_from_xyz, LINDBLOOM_RGB_FROM_XYZ, atol=6e-8)


def test_white_has_the_chromaticity_of_the_srgb_standard() -> None:
    chromaticity = color.WHITE_XYZ / color.WHITE_XYZ.sum()
    np.testing.assert_allclose(chromaticity[:2], [0.3127, 0.3290], atol=5e-5)


@DTYPES
def test_published_lab(dtype: Any) -> None:
    rgb = np.array(list(LINDBLOOM_LAB), dtype)
    np.testing.assert_allclose(
        color.rgb_to_lab(rgb), list(LINDBLOOM_LAB.values()), atol=1e-4 + LAB_TOLERANCE[dtype]
    )


def test_published_curve_values() -> None:
    encoded = np.array([0.0, 0.02, 0.04045, 0.5, 1.0])
    linear = np.array([0.0, 0.0015479876, 0.0031308, 0.2140411, 1.0])
    np.testing.assert_allclose(color.srgb_to_linear(encoded), linear, atol=6e-8)
    np.testing.assert_allclose(color.linear_to_srgb(linear), encoded, atol=6e-7)


def test_curve_equals_the_formula_of_the_standard() -> None:
    encoded = np.linspace(0, 1.5, 4001)
    expected = np.where(encoded <= 0.04045, encoded / 12.92, ((encoded + 0.055) / 1.055) ** 2.4)
    np.testing.assert_allclose(color.srgb_to_linear(encoded), expected, rtol=1e-13)


@DTYPES
def test_curve_is_odd_and_undone_by_its_inverse(dtype: Any) -> None:
    values = np.linspace(-1.5, 1.5, 3001, dtype=dtype)
    linear = color.srgb_to_linear(values)
    np.testing.assert_array_equal(linear, -color.srgb_to_linear(-values))
    # The printed constants of the two branches disagree by 3e-8 at the knee.
    np.testing.assert_allclose(color.linear_to_srgb(linear), values, atol=1e-6)


@DTYPES
def test_lab_equals_scikit_image_in_the_whole_gamut(dtype: Any, sweep: NDArray[np.float64]) -> None:
    reference = pytest.importorskip("skimage.color")
    # scikit-image rounds the matrix to six digits and the CIE constants to four.
    expected = reference.rgb2lab(sweep)
    np.testing.assert_allclose(color.rgb_to_lab(sweep.astype(dtype)), expected, atol=0.006)


@DTYPES
def test_lab_round_trip_in_the_whole_gamut(dtype: Any, sweep: NDArray[np.float64]) -> None:
    rgb = sweep.astype(dtype)
    back = color.lab_to_rgb(color.rgb_to_lab(rgb))
    assert back.dtype == dtype
    # Also through the straight part of the curve, where an error in linear light grows 13-fold.
    np.testing.assert_allclose(back, rgb, atol=max(RGB_TOLERANCE[dtype], 1e-7))
    codes = np.rint(sweep * 255)
    np.testing.assert_array_equal(np.rint(back * 255), codes)


@DTYPES
def test_linear_light_of_lab(dtype: Any, sweep: NDArray[np.float64]) -> None:
    rgb = sweep[::3, ::3, ::3].astype(dtype)
    linear = color.lab_to_linear_rgb(color.rgb_to_lab(rgb))
    np.testing.assert_allclose(linear, color.srgb_to_linear(rgb), atol=RGB_TOLERANCE[dtype])


def test_lab_round_trip_of_impossible_colors() -> None:
    rng = np.random.default_rng(1)
    lab = rng.uniform([0, -128, -128], [100, 128, 128], (1000, 3))
    assert color.lab_to_rgb(lab).min() < 0
    # 1e-4 because the constants of the curve's two branches disagree a little at the knee.
    np.testing.assert_allclose(color.rgb_to_lab(color.lab_to_rgb(lab)), lab, atol=1e-4)


@DTYPES
def test_neutral_colors_are_exactly_neutral(dtype: Any) -> None:
    lab = color.rgb_to_lab(neutrals(dtype))
    assert not lab[:, 1:].any()
    assert (np.diff(lab[:, 0]) > 0).all()
    assert lab[-1, 0] == 100
    np.testing.assert_allclose(lab[0, 0], 0, atol=1e-5)


@DTYPES
def test_white_comes_back_exactly(dtype: Any) -> None:
    white = color.lab_to_rgb(np.array([100, 0, 0], dtype))
    np.testing.assert_array_equal(white, np.ones(3, dtype))


@DTYPES
def test_luma_and_lightness_of_neutral_colors(dtype: Any) -> None:
    rgb = neutrals(dtype)
    for standard in ("bt601", "bt709"):
        np.testing.assert_array_equal(color.rgb_to_luma(rgb, standard), rgb[:, 0])
        assert not color.rgb_to_chroma(rgb, standard).any()
    lightness = color.luma_to_lightness(rgb[:, 0])
    np.testing.assert_array_equal(lightness, color.rgb_to_lab(rgb)[:, 0])
    luma = color.lightness_to_luma(lightness)
    assert luma.dtype == dtype
    np.testing.assert_allclose(luma, rgb[:, 0], atol=max(RGB_TOLERANCE[dtype] / 10, 1e-7))


def test_luma_weights() -> None:
    np.testing.assert_allclose(color.rgb_to_luma(np.eye(3)), [0.299, 0.587, 0.114])
    np.testing.assert_allclose(color.rgb_to_luma(np.eye(3), "bt709"), [0.2126, 0.7152, 0.0722])


def test_jfif_coefficients() -> None:
    chroma = np.array([[1.0, 0.0], [0.0, 1.0]])
    rgb = color.luma_chroma_to_rgb(np.zeros(2), chroma)
    np.testing.assert_allclose(rgb, [[0, -0.344136, 1.772], [1.402, -0.714136, 0]], atol=5e-7)
    expected = [[-0.168736, 0.5], [-0.331264, -0.418688], [0.5, -0.081312]]
    np.testing.assert_allclose(color.rgb_to_chroma(np.eye(3)), expected, atol=5e-7)


@DTYPES
@pytest.mark.parametrize("standard", ["bt601", "bt709"])
def test_luma_chroma_round_trip(
    dtype: Any, standard: color.Standard, sweep: NDArray[np.float64]
) -> None:
    rgb = sweep.astype(dtype)
    luma, chroma = color.rgb_to_luma(rgb, standard), color.rgb_to_chroma(rgb, standard)
    assert chroma.dtype == dtype
    assert np.abs(chroma).max() <= 0.5 + 1e-6
    back = color.luma_chroma_to_rgb(luma, chroma, standard)
    assert back.dtype == dtype
    np.testing.assert_allclose(back, rgb, atol=1e-6)


@pytest.mark.parametrize(("standard", "bits", "codes"), BARS)
def test_published_color_bars(
    standard: color.Standard, bits: int, codes: list[tuple[int, int, int]]
) -> None:
    rgb = np.eye(3)
    luma = color.quantize_luma(color.rgb_to_luma(rgb, standard), bits, "limited")
    chroma = color.quantize_chroma(color.rgb_to_chroma(rgb, standard), bits, "limited")
    np.testing.assert_array_equal(np.column_stack([luma, chroma]), codes)


@pytest.mark.parametrize(
    ("bits", "range_", "black", "white", "zero", "low", "high"),
    [
        (8, "full", 0, 255, 128, 0, 255),
        (8, "limited", 16, 235, 128, 16, 240),
        (10, "full", 0, 1023, 512, 0, 1023),
        (10, "limited", 64, 940, 512, 64, 960),
    ],
)
def test_code_ranges(
    bits: int, range_: color.Range, black: int, white: int, zero: int, low: int, high: int
) -> None:
    luma = color.quantize_luma(np.array([-0.1, 0.0, 1.0, 1.1]), bits, range_)
    assert luma.tolist() == [black, black, white, white]
    assert luma.dtype == (np.uint8 if bits == 8 else np.uint16)
    chroma = color.quantize_chroma(np.array([-0.6, -0.5, 0.0, 0.5, 0.6]), bits, range_)
    assert chroma.tolist() == [low, low, zero, high, high]


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("range_", ["full", "limited"])
def test_every_code_survives(bits: int, range_: color.Range) -> None:
    low, high = color.quantize_luma(np.array([0.0, 1.0]), bits, range_).tolist()
    codes = np.arange(low, high + 1)
    luma = dequantize_luma(codes, bits, range_)
    assert luma.dtype == np.float32
    np.testing.assert_array_equal(color.quantize_luma(luma, bits, range_), codes)
    low, high = color.quantize_chroma(np.array([-0.5, 0.5]), bits, range_).tolist()
    codes = np.arange(low, high + 1)
    chroma = color.dequantize_chroma(codes, bits, range_)
    np.testing.assert_array_equal(color.quantize_chroma(chroma, bits, range_), codes)


def test_codes_beyond_the_limited_range_are_kept_by_dequantizing() -> None:
    luma = dequantize_luma(np.array([1, 254], np.uint8), 8, "limited")
    np.testing.assert_allclose(luma, [-15 / 219, 238 / 219], rtol=1e-6)


def test_codes_are_rounded_not_truncated() -> None:
    luma = np.array([100.4, 100.6]) / 255
    assert color.quantize_luma(luma).tolist() == [100, 101]
    chroma = np.array([-0.6, 0.6]) / 255
    assert color.quantize_chroma(chroma).tolist() == [127, 129]


@pytest.mark.parametrize("shape", [(3,), (1, 3), (0, 3), (4, 5, 3), (2, 3, 4, 3)])
@pytest.mark.parametrize(
    "function",
    [
        color.srgb_to_linear,
        color.linear_to_srgb,
        color.rgb_to_lab,
        color.lab_to_rgb,
        color.lab_to_linear_rgb,
    ],
)
@DTYPES
def test_any_shape_keeps_shape_dtype_and_input(
    function: Any, shape: tuple[int, ...], dtype: Any
) -> None:
    values = np.random.default_rng(2).random(shape).astype(dtype)
    before = values.copy()
    result = function(values)
    assert isinstance(result, np.ndarray)
    assert result.shape == shape
    assert result.dtype == dtype
    np.testing.assert_array_equal(values, before)
    # Color by color, and for an array that is not contiguous, the answer is the same.
    single = [function(row) for row in values.reshape(-1, 3)]
    if single:
        np.testing.assert_allclose(result, np.reshape(single, shape), rtol=1e-5, atol=1e-5)
    backwards = function(np.asfortranarray(values))
    np.testing.assert_allclose(backwards, result, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("shape", [(), (1,), (4, 5), (2, 3, 4)])
@DTYPES
def test_any_shape_of_luma(shape: tuple[int, ...], dtype: Any) -> None:
    luma = np.full(shape, 0.5, dtype)
    assert color.luma_to_lightness(luma).shape == shape
    assert color.luma_to_lightness(luma).dtype == dtype
    rgb = color.luma_chroma_to_rgb(luma, np.zeros((*shape, 2), dtype))
    assert rgb.shape == (*shape, 3)
    assert rgb.dtype == dtype
    assert color.rgb_to_luma(rgb).shape == shape
    np.testing.assert_allclose(color.luma_to_lightness(luma), 53.38897, atol=1e-4)


@pytest.mark.parametrize(
    "function", [color.rgb_to_lab, color.rgb_to_luma, color.luma_to_lightness, color.lab_to_rgb]
)
def test_integers_are_refused(function: Any) -> None:
    with pytest.raises(TypeError, match="floating-point values, not uint8"):
        function(np.zeros((2, 2, 3), np.uint8))


@pytest.mark.parametrize("shape", [(), (4,), (3, 2)])
@pytest.mark.parametrize("function", [color.rgb_to_lab, color.lab_to_rgb, color.rgb_to_luma])
def test_other_channel_counts_are_refused(function: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="3 channels"):
        function(np.zeros(shape))
