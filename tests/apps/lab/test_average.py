"""The mean of two models is one, with the weights in between."""

from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

torch = pytest.importorskip("torch")

from tinct.lab.train.average import average_models
from tinct.lab.train.begin import load_classifier, model_spec
from tinct.lab.train.export import decoding_of
from tinct.runtime import model_path

pytestmark = pytest.mark.train


@pytest.fixture
def other(tmp_path):
    """``nano`` with other weights, as if it had been trained on."""
    model = onnx.load(model_path("nano"))
    rng = np.random.default_rng(0)
    for tensor in model.graph.initializer:
        if tensor.name.startswith("network.") and "bin" not in tensor.name:
            weights = numpy_helper.to_array(tensor)
            moved = (weights * rng.normal(1, 0.1, weights.shape)).astype(weights.dtype)
            tensor.CopyFrom(numpy_helper.from_array(moved, tensor.name))
    onnx.save(model, tmp_path / "other.onnx")
    return str(tmp_path / "other.onnx")


def test_weights_lie_between(other):
    model, spec = average_models("nano", other, 0.25)
    ours, theirs = (load_classifier(name).state_dict() for name in ("nano", other))
    assert any(not torch.equal(ours[name], theirs[name]) for name in ours)
    for name, weights in model.network.state_dict().items():
        if not weights.is_floating_point():
            continue
        torch.testing.assert_close(weights, 0.75 * ours[name] + 0.25 * theirs[name])
    assert spec.provenance["averaged_with"]["share"] == 0.25
    assert model.config == decoding_of(spec) == decoding_of(model_spec("nano"))


def test_the_command_writes_a_model_that_colors(call, other, tmp_path):
    code, _, lines = call("lab", "average", "nano", other, "-o", "mean.onnx", "--share", "0.5")
    assert code == 0
    assert "equal to torch" in lines[-1]
    wanted = average_models("nano", other, 0.5)[0].network.state_dict()
    found = load_classifier(str(tmp_path / "mean.onnx")).state_dict()
    for name, weights in wanted.items():
        torch.testing.assert_close(found[name], weights, atol=1e-5, rtol=1e-4)


def test_networks_of_two_kinds_have_no_mean(call):
    code, _, lines = call("lab", "average", "nano", "base", "-o", "mean.onnx")
    assert code == 1
    assert lines == ["tinct: error: nano, base: not of the same network"]
