"""A comparison as one HTML file that needs nothing but a browser: no network, no other files.

The page forbids itself to load anything (Content-Security-Policy); its one script and one style
sheet are named in that policy by their hashes, so that not even a file name could smuggle one in.
"""

from __future__ import annotations

import base64
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING

from PIL import Image

from tinct.lab.evaluate.result import COST_TITLES

if TYPE_CHECKING:
    from tinct.lab.evaluate.result import Report, RowResult
    from tinct.lab.figures.pictures import Picture, Rgb
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
    pictures: Sequence[Picture]
    report: Report | None  # None where no photograph has a truth
    charts: Sequence[Chart]
    listings: Mapping[str, str]  # title: text with its own line breaks
    method: Mapping[str, str]  # fact: text


def make_page(content: Content) -> bytes:
    """Lay out a comparison as an HTML page, UTF-8.

    Args:
        content: Its texts are shown as they are, whatever characters are in them.
    """
    sections = {"Pictures": _pictures(content)}
    if content.report:
        sections["Metrics"] = _table(content.report)
    if content.charts:
        sections["Figures"] = "".join(map(_chart, content.charts))
    if content.listings:
        sections["Parameters"] = "".join(
            f"<h3>{escape(title)}</h3><pre>{escape(text)}</pre>"
            for title, text in content.listings.items()
        )
    sections["Method"] = _method(content.method)
    style, script = _resource("page.css"), _resource("page.js")
    page = Template(_resource("page.html")).substitute(
        policy=_policy(style, script),
        title=escape(content.title),
        summary=escape(content.summary),
        links="".join(f'<a href="#{name.lower()}">{name}</a>' for name in sections),
        sections="".join(
            f'<section id="{name.lower()}"><h2>{name}</h2>{body}</section>'
            for name, body in sections.items()
        ),
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


# Pictures


def _pictures(content: Content) -> str:
    longest = max((_columns(content.names, picture) for picture in content.pictures), key=len)
    everywhere = f'<div class="choice everywhere" hidden>In all pictures: {_choices(longest)}</div>'
    articles = "".join(_picture(picture, content.names) for picture in content.pictures)
    return f'{everywhere}<div class="pictures">{articles}</div>'


def _columns(names: Sequence[str], picture: Picture) -> list[str]:
    return [*names, *(["truth"] if picture.truth is not None else [])]


def _picture(picture: Picture, names: Sequence[str]) -> str:
    columns = _columns(names, picture)
    shown = [*picture.answers, *([] if picture.truth is None else [picture.truth])]
    notes = [f"loss {loss:.4f}" for loss in picture.losses]
    notes += [""] * (len(columns) - len(notes))
    strip = "".join(
        _strip_item(picture.name, *item) for item in zip(columns, shown, notes, strict=True)
    )
    name = escape(picture.name)
    height, width = shown[0].shape[:2]
    size = f'width="{width}" height="{height}"'
    label = escape(f"Share of the left picture, {picture.name}")
    no_truth = "" if picture.losses else '<p class="note">Gray itself: there is no truth.</p>'
    return (
        f'<article class="picture"><h3>{name}</h3><div class="slider" hidden><div class="stage">'
        f'<img class="under" alt="" {size}><img class="over" alt="" {size}>'
        f'<span class="tag left"></span><span class="tag right"></span>'
        f'<input type="range" min="0" max="100" step="0.5" value="50" aria-label="{label}">'
        f'<span class="handle" aria-hidden="true"></span></div>'
        f'<div class="choice">{_choices(columns)}</div></div>'
        f'<ul class="strip">{strip}</ul>{no_truth}</article>'
    )


def _choices(columns: Sequence[str]) -> str:
    """Two selects; at first gray is on the left and the last row, not the truth, on the right."""
    last_row = len(columns) - (2 if columns[-1] == "truth" else 1)
    return _choice("left", columns, 0) + _choice("right", columns, last_row)


def _choice(side: str, columns: Sequence[str], chosen: int) -> str:
    options = "".join(
        f'<option value="{index}"{" selected" * (index == chosen)}>{escape(name)}</option>'
        for index, name in enumerate(columns)
    )
    return f'<label>{side} <select class="{side}">{options}</select></label>'


def _strip_item(name: str, column: str, rgb: Rgb, note: str) -> str:
    height, width = rgb.shape[:2]
    alt = escape(f"{name}: {column}")
    image = f'<img src="{_data_uri(_to_jpeg(rgb), "jpeg")}" alt="{alt}"'
    text = f"<span>{escape(column)}{'<br>' * bool(note)}{note}</span>"
    return f'<li>{image} width="{width}" height="{height}">{text}</li>'


def _to_jpeg(rgb: Rgb) -> bytes:
    """Encode for the page: JPEG with chroma at full size, which lossy WebP does not have."""
    stream = io.BytesIO()
    image = Image.fromarray(rgb)
    image.save(stream, "JPEG", quality=JPEG_QUALITY, subsampling="4:4:4", optimize=True)
    return stream.getvalue()


# Metrics


def _table(report: Report) -> str:
    shown = report.columns()
    heads = "".join(map(_head, COST_TITLES)) + "".join(
        _head(metric.title, metric.better == "lower") for metric in shown
    )
    best = {metric.key: _best(metric, report) for metric in shown}
    lines = []
    for row in report.rows:
        cells = "".join(
            _cell(row.metrics[metric.key], metric.decimals, row.name in best[metric.key])
            for metric in shown
        )
        name = escape(row.name)
        head = f'<th scope="row" data-value="{name}">{name}</th>'
        lines.append(f"<tr>{head}{_cost_cells(row)}{cells}</tr>")
    first = '<th scope="col" data-first="ascending" data-text><button>Row</button></th>'
    return (
        '<div class="scroll" tabindex="0" role="region" aria-label="Metrics">'
        f"<table><thead><tr>{first}{heads}</tr></thead><tbody>{''.join(lines)}</tbody></table>"
        '</div><p class="note">Below each number its 95 % bootstrap interval (1,000 rounds over '
        "photographs, the same ones for all rows). A click on a head sorts by it, best first "
        "where there is a best, which is bold.</p>"
    )


def _head(title: str, lower_first: bool = True) -> str:
    first = "ascending" if lower_first else "descending"
    return f'<th scope="col" data-first="{first}"><button>{escape(title)}</button></th>'


def _cost_cells(row: RowResult) -> str:
    """Render parameters and multiplications; a row without a network sorts before all others."""
    return "".join(
        f'<td data-value="{cost or 0!r}">{"" if cost is None else f"{cost:,.0f}"}</td>'
        for cost in (row.parameters, row.mmac)
    )


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


def _cell(estimate: Estimate, decimals: int, is_best: bool) -> str:
    value = f"{estimate.value:.{decimals}f}"
    if estimate.low is not None and estimate.high is not None:
        value += f"<small>{estimate.low:.{decimals}f} to {estimate.high:.{decimals}f}</small>"
    mark = ' class="best"' if is_best else ""
    return f'<td{mark} data-value="{estimate.value!r}">{value}</td>'


# Figures and facts


def _chart(chart: Chart) -> str:
    light, dark = _data_uri(chart.light, "svg+xml"), _data_uri(chart.dark, "svg+xml")
    title = escape(chart.title)
    return (
        f"<figure><h3>{title}</h3>"
        f'<div class="scroll" tabindex="0" role="region" aria-label="{title}"><picture>'
        f'<source media="screen and (prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{title}"></picture></div>'
        f"<figcaption>{escape(chart.caption)}</figcaption></figure>"
    )


def _method(facts: Mapping[str, str]) -> str:
    items = "".join(
        f"<dt>{escape(fact)}</dt><dd>{escape(text)}</dd>" for fact, text in facts.items()
    )
    return f"<dl>{items}</dl>"
