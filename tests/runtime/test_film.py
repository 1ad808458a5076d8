"""Frames of films: chroma planes that suit the luma they come with."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from oracles import dequantize_luma

import tinct
from tinct import color, gamut
from tinct.errors import InputError, ModelError
from tinct.frame_format import FrameFormat
from tinct.runtime import Colorizer, ColorOptions
from tinct.runtime.film import FilmColorizer, View, estimate_noise
from tinct.runtime.upsample import ChromaModel

EXAMPLES = Path(__file__).parents[2] / "examples"
MATRICES = ("bt601", "bt709", "bt2020")
DEPTHS = ((8, False), (8, True), (10, False), (10, True), (12, False), (16, True))
SHIFTS = ((1, 1), (1, 0), (0, 0))


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer("nano", threads=1)


@pytest.fixture(scope="module")
def gray() -> NDArray[np.float64]:
    """A real photograph, (240, 321), 0..1."""
    picture = tinct.read_picture(EXAMPLES / "broadway-saratoga-1900-1915.jpg", gray=True)
    return cv2.resize(picture.pixels, (321, 240), interpolation=cv2.INTER_AREA) / 255.0


def range_of(format: FrameFormat) -> color.Range:
    return "full" if format.full_range else "limited"


def to_codes(gray: NDArray[np.float64], format: FrameFormat) -> NDArray[np.integer]:
    return color.quantize_luma(gray, format.bits, range_of(format))


def decode(
    luma: NDArray[np.integer], planes: tuple[NDArray[np.integer], ...], format: FrameFormat
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Turn planes of equal size into luma, and R'G'B' clipped as a screen does, in float64."""
    gray = dequantize_luma(luma, format.bits, range_of(format)).astype(np.float64)
    chroma = color.dequantize_chroma(np.stack(planes, -1), format.bits, range_of(format))
    rgb = color.luma_chroma_to_rgb(gray, chroma.astype(np.float64), format.matrix)
    return gray, rgb.clip(0, 1)


def wild_chroma(rng: np.random.Generator) -> ChromaModel:
    """Return chroma far outside the gamut in places."""
    return ChromaModel(*(((rng.random((24, 32), np.float32) - 0.5) * 0.8) for _ in range(4)))


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize(("bits", "full"), DEPTHS)
def test_a_screen_shows_the_luma_of_the_film(
    colorizer: Colorizer, rng: np.random.Generator, bits: int, full: bool, matrix: color.Standard
) -> None:
    format = FrameFormat(61, 83, bits, (0, 0), full, matrix)
    low, high = format.luma_codes
    luma = rng.integers(low, high, (83, 61), endpoint=True).astype(format.dtype)
    planes = FilmColorizer(colorizer, format).compose(luma, wild_chroma(rng))
    gray, rgb = decode(luma, planes, format)
    # Rounding of chroma alone may carry a color on the boundary over it, by so much:
    allowed = 0.5 / format.chroma_codes[1] * 2
    assert np.abs(color.rgb_to_luma(rgb, matrix) - gray).max() <= allowed + 1e-6
    assert rgb.std(axis=-1).max() > 0.1, "hardly any color"


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize(("bits", "full"), DEPTHS)
@pytest.mark.parametrize("shift", SHIFTS)
def test_an_even_color_is_the_one_of_lab(
    colorizer: Colorizer, bits: int, full: bool, shift: tuple[int, int], matrix: color.Standard
) -> None:
    format = FrameFormat(70, 50, bits, shift, full, matrix)
    film = FilmColorizer(colorizer, format, steady=False)
    for value, ab in ((0.5, (20, -30)), (0.05, (60, 60)), (0.95, (-70, 60)), (0.3, (0, 0))):
        luma = to_codes(np.full((50, 70), value), format)
        exact = dequantize_luma(luma[0, 0], format.bits, range_of(format)).astype(np.float64)
        view = View(
            np.full((64, 96), exact, np.float32),
            np.tile(np.float32(ab)[:, None, None], (1, 16, 24)),
            np.ones((16, 24), np.float32),
        )
        cb, cr = film.compose(luma, film.fit(view))
        wanted = gamut.chroma_from_lab(np.array(exact), np.array(ab, np.float64), matrix)
        codes = color.quantize_chroma(wanted, bits, range_of(format)).astype(int)
        # The L* of a luma is found to 5e-4, and chroma with it.
        allowed = 1 + 2e-3 * format.chroma_codes[1]
        assert cb.shape == cr.shape == format.chroma_shape
        assert cb.dtype == cr.dtype == format.dtype
        assert np.abs(cb.astype(int) - codes[0]).max() <= allowed
        assert np.abs(cr.astype(int) - codes[1]).max() <= allowed


