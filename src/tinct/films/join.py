"""Finished segments, with everything that belongs to the film, become one file."""

from __future__ import annotations

import errno
import heapq
import io
from collections import Counter
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
import numpy as np
from av.packet import Packet
from av.video.reformatter import ColorRange

from tinct.errors import OutputError
from tinct.files import reason_of, written_whole
from tinct.films.cut import WHOLE, Cut
from tinct.films.facts import PROGRESSIVE, display_matrix, find_timecode
from tinct.films.mark import mark_colored
from tinct.films.matroska import PLACEHOLDER, set_display_size
from tinct.films.packets import Clock, read_packets
from tinct.films.pixels import ColorTags, build_frame
from tinct.films.segments import SegmentEncoder
from tinct.films.timecode import later_timecode
from tinct.films.tracks import keep_tags, make_tracks, match_streams

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from av.container import InputContainer, OutputContainer
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    from tinct.films.encoder import EncoderPlan
    from tinct.films.reader import FilmSource
    from tinct.films.segments import Parts
    from tinct.films.tracks import Track, TrackPlan

_OF_THE_CONTAINER = ("major_brand", "minor_version", "compatible_brands", "software")
_OPTIONS = {
    "mp4": {"movflags": "+faststart"},
    "mov": {"movflags": "+faststart"},
    "avi": {"avoid_negative_ts": "disabled"},  # sound that begins early would move the pictures
}
_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EFBIG, errno.EROFS, errno.EACCES,
                errno.EPERM, errno.ENOENT)  # fmt: skip
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
    reader: FilmSource,
    parts: Parts,
    plan: EncoderPlan,
    tracks: list[TrackPlan],
    cut: Cut,
    target: Path,
    overwrite: bool,
    colored_by: str = "",
) -> list[str]:
    """Write the film.

    Args:
        reader: The old film, of which everything but the pictures is taken.
        parts: Segments, at least one.
        plan: How they were encoded.
        tracks: What becomes of everything else in the old film.
        cut: Which part of the film they are.
        target: Name of the new file.
        overwrite: Whether a file of that name may be replaced.
        colored_by: Name of the model that the film is to name; empty for none.

    Returns:
        What the user should know, one sentence each.

    Raises:
        OutputError: It cannot be written; nothing has changed.
    """
    with written_whole(target, overwrite=overwrite) as temporary:
        try:
            notes = _write(reader, parts, plan, tracks, cut, temporary, colored_by)
        except (av.FFmpegError, ValueError) as error:
            if is_of_disk(error) or not tracks:
                raise OutputError(f"{target}: {reason_of(error)}") from error
            # The pictures are done: they become a film, whatever is wrong beside them.
            notes = _write(reader, parts, plan, [], cut, temporary, colored_by)
            notes.append(f"all other tracks are left out ({reason_of(error)})")
        if plan.container in ("matroska", "webm") and plan.aspect not in (None, 1):
            assert plan.aspect is not None
            if not set_display_size(temporary, round(plan.width * plan.aspect), plan.height):
                notes.append("the shape of its pixels could not be written: shown as square ones")
    return notes


