"""``tinct info``: what a network or a model file is, and what it costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from tinct.errors import MissingExtraError, ModelError

if TYPE_CHECKING:
    from tinct.spec import ModelSpec

PAPER_NOTE = """\
The paper's Listing 1 ends with 298,302 parameters, 1,092 of them non-trainable: two more than its
own rows add up to. Keras counted something outside encoder and decoder, probably the two
accumulators of the loss it displays."""


def info(
    model: Annotated[
        str,
        typer.Argument(
            help="A network (nano, nano-regression, base, paper, paper-rgb, paper-skip, eccv16, "
            "eccv16-keras, siggraph17) or a model file of tinct's (.onnx)."
        ),
    ],
    provenance: Annotated[
        bool, typer.Option("--provenance", help="Print how a model file was made, as JSON.")
    ] = False,
) -> None:
    """Show the parameters and multiplications of a network, or what a model file says of itself."""
    from tinct.lab.networks import NETWORKS
    from tinct.runtime import model_names

    is_file = model not in NETWORKS or model in model_names()
    if is_file and not Path(model).is_file() and model not in model_names():
        raise ModelError(f"{model}: no such model file; networks are {', '.join(NETWORKS)}")
    if provenance:
        if not is_file:
            raise ModelError(f"{model}: a network, and --provenance is about model files")
        typer.echo(json.dumps(_spec_of(model).provenance, indent=2))
        return
    texts = [_describe_file(model)] if is_file else []
    if model in NETWORKS:
        try:
            texts.append(_describe_network(model))
        except ModuleNotFoundError as error:
            missing = MissingExtraError(f"The table of the layers of {model}", "lab")
            if not is_file:
                raise missing from error
            texts.append(f"{missing}.")
    texts += [PAPER_NOTE] if model == "paper" else []
    typer.echo("\n\n".join(texts))


def _describe_network(name: str) -> str:
    from tinct.lab.networks import build
    from tinct.lab.networks.summary import summarize, to_table

    return to_table(name, summarize(build(name)))


def _spec_of(model: str) -> ModelSpec:
    from tinct.runtime import Session

    return Session(model, device="cpu", threads=1).spec


def _describe_file(model: str) -> str:
    from tinct.runtime import model_path

    path, spec = model_path(model), _spec_of(model)
    facts = {
        "Model file": f"{path.name}, {path.stat().st_size / 1e6:.2f} MB",
        "Network": spec.name,
        "Trainable params": f"{spec.parameters:,}",
        "Working size": f"short side {spec.short_side}, multiples of {spec.multiple}",
        "Answer": f"ab and confidence at 1/{spec.stride} size",
        "Default vividness": f"{spec.default_vividness:g}",
    }
    simple = {
        key: value for key, value in spec.provenance.items() if isinstance(value, str | int | float)
    }
    facts |= {key: str(value) for key, value in sorted(simple.items())}
    if len(simple) < len(spec.provenance):
        facts["how it was made"] = f"tinct info {model} --provenance"
    return "\n".join(f"{key + ':':<24}{value}" for key, value in facts.items())
