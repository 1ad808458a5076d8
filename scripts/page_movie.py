"""Draw the moving picture of README from the real page: a photograph dropped, a cardigan clicked.

    scripts/page && python scripts/page_movie.py

writes ``docs/images/studio.webp``. Needs Playwright and Chromium, as the tests of the page do.
"""

from __future__ import annotations

import io
import shutil
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from tinct.apps.studio.page import find_page
from tinct.apps.studio.server import StudioServer

ROOT = Path(__file__).resolve().parents[1]
PHOTOGRAPH = ROOT / "examples" / "migrant-mother-1936.jpg"
TARGET = ROOT / "docs" / "images" / "studio.webp"
SIZE = {"width": 1120, "height": 760}
WIDTH = 760  # pixels of the result
CARDIGAN = (0.33, 0.60), (0.62, 0.62)  # shares of the photograph
GREEN = 150  # degrees of the wheel
READY = '#viewer[data-shown="fine"]:not([aria-busy])'
POINTER = """([x, y]) => {
    let pointer = document.getElementById("pointer");
    if (pointer === null) {
        pointer = document.createElement("div");
        pointer.id = "pointer";
        Object.assign(pointer.style, {
            position: "fixed", width: "22px", height: "22px", margin: "-11px", borderRadius: "50%",
            background: "#fff9", border: "2px solid #000a", zIndex: 9, pointerEvents: "none",
        });
        document.body.append(pointer);
    }
    pointer.style.left = x + "px";
    pointer.style.top = y + "px";
}"""
"""A headless browser shows no pointer of its own."""


class Recorder:
    """Takes frames of a page."""

    def __init__(self, page: Any) -> None:
        """Begin with none."""
        self.page = page
        self.frames: list[Image.Image] = []
        self.durations: list[int] = []

    def take(self, milliseconds: int) -> None:
        """Take what is seen now, to be shown for so long."""
        with Image.open(io.BytesIO(self.page.screenshot())) as shot:
            height = round(shot.height * WIDTH / shot.width)
            self.frames.append(
                shot.convert("RGB").resize((WIDTH, height), Image.Resampling.LANCZOS)
            )
        self.durations.append(milliseconds)

    def point(self, x: float, y: float, milliseconds: int = 300) -> None:
        """Show the pointer at a place of the window."""
        self.page.mouse.move(x, y)
        self.page.evaluate(POINTER, [x, y])
        self.take(milliseconds)

    def save(self, path: Path) -> None:
        """Write the frames as a moving WebP that begins again."""
        first, *others = self.frames
        first.save(
            path,
            save_all=True,
            append_images=others,
            duration=self.durations,
            loop=0,
            quality=60,
            method=6,
        )


@contextmanager
def opened_page() -> Iterator[Any]:
    """Open the page of a studio without pictures."""
    with StudioServer(find_page(), ()) as server, sync_playwright() as playwright:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"))
        page = browser.new_page(viewport=SIZE)
        page.goto(server.url)
        yield page
        browser.close()
        server.shutdown()
        thread.join()


def record(page: Any) -> Recorder:
    """Drop the photograph, color the cardigan, and move the line over the picture."""
    movie = Recorder(page)
    movie.point(260, 260, 700)
    page.evaluate("document.body.classList.add('dragging')")
    movie.point(400, 380, 700)
    page.evaluate("document.body.classList.remove('dragging')")
    page.set_input_files("#files", PHOTOGRAPH)
    page.wait_for_selector(READY)
    page.locator("#progress", has_text="1 of 1").wait_for()
    movie.point(400, 380, 1400)
    frame = page.locator("#frame").bounding_box()
    drag_line(movie, frame, range(50, 101, 10))
    for share_x, share_y in CARDIGAN:
        x, y = frame["x"] + share_x * frame["width"], frame["y"] + share_y * frame["height"]
        movie.point(x, y, 500)
        page.mouse.click(x, y)
        page.wait_for_selector("#panel[open]")
        movie.take(900)
        page.eval_on_selector(
            "#hue",
            f"""slider => {{
                slider.value = {GREEN};
                document.getElementById("strength").value = 0.55;
                slider.dispatchEvent(new Event("change"));
            }}""",
        )
        page.wait_for_selector(READY)
        movie.take(1300)
        page.keyboard.press("Escape")
    movie.take(900)
    drag_line(movie, frame, (*range(100, 20, -10), *range(20, 101, 10)))
    movie.take(1200)
    return movie


def drag_line(movie: Recorder, frame: dict[str, float], way: Iterable[int]) -> None:
    """Drag the line over the picture, along percents of its width."""
    y = frame["y"] + frame["height"] - 30
    left, *others = (
        min(frame["x"] + share / 100 * frame["width"], frame["x"] + frame["width"] - 20)
        for share in way
    )
    movie.page.mouse.move(left, y)
    movie.page.mouse.down()
    for x in others:
        movie.point(x, y, 100)
    movie.page.mouse.up()


def main() -> None:
    """Write the moving picture."""
    with opened_page() as page:
        record(page).save(TARGET)


if __name__ == "__main__":
    main()
