"""The result of an evaluation, as JSON for programs and Markdown for people."""

from __future__ import annotations

import json
import os
import platform
import sys
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

from tinct.evaluate.score import METRICS, Estimate

PACKAGES = (
    "tinct",
    "numpy",
    "opencv-python-headless",
    "pillow",
    "onnxruntime",
    "scikit-image",
    "torch",
)

METHODS = {
    "lab": (
        "Protocol `lab`: centre crop to a square, resized to 256x256 (Pillow bicubic). Rows see "
        "the truth's L* and answer ab; the picture is that L* with that ab, clipped to sRGB. "
        "Metrics of ab take it as predicted, all others the clipped picture."
    ),
    "product": (
        "Protocol `product`: photographs at their own size. The rows see the 8-bit BT.601 luma of "
        "the truth and answer an 8-bit colour picture, from which all metrics are computed."
    ),
}
METRIC_NOTES = (
    "PSNR, MSE, SSIM, CIEDE2000, LPIPS and colourfulness are means over photographs (PSNR of "
    "floats, no border; peak 255 for ab), RMSE the root of the mean MSE. Raw AuC is the mean over "
    "photographs; rebalanced AuC is pooled over all pixels, each weighted by one over the "
    "probability of its true colour in the training photographs. CF is Hasler and Suesstrunk's "
    "definition, CF abs the variant with absolute opponent channels; CF share is the mean CF over "
    "that of the truth. In brackets: half the width of the 95 % bootstrap interval (1,000 rounds "
    "over photographs)."
)


@dataclass(frozen=True, slots=True)
class RowResult:
    """All metrics of one row."""

    name: str
    metrics: dict[str, Estimate]


@dataclass(frozen=True, slots=True)
class Report:
    """Everything about one evaluation."""

    protocol: str  # "lab" or "product"
    source: str  # what the user named as data
    num_photographs: int  # that were scored
    nearly_gray: tuple[str, ...]  # names of those left out because their truth has no colour
    broken: tuple[str, ...]  # "NAME: reason" of those that cannot be read
    sha256: str  # over names and contents of all files read
    command: str
    versions: dict[str, str]
    machine: str
    statistics: str  # where the prior and the mean colours are from
    true_colorfulness: float  # mean over the truths, Hasler and Suesstrunk's definition
    true_colorfulness_abs: float  # the variant with absolute values
    rows: tuple[RowResult, ...]

    def to_json(self) -> str:
        """Render all facts and numbers."""
        return json.dumps(asdict(self), indent=1, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """Render a table with what is needed to repeat it."""
        return "\n\n".join(["# Evaluation", self._table(), *self._notes()]) + "\n"

    def _table(self) -> str:
        shown = [metric for metric in METRICS if metric.key in self.rows[0].metrics]
        lines = [
            "| | " + " | ".join(metric.title for metric in shown) + " |",
            "|---|" + "---:|" * len(shown),
        ]
        for row in self.rows:
            cells = [_cell(row.metrics[metric.key], metric.decimals) for metric in shown]
            lines.append(f"| {row.name} | " + " | ".join(cells) + " |")
        return "\n".join(lines)

    def _notes(self) -> list[str]:
        counts = (
            f"{self.num_photographs} photographs of `{self.source}` (sha256 {self.sha256[:16]}); "
            f"{len(self.nearly_gray)} nearly grey ones left out (no |a| or |b| above 5), "
            f"{len(self.broken)} unreadable. The truth has CF "
            f"{self.true_colorfulness:.1f}, CF abs {self.true_colorfulness_abs:.1f}."
        )
        made = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        notes = [counts, METHODS[self.protocol], METRIC_NOTES]
        notes += [f"Prior and mean colours: {self.statistics}."]
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
    cores = len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count()
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


def _cell(estimate: Estimate, decimals: int) -> str:
    spread = (estimate.high - estimate.low) / 2
    return f"{estimate.value:.{decimals}f} [{spread:.{decimals}f}]"
