"""What a film in a file says about itself."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.filter import Graph
from av.sidedata.sidedata import Type
from av.stream import Disposition

from tinct.errors import InputError
from tinct.films.packets import MPEG_FORMATS
from tinct.films.pixels import (
    ColorTags,
    depth_and_shift,
    has_alpha,
    has_luma_plane,
    planar_twin,
)
from tinct.frame_format import FrameFormat

if TYPE_CHECKING:
    from collections.abc import Mapping

    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

_NO_FILMS = ("image2", "tty", "webp")
_SOME_RATE = Fraction(25)
"""Frames a second of a film that does not say; only the length of its last frame follows."""
_DURATION = re.compile(r"(\d+):(\d+):(\d+(?:\.\d+)?)")
_MOST_RATE = 1000
"""Frames a second beyond which a header speaks of ticks."""
_OFFSET_FORMATS = (*MPEG_FORMATS, "mpegvideo")
"""Their clocks begin anywhere: the film begins at zero, as players show it."""
PROGRESSIVE, TOP_FIRST, BOTTOM_FIRST = 1, 2, 3
"""Field orders as FFmpeg counts them; 4 and 5 are 3 and 2 whose fields are stored the other way."""
KEPT_INTERLACED = "interlaced: colored as it is, frame by frame, and kept interlaced"
_LOST = {
    Type.A53_CC: "closed captions in the pictures",
    Type.MASTERING_DISPLAY_METADATA: "metadata of HDR",
    Type.CONTENT_LIGHT_LEVEL: "metadata of HDR",
    Type.DYNAMIC_HDR_PLUS: "metadata of HDR",
    Type.DOVI_METADATA: "metadata of HDR",
}
"""What a frame may carry that the new one does not."""
_ONE = 1 << 16  # in a matrix of a display; its last number is 1 << 30
_TURNS = {
    90: (0, -_ONE, 0, _ONE, 0, 0, 0, 0, _ONE << 14),
    180: (-_ONE, 0, 0, 0, -_ONE, 0, 0, 0, _ONE << 14),
    270: (0, _ONE, 0, -_ONE, 0, 0, 0, 0, _ONE << 14),
}
"""Matrices of a display by degrees against the clock."""


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
    begin: Fraction
    """Seconds at which its first frame is shown; sound may begin earlier."""
    shift: Fraction
    """Seconds to take from all times, because the file counts from anywhere."""
    rate: Fraction
    """Frames a second, on average."""
    aspect: Fraction | None
    """Width over height of a sample, if stated."""
    display: tuple[int, ...] | None
    """Matrix by which players turn the picture, if there is one."""
    field_order: int
    """As FFmpeg counts: 1 progressive, 2 top field first, 3 bottom field first."""
    end: int | None
    """Ticks at which it ends by the header, if that says so."""
    notes: tuple[str, ...]
    """What the user should know, one sentence each."""
    breaks: int = 0
    """How often the clock of the file begins again."""
    is_marked: bool = False
    """Whether its frames say themselves that they are interlaced."""
    timecode: str | None = None
    """SMPTE timecode of the first frame ..."""
    timecode_rate: Fraction = _SOME_RATE
    """... and frames a second that it counts."""
    codec: str = ""
    """FFmpeg's name of what the pictures are coded with."""
    profile: str | None = None
    """Of the codec, as FFmpeg names it: ``HQ``, ``DNXHR HQX``."""

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
    # An animated AVIF also holds the still picture that is shown where it does not move.
    moving = [stream for stream in real if stream.frames != 1] or real
    if moving[0].codec_context is None:
        raise InputError(f"{name}: its codec is unknown here")
    notes = []
    if len(moving) > 1:
        notes.append(f"it holds {len(moving)} films: the first is colored, the others are left out")
    return moving[0], notes


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
    time_base = to_fraction(stream.time_base) or Fraction(1, 1000)
    start = container.start_time if container.start_time is not None else 0
    origin = Fraction(start, av.time_base)
    field_order, display = _field_order(first, context.field_order), display_matrix(first)
    notes = [*notes, *_notes_on_samples(context.name, stream.metadata, first, field_order)]
    counts_from_anywhere = container.format.name in _OFFSET_FORMATS
    rate = _rate(stream, first, time_base)
    return FilmFacts(
        name=name,
        stream=stream.index,
        pix_fmt=pix_fmt,
        form=FrameFormat(
            first.width, first.height, bits, shift, tags.full_range, tags.name, _turns(display)
        ),
        tags=tags,
        time_base=time_base,
        origin=origin,
        begin=origin if first.pts is None else first.pts * time_base,
        shift=origin if counts_from_anywhere else Fraction(0),
        rate=rate,
        aspect=to_fraction(stream.sample_aspect_ratio),
        display=display,
        field_order=field_order,
        end=_end(container, stream, time_base),
        notes=tuple(notes),
        is_marked=first.interlaced_frame,
        timecode=find_timecode(container, stream),
        timecode_rate=rate,
        codec=context.codec.canonical_name,
        profile=context.profile,
    )


