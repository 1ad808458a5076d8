"""Train the variants that the paper argues for and against, with equal budgets, and compare them.

    python scripts/ablations.py --data 'photographs/train-*.tar' --validation photographs/val.tar

Every variant sees the same photographs in the same order, whole squares of them at 64x64, with the
same optimizer. A run that was stopped goes on, one that is finished is not repeated. The table says
how fast the variants are at 256x256 as well, all timed in turn by ONNX Runtime on one thread.
"""

from __future__ import annotations

import argparse
import csv
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

from tinct.evaluate.benchmark import time_interleaved
from tinct.evaluate.report import describe_machine
from tinct.networks import build
from tinct.networks.classifier import Classifier
from tinct.networks.decode import ColorModel
from tinct.networks.graph import to_graph
from tinct.networks.summary import summarize
from tinct.train.config import TrainConfig, config_from_dict
from tinct.train.loop import LAST, train

STEPS = 1200
EPOCH = 2500  # steps in which 40,000 photographs are seen once
COMMON: dict[str, Any] = {
    "objective": "regression",
    "crop": 64,
    "batch": 16,
    "learning_rate": 1e-2,
    "warmup": 50,
    "ema": 0.99,
    "threads": 1,
    "augment": {
        "crop": [1.0, 1.0],
        "true_lightness": 1,
        **dict.fromkeys(("film_response", "tone_curve", "blur", "grain", "damage", "jpeg"), 0),
    },
}


@dataclass(frozen=True)
class Variant:
    """One run."""

    title: str
    network: str
    changes: dict[str, Any] = field(default_factory=dict)
    steps: int = STEPS

    def config(self, data: list[str], validation: list[str], cache: str) -> TrainConfig:
        """Return the choices of the run."""
        table = COMMON | self.changes | {"network": self.network, "steps": self.steps}
        table["validate_every"] = self.steps // 10
        table["data"] = {
            "train": data,
            "validation": validation,
            "cache": cache,
            "validation_limit": 1200,
        }
        return config_from_dict(table, self.title)

    def network_like(self) -> nn.Module:
        """Return the network with random weights."""
        return build(self.network, **self.changes.get("options", {})).eval()


def filters(*numbers: int) -> dict[str, Any]:
    """Return what changes with the filters of the paper's network."""
    return {"options": {"filters": list(numbers)}}


CLASSIFICATION = {"objective": "classification", "positions": 1.0}
VARIANTS = {
    "paper": Variant("the paper: Lab, regression, 75/90/105 filters", "paper"),
    "paper-rgb": Variant("RGB output", "paper-rgb"),
    "paper-skip": Variant("residual connections", "paper-skip"),
    "paper-half": Variant("38/45/53 filters", "paper", filters(38, 45, 53)),
    "paper-wide": Variant("90/110/130 filters", "paper", filters(90, 110, 130)),
    "nano-regression": Variant("`nano`, regression", "nano-regression"),
    "nano": Variant("`nano`, classification", "nano", CLASSIFICATION),
    "nano-epochs-1": Variant("`nano`, 1 epoch", "nano", CLASSIFICATION, EPOCH),
    "nano-epochs-2": Variant("`nano`, 2 epochs", "nano", CLASSIFICATION, 2 * EPOCH),
}


class Colors(nn.Module):
    """A classifier with its decoding, asked as a regression is."""

    def __init__(self, network: Classifier) -> None:
        """Wrap a network."""
        super().__init__()
        self.model = ColorModel(network)

    def forward(self, lightness: Tensor) -> Tensor:
        """Answer ab."""
        return self.predict(lightness)

    def predict(self, lightness: Tensor) -> Tensor:
        """Answer ab."""
        ab: Tensor = self.model(lightness, torch.zeros(1))[0]
        return ab


def train_all(
    names: list[str], data: list[str], validation: list[str], cache: str, runs: Path
) -> None:
    """Train what is not finished."""
    for name in names:
        variant, folder = VARIANTS[name], runs / name
        config = variant.config(data, validation, cache)
        train(config, folder, resume=(folder / LAST).exists())
        if last_row(folder)["step"] < variant.steps:
            sys.exit("stopped; the same command goes on")


def last_row(folder: Path) -> dict[str, float]:
    """Return the last line of a run's curves."""
    with (folder / "curves.csv").open(newline="") as file:
        *_, last = csv.DictReader(file)
    return {key: float(value) for key, value in last.items()}


def milliseconds(networks: dict[str, nn.Module]) -> dict[str, float]:
    """Return the median time of each network for a picture of 256x256, on one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    picture = {
        "lightness": np.random.default_rng(0).uniform(0, 100, (1, 1, 256, 256)).astype(np.float32)
    }
    workloads = {}
    for name, network in networks.items():
        asked = Colors(network).eval() if isinstance(network, Classifier) else network
        session = onnxruntime.InferenceSession(to_graph(asked), options)
        workloads[name] = lambda session=session: session.run(None, picture)
    seconds = time_interleaved(workloads, rounds=30, warm_up=3)
    return {name: 1000 * float(np.median(values)) for name, values in seconds.items()}


def table(names: list[str], runs: Path) -> str:
    """Return the results as Markdown."""
    networks = {name: VARIANTS[name].network_like() for name in names}
    times = milliseconds(networks)
    lines = [
        "| | parameters | MMAC | ms | photographs | PSNR dB | over grey | RMSE ab | chroma |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for name in names:
        summary, row = summarize(networks[name]), last_row(runs / name)
        cells = (
            VARIANTS[name].title,
            f"{summary.num_trainable:,}",
            f"{summary.mmac:,.0f}",
            f"{times[name]:.1f}",
            f"{row['photographs']:,.0f}",
            f"{row['psnr']:.2f}",
            f"{row['psnr_gain']:+.2f}",
            f"{row['rmse_ab']:.2f}",
            f"{row['chroma']:.2f}",
        )
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join([*lines, "", describe_machine()]) + "\n"


def main() -> None:
    """Train what is missing and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", nargs="+", required=True, help="photographs to train on")
    parser.add_argument("--validation", nargs="+", required=True)
    parser.add_argument("--cache", default="cache")
    parser.add_argument("--runs", type=Path, default=Path("runs/ablations"))
    parser.add_argument("--only", nargs="*", choices=list(VARIANTS), default=list(VARIANTS))
    parser.add_argument("--output", type=Path, default=Path("ablations.md"))
    options = parser.parse_args()
    train_all(options.only, options.data, options.validation, options.cache, options.runs)
    options.output.write_text(table(options.only, options.runs), "utf-8")


if __name__ == "__main__":
    main()
