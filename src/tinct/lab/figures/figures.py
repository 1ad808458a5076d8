"""The paper's figures for any models and pictures: grid, losses, training curves.

Each ``draw_...`` returns a matplotlib figure, and :func:`render` turns it into files whose bytes
depend on nothing but what is drawn and the version of matplotlib.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Literal

import matplotlib as mpl
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from matplotlib.ticker import EngFormatter

from tinct.lab.figures.curves import Curve
from tinct.photographs.pixels import shrink

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

    from tinct.lab.figures.pictures import ComparedPicture

DPI = 150
CELL = 1.55  # side of a picture in the grid, in inches
CELL_PIXELS = 480  # longer side of a picture in the grid at most: twice what its PNG shows
THUMBNAIL = 72  # longer side of the pictures under the bars, in pixels
SHORT_NAME = 20  # letters of a picture's name that a figure has room for

# Okabe and Ito's colors, told apart by color-blind readers too; gray stands for the row `gray`.
PALETTE = ("#CC79A7", "#0072B2", "#E69F00", "#009E73", "#D55E00", "#56B4E9", "#F0E442")
HATCHES = ("", "///", "...", "xxx")  # one more each time the colors are used up
GRAY = "#999999"

PLAIN_TEXT: dict[Any, Any] = {
    "text.parse_math": False
}  # a dollar sign in a file name is no formula


@dataclass(frozen=True, slots=True)
class Theme:
    """Colors of everything that carries no data."""

    paper: str
    ink: str
    faint: str  # lines of the grid


LIGHT = Theme("#ffffff", "#222222", "#dddddd")
DARK = Theme("#16181c", "#e6e6e6", "#3a3d44")


def render(figure: Figure, file_format: Literal["png", "svg"]) -> bytes:
    """Turn a figure into a file, the same bytes every time."""
    stream = io.BytesIO()
    # No date, and names inside the SVG from a fixed salt instead of a random one.
    metadata = {"Date": None} if file_format == "svg" else {"Software": None}
    with mpl.rc_context({"svg.hashsalt": "tinct", **PLAIN_TEXT}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph")  # a file name in letters that the font lacks
        figure.savefig(stream, format=file_format, dpi=DPI, metadata=metadata)
    return stream.getvalue()


@mpl.rc_context(PLAIN_TEXT)
def draw_grid(
    pictures: Sequence[ComparedPicture], names: Sequence[str], theme: Theme = LIGHT
) -> Figure:
    """Draw one line a picture: every row's answer and, at the end, the truth.

    Args:
        pictures: At least one.
        names: Of the rows, in the order of the pictures' answers.
        theme: Colors around the pictures.
    """
    has_truth = any(picture.truth is not None for picture in pictures)
    heads = [*names, *(["truth"] if has_truth else [])]
    shapes = [picture.answers[0].shape for picture in pictures]
    ratios = [height / width for height, width, _ in shapes]
    figure = new_figure(CELL * len(heads) + 0.4, CELL * sum(ratios) + 0.5, theme)
    grid = figure.subplots(
        len(pictures), len(heads), squeeze=False, gridspec_kw={"height_ratios": ratios}
    )
    for picture, ratio, line in zip(pictures, ratios, grid, strict=True):
        for axes, rgb in zip(line, [*picture.answers, picture.truth], strict=False):
            axes.set_box_aspect(ratio)
            _show(axes, rgb, theme)
        line[0].set_ylabel(shorten(picture.name), fontsize=7, color=theme.ink)
    for axes, head in zip(grid[0], heads, strict=True):
        axes.set_title(_wrap(head), fontsize=9, color=theme.ink)
    return figure


@mpl.rc_context(PLAIN_TEXT)
def draw_losses(
    pictures: Sequence[ComparedPicture], names: Sequence[str], theme: Theme = LIGHT
) -> Figure:
    """Draw the paper's loss of every row for each picture that has a truth, as bars.

    Args:
        pictures: At least one has a truth.
        names: Of the rows, in the order of the pictures' answers.
        theme: Colors around the bars.
    """
    compared = [picture for picture in pictures if picture.truth is not None]
    losses = np.array([picture.losses for picture in compared])  # (pictures, rows)
    figure = new_figure(max(5.0, 1.2 + 1.1 * len(compared)), 4.2, theme)
    axes = figure.subplots()
    places, width = np.arange(len(compared)), 0.8 / len(names)
    for index, name in enumerate(names):
        color, hatch = _style_of_row(index, names)
        axes.bar(
            places + (index - (len(names) - 1) / 2) * width,
            losses[:, index],
            width,
            label=f"{name} (mean {losses[:, index].mean():.4f})",
            color=color,
            hatch=hatch,
            edgecolor=theme.paper,
        )
    finish_axes(axes, theme, "loss: mean of (Δab / 127.5)²")
    axes.set_xticks(places, [shorten(picture.name) for picture in compared], fontsize=7)
    axes.tick_params(axis="x", length=0, pad=50, rotation=20 if len(compared) > 1 else 0)
    axes.set_xlim(-0.6, len(compared) - 0.4)
    axes.set_ylim(bottom=0)
    for place, picture in enumerate(compared):
        _add_thumbnail(axes, place, picture)
    add_legend(figure, axes, theme, columns=min(len(names), max(2, len(compared) // 2)))
    return figure


@mpl.rc_context(PLAIN_TEXT)
def draw_curves(curves: Sequence[Curve], theme: Theme = LIGHT) -> Figure:
    """Draw training curves, one plot a run: losses of different runs are often different ones.

    Args:
        curves: At least one; those of a run stand together.
        theme: Colors around the lines.
    """
    runs = [(run, list(lines)) for run, lines in groupby(curves, key=lambda curve: curve.run)]
    figure = new_figure(max(5.0, 4.4 * len(runs)), 3.6, theme)
    for axes, (run, lines) in zip(
        figure.subplots(1, len(runs), squeeze=False)[0], runs, strict=True
    ):
        by_end = sorted(lines, key=lambda curve: curve.losses[-1])
        for rank, curve in enumerate(by_end):
            color = PALETTE[(lines.index(curve) + 1) % len(PALETTE)]
            axes.plot(curve.steps, curve.losses, ".-", color=color, markersize=4, linewidth=1.2)
            # The name stands at the end of its line, apart from those of lines that end near it.
            place, offset = (curve.steps[-1], curve.losses[-1]), 11 * rank - 5.5 * len(lines) + 1
            axes.annotate(curve.label, place, (6, offset), textcoords="offset points", color=color)
        axes.set_title(run, fontsize=10, color=theme.ink)
        axes.set_xlabel("step", color=theme.ink)
        axes.margins(x=0.12, y=0.12)
        axes.xaxis.get_major_locator().set_params(integer=True)
        finish_axes(axes, theme, "loss")
    return figure


@mpl.rc_context(PLAIN_TEXT)
def draw_beside(curves: Sequence[Curve], theme: Theme = LIGHT) -> Figure:
    """Draw training curves of one and the same loss on the same axes.

    Args:
        curves: At least one, over the photographs seen; each run has a color, and what is not a
            test is dashed.
        theme: Colors around the lines.
    """
    runs = list(dict.fromkeys(curve.run for curve in curves))
    figure = new_figure(6.4, 4.0, theme)
    axes = figure.subplots()
    for curve in curves:
        color = PALETTE[(runs.index(curve.run) + 1) % len(PALETTE)]
        style, label = ".-" if curve.label == "test" else ".--", f"{curve.run}, {curve.label}"
        axes.plot(curve.steps, curve.losses, style, color=color, label=label, markersize=4)
    # Runs differ in length by powers of ten, and some curves begin before the first photograph.
    first = min((step for curve in curves for step in curve.steps if step > 0), default=1)
    axes.set_xscale("symlog", linthresh=first, linscale=0.3)
    axes.set_xlim(left=0)
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    axes.set_xlabel("photographs seen", color=theme.ink)
    finish_axes(axes, theme, "loss")
    add_legend(figure, axes, theme, columns=min(len(curves), 4))
    return figure


def shorten(name: str, length: int = SHORT_NAME) -> str:
    """Leave out suffix and middle of a file's name, which tell photographs apart least."""
    name = PurePath(name).stem or name
    return name if len(name) <= length else f"{name[: length // 2 - 1]}…{name[-(length // 2) :]}"


