"""Metrics that compare a colored picture with the true one.

Conventions: ``ab`` arrays are (H, W, 2) in CIE units, ``rgb`` arrays (H, W, 3), sRGB-encoded in
0..1, all of floats, so that no difference can wrap around. Every function raises MetricError for
arrays of unequal shapes, of integers, or with NaN or infinity in them.

PSNR is that of one picture, to be averaged over pictures.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.color import deltaE_ciede2000
from skimage.metrics import structural_similarity

from tinct.bins import nearest_on_grid
from tinct.errors import MetricError

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.floating[Any]]

AB_PEAK = 255.0  # PSNR of ab: the range -127.5..127.5 that ab has in eight bits
PAPER_SCALE = AB_PEAK / 2  # the paper's networks answer ab over this
AUC_LAST_THRESHOLD = 150  # CIE units
GRAY_LIMIT = 5.0  # CIE units, Zhang et al.'s NonGrayMask
PSNR_CAP = 100.0  # dB, for pictures that are equal; otherwise no mean over pictures would exist
RGB_LEVELS = 255.0  # colorfulness is defined on 8-bit values
EDGE_STEP = 0.2  # of luma 0..1, 51 of 255 levels: what makes an edge strong
BLACK, WHITE = 0.03, 0.97  # luma: below and above, a print has no ink, or no paper, of any color
TRULY_GRAY = 5.0  # of chroma, CIE units
STRONG_CHROMA = 20.0  # of chroma: what everybody sees
EDGE_REACH = 2  # pixels on each side of an edge in which colors are looked at


def mse(predicted: Floats, truth: Floats) -> float:
    """Mean squared error over all values, in the square of their unit."""
    _check(predicted, truth)
    return float(np.mean(np.square(predicted - truth), dtype=np.float64))


def rmse(predicted: Floats, truth: Floats) -> float:
    """Root of the mean squared error over all values, in their unit."""
    return float(np.sqrt(mse(predicted, truth)))


def paper_loss(predicted_ab: Floats, true_ab: Floats) -> float:
    """Loss of the paper: the mean squared error of ab / 127.5."""
    return mse(predicted_ab, true_ab) / PAPER_SCALE**2


def absolute_errors(predicted: Floats, truth: Floats) -> tuple[float, float]:
    """Mean and largest absolute error over all values, in their unit."""
    _check(predicted, truth)
    errors = np.abs(predicted - truth)
    return float(errors.mean(dtype=np.float64)), float(errors.max())


def psnr(predicted: Floats, truth: Floats, peak: float = 1.0) -> float:
    """Peak signal-to-noise ratio in dB, at most 100.

    Args:
        predicted: Any shape; for PSNR RGB sRGB-encoded values in 0..1, for PSNR ab CIE units.
        truth: The same.
        peak: Range of the values: 1 for RGB, ``AB_PEAK`` for ab.
    """
    error = mse(predicted, truth) / peak**2
    return min(PSNR_CAP, -10 * float(np.log10(error))) if error > 0 else PSNR_CAP


def ssim(predicted_rgb: Floats, true_rgb: Floats) -> float:
    """Structural similarity, mean over pixels and the three channels.

    With the settings of Wang et al. (2004): Gaussian weights, sigma 1.5, population covariance.

    Raises:
        MetricError: Also for pictures of less than 11 pixels in a direction.
    """
    _check(predicted_rgb, true_rgb)
    if min(true_rgb.shape[:2]) < 11:
        raise MetricError(f"SSIM needs pictures of 11x11 pixels or more, not {_size(true_rgb)}")
    similarity = structural_similarity(
        true_rgb,
        predicted_rgb,
        channel_axis=-1,
        data_range=1.0,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    return float(similarity)


def ciede2000(predicted_lab: Floats, true_lab: Floats) -> float:
    """Mean color difference CIEDE2000 over the pixels of two (H, W, 3) Lab pictures."""
    _check(predicted_lab, true_lab)
    return float(np.mean(deltaE_ciede2000(true_lab, predicted_lab), dtype=np.float64))


def auc_scores(predicted_ab: Floats, true_ab: Floats) -> NDArray[np.float64]:
    """Area under the cumulative error curve that each single pixel contributes.

    The curve is the share of pixels whose ab lies within t of the truth, t = 0, 1 .. 150 CIE units;
    its area, by trapezoids over 0..150, is the mean of these scores: 1 for a pixel without error, 0
    from 150 units on. A weighted mean of them gives the area under the weighted curve.

    Returns:
        (H, W) float64, 0 to 1.
    """
    _check(predicted_ab, true_ab)
    difference = predicted_ab.astype(np.float64) - true_ab
    first_within = np.ceil(np.hypot(difference[..., 0], difference[..., 1]))
    steps = np.clip(AUC_LAST_THRESHOLD + 0.5 - first_within, 0, AUC_LAST_THRESHOLD)
    return np.asarray(steps / AUC_LAST_THRESHOLD, dtype=np.float64)


def auc(predicted_ab: Floats, true_ab: Floats, weights: NDArray[np.float64] | None = None) -> float:
    """Area under the cumulative error curve, 0 to 1 (Zhang et al., ECCV 2016).

    Args:
        predicted_ab: (..., 2).
        true_ab: (..., 2).
        weights: (...) weight of every pixel; see ``rarity_weights`` for the rebalanced variant.
    """
    return float(np.average(auc_scores(predicted_ab, true_ab), weights=weights))


def rarity_weights(true_ab: Floats, prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """Weigh every pixel by how rare its true color is.

    Args:
        true_ab: (..., 2).
        prior: (313,) probability of each point of the grid, from training photographs.

    Returns:
        (...) float64, one over the probability of the grid point nearest to the color.
    """
    return np.asarray(1.0 / prior, dtype=np.float64)[nearest_on_grid(true_ab)]


def edge_band(luma: Floats) -> NDArray[np.bool_]:
    """Find the 4-pixel band along the strong edges of a picture, where colors bleed if they do.

    A strong edge lies between two pixels, side by side or one above the other, whose luma differs
    by ``EDGE_STEP`` or more. The band is the two pixels on each side of it, across the edge. The
    rule is tinct's own: of a photograph at 256x256 it takes a fifteenth on average.

    Args:
        luma: (H, W) BT.601 luma of the true picture, 0..1.

    Returns:
        (H, W); nowhere true for a picture without strong edges.
    """
    _check(luma, luma)
    return _across(luma) | _across(luma.T).T


def _across(luma: Floats) -> NDArray[np.bool_]:
    """Find the band along edges between pixels side by side."""
    width = luma.shape[1]
    edges = np.abs(np.diff(luma, axis=1)) >= EDGE_STEP  # (H, W - 1)
    padded = np.pad(edges, ((0, 0), (EDGE_REACH, EDGE_REACH)))
    shifts = [padded[:, shift : shift + width] for shift in range(2 * EDGE_REACH)]
    return np.asarray(np.logical_or.reduce(shifts))


def colorfulness(rgb: Floats, variant: str = "hasler") -> float:
    """Colorfulness of one picture, M3 of Hasler and Suesstrunk (2003), on the 8-bit scale.

    Args:
        rgb: (H, W, 3) in 0..1.
        variant: ``"hasler"``, the definition, with signed opponent channels; or ``"abs"``, with
            their absolute values, as in the scripts of CT2, DDColor and ColorMNet. The two are up
            to 30 % apart and must not be compared with each other.
    """
    _check(rgb, rgb)
    if variant not in ("hasler", "abs"):
        raise MetricError(f"colorfulness has the variants 'hasler' and 'abs', not {variant!r}")
    red, green, blue = np.moveaxis(rgb.astype(np.float64) * RGB_LEVELS, -1, 0)
    opponents = np.stack([red - green, (red + green) / 2 - blue])  # (2, H, W)
    if variant == "abs":
        opponents = np.abs(opponents)
    spread = np.hypot(*opponents.std(axis=(1, 2)))
    return float(spread + 0.3 * np.hypot(*opponents.mean(axis=(1, 2))))


def is_nearly_gray(ab: Floats) -> bool:
    """Tell whether no pixel has an abs(a) or abs(b) above 5: there is no color to predict."""
    _check(ab, ab)
    return not bool((np.abs(ab) > GRAY_LIMIT).any())


def _check(predicted: Floats, truth: Floats) -> None:
    if predicted.shape != truth.shape:
        raise MetricError(f"pictures of unequal size: {predicted.shape} and {truth.shape}")
    for array in (predicted, truth):
        if not np.issubdtype(array.dtype, np.floating):
            raise MetricError(f"metrics take floats; differences of {array.dtype} wrap around")
        if array.size == 0:
            raise MetricError("a picture without pixels")
        if not np.isfinite(array).all():
            raise MetricError("a picture holds NaN or infinity")


def _size(array: Floats) -> str:
    return f"{array.shape[1]}x{array.shape[0]}"
