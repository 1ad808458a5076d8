"""Model files in fewer bits: integers, halves, or halves on disk only."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import GraphProto, ModelProto, NodeProto, TensorProto, numpy_helper
from onnx.utils import Extractor
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.onnx_model import ONNXModel
from onnxruntime.quantization.quant_utils import add_pre_process_metadata
from onnxruntime.transformers.float16 import convert_float_to_float16

from tinct.errors import ModelError, OptionError
from tinct.files import check_can_write, write_atomically
from tinct.spec import METADATA_KEY, ModelSpec

Precision = Literal["fp32", "fp16", "fp16-weights", "int8"]
PRECISIONS: tuple[Precision, ...] = ("fp32", "fp16", "fp16-weights", "int8")
"""Of a model file: computed in 32 or 16 bits, in 32 from weights stored in 16, or in integers."""

_LEAST_ELEMENTS = 64  # of a tensor that is worth a node to make it whole again


def to_precision(
    model: bytes, precision: Precision, lightness: Iterable[NDArray[np.float32]] = ()
) -> bytes:
    """Return a model file in another precision; its inputs, outputs and decoding stay in 32 bits.

    Args:
        model: A model file in 32 bits.
        precision: Of the new one, one of ``PRECISIONS``.
        lightness: L* (1, 1, H, W), 0..100, of photographs to take the ranges of integers from.

    Raises:
        OptionError: Integers were asked for without photographs.
        ModelError: The file is not one of tinct's in 32 bits.
    """
    try:
        proto = onnx.load_from_string(model)
    except Exception as error:  # protobuf has its own
        raise ModelError("the model: not an ONNX file") from error
    spec = _read_spec(proto)
    found = spec.provenance.get("precision", "fp32")
    if found != "fp32":
        raise ModelError(f"the model is in {found} already; other precisions are made from fp32")
    match precision:
        case "int8":
            proto = _to_integers(proto, lightness, spec.default_vividness)
        case "fp16":
            proto = _to_halves(proto)
        case "fp16-weights":
            _halve_weights(proto.graph)
    provenance = spec.provenance | {"precision": precision}
    onnx.helper.set_model_props(
        proto, {METADATA_KEY: replace(spec, provenance=provenance).to_json()}
    )
    onnx.checker.check_model(proto)
    content: bytes = proto.SerializeToString()
    return content


def convert_model(
    source: Path,
    output: Path,
    precision: Precision,
    lightness: Iterable[NDArray[np.float32]] = (),
) -> ModelSpec:
    """Write a model file in another precision and return its spec; see :func:`to_precision`.

    Raises:
        ModelError: The source cannot be read, or is not a model of tinct's in 32 bits.
        OptionError: Integers were asked for without photographs, or the output is the source.
        OutputError: The output cannot be written.
    """
    check_can_write(output, [source])
    try:
        content = source.read_bytes()
    except OSError as error:
        raise ModelError(f"{source}: {error.strerror or error}") from error
    converted = to_precision(content, precision, lightness)
    write_atomically(converted, output, overwrite=True)
    return _read_spec(onnx.load_from_string(converted))


def _read_spec(proto: ModelProto) -> ModelSpec:
    texts = [item.value for item in proto.metadata_props if item.key == METADATA_KEY]
    if not texts:
        raise ModelError("the model: an ONNX file, but not a tinct model")
    return ModelSpec.from_json(texts[0], "the model")


class _CalibrationPictures(CalibrationDataReader):  # type: ignore[misc]
    """What ONNX Runtime's calibration reads."""

    def __init__(self, lightness: Iterable[NDArray[np.float32]], vividness: float) -> None:
        self._lightness: Iterator[NDArray[np.float32]] = iter(lightness)
        self._vividness = np.array([vividness], np.float32)
        self.count = 0

    def get_next(self) -> dict[str, NDArray[np.float32]] | None:
        """Return the next photograph; None after the last."""
        lightness = next(self._lightness, None)
        if lightness is None:
            return None
        self.count += 1
        return {"lightness": lightness, "vividness": self._vividness}


