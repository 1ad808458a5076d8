"""How large a network is and what it costs, counted on the network itself."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

STATISTICS = ("running_mean", "running_var")  # of batch norms: TensorFlow calls them parameters
PICTURE_SIZE = 256


@dataclass(frozen=True, slots=True)
class Block:
    """One top-level part of a network."""

    name: str
    kind: str  # name of its class
    num_parameters: int  # trainable ones and batch-norm statistics
    mmac: float  # millions of multiplications with one picture of 256x256


@dataclass(frozen=True, slots=True)
class Summary:
    """What ``tinct info`` prints."""

    blocks: tuple[Block, ...]
    num_trainable: int
    num_non_trainable: int  # batch-norm statistics, as TensorFlow counts
    mmac: float
    most_filters: int  # output channels of the widest convolution

    @property
    def num_parameters(self) -> int:
        """Trainable and non-trainable parameters."""
        return self.num_trainable + self.num_non_trainable


def summarize(network: nn.Module, size: int = PICTURE_SIZE) -> Summary:
    """Count parameters and multiplications of a network.

    Multiplications are those of convolutions, linear layers and matrix products, counted by torch
    while one picture passes. Batch norms, activations and resizing are left out, as is usual.

    Args:
        network: Takes (1, 1, size, size).
        size: Height and width of the picture.
    """
    mmac = _count_mmac(network, size)
    blocks = tuple(
        Block(name, type(block).__name__, _num_parameters(block), mmac.get(name, 0.0))
        for name, block in network.named_children()
    )
    trainable = sum(p.numel() for p in network.parameters() if p.requires_grad)
    return Summary(
        blocks=blocks,
        num_trainable=trainable,
        num_non_trainable=_num_parameters(network) - trainable,
        mmac=mmac[""],
        most_filters=max(_filters(network), default=0),
    )


def to_table(name: str, summary: Summary) -> str:
    """Lay out a summary as Keras does, with a column for the multiplications."""
    rows = [
        (f"{b.name} ({b.kind})", f"{b.num_parameters}", f"{b.mmac:.1f}") for b in summary.blocks
    ]
    rule = 63
    return "\n".join(
        [
            f'Model: "{name}"',
            "_" * rule,
            _line("Layer (type)", "Param #", "MMAC at 256x256"),
            "=" * rule,
            *(_line(*row) for row in rows),
            "=" * rule,
            f"Total params: {summary.num_parameters:,}",
            f"Trainable params: {summary.num_trainable:,}",
            f"Non-trainable params: {summary.num_non_trainable:,}",
            f"Multiplications: {summary.mmac:,.1f} million at 256x256",
            f"Most filters in a layer: {summary.most_filters}",
            "_" * rule,
        ]
    )


def _line(layer: str, parameters: str, mmac: str) -> str:
    return f"{layer:<32}{parameters:>12}{mmac:>19}"


def _num_parameters(module: nn.Module) -> int:
    statistics = [b for name, b in module.named_buffers() if name.rpartition(".")[2] in STATISTICS]
    return sum(tensor.numel() for tensor in [*module.parameters(), *statistics])


def _count_mmac(network: nn.Module, size: int) -> dict[str, float]:
    """Return millions of multiplications by top-level part, and of all under the empty name."""
    was_training = network.training
    picture = next(network.parameters()).new_zeros(1, 1, size, size)
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        network.eval()(picture)
    network.train(was_training)
    counts = counter.get_flop_counts()
    own = type(network).__name__
    # torch counts a multiplication and its addition as two operations
    mmac = {name: sum(ops.values()) / 2e6 for name, ops in counts.items()}
    parts = {name: mmac.get(f"{own}.{name}", 0.0) for name, _ in network.named_children()}
    return parts | {"": mmac["Global"]}


def _filters(network: nn.Module) -> list[int]:
    kinds = (nn.Conv2d, nn.ConvTranspose2d)
    return [module.out_channels for module in network.modules() if isinstance(module, kinds)]