def new_figure(width: float, height: float, theme: Theme) -> Figure:
    """Return an empty figure of so many inches."""
    figure = Figure(figsize=(width, height), layout="constrained", facecolor=theme.paper)
    FigureCanvasAgg(figure)
    return figure


def _show(axes: Axes, rgb: NDArray[np.uint8] | None, theme: Theme) -> None:
    axes.set_xticks([])
    axes.set_yticks([])
    axes.set_facecolor(theme.paper)
    for spine in axes.spines.values():
        spine.set_visible(False)
    if rgb is None:
        axes.text(0.5, 0.5, "no truth", ha="center", va="center", color=theme.ink, fontsize=8)
    else:
        axes.imshow(shrink(rgb, CELL_PIXELS), interpolation="none")


def _style_of_row(index: int, names: Sequence[str]) -> tuple[str, str]:
    if names[index] == "gray":
        return GRAY, ""
    place = index - int("gray" in names[:index])
    return PALETTE[place % len(PALETTE)], HATCHES[place // len(PALETTE) % len(HATCHES)]


def finish_axes(axes: Axes, theme: Theme, ylabel: str) -> None:
    """Give axes the colors of a theme, a name, and lines across."""
    axes.set_ylabel(ylabel, color=theme.ink)
    axes.set_facecolor(theme.paper)
    axes.tick_params(colors=theme.ink, labelsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(theme.ink)
    axes.grid(axis="y", color=theme.faint, linewidth=0.7)
    axes.set_axisbelow(True)


def _add_thumbnail(axes: Axes, place: int, picture: ComparedPicture) -> None:
    assert picture.truth is not None
    box = AnnotationBbox(
        OffsetImage(shrink(picture.truth, THUMBNAIL), zoom=0.6),
        (place, 0),
        xybox=(0, -26),
        xycoords=("data", "axes fraction"),
        boxcoords="offset points",
        frameon=False,
        annotation_clip=False,
    )
    axes.add_artist(box)


def add_legend(figure: Figure, axes: Axes, theme: Theme, columns: int) -> None:
    """Name above a figure what is drawn in one of its panels."""
    legend = figure.legend(
        *axes.get_legend_handles_labels(),
        loc="outside upper center",
        ncols=columns,
        frameon=False,
        fontsize=8,
    )
    for text in legend.get_texts():
        text.set_color(theme.ink)


def _wrap(text: str) -> str:
    return text.replace(", ", ",\n")
