"""Films in: what a file says about itself, and its frames with their times.

Time is ``ticks x time_base`` throughout, as the file has it: never a number of frames over a rate.
"""

from __future__ import annotations

import math
import os
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import av
from av.stream import Discard

from tinct.errors import InputError
from tinct.files import open_source
from tinct.films.facts import FilmFacts, choose_stream, read_facts
from tinct.films.packets import MPEG_FORMATS, Clock, read_packets
from tinct.films.pixels import fit_frame, planes_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from av.container import InputContainer
    from av.packet import Packet
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

_GENERATE_TIMES = 1  # AVFMT_FLAG_GENPTS, which is late by a frame for H.264 in AVI
_ROUNDING = Fraction(1, av.time_base)  # of the time at which a file says that it begins
_SHORTER = Fraction(1, 2)  # seconds that a film may end early before it is said
_PROBE = {"probesize": str(100 << 20), "analyzeduration": str(300 * av.time_base)}
"""How far FFmpeg looks for streams of MPEG formats: bytes, and microseconds. They may begin late,
and by default it looks at five seconds."""


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
    chroma: tuple[NDArray[Any], NDArray[Any]] | None = None
    """Cb and Cr, of the format's chroma shape and dtype; None where the film has none. Not to be
    written to."""
    is_colored: bool = False
    """Whether it is in color already."""


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
        self._options: dict[str, str] = {}
        with open_source(self.path, os.fspath(path)):
            pass
        with self.open() as container:
            if container.format.name in MPEG_FORMATS:
                self._options = _PROBE
        with self.open() as container:
            stream, notes = choose_stream(container, os.fspath(path))
            first = next(self._decode(container, stream), None)
            if first is None:
                raise InputError(f"{path}: no frame of it can be decoded")
            self.facts = read_facts(os.fspath(path), container, stream, first, notes)
        if self._options:
            self._find_breaks()
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
                container_options={"protocol_whitelist": "file", **self._options},
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
        zero = facts.origin - _ROUNDING
        first = None if begin is None else zero + begin
        last = math.inf if end is None else (zero + end) / facts.time_base
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
        if start is not None and not self.facts.breaks:  # a time may stand twice in such a file
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
        reasons: list[str] = []
        bad = 0
        for packet in self._packets(container, stream, reasons):
            try:
                yield from packet.decode()
            except av.FFmpegError:
                bad += 1
        if reasons:
            self.damage.append(f"damaged: read as far as possible ({reasons[0]})")
        if bad:
            self.damage.append(f"damaged: {bad} packets cannot be decoded, the others are read")

    def _packets(
        self, container: InputContainer, stream: VideoStream, reasons: list[str]
    ) -> Iterator[Packet[VideoStream]]:
        """Yield the packets of the pictures, on the clock that all streams have together."""
        if not hasattr(self, "facts") or not self.facts.breaks:
            for other in container.streams:
                if other is not stream:
                    other.discard = Discard.all
            yield from read_packets(container, [stream], reasons.append)
            return
        clock = Clock()
        for packet in read_packets(container, list(container.streams), reasons.append):
            clock.correct(packet)
            if packet.stream.index == stream.index:
                yield packet

    def _find_breaks(self) -> None:
        """Read all packets, without decoding them, to find where the clock of the file jumps."""
        clock = Clock()
        with self.open() as container:
            for packet in read_packets(container, list(container.streams)):
                clock.correct(packet)
        if clock.breaks and clock.end is not None:
            note = f"its clock begins again {clock.breaks} times: continued"
            self.facts = replace(
                self.facts,
                breaks=clock.breaks,
                end=round(clock.end / self.facts.time_base),
                notes=(*self.facts.notes, note.replace("1 times", "once")),
            )

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
            if frame.format.name != facts.pix_fmt:
                frame = fit_frame(frame, frame.width, frame.height, facts.pix_fmt)
            luma, chroma = planes_of(frame)
            yield FilmFrame(luma, time, duration, is_exact, chroma)
            last, end = time, time + duration
        if invented:
            self.damage.append(f"{invented} frames are not later than the one before: moved")
        if resized:
            self.damage.append(f"the picture changes its size: {resized} frames were scaled")
        self._check_end(end)

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


def _video(stream: Any) -> VideoStream:
    video: VideoStream = stream
    return video
