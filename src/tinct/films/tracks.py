"""What a film has beside its pictures: sound, subtitles, cover art, attachments.

Everything is copied as it is where the new file can hold it. Where it cannot, sound is encoded
anew, without loss if it had none and the file can hold that, text subtitles are converted, and what
remains is left out. What a file can hold is tried with the first packets, before a film is colored.
"""

from __future__ import annotations

import io
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING, Any, Protocol, cast

import av
from av.audio.resampler import AudioResampler
from av.packet import Packet
from av.stream import Discard, Disposition
from av.subtitles.subtitle import AssSubtitle, SubtitleSet
from av.video.frame import VideoFrame

from tinct.films.cut import Cut
from tinct.films.encoder import known_options
from tinct.films.packets import read_packets

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from av.container import InputContainer, OutputContainer
    from av.stream import Stream

_SOUND = {"webm": ("libopus",), "avi": ("libmp3lame", "ac3", "aac"),
          "mxf": ("pcm_s24le", "pcm_s16le")}  # fmt: skip
_USUAL_SOUND = ("aac", "ac3")
_LOSSLESS = {"matroska": ("pcm", "flac"), "mov": ("pcm", "alac"), "mp4": ("alac", "flac"),
             "avi": ("pcm",), "mxf": ("pcm",)}  # fmt: skip
"""Encoders of sound that has lost nothing so far, by container, the best first."""
_IS_LOSSLESS = ("pcm_", "flac", "alac", "truehd", "mlp", "wavpack", "tta", "ape", "wmalossless",
                "als", "shorten", "tak", "s302m")  # fmt: skip
_EIGHT_BITS = ("pcm_u8", "pcm_s8", "pcm_mulaw", "pcm_alaw")
"""PCM that has lost more already than AAC takes away."""
_PCM = {"u8": "pcm_u8", "s16": "pcm_s16le", "s32": "pcm_s24le", "flt": "pcm_f32le",
        "dbl": "pcm_f64le"}  # fmt: skip
"""PCM by the format of the decoder; sound of 24 bits comes in 32."""
_SOUND_BITS = 96_000  # a second and channel, where sound loses anything
_ONLY_RATE = 48_000  # a second, of Opus and in MXF
_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 7: "6.1", 8: "7.1"}
"""What is meant where a file gives a number of channels alone."""
_LARGEST_DRIFT = "0.02"  # seconds by which sound may be off before silence is put in, or some cut
_TEXT = {"mp4": "mov_text", "mov": "mov_text", "matroska": "subrip", "webm": "webvtt"}
_LONGEST = Fraction(24 * 3600)
"""Seconds after which a film is over whose end is not known."""
_TEXT_CODECS = ("subrip", "srt", "ass", "ssa", "mov_text", "webvtt", "text")
_WITH_ATTACHMENTS = ("matroska",)
_COVERS = {"png": ("cover.png", "image/png"), "mjpeg": ("cover.jpg", "image/jpeg")}
_WITHOUT_COVERS = ("mov",)
"""FFmpeg takes cover art for QuickTime without an error, and writes none."""
_REMEDIES = {
    "audio": " (a silent track there keeps it)",
    "subtitle": " (a track of subtitles there keeps it)",
    "attachment": " (attached to that one it is kept)",
}
"""How the first film can be given a place for what only a later one has."""
_STALE = ("DURATION", "BPS", "NUMBER_OF_", "_STATISTICS", "encoder", "ENCODER", "rotate",
          "vendor_id", "alpha_mode", "ALPHA_MODE")  # fmt: skip
"""Beginnings of tags that describe the old file, not the film."""
_TRIED_PACKETS = 8
"""Packets of each stream with which it is found out what the new file can hold ..."""
_LOOKED_AT = 20_000
"""... looked for among so many of the film."""


@dataclass(frozen=True)
class TrackPlan:
    """What becomes of one stream of the old file."""

    stream: int
    """Its index in the old file."""
    name: str
    """How messages call it."""
    fate: str
    """``copied``, ``encoded``, ``converted``, ``attached`` or ``left out``."""
    codec: str = ""
    """The encoder, where there is one."""
    layout: str = ""
    """Of the channels of encoded sound."""
    reason: str = ""
    """Why it is not copied."""

    @property
    def is_kept(self) -> bool:
        """Whether the new file has it as it was."""
        return self.fate in ("copied", "attached")

    def __str__(self) -> str:
        """Say it in a line."""
        how = {"encoded": "encoded anew as", "converted": "converted to"}.get(self.fate)
        what = f"{how} {self.codec}" if how else self.fate
        return f"{self.name} {self.reason}: {what}" if self.reason else f"{self.name}: {what}"


