from __future__ import annotations

import json

import pytest

from tinct.errors import ModelError
from tinct.spec import FORMAT, ModelSpec

SPEC = ModelSpec("nano", default_vividness=0.25, parameters=5, provenance={"steps": 7, "a": ["b"]})


def test_round_trip():
    assert ModelSpec.from_json(SPEC.to_json(), "m.onnx") == SPEC


def test_json_is_stable_and_names_its_version():
    assert SPEC.to_json() == ModelSpec.from_json(SPEC.to_json(), "m.onnx").to_json()
    assert json.loads(SPEC.to_json())["format"] == FORMAT


def test_facts_left_out_have_their_defaults():
    spec = ModelSpec.from_json(json.dumps({"name": "x", "format": FORMAT}), "m.onnx")
    assert spec == ModelSpec("x")


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "null", '{"format": 1}', "\x00"])
def test_other_text_is_refused(text):
    with pytest.raises(ModelError, match=r"^m\.onnx: not a tinct model: ") as caught:
        ModelSpec.from_json(text, "m.onnx")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"color": 3},
        {"name": 3},
        {"stride": "4"},
        {"stride": 0},
        {"multiple": -32},
        {"short_side": 256.5},
        {"short_side": True},
        {"parameters": None},
        {"default_vividness": 1.5},
        {"default_vividness": float("nan")},
        {"provenance": []},
    ],
)
def test_facts_that_make_no_sense_are_refused(change):
    table = json.loads(SPEC.to_json()) | change
    with pytest.raises(ModelError, match=r"^m\.onnx: not a tinct model: "):
        ModelSpec.from_json(json.dumps(table), "m.onnx")


@pytest.mark.parametrize("change", [{"format": FORMAT + 1}, {"format": FORMAT + 1, "new": 1}])
def test_another_version_is_refused_as_such(change):
    table = json.loads(SPEC.to_json()) | change
    with pytest.raises(ModelError, match="another version of tinct"):
        ModelSpec.from_json(json.dumps(table), "m.onnx")
