"""Everything that a Colorizer takes for a picture, and what it gives back."""

from __future__ import annotations

import io
import os
import pickle
import struct
import threading
from collections.abc import Iterator
from pathlib import Path, PurePath
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import tinct
from tinct.errors import InputError, OptionError
from tinct.photographs import encode_picture
from tinct.runtime import Colorizer
from tinct.runtime.inputs import as_pixels, pillow_pixels

RAMP = np.tile(np.linspace(0, 1, 96), (64, 1))
GRAY = np.rint(RAMP * 255).astype(np.uint8)
WEIGHTS = np.array([0.299, 0.587, 0.114])


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer("nano", threads=1)


@pytest.fixture(scope="module")
def colored(colorizer: Colorizer) -> NDArray[np.uint8]:
    """The ramp in color."""
    result = colorizer(GRAY)
    assert np.ptp(result, axis=-1).max() > 5, "hardly any color"
    return result


class Wrapped:
    """An array of another library."""

    def __init__(self, array: NDArray[Any]) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> NDArray[Any]:
        return self.array


# ---- arrays


@pytest.mark.parametrize("kind", ["<u2", ">u2", "<f4", ">f4", "<f8", ">f8"])
def test_any_byte_order(colorizer: Colorizer, kind: str) -> None:
    white = 65535 if kind[1] == "u" else 1
    pixels = (np.rint(RAMP * 65535) / 65535 * white).astype(kind)
    result = colorizer(pixels)
    assert result.dtype == np.dtype(kind).newbyteorder("=")
    error = np.abs(result.astype(float) @ WEIGHTS - pixels.astype(float)).max() / white
    assert error < 1.5 / 65535


def test_half_floats(colorizer: Colorizer) -> None:
    half = RAMP.astype(np.float16)
    result = colorizer(half)
    assert result.dtype == np.float16
    np.testing.assert_allclose(result, colorizer(half.astype(np.float32)), atol=0.001)


def test_bool(colorizer: Colorizer) -> None:
    dots = RAMP > 0.4
    result = colorizer(dots)
    assert result.dtype == np.uint8
    np.testing.assert_array_equal(result, colorizer(dots * np.uint8(255)))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "uint8", "uint16"])
def test_its_own_output_is_valid_input(
    colorizer: Colorizer, rng: np.random.Generator, dtype: str
) -> None:
    white = {"uint8": 255, "uint16": 65535}.get(dtype, 1)
    pixels = (rng.random((48, 52)) * white).astype(dtype)
    pixels[:8], pixels[8:16] = 0, white
    result = colorizer(colorizer(pixels, saturation=4), saturation=4)
    error = result.astype(float) @ WEIGHTS - pixels
    assert np.abs(error).max() <= {"uint8": 2, "uint16": 2, "float16": 2e-3}.get(dtype, 1e-5)


def test_any_memory_layout(colorizer: Colorizer, colored: NDArray[np.uint8]) -> None:
    for view in (GRAY[::-1, ::-1], np.asfortranarray(GRAY), np.repeat(GRAY, 2, axis=1)[:, ::2]):
        np.testing.assert_array_equal(colorizer(view), colorizer(view.copy()))
    frozen = GRAY.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(colorizer(frozen), colored)


def test_arrays_of_other_libraries(colorizer: Colorizer, colored: NDArray[np.uint8]) -> None:
    np.testing.assert_array_equal(colorizer(Wrapped(GRAY)), colored)


