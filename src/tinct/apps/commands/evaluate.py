"""``tinct evaluate``: measure how good the colours of models are."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinct.apps.console import progress_bar, warn
from tinct.errors import OptionError, OutputError

if TYPE_CHECKING:
    from tinct.evaluate.protocol import Protocol
    from tinct.evaluate.report import Report
    from tinct.evaluate.rows import Row

DEFAULT = "default"


def evaluate(
    models_and_data: Annotated[
        list[str],
        typer.Argument(
            metavar="[MODEL]... DATA",
            help="Models (shipped ones by name, others by their ONNX file), then a folder or tar "
            "shard of colour photographs.",
        ),
    ],
    paper: Annotated[
        Path | None, typer.Option(help="Weights of the paper's network (.npz), for a row of it.")
    ] = None,
    vividness: Annotated[
        str, typer.Option(help="One row a model for each of these: numbers 0..1, or 'default'.")
    ] = "0,default,1",
    protocol: Annotated[
        str,
        typer.Option(
            help="'lab' as in papers, at 256x256; 'product' through the whole program at full size."
        ),
    ] = "lab",
    lpips: Annotated[bool, typer.Option("--lpips", help="Compute LPIPS as well.")] = False,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Stop after this many photographs.")
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(min=1, help="Photographs worked on at a time; default: all cores.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder for the report (JSON, Markdown).")
    ] = None,
) -> None:
    """Compare models with the truth, beside grey, the mean colour and the paper's network."""
    *models, data = models_and_data
    chosen = _choose_protocol(protocol)
    # Photographs are worked on side by side; torch's own threads would only get in their way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from tinct.evaluate.dataset import Photographs
    from tinct.evaluate.protocol import evaluate as run

    photographs = Photographs(data, limit=limit)
    rows = _make_rows(models, parse_vividness(vividness), paper)
    with progress_bar(len(photographs), "photographs") as advance:

        def on_progress(done: int) -> None:
            for _ in range(done):
                advance()

        report = run(
            photographs,
            rows,
            protocol=chosen,
            lpips=lpips,
            jobs=jobs,
            command=shlex.join(["tinct", *sys.argv[1:]]),
            on_progress=on_progress,
        )
    for reason in report.broken:
        warn(reason)
    if output:
        _write(report, output)
    typer.echo(report.to_markdown())


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


def _choose_protocol(text: str) -> Protocol:
    match text:
        case "lab" | "product":
            return text
        case _:
            raise OptionError(f"--protocol is 'lab' or 'product', not {text!r}")


def _make_rows(models: list[str], vividness: list[float | None], paper: Path | None) -> list[Row]:
    from tinct.evaluate.rows import gray_row, mean_row, model_rows, paper_row
    from tinct.evaluate.statistics import shipped_statistics

    rows = [gray_row(), mean_row(shipped_statistics())]
    if paper:
        rows.append(paper_row(paper))
    for model in models:
        rows += model_rows(model, vividness)
    return rows


def _write(report: Report, folder: Path) -> None:
    from tinct.media.files import write_atomically

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"{folder}: {error.strerror or error}") from error
    for suffix, text in (("json", report.to_json()), ("md", report.to_markdown())):
        path = folder / f"evaluation-{report.protocol}.{suffix}"
        write_atomically(text.encode(), path, overwrite=True)
