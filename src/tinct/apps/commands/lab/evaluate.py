"""``tinct lab evaluate``: measure how good the colors of models are."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from tinct.apps.commands.arguments import (
    SOURCES_HELP,
    SPECS_HELP,
    Fit,
    Limit,
    Lpips,
    MeasuringJobs,
    Seed,
    Vividnesses,
    split_arguments,
)
from tinct.apps.console import command_line, print_message, print_warning, progress_bar
from tinct.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table

    from tinct.lab.evaluate.result import Report, RowResult
    from tinct.lab.metrics.score import Metric, Protocol

DEFAULT = "default"
_PIPED_WIDTH = 100  # characters of a line that no terminal shows
NAME_WIDTH = 16  # characters; longer names of rows wrap where there is no more room


def evaluate(
    specs_and_data: Annotated[
        list[str],
        typer.Argument(
            metavar="[SPEC]... DATA",
            help=f"{SPECS_HELP}, then color photographs: {SOURCES_HELP}.",
        ),
    ],
    vividness: Vividnesses = "0,default,1",
    protocol: Annotated[
        Literal["lab", "product", "both"],
        typer.Option(
            help="'lab' as in papers, at 256x256; 'product' through the whole program at full size."
        ),
    ] = "both",
    fit: Fit = "crop",
    lpips: Lpips = False,
    frechet: Annotated[
        str | None,
        typer.Option(
            metavar="NETWORK",
            help="Compute a Frechet distance as well, in the features of efficientnet-lite0 or of "
            "a TorchScript FILE; with FID's Inception as NVIDIA translated it, that is FID.",
        ),
    ] = None,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="ROW",
            show_default="the first peer, or gray",
            help="Row that the others are compared with.",
        ),
    ] = None,
    limit: Limit = None,
    seed: Seed = None,
    jobs: MeasuringJobs = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Folder for the reports: JSON, Markdown, CSV of each photograph."
        ),
    ] = None,
) -> int:
    """Compare models with the truth, beside gray, the mean color and what others have made.

    The exit code is 1 if a photograph could not be read; the report names it.
    """
    specs, sources = split_arguments(specs_and_data)
    values = parse_vividness(vividness)
    protocols: list[Protocol] = ["lab", "product"] if protocol == "both" else [protocol]
    # Photographs are worked on side by side; torch's own threads would only get in their way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from tinct.files import make_folder
    from tinct.lab.data.dataset import Photographs
    from tinct.lab.evaluate.protocol import choose_reference
    from tinct.lab.evaluate.protocol import evaluate as run
    from tinct.lab.evaluate.rows import make_rows

    # What can be wrong is found out before the long part.
    photographs = Photographs(*sources, limit=limit, seed=seed)
    rows = make_rows(specs, values, fit)
    reference = choose_reference(rows, reference)
    network = None
    if frechet:
        from tinct.lab.metrics.frechet import load_feature_network  # torch

        network = load_feature_network(frechet)
    if output:
        make_folder(output)
    broken: Sequence[str] = ()
    for one in protocols:
        with progress_bar(photographs.total, "photographs") as advance:
            report = run(
                photographs,
                rows,
                protocol=one,
                fit=fit,
                lpips=lpips,
                frechet=network,
                reference=reference,
                jobs=jobs,
                command=command_line(),
                on_progress=advance,
            )
        broken = report.broken
        _show(report)
        if output:
            _write(report, output)
    if output:
        print_message(f"{output}: reports with all columns, intervals and the method")
    for reason in broken:
        print_warning(reason)
    return int(bool(broken))


def parse_vividness(text: str) -> list[float | None]:
    """Read ``0,default,1``; None stands for the model's default.

    Raises:
        OptionError: A part is neither a number from 0 to 1 nor ``default``.
    """
    return [None if part == DEFAULT else _one_vividness(part) for part in text.split(",")]


def _one_vividness(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise OptionError(f"--vividness takes numbers from 0 to 1 and 'default', not {text!r}")
    return value


def _write(report: Report, folder: Path) -> None:
    from tinct.files import write_atomically

    files = {
        f"evaluation-{report.protocol}.json": report.to_json(),
        f"evaluation-{report.protocol}.md": report.to_markdown(),
        f"evaluation-{report.protocol}-pictures.csv": report.pictures.to_csv(),
    }
    for name, text in files.items():
        write_atomically(text.encode(errors="surrogateescape"), folder / name, overwrite=True)


def _show(report: Report) -> None:
    """Print the main columns; all others and how they were measured are in the written report."""
    from rich.console import Console

    console = Console() if sys.stdout.isatty() else Console(width=_PIPED_WIDTH)
    for table in make_tables(report, console.width):
        console.print(table)


def make_tables(report: Report, width: int) -> list[Table]:
    """Lay out the main columns, without intervals, in as many tables as fit the terminal.

    Args:
        report: What is shown.
        width: Of the terminal, in characters.
    """
    columns = [_column(report, metric) for metric in report.columns(is_main=True)]
    names = [row.name for row in report.rows]
    room = width - min(NAME_WIDTH, max(map(len, names)))
    parts: list[list[list[str]]] = [[]]
    left = room
    for column in columns:
        needed = _width(column) + 2  # padding, and the border between columns
        if needed > left and parts[-1]:
            parts.append([])
            left = room
        parts[-1].append(column)
        left -= needed
    tables = [_make_table(names, part) for part in parts]
    tables[0].title = (
        f"Protocol {report.protocol}, {report.num_photographs} photographs, "
        f"{len(report.nearly_gray)} nearly gray left out, {len(report.broken)} unreadable"
    )
    tables[-1].caption = (
        f"* differs from {report.reference}: the 95 % interval of the difference on the same "
        "photographs excludes 0. All columns and intervals: --output FOLDER."
    )
    return tables


def _column(report: Report, metric: Metric) -> list[str]:
    """Return the head, one word a line, and the cell of every row."""
    title = metric.title.partition(" (")[0]  # without the network of a Frechet distance
    return ["\n".join(title.split()), *(_cell(row, metric) for row in report.rows)]


def _width(column: list[str]) -> int:
    return max(len(line) for cell in column for line in cell.split("\n"))


def _make_table(names: list[str], columns: list[list[str]]) -> Table:
    from rich.box import SIMPLE_HEAD
    from rich.table import Table

    table = Table(
        box=SIMPLE_HEAD, padding=(0, 1, 0, 0), pad_edge=False, show_edge=False,
        title_justify="left", caption_justify="left",
    )  # fmt: skip
    table.add_column("")
    for head, *_ in columns:
        table.add_column(head, justify="right", no_wrap=True, vertical="top")
    for index, name in enumerate(names):
        table.add_row(name, *(cells[index + 1] for cells in columns))
    return table


def _cell(row: RowResult, metric: Metric) -> str:
    if metric.key not in row.metrics:
        return ""
    difference = row.differences.get(metric.key)
    mark = "*" if difference and difference.excludes_zero else " "
    return f"{row.metrics[metric.key].value:.{metric.decimals}f}{mark}"
