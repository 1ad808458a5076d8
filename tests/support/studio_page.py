"""What tests do with the page that colors in the browser."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).parents[2]
EXAMPLES = sorted((ROOT / "examples").glob("*.jpg"))
AXE = ROOT / "web" / "node_modules" / "axe-core" / "axe.min.js"

PATIENCE = 120_000  # ms; a machine may be busy with other tests

PIXELS = """() => {
    const copy = new OffscreenCanvas(60, 60), context = copy.getContext("2d");
    context.drawImage(document.querySelector("#after"), 0, 0, 60, 60);
    return [...context.getImageData(0, 0, 60, 60).data].join();
}"""
"""What is seen of the picture in color, small."""


def choose(page: Any, *paths: Path) -> None:
    page.set_input_files("#files", list(paths))


def wait_shown(page: Any, number: int = 0) -> None:
    """Wait until a picture of the row is selected, and shown as it is chosen."""
    page.wait_for_selector(f'#pictures li:nth-child({number + 1}) [aria-current="true"]')
    page.wait_for_selector('#viewer[data-shown="fine"]:not([aria-busy])')


def save(page: Any, kind: str, button: str = "#save") -> bytes:
    page.select_option("#save-as", kind)
    with page.expect_download() as download:
        page.click(button)
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


def place(page: Any, x: float, y: float) -> None:
    """Click the picture, x and y being 0..1 of its sides, and wait for the panel."""
    page.locator("#stage").scroll_into_view_if_needed()
    box = page.locator("#frame").bounding_box()
    page.mouse.click(box["x"] + x * box["width"], box["y"] + y * box["height"])
    page.wait_for_selector("#panel[open]")


def choose_likely(page: Any, number: int, of: int = 0) -> str:
    """Choose a suggested color of the open panel; returns it when the picture shows it."""
    button = page.locator("#likely button").nth(number)
    color = str(button.get_attribute("data-color"))
    button.click()
    wait_shown(page, of)
    return color


def agreement(one: NDArray[Any], other: NDArray[Any]) -> float:
    """Return the share of pixels that differ by at most 2 of 255 levels."""
    return float((np.abs(one.astype(int) - other.astype(int)).max(axis=-1) <= 2).mean())


def check_with_axe(page: Any) -> None:
    page.evaluate(AXE.read_text("utf-8"))
    found = page.evaluate("axe.run().then(result => result.violations)")
    assert not found, json.dumps([[f["id"], [n["html"] for n in f["nodes"]]] for f in found])
