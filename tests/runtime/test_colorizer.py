"""The colorizer with the weights of the package."""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

import tinct
from benchmarks.footprint import peak_memory
from tinct.errors import ModelError, OptionError
from tinct.runtime import Colorizer, model_path
from tinct.runtime.colorizer import ColorOptions, adjust, working_luma, working_pixels
from tinct.runtime.compose import luma_of

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer(threads=1)


@pytest.fixture(scope="module")
def street() -> np.ndarray:
    """A real gray photograph, (H, W) uint8."""
    return tinct.read_picture(EXAMPLES / "broadway-saratoga-1900-1915.jpg", gray=True).pixels


def saturation(rgb: np.ndarray) -> float:
    return float((rgb.max(axis=-1).astype(int) - rgb.min(axis=-1)).mean())


def test_a_photograph_is_colored_and_keeps_its_luma(
    colorizer: Colorizer, street: np.ndarray
) -> None:
    rgb = colorizer(street)
    assert saturation(rgb) > 5, "hardly any color"
    assert np.abs(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(int) - street).max() <= 1


@pytest.mark.parametrize(
    "shape",
    [
        (1, 1),
        (1, 500),
        (500, 1),
        (17, 3),
        (31, 33),
        (64, 2000),
        (255, 257),
        (300, 200, 3),
        (9, 9, 4),
        (9, 9, 2),
    ],
)
def test_any_size(colorizer: Colorizer, rng: np.random.Generator, shape: tuple[int, ...]) -> None:
    pixels = (rng.random(shape) * 255).astype(np.uint8)
    result = colorizer(pixels)
    assert result.shape[:2] == shape[:2]
    difference = np.abs(luma_of(result).astype(int) - luma_of(pixels))
    assert difference.max() <= 1


def test_black_and_white_stay_black_and_white(colorizer: Colorizer) -> None:
    for level in (0, 255):
        flat = np.full((64, 64), level, np.uint8)
        np.testing.assert_array_equal(colorizer(flat), np.repeat(flat[..., None], 3, axis=2))


def test_types_agree(colorizer: Colorizer, street: np.ndarray) -> None:
    small = cv2.resize(street, (160, 120), interpolation=cv2.INTER_AREA)
    wanted = colorizer(small).astype(np.float64) / 255
    for dtype, white in (("uint16", 65535), ("float32", 1), ("float64", 1)):
        pixels = (small / 255 * white).astype(dtype)
        np.testing.assert_allclose(colorizer(pixels) / white, wanted, atol=0.02)


def test_a_color_picture_is_looked_at_by_its_luma(colorizer: Colorizer, street: np.ndarray) -> None:
    toned = np.stack([street, street, street], axis=-1).astype(np.int16)
    toned = np.clip(toned + np.array([12, 2, -20]), 0, 255).astype(np.uint8)
    difference = colorizer(toned).astype(int) - colorizer(luma_of(toned))
    assert np.abs(difference).max() <= 1  # the toned one is reduced before its luma is rounded


def test_pil_and_path_and_array_agree(
    colorizer: Colorizer, street: np.ndarray, tmp_path: Path
) -> None:
    Image.fromarray(street).save(tmp_path / "street.png")
    wanted = colorizer(street)
    picture = colorizer(tmp_path / "street.png")
    assert isinstance(picture, tinct.Picture)
    np.testing.assert_array_equal(picture.pixels, wanted)
    pil = colorizer(Image.fromarray(street))
    assert isinstance(pil, Image.Image)
    np.testing.assert_array_equal(np.asarray(pil), wanted)


def test_jpeg_keeps_its_luma_plane(colorizer: Colorizer) -> None:
    source = tinct.read_picture(EXAMPLES / "tetons-1942.jpg", gray=True)
    picture = colorizer(source)
    assert picture.chroma is not None
    assert picture.pixels is source.pixels
    rgb = picture.to_rgb().pixels
    assert saturation(rgb) > 5
    # The plane is the same to the bit, and RGB that is made of it has its luma within rounding.
    difference = np.abs(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(int) - source.pixels)
    assert difference.max() <= 1


