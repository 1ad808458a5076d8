"""Films in: what a file says about itself, and its frames with their times.

Time is ``ticks x time_base`` throughout, as the file has it: never a number of frames over a rate.
"""

from __future__ import annotations

import math
import os
import re
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import av
from av.stream import Discard

from tinct.errors import InputError
from tinct.files import open_source, reason_of
from tinct.films.facts import (
    KEPT_INTERLACED,
    PROGRESSIVE,
    FilmFacts,
    choose_stream,
    read_facts,
    to_fraction,
)
from tinct.films.filters import FieldMethod, Filter, field_filters, filter_frames, fit_filters
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

    from tinct.films.cut import Cut
    from tinct.films.scans import Scan

_GENERATE_TIMES = 1  # AVFMT_FLAG_GENPTS, which is late by a frame for H.264 in AVI
_ROUNDING = Fraction(1, av.time_base)  # of the time at which a file says that it begins
_SHORTER = Fraction(1, 2)  # seconds that a film may end early before it is said
_NETWORK_PROTOCOLS = (
    "http,https,httpproxy,tls,tcp,udp,rtp,rtmp,rtmps,rtmpt,srt,ftp,sftp,crypto,data"
)
_TIMEOUT = 30.0
"""Seconds without an answer from the network."""
_TAGS: dict[str, Any] = {"metadata_errors": "replace"} if av.__version__.startswith("18.") else {}
"""How PyAV 18 reads tags that are not UTF-8; 19 keeps their bytes."""
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
    contrary: int = 0
    """Frames in a row, up to this one, that look otherwise than ``is_colored`` says."""
    scan: Scan | None = None
    """The picture of a film scanner that it was read from, where it was."""


class FilmSource(Protocol):
    """What frames are read from: a film, or pictures in a row."""

    @property
    def path(self) -> Path:
        """The file, or the first of several."""
        ...

    @property
    def facts(self) -> FilmFacts:
        """What it says about itself."""
        ...

    @property
    def damage(self) -> list[str]:
        """What was wrong with it, once it has been read."""
        ...

    @property
    def fingerprint(self) -> str:
        """What changes if the content does."""
        ...

    def open(self) -> AbstractContextManager[InputContainer | None]:
        """Open the file that holds what is beside the pictures, if there is one."""
        ...

    def members(self, cut: Cut) -> list[tuple[FilmSource, Cut]]:
        """Return the files that follow each other, each with the part of it that is taken."""
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


def is_address(name: str) -> bool:
    """Tell whether a name is that of a stream of the network, not of a file."""
    return re.match(r"[a-zA-Z][a-zA-Z0-9+.-]*://", name) is not None


