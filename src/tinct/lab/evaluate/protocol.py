"""Evaluate rows on photographs, by one of two protocols; ``report.METHODS`` describes them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Literal, TypeVar

import numpy as np
from numpy.typing import NDArray

from tinct import color
from tinct.cores import count_processors
from tinct.errors import MetricError, ModelError, OptionError
from tinct.lab.data.dataset import Photograph, Photographs, square
from tinct.lab.evaluate.result import (
    Fit,
    FrechetFacts,
    Pictures,
    Report,
    RowResult,
    describe_machine,
    installed_versions,
)
from tinct.lab.evaluate.rows import Row
from tinct.lab.metrics import metrics
from tinct.lab.metrics.bootstrap import Estimate, summarize
from tinct.lab.metrics.score import Answer, Protocol, Scorer, Scores, Truth
from tinct.lab.metrics.statistics import Statistics, shipped_statistics
from tinct.lab.workers import photograph_threads

if TYPE_CHECKING:
    from tinct.lab.metrics.frechet import FeatureNetwork, FrechetDistance

LAB_SIZE = 256
SMALLEST_SIDE = 32  # pixels, in protocol `product`: LPIPS has no features of less
PHOTOGRAPHS_PER_JOB = 4  # held in memory at a time

_LeftOut = Literal["gray", "small"]

Outcome = TypeVar("Outcome")


@dataclass(frozen=True, slots=True)
class _Work:
    """What is done with every photograph."""

    rows: Sequence[Row]
    protocol: Protocol
    fit: Fit
    scorer: Scorer
    network: FeatureNetwork | None


@dataclass(frozen=True, slots=True)
class _Found:
    """What came out for one photograph: of each row, and features of the truth before them."""

    scores: list[Scores]
    features: list[NDArray[np.float64]]  # none without a feature network


@dataclass
class _Tally:
    """What has been found out so far."""

    scores: dict[str, list[Scores]]  # by name of the row
    distances: list[FrechetDistance]  # of each row from the truth; none without features
    names: list[str] = field(default_factory=list)
    nearly_gray: list[str] = field(default_factory=list)
    too_small: list[str] = field(default_factory=list)  # "NAME: reason"


def evaluate(  # noqa: PLR0913 - each a choice of the user's
    photographs: Photographs,
    rows: Sequence[Row],
    *,
    protocol: Protocol = "lab",
    fit: Fit = "crop",
    lpips: bool = False,
    frechet: FeatureNetwork | None = None,
    reference: str | None = None,
    jobs: int | None = None,
    command: str = "",
    on_progress: Callable[[int], None] = lambda done: None,
) -> Report:
    """Compare rows on photographs.

    Args:
        photographs: They are read once, a few at a time.
        rows: What is compared; their names differ.
        protocol: How; see ``report.METHODS``.
        fit: How photographs become squares in protocol `lab`; see ``report.FITS``.
        lpips: Compute LPIPS as well; needs torch and the package with its weights.
        frechet: Compute the Frechet distance in the features of this network as well.
        reference: Name of the row that the others are compared with; the first peer of tinct's when
            left out, or else the first row.
        jobs: Photographs worked on at a time; as many as there are cores when left out.
        command: What the user typed, to be written down.
        on_progress: Called every few photographs with the number of those done since.

    Raises:
        InputError: A shard is damaged. Broken photographs are named in the report instead.
        MetricError: No photograph is left to compare, or a row answers NaN or a wrong size.
        OptionError: There is no row of the reference's name.
    """
    reference = choose_reference(rows, reference)
    scorer = _make_scorer(protocol, shipped_statistics(), lpips)
    work = partial(_examine, _Work(rows, protocol, fit, scorer, frechet))
    tally = _Tally({row.name: [] for row in rows}, [])
    if frechet:
        from tinct.lab.metrics.frechet import FrechetDistance  # torch, which others do not need

        tally.distances = [FrechetDistance() for _ in rows]
    for batch, found in examine_all(photographs, work, jobs):
        _count(tally, batch, found)
        on_progress(len(batch))
    if not tally.names:
        raise MetricError(f"{photographs.source}: nothing to compare: no readable color photograph")
    results, facts = _sum_up(rows, tally, reference, frechet)
    of_truth = tally.scores[reference]
    return Report(
        protocol=protocol,
        fit=fit if protocol == "lab" else None,
        source=photographs.source,
        num_photographs=len(tally.names),
        nearly_gray=tuple(tally.nearly_gray),
        broken=(*photographs.broken, *tally.too_small),
        without_edges=_without_edges(tally.names, of_truth),
        sha256=photographs.sha256,
        command=command,
        versions=installed_versions(),
        machine=describe_machine(),
        statistics=shipped_statistics().origin,
        true_colorfulness=_mean(of_truth, "cf_true"),
        true_colorfulness_abs=_mean(of_truth, "cf_abs_true"),
        frechet=facts,
        reference=reference,
        rows=results,
        pictures=Pictures(
            tuple(tally.names), {name: tuple(scores) for name, scores in tally.scores.items()}
        ),
    )


def choose_reference(rows: Sequence[Row], name: str | None = None) -> str:
    """Choose the row that the others are compared with.

    Raises:
        MetricError: There is no row.
        OptionError: None has this name.
    """
    names = [row.name for row in rows]
    if not names:
        raise MetricError("nothing to compare: no row")
    if name is None:
        return next((row.name for row in rows if row.is_peer), names[0])
    if name not in names:
        raise OptionError(f"no row is called {name!r}; there are {', '.join(map(repr, names))}")
    return name


def _make_scorer(protocol: Protocol, statistics: Statistics, lpips: bool) -> Scorer:
    if not lpips:
        return Scorer(protocol, statistics.prior)
    from tinct.lab.metrics.lpips import LpipsMeter

    return Scorer(protocol, statistics.prior, LpipsMeter())


def examine_all(
    photographs: Iterable[Photograph], examine: Callable[[Photograph], Outcome], jobs: int | None
) -> Iterator[tuple[list[Photograph], list[Outcome]]]:
    """Examine photographs side by side in threads.

    Args:
        photographs: They are taken once, as many at a time as there is work for.
        examine: Called in the threads with each.
        jobs: Photographs worked on at a time; None is as many as there are processors.

    Yields:
        A few photographs, and what was found of each, in their order.
    """
    jobs = jobs or count_processors()
    remaining = iter(photographs)
    with photograph_threads(jobs) as pool:
        while batch := list(islice(remaining, jobs * PHOTOGRAPHS_PER_JOB)):
            yield batch, list(pool.map(examine, batch))


def examine_in_color(
    photographs: Photographs,
    examine: Callable[[Photograph], Outcome],
    jobs: int | None,
    on_progress: Callable[[int], None],
) -> list[Outcome]:
    """Examine the photographs of a set that are in color; see :func:`examine_all`.

    Args:
        photographs: They are read once; gray ones are left out.
        examine: Called with each of the others.
        jobs: Photographs worked on at a time.
        on_progress: Called with the number of photographs done since, gray ones too.

    Raises:
        MetricError: There are fewer than two, so that nothing can be said of their spread.
    """

    def examine_unless_gray(photograph: Photograph) -> Outcome | None:
        return examine(photograph) if has_color(photograph.rgb) else None

    found: list[Outcome] = []
    for batch, of_batch in examine_all(photographs, examine_unless_gray, jobs):
        found += [one for one in of_batch if one is not None]
        on_progress(len(batch))
    if len(found) < 2:
        raise MetricError(f"{photographs.source}: two color photographs or more are needed")
    return found


def _examine(work: _Work, photograph: Photograph) -> _Found | _LeftOut:
    """Score all rows on one photograph, unless it has no color, or nearly no pixels."""
    if not has_color(photograph.rgb, work.fit):
        return "gray"
    if work.protocol == "product" and min(photograph.rgb.shape[:2]) < SMALLEST_SIDE:
        return "small"
    truth = work.scorer.truth(prepare(photograph.rgb, work.protocol, work.fit))
    found = _Found([], [work.network.features(truth.rgb)] if work.network else [])
    for row in work.rows:
        with naming(row, photograph.name):
            answer = ask(row, truth, work.protocol, photograph.name)
            found.scores.append(work.scorer.score(answer, truth))
        if work.network:
            found.features.append(work.network.features(answer.rgb))
    return found


def prepare(rgb: NDArray[np.uint8], protocol: Protocol, fit: Fit = "crop") -> NDArray[np.uint8]:
    """Bring a photograph, (H, W, 3), to the size at which a protocol compares."""
    return rgb if protocol == "product" else square(rgb, LAB_SIZE, fit)


def has_color(rgb: NDArray[np.uint8], fit: Fit = "crop") -> bool:
    """Tell whether a photograph is a truth to compare with, and not gray itself.

    Always as it looks in protocol `lab`, at 256x256: both protocols have the same truths, and at
    full size noise of the encoding alone puts some pixel of a gray photograph above the limit.
    """
    small = prepare(rgb, "lab", fit).astype(np.float32) / np.float32(255)
    return not metrics.is_nearly_gray(color.rgb_to_lab(small)[..., 1:])


@contextmanager
def naming(row: Row, photograph: str) -> Iterator[None]:
    """Put the names of row and photograph before what goes wrong with an answer."""
    try:
        yield
    except (MetricError, ModelError) as error:
        raise type(error)(f"{row.name}, {photograph}: {error}") from error


def ask(row: Row, truth: Truth, protocol: Protocol, name: str) -> Answer:
    """Let a row color what a protocol shows it of a photograph of this name."""
    return (_answer_lab if protocol == "lab" else _answer_product)(row, truth, name)


def _answer_lab(row: Row, truth: Truth, name: str) -> Answer:
    """Put the truth's L* and the row's ab together; what leaves sRGB is clipped, as in papers."""
    ab = row.predict_ab(np.ascontiguousarray(truth.lab[..., 0]), name)
    predicted: NDArray[np.float32] = np.concatenate([truth.lab[..., :1], ab], axis=-1)
    rgb = color.lab_to_rgb(predicted).clip(0, 1)
    return Answer(rgb, color.rgb_to_lab(rgb), predicted)


def _answer_product(row: Row, truth: Truth, name: str) -> Answer:
    rgb = row.colorize(truth.gray, name).astype(np.float32) / np.float32(255)
    return Answer(rgb, color.rgb_to_lab(rgb))


def _count(tally: _Tally, batch: Sequence[Photograph], found: Sequence[_Found | _LeftOut]) -> None:
    features = []
    for photograph, one in zip(batch, found, strict=True):
        if one == "gray":
            tally.nearly_gray.append(photograph.name)
            continue
        if one == "small":
            reason = f"less than {SMALLEST_SIDE} pixels a side, too few for some metrics"
            tally.too_small.append(f"{photograph.name}: {reason}")
            continue
        tally.names.append(photograph.name)
        features.append(one.features)
        for of_row, scores in zip(tally.scores.values(), one.scores, strict=True):
            of_row.append(scores)
    if tally.distances and features:
        truths, *answers = (np.stack(of_one) for of_one in zip(*features, strict=True))
        for distance, of_answers in zip(tally.distances, answers, strict=True):
            distance.add(truths, of_answers)


def _sum_up(
    rows: Sequence[Row], tally: _Tally, reference: str, network: FeatureNetwork | None
) -> tuple[tuple[RowResult, ...], FrechetFacts | None]:
    summaries = summarize(tally.scores, reference)
    if network:
        for row, distance in zip(rows, tally.distances, strict=True):
            summaries[row.name].metrics["frechet"] = Estimate(distance.compute())
    results = tuple(
        RowResult(
            row.name,
            row.parameters,
            row.mmac,
            summaries[row.name].metrics,
            summaries[row.name].differences,
        )
        for row in rows
    )
    if not network:
        return results, None
    first = tally.distances[0]
    return results, FrechetFacts(network.title, network.origin, first.num_features, first.count)


def _without_edges(names: Sequence[str], scores: Sequence[Scores]) -> tuple[str, ...]:
    return tuple(
        name for name, one in zip(names, scores, strict=True) if np.isnan(one["edge_ab_mse"])
    )


def _mean(scores: Sequence[Scores], key: str) -> float:
    return float(np.mean([picture[key] for picture in scores]))
