"""Runs a Core ML program operation by operation in torch: Apple's runtime is not on other machines.

The program is read from the saved package. Its operations are few, and each is what Apple's
documentation of the intermediate language says; results are rounded to 16 bits after every one, as
a device that computes in halves would.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own idiom


def _padding(op: SimpleNamespace) -> tuple[int, int]:
    if op.pad_type == "valid":
        return 0, 0
    top, bottom, left, right = (int(side) for side in op.pad)
    assert (top, left) == (bottom, right)
    return top, left


def _convolve(op: SimpleNamespace) -> torch.Tensor:
    strides = tuple(int(value) for value in op.strides)
    return F.conv2d(op.x, op.weight, op.bias, strides, _padding(op), groups=int(op.groups))


def _matmul(op: SimpleNamespace) -> torch.Tensor:
    x = op.x.transpose(-1, -2) if op.transpose_x else op.x
    y = op.y.transpose(-1, -2) if op.transpose_y else op.y
    return x @ y


def _upsample(op: SimpleNamespace) -> torch.Tensor:
    scale = (float(op.scale_factor_height), float(op.scale_factor_width))
    return F.interpolate(
        op.x, scale_factor=scale, mode="bilinear", align_corners=bool(op.align_corners)
    )


def _pool(op: SimpleNamespace) -> torch.Tensor:
    sizes, strides = (tuple(int(v) for v in values) for values in (op.kernel_sizes, op.strides))
    return F.avg_pool2d(op.x, sizes, strides, _padding(op))


def _slice(op: SimpleNamespace) -> torch.Tensor:
    begins = np.where(op.begin_mask, 0, op.begin)
    ends = np.where(op.end_mask, op.x.shape, op.end)
    return op.x[tuple(slice(int(b), int(e)) for b, e in zip(begins, ends, strict=True))]


def _normalize(op: SimpleNamespace) -> torch.Tensor:
    return F.batch_norm(op.x, op.mean, op.variance, op.gamma, op.beta, eps=float(op.epsilon))


OPERATIONS: dict[str, Callable[[SimpleNamespace], torch.Tensor]] = {
    "add": lambda op: op.x + op.y,
    "avg_pool": _pool,
    "batch_norm": _normalize,
    "cast": lambda op: op.x,
    "clip": lambda op: op.x.clamp(float(op.alpha), float(op.beta)),
    "concat": lambda op: torch.cat(op.values, dim=int(op.axis)),
    "conv": _convolve,
    "matmul": _matmul,
    "mul": lambda op: op.x * op.y,
    "reduce_mean": lambda op: op.x.mean(tuple(int(a) for a in op.axes), bool(op.keep_dims)),
    "relu": lambda op: op.x.relu(),
    "relu6": lambda op: op.x.clamp(0, 6),
    "reshape": lambda op: op.x.reshape([int(side) for side in op.shape]),
    "slice_by_index": _slice,
    "softmax": lambda op: op.x.softmax(int(op.axis)),
    "softplus": lambda op: F.softplus(op.x),
    "sub": lambda op: op.x - op.y,
    "upsample_bilinear": _upsample,
}


_DEFAULTS = {"bias": None, "begin_mask": False, "end_mask": False}


class CoreML:
    """A Core ML package, run as other exports are."""

    device = "coreml"

    def __init__(self, package: Path) -> None:
        """Read it."""
        import coremltools
        from coremltools.converters.mil.frontend.milproto.load import load

        model = coremltools.models.MLModel(str(package), skip_model_load=True)
        self.spec = model.get_spec()
        self.outputs = tuple(item.name for item in self.spec.description.output)
        self.metadata: dict[str, str] = {}
        program = load(self.spec, self.spec.specificationVersion, model.weights_dir)
        (self._function,) = program.functions.values()

    def run(self, feed: dict[str, np.ndarray], outputs: Any) -> list[np.ndarray]:
        """Run it on inputs by name; return these of its outputs."""
        values = {name: torch.from_numpy(array) for name, array in feed.items()}
        for operation in self._function.operations:
            if operation.op_type == "const":
                continue
            read = {name: _read(var, values) for name, var in operation.inputs.items()}
            op = SimpleNamespace(**_DEFAULTS | read)
            (answer,) = operation.outputs
            values[answer.name] = OPERATIONS[operation.op_type](op).half().float()
        return [values[name].numpy() for name in outputs]


def _read(var: Any, values: dict[str, torch.Tensor]) -> Any:
    if isinstance(var, list | tuple):
        return [_read(one, values) for one in var]
    if var.val is None:
        return values[var.name]
    if isinstance(var.val, np.ndarray | np.generic) and np.asarray(var.val).dtype.kind == "f":
        return torch.from_numpy(np.asarray(var.val, np.float32))
    return var.val
