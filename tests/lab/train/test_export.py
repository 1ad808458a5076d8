from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

import onnxruntime
from safetensors.torch import load_file, save_file

from tinct.errors import OptionError, OutputError, TrainingError
from tinct.lab.networks.nano import Nano
from tinct.lab.networks.readout import ColorModel, DecodeConfig
from tinct.lab.train.begin import make_network
from tinct.lab.train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from tinct.lab.train.config import TrainConfig
from tinct.lab.train.export import (
    Reading,
    check_parity,
    color_model,
    export_model,
    fuse,
    open_model,
    to_onnx,
)
from tinct.spec import METADATA_KEY, ModelSpec

pytestmark = [pytest.mark.train, pytest.mark.slow]  # an export takes some ten seconds

DECODE = DecodeConfig(temperature=0.5, prior_power=0.7)


@pytest.fixture(scope="module")
def model(finished):
    return color_model(load_checkpoint(finished.last), "last", DECODE)


@pytest.fixture(scope="module")
def exported(finished, tmp_path_factory):
    """The model file of the short run, and its spec."""
    path = tmp_path_factory.mktemp("exported") / "model.onnx"
    notes = {"data": "generated"}
    reading = Reading(DECODE, default_vividness=0.25, short_side=320)
    spec = export_model(finished.last, path, reading=reading, notes=notes)
    return path, spec


def open_session(path):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])


def lightness(batch, height, width):
    rng = np.random.default_rng(0)
    return rng.uniform(0, 100, (batch, 1, height, width)).astype(np.float32)


def test_file_is_small_and_alone(exported):
    path, _ = exported
    assert path.stat().st_size <= 1_300_000
    assert list(path.parent.iterdir()) == [path]


def test_graph_is_called_as_the_spec_says(exported):
    session = open_session(exported[0])
    assert [item.name for item in session.get_inputs()] == ["lightness", "vividness"]
    assert [item.name for item in session.get_outputs()] == [
        "ab",
        "confidence",
        "features",
        "scores",
    ]
    assert session.get_inputs()[1].shape == [1]


