"""``tinct lab export``: from a checkpoint to a model file, and from that to other formats."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tinct.apps.console import print_message
from tinct.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from tinct.lab.exports.export import Target

_MOST_PHOTOGRAPHS = 64  # for calibration: more change nothing and take memory
_SIDE = 256


def export(
    checkpoint: Annotated[
        Path,
        typer.Argument(
            help="Checkpoint (.safetensors); or a model (base, nano, or a file .onnx), to be "
            "written again in another format or, if it is in fp32 as nano is, precision."
        ),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Model file to write; with --to the folder to make.",
            show_default="model.onnx; NAME-FORMAT",
        ),
    ] = None,
    to: Annotated[
        Literal["onnx", "openvino", "ncnn", "litert", "coreml"] | None,
        typer.Option(
            metavar="FORMAT",
            help="Of another runtime: onnx (without decoding), openvino, ncnn, litert or coreml. "
            "Needs a model, not a checkpoint, and the extra export.",
        ),
    ] = None,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="WIDTHxHEIGHT",
            help="Of pictures as the network sees them, for litert and coreml.",
            show_default="a square of the model's short side",
        ),
    ] = None,
    default_vividness: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="Vividness where the user names none.",
            show_default="as the model that was begun with, or 0.5",
        ),
    ] = None,
    temperature: Annotated[
        float | None,
        typer.Option(
            min=0.25,
            max=2,
            help="Of the annealed mean: lower is more decided.",
            show_default="likewise, or 0.6",
        ),
    ] = None,
    prior_power: Annotated[
        float | None,
        typer.Option(
            min=0,
            max=1,
            help="How much of the prior vividness 1 takes away.",
            show_default="likewise, or 0.5",
        ),
    ] = None,
    short_side: Annotated[
        int | None,
        typer.Option(
            min=32,
            max=4096,
            help="Of photographs as the network sees them, in pixels; films have a size of "
            "their own.",
            show_default="likewise, or 256",
        ),
    ] = None,
    note: Annotated[
        list[str] | None, typer.Option(help="key=value for the provenance; repeatable.")
    ] = None,
    precision: Annotated[
        Literal["fp32", "fp16", "fp16-weights", "int8"],
        typer.Option(
            help="Of the computation: fp16 for GPUs, int8 for processors; fp16-weights is fp32 in "
            "half the file."
        ),
    ] = "fp32",
    calibration: Annotated[
        list[str] | None,
        typer.Option(help="Photographs for int8: a folder or tar file; repeatable."),
    ] = None,
) -> None:
    """Write the averaged network of a checkpoint as ONNX, proved equal to torch.

    Of a run with hints, only their branch is written: it goes beside its model, NAME-hints.onnx.
    No model is made of a network that answers colors without a distribution, as the paper's does.
    With --to, a model and its branch for hints are written in the format of another runtime.
    """
    if to is not None or size is not None:
        unfit = {
            "default_vividness": default_vividness,
            "temperature": temperature,
            "prior_power": prior_power,
            "short_side": short_side,
            "note": note,
            "precision": None if precision == "fp32" else precision,
            "calibration": calibration,
        }
        _export_to(to, checkpoint, output, size, _given(unfit))
        return
    from tinct.runtime import model_names, model_path

    output = output or Path("model.onnx")
    is_model = checkpoint.suffix == ".onnx" or str(checkpoint) in model_names()
    if is_model and precision == "fp32":
        raise OptionError(f"{checkpoint}: a model; --precision or --to tells what to make of it")
    if precision == "int8" and not calibration:
        raise OptionError("--precision int8 needs photographs: --calibration FOLDER")
    if calibration and precision != "int8":
        raise OptionError("--calibration is for --precision int8")
    decode = _given({"temperature": temperature, "prior_power": prior_power})
    others = _given({"default_vividness": default_vividness, "short_side": short_side})
    notes = _notes(note or [])
    unused = [*decode, *others, *(["note"] if notes else [])]
    if is_model and unused:
        option = unused[0].replace("_", "-")
        raise OptionError(f"--{option} is for checkpoints; {checkpoint} keeps how it is read")
    if not is_model and _is_of_hints(checkpoint):
        if [*decode, *others, *(["precision"] if precision != "fp32" else [])]:
            raise OptionError(f"{checkpoint}: a branch for hints: only --note fits it")
        from tinct.lab.train.export_hints import export_hints

        branch = export_hints(checkpoint, output, notes)
        facts = f"hints of {branch.name}, {branch.parameters:,} parameters"
        print_message(f"{output}: {facts}, {output.stat().st_size / 1e6:.2f} MB, equal to torch")
        return
    from tinct.lab.train.export import export_model, reading_before
    from tinct.lab.train.precision import convert_model

    with tempfile.TemporaryDirectory(prefix="tinct-export-") as folder:
        whole = output if precision == "fp32" else Path(folder) / "fp32.onnx"
        if not is_model:
            before = reading_before(checkpoint)
            reading = replace(before, decode=replace(before.decode, **decode), **others)
            spec = export_model(checkpoint, whole, reading=reading, notes=notes)
        if precision != "fp32":
            source = model_path(str(checkpoint)) if is_model else whole
            spec = convert_model(source, output, precision, _lightness(calibration or []))
    facts = f"{spec.name}, {spec.parameters:,} parameters, {output.stat().st_size / 1e6:.2f} MB"
    print_message(f"{output}: {facts}, " + ("equal to torch" if precision == "fp32" else precision))


def _export_to(
    to: Target | None,
    model: Path,
    output: Path | None,
    size: str | None,
    others: dict[str, Any],
) -> None:
    if to is None:
        raise OptionError("--size goes with --to litert or --to coreml")
    if others:
        raise OptionError(f"--{next(iter(others)).replace('_', '-')} does not go with --to")
    if model.suffix == ".safetensors":
        raise OptionError(
            f"{model}: a checkpoint; make a model of it first: tinct lab export {model} -o "
            f"{model.stem}.onnx"
        )
    sides = None if size is None else re.fullmatch(r"(\d+)x(\d+)", size)
    if size is not None and sides is None:
        raise OptionError(f"--size {size}: not of the form WIDTHxHEIGHT, such as 352x256")
    from tinct.lab.exports.export import export_model_to

    folder = output or Path(f"{model.stem}-{to}")
    made = export_model_to(
        to, str(model), folder, (int(sides[1]), int(sides[2])) if sides else None
    )
    if made.difference is None:
        told = f"not run: {to} has no runtime here"
    else:
        told = f"at most {made.difference:.1g} from ONNX Runtime"
    names = ", ".join(path.name for path in made.files)
    print_message(f"{folder}: {names}; {told}")


def _is_of_hints(checkpoint: Path) -> bool:
    from tinct.lab.train.checkpoint import load_checkpoint

    return load_checkpoint(checkpoint).config.hints is not None


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Leave out what the user did not name."""
    return {key: value for key, value in options.items() if value is not None}


def _lightness(sources: list[str]) -> Iterator[NDArray[np.float32]]:
    """Yield L* (1, 1, 256, 256) of photographs, those that cannot be read left out."""
    if not sources:
        return
    from tinct.color import luma_to_lightness, rgb_to_luma
    from tinct.lab.data.dataset import Photographs, square

    for photograph in Photographs(*sources, limit=_MOST_PHOTOGRAPHS):
        rgb = square(photograph.rgb, _SIDE).astype("float32") / 255
        yield luma_to_lightness(rgb_to_luma(rgb)).astype("float32")[None, None]


def _notes(items: list[str]) -> dict[str, str]:
    for item in items:
        if not item.partition("=")[2]:
            raise OptionError(f"--note: {item!r} is not of the form key=value")
    return dict(item.split("=", 1) for item in items)
