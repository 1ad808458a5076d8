"""How steady the colors of a film are, and how true.

Flicker is a change of color where the scene did not change, so everything is judged on what the
true film tells: where it stands still, where each place was a frame ago, and what was hidden then.

Colors are looked at in cells of 4x4 pixels, the size of the network's answers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color import rgb_to_lab, rgb_to_luma

Floats = NDArray[np.float32]

CELL = 4
"""Pixels of a frame to the side of a cell."""
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
CUT_VISIBLE = 0.5
"""Share of a frame that the one before shows at least, within a scene."""
CDC_DISTANCES = (1, 2, 4)
"""Frames between which histograms are compared."""
_ALL = 0.999  # share of a cell that lies in a mask with all its pixels


@dataclass(frozen=True)
class Motion:
    """Where the cells of a frame were in the frame before; planes are (h, w)."""

    flow: Floats  # (h, w, 2), cells
    visible: NDArray[np.bool_]  # were seen there at all
    is_cut: bool  # whether another scene begins


@dataclass(frozen=True)
class StillWindow:
    """Some frames of one scene, a second at most, and where it stands still meanwhile."""

    begin: int
    end: int
    still: NDArray[np.bool_]  # (h, w)

    def resized(self, height: int, width: int) -> StillWindow:
        """Return the same for maps of another size."""
        share: Any = cv2.resize(
            self.still.astype(np.float32), (width, height), interpolation=cv2.INTER_AREA
        )
        return replace(self, still=share > _ALL)


@dataclass(frozen=True)
class SceneMotion:
    """What a true film tells about motion."""

    windows: tuple[StillWindow, ...]
    motions: tuple[Motion, ...]  # one for each frame but the first


def observe(frames: Sequence[NDArray[np.uint8]]) -> SceneMotion:
    """Look for motion in a true film, (H, W, 3) each."""
    lumas = [rgb_to_luma(frame.astype(np.float32) / np.float32(255)) for frame in frames]
    flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    motions = tuple(_motion(flow, *pair) for pair in pairwise(lumas))
    cuts = [0, *(index + 1 for index, motion in enumerate(motions) if motion.is_cut), len(lumas)]
    spans = [
        (begin, min(begin + WINDOW, last))
        for first, last in pairwise(cuts)
        for begin in range(first, last, WINDOW)
    ]
    windows = (StillWindow(*span, _find_still(lumas[slice(*span)])) for span in spans)
    return SceneMotion(tuple(windows), motions)


def shrink(plane: Floats) -> Floats:
    """Average over cells, (H, W) or (H, W, channels)."""
    size = (max(plane.shape[1] // CELL, 1), max(plane.shape[0] // CELL, 1))
    small: Any = cv2.resize(plane, size, interpolation=cv2.INTER_AREA)
    return cast("Floats", small)


def ab_of(cells: Floats) -> Floats:
    """Return ab, (h, w, 2), of (h, w, 3), sRGB-encoded in 0..1."""
    return np.ascontiguousarray(rgb_to_lab(cells)[..., 1:])


def ab_in_mean_light(cells: Sequence[Floats], windows: Sequence[StillWindow]) -> list[Floats]:
    """Return ab of every frame as if each place had its mean luma of a window all the time.

    What is left is the change of chroma: with equal chroma, ab depends on luma, and so on grain.

    Args:
        cells: (h, w, 3) for each frame, sRGB-encoded in 0..1.
        windows: All of the film, in order.
    """
    ab: list[Floats] = []
    for window in windows:
        part = np.stack(cells[window.begin : window.end])
        luma = rgb_to_luma(part)
        lit = part + (luma.mean(axis=0) - luma)[..., None]  # equal steps leave Cb and Cr alone
        ab += [ab_of(one) for one in lit.clip(0, 1)]
    return ab


def temporal_deviation(ab: Sequence[Floats], windows: Sequence[StillWindow]) -> float:
    """Standard deviation of ab over time where the scene stands still, in CIE units.

    It is the root of the mean squared distance of (a, b) from its mean over each window, over all
    places that stand still in it.

    Args:
        ab: (h, w, 2) for each frame.
        windows: Those of one frame do not count.

    Returns:
        NaN where nothing stands still.
    """
    total, count = 0.0, 0
    for window in windows:
        values = np.stack(ab[window.begin : window.end])[:, window.still]  # (frames, places, 2)
        if len(values) > 1:
            total += float(values.var(axis=0, dtype=np.float64).sum())
            count += values.shape[1]
    return float(np.sqrt(total / count)) if count else float("nan")


def warp_error(ab: Sequence[Floats], motions: Sequence[Motion]) -> float:
    """Change of ab along the motion of the scene, root mean square in CIE units.

    Each frame is compared with the frame before it, moved as the true film moves, where that shows
    the same things; not over cuts.

    Args:
        ab: (h, w, 2) for each frame.
        motions: One for each frame but the first.

    Returns:
        NaN where no frame shows anything of the one before.
    """
    errors = []
    for (before, after), motion in zip(pairwise(ab), motions, strict=True):
        if motion.visible.any() and not motion.is_cut:
            difference = (after - _move(before, motion.flow))[motion.visible]
            errors.append(float(np.square(difference).sum(axis=-1).mean(dtype=np.float64)))
    return float(np.sqrt(np.mean(errors))) if errors else float("nan")


def cdc(frames: Sequence[NDArray[np.uint8]]) -> float:
    """Color distribution consistency: how much the histograms of frames differ; 0 is steady.

    The Jensen-Shannon divergence, natural logarithm, between the 256-bin histograms of a channel in
    two frames; mean over all pairs of frames at a distance, over the distances 1, 2 and 4, and over
    the three channels. A gray film has a low one too: look at colorfulness beside it.

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
    middle = np.maximum((one + other) / 2, np.finfo(np.float64).tiny)
    terms = [
        side * np.log(side / middle, where=side > 0, out=np.zeros_like(side))
        for side in (one, other)
    ]
    return np.asarray((terms[0] + terms[1]).sum(axis=-1) / 2)


def _motion(flow: Any, before: Floats, after: Floats) -> Motion:
    before = _light(before, float(after.mean()))
    first, second = (cv2.convertScaleAbs(luma, alpha=255) for luma in (before, after))
    back, forth = flow.calc(second, first, None), flow.calc(first, second, None)
    missed = back + _move(forth, back)
    left = np.abs(_without_grain(after) - _move(_without_grain(before), back))
    visible = (np.hypot(missed[..., 0], missed[..., 1]) < FLOW_ERROR) & (left < FLOW_LUMA)
    return Motion(
        shrink(back) / np.float32(CELL), _whole(visible), bool(visible.mean() < CUT_VISIBLE)
    )


def _whole(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the cells that lie in a mask with all their pixels."""
    return shrink(mask.astype(np.float32)) > _ALL


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
    return _whole(smooth.std(axis=0) < STILL_LUMA)
