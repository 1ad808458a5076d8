"""Evaluate rows on photographs, by one of two protocols; ``report.METHODS`` describes them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tinct import color
from tinct.errors import MetricError
from tinct.evaluate import metrics
from tinct.evaluate.dataset import Photograph, Photographs, square
from tinct.evaluate.report import Report, RowResult, describe_machine, installed_versions
from tinct.evaluate.rows import Row
from tinct.evaluate.score import Answer, Scorer, Scores, Truth, summarize
from tinct.evaluate.statistics import Statistics, shipped_statistics

Protocol = Literal["lab", "product"]

LAB_SIZE = 256
PHOTOGRAPHS_PER_JOB = 4  # held in memory at a time


@dataclass
class _Tally:
    """What has been found out so far."""

    scores: dict[str, list[Scores]]  # by name of the row
    nearly_gray: list[str] = field(default_factory=list)


def evaluate(
    photographs: Photographs,
    rows: Sequence[Row],
    *,
    protocol: Protocol = "lab",
    lpips: bool = False,
    jobs: int | None = None,
    command: str = "",
    on_progress: Callable[[int], None] = lambda done: None,
) -> Report:
    """Compare rows on photographs.

    Args:
        photographs: They are read once, a few at a time.
        rows: What is compared; their names differ.
        protocol: How; see ``report.METHODS``.
        lpips: Compute LPIPS as well; needs torch and the package with its weights.
        jobs: Photographs worked on at a time; as many as there are cores when left out.
        command: What the user typed, to be written down.
        on_progress: Called every few photographs with the number of those done since.

    Raises:
        InputError: A shard is damaged. Broken photographs are named in the report instead.
        MetricError: No photograph is left to compare, or a row answers NaN or a wrong size.
        MissingExtraError: A metric needs a package that is not installed.
    """
    statistics = shipped_statistics()
    work = partial(_score_all, rows, protocol, _make_scorer(statistics, lpips))
    tally = _Tally({row.name: [] for row in rows})
    jobs = jobs or os.cpu_count() or 1
    with ThreadPoolExecutor(jobs) as pool:
        for batch in _batches(photographs, jobs * PHOTOGRAPHS_PER_JOB):
            for photograph, scores in zip(batch, pool.map(work, batch), strict=True):
                _count(tally, photograph.name, scores)
            on_progress(len(batch))
    return _report(photographs, tally, protocol, command)


def _make_scorer(statistics: Statistics, lpips: bool) -> Scorer:
    if not lpips:
        return Scorer(statistics.prior)
    from tinct.evaluate.lpips import LpipsMeter

    return Scorer(statistics.prior, LpipsMeter())


def _batches(photographs: Photographs, size: int) -> Iterator[list[Photograph]]:
    remaining = iter(photographs)
    while batch := list(islice(remaining, size)):
        yield batch


def _score_all(
    rows: Sequence[Row], protocol: Protocol, scorer: Scorer, photograph: Photograph
) -> list[Scores] | None:
    """Score all rows on one photograph; None if it has no colour to compare with."""
    rgb = square(photograph.rgb, LAB_SIZE) if protocol == "lab" else photograph.rgb
    truth = scorer.truth(rgb)
    if metrics.is_nearly_gray(truth.lab[..., 1:]):
        return None
    scores = []
    for row in rows:
        answer = _answer_lab(row, truth) if protocol == "lab" else _answer_product(row, truth)
        try:
            scores.append(scorer.score(answer, truth))
        except MetricError as error:
            raise MetricError(f"{row.name}, {photograph.name}: {error}") from error
    return scores


def _count(tally: _Tally, name: str, scores: list[Scores] | None) -> None:
    if scores is None:
        tally.nearly_gray.append(name)
        return
    for of_row, score in zip(tally.scores.values(), scores, strict=True):
        of_row.append(score)


def _answer_lab(row: Row, truth: Truth) -> Answer:
    """Put the truth's L* and the row's ab together; what leaves sRGB is clipped, as in papers."""
    ab = row.predict_ab(np.ascontiguousarray(truth.lab[..., 0]))
    lab: NDArray[np.float32] = np.concatenate([truth.lab[..., :1], ab], axis=-1)
    return Answer(color.lab_to_rgb(lab).clip(0, 1), ab)


def _answer_product(row: Row, truth: Truth) -> Answer:
    gray = np.rint(255 * color.rgb_to_luma(truth.rgb)).astype(np.uint8)
    rgb = row.colorize(gray).astype(np.float32) / np.float32(255)
    return Answer(rgb, color.rgb_to_lab(rgb)[..., 1:])


def _report(photographs: Photographs, tally: _Tally, protocol: Protocol, command: str) -> Report:
    first = next(iter(tally.scores.values()), [])
    if not first:
        raise MetricError(
            f"{photographs.source}: nothing to compare: no readable colour photograph, or no row"
        )
    return Report(
        protocol=protocol,
        source=photographs.source,
        num_photographs=len(first),
        nearly_gray=tuple(tally.nearly_gray),
        broken=tuple(photographs.broken),
        sha256=photographs.sha256,
        command=command,
        versions=installed_versions(),
        machine=describe_machine(),
        statistics=shipped_statistics().origin,
        true_colorfulness=_mean(first, "cf_true"),
        true_colorfulness_abs=_mean(first, "cf_abs_true"),
        rows=tuple(RowResult(name, summarize(scores)) for name, scores in tally.scores.items()),
    )


def _mean(scores: list[Scores], key: str) -> float:
    return float(np.mean([picture[key] for picture in scores]))