@pytest.mark.parametrize("matrix", MATRICES)
def test_depth_and_range_do_not_change_the_colors(
    colorizer: Colorizer, gray: NDArray[np.float64], matrix: color.Standard
) -> None:
    found = []
    for bits, full in DEPTHS:
        format = FrameFormat(321, 240, bits, (1, 1), full, matrix)
        planes = FilmColorizer(colorizer, format)(to_codes(gray, format))
        found.append(color.dequantize_chroma(np.stack(planes), bits, range_of(format)))
    assert np.abs(found[0]).mean() > 0.01, "hardly any color"
    for other in found[1:]:
        assert np.abs(other - found[0]).mean() < 0.5 / 224
        assert np.abs(other - found[0]).max() < 0.05


def test_matrices_agree_on_the_color(gray: NDArray[np.float64]) -> None:
    """A gray film looks the same whatever its matrix, so its colors shall."""
    # The more color there is, the more may disagree.
    colorizer = Colorizer("nano", vividness=1, threads=1)
    shown = []
    for matrix in MATRICES:
        format = FrameFormat(321, 240, 16, (0, 0), True, matrix)  # type: ignore[arg-type]
        luma = to_codes(gray, format)
        _, rgb = decode(luma, FilmColorizer(colorizer, format)(luma), format)
        shown.append(color.rgb_to_lab(rgb)[..., 1:])
    assert np.abs(shown[1] - shown[0]).mean() < 1
    assert np.abs(shown[1] - shown[2]).mean() < 1
    assert np.abs(shown[1]).mean() > 3


def test_a_photograph_of_the_same_kind_has_nearly_the_same_colors(
    colorizer: Colorizer, gray: NDArray[np.float64]
) -> None:
    """A film is seen a little smaller than a photograph, and fitted more coarsely; that is all."""
    format = FrameFormat(321, 240, 8, (0, 0), True, "bt601")
    luma = to_codes(gray, format)
    _, rgb = decode(luma, FilmColorizer(colorizer, format)(luma), format)
    difference = np.abs(rgb - colorizer(luma) / 255.0)
    assert difference.mean() < 0.02


@pytest.mark.parametrize("shift", SHIFTS)
@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("size", [(1, 1), (17, 3), (3, 17), (33, 65), (2, 500)])
def test_odd_sizes(
    colorizer: Colorizer,
    rng: np.random.Generator,
    size: tuple[int, int],
    bits: int,
    shift: tuple[int, int],
) -> None:
    format = FrameFormat(*size, bits, shift)
    luma = to_codes(rng.random(format.luma_shape), format)
    cb, cr = FilmColorizer(colorizer, format)(luma)
    assert cb.shape == cr.shape == format.chroma_shape
    low, span = format.chroma_codes[0] - format.chroma_codes[1] // 2, format.chroma_codes[1]
    assert low <= min(cb.min(), cr.min())
    assert max(cb.max(), cr.max()) <= low + span


