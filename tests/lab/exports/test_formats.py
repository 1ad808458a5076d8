"""Exports answer as ONNX Runtime does, each in its own runtime, on photographs."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from core_ml import CoreML

from tinct import Colorizer, read_picture
from tinct.color import luma_to_lightness
from tinct.errors import ModelError
from tinct.lab.exports.decoding import Decoding
from tinct.lab.exports.export import HALF_TOLERANCE, TARGETS, TOLERANCE, compare, export_model_to
from tinct.lab.exports.models import open_source
from tinct.lab.exports.runtimes import load_export
from tinct.runtime import Session
from tinct.runtime.colorizer import working_luma
from tinct.runtime.compose import luma_of

pytestmark = [pytest.mark.train, pytest.mark.filterwarnings("ignore")]  # converters warn of much

PHOTOGRAPHS = sorted((Path(__file__).parents[2] / "references" / "photographs").glob("*.[jw]*"))
SIZE = (352, 256)
NEEDED = {
    "onnx": (),
    "openvino": ("openvino",),
    "ncnn": ("pnnx", "ncnn"),
    "litert": ("litert_torch", "ai_edge_litert"),
    "coreml": ("coremltools",),
}
OF_ONE_SIZE = ("litert", "coreml")
CORE_ML_TOLERANCE = 2e-2  # computed in halves from end to end


def lightness_of(path, size=SIZE):
    """L* (1, 1, H, W) of a photograph; of its middle, where a size is asked for."""
    luma = luma_of(read_picture(path, gray=True).pixels)
    small = working_luma(luma, 256, 32)
    if size:
        width, height = size
        small = np.tile(small, (2, 2))[:height, :width]
    return luma_to_lightness(small)[None, None].astype(np.float32)


def need(target):
    for package in NEEDED[target]:
        if find_spec(package) is None:
            pytest.skip(f"{package} of the extra 'export' is not installed")


@pytest.fixture(scope="module", params=TARGETS)
def exported(request, tmp_path_factory):
    """nano in every format that there are converters for."""
    need(request.param)
    return export(request.param, "nano", tmp_path_factory)


def export(target, model, tmp_path_factory):
    folder = tmp_path_factory.mktemp("exports") / f"{model}-{target}"
    size = SIZE if target in OF_ONE_SIZE else None
    made = export_model_to(target, model, folder, size)
    return target, folder, made, open_source(model, SIZE)


def load(path):
    return CoreML(path) if path.suffix == ".mlpackage" else load_export(path)


def main_file(folder, graph):
    names = json.loads((folder / f"{graph.name.removesuffix('-hints')}.json").read_text())["files"]
    return folder / names[graph.name][0]


def worst_difference(target, folder, source):
    """The largest difference over all photographs, of the network and of the branch for hints."""
    network, branch = source.graphs
    ours, theirs = load_export(network.path), load(main_file(folder, network))
    hints, their_hints = load_export(branch.path), load(main_file(folder, branch))
    found = []
    for path in PHOTOGRAPHS:
        lightness = lightness_of(path, SIZE if target in OF_ONE_SIZE else None)
        feed = {"lightness": lightness}
        found.append(compare(source, network, ours, theirs, feed))
        level = {"vividness": np.zeros(1, np.float32)}
        (features,) = ours.run(feed | level, ("features",))
        found.append(compare(source, branch, hints, their_hints, feed | {"features": features}))
    assert len(found) == 10
    return max(found)


def test_colors_are_those_of_the_model_file_on_photographs(exported):
    target, folder, made, source = exported
    tolerance = CORE_ML_TOLERANCE if target == "coreml" else TOLERANCE
    assert worst_difference(target, folder, source) <= tolerance
    if target == "coreml":
        assert made.difference is None
    else:
        assert made.difference is not None
        assert made.difference <= TOLERANCE


@pytest.mark.slow
@pytest.mark.parametrize("target", TARGETS)
def test_weights_stored_in_halves(target, tmp_path_factory):
    need(target)
    _, folder, _, source = export(target, "base", tmp_path_factory)
    tolerance = CORE_ML_TOLERANCE if target == "coreml" else HALF_TOLERANCE
    assert worst_difference(target, folder, source) <= tolerance
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    assert size < 7e6


def test_the_description_says_what_a_program_around_it_must_know(exported):
    target, folder, made, source = exported
    assert [path.name for path in made.files if path.exists()] == [p.name for p in made.files]
    assert sorted(path.name for path in folder.iterdir()) == sorted(p.name for p in made.files)
    facts = json.loads(made.files[-1].read_text())
    assert facts["format"] == target
    assert facts["size"] == (list(SIZE) if target in OF_ONE_SIZE else None)
    assert facts["model"]["weights"] == facts["hints"]["weights"] == source.spec.weights
    if target == "openvino":
        assert "decoding" not in facts
    else:
        table = facts["decoding"]
        bins = tuple((a, b) for a, b in table.pop("bins"))
        prior = tuple(table.pop("log_prior"))
        assert Decoding(bins=bins, log_prior=prior, **table) == source.decoding


def test_files_say_nothing_of_the_machine_they_were_made_on(exported):
    _, folder, _, _ = exported
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {path.name for path in files} & {"executorch_debug_handle_mapping.json"} == set()
    for place in (folder.parent, Path(__file__).parents[3], Path.home()):
        assert all(str(place).encode() not in path.read_bytes() for path in files)


def test_names_are_those_of_the_model_file(exported):
    _, folder, _, source = exported
    for graph in source.graphs:
        assert set(graph.outputs) <= set(load(main_file(folder, graph)).outputs)


@pytest.mark.parametrize("vividness", [0.0, 0.3, 1.0])
def test_decoding_outside_is_decoding_inside(vividness):
    session = Session("nano", device="cpu", threads=1)
    encoded = session.encode(lightness_of(PHOTOGRAPHS[0], None), vividness)
    ab, confidence = open_source("nano").decoding.decode(encoded.scores[None], vividness)
    np.testing.assert_allclose(ab[0], encoded.ab, atol=0.01)
    np.testing.assert_allclose(confidence[0, 0], encoded.confidence, atol=1e-4)


def test_openvino_files_are_models_of_tinct_too(tmp_path):
    need("openvino")
    export_model_to("openvino", "nano", tmp_path / "ov")
    colorizer = Colorizer(tmp_path / "ov" / "nano.xml")
    assert colorizer.session.device == "openvino"
    gray = read_picture(PHOTOGRAPHS[0], gray=True)
    ours = np.asarray(Colorizer("nano")(gray)).astype(int)
    assert np.abs(np.asarray(colorizer(gray)).astype(int) - ours).max() <= 1
    assert colorizer.load_hints().spec.weights == colorizer.session.spec.weights


def test_openvino_files_are_for_openvino(tmp_path):
    (tmp_path / "nano.xml").touch()
    with pytest.raises(ModelError, match=r"OpenVINO's format, which device 'cpu' does not read"):
        Session(tmp_path / "nano.xml", device="cpu")


def test_a_graph_that_answers_otherwise_is_not_exported(tmp_path, monkeypatch, call):
    monkeypatch.setattr("tinct.lab.exports.export.TOLERANCE", 1e-12)
    code, _, lines = call("lab", "export", "nano", "--to", "onnx", "-o", "out")
    assert code == 1
    assert "onnx differs from ONNX Runtime by" in lines[-1]
    assert list(tmp_path.iterdir()) == []


def test_the_command_says_what_it_made(tmp_path, call):
    code, out, lines = call("lab", "export", "nano", "--to", "onnx")
    assert (code, out) == (0, "")
    assert lines[-1].startswith("nano-onnx: nano.onnx, nano-hints.onnx, nano.json; at most ")
    assert lines[-1].endswith(" from ONNX Runtime")
    assert call("lab", "export", "nano", "--to", "onnx")[2] == [
        "tinct: error: nano-onnx: exists already; name a new folder"
    ]


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--to", "onnx", "--size", "352x256"], "--size: onnx takes pictures of any size"),
        (["--to", "litert", "--size", "350x256"], "--size: both must be multiples of 32, not"),
        (["--to", "litert", "--size", "100x100"], "--size: both must be multiples of 32, not"),
        (["--to", "coreml", "--size", "0x0"], "--size: both must be multiples of 32, not 0x0"),
        (["--to", "litert", "--size", "big"], "--size big: not of the form WIDTHxHEIGHT"),
        (["--size", "352x256"], "--size goes with --to litert or --to coreml"),
        (["--to", "onnx", "--precision", "int8"], "--precision does not go with --to"),
        (["--to", "onnx", "--default-vividness", "1"], "--default-vividness does not go with --to"),
    ],
)
def test_what_does_not_fit_together_is_one_line(tmp_path, call, arguments, told):
    code, _, lines = call("lab", "export", "nano", *arguments)
    assert code == 2
    assert told in lines[-1]
    assert list(tmp_path.iterdir()) == []


def test_a_checkpoint_becomes_a_model_first(tmp_path, call):
    (tmp_path / "a.safetensors").touch()
    code, _, lines = call("lab", "export", "a.safetensors", "--to", "ncnn")
    assert code == 2
    assert lines[-1].endswith("make a model of it first: tinct lab export a.safetensors -o a.onnx")


def test_what_is_not_installed_is_named(tmp_path, call, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "openvino", None)
    code, _, lines = call("lab", "export", "nano", "--to", "openvino", "-o", "ov")
    assert code == 1
    assert "--to openvino (openvino) needs parts that are not installed" in lines[-1]
    assert "[export]" in lines[-1]
    assert list(tmp_path.iterdir()) == []