class FilmReader:
    """A film in a file, or a stream that has an end."""

    def __init__(
        self,
        path: str | os.PathLike[str],
        fields: FieldMethod = "keep",
        *,
        name: str | None = None,
        fingerprint: str | None = None,
    ) -> None:
        """Look at a film, and decode its first frame.

        Args:
            path: The file, or the address of a stream that has an end.
            fields: What becomes of the fields of an interlaced film.
            name: How messages call it, if not by its path.
            fingerprint: What changes if its content does; name, size and time of the file when
                None.

        Raises:
            InputError: There is no such file, it is no film, or none of it can be decoded.
            OptionError: Its fields cannot be treated so.
        """
        self.path = Path(path)
        self.damage: list[str] = []
        self._name = name or os.fspath(path)
        self._options: dict[str, str] = {}
        if is_address(os.fspath(path)):
            self._address, self._protocols = os.fspath(path), _NETWORK_PROTOCOLS
        else:
            # The prefix: a name with a colon is no protocol.
            self._address, self._protocols = f"file:{self.path}", "file"
            with open_source(self.path, self._name):
                pass
        with self.open() as container:
            if container.duration is None and self._protocols != "file":
                raise InputError(f"{self._name}: a stream without an end: tinct live records it")
            if container.format.name in MPEG_FORMATS:
                self._options = _PROBE
        with self.open() as container:
            stream, notes = choose_stream(container, self._name)
            first = next(self._decode(container, stream), None)
            if first is None:
                raise InputError(f"{self._name}: no frame of it can be decoded")
            self.facts = read_facts(self._name, container, stream, first, notes)
            size = container.size
        self._fingerprint = fingerprint
        if self._protocols != "file":
            self._fingerprint = f"{path}, {size} bytes"
        if self._options:
            self._find_breaks()
        self._raw = self.facts
        self._filters: list[Filter] = []
        filters, factor = field_filters(self.facts, fields)
        if filters:
            self._filter(filters, factor)
        self.damage.clear()  # it will be met again

    def fit(self, target: FilmFacts) -> bool:
        """Hand frames over as if they were those of another film; the times stay.

        Returns:
            Whether they had to be changed.
        """
        filters = fit_filters(self.facts, target)
        if filters:
            self._filter([*self._filters, *filters], self.facts.rate / self._raw.rate)
            self.facts = replace(
                self.facts, form=target.form, tags=target.tags, aspect=target.aspect
            )
        return bool(filters)

    def _filter(self, filters: list[Filter], factor: Fraction) -> None:
        """Read frames through filters from now on; there will be more or fewer by a factor."""
        raw, self._filters = self._raw, filters
        with self.open() as container:
            stream = _video(container.streams[raw.stream])
            first = next(filter_frames(self._decode(container, stream), filters, raw), None)
        base = None if first is None else to_fraction(first.time_base)
        if first is None or base is None:
            raise InputError(f"{raw.name}: FFmpeg's filters make no frames of it")
        self.facts = replace(
            raw,
            pix_fmt=first.format.name,
            form=replace(raw.form, width=first.width, height=first.height),
            time_base=base,
            rate=raw.rate * factor,
            field_order=PROGRESSIVE,
            end=None if raw.end is None else round(raw.end * raw.time_base / base),
            notes=tuple(note for note in raw.notes if note != KEPT_INTERLACED),
        )

    @property
    def fingerprint(self) -> str:
        """What changes if the file does: its name, size and time."""
        if self._fingerprint is not None:
            return self._fingerprint
        facts = self.path.stat()
        return f"{self.path.absolute()}, {facts.st_size} bytes, {facts.st_mtime_ns}"

    @contextmanager
    def open(self) -> Iterator[InputContainer]:
        """Open the file.

        Raises:
            InputError: FFmpeg cannot read it.
        """
        try:
            # The list: a playlist in a file fetches nothing, one of the network reads no file.
            container = av.open(
                self._address,
                timeout=None if self._protocols == "file" else _TIMEOUT,
                container_options={"protocol_whitelist": self._protocols, **self._options},
                **_TAGS,
            )
        except (av.FFmpegError, ValueError) as error:
            if self._protocols != "file" and isinstance(error, av.FFmpegError):
                raise InputError(f"{self._name}: {reason_of(error)}") from error
            raise InputError(f"{self._name}: not a film, or damaged beyond reading") from error
        if container.format.name == "avi":
            container.flags &= ~_GENERATE_TIMES
        with container:
            yield container

    def members(self, cut: Cut) -> list[tuple[FilmSource, Cut]]:
        """Return the film itself: it is one file."""
        return [(self, cut)]

    def span(self) -> tuple[Fraction, Fraction]:
        """Return the seconds at which the pictures begin and end; all packets are read for that.

        Raises:
            InputError: No packet has a time.
        """
        begin = end = None
        with self.open() as container:
            stream = _video(container.streams[self.facts.stream])
            for packet in self._packets(container, stream, []):
                stamp = packet.pts if packet.pts is not None else packet.dts
                if stamp is None or not packet.size or packet.is_discard:
                    continue  # discarded: before the beginning, or after the end, of a trimmed MP4
                time = stamp * packet.time_base
                length = (packet.duration or 0) * packet.time_base or 1 / self._raw.rate
                begin = time if begin is None else min(begin, time)
                end = time + length if end is None else max(end, time + length)
        if begin is None or end is None:
            raise InputError(f"{self.facts.name}: its pictures have no times")
        return begin, end

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
        # In a file with breaks a time may stand twice; filters remember what came before.
        if start is not None and not self.facts.breaks and not self._filters:
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
            decoded: Iterator[VideoFrame] = self._decode(container, _video(stream))
            if self._filters:
                decoded = filter_frames(decoded, self._filters, self._raw)
            for frame in self._timed(decoded):
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
