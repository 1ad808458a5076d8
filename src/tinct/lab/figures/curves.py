"""Training curves from CSV files: those of a run of ours, and those that others publish."""

from __future__ import annotations

import csv
import math
from dataclasses import dataclass
from pathlib import Path

from tinct.errors import InputError

RUN_COLUMNS = {"train_loss": "train", "test_loss": "test"}  # of a run's curves.csv
STEP, VALUE = "step", "value"  # of a single curve, as TensorBoard exports it
PHOTOGRAPHS = "photographs"  # seen so far, of a run of ours


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a plot of losses."""

    run: str  # what it belongs to; the curves of a run share their axes
    label: str  # "train", "test", or the name of the file
    steps: tuple[float, ...]
    losses: tuple[float, ...]


def read_curves(run: str, path: Path) -> list[Curve]:
    """Read the losses of a run.

    Args:
        run: What to call it.
        path: A table with the columns ``step``, ``train_loss`` and ``test_loss``, which training
            writes, or with ``step`` and ``value`` for a single curve, which is called "train" or
            "test" if the name of the file says so. Other columns and capitals are ignored.

    Raises:
        InputError: The file cannot be read or holds no curve.
    """
    table = _read_table(path)
    return _curves(run, path, table, _steps(table, path))


def read_curves_by_photographs(run: str, path: Path, per_step: int | None = None) -> list[Curve]:
    """Read the losses of a run over the photographs seen, by which runs of any kind compare.

    Args:
        run: What to call it.
        path: See :func:`read_curves`.
        per_step: Photographs in a step. A run of ours says itself how many it has seen.

    Raises:
        InputError: The file cannot be read, holds no curve, or does not tell of photographs.
    """
    table = _read_table(path)
    if per_step is not None:
        seen = tuple(per_step * step for step in _steps(table, path))
    elif PHOTOGRAPHS in table:
        seen = _numbers(table[PHOTOGRAPHS], path)
    else:
        raise InputError(f"{path}: no column 'photographs': say how many {run} sees in a step")
    return _curves(run, path, table, seen)


def _steps(table: dict[str, list[str]], path: Path) -> tuple[float, ...]:
    if STEP not in table:
        raise InputError(f"{path}: no column 'step'")
    return _numbers(table[STEP], path)


def _curves(
    run: str, path: Path, table: dict[str, list[str]], steps: tuple[float, ...]
) -> list[Curve]:
    names = {**RUN_COLUMNS, VALUE: _label_of(path)}
    curves = [
        Curve(run, label, steps, _numbers(table[column], path))
        for column, label in names.items()
        if column in table
    ]
    if not curves or not steps:
        wanted = ", ".join(names)
        raise InputError(f"{path}: no curve in it: none of the columns {wanted}, or no lines")
    return curves


def _read_table(path: Path) -> dict[str, list[str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            header, *lines = [line for line in csv.reader(file) if line] or [[]]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a CSV table") from error
    if any(len(line) != len(header) for line in lines):
        raise InputError(f"{path}: not a CSV table: its lines differ in length")
    return {
        name.strip().lower(): [line[place] for line in lines] for place, name in enumerate(header)
    }


def _numbers(cells: list[str], path: Path) -> tuple[float, ...]:
    try:
        numbers = tuple(float(cell) for cell in cells)
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
    if not all(map(math.isfinite, numbers)):
        raise InputError(f"{path}: a number in it is NaN or infinite")
    return numbers


def _label_of(path: Path) -> str:
    stem = path.stem.lower()
    return next((label for label in RUN_COLUMNS.values() if label in stem), path.stem)
