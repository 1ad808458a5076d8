"""A network as an ONNX graph of one fixed size, for other runtimes to be timed on."""

from __future__ import annotations

import io
import logging
import warnings
from typing import Any

import onnx
import torch
from torch import Tensor, nn

OPSET = 18


class _Predict(nn.Module):
    """What a network answers to lightness, in the units of its output."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, lightness: Tensor) -> Tensor:
        answer: Tensor = self.network.predict(lightness)
        return answer


def to_graph(network: nn.Module, size: int = 256, name: str = "lightness") -> bytes:
    """Export a network's ``predict``.

    Args:
        network: In evaluation mode.
        size: Height and width of the picture that the graph takes, L* (1, 1, size, size), 0..100.
        name: Of that input.

    Returns:
        The ONNX file.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)  # it notes every missing package
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter's own deprecations
        program = torch.onnx.export(
            _Predict(network).eval(),
            (torch.rand(1, 1, size, size) * 100,),
            input_names=[name],
            opset_version=OPSET,
            dynamo=True,
            verbose=False,
        )
    assert program is not None
    buffer = io.BytesIO()
    onnx.save(program.model_proto, buffer)
    return buffer.getvalue()
