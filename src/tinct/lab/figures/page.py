"""A comparison as one HTML file that needs nothing but a browser: no network, no other files.

The page forbids itself to load anything (Content-Security-Policy); its one script and one style
sheet are named in that policy by their hashes, so that not even a file name could smuggle one in.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import zip_longest
from typing import TYPE_CHECKING

import cv2
import numpy as np
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from tinct.lab.evaluate.result import COST_TITLES

if TYPE_CHECKING:
    from tinct.lab.evaluate.result import Report
    from tinct.lab.figures.pictures import ComparedPicture, Rgb
    from tinct.lab.metrics.bootstrap import Estimate
    from tinct.lab.metrics.score import Metric

JPEG_QUALITY = 92


@dataclass(frozen=True, slots=True)
class Chart:
    """A figure, drawn for light and for dark surroundings."""

    title: str
    caption: str
    light: bytes  # SVG
    dark: bytes  # SVG


@dataclass(frozen=True, slots=True)
class Content:
    """Everything on a page."""

    title: str
    summary: str
    names: Sequence[str]  # of the rows
    pictures: Sequence[ComparedPicture]
    report: Report | None  # None where no photograph has a truth
    charts: Sequence[Chart]
    listings: Mapping[str, str]  # title: text with its own line breaks
    method: Mapping[str, str]  # fact: text


@dataclass(frozen=True, slots=True)
class _Cell:
    """A number in the table of metrics."""

    value: str  # to sort by
    text: str
    interval: str = ""
    is_best: bool = False


def make_page(content: Content) -> bytes:
    """Lay out a comparison as an HTML page, UTF-8.

    Args:
        content: Its texts are shown as they are, whatever characters are in them.
    """
    style, script = _resource("page.css"), _resource("page.js")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    environment.filters["data_uri"] = _data_uri
    page = environment.from_string(_resource("page.html")).render(
        policy=Markup(_policy(style, script)),
        content=content,
        pictures=[_picture(picture, content.names) for picture in content.pictures],
        all_columns=max((_columns(content.names, p) for p in content.pictures), key=len),
        report=content.report and _table(content.report),
        style=style,
        script=script,
    )
    return page.encode("utf-8", errors="replace")


def _resource(name: str) -> str:
    return files(__package__).joinpath(name).read_text("utf-8")


def _policy(style: str, script: str) -> str:
    return (
        "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; "
        f"style-src '{_hash_source(style)}'; script-src '{_hash_source(script)}'"
    )


def _hash_source(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"sha256-{base64.b64encode(digest).decode()}"


def _data_uri(data: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def _columns(names: Sequence[str], picture: ComparedPicture) -> list[str]:
    return [*names, *(["truth"] if picture.truth is not None else [])]


def _picture(picture: ComparedPicture, names: Sequence[str]) -> dict[str, object]:
    """Gather what the page shows of a picture: each answer, then the truth if there is one."""
    shown = [*picture.answers, *([] if picture.truth is None else [picture.truth])]
    notes = [f"loss {loss:.4f}" for loss in picture.losses]
    images = [_data_uri(_to_jpeg(rgb), "jpeg") for rgb in shown]
    columns = _columns(names, picture)
    height, width = shown[0].shape[:2]
    return {
        "name": picture.name,
        "width": width,
        "height": height,
        "columns": columns,
        "shown": list(zip_longest(columns, images, notes, fillvalue="")),
        "has_truth": picture.truth is not None,
    }


def _to_jpeg(rgb: Rgb) -> bytes:
    """Encode for the page: JPEG with chroma at full size, which lossy WebP does not have."""
    # Not by Pillow, which fails on some pictures when it is to optimize them in memory.
    choices = {
        cv2.IMWRITE_JPEG_QUALITY: JPEG_QUALITY,
        cv2.IMWRITE_JPEG_OPTIMIZE: 1,
        cv2.IMWRITE_JPEG_SAMPLING_FACTOR: cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
    }
    bgr = np.ascontiguousarray(rgb[..., ::-1])
    _, data = cv2.imencode(".jpg", bgr, [number for pair in choices.items() for number in pair])
    return data.tobytes()


def _table(report: Report) -> dict[str, object]:
    """Gather the heads and rows of the table of metrics."""
    shown = report.columns()
    best = {metric.key: _best(metric, report) for metric in shown}
    heads = [{"title": title, "first": "ascending"} for title in COST_TITLES]
    heads += [
        {"title": m.title, "first": "ascending" if m.better == "lower" else "descending"}
        for m in shown
    ]
    rows = []
    for row in report.rows:
        # A row without a network sorts before all others.
        costs = (row.parameters, row.mmac)
        cells = [_Cell(f"{c or 0!r}", "" if c is None else f"{c:,.0f}") for c in costs]
        cells += [_cell(row.metrics[m.key], m.decimals, row.name in best[m.key]) for m in shown]
        rows.append({"name": row.name, "cells": cells})
    return {"heads": heads, "rows": rows}


def _best(metric: Metric, report: Report) -> set[str]:
    """Return the names of the rows that are best as shown; none where no end is better."""
    if metric.better is None:
        return set()
    shown = {row.name: _sort_value(row.metrics[metric.key], metric) for row in report.rows}
    best = (max if metric.better == "higher" else min)(shown.values())
    return {name for name, value in shown.items() if value == best}


def _sort_value(estimate: Estimate, metric: Metric) -> float:
    value = round(estimate.value, metric.decimals)
    return abs(value) if metric.is_distance else value


def _cell(estimate: Estimate, decimals: int, is_best: bool) -> _Cell:
    interval = ""
    if estimate.low is not None and estimate.high is not None:
        interval = f"{estimate.low:.{decimals}f} to {estimate.high:.{decimals}f}"
    return _Cell(repr(estimate.value), f"{estimate.value:.{decimals}f}", interval, is_best)
