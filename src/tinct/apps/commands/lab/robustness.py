"""``tinct lab robustness``: measure colors on worn gray material."""

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
from tinct.errors import OptionError


def robustness(
    specs_and_data: Annotated[
        list[str],
        typer.Argument(
            metavar="[SPEC]... DATA",
            help=f"{SPECS_HELP}, then color photographs: {SOURCES_HELP}.",
        ),
    ],
    degrade: Annotated[
        str,
        typer.Option(
            metavar="NAME,...",
            help="all, or some of orthochromatic, blue-sensitive, blur, grain, scratches, dust, "
            "low-contrast, fading, jpeg, sepia, worn.",
        ),
    ] = "all",
    vividness: Vividnesses = "default",
    limit: Limit = 200,
    seed: Seed = None,
    jobs: MeasuringJobs = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Markdown file to write.")
    ] = None,
) -> int:
    """Degrade photographs as time and scanners do, color them, and compare with clean ones.

    A folder of colored pictures cannot be a row: they were made of the clean ones. The exit code
    is 1 if a photograph could not be read.
    """
    specs, sources = split_arguments(specs_and_data)
    # Photographs are worked on side by side; torch's own threads would only get in their way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from tinct.apps.report import publish_markdown
    from tinct.lab.data.dataset import Photographs
    from tinct.lab.data.degrade import choose
    from tinct.lab.evaluate.robustness import measure_robustness
    from tinct.lab.evaluate.rows import make_rows
    from tinct.runtime import model_names

    for spec in specs:  # a folder would stand there as if wear did nothing to it
        if Path(spec).is_dir() and spec not in model_names():
            raise OptionError(f"{spec}: a folder: its program has not seen the degraded pictures")
    photographs = Photographs(*sources, limit=limit, seed=seed)
    check_output(output, specs, photographs.files)
    wanted = choose(degrade)
    rows = make_rows(specs, parse_vividness(vividness))
    with progress_bar(photographs.total, "photographs") as advance:
        found = measure_robustness(
            photographs, rows, wanted, jobs=jobs, command=command_line(), on_progress=advance
        )
    return publish_markdown(found.to_markdown(), found.broken, output)
