"""Cards of the networks for the Hub say what was measured."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

pytest.importorskip("torch")
hub = pytest.importorskip("huggingface_hub")

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def script():
    place = ROOT / "scripts" / "make_models.py"
    spec = importlib.util.spec_from_file_location("make_models", place)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["nano", "base"])
def test_the_hub_reads_a_card_and_its_numbers_are_those_of_the_model_card(script, name, tmp_path):
    (tmp_path / "ncnn").mkdir()
    (tmp_path / "ncnn" / "weights.bin").write_bytes(bytes(1_230_000))
    card = hub.ModelCard(script.card(name, tmp_path))
    facts = card.data
    assert (facts.license, facts.library_name) == ("apache-2.0", "onnx")
    assert {"colorization", "ncnn", "openvino", "tflite", "coreml"} <= set(facts.tags)
    found = {one.metric_type: one.metric_value for one in facts.eval_results}
    assert sorted(found) == sorted(facts.metrics) == ["ciede2000", "lpips", "psnr"]
    text = (ROOT / "MODEL_CARD.md").read_text("utf-8")
    row = re.search(rf"^\| \*\*{name}\*\*, default .*$", text, re.M)[0]
    cells = [cell.strip() for cell in row.split("|")]
    for value, places in zip(found.values(), (".2f", ".2f", ".4f"), strict=True):
        assert format(value, places) in cells
    assert "| `ncnn/` | ncnn, without decoding, any size | 1.23 |" in card.text
    assert "The colors are plausible, not true." in card.text
    assert "](" not in card.text
