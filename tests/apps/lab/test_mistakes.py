"""Mistakes with commands of ``tinct lab`` that measure: one line, before the work, nothing lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")

from tinct.runtime import model_path

REFERENCES = Path(__file__).parents[2] / "references" / "photographs"


@pytest.mark.parametrize(
    ("command", "output", "reason"),
    [
        ("faults", "photographs/a.jpg", "a file that is read"),
        ("faults", "model.onnx", "a file that is read"),
        ("faults", "none/table.md", "there is no such folder"),
        ("robustness", "photographs/a.jpg", "a file that is read"),
        ("hints", "photographs/a.jpg", "a file that is read"),
        ("statistics", "photographs/a.jpg", "a file that is read"),
        ("references", "photographs/a.jpg", "a file that is read"),
        ("average", "model.onnx", "a file that is read"),
        ("calibrate", "model.onnx", "a file that is read"),
    ],
)
def test_what_comes_out_replaces_nothing_that_is_read(call, tmp_path, command, output, reason):
    (tmp_path / "photographs").mkdir()
    shutil.copy(REFERENCES / "rocket.jpg", tmp_path / "photographs/a.jpg")
    shutil.copy(model_path("nano"), tmp_path / "model.onnx")
    read = {
        "statistics": ["photographs"],
        "references": ["photographs/a.jpg"],
        "average": ["model.onnx", "nano"],
    }.get(command, ["model.onnx", "photographs"])
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    code, out, errors = call("lab", command, *read, "-o", output)
    assert code in (1, 2)
    assert len(errors) == 1
    assert errors[0].startswith(f"tinct: error: {output}: {reason}")
    assert out == ""
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_folder_of_colored_pictures_is_no_row_of_robustness(call, tmp_path):
    for name in ("photographs", "colored"):
        (tmp_path / name).mkdir()
        shutil.copy(REFERENCES / "rocket.jpg", tmp_path / name / "a.jpg")
        shutil.copy(REFERENCES / "astronaut.jpg", tmp_path / name / "b.jpg")
    code, out, errors = call("lab", "robustness", "colored", "photographs")
    assert code == 2
    assert out == ""
    assert errors == [
        "tinct: error: colored: a folder: its program has not seen the degraded pictures"
    ]


def test_hints_are_measured_of_a_model(call, tmp_path):
    shutil.copy(REFERENCES / "rocket.jpg", tmp_path / "a.jpg")
    code, _, errors = call("lab", "hints", "a.jpg")
    assert code == 2
    assert errors == ["tinct: error: name a model before the photographs: base, nano, or a file"]


def test_statistics_say_by_their_exit_code_that_a_photograph_is_missing(call, tmp_path):
    (tmp_path / "photographs").mkdir()
    shutil.copy(REFERENCES / "rocket.jpg", tmp_path / "photographs/a.jpg")
    assert call("lab", "statistics", "photographs")[0] == 0
    (tmp_path / "photographs/b.jpg").write_bytes(b"no picture")
    code, _, errors = call("lab", "statistics", "photographs")
    assert code == 1
    assert errors == [
        "tinct: warning: b.jpg: not a picture that tinct can read",
        "statistics.json: the colors of 1 photographs",
    ]


def test_photographs_for_integers_are_refused_with_other_precisions(call, tmp_path):
    options = ("--precision", "fp16", "--calibration", "none")
    code, _, errors = call("lab", "export", "nano", "-o", "half.onnx", *options)
    assert code == 2
    assert errors == ["tinct: error: --calibration is for --precision int8"]
    assert not (tmp_path / "half.onnx").exists()
