"""The page in a real browser: Chromium, see conftest."""

from __future__ import annotations

import base64
import io
import json
import re
import shutil
import threading
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from studio_page import (
    AXE,
    EXAMPLES,
    PATIENCE,
    PIXELS,
    ROOT,
    agreement,
    check_with_axe,
    choose,
    choose_likely,
    place,
    save,
    set_range,
    wait_shown,
)

from tinct.photographs import Picture, read_picture
from tinct.photographs.metadata import Metadata
from tinct.runtime import Colorizer

Open = Callable[..., Any]


_SELECTED = """() => [...document.querySelectorAll("#pictures button")]
    .findIndex(button => button.getAttribute("aria-current") === "true")"""


def test_colors_are_those_of_python_and_luma_is_kept(page: Any) -> None:
    choose(page, *EXAMPLES)
    settings = (("nano", 0.55, 0.0, 1.0), ("base", 0.2, 0.4, 1.4))
    for model, vividness, cautious, saturation in settings:
        wait_shown(page, page.evaluate(_SELECTED))
        page.check(f"[name=model][value={model}]")
        for name, value in (
            ("vividness", vividness),
            ("caution", cautious),
            ("saturation", saturation),
        ):
            set_range(page, f"#{name}", value)
        page.click("#for-all")
        colorizer = Colorizer(
            model, vividness=vividness, cautious=cautious, saturation=saturation, threads=1
        )
        for number, path in enumerate(EXAMPLES):
            page.click(f"#pictures li:nth-child({number + 1}) button")
            result = read_picture(save(page, "png")).pixels[..., :3]
            # Browsers give R'G'B', not the luma in a JPEG: in toned ones they differ at black.
            expected = colorizer(read_picture(path).pixels)
            gray = read_picture(path, gray=True).pixels
            assert agreement(result, expected) >= 0.999, (path.name, model)
            luma = result @ np.array([0.299, 0.587, 0.114])
            assert (np.abs(luma - gray) <= 1.51).mean() >= 0.999, (path.name, model)


def test_each_network_has_a_vividness_of_its_own_until_somebody_changes_it(page: Any) -> None:
    def vividness() -> float:
        return float(page.eval_on_selector("#vividness", "input => input.value"))

    choose(page, EXAMPLES[0])
    wait_shown(page)
    for model in ("base", "nano", "base"):
        page.check(f"[name=model][value={model}]")
        assert vividness() == Colorizer(model, threads=1).session.spec.default_vividness
    set_range(page, "#vividness", 0.9)
    page.check("[name=model][value=nano]")
    assert vividness() == 0.9


def test_a_jpeg_keeps_its_exif_and_says_that_it_was_colored(page: Any) -> None:
    path = ROOT / "examples" / "migrant-mother-1936.jpg"
    choose(page, path)
    wait_shown(page)
    original = read_picture(path)
    for kind in ("jpeg", "png", "webp"):
        result = read_picture(save(page, kind))
        assert result.size == original.size
        assert result.metadata.exif is not None
        assert original.metadata.exif is not None
        before, after = Image.Exif(), Image.Exif()
        before.load(original.metadata.exif)
        after.load(result.metadata.exif)
        assert dict(after) == dict(before)
        assert result.metadata.dpi == pytest.approx(original.metadata.dpi, abs=0.1)
        xmp = (result.metadata.xmp or b"").decode()
        assert "compositeWithTrainedAlgorithmicMedia" in xmp
        assert "tinct nano" in xmp


