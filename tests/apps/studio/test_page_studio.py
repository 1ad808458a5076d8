"""What the page does with the help of the machine that serves it: ``tinct studio``."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from studio_page import (
    EXAMPLES,
    PATIENCE,
    PIXELS,
    agreement,
    choose,
    choose_likely,
    place,
    save,
    wait_shown,
)

from tinct.photographs import Picture, read_picture
from tinct.photographs.metadata import Metadata
from tinct.runtime import Colorizer
from tinct.runtime.hint_file import read_hints

Open = Callable[..., Any]


def scan(path: Path) -> Path:
    """Write a gray photograph of 16 bits that says who took it, and two pages of it."""
    gray = read_picture(EXAMPLES[1], gray=True).pixels.astype(np.uint16) * 256
    gray += np.random.default_rng(0).integers(0, 256, gray.shape, dtype=np.uint16)
    exif = Image.Exif()
    exif[0x013B] = "Somebody"
    metadata = Metadata(exif=exif.tobytes().removeprefix(b"Exif\0\0"), dpi=(600, 600))
    Picture(gray, metadata=metadata, pages=(Picture(gray[::2, ::2]),)).save(path)
    return path


def test_a_scan_keeps_its_16_bits_its_pages_and_its_metadata(
    open_page: Open, tmp_path: Path
) -> None:
    path = scan(tmp_path / "scan.tif")
    page = open_page([path])
    wait_shown(page)
    place(page, 0.4, 0.8)
    choose_likely(page, 2)
    page.keyboard.press("Escape")
    (tmp_path / "hints.json").write_bytes(save(page, "hints"))
    result = read_picture(save(page, "tiff"))
    canvas = Colorizer("nano", vividness=0.55, threads=1).open(path)
    read_hints(tmp_path / "hints.json").apply(canvas)
    expected = canvas.picture()
    assert result.pixels.dtype == np.uint16
    assert agreement(result.pixels // 257, expected.pixels // 257) >= 0.999
    luma = result.pixels @ np.array([0.299, 0.587, 0.114])
    assert np.abs(luma - read_picture(path).pixels).max() <= 1.51, "of 65535"
    for name in ("exif", "dpi", "icc"):
        assert getattr(result.metadata, name) == getattr(expected.metadata, name), name
    assert b"compositeWithTrainedAlgorithmicMedia" in (result.metadata.xmp or b"")
    [page_two], [page_expected] = result.pages, expected.pages
    assert np.array_equal(page_two.pixels, page_expected.pixels), "not seen, but in color"
    assert read_picture(save(page, "png")).pixels.dtype == np.uint16
    assert read_picture(save(page, "jpeg")).metadata.dpi == (600, 600)
    said = page.inner_text("#caption").split("; ")
    assert said[0] == "Saved scan-color.jpg"
    assert "JPEG is written with 8 bits: 16-bit samples were rounded" in said


def test_a_webp_on_its_side_has_the_colors_of_python(open_page: Open, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "side.webp"
    with Image.open(EXAMPLES[1]) as photo:
        photo.rotate(90, expand=True).save(path, lossless=True, exif=exif)
    page = open_page([path])
    wait_shown(page)
    result = read_picture(save(page, "png")).pixels
    assert agreement(result, Colorizer("nano", threads=1)(path).pixels) >= 0.999


def test_a_dropped_scan_and_a_broken_one(open_page: Open, tmp_path: Path) -> None:
    page = open_page()
    (tmp_path / "broken.tif").write_bytes(b"II*\0 broken")
    choose(page, tmp_path / "broken.tif", scan(tmp_path / "scan.tif"))
    wait_shown(page, 1)
    page.locator("#progress", has_text="1 of 2 colored").wait_for()
    assert page.inner_text("#problem").startswith("broken.tif: ")
    assert read_picture(save(page, "tiff")).pixels.dtype == np.uint16


def test_what_is_chosen_before_the_studio_answers_is_opened(
    browser: Any, built: Path, serve: Callable[..., Any]
) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    waiting: list[Any] = []
    page.route("**/studio", lambda route: waiting.append(route))
    with page.expect_request("**/studio"):
        page.goto(serve(built, []).url)
    choose(page, EXAMPLES[0])
    waiting[0].continue_()
    page.locator("#progress", has_text="1 of 1 colored").wait_for()
    context.close()


def test_a_reference_that_browsers_do_not_read(open_page: Open, tmp_path: Path) -> None:
    page = open_page([EXAMPLES[1]])
    wait_shown(page)
    before = page.evaluate(PIXELS)
    red = np.zeros((90, 120, 3), np.uint8)
    red[:] = (200, 40, 60)
    red[:, ::2] = (40, 90, 200)
    red[::3] = (40, 190, 20)
    red[:45, :60] = (240, 230, 40)
    Picture(red).save(tmp_path / "today.tif")
    page.set_input_files("#reference-files", tmp_path / "today.tif")
    page.wait_for_selector("#references li", state="attached")
    wait_shown(page)
    assert page.evaluate(PIXELS) != before


def test_all_are_saved_into_the_folder(open_page: Open, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        pixels = np.random.default_rng(len(folder)).integers(0, 256, (40, 50), dtype=np.uint8)
        Picture(pixels).save(tmp_path / folder / "same.png")
    page = open_page([tmp_path / "a" / "same.png", tmp_path / "b" / "same.png"])
    page.locator("#progress", has_text="2 of 2 colored").wait_for()
    for kind, names in (
        ("webp", {"same-color.webp", "same-color (2).webp"}),
        ("sheet", {"same-sheet.jpg", "same-sheet (2).jpg"}),
        ("hints", {"same-hints.json", "same-hints (2).json"}),
    ):
        page.select_option("#save-as", kind)
        page.get_by_role("button", name="Save all into results").click()
        page.locator("#caption", has_text="Saved 2 files into results").wait_for()
        written = {path.name for path in (tmp_path / "results").iterdir()}
        assert names <= written, written
    result = read_picture(tmp_path / "results" / "same-color (2).webp")
    assert b"compositeWithTrainedAlgorithmicMedia" in (result.metadata.xmp or b"")
    page.route("**/kept", lambda route: route.fulfill(status=422, body="no space"), times=1)
    page.get_by_role("button", name="Save all into results").click()
    page.locator("#caption", has_text="Saved 1 of 2 files into results").wait_for()
    assert page.inner_text("#problem") == "no space"


@contextmanager
def studio(*named: Path, port: int) -> Iterator[str]:
    """Run ``tinct studio`` as users do; gives its address."""
    command = [sys.executable, "-m", "tinct", "studio", "--no-browser", "--port", str(port)]
    with subprocess.Popen(
        [*command, *map(str, named)], stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        yield process.stderr.readline().split()[2]
        process.terminate()


def test_a_restart_loses_nothing(browser: Any, built: Path, tmp_path: Path) -> None:
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    path = scan(tmp_path / "scan.tif")
    Image.new("L", (50, 40), 99).save(tmp_path / "only.ppm")  # which no browser reads
    with studio(EXAMPLES[0], path, tmp_path / "only.ppm", port=0) as url:
        port = int(url.partition("/#")[0].rpartition(":")[2])
        page.goto(url)
        page.locator("#progress", has_text="3 of 3 colored").wait_for()
        place(page, 0.4, 0.8)
        choose_likely(page, 2)
        page.keyboard.press("Escape")
        hints = json.loads(save(page, "hints"))["hints"]
        seen = page.evaluate(PIXELS)
    assert save(page, "png")
    assert page.locator("#caption", has_text="written by the browser").is_visible()
    with studio(EXAMPLES[2], EXAMPLES[0], port=port) as url:
        page.reload()  # as a browser opens its tabs again: with the token of the studio before
        page.locator("#progress", has_text="2 of 3 colored").wait_for()
        assert "only.ppm: not a picture that this browser" in page.inner_text("#problem")
        page.goto("about:blank")
        page.goto(url)
        page.locator("#progress", has_text="4 of 4 colored").wait_for()
        assert page.inner_text("#caption").startswith(EXAMPLES[2].name), "what is named is shown"
        page.click("#pictures li:nth-child(1) button")
        wait_shown(page, 0)
        assert page.evaluate(PIXELS) == seen
        assert json.loads(save(page, "hints"))["hints"] == hints
    context.close()
