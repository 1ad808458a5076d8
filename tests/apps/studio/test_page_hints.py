"""Colors are said in the page, as in Python: clicks, strokes, files of hints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from studio_page import (
    EXAMPLES,
    PIXELS,
    agreement,
    choose,
    choose_likely,
    place,
    save,
    set_range,
    wait_shown,
)

from tinct.photographs import Picture, read_picture
from tinct.runtime import Colorizer
from tinct.runtime.color_names import parse_color
from tinct.runtime.hint_file import read_hints

# x, y and radius as shares of the picture.
HINTS: list[list[dict[str, Any]]] = [
    [{"x": 0.3, "y": 0.4, "color": "#2e7d32", "radius": 0.02}],
    [
        {"x": 0.5, "y": 0.5, "color": "firebrick"},
        {"points": [[0.1, 0.1], [0.6, 0.15], [0.7, 0.3]], "color": "skyblue", "radius": 0.01},
        {"x": 0.51, "y": 0.51, "color": "lab(50, -20, -40)", "radius": 0.015},
    ],
    [
        {"points": [[0.2, 0.8], [0.8, 0.85]], "color": "hsl(30, 80%, 40%)", "radius": 0.05},
        {"x": 0.9, "y": 0.2, "color": "gray"},
    ],
]


def write_hints(path: Path, hints: list[dict[str, Any]], size: tuple[int, int]) -> Path:
    """Write a file of hints for a picture of a size."""
    width, height = size
    entries = []
    for hint in hints:
        points = [[x * width, y * height] for x, y in hint.get("points", [])]
        spot = {"x": hint["x"] * width, "y": hint["y"] * height} if not points else {}
        radius = hint.get("radius", 0) * min(size)
        entries.append(
            {**({"points": points} if points else spot), "color": hint["color"], "radius": radius}
        )
    path.write_text(json.dumps({"tinct-hints": 1, "hints": entries}))
    return path


def open_hints(page: Any, path: Path, count: int, of: int = 0) -> None:
    page.set_input_files("#hint-file", path)
    page.wait_for_selector(f"#hints li:nth-child({count})", state="attached")
    wait_shown(page, of)


def test_hints_give_the_colors_of_python(page: Any, tmp_path: Path) -> None:
    choose(page, *EXAMPLES[:3])
    for number, (hints, model) in enumerate(zip(HINTS, ("nano", "base", "nano"), strict=True)):
        photo = read_picture(EXAMPLES[number])
        page.click(f"#pictures li:nth-child({number + 1}) button")
        wait_shown(page, number)
        page.check(f"[name=model][value={model}]")
        file = write_hints(tmp_path / f"{number}.json", hints, photo.size)
        open_hints(page, file, len(hints), number)
        result = read_picture(save(page, "png")).pixels[..., :3]
        canvas = Colorizer(model, threads=1).open(photo.pixels)
        read_hints(file).apply(canvas)
        assert agreement(result, canvas.picture()) >= 0.999, (number, model)
        gray = read_picture(EXAMPLES[number], gray=True).pixels
        luma = result @ np.array([0.299, 0.587, 0.114])
        assert (np.abs(luma - gray) <= 1.51).mean() >= 0.999, (number, model)
        page.click("#where")
        page.wait_for_selector("#panel[open]")
        where = page.eval_on_selector(
            "#cross", "cross => [parseFloat(cross.style.left), parseFloat(cross.style.top)]"
        )
        x, y = canvas.where()
        width, height = photo.size
        assert where == pytest.approx([100 * x / width, 100 * y / height], abs=0.01)
        colors = page.eval_on_selector_all("#likely button", "all => all.map(b => b.dataset.color)")
        assert colors == [one.code for one in canvas.suggest(x, y)]


def test_a_click_and_a_color_undone_and_done_again(page: Any) -> None:
    choose(page, EXAMPLES[1])
    wait_shown(page)
    seen = [page.evaluate(PIXELS)]
    place(page, 0.4, 0.8)
    choose_likely(page, 2)
    seen.append(page.evaluate(PIXELS))
    page.keyboard.press("Escape")
    set_range(page, "#vividness", 0.9)
    wait_shown(page)
    seen.append(page.evaluate(PIXELS))
    page.check("[name=model][value=base]")
    wait_shown(page)
    seen.append(page.evaluate(PIXELS))
    page.click("#hints button")
    page.wait_for_selector("#panel[open]")
    page.click("#remove")
    wait_shown(page)
    seen.append(page.evaluate(PIXELS))
    assert len(set(seen)) == len(seen), "every step changes the picture"
    for step, expected in enumerate(reversed(seen[:-1])):
        page.keyboard.press("Control+z") if step % 2 else page.click("#undo")
        wait_shown(page)
        assert page.evaluate(PIXELS) == expected, step
    assert page.is_disabled("#undo")
    assert page.is_checked("[name=model][value=nano]")
    for expected in seen[1:]:
        page.keyboard.press("Control+Shift+z")
        wait_shown(page)
        assert page.evaluate(PIXELS) == expected
    assert page.is_disabled("#redo")


def _try_hue(page: Any) -> None:
    """Move the slider of hues, and do not let go of it."""
    page.eval_on_selector(
        "#hue", "input => { input.value = 20; input.dispatchEvent(new Event('input')) }"
    )


def test_what_is_only_tried_is_not_kept(page: Any) -> None:
    choose(page, EXAMPLES[1])
    wait_shown(page)
    before = page.evaluate(PIXELS)
    place(page, 0.4, 0.8)
    _try_hue(page)
    page.wait_for_selector('#viewer[data-shown="draft"]:not([aria-busy])')
    assert page.evaluate(PIXELS) != before
    page.keyboard.press("Escape")
    wait_shown(page)
    assert page.evaluate(PIXELS) == before
    assert page.is_disabled("#undo")
    assert page.locator("#hints li").count() == 0


def test_escape_closes_the_panel_wherever_the_keyboard_is(page: Any) -> None:
    choose(page, EXAMPLES[1])
    wait_shown(page)
    before = page.evaluate(PIXELS)
    place(page, 0.4, 0.8)
    _try_hue(page)
    page.focus("#divider")
    page.keyboard.press("Escape")
    page.wait_for_selector("#panel", state="hidden")
    wait_shown(page)
    assert page.evaluate(PIXELS) == before
    assert page.evaluate("document.activeElement.id") == "divider"


def test_nothing_is_undone_while_the_camera_is_looked_at(page: Any) -> None:
    choose(page, EXAMPLES[1])
    wait_shown(page)
    place(page, 0.4, 0.8)
    choose_likely(page, 2)
    page.click("#show-camera")
    page.keyboard.press("Control+z")
    page.click("#show-photographs")
    assert page.locator("#hints li").count() == 1
    page.keyboard.press("Control+z")
    assert page.locator("#hints li").count() == 0


def test_the_wheel_has_what_the_lightness_can_show(page: Any) -> None:
    choose(page, EXAMPLES[1])
    wait_shown(page)
    place(page, 0.4, 0.8)
    wheel = page.locator("#wheel-frame").bounding_box()
    page.mouse.click(wheel["x"] + 0.97 * wheel["width"], wheel["y"] + 0.5 * wheel["height"])
    wait_shown(page)
    recent = page.get_attribute("#recent button", "data-color")
    likely = page.get_attribute("#likely button", "data-color")
    lightness, a, b = parse_color(recent)
    assert lightness == pytest.approx(parse_color(likely)[0], abs=12), "luma stays, L* hardly moves"
    assert a > 25, "red is where hue is 0"
    assert abs(b) < 0.2 * a


def test_a_hint_is_dragged_and_deleted_by_one_step_each(page: Any) -> None:
    choose(page, EXAMPLES[1])
    wait_shown(page)
    place(page, 0.4, 0.8)
    color = choose_likely(page, 2)
    page.keyboard.press("Escape")
    box = page.locator("#hints button").bounding_box()
    frame = page.locator("#frame").bounding_box()
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(x, y)
    page.mouse.down()
    page.mouse.move(x + 0.1 * frame["width"], y - 0.2 * frame["height"], steps=4)
    page.mouse.up()
    wait_shown(page)
    [hint] = json.loads(save(page, "hints"))["hints"]
    width, height = read_picture(EXAMPLES[1]).size
    assert (hint["x"] / width, hint["y"] / height) == pytest.approx((0.5, 0.6), abs=0.01)
    assert hint["color"] == color
    assert not page.is_visible("#panel"), "a drag is no click"
    page.focus("#hints button")
    page.keyboard.press("Delete")
    assert page.locator("#hints li").count() == 0
    page.click("#undo")
    page.click("#undo")
    [hint] = json.loads(save(page, "hints"))["hints"]
    assert (hint["x"] / width, hint["y"] / height) == pytest.approx((0.4, 0.8), abs=0.01)


def test_a_stroke_is_saved_as_python_reads_it(page: Any, tmp_path: Path) -> None:
    choose(page, EXAMPLES[1])
    wait_shown(page)
    page.click("[data-tool=stroke]")
    frame = page.locator("#frame").bounding_box()
    at = lambda x, y: (frame["x"] + x * frame["width"], frame["y"] + y * frame["height"])  # noqa: E731
    page.mouse.move(*at(0.1, 0.1))
    page.mouse.down()
    page.mouse.move(*at(0.5, 0.1), steps=5)
    page.mouse.move(*at(0.5, 0.3), steps=5)
    page.mouse.up()
    page.wait_for_selector("#panel[open]")
    color = choose_likely(page, 1)
    page.keyboard.press("Escape")
    page.click("[data-tool=spot]")
    assert page.locator("#strokes polyline").count() == 1
    file = tmp_path / "hints.json"
    file.write_bytes(save(page, "hints"))
    [stroke] = read_hints(file).hints
    width, height = read_picture(EXAMPLES[1]).size
    assert len(stroke.points) == 11
    assert stroke.points[0] == pytest.approx((0.1 * width, 0.1 * height), abs=2)
    assert stroke.points[-1] == pytest.approx((0.5 * width, 0.3 * height), abs=2)
    assert stroke.color == color
    assert stroke.radius == pytest.approx(0.01 * min(width, height), abs=0.01)
    shown = page.evaluate(PIXELS)
    page.click("#undo")
    open_hints(page, file, 1)
    assert page.evaluate(PIXELS) == shown


def test_hints_by_keyboard_alone(page: Any) -> None:
    choose(page, EXAMPLES[1])
    wait_shown(page)
    before = page.evaluate(PIXELS)
    page.focus("#stage")
    for key in ("ArrowDown", "ArrowDown", "Shift+ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    page.keyboard.press("Enter")
    page.wait_for_selector("#panel[open]")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    wait_shown(page)
    assert page.evaluate(PIXELS) != before
    page.focus("#hue")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("Escape")
    assert not page.is_visible("#panel")
    assert page.evaluate("document.activeElement.id") == "stage"
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.closest('#hints') !== null")
    place_before = page.get_attribute("#hints li", "style")
    page.keyboard.press("ArrowUp")
    wait_shown(page)
    assert page.get_attribute("#hints li", "style") != place_before
    page.keyboard.press("Delete")
    wait_shown(page)
    assert page.evaluate(PIXELS) == before
    assert page.evaluate("document.activeElement.id") == "stage", "focus is not lost"


def test_a_color_is_picked_from_another_picture(page: Any, tmp_path: Path) -> None:
    pixels = np.zeros((40, 60, 3), np.uint8)
    pixels[:] = (200, 40, 60)
    Picture(pixels).save(tmp_path / "red.png")
    choose(page, EXAMPLES[1], tmp_path / "red.png")
    wait_shown(page)
    place(page, 0.4, 0.8)
    page.click("#pick")
    page.click("#pictures li:nth-child(2) button")
    wait_shown(page, 1)
    set_range(page, "#divider", 0)  # the picture as it was
    page.locator("#stage").click()  # in its middle
    wait_shown(page, 0)
    page.wait_for_selector("#hints li", state="attached")
    [hint] = json.loads(save(page, "hints"))["hints"]
    assert hint["color"] == "#c8283c"
    set_range(page, "#divider", 50)


def test_a_hint_stays_with_its_picture(page: Any, tmp_path: Path) -> None:
    Picture(np.full((40, 60), 99, np.uint8)).save(tmp_path / "gray.png")
    choose(page, EXAMPLES[1], tmp_path / "gray.png")
    wait_shown(page)
    # The panel would come when the other one is shown.
    page.evaluate(
        """() => {
            const stage = document.querySelector("#stage");
            stage.dispatchEvent(new KeyboardEvent("keydown", {key: "Enter", bubbles: true}));
            document.querySelector("#pictures li:nth-child(2) button").click();
        }"""
    )
    wait_shown(page, 1)
    page.locator("#caption", has_text="gray.png").wait_for()
    assert not page.is_visible("#panel")
    page.click("#pictures li:nth-child(1) button")
    wait_shown(page)
    place(page, 0.4, 0.8)
    page.click("#pick")
    page.click("#pictures li:nth-child(2) button")
    page.locator("#caption", has_text="gray.png").wait_for()
    page.keyboard.press("Escape")
    choose_likely(page, 1)
    assert page.locator("#hints li").count() == 1
    page.click("#pictures li:nth-child(2) button")
    page.locator("#caption", has_text="gray.png").wait_for()
    assert page.locator("#hints li").count() == 0


def test_what_is_changed_beside_the_panel_stays(page: Any, tmp_path: Path) -> None:
    choose(page, EXAMPLES[1])
    wait_shown(page)
    place(page, 0.4, 0.5)
    choose_likely(page, 1)
    page.focus("#hints button")
    page.keyboard.press("ArrowRight")
    moved = page.get_attribute("#hints li", "style")
    choose_likely(page, 2)
    assert page.get_attribute("#hints li", "style") == moved
    file = write_hints(tmp_path / "hints.json", HINTS[1], read_picture(EXAMPLES[1]).size)
    open_hints(page, file, len(HINTS[1]))
    assert not page.is_visible("#panel"), "its hint is gone"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no hints", "not a file of hints"),
        ('{"tinct-hints": 2, "hints": []}', "not a file of hints"),
        ('{"tinct-hints": 1, "hints": [{"x": 9999, "y": 1, "color": "red"}]}', "hint 1"),
        ('{"tinct-hints": 1, "hints": [{"x": 1, "y": 1, "color": "reddish"}]}', "hint 1"),
        ('{"tinct-hints": 1, "hints": [{"points": [], "color": "red"}]}', "hint 1"),
        ('{"tinct-hints": 1, "size": [10, 99], "hints": []}', "another shape"),
    ],
)
def test_files_of_hints_that_are_wrong(page: Any, tmp_path: Path, text: str, expected: str) -> None:
    choose(page, EXAMPLES[1])
    wait_shown(page)
    file = tmp_path / "bad.json"
    file.write_text(text)
    page.set_input_files("#hint-file", file)
    page.wait_for_selector("#problem:not(:empty)")
    assert page.inner_text("#problem").startswith("bad.json")
    assert expected in page.inner_text("#problem")
    assert page.locator("#hints li").count() == 0


def test_hints_made_for_a_smaller_copy_are_scaled(page: Any, tmp_path: Path) -> None:
    choose(page, EXAMPLES[1])
    wait_shown(page)
    width, height = read_picture(EXAMPLES[1]).size
    file = tmp_path / "small.json"
    hint = {"x": width / 8, "y": height / 8, "color": "tomato", "radius": 3}
    file.write_text(
        json.dumps({"tinct-hints": 1, "size": [width / 4, height / 4], "hints": [hint]})
    )
    open_hints(page, file, 1)
    saved = json.loads(save(page, "hints"))
    assert saved["size"] == [width, height]
    expected = {"x": width / 2, "y": height / 2, "color": "#ff6347", "radius": 12}
    assert saved["hints"] == [expected]
