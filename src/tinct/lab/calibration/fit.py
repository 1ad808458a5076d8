"""Choose how colors are read from a network's distribution, by what comes out on photographs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from tinct.errors import OptionError
from tinct.lab.calibration.views import Views
from tinct.lab.networks.readout import DecodeConfig

Numbers = NDArray[np.float64]

POWERS = (0.0, 0.5, 1.0, 1.5, 2.0, 2.5)
"""Of the prior, over the temperature: what divides the annealed probabilities at vividness 1."""
GAINS = (0.0, 0.3, 0.6)
"""Of the chroma of sure colors, at vividness 1."""
LEVELS = (0.0, 0.25, 0.5, 0.75, 1.0)
"""Of vividness, between which colorfulness is interpolated."""
EYE = 0.03
"""dB at vividness 1 that a higher gain may cost: it leaves unsure places alone."""
STEP = 0.05
"""To which the default vividness is rounded."""
NEAR_SHARE = 0.01
"""Of colorfulness: ways that are no farther apart count as equally vivid."""
FINE = 201
"""Powers between those that are tried."""
CURVES = (0.25, 4.0)
"""Lowest and highest exponent of vividness."""
TINY, MAX_LOGIT = 1e-7, 30.0
NEWTON_STEPS, RIDGE, SMALLEST_SLOPE = 25, 1e-3, 0.05
"""Of the regression; a confidence that rises with the spread would be none."""


@dataclass(frozen=True)
class Targets:
    """What is wanted of a model."""

    default_share: float = 0.75
    """Colorfulness at the default vividness, of the truth's."""
    vivid_share: float = 1.0
    """Colorfulness at vividness 1, of the truth's."""
    vivid_gain: float = 0.0
    """PSNR at vividness 1 is at least so many dB above that of gray; comes before the share."""


@dataclass(frozen=True)
class Choice:
    """A way of reading colors, and the default vividness."""

    decode: DecodeConfig
    default_vividness: float


def calibrate(views: Views, targets: Targets, start: DecodeConfig) -> Choice:
    """Choose vividness and its default, and the scale of the confidence.

    The temperature stays: PSNR alone would choose a low one, which costs LPIPS.

    Args:
        views: Of photographs that nothing will be measured on later.
        targets: What is wanted.
        start: Where the search begins.

    Raises:
        OptionError: Even the most faithful colors are worse than the targets allow.
    """
    plain = replace(start, gain=0.0, vividness_curve=1.0)
    plain = fit_confidence(views, plain, 0)  # the gain follows it
    decode = fit_confidence(views, choose_vivid(views, plain, targets), 0.5)
    shares = [views.measure(decode, level).share for level in LEVELS]
    curve = even_curve(LEVELS, shares)
    default = default_vividness(LEVELS, shares, curve, targets.default_share)
    return Choice(replace(decode, vividness_curve=curve), default)


def choose_vivid(views: Views, decode: DecodeConfig, targets: Targets) -> DecodeConfig:
    """Choose power of the prior and gain at vividness 1: the best PSNR for the colorfulness.

    Raises:
        OptionError: No choice keeps the PSNR that is asked for.
    """
    lowest = views.gray() + targets.vivid_gain
    ways = [way for gain in GAINS for way in _ways(views, decode, gain, targets.vivid_share)]
    allowed = [way for way in ways if way.psnr >= lowest]
    if not allowed:
        best = max(way.psnr for way in ways) - views.gray()
        text = (
            f"no vividness keeps {targets.vivid_gain:+g} dB above gray: at best it is {best:+.2f}"
        )
        raise OptionError(f"{text}; --vivid-gain asks for less")
    shares = [way.share for way in allowed]
    reach = min(max(targets.vivid_share, min(shares)), max(shares))
    near = [way for way in allowed if abs(way.share - reach) <= NEAR_SHARE]
    best = max(way.psnr for way in near)
    chosen = max((way for way in near if way.psnr >= best - EYE), key=lambda w: (w.gain, w.psnr))
    return replace(decode, prior_power=round(chosen.power, 3), gain=chosen.gain)


