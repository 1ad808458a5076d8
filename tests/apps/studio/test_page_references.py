"""Pictures in color on the side of the page: photographs take colors from them, as in Python."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from studio_page import EXAMPLES, PIXELS, agreement, choose, place, save, wait_shown

from tinct.photographs import Picture, read_picture
from tinct.runtime import Colorizer


def in_color(path: Path, photograph: Path, hue: int) -> Path:
    """Write a picture of the same things as a photograph in colors that no network would choose."""
    gray = read_picture(photograph, gray=True).pixels
    height, width = gray.shape
    rows, columns = np.mgrid[:height, :width]
    hues = hue + 60 * (rows > height / 2) + 20 * columns / width
    hsv = np.dstack([hues % 180, np.full_like(gray, 140), gray]).astype(np.uint8)
    Picture(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB)).save(path)
    return path


def refer(page: Any, *paths: Path, count: int) -> None:
    """Choose references, and wait until so many are shown and the picture with them."""
    page.set_input_files("#reference-files", list(paths))
    page.wait_for_selector(f"#references li:nth-child({count})", state="attached")
    wait_shown(page)


@pytest.mark.parametrize("model", ["nano", "base"])
def test_references_give_the_colors_of_python(page: Any, tmp_path: Path, model: str) -> None:
    references = [
        in_color(tmp_path / "one.png", EXAMPLES[1], 100),
        in_color(tmp_path / "two.png", EXAMPLES[2], 20),
    ]
    choose(page, EXAMPLES[1])
    wait_shown(page)
    page.check(f"[name=model][value={model}]")
    refer(page, *references, count=2)
    result = read_picture(save(page, "png")).pixels[..., :3]
    colorizer = Colorizer(model, threads=1)
    photograph = read_picture(EXAMPLES[1]).pixels
    canvas = colorizer.open(photograph)
    for reference in references:
        canvas.reference(reference)
    assert agreement(result, canvas.picture()) >= 0.999
    assert agreement(result, colorizer(photograph)) < 0.5, "they say something else"


def test_a_reference_is_dropped_on_the_side_taken_back_and_removed(
    page: Any, tmp_path: Path
) -> None:
    choose(page, EXAMPLES[1])
    wait_shown(page)
    before = page.evaluate(PIXELS)
    content = in_color(tmp_path / "today.png", EXAMPLES[1], 100).read_bytes()
    page.evaluate(_DROP, base64.b64encode(content).decode())
    page.wait_for_selector("#references li", state="attached")
    wait_shown(page)
    assert page.locator("#pictures li").count() == 1, "it is not one of the photographs"
    referred = page.evaluate(PIXELS)
    assert referred != before
    page.evaluate(_COUNT_FILES)
    place(page, 0.4, 0.8)
    page.locator("#likely button").nth(2).click()
    wait_shown(page)
    assert page.evaluate("written") == 0, "a click writes no picture to the disk"
    assert page.evaluate(PIXELS) != referred, "a hint counts for more"
    page.keyboard.press("Escape")
    for expected, count in ((referred, 1), (before, 0)):
        page.click("#undo")
        wait_shown(page)
        assert page.evaluate(PIXELS) == expected
        assert page.locator("#references li").count() == count
    page.click("#redo")
    wait_shown(page)
    page.reload()
    wait_shown(page)
    assert page.evaluate(PIXELS) == referred, "it is kept"
    page.get_by_role("button", name="Take no colors from today.png").click()
    wait_shown(page)
    assert page.evaluate(PIXELS) == before
    assert page.evaluate("document.activeElement.id") == "reference-files"


_COUNT_FILES = """() => {
    window.written = 0;
    const put = IDBObjectStore.prototype.put;
    IDBObjectStore.prototype.put = function (value, key) {
        written += [value, ...Object.values(value).flat().map(one => one?.file)]
            .filter(one => one instanceof File).length;
        return put.call(this, value, key);
    };
}"""
"""Count from now on the files that are given to the browser's store."""

_DROP = """text => {
    const bytes = Uint8Array.from(atob(text), letter => letter.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], "today.png", {type: "image/png"}));
    const event = new DragEvent("drop", {dataTransfer: transfer, bubbles: true, cancelable: true});
    document.querySelector("#reference").dispatchEvent(event);
}"""


def test_what_is_no_reference_is_one_line_each(page: Any, tmp_path: Path) -> None:
    choose(page, EXAMPLES[1])
    wait_shown(page)
    gray = read_picture(EXAMPLES[1], gray=True).pixels
    toned = np.dstack([gray, gray * 0.85, gray * 0.65]).astype(np.uint8)
    Picture(gray).save(tmp_path / "gray.png")
    Picture(toned).save(tmp_path / "toned.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    for name, expected in (
        ("gray.png", "has to be in color"),
        ("toned.jpg", "has to be in color"),
        ("broken.jpg", "not a picture"),
    ):
        page.set_input_files("#reference-files", tmp_path / name)
        page.locator("#problem", has_text=f"{name}: ").wait_for()
        assert expected in page.inner_text("#problem")
    assert page.locator("#references li").count() == 0
    assert page.locator("#pictures canvas").count() == 1, "the photograph is as it was"
