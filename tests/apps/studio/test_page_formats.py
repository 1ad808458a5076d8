"""Formats that browsers do not read, in the page as it stands on a web server."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image
from studio_page import agreement, choose, save, set_range, wait_shown

from tinct.photographs import Picture, read_picture
from tinct.photographs.metadata import Comment, Metadata, photoshop_of_iptc
from tinct.runtime import Colorizer

_RAMP = np.linspace(0, 1, 60 * 90).reshape(60, 90)
_COLORS = np.dstack([_RAMP, _RAMP[::-1], 1 - _RAMP])
_BEFORE = """() => {
    const canvas = document.querySelector("#before");
    const copy = new OffscreenCanvas(canvas.width, canvas.height), context = copy.getContext("2d");
    context.drawImage(canvas, 0, 0);
    return [...context.getImageData(0, 0, canvas.width, canvas.height).data];
}"""
"""What is seen of the picture as it was, RGBA."""

KINDS: dict[str, tuple[Any, dict[str, Any]]] = {
    "gray 8": ((_RAMP * 255).astype(np.uint8), {}),
    "gray 16, LZW": ((_RAMP * 65535).astype(np.uint16), {"compression": "lzw", "predictor": 2}),
    "white is zero": ((_RAMP * 255).astype(np.uint8), {"photometric": "miniswhite"}),
    "RGB 8, deflate": ((_COLORS * 255).astype(np.uint8), {"compression": "zlib"}),
    "RGB 16, tiles": ((_COLORS * 65535).astype(np.uint16), {"tile": (32, 32)}),
    "planes": (
        np.moveaxis((_COLORS * 255).astype(np.uint8), 2, 0),
        {"planarconfig": "separate", "photometric": "rgb"},
    ),
    "float": (_RAMP.astype(np.float32), {}),
    "big-endian BigTIFF": ((_RAMP * 65535).astype(np.uint16), {}),
}


@pytest.mark.parametrize("kind", KINDS)
def test_tiffs_are_seen_as_python_reads_them(page: Any, tmp_path: Path, kind: str) -> None:
    pixels, options = KINDS[kind]
    path = tmp_path / "scan.tif"
    big = kind == "big-endian BigTIFF"
    try:
        with tifffile.TiffWriter(path, bigtiff=big, byteorder=">" if big else "<") as file:
            file.write(pixels, metadata=None, **({"photometric": "minisblack"} | options
                       if pixels.ndim == 2 else {"photometric": "rgb"} | options))  # fmt: skip
    except (KeyError, ValueError, ImportError) as error:
        if "imagecodecs" not in str(error):
            raise
        pytest.skip("LZW is written by imagecodecs")
    choose(page, path)
    wait_shown(page)
    expected = read_picture(path).to_rgb().pixels
    expected = expected / np.iinfo(expected.dtype).max * 255
    seen = np.array(page.evaluate(_BEFORE)).reshape(60, 90, 4)[..., :3]
    assert np.abs(seen - expected).max() <= 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_tiffs_stand_upright(page: Any, tmp_path: Path, orientation: int) -> None:
    path = tmp_path / "side.tif"
    tag = (274, "H", 1, orientation, True)
    tifffile.imwrite(path, (_COLORS * 255).astype(np.uint8), photometric="rgb", extratags=[tag])
    choose(page, path)
    wait_shown(page)
    expected = read_picture(path).pixels
    seen = np.array(page.evaluate(_BEFORE)).reshape(*expected.shape[:2], 4)[..., :3]
    assert np.array_equal(seen, expected)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_webp_stands_upright(page: Any, tmp_path: Path, orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "side.webp"
    Image.fromarray((_COLORS * 255).astype(np.uint8)).save(path, lossless=True, exif=exif)
    choose(page, path)
    wait_shown(page)
    expected = read_picture(path).pixels
    seen = np.array(page.evaluate(_BEFORE)).reshape(*expected.shape[:2], 4)[..., :3]
    assert np.array_equal(seen, expected)
    result = read_picture(save(page, "png"))
    assert result.pixels.shape[:2] == expected.shape[:2]


def test_texts_and_iptc_are_kept_where_there_is_room(page: Any, tmp_path: Path) -> None:
    path = tmp_path / "described.png"
    iptc = photoshop_of_iptc(b"\x1c\x02\x78\0\x05Farms")
    comments = (Comment("Title", "Café"), Comment("Place", "東京"))
    metadata = Metadata(photoshop=iptc, comments=comments, dpi=(300, 300))
    Picture((_RAMP * 255).astype(np.uint8), metadata=metadata).save(path)
    choose(page, path)
    wait_shown(page)
    png = read_picture(save(page, "png")).metadata
    assert (png.photoshop, png.comments, png.dpi) == (iptc, comments, (300, 300))
    jpeg = read_picture(save(page, "jpeg")).metadata
    texts = tuple(Comment("Comment", f"{keyword}: {text}") for keyword, text in comments)
    assert (jpeg.photoshop, jpeg.comments, jpeg.dpi) == (iptc, texts, (300, 300))
    webp = read_picture(save(page, "webp")).metadata
    assert (webp.photoshop, webp.comments, webp.dpi) == (None, (), (300, 300))
    page.locator("#caption", has_text="WEBP is written without IPTC, comments").wait_for()


def test_a_tiff_is_colored_as_in_python(page: Any, tmp_path: Path) -> None:
    path = tmp_path / "scan.tif"
    tifffile.imwrite(path, (_RAMP * 65535).astype(np.uint16), photometric="minisblack")
    choose(page, path)
    wait_shown(page)
    set_range(page, "#vividness", 0.9)
    wait_shown(page)  # what is shown later would say so in place of what was saved
    result = read_picture(save(page, "png")).pixels[..., :3]
    gray = np.rint(_RAMP * 65535 / 257).astype(np.uint8)
    assert agreement(result, Colorizer("nano", vividness=0.9, threads=1)(gray)) >= 0.999
    said = "of a TIFF its first page counts, with 8 bits and without metadata"
    assert page.locator("#caption", has_text=said).is_visible()


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("broken.tif", b"II*\0\x08\0\0\0\xff\xff", "not a picture"),
        ("empty.tiff", b"", "not a picture"),
        ("photo.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC, which this browser cannot"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    page: Any, tmp_path: Path, name: str, content: bytes, expected: str
) -> None:
    (tmp_path / name).write_bytes(content)
    choose(page, tmp_path / name)
    page.wait_for_selector("#problem:not(:empty)")
    assert page.inner_text("#problem").startswith(f"{name}: ")
    assert expected in page.inner_text("#problem")
    assert page.is_visible("#start")