def test_controls(street: np.ndarray) -> None:
    def colored(**options: float) -> float:
        return saturation(Colorizer(threads=1, **options)(street))

    faithful, vivid = colored(vividness=0), colored(vividness=1)
    assert faithful < vivid
    assert colored(vividness=1, saturation=0) == 0
    assert colored(vividness=1, saturation=0.5) < vivid
    assert colored(vividness=1, cautious=1) < colored(vividness=1, cautious=0.5) <= vivid


@pytest.mark.parametrize(
    ("cautious", "confidence", "left"),
    [
        # Around the caution, 0.4 wide, a color fades by the smooth step 3 x^2 - 2 x^3.
        (0.5, 0.30, 0.0),
        (0.5, 0.40, 0.15625),
        (0.5, 0.50, 0.5),
        (0.5, 0.60, 0.84375),
        (0.5, 0.70, 1.0),
        (1.0, 0.90, 0.15625),
        (1.0, 1.00, 0.5),
        # Below 0.5 caution takes at most twice itself from a color.
        (0.25, 0.00, 0.5),
        (0.25, 0.15, 0.578125),
        (0.25, 0.25, 0.75),
        (0.0, 0.0, 1.0),
    ],
)
def test_caution_fades_smoothly(cautious: float, confidence: float, left: float) -> None:
    ab = np.array([[[40.0]], [[-20.0]]], np.float32)
    for saturation in (1.0, 0.5):
        faded = adjust(
            ab, np.array([[confidence]], np.float32), ColorOptions(None, cautious, saturation)
        )
        np.testing.assert_allclose(faded, ab * left * saturation, atol=1e-4)
        assert faded.dtype == np.float32


@pytest.mark.parametrize(
    "options",
    [
        {"vividness": 1.1},
        {"cautious": -0.1},
        {"saturation": 5},
        {"vividness": float("nan")},
        {"threads": 0},
    ],
)
def test_wrong_options(options: dict[str, float]) -> None:
    with pytest.raises(OptionError, match="must be"):
        Colorizer(**options)


def test_threads_share_a_colorizer(colorizer: Colorizer, street: np.ndarray) -> None:
    crops = [street[i * 20 : i * 20 + 200, i * 30 : i * 30 + 260] for i in range(8)]
    wanted = [colorizer(crop) for crop in crops]
    with ThreadPoolExecutor(4) as pool:
        for result, one in zip(pool.map(colorizer, crops), wanted, strict=True):
            np.testing.assert_array_equal(result, one)


def test_working_size() -> None:
    for shape, wanted in (
        ((512, 512), (256, 256)),
        ((300, 400), (256, 352)),
        ((10, 1000), (256, 1024)),
        ((5, 5), (256, 256)),
    ):
        luma = working_luma(np.zeros(shape, np.uint8), 256, 32)
        assert luma.shape == wanted
        assert luma.dtype == np.float32


def test_working_pixels_are_means_of_what_they_cover(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, (480, 480), np.uint8)
    found = working_pixels(pixels, 320, 32)
    np.testing.assert_array_equal(
        found, cv2.resize(pixels, (320, 320), interpolation=cv2.INTER_AREA)
    )
    assert found.std() < 0.75 * pixels.std()


@pytest.mark.slow
def test_memory_of_a_large_picture() -> None:
    """100 megapixels take under 12 bytes a pixel, input and output included, and 300 MB."""
    program = """
import numpy as np, tinct
pixels = np.tile(np.arange(250, dtype=np.uint8), (10_000, 40))
result = tinct.Colorizer(threads=1)(pixels)
assert result.shape == (10_000, 10_000, 3)
"""
    peak = peak_memory([sys.executable, "-c", program])
    assert peak is not None
    assert peak < 12 * 100e6 + 300e6


def test_a_model_that_answers_nan_is_an_error_and_no_gray_picture(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    model = onnx.load(model_path("nano"))
    weights = next(tensor for tensor in model.graph.initializer if len(tensor.dims) == 4)
    broken = np.full(weights.dims, np.nan, onnx.helper.tensor_dtype_to_np_dtype(weights.data_type))
    weights.CopyFrom(onnx.numpy_helper.from_array(broken, weights.name))
    onnx.save(model, tmp_path / "broken.onnx")
    colorizer = Colorizer(tmp_path / "broken.onnx", device="cpu", threads=1)
    with pytest.raises(ModelError, match="nano: the model answers NaN or infinity"):
        colorizer(np.full((40, 60), 99, np.uint8))