class Track(Protocol):
    """Brings the packets of one stream, or of several that follow each other, into the new file."""

    index: int
    """Of the stream in the new file."""
    faults: Counter[str]
    """What was wrong with packets, and with how many."""

    def begin(self, source: Stream, cut: Cut) -> None:
        """Go on with the stream of another file."""
        ...

    def take(self, packet: Packet[Any]) -> Iterable[Packet[Any]]:
        """Turn a packet of the old file into those of the new; an empty one ends its decoder."""
        ...

    def finish(self) -> Iterable[Packet[Any]]:
        """Return what is left when everything has been taken."""
        ...


class CopiedTrack:
    """A stream that is copied."""

    def __init__(self, output: Stream, cut: Cut) -> None:
        self._output, self._cut = output, cut
        self.index = output.index
        self._last: Fraction | None = None  # seconds, on the new clock: when decoded
        self.faults: Counter[str] = Counter()

    def begin(self, source: Stream, cut: Cut) -> None:
        """Go on with the stream of another file."""
        self._cut = cut

    def finish(self) -> tuple[()]:
        """Return nothing: a packet is written when it is taken."""
        return ()

    def take(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        """Move a packet in time, and leave out those outside of the cut."""
        base = packet.time_base
        if self._output.disposition & Disposition.attached_pic and packet.size:
            packet.pts = packet.dts = 0
            packet.stream = self._output
            yield packet
            return
        stamp = packet.pts if packet.pts is not None else packet.dts
        if packet.size == 0 or stamp is None:
            return
        time = stamp * base
        if self._output.type == "subtitle" and packet.duration:
            span = self._cut.overlap(time, time + packet.duration * base)
            if span is None:
                return
            packet.pts = packet.dts = round(span[0] / base)
            packet.duration = round((span[1] - span[0]) / base)
        elif not self._cut.holds(time):
            return
        shift = round(self._cut.zero / base)
        packet.pts = None if packet.pts is None else packet.pts - shift
        packet.dts = None if packet.dts is None else packet.dts - shift
        if self._output.type == "subtitle" or self._follows(packet):
            packet.stream = self._output
            yield packet

    def _follows(self, packet: Packet[Any]) -> bool:
        """Bring a packet behind the one before; tell if it is to be left out instead."""
        if packet.dts is None:
            return True
        base = packet.time_base
        time = packet.dts * base
        if self._last is not None and time <= self._last:
            if self._last - time > (packet.duration or 0) * base / 2:
                self.faults["overlapped what came before: left out"] += 1
                return False
            self.faults["did not follow the one before: moved"] += 1
            packet.dts = floor(self._last / base) + 1
            packet.pts = max(packet.dts, packet.dts if packet.pts is None else packet.pts)
            time = packet.dts * base
        self._last = time
        return True


class EncodedSound:
    """Sound that is encoded anew, because the new file cannot hold its codec.

    Whatever the old sound changes to, the new one keeps the layout, rate and format with which it
    began. Gaps are filled with silence, so that it stays with the pictures.
    """

    def __init__(self, source: Any, output: Any, cut: Cut) -> None:
        self._source, self._output, self._cut = source, output, cut
        self.index = output.index
        context = output.codec_context
        self._kind = {
            "format": context.format.name, "layout": context.layout.name, "rate": context.rate
        }  # fmt: skip
        self._before: tuple[object, ...] | None = None  # kind of the last frame
        self._same_kind: AudioResampler | None = None
        # A size of frames: without one, PyAV passes frames through and gaps stay open.
        self._filler = AudioResampler(
            **self._kind,
            frame_size=context.frame_size or 1024,
            options={"async": "1", "min_hard_comp": _LARGEST_DRIFT},
        )
        self.faults: Counter[str] = Counter()

    def begin(self, source: Any, cut: Cut) -> None:
        """Go on with the stream of another file."""
        self._source, self._cut = source, cut

    def finish(self) -> Iterator[Packet[Any]]:
        """Return what resampler and encoder still hold."""
        for even in self._same_kind.resample(None) if self._same_kind else []:
            yield from self._encode(self._filler.resample(even))
        yield from self._encode(self._filler.resample(None))
        yield from self._output.encode(None)

    def take(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        """Decode and encode; damaged packets are left out, as a player does."""
        try:
            frames = self._source.decode(packet)
        except (av.FFmpegError, ValueError):
            self.faults["could not be decoded: left out"] += 1
            frames = []
        for frame in frames:
            base = frame.time_base
            if frame.pts is None or not self._cut.holds(frame.pts * base):
                continue
            frame.pts -= round(self._cut.zero / base)
            for even in self._of_one_kind(frame):
                yield from self._encode(self._filler.resample(even))

    def _encode(self, frames: list[Any]) -> Iterator[Packet[Any]]:
        for frame in frames:
            yield from self._output.encode(frame)

    def _of_one_kind(self, frame: Any) -> Iterator[Any]:
        """Bring a frame to the kind that the new sound has."""
        # What a resampler need not change keeps its ticks; the next one must have the same.
        frame.pts = round(frame.pts * frame.time_base * frame.sample_rate)
        frame.time_base = Fraction(1, frame.sample_rate)
        kind = (frame.format.name, frame.layout.name, frame.sample_rate)
        if kind != self._before:
            if self._before is not None:
                self.faults["began other sound: mixed to that at the beginning"] += 1
            yield from self._same_kind.resample(None) if self._same_kind else []
            self._same_kind, self._before = AudioResampler(**self._kind), kind
        assert self._same_kind is not None
        yield from self._same_kind.resample(frame)


class ConvertedText:
    """Text subtitles that are written in the format of the new file.

    One without a length stays until the next one, the last to the end of the film. FFmpeg and
    players take it so, too.
    """

    def __init__(self, source: Any, output: Any, cut: Cut, end: Fraction = _LONGEST) -> None:
        self._source, self._output, self._cut, self._end = source, output, cut, end
        self.index = output.index
        self._open: list[tuple[list[bytes], Fraction, Cut]] = []  # texts that have no end yet
        self.faults: Counter[str] = Counter()

    def begin(self, source: Any, cut: Cut) -> None:
        """Go on with the stream of another file."""
        self._source, self._cut = source, cut

    def finish(self) -> Iterator[Packet[Any]]:
        """Return the subtitles after which there is no other."""
        yield from self._close(self._end)
        if self._open:
            self.faults["began after the last picture: left out"] += len(self._open)

    def take(self, packet: Packet[Any]) -> Iterator[Packet[Any]]:
        """Decode and encode one subtitle, and those before that stay until it comes."""
        if packet.size == 0 or packet.pts is None:
            return
        base = packet.time_base
        time = packet.pts * base
        yield from self._close(time - self._cut.zero)
        try:
            subtitle = self._source.codec_context.decode2(packet)
        except (av.FFmpegError, ValueError):
            self.faults["could not be decoded: left out"] += 1
            return
        texts = [text.ass for text in subtitle or () if isinstance(text, AssSubtitle)]
        if subtitle and len(texts) < len(subtitle):  # of a later film, as this one's are text
            self.faults["held pictures of text: left out"] += 1
        if packet.duration:
            yield from self._encode(texts, time, time + packet.duration * base, self._cut)
        else:
            self._open.append((texts, time, self._cut))

    def _close(self, end: Fraction) -> Iterator[Packet[Any]]:
        """End what began before a time of the new file; what begins together ends together."""
        waiting, self._open = self._open, []
        for texts, begin, cut in waiting:
            if begin - cut.zero < end:
                yield from self._encode(texts, begin, end + cut.zero, cut)
            else:
                self._open.append((texts, begin, cut))

    def _encode(
        self, texts: list[bytes], begin: Fraction, end: Fraction, cut: Cut
    ) -> Iterator[Packet[Any]]:
        """Write texts that are shown together, as far as they are inside of the cut."""
        span = cut.overlap(begin, end)
        if span is None:
            return
        length = span[1] - span[0]
        for text in texts:
            event = SubtitleSet.create(text=text, start=0, end=round(length * 1000), pts=0)
            made = self._output.codec_context.encode_subtitle(event)
            made.time_base = Fraction(1, 1000)
            made.pts = made.dts = round((span[0] - cut.zero) * 1000)
            made.duration = round(length * 1000)
            made.stream = self._output
            yield made


def plan_tracks(
    source: InputContainer, film: int, container: str, changing: Collection[int] = ()
) -> list[TrackPlan]:
    """Decide what becomes of everything but the film itself, by trying it.

    Args:
        source: The old file, read from its beginning here.
        film: Index of the stream that is colored.
        container: FFmpeg's name of the format of the new file.
        changing: Streams that go on as something else in the next file, and cannot be copied.
    """
    others = [stream for stream in _beside_pictures(source) if stream.index != film]
    first = _first_packets(source, others)
    plans = (
        _plan_track(stream, first[stream.index], container, can_copy=stream.index not in changing)
        for stream in others
    )
    return [plan for plan in plans if plan is not None]


def match_streams(first: InputContainer, other: InputContainer) -> dict[int, int]:
    """Return, by the streams of one file, those of another that go on with them.

    The second sound goes on with the second sound, whatever else there is.
    """
    matched: dict[int, int] = {}
    for kind in ("audio", "subtitle"):
        pairs = zip(
            (stream.index for stream in first.streams if stream.type == kind),
            (stream.index for stream in other.streams if stream.type == kind),
            strict=False,
        )
        matched.update(pairs)
    return matched


def name_unmatched(first: InputContainer, other: InputContainer) -> list[str]:
    """Say, in a line each, what another file holds that goes on with nothing in the first one.

    What the first one has attached as well is not lost. Chapters and timecode are no tracks here.
    """
    matched = match_streams(first, other).values()
    attached = [_attached(stream) for stream in _beside_pictures(first)]
    return [
        f"{_name(stream)} has no counterpart in the first film: left out"
        f"{_REMEDIES.get(stream.type, '')}"
        for stream in _beside_pictures(other)
        if stream.index not in matched
        and not _is_written_anew(stream)
        and ((held := _attached(stream)) is None or held not in attached)
    ]


def _beside_pictures(source: InputContainer) -> list[Stream]:
    """Return all streams but films; cover art is none."""
    return [stream for stream in source.streams if stream.type != "video" or _is_cover(stream)]


def _attached(stream: Any) -> bytes | None:
    """Return the content of an attachment or of cover art, None of anything else."""
    if stream.type == "attachment":
        return bytes(stream.data or b"")
    return _picture(stream) if _is_cover(stream) else None


def _is_cover(stream: Stream) -> bool:
    return bool(stream.disposition & Disposition.attached_pic)


def find_changing(first: InputContainer, other: InputContainer) -> set[int]:
    """Return the streams of a file that another one goes on with in another codec or kind."""
    return {
        index
        for index, following in match_streams(first, other).items()
        if _kind(first.streams[index]) != _kind(other.streams[following])
    }


def _kind(stream: Any) -> tuple[object, ...]:
    """Return what must be the same in all packets of a stream that is copied."""
    context = stream.codec_context
    if context is None:
        return (None,)
    extra = bytes(context.extradata or b"")
    if stream.type != "audio":
        return context.name, extra
    return context.name, extra, stream.rate, stream.layout.name, stream.format.name


def make_tracks(
    source: InputContainer,
    plans: list[TrackPlan],
    output: OutputContainer,
    cut: Cut,
    end: Fraction = _LONGEST,
) -> dict[int, Track]:
    """Make the tracks that were planned, before anything else is written into the new file.

    Args:
        source: The old file.
        plans: What becomes of its streams.
        output: The new file.
        cut: Which part of the old one is taken.
        end: Seconds at which the pictures of the new file end.

    Returns:
        Tracks by the index of the old stream.

    Raises:
        av.FFmpegError, ValueError: The new file cannot hold one of them.
    """
    made = {plan.stream: _make_track(source, plan, output, cut, end) for plan in plans}
    return {index: track for index, track in made.items() if track is not None}


def keep_tags(old: dict[str, str]) -> dict[str, str]:
    """Return the tags that are about the film, not about the file that it was in."""
    return {key: value for key, value in old.items() if not key.startswith(_STALE)}


def _first_packets(source: InputContainer, streams: list[Stream]) -> dict[int, list[Packet[Any]]]:
    found: dict[int, list[Packet[Any]]] = {stream.index: [] for stream in streams}
    missing = {stream.index for stream in streams if stream.type != "attachment"}
    if not missing:
        return found
    for number, packet in enumerate(read_packets(source, list(source.streams))):
        held = found.get(packet.stream.index)
        if held is not None and packet.size and len(held) < _TRIED_PACKETS:
            held.append(packet)
            if len(held) == _TRIED_PACKETS:
                missing.discard(packet.stream.index)
        if not missing or number == _LOOKED_AT:
            break
    return found


def _plan_track(
    stream: Stream, first: list[Packet[Any]], container: str, *, can_copy: bool
) -> TrackPlan | None:
    codec = _codec_name(stream)
    name = _name(stream)
    refused = f"cannot be copied into {container}" if can_copy else "changes from file to file"
    if stream.type == "attachment":
        if container in _WITH_ATTACHMENTS:
            return TrackPlan(stream.index, name, "attached")
        return TrackPlan(stream.index, name, "left out", reason=f"({container} holds no such)")
    if container in _WITHOUT_COVERS and _is_cover(stream):
        return TrackPlan(stream.index, name, "left out", reason="(mov holds no cover art)")
    if container in _WITH_ATTACHMENTS and _is_cover(stream):
        if codec in _COVERS:
            return TrackPlan(stream.index, name, "attached")
        return TrackPlan(stream.index, name, "left out", reason="(cover art of an unknown kind)")
    if _is_written_anew(stream):
        return None
    for candidate in _candidates(stream, name, container, refused):
        if (can_copy or candidate.fate != "copied") and _can_be(
            candidate, stream, first, container
        ):
            return candidate
    is_unknown = stream.codec_context is None and stream.type != "data"
    why = "cannot be decoded here" if is_unknown else refused
    return TrackPlan(stream.index, name, "left out", reason=why)


def _candidates(stream: Any, name: str, container: str, refused: str) -> Iterator[TrackPlan]:
    """Yield what might become of a stream, the best first."""
    if stream.codec_context is None:
        return
    yield TrackPlan(stream.index, name, "copied")
    if stream.type == "audio" and stream.rate and stream.channels:
        usual = _LAYOUTS.get(stream.channels, "stereo")
        named = stream.layout.name
        layouts = dict.fromkeys([usual if "channels" in named else named, usual, "stereo"])
        for layout in layouts:
            for codec in _sound_codecs(stream, container):
                yield TrackPlan(stream.index, name, "encoded", codec, layout, refused)
    if stream.type == "subtitle" and container in _TEXT and _codec_name(stream) in _TEXT_CODECS:
        yield TrackPlan(stream.index, name, "converted", _TEXT[container], reason=refused)


def _sound_codecs(stream: Any, container: str) -> Iterator[str]:
    codec = _codec_name(stream)
    can_hold_pcm = "pcm" in _LOSSLESS.get(container, ())
    if codec.startswith(_IS_LOSSLESS) and (can_hold_pcm or codec not in _EIGHT_BITS):
        pcm = _PCM.get(stream.format.name.removesuffix("p"), "pcm_s16le")
        for encoder in _LOSSLESS.get(container, ()):
            yield pcm if encoder == "pcm" else encoder
    yield from _SOUND.get(container, _USUAL_SOUND)


def _can_be(plan: TrackPlan, stream: Any, first: list[Packet[Any]], container: str) -> bool:
    """Tell whether a new file takes a track, and most of its first packets."""
    start = min((p.pts or p.dts or 0) * p.time_base for p in first) if first else Fraction(0)
    refused = 0
    try:
        with av.open(io.BytesIO(), "w", format=container) as output:
            pictures = _begin_mxf(output) if container == "mxf" else []
            track = _make_track(stream.container, plan, output, Cut(None, None, start))
            assert track is not None
            stream.codec_context.flush_buffers()
            output.start_encoding()
            output.mux(pictures)
            for packet in [*map(_copy, first), _ending(stream), None]:
                made = list(track.finish() if packet is None else track.take(packet))
                try:
                    output.mux(made)
                except (av.FFmpegError, ValueError):
                    refused += 1
    except (av.FFmpegError, ValueError, TypeError):
        return False
    return refused <= len(first) / 2  # some may be damaged


def _begin_mxf(output: OutputContainer) -> list[Packet[Any]]:
    """Add pictures, without which there is no MXF, and return a packet of them."""
    film: Any = output.add_stream("mpeg2video", rate=25)
    film.width, film.height, film.pix_fmt = 16, 16, "yuv420p"
    black = VideoFrame(16, 16, "yuv420p")
    black.pts = 0
    return [*film.encode(black), *film.encode(None)]


def _copy(packet: Packet[Any]) -> Packet[Any]:
    twin: Packet[Any] = Packet(bytes(packet))
    twin.stream, twin.time_base = packet.stream, packet.time_base
    twin.pts, twin.dts, twin.duration = packet.pts, packet.dts, packet.duration
    twin.is_keyframe = packet.is_keyframe
    return twin


def _ending(stream: Stream) -> Packet[Any]:
    packet: Packet[Any] = Packet()
    packet.stream = stream
    packet.time_base = stream.time_base or Fraction(1, 1000)
    return packet


def _make_track(
    source: InputContainer,
    plan: TrackPlan,
    output: OutputContainer,
    cut: Cut,
    end: Fraction = _LONGEST,
) -> Track | None:
    stream = source.streams[plan.stream]
    if plan.fate == "attached":
        _attach(stream, output)
        return None
    if plan.fate == "copied":
        return CopiedTrack(
            _describe(stream, output.add_stream_from_template(stream, opaque=True)), cut
        )
    if plan.fate == "encoded":
        return EncodedSound(stream, _add_sound(cast("Any", stream), plan, output), cut)
    if plan.fate == "converted":
        decoder: Any = stream.codec_context
        if not decoder.is_open:
            decoder.open(strict=False)  # only then it has the header that encoders ask for
        text: Any = _describe(stream, output.add_stream(plan.codec))
        # By default it counts microseconds, of which MP4 holds no more than 35 minutes in a row.
        text.time_base = Fraction(1, 1000)
        text.codec_context.subtitle_header = decoder.subtitle_header
        return ConvertedText(stream, text, cut, end)
    return None


def _attach(stream: Stream, output: OutputContainer) -> None:
    """Attach a file, or cover art, as Matroska has it."""
    if stream.type == "attachment":
        output.add_stream_from_template(stream)
        return
    picture = _picture(stream)
    if picture is not None:
        output.add_attachment(*_COVERS[_codec_name(stream)], picture)


def _picture(stream: Stream) -> bytes | None:
    """Read cover art from a file that stands at its beginning, and does so again afterwards."""
    source = cast("InputContainer", stream.container)
    picture = next((bytes(packet) for packet in source.demux(stream) if packet.size), None)
    source.seek(0)
    return picture


def _add_sound(stream: Any, plan: TrackPlan, output: OutputContainer) -> Any:
    is_bound = plan.codec == "libopus" or output.format.name == "mxf"
    rate = _ONLY_RATE if is_bound else stream.rate
    sound: Any = output.add_stream(plan.codec, rate=rate)
    sound.layout = plan.layout
    if plan.codec.startswith(_IS_LOSSLESS):
        sound.format = _lossless_format(stream, sound)
    else:
        sound.bit_rate = _SOUND_BITS * sound.channels
    if "mapping_family" in known_options(sound.codec_context) and sound.channels > 2:
        sound.options = {"mapping_family": "1"}
    sound.codec_context.open()  # so that it says how many samples it wants at a time
    return _describe(stream, sound)


def _lossless_format(stream: Any, sound: Any) -> Any:
    """Return the format of samples of an encoder that holds all bits of the decoder's."""
    known = [held.name for held in sound.codec_context.codec.audio_formats or [sound.format]]
    wanted = stream.format.name.removesuffix("p")
    near = [name for name in known if name.removesuffix("p") == wanted]
    deep = [name for name in known if name.startswith("s32")]
    return (near or deep or known)[0]


def _describe(old: Stream, new: Stream) -> Stream:
    """Copy language, title and purpose."""
    new.metadata.update(keep_tags(old.metadata))
    new.disposition = old.disposition
    return new


def _is_written_anew(stream: Stream) -> bool:
    """Tell whether a stream holds chapters or timecode, which the new file gets another way."""
    # The track that MP4 has for chapters is the one of data that FFmpeg itself keeps from us.
    return stream.type == "data" and (
        "timecode" in stream.metadata or stream.discard is Discard.all
    )


def _name(stream: Stream) -> str:
    return f"track {stream.index} ({stream.type}, {_codec_name(stream)})"


def _codec_name(stream: Stream) -> str:
    if stream.codec_context is not None:
        return stream.codec_context.name
    return getattr(stream, "name", None) or "of an unknown kind"
