"""Key frames of a film: frames whose colors somebody has corrected.

Their colors go forwards and backwards to the ends of the scene, and from one key frame to the next
they change over evenly. Frames are counted, not their times, which files round.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from tinct.errors import InputError
from tinct.runtime.compose import luma_of
from tinct.runtime.reference import ab_of
from tinct.runtime.temporal import CutFinder

if TYPE_CHECKING:
    from tinct.frame_format import FrameFormat
    from tinct.runtime.compose import Pixels
    from tinct.runtime.film import FilmColorizer, Samples
    from tinct.runtime.reference import KeyFrame, Weighted

_RATIO = 0.01  # by how much the ratio of the sides may differ from the film's
_GRAY = 1.0  # mean chroma in CIE units: less is no color
_SMALL = 48, 64  # rows and columns in which a key frame is compared with the frame of the film
_LEAST_LIKENESS = 0.5  # correlation of their luma


@dataclass(frozen=True)
class Scene:
    """A part of a film that no cut divides."""

    begin: int
    """Which frame of the film is its first; the first of all is 0."""
    end: int
    """Which frame is the first one after it."""
    key_frames: tuple[tuple[int, KeyFrame], ...]
    """Which frames they are and what they say, at least one, in their order."""


class KeyFrames:
    """The key frames of a film, scene by scene."""

    def __init__(self, scenes: Sequence[Scene] = (), times: Sequence[int] = ()) -> None:
        """Prepare for a film.

        Args:
            scenes: Those that have key frames, in their order.
            times: Of all frames in their order, in ticks, up to the end of the last of the scenes.
        """
        self._scenes, self._times = tuple(scenes), times
        self._begins = [scene.begin for scene in self._scenes]

    def near(self, time: int) -> tuple[Weighted, ...]:
        """Return what the last key frame before a time and the first one after it say.

        Args:
            time: Of a frame, in ticks.

        Returns:
            None, one or two key frames of the same scene, and their weights, which are 1 together.
        """
        frame = bisect_left(self._times, time)
        number = bisect_right(self._begins, frame) - 1
        if number < 0 or frame >= self._scenes[number].end:
            return ()
        known = self._scenes[number].key_frames
        after = bisect_right([place for place, _ in known], frame)
        if after in (0, len(known)):
            return ((known[max(after - 1, 0)][1], 1.0),)
        (begin, last), (end, following) = known[after - 1 : after + 1]
        length = end - begin
        weighted = ((last, (end - frame) / length), (following, (frame - begin) / length))
        return tuple(pair for pair in weighted if pair[1])


@dataclass(frozen=True)
class KeyPicture:
    """A picture of a frame, in the colors that it shall have."""

    name: str
    """How messages call it."""
    pixels: Pixels
    """(H, W, 3 or 4) as the frame is shown, uint8, uint16 or float in 0..1; only color counts."""


def place_key_frames(
    film: FilmColorizer,
    frames: Iterable[tuple[int, int, Samples]],
    pictures: Mapping[int, KeyPicture],
    warn: Callable[[str], object],
) -> KeyFrames:
    """Look through a film for the scenes that key frames are in.

    Args:
        film: Colors it.
        frames: Number, time in ticks and luma of each, in their order from the beginning of the
            film. They are taken up to the end of the last scene that has a key frame.
        pictures: Key frames by the numbers of their frames, at least one.
        warn: Called with what the user should know, one sentence each.

    Raises:
        InputError: A picture is gray, or of another ratio of sides than the film; or the film has
            no such frame.
        ModelError: The model takes no hints.
    """
    form = film.format
    for picture in pictures.values():
        _check(picture, form, warn)
    left = dict(pictures)
    scenes: list[Scene] = []
    known: list[tuple[int, KeyFrame]] = []  # of the scene that is being looked at
    times: list[int] = []
    begin = last = 0
    is_cut = CutFinder()
    for last, time, luma in frames:
        if is_cut(film.small_luma(luma)):
            if known:
                scenes.append(Scene(begin, len(times), tuple(known)))
            if not left:
                break
            begin, known = len(times), []
        if last in left:
            picture = left.pop(last)
            if not _is_alike(np.rot90(luma, form.turns).copy(), picture):
                warn(f"{picture.name}: does not look like frame {last}")
            known.append((len(times), film.key_frame(luma, picture.pixels)))
        times.append(time)
    else:
        if known:
            scenes.append(Scene(begin, len(times), tuple(known)))
    if left:
        number, picture = min(left.items())
        raise InputError(f"{picture.name}: there is no frame {number}, the last one is {last}")
    return KeyFrames(scenes, times)


def _check(picture: KeyPicture, form: FrameFormat, warn: Callable[[str], object]) -> None:
    height, width = picture.pixels.shape[:2]
    rows, columns = form.shown_shape
    size = f"{width}x{height}, the frames of the film {columns}x{rows}"
    if abs(width * rows / (height * columns) - 1) > _RATIO:
        raise InputError(f"{picture.name}: of another ratio of sides: {size}")
    is_gray = picture.pixels.ndim == 2 or picture.pixels.shape[2] < 3
    if is_gray or np.hypot(*ab_of(picture.pixels, _SMALL)).mean() < _GRAY:
        raise InputError(f"{picture.name}: is gray: a key frame says what color things are")
    if (width, height) != (columns, rows):
        warn(f"{picture.name}: {size}: scaled")


def _is_alike(luma: Samples, picture: KeyPicture) -> bool:
    """Tell whether a key frame shows what the frame of the film does."""
    planes = (luma, luma_of(picture.pixels))
    small = [cv2.resize(plane, _SMALL[::-1], interpolation=cv2.INTER_AREA) for plane in planes]
    one, other = (plane.astype(np.float64) - plane.mean() for plane in small)
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return not size or float(np.vdot(one, other)) / size >= _LEAST_LIKENESS
