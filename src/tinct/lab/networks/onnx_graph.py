"""Networks as ONNX graphs: any module, and a network of others in the place of tinct's own."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from tinct.spec import METADATA_KEY, ModelSpec

_OPSET = 18
_STRIDE = 4  # of what a model file of tinct's answers
_LARGEST = 512  # multiples of 32 that a side of the picture may have


class _Predict(nn.Module):
    """What a network answers to lightness, in the units of its output."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, lightness: Tensor) -> Tensor:
        answer: Tensor = self.network.predict(lightness)
        return answer


class _Model(_Predict):
    """The same in the place of a model of tinct's: sure of everything, as vivid as it is."""

    def forward(self, lightness: Tensor, vividness: Tensor) -> tuple[Tensor, Tensor]:  # type: ignore[override]
        ab = avg_pool2d(super().forward(lightness), _STRIDE)
        return ab, torch.ones_like(ab[:, :1]) + 0 * vividness  # an input must lead somewhere


def to_graph(network: nn.Module, size: int = 256, name: str = "lightness") -> bytes:
    """Export a network's ``predict``.

    Args:
        network: In evaluation mode.
        size: Height and width of the picture that the graph takes, L* (1, 1, size, size), 0..100.
        name: Of that input.

    Returns:
        The ONNX file.
    """
    return write_graph(_Predict(network).eval(), {name: torch.rand(1, 1, size, size) * 100})


def to_model(network: nn.Module, spec: ModelSpec) -> bytes:
    """Export a network's ``predict`` as a model file, so that it can stand in for tinct's own.

    Args:
        network: In evaluation mode; it answers ab at the size of the picture.
        spec: What the file says about itself.

    Returns:
        The ONNX file; its confidence is 1 everywhere, and vividness changes nothing.
    """
    rows = torch.export.Dim("rows", min=2, max=_LARGEST)
    columns = torch.export.Dim("columns", min=2, max=_LARGEST)
    return write_graph(
        _Model(network).eval(),
        {"lightness": torch.rand(1, 1, 128, 160) * 100, "vividness": torch.zeros(1)},
        ["ab", "confidence"],
        ({2: spec.multiple * rows, 3: spec.multiple * columns}, None),
        {METADATA_KEY: spec.to_json()},
    )


def write_graph(
    module: nn.Module,
    inputs: dict[str, Tensor],
    outputs: Sequence[str] | None = None,
    dynamic_shapes: tuple[Any, ...] | None = None,
    metadata: Mapping[str, str] = MappingProxyType({}),
) -> bytes:
    """Return a module as an ONNX file.

    Args:
        module: In evaluation mode.
        inputs: Examples by name, in their order.
        outputs: Names; None leaves them to torch.
        dynamic_shapes: What may differ from the examples, as ``torch.export`` takes it.
        metadata: To be stored in the file.
    """
    # The exporter notes each package it does not find.
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            module,
            tuple(inputs.values()),
            input_names=list(inputs),
            output_names=outputs,
            dynamic_shapes=dynamic_shapes,
            opset_version=_OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    proto = program.model_proto
    onnx.helper.set_model_props(proto, dict(metadata))
    for node in proto.graph.node:  # where each node came from in our sources says nothing to users
        del node.metadata_props[:]
        node.doc_string = ""
    del proto.graph.value_info[:]
    onnx.checker.check_model(proto, full_check=True)
    buffer = io.BytesIO()
    onnx.save(proto, buffer)
    return buffer.getvalue()