def check_header(reader: FilmSource, plan: EncoderPlan) -> tuple[EncoderPlan, list[str]]:
    """Write a film of one gray frame, to find out early what cannot be written, or gets lost.

    Returns:
        The plan, with frames in the limited range where the new file cannot say that they are of
        full range, and with the matrix by which it will be read; and what it will not hold, one
        sentence each.

    Raises:
        OutputError: There can be no such file.
    """
    file = io.BytesIO()
    form = plan.form(reader.facts.form)
    planes = (form.luma_shape, form.chroma_shape, form.chroma_shape)
    frame = build_frame(tuple(np.zeros(shape, form.dtype) for shape in planes), form, plan.tags)
    try:
        encoder = SegmentEncoder(plan)
        encoder.add(frame, 0, 1, is_exact=True)
        _, packets = encoder.finish(None)
        with reader.open() as source, av.open(file, "w", format=plan.container) as output:
            film = _add_film(reader, plan, source, WHOLE, reader.facts.begin, output)
            packet: Packet[Any] = Packet(packets.data[0])
            packet.stream, packet.time_base = film, film.time_base or reader.facts.time_base
            packet.pts = packet.dts = 0
            packet.is_keyframe = True
            output.mux(packet)
        file.seek(0)
        with av.open(file, "r") as written:
            found = next(written.decode(video=0))
            timecode = find_timecode(written, written.streams.video[0])
    except (av.FFmpegError, ValueError) as error:
        why = reason_of(error)
        if plan.container == "mxf":
            why = f"not with {float(plan.rate):.5g} frames a second: another suffix ({why})"
        raise OutputError(f"{plan.container}: {why}") from error
    notes = []
    if plan.field_order > PROGRESSIVE and not found.interlaced_frame:
        notes.append(f"{plan.codec} writes no field order: the fields stay, in progressive frames")
    if reader.facts.display is not None and display_matrix(found) is None:
        notes.append(f"{plan.container} holds no rotation: the new film is shown unturned")
    if reader.facts.timecode is not None and timecode is None:
        notes.append(f"its timecode ({reader.facts.timecode}) is not kept in {plan.container}")
    what = f"{plan.codec} in {plan.container}"
    if plan.tags.full_range and found.color_range != ColorRange.JPEG:
        # Players would take it for limited range, and show it with more contrast.
        notes.append(f"{what} cannot say that the range is full: the limited one is written")
        plan = replace(plan, tags=replace(plan.tags, full_range=False), narrows=True)
    read = ColorTags.of(found)
    if read.name != plan.tags.name:
        # Luma stays as it is: which matrix it is of matters to colors alone.
        notes.append(
            f"{what} cannot say that the matrix is {plan.tags.name}: colors are written for "
            f"{read.name}"
        )
        plan = replace(plan, tags=replace(plan.tags, matrix=read.matrix))
    return plan, notes


def is_of_disk(error: Exception) -> bool:
    """Tell whether an error of FFmpeg comes from the disk, not from what is written."""
    return isinstance(error, OSError) and error.errno in _DISK_ERRORS


def _write(
    reader: FilmSource,
    parts: Parts,
    plan: EncoderPlan,
    tracks: list[TrackPlan],
    cut: Cut,
    path: Path,
    colored_by: str,
) -> list[str]:
    facts = reader.facts
    options = dict(_OPTIONS.get(plan.container, {}))
    if "movflags" in options:  # in which it says when a track begins; a millisecond else
        options["movie_timescale"] = str(facts.time_base.denominator)
    line, base, notes = _timeline(reader, parts, cut), facts.time_base, []
    if not plan.holds_times:
        line, base, moved = _in_slots(line, base, 1 / plan.rate)
        notes += (
            [f"{plan.container.upper()} holds no times: {moved} frames were moved a little"]
            if moved
            else []
        )
    with (
        reader.open() as source,
        av.open(f"file:{path}", "w", format=plan.container, container_options=options) as output,
    ):
        begin = parts.segments[0].begin * facts.time_base
        film = _add_film(reader, plan, source, cut, begin, output)
        mark_colored(output.metadata, plan.container, colored_by)
        others: Iterable[Packet[Any]] = ()
        made: dict[int, Track] = {}
        if source is not None:
            made = make_tracks(source, tracks, output, cut, line.end * base)
            others = _other_packets(source, reader.members(cut), made)
        output.start_encoding()
        refused: Counter[int] = Counter()
        for packet in heapq.merge(_film_packets(parts, line, base, film), others, key=_moment):
            try:
                output.mux(packet)
            except (av.FFmpegError, ValueError) as error:
                if is_of_disk(error):
                    raise
                refused[packet.stream_index] += 1
    names = {made[plan.stream].index: plan.name for plan in tracks if plan.stream in made}
    for index, count in refused.items():
        name = names.get(index, "the pictures")
        notes.append(f"{name}: {_packets(count)} that cannot be written: left out")
    for plan_of_track in tracks:
        faults = made[plan_of_track.stream].faults if plan_of_track.stream in made else {}
        notes += [f"{plan_of_track.name}: {_packets(n)} that {what}" for what, n in faults.items()]
    return notes


def _packets(count: int) -> str:
    return f"{count} packet{'' if count == 1 else 's'}"


