"""Diagrams of encoder and decoder: a box for every layer, with the size of its answer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matplotlib.patches import FancyBboxPatch

from tinct.lab.figures.figures import LIGHT, Theme, new_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from tinct.lab.networks.layers import Layer

BOX_WIDTH, BOX_HEIGHT, ROW = 4.3, 0.3, 0.46  # inches
GAP = 0.9  # between the two columns, where the shortcuts pass


def draw_layers(name: str, layers: Sequence[Layer], theme: Theme = LIGHT) -> Figure:
    """Draw encoder and decoder: down on the left, up on the right, maps of a size side by side.

    Args:
        name: Of the network.
        layers: As ``trace_layers`` lists them; the first is the picture.
        theme: Colors of boxes and letters.
    """
    narrow = count_encoder(layers)
    heights = _place_layers(layers, narrow)
    total = max(heights) + 1
    figure = new_figure(2 * BOX_WIDTH + GAP + 0.7, ROW * total + 0.8, theme)
    figure.set_layout_engine("none")  # all places are in inches already
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_xlim(-0.35, 2 * BOX_WIDTH + GAP + 0.35)
    axes.set_ylim(-ROW * total + ROW - 0.3, 0.8)
    lefts = [0.0 if index < narrow else BOX_WIDTH + GAP for index in range(len(layers))]
    spots = [(left, -ROW * height) for left, height in zip(lefts, heights, strict=True)]
    for head, left in (("encoder", 0.0), ("decoder", BOX_WIDTH + GAP)):
        title = f"{name}: {head}"
        axes.text(left + BOX_WIDTH / 2, 0.5, title, ha="center", color=theme.ink, weight="bold")
    for index, layer in enumerate(layers):
        _draw_box(axes, spots[index], layer, theme.encoder if index < narrow else theme.decoder)
        for source in layer.sources:
            _draw_arrow(axes, spots, source, index, theme)
    for text in axes.texts:
        text.set_color(theme.ink)
    return figure


def count_encoder(layers: Sequence[Layer]) -> int:
    """Count the layers up to the last one with the smallest maps: those of the encoder."""
    smallest = min(layer.height for layer in layers)
    return max(index for index, layer in enumerate(layers) if layer.height == smallest) + 1


def _place_layers(layers: Sequence[Layer], narrow: int) -> list[int]:
    """Return the line of every layer, counted from the top; each size of map has a band of lines.

    The encoder fills a band from the top, the decoder, which goes up, from the bottom.
    """
    places = [0] * len(layers)
    top = 0
    for size in sorted({layer.height for layer in layers}, reverse=True):
        down = [index for index, layer in enumerate(layers[:narrow]) if layer.height == size]
        up = [i for i, layer in enumerate(layers) if i >= narrow and layer.height == size]
        lines = max(len(down), len(up))
        for line, index in enumerate(down):
            places[index] = top + line
        for line, index in enumerate(up):
            places[index] = top + lines - 1 - line
        top += lines
    return places


def _draw_box(axes: Axes, spot: tuple[float, float], layer: Layer, color: str) -> None:
    left, middle = spot
    box = FancyBboxPatch(
        (left, middle - BOX_HEIGHT / 2),
        BOX_WIDTH,
        BOX_HEIGHT,
        boxstyle="round,pad=0,rounding_size=0.05",
        facecolor=color,
        edgecolor="none",
    )
    axes.add_patch(box)
    axes.text(left + 0.1, middle, layer.text, va="center", fontsize=8)
    shape = f"{layer.height}x{layer.width}x{layer.channels}"
    axes.text(left + BOX_WIDTH - 0.1, middle, shape, va="center", ha="right", fontsize=8)


def _draw_arrow(
    axes: Axes, spots: list[tuple[float, float]], source: int, target: int, theme: Theme
) -> None:
    """Join two layers: straight within a column, across the gap, or around boxes between them."""
    (x0, y0), (x1, y1) = spots[source], spots[target]
    style = {"arrowstyle": "-|>", "color": theme.ink, "linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
    if x0 != x1:
        start, end = (x0 + BOX_WIDTH, y0), (x1, y1)
    elif not any(x == x0 and min(y0, y1) < y < max(y0, y1) for x, y in spots):
        side = -BOX_HEIGHT / 2 if y1 < y0 else BOX_HEIGHT / 2
        start, end = (x0 + BOX_WIDTH / 2, y0 + side), (x1 + BOX_WIDTH / 2, y1 - side)
    else:  # around the boxes between, on the outer side
        outside = x0 if x0 == 0 else x0 + BOX_WIDTH
        lane = outside + (-0.2 if x0 == 0 else 0.2)
        axes.plot([outside, lane, lane], [y0, y0, y1], color=theme.ink, linewidth=0.8)
        start, end = (lane, y1), (outside, y1)
    axes.annotate("", end, start, arrowprops=style)
