"""What a run leaves to look at: its curves as a table, a plot and in TensorBoard, and sheets."""

from __future__ import annotations

import csv
from dataclasses import asdict, dataclass
from pathlib import Path

import cv2
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray
from torch.utils.tensorboard import SummaryWriter

from tinct.errors import TrainingError
from tinct.lab.train.validate import Validation


@dataclass(frozen=True)
class CurveRow:
    """One line of the curves."""

    step: int
    photographs: int
    """Seen so far."""
    seconds: float
    """Spent training so far."""
    learning_rate: float
    train_loss: float
    """Mean since the line before, without errors of pictures; in a line of step 0, that of the
    first batch."""
    validation: Validation

    def numbers(self) -> dict[str, float]:
        """Return all numbers of the line, flat."""
        table = asdict(self)
        validation = table.pop("validation")
        return {**table, "test_loss": validation.pop("loss"), **validation}


class RunReport:
    """Writes the curves of a run into its folder."""

    def __init__(self, folder: Path, first_step: int) -> None:
        """Open the report of a run in its folder.

        Args:
            folder: Of the run; it must exist.
            first_step: Steps done so far. What is told of later ones, by a run that was stopped
                before it saved them, is removed.

        Raises:
            TrainingError: The curves that are there are damaged.
        """
        self.folder = folder
        self.curves = folder / "curves.csv"
        self.rows = [row for row in self._read() if row["step"] <= first_step]
        self.board = SummaryWriter(str(folder / "tensorboard"), purge_step=first_step + 1)

    def _read(self) -> list[dict[str, float]]:
        if not self.curves.exists():
            return []
        try:
            with self.curves.open(newline="", encoding="utf-8") as file:
                header, *lines = csv.reader(file)
            header.index("step")
            return [dict(zip(header, map(_number, line), strict=True)) for line in lines]
        except (ValueError, csv.Error) as error:
            what_helps = "move it away, and the run goes on with new curves"
            raise TrainingError(f"{self.curves}: not the curves of a run: {what_helps}") from error

    def add(self, row: CurveRow, sheet: NDArray[np.uint8]) -> None:
        """Add a line and its sheet of pictures."""
        numbers = row.numbers()
        self.rows = [before for before in self.rows if before["step"] < row.step] + [numbers]
        unfinished = self.curves.with_suffix(".tmp")
        with unfinished.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, list(numbers))
            writer.writeheader()
            writer.writerows(self.rows)
        unfinished.replace(self.curves)
        for key, value in numbers.items():
            if key != "step":
                self.board.add_scalar(key, value, row.step)
        self.board.add_image("validation", sheet, row.step, dataformats="HWC")
        self.board.flush()
        encoded = cv2.imencode(".png", sheet[..., ::-1])[1]
        (self.folder / f"sheet-{row.step:07d}.png").write_bytes(encoded.tobytes())
        plot_losses(self.rows, self.folder / "loss.png")

    def close(self) -> None:
        """Close the TensorBoard log."""
        self.board.close()


def _number(text: str) -> float:
    """Read a number back as it was written: steps stay whole."""
    return int(text) if text.isdecimal() else float(text)


def plot_losses(rows: list[dict[str, float]], path: Path) -> None:
    """Draw train and test loss over the steps: the paper's figure 4."""
    figure = Figure(figsize=(6, 4), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    for key, label in (("train_loss", "train"), ("test_loss", "test")):
        axes.plot(
            [row["step"] for row in rows], [row[key] for row in rows], label=label, marker="."
        )
    axes.set_xlabel("step")
    axes.set_ylabel("loss")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=150)
