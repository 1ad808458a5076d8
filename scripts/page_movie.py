"""Draw the moving picture of README from the real page: a photograph dropped, a wall clicked green.

    scripts/page && python scripts/page_movie.py

writes ``docs/images/studio.webp``. Needs Playwright and Chromium, as the tests of the page do.
"""

from __future__ import annotations

import io
import math
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

from tinct.apps.studio.page import find_page
from tinct.apps.studio.server import StudioServer

ROOT = Path(__file__).resolve().parents[1]
PHOTOGRAPH = ROOT / "examples" / "louis-armstrong-1946.jpg"
TARGET = ROOT / "docs" / "images" / "studio.webp"
SIZE = {"width": 1140, "height": 740}
QUALITY = 70
# Places as shares of the photograph; on the wheel the middle, and degrees and strength of a color.
WALL, JACKET, SLEEVE = (0.30, 0.30), (0.72, 0.80), (0.60, 0.87)
GREEN, BLUE = (165, 0.55), (275, 0.5)
STEP = 60  # ms of a frame in which something moves
PATIENCE = 120_000  # ms
READY = '#viewer[data-shown="fine"]:not([aria-busy])'
POINTER = """([x, y, isPressed]) => {
    let pointer = document.getElementById("pointer");
    if (pointer === null) {
        pointer = document.createElement("div");
        pointer.id = "pointer";
        Object.assign(pointer.style, {
            position: "fixed", width: "22px", height: "22px", margin: "-11px", borderRadius: "50%",
            border: "2px solid #000a", zIndex: 9, pointerEvents: "none",
        });
        document.body.append(pointer);
    }
    pointer.style.background = isPressed ? "#000a" : "#fff9";
    pointer.style.left = x + "px";
    pointer.style.top = y + "px";
}"""
"""A headless browser shows no pointer of its own."""

Point = tuple[float, float]


class Recorder:
    """Moves the pointer over a page, and takes frames of it."""

    def __init__(self, page: Any, at: Point) -> None:
        """Begin with no frames, and the pointer at a place of the window."""
        self.page = page
        self.at = at
        self.is_pressed = False
        self.frames: list[Image.Image] = []
        self.durations: list[int] = []

    def take(self, milliseconds: int) -> None:
        """Take what is seen now, to be shown for so long."""
        self.page.evaluate(POINTER, [*self.at, self.is_pressed])
        with Image.open(io.BytesIO(self.page.screenshot())) as shot:
            self.frames.append(shot.convert("RGB"))
        self.durations.append(milliseconds)

    def move(self, x: float, y: float, steps: int = 5) -> None:
        """Move the pointer to a place of the window, slowly at both ends."""
        begin_x, begin_y = self.at
        for step in range(1, steps + 1):
            share = (1 - math.cos(math.pi * step / steps)) / 2
            self.at = begin_x + share * (x - begin_x), begin_y + share * (y - begin_y)
            self.page.mouse.move(*self.at)
            self.take(STEP)

    def press(self) -> None:
        """Press the button of the pointer."""
        self.is_pressed = True
        self.page.mouse.down()
        self.take(STEP)

    def release(self) -> None:
        """Release it, and wait until the page shows what comes of it."""
        self.is_pressed = False
        self.page.mouse.up()
        self.page.wait_for_selector(READY)

    def save(self, path: Path) -> None:
        """Write the frames as a moving WebP that begins again."""
        first, *others = self.frames
        first.save(
            path,
            save_all=True,
            append_images=others,
            duration=self.durations,
            loop=0,
            quality=QUALITY,
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
        page.set_default_timeout(PATIENCE)
        page.goto(server.url)
        yield page
        browser.close()
        server.shutdown()
        thread.join()


def record(page: Any) -> Recorder:
    """Drop the photograph, take the better network, color three places, and drag the line."""
    movie = Recorder(page, (120, 560))
    movie.take(800)
    page.evaluate("document.body.classList.add('dragging')")
    movie.move(330, 330)
    movie.take(500)
    page.evaluate("document.body.classList.remove('dragging')")
    page.set_input_files("#files", PHOTOGRAPH)
    page.wait_for_selector(READY)
    page.locator("#progress", has_text="1 of 1").wait_for()
    movie.take(1200)
    drag_line(movie, 1.0)
    movie.take(500)
    click(movie, "[name=model][value=base]")
    movie.take(900)
    for place, color in ((WALL, GREEN), (JACKET, BLUE)):
        with panel_at(movie, place):
            drag_on_wheel(movie, *color)
    with panel_at(movie, SLEEVE):
        click(movie, "#recent button")
    movie.take(1200)
    drag_line(movie, 0.15, steps=12)
    movie.take(300)
    drag_line(movie, 1.0, steps=12)
    movie.take(1800)
    return movie


@contextmanager
def panel_at(movie: Recorder, place: Point) -> Iterator[None]:
    """Click a place of the photograph, and close the panel when its color has been chosen."""
    movie.move(*inside(movie.page, "#frame", place))
    movie.press()
    movie.release()
    movie.page.wait_for_selector("#panel[open]")
    movie.take(600)
    yield
    movie.take(800)
    click(movie, "#done")
    movie.take(400)


def click(movie: Recorder, selector: str) -> None:
    """Click an element, the first that fits."""
    movie.move(*inside(movie.page, selector, (0.5, 0.5)), steps=4)
    movie.press()
    movie.release()


def drag_on_wheel(movie: Recorder, degrees: float, strength: float) -> None:
    """Drag from gray to a color of the wheel of the panel."""
    angle = math.radians(degrees)
    color = 0.5 + 0.5 * strength * math.cos(angle), 0.5 - 0.5 * strength * math.sin(angle)
    movie.move(*inside(movie.page, "#wheel-frame", (0.5, 0.5)))
    movie.press()
    movie.move(*inside(movie.page, "#wheel-frame", color))
    movie.release()


def drag_line(movie: Recorder, share: float, steps: int = 8) -> None:
    """Drag the line to a share of the width of the picture."""
    page = movie.page
    line = page.locator("#line").bounding_box()
    _, y = inside(page, "#frame", (0.5, 0.93))
    movie.move(line["x"] + line["width"] / 2 - 4, y)
    movie.press()
    x, y = inside(page, "#frame", (share, 0.93))
    movie.move(x, y, steps)
    movie.release()


def inside(page: Any, selector: str, place: Point) -> Point:
    """Return the place of the window that has these shares of an element's sides."""
    box = page.locator(selector).first.bounding_box()
    return box["x"] + place[0] * box["width"], box["y"] + place[1] * box["height"]


def main() -> None:
    """Write the moving picture."""
    with opened_page() as page:
        record(page).save(TARGET)


if __name__ == "__main__":
    main()