def _add_film(
    reader: FilmSource,
    plan: EncoderPlan,
    source: InputContainer | None,
    cut: Cut,
    begin: Fraction,
    output: OutputContainer,
) -> VideoStream:
    """Add the stream of the pictures, and everything that is said of the film as a whole.

    Args:
        reader: The old film.
        plan: How its frames are encoded.
        source: The old file, if there is one.
        cut: Which part of the film is taken.
        begin: Seconds of the first frame of it, in the old film.
        output: The new file.
    """
    facts = reader.facts
    film: Any = output.add_stream(plan.codec, rate=plan.rate)
    plan.configure(film.codec_context)  # which writes its parameters, and encodes nothing
    film.time_base = facts.time_base if plan.holds_times else 1 / plan.rate
    if facts.display is not None:
        film.set_display_matrix(facts.display)
    if source is not None:
        old = source.streams[facts.stream]
        film.metadata.update(keep_tags(old.metadata))
        film.disposition = old.disposition
        output.metadata.update(_film_tags(source.metadata))
        output.set_chapters(_chapters(reader.members(cut)))
    for tags in (film.metadata, output.metadata):
        tags.pop("timecode", None)
    if facts.timecode is not None:
        ahead = begin - facts.begin
        timecode = later_timecode(facts.timecode, ahead, facts.timecode_rate, plan.rate)
        if timecode is not None:
            film.metadata["timecode"] = timecode
    if plan.container in ("matroska", "webm") and plan.aspect not in (None, 1):
        film.metadata["title"] = film.metadata.get("title", "") + PLACEHOLDER
    stream: VideoStream = film
    return stream


def _film_tags(tags: dict[str, str]) -> dict[str, str]:
    kept = keep_tags(tags)
    return {key: value for key, value in kept.items() if key.lower() not in _OF_THE_CONTAINER}


def _timeline(reader: FilmSource, parts: Parts, cut: Cut) -> Timeline:
    shift = round(cut.zero / reader.facts.time_base)
    delay = max(segment.delay for segment in parts.segments)
    return Timeline(parts.times() - shift, parts.segments[-1].end - shift, delay)


def _in_slots(line: Timeline, base: Fraction, slot: Fraction) -> tuple[Timeline, Fraction, int]:
    """Bring frames to the equal steps of AVI and MXF: none earlier than zero, none twice in one.

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


def _other_packets(
    first: InputContainer, members: list[tuple[FilmSource, Cut]], tracks: dict[int, Track]
) -> Iterator[Packet[Any]]:
    """Yield the packets of all tracks; of films that are joined, of one file after the other.

    Args:
        first: The file for which the tracks were made.
        members: The files, and what is taken of each.
        tracks: By the index of the stream in the first file.
    """
    if not tracks:
        return
    for member, cut in members:
        with member.open() as source:
            assert source is not None
            matched = {index: index for index in tracks}
            if member is not members[0][0]:
                matched = match_streams(first, source)
            following = {matched[index]: tracks[index] for index in tracks.keys() & matched.keys()}
            for index, track in following.items():
                track.begin(source.streams[index], cut)
            yield from _taken(source, following, mend=member.facts.breaks > 0)
    for track in tracks.values():
        yield from track.finish()


def _taken(source: InputContainer, tracks: dict[int, Track], mend: bool) -> Iterator[Packet[Any]]:
    # A mended clock must be shown every packet, as it was when the pictures were read.
    wanted = list(source.streams) if mend else [source.streams[index] for index in tracks]
    clock = Clock()
    for packet in read_packets(source, wanted) if tracks else ():
        if mend:
            clock.correct(packet)
        if packet.stream.index in tracks:
            yield from tracks[packet.stream.index].take(packet)


def _moment(packet: Packet[Any]) -> Fraction:
    stamp = packet.dts if packet.dts is not None else packet.pts
    return (stamp or 0) * packet.time_base


def _chapters(members: list[tuple[FilmSource, Cut]]) -> list[Any]:
    found: list[Any] = []
    for member, cut in members:
        with member.open() as source:
            for chapter in source.chapters() if source is not None else ():
                base = chapter["time_base"] or Fraction(1, av.time_base)
                first, last = chapter["start"] * base, chapter["end"] * base
                span = cut.overlap(first, last)
                if span is None and first == last and cut.holds(first):
                    span = first, last  # a place, not a part
                if span is not None:
                    begin, end = (round((time - cut.zero) / base) for time in span)
                    found.append({**chapter, "id": len(found), "start": begin, "end": end})
    return found
