"""How steady the colours of a film are, and how true.

Flicker is a change of colour where the scene did not change, so everything is judged on what the
true film tells: where it stands still, where each pixel was a frame ago, and what was hidden then.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color import rgb_to_luma

Floats = NDArray[np.float32]

WINDOW = 24
"""Frames in which a place counts as still or not: a second of film."""
STILL_LUMA = 2 / 255
"""Standard deviation over a window, of luma without its grain, up to which a place stands still."""
GRAIN = 9
"""Pixels over which luma is averaged to be without its grain."""
FLOW_ERROR = 1.0
"""Pixels by which flow there and back may miss; further, a pixel was hidden before."""
FLOW_LUMA = 0.05
"""Difference of luma that flow may leave; with more, it did not find the pixel."""
CDC_DISTANCES = (1, 2, 4)
"""Frames between which histograms are compared."""


@dataclass(frozen=True)
class Motion:
    """Where the pixels of a frame were in the frame before."""

    flow: Floats  # (H, W, 2), pixels
    visible: NDArray[np.bool_]  # (H, W): were seen there at all


@dataclass(frozen=True)
class Scene:
    """What a true film tells about motion."""

    still: tuple[NDArray[np.bool_], ...]  # (H, W) for each window of ``WINDOW`` frames
    motions: tuple[Motion, ...]  # one for each frame but the first


def observe(frames: Sequence[NDArray[np.uint8]]) -> Scene:
    """Look for motion in a true film, (H, W, 3) each."""
    lumas = [rgb_to_luma(frame.astype(np.float32) / np.float32(255)) for frame in frames]
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    motions = tuple(_motion(flow, *pair) for pair in pairwise(lumas))
    windows = [lumas[begin : begin + WINDOW] for begin in range(0, len(lumas), WINDOW)]
    return Scene(tuple(map(_find_still, windows)), motions)


def temporal_deviation(ab: Sequence[Floats], still: Sequence[NDArray[np.bool_]]) -> float:
    """Standard deviation of ab over time where the scene stands still, in CIE units.

    It is the root of the mean squared distance of (a, b) from its mean over each window of
    ``WINDOW`` frames, over all places that stand still in that window.

    Args:
        ab: (H, W, 2) each.
        still: (H, W) for each window.

    Returns:
        NaN where nothing stands still.
    """
    total, count = 0.0, 0
    for index, mask in enumerate(still):
        window = np.stack(ab[index * WINDOW : (index + 1) * WINDOW])[:, mask]  # (T, places, 2)
        if len(window) > 1:
            total += float(window.var(axis=0, dtype=np.float64).sum())
            count += int(mask.sum())
    return float(np.sqrt(total / count)) if count else float("nan")


def warp_error(ab: Sequence[Floats], motions: Sequence[Motion]) -> float:
    """Change of ab along the motion of the scene, root mean square in CIE units.

    Each frame is compared with the frame before it, moved as the true film moves, where that shows
    the same things.

    Returns:
        NaN where no frame shows anything of the one before.
    """
    errors = []
    for (before, after), motion in zip(pairwise(ab), motions, strict=True):
        if motion.visible.any():
            difference = (after - _move(before, motion.flow))[motion.visible]
            errors.append(float(np.square(difference).sum(axis=-1).mean(dtype=np.float64)))
    return float(np.sqrt(np.mean(errors))) if errors else float("nan")


def cdc(frames: Sequence[NDArray[np.uint8]]) -> float:
    """Colour distribution consistency: how much the histograms of frames differ; 0 is steady.

    The Jensen-Shannon divergence, natural logarithm, between the 256-bin histograms of a channel in
    two frames; mean over all pairs of frames at a distance, over the distances 1, 2 and 4, and over
    the three channels. A grey film has a low one too: look at colourfulness beside it.

    Args:
        frames: (H, W, 3) each.

    Returns:
        NaN for fewer than five frames.
    """
    if len(frames) <= max(CDC_DISTANCES):
        return float("nan")
    histograms = np.stack([_histograms(frame) for frame in frames])
    steps = [
        _divergence(histograms[:-distance], histograms[distance:]).mean()
        for distance in CDC_DISTANCES
    ]
    return float(np.mean(steps))


def _histograms(frame: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Return the share of every value in each channel, (3, 256)."""
    channels = np.moveaxis(frame, -1, 0).reshape(3, -1)
    return np.stack([np.bincount(one, minlength=256) / one.size for one in channels])


def _divergence(one: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the Jensen-Shannon divergence over the last axis."""
    middle = (one + other) / 2
    sides = [
        np.where(side > 0, side * np.log(np.where(side > 0, side / middle, 1)), 0)
        for side in (one, other)
    ]
    return cast("NDArray[np.float64]", sum(side.sum(axis=-1) for side in sides) / 2)


def _motion(flow: Any, before: Floats, after: Floats) -> Motion:
    before = _light(before, float(after.mean()))
    first, second = (cv2.convertScaleAbs(luma, alpha=255) for luma in (before, after))
    back, forth = flow.calc(second, first, None), flow.calc(first, second, None)
    missed = back + _move(forth, back)
    left = np.abs(_without_grain(after) - _move(_without_grain(before), back))
    visible = (np.hypot(missed[..., 0], missed[..., 1]) < FLOW_ERROR) & (left < FLOW_LUMA)
    return Motion(back, visible)


def _move(plane: Floats, flow: Floats) -> Floats:
    height, width = plane.shape[:2]
    x = flow[..., 0] + np.arange(width, dtype=np.float32)
    y = flow[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    moved: Any = cv2.remap(plane, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return cast("Floats", moved)


def _without_grain(luma: Floats) -> Floats:
    return cast("Floats", cv2.blur(luma, (GRAIN, GRAIN)))


def _light(luma: Floats, level: float) -> Floats:
    """Return luma at another mean: flicker is no motion."""
    return luma * np.float32(level / max(float(luma.mean()), 1e-6))


def _find_still(lumas: Sequence[Floats]) -> NDArray[np.bool_]:
    """Return where a scene stands still, (H, W), be it lit more or less."""
    level = float(np.mean([luma.mean() for luma in lumas]))
    smooth = np.stack([_without_grain(_light(luma, level)) for luma in lumas])
    return cast("NDArray[np.bool_]", smooth.std(axis=0) < STILL_LUMA)
