"""``tinct lab average``: a model between two others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinct.apps.commands.arguments import check_output
from tinct.apps.console import print_message


def average(
    one: Annotated[str, typer.Argument(help="Model file, or model in the package.")],
    other: Annotated[
        str, typer.Argument(help="The same: where training of the first one began, or went on.")
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="Model file to write.")] = Path(
        "model.onnx"
    ),
    share: Annotated[float, typer.Option(min=0, max=1, help="Of the second one's weights.")] = 0.5,
) -> None:
    """Average the weights of two models, the second trained on from the first or the other way.

    Often better than both. Colors are read as in the first one; `tinct lab calibrate` comes next.
    """
    from tinct.files import write_atomically
    from tinct.lab.train.average import average_models
    from tinct.lab.train.export import checked_onnx

    check_output(output, (one, other), ())
    model, spec = average_models(one, other, share)
    write_atomically(checked_onnx(model, spec, str(output)), output, overwrite=True)
    print_message(f"{output}: {1 - share:g} of {one}, {share:g} of {other}; equal to torch")
