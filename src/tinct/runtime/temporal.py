"""Steady colours over the frames of a film or camera.

Frame by frame, the network answers each grain of noise with another colour. Here its answers are
averaged along the motion of the picture: every cell of the map of ab remembers a colour, how much
evidence stands behind it, and which luma it belongs to. The memory is moved to where its contents
went (optical flow of luma), believed only where luma confirms it, and then corrected by the new
answer with the gain of a Kalman filter for a constant: new evidence over all evidence. A cell that
something uncovered has no evidence yet and takes the frame's own answer, so nothing is smeared.

Only luma and past frames are used. A cut is a frame of which memory explains little.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.runtime.upsample import Plane

__all__ = ["TemporalSmoother"]

STILL_FRAMES = 50
"""Answers that are averaged where the picture stands still: two seconds of film."""
MOVING_FRAMES = 10
"""Answers that are averaged where it moves: each move resamples and so blurs memory."""
REFERENCE_FRAMES = 8
"""Frames of luma averaged to compare with: free of noise, yet young enough to follow the light."""
LUMA_FLOOR = 0.008
"""Difference of luma that never counts as a change: two steps of an 8-bit picture."""
LUMA_NOISES = 3.0
"""Standard deviations of noise at which a difference of luma starts to count as a change."""
CUT_SHARE = 0.4
"""Share of the picture that memory must explain; with less, the scene is another one."""
STILL = 0.3
"""Cells of motion below which the picture may as well stand still."""

_FINEST_SCALE = 1  # of the flow: patches of the map at half size, errors of 0.07 cells
_A, _B, _EVIDENCE, _LUMA = range(4)


@dataclass(frozen=True)
class _Recall:
    """What memory says about a frame."""

    ab: NDArray[np.float32]  # (h, w, 2)
    evidence: Plane
    luma: Plane  # at the frame's brightness
    limit: Plane  # evidence that memory may hold at most


class TemporalSmoother:
    """Steadies ab over frames; one object a film, called once a frame in their order."""

    def __init__(self) -> None:
        """Begin without memory."""
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._flow.setFinestScale(_FINEST_SCALE)
        self._memory: NDArray[np.float32] | None = None  # (h, w, 4): a, b, evidence, luma

    def reset(self) -> None:
        """Forget everything: the next frame has its own colours."""
        self._memory = None

    def __call__(
        self, luma: Plane, ab: NDArray[np.float32], confidence: Plane
    ) -> NDArray[np.float32]:
        """Steady the answer to one frame.

        Args:
            luma: (h, w) luma at working size, 0..1.
            ab: (2, h / 4, w / 4) in CIE units, the network's answer to this frame alone.
            confidence: (h / 4, w / 4), 0..1.

        Returns:
            ab of the same shape. The first frame, the first after a cut and the first of another
            size come back as they are.
        """
        answer = np.ascontiguousarray(np.moveaxis(ab, 0, -1))
        small = cast("Plane", cv2.resize(luma, answer.shape[1::-1], interpolation=cv2.INTER_AREA))
        weight = np.maximum(confidence, np.float32(0.05))
        recall = self._recall(small)
        if recall is None:
            self._memory = np.dstack([answer, weight, small])
            return ab
        total = recall.evidence + weight
        steadied = recall.ab + (weight / total)[..., None] * (answer - recall.ab)
        share = np.maximum(weight / total, np.float32(1 / REFERENCE_FRAMES))
        reference = recall.luma + share * (small - recall.luma)
        self._memory = np.dstack([steadied, np.minimum(total, recall.limit * weight), reference])
        return np.ascontiguousarray(np.moveaxis(steadied, -1, 0))

    def _recall(self, luma: Plane) -> _Recall | None:
        """Return memory moved to where its contents are now; None where there is none."""
        if self._memory is None or self._memory.shape[:2] != luma.shape:
            return None
        motion = self._motion(luma)
        moved, inside = _move(self._memory, motion)
        lit = _relight(moved[..., _LUMA], luma)
        validity = _validity(luma - lit) * inside
        if validity.mean() < CUT_SHARE:
            return None
        still = (motion == 0).all(axis=-1)
        limit = np.where(still, np.float32(STILL_FRAMES), np.float32(MOVING_FRAMES))
        return _Recall(moved[..., : _B + 1], moved[..., _EVIDENCE] * validity, lit, limit)

    def _motion(self, luma: Plane) -> NDArray[np.float32]:
        """Return where each cell was in memory, as a displacement in cells, (h, w, 2)."""
        memory = cast("NDArray[np.float32]", self._memory)[..., _LUMA]
        if min(luma.shape) < 16:  # the flow needs patches; so small a map does without
            return np.zeros((*luma.shape, 2), np.float32)
        flow = cast("Any", self._flow).calc(_bytes(luma), _bytes(memory), None)
        standing = (flow * flow).sum(axis=-1, keepdims=True) < STILL**2
        return np.where(standing, np.float32(0), flow)


def _move(
    memory: NDArray[np.float32], motion: NDArray[np.float32]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Sample memory at displaced places; also return which of them lie inside it."""
    height, width = memory.shape[:2]
    x = motion[..., 0] + np.arange(width, dtype=np.float32)
    y = motion[..., 1] + np.arange(height, dtype=np.float32)[:, None]
    moved: Any = cv2.remap(memory, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = (x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5)
    return moved, inside


def _relight(luma: Plane, target: Plane) -> Plane:
    """Return luma at the brightness and contrast of the target: flicker and flashes change both."""
    keep = np.ones(luma.shape, bool)
    relit = luma
    for _ in range(2):
        mean, goal = luma[keep].mean(), target[keep].mean()
        centred = luma[keep] - mean
        variance = float(np.dot(centred, centred)) + 1e-6
        gain = np.clip(float(np.dot(centred, target[keep] - goal)) / variance, 0.5, 2)
        relit = (luma - mean) * np.float32(gain) + goal
        difference = np.abs(relit - target)
        keep = difference <= 2 * np.median(difference) + 1e-6
    return relit


def _validity(difference: Plane) -> Plane:
    """Return 1 where a difference of luma is noise, falling to 0 where something else is seen."""
    smooth = cast("Plane", cv2.blur(difference, (3, 3)))
    size = np.abs(smooth)
    noise = np.float32(1.4826) * np.median(size)
    limit = np.maximum(noise * np.float32(LUMA_NOISES), np.float32(LUMA_FLOOR))
    return cast("Plane", np.clip(2 - size / limit, 0, 1))


def _bytes(luma: Plane) -> NDArray[np.uint8]:
    return cast("NDArray[np.uint8]", cv2.convertScaleAbs(luma, alpha=255))
