"""What a calibration came to: vividness, reliability, risk over coverage; tables and a figure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tinct.lab.calibration.fit import Choice
from tinct.lab.calibration.reliability import (
    COVERAGES,
    NEAR,
    Confidences,
    Reliability,
    classwise_error,
    reliability,
)
from tinct.lab.calibration.views import Colors, Views
from tinct.lab.figures.figures import GRAY, LIGHT, PALETTE, Theme, finish_axes, new_figure
from tinct.lab.markdown import markdown_table

LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of vividness, besides the default."""

CONFIDENCE_NOTE = (
    f"A color is right within {NEAR:g} CIE units of ab of the truth; calibrated, the confidence "
    "is the share of colors that are. At the default vividness:"
)
RISK_NOTE = (
    "Mean distance of ab from the truth, CIE units, when only the surest colors are kept; *best "
    "possible* keeps those nearest to the truth, which nobody can know:"
)
DISTRIBUTION_NOTE = (
    "Expected calibration error of the distribution over colors as the network answers it, at "
    "temperature 1:"
)


@dataclass(frozen=True)
class Level:
    """What comes out at one vividness."""

    vividness: float
    colors: Colors
    confidences: Confidences
    lpips: float | None


@dataclass(frozen=True)
class CalibrationReport:
    """Numbers and plots of one way of reading colors, on one set of photographs."""

    name: str
    """Of the model."""
    views: Views
    choice: Choice
    gray: float
    """PSNR of leaving the photographs gray, in dB."""
    levels: Sequence[Level]
    """In the order of their vividness."""
    top: Reliability
    """Of the most probable bin of the distribution, at temperature 1."""
    classwise: float
    """Expected calibration error of the distribution, mean over the bins."""
    command: str

    @property
    def default(self) -> Level:
        """The level of the default vividness."""
        wanted = self.choice.default_vividness
        return next(level for level in self.levels if level.vividness == wanted)

    def to_markdown(self) -> str:
        """Render the tables and how they were made."""
        parts = [f"# Calibration of `{self.name}`", self._facts()]
        parts += ["## Vividness", self._vividness_table()]
        parts += ["## Confidence", CONFIDENCE_NOTE]
        parts += [_reliability_table(self.default.confidences.reliability)]
        parts += [RISK_NOTE, self._risk_table()]
        parts += ["## Distribution", DISTRIBUTION_NOTE]
        parts += [f"Likeliest bin {self.top.error:.3f}, mean over all bins {self.classwise:.5f}."]
        return "\n\n".join([*parts, f"`{self.command}`"]) + "\n"

    def _facts(self) -> str:
        chosen = ", ".join(f"{key} {value:g}" for key, value in asdict(self.choice.decode).items())
        return (
            f"{len(self.views.seen)} photographs of `{self.views.source}` (sha256 "
            f"{self.views.sha256[:16]}), protocol `lab` at 256x256. Read with: {chosen}; "
            f"default vividness {self.choice.default_vividness:g}."
        )

    def _vividness_table(self) -> str:
        lines = []
        for level in self.levels:
            colors, sure = level.colors, level.confidences
            mark = " (default)" if level is self.default else ""
            lpips = "" if level.lpips is None else f"{level.lpips:.4f}"
            lines.append(
                [
                    f"{level.vividness:g}{mark}",
                    f"{colors.share:.2f}",
                    f"{colors.psnr:.2f}",
                    f"{colors.psnr - self.gray:+.2f}",
                    lpips,
                    f"{100 * sure.right.mean():.1f}",
                    f"{sure.reliability.error:.3f}",
                ]
            )
        heads = ("vividness", "CF share", "PSNR dB", "over gray", "LPIPS", "right %")
        return markdown_table([*heads, "confidence error"], lines)

    def _risk_table(self) -> str:
        sure = self.default.confidences
        lines = [
            [title, *(f"{sure.risk(share, best=best):.1f}" for share in COVERAGES)]
            for title, best in (("by confidence", False), ("best possible", True))
        ]
        return markdown_table(["kept", *(f"{100 * share:.0f} %" for share in COVERAGES)], lines)


