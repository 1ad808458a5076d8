"""``tinct export``: from a checkpoint to a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tinct.apps.console import say
from tinct.errors import MissingExtraError, OptionError


def export(
    checkpoint: Annotated[Path, typer.Argument(help="Checkpoint of tinct train (.safetensors).")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Model file to write.")] = Path(
        "model.onnx"
    ),
    default_vividness: Annotated[
        float, typer.Option(min=0, max=1, help="Vividness where the user names none.")
    ] = 0.5,
    temperature: Annotated[
        float, typer.Option(min=0.05, max=2, help="Of the annealed mean: lower is more decided.")
    ] = 0.6,
    prior_power: Annotated[
        float, typer.Option(min=0, max=1, help="How much of the prior vividness 1 takes away.")
    ] = 0.5,
    note: Annotated[
        list[str] | None, typer.Option(help="key=value for the provenance; repeatable.")
    ] = None,
) -> None:
    """Write the averaged network of a checkpoint as ONNX, proved equal to torch."""
    try:
        from tinct.networks.decode import DecodeConfig
        from tinct.train.export import export_model
    except ModuleNotFoundError as error:
        raise MissingExtraError("Exporting", "train") from error
    spec = export_model(
        checkpoint,
        output,
        decode=DecodeConfig(temperature=temperature, prior_power=prior_power),
        default_vividness=default_vividness,
        notes=_notes(note or []),
    )
    size = output.stat().st_size / 1e6
    facts = f"{spec.name}, {spec.parameters:,} parameters, {size:.2f} MB, equal to torch"
    say(f"{output}: {facts}")


def _notes(items: list[str]) -> dict[str, str]:
    for item in items:
        if not item.partition("=")[2]:
            raise OptionError(f"--note: {item!r} is not of the form key=value")
    return dict(item.split("=", 1) for item in items)