def to_fraction(rational: Any) -> Fraction | None:
    """Return a rational of PyAV as a fraction, None where nothing is stated.

    PyAV 18 has fractions, or None; 19 has rationals of 32 bits, which round where two of them are
    combined, and one that is false where nothing is stated.
    """
    return Fraction(rational) if rational else None


def _notes_on_samples(
    codec: str, tags: Mapping[str, str], first: VideoFrame, field_order: int
) -> list[str]:
    notes, pix_fmt = [], first.format.name
    if field_order > PROGRESSIVE:
        notes.append(KEPT_INTERLACED)
    # WebM has it in a second picture, which a tag tells of; GIF is decoded with it, used or not
    stated = any(key.lower() == "alpha_mode" and value == "1" for key, value in tags.items())
    if stated or (has_alpha(pix_fmt) and codec != "gif"):
        notes.append("its transparency is not kept")
    side_data = _side_data(first)
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


def _side_data(frame: VideoFrame) -> dict[Type, Any]:
    """Return what a frame carries beside its samples, as far as PyAV knows the kinds of it.

    FFmpeg 8 has kinds that the enumeration of PyAV 18 lacks (EXIF, stereo views); one of them in a
    frame makes all of its side data inaccessible.
    """
    try:
        held: Any = frame.side_data  # a mapping by types, whatever the stubs say
    except ValueError:
        return {}
    return {kind: held[kind] for kind in _LOST.keys() | {Type.DISPLAYMATRIX} if kind in held}


def display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    """Return the matrix by which players turn a frame, None where it has none."""
    matrix = _side_data(frame).get(Type.DISPLAYMATRIX)
    if matrix is not None:
        return tuple(np.frombuffer(matrix, np.int32).tolist())
    return _TURNS.get(frame.rotation % 360)


def _turns(display: tuple[int, ...] | None) -> int:
    """Return the quarter turns against the clock after which what a matrix shows above is above."""
    if display is None:
        return 0
    right, down = display[1], display[4]  # what each adds to the way down
    if down:
        return 0 if down > 0 else 2
    return 1 if right < 0 else 3


def _rate(stream: VideoStream, first: VideoFrame, time_base: Fraction) -> Fraction:
    """Return frames a second: what the header says, unless that is the rate of its ticks."""
    measured = 1 / (first.duration * time_base) if first.duration else None
    stated = map(to_fraction, (stream.average_rate, stream.guessed_rate))
    for rate in (*stated, measured):
        if rate and rate <= _MOST_RATE:
            return rate
    return _SOME_RATE


def _field_order(first: VideoFrame, stated: int) -> int:
    """Return the order of the fields as FFmpeg counts it, by the flags of a frame if it has them.

    PyAV shows whether a frame is interlaced, not which field is first; FFmpeg's filter tells.
    """
    if not first.interlaced_frame:
        return {2: TOP_FIRST, 3: BOTTOM_FIRST, 4: BOTTOM_FIRST, 5: TOP_FIRST}.get(
            stated, PROGRESSIVE
        )
    graph = Graph()
    graph.link_nodes(
        graph.add_buffer(
            width=first.width, height=first.height, format=first.format, time_base=Fraction(1)
        ),
        graph.add("select", "eq(interlace_type,TOPFIRST)"),
        graph.add("buffersink"),
    ).configure()
    graph.push(first)
    try:
        graph.pull()
    except BlockingIOError:
        return BOTTOM_FIRST
    return TOP_FIRST


def find_timecode(container: InputContainer, stream: VideoStream) -> str | None:
    """Return the SMPTE timecode of a film, wherever its file has it; None where it has none."""
    tags = [
        stream.metadata,
        container.metadata,
        *(data.metadata for data in container.streams.data),
    ]
    found = (value for held in tags for key, value in held.items() if key.lower() == "timecode")
    return next(found, None)


def _end(container: InputContainer, stream: VideoStream, base: Fraction) -> int | None:
    """Return the ticks at which the pictures end by the header, if it says so."""
    start = stream.start_time or 0
    if stream.duration:
        return start + stream.duration
    stated = stream.metadata.get("DURATION")  # Matroska
    found = _DURATION.fullmatch(stated or "")
    if found is not None:
        hours, minutes, seconds = map(Fraction, found.groups())
        return round((hours * 3600 + minutes * 60 + seconds) / base)
    if container.duration and len(container.streams) == 1:
        return start + round(Fraction(container.duration, av.time_base) / base)
    return None
