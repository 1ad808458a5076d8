"""What holds for every picture: upsampling and composing, on pictures that hypothesis looks for."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from tinct.gamut import chroma_from_lab
from tinct.runtime.colorizer import ColorOptions, adjust, working_luma
from tinct.runtime.compose import compose_planes, compose_rgb, luma_of, white_level
from tinct.runtime.upsample import ChromaModel, fit_chroma

SIDES = st.integers(1, 70)
SEEDS = st.integers(0, 2**32 - 1)
AB = st.floats(-60, 60, width=32)


def chroma_model(seed: int, size: float) -> ChromaModel:
    """A model of chroma of so many times what sRGB can hold."""
    rng = np.random.default_rng(seed)
    planes = (rng.random((4, 12, 16), np.float32) - np.float32(0.5)) * np.float32(size)
    return ChromaModel(*planes)


def picture(seed: int, shape: tuple[int, ...], dtype: str) -> NDArray[Any]:
    """Noise, with black and white in it."""
    values = np.random.default_rng(seed).uniform(-0.2, 1.2, shape).clip(0, 1)
    white = white_level(np.dtype(dtype))
    return np.rint(values * white).astype(dtype) if white > 1 else values.astype(dtype)


@given(SIDES, SIDES, SEEDS, st.floats(0, 3), st.sampled_from(("uint8", "uint16", "float32")))
def test_composing_keeps_luma_within_rounding(
    height: int, width: int, seed: int, size: float, dtype: str
) -> None:
    gray = picture(seed, (height, width), dtype)
    result = compose_rgb(gray, chroma_model(seed, size))
    assert result.shape == (height, width, 3)
    assert result.dtype == gray.dtype
    luma = result.astype(np.float64) @ [0.299, 0.587, 0.114]
    assert np.abs(luma - gray).max() <= (0.51 if dtype[0] == "u" else 1e-6)
    assert result.max() <= white_level(gray.dtype)
    assert result.min() >= 0


@given(SIDES, SIDES, SEEDS, st.sampled_from(("uint8", "uint16", "float32", "float64")))
def test_no_chroma_gives_gray(height: int, width: int, seed: int, dtype: str) -> None:
    gray = picture(seed, (height, width), dtype)
    result = compose_rgb(gray, chroma_model(seed, 0))
    np.testing.assert_array_equal(result, np.repeat(gray[..., None], 3, axis=2))


@given(SIDES, SIDES, SEEDS, st.floats(0, 3))
def test_planes_fit_their_luma(height: int, width: int, seed: int, size: float) -> None:
    """Chroma of a 4:2:0 picture lies within the gamut at the mean luma of the pixels it covers."""
    gray = picture(seed, (height, width), "uint8")
    cb, cr = (plane.astype(float) - 128 for plane in compose_planes(gray, chroma_model(seed, size)))
    assert cb.shape == ((height + 1) // 2, (width + 1) // 2)
    even = np.pad(gray.astype(float), ((0, height % 2), (0, width % 2)), mode="edge")
    mean = even.reshape(cb.shape[0], 2, cb.shape[1], 2).mean(axis=(1, 3))
    red, blue = mean + 1.402 * cr, mean + 1.772 * cb
    green = mean - 0.344136 * cb - 0.714136 * cr
    for channel in (red, green, blue):
        assert channel.min() >= -1.5  # a code of chroma is up to 1.772 / 2 codes of a channel off
        assert channel.max() <= 256.5


@given(st.integers(1, 20), st.integers(1, 20), AB, AB, st.floats(0.1, 0.9))
def test_constant_maps_stay_constant(
    rows: int, columns: int, a: float, b: float, level: float
) -> None:
    luma = np.full((4 * rows, 4 * columns), level, np.float32)
    ab = np.empty((2, rows, columns), np.float32)
    ab[0], ab[1] = a, b
    wanted = chroma_from_lab(luma[:1, :1], np.array([[[a, b]]], np.float32))[0, 0]
    shape = (3 * rows + 1, 5 * columns + 2)
    planes = (
        fit_chroma(luma, ab).for_height(shape[0]).evaluate(0, np.full(shape, level, np.float32))
    )
    for plane, value in zip(planes, wanted, strict=True):
        assert plane.shape == shape
        np.testing.assert_allclose(plane, value, atol=2e-4)


@given(SEEDS, st.integers(2, 12), st.integers(2, 12))
def test_a_flat_picture_stays_within_the_range_of_the_map(
    seed: int, rows: int, columns: int
) -> None:
    """Where luma tells nothing, upsampling is a mean of the map: it can not overshoot."""
    rng = np.random.default_rng(seed)
    ab = rng.uniform(-50, 50, (2, rows, columns)).astype(np.float32)
    luma = np.full((4 * rows, 4 * columns), 0.5, np.float32)
    cells = chroma_from_lab(luma[::4, ::4], np.ascontiguousarray(np.moveaxis(ab, 0, -1)))
    large = np.full((9 * rows, 7 * columns), 0.5, np.float32)
    planes = fit_chroma(luma, ab).for_height(len(large)).evaluate(0, large)
    for index, plane in enumerate(planes):
        assert plane.min() >= cells[..., index].min() - 1e-4
        assert plane.max() <= cells[..., index].max() + 1e-4


@given(st.integers(6, 26), st.tuples(AB, AB), st.tuples(AB, AB))
def test_an_edge_of_luma_is_an_edge_of_color(
    place: int, dark: tuple[float, float], bright: tuple[float, float]
) -> None:
    """Away from the edge by the window of the fit, each side has the color of its own."""
    is_left = np.arange(32) < place
    luma = np.where(np.repeat(is_left, 4), np.float32(0.3), np.float32(0.7))
    luma = np.ascontiguousarray(np.broadcast_to(luma, (64, 128)), np.float32)
    ab = np.where(is_left, np.array(dark)[:, None], np.array(bright)[:, None])
    ab = np.ascontiguousarray(np.broadcast_to(ab[:, None], (2, 16, 32)), np.float32)
    planes = fit_chroma(luma, ab).for_height(64).evaluate(0, luma)
    for column, level, color in ((0, 0.3, dark), (127, 0.7, bright)):
        wanted = chroma_from_lab(np.float32([[level]]), np.float32([[color]]))[0, 0]
        found = [plane[32, column] for plane in planes]
        np.testing.assert_allclose(found, wanted, atol=0.02)


@given(SIDES, SIDES, SEEDS, st.integers(0, 4), st.sampled_from((32, 64, 256)))
def test_the_working_size_fits_the_network(
    height: int, width: int, seed: int, channels: int, short_side: int
) -> None:
    shape = (height, width, channels) if channels else (height, width)
    pixels = picture(seed, shape, "uint8")
    luma = working_luma(pixels, short_side, 32)
    assert luma.dtype == np.float32
    assert all(side % 32 == 0 for side in luma.shape)
    assert min(luma.shape) == short_side
    assert max(luma.shape) <= 4 * short_side
    full = luma_of(pixels) / 255
    assert luma.min() >= full.min() - 1 / 255
    assert luma.max() <= full.max() + 1 / 255


@given(
    hnp.arrays(np.float32, (2, 3, 4), elements=AB),
    hnp.arrays(np.float32, (3, 4), elements=st.floats(0, 1, width=32)),
    st.floats(0, 1),
    st.floats(0, 4),
)
def test_caution_only_fades(
    ab: NDArray[np.float32], confidence: NDArray[np.float32], cautious: float, saturation: float
) -> None:
    full = adjust(ab, confidence, ColorOptions(None, 0, saturation))
    np.testing.assert_allclose(full, ab * np.float32(saturation), rtol=1e-6)
    faded = adjust(ab, confidence, ColorOptions(None, cautious, saturation))
    assert (np.abs(faded) <= np.abs(full) * (1 + 1e-6)).all()
    assert (faded * full >= 0).all()
    # The surer the network, the more of a color is left.
    order = np.argsort(confidence.ravel())
    one = adjust(np.ones_like(ab), confidence, ColorOptions(None, cautious, 1.0))
    assert (np.diff(one[0].ravel()[order]) >= -1e-6).all()


@given(SEEDS, st.integers(1, 300), st.integers(1, 90))
def test_the_model_fits_any_height(seed: int, height: int, width: int) -> None:
    """Enlarged, no coefficient leaves the range that it had."""
    model = chroma_model(seed, 1)
    zero = np.zeros((height, width), np.float32)
    planes = model.for_height(height).evaluate(0, zero)
    for plane, offset in zip(planes, (model.offset_cb, model.offset_cr), strict=True):
        assert plane.shape == (height, width)
        assert plane.min() >= offset.min() - 1e-6
        assert plane.max() <= offset.max() + 1e-6
