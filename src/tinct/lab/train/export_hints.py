"""From a checkpoint of a branch for hints to its file, which lies beside that of its model."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor

from tinct.errors import TrainingError
from tinct.files import check_can_write, write_atomically
from tinct.lab.networks.hints import HintBranch, HintedNetwork
from tinct.lab.networks.onnx_graph import write_graph
from tinct.lab.train.checkpoint import Checkpoint, load_checkpoint
from tinct.lab.train.export import (
    TOLERANCE,
    averaged_network,
    run_facts,
    weights_digest,
    with_notes,
)
from tinct.spec import HINTS_KEY, HintSpec


def hinted_network(checkpoint: Checkpoint, name: str) -> HintedNetwork:
    """Return the averaged network of a checkpoint with its branch for hints, for evaluation.

    Raises:
        TrainingError: The checkpoint has no such branch, or its weights are not finite.
    """
    network = averaged_network(checkpoint, name)
    if not isinstance(network, HintedNetwork):
        raise TrainingError(f"{name}: cannot be exported: it has no branch for hints")
    return network.requires_grad_(False)


def export_hints(path: Path, output: Path, notes: dict[str, Any] | None = None) -> HintSpec:
    """Export the branch for hints of a checkpoint.

    Args:
        path: The checkpoint.
        output: The ONNX file to write; it appears only if it answers as torch does.
        notes: Further facts for the provenance.

    Returns:
        The spec, as stored in the file.

    Raises:
        TrainingError: The checkpoint cannot be exported, or ONNX Runtime does not answer as torch.
        OptionError: ``output`` is the checkpoint, or a note has the name of another fact.
        OutputError: ``output`` cannot be written.
    """
    check_can_write(output, [path])
    checkpoint = load_checkpoint(path)
    network = hinted_network(checkpoint, str(path))
    branch = network.branch
    spec = HintSpec(
        name=checkpoint.config.network,
        weights=weights_digest(network.network),
        reach=tuple(branch.log_reach.exp().tolist()),
        heads=branch.config.heads,
        noise=(float(branch.log_noise[0].exp()), float(branch.log_noise[1].exp())),
        middle=branch.config.middle,
        bins=tuple((round(a, 3), round(b, 3)) for a, b in network.network.bin_centers.tolist()),
        parameters=sum(item.numel() for item in branch.parameters()),
        provenance=with_notes(run_facts(checkpoint), notes or {}),
    )
    data = _to_onnx(branch, network.network.head.in_channels, spec)
    _check_parity(branch, network.network.head.in_channels, data, str(output))
    write_atomically(data, output, overwrite=True)
    return HintSpec.from_json(spec.to_json(), spec.name)


def _example(channels: int, batch: int, rows: int, columns: int) -> tuple[Tensor, Tensor]:
    """Return random features and lightness of pictures of 4 * rows by 4 * columns pixels."""
    generator = torch.Generator().manual_seed(rows)
    features = torch.rand((batch, channels, rows, columns), generator=generator)
    return features, 100 * torch.rand((batch, 1, 4 * rows, 4 * columns), generator=generator)


def _to_onnx(branch: HintBranch, channels: int, spec: HintSpec) -> bytes:
    batch = torch.export.Dim("batch", min=1, max=4096)
    rows = torch.export.Dim("rows", min=2, max=4096)
    columns = torch.export.Dim("columns", min=2, max=4096)
    features, lightness = _example(channels, 2, 32, 40)
    return write_graph(
        branch,
        {"features": features, "lightness": lightness},
        ["keys", "strengths"],
        ({0: batch, 2: rows, 3: columns}, {0: batch, 2: 4 * rows, 3: 4 * columns}),
        {HINTS_KEY: spec.to_json()},
    )


@torch.no_grad()
def _check_parity(branch: HintBranch, channels: int, data: bytes, name: str) -> None:
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    for shape in ((1, 16, 24), (3, 64, 40)):
        features, lightness = _example(channels, *shape)
        feed = {"features": features.numpy(), "lightness": lightness.numpy()}
        for wanted, found in zip(branch(features, lightness), session.run(None, feed), strict=True):
            if not np.allclose(wanted.numpy(), found, rtol=TOLERANCE, atol=TOLERANCE):
                raise TrainingError(f"{name}: ONNX Runtime differs from torch: not exported")
