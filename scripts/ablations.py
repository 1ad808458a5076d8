"""Train the variants that the paper argues for and against, with equal budgets, and compare them.

    python scripts/ablations.py --data 'photographs/train-*.tar' --validation photographs/val.tar

Every variant sees the same photographs in the same order, cropped and mirrored alike, at 64x64,
with the same optimizer. Runs that are finished are not repeated; the table is written at the end.
"""

from __future__ import annotations

import argparse
import csv
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinct.train.config import TrainConfig, config_from_dict
from tinct.train.loop import LAST, train

STEPS = 1200
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
        **dict.fromkeys(("film_response", "tone_curve", "blur", "grain", "jpeg"), 0),
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
        table["validate_every"] = max(self.steps // 10, 1)
        table["data"] = {
            "train": data,
            "validation": validation,
            "cache": cache,
            "validation_limit": 1200,
        }
        return config_from_dict(table, self.title)


CLASSIFICATION = {"objective": "classification", "positions": 1.0}
VARIANTS = {
    "paper": Variant("paper: Lab, 75/90/105 filters", "paper"),
    "paper-rgb": Variant("RGB instead of Lab", "paper-rgb"),
    "paper-skip": Variant("with residual connections", "paper-skip"),
    "nano-regression": Variant("nano, regression", "nano-regression"),
    "nano": Variant("nano, classification", "nano", CLASSIFICATION),
    "paper-half": Variant("38/45/53 filters", "paper", {"options": {"filters": [38, 45, 53]}}),
    "nano-epochs-1": Variant("nano, 1 epoch", "nano", CLASSIFICATION, 2500),
    "nano-epochs-2": Variant("nano, 2 epochs", "nano", CLASSIFICATION, 5000),
    "nano-epochs-4": Variant("nano, 4 epochs", "nano", CLASSIFICATION, 10000),
    "paper-wide": Variant(
        "100/120/140 filters", "paper", {"options": {"filters": [100, 120, 140]}}
    ),
}


def last_row(folder: Path) -> dict[str, float]:
    """Return the last line of a run's curves."""
    with (folder / "curves.csv").open(newline="") as file:
        *_, last = csv.DictReader(file)
    return {key: float(value) for key, value in last.items()}


def main() -> None:
    """Run what is missing and print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", nargs="+", required=True)
    parser.add_argument("--validation", nargs="+", required=True)
    parser.add_argument("--cache", default="cache")
    parser.add_argument("--output", type=Path, default=Path("runs/ablations"))
    parser.add_argument("--only", nargs="*", choices=list(VARIANTS), default=list(VARIANTS))
    options = parser.parse_args()
    for name in options.only:
        variant, folder = VARIANTS[name], options.output / name
        config = variant.config(options.data, options.validation, options.cache)
        is_begun = (folder / LAST).exists()
        train(config, folder, resume=is_begun)
        row = last_row(folder)
        if row["step"] < variant.steps:
            sys.exit("stopped; the same command goes on")
        numbers = "  ".join(f"{key} {value:.4g}" for key, value in row.items())
        print(f"{name}: {numbers}", flush=True)


if __name__ == "__main__":
    main()
