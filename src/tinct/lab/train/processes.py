"""Processes, devices and precision of a run, through Lightning Fabric.

Every process has the whole network and a share of each batch; gradients are averaged before the
optimizer takes its step, so that all of them hold the same weights at all times.
"""

from __future__ import annotations

import inspect
import logging
import os
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from zlib import crc32

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins import MixedPrecision
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import Tensor, nn
from torch.nn.parallel import DistributedDataParallel

from tinct.errors import DeviceError, TrainingError
from tinct.lab.train.config import TrainConfig

_COPIES_BUFFERS = "forward_sync_buffers"
if _COPIES_BUFFERS not in inspect.signature(DistributedDataParallel).parameters:
    _COPIES_BUFFERS = "broadcast_buffers"  # its name before torch 2.13


class _Bf16(MixedPrecision):
    """Computes in bfloat16, but takes lightness and true colors at the precision they come in."""

    def __init__(self, device: str) -> None:
        super().__init__("bf16-mixed", device)

    def convert_input(self, data: Any) -> Any:
        return data


def make_fabric(config: TrainConfig) -> Fabric:
    """Choose devices and processes for a run; none is started yet.

    Raises:
        DeviceError: This machine has not the devices that were asked for.
        TrainingError: A batch cannot be shared evenly by so many processes.
    """
    kind = _accelerator(config.accelerator)
    devices, nodes = _processes(config)
    if kind == "cuda" and devices > torch.cuda.device_count():
        raise DeviceError(f"{devices} GPUs asked for, but torch sees {torch.cuda.device_count()}")
    if config.batch % (devices * nodes):
        text = f"cannot be shared evenly by {devices * nodes} processes"
        raise TrainingError(f"batch = {config.batch} {text}")
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    # Statistics of batch norms are averaged when they are needed, not copied at every step.
    options: dict[str, Any] = {_COPIES_BUFFERS: False}
    return Fabric(
        accelerator=kind,
        devices=devices,
        num_nodes=nodes,
        strategy=DDPStrategy(**options) if devices * nodes > 1 else "auto",
        plugins=_Bf16(kind) if config.precision == "bf16" else None,
    )


def launch(fabric: Fabric) -> None:
    """Start the other processes, where nobody else has, and wait until all are there.

    Raises:
        TrainingError: Whoever started the processes has started another number of them, or one of
            them does not answer.
    """
    # Of weights of 1x1 convolutions, whose strides say nothing.
    warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")  # of those that are started
    try:
        with connected(fabric):
            fabric.launch()
    except ValueError as error:
        raise TrainingError(f"processes cannot be started: {error}") from error


@contextmanager
def connected(fabric: Fabric) -> Iterator[None]:
    """Say in one line what breaks off the work of several processes: as a rule, another's end.

    Raises:
        TrainingError: It was broken off.
    """
    try:
        yield
    except RuntimeError as error:
        if fabric.world_size == 1:
            raise
        reason = str(error).partition("\n")[0]
        text = f"process {fabric.global_rank + 1} of {fabric.world_size}: {reason}"
        raise TrainingError(f"{text}; --resume goes on from the last checkpoint") from error


def synchronize_norms(fabric: Fabric, network: nn.Module) -> None:
    """Have batch norms see the whole batch, where torch can: on GPUs."""
    if fabric.world_size > 1 and fabric.device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call]


@torch.no_grad()
def average_statistics(fabric: Fabric, network: nn.Module) -> None:
    """Average what batch norms have counted over the processes, in place.

    Running means and variances are linear in those of the batches, so averaging them now and then
    is as good as averaging them at every step.
    """
    if fabric.world_size > 1:
        for key, buffer in network.named_buffers():
            if key.endswith(("running_mean", "running_var")):
                buffer.copy_(mean_of(fabric, buffer))


def check_same_photographs(fabric: Fabric, names: Sequence[str]) -> None:
    """Make sure that all processes share the same photographs, in the same order.

    Shards that are written while a run begins may be there for its second process, and not for its
    first.

    Raises:
        TrainingError: They do not.
    """
    ours = torch.tensor([len(names), crc32("\n".join(names).encode())], device=fabric.device)
    everybody = fabric.all_gather(ours)
    assert isinstance(everybody, Tensor)
    if (everybody != ours).any():
        counts = everybody.reshape(-1, 2)[:, 0].tolist()
        found = ", ".join(f"{count:,}" for count in counts)
        text = f"the processes do not see the same photographs ({found})"
        raise TrainingError(f"{text}: start again when nothing is added to them any more")


def mean_of(fabric: Fabric, value: Tensor) -> Tensor:
    """Return the mean of a tensor over all processes."""
    mean = fabric.all_reduce(value, reduce_op="mean")
    assert isinstance(mean, Tensor)
    return mean


def any_of(fabric: Fabric, flag: bool) -> bool:
    """Tell whether a flag is up in any process, the same in all of them."""
    if fabric.world_size == 1:
        return flag
    return bool(mean_of(fabric, torch.tensor(float(flag), device=fabric.device)) > 0)


def _accelerator(wanted: str) -> str:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise DeviceError("cuda: torch sees no GPU here")
    return ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted


def _processes(config: TrainConfig) -> tuple[int, int]:
    """Return processes on each machine, and machines; by default those that torchrun started."""
    here, everywhere = (int(os.environ.get(f"{name}WORLD_SIZE", 1)) for name in ("LOCAL_", ""))
    if not torch.distributed.is_torchelastic_launched():
        here = everywhere = 1
    return config.devices or here, config.nodes or everywhere // here