def test_tensors(colorizer: Colorizer, colored: NDArray[np.uint8]) -> None:
    torch = pytest.importorskip("torch")
    gray = torch.from_numpy(GRAY)
    for tensor in (gray, gray[None], gray[..., None], gray.expand(3, -1, -1)):
        result = colorizer(tensor)
        assert isinstance(result, np.ndarray)
        np.testing.assert_array_equal(result, colored)
    floats = torch.tensor(RAMP, dtype=torch.float32, requires_grad=True)
    wanted = colorizer(GRAY, vividness=0) / 255
    np.testing.assert_allclose(colorizer(floats, vividness=0), wanted, atol=0.02)
    half = colorizer(gray.half() / 255)
    assert half.dtype == np.float16
    with pytest.raises(InputError, match="Tensor: cannot be made an array") as caught:
        colorizer(floats.to(torch.bfloat16))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("pixels", "reason"),
    [
        (np.zeros((2, 2, 5), np.uint8), r"shape \(2, 2, 5\) is not that of a picture"),
        (np.zeros(4, np.uint8), "shape"),
        (np.zeros((5, 9, 9, 3), np.uint8), r"several pictures; pass list\(array\)"),
        (np.zeros((0, 4), np.uint8), "no pixels"),
        (np.zeros((4, 4), np.int64), "int64 does not say what white is"),
        (np.zeros((4, 4), np.complex64), "complex64"),
        (np.zeros((4, 4), object), "object"),
        (np.full((4, 4), np.nan), "between 0 and 1"),
        (np.full((4, 4), 255.0), "between 0 and 1"),
        (np.full((4, 4), -0.1, np.float16), "between 0 and 1"),
        (None, "NoneType: not a path, a photograph or an array"),
        (3, "int: not a path"),
        ({"a": 1}, "dict: not a path"),
    ],
)
def test_what_is_no_picture(colorizer: Colorizer, pixels: object, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        colorizer(pixels)  # type: ignore[call-overload]
    assert "\n" not in str(caught.value)


def test_pixels_that_need_no_change_are_not_copied() -> None:
    assert np.shares_memory(as_pixels(GRAY), GRAY)


# ---- files


def test_bytes_and_open_files(colorizer: Colorizer, tmp_path: Path) -> None:
    data = encode_picture(tinct.Picture(GRAY), "png")
    (tmp_path / "ramp.png").write_bytes(data)
    wanted = colorizer(tmp_path / "ramp.png")
    with open(tmp_path / "ramp.png", "rb") as file:
        for source in (data, bytearray(data), memoryview(data), io.BytesIO(data), file):
            picture = colorizer(source)
            assert isinstance(picture, tinct.Picture)
            np.testing.assert_array_equal(picture.pixels, wanted.pixels)


def test_paths_of_any_kind(colorizer: Colorizer, photo: Path) -> None:
    with os.scandir(photo.parent) as entries:
        (entry,) = (entry for entry in entries if entry.name == photo.name)
    assert colorizer(entry).size == colorizer(photo).size
    assert colorizer.open(entry).size == colorizer(photo).size
    with pytest.raises(InputError, match=f"^{photo.parent}: a folder"):
        colorizer(PurePath(photo.parent))


def test_a_damaged_picture_of_pillow_is_one_line(colorizer: Colorizer, tmp_path: Path) -> None:
    path = tmp_path / "cut.png"
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    with Image.open(path) as image, pytest.raises(InputError, match=r"PIL image: .*truncated"):
        colorizer(image)


def test_web_addresses_are_refused_in_one_line(colorizer: Colorizer) -> None:
    with pytest.raises(InputError, match=r"^https://example\.org/a\.jpg: a web address.*$"):
        colorizer("https://example.org/a.jpg")


def test_in_one_call(photo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loads = []
    original = Colorizer.__init__

    def load(self: Colorizer, *arguments: Any, **options: Any) -> None:
        loads.append(arguments)
        original(self, *arguments, **options)

    monkeypatch.setattr(Colorizer, "__init__", load)
    picture = tinct.colorize(photo, model="nano")
    vivid = tinct.colorize(tinct.read_picture(photo), model="nano", vividness=1, saturation=2)
    assert len(loads) <= 1, "the model is to stay loaded"
    assert np.ptp(vivid.array, axis=-1).mean() > np.ptp(picture.array, axis=-1).mean() > 1


# ---- Pillow


def gray_profile(gamma: float) -> bytes:
    """An ICC profile of gray pictures whose curve is a power."""
    curve = b"curv" + bytes(4) + struct.pack(">IH", 1, round(gamma * 256)) + bytes(2)
    white = struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    description = b"desc" + bytes(4) + struct.pack(">I", 5) + b"gray\0" + bytes(78)
    tags = [
        (b"desc", description),
        (b"cprt", b"text" + bytes(4) + b"none\0"),
        (b"wtpt", b"XYZ " + bytes(4) + white),
        (b"kTRC", curve),
    ]
    start, table, rest = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, content in tags:
        table += name + struct.pack(">II", start + len(rest), len(content))
        rest += content + bytes(-len(content) % 4)
    fields = (start + len(rest), b"none", 0x02100000, b"mntr", b"GRAY", b"XYZ ")
    head = struct.pack(">I4sI4s4s4s6H4s", *fields, 2000, 1, 1, 0, 0, 0, b"acsp")
    return head.ljust(68, b"\0") + white + bytes(48) + table + rest


DEEP = np.rint(RAMP * 65535)
PILLOW = {
    "1": Image.fromarray(GRAY).convert("1"),
    "L": Image.fromarray(GRAY),
    "LA": Image.fromarray(GRAY).convert("LA"),
    "La": Image.fromarray(GRAY).convert("LA").convert("La"),
    "P": Image.fromarray(GRAY).convert("P"),
    "PA": Image.fromarray(GRAY).convert("P").convert("PA"),
    "RGB": Image.fromarray(GRAY).convert("RGB"),
    "RGBA": Image.fromarray(GRAY).convert("RGBA"),
    "RGBa": Image.fromarray(GRAY).convert("RGBA").convert("RGBa"),
    "RGBX": Image.fromarray(GRAY).convert("RGBX"),
    "CMYK": Image.fromarray(GRAY).convert("CMYK"),
    "YCbCr": Image.fromarray(GRAY).convert("YCbCr"),
    "HSV": Image.fromarray(GRAY).convert("RGB").convert("HSV"),
    "I": Image.fromarray(DEEP.astype(np.int32)),
    "I;16": Image.fromarray(DEEP.astype(np.uint16)),
    "I;16B": Image.frombytes("I;16B", (96, 64), DEEP.astype(">u2").tobytes()),
    "F": Image.fromarray(RAMP.astype(np.float32)),
}


@pytest.mark.parametrize("mode", PILLOW)
def test_every_mode_of_pillow(colorizer: Colorizer, colored: NDArray[np.uint8], mode: str) -> None:
    assert PILLOW[mode].mode == mode
    result = colorizer(PILLOW[mode])
    assert result.mode == ("RGBA" if mode in ("LA", "La", "PA", "RGBA", "RGBa") else "RGB")
    if mode != "1":
        luma = np.asarray(result)[..., :3] @ WEIGHTS
        assert np.abs(luma - GRAY).max() <= 2
        assert np.ptp(np.asarray(result)[..., :3], axis=-1).max() > 5


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        (Image.fromarray(np.full((4, 4), 70000, np.int32)), "PIL image of mode I: 32-bit samples"),
        (Image.fromarray(np.full((4, 4), -1, np.int32)), "PIL image of mode I: 32-bit samples"),
        (Image.fromarray(np.full((4, 4), 255, np.float32)), "floats must lie between 0 and 1"),
    ],
)
def test_pillow_pictures_of_unknown_range(
    colorizer: Colorizer, image: Image.Image, reason: str
) -> None:
    with pytest.raises(InputError, match=reason):
        colorizer(image)


