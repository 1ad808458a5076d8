"""Scans in a PDF."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from tinct.errors import InputError
from tinct.photographs import read_picture

pypdfium2 = pytest.importorskip("pypdfium2", reason="the extra 'pdf' is not installed")

SCAN = np.random.default_rng(0).integers(0, 256, (60, 40), np.uint8).repeat(4, 0).repeat(4, 1)


def pdf(*pages: NDArray[Any], **options: Any) -> bytes:
    """Write pictures as scanners do: each is a page of its own size."""
    target = io.BytesIO()
    first, *others = (Image.fromarray(page) for page in pages)
    first.save(target, "PDF", resolution=150, save_all=True, append_images=others, **options)
    return target.getvalue()


def edited(data: bytes, edit: Callable[[Any], object]) -> bytes:
    document = pypdfium2.PdfDocument(data)
    edit(document[0])
    target = io.BytesIO()
    document.save(target)
    return target.getvalue()


@pytest.mark.parametrize("channels", [1, 3])
def test_pages_are_the_scans_themselves(channels: int) -> None:
    scan = SCAN if channels == 1 else np.dstack([SCAN, SCAN[::-1], 255 - SCAN])
    read = read_picture(pdf(scan, scan[:, ::-1], quality=100))
    assert (read.source_format, read.size, read.metadata.dpi) == ("PDF", (160, 240), (150, 150))
    assert len(read.pages) == 1
    for page, wanted in zip((read, *read.pages), (scan, scan[:, ::-1]), strict=True):
        assert np.abs(page.pixels.astype(int) - wanted).mean() < (1 if channels == 1 else 30)
        assert page.pixels.shape == wanted.shape


def test_dots_stay_dots() -> None:
    assert np.array_equal(read_picture(pdf(SCAN > 127)).pixels, np.where(SCAN > 127, 255, 0))


def written(image: str, samples: bytes, mask: bytes = b"") -> bytes:
    """Write a PDF of one page of 64 points, which an image of 64 pixels fills."""

    def stream(entries: str, content: bytes) -> bytes:
        head = f"<<{entries}/Length {len(content)}>>\nstream\n".encode()
        return head + content + b"\nendstream"

    size = "/Type/XObject/Subtype/Image/Width 64/Height 64"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 64 64]/Contents 5 0 R"
        b"/Resources<</XObject<</I 4 0 R>>>>>>",
        stream(size + image, samples),
        stream("", b"q 64 0 0 64 0 0 cm /I Do Q"),
        stream(size + "/BitsPerComponent 8/ColorSpace/DeviceGray", mask),
    ]
    data, places = b"%PDF-1.4\n", []
    for number, content in enumerate(objects, 1):
        places.append(b"%010d 00000 n \n" % len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, content)
    table = b"xref\n0 7\n0000000000 65535 f \n" + b"".join(places)
    trailer = b"trailer<</Size 7/Root 1 0 R>>\nstartxref\n%d\n%%%%EOF" % len(data)
    return data + table + trailer


def test_stencils_and_masked_images_are_read_as_they_are_shown() -> None:
    letters = np.zeros((64, 64), np.uint8)
    letters[10:30, 10:50] = 1
    packed = np.packbits(letters, axis=1).tobytes()
    plain = read_picture(written("/BitsPerComponent 1/ColorSpace/DeviceGray", packed))
    assert (plain.pixels[20, 20], plain.pixels[50, 50]) == (255, 0)
    stencil = read_picture(written("/BitsPerComponent 1/ImageMask true", packed)).array
    assert (stencil[20, 20, 0], stencil[50, 50, 0]) == (255, 0)  # paints where bits are 0
    inverted = read_picture(written("/BitsPerComponent 1/ImageMask true/Decode[1 0]", packed)).array
    assert (inverted[20, 20, 0], inverted[50, 50, 0]) == (0, 255)
    half = np.repeat(np.uint8([0, 255]), 32 * 64).tobytes()
    gray = "/BitsPerComponent 8/ColorSpace/DeviceGray/SMask 6 0 R"
    masked = read_picture(written(gray, bytes([100]) * 64 * 64, half)).array
    assert (masked[20, 20, 0], masked[50, 50, 0]) == (255, 100)


def test_a_turned_page_is_read_as_it_is_shown() -> None:
    read = read_picture(edited(pdf(SCAN, quality=100), lambda page: page.set_rotation(90)))
    assert read.size == (240, 160)
    # PDFium draws with filters, so not to the bit
    difference = np.abs(read.pixels.astype(int) - np.rot90(SCAN, -1)[..., None])
    assert np.median(difference) <= 2


def test_a_part_that_a_page_does_not_show_is_not_read() -> None:
    read = read_picture(
        edited(pdf(SCAN), lambda page: page.set_cropbox(0, 0, *np.array(page.get_size()) / 2))
    )
    assert read.size == (80, 120)


def test_a_page_without_scan_has_300_dpi() -> None:
    document = pypdfium2.PdfDocument.new()
    document.new_page(72, 144)
    target = io.BytesIO()
    document.save(target)
    assert read_picture(target.getvalue()).size == (300, 600)


def test_all_pages_together_are_limited() -> None:
    data = pdf(SCAN, SCAN)
    assert read_picture(data, max_pixels=2 * SCAN.size).pages
    with pytest.raises(InputError, match=r"^a\.pdf: .* more than the limit"):
        read_picture(data, max_pixels=2 * SCAN.size - 1, name="a.pdf")


@pytest.mark.parametrize("kept", [9, 200, 1000])
def test_damaged(kept: int) -> None:
    with pytest.raises(InputError, match=r"^a\.pdf: .*damaged"):
        read_picture(pdf(SCAN)[:kept], name="a.pdf")


def test_a_pdf_becomes_a_tiff_and_is_passed_over_in_folders(
    call: Callable[..., tuple[int, str, list[str]]], tmp_path: Path
) -> None:
    (tmp_path / "scans").mkdir()
    (tmp_path / "scans/album.pdf").write_bytes(pdf(SCAN, SCAN))
    (tmp_path / "scans/photo.png").write_bytes((tmp_path / "scans/album.pdf").read_bytes())
    assert call("image", "scans/album.pdf")[0] == 0
    colored = read_picture(tmp_path / "scans/album-color.tif")
    assert colored.pixels.shape == (*SCAN.shape, 3)
    assert len(colored.pages) == 1
    code, _, lines = call("image", "scans", "-o", "out")
    assert code == 0
    assert any("1 .pdf" in line for line in lines)
    assert not list((tmp_path / "out").glob("album*"))
