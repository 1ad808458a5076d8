"""Key frames of a film: their pictures, and where the scenes that they are in begin and end."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

import cv2
import numpy as np

from tinct.apps.console import print_warning, progress_bar
from tinct.apps.stages import prefetch
from tinct.errors import InputError
from tinct.films.sequence import SequenceReader
from tinct.photographs import read_picture
from tinct.runtime.compose import luma_of
from tinct.runtime.key_frames import KeyFrames, Scene
from tinct.runtime.reference import ab_of
from tinct.runtime.temporal import CutFinder

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from tinct.apps.films.frames import Finish
    from tinct.apps.films.key_frame_files import KeyFrameFile
    from tinct.films.reader import FilmSource
    from tinct.frame_format import FrameFormat
    from tinct.photographs import Picture
    from tinct.runtime.compose import Pixels
    from tinct.runtime.film import FilmColorizer, Samples
    from tinct.runtime.reference import KeyFrame

_RATIO = 0.01  # by how much the ratio of the sides may differ from the film's
_GRAY = 1.0  # mean chroma in CIE units: less is no color
_SMALL = 48, 64  # rows and columns in which a key frame is compared with the frame of the film
_LEAST_LIKENESS = 0.5  # correlation of their luma
_WAITING = 4  # frames between reading and looking


def frame_numbers(reader: FilmSource) -> Iterable[int]:
    """Return the numbers of all frames in their order.

    Those of pictures in a row are in their names, those of a film are 1, 2, 3 ...
    """
    return reader.numbers if isinstance(reader, SequenceReader) else count(1)


def read_key_frames(
    files: Sequence[KeyFrameFile], reader: FilmSource, film: FilmColorizer, finish: Finish
) -> KeyFrames:
    """Read key frames, and look through the film for the scenes that they are in.

    The film is read from its beginning to the end of the last of these scenes.

    Args:
        files: The key frames.
        reader: The film.
        film: Colors it.
        finish: Gives the luma of its frames.

    Raises:
        InputError: A file cannot be read, is gray, or of another ratio of sides than the film; or
            the film has no such frame.
        ModelError: The model takes no hints.
    """
    if not files:
        return KeyFrames()
    left = {file.number: (file.path, _read(file.path, reader.facts.form)) for file in files}
    scenes: list[Scene] = []
    known: list[tuple[int, KeyFrame]] = []  # of the scene that is being read
    begin = end = last = 0
    is_cut = CutFinder()
    with prefetch(reader.frames(), _WAITING) as frames, progress_bar(None, "looked at") as advance:
        for number, frame in zip(frame_numbers(reader), frames, strict=False):
            luma = finish.luma(frame)
            if is_cut(film.small_luma(luma)):
                if known:
                    scenes.append(Scene(begin, frame.time, tuple(known)))
                if not left:
                    break
                begin, known = frame.time, []
            if number in left:
                path, picture = left.pop(number)
                if not _is_alike(np.rot90(luma, reader.facts.form.turns).copy(), picture):
                    print_warning(f"{path}: does not look like frame {number}")
                known.append((frame.time, film.key_frame(luma, picture.pixels)))
            end, last = frame.time + frame.duration, number
            advance()
        else:
            if known:
                scenes.append(Scene(begin, end, tuple(known)))
    if left:
        number, (path, _) = min(left.items())
        raise InputError(f"{path}: there is no frame {number}, the last one is {last}")
    return KeyFrames(scenes)


def _read(path: Path, form: FrameFormat) -> Picture:
    """Read a key frame.

    Raises:
        InputError: It cannot be read, is gray, or of another ratio of sides than the film.
    """
    picture = read_picture(path)
    height, width = picture.pixels.shape[:2]
    rows, columns = form.luma_shape if form.turns % 2 == 0 else form.luma_shape[::-1]
    size = f"{width}x{height}, the frames of the film {columns}x{rows}"
    if abs(width * rows / (height * columns) - 1) > _RATIO:
        raise InputError(f"{path}: of another ratio of sides: {size}")
    if picture.is_gray or _mean_chroma(picture.pixels) < _GRAY:
        raise InputError(f"{path}: is gray: a key frame says what color things are")
    if (width, height) != (columns, rows):
        print_warning(f"{path}: {size}: scaled")
    return picture


def _mean_chroma(pixels: Pixels) -> float:
    """Return the mean distance of the colors of a picture from gray, in CIE units."""
    return float(np.hypot(*ab_of(pixels, _SMALL)).mean())


def _is_alike(luma: Samples, picture: Picture) -> bool:
    """Tell whether a key frame shows what the frame of the film does."""
    planes = (luma, luma_of(picture.pixels))
    small = [cv2.resize(plane, _SMALL[::-1], interpolation=cv2.INTER_AREA) for plane in planes]
    one, other = (plane.astype(np.float64) - plane.mean() for plane in small)
    size = float(np.linalg.norm(one) * np.linalg.norm(other))
    return not size or float(np.vdot(one, other)) / size >= _LEAST_LIKENESS
