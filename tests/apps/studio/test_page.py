"""The page in a real browser: Chromium, which ``scripts/test`` installs where it can."""

from __future__ import annotations

import io
import json
import os
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tinct.apps.studio.page import find_page
from tinct.apps.studio.server import StudioServer
from tinct.errors import InputError
from tinct.photographs import Picture, read_picture
from tinct.runtime import Colorizer

sync_api = pytest.importorskip("playwright.sync_api", reason="no playwright: pip extra dev")
Serve = Callable[[Path, Sequence[Path]], StudioServer]
Open = Callable[..., Any]

_ROOT = Path(__file__).parents[3]
_EXAMPLES = sorted((_ROOT / "examples").glob("*.jpg"))
_AXE = _ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"
_PATIENCE = 120_000  # ms; a machine may be busy with other tests


@pytest.fixture(scope="module")
def built() -> Path:
    try:
        return find_page()
    except InputError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def browser(built: Path) -> Iterator[Any]:
    path = os.environ.get("TINCT_CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("no chromium (Debian: apt-get install chromium; TINCT_CHROMIUM names another)")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def open_page(browser: Any, built: Path, serve: Serve) -> Iterator[Open]:
    """Open the page as ``tinct studio`` does; whatever goes wrong in it fails the test."""
    trouble: list[str] = []
    contexts = []

    def open_one(pictures: Sequence[Path] = (), **settings: Any) -> Any:
        server = serve(built, pictures)
        context = browser.new_context(**settings)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(_PATIENCE)
        page.on("pageerror", lambda error: trouble.append(str(error)))
        page.on("console", lambda said: trouble.append(said.text) if said.type == "error" else None)

        def watch(request: Any) -> None:
            if not request.url.startswith((server.address.url, "blob:")):
                trouble.append(f"asked elsewhere: {request.url}")

        context.on("request", watch)
        page.goto(server.url)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert not trouble


def choose(page: Any, *paths: Path) -> None:
    page.set_input_files("#files", list(paths))


def wait_shown(page: Any, number: int = 0) -> None:
    page.wait_for_selector(f'#viewer[data-shown="{number} fine"]:not([aria-busy])')


def save(page: Any, kind: str) -> bytes:
    with page.expect_download() as download:
        page.click(f'[data-save="image/{kind}"]')
    return Path(download.value.path()).read_bytes()


def set_range(page: Any, selector: str, value: float) -> None:
    page.eval_on_selector(
        selector,
        """(input, value) => {
            input.value = value;
            input.dispatchEvent(new Event("input", {bubbles: true}));
            input.dispatchEvent(new Event("change", {bubbles: true}));
        }""",
        value,
    )


def test_colors_are_those_of_python_and_luma_is_kept(open_page: Open) -> None:
    page = open_page()
    choose(page, *_EXAMPLES)
    for model, vividness in (("nano", 0.55), ("base", 0.2)):
        page.check(f"[name=model][value={model}]")
        set_range(page, "#vividness", vividness)
        colorizer = Colorizer(model, vividness=vividness)
        for number, path in enumerate(_EXAMPLES):
            page.click(f"#pictures li:nth-child({number + 1}) button")
            result = read_picture(save(page, "png")).pixels[..., :3]
            # Browsers give R'G'B', not the luma in a JPEG: in toned ones they differ at black.
            expected = colorizer(read_picture(path).pixels)
            gray = read_picture(path, gray=True).pixels
            difference = np.abs(result.astype(int) - expected.astype(int)).max(axis=-1)
            assert (difference <= 2).mean() >= 0.999, (path.name, model)
            luma = result @ np.array([0.299, 0.587, 0.114])
            assert (np.abs(luma - gray) <= 1.51).mean() >= 0.999, (path.name, model)


def test_a_jpeg_keeps_its_exif_and_says_that_it_was_colored(open_page: Open) -> None:
    path = _ROOT / "examples" / "migrant-mother-1936.jpg"
    page = open_page()
    choose(page, path)
    wait_shown(page)
    original = read_picture(path)
    for kind in ("jpeg", "png"):
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


def test_pictures_on_their_side_come_out_upright(open_page: Open, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    pixels = np.linspace(0, 255, 60 * 90).astype(np.uint8).reshape(60, 90)
    Image.fromarray(pixels).save(tmp_path / "side.jpg", exif=exif)
    page = open_page()
    choose(page, tmp_path / "side.jpg")
    wait_shown(page)
    with Image.open(io.BytesIO(save(page, "jpeg"))) as result:
        assert result.size == (60, 90)
        assert result.getexif()[0x0112] == 1


def _file(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def test_many_pictures_of_which_some_are_broken(open_page: Open, tmp_path: Path) -> None:
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    names = ["broken.jpg"]
    for index, suffix in enumerate(["png", "webp", "avif", "jpg", "png", "png"]):
        name = f"{index}.{suffix}"
        gray = np.random.default_rng(index).integers(0, 256, (40 + index, 50), dtype=np.uint8)
        Picture(gray).save(tmp_path / name)
        names.append(name)
    page = open_page()
    choose(page, *(tmp_path / name for name in names))
    page.locator("#progress", has_text="6 of 7 colored").wait_for()
    assert "broken.jpg: not a picture" in page.inner_text("#problem")
    wait_shown(page, 1)  # the first that could be read
    assert page.locator("#pictures canvas").count() == 6


def test_broken_alone_leaves_the_start(open_page: Open, tmp_path: Path) -> None:
    page = open_page()
    choose(page, _file(tmp_path / "x.png", b"x"))
    page.wait_for_selector("#problem:not(:empty)")
    assert page.is_visible("#start")


def test_pictures_are_dropped_and_pasted(open_page: Open) -> None:
    page = open_page()
    give = """async ({type, bytes}) => {
        const file = new File([new Uint8Array(bytes)], type + ".jpg", {type: "image/jpeg"});
        const transfer = new DataTransfer();
        transfer.items.add(file);
        const event = type === "drop"
          ? new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true})
          : new ClipboardEvent("paste", {clipboardData: transfer, bubbles: true});
        document.body.dispatchEvent(event);
    }"""
    content = list(_EXAMPLES[0].read_bytes())
    page.evaluate(give, {"type": "drop", "bytes": content})
    wait_shown(page, 0)
    page.evaluate(give, {"type": "paste", "bytes": content})
    wait_shown(page, 1)
    assert page.inner_text("#caption").startswith("paste.jpg")


def test_keyboard_alone(open_page: Open) -> None:
    page = open_page(list(_EXAMPLES[:2]))
    wait_shown(page)
    page.focus("#divider")
    page.keyboard.press("ArrowRight")
    assert page.get_attribute("#divider", "aria-valuetext") == "51 % in color"
    assert page.eval_on_selector("#frame", "frame => frame.style.getPropertyValue('--at')") == "51%"
    before = page.evaluate(_PIXELS)
    page.keyboard.press("Tab")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    assert page.eval_on_selector("#vividness", "input => input.value") == "0.8"
    wait_shown(page)
    assert page.evaluate(_PIXELS) != before
    page.focus("#pictures button")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Enter")
    wait_shown(page, 1)


_PIXELS = """() => {
    const copy = new OffscreenCanvas(60, 60), context = copy.getContext("2d");
    context.drawImage(document.querySelector("#after"), 0, 0, 60, 60);
    return [...context.getImageData(0, 0, 60, 60).data].join();
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), (360, 640)])
def test_axe_finds_nothing(
    open_page: Open, tmp_path: Path, scheme: str, size: tuple[int, int]
) -> None:
    if not _AXE.exists():
        pytest.skip("axe-core is not installed: scripts/page")
    viewport = {"width": size[0], "height": size[1]}
    page = open_page(color_scheme=scheme, viewport=viewport)
    _check_with_axe(page)
    choose(page, _EXAMPLES[0], _file(tmp_path / "x.png", b"x"))
    wait_shown(page)
    page.wait_for_selector("#problem:not(:empty)")
    _check_with_axe(page)
    width = page.evaluate("document.documentElement.scrollWidth")
    assert width <= size[0], "it has to be scrolled sideways"


def _check_with_axe(page: Any) -> None:
    page.evaluate(_AXE.read_text("utf-8"))
    found = page.evaluate("axe.run().then(result => result.violations)")
    assert not found, json.dumps([[f["id"], [n["html"] for n in f["nodes"]]] for f in found])


def test_a_reload_opens_the_named_pictures_again(open_page: Open, tmp_path: Path) -> None:
    Picture(np.full((40, 50), 99, np.uint16) * 257).save(tmp_path / "scan.tif")
    page = open_page([tmp_path / "scan.tif"])
    wait_shown(page)
    assert "token" not in page.url
    page.reload()
    wait_shown(page)
    assert page.inner_text("#caption") == "scan.tif, 50 \u00d7 40"


def test_works_offline_after_the_first_visit(browser: Any, built: Path) -> None:
    handler = partial(_Quiet, directory=str(built))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        context = browser.new_context()
        page = context.new_page()
        page.set_default_timeout(_PATIENCE)
        page.goto(f"http://127.0.0.1:{server.server_address[1]}/")
        page.evaluate("navigator.serviceWorker.ready.then(() => null)")
        server.shutdown()
        thread.join()
    context.set_offline(True)
    page.reload()
    assert page.evaluate("crossOriginIsolated"), "isolated by the service worker"
    choose(page, _EXAMPLES[0])
    wait_shown(page)
    page.check("[name=model][value=base]")  # was never asked for, and cannot be fetched now
    page.wait_for_selector("#problem:not(:empty)")
    assert "could not be fetched" in page.inner_text("#problem")
    context.close()


class _Quiet(SimpleHTTPRequestHandler):
    """A web server that knows nothing of the page."""

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the terminal free."""
