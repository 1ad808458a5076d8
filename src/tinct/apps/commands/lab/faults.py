"""``tinct lab faults``: count the faults of colors that people see first."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from tinct.apps.commands.arguments import (
    SOURCES_HELP,
    SPECS_HELP,
    Limit,
    MeasuringJobs,
    Seed,
    Vividnesses,
    check_output,
    split_arguments,
)
from tinct.apps.commands.lab.evaluate import parse_vividness
from tinct.apps.console import command_line, progress_bar


def faults(
    specs_and_data: Annotated[
        list[str],
        typer.Argument(
            metavar="[SPEC]... DATA",
            help=f"{SPECS_HELP}, then color photographs: {SOURCES_HELP}.",
        ),
    ],
    vividness: Vividnesses = "default",
    limit: Limit = None,
    seed: Seed = None,
    jobs: MeasuringJobs = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Markdown file to write.")
    ] = None,
) -> int:
    """Count gray skin, violet, green and patches on what is gray, and halos.

    The exit code is 1 if a photograph could not be read.
    """
    specs, sources = split_arguments(specs_and_data)
    # Photographs are worked on side by side; torch's own threads would only get in their way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from tinct.apps.report import publish_markdown
    from tinct.lab.data.dataset import Photographs
    from tinct.lab.evaluate.faults import count_faults
    from tinct.lab.evaluate.rows import make_rows

    photographs = Photographs(*sources, limit=limit, seed=seed)
    check_output(output, specs, photographs.files)
    rows = make_rows(specs, parse_vividness(vividness))
    with progress_bar(photographs.total, "photographs") as advance:
        found = count_faults(
            photographs, rows, jobs=jobs, command=command_line(), on_progress=advance
        )
    return publish_markdown(found.to_markdown(), found.broken, output)
