"""Quality against cost: what a network's multiplications buy."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import TYPE_CHECKING

from tinct.errors import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SHOWN = (("psnr_rgb", "PSNR, dB"), ("auc_rebalanced", "rebalanced AuC, %"), ("lpips", "LPIPS"))
LABEL_GAP = 0.035  # between labels, of the height of a panel


@dataclass(frozen=True, slots=True)
class Point:
    """A row of an evaluation."""

    name: str
    mmac: float | None  # at 256x256; None for rows without a network
    metrics: dict[str, float]


def read_points(path: Path) -> list[Point]:
    """Read the rows of a JSON file that ``tinct lab evaluate`` wrote.

    Raises:
        InputError: The file cannot be read, or is something else.
    """
    try:
        rows = json.loads(path.read_text(encoding="utf-8"))["rows"]
        return [
            Point(
                row["name"],
                None if row["mmac"] is None else float(row["mmac"]),
                {key: float(estimate["value"]) for key, estimate in row["metrics"].items()},
            )
            for row in rows
        ]
    except OSError as error:
        raise InputError(f"{path}: {error.strerror or error}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: not an evaluation with costs (tinct lab evaluate)") from error


def draw_quality(points: Sequence[Point]) -> list[tuple[str, bytes]]:
    """Draw metrics over the logarithm of the multiplications; return PNG and SVG by suffix.

    Rows without a network are lines across; those of the same network stand above each other, each
    with its vividness beside it.

    Raises:
        InputError: No row has a cost.
    """
    from tinct.lab.figures.figures import LIGHT, add_legend, new_figure, render

    if not any(point.mmac for point in points):
        raise InputError("no row of the evaluation tells what its network costs")
    shown = [(key, title) for key, title in SHOWN if all(key in p.metrics for p in points)]
    figure = new_figure(4.2 * len(shown), 4.2, LIGHT)
    panels = figure.subplots(1, len(shown), squeeze=False)[0]
    for axes, (key, title) in zip(panels, shown, strict=True):
        _draw_panel(axes, points, key)
        axes.set_ylabel(title)
    add_legend(figure, panels[0], LIGHT, columns=4)
    return [("png", render(figure, "png")), ("svg", render(figure, "svg"))]


def _draw_panel(axes: Axes, points: Sequence[Point], key: str) -> None:
    from tinct.lab.figures.figures import GRAY, LIGHT, PALETTE

    dots: dict[str, list[tuple[float, float]]] = {}  # of each network
    for point in points:
        if point.mmac is not None:
            dots.setdefault(_reading(point)[0], []).append((point.mmac, point.metrics[key]))
    for (network, own), color in zip(dots.items(), cycle(PALETTE), strict=False):
        axes.plot(*zip(*own, strict=True), "o", color=color, label=network)
    values = [point.metrics[key] for point in points]
    gap = (max(values) - min(values)) * LABEL_GAP
    heights: dict[float | None, float] = {}  # of the last label over each cost
    for point in sorted(points, key=lambda point: point.metrics[key]):
        value, label = point.metrics[key], point.name
        height = max(value, heights.get(point.mmac, -math.inf) + gap)
        heights[point.mmac] = height
        if point.mmac is None:
            axes.axhline(value, color=GRAY, linestyle="--", linewidth=1)
            place, align, across = (0.99, height), "right", axes.get_yaxis_transform()
        else:
            label = _reading(point)[1]
            place, align, across = (point.mmac * 1.25, height), "left", axes.transData
        text = axes.text(*place, label, ha=align, va="bottom", fontsize=7, transform=across)
        text.set_color(LIGHT.ink)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    axes.set_xlabel("million multiplications at 256x256")
    costs = [cost for own in dots.values() for cost, _ in own]
    axes.set_xlim(min(costs) / 3, max(costs) * 10)
    axes.grid(color=LIGHT.faint, linewidth=0.7)


def _reading(point: Point) -> tuple[str, str]:
    """Return a row's network, and the vividness it is read at, if it has one."""
    network, _, vividness = point.name.partition(", vividness ")
    return network, vividness
