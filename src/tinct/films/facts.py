"""What a film in a file says about itself."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.stream import Disposition

from tinct.errors import InputError
from tinct.films.frame_format import FrameFormat
from tinct.films.pixels import (
    ColorTags,
    depth_and_shift,
    has_alpha,
    has_luma_plane,
    planar_twin,
)

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_NO_FILMS = ("image2", "tty", "webp")
_SOME_RATE = Fraction(25)
"""Frames a second of a film that does not say; only the length of its last frame follows."""
_OFFSET_FORMATS = ("mpegts", "mpeg", "mpegvideo")
"""Their clocks begin anywhere: the film begins at zero, as players show it."""
_UNKNOWN, _PROGRESSIVE = 0, 1  # field orders; larger ones are interlaced
_LOST = {
    Type.A53_CC: "closed captions in the pictures",
    Type.MASTERING_DISPLAY_METADATA: "metadata of HDR",
    Type.CONTENT_LIGHT_LEVEL: "metadata of HDR",
    Type.DYNAMIC_HDR_PLUS: "metadata of HDR",
    Type.DOVI_METADATA: "metadata of HDR",
}
"""What a frame may carry that the new one does not."""


@dataclass(frozen=True)
class FilmFacts:
    """What a film says about itself."""

    name: str
    stream: int
    """Index of the stream that is read."""
    pix_fmt: str
    """FFmpeg's name of the format of the samples in the file."""
    form: FrameFormat
    """Of the samples as they are handed over."""
    tags: ColorTags
    time_base: Fraction
    """Seconds in a tick of the times."""
    origin: Fraction
    """Seconds at which the film begins: what ``--start 0`` means."""
    shift: Fraction
    """Seconds to take from all times, because the file counts from anywhere."""
    rate: Fraction
    """Frames a second, on average."""
    aspect: Fraction | None
    """Width over height of a sample, if stated."""
    display: tuple[int, ...] | None
    """Matrix by which players turn the picture, if there is one."""
    field_order: int
    """As FFmpeg counts: 0 unknown, 1 progressive, 2..5 interlaced."""
    end: int | None
    """Ticks at which it ends by the header, if that says so."""
    notes: tuple[str, ...]
    """What the user should know, one sentence each."""

    @property
    def left_side(self) -> tuple[int, bool]:
        """Along which axis of the array left and right lie as shown, and whether left is first."""
        if self.display is None:
            return 1, True
        across, down = self.display[0], self.display[3]  # what each adds to the way to the right
        return (1, across > 0) if across else (0, down > 0)


def choose_stream(container: InputContainer, name: str) -> tuple[VideoStream, list[str]]:
    """Choose the first stream that is a film.

    Args:
        container: The file.
        name: How to call it in messages.

    Returns:
        The stream, and what the user should know, one sentence each.

    Raises:
        InputError: There is none.
    """
    format_name = container.format.name
    if format_name in _NO_FILMS or format_name.endswith("_pipe"):
        raise InputError(f"{name}: not a film (a photograph? tinct image colors it)")
    real = [
        stream
        for stream in container.streams.video
        if not stream.disposition & (Disposition.attached_pic | Disposition.timed_thumbnails)
    ]
    if not real:
        held = "cover art and sound" if container.streams.video else "sound"
        what = f"only {held}" if container.streams.audio else "nothing that moves"
        raise InputError(f"{name}: not a film, it holds {what}")
    if real[0].codec_context is None:
        raise InputError(f"{name}: its codec is unknown here")
    notes = []
    if len(real) > 1:
        notes.append(f"it holds {len(real)} films: the first is colored, the others are left out")
    return real[0], notes


def read_facts(
    name: str,
    container: InputContainer,
    stream: VideoStream,
    first: VideoFrame,
    notes: list[str],
) -> FilmFacts:
    """Collect what is known of a film.

    Args:
        name: How to call it in messages.
        container: The file.
        stream: The film in it.
        first: Its first frame, which knows better than the header.
        notes: What the user should know already.
    """
    context = stream.codec_context
    pix_fmt = first.format.name
    tags = ColorTags.of(first)
    bits, shift = depth_and_shift(planar_twin(pix_fmt)) or (8, (1, 1))
    time_base = stream.time_base or Fraction(1, 1000)
    start = container.start_time if container.start_time is not None else 0
    origin = Fraction(start, av.time_base)
    field_order = context.field_order
    if first.interlaced_frame and field_order <= _PROGRESSIVE:
        field_order = 2
    if not first.interlaced_frame and field_order == _UNKNOWN:
        field_order = _PROGRESSIVE
    notes = [*notes, *_notes_on_samples(context.name, first, field_order)]
    counts_from_anywhere = container.format.name in _OFFSET_FORMATS
    return FilmFacts(
        name=name,
        stream=stream.index,
        pix_fmt=pix_fmt,
        form=FrameFormat(first.width, first.height, bits, shift, tags.full_range, tags.name),
        tags=tags,
        time_base=time_base,
        origin=origin,
        shift=origin if counts_from_anywhere else Fraction(0),
        rate=stream.average_rate or stream.guessed_rate or _SOME_RATE,
        aspect=stream.sample_aspect_ratio or None,
        display=_display_matrix(first),
        field_order=field_order,
        end=_end(container, stream, time_base),
        notes=tuple(notes),
    )


def _notes_on_samples(codec: str, first: VideoFrame, field_order: int) -> list[str]:
    notes, pix_fmt = [], first.format.name
    if field_order > _PROGRESSIVE:
        notes.append("interlaced: colored as it is, frame by frame, and kept interlaced")
    if has_alpha(pix_fmt) and codec != "gif":  # which is decoded with it, used or not
        notes.append("its transparency is not kept")
    side_data: Any = first.side_data  # a mapping by types, whatever the stubs say
    lost = sorted({words for kind, words in _LOST.items() if side_data.get(kind) is not None})
    if lost:
        notes.append(f"its {' and '.join(lost)} are not kept")
    if not has_luma_plane(pix_fmt):
        notes.append(f"its samples ({pix_fmt}) are converted to {planar_twin(pix_fmt)} first")
    elif ColorTags.of(first).matrix != first.colorspace and first.colorspace not in (0, 2, 3):
        notes.append(
            f"its color matrix ({first.colorspace}) is taken for {ColorTags.of(first).name}"
        )
    return notes


def _display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    side_data: Any = frame.side_data
    matrix = side_data.get(Type.DISPLAYMATRIX)
    return None if matrix is None else tuple(np.frombuffer(matrix, np.int32).tolist())


def _end(container: InputContainer, stream: VideoStream, base: Fraction) -> int | None:
    """Return the ticks at which the pictures end by the header, if it says so."""
    start = stream.start_time or 0
    if stream.duration:
        return start + stream.duration
    stated = stream.metadata.get("DURATION")  # Matroska
    if stated and stated.count(":") == 2:
        hours, minutes, seconds = stated.split(":")
        return round((int(hours) * 3600 + int(minutes) * 60 + Fraction(seconds)) / base)
    if container.duration and len(container.streams) == 1:
        return start + round(Fraction(container.duration, av.time_base) / base)
    return None
