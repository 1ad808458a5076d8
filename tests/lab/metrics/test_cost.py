"""Counting on graphs."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")

from onnx import TensorProto, helper, numpy_helper

from tinct.errors import ModelError
from tinct.lab.metrics.cost import Cost, count, count_traffic
from tinct.runtime import model_path


def graph(nodes, weights, shape=(None, 1, None, None)):
    """Return an ONNX file with a picture as input and ``y`` as output."""
    picture = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    answer = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    tensors = [numpy_helper.from_array(np.ones(s, t), name) for name, (s, t) in weights.items()]
    made = helper.make_graph(nodes, "g", [picture], [answer], tensors)
    model = helper.make_model(made, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    return model.SerializeToString()


def without_equal_tensors(network):
    """Fresh biases are all zero, and the exporter stores equal tensors once."""
    import torch

    for parameter in network.parameters():
        if parameter.ndim == 1:
            torch.nn.init.uniform_(parameter, 0.5, 1)
    return network


def test_convolutions_by_hand():
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["h"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Conv", ["h", "w2"], ["d"], group=8, pads=[1, 1, 1, 1]),
        helper.make_node("ConvTranspose", ["d", "w3"], ["y"], strides=[2, 2]),
    ]
    weights = {
        "w1": ((8, 1, 3, 3), np.float32),
        "b1": ((8,), np.float32),
        "w2": ((8, 1, 3, 3), np.float32),
        "w3": ((8, 2, 2, 2), np.float32),
    }
    pixels = 32 * 32
    expected = pixels * 8 * 9 + pixels * 8 * 9 + pixels * 8 * 2 * 4
    assert count(graph(nodes, weights), size=64) == Cost(72 + 8 + 72 + 64, expected / 1e6)


def test_matrix_products_by_hand():
    nodes = [
        helper.make_node("Flatten", ["x"], ["f"]),
        helper.make_node("Gemm", ["f", "w1", "b1"], ["g"], transB=1),
        helper.make_node("MatMul", ["g", "w2"], ["y"]),
    ]
    weights = {
        "w1": ((5, 64), np.float32),
        "b1": ((5,), np.float32),
        "w2": ((5, 3), np.float32),
    }
    model = graph(nodes, weights, (1, 1, 8, 8))
    assert count(model) == Cost(320 + 5 + 15, (5 * 64 + 3 * 5) / 1e6)


def test_weights_in_other_types_are_parameters_and_others_are_not():
    nodes = [
        helper.make_node("Cast", ["half"], ["w"], to=TensorProto.FLOAT),
        helper.make_node("Conv", ["x", "w"], ["h"]),
        helper.make_node("Add", ["h", "table"], ["y"]),
    ]
    weights = {"half": ((4, 1, 1, 1), np.float16), "table": ((1, 4, 1, 1), np.float32)}
    assert count(graph(nodes, weights), size=8) == Cost(4, 4 * 64 / 1e6)


def test_the_shipped_network():
    cost = count(model_path("nano"))
    assert 285_000 < cost.parameters < 291_896  # batch norms are folded
    assert 119 < cost.mmac < 122
    assert count(model_path("nano"), size=512).mmac > 4 * cost.mmac  # attention grows faster


def test_no_model(tmp_path):
    path = tmp_path / "no.onnx"
    path.write_bytes(b"not a graph")
    with pytest.raises(ModelError, match=r"no\.onnx: not an ONNX model whose cost can be counted"):
        count(path)
    with pytest.raises(ModelError, match=r"missing\.onnx"):
        count(tmp_path / "missing.onnx")


@pytest.mark.train
@pytest.mark.slow
def test_the_graph_of_the_paper_agrees_with_its_network():
    pytest.importorskip("onnxscript")
    from tinct.lab.networks import build
    from tinct.lab.networks.onnx_graph import to_graph
    from tinct.lab.networks.summary import summarize

    network = without_equal_tensors(build("paper").eval())
    summary = summarize(network)
    cost = count(to_graph(network))
    assert cost.mmac == summary.mmac
    # Norms are folded but behind the transposed convolutions, whose answers are cut first.
    assert cost.parameters == summary.num_parameters - 4 * (75 + 90 + 105 + 3 + 2)


@pytest.mark.train
@pytest.mark.slow
def test_the_graph_of_nano_agrees_with_its_network():
    pytest.importorskip("onnxscript")
    import torch

    from tinct.lab.networks import build
    from tinct.lab.networks.readout import ColorModel
    from tinct.lab.networks.summary import summarize
    from tinct.lab.train.export import to_onnx
    from tinct.spec import ModelSpec

    network = without_equal_tensors(build("nano"))
    summary = summarize(network)
    cost = count(to_onnx(ColorModel(network).eval(), ModelSpec("nano")))
    decoding = 4 * network.num_bins * 64 * 64 / 1e6  # moments of the distribution
    assert cost.mmac == pytest.approx(summary.mmac + decoding, abs=1e-9)
    norms = [m for m in network.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    # Of its four numbers a folded norm leaves one; that before the attention stays as it is.
    folded = sum(3 * norm.num_features for norm in norms) - 3 * 96
    assert cost.parameters == summary.num_parameters - folded


def test_traffic_by_hand():
    nodes = [
        helper.make_node("Conv", ["x", "w1", "b1"], ["h"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Relu", ["h"], ["r"]),
        helper.make_node("Conv", ["r", "w2"], ["y"]),
    ]
    weights = {
        "w1": ((8, 1, 3, 3), np.float32),
        "b1": ((8,), np.float32),
        "w2": ((2, 8, 1, 1), np.float32),
    }
    first = 64 * 64 + 72 + 8 + 8 * 32 * 32
    second = 8 * 32 * 32 + 16 + 2 * 32 * 32
    assert count_traffic(graph(nodes, weights), size=64) == (first + second) / 1e6
    with pytest.raises(ModelError, match="traffic"):
        count_traffic(b"no graph")
