"""Train variants of the networks with equal budgets, and compare them.

    python scripts/ablations.py paper --data 'photographs/train-*.tar' --validation val.tar
    python scripts/ablations.py nano --data 'photographs/train-*.tar' --validation val.tar

``paper``: what the paper argues for and against, on whole squares of photographs at 64x64.
``nano``: where that network spends its parameters and multiplications, on crops at 128x128; and
other ways to learn. Within a table every variant sees the same photographs in the same order, and
has the same optimizer where its row names no other. A run that was stopped goes on, one that is
finished is not repeated. The table says how fast the variants are at 256x256 as well, all timed in
turn by ONNX Runtime on one thread.
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

from tinct.lab.evaluate.result import describe_machine
from tinct.lab.markdown import markdown_table
from tinct.lab.metrics.timing import time_interleaved
from tinct.lab.networks import build
from tinct.lab.networks.classifier import Classifier
from tinct.lab.networks.onnx_graph import to_graph
from tinct.lab.networks.readout import ColorModel
from tinct.lab.networks.summary import summarize
from tinct.lab.train.config import TrainConfig, config_from_dict
from tinct.lab.train.loop import LAST, train

EPOCH = 2500  # steps of the paper's table in which 40,000 photographs are seen once
PAPER: dict[str, Any] = {
    "steps": 1200,
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
FIRST: dict[str, Any] = {"blocks": [1, 1, 3, 2]}
"""What the first ``nano`` had, which the tables were made with; ``no-dense`` is shipped since."""
NANO: dict[str, Any] = {
    "options": FIRST,
    "steps": 600,
    "validate_every": 600,
    "crop": 128,
    "learning_rate": 4e-3,
    "warmup": 50,
    "ema": 0.99,
    "precision": "bf16",
    "augment": {"film_response": 0.25},
}


@dataclass(frozen=True)
class Variant:
    """One run."""

    title: str
    network: str
    changes: dict[str, Any] = field(default_factory=dict)

    def config(self, data: list[str], validation: list[str], cache: str) -> TrainConfig:
        """Return the choices of the run."""
        table = self.changes | {"network": self.network}
        table.setdefault("validate_every", table["steps"] // 10)
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


def paper(title: str, network: str, **changes: Any) -> Variant:
    """Return a row of the paper's table."""
    return Variant(title, network, PAPER | changes)


def nano(title: str, seed: int = 0, **options: Any) -> Variant:
    """Return a row of the table of ``nano``, with other sizes than the first one had."""
    return Variant(title, "nano", NANO | {"seed": seed, "options": FIRST | options})


def learned(title: str, optimizer: str, rate: float) -> Variant:
    """Return a row of the table of ``nano`` that differs in how it is learned."""
    return Variant(title, "nano", NANO | {"optimizer": optimizer, "learning_rate": rate})


CLASSIFICATION: dict[str, Any] = {
    "objective": "classification",
    "positions": 1.0,
    "options": FIRST,
}
HALF, WIDE = {"filters": [38, 45, 53]}, {"filters": [90, 110, 130]}
TABLES = {
    "paper": {
        "paper": paper("the paper: Lab, regression, 75/90/105 filters", "paper"),
        "paper-rgb": paper("RGB output", "paper-rgb"),
        "paper-skip": paper("residual connections", "paper-skip"),
        "paper-half": paper("38/45/53 filters", "paper", options=HALF),
        "paper-wide": paper("90/110/130 filters", "paper", options=WIDE),
        "nano-regression": paper("`nano`, regression", "nano-regression", options=FIRST),
        "nano": paper("`nano`, classification", "nano", **CLASSIFICATION),
        "nano-epochs-1": paper("`nano`, 1 epoch", "nano", **CLASSIFICATION, steps=EPOCH),
        "nano-epochs-2": paper("`nano`, 2 epochs", "nano", **CLASSIFICATION, steps=2 * EPOCH),
    },
    "nano": {
        "first": nano("as it was first"),
        "seed": nano("the same, another seed", seed=1),
        "bins-64": nano("64 bins", num_bins=64),
        "bins-313": nano("313 bins", num_bins=313),
        "no-attention": nano("no attention at 1/32", heads=0),
        "no-dense": nano("as shipped: no block at 1/4, more at 1/8 and 1/16", blocks=[0, 2, 4, 1]),
        "stem": nano("20 channels at 1/4, one more block at 1/8", stem=20, blocks=[1, 2, 3, 2]),
        "decoder": nano("decoder of 48/32/32 channels", decoder=[48, 32, 32]),
        "decoder-block": nano(
            "decoder of 48/40/40 channels, one more block at 1/8",
            decoder=[48, 40, 40],
            blocks=[1, 2, 3, 2],
        ),
        "narrow": nano(
            "32/56/88 channels at 1/8 to 1/32, one more block at 1/8 and at 1/16",
            channels=[32, 56, 88],
            blocks=[1, 2, 4, 2],
            hidden=[96, 128, 128],
        ),
        "adamw-fast": learned("AdamW at 0.01", "adamw", 0.01),
        "muon": learned("Muon at 0.004", "muon", 0.004),
        "muon-fast": learned("Muon at 0.012", "muon", 0.012),
        "muon-faster": learned("Muon at 0.03", "muon", 0.03),
    },
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
    variants: dict[str, Variant], data: list[str], validation: list[str], cache: str, runs: Path
) -> None:
    """Train what is not finished."""
    for name, variant in variants.items():
        folder = runs / name
        config = variant.config(data, validation, cache)
        train(config, folder, resume=(folder / LAST).exists())
        if last_row(folder)["step"] < config.steps:
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


def table(variants: dict[str, Variant], runs: Path) -> str:
    """Return the results as Markdown."""
    networks = {name: variant.network_like() for name, variant in variants.items()}
    times = milliseconds(networks)
    heads = ("", "parameters", "MMAC", "ms", "photographs", "PSNR dB", "over gray", "RMSE ab")
    lines = []
    for name, variant in variants.items():
        summary, row = summarize(networks[name]), last_row(runs / name)
        cells = (
            variant.title,
            f"{summary.num_trainable:,}",
            f"{summary.mmac:,.0f}",
            f"{times[name]:.1f}",
            f"{row['photographs']:,.0f}",
            f"{row['psnr']:.2f}",
            f"{row['psnr_gain']:+.2f}",
            f"{row['rmse_ab']:.2f}",
            f"{row['chroma']:.2f}",
        )
        lines.append(cells)
    return f"{markdown_table([*heads, 'chroma'], lines)}\n\n{describe_machine()}\n"


def main() -> None:
    """Train what is missing and write the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("table", choices=list(TABLES))
    parser.add_argument("--data", nargs="+", required=True, help="photographs to train on")
    parser.add_argument("--validation", nargs="+", required=True)
    parser.add_argument("--cache", default="cache")
    parser.add_argument("--runs", type=Path, default=Path("runs/ablations"))
    parser.add_argument("--only", nargs="*", metavar="NAME", help="of the rows")
    parser.add_argument("--output", type=Path, default=Path("ablations.md"))
    options = parser.parse_args()
    every = TABLES[options.table]
    if unknown := set(options.only or ()) - every.keys():
        parser.error(f"no such rows: {', '.join(sorted(unknown))}; known: {', '.join(every)}")
    variants = {name: every[name] for name in options.only or every}
    runs = options.runs / options.table
    train_all(variants, options.data, options.validation, options.cache, runs)
    options.output.write_text(table(variants, runs), "utf-8")


if __name__ == "__main__":
    main()