def test_a_gray_profile_is_applied_and_replaced(colorizer: Colorizer) -> None:
    image = Image.fromarray(GRAY)
    image.info["icc_profile"] = gray_profile(1.0)
    image.info["dpi"] = (300, 300)
    result = colorizer(image)
    linear = GRAY[0, 48] / 255
    wanted = 255 * (1.055 * linear ** (1 / 2.4) - 0.055)  # IEC 61966-2-1
    assert np.asarray(result)[32, 48] @ WEIGHTS == pytest.approx(wanted, abs=1.5)
    assert result.info["icc_profile"][16:20] == b"RGB "
    assert result.info["dpi"] == (300, 300)
    assert image.info["icc_profile"][16:20] == b"GRAY", "the input is to stay as it is"


def test_a_profile_that_cannot_be_used_is_left_out_with_a_warning(colorizer: Colorizer) -> None:
    image = Image.fromarray(GRAY)
    image.info["icc_profile"] = b"this is no profile" * 20
    with pytest.warns(UserWarning, match="color profile"):
        result = colorizer(image)
    assert "icc_profile" not in result.info


def test_transparency_of_a_palette_becomes_a_channel() -> None:
    image = Image.fromarray(GRAY).convert("P")
    image.info["transparency"] = 0
    pixels, icc = pillow_pixels(image)
    assert icc is None
    assert pixels.shape[2] in (2, 4)
    assert {0, 255} == set(np.unique(pixels[..., -1]))
    assert "transparency" not in Colorizer("nano", threads=1)(image).info


# ---- many


