"""Steady colors over the frames of a film or camera.

Frame by frame, the network answers each grain of noise with another color. Here its answers are
averaged along the motion of the picture. Each cell of the map of ab remembers a color, how much
evidence stands behind it, and which luma it belongs to. Memory is moved to where its contents
went (optical flow of luma), believed as far as luma confirms it, and then corrected by the new
answer with the gain of a Kalman filter for a constant: new evidence over all evidence. What was
just uncovered has no evidence yet and takes the frame's own colors, so nothing is smeared.

Only luma and past frames are used. After a cut, memory is neither near the new frame's luma nor
like it in structure; in a flash it is still alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color import Plane
from tinct.runtime.presence import is_blank

__all__ = ["CutFinder", "TemporalSmoother"]

STILL_FRAMES = 50
"""Answers that are averaged where the picture stands still: two seconds of film."""
MOVING_FRAMES = 10
"""Answers that are averaged where it moves: each move resamples and so blurs memory."""
REFERENCE_FRAMES = 8
"""Frames of luma averaged to compare with: free of noise, yet young enough to follow the light."""
STILL = 0.3
"""Cells of motion that do not count: averaged luma lags, so that slow motion adds up to more."""
LUMA_STEP = 0.012
"""Difference of luma, 0..1, that never counts as a change: three steps of an 8-bit picture."""
NOISE_STEPS = 3.0
"""Standard deviations of noise from which on a difference of luma counts as a change."""
NOISY_STEP = 0.03
"""Difference of luma that always counts: noise is found from the picture, and a cut is none."""
CUT_SHARE = 0.6
"""Share of the picture that memory explains at least, within a scene or ..."""
CUT_LIKENESS = 0.35
"""... correlation of its details with memory. In 30 clips cuts had up to 0.09, the rest 0.64."""
LEAST_CONFIDENCE = 0.05
"""Of any answer, so that there is always some evidence."""

_BLACK, _WHITE = 0.02, 0.98  # luma beyond may be clipped, and tells nothing about brightness
_BRIGHTNESS_ROUNDS = 2
_SPARSE = 4  # every so many cells are enough for a median
_LEAST_SHARE = 0.1  # of cells that must tell about brightness
_CONTRASTS = 0.5, 2.0
_FINEST_SCALE = 1  # of the flow: patches of the map at half size, errors of 0.07 cells
_SMALLEST_FLOW = 16  # cells in a direction that the patches of the flow need
_EVIDENCE, _LUMA = 2, 3  # channels of memory behind a and b


@dataclass(frozen=True)
class _Recall:
    """What memory says about a frame; planes are (h, w)."""

    a: Plane
    b: Plane
    evidence: Plane  # in answers of full confidence
    luma: Plane  # at the frame's brightness; may exceed white where the frame is clipped
    limit: Plane  # answers whose evidence may be kept


class TemporalSmoother:
    """Averages ab over frames; one object a film, called once a frame in their order."""

    def __init__(self) -> None:
        """Begin without memory."""
        self._flow = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_ULTRAFAST)
        self._flow.setFinestScale(_FINEST_SCALE)
        self._memory: NDArray[np.float32] | None = None  # (h, w, 4): a, b, evidence, luma
        self.begins_scene = False
        """Whether the last frame was the first one of a scene, or of all."""

    def reset(self) -> None:
        """Forget everything: the next frame has its own colors."""
        self._memory = None

    @property
    def memory(self) -> NDArray[np.float32] | None:
        """All that it remembers, (h, w, 4), or None; set it to go on exactly from there."""
        return self._memory

    @memory.setter
    def memory(self, memory: NDArray[np.float32] | None) -> None:
        self._memory = memory

    @property
    def luma(self) -> Plane | None:
        """Luma averaged over the last frames, (h, w), 0..1, where there is a memory."""
        if self._memory is None:
            return None
        return np.clip(self._memory[..., _LUMA], 0, 1)

    def __call__(
        self, luma: Plane, ab: NDArray[np.float32], confidence: Plane
    ) -> NDArray[np.float32]:
        """Average the answer to one frame with those before.

        Args:
            luma: (h, w) luma at working size, 0..1.
            ab: (2, h / 4, w / 4) in CIE units, the network's answer to this frame alone.
            confidence: (h / 4, w / 4), 0..1.

        Returns:
            ab of the same shape. The first frame, the first after a cut and the first of another
            size come back as they are.
        """
        small: Any = cv2.resize(luma, ab.shape[:0:-1], interpolation=cv2.INTER_AREA)
        weight: Plane = np.maximum(confidence, np.float32(LEAST_CONFIDENCE))
        if self._memory is not None and is_blank(small):
            self.begins_scene = False
            return ab  # it says nothing about the scene: memory outlives it
        recall = self._recall(small)
        self.begins_scene = recall is None
        if recall is None:
            self._memory = _merge(*ab, weight, small)
            return ab
        total = recall.evidence + weight
        gain = (weight / total).astype(np.float32, copy=False)
        a, b = recall.a + gain * (ab[0] - recall.a), recall.b + gain * (ab[1] - recall.b)
        kept = np.minimum(total, recall.limit * weight)
        self._memory = _merge(a, b, kept, _follow(recall.luma, small, gain))
        return np.stack((a, b))

    def _recall(self, luma: Plane) -> _Recall | None:
        """Return memory moved to where its contents are now; None where there is none."""
        if self._memory is None or self._memory.shape[:2] != luma.shape:
            return None
        x, y, limit = self._motion(cv2.extractChannel(self._memory, _LUMA), luma)
        (a, b, evidence, before), inside = _move(self._memory, x, y)
        lit = _relight(before, luma)
        shown = lit.clip(0, 1)
        validity = _validity(luma - shown) * inside
        if validity.mean() < CUT_SHARE and _likeness(shown, luma) < CUT_LIKENESS:
            return None
        return _Recall(a, b, evidence * validity, lit, limit)

    def _motion(self, before: Any, after: Plane) -> tuple[Plane, Plane, Plane]:
        """Return where each cell was, in cells to the right and down, and what may be averaged."""
        if min(after.shape) < _SMALLEST_FLOW:
            still = np.zeros_like(after)
            return still, still, np.full_like(after, STILL_FRAMES)
        images = (cv2.convertScaleAbs(luma, alpha=255) for luma in (after, before))
        x, y = cv2.split(cast("Any", self._flow).calc(*images, None))
        moves = x * x + y * y >= STILL**2
        limit = np.where(moves, np.float32(MOVING_FRAMES), np.float32(STILL_FRAMES))
        return x * moves, y * moves, limit


class CutFinder:
    """Finds the cuts of a film as the averaging does, without any colors."""

    def __init__(self) -> None:
        """Begin before the first frame."""
        self._smoother = TemporalSmoother()

    def __call__(self, luma: Plane) -> bool:
        """Tell whether the next frame is the first one of a scene; the first of all is.

        Args:
            luma: Of the frame, (h, w), 0..1, at about the size of the map of ab.
        """
        nothing = np.zeros((2, *luma.shape), np.float32)
        self._smoother(luma, nothing, np.ones_like(luma))
        return self._smoother.begins_scene


def _merge(*planes: Plane) -> NDArray[np.float32]:
    merged: Any = cv2.merge(planes)
    return cast("NDArray[np.float32]", merged)


def _follow(reference: Plane, luma: Plane, gain: Plane) -> Plane:
    """Bring averaged luma nearer to that of the frame, where that is not clipped."""
    share: Plane = np.maximum(gain, np.float32(1 / REFERENCE_FRAMES)) * _is_telling(luma)
    return reference + share * (luma - reference)


def _move(
    memory: NDArray[np.float32], right: Plane, down: Plane
) -> tuple[list[Plane], NDArray[np.bool_]]:
    """Sample memory at displaced places; also return which of them lie inside it."""
    height, width = right.shape
    x = right + np.arange(width, dtype=np.float32)
    y = down + np.arange(height, dtype=np.float32)[:, None]
    moved: Any = cv2.remap(memory, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    inside = (x > -0.5) & (x < width - 0.5) & (y > -0.5) & (y < height - 0.5)
    return list(cv2.split(moved)), inside


def _relight(luma: Plane, target: Plane) -> Plane:
    """Return luma at the brightness and contrast of the target: flicker and flashes change both.

    A straight line is fitted to the cells of the target that are not clipped, then once more to
    those of them that the first one explains.
    """
    telling = keep = _is_telling(target)
    relit = luma
    for _ in range(_BRIGHTNESS_ROUNDS):
        if keep.mean() < _LEAST_SHARE:
            break
        relit = _fit(luma, target, keep.astype(np.float32).ravel())
        difference = np.abs(relit - target)
        keep = telling & (difference <= np.float32(2) * _median(difference))
    return relit


def _fit(luma: Plane, target: Plane, weights: NDArray[np.float32]) -> Plane:
    """Apply to luma the straight line that leads from it to the target."""
    total = float(weights.sum())
    mean, goal = (float(weights @ plane.ravel()) / total for plane in (luma, target))
    centerd = luma - np.float32(mean)
    weighted = weights * centerd.ravel()
    slope = float(weighted @ target.ravel()) / (float(weighted @ centerd.ravel()) + 1e-6)
    return centerd * np.float32(np.clip(slope, *_CONTRASTS)) + np.float32(goal)


def _is_telling(luma: Plane) -> NDArray[np.bool_]:
    return (luma > _BLACK) & (luma < _WHITE)


def _validity(difference: Plane) -> Plane:
    """Return 1 where a difference of luma is noise, falling to 0 where something else is seen."""
    size = np.abs(cv2.blur(difference, (3, 3)))
    noise = 1.4826 * float(_median(size))  # of a normal distribution
    limit = np.float32(np.clip(NOISE_STEPS * noise, LUMA_STEP, NOISY_STEP))
    return cast("Plane", (2 - size / limit).clip(0, 1))


def _median(plane: Plane) -> np.float32:
    values = plane.ravel()[::_SPARSE]
    middle = values.size // 2  # of an even number NumPy's median is the mean of two, and slow
    return np.float32(np.partition(values, middle)[middle])


def _likeness(one: Plane, other: Plane) -> float:
    """Return the correlation of the details of two pictures, -1..1; 0 where there are none."""
    details = [cv2.Laplacian(cv2.blur(luma, (3, 3)), cv2.CV_32F) for luma in (one, other)]
    size = float(np.linalg.norm(details[0])) * float(np.linalg.norm(details[1]))
    return float(np.vdot(*details)) / size if size else 0.0
