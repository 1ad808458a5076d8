"""What holds for every color: arithmetic and gamut mapping, on colors that hypothesis looks for."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tinct import color, gamut

UNIT = st.floats(0, 1)
STANDARDS = st.sampled_from(("bt601", "bt709", "bt2020"))


def triples(*ranges: tuple[float, float]) -> st.SearchStrategy[NDArray[np.float64]]:
    """Colors, (3,) float64, each channel within its range."""
    return st.tuples(*(st.floats(low, high) for low, high in ranges)).map(np.array)


RGB = triples((0, 1), (0, 1), (0, 1))
LAB = triples((0, 100), (-150, 150), (-150, 150))


@given(st.floats(-2, 2))
@example(color.SRGB_KNEE_ENCODED)
@example(color.SRGB_KNEE_LINEAR)
@example(0.0)
def test_the_srgb_curve_is_undone_by_its_inverse(value: float) -> None:
    there = color.srgb_to_linear(np.array(value))
    np.testing.assert_allclose(color.linear_to_srgb(there), value, atol=1e-7)


@given(st.floats(-2, 2), st.floats(-2, 2))
def test_the_srgb_curve_rises(one: float, other: float) -> None:
    low, high = sorted((one, other))
    for curve in (color.srgb_to_linear, color.linear_to_srgb):
        # The two branches disagree by 3e-8 at the knee, by the constants that are printed.
        assert curve(np.array(low)) <= curve(np.array(high)) + 1e-6


@given(RGB)
def test_lab_leads_back_to_rgb(rgb: NDArray[np.float64]) -> None:
    lab = color.rgb_to_lab(rgb)
    np.testing.assert_allclose(color.lab_to_rgb(lab), rgb, atol=1e-6)
    assert -1e-9 <= lab[0] <= 100 + 1e-9
    assert gamut.in_gamut(lab)


@given(UNIT)
def test_neutral_colors_stay_neutral(value: float) -> None:
    gray = np.full(3, value)
    lab = color.rgb_to_lab(gray)
    assert lab[1] == lab[2] == 0
    assert not color.rgb_to_chroma(gray).any()
    assert color.rgb_to_luma(gray) == value
    np.testing.assert_allclose(color.luma_to_lightness(np.array(value)), lab[0], atol=1e-9)


@given(RGB, STANDARDS)
def test_luma_and_chroma_lead_back_to_rgb(rgb: NDArray[np.float64], standard: Any) -> None:
    luma, chroma = color.rgb_to_luma(rgb, standard), color.rgb_to_chroma(rgb, standard)
    np.testing.assert_allclose(color.luma_chroma_to_rgb(luma, chroma, standard), rgb, atol=1e-12)
    assert np.abs(chroma).max() <= 0.5 + 1e-12
    assert -1e-12 <= luma <= 1 + 1e-12


@given(UNIT, st.integers(8, 16), st.sampled_from(("full", "limited")))
def test_codes_are_the_nearest(luma: float, bits: int, range_: Any) -> None:
    low, high = color.luma_codes(bits, range_)
    code = int(color.quantize_luma(np.array(luma), bits, range_))
    assert low <= code <= high
    assert abs((code - low) / (high - low) - luma) <= 0.5 / (high - low) + 1e-12


@given(st.floats(-0.5, 0.5), st.integers(8, 16), st.sampled_from(("full", "limited")))
def test_codes_of_chroma_are_the_nearest(chroma: float, bits: int, range_: Any) -> None:
    code = color.quantize_chroma(np.array(chroma), bits, range_)
    step = 1 / color.chroma_codes(bits, range_)[1]
    # The code of +0.5 is cut off at full range: 128 + 127.5 in 8 bits.
    allowed = step if range_ == "full" and chroma > 0.5 - step else step / 2
    assert abs(color.dequantize_chroma(code, bits, range_) - chroma) <= allowed + 1e-6


@given(LAB)
@example(np.array([50.0, 1e-9, -1e-9]))
@example(np.array([0.0, 100.0, 100.0]))
@example(np.array([100.0, -100.0, 100.0]))
def test_gamut_mapping_lowers_chroma_and_nothing_else(lab: NDArray[np.float64]) -> None:
    mapped = gamut.map_to_gamut(lab)
    assert gamut.in_gamut(mapped)
    assert mapped[0] == lab[0]
    chroma, mapped_chroma = np.hypot(*lab[1:]), np.hypot(*mapped[1:])
    assert mapped_chroma <= chroma
    # The hue: the new a, b are a multiple, of 0 to 1, of the old.
    np.testing.assert_allclose(mapped[1:] * chroma, lab[1:] * mapped_chroma, atol=1e-9)
    np.testing.assert_array_equal(gamut.map_to_gamut(mapped), mapped)


@given(RGB)
def test_gamut_mapping_leaves_what_is_inside(rgb: NDArray[np.float64]) -> None:
    lab = color.rgb_to_lab(rgb)
    np.testing.assert_array_equal(gamut.map_to_gamut(lab), lab)


CHROMA = hnp.arrays(np.float64, 2, elements=st.floats(-1, 1))


@given(UNIT, CHROMA, STANDARDS)
def test_limited_chroma_fits_and_is_the_most_that_does(
    luma: float, chroma: NDArray[np.float64], standard: Any
) -> None:
    y = np.array(luma)
    limited = gamut.limit_chroma(y, chroma, standard)
    rgb = color.luma_chroma_to_rgb(y, limited, standard)
    assert rgb.min() >= -1e-9
    assert rgb.max() <= 1 + 1e-9
    np.testing.assert_allclose(color.rgb_to_luma(rgb, standard), luma, atol=1e-9)
    size, limited_size = np.hypot(*chroma), np.hypot(*limited)
    assert limited_size <= size + 1e-12
    np.testing.assert_allclose(limited * size, chroma * limited_size, atol=1e-9)
    np.testing.assert_allclose(gamut.limit_chroma(y, limited, standard), limited, atol=1e-9)
    if limited_size < size - 1e-9:
        assert min(rgb.min(), 1 - rgb.max()) < 1e-9, "a channel is at its end"


@given(UNIT, hnp.arrays(np.float64, 2, elements=st.floats(-80, 80)), STANDARDS)
def test_a_color_is_found_for_its_luma(luma: float, ab: NDArray[np.float64], standard: Any) -> None:
    lightness, _ = gamut.solve_lightness(np.array(luma), ab, standard)
    assert 0 <= lightness <= 100
    found = color.rgb_to_luma(color.lab_to_rgb(np.array([lightness, *ab])), standard)
    if 0 < lightness < 100:
        assert abs(found - luma) < 1e-3
    chroma = gamut.chroma_from_lab(np.array(luma), ab, standard)
    assert np.abs(chroma).max() <= 0.5 + 1e-9
    rgb = color.luma_chroma_to_rgb(np.array(luma), chroma, standard)
    assert rgb.min() >= -1e-9
    assert rgb.max() <= 1 + 1e-9
