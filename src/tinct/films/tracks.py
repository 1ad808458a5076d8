"""What a film has beside its pictures: sound, subtitles, cover art, attachments.

Everything is copied as it is where the new file can hold it. Where it cannot, sound is encoded
anew, text subtitles are converted, and what remains is left out; each time the user is told.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Protocol, cast

import av
from av.stream import Disposition
from av.subtitles.subtitle import AssSubtitle, SubtitleSet

from tinct.films.encoder import known_options

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av.container import InputContainer, OutputContainer
    from av.packet import Packet
    from av.stream import Stream

_SOUND = {"webm": "libopus"}
_USUAL_SOUND = "aac"
_SOUND_BITS = 96_000  # a second and channel
_OPUS_RATE = 48_000
_TEXT = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
_TEXT_CODECS = ("subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text")
_WITH_ATTACHMENTS = ("matroska",)
_COVERS = {"png": ("cover.png", "image/png"), "mjpeg": ("cover.jpg", "image/jpeg")}
_WRITTEN_ANEW = ("bin_data",)  # chapters of MP4, which lie in a track as well
_STALE = ("DURATION", "BPS", "NUMBER_OF_", "_STATISTICS", "encoder", "ENCODER", "rotate",
          "vendor_id")  # fmt: skip
"""Beginnings of tags that describe the old file, not the film."""


@dataclass(frozen=True)
class Cut:
    """Which part of a film is taken, and where it goes. All in seconds of the old file."""

    begin: Fraction | None
    end: Fraction | None
    zero: Fraction
    """What becomes zero in the new file."""

    def holds(self, time: Fraction) -> bool:
        """Tell whether a time is inside."""
        after = self.begin is None or time >= self.begin
        return after and (self.end is None or time < self.end)

    def overlap(self, begin: Fraction, end: Fraction) -> tuple[Fraction, Fraction] | None:
        """Return the part of a span that is inside, None if there is none."""
        first = begin if self.begin is None else max(begin, self.begin)
        last = end if self.end is None else min(end, self.end)
        return (first, last) if first < last else None


class Track(Protocol):
    """Brings the packets of one stream into the new file."""

    def take(self, packet: Packet[Any]) -> Iterable[Packet[Any]]:
        """Turn a packet of the old file into those of the new; an empty one ends the stream."""
        ...


class CopiedTrack:
    """A stream that is copied."""

    def __init__(self, output: Stream, cut: Cut) -> None:
        self._output, self._cut = output, cut

    def take(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        """Move a packet in time, and leave out those outside of the cut."""
        base = packet.time_base
        if self._is_picture() and packet.size:
            packet.pts = packet.dts = 0
            packet.stream = self._output
            yield packet
            return
        stamp = packet.pts if packet.pts is not None else packet.dts
        if packet.size == 0 or stamp is None:
            return
        time = stamp * base
        if self._output.type == "subtitle":
            span = self._cut.overlap(time, time + (packet.duration or 1) * base)
            if span is None:
                return
            packet.pts = packet.dts = round(span[0] / base)
            packet.duration = round((span[1] - span[0]) / base)
        elif not self._cut.holds(time):
            return
        shift = round(self._cut.zero / base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        packet.stream = self._output
        yield packet

    def _is_picture(self) -> bool:
        return bool(self._output.disposition & Disposition.attached_pic)


class EncodedSound:
    """Sound that is encoded anew, because the new file cannot hold its codec."""

    def __init__(self, source: Any, output: Any, cut: Cut) -> None:
        self._source, self._output, self._cut = source, output, cut

    def take(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        """Decode and encode; damaged packets are left out, as a player does."""
        try:
            frames = self._source.decode(packet)
        except av.FFmpegError:
            frames = []
        for frame in frames:
            base = frame.time_base
            if frame.pts is None or not self._cut.holds(frame.pts * base):
                continue
            frame.pts -= round(self._cut.zero / base)
            yield from self._output.encode(frame)
        if packet.size == 0:
            yield from self._output.encode(None)


class ConvertedText:
    """Text subtitles that are written in the format of the new file."""

    def __init__(self, source: Any, output: Any, cut: Cut) -> None:
        self._source, self._output, self._cut = source, output, cut

    def take(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        """Decode and encode one subtitle."""
        if packet.size == 0 or packet.pts is None:
            return
        base = packet.time_base
        time = packet.pts * base
        span = self._cut.overlap(time, time + (packet.duration or 0) * base)
        subtitle = self._source.codec_context.decode2(packet)
        if span is None or subtitle is None:
            return
        length = span[1] - span[0]
        for text in subtitle:
            if not isinstance(text, AssSubtitle):
                continue
            event = SubtitleSet.create(text=text.ass, start=0, end=round(length * 1000), pts=0)
            made = self._output.codec_context.encode_subtitle(event)
            made.time_base = Fraction(1, 1000)
            made.pts = made.dts = round((span[0] - self._cut.zero) * 1000)
            made.duration = round(length * 1000)
            made.stream = self._output
            yield made


def make_tracks(
    source: InputContainer, film: int, output: OutputContainer, cut: Cut
) -> tuple[dict[int, Track], list[str]]:
    """Make a track in the new file for everything but the film itself.

    Args:
        source: The old file.
        film: Index of the stream that is colored.
        output: The new file, before anything is written.
        cut: Which part is taken.

    Returns:
        Tracks by the index of the old stream, and what the user should know.
    """
    tracks: dict[int, Track] = {}
    notes: list[str] = []
    for stream in source.streams:
        if stream.index == film or _is_other_film(stream):
            continue
        track, note = _make_track(stream, output, cut)
        if track is not None:
            tracks[stream.index] = track
        if note:
            notes.append(note)
    return tracks, notes


def keep_tags(old: dict[str, str]) -> dict[str, str]:
    """Return the tags that are about the film, not about the file that it was in."""
    return {key: value for key, value in old.items() if not key.startswith(_STALE)}


def _is_other_film(stream: Stream) -> bool:
    return stream.type == "video" and not stream.disposition & Disposition.attached_pic


def _make_track(
    stream: Stream, output: OutputContainer, cut: Cut
) -> tuple[Track | None, str | None]:
    container = output.format.name
    label = f"track {stream.index} ({stream.type}, {_codec_name(stream)})"
    if stream.type == "attachment":
        if container not in _WITH_ATTACHMENTS:
            return None, f"{label} is left out: {container} holds no attachments"
        output.add_stream_from_template(stream)
        return None, None
    if container in _WITH_ATTACHMENTS and stream.disposition & Disposition.attached_pic:
        return None, _attach_cover(stream, output, label)
    if stream.codec_context is None:
        is_kept = _codec_name(stream) in _WRITTEN_ANEW or "timecode" in stream.metadata
        return None, None if is_kept else f"{label} is left out: {container} cannot hold it"
    try:
        copied = _describe(stream, output.add_stream_from_template(stream, opaque=True))
        return CopiedTrack(copied, cut), None
    except ValueError:
        pass
    return _make_other(stream, output, cut, label)


def _attach_cover(stream: Stream, output: OutputContainer, label: str) -> str | None:
    """Attach cover art, as Matroska has it; return a note where that cannot be."""
    if _codec_name(stream) not in _COVERS:
        return f"{label} is left out: no cover art of its kind is known"
    source = cast("InputContainer", stream.container)
    picture = next((bytes(packet) for packet in source.demux(stream) if packet.size), None)
    source.seek(0)
    if picture is not None:
        output.add_attachment(*_COVERS[_codec_name(stream)], picture)
    return None


def _make_other(
    stream: Stream, output: OutputContainer, cut: Cut, label: str
) -> tuple[Track | None, str | None]:
    """Make a track of a codec that cannot be copied."""
    container = output.format.name
    if stream.type == "audio":
        codec = _SOUND.get(container, _USUAL_SOUND)
        sound = _add_sound(cast("Any", stream), output, codec)
        note = f"{label} cannot be copied into {container}: encoded anew as {codec}"
        return EncodedSound(stream, sound, cut), note
    if stream.type == "subtitle" and container in _TEXT and _codec_name(stream) in _TEXT_CODECS:
        codec = _TEXT[container]
        decoder: Any = stream.codec_context
        decoder.open(strict=False)  # only then it has the header that encoders ask for
        text: Any = _describe(stream, output.add_stream(codec))
        text.codec_context.subtitle_header = decoder.subtitle_header
        note = f"{label} cannot be copied into {container}: converted to {codec}"
        return ConvertedText(stream, text, cut), note
    return None, f"{label} is left out: {container} cannot hold it"


def _add_sound(stream: Any, output: OutputContainer, codec: str) -> Any:
    rate = _OPUS_RATE if codec == "libopus" else stream.rate
    sound: Any = output.add_stream(codec, rate=rate)
    sound.layout = stream.layout.name
    sound.bit_rate = _SOUND_BITS * stream.channels
    if "mapping_family" in known_options(sound.codec_context) and stream.channels > 2:
        sound.options = {"mapping_family": "1"}
    return _describe(stream, sound)


def _describe(old: Stream, new: Stream) -> Stream:
    """Copy language, title and purpose."""
    new.metadata.update(keep_tags(old.metadata))
    new.disposition = old.disposition
    return new


def _codec_name(stream: Stream) -> str:
    context = stream.codec_context
    return stream.name or "unknown" if context is None else context.name
