"""A Picture as other libraries and notebooks see it, and what one may be read from."""

from __future__ import annotations

import io
from pathlib import Path, PurePath

import numpy as np
import pytest
from PIL import Image

import tinct
from tinct.errors import InputError, OptionError, OutputError
from tinct.photographs import Picture, encode_picture, read_picture

RGB = np.random.default_rng(0).integers(0, 256, (31, 47, 3), np.uint8)
HALF = np.full((16, 24), 140, np.uint8)


@pytest.mark.parametrize(
    ("picture", "shape"),
    [
        (Picture(RGB), (31, 47, 3)),
        (Picture(RGB[..., 0].copy()), (31, 47, 3)),
        (Picture(RGB[..., :2].copy()), (31, 47, 4)),
        (Picture(RGB[..., 0].copy(), (HALF, HALF)), (31, 47, 3)),
        (Picture(RGB.astype(np.uint16) * 257), (31, 47, 3)),
    ],
)
def test_it_is_an_array(picture: Picture, shape: tuple[int, ...]) -> None:
    array = np.asarray(picture)
    assert array.shape == picture.array.shape == shape
    assert array.dtype == picture.pixels.dtype
    np.testing.assert_array_equal(array, picture.to_rgb().pixels)
    assert picture.size == (47, 31)


def test_an_array_made_of_planes_outlives_the_picture() -> None:
    wanted = Picture(RGB[..., 0].copy(), (HALF, HALF)).to_rgb().pixels.copy()
    array = np.asarray(Picture(RGB[..., 0].copy(), (HALF, HALF)))
    np.full(wanted.shape, 7, np.uint8)  # would take freed memory
    np.testing.assert_array_equal(array, wanted)


@pytest.mark.parametrize("channels", [3, 4])
def test_pillow_takes_it(channels: int) -> None:
    pixels = np.dstack([RGB, RGB[..., :1]])[..., :channels].copy()
    image = Image.fromarray(Picture(pixels))
    assert image.size == (47, 31)
    np.testing.assert_array_equal(np.asarray(image), pixels)


def test_notebooks_show_it() -> None:
    png = Picture(RGB)._repr_png_()
    np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(png))), RGB)


def test_a_file_that_takes_nothing_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"")
    with open(tmp_path / "there", "rb") as unwritable:
        for file in (io.StringIO(), unwritable):
            with pytest.raises(OutputError, match=r"^png: "):
                Picture(RGB).save(file, format="png")  # type: ignore[arg-type]
    picture = Picture(RGB)
    picture.save(PurePath(tmp_path / "out.png"))
    assert read_picture(PurePath(tmp_path / "out.png")).size == picture.size


def test_saving_into_an_open_file() -> None:
    file = io.BytesIO()
    assert Picture(RGB).save(file, format="png") == ()
    file.seek(0)
    np.testing.assert_array_equal(read_picture(file).pixels, RGB)
    deep = Picture(RGB.astype(np.uint16) * 257)
    assert "8 bits" in " ".join(deep.save(io.BytesIO(), format=".jpg"))
    with pytest.raises(OptionError, match="an open file needs a format"):
        Picture(RGB).save(io.BytesIO())


@pytest.mark.parametrize("kind", [bytes, bytearray, memoryview, io.BytesIO])
def test_bytes_of_a_file(kind: type) -> None:
    data = encode_picture(Picture(RGB), "png")
    np.testing.assert_array_equal(read_picture(kind(data)).pixels, RGB)


def test_an_open_file_is_named_in_errors(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("no picture")
    with open(path, "rb") as file, pytest.raises(InputError, match=r"notes\.txt: not a picture"):
        read_picture(file)
    with open(path) as file, pytest.raises(InputError, match=r"notes\.txt: opened as text"):
        read_picture(file)  # type: ignore[arg-type]
    with pytest.raises(InputError, match=r"notes\.txt: the file is closed"):
        read_picture(file)  # type: ignore[arg-type]


@pytest.mark.parametrize("address", ["https://example.org/a.jpg", "s3://bucket/a.png"])
def test_web_addresses_are_refused_in_one_line(address: str) -> None:
    with pytest.raises(InputError) as caught:
        tinct.read_picture(address)
    assert str(caught.value) == (
        f"{address}: a web address, and tinct reads files: download it first"
    )
