"""HEIC in the page of ``tinct studio``: the machine reads it, because Chromium does not."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms
from studio_page import EXAMPLES, PIXELS, agreement, choose, choose_likely, place, save, wait_shown

from tinct.photographs import read_picture
from tinct.runtime import Colorizer
from tinct.runtime.hint_file import read_hints

pillow_heif = pytest.importorskip(
    "pillow_heif", reason="no pillow-heif, which writes HEIC: pip extra dev"
)

Open = Callable[..., Any]

_XMP = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="attic"/>
</rdf:RDF></x:xmpmeta>"""
_MAKER, _ORIENTATION, _EXIF_IFD, _TAKEN = 0x010F, 0x0112, 0x8769, 0x9003
_ON_ITS_SIDE = 6
_COLORED = b"compositeWithTrainedAlgorithmicMedia"


def photograph(path: Path, *, deep: bool = False, orientation: int = 1) -> Path:
    """Write a gray photograph as HEIC, with what a telephone notes about it.

    Args:
        path: Of the file.
        deep: Whether it has 10 bits, else 8.
        orientation: By which EXIF turns the picture; the container, which is what counts, as well.
    """
    gray = read_picture(EXAMPLES[1], gray=True).pixels
    exif = Image.Exif()
    exif[_MAKER] = "Telephone"
    exif[_ORIENTATION] = orientation
    exif.get_ifd(_EXIF_IFD)[_TAKEN] = "1946:09:01 12:00:00"
    rgb = np.dstack([gray] * 3)
    mode, data = ("RGB;16", rgb.astype(np.uint16) * 257) if deep else ("RGB", rgb)
    file = pillow_heif.from_bytes(mode, gray.shape[::-1], data.tobytes())
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    file.save(path, quality=95, exif=exif.tobytes(), xmp=_XMP, icc_profile=profile)
    return path


def check_metadata(data: bytes) -> None:
    """Check that a result has the metadata of the photograph, stands upright, and is marked."""
    result = read_picture(data)
    exif = Image.Exif()
    exif.load(result.metadata.exif or b"")
    assert exif[_MAKER] == "Telephone"
    assert exif.get(_ORIENTATION, 1) == 1
    assert exif.get_ifd(_EXIF_IFD)[_TAKEN] == "1946:09:01 12:00:00"
    assert b"attic" in (result.metadata.xmp or b"")
    assert _COLORED in (result.metadata.xmp or b"")


@pytest.mark.parametrize("named", [True, False], ids=["named", "dropped"])
def test_a_photograph_on_its_side(open_page: Open, tmp_path: Path, named: bool) -> None:
    path = photograph(tmp_path / "IMG_0001.HEIC", orientation=_ON_ITS_SIDE)
    page = open_page([path] if named else [])
    if not named:
        choose(page, path)
    wait_shown(page)
    upright = read_picture(EXAMPLES[1]).size[::-1]
    assert read_picture(path).size == upright
    assert page.inner_text("#caption") == "IMG_0001.HEIC, {} \u00d7 {}".format(*upright)
    assert page.inner_text("#problem") == ""
    page.locator("#progress", has_text="1 of 1 colored").wait_for()
    place(page, 0.4, 0.6)
    choose_likely(page, 2)
    page.click("#done")
    (tmp_path / "hints.json").write_bytes(save(page, "hints"))
    canvas = Colorizer("nano", vividness=0.55, threads=1).open(path)
    read_hints(tmp_path / "hints.json").apply(canvas)
    expected = canvas.picture()
    for kind in ("png", "jpeg", "webp", "tiff"):
        with page.expect_download() as download:
            page.select_option("#save-as", kind)
            page.click("#save")
        suffix = {"jpeg": "jpg", "tiff": "tif"}.get(kind, kind)
        assert download.value.suggested_filename == f"IMG_0001-color.{suffix}"
        data = Path(download.value.path()).read_bytes()
        check_metadata(data)
        assert read_picture(data).size == upright
        if kind in ("png", "tiff"):
            assert agreement(read_picture(data).pixels, expected.pixels) >= 0.999
    for kind, size in (("sheet", (2 * upright[0], upright[1])), ("layer", upright)):
        written_by_the_browser = save(page, kind)
        check_metadata(written_by_the_browser)
        assert read_picture(written_by_the_browser).size == size
    page.screenshot(path=tmp_path / "page.png", full_page=True)


def test_ten_bits_stay_more_than_eight(open_page: Open, tmp_path: Path) -> None:
    page = open_page([photograph(tmp_path / "deep.heic", deep=True)])
    wait_shown(page)
    result = read_picture(save(page, "png")).pixels
    assert result.dtype == np.uint16
    assert len(np.unique(result)) > 256
    luma = result @ np.array([0.299, 0.587, 0.114])
    gray = read_picture(tmp_path / "deep.heic").pixels @ np.array([0.299, 0.587, 0.114])
    assert np.abs(luma - gray).max() <= 1.51, "of 65535"


def test_what_is_called_jpeg_and_what_is_broken(open_page: Open, tmp_path: Path) -> None:
    path = photograph(tmp_path / "shared.jpg")
    (tmp_path / "broken.heic").write_bytes(path.read_bytes()[:3000])
    page = open_page()
    choose(page, tmp_path / "broken.heic", path)
    wait_shown(page, 1)
    page.locator("#progress", has_text="1 of 2 colored").wait_for()
    assert page.inner_text("#problem").startswith("broken.heic: ")
    check_metadata(save(page, "jpeg"))
    with zipfile.ZipFile(io.BytesIO(save(page, "jpeg", "#save-all"))) as archive:
        assert archive.namelist() == ["shared-color.jpg"]


def test_a_reference_and_a_reload(open_page: Open, tmp_path: Path) -> None:
    gray = read_picture(EXAMPLES[1], gray=True).pixels
    rows = np.arange(len(gray))[:, None] > len(gray) / 2
    colors = np.dstack([gray, gray * np.where(rows, 0.4, 0.9), gray * np.where(rows, 0.9, 0.3)])
    file = pillow_heif.from_bytes("RGB", gray.shape[::-1], colors.astype(np.uint8).tobytes())
    file.save(tmp_path / "today.heic", quality=95)
    page = open_page([photograph(tmp_path / "then.heic")])
    wait_shown(page)
    before = page.evaluate(PIXELS)
    page.set_input_files("#reference-files", tmp_path / "today.heic")
    page.wait_for_selector("#references img[alt='today.heic']")
    wait_shown(page)
    referred = page.evaluate(PIXELS)
    assert referred != before
    assert page.eval_on_selector("#references img", "img => img.decode().then(() => true)")
    page.reload()
    wait_shown(page)
    assert page.inner_text("#caption").startswith("then.heic")
    assert page.evaluate(PIXELS) == referred


def test_dialogs_offer_what_the_machine_reads(open_page: Open, page: Any) -> None:
    in_studio = open_page()
    for name in ("files", "more-files", "reference-files"):
        for suffix in (".heic", ".tif", ".dng"):
            in_studio.wait_for_selector(
                f'#{name}[accept^="image/*,"][accept*="{suffix}"]', state="attached"
            )
    assert page.get_attribute("#files", "accept") == "image/*", "on the web browsers know best"
