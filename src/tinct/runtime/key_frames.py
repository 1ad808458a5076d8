"""Key frames of a film: frames whose colors somebody has corrected.

Their colors go forwards and backwards to the ends of the scene, and from one key frame to the next
they change over by the time that is left to each.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tinct.runtime.reference import KeyFrame, Weighted

_NEAREST = 0.01  # ticks: at a key frame itself nothing else counts


@dataclass(frozen=True)
class Scene:
    """A part of a film that no cut divides."""

    begin: int
    """Time of its first frame, in ticks."""
    end: int
    """Time of the first frame after it."""
    key_frames: tuple[tuple[int, KeyFrame], ...]
    """Their times and what they say, at least one, in their order."""


class KeyFrames:
    """The key frames of a film, scene by scene."""

    def __init__(self, scenes: Sequence[Scene] = ()) -> None:
        """Take the scenes that have key frames, in their order."""
        self._scenes = tuple(scenes)
        self._begins = [scene.begin for scene in self._scenes]

    def near(self, time: int) -> tuple[Weighted, ...]:
        """Return what the last key frame before a time and the first one after it say.

        Args:
            time: Of a frame, in ticks.

        Returns:
            None, one or two key frames of the same scene, and their weights.
        """
        number = bisect_right(self._begins, time) - 1
        if number < 0 or time >= self._scenes[number].end:
            return ()
        known = self._scenes[number].key_frames
        after = bisect_right([moment for moment, _ in known], time)
        return tuple(
            (key_frame, 1 / (abs(moment - time) + _NEAREST))
            for moment, key_frame in known[max(after - 1, 0) : after + 1]
        )
