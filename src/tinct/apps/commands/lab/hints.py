"""``tinct lab hints``: measure what hints are worth."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from tinct.apps.commands.arguments import (
    SOURCES_HELP,
    Limit,
    MeasuringJobs,
    Seed,
    check_output,
    split_arguments,
)
from tinct.apps.console import command_line, progress_bar
from tinct.errors import OptionError


def hints(
    models_and_data: Annotated[
        list[str],
        typer.Argument(
            metavar="MODEL... DATA",
            help=f"Models that take hints (base, nano, or files), then photographs: "
            f"{SOURCES_HELP}.",
        ),
    ],
    vividness: Annotated[
        float, typer.Option(min=0, max=1, help="Of the colors that nothing is said about.")
    ] = 0.0,
    limit: Limit = None,
    seed: Seed = None,
    jobs: MeasuringJobs = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Markdown file to write.")
    ] = None,
) -> int:
    """Measure PSNR over the number of hints, whether they hold, and where their colors end.

    The exit code is 1 if a photograph could not be read.
    """
    models, sources = split_arguments(models_and_data)
    if not models:
        raise OptionError("name a model before the photographs: base, nano, or a file")
    # Photographs are worked on side by side; torch's own threads would only get in their way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from tinct.apps.report import publish_markdown
    from tinct.lab.data.dataset import Photographs
    from tinct.lab.evaluate.hints import measure_hints

    photographs = Photographs(*sources, limit=limit, seed=seed)
    check_output(output, models, photographs.files)
    with progress_bar(photographs.total, "photographs") as advance:
        found = measure_hints(
            photographs,
            models,
            vividness=vividness,
            jobs=jobs,
            command=command_line(),
            on_progress=advance,
        )
    return publish_markdown(found.to_markdown(), found.broken, output)
