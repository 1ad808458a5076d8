"""Checkpoints: all that a run needs to go on as if it had never stopped, in one file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from tinct.errors import TrainingError
from tinct.files import reason_of, write_atomically
from tinct.lab.train.config import TrainConfig, config_from_dict

FORMAT = "tinct-checkpoint-1"


@dataclass(frozen=True)
class Checkpoint:
    """A run at one moment.

    Attributes:
        config: The choices of the run.
        step: Steps done.
        tensors: Weights (``network.*``), their moving average (``ema.*``) and the state of the
            optimizer (``optimizer.*``).
        best: The lowest validation loss so far.
        seconds: Time spent training so far.
        losses: Of the steps since the last validation.
    """

    config: TrainConfig
    step: int
    tensors: Mapping[str, Tensor]
    best: float
    seconds: float
    losses: tuple[float, ...] = ()

    def part(self, name: str) -> dict[str, Tensor]:
        """Return the tensors under ``name``., without that prefix."""
        prefix = name + "."
        return {
            key.removeprefix(prefix): value
            for key, value in self.tensors.items()
            if key.startswith(prefix)
        }


def save_checkpoint(checkpoint: Checkpoint, path: Path) -> None:
    """Write a checkpoint; the file at ``path`` is replaced only when the new one is whole.

    Raises:
        OutputError: It cannot be written.
    """
    facts = {
        "format": FORMAT,
        "config": asdict(checkpoint.config),
        "step": checkpoint.step,
        "best": checkpoint.best,
        "seconds": checkpoint.seconds,
        "losses": checkpoint.losses,
    }
    tensors = {key: value.detach().contiguous() for key, value in checkpoint.tensors.items()}
    # Not by save_file, whose files nobody but their owner may read.
    data = save(tensors, metadata={"tinct": json.dumps(facts)})
    write_atomically(data, path, overwrite=True)


def is_checkpoint(path: Path) -> bool:
    """Tell whether a file is a checkpoint of a run, of any version of tinct."""
    try:
        with safe_open(path, framework="pt") as file:
            return "tinct" in (file.metadata() or {})
    except (OSError, SafetensorError):
        return False


def load_checkpoint(path: Path) -> Checkpoint:
    """Read a checkpoint.

    Raises:
        TrainingError: The file is missing or is not a checkpoint of tinct.
    """
    try:
        with safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {}).get("tinct", "{}"))
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - not a dict
    except FileNotFoundError as error:
        raise TrainingError(f"{path}: no such checkpoint") from error
    except OSError as error:
        what = "a folder; name a checkpoint in it" if path.is_dir() else reason_of(error)
        raise TrainingError(f"{path}: not a checkpoint: {what}") from error
    except (SafetensorError, json.JSONDecodeError) as error:
        raise TrainingError(f"{path}: not a checkpoint: {error}") from error
    if facts.get("format") != FORMAT:
        raise TrainingError(f"{path}: not a checkpoint of this version of tinct")
    config = config_from_dict(facts["config"], str(path))
    losses = tuple(facts.get("losses", ()))  # the first checkpoints had none
    return Checkpoint(config, facts["step"], tensors, facts["best"], facts["seconds"], losses)


def load_weights(network: nn.Module, checkpoint: Checkpoint, part: str, name: str) -> None:
    """Give a network the weights of a checkpoint.

    Args:
        network: Has the architecture that the checkpoint names.
        checkpoint: Where the weights are from.
        part: ``network`` or ``ema``.
        name: Of the checkpoint, for errors.

    Raises:
        TrainingError: They are not all of the weights of this network, and only those.
    """
    try:
        network.load_state_dict(checkpoint.part(part))
    except RuntimeError as error:  # torch lists every tensor that does not fit, a line each
        text = f"its weights do not fit network {checkpoint.config.network!r} of this version"
        raise TrainingError(f"{name}: {text} of tinct") from error


def optimizer_tensors(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Flatten the state of an optimizer to ``index.name`` tensors."""
    state: dict[int, dict[str, Any]] = optimizer.state_dict()["state"]
    return {
        f"{index}.{name}": torch.as_tensor(value)
        for index, values in state.items()
        for name, value in values.items()
    }


def restore_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    """Undo :func:`optimizer_tensors`."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, value in tensors.items():
        index, name = key.split(".", 1)
        state.setdefault(int(index), {})[name] = value
    whole = optimizer.state_dict()
    whole["state"] = state
    optimizer.load_state_dict(whole)