@pytest.mark.parametrize("size", [(32, 32), (32, 96), (64, 64), (160, 224), (64, 1024)])
@pytest.mark.parametrize("batch", [1, 2, 5])
@torch.no_grad()
def test_file_equals_torch_at_any_size_and_batch(exported, model, batch, size):
    session = open_session(exported[0])
    pictures = lightness(batch, *size)
    for vividness in (0.0, 0.6):
        level = np.array([vividness], np.float32)
        feed = {"lightness": pictures, "vividness": level}
        ab, confidence = session.run(["ab", "confidence"], feed)
        assert ab.shape == (batch, 2, size[0] // 4, size[1] // 4)
        assert confidence.shape == (batch, 1, size[0] // 4, size[1] // 4)
        wanted = model(torch.from_numpy(pictures), torch.from_numpy(level))
        np.testing.assert_allclose(ab / 110, wanted[0].numpy() / 110, atol=1e-4)
        np.testing.assert_allclose(confidence, wanted[1].numpy(), atol=1e-4)


def test_spec_travels_in_the_file(exported, finished):
    path, spec = exported
    metadata = open_session(path).get_modelmeta().custom_metadata_map
    assert ModelSpec.from_json(metadata[METADATA_KEY], "model.onnx") == spec
    assert (spec.name, spec.stride, spec.multiple) == ("nano", 4, 32)
    assert (spec.default_vividness, spec.short_side) == (0.25, 320)
    assert spec.parameters == sum(p.numel() for p in Nano().parameters()) <= 300_000
    facts = spec.provenance
    assert facts["steps"] == 12
    assert facts["photographs_seen"] == 48
    assert facts["data"] == "generated"
    assert facts["decode"]["temperature"] == 0.5
    assert facts["config"]["learning_rate"] == finished.config.learning_rate


def test_file_says_nothing_of_the_machine_it_was_made_on(exported, photographs):
    content = exported[0].read_bytes()
    for path in (photographs.folder.parent, Path(__file__).parents[2], Path.home()):
        assert str(path).encode() not in content


def test_the_average_is_exported(finished, model):
    average = load_checkpoint(finished.last).part("ema")
    for key, value in model.network.state_dict().items():
        assert torch.equal(value, average[key])


def test_of_a_teacher_only_the_name_is_told(finished, tmp_path):
    checkpoint = load_checkpoint(finished.last)
    config = dataclasses.replace(checkpoint.config, teacher="/home/somebody/runs/teacher.onnx")
    path = tmp_path / "taught.safetensors"
    save_checkpoint(dataclasses.replace(checkpoint, config=config), path)
    spec = open_model(str(path))[1]
    assert spec.provenance["config"]["teacher"] == "teacher.onnx"


@torch.no_grad()
def test_fusing_leaves_no_norm_behind_a_convolution(finished, model):
    fused = color_model(load_checkpoint(finished.last), "last", DECODE)
    fuse(fused)
    norms = [name for name, m in fused.named_modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert norms == ["network.stage32.2.norm"]  # the one before the attention
    pictures, level = torch.from_numpy(lightness(2, 64, 96)), torch.ones(1)
    for ours, wanted in zip(fused(pictures, level), model(pictures, level), strict=True):
        torch.testing.assert_close(ours, wanted, atol=1e-2, rtol=1e-4)


def test_parity_is_far_below_the_tolerance(exported, model):
    assert check_parity(model, exported[0].read_bytes(), "model.onnx") < 5e-5


def tampered(model, change):
    network = Nano(model.network.config)
    network.load_state_dict(model.network.state_dict())
    with torch.no_grad():
        change(network)
    return ColorModel(network, model.config).eval()


@pytest.mark.parametrize(
    "change",
    [
        lambda network: network.head.bias[3].add_(0.1),
        lambda network: network.bin_centers[network.log_prior.argmax()].add_(1.0),
        lambda network: network.log_prior[0].add_(0.5),
        lambda network: network.head.bias.fill_(float("nan")),
    ],
    ids=["head", "bins", "prior", "nan"],
)
def test_a_file_that_differs_from_torch_fails_the_check(exported, model, change):
    content = exported[0].read_bytes()
    with pytest.raises(TrainingError, match=r"^m\.onnx: ONNX Runtime differs from torch by ") as e:
        check_parity(tampered(model, change), content, "m.onnx")
    assert "\n" not in str(e.value)


def test_no_file_appears_where_weights_are_not_finite(finished, tmp_path):
    tensors = load_file(finished.last)
    tensors["ema.head.bias"].fill_(float("nan"))
    checkpoint = load_checkpoint(finished.last)
    broken = Checkpoint(checkpoint.config, 12, tensors, 1.0, 1.0)
    save_checkpoint(broken, tmp_path / "broken.safetensors")
    with pytest.raises(TrainingError, match="hold NaN or infinity"):
        export_model(tmp_path / "broken.safetensors", tmp_path / "model.onnx")
    assert not (tmp_path / "model.onnx").exists()


def test_parity_holds_where_every_weight_is_in_use(tmp_path):
    torch.manual_seed(1)
    network = Nano()
    network.bin_centers.uniform_(-80, 80)
    network.log_prior.uniform_(-9, 0)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.5, 0.5)
            module.running_var.uniform_(0.5, 2)
            torch.nn.init.uniform_(module.weight, 0.5, 1.5)
            torch.nn.init.uniform_(module.bias, -0.5, 0.5)
    model = ColorModel(network).eval()
    assert check_parity(model, to_onnx(model, ModelSpec("nano")), "model.onnx") < 1e-4


def test_checkpoints_that_cannot_be_exported_are_named(tmp_path):
    path = tmp_path / "a.safetensors"
    config = TrainConfig(network="paper", objective="regression")
    average = {f"ema.{name}": held for name, held in make_network(config).state_dict().items()}
    save_checkpoint(Checkpoint(config, 1, average, 1.0, 1.0), path)
    with pytest.raises(TrainingError, match=r"a\.safetensors: cannot be exported: network 'paper'"):
        export_model(path, tmp_path / "model.onnx")
    save_checkpoint(Checkpoint(TrainConfig(), 1, {"ema.x": torch.ones(1)}, 1.0, 1.0), path)
    with pytest.raises(TrainingError, match=r"a\.safetensors: its weights do not fit"):
        export_model(path, tmp_path / "model.onnx")
    save_file({"x": torch.ones(1)}, path, metadata={"tinct": json.dumps({})})
    with pytest.raises(TrainingError, match=r"a\.safetensors: not a checkpoint"):
        export_model(path, tmp_path / "model.onnx")


def test_output_in_no_folder_is_one_line(finished, tmp_path):
    output = tmp_path / "none" / "model.onnx"
    with pytest.raises(OutputError, match=r"model\.onnx: there is no such folder"):
        export_model(finished.last, output)


def test_a_checkpoint_is_not_replaced_by_its_model(finished):
    before = finished.last.read_bytes()
    with pytest.raises(OptionError, match=r"last\.safetensors: a file that is read"):
        export_model(finished.last, finished.last)
    assert finished.last.read_bytes() == before


@pytest.mark.parametrize("name", ["config", "decode", "prior", "precision"])
def test_notes_cannot_take_the_place_of_what_a_file_states(finished, tmp_path, name):
    output = tmp_path / "model.onnx"
    with pytest.raises(OptionError, match=f"note '{name}' is what a file states itself"):
        export_model(finished.last, output, notes={name: "x"})
    assert not output.exists()
