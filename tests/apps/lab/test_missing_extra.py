"""The laboratory where its extra is not installed."""

from __future__ import annotations

import sys

import pytest
from modules import forget

from tinct.apps import cli


@pytest.fixture
def no_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let imports of torch fail as where it is not installed."""
    forget(monkeypatch, "torch", "tinct.lab")
    monkeypatch.setitem(sys.modules, "torch", None)


@pytest.mark.usefixtures("no_torch")
def test_a_command_says_in_one_line_what_to_install(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["lab", "average", "nano", "base", "-o", "x.onnx"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("tinct: error: tinct lab average (torch) needs parts that are not inst")
    assert "pip install '.[lab]'" in error
    assert error.count("\n") == 1


@pytest.mark.usefixtures("no_torch")
def test_info_begins_with_what_a_model_file_says(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["info", "nano"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("Model file:")
    assert "pip install '.[lab]'" in lines[-1]
    assert cli.main(["info", "paper"]) == 1
    assert "table of the layers of paper needs" in capsys.readouterr().err
