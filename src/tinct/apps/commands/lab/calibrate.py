"""``tinct lab calibrate``: choose how colors are read from a network, and how sure it is."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tinct.apps.commands.arguments import SOURCES_HELP, Limit, Lpips, Seed, check_output
from tinct.apps.console import command_line, print_message, print_warning, progress_bar
from tinct.errors import OptionError

if TYPE_CHECKING:
    from tinct.lab.calibration.fit import Choice, Targets
    from tinct.lab.calibration.views import Views
    from tinct.lab.networks.readout import ColorModel
    from tinct.spec import ModelSpec

_KEPT = ("fp32", "fp16-weights")


def calibrate(
    model: Annotated[
        str,
        typer.Argument(help="Checkpoint (.safetensors), model in the package, or model file."),
    ],
    photographs: Annotated[
        list[str],
        typer.Argument(help=f"Color photographs, not those it will be tested on: {SOURCES_HELP}."),
    ],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="Model file to write; left out, the model is only measured."
        ),
    ] = None,
    default_share: Annotated[
        float, typer.Option(min=0, max=2, help="Colorfulness by default, of the truth's.")
    ] = 0.75,
    vivid_share: Annotated[
        float, typer.Option(min=0, max=2, help="Colorfulness at vividness 1, of the truth's.")
    ] = 1.0,
    vivid_gain: Annotated[
        float,
        typer.Option(
            min=-10,
            max=10,
            help="PSNR at vividness 1, dB above gray, at least; comes before its colorfulness.",
        ),
    ] = 0.0,
    temperature: Annotated[
        float | None,
        typer.Option(
            min=0.2,
            max=2,
            help="Of the mean that is read: below 1 likelier colors count more.",
            show_default="that of the model",
        ),
    ] = None,
    precision: Annotated[
        Literal["fp32", "fp16-weights"] | None,
        typer.Option(
            help="Of the file: fp16-weights is half as large, computed in 32 bits all the same.",
            show_default="that of the model; fp32 for a checkpoint",
        ),
    ] = None,
    limit: Limit = 200,
    seed: Seed = None,
    lpips: Lpips = False,
    report: Annotated[
        Path | None, typer.Option(help="Folder for a report, with plots of how sure colors are.")
    ] = None,
) -> int:
    """Make vividness even from the most faithful to vivid colors, and confidence a probability.

    Power of the prior, gain of chroma and default vividness are chosen on the photographs;
    temperature and weights stay as they are. The exit code is 1 if a photograph could not be read.
    """
    # Photographs are worked on side by side; torch's own threads would only get in their way.
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    from tinct.files import make_folder
    from tinct.lab.calibration.fit import Choice, Targets
    from tinct.lab.calibration.views import Views
    from tinct.lab.data.dataset import Photographs
    from tinct.lab.train.export import open_model

    colors, spec = open_model(model)
    stored = precision or _stored(spec, model)
    source = Photographs(*photographs, limit=limit, seed=seed)
    check_output(output, [model], source.files)
    if report:
        make_folder(report)
    with progress_bar(source.total, "photographs") as advance:
        views = Views(colors.network, source, advance)
    decode = replace(colors.config, temperature=temperature or colors.config.temperature)
    choice = Choice(decode, spec.default_vividness)
    if output:
        choice = _choose(views, Targets(default_share, vivid_share, vivid_gain), choice)
        _write(output, colors, _describe(spec, views, choice), choice, stored)
    _report(views, choice, model, lpips, report)
    for reason in views.broken:
        print_warning(reason)
    return int(bool(views.broken))


def _stored(spec: ModelSpec, model: str) -> Literal["fp32", "fp16-weights"]:
    found: Literal["fp32", "fp16-weights"] = spec.provenance.get("precision", "fp32")
    if found not in _KEPT:
        raise OptionError(f"{model}: in {found}; calibrate it in 32 bits, then tinct lab export")
    return found


def _choose(views: Views, targets: Targets, before: Choice) -> Choice:
    from tinct.lab.calibration.fit import calibrate

    return calibrate(views, targets, before.decode)


def _describe(spec: ModelSpec, views: Views, choice: Choice) -> ModelSpec:
    from tinct.lab.train.export import with_decoding

    facts = {"photographs": len(views.seen), "sha256": views.sha256[:16]}
    notes: dict[str, Any] = {"calibration": facts}
    return with_decoding(spec, choice.decode, choice.default_vividness, notes)


def _write(
    output: Path, colors: ColorModel, spec: ModelSpec, choice: Choice, precision: str
) -> None:
    from tinct.files import write_atomically
    from tinct.lab.networks.readout import ColorModel
    from tinct.lab.train.export import checked_onnx
    from tinct.lab.train.precision import to_precision

    model = ColorModel(colors.network, choice.decode).eval()
    data = checked_onnx(model, spec, str(output))
    if precision == "fp16-weights":
        data = to_precision(data, "fp16-weights")
    write_atomically(data, output, overwrite=True)
    chosen = choice.decode
    print_message(
        f"{output}: temperature {chosen.temperature:g}, prior power {chosen.prior_power:g}, gain "
        f"{chosen.gain:g}, curve {chosen.vividness_curve:g}, default {choice.default_vividness:g}"
    )


def _report(views: Views, choice: Choice, model: str, lpips: bool, folder: Path | None) -> None:
    from tinct.files import write_atomically
    from tinct.lab.calibration.results import draw_calibration, make_report
    from tinct.lab.figures.figures import render

    name = Path(model).stem
    report = make_report(views, choice, name, lpips=lpips, command=command_line())
    text = report.to_markdown()
    typer.echo(text)
    if folder:
        figure = render(draw_calibration(report), "png")
        files = {f"calibration-{name}.md": text.encode(), f"calibration-{name}.png": figure}
        for file, data in files.items():
            write_atomically(data, folder / file, overwrite=True)
