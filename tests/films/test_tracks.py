"""What becomes of sound and the rest: tried before a film is colored, mended while it is joined."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from av.codec import CodecContext

from films import Film, copy_with_chapters, make_film
from tinct.films.cut import Cut
from tinct.films.timecode import later_timecode
from tinct.films.tracks import EncodedSound, TrackPlan, make_tracks, plan_tracks


def _sound(
    path: Path, codec: str, layout: str = "stereo", rate: int = 48000, format: str | None = None
) -> Path:
    """Write a second of a tone."""
    with av.open(str(path), "w", options={"strict": "experimental"}) as output:
        stream: Any = output.add_stream(codec, rate=rate, layout=layout)
        stream.bit_rate = 128_000
        if format is not None:
            stream.format = format
        for frame in _tone(layout, rate, seconds=1):
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def _tone(layout: str, rate: int, seconds: float, begin: float = 0) -> list[av.AudioFrame]:
    channels = av.AudioLayout(layout).nb_channels
    wave = 0.3 * np.sin(np.arange(round(seconds * rate)) / 20).astype(np.float32)
    frames = []
    for number in range(0, len(wave), 960):
        piece = np.tile(wave[number : number + 960], (channels, 1))
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece), "fltp", layout)
        frame.sample_rate, frame.time_base = rate, Fraction(1, rate)
        frame.pts = round(begin * rate) + number
        frames.append(frame)
    return frames


@pytest.mark.parametrize(
    ("codec", "suffix", "container", "fate", "encoder"),
    [
        ("aac", "mp4", "matroska", "copied", ""),
        ("aac", "mp4", "webm", "encoded", "libopus"),
        ("flac", "mkv", "mov", "encoded", "pcm_s16le"),
        ("flac", "mkv", "mp4", "copied", ""),
        ("libopus", "mkv", "mov", "encoded", "aac"),
        ("pcm_s24le", "mkv", "mp4", "encoded", "alac"),
        ("pcm_s16le", "mkv", "matroska", "copied", ""),
        ("pcm_u8", "avi", "mp4", "encoded", "aac"),
        ("wmav2", "wmv", "mp4", "encoded", "aac"),
        ("adpcm_ima_wav", "avi", "mp4", "encoded", "aac"),
    ],
)
def test_a_track_is_what_the_new_file_can_hold(
    tmp_path: Path, codec: str, suffix: str, container: str, fate: str, encoder: str
) -> None:
    path = _sound(tmp_path / f"in.{suffix}", codec)
    with av.open(str(path)) as source:
        (plan,) = plan_tracks(source, film=-1, container=container)
    assert (plan.fate, plan.codec) == (fate, encoder), str(plan)


def test_channels_without_a_layout_are_those_that_are_meant(tmp_path: Path) -> None:
    path = _sound(tmp_path / "in.wmv", "wmav2", "mono", 44100)
    with av.open(str(path)) as source:
        assert source.streams.audio[0].layout.name == "1 channels"
        (plan,) = plan_tracks(source, film=-1, container="mp4")
    assert (plan.codec, plan.layout) == ("aac", "mono")


def test_no_bit_is_lost_from_lossless_to_lossless(tmp_path: Path) -> None:
    path = _sound(tmp_path / "in.mkv", "flac")
    with av.open(str(path)) as source:
        before = np.hstack([frame.to_ndarray() for frame in source.decode(audio=0)])
    cut = Cut(None, None, Fraction(0))
    plan = TrackPlan(0, "sound", "encoded", "pcm_s16le", "stereo")
    with av.open(str(path)) as source, av.open(str(tmp_path / "out.mov"), "w") as output:
        (track,) = make_tracks(source, [plan], output, cut).values()
        for packet in source.demux():
            output.mux(list(track.take(packet)))
        output.mux(list(track.finish()))
    with av.open(str(tmp_path / "out.mov")) as result:
        after = np.hstack([frame.to_ndarray() for frame in result.decode(audio=0)])
    np.testing.assert_array_equal(before, after)


def test_a_packet_that_does_not_follow_the_one_before_is_moved(tmp_path: Path) -> None:
    path = _sound(tmp_path / "in.mkv", "pcm_s16le")
    plan, cut = TrackPlan(0, "sound", "copied"), Cut(None, None, Fraction(0))
    with av.open(str(path)) as source, av.open(str(tmp_path / "out.mkv"), "w") as output:
        (track,) = make_tracks(source, [plan], output, cut).values()
        first, second, third, *_ = source.demux()
        second.pts = second.dts = first.dts
        times = [packet.dts for given in (first, second, third) for packet in track.take(given)]
    assert times == [first.dts, first.dts + 1, third.dts]
    assert track.faults == {"did not follow the one before: moved": 1}


class _Decoder:
    """Gives frames that are there already, as if they had been decoded."""

    def decode(self, packet: Any) -> list[av.AudioFrame]:
        return packet.opaque if packet.size else []


def _encode(frames: list[av.AudioFrame], rate: int, layout: str) -> tuple[EncodedSound, float]:
    """Encode frames, and return how many seconds come out."""
    file = io.BytesIO()
    with av.open(file, "w", format="mov") as output:
        stream: Any = output.add_stream("pcm_s16le", rate=rate, layout=layout)
        stream.codec_context.open()
        track = EncodedSound(_Decoder(), stream, Cut(None, None, Fraction(0)))
        for frame in frames:
            packet: Any = av.Packet(b"x")
            packet.opaque = [frame]
            output.mux(list(track.take(packet)))
        output.mux(list(track.take(av.Packet())))
        output.mux(list(track.finish()))
    file.seek(0)
    with av.open(file) as result:
        samples = sum(frame.samples for frame in result.decode(audio=0))
    return track, samples / rate


def test_sound_that_changes_is_mixed_to_what_it_began_with() -> None:
    frames = (
        _tone("stereo", 48000, 1)
        + _tone("5.1", 44100, 1, begin=1)
        + _tone("mono", 48000, 1, begin=2)
    )
    track, seconds = _encode(frames, 48000, "stereo")
    assert seconds == pytest.approx(3, abs=0.02)
    assert track.faults == {"began other sound: mixed to that at the beginning": 2}


def test_a_gap_stays_a_gap() -> None:
    frames = _tone("stereo", 48000, 1) + _tone("stereo", 48000, 1, begin=1.5)
    _, seconds = _encode(frames, 48000, "stereo")
    assert seconds == pytest.approx(2.5, abs=0.02)


def test_a_stream_without_a_decoder_is_left_out(tmp_path: Path) -> None:
    path = make_film(tmp_path / "in.mkv", Film("libx264", sound="aac"))
    path.write_bytes(path.read_bytes().replace(b"A_AAC", b"A_XYZ"))
    with av.open(str(path)) as source:
        (plan,) = plan_tracks(source, film=0, container="matroska")
    assert str(plan) == "track 1 (audio, of an unknown kind) cannot be decoded here: left out"


def test_text_after_a_long_pause_stays_where_it_is(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "in.mkv"), "w") as output:
        text: Any = output.add_stream("subrip")
        text.codec_context.subtitle_header = b"[Script Info]\n[Events]\n"
        for seconds in (1, 3001):
            packet = av.Packet(b"Hello")
            packet.stream, packet.time_base = text, Fraction(1)
            packet.pts = packet.dts = seconds
            packet.duration = 1
            output.mux(packet)
    plan, cut = TrackPlan(0, "text", "converted", "mov_text"), Cut(None, None, Fraction(0))
    made = str(tmp_path / "out.mp4")
    with av.open(str(tmp_path / "in.mkv")) as source, av.open(made, "w") as output:
        (track,) = make_tracks(source, [plan], output, cut).values()
        for packet in source.demux():
            output.mux(list(track.take(packet)))
    with av.open(made) as result:
        held = [packet for packet in result.demux() if packet.size > 2]
        assert [packet.pts * packet.time_base for packet in held] == [1, 3001]


def test_data_that_are_no_chapters_are_left_out_and_said(tmp_path: Path) -> None:
    """Telemetry of cameras looks like the track of chapters, but nothing refers to it."""
    film = make_film(tmp_path / "film.mkv", Film("libx264", frames=20))
    copy_with_chapters(film, tmp_path / "chapters.mp4", [(0, 400)])
    data = bytearray((tmp_path / "chapters.mp4").read_bytes())
    entry = data.rindex(b"stsd") + 16  # behind version, number of entries and size of the first
    assert data[entry : entry + 4] == b"text"
    data[entry : entry + 4] = b"gpmd"
    (tmp_path / "telemetry.mp4").write_bytes(data.replace(b"tref", b"free"))
    said = {}
    for name in ("chapters", "telemetry"):
        with av.open(str(tmp_path / f"{name}.mp4")) as source:
            assert [stream.type for stream in source.streams] == ["video", "data"]
            said[name] = [str(plan) for plan in plan_tracks(source, film=0, container="mp4")]
    assert said == {
        "chapters": [],
        "telemetry": ["track 1 (data, bin_data) cannot be copied into mp4: left out"],
    }


@pytest.mark.parametrize(
    ("timecode", "seconds", "rate", "expected"),
    [
        ("01:00:00:00", Fraction(2), Fraction(25), "01:00:02:00"),
        ("01:00:00:20", Fraction(1, 5), Fraction(25), "01:00:01:00"),
        ("23:59:59:24", Fraction(1, 25), Fraction(25), "00:00:00:00"),
        # SMPTE ST 12: two numbers are dropped every minute, but not every tenth.
        ("00:00:59;29", Fraction(1001, 30000), Fraction(30000, 1001), "00:01:00;02"),
        ("00:09:59;29", Fraction(1001, 30000), Fraction(30000, 1001), "00:10:00;00"),
        ("00:00:00;00", Fraction(17982 * 1001, 30000), Fraction(30000, 1001), "00:10:00;00"),
        ("soon", Fraction(1), Fraction(25), None),
    ],
)
def test_timecode_of_a_later_frame(
    timecode: str, seconds: Fraction, rate: Fraction, expected: str | None
) -> None:
    assert later_timecode(timecode, seconds, rate, rate) == expected


@pytest.mark.parametrize(
    ("timecode", "frame", "rate", "new_rate", "expected"),
    [
        # Hours, minutes and seconds are those of the tape; 24 frames a second drop no numbers.
        ("01:00:00;00", 0, Fraction(30000, 1001), Fraction(24000, 1001), "01:00:00:00"),
        ("01:00:00;00", 1, Fraction(30000, 1001), Fraction(24000, 1001), "01:00:00:01"),
        ("01:00:00;00", 14386, Fraction(30000, 1001), Fraction(24000, 1001), "01:10:00:00"),
        ("01:00:00;15", 0, Fraction(30000, 1001), Fraction(60000, 1001), "01:00:00;30"),
        ("01:00:00:12", 13, Fraction(25), Fraction(50), "01:00:00:37"),
        ("01:00:00;12", 25, Fraction(25), Fraction(25), "01:00:01:12"),
    ],
)
def test_timecode_at_another_rate(
    timecode: str, frame: int, rate: Fraction, new_rate: Fraction, expected: str
) -> None:
    assert later_timecode(timecode, frame / new_rate, rate, new_rate) == expected


def test_pictures_of_text_in_a_later_film_are_said_to_be_left_out(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "in.mkv"), "w") as output:
        text: Any = output.add_stream("subrip")
        text.codec_context.subtitle_header = b"[Script Info]\n[Events]\n"
        packet = av.Packet(b"Hello")
        packet.stream, packet.pts, packet.dts, packet.duration = text, 0, 0, 1
        output.mux(packet)
    # A subtitle of a DVD: its size, where its commands begin, a row of one color for each field,
    # and the commands: show it, in these colors, here.
    control = bytes.fromhex("0000 0008 01 033210 04ffff 05000007000001 0600040006 ff")
    packet = av.Packet(bytes([0, 8 + len(control), 0, 8, 0, 1, 0, 1]) + control)
    packet.pts, packet.time_base, packet.duration = 1000, Fraction(1, 1000), 500
    plan, cut = TrackPlan(0, "text", "converted", "mov_text"), Cut(None, None, Fraction(0))
    made = str(tmp_path / "out.mp4")
    with av.open(str(tmp_path / "in.mkv")) as source, av.open(made, "w") as output:
        (track,) = make_tracks(source, [plan], output, cut).values()
        track.begin(SimpleNamespace(codec_context=CodecContext.create("dvdsub", "r")), cut)
        assert list(track.take(packet)) == []
    assert track.faults == {"held pictures of text: left out": 1}
