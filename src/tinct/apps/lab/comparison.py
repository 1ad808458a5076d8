"""``tinct lab compare``: the paper's figures and a report, for any models and pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from tinct.apps.console import command_line, print_message, print_warning, progress_bar
from tinct.errors import InputError, ModelError
from tinct.files import make_folder, write_atomically
from tinct.lab.data.dataset import Photographs
from tinct.lab.evaluate.protocol import evaluate, has_color
from tinct.lab.evaluate.result import (
    FITS,
    METHODS,
    METRIC_NOTES,
    Fit,
    describe_machine,
    installed_versions,
)
from tinct.lab.evaluate.rows import Row, make_rows
from tinct.lab.figures.curves import Curve, read_curves
from tinct.lab.figures.figures import (
    DARK,
    LIGHT,
    Theme,
    draw_curves,
    draw_grid,
    draw_losses,
    render,
)
from tinct.lab.figures.page import Chart, Content, make_page
from tinct.lab.figures.pictures import ComparedPicture, color_all
from tinct.lab.metrics.score import Protocol
from tinct.lab.networks import NETWORKS, build
from tinct.runtime import Session

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tinct.lab.evaluate.result import Report

PAGE = "report.html"


@dataclass(frozen=True, slots=True)
class Comparison:
    """What to compare, and how."""

    specs: Sequence[str]  # rows, as ``make_rows`` takes them
    sources: Sequence[str]  # of photographs
    vividness: Sequence[float | None] = (None,)
    protocol: Protocol = "product"
    fit: Fit = "crop"
    num_pictures: int = 8  # that are shown; the numbers are over all of them
    limit: int | None = None
    seed: int | None = None
    lpips: bool = False
    curves: Sequence[tuple[str, Path]] = ()  # name of a run, and its file


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure that can be drawn in any theme."""

    title: str
    caption: str
    draw: Callable[[Theme], Figure]


def compare(wanted: Comparison, folder: Path) -> int:
    """Compare, and write everything into a folder when all of it is there.

    Args:
        wanted: What to compare.
        folder: Made if it is not there; files of the same names are replaced.

    Returns:
        The exit code: 1 if a photograph could not be read.

    Raises:
        TinctError: What was asked for cannot be done; no file was written.
    """
    make_folder(folder)
    curves = [curve for run, path in wanted.curves for curve in read_curves(run, path)]
    rows = make_rows(wanted.specs, wanted.vividness, wanted.fit)
    photographs = Photographs(*wanted.sources, limit=wanted.limit, seed=wanted.seed)
    pictures = [
        color_all(photograph, rows, wanted.protocol, wanted.fit)
        for photograph in islice(photographs, wanted.num_pictures)
    ]
    if not pictures:
        raise InputError("; ".join([f"{photographs.source}: no photograph", *photographs.broken]))
    report = _measure(photographs, rows, wanted)
    names = [row.name for row in rows]
    listings = _list_parameters(wanted.specs, names)
    drawings = _draw_pictures(pictures, names) | _draw_curves(curves)
    content = Content(
        title="Gray photographs, colored and compared",
        summary=_summarize(pictures, photographs, report),
        names=names,
        pictures=pictures,
        report=report,
        charts=[_to_chart(drawing) for name, drawing in drawings.items() if name != "grid"],
        listings=listings,
        method=_method(wanted, photographs, report),
    )
    page = make_page(content)
    _write(folder, _to_files(drawings) | _to_tables(listings, report) | {PAGE: page})
    return _close(folder, photographs)


def _measure(photographs: Photographs, rows: Sequence[Row], wanted: Comparison) -> Report | None:
    """Evaluate on all photographs; None if every one of them is gray itself."""
    if not any(has_color(photograph.rgb, wanted.fit) for photograph in photographs):
        return None
    with progress_bar(photographs.total, "photographs") as advance:
        return evaluate(
            photographs,
            rows,
            protocol=wanted.protocol,
            fit=wanted.fit,
            lpips=wanted.lpips,
            command=command_line(),
            on_progress=advance,
        )


