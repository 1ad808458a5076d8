"""The plot of quality against cost."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinct.errors import InputError
from tinct.lab.figures.quality_cost import Point, draw_quality, read_points

ROWS = [
    {"name": "gray", "mmac": None, "metrics": {"psnr_rgb": {"value": 22.4}}},
    {"name": "nano <1>", "mmac": 128.6, "metrics": {"psnr_rgb": {"value": 23.7}}},
    {"name": "eccv16", "mmac": 41774, "metrics": {"psnr_rgb": {"value": 22.1}}},
]


def write(path: Path, content: object) -> Path:
    path.write_text(json.dumps(content))
    return path


def test_rows_are_read_and_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    points = read_points(write(tmp_path / "evaluation.json", {"rows": ROWS}))
    assert points[1] == Point("nano <1>", 128.6, {"psnr_rgb": 23.7})
    files = dict(draw_quality(points))
    picture = np.asarray(Image.open(io.BytesIO(files["png"])).convert("RGB"))
    assert picture.std() > 5
    svg = files["svg"].decode()
    assert "<svg" in svg
    assert "eccv16" in svg
    assert draw_quality(points)[1][1].decode() == svg


def test_a_network_has_one_color_and_its_points_their_vividness() -> None:
    pytest.importorskip("matplotlib")
    from tinct.lab.figures.figures import PALETTE

    metrics = [{"psnr_rgb": value} for value in (23.0, 24.0, 22.0)]
    names = ("one, vividness 0", "two, vividness 0.5 (default)", "one, vividness 1")
    points = [Point(name, 100.0, m) for name, m in zip(names, metrics, strict=True)]
    svg = dict(draw_quality(points))["svg"].decode().upper()
    assert all(svg.count(f"<!-- {text} -->") == 1 for text in ("ONE", "TWO", "0.5 (DEFAULT)"))
    assert "VIVIDNESS" not in svg
    assert [color in svg for color in PALETTE[:3]] == [True, True, False]


def test_files_that_are_no_evaluations(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"missing\.json: No such file"):
        read_points(tmp_path / "missing.json")
    for content in ([], {"rows": [{"name": "x"}]}, {"rows": 3}):
        with pytest.raises(InputError, match=r"odd\.json: not an evaluation with costs"):
            read_points(write(tmp_path / "odd.json", content))
    (tmp_path / "text.json").write_text("{")
    with pytest.raises(InputError, match=r"text\.json: not an evaluation"):
        read_points(tmp_path / "text.json")


def test_rows_without_costs() -> None:
    pytest.importorskip("matplotlib")
    with pytest.raises(InputError, match="no row of the evaluation tells what its network costs"):
        draw_quality([Point("gray", None, {"psnr_rgb": 22.0})])