def make_report(
    views: Views, choice: Choice, name: str, *, lpips: bool = False, command: str = ""
) -> CalibrationReport:
    """Measure a way of reading colors.

    Args:
        views: Of photographs, best others than it was chosen on.
        choice: That way.
        name: Of the model.
        lpips: Measure LPIPS as well.
        command: What the user typed.

    Raises:
        MissingExtraError: The package with the weights of LPIPS is not installed.
    """
    decode = choice.decode
    levels = [
        Level(
            vividness,
            views.measure(decode, vividness),
            views.confidences(decode, vividness),
            views.lpips(decode, vividness) if lpips else None,
        )
        for vividness in sorted({*LEVELS, choice.default_vividness})
    ]
    predicted, truth = views.distribution()
    likeliest = predicted.argmax(axis=1)[:, None]
    top = reliability(
        np.take_along_axis(predicted, likeliest, 1)[:, 0],
        np.take_along_axis(truth, likeliest, 1)[:, 0],
    )
    classwise = classwise_error(predicted, truth)
    return CalibrationReport(name, views, choice, views.gray(), levels, top, classwise, command)


def draw_calibration(report: CalibrationReport, theme: Theme = LIGHT) -> Figure:
    """Draw vividness against colorfulness and PSNR, the reliability, and risk over coverage."""
    figure = new_figure(13.2, 4.0, theme)
    vivid, sure, risk = figure.subplots(1, 3)
    _draw_vividness(vivid, report, theme)
    _draw_reliability(sure, report, theme)
    _draw_risk(risk, report, theme)
    figure.suptitle(f"{report.name}, {len(report.views.seen)} photographs", color=theme.ink)
    return figure


def _draw_vividness(axes: Axes, report: CalibrationReport, theme: Theme) -> None:
    places = [level.vividness for level in report.levels]
    shares = [level.colors.share for level in report.levels]
    gains = [level.colors.psnr - report.gray for level in report.levels]
    axes.plot(places, shares, "o-", color=PALETTE[1], label="colorfulness, of the truth's")
    axes.plot(places, gains, "s-", color=PALETTE[4], label="PSNR over gray, dB")
    axes.axvline(report.choice.default_vividness, color=GRAY, linestyle="--", linewidth=1)
    axes.axhline(0, color=GRAY, linewidth=1)
    _finish(axes, theme, "vividness (dashed: default)", "share, dB")


def _draw_reliability(axes: Axes, report: CalibrationReport, theme: Theme) -> None:
    axes.plot([0, 1], [0, 1], color=GRAY, linestyle="--", linewidth=1, label="as it should be")
    found = report.default.confidences.reliability
    label = f"confidence (error {found.error:.3f})"
    axes.plot(found.confidence, found.right, "o-", color=PALETTE[1], label=label)
    axes.bar(found.confidence, found.weight, 0.06, color=theme.faint, label="share of colors")
    label = f"likeliest bin (error {report.top.error:.3f})"
    axes.plot(report.top.confidence, report.top.right, "^-", color=PALETTE[3], label=label)
    _finish(axes, theme, "confidence", "share that came true")


def _draw_risk(axes: Axes, report: CalibrationReport, theme: Theme) -> None:
    sure = report.default.confidences
    for best, color, label in ((False, PALETTE[1], "surest"), (True, PALETTE[3], "best possible")):
        values = [sure.risk(share, best=best) for share in COVERAGES]
        axes.plot(COVERAGES, values, "o-", color=color, label=label)
    mean = sure.risk(1.0)
    axes.axhline(mean, color=GRAY, linestyle="--", linewidth=1, label="any")
    axes.set_ylim(bottom=0)
    _finish(axes, theme, "share of colors that is kept", "distance from the truth, CIE units")


def _finish(axes: Axes, theme: Theme, xlabel: str, ylabel: str) -> None:
    finish_axes(axes, theme, ylabel)
    axes.set_xlabel(xlabel, color=theme.ink)
    for text in axes.legend(frameon=False, fontsize=8).get_texts():
        text.set_color(theme.ink)


def _reliability_table(found: Reliability) -> str:
    columns = (found.confidence, found.right, found.weight)
    lines = [[f"{number:.2f}" for number in line] for line in zip(*columns, strict=True)]
    return markdown_table(["confidence", "right", "share of colors"], lines, num_texts=0)
