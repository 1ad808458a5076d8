"""Pictures to look at: what every row makes of a photograph, beside the truth if there is one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from tinct.lab.data.dataset import Photograph
from tinct.lab.evaluate.protocol import ask, has_color, naming, prepare
from tinct.lab.evaluate.result import Fit
from tinct.lab.evaluate.rows import Row
from tinct.lab.metrics import metrics
from tinct.lab.metrics.score import Protocol, Scorer, Truth
from tinct.lab.metrics.statistics import shipped_statistics

Rgb = NDArray[np.uint8]

LONG_SIDE = 1280  # pixels; larger pictures are reduced, once they are measured


@dataclass(frozen=True, slots=True)
class ComparedPicture:
    """One photograph as every row colors it, no larger than a screen can show."""

    name: str
    truth: Rgb | None  # (H, W, 3) sRGB; None for a photograph that is gray itself
    answers: tuple[Rgb, ...]  # (H, W, 3) sRGB, one a row
    losses: tuple[float, ...]  # the paper's, one a row; none without a truth


def color_all(
    photograph: Photograph, rows: Sequence[Row], protocol: Protocol, fit: Fit = "crop"
) -> ComparedPicture:
    """Let all rows color a photograph.

    Args:
        photograph: Color, or gray: then there is nothing to compare the answers with.
        rows: What colors it.
        protocol: What the rows are shown, and at which size; see ``report.METHODS``.
        fit: How it becomes a square in protocol `lab`; see ``report.FITS``.

    Raises:
        MetricError: A row answers NaN or a wrong size.
    """
    rgb = prepare(photograph.rgb, protocol, fit)
    truth = Scorer(protocol, shipped_statistics().prior).truth(rgb)
    pairs = [_color(row, truth, protocol, photograph.name) for row in rows]
    answers, losses = tuple(pair[0] for pair in pairs), tuple(pair[1] for pair in pairs)
    # A name may hold bytes that are no text; what shows it cannot show those.
    name = photograph.name.encode(errors="replace").decode()
    if not has_color(photograph.rgb, fit):
        return ComparedPicture(name, None, answers, ())
    return ComparedPicture(name, _reduce(rgb), answers, losses)


def _color(row: Row, truth: Truth, protocol: Protocol, name: str) -> tuple[Rgb, float]:
    """Return a row's answer and its loss."""
    with naming(row, name):
        answer = ask(row, truth, protocol, name)
        lab = answer.lab if answer.predicted is None else answer.predicted
        loss = metrics.paper_loss(lab[..., 1:], truth.lab[..., 1:])
    return _reduce(np.rint(255 * answer.rgb).astype(np.uint8)), loss


def _reduce(rgb: Rgb) -> Rgb:
    image = Image.fromarray(rgb)
    image.thumbnail((LONG_SIDE, LONG_SIDE), Image.Resampling.LANCZOS)
    return np.asarray(image)