def test_pictures_on_their_side_come_out_upright(page: Any, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.linspace(0, 255, 60 * 90).astype(np.uint8).reshape(60, 90)
    Image.fromarray(pixels).save(tmp_path / "side.jpg", exif=exif, dpi=(204, 98))
    choose(page, tmp_path / "side.jpg")
    wait_shown(page)
    with Image.open(io.BytesIO(save(page, "jpeg"))) as result:
        assert result.size == (60, 90)
        assert result.getexif()[0x0112] == 1
        assert result.info["dpi"] == (98, 204)


def _file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_many_pictures_of_which_some_are_broken(page: Any, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    names = ["broken.jpg"]
    for index, suffix in enumerate(["png", "webp", "avif", "jpg", "png", "png"]):
        name = f"{index}.{suffix}"
        gray = np.random.default_rng(index).integers(0, 256, (40 + index, 50), dtype=np.uint8)
        Picture(gray).save(tmp_path / name)
        names.append(name)
    choose(page, *(tmp_path / name for name in names))
    page.locator("#progress", has_text="6 of 7 colored").wait_for()
    assert "broken.jpg: not a picture" in page.inner_text("#problem")
    wait_shown(page, 1)  # the first that could be read
    assert page.locator("#pictures canvas").count() == 6


def test_broken_alone_leaves_the_start(page: Any, tmp_path: Path) -> None:
    choose(page, _file(tmp_path / "x.png", b"x"))
    page.wait_for_selector("#problem:not(:empty)")
    assert page.is_visible("#start")


def test_pictures_are_dropped_and_pasted(page: Any) -> None:
    give = """async ({type, text}) => {
        const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
        const file = new File([bytes], type + ".jpg", {type: "image/jpeg"});
        const transfer = new DataTransfer();
        transfer.items.add(file);
        const event = type === "drop"
          ? new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true})
          : new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true});
        document.body.dispatchEvent(event);
    }"""
    content = base64.b64encode(EXAMPLES[0].read_bytes()).decode()
    page.evaluate(give, {"type": "drop", "text": content})
    wait_shown(page, 0)
    page.evaluate(give, {"type": "paste", "text": content})
    wait_shown(page, 1)
    assert page.inner_text("#caption").startswith("paste.jpg")


def test_keyboard_alone(open_page: Open) -> None:
    page = open_page(list(EXAMPLES[:2]))
    wait_shown(page)
    page.focus("#divider")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#divider", "aria-valuetext") == "51 % in color"
    frame = page.locator("#frame").bounding_box()
    line = page.locator("#line").bounding_box()
    assert line["x"] + 1 == pytest.approx(frame["x"] + 0.51 * frame["width"], abs=1)
    before = page.evaluate(PIXELS)
    page.keyboard.press("Tab")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert page.eval_on_selector("#vividness", "input => input.value") == "0.8"
    wait_shown(page)
    assert page.evaluate(PIXELS) != before
    page.focus("#pictures button")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    wait_shown(page, 1)
    reached = "[...document.querySelectorAll('#pictures button')].map(one => one.tabIndex)"
    assert page.evaluate(reached) == [-1, 0], "the row is one stop of the Tab key"
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    wait_shown(page, 0)
    page.focus("#undo")
    for _ in range(5):
        page.keyboard.press("Enter")
    wait_shown(page)
    assert page.evaluate("document.activeElement.id") == "redo", "there is nothing more to undo"


def test_the_panel_fits_a_phone_on_its_side(open_page: Open) -> None:
    page = open_page([EXAMPLES[1]], viewport={"width": 640, "height": 320})
    wait_shown(page)
    frame = page.locator("#frame").bounding_box()
    place(page, 0.1, 0.5)
    box = page.locator("#panel").bounding_box()
    assert box["y"] >= 0
    assert box["y"] + box["height"] <= 320
    assert box["x"] > frame["x"] + 0.1 * frame["width"], "the place is seen beside it"
    page.click("#done")
    assert not page.is_visible("#panel")


def test_a_browser_that_keeps_nothing_is_one_line(open_page: Open) -> None:
    page = open_page()
    full = "() => { throw new DOMException('the disk is full'); }"
    page.evaluate(f"() => {{ IDBObjectStore.prototype.put = {full}; }}")
    choose(page, *EXAMPLES[:2])
    page.locator("#progress", has_text="2 of 2 colored").wait_for()
    assert "a reload loses what is open" in page.inner_text("#problem")


def test_a_worker_that_cannot_be_loaded_is_one_line(
    browser: Any, built: Path, serve: Callable[..., Any]
) -> None:
    context = browser.new_context(service_workers="block")
    page = context.new_page()
    page.set_default_timeout(PATIENCE)
    tried: list[str] = []

    def refuse(route: Any) -> None:
        tried.append(route.request.url)
        route.abort()

    page.route("**/assets/worker-*.js", refuse)
    page.goto(serve(built, []).url)
    for path in EXAMPLES[:2]:
        choose(page, path)
        page.locator("#problem", has_text=f"{path.name}: failed").wait_for()
    assert 0 < len(tried) <= 8, "once for each request"
    page.wait_for_selector("#progress-bar", state="hidden")
    page.unroute("**/assets/worker-*.js")
    page.click("#pictures li:nth-child(1) button")  # what somebody looks at is tried again
    page.locator("#progress", has_text="1 of 2 colored").wait_for()
    context.close()


def test_a_network_that_is_not_to_be_had_keeps_no_others_waiting(page: Any, tmp_path: Path) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(3)]
    for path in paths:
        Picture(np.full((40, 50), 99, np.uint8)).save(path)
    page.route("**/models/base*.onnx", lambda route: route.fulfill(status=422))
    page.reload()  # a network that was fetched before stays
    choose(page, *paths[:2])
    page.locator("#progress", has_text="2 of 2 colored").wait_for()
    page.check("[name=model][value=base]")
    page.locator("#problem", has_text="could not be fetched").wait_for()
    page.click("#pictures li:nth-child(2) button")
    choose(page, paths[2])
    page.locator("#progress", has_text="3 of 3 colored").wait_for()
    page.unroute("**/models/base*.onnx")


def test_a_problem_of_a_picture_is_over_when_it_is_shown(page: Any) -> None:
    page.route("**/models/base*.onnx", lambda route: route.fulfill(status=422))
    page.reload()  # a network that was fetched before stays
    choose(page, EXAMPLES[1])
    wait_shown(page)
    page.check("[name=model][value=base]")
    page.locator("#problem", has_text="could not be fetched").wait_for()
    page.click("#undo")
    wait_shown(page)
    assert page.inner_text("#problem") == ""
    page.unroute("**/models/base*.onnx")


def test_hints_are_those_of_the_selected_picture_though_another_is_shown_yet(
    page: Any, tmp_path: Path
) -> None:
    sizes = [(40, 50), (90, 60)]
    for number, shape in enumerate(sizes):
        Picture(np.full(shape, 99, np.uint8)).save(tmp_path / f"{number}.png")
    choose(page, tmp_path / "0.png", tmp_path / "1.png")
    page.locator("#progress", has_text="2 of 2 colored").wait_for()
    wait_shown(page, 0)
    page.select_option("#save-as", "hints")
    with page.expect_download() as download:
        page.evaluate(
            """() => {
                document.querySelector("#pictures li:nth-child(2) button").click();
                document.querySelector("#save").click();
            }"""
        )
    assert download.value.suggested_filename == "1-hints.json"
    assert json.loads(Path(download.value.path()).read_bytes())["size"] == [60, 90]


@pytest.mark.parametrize(
    ("scheme", "size"), [("light", (1280, 800)), ("dark", (360, 640)), ("dark", (1280, 800))]
)
def test_axe_finds_nothing(
    open_page: Open, tmp_path: Path, scheme: str, size: tuple[int, int]
) -> None:
    if not AXE.exists():
        pytest.skip("axe-core is not installed: scripts/page")
    viewport = {"width": size[0], "height": size[1]}
    page = open_page(color_scheme=scheme, viewport=viewport)
    check_with_axe(page)
    choose(page, EXAMPLES[0], _file(tmp_path / "x.png", b"x"))
    wait_shown(page)
    page.wait_for_selector("#problem:not(:empty)")
    check_with_axe(page)
    place(page, 0.3, 0.4)
    choose_likely(page, 1)
    check_with_axe(page)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= size[0], "it has to be scrolled sideways"


def test_a_reload_opens_the_named_pictures_again(open_page: Open, tmp_path: Path) -> None:
    Picture(np.full((40, 50), 99, np.uint16) * 257).save(tmp_path / "scan.tif")
    page = open_page([tmp_path / "scan.tif"])
    wait_shown(page)
    assert "token" not in page.url
    page.reload()
    wait_shown(page)
    assert page.inner_text("#caption") == "scan.tif, 50 \u00d7 40"


def test_a_reload_loses_nothing_and_close_all_forgets(page: Any) -> None:
    choose(page, *EXAMPLES[:2])
    page.locator("#progress", has_text="2 of 2 colored").wait_for()
    page.click("#pictures li:nth-child(2) button")
    wait_shown(page, 1)
    place(page, 0.4, 0.8)
    choose_likely(page, 2, of=1)
    set_range(page, "#vividness", 0.9)
    wait_shown(page, 1)
    seen = page.evaluate(PIXELS)
    page.evaluate(_KEPT)
    page.reload()
    wait_shown(page, 0)
    page.click("#pictures li:nth-child(2) button")
    wait_shown(page, 1)
    assert page.evaluate(PIXELS) == seen
    assert page.locator("#hints li").count() == 1
    assert page.eval_on_selector("#vividness", "input => input.value") == "0.9"
    page.click("#forget")
    page.wait_for_selector("#start:not([hidden])")
    assert page.evaluate(_KEPT) == 0


_KEPT = """() => new Promise(resolve => {
    const opening = indexedDB.open("tinct");
    opening.onsuccess = () => {
        const counting = opening.result.transaction("pictures").objectStore("pictures").count();
        counting.onsuccess = () => { opening.result.close(); resolve(counting.result); };
    };
})"""
"""How many pictures the browser keeps; all that was to be written before has been."""


def test_a_file_that_goes_away_leaves_the_copy_of_the_browser(
    browser: Any, chromium: str, built: Path, serve: Callable[..., Any], tmp_path: Path
) -> None:
    paths = [tmp_path / f"{number}.png" for number in range(3)]  # of two the worker keeps pixels
    for path in paths:
        Picture(np.full((40, 50), 99, np.uint8)).save(path)
    # Windows that keep nothing on the disk, as those of the other tests, copy no files either.
    with browser.browser_type.launch_persistent_context(
        tmp_path / "profile", executable_path=chromium, args=["--no-sandbox"]
    ) as context:
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        page.goto(serve(built, []).url)
        choose(page, *paths)
        page.locator("#progress", has_text="3 of 3 colored").wait_for()
        page.evaluate(_KEPT)
        for path in paths:
            path.unlink()
        for number in (2, 1, 0):
            page.click(f"#pictures li:nth-child({number + 1}) button")
            page.locator("#caption", has_text=f"{number}.png, 50").wait_for()


def test_colors_alone_lie_over_the_gray_picture_in_other_programs(page: Any) -> None:
    choose(page, EXAMPLES[1])
    wait_shown(page)
    layer, colored = save(page, "layer"), save(page, "png")
    # The blend mode "color" of W3C, PDF and image editors.
    blended = page.evaluate(
        """async texts => {
            const [below, above] = await Promise.all(texts.map(text => createImageBitmap(
                new Blob([Uint8Array.from(atob(text), letter => letter.charCodeAt(0))]))));
            const canvas = new OffscreenCanvas(below.width, below.height);
            const context = canvas.getContext("2d");
            context.drawImage(below, 0, 0);
            context.globalCompositeOperation = "color";
            context.drawImage(above, 0, 0);
            const bytes = new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
            return btoa(bytes.reduce((text, byte) => text + String.fromCharCode(byte), ""));
        }""",
        [base64.b64encode(data).decode() for data in (EXAMPLES[1].read_bytes(), layer)],
    )
    result = read_picture(base64.b64decode(blended)).pixels[..., :3]
    expected = read_picture(colored).pixels[..., :3]
    near = np.abs(result.astype(int) - expected.astype(int)).max(axis=-1) <= 3
    assert near.mean() > 0.97, "but for colors too strong for middle gray"


def test_a_sheet_shows_before_and_after(page: Any) -> None:
    choose(page, EXAMPLES[1])
    wait_shown(page)
    width, height = read_picture(EXAMPLES[1]).size
    with Image.open(io.BytesIO(save(page, "sheet"))) as sheet:
        assert sheet.size == ((width, 2 * height) if width > height else (2 * width, height))
        before, after = np.asarray(sheet)[:height, :width], np.asarray(sheet)[-height:, -width:]
    assert np.ptp(before.astype(int), axis=2).mean() + 3 < np.ptp(after.astype(int), axis=2).mean()


def test_what_is_transparent_is_seen_over_white_on_both_sides(page: Any, tmp_path: Path) -> None:
    gray = np.full((40, 50), 60, np.uint8)
    alpha = np.full_like(gray, 255)
    alpha[:, 20:30] = 0
    Image.fromarray(np.dstack([gray, alpha]), "LA").save(tmp_path / "cut-out.png")
    choose(page, tmp_path / "cut-out.png")
    wait_shown(page)
    for side in (0, 100):
        set_range(page, "#divider", side)
        with Image.open(io.BytesIO(page.locator("#frame").screenshot())) as seen:
            pixels = np.asarray(seen.convert("RGB"))[seen.height // 4]
        assert (pixels[len(pixels) // 2] == 255).all(), side
        assert (pixels[len(pixels) // 8] < 128).all(), side
    with Image.open(io.BytesIO(save(page, "sheet"))) as sheet:
        pixels = np.asarray(sheet)
    assert pixels.shape[:2] == (80, 50)
    assert (pixels[:, 25] > 240).all(), "before and after, but for what JPEG adds"


def test_all_pictures_are_saved_as_a_zip(page: Any, tmp_path: Path) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        pixels = np.random.default_rng(len(folder)).integers(0, 256, (40, 50), dtype=np.uint8)
        Picture(pixels).save(tmp_path / folder / "same.png")
    broken = _file(tmp_path / "x.png", b"x")
    choose(page, tmp_path / "a" / "same.png", broken, tmp_path / "b" / "same.png")
    page.locator("#progress", has_text="2 of 3 colored").wait_for()
    with zipfile.ZipFile(io.BytesIO(save(page, "webp", "#save-all"))) as archive:
        assert archive.namelist() == ["same-color.webp", "same-color (2).webp"]
        assert archive.testzip() is None
        for name in archive.namelist():
            result = read_picture(archive.read(name))
            assert result.size == (50, 40)
            assert b"compositeWithTrainedAlgorithmicMedia" in (result.metadata.xmp or b"")
    assert page.inner_text("#caption") == "Saved 2 of 3 files"
    assert page.evaluate("document.activeElement.id") == "save-all", "the keyboard stays there"
    with zipfile.ZipFile(io.BytesIO(save(page, "hints", "#save-all"))) as archive:
        assert archive.namelist() == ["same-hints.json", "same-hints (2).json"]


def test_what_is_lost_in_saving_is_said(page: Any, tmp_path: Path) -> None:
    xmp = (
        b'<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        b'<rdf:Description xmlns:dc="http://purl.org/dc/elements/1.1/" dc:source="%s"/>'
        b"</rdf:RDF></x:xmpmeta>"
    ) % (b"x" * 65_000)
    gray = np.full((40, 50), 99, np.uint8)
    Picture(gray, metadata=Metadata(xmp=xmp)).save(tmp_path / "long.png")
    Picture(gray).save(tmp_path / "other.avif")
    Picture(np.dstack([gray] * 4)).save(tmp_path / "glass.png")
    Picture(gray.astype(np.uint16) * 257).save(tmp_path / "deep.png")
    names = ("long.png", "other.avif", "glass.png", "deep.png")
    choose(page, *(tmp_path / name for name in names))
    page.locator("#progress", has_text="4 of 4 colored").wait_for()
    with zipfile.ZipFile(io.BytesIO(save(page, "jpeg", "#save-all"))) as archive:
        result = read_picture(archive.read("long-color.jpg"))
    assert b"compositeWithTrainedAlgorithmicMedia" in (result.metadata.xmp or b"")
    page.locator("#caption", has_text="Saved 4 files").wait_for()
    said = page.inner_text("#caption").split("; ")
    assert said[1] == "1 of them: JPEG is written without XMP"
    assert said[2].startswith("1 of them: what the file said of the picture")
    assert said[3] == "1 of them: JPEG has no transparency: composed over white"
    assert said[4] == "1 of them: 8 of its 16 bits are kept, by tinct studio all"


def test_what_is_too_long_is_one_line(page: Any, tmp_path: Path) -> None:
    for width in (16400, 65536):
        Picture(np.full((3, width), 99, np.uint8)).save(tmp_path / f"{width}.png")
    choose(page, tmp_path / "16400.png", tmp_path / "65536.png")
    page.locator("#progress", has_text="1 of 2 colored").wait_for()
    wait_shown(page)
    said = page.inner_text("#problem")
    assert said.startswith("65536.png: too large for a browser"), "and is not said to be a failure"
    page.select_option("#save-as", "webp")
    page.click("#save")
    page.locator("#problem", has_text="16400.png: WebP cannot hold more than 16383").wait_for()
    assert read_picture(save(page, "jpeg")).size == (16400, 3)


def test_zoom_to_single_pixels(page: Any, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (1600, 2400), dtype=np.uint8)
    Picture(pixels).save(tmp_path / "large.png")
    choose(page, tmp_path / "large.png")
    wait_shown(page)
    set_range(page, "#divider", 0)
    stage = page.locator("#stage").bounding_box()
    middle = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    page.mouse.move(*middle)
    for _ in range(12):
        page.mouse.wheel(0, -600)
    page.wait_for_selector("#zoom-fit:text('1600 %')")
    wait_shown(page)
    page.wait_for_selector("#detail-before:not([hidden])")
    frame = page.locator("#frame").bounding_box()
    assert frame["width"] == pytest.approx(2400 * 16, abs=1)
    at = (middle[0] - frame["x"]) / 16, (middle[1] - frame["y"]) / 16
    # The pointer is in whole pixels of the screen, of which one was four of the picture.
    assert at == pytest.approx((1200, 800), abs=4), "the wheel keeps what is under the pointer"
    page.mouse.down()
    page.mouse.move(middle[0] + 160, middle[1] + 80, steps=3)
    page.mouse.up()
    moved = page.locator("#frame").bounding_box()
    assert moved["x"] - frame["x"] == pytest.approx(160, abs=1)
    assert not page.is_visible("#panel"), "a drag is no click"
    wait_shown(page)
    seen = page.evaluate(_DETAIL)
    top, left = round(seen["top"] * 16), round(seen["left"] * 24)
    expected = pixels[top, left : left + len(seen["row"])]
    assert seen["row"] == expected.tolist()
    page.focus("#stage")
    page.keyboard.press("0")
    wait_shown(page)
    assert page.locator("#frame").bounding_box()["width"] <= stage["width"] + 1
    page.keyboard.press("+")
    page.keyboard.press("-")
    assert page.locator("#frame").bounding_box()["width"] <= stage["width"] + 1
    set_range(page, "#divider", 50)


_DETAIL = """() => {
    const canvas = document.querySelector("#detail-before");
    const copy = new OffscreenCanvas(canvas.width, 1), context = copy.getContext("2d");
    context.drawImage(canvas, 0, 0);
    const row = [...context.getImageData(0, 0, canvas.width, 1).data].filter((_, i) => i % 4 === 0);
    return {left: parseFloat(canvas.style.left), top: parseFloat(canvas.style.top), row};
}"""
"""The first row of what is seen pixel by pixel, and where it is, in percent of the picture."""


def test_two_fingers_zoom(open_page: Open) -> None:
    page = open_page([EXAMPLES[1]], viewport={"width": 390, "height": 780}, has_touch=True)
    wait_shown(page)
    stage = page.locator("#stage").bounding_box()
    before = page.locator("#frame").bounding_box()["width"]
    x, y = stage["x"] + stage["width"] / 2, stage["y"] + stage["height"] / 2
    touch = page.context.new_cdp_session(page)

    def fingers(kind: str, *offsets: float) -> None:
        points = [{"x": x + offset, "y": y, "id": index} for index, offset in enumerate(offsets)]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    fingers("touchStart", -30, 30)
    for reach in range(40, 130, 10):
        fingers("touchMove", -reach, reach)
    fingers("touchEnd")
    assert page.locator("#frame").bounding_box()["width"] == pytest.approx(4 * before, rel=0.2)
    assert not page.is_visible("#panel"), "no hint was meant"
    page.touchscreen.tap(x - 90, y)  # beside the line
    page.wait_for_selector("#panel[open]")
    box = page.locator("#panel").bounding_box()
    assert box["x"] >= 0
    assert box["x"] + box["width"] <= 390


def visit(browser: Any, address: str) -> Any:
    """Open a page of the web for the first time, until its service worker is at work."""
    page = browser.new_context().new_page()
    page.set_default_timeout(PATIENCE)
    page.goto(f"{address}/index.html")
    page.wait_for_function("() => navigator.serviceWorker.controller !== null")
    return page


def test_works_offline_after_the_first_visit(browser: Any, built: Path) -> None:
    with _hosting(built) as address:
        page = visit(browser, address)
    page.context.set_offline(True)
    page.reload()
    page.goto(f"{address}/")
    assert page.evaluate("crossOriginIsolated"), "isolated by the service worker"
    choose(page, EXAMPLES[0])
    wait_shown(page)
    page.check("[name=model][value=base]")  # was never asked for, and cannot be fetched now
    page.wait_for_selector("#problem:not(:empty)")
    assert "could not be fetched" in page.inner_text("#problem")
    page.wait_for_selector("#viewer:not([aria-busy])")  # it is not tried again and again
    page.check("[name=model][value=nano]")
    wait_shown(page)
    page.context.close()


def test_a_page_goes_on_when_a_newer_one_is_published(
    browser: Any, built: Path, tmp_path: Path
) -> None:
    site = tmp_path / "site"
    shutil.copytree(built, site)
    with _hosting(site) as address:
        page = visit(browser, address)
        script = site / "service-worker.js"
        text = re.sub(r"(tinct-page-\W*)\w+", r"\1newer", script.read_text("utf-8"))
        [readout] = (site / "assets").glob("base-readout-*.onnx")
        script.write_text(text.replace(readout.name, "newer.onnx"), "utf-8")
        readout.rename(readout.with_name("newer.onnx"))
        page.evaluate(
            "navigator.serviceWorker.ready.then(worker => worker.update()).then(() => null)"
        )
        page.wait_for_function(
            "() => navigator.serviceWorker.getRegistration().then(({waiting}) => waiting !== null)"
        )
        Picture(np.full((40, 50), 99, np.uint8)).save(tmp_path / "gray.png")
        choose(page, tmp_path / "gray.png")
        wait_shown(page)
        page.check("[name=model][value=base]")
        wait_shown(page)
        assert page.inner_text("#problem") == ""
        page.context.close()


@contextmanager
def _hosting(folder: Path) -> Iterator[str]:
    """Serve a folder as a web server does that knows nothing of the page; gives its address."""
    handler = partial(_Files, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


class _Files(SimpleHTTPRequestHandler):
    """Gives files, and nothing for a folder."""

    def send_head(self) -> Any:
        """Answer with a file alone."""
        if not self.path.endswith("/"):
            return super().send_head()
        return self.send_error(404)

    def end_headers(self) -> None:
        """Let nothing be kept but by the service worker."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the terminal free."""
