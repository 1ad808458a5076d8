"""All scores of one picture, and the table of metrics that sums them up over many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from tinct import color
from tinct.evaluate import metrics

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from tinct.evaluate.lpips import LpipsMeter

Scores = dict[str, float]  # by name; pooled metrics have two, a numerator and a denominator


@dataclass(frozen=True, slots=True)
class Truth:
    """A photograph, and what every row is compared with."""

    rgb: NDArray[np.float32]  # (H, W, 3), sRGB-encoded, 0..1
    lab: NDArray[np.float32]  # (H, W, 3)
    rarity: NDArray[np.float64]  # (H, W), weights of the rebalanced AuC
    colorfulness: float
    colorfulness_abs: float
    features: list[Tensor] | None  # for LPIPS


@dataclass(frozen=True, slots=True)
class Answer:
    """A coloured picture."""

    rgb: NDArray[np.float32]  # (H, W, 3), sRGB-encoded, 0..1: what a viewer sees
    ab: NDArray[np.float32]  # (H, W, 2) CIE units; in protocol `lab` before it is fitted into sRGB


class Scorer:
    """Compares pictures with the truth."""

    def __init__(self, prior: NDArray[np.float64], lpips: LpipsMeter | None = None) -> None:
        """Prepare.

        Args:
            prior: (313,) of the rebalanced AuC.
            lpips: Computes LPIPS as well when given.
        """
        self._prior = prior
        self._lpips = lpips

    def truth(self, rgb: NDArray[np.uint8]) -> Truth:
        """Work out once what all answers for a photograph, (H, W, 3), are compared with."""
        encoded = rgb.astype(np.float32) / np.float32(255)
        lab = color.rgb_to_lab(encoded)
        return Truth(
            rgb=encoded,
            lab=lab,
            rarity=metrics.rarity_weights(lab[..., 1:], self._prior),
            colorfulness=metrics.colorfulness(encoded),
            colorfulness_abs=metrics.colorfulness(encoded, "abs"),
            features=self._lpips.features(encoded) if self._lpips else None,
        )

    def score(self, answer: Answer, truth: Truth) -> Scores:
        """Compare an answer with the truth.

        Raises:
            MetricError: They differ in size, or the answer holds NaN.
        """
        true_ab = truth.lab[..., 1:]
        auc = metrics.auc_scores(answer.ab, true_ab)
        scores = {
            "ab_mse": metrics.mse(answer.ab, true_ab),
            "psnr_rgb": metrics.psnr(answer.rgb, truth.rgb),
            "psnr_ab": metrics.psnr(answer.ab, true_ab, metrics.AB_PEAK),
            "ssim": metrics.ssim(answer.rgb, truth.rgb),
            "auc": float(auc.mean()),
            "auc_weighted": float((auc * truth.rarity).sum()),
            "weight": float(truth.rarity.sum()),
            "ciede2000": metrics.ciede2000(color.rgb_to_lab(answer.rgb), truth.lab),
            "cf": metrics.colorfulness(answer.rgb),
            "cf_abs": metrics.colorfulness(answer.rgb, "abs"),
            "cf_true": truth.colorfulness,
            "cf_abs_true": truth.colorfulness_abs,
        }
        if self._lpips and truth.features:
            scores["lpips"] = self._lpips.distance(answer.rgb, truth.features)
        return scores


@dataclass(frozen=True, slots=True)
class Metric:
    """How a metric of a whole row comes from the scores of its pictures."""

    key: str
    title: str
    numerator: str  # name of the score that is summed up
    denominator: str | None = None  # name of the score to divide by; the number of pictures if None
    finish: Callable[[float], float] = float  # an increasing function of the ratio
    decimals: int = 2


METRICS = (
    Metric("psnr_rgb", "PSNR RGB dB", "psnr_rgb"),
    Metric("psnr_ab", "PSNR ab dB", "psnr_ab"),
    Metric("ab_mse", "ab MSE", "ab_mse", decimals=1),
    Metric("ab_rmse", "ab RMSE", "ab_mse", finish=lambda mse: mse**0.5),
    Metric("paper_loss", "paper's loss", "ab_mse", finish=lambda mse: mse / 127.5**2, decimals=5),
    Metric("auc", "raw AuC %", "auc", finish=lambda share: 100 * share),
    Metric("auc_rebalanced", "rebal. AuC %", "auc_weighted", "weight", lambda share: 100 * share),
    Metric("ciede2000", "CIEDE2000", "ciede2000"),
    Metric("ssim", "SSIM", "ssim", decimals=4),
    Metric("lpips", "LPIPS", "lpips", decimals=4),
    Metric("colorfulness", "CF", "cf", decimals=1),
    Metric("colorfulness_abs", "CF abs", "cf_abs", decimals=1),
    Metric("colorfulness_ratio", "CF share", "cf", "cf_true", decimals=3),
)


@dataclass(frozen=True, slots=True)
class Estimate:
    """A metric over all photographs, with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def summarize(pictures: list[Scores]) -> dict[str, Estimate]:
    """Sum up the scores of a row's pictures; metrics that were not scored are left out."""
    columns = {name: np.array([scores[name] for scores in pictures]) for name in pictures[0]}
    return {m.key: _estimate(m, columns) for m in METRICS if m.numerator in columns}


def _estimate(metric: Metric, columns: dict[str, NDArray[np.float64]]) -> Estimate:
    numerators = columns[metric.numerator]
    ones = np.ones_like(numerators)
    denominators = columns[metric.denominator] if metric.denominator else ones
    low, high = metrics.bootstrap_interval(numerators, denominators)
    ratio = numerators.sum() / denominators.sum()
    return Estimate(*(metric.finish(float(value)) for value in (ratio, low, high)))
