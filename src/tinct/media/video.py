"""Films in: what a file says about itself, and its frames with their times.

Time is ``ticks x time_base`` throughout, as the file has it: never a number of frames over a rate.
"""

from __future__ import annotations

import math
import os
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import av
import numpy as np
from av.sidedata.sidedata import Type
from av.stream import Discard, Disposition

from tinct.errors import InputError
from tinct.media.files import open_source
from tinct.media.frame import FrameFormat
from tinct.media.video_pixels import (
    ColorTags,
    depth_and_shift,
    fit_frame,
    has_alpha,
    has_luma_plane,
    luma_of,
    planar_twin,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from av.container import InputContainer
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

_NO_FILMS = ("image2", "tty", "webp")
_SOME_RATE = Fraction(25)
"""Frames a second of a film that does not say; only the length of its last frame follows."""
_OFFSET_FORMATS = ("mpegts", "mpeg", "mpegvideo")
"""Their clocks begin anywhere: the film begins at zero, as players show it."""
_UNKNOWN, _PROGRESSIVE = 0, 1  # field orders; larger ones are interlaced
_GENERATE_TIMES = 1  # AVFMT_FLAG_GENPTS, which is late by a frame for H.264 in AVI
_SHORTER = Fraction(1, 2)  # seconds that a film may end early before it is said


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
    def is_interlaced(self) -> bool:
        """Whether frames consist of two fields."""
        return self.field_order > _PROGRESSIVE


@dataclass(frozen=True)
class FilmFrame:
    """One frame of a film."""

    luma: NDArray[Any]
    """(H, W) uint8 or uint16, as the film's ``FrameFormat`` says. Not to be written to."""
    time: int
    """Ticks; larger than that of the frame before."""
    duration: int
    """Ticks, at least 1."""
    is_exact: bool = True
    """Whether the file itself gives the time."""


class FilmSource(Protocol):
    """What frames are read from: a film, or pictures in a row."""

    path: Path
    damage: list[str]
    facts: FilmFacts

    @property
    def fingerprint(self) -> str:
        """What changes if the content does."""
        ...

    def open(self) -> AbstractContextManager[InputContainer | None]:
        """Open the file that holds what is beside the pictures, if there is one."""
        ...

    def frames(
        self,
        begin: Fraction | None = None,
        end: Fraction | None = None,
        skip: int = 0,
        after: int | None = None,
    ) -> Iterator[FilmFrame]:
        """Read frames, see ``FilmReader.frames``."""
        ...


class FilmReader:
    """A film in a file."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Look at a film, and decode its first frame.

        Raises:
            InputError: There is no such file, it is no film, or none of it can be decoded.
        """
        self.path = Path(path)
        self.damage: list[str] = []
        with open_source(self.path, os.fspath(path)):
            pass
        with self.open() as container:
            stream, notes = _choose_stream(container, os.fspath(path))
            first = next(self._decode(container, stream), None)
            if first is None:
                raise InputError(f"{path}: no frame of it can be decoded")
            self.facts = _facts(os.fspath(path), container, stream, first, notes)
        self.damage.clear()  # it will be met again

    @property
    def fingerprint(self) -> str:
        """What changes if the file does: its name, size and time."""
        facts = self.path.stat()
        return f"{self.path.absolute()}, {facts.st_size} bytes, {facts.st_mtime_ns}"

    @contextmanager
    def open(self) -> Iterator[InputContainer]:
        """Open the file.

        Raises:
            InputError: FFmpeg cannot read it.
        """
        try:
            # The prefix: a name with a colon is no protocol. The list: a playlist fetches nothing.
            container = av.open(
                f"file:{self.path}",
                metadata_errors="replace",
                container_options={"protocol_whitelist": "file"},
            )
        except (av.FFmpegError, ValueError) as error:
            raise InputError(f"{self.path}: not a film, or damaged beyond reading") from error
        if container.format.name == "avi":
            container.flags &= ~_GENERATE_TIMES
        with container:
            yield container

    def frames(
        self,
        begin: Fraction | None = None,
        end: Fraction | None = None,
        skip: int = 0,
        after: int | None = None,
    ) -> Iterator[FilmFrame]:
        """Read frames in the order in which they are shown.

        A film that is damaged is read as far as possible; ``damage`` then says what was wrong.

        Args:
            begin: The first seconds are left out, counted from the beginning of the film.
            end: Frames from here on are left out.
            skip: So many frames more are left out.
            after: Time of the last frame left out, in ticks, if known: saves decoding the others.
        """
        facts = self.facts
        first = None if begin is None else facts.origin + begin
        last = math.inf if end is None else (facts.origin + end) / facts.time_base
        start = None if first is None else math.ceil(first / facts.time_base)
        frames = self._resume(after) if after is not None else None
        for frame in frames or islice(self._from(start), skip, None):
            if frame.time >= last:
                break
            yield frame

    def _resume(self, after: int) -> Iterator[FilmFrame] | None:
        """Return the frames after one that is known by its time, None if it is not found again."""
        frames = self._from(after)
        last = next(frames, None)
        return frames if last is not None and last.time == after else None

    def _from(self, start: int | None) -> Iterator[FilmFrame]:
        """Yield frames from a time on, having sought if the file can do it."""
        if start is not None:
            with self.open() as container:
                stream = container.streams[self.facts.stream]
                try:
                    container.seek(start, stream=stream)
                except av.FFmpegError:
                    pass
                else:
                    frames = self._timed(self._decode(container, _video(stream)))
                    first = next(frames, None)
                    if first is not None and first.time <= start:
                        wanted = (frame for frame in frames if frame.time >= start)
                        yield from chain([first] if first.time == start else [], wanted)
                        return
        with self.open() as container:
            stream = container.streams[self.facts.stream]
            for frame in self._timed(self._decode(container, _video(stream))):
                if start is None or frame.time >= start:
                    yield frame

    def _decode(self, container: InputContainer, stream: VideoStream) -> Iterator[VideoFrame]:
        """Decode what can be decoded, and note the rest in ``damage``."""
        stream.thread_type = "AUTO"
        for other in container.streams:
            if other is not stream:
                other.discard = Discard.all
        packets = container.demux(stream)
        bad = 0
        while True:
            try:
                packet = next(packets, None)
            except av.FFmpegError as error:
                self.damage.append(f"damaged: read as far as possible ({error.strerror})")
                break
            if packet is None:
                break
            try:
                yield from packet.decode()
            except av.FFmpegError:
                bad += 1
        if bad:
            self.damage.append(f"damaged: {bad} packets cannot be decoded, the others are read")

    def _timed(self, frames: Iterator[VideoFrame]) -> Iterator[FilmFrame]:
        """Give every frame a time after that of the one before."""
        facts = self.facts
        usual = max(round(1 / facts.rate / facts.time_base), 1)
        size = (facts.form.width, facts.form.height)
        last, end, invented, resized = None, 0, 0, 0
        for frame in frames:
            if (frame.width, frame.height) != size:
                frame = fit_frame(frame, *size, facts.pix_fmt)
                resized += 1
            given = frame.pts if frame.pts is not None else frame.dts
            is_exact = given is not None and (last is None or given > last)
            invented += given is not None and not is_exact
            if given is None:
                given = end
            time = given if last is None else max(given, last + 1)
            duration = self._last(time, frame.duration or usual)
            yield FilmFrame(self._luma(frame), time, duration, is_exact)
            last, end = time, time + duration
        if invented:
            self.damage.append(f"{invented} frames are not later than the one before: moved")
        if resized:
            self.damage.append(f"the picture changes its size: {resized} frames were scaled")
        self._check_end(end)

    def _luma(self, frame: VideoFrame) -> NDArray[Any]:
        if frame.format.name != self.facts.pix_fmt:
            frame = fit_frame(frame, frame.width, frame.height, self.facts.pix_fmt)
        return luma_of(frame)

    def _last(self, time: int, duration: int) -> int:
        """Return how long a frame is shown: the header knows it better of the last one."""
        end = self.facts.end
        return min(duration, end - time) if end is not None and end > time else duration

    def _check_end(self, reached: int) -> None:
        facts = self.facts
        if facts.end is None:
            return
        missing = (facts.end - reached) * facts.time_base
        if missing > max(_SHORTER, 2 / facts.rate):
            seconds = [
                float(tick * facts.time_base - facts.origin) for tick in (reached, facts.end)
            ]
            self.damage.append("it ends after {:.2f} s of {:.2f} s".format(*seconds))


def _choose_stream(container: InputContainer, name: str) -> tuple[VideoStream, list[str]]:
    """Choose the first stream that is a film, and say so if there are more."""
    format_name = container.format.name
    if format_name in _NO_FILMS or format_name.endswith("_pipe"):
        raise InputError(f"{name}: not a film (a photograph? tinct image colours it)")
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
        notes.append(f"it holds {len(real)} films: the first is coloured, the others are left out")
    return real[0], notes


def _video(stream: Any) -> VideoStream:
    video: VideoStream = stream
    return video


def _facts(
    name: str,
    container: InputContainer,
    stream: VideoStream,
    first: VideoFrame,
    notes: list[str],
) -> FilmFacts:
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
        notes.append("interlaced: coloured as it is, frame by frame, and kept interlaced")
    if has_alpha(pix_fmt) and codec != "gif":  # which is decoded with it, used or not
        notes.append("its transparency is not kept")
    if not has_luma_plane(pix_fmt):
        notes.append(f"its samples ({pix_fmt}) are converted to {planar_twin(pix_fmt)} first")
    elif ColorTags.of(first).matrix != first.colorspace and first.colorspace not in (0, 2, 3):
        notes.append(
            f"its colour matrix ({first.colorspace}) is taken for {ColorTags.of(first).name}"
        )
    return notes


def _display_matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    side_data: Any = frame.side_data  # a mapping by names or types, whatever the stubs say
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
