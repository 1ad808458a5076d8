"""``tinct info``: what a network or a model file is, and what it costs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from tinct.errors import MissingExtraError, ModelError

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
) -> None:
    """Show the parameters and multiplications of a network, or what a model file says of itself."""
    from tinct.lab.networks import NETWORKS
    from tinct.runtime import model_names, model_path

    is_file = model not in NETWORKS or model in model_names()
    if is_file and not Path(model).is_file() and model not in model_names():
        raise ModelError(f"{model}: no such model file; networks are {', '.join(NETWORKS)}")
    texts = [_describe_file(model_path(model))] if is_file else []
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


def _describe_file(path: Path) -> str:
    from tinct.runtime import Session

    spec = Session(path, device="cpu", threads=1).spec
    facts = {
        "Model file": f"{path.name}, {path.stat().st_size / 1e6:.2f} MB",
        "Network": spec.name,
        "Trainable params": f"{spec.parameters:,}",
        "Working size": f"short side {spec.short_side}, multiples of {spec.multiple}",
        "Answer": f"ab and confidence at 1/{spec.stride} size",
        "Default vividness": f"{spec.default_vividness:g}",
    }
    told = {key: value for key, value in spec.provenance.items() if key != "prior"}  # long
    facts |= {key: _to_text(value) for key, value in sorted(told.items())}
    return "\n".join(f"{key + ':':<24}{value}" for key, value in facts.items())


def _to_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)
