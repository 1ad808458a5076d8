"""How much color is lost on worn gray material: rows on degraded photographs, beside clean ones.

A row is shown L* of the degraded gray; its ab joins the *true* L*, and the picture is compared with
the truth at 256x256. So what is measured is what a degradation does to the colors alone.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tinct import color
from tinct.lab.data.dataset import Photograph, Photographs, square
from tinct.lab.data.degrade import degrade
from tinct.lab.evaluate.protocol import LAB_SIZE, examine_in_color, naming
from tinct.lab.evaluate.rows import Row
from tinct.lab.markdown import markdown_table
from tinct.lab.metrics import metrics

PIXEL_STEP = 4
"""CIEDE2000 looks at every fourth pixel of every fourth row: it is slow."""
PSNR, DELTA, COLORFULNESS = range(3)
NINETY_FIVE = 1.96
"""Standard errors to either side that hold 95 % of a normal distribution."""

NOTE = (
    "Rows see L* of the degraded gray at 256x256; their ab joins the true L\\*, so that only the "
    "loss of color counts. In brackets the difference from the clean picture, the 8-bit BT.601 "
    "gray, with half the width of its 95 % interval over photographs."
)


def mean_cell(values: NDArray[np.float64]) -> str:
    """Render the mean of what is known, and half of its 95 % interval; "" for fewer than two."""
    known = values[~np.isnan(values)]
    if len(known) < 2:
        return ""
    half = NINETY_FIVE * known.std(ddof=1) / np.sqrt(len(known))
    return f"{known.mean():.2f} ± {half:.2f}"


@dataclass(frozen=True)
class Robustness:
    """Scores of rows on degraded photographs."""

    source: str
    sha256: str
    broken: tuple[str, ...]  # "NAME: reason"
    degradations: tuple[str, ...]  # the first is none
    rows: tuple[str, ...]
    scores: NDArray[np.float64]  # (photographs, degradations, rows, 3): PSNR, CIEDE2000, CF
    true_colorfulness: float
    command: str

    def to_markdown(self) -> str:
        """Render a table for each score."""
        facts = f"{len(self.scores)} photographs of `{self.source}` (sha256 {self.sha256[:16]})."
        parts = ["# Colors on worn material", f"{NOTE} {facts}"]
        parts += ["## PSNR, dB: higher is better", self._table(PSNR, 2)]
        parts += ["## CIEDE2000: lower is better", self._table(DELTA, 2)]
        share = self._table(COLORFULNESS, 2, 1 / self.true_colorfulness)
        parts += ["## Colorfulness (CF), of the truth's", share]
        parts += ["## What was done", WORDS, f"`{self.command}`"]
        return "\n\n".join(parts) + "\n"

    def _table(self, score: int, decimals: int, factor: float = 1) -> str:
        lines = []
        values = self.scores[..., score] * factor  # (photographs, degradations, rows)
        for index, name in enumerate(self.degradations):
            cells = [f"{mean:.{decimals}f}" for mean in values[:, index].mean(axis=0)]
            if index:
                loss = values[:, index] - values[:, 0]  # (photographs, rows)
                half = NINETY_FIVE * loss.std(axis=0, ddof=1) / np.sqrt(len(loss))
                cells = [
                    f"{cell} ({mean:+.{decimals}f} ± {width:.{decimals}f})"
                    for cell, mean, width in zip(cells, loss.mean(axis=0), half, strict=True)
                ]
            lines.append([name, *cells])
        return markdown_table(["", *self.rows], lines)


WORDS = """\
Sizes are those of a picture of 256x256; random parts are seeded by the photograph's name
(`src/tinct/lab/data/degrade.py`).

- *clean*: BT.601 luma in 8 bits.
- *orthochromatic*: film that sees linear red, green and blue as 0, 0.55, 0.45; *blue-sensitive*: as
  0, 0.08, 0.92.
- *blur*: Gaussian, sigma 1.8. *grain*: 12 levels in the midtones, coarser than a pixel.
- *scratches*: twelve hairlines, nearly upright. *dust*: sixty specks and six hairs, mostly white.
- *low-contrast*: 40 % of the range. *fading*: blacks lifted to 15 to 50 %, more on one side;
  whites at 92 %.
- *jpeg*: quality 15. *sepia*: the luma of a color scan of a toned print.
- *worn*: orthochromatic, then blur, grain, fading, scratches, dust and JPEG."""


def measure_robustness(
    photographs: Photographs,
    rows: Sequence[Row],
    degradations: Sequence[str],
    *,
    jobs: int | None = None,
    command: str = "",
    on_progress: Callable[[int], None] = lambda done: None,
) -> Robustness:
    """Color degraded photographs.

    Args:
        photographs: They are read once; gray ones are left out.
        rows: What colors.
        degradations: Names; the first is what the others are compared with.
        jobs: Photographs worked on at a time; as many as there are processors when left out.
        command: What the user typed.
        on_progress: Called with the number of photographs done since.

    Raises:
        MetricError: There are fewer than two color photographs, or a row answers NaN.
    """
    examine = partial(_examine, rows=rows, degradations=degradations)
    found = examine_in_color(photographs, examine, jobs, on_progress)
    scores, colorfulness = zip(*found, strict=True)
    return Robustness(
        photographs.source,
        photographs.sha256,
        tuple(photographs.broken),
        tuple(degradations),
        tuple(row.name for row in rows),
        np.stack(scores),
        float(np.mean(colorfulness)),
        command,
    )


def _examine(
    photograph: Photograph, rows: Sequence[Row], degradations: Sequence[str]
) -> tuple[NDArray[np.float64], float]:
    """Return scores (degradations, rows, 3) and the true CF."""
    pixels = square(photograph.rgb, LAB_SIZE)
    rgb = pixels.astype(np.float32) / np.float32(255)
    lab = color.rgb_to_lab(rgb)
    scores = np.empty((len(degradations), len(rows), 3))
    for place, name in enumerate(degradations):
        gray = degrade(pixels, name, photograph.name)
        lightness = color.luma_to_lightness(gray.astype(np.float32) / np.float32(255))
        for column, row in enumerate(rows):
            with naming(row, photograph.name):
                ab = row.predict_ab(lightness, photograph.name)
                scores[place, column] = _score(ab, lab, rgb)
    return scores, metrics.colorfulness(rgb)


def _score(
    ab: NDArray[np.float32], lab: NDArray[np.float32], rgb: NDArray[np.float32]
) -> tuple[float, float, float]:
    """Compare ab, joined with the true L*, with the truth: PSNR, CIEDE2000, CF."""
    colored = color.lab_to_rgb(np.concatenate([lab[..., :1], ab], axis=-1)).clip(0, 1)
    few = slice(None, None, PIXEL_STEP)
    delta = metrics.ciede2000(color.rgb_to_lab(colored[few, few]), lab[few, few])
    return metrics.psnr(colored, rgb), delta, metrics.colorfulness(colored)
