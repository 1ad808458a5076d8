"""Faults that people see first, counted for several rows on the same photographs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tinct import color
from tinct.lab.data.dataset import Photograph, Photographs, square
from tinct.lab.evaluate.protocol import LAB_SIZE, examine_in_color, naming
from tinct.lab.evaluate.robustness import mean_cell
from tinct.lab.evaluate.rows import Row
from tinct.lab.markdown import markdown_table
from tinct.lab.metrics.faults import Faults, measure_faults

TITLES = {
    "face_chroma": "chroma of faces, of the truth's",
    "skin_chroma": "chroma of other skin, of the truth's",
    "gray_skin": "skin without color, %",
    "violet_on_gray": "violet on gray, %",
    "green_on_gray": "green on gray, %",
    "chroma_on_gray": "chroma on gray",
    "patches_on_gray": "patches on gray",
    "halo": "halo",
}
_PERCENT = {"gray_skin", "violet_on_gray", "green_on_gray"}


@dataclass(frozen=True)
class FaultTable:
    """Faults of rows on photographs."""

    source: str
    broken: tuple[str, ...]  # "NAME: reason"
    rows: tuple[str, ...]
    values: NDArray[np.float64]  # (photographs, rows, faults), NaN where there is none of a kind
    command: str

    def to_markdown(self) -> str:
        """Render a table: a line for each row, with 95 % intervals over photographs."""
        counts = (~np.isnan(self.values[:, 0])).sum(axis=0)
        titles = [f"{TITLES[name]} ({n})" for name, n in zip(Faults._fields, counts, strict=True)]
        lines = [
            [
                row,
                *(
                    mean_cell(self.values[:, column, place] * (100 if name in _PERCENT else 1))
                    for place, name in enumerate(Faults._fields)
                ),
            ]
            for column, row in enumerate(self.rows)
        ]
        head = f"{len(self.values)} photographs of `{self.source}`, protocol `lab`."
        note = "In brackets behind a title: how many of them have something of the kind."
        return (
            "\n\n".join([head, note, markdown_table(["", *titles], lines), f"`{self.command}`"])
            + "\n"
        )


def count_faults(
    photographs: Photographs,
    rows: Sequence[Row],
    *,
    jobs: int | None = None,
    command: str = "",
    on_progress: Callable[[int], None] = lambda done: None,
) -> FaultTable:
    """Color photographs from their true lightness at 256x256, and measure the faults.

    Args:
        photographs: They are read once; gray ones are left out.
        rows: What colors.
        jobs: Photographs worked on at a time; as many as there are processors when left out.
        command: What the user typed.
        on_progress: Called with the number of photographs done since.

    Raises:
        MetricError: There are fewer than two color photographs, or a row answers NaN.
    """
    values = examine_in_color(photographs, partial(_examine, rows=rows), jobs, on_progress)
    names = tuple(row.name for row in rows)
    broken = tuple(photographs.broken)
    return FaultTable(photographs.source, broken, names, np.array(values), command)


def _examine(photograph: Photograph, rows: Sequence[Row]) -> list[Faults]:
    """Return the faults of every row."""
    rgb = square(photograph.rgb, LAB_SIZE).astype(np.float32) / np.float32(255)
    lab = color.rgb_to_lab(rgb)
    found = []
    for row in rows:
        with naming(row, photograph.name):
            found.append(measure_faults(row.predict_ab(lab[..., 0], photograph.name), lab))
    return found