def test_lists_give_results_in_their_order(colorizer: Colorizer, tmp_path: Path) -> None:
    crops = [GRAY[: 20 + index, index : 90 - 2 * index].copy() for index in range(12)]
    (tmp_path / "ramp.png").write_bytes(encode_picture(tinct.Picture(GRAY), "png"))
    mixed = [tmp_path / "ramp.png", Image.fromarray(GRAY), *crops]
    for iterable in (mixed, tuple(mixed), iter(mixed), (image for image in mixed)):
        results = colorizer(iterable)
        assert isinstance(results, Iterator)
        picture, image, *arrays = results
        assert isinstance(picture, tinct.Picture)
        assert isinstance(image, Image.Image)
        for result, crop in zip(arrays, crops, strict=True):
            np.testing.assert_array_equal(result, colorizer(crop))


@pytest.mark.parametrize("batch", [1, 3, 8])
@pytest.mark.parametrize("jobs", [1, 3])
def test_batches_and_jobs_change_nothing(
    colorizer: Colorizer, rng: np.random.Generator, batch: int, jobs: int
) -> None:
    shapes = [(40, 60), (60, 40), (40, 60), (64, 64), (40, 60), (40, 60), (60, 40)]
    pictures = [(rng.random(shape) * 255).astype(np.uint8) for shape in shapes]
    results = list(colorizer.colorize_all(pictures, jobs=jobs, batch=batch))
    for result, picture in zip(results, pictures, strict=True):
        difference = result.astype(int) - colorizer(picture)
        assert np.abs(difference).max() <= 1  # a network's sums depend on the batch's shape


@pytest.mark.parametrize("batch", [1, 2, 4])
def test_an_error_comes_in_its_turn(colorizer: Colorizer, batch: int) -> None:
    results = colorizer.colorize_all([GRAY, GRAY, "missing.jpg", GRAY], jobs=2, batch=batch)
    assert next(results).shape == (64, 96, 3)
    assert next(results).shape == (64, 96, 3)
    with pytest.raises(InputError, match=r"missing\.jpg: no such file"):
        next(results)
    assert list(results) == []


def test_an_error_of_the_iterable_comes_behind_the_pictures_before_it(
    colorizer: Colorizer,
) -> None:
    def pictures() -> Iterator[NDArray[np.uint8]]:
        yield GRAY
        raise OSError("the disk is gone")

    results = colorizer(pictures())
    assert next(results).shape == (64, 96, 3)
    with pytest.raises(OSError, match="the disk is gone"):
        next(results)


def test_few_pictures_are_taken_ahead(colorizer: Colorizer) -> None:
    taken = []

    def pictures() -> Iterator[NDArray[np.uint8]]:
        for number in range(100):
            taken.append(number)
            yield GRAY[:8, :8]

    results = colorizer.colorize_all(pictures(), jobs=2, batch=3)
    assert not taken, "nothing is taken before a result is asked for"
    next(results)
    assert len(taken) <= 2 * 2 * 3
    before = threading.active_count()
    results.close()
    assert threading.active_count() < before


def test_nested_lists_are_no_pictures(colorizer: Colorizer) -> None:
    with pytest.raises(InputError, match="list: not a path, a photograph or an array"):
        next(colorizer([[1, 2]]))


@pytest.mark.parametrize("options", [{"jobs": 0}, {"batch": 0}, {"vividness": 2}])
def test_wrong_options_are_refused_at_once(colorizer: Colorizer, options: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match=rf"^{next(iter(options))} must be"):
        colorizer.colorize_all([GRAY], **options)


# ---- options and copies


def test_options_of_one_call(colorizer: Colorizer) -> None:
    for options in ({"vividness": 1.0}, {"saturation": 0.0}, {"cautious": 0.9}):
        wanted = Colorizer("nano", threads=1, **options)(GRAY)
        np.testing.assert_array_equal(colorizer(GRAY, **options), wanted)
        np.testing.assert_array_equal(next(colorizer([GRAY], **options)), wanted)
    assert colorizer.options == Colorizer("nano", threads=1).options
    with pytest.raises(OptionError, match="vividness must be between 0 and 1, not 3"):
        colorizer(GRAY, vividness=3)


def test_it_can_be_pickled(colorizer: Colorizer, colored: NDArray[np.uint8]) -> None:
    again = pickle.loads(pickle.dumps(Colorizer("nano", threads=1, vividness=0.9)))
    assert again.options.vividness == 0.9
    assert again.session.spec == colorizer.session.spec
    np.testing.assert_array_equal(again(GRAY), colorizer(GRAY, vividness=0.9))
