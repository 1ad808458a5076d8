"""Options that several commands share, each defined once."""

from __future__ import annotations

from typing import Annotated

import typer

Model = Annotated[str, typer.Option("--model", "-m", help="Name of a model, or a model file.")]
Vividness = Annotated[
    float | None,
    typer.Option(
        "--vividness", "-v", min=0, max=1, show_default="the model's own",
        help="0: careful colours, nearest to the truth on average; 1: full colours.",
    ),
]  # fmt: skip
Cautious = Annotated[
    float,
    typer.Option(min=0, max=1, help="Fade to gray where the network is unsure: 0 never, 1 most."),
]
Saturation = Annotated[
    float, typer.Option(min=0, max=4, help="Factor on the colours: 0 gray, 1 as they are.")
]
Device = Annotated[
    str, typer.Option(help="auto, cpu, cuda, tensorrt, openvino, coreml or directml.")
]
Threads = Annotated[
    int | None, typer.Option(min=1, show_default="all cores", help="Threads of the network.")
]
Jobs = Annotated[
    int | None,
    typer.Option(
        "--jobs", "-j", min=1, show_default="all cores, at most 4", help="Pictures in work at once."
    ),
]
Json = Annotated[
    str | None,
    typer.Option("--json", metavar="FILE", help="Write a report to a file, or - for stdout."),
]