def _draw_pictures(pictures: Sequence[ComparedPicture], names: Sequence[str]) -> dict[str, Drawing]:
    num_compared = sum(picture.truth is not None for picture in pictures)
    drawings = {"grid": Drawing("Grid", "", lambda theme: draw_grid(pictures, names, theme))}
    if num_compared:
        caption = (
            "Mean squared error of ab / 127.5 between the truth and each row's answer, the paper's "
            f"loss, for the {num_compared} of {len(pictures)} pictures shown that have a truth. "
            "Lower is nearer to the truth, which a vivid answer rarely is."
        )
        drawings["losses"] = Drawing(
            "Loss of each picture", caption, lambda theme: draw_losses(pictures, names, theme)
        )
    return drawings


def _draw_curves(curves: Sequence[Curve]) -> dict[str, Drawing]:
    if not curves:
        return {}
    caption = "Every run has axes of its own: the losses of different networks may not be the same."
    return {"curves": Drawing("Training", caption, lambda theme: draw_curves(curves, theme))}


def _list_parameters(specs: Sequence[str], names: Sequence[str]) -> dict[str, str]:
    """Count the parameters of the networks behind the rows."""
    candidates = [*names, *map(_network_of, specs)]  # rows of published weights have its name
    known = dict.fromkeys(name for name in candidates if name in NETWORKS)
    if not known:
        return {}
    from tinct.lab.networks.summary import summarize, to_table  # torch

    return {name: to_table(name, summarize(build(name))) for name in known}


def _network_of(spec: str) -> str:
    """Return the name of the network in a model file of tinct's; nothing for other rows."""
    try:
        return Session(spec, device="cpu", threads=1).spec.name
    except ModelError:
        return ""


def _summarize(
    pictures: Sequence[ComparedPicture], photographs: Photographs, report: Report | None
) -> str:
    gray = [picture.name for picture in pictures if picture.truth is None]
    parts = [f"{len(pictures)} pictures of {photographs.source}"]
    if gray:
        parts.append(f"gray themselves, so without a truth: {', '.join(gray)}")
    if report:
        parts.append(f"the metrics are over {report.num_photographs} photographs with a truth")
    if photographs.broken:
        parts.append(f"{len(photographs.broken)} could not be read")
    return "; ".join(parts) + "."


def _method(wanted: Comparison, photographs: Photographs, report: Report | None) -> dict[str, str]:
    """Say everything that is needed to make the page again."""
    versions = ", ".join(f"{name} {number}" for name, number in installed_versions().items())
    facts = {
        "Command": command_line(),
        "Protocol": _protocol(wanted).replace("`", ""),
        "Photographs": f"{photographs.source}, sha256 {photographs.sha256}",
        "Unreadable": "; ".join(photographs.broken) or "none",
    }
    if report:
        facts["Nearly gray, not measured"] = ", ".join(report.nearly_gray) or "none"
        facts["Metrics"] = METRIC_NOTES
        facts["Prior and mean colors"] = report.statistics
    return facts | {"Versions": versions, "Machine": describe_machine()}


def _protocol(wanted: Comparison) -> str:
    fit = f" {FITS[wanted.fit]}" if wanted.protocol == "lab" else ""
    return METHODS[wanted.protocol] + fit


def _to_chart(drawing: Drawing) -> Chart:
    light, dark = (render(drawing.draw(theme), "svg") for theme in (LIGHT, DARK))
    return Chart(drawing.title, drawing.caption, light, dark)


def _to_files(drawings: Mapping[str, Drawing]) -> dict[str, bytes]:
    return {
        f"{name}.{suffix}": render(drawing.draw(LIGHT), suffix)
        for name, drawing in drawings.items()
        for suffix in ("png", "svg")
    }


def _to_tables(listings: Mapping[str, str], report: Report | None) -> dict[str, bytes]:
    texts = {"parameters.txt": "\n\n".join(listings.values()) + "\n"} if listings else {}
    if report:
        texts[f"evaluation-{report.protocol}.json"] = report.to_json()
        texts[f"evaluation-{report.protocol}.md"] = report.to_markdown()
    return {name: text.encode(errors="replace") for name, text in texts.items()}


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    for name, data in files.items():
        write_atomically(data, folder / name, overwrite=True)


def _close(folder: Path, photographs: Photographs) -> int:
    for reason in photographs.broken:
        print_warning(reason)
    print_message(f"{folder / PAGE}: written, with its figures and tables beside it")
    return int(bool(photographs.broken))
