"""The page computes with the numbers of Python."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

onnx = pytest.importorskip("onnx", reason="the extra 'lab' is not installed")

from scripts.page_constants import MODELS, PATH, constants, readout, readout_path


def test_the_file_of_the_page_is_what_python_has() -> None:
    expected = json.loads(json.dumps(constants()))
    assert json.loads(Path(PATH).read_text("utf-8")) == expected, "python scripts/page_constants.py"


@pytest.mark.parametrize("name", MODELS)
def test_the_ends_of_the_networks_are_those_of_the_models(name: str) -> None:
    kept = onnx.load(readout_path(name))
    assert kept.graph == readout(name).graph, "python scripts/page_constants.py"