def _to_integers(
    proto: ModelProto, lightness: Iterable[NDArray[np.float32]], vividness: float
) -> ModelProto:
    """Quantize all convolutions but the first: activations to 8 bits, weights, by channel, to 7.

    With all 8 bits, processors without VNNI (AVX2 ones) would saturate sums of two products.
    """
    photographs = _CalibrationPictures(lightness, vividness)
    add_pre_process_metadata(proto)  # nothing left to prepare: norms are folded
    kept = [_first_convolution(proto.graph), *(node.name for node in _decoding(proto.graph))]
    with tempfile.TemporaryDirectory(prefix="tinct-int8-") as folder:
        output = Path(folder) / "int8.onnx"
        try:
            quantize_static(
                proto,
                output,
                photographs,
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=["Conv", "Add"],
                nodes_to_exclude=kept,
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.MinMax,
            )
        except ValueError as error:
            if photographs.count:
                raise
            raise OptionError("int8 needs photographs to be calibrated on") from error
        return onnx.load(output)


def _to_halves(proto: ModelProto) -> ModelProto:
    """Compute the network in 16 bits, and the decoding of its logits in 32."""
    decoding = _decoding(proto.graph)
    made = {name for node in proto.graph.node for name in node.output}
    made -= {name for node in decoding for name in node.output}
    (logits,) = {name for node in decoding for name in node.input if name in made}
    parts = Extractor(onnx.shape_inference.infer_shapes(proto))
    outputs = [item.name for item in proto.graph.output]
    network = parts.extract_model(["lightness"], [logits, *sorted(made.intersection(outputs))])
    decoder = parts.extract_model(
        [logits, "vividness"], [name for name in outputs if name not in made]
    )
    halves = ONNXModel(convert_float_to_float16(network, keep_io_types=True))
    halves.topological_sort()  # the casts have been appended
    for tensor in decoder.graph.initializer:  # some are the network's as well, there in 16 bits
        _rename(decoder.graph, tensor.name, f"decoding.{tensor.name}")
    merged: ModelProto = halves.model
    del merged.graph.input[:], merged.graph.output[:], merged.graph.value_info[:]
    merged.graph.input.extend(proto.graph.input)
    merged.graph.output.extend(proto.graph.output)
    merged.graph.node.extend(decoder.graph.node)
    merged.graph.initializer.extend(decoder.graph.initializer)
    return merged


def _rename(graph: GraphProto, old: str, new: str) -> None:
    for tensor in graph.initializer:
        if tensor.name == old:
            tensor.name = new
    for node in graph.node:
        names = [new if name == old else name for name in node.input]
        del node.input[:]
        node.input.extend(names)


def _halve_weights(graph: GraphProto) -> None:
    """Store weights in 16 bits; ONNX Runtime makes them whole once, when it loads the model."""
    casts: list[NodeProto] = []
    for tensor in graph.initializer:
        values = numpy_helper.to_array(tensor)
        if tensor.data_type != TensorProto.FLOAT or values.size < _LEAST_ELEMENTS:
            continue
        name, stored = tensor.name, f"{tensor.name}.half"
        tensor.CopyFrom(numpy_helper.from_array(values.astype(np.float16), stored))
        casts.append(
            onnx.helper.make_node("Cast", [stored], [name], f"{name}.cast", to=TensorProto.FLOAT)
        )
    nodes = [*casts, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)


def _decoding(graph: GraphProto) -> list[NodeProto]:
    """Return the end of the graph that turns logits into colors: small, but needing all bits.

    It begins with the exponential functions, and the clamping before the one of the logits.
    """
    producers = {name: node for node in graph.node for name in node.output}
    firsts = {id(node) for node in graph.node if node.op_type == "Exp"}
    before = [producers.get(node.input[0]) for node in graph.node if node.op_type == "Exp"]
    firsts |= {id(node) for node in before if node is not None and node.op_type == "Clip"}
    made: set[str] = {"vividness"}
    decoding: list[NodeProto] = []
    for node in graph.node:
        if id(node) in firsts or made & set(node.input):
            decoding.append(node)
            made |= set(node.output)
    return decoding


def _first_convolution(graph: GraphProto) -> str:
    name: str = next(node.name for node in graph.node if node.op_type == "Conv")
    return name
