"""What a network costs, counted on its ONNX graph: the same rule for ours and for anybody's."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import onnxruntime

from tinct.errors import ModelError

if TYPE_CHECKING:
    from onnx import GraphProto, ModelProto, NodeProto

PICTURE_SIZE = 256  # pixels, height and width
_LOG_FATAL = 4
_LAYERS = ("Conv", "ConvTranspose", "Gemm", "MatMul", "PRelu")
_NORMS = ("BatchNormalization", "InstanceNormalization", "LayerNormalization")
_TRANSPARENT = ("Cast", "DequantizeLinear", "Transpose", "Reshape", "Identity")

Shapes = dict[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Cost:
    """Size and work of a network."""

    parameters: int
    """Numbers in the weights of its layers; a batch norm folded into a convolution is a bias."""
    mmac: float
    """Millions of multiplications with one picture, those of convolutions and matrix products."""


def count(model: str | Path | bytes, size: int = PICTURE_SIZE) -> Cost:
    """Count the parameters and multiplications of a network.

    As in :func:`tinct.lab.networks.summary.summarize`, norms, activations and resizing do not
    count.

    Args:
        model: An ONNX file, or its contents. Its first input is the picture; what else it takes
            has a fixed size.
        size: Height and width of the picture, where the graph leaves them open.

    Raises:
        ModelError: This is no ONNX model, or its shapes follow from more than those of the picture.
    """
    import onnx

    name = "the network" if isinstance(model, bytes) else str(model)
    try:
        proto = onnx.load_from_string(model) if isinstance(model, bytes) else onnx.load(model)
        folded = _fold(proto, size)
    except Exception as error:  # onnx and its runtime raise bare exceptions of several kinds
        raise ModelError(f"{name}: not an ONNX model whose cost can be counted") from error
    shapes = _shapes(folded)
    try:
        multiplications = sum(_multiplications(node, shapes) for node in folded.graph.node)
    except KeyError as error:
        raise ModelError(
            f"{name}: the shape of {error} does not follow from the picture's"
        ) from error
    return Cost(_parameters(proto.graph), multiplications / 1e6)


def count_traffic(model: str | Path | bytes, size: int = PICTURE_SIZE) -> float:
    """Count the millions of numbers that the layers of a network read and write for one picture.

    Every layer reads its inputs and weights from memory and writes its outputs to it; norms,
    activations and additions are done on the way. This is what a roofline estimate takes.

    Args:
        model: As for :func:`count`.
        size: Height and width of the picture.

    Raises:
        ModelError: As for :func:`count`.
    """
    import onnx

    try:
        proto = onnx.load_from_string(model) if isinstance(model, bytes) else onnx.load(model)
        folded = _fold(proto, size)
        shapes = _shapes(folded)
        layers = [node for node in folded.graph.node if node.op_type in _LAYERS]
        names = [name for node in layers for name in (*node.input, *node.output) if name]
        return sum(prod(shapes[name]) for name in names) / 1e6
    except Exception as error:
        name = "the network" if isinstance(model, bytes) else str(model)
        raise ModelError(f"{name}: not an ONNX model whose traffic can be counted") from error


def _fold(model: ModelProto, size: int) -> ModelProto:
    """Fix the size of the picture, and let ONNX Runtime work out all that follows from it."""
    import onnx

    fixed = onnx.ModelProto()
    fixed.CopyFrom(model)
    dims = fixed.graph.input[0].type.tensor_type.shape.dim
    for dim, value in zip(dims, (1, dims[1].dim_value, size, size), strict=True):
        if not dim.dim_value:
            dim.dim_value = value or 1
    del fixed.graph.value_info[:]
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_FATAL
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    with tempfile.TemporaryDirectory(prefix="tinct-cost-") as folder:
        options.optimized_model_filepath = str(Path(folder) / "folded.onnx")
        onnxruntime.InferenceSession(
            fixed.SerializeToString(), options, providers=["CPUExecutionProvider"]
        )
        return onnx.shape_inference.infer_shapes(onnx.load(options.optimized_model_filepath))


def _shapes(model: ModelProto) -> Shapes:
    """Return the shapes of all tensors that have one without open dimensions."""
    graph = model.graph
    shapes: Shapes = {item.name: tuple(item.dims) for item in graph.initializer}
    for value in (*graph.input, *graph.value_info, *graph.output):
        dims = value.type.tensor_type.shape.dim
        if all(dim.HasField("dim_value") for dim in dims):
            shapes[value.name] = tuple(dim.dim_value for dim in dims)
    return shapes


def _multiplications(node: NodeProto, shapes: Shapes) -> int:
    match node.op_type:
        case "Conv":  # each output takes the inputs of its group under the kernel
            return prod(shapes[node.output[0]]) * prod(shapes[node.input[1]][1:])
        case "ConvTranspose":  # each input goes to the outputs of its group under the kernel
            return prod(shapes[node.input[0]]) * prod(shapes[node.input[1]][1:])
        case "MatMul":
            return prod(shapes[node.output[0]]) * shapes[node.input[0]][-1]
        case "Gemm":
            transposed = any(item.name == "transA" and item.i for item in node.attribute)
            return prod(shapes[node.output[0]]) * shapes[node.input[0]][0 if transposed else 1]
    return 0


def _parameters(graph: GraphProto) -> int:
    """Count the constants that reach a layer as its weights, whatever type they are stored in."""
    sizes = {item.name: prod(item.dims) for item in graph.initializer}
    sizes |= {
        node.output[0]: _constant_size(node) for node in graph.node if node.op_type == "Constant"
    }
    producers = {name: node for node in graph.node for name in node.output}
    found = {
        source
        for node in graph.node
        if node.op_type in (*_LAYERS, *_NORMS)
        for name in node.input[1:]
        if name
        for source in _sources(name, producers)
    }
    return sum(sizes.get(name, 0) for name in found)


def _sources(name: str, producers: dict[str, Any]) -> Iterator[str]:
    """Walk back through what changes only type or layout, to the tensor itself."""
    while name in producers and producers[name].op_type in _TRANSPARENT:
        name = producers[name].input[0]
    yield name


def _constant_size(node: NodeProto) -> int:
    return sum(prod(item.t.dims) for item in node.attribute if item.name == "value")
