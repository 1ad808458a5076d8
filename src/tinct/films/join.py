"""Finished segments, with everything that belongs to the film, become one file."""

from __future__ import annotations

import heapq
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.packet import Packet

from tinct.errors import OutputError
from tinct.files import written_whole
from tinct.films.tracks import Cut, keep_tags, make_tracks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from av.container import InputContainer, OutputContainer
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    from tinct.films.encoder import EncoderPlan
    from tinct.films.reader import FilmSource
    from tinct.films.segments import Parts
    from tinct.films.tracks import Track

_OF_THE_CONTAINER = ("major_brand", "minor_version", "compatible_brands", "software")
_OPTIONS = {
    "mp4": {"movflags": "+faststart"},
    "mov": {"movflags": "+faststart"},
    "avi": {"avoid_negative_ts": "disabled"},  # sound that begins early would move the pictures
}


_SLOT_TOLERANCE = 0.1


@dataclass(frozen=True)
class Timeline:
    """Times of all frames of a film in ticks, and when packets are decoded."""

    times: NDArray[np.int64]  # as they are shown
    end: int
    delay: int
    """By how many packets a frame comes later than it is shown, at most."""

    def shown(self, frame: int) -> int:
        """Return when a frame is shown."""
        return int(self.times[frame])

    def decoded(self, packet: int) -> int:
        """Return when a packet is decoded: increasing, and never after it is shown."""
        ahead = packet - self.delay
        if ahead >= 0:
            return int(self.times[ahead])
        step = int(self.times[1] - self.times[0]) if len(self.times) > 1 else 1
        return int(self.times[0]) + ahead * step

    def duration(self, frame: int) -> int:
        """Return how long a frame is shown."""
        following = self.end if frame + 1 == len(self.times) else int(self.times[frame + 1])
        return following - int(self.times[frame])


def join(
    reader: FilmSource, parts: Parts, plan: EncoderPlan, cut: Cut, target: Path, overwrite: bool
) -> list[str]:
    """Write the film.

    Args:
        reader: The old film, of which everything but the pictures is taken.
        parts: Segments, at least one.
        plan: How they were encoded.
        cut: Which part of the film they are.
        target: Name of the new file.
        overwrite: Whether a file of that name may be replaced.

    Returns:
        What the user should know, one sentence each.

    Raises:
        OutputError: It cannot be written; nothing has changed.
    """
    try:
        with written_whole(target, overwrite=overwrite) as temporary, reader.open() as source:
            options = dict(_OPTIONS.get(plan.container, {}))
            if "movflags" in options:  # in which it says when a track begins; a millisecond else
                options["movie_timescale"] = str(reader.facts.time_base.denominator)
            with av.open(
                f"file:{temporary}", "w", format=plan.container, container_options=options
            ) as output:
                return _write(reader, source, parts, plan, cut, output)
    except (av.FFmpegError, OSError) as error:
        raise OutputError(f"{target}: {error.strerror or error}") from error


def _write(
    reader: FilmSource,
    source: InputContainer | None,
    parts: Parts,
    plan: EncoderPlan,
    cut: Cut,
    output: OutputContainer,
) -> list[str]:
    film = _add_film(reader, plan, output)
    others: Iterable[Packet[Any]] = ()
    notes: list[str] = []
    if source is not None:
        old = source.streams[reader.facts.stream]
        film.metadata.update(keep_tags(old.metadata))
        film.disposition = old.disposition
        output.metadata.update(_film_tags(source.metadata))
        output.set_chapters(list(_chapters(source, cut)))
        tracks, notes = make_tracks(source, film=old.index, output=output, cut=cut)
        others = _other_packets(source, tracks)
    line, base = _timeline(reader, parts, cut), reader.facts.time_base
    if plan.container == "avi":
        line, base, moved = _in_slots(line, base, 1 / plan.rate)
        notes += [f"AVI holds no times: {moved} frames were moved a little"] if moved else []
    pictures = _film_packets(parts, line, base, film)
    for packet in heapq.merge(pictures, others, key=_moment):
        output.mux(packet)
    return notes


def _film_tags(tags: dict[str, str]) -> dict[str, str]:
    kept = keep_tags(tags)
    return {key: value for key, value in kept.items() if key.lower() not in _OF_THE_CONTAINER}


def _add_film(reader: FilmSource, plan: EncoderPlan, output: OutputContainer) -> VideoStream:
    facts = reader.facts
    film: Any = output.add_stream(plan.codec, rate=plan.rate)
    plan.configure(film.codec_context)  # which writes its parameters, and encodes nothing
    film.time_base = 1 / plan.rate if plan.container == "avi" else facts.time_base
    if facts.display is not None:
        film.set_display_matrix(facts.display)
    stream: VideoStream = film
    return stream


def _timeline(reader: FilmSource, parts: Parts, cut: Cut) -> Timeline:
    shift = round(cut.zero / reader.facts.time_base)
    delay = max(segment.delay for segment in parts.segments)
    return Timeline(parts.times() - shift, parts.segments[-1].end - shift, delay)


def _in_slots(line: Timeline, base: Fraction, slot: Fraction) -> tuple[Timeline, Fraction, int]:
    """Bring frames to the equal steps that AVI counts in: none earlier than zero or twice one.

    Returns:
        The timeline in such steps, how long one is, and how many frames have moved by more than
        a tenth of it.
    """
    ratio = float(base / slot)
    index = np.arange(len(line.times))
    wanted = line.times * ratio
    slots = np.maximum.accumulate(np.maximum(np.rint(wanted), 0).astype(np.int64) - index) + index
    moved = int((np.abs(slots - wanted) > _SLOT_TOLERANCE).sum())
    return Timeline(slots, max(round(line.end * ratio), int(slots[-1]) + 1), 0), slot, moved


def _film_packets(
    parts: Parts, line: Timeline, base: Fraction, stream: VideoStream
) -> Iterator[Packet[Any]]:
    """Yield the packets of all segments with their times."""
    done = 0
    for number, segment in enumerate(parts.segments):
        held = parts.load(number)
        for index, data in enumerate(held.data):
            frame = done + int(held.order[index])
            packet: Packet[Any] = Packet(data)
            packet.stream, packet.time_base = stream, base
            packet.pts, packet.dts = line.shown(frame), line.decoded(done + index)
            packet.duration = line.duration(frame)
            packet.is_keyframe = bool(held.is_key[index])
            yield packet
        done += segment.frames


def _other_packets(source: InputContainer, tracks: dict[int, Track]) -> Iterator[Packet[Any]]:
    if not tracks:
        return
    try:
        for packet in source.demux([source.streams[index] for index in tracks]):
            yield from tracks[packet.stream.index].take(packet)
    except av.FFmpegError:
        return  # a damaged film: reading its pictures has said so


def _moment(packet: Packet[Any]) -> Fraction:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return (stamp or 0) * packet.time_base


def _chapters(source: InputContainer, cut: Cut) -> Iterator[Any]:
    for chapter in source.chapters():
        base = chapter["time_base"] or Fraction(1, av.time_base)
        span = cut.overlap(chapter["start"] * base, chapter["end"] * base)
        if span is not None:
            begin, end = (round((time - cut.zero) / base) for time in span)
            yield {**chapter, "start": begin, "end": end}
