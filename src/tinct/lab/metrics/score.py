"""All scores of one picture, and the table of metrics that sums them up over many."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from tinct import color, gamut
from tinct.lab.metrics import metrics

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from tinct.lab.metrics.lpips import LpipsMeter

Protocol = Literal["lab", "product"]
Scores = dict[str, float]  # by name; NaN for what a picture has no score for


@dataclass(frozen=True, slots=True)
class Truth:
    """A color photograph and what is needed again and again to compare others with it."""

    rgb: NDArray[np.float32]  # (H, W, 3), sRGB-encoded, 0..1
    lab: NDArray[np.float32]  # (H, W, 3), CIE units
    gray: NDArray[np.uint8]  # (H, W), BT.601 luma: what rows are given in protocol `product`
    rarity: NDArray[np.float64]  # (H, W), weight of each pixel in the rebalanced AuC
    edges: NDArray[np.bool_]  # (H, W), the band along strong edges
    colorfulness: float
    colorfulness_abs: float
    features: list[Tensor] | None  # of LPIPS


@dataclass(frozen=True, slots=True)
class Answer:
    """A colored picture."""

    rgb: NDArray[np.float32]  # (H, W, 3), sRGB-encoded, 0..1: what a viewer sees
    lab: NDArray[np.float32]  # (H, W, 3), CIE units, of the same
    predicted: NDArray[np.float32] | None = None  # (H, W, 3) Lab before it was fitted into sRGB


class Scorer:
    """Compares pictures with the truth."""

    def __init__(
        self, protocol: Protocol, prior: NDArray[np.float64], lpips: LpipsMeter | None = None
    ) -> None:
        """Prepare.

        Args:
            protocol: What rows are given, and so what their lightness is compared with.
            prior: (313,) of the rebalanced AuC.
            lpips: Computes LPIPS as well when given.
        """
        self._protocol = protocol
        self._prior = prior
        self._lpips = lpips

    def truth(self, rgb: NDArray[np.uint8]) -> Truth:
        """Work out once what all answers for a photograph, (H, W, 3), are compared with."""
        encoded = rgb.astype(np.float32) / np.float32(255)
        lab = color.rgb_to_lab(encoded)
        luma = color.rgb_to_luma(encoded)
        return Truth(
            rgb=encoded,
            lab=lab,
            gray=np.rint(255 * luma).astype(np.uint8),
            rarity=metrics.rarity_weights(lab[..., 1:], self._prior),
            edges=metrics.edge_band(luma),
            colorfulness=metrics.colorfulness(encoded),
            colorfulness_abs=metrics.colorfulness(encoded, "abs"),
            features=self._lpips.features(encoded) if self._lpips else None,
        )

    def score(self, answer: Answer, truth: Truth) -> Scores:
        """Compare an answer with the truth.

        Raises:
            MetricError: They differ in size, or the answer holds NaN.
        """
        scores = _color_scores(answer, truth) | _picture_scores(answer, truth)
        scores |= self._lightness_scores(answer, truth) | _failure_scores(answer, truth)
        if self._lpips and truth.features:
            scores["lpips"] = self._lpips.distance(answer.rgb, truth.features)
        return scores

    def _lightness_scores(self, answer: Answer, truth: Truth) -> Scores:
        """Compare with the lightness that the row was given: L*, or luma in 8-bit steps."""
        if self._protocol == "lab":
            errors = metrics.absolute_errors(answer.lab[..., 0], truth.lab[..., 0])
            return dict(zip(("lightness_error", "lightness_error_max"), errors, strict=True))
        luma = np.float32(255) * color.rgb_to_luma(answer.rgb)
        errors = metrics.absolute_errors(luma, truth.gray.astype(np.float32))
        return dict(zip(("luma_error", "luma_error_max"), errors, strict=True))


def _color_scores(answer: Answer, truth: Truth) -> Scores:
    """Compare a and b, as predicted where that is known."""
    predicted = answer.lab if answer.predicted is None else answer.predicted
    ab, true_ab = predicted[..., 1:], truth.lab[..., 1:]
    auc = metrics.auc_scores(ab, true_ab)
    near_edges, true_near_edges = ab[truth.edges], true_ab[truth.edges]  # (M, 2)
    has_edges = near_edges.size > 0
    scores = {
        "ab_mse": metrics.mse(ab, true_ab),
        "psnr_ab": metrics.psnr(ab, true_ab, metrics.AB_PEAK),
        "auc": float(auc.mean()),
        "auc_weighted": float((auc * truth.rarity).sum()),
        "weight": float(truth.rarity.sum()),
        "edge_ab_mse": metrics.mse(near_edges, true_near_edges) if has_edges else np.nan,
        "edge_psnr_ab": (
            metrics.psnr(near_edges, true_near_edges, metrics.AB_PEAK) if has_edges else np.nan
        ),
    }
    if answer.predicted is not None:
        scores["out_of_gamut"] = 1 - float(gamut.in_gamut(answer.predicted).mean())
    return scores


def _picture_scores(answer: Answer, truth: Truth) -> Scores:
    """Compare the pictures as a viewer sees them."""
    return {
        "psnr_rgb": metrics.psnr(answer.rgb, truth.rgb),
        "ssim": metrics.ssim(answer.rgb, truth.rgb),
        "ciede2000": metrics.ciede2000(answer.lab, truth.lab),
        "cf": metrics.colorfulness(answer.rgb),
        "cf_abs": metrics.colorfulness(answer.rgb, "abs"),
        "cf_true": truth.colorfulness,
        "cf_abs_true": truth.colorfulness_abs,
    }


def _failure_scores(answer: Answer, truth: Truth) -> Scores:
    """Look for color where none belongs: on black, on paper-white, and in blotches on gray."""
    chroma = np.hypot(answer.lab[..., 1], answer.lab[..., 2])
    luma = truth.gray / np.float32(255)
    is_gray = np.hypot(truth.lab[..., 1], truth.lab[..., 2]) < metrics.TRULY_GRAY
    return {
        "black_chroma": _mean_where(chroma, luma < metrics.BLACK),
        "white_chroma": _mean_where(chroma, luma > metrics.WHITE),
        "gray_share": float(is_gray.mean()),
        "blotch_share": float((is_gray & (chroma > metrics.STRONG_CHROMA)).mean()),
    }


def _mean_where(values: NDArray[np.float32], where: NDArray[np.bool_]) -> float:
    return float(values[where].mean(dtype=np.float64)) if where.any() else np.nan


@dataclass(frozen=True, slots=True)
class Metric:
    """How a metric of a whole row comes from the scores of its pictures."""

    key: str
    title: str
    scores: tuple[str, ...]  # names of those whose means over the photographs it is made of
    combine: Callable[..., Any] = lambda mean: mean  # of these means
    decimals: int = 2
    better: Literal["higher", "lower"] | None = None
    is_main: bool = False  # shown on the screen, not only in the files
    is_distance: bool = False  # combine gives a signed difference, of which the size counts
    of_worst: bool = False  # not of means, but of the photograph with the largest score


def _percent(share: Any) -> Any:
    return 100 * share


def _ratio(numerator: Any, denominator: Any) -> Any:
    return numerator / denominator


def _percent_ratio(numerator: Any, denominator: Any) -> Any:
    return 100 * numerator / denominator


def _percent_share(part: Any, whole: Any) -> Any:
    """Return a percentage; NaN where there is no whole."""
    return 100 * np.divide(part, whole, out=np.full_like(whole, np.nan), where=whole > 0)


def _paper_loss(ab_mse: Any) -> Any:
    return ab_mse / metrics.PAPER_SCALE**2


METRICS = (
    Metric("psnr_rgb", "PSNR RGB dB", ("psnr_rgb",), better="higher", is_main=True),
    Metric("ab_rmse", "RMSE ab", ("ab_mse",), np.sqrt, better="lower", is_main=True),
    Metric("auc", "raw AuC %", ("auc",), _percent, better="higher", is_main=True),
    Metric(
        "auc_rebalanced", "rebal. AuC %", ("auc_weighted", "weight"), _percent_ratio,
        better="higher", is_main=True,
    ),
    Metric("ciede2000", "CIEDE2000", ("ciede2000",), better="lower", is_main=True),
    Metric("lpips", "LPIPS", ("lpips",), decimals=4, better="lower", is_main=True),
    Metric("edge_ab_rmse", "RMSE ab at edges", ("edge_ab_mse",), np.sqrt,
           better="lower", is_main=True),
    Metric("delta_cf", "delta CF", ("cf", "cf_true"), np.subtract, decimals=1,
           better="lower", is_main=True, is_distance=True),
    Metric("colorfulness_ratio", "CF share", ("cf", "cf_true"), _ratio, is_main=True),
    Metric("psnr_ab", "PSNR ab dB", ("psnr_ab",), better="higher"),
    Metric("ab_mse", "MSE ab", ("ab_mse",), decimals=1, better="lower"),
    Metric("paper_loss", "paper's loss", ("ab_mse",), _paper_loss, decimals=5, better="lower"),
    Metric("ssim", "SSIM", ("ssim",), decimals=4, better="higher"),
    Metric("edge_psnr_ab", "PSNR ab at edges dB", ("edge_psnr_ab",), better="higher"),
    Metric("colorfulness", "CF", ("cf",), decimals=1),
    Metric("colorfulness_abs", "CF abs", ("cf_abs",), decimals=1),
    Metric("delta_cf_abs", "delta CF abs", ("cf_abs", "cf_abs_true"), np.subtract, decimals=1,
           better="lower", is_distance=True),
    Metric("black_chroma", "chroma on black", ("black_chroma",), decimals=1),
    Metric("white_chroma", "chroma on white", ("white_chroma",), decimals=1),
    Metric("blotches", "blotches on gray %", ("blotch_share", "gray_share"), _percent_share,
           decimals=1, better="lower"),
    Metric("out_of_gamut", "out of gamut %", ("out_of_gamut",), _percent, better="lower"),
    Metric("lightness_error", "L* error", ("lightness_error",), decimals=3, better="lower"),
    Metric("lightness_error_max", "L* error, largest", ("lightness_error_max",),
           better="lower", of_worst=True),
    Metric("luma_error", "luma error", ("luma_error",), decimals=3, better="lower"),
    Metric("luma_error_max", "luma error, largest", ("luma_error_max",),
           better="lower", of_worst=True),
)  # fmt: skip
