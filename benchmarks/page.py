"""How long the page of ``tinct studio`` takes in a real browser, from an event to the screen.

Needs the built page (``scripts/page``), Playwright and Chromium, as the tests of the page do.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tinct.apps.studio.page import find_page
from tinct.apps.studio.server import StudioServer
from tinct.errors import InputError
from tinct.lab.markdown import markdown_table
from tinct.photographs import Picture

_PATIENCE = 120_000  # ms
_SIZE = 4000, 3000  # 12 megapixels
_CAMERA_SECONDS = 6
_GOALS = {  # ms; frames a second
    "first color, 12 megapixels": "2000",
    "hint chosen": "150",
    "hint dragged on the wheel": "150",
    "vividness dragged": "100",
    "camera 640x480, frames a second": "12",
    "camera, from camera to screen": "",
}
_TIMED = """async selector => {
    const viewer = document.querySelector("#viewer");
    const shown = new Promise(resolve => {
        const observer = new MutationObserver(() => { observer.disconnect(); resolve(); });
        observer.observe(viewer, {attributeFilter: ["data-shown"]});
    });
    const begin = performance.now();
    (ACT)(document.querySelector(selector));
    await shown;
    await new Promise(resolve => requestAnimationFrame(() => setTimeout(resolve)));
    return performance.now() - begin;
}"""
"""Does something to an element; returns the milliseconds until the picture is painted again."""
_DROP = """input => {
    const transfer = new DataTransfer();
    transfer.items.add(input.files[0]);
    document.dispatchEvent(new DragEvent("drop", {dataTransfer: transfer, cancelable: true}));
}"""
_MATERIAL = """() => {
    const input = document.createElement("input");
    input.type = "file";
    input.id = "material";
    document.body.append(input);
}"""
_MOVE = "input => {{ input.value = {}; input.dispatchEvent(new Event('input')); }}"


def bench_page(photograph: np.ndarray[Any, Any], rounds: int) -> str:
    """Time what a person waits for.

    Args:
        photograph: (H, W) uint8, brought to 12 megapixels.
        rounds: How often everything is timed.

    Returns:
        A table in Markdown, in milliseconds but for frames a second; and the load of the machine.

    Raises:
        InputError: The page has not been built, or there is no browser.
    """
    times: dict[str, list[float]] = {name: [] for name in _GOALS}
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder, _page() as page:
        path = Path(folder) / "photograph.jpg"
        Picture(cv2.resize(photograph, _SIZE, interpolation=cv2.INTER_CUBIC)).save(path)
        page.evaluate(_MATERIAL)
        page.set_input_files("#material", path)
        page.set_input_files(
            "#files", path
        )  # does not count: the networks may still be on their way
        page.wait_for_selector('#viewer[data-shown="fine"]:not([aria-busy])')
        page.click("#forget")
        for _ in range(rounds):
            _time_photograph(page, times)
        _time_camera(page, times)
    rows = [
        [name, f"{statistics.median(found):.1f}", f"{min(found):.1f}", f"{max(found):.1f}", goal]
        for (name, goal), found in zip(_GOALS.items(), times.values(), strict=True)
    ]
    table = markdown_table(["", "median", "least", "most", "goal"], rows)
    return f"{table}\n\nLoad of the machine before: {load:.2f}."


@contextmanager
def _page() -> Iterator[Any]:
    """Open the page in a browser, as ``tinct studio`` does."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise InputError("needs playwright: pip install playwright") from error
    chromium = os.environ.get("TINCT_CHROMIUM") or shutil.which("chromium")
    if chromium is None:
        raise InputError("needs Chromium; TINCT_CHROMIUM may name it")
    camera = ["--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
    with StudioServer(find_page(), ()) as server, sync_playwright() as playwright:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", *camera]
        )
        page = browser.new_page()
        page.set_default_timeout(_PATIENCE)
        page.goto(server.url)
        yield page
        browser.close()
        server.shutdown()
        thread.join()


def _time_photograph(page: Any, times: dict[str, list[float]]) -> None:
    def time(name: str, selector: str, act: str) -> None:
        times[name].append(page.evaluate(_TIMED.replace("ACT", act), selector))
        page.wait_for_selector("#viewer:not([aria-busy])")

    page.wait_for_timeout(2000)  # until what the page does in the background is done
    time("first color, 12 megapixels", "#material", _DROP)
    page.locator("#progress", has_text="1 of 1 colored").wait_for()
    time("vividness dragged", "#vividness", _MOVE.format(0.8))
    page.locator("#stage").click(position={"x": 200, "y": 200})
    page.wait_for_selector("#panel[open]")
    time("hint chosen", "#likely button:nth-child(2)", "button => button.click()")
    time("hint dragged on the wheel", "#hue", _MOVE.format(200))
    page.keyboard.press("Escape")
    page.wait_for_selector('#viewer[data-shown="fine"]:not([aria-busy])')
    page.click("#forget")


def _time_camera(page: Any, times: dict[str, list[float]]) -> None:
    page.click("#show-camera")
    page.click("#camera-start")
    page.wait_for_selector("#camera-curve polyline[points*=' ']", state="attached")
    for _ in range(3):
        page.wait_for_timeout(1000 * _CAMERA_SECONDS / 3)
        rate, latency = page.inner_text("#camera-rate"), page.inner_text("#camera-latency")
        times["camera 640x480, frames a second"].append(float(rate))
        times["camera, from camera to screen"].append(float(latency.removesuffix(" ms")))
