from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tinct.errors import InputError
from tinct.runtime.hint_file import read_hints

SPOT = {"x": 10, "y": 20, "color": "#2e7d32"}


class Recorder:
    """Stands for a canvas: keeps what it is told."""

    def __init__(self, width: int, height: int) -> None:
        self.size = width, height
        self.said: list[Any] = []

    def stroke(self, points: Any, color: str, radius: float) -> str | None:
        self.said.append((points, color, radius))
        return "paler" if color == "red" else None


def write(tmp_path: Path, table: Any) -> Path:
    path = tmp_path / "hints.json"
    path.write_text(table if isinstance(table, str) else json.dumps(table), "utf-8")
    return path


def test_spots_and_strokes_are_said_in_their_order(tmp_path: Path) -> None:
    stroke = {"points": [[1, 2], [3.5, 4]], "color": "red", "radius": 6}
    path = write(tmp_path, {"tinct-hints": 1, "hints": [SPOT, stroke]})
    canvas = Recorder(40, 30)
    assert read_hints(path).apply(canvas) == [f"{path}: hint 2: paler"]  # type: ignore[arg-type]
    assert canvas.said == [([(10, 20)], "#2e7d32", 0), ([(1, 2), (3.5, 4)], "red", 6)]


def test_a_file_for_a_smaller_copy_fits_the_whole_picture(tmp_path: Path) -> None:
    table = {"tinct-hints": 1, "size": [40, 30], "hints": [SPOT | {"radius": 3}]}
    canvas = Recorder(400, 300)
    read_hints(write(tmp_path, table)).apply(canvas)  # type: ignore[arg-type]
    assert canvas.said == [([(100, 200)], "#2e7d32", 30)]
    with pytest.raises(InputError, match="made for a picture of 40 x 30 pixels, not 300 x 400"):
        read_hints(write(tmp_path, table)).apply(Recorder(300, 400))  # type: ignore[arg-type]


def test_the_edge_of_a_smaller_copy_is_the_edge_of_the_picture(tmp_path: Path) -> None:
    corner = {"x": 100, "y": 100, "color": "red"}
    table = {"tinct-hints": 1, "size": [100, 100], "hints": [corner]}
    canvas = Recorder(111, 111)  # 100 * 1.11 is more than 111
    read_hints(write(tmp_path, table)).apply(canvas)  # type: ignore[arg-type]
    assert canvas.said == [([(111, 111)], "red", 0)]


def entries(*hints: Any, **others: Any) -> dict[str, Any]:
    return {"tinct-hints": 1, "hints": list(hints), **others}


@pytest.mark.parametrize(
    ("table", "text"),
    [
        ("", "not a file of hints"),
        ('{"tinct-hints": 1', "not a file of hints"),
        ("[" * 100_000, "not a file of hints"),
        ([], "it begins with"),
        ({"tinct-hints": 2, "hints": []}, "it begins with"),
        ({"tinct-hints": 1}, "hints must be a list"),
        (entries(SPOT, sizes=3), "unknown key 'sizes'"),
        (entries(SPOT, size=[3]), "size must be two numbers"),
        (entries(SPOT, size=[0, 5]), "size must be above 0"),
        (entries(SPOT, 3), "hint 2: must be a table"),
        (entries({"color": "red"}), "hint 1: needs x and y, or points"),
        (entries(SPOT | {"points": [[1, 2]]}), "needs x and y, or points"),
        (entries({"x": 1, "y": "2", "color": "red"}), "a point must be two numbers"),
        (entries({"points": [], "color": "red"}), "points must be a list"),
        (entries({"points": [[1, 2, 3]], "color": "red"}), "a point must be two numbers"),
        (entries({"x": 1, "y": 2}), "needs a color, as text"),
        (entries(SPOT | {"color": "grean"}), "hint 1: 'grean': not a color"),
        (entries(SPOT | {"radius": -2}), "radius must be a number of pixels"),
        (entries(SPOT | {"radius": True}), "radius must be a number of pixels"),
        (entries(SPOT | {"colour": "red"}), "hint 1: unknown key 'colour'"),
        ('{"tinct-hints": 1, "hints": [{"x": NaN, "y": 1, "color": "red"}]}', "two numbers"),
        (entries(SPOT | {"x": 10**400}), "a point must be two numbers, not [Infinity, 20"),
    ],
)
def test_what_is_wrong_with_a_file_is_one_line(tmp_path: Path, table: Any, text: str) -> None:
    path = write(tmp_path, table)
    with pytest.raises(InputError) as caught:
        read_hints(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert text in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_file_and_bytes_that_are_no_text(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.json: "):
        read_hints(tmp_path / "missing.json")
    (tmp_path / "b.json").write_bytes(b"\xff\xfe\x00\x80")
    with pytest.raises(InputError, match="not a file of hints"):
        read_hints(tmp_path / "b.json")
