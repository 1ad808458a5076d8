"""``tinct lab faults`` as it is called."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

pytest.importorskip("torch")
REFERENCES = Path(__file__).parents[2] / "references" / "photographs"


def test_faults_of_rows_in_a_table(call, tmp_path):
    for name in ("astronaut.jpg", "rocket.jpg"):
        shutil.copy(REFERENCES / name, tmp_path / name)
    code, out, _ = call("lab", "faults", "nano", tmp_path, "-o", "faults.md")
    assert code == 0
    assert (tmp_path / "faults.md").read_text() in out
    rows = {line.split("|")[1].strip(): line for line in out.splitlines() if line[:2] == "| "}
    assert list(rows)[1:] == ["gray", "mean color", "nano, vividness 0.55 (default)"]
    gray = [cell.strip() for cell in rows["gray"].split("|")[2:-1]]
    assert gray[0] == ""  # one face is not enough for an interval
    assert gray[3:6] == ["0.00 ± 0.00"] * 3


def test_one_photograph_is_not_enough(call, tmp_path):
    shutil.copy(REFERENCES / "rocket.jpg", tmp_path / "rocket.jpg")
    code, _, errors = call("lab", "faults", "nano", tmp_path / "rocket.jpg")
    assert code == 1
    assert errors[-1].endswith("two color photographs or more are needed")
