"""Colors that a film brings along: shots in color already, and the tint of silent films."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from tinct.color import LUMA_WEIGHTS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from tinct.films.reader import FilmFrame
    from tinct.frame_format import FrameFormat

    Chroma = tuple[NDArray[Any], NDArray[Any]]

_SMALL = 64, 48  # width and height of the pictures in which colors are looked for
_LEVELS = 16  # of luma, for each of which a tint has a color
_LEAST_COLOR = 2.5  # steps of 8 bits by which chroma differs from the tint on average, in color
_OWN_COLOR = 8.0  # steps by which a place differs that has a color of its own ...
_COLORED_SHARE = 0.04  # ... as this share of the picture has
_LEAST_TINT = 1.5  # steps of 8 bits: less is the noise of coding
_CUT = 0.1  # mean difference of luma, 0..1, from one shot to the next
_BLANK = 4.0  # standard deviation of luma, steps of 8 bits, up to which a frame shows nothing
_FRAMES_TO_CHANGE = 12  # in a row, before a shot counts as the other kind without a cut


def find_own_color(
    frames: Iterable[FilmFrame], form: FrameFormat, before: FilmFrame | None = None
) -> Iterator[FilmFrame]:
    """Mark the frames that are in color already, shot by shot.

    Args:
        frames: The film.
        form: What their samples mean.
        before: The frame before the first of them, as it was marked; None at the beginning.
    """
    is_colored, contrary = (False, 0) if before is None else (before.is_colored, before.contrary)
    for frame in frames:
        if frame.chroma is None:
            yield frame
            continue
        found = _is_in_color(frame.luma, *frame.chroma, form.bits)
        contrary = 0 if found == is_colored else contrary + 1
        if contrary and (contrary >= _FRAMES_TO_CHANGE or _is_cut(before, frame, form.bits)):
            is_colored, contrary = found, 0
        before = frame
        yield replace(frame, is_colored=is_colored, contrary=contrary)


def is_all_in_color(frames: Iterable[FilmFrame], form: FrameFormat) -> bool:
    """Tell whether all of a film is in color, but for frames that show nothing and short faults.

    Args:
        frames: The film; it is read until it is found not to be.
        form: What their samples mean.
    """
    contrary, is_any = 0, False
    for frame in frames:
        if frame.chroma is None:
            return False
        if _is_in_color(frame.luma, *frame.chroma, form.bits):
            contrary, is_any = 0, True
        elif _shrink(frame.luma, form.bits).std() > _BLANK:
            contrary += 1
            if contrary == _FRAMES_TO_CHANGE:
                return False
    return is_any


def fit_own_chroma(frame: FilmFrame, source: FrameFormat, target: FrameFormat) -> Chroma:
    """Bring the chroma of a frame to the format of the new film; the same one is left as it is."""
    assert frame.chroma is not None
    if (source.bits, source.shift, source.matrix) == (target.bits, target.shift, target.matrix):
        return frame.chroma
    rows, columns = target.chroma_shape
    gray, new_gray = 2 ** (source.bits - 1), 2 ** (target.bits - 1)

    def fit(plane: NDArray[Any], scale: float) -> NDArray[Any]:
        method = cv2.INTER_AREA if plane.shape[1] > columns else cv2.INTER_LINEAR
        sized: Any = cv2.resize(np.ascontiguousarray(plane), (columns, rows), interpolation=method)
        scaled: NDArray[Any] = np.rint((sized - np.float32(gray)) * scale + new_gray)
        return scaled.clip(0, 2 * new_gray - 1).astype(target.dtype)

    cb_scale, cr_scale = _chroma_scales(source, target)
    return fit(frame.chroma[0], cb_scale), fit(frame.chroma[1], cr_scale)


def add_tint(frame: FilmFrame, chroma: Chroma, source: FrameFormat, target: FrameFormat) -> Chroma:
    """Add the tint of a frame, as a function of its luma, to its new chroma.

    Args:
        frame: The frame, with the chroma that it was read with.
        chroma: Cb and Cr that it was given.
        source: What its samples mean.
        target: What those of the new chroma mean.
    """
    assert frame.chroma is not None
    small, *planes = (_shrink(plane, source.bits) for plane in (frame.luma, *frame.chroma))
    rows, columns = target.chroma_shape
    luma: Any = cv2.resize(frame.luma, (columns, rows), interpolation=cv2.INTER_AREA)
    level = luma * np.float32(2.0 ** (8 - source.bits) * _LEVELS / 256)
    limit = 2**target.bits - 1
    made = []
    for plane, new, scale in zip(planes, chroma, _chroma_scales(source, target), strict=True):
        tint = _tint(small, plane)
        if np.abs(tint).mean() < _LEAST_TINT:
            made.append(new)
            continue
        shade = np.interp(level, np.arange(_LEVELS) + 0.5, tint) * scale * 2.0 ** (source.bits - 8)
        made.append(np.rint(new + shade).clip(0, limit).astype(target.dtype))
    return made[0], made[1]


def _chroma_scales(source: FrameFormat, target: FrameFormat) -> tuple[float, float]:
    """Return by how much steps of Cb and Cr grow from one format to another.

    Where the matrix becomes another, luma stays all the same, and with it red and blue; green
    changes a little.
    """
    red, _, blue = LUMA_WEIGHTS[source.matrix]
    new_red, _, new_blue = LUMA_WEIGHTS[target.matrix]
    deeper = 2.0 ** (target.bits - source.bits)
    return deeper * (1 - blue) / (1 - new_blue), deeper * (1 - red) / (1 - new_red)


def _shrink(plane: NDArray[Any], bits: int) -> NDArray[np.float32]:
    """Shrink a plane, in steps of 8 bits."""
    small: Any = cv2.resize(np.ascontiguousarray(plane), _SMALL, interpolation=cv2.INTER_AREA)
    return np.asarray(small * np.float32(2.0 ** (8 - bits)), np.float32)


def _is_cut(before: FilmFrame | None, frame: FilmFrame, bits: int) -> bool:
    """Tell whether a frame begins a shot."""
    if before is None:
        return True
    change = _shrink(before.luma, bits) - _shrink(frame.luma, bits)
    return float(np.abs(change).mean()) > 255 * _CUT


def _is_in_color(luma: NDArray[Any], cb: NDArray[Any], cr: NDArray[Any], bits: int) -> bool:
    """Tell whether there are colors that are no function of luma, as those of a tint are."""
    gray, step = 2 ** (bits - 1), 2.0 ** (bits - 8)
    lowest, highest = int(min(cb.min(), cr.min())), int(max(cb.max(), cr.max()))
    # A tint reaches no farther than the colors: without it both planes together stay below it, too
    if max(gray - lowest, highest - gray) <= step * _OWN_COLOR / 8**0.5:
        return False
    luma, cb, cr = (_shrink(plane, bits) for plane in (luma, cb, cr))
    level = np.arange(_LEVELS) + 0.5
    at = luma * (_LEVELS / 256)
    apart = [plane - 128 - np.interp(at, level, _tint(luma, plane)) for plane in (cb, cr)]
    chroma = np.hypot(*apart)
    colored = np.mean(chroma > _OWN_COLOR)
    return bool(chroma.mean() > _LEAST_COLOR and colored > _COLORED_SHARE)


def _tint(luma: NDArray[np.float32], plane: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the mean of Cb or Cr, less that of gray, at each level of luma, (16,)."""
    level = np.minimum(luma * (_LEVELS / 256), _LEVELS - 1).astype(np.int64).ravel()
    counts = np.bincount(level, minlength=_LEVELS)
    sums = np.bincount(level, plane.ravel() - 128.0, minlength=_LEVELS)
    known = np.flatnonzero(counts)
    return np.interp(np.arange(_LEVELS), known, sums[known] / counts[known])
