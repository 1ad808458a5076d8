"""A network of others as an ONNX graph, for our runtime to time it, or to color with it."""

from __future__ import annotations

import io
import logging
import warnings
from typing import Any

import onnx
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from tinct.spec import METADATA_KEY, ModelSpec

OPSET = 18


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
    return _export(_Predict(network), (torch.rand(1, 1, size, size) * 100,), input_names=[name])


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
    return _export(
        _Model(network),
        (torch.rand(1, 1, 128, 160) * 100, torch.zeros(1)),
        metadata={METADATA_KEY: spec.to_json()},
        input_names=["lightness", "vividness"],
        output_names=["ab", "confidence"],
        dynamic_shapes=({2: spec.multiple * rows, 3: spec.multiple * columns}, None),
    )


def _export(
    module: nn.Module,
    inputs: tuple[Tensor, ...],
    metadata: dict[str, str] | None = None,
    **options: Any,
) -> bytes:
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it notes every missing package
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            module.eval(), inputs, opset_version=OPSET, dynamo=True, verbose=False, **options
        )
    assert program is not None
    proto = program.model_proto  # made anew whenever it is asked for
    onnx.helper.set_model_props(proto, metadata or {})
    buffer = io.BytesIO()
    onnx.save(proto, buffer)
    return buffer.getvalue()