@pytest.mark.parametrize("bits", [8, 10])
def test_black_white_and_what_is_beyond_are_neutral(
    colorizer: Colorizer, rng: np.random.Generator, bits: int
) -> None:
    format = FrameFormat(64, 48, bits)
    black, white = format.luma_codes
    highest = 2**bits - 1
    film = FilmColorizer(colorizer, format)
    for codes in ([0, black // 2, black], [white, (white + highest) // 2, highest]):
        luma = np.repeat(np.array(codes, format.dtype), 16)[:, None] * np.ones(64, format.dtype)
        for planes in (film.compose(luma, wild_chroma(rng)), film(luma)):
            np.testing.assert_array_equal(np.stack(planes), format.chroma_codes[0])


def test_luma_is_only_read(colorizer: Colorizer, gray: NDArray[np.float64]) -> None:
    format = FrameFormat(321, 240)
    luma = to_codes(gray, format)
    luma.flags.writeable = False
    FilmColorizer(colorizer, format)(luma)


def test_a_plane_inside_a_wider_one_is_the_same(
    colorizer: Colorizer, gray: NDArray[np.float64]
) -> None:
    """Decoders give rows with padding."""
    format = FrameFormat(321, 240)
    luma = to_codes(gray, format)
    padded = np.full((240, 352), 77, np.uint8)
    padded[:, :321] = luma
    for one, other in zip(
        FilmColorizer(colorizer, format)(luma),
        FilmColorizer(colorizer, format)(padded[:, :321]),
        strict=True,
    ):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "luma", [np.zeros((48, 63), np.uint8), np.zeros((48, 64), np.uint16), np.zeros(64, np.uint8)]
)
def test_another_frame_is_refused(colorizer: Colorizer, luma: NDArray[np.integer]) -> None:
    film = FilmColorizer(colorizer, FrameFormat(64, 48))
    with pytest.raises(InputError, match=r"64x48 uint8 was expected"):
        film.predict(luma)
    with pytest.raises(InputError, match=r"64x48 uint8 was expected"):
        film.compose(luma, wild_chroma(np.random.default_rng(0)))


def test_nan_is_an_error(
    colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch, gray: NDArray[np.float64]
) -> None:
    format = FrameFormat(321, 240)
    broken = np.full((1, 2, 56, 72), np.nan, np.float32)
    monkeypatch.setattr(colorizer.session, "run", lambda *_: (broken, broken[:, :1]))
    with pytest.raises(ModelError, match="NaN"):
        FilmColorizer(colorizer, format).predict(to_codes(gray, format))


def test_options_may_change_between_frames(colorizer: Colorizer, gray: NDArray[np.float64]) -> None:
    format = FrameFormat(321, 240)
    luma = to_codes(gray, format)
    film = FilmColorizer(colorizer, format, steady=False)

    def strength(options: ColorOptions) -> float:
        film.options = options
        return float(np.abs(np.stack(film(luma)).astype(int) - 128).mean())

    usual = strength(ColorOptions())
    assert strength(ColorOptions(saturation=0)) == 0
    assert strength(ColorOptions(saturation=0.5)) == pytest.approx(usual / 2, rel=0.1)
    assert strength(ColorOptions(cautious=1)) < 0.8 * usual
    assert strength(ColorOptions(vividness=0)) < usual < strength(ColorOptions(vividness=1))
    assert strength(ColorOptions()) == usual


@pytest.mark.parametrize(("short_side", "seen"), [(None, (224, 288)), (160, (160, 224))])
def test_how_large_the_network_sees_a_frame(
    colorizer: Colorizer,
    gray: NDArray[np.float64],
    short_side: int | None,
    seen: tuple[int, int],
) -> None:
    format = FrameFormat(321, 240)
    view = FilmColorizer(colorizer, format, short_side=short_side).predict(to_codes(gray, format))
    cells = (seen[0] // 4, seen[1] // 4)
    assert (view.luma.shape, view.ab.shape, view.confidence.shape) == (seen, (2, *cells), cells)
    assert view.luma.mean() == pytest.approx(gray.mean(), abs=0.01)


def test_steadying_remembers_until_reset(
    colorizer: Colorizer, gray: NDArray[np.float64], rng: np.random.Generator
) -> None:
    format = FrameFormat(321, 240)
    noisy = [to_codes(gray + rng.normal(0, 0.03, gray.shape), format) for _ in range(3)]
    film = FilmColorizer(colorizer, format)
    first = [film(luma) for luma in noisy]
    again = film(noisy[0])
    assert not np.array_equal(first[0], again), "nothing was remembered"
    film.reset()
    np.testing.assert_array_equal(film(noisy[0]), first[0])
    film.steady = False
    alone = film(noisy[1])
    assert not np.array_equal(alone, first[1])
    film.steady = True
    np.testing.assert_array_equal(film(noisy[1]), alone)  # nothing was kept meanwhile


def test_several_threads_give_the_same(colorizer: Colorizer, gray: NDArray[np.float64]) -> None:
    format = FrameFormat(321, 240)
    lumas = [to_codes(np.roll(gray, 9 * index, axis=1), format) for index in range(12)]
    film = FilmColorizer(colorizer, format, steady=False)
    wanted = [film(luma) for luma in lumas]
    with ThreadPoolExecutor(4) as pool:
        for one, other in zip(pool.map(film, lumas), wanted, strict=True):
            np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("bits", [8, 10])
@pytest.mark.parametrize("deviation", [0.0, 1.0, 4.0, 12.0])
def test_noise_is_told_from_slopes_and_edges(
    rng: np.random.Generator, bits: int, deviation: float
) -> None:
    y, x = np.mgrid[:240, :320]
    scene = 60 + 60 * np.sin(x / 20) + 40 * (y > 100) + 30 * (x % 60 < 20)
    noisy = scene + rng.normal(0, deviation, scene.shape)
    noisy[:, :80] = 0  # clipped
    codes = np.rint(noisy * 2 ** (bits - 8)).clip(0, 2**bits - 1)
    luma = codes.astype(np.uint8 if bits == 8 else np.uint16)
    found = estimate_noise(luma, 0, 2**bits - 1) / 2 ** (bits - 8)
    assert found == pytest.approx(deviation, rel=0.15, abs=0.4)


def test_chroma_does_not_follow_noise(colorizer: Colorizer, rng: np.random.Generator) -> None:
    """The answer of the network is the same for all frames: what changes is luma alone."""
    picture = tinct.read_picture(EXAMPLES / "migrant-mother-1936.jpg", gray=True).pixels
    scene = cv2.resize(picture, (320, 240), interpolation=cv2.INTER_AREA).astype(np.float64)
    film = FilmColorizer(colorizer, FrameFormat(320, 240, shift=(0, 0), full_range=True))
    frames = [scene + rng.normal(0, 10, scene.shape) for _ in range(6)]
    lumas = [np.rint(frame).clip(0, 255).astype(np.uint8) for frame in frames]
    view = film.smooth(film.predict(lumas[0]))

    def deviation(noise: float) -> float:
        fitted = film.fit(replace(view, noise=noise))
        chroma = [np.stack(film.compose(luma, fitted)).astype(float) for luma in lumas]
        return float(np.std(chroma, axis=0).mean())

    assert view.noise == pytest.approx(10 / 255, rel=0.25)
    assert deviation(view.noise) < 0.7 * deviation(0)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_the_network_sees_a_frame_as_it_is_shown(
    colorizer: Colorizer, gray: NDArray[np.float64], turns: int
) -> None:
    shown = to_codes(cv2.resize(gray, (320, 256)), FrameFormat(320, 256))
    coded = np.ascontiguousarray(np.rot90(shown, -turns))
    height, width = coded.shape
    upright = FilmColorizer(colorizer, FrameFormat(320, 256)).predict(shown)
    view = FilmColorizer(colorizer, FrameFormat(width, height, turns=turns)).predict(coded)
    # Shrinking rounds codes of a turned frame in another order.
    np.testing.assert_allclose(np.rot90(view.luma, turns), upright.luma, atol=1.5 / 219)
    np.testing.assert_allclose(np.rot90(view.ab, turns, axes=(1, 2)), upright.ab, atol=1.5)
    sideways = FilmColorizer(colorizer, FrameFormat(width, height)).predict(coded)
    assert np.abs(sideways.ab - view.ab).mean() > 1