@dataclass(frozen=True)
class _Way:
    """What vividness 1 could be, and what comes of it."""

    power: float
    gain: float
    share: float
    psnr: float


def _ways(views: Views, decode: DecodeConfig, gain: float, vivid_share: float) -> list[_Way]:
    """Try powers of the prior until colors are vivid enough, and interpolate between them."""
    tried: list[_Way] = []
    for step in POWERS:
        way = replace(decode, prior_power=step * decode.temperature, gain=gain)
        colors = views.measure(way, 1)
        tried.append(_Way(way.prior_power, gain, colors.share, colors.psnr))
        if colors.share > vivid_share:
            break
    powers = [way.power for way in tried]
    fine = np.linspace(powers[0], powers[-1], FINE)
    shares = np.interp(fine, powers, [way.share for way in tried])
    psnr = np.interp(fine, powers, [way.psnr for way in tried])
    return [_Way(*facts) for facts in zip(fine, [gain] * FINE, shares, psnr, strict=True)]


def even_curve(levels: Sequence[float], shares: Sequence[float]) -> float:
    """Return the exponent that makes colorfulness grow evenly.

    Args:
        levels: From 0 to 1.
        shares: Colorfulness at each, with an exponent of 1.

    Returns:
        By least squares between the logarithms of vividness and of the level that gives it its
        even share of the way from the first colorfulness to the last.
    """
    fine = np.linspace(0, 1, 101)[1:-1]
    wanted = shares[0] + fine * (shares[-1] - shares[0])
    level = np.interp(wanted, shares, levels).clip(1e-6, 1)
    logarithm = np.log(fine)
    curve = float(logarithm @ np.log(level) / (logarithm @ logarithm))
    return round(min(max(curve, CURVES[0]), CURVES[1]), 3)


def default_vividness(
    levels: Sequence[float], shares: Sequence[float], curve: float, wanted: float
) -> float:
    """Return the smallest vividness, in steps of ``STEP``, that reaches a share of colorfulness.

    Args:
        levels: From 0 to 1.
        shares: Colorfulness at each, with an exponent of 1.
        curve: The exponent in use.
        wanted: Share at the default; that of vividness 1 where this is more.
    """
    steps = np.linspace(0, 1, round(1 / STEP) + 1)
    reached = np.interp(steps**curve, levels, shares) >= min(wanted, shares[-1])
    return round(float(steps[np.argmax(reached)]), 2)


def fit_confidence(views: Views, decode: DecodeConfig, vividness: float) -> DecodeConfig:
    """Fit the confidence: the probability that a color lies within ``NEAR`` of the truth."""
    plain = replace(decode, confidence_scale=1.0, confidence_slope=1.0)
    confidence = views.confidences(plain, vividness).confidence.astype(np.float64)
    variance = 1 / confidence.clip(TINY, 1 - TINY) - 1
    scale, slope = fit_odds(variance, views.confidences(decode, vividness).right)
    return replace(decode, confidence_scale=round(scale, 2), confidence_slope=round(slope, 3))


def fit_odds(variance: Numbers, right: Numbers) -> tuple[float, float]:
    """Fit ``1 / (1 + (variance / scale**2) ** slope)`` to what was right.

    Logistic regression on the logarithm of the variance, by Newton's method: two numbers, so that
    the order of colors, and what caution removes first, stays that of their spread.

    Args:
        variance: (M,) of distributions over ab, above 0.
        right: (M,) 1 where the color was right, else 0.

    Returns:
        Scale and slope.
    """
    spread = np.log(variance)
    design = np.stack([np.ones_like(spread), -spread])  # (2, M)
    weights = np.zeros(2)
    for _ in range(NEWTON_STEPS):
        guess = 1 / (1 + np.exp(-(weights @ design).clip(-MAX_LOGIT, MAX_LOGIT)))
        gradient = design @ (right - guess) - RIDGE * weights
        curvature = (design * guess * (1 - guess)) @ design.T + RIDGE * np.eye(2)
        weights += np.linalg.solve(curvature, gradient)
    slope = max(float(weights[1]), SMALLEST_SLOPE)
    return float(np.exp(weights[0] / (2 * slope))), slope
