"""``tinct video`` from the command line to the file."""

from __future__ import annotations

import io
import json
import os
import signal
import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.reformatter import ColorRange
from numpy.typing import NDArray
from pictures import photograph
from PIL import Image

from films import Content, Film, copy_with_chapters, luma, make_film, packets, read_film, stop_after
from tinct import __version__
from tinct.apps.films import color_film
from tinct.apps.films import frames as film_frames
from tinct.color import rgb_to_lab
from tinct.errors import OutputError
from tinct.films import join as film_join
from tinct.films import segments as video_parts
from tinct.films.pixels import COLORSPACES, ColorTags, plane_of
from tinct.films.reader import FilmReader
from tinct.films.scans import Stamp, encode_scan, read_scan
from tinct.photographs import read_picture
from tinct.photographs.xmp import SOURCE_TYPE

Call = Callable[..., tuple[int, str, list[str]]]
_LOSSLESS = ("--codec", "ffv1")


def _color(call: Call, *arguments: str | Path) -> list[str]:
    """Color and return what was said before the closing line, but for what was just copied."""
    code, out, lines = call("video", *arguments)
    assert code == 0, lines
    assert out == ""
    assert " -> " in lines[-1]
    return [line for line in lines[:-1] if not line.endswith((": copied", ": attached"))]


def _same_luma(before: Content, after: Content) -> bool:
    pairs = zip(before.lumas, after.lumas, strict=True)
    return all(np.array_equal(one, other) for one, other in pairs)


def _is_colored(content: Content) -> bool:
    return any(np.ptp(plane) > 2 for plane in content.chromas)


# -- what is promised of luma and times


@pytest.mark.parametrize(
    ("film", "expected"),
    [
        (Film(), "yuv420p"),
        (Film(pix_fmt="yuv422p"), "yuv422p"),
        (Film(pix_fmt="yuv422p10le"), "yuv422p10le"),
        (Film(pix_fmt="yuv444p10le"), "yuv444p10le"),
        (Film(pix_fmt="yuv444p12le"), "yuv444p12le"),
        (Film(pix_fmt="gray", full_range=True), "yuv420p"),
        (Film(pix_fmt="gray10le", full_range=True), "yuv420p10le"),
        (Film(codec="mjpeg", pix_fmt="yuvj420p", full_range=True), "yuv420p"),
    ],
    ids=lambda value: value.pix_fmt if isinstance(value, Film) else "",
)
def test_luma_passes_bit_for_bit(call: Call, tmp_path: Path, film: Film, expected: str) -> None:
    source = make_film(tmp_path / "in.mkv", film)
    assert _color(call, source, "-o", "out.mkv", *_LOSSLESS) == []
    before, after = read_film(source), read_film(tmp_path / "out.mkv")
    assert _same_luma(before, after)
    assert after.times == before.times
    assert after.first.format.name == expected
    assert after.first.color_range == (2 if film.full_range else 1)
    assert _is_colored(after)
    assert not (tmp_path / "out.mkv.parts").exists()


def test_luma_passes_bit_for_bit_through_h264(call: Call, tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mp4", Film(codec="libx264", options=(("qp", "0"),)))
    assert _color(call, source, "-o", "out.mp4", "--crf", "0", "--preset", "ultrafast") == []
    before, after = read_film(source), read_film(tmp_path / "out.mp4")
    assert _same_luma(before, after)
    assert _is_colored(after)


def test_an_odd_size_is_kept(call: Call, tmp_path: Path) -> None:
    film = Film("rawvideo", width=17, height=3)
    source = make_film(tmp_path / "in.avi", film)
    lines = _color(call, source, "-o", "out.mp4", "--crf", "0")
    assert lines == [
        f"tinct: warning: {source}: libx264 does not take yuv420p of this size: written as yuv444p"
    ]
    assert _same_luma(read_film(source), read_film(tmp_path / "out.mp4"))


@pytest.mark.parametrize("first", [0, 12_345])
def test_a_variable_rate_is_kept_to_the_tick(call: Call, tmp_path: Path, first: int) -> None:
    ticks = [
        first + time for time in (0, 1, 1000, 1001, 9000, 9003, 20_000, 20_001, 33_333, 40_000)
    ]
    film = Film(codec="libx264", times=ticks, time_base=Fraction(1, 90_000))
    source = make_film(tmp_path / "in.mp4", film)
    _color(call, source, "-o", "out.mp4")
    before, after = read_film(source).times, read_film(tmp_path / "out.mp4").times
    assert [time - before[0] for time in before] == [
        Fraction(tick - first, 90_000) for tick in ticks
    ]
    assert after == before


def test_a_transport_stream_begins_at_zero(call: Call, tmp_path: Path) -> None:
    film = Film("mpeg2video", times=range(250, 260), format="mpegts")
    source = make_film(tmp_path / "in.ts", film)
    assert read_film(source).times[0] > 9
    _color(call, source, "-o", "out.mp4", "--start", "0")
    assert read_film(tmp_path / "out.mp4").times == [Fraction(n, 25) for n in range(10)]


def test_tags_aspect_and_rotation_are_kept(call: Call, tmp_path: Path) -> None:
    film = Film("libx264", tags=(9, 14, 9), aspect=Fraction(4, 3), rotation=90)
    source = make_film(tmp_path / "in.mp4", film)
    _color(call, source, "-o", "out.mp4")
    first = read_film(tmp_path / "out.mp4").first
    assert (first.color_primaries, first.color_trc, first.colorspace) == (9, 14, 9)
    assert first.rotation == read_film(source).first.rotation == 90
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].sample_aspect_ratio == Fraction(4, 3)


@pytest.mark.parametrize(("height", "matrix"), [(480, 6), (576, 5), (720, 1)])
def test_an_untagged_film_is_tagged_by_its_height(
    call: Call, tmp_path: Path, height: int, matrix: int
) -> None:
    source = make_film(tmp_path / "in.mkv", Film(height=height, frames=1))
    _color(call, source, "-o", "out.mkv", *_LOSSLESS)
    first = read_film(tmp_path / "out.mkv").first
    assert (first.colorspace, first.color_range) == (matrix, 1)


def test_an_interlaced_film_stays_so(call: Call, tmp_path: Path) -> None:
    film = Film("libx264", options=(("x264-params", "tff=1"), ("flags", "+ildct+ilme")))
    source = make_film(tmp_path / "in.mp4", film)
    assert read_film(source).first.interlaced_frame
    lines = _color(call, source, "-o", "out.mp4")
    assert len(lines) == 1
    assert "interlaced" in lines[0]
    assert read_film(tmp_path / "out.mp4").first.interlaced_frame


def test_a_title_that_is_not_utf8_is_no_obstacle(call: Call, tmp_path: Path) -> None:
    path = tmp_path / "in.mkv"
    with av.open(str(make_film(path))) as source, av.open(str(tmp_path / "ü.mkv"), "w") as output:
        output.metadata["title"] = "Mädchen in Uniform"
        copied = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux():
            if packet.size:
                packet.stream = copied
                output.mux(packet)
    data = (tmp_path / "ü.mkv").read_bytes()
    path.write_bytes(data.replace("ä".encode(), b"\xe4\xe4"))
    assert call("video", path, "-o", tmp_path / "out.mkv")[0] == 0
    with av.open(str(tmp_path / "out.mkv")) as result:
        title = result.metadata["title"]
    assert title[0] == "M"
    assert title.endswith("dchen in Uniform")


def test_metadata_of_hdr_that_is_lost_is_said(call: Call, tmp_path: Path) -> None:
    light = "log-level=none:hdr10=1:max-cll=1000,400:" + (
        "master-display=G(13250,34500)B(7500,3000)R(34000,16000)WP(15635,16450)L(10000000,50)"
    )
    film = Film("libx265", pix_fmt="yuv420p10le", options=(("x265-params", light),))
    source = make_film(tmp_path / "in.mp4", film)
    lines = _color(call, source, "-o", "out.mp4", "--preset", "ultrafast")
    assert lines == [f"tinct: warning: {source}: its metadata of HDR are not kept"]


def test_fewer_bits_are_said(call: Call, tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mkv", Film(pix_fmt="yuv420p10le"))
    lines = _color(call, source, "-o", "out.webm")
    assert lines == [
        f"tinct: warning: {source}: libvpx-vp9 takes 8 bits at most: samples of 10 are rounded"
    ]
    first = read_film(tmp_path / "out.webm").lumas[0]
    assert np.abs(first - luma(Film(pix_fmt="yuv420p10le"), 0) / 4).mean() < 3


# -- codecs of editing


@pytest.mark.parametrize(
    ("codec", "profile", "pix_fmt", "suffix", "stated"),
    [
        ("prores_ks", "lt", "yuv422p10le", "mov", ("prores", "LT")),
        ("prores_ks", "4444xq", "yuv444p10le", "mxf", ("prores", "XQ")),
        ("dnxhd", "dnxhr_lb", "yuv422p", "mov", ("dnxhd", "DNXHR LB")),
        ("dnxhd", "dnxhr_hqx", "yuv422p10le", "mxf", ("dnxhd", "DNXHR HQX")),
        ("dnxhd", "dnxhr_444", "yuv444p10le", "mov", ("dnxhd", "DNXHR 444")),
    ],
)
def test_a_profile_is_kept(
    call: Call, tmp_path: Path, codec: str, profile: str, pix_fmt: str, suffix: str, stated: Any
) -> None:
    film = Film(codec, pix_fmt, 256, 128, frames=2, options=(("profile", profile),))
    source = make_film(tmp_path / "in.mov", film)
    code, _, lines = call("video", source, "-o", f"out.{suffix}")
    assert code == 0, lines
    assert _profile(tmp_path / f"out.{suffix}") == _profile(source) == stated
    before, after = read_film(source), read_film(tmp_path / f"out.{suffix}")
    assert after.first.format.name == before.first.format.name
    bits = before.first.format.components[0].bits
    error = np.abs(after.lumas[0].astype(int) - before.lumas[0]) / 2 ** (bits - 8)
    assert error.mean() < 1
    assert _is_colored(after)


def _profile(path: Path) -> tuple[str, str | None]:
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        return context.codec.canonical_name, context.profile


def test_a_profile_that_is_asked_for(call: Call, tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mp4", Film("libx264", width=256, height=128, frames=2))
    lines = _color(call, source, "-o", "out.mov", "--codec", "prores_ks", "--profile", "proxy")
    assert lines == [
        f"tinct: warning: {source}: prores_ks does not take yuv420p: written as yuv422p10le"
    ]
    assert _profile(tmp_path / "out.mov") == ("prores", "Proxy")
    code, _, lines = call("video", source, "-o", "x.mkv", "--codec", "ffv1", "--profile", "hq")
    assert (code, lines) == (2, ["tinct: error: ffv1 has no --profile"])
    code, _, lines = call("video", source, "-o", "x.mxf", "--profile", "hq")
    assert code == 2
    assert "--profile hq: dnxhd has dnxhr_lb" in lines[0]


def test_mxf_holds_pictures_sound_and_timecode(call: Call, tmp_path: Path) -> None:
    film = Film("libx264", width=256, height=128, frames=25, sound="aac")
    source = make_film(tmp_path / "in.mp4", film)
    lines = _color(call, source, "-o", "out.mxf")
    assert lines[-1].endswith("cannot be copied into mxf: encoded anew as pcm_s24le")
    assert _profile(tmp_path / "out.mxf") == ("dnxhd", "DNXHR HQ")
    assert len(read_film(tmp_path / "out.mxf").times) == 25
    with av.open(str(tmp_path / "out.mxf")) as container:
        samples = sum(frame.samples for frame in container.decode(audio=0))
    assert samples == 48000
    odd = make_film(tmp_path / "odd.mkv", Film(width=256, height=128, rate=Fraction(15)))
    code, _, lines = call("video", odd, "-o", "odd.mxf")
    assert code == 1
    assert "not with 15 frames a second" in lines[0]


# -- what comes along


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv"])
def test_sound_is_copied_and_stays_in_time(call: Call, tmp_path: Path, suffix: str) -> None:
    source = make_film(tmp_path / "in.mp4", Film("libx264", frames=20, sound="aac"))
    assert _color(call, source, "-o", f"out.{suffix}", "--preset", "ultrafast") == []
    before, after = _sound(source), _sound(tmp_path / f"out.{suffix}")
    assert [data for _, data in before] == [data for _, data in after]
    shift = {round(two - one, 3) for (one, _), (two, _) in zip(before, after, strict=True)}
    old, new = read_film(source).times, read_film(tmp_path / f"out.{suffix}").times
    moved = {round(float(two - one), 3) for one, two in zip(old, new, strict=True)}
    assert max(shift) - min(moved) < 0.0021  # Matroska counts in milliseconds
    assert max(moved) - min(shift) < 0.0021


def _sound(path: Path) -> list[tuple[float, bytes]]:
    with av.open(str(path)) as container:
        held = [packet for packet in container.demux(audio=0) if packet.size]
        return [(float(packet.pts * packet.time_base), bytes(packet)) for packet in held]


def test_sound_that_does_not_fit_is_encoded_anew(call: Call, tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mp4", Film("libx264", frames=20, sound="aac"))
    lines = _color(call, source, "-o", "out.webm")
    assert len(lines) == 1
    assert "encoded anew as libopus" in lines[0]
    with av.open(str(tmp_path / "out.webm")) as container:
        (stream,) = container.streams.audio
        samples = sum(frame.samples for frame in container.decode(stream))
    assert samples / 48000 == pytest.approx(20 / 25, abs=0.05)


@pytest.fixture
def rich(tmp_path: Path) -> Path:
    """A Matroska film with subtitles, chapters, an attachment, tags and a language."""
    pictures = make_film(tmp_path / "pictures.mkv", Film("libx264", frames=30, sound="aac"))
    with av.open(str(pictures)) as source, av.open(str(tmp_path / "rich.mkv"), "w") as output:
        output.metadata["title"] = "The Lodger"
        output.set_chapters([
            {"id": n, "start": 600 * n, "end": 600 * n + 600, "time_base": Fraction(1, 1000),
             "metadata": {"title": f"Part {n}"}} for n in range(2)
        ])  # fmt: skip
        copies = [output.add_stream_from_template(s, opaque=True) for s in source.streams]
        copies[1].metadata["language"] = "deu"
        text: Any = output.add_stream("subrip")
        text.codec_context.subtitle_header = b"[Script Info]\n[Events]\n"
        text.metadata["language"] = "eng"
        output.add_attachment("font.ttf", "application/x-truetype-font", b"a font")
        for packet in source.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                output.mux(packet)
        for number, words in enumerate((b"Who is it?", b"The lodger.")):
            packet = av.Packet(words)
            packet.stream, packet.time_base = text, Fraction(1, 1000)
            packet.pts = packet.dts = 100 + 500 * number
            packet.duration = 400
            output.mux(packet)
    return tmp_path / "rich.mkv"


def test_everything_comes_along(call: Call, tmp_path: Path, rich: Path) -> None:
    assert _color(call, rich, "-o", "out.mkv", *_LOSSLESS) == []
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert container.metadata["title"] == "The Lodger"
        assert [chapter["metadata"]["title"] for chapter in container.chapters()] == [
            "Part 0", "Part 1",
        ]  # fmt: skip
        assert container.streams.audio[0].language == "deu"
        assert container.streams.subtitles[0].language == "eng"
        assert container.streams.attachments[0].data == b"a font"
        texts = [bytes(packet) for packet in container.demux(subtitles=0) if packet.size]
    assert texts == [b"Who is it?", b"The lodger."]


def test_a_chapter_that_is_a_place_is_kept(call: Call, tmp_path: Path) -> None:
    film = make_film(tmp_path / "film.mkv", Film("libx264", frames=20))
    copy_with_chapters(film, tmp_path / "in.mkv", [(200 * n, 200 * n) for n in range(3)])
    _color(call, "in.mkv", "-o", "out.mkv", *_LOSSLESS, "--start", "0.2")
    with av.open(str(tmp_path / "out.mkv")) as container:
        found = [(one["start"] * one["time_base"], one["metadata"]) for one in container.chapters()]
    assert found == [(0, {"title": "Place 1"}), (Fraction(1, 5), {"title": "Place 2"})]


def test_subtitles_of_pictures_stay_until_the_next_one(call: Call, tmp_path: Path) -> None:
    """Those of Blu-ray discs have no duration of their own."""
    film = make_film(tmp_path / "film.mkv", Film("libx264", frames=30))
    shown = struct.pack(">HHBHBBBB", 64, 48, 0x10, 1, 0x80, 0, 0, 0)
    pieces = [
        b"PG" + struct.pack(">IIBH", 90 * time, 0, kind, len(data)) + data
        for time in (100, 600)
        for kind, data in ((0x16, shown), (0x80, b""))
    ]
    with (
        av.open(str(film)) as source,
        av.open(io.BytesIO(b"".join(pieces)), format="sup") as subtitles,
        av.open(str(tmp_path / "in.mkv"), "w") as output,
    ):
        inputs = (source, subtitles)
        copies = [output.add_stream_from_template(one.streams[0], opaque=True) for one in inputs]
        for one, copied in zip(inputs, copies, strict=True):
            for packet in one.demux():
                if packet.size:
                    packet.stream = copied
                    output.mux(packet)
    _color(call, "in.mkv", "-o", "out.mkv", *_LOSSLESS)
    found = []
    for name in ("in.mkv", "out.mkv"):
        with av.open(name) as container:
            held = [packet for packet in container.demux(subtitles=0) if packet.size]
            found.append([(packet.pts, packet.duration or 0) for packet in held])
    assert found[0] == found[1]
    assert [duration for _, duration in found[1]] == [0, 0]


def _with_subtitles(path: Path, spans: list[tuple[int, int]]) -> Path:
    """Write a film of 1.2 seconds with text that begins, and has a length, in milliseconds."""
    film = make_film(path.with_name("pictures.mkv"), Film("libx264", frames=30))
    with av.open(str(film)) as source, av.open(str(path), "w") as output:
        copied = output.add_stream_from_template(source.streams[0], opaque=True)
        text: Any = output.add_stream("subrip")
        text.codec_context.subtitle_header = b"[Script Info]\n[Events]\n"
        for packet in source.demux():
            if packet.size:
                packet.stream = copied
                output.mux(packet)
        for number, (begin, length) in enumerate(spans):
            packet = av.Packet(b"%d" % number)
            packet.stream, packet.time_base = text, Fraction(1, 1000)
            packet.pts = packet.dts = begin
            packet.duration = length
            output.mux(packet)
    return path


def _texts(path: Path) -> list[tuple[float, float, bytes]]:
    """Return when each text begins, how long it is shown, and the text, as MP4 has it."""
    with av.open(str(path)) as container:
        base = container.streams.subtitles[0].time_base
        held = [packet for packet in container.demux(subtitles=0) if packet.size > 2]
        return [
            (round(float(p.pts * base), 3), round(float(p.duration * base), 3), bytes(p)[2:])
            for p in held
        ]


def test_text_without_a_length_stays_until_the_next_one(call: Call, tmp_path: Path) -> None:
    source = _with_subtitles(tmp_path / "in.mkv", [(100, 0), (500, 400), (1000, 0)])
    expected = [(0.1, 0.4, b"0"), (0.5, 0.4, b"1"), (1, 0.2, b"2")]
    _color(call, source, "-o", "out.mp4", "--preset", "ultrafast")
    assert _texts(tmp_path / "out.mp4") == expected
    _color(call, source, "-o", "part.mp4", "--preset", "ultrafast", "--start", "0.2")
    expected = [(0, 0.3, b"0"), (0.3, 0.4, b"1"), (0.8, 0.2, b"2")]
    assert _texts(tmp_path / "part.mp4") == expected

    late = _with_subtitles(tmp_path / "late.mkv", [(5000, 0)])
    lines = _color(call, late, "-o", "late.mp4", "--preset", "ultrafast")
    assert lines[-1].endswith("1 packet that began after the last picture: left out")


def test_text_without_a_length_ends_with_its_film(call: Call, tmp_path: Path) -> None:
    """In films that are joined, that is where the pictures of the next one begin."""
    source = _with_subtitles(tmp_path / "in.mkv", [(1000, 0)])
    twin = _with_subtitles(tmp_path / "twin.mkv", [(600, 0), (800, 0)])
    _color(call, source, twin, "--join", "-o", "out.mp4", "--preset", "ultrafast")
    expected = [(1.0, 0.2, b"0"), (1.8, 0.2, b"0"), (2.0, 0.4, b"1")]
    assert _texts(tmp_path / "out.mp4") == expected


def test_subtitles_are_converted_and_attachments_named(
    call: Call, tmp_path: Path, rich: Path
) -> None:
    lines = _color(call, rich, "-o", "out.mp4", "--preset", "ultrafast")
    assert any("converted to mov_text" in line for line in lines)
    assert any("(attachment, font.ttf)" in line and "left out" in line for line in lines)
    assert len(lines) == 2
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert len(container.chapters()) == 2
        stream = container.streams.subtitles[0]
        held = [packet for packet in container.demux(stream) if packet.size > 2]
        spans = [(float(p.pts * p.time_base), bytes(p)[2:]) for p in held]
    assert spans == [(0.1, b"Who is it?"), (0.6, b"The lodger.")]


def _with_cover(path: Path, cover: bytes) -> None:
    film = make_film(path.with_name("film.mp4"), Film("libx264", sound="aac"))
    with av.open(str(film)) as source, av.open(str(path), "w") as output:
        copies = [output.add_stream_from_template(s, opaque=True) for s in source.streams]
        picture: Any = output.add_stream("png", rate=1)
        picture.width, picture.height, picture.pix_fmt = 16, 16, "rgb24"
        picture.disposition = 1 << 10
        packet = av.Packet(cover)
        packet.stream, packet.pts, packet.dts = picture, 0, 0
        packet.time_base = Fraction(1)
        output.mux(packet)
        for packet in source.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                output.mux(packet)


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_cover_art_comes_along(call: Call, tmp_path: Path, suffix: str) -> None:
    cover = _png(tmp_path)
    _with_cover(tmp_path / "in.mp4", cover)
    assert _color(call, "in.mp4", "-o", f"out.{suffix}", "--preset", "ultrafast") == []
    with av.open(str(tmp_path / f"out.{suffix}")) as container:
        pictures = [s for s in container.streams.video if s.disposition & (1 << 10)]
        assert len(pictures) == 1
        assert len(container.streams.audio) == 1
        assert cover in {bytes(packet) for packet in container.demux(pictures[0])}
    assert len(read_film(tmp_path / f"out.{suffix}").times) == 8


def test_cover_art_that_quicktime_does_not_hold_is_said(call: Call, tmp_path: Path) -> None:
    _with_cover(tmp_path / "in.mp4", _png(tmp_path))
    lines = _color(call, "in.mp4", "-o", "out.mov", "--preset", "ultrafast")
    assert [line.partition("track ")[2] for line in lines] == [
        "2 (video, png) (mov holds no cover art): left out"
    ]


def _png(folder: Path) -> bytes:
    Image.new("RGB", (16, 16), (200, 30, 30)).save(folder / "cover.png")
    return (folder / "cover.png").read_bytes()


def test_damaged_sound_is_left_out_and_said(call: Call, tmp_path: Path) -> None:
    film = Film("mpeg2video", frames=50, sound="aac", format="mpegts")
    data = bytearray(make_film(tmp_path / "whole.ts", film).read_bytes())
    for place in [at for at in range(len(data)) if data[at : at + 2] == b"\xff\xf1"][4:6]:
        data[place] = 0  # what a frame of sound begins with
    (tmp_path / "in.ts").write_bytes(data)
    for suffix in ("mkv", "mp4"):
        lines = _color(call, "in.ts", "-o", f"out.{suffix}", "--preset", "ultrafast")
        assert any("left out" in line for line in lines)
        assert len(read_film(tmp_path / f"out.{suffix}").times) == 50
        assert 80 < len(_sound(tmp_path / f"out.{suffix}")) < 96


@pytest.mark.parametrize("suffix", ["mp4", "mkv"])
def test_joined_films_keep_their_sound(call: Call, tmp_path: Path, suffix: str) -> None:
    film = Film("mpeg2video", frames=50, sound="mp2", format="vob")
    one = make_film(tmp_path / "one.vob", film).read_bytes()
    (tmp_path / "in.vob").write_bytes(one + one)
    lines = _color(call, "in.vob", "-o", f"out.{suffix}", "--preset", "ultrafast")
    assert lines == ["tinct: warning: in.vob: its clock begins again once: continued"]
    after = read_film(tmp_path / f"out.{suffix}")
    sound = [time for time, _ in _sound(tmp_path / f"out.{suffix}")]
    assert len(after.times) == 100
    assert sound[-1] - sound[0] == pytest.approx(4, abs=0.1)
    # The second half is as far from its sound as the first.
    moved = float(after.times[50] - after.times[0])
    assert min(abs(time - sound[0] - moved) for time in sound) < 0.02


@pytest.mark.parametrize(("first", "codec"), [("tff", "libx264"), ("bff", "libx264"),
                                              ("tff", "ffv1"), ("bff", "ffv1")])  # fmt: skip
def test_the_order_of_fields_is_kept(call: Call, tmp_path: Path, first: str, codec: str) -> None:
    film = Film("libx264", frames=2, fields=first, options=(("flags", "+ildct+ilme"),))
    source = make_film(tmp_path / "in.mkv", film)
    order = FilmReader(source).facts.field_order
    assert order == (2 if first == "tff" else 3)
    _color(call, source, "-o", "out.mkv", "--codec", codec)
    assert FilmReader(tmp_path / "out.mkv").facts.field_order == order


@pytest.mark.parametrize(("first", "expected"), [("tff", 2), ("bff", 3)])
def test_the_header_of_mp4_has_the_order_of_fields(
    call: Call, tmp_path: Path, first: str, expected: int
) -> None:
    source = make_film(tmp_path / "in.mkv", Film("ffv1", frames=2, fields=first))
    _color(call, source, "-o", "out.mp4")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].codec_context.field_order == expected


def test_fields_that_cannot_be_marked_are_said(call: Call, tmp_path: Path) -> None:
    options = (("x264-params", "tff=1"), ("flags", "+ildct+ilme"))
    source = make_film(tmp_path / "in.mkv", Film("libx264", frames=2, options=options))
    lines = _color(call, source, "-o", "out.mkv", "--codec", "libx265", "--preset", "ultrafast")
    assert any("libx265 writes no field order" in line for line in lines)


@pytest.mark.parametrize(
    ("suffix", "codec"),
    [("mkv", "ffv1"), ("mkv", "prores_ks"), ("webm", "libvpx-vp9"), ("mp4", "libx264"),
     ("mov", "prores_ks"), ("avi", "libx264"), ("mkv", "libsvtav1")],
)  # fmt: skip
def test_the_shape_of_pixels_is_kept(call: Call, tmp_path: Path, suffix: str, codec: str) -> None:
    film = Film("libx264", width=72, height=64, frames=2, aspect=Fraction(4, 3))
    source = make_film(tmp_path / "in.mp4", film)
    _color(call, source, "-o", f"out.{suffix}", "--codec", codec)
    assert FilmReader(tmp_path / f"out.{suffix}").facts.aspect == Fraction(4, 3)


def test_a_shape_of_pixels_that_cannot_be_written_is_said(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_film(tmp_path / "in.mp4", Film("libx264", frames=2, aspect=Fraction(4, 3)))
    monkeypatch.setattr(film_join, "set_display_size", lambda *_: False)
    line = "the shape of its pixels could not be written: shown as square ones"
    assert _color(call, source, "-o", "out.mkv") == [f"tinct: warning: {source}: {line}"]


def test_hevc_is_marked_as_players_of_apple_want_it(call: Call, tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=2))
    for suffix in ("mp4", "mov"):
        _color(call, source, "-o", f"out.{suffix}", "--codec", "libx265", "--preset", "ultrafast")
        with av.open(str(tmp_path / f"out.{suffix}")) as container:
            assert container.streams.video[0].codec_tag == "hvc1"


def _with_timecode(plain: Path, path: Path, timecode: str) -> None:
    with av.open(str(plain)) as held, av.open(str(path), "w") as output:
        copied = output.add_stream_from_template(held.streams.video[0], opaque=True)
        copied.metadata["timecode"] = timecode
        for packet in held.demux():
            if packet.size:
                packet.stream = copied
                output.mux(packet)


@pytest.mark.parametrize(
    ("start", "expected"), [("1", "01:00:01:00"), ("0.49", "01:00:00:13"), ("0", "01:00:00:00")]
)
def test_timecode_of_a_part(call: Call, tmp_path: Path, start: str, expected: str) -> None:
    source = make_film(tmp_path / "plain.mkv", Film("libx264", frames=50, options=(("g", "25"),)))
    _with_timecode(source, tmp_path / "in.mov", "01:00:00:00")
    _color(call, "in.mov", "-o", "out.mov", "--start", start, "--preset", "ultrafast")
    assert FilmReader(tmp_path / "out.mov").facts.timecode == expected


def test_timecode_is_kept_or_said_to_be_left_out(call: Call, tmp_path: Path) -> None:
    film = Film("libx264", width=256, height=128, frames=3)
    _with_timecode(make_film(tmp_path / "plain.mov", film), tmp_path / "in.mov", "01:00:00:10")
    for suffix in ("mov", "mp4", "mkv", "webm", "mxf", "avi"):
        lines = _color(call, "in.mov", "-o", f"out.{suffix}")
        lost = [line for line in lines if "its timecode (01:00:00:10) is not kept" in line]
        kept = FilmReader(tmp_path / f"out.{suffix}").facts.timecode
        assert (kept is None) == bool(lost) == (suffix == "avi")


@pytest.mark.parametrize("suffix", ["mov", "mxf"])
def test_timecode_of_film_out_of_video(call: Call, tmp_path: Path, suffix: str) -> None:
    film = Film("libx264", width=256, height=128, frames=30, rate=Fraction(30000, 1001))
    source = make_film(tmp_path / "plain.mov", film)
    _with_timecode(source, tmp_path / "in.mov", "01:00:00;00")
    _color(call, "in.mov", "-o", f"out.{suffix}", "--inverse-telecine")
    facts = FilmReader(tmp_path / f"out.{suffix}").facts
    assert facts.rate == Fraction(24000, 1001)
    assert facts.timecode in ("01:00:00:00", "01:00:00:01")  # the first frame may be the fifth


@pytest.mark.parametrize(
    ("tags", "expected"),
    [((1, 2, 2), (1, 1, 1)), ((2, 2, 9), (9, 14, 9)), ((2, 13, 2), (6, 13, 6)),
     ((9, 16, 9), (9, 16, 9))],
)  # fmt: skip
def test_color_tags_that_are_set_are_kept(
    call: Call, tmp_path: Path, tags: tuple[int, int, int], expected: tuple[int, int, int]
) -> None:
    source = make_film(tmp_path / "in.mkv", Film("libx264", frames=1, tags=tags))
    _color(call, source, "-o", "out.mkv", "--preset", "ultrafast")
    first = read_film(tmp_path / "out.mkv").first
    assert (first.color_primaries, first.color_trc, first.colorspace) == expected


def test_raw_dv_has_the_rate_of_its_frames(call: Call, tmp_path: Path) -> None:
    film = Film("dvvideo", width=720, height=576, frames=3, format="dv")
    source = make_film(tmp_path / "tape.dv", film)
    _color(call, source, "-o", "out.mp4", "--preset", "ultrafast")
    with av.open(str(tmp_path / "out.mp4")) as container:
        assert container.streams.video[0].average_rate == 25


def test_photographs_with_exif_as_a_film(call: Call, tmp_path: Path) -> None:
    """FFmpeg has kinds of side data that PyAV does not know."""
    with av.open(str(tmp_path / "in.avi"), "w") as output:
        stream = output.add_mux_stream("mjpeg", rate=25, width=64, height=48)
        stream.time_base = Fraction(1, 25)
        for number in range(3):
            exif = Image.Exif()
            exif[271] = "Camera"
            gray = Image.fromarray(luma(Film(full_range=True), number)).convert("RGB")
            data = io.BytesIO()
            gray.save(data, "JPEG", exif=exif)
            packet: Any = av.Packet(data.getvalue())
            packet.stream, packet.time_base = stream, Fraction(1, 25)
            packet.pts = packet.dts = number
            packet.is_keyframe = True
            output.mux(packet)
    _color(call, "in.avi", "-o", "out.mkv", *_LOSSLESS)
    assert len(read_film(tmp_path / "out.mkv").times) == 3


@pytest.mark.parametrize("suffix", ["mp4", "mov", "mkv", "webm", "avi", "mxf"])
def test_a_film_says_that_it_was_colored(call: Call, tmp_path: Path, suffix: str) -> None:
    film = Film("libx264", width=256, height=128, frames=2)
    source = make_film(tmp_path / "in.mp4", film, tags={"comment": "Found in an attic"})
    for options, is_said in (((), True), (("--no-mark",), False)):
        assert call("video", source, "-o", f"out.{suffix}", "--overwrite", *options)[0] == 0
        said = _comments(tmp_path / f"out.{suffix}")
        assert ("Found in an attic" in said) == (suffix != "mxf")  # which is told no other
        assert (f"Colored by tinct nano {__version__} ({SOURCE_TYPE})" in said) == is_said


def test_a_film_in_which_nothing_was_colored_does_not_say_so(call: Call, tmp_path: Path) -> None:
    color = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8).repeat(4, 1)
    with av.open(str(tmp_path / "in.mkv"), "w") as output:
        stream: Any = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 256, 48, "yuv420p"
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(np.roll(color, number, 1), "rgb24")
            output.mux(stream.encode(frame.reformat(format="yuv420p")))
        output.mux(stream.encode(None))
    lines = _color(call, "in.mkv", "-o", "out.mkv", *_LOSSLESS)
    assert lines == [
        "tinct: warning: in.mkv: 3 frames are in color already and stay so (--recolor: anew)"
    ]
    assert "Colored by" not in _comments(tmp_path / "out.mkv")


def _comments(path: Path) -> str:
    with av.open(str(path)) as container:
        tags = container.metadata.items()
        return " ".join(value for name, value in tags if name.lower().startswith("comment"))


# -- parts of a film


def test_a_part_is_cut_with_its_sound(call: Call, tmp_path: Path) -> None:
    film = Film("libx264", frames=50, sound="aac", options=(("g", "20"),))
    source = make_film(tmp_path / "in.mp4", film)
    _color(call, source, "-o", "out.mkv", *_LOSSLESS, "--start", "0:00:01", "--end", "1.6")
    before, after = read_film(source), read_film(tmp_path / "out.mkv")
    assert np.array_equal(after.lumas[0], before.lumas[25])
    assert len(after.lumas) == 15
    assert after.times[0] < Fraction(1, 40)
    sound = [time for time, _ in _sound(tmp_path / "out.mkv")]
    assert sound[0] < 0.03
    assert sound[-1] == pytest.approx(0.6, abs=0.03)


def test_a_preview_stands_side_by_side(call: Call, tmp_path: Path) -> None:
    film = Film("rawvideo", rate=Fraction(1), frames=12, width=65, height=47)
    source = make_film(tmp_path / "in.avi", film)
    _color(call, source, "-o", "out.mkv", *_LOSSLESS, "--preview")
    after = read_film(tmp_path / "out.mkv")
    assert len(after.lumas) == 10
    left, right = np.hsplit(after.lumas[0], 2)
    assert np.array_equal(left, right)
    assert after.chromas[0].shape == (24, 65)
    assert np.ptp(after.chromas[0][:, :33]) == 0
    assert np.ptp(after.chromas[0][:, 33:]) > 2


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_a_preview_of_a_turned_film_has_gray_at_the_left(
    call: Call, tmp_path: Path, rotation: int
) -> None:
    film = Film("libx264", rotation=rotation, width=64, height=96)
    source = make_film(tmp_path / "in.mp4", film)
    _color(call, source, "-o", "out.mp4", "--crf", "5", "--preview")
    after = read_film(tmp_path / "out.mp4")
    shown = np.rot90(after.chromas[0], rotation // 90)  # both count against the clock
    gray, colored = np.hsplit(shown, 2)
    assert np.ptp(gray[:, :-8]) < 4
    assert np.ptp(colored) > 4


# -- interrupted, finished, in the way


def test_a_run_that_goes_on_gives_the_same_film(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film_frames, "SEGMENT", 6)
    # Of other sizes x264 reads memory that it has not set, and its packets differ from run to run.
    film = Film("libx264", width=128, height=96, frames=20, sound="aac", options=(("g", "7"),))
    source = make_film(tmp_path / "in.mp4", film)
    _color(call, source, "-o", "whole.mp4")

    stop_after(monkeypatch, 15)
    code, _, lines = call("video", source, "-o", "out.mp4")
    assert code == 130
    assert lines[-2].startswith("out.partial.mp4: what is finished")
    assert not (tmp_path / "out.mp4").exists()
    done = len(read_film(tmp_path / "out.partial.mp4").times)
    assert 12 <= done <= 15
    kept = sorted(path.name for path in (tmp_path / "out.mp4.parts").iterdir())
    assert kept == ["000000.npz", "000001.npz", "index.json"]

    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(film_frames, "SEGMENT", 6)
    lines = _color(call, source, "-o", "out.mp4", "--overwrite")
    assert lines == [f"{source}: goes on after 12 frames that are finished"]
    assert packets(tmp_path / "out.mp4") == packets(tmp_path / "whole.mp4")
    assert not (tmp_path / "out.mp4.parts").exists()
    assert not (tmp_path / "out.partial.mp4").exists()


def test_a_run_that_goes_on_knows_which_frames_were_in_color(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Eight frames without color in a shot in color belong to it, wherever a run was stopped."""
    color = np.random.default_rng(0).integers(0, 255, (12, 16, 3), np.uint8)
    color = color.repeat(4, 0).repeat(4, 1)
    with av.open(str(tmp_path / "in.mkv"), "w") as output:
        stream: Any = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for number in range(24):
            frame = av.VideoFrame.from_ndarray(color, "rgb24").reformat(format="yuv420p")
            for index in (1, 2) if 8 <= number < 16 else ():
                plane_of(frame, index)[:] = 128
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    monkeypatch.setattr(film_frames, "SEGMENT", 6)
    line = "tinct: warning: in.mkv: 24 frames are in color already and stay so (--recolor: anew)"
    assert _color(call, "in.mkv", "-o", "whole.mkv", *_LOSSLESS) == [line]
    with monkeypatch.context() as patch:
        stop_after(patch, 15)
        assert call("video", "in.mkv", "-o", "out.mkv", *_LOSSLESS)[0] == 130
    lines = _color(call, "in.mkv", "-o", "out.mkv", *_LOSSLESS)
    assert lines == ["in.mkv: goes on after 12 frames that are finished", line]
    assert packets(tmp_path / "out.mkv") == packets(tmp_path / "whole.mkv")


def test_other_options_do_not_take_up_a_run(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film_frames, "SEGMENT", 4)
    source = make_film(tmp_path / "in.mkv")
    with monkeypatch.context() as patch:
        stop_after(patch, 6)
        assert call("video", source, "-o", "out.mkv", *_LOSSLESS)[0] == 130
    (tmp_path / "out.mkv.parts/000000.npz").write_bytes(b"damaged")
    code, _, lines = call("video", source, "-o", "out.mkv", *_LOSSLESS)
    assert code == 1
    assert lines == [
        f"{source}: goes on after 4 frames that are finished",
        "tinct: error: out.mkv.parts/000000.npz: damaged; remove the folder to begin anew",
    ]
    code, _, lines = call("video", source, "-o", "out.mkv", *_LOSSLESS, "--vividness", "1")
    assert code == 1
    assert lines == [
        "tinct: error: out.mkv.parts: the beginning of a run with other colors; "
        "--overwrite begins anew"
    ]
    _color(call, source, "-o", "out.mkv", *_LOSSLESS, "--vividness", "1", "--overwrite")
    assert not (tmp_path / "out.mkv.parts").exists()


_STOPPED = """
import signal, sys, threading
from tinct.apps import cli
from tinct.apps.films import color_film, frames
frames.SEGMENT = 10
add, join = frames.Parts.add, color_film.join

def add_and_stop(self, *arguments):
    frames.Parts.add = add
    add(self, *arguments)
    # To the main thread: the system may choose any other, and then it waits for the next frame.
    signal.pthread_kill(threading.main_thread().ident, signal.NAME)

def join_while_stopped_again(*arguments, **options):
    if signal.NAME != signal.SIGINT:  # of which a second one means that nothing is to be waited for
        signal.raise_signal(signal.NAME)
    return join(*arguments, **options)

frames.Parts.add, color_film.join = add_and_stop, join_while_stopped_again
sys.exit(cli.main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals for one process")
@pytest.mark.parametrize(("number", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_signal_leaves_a_film_that_plays(
    tmp_path: Path, environment: dict[str, str], number: str, code: int
) -> None:
    source = make_film(tmp_path / "in.mkv", Film(width=320, height=240, frames=400))
    stopped = _STOPPED.replace("NAME", number)
    command = [sys.executable, "-c", stopped, "video", str(source), "-o", "out.mp4"]
    ended = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert (tmp_path / "out.partial.mp4").exists(), ended.stderr
    assert 10 <= len(read_film(tmp_path / "out.partial.mp4").times) < 400


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals for one process")
def test_a_film_that_was_begun_by_nohup_does_not_end_with_the_terminal(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=20))
    stopped = _STOPPED.replace("NAME", "SIGHUP")
    ended = subprocess.run(
        [sys.executable, "-c", stopped, "video", str(source), "-o", "out.mkv"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    assert len(read_film(tmp_path / "out.mkv").times) == 20


_ON_A_TERMINAL = """
import sys, time
from tinct.apps import cli
from tinct.apps.films import frames
frames.SEGMENT = 10
add = frames.Parts.add

def add_and_wait(self, *arguments):
    add(self, *arguments)
    time.sleep(0.5)  # in which the terminal is closed

frames.Parts.add = add_and_wait
sys.exit(cli.main())
"""


def test_closing_the_terminal_leaves_a_film_that_plays(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    fcntl, termios = (pytest.importorskip(name) for name in ("fcntl", "termios"))
    source = make_film(tmp_path / "in.mkv", Film(frames=200))
    here, there = os.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", _ON_A_TERMINAL, "video", str(source), "-o", "out.mkv"],
        cwd=tmp_path,
        env=environment,
        stderr=there,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(there, termios.TIOCSCTTY, 0),
    ) as process:
        os.close(there)
        while not (tmp_path / "out.mkv.parts/index.json").exists():
            os.read(here, 1 << 16)  # which fails when it has ended
        os.close(here)
        assert process.wait(timeout=60) == 129
    assert 10 <= len(read_film(tmp_path / "out.partial.mkv").times) < 200
    kept = json.loads((tmp_path / "out.mkv.parts/index.json").read_text())["segments"]
    assert {segment["frames"] for segment in kept} == {10}


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_a_run_that_is_broken_off_gives_the_same_film(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: type[BaseException]
) -> None:
    """By an error, or by a second Ctrl-C before what is finished has become a film."""
    monkeypatch.setattr(film_frames, "SEGMENT", 6)
    source = make_film(tmp_path / "in.mkv", Film(frames=20))
    _color(call, source, "-o", "whole.mkv", *_LOSSLESS)

    def fail(*_: object, **__: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        stop_after(patch, 15, error)
        patch.setattr(color_film, "join", fail)
        with suppress(MemoryError):
            assert call("video", source, "-o", "out.mkv", *_LOSSLESS)[0] == 130
    lines = _color(call, source, "-o", "out.mkv", *_LOSSLESS)
    assert lines == [f"{source}: goes on after 12 frames that are finished"]
    assert packets(tmp_path / "out.mkv") == packets(tmp_path / "whole.mkv")


def test_a_set_of_finished_frames_becomes_a_film(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever ends the run after that, also under another suffix."""
    source = make_film(tmp_path / "in.mkv", Film(frames=12))

    def fail(*_: object, **__: object) -> None:
        raise OutputError("out.mp4: no space left on the disk")

    with monkeypatch.context() as patch:
        patch.setattr(color_film, "join", fail)
        assert call("video", source, "-o", "out.mp4")[0] == 1
    assert (tmp_path / "out.mp4.parts").exists()
    monkeypatch.setattr(color_film, "__version__", "another")
    lines = _color(call, source, "-o", "out.mkv", "--continue")
    assert lines == [f"{source}: goes on after 12 frames that are finished"]
    assert len(read_film(tmp_path / "out.mkv").times) == 12
    assert not (tmp_path / "out.mp4.parts").exists()


def test_a_disk_that_is_full_ends_the_run_and_keeps_what_is_finished(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film_frames, "SEGMENT", 4)
    source = make_film(tmp_path / "in.mkv", Film(frames=40))
    write = video_parts.write_atomically

    def fail(data: bytes, path: Path, *, overwrite: bool) -> None:
        if path.name == "000002.npz":
            raise OutputError(f"{path}: no space left on the disk")
        write(data, path, overwrite=overwrite)

    with monkeypatch.context() as patch:
        patch.setattr(video_parts, "write_atomically", fail)
        code, _, lines = call("video", source, "-o", "out.mkv", *_LOSSLESS)
    assert code == 1
    assert lines == ["tinct: error: out.mkv.parts/000002.npz: no space left on the disk"]
    assert not (tmp_path / "out.mkv").exists()
    lines = _color(call, source, "-o", "out.mkv", *_LOSSLESS)
    assert lines == [f"{source}: goes on after 8 frames that are finished"]
    assert len(read_film(tmp_path / "out.mkv").times) == 40


def test_two_runs_do_not_make_one_film(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=4))
    join, second = color_film.join, []

    def join_late(*arguments: Any) -> list[str]:
        second.append(call("video", source, "-o", "out.mkv"))
        return join(*arguments)

    monkeypatch.setattr(color_film, "join", join_late)
    assert _color(call, source, "-o", "out.mkv") == []
    assert second == [(1, "", ["tinct: error: out.mkv.parts: another run is working on this film"])]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "out.mkv"]


def test_a_run_that_was_killed_is_in_no_way(
    call: Call, tmp_path: Path, environment: dict[str, str]
) -> None:
    source = make_film(tmp_path / "in.mkv", Film(frames=4))
    killed = """
import os
from tinct.apps import cli
from tinct.apps.films import color_film
color_film.join = lambda *_: os._exit(9)
cli.main()
"""
    command = [sys.executable, "-c", killed, "video", str(source), "-o", "out.mkv"]
    assert subprocess.run(command, cwd=tmp_path, env=environment, check=False).returncode == 9
    assert (tmp_path / ".out.mkv.lock").exists()
    lines = _color(call, source, "-o", "out.mkv")
    assert lines == [f"{source}: goes on after 4 frames that are finished"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv", "out.mkv"]


def test_a_finished_film_is_skipped(call: Call, tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.mkv")
    (tmp_path / "out.mkv").write_bytes(b"mine")
    code, _, lines = call("video", source, "-o", "out.mkv")
    assert code == 0
    assert "skipped" in lines[0]
    assert (tmp_path / "out.mkv").read_bytes() == b"mine"


def test_a_film_alone_is_colored_beside_itself(call: Call, tmp_path: Path) -> None:
    make_film(tmp_path / "Film.MKV", Film(format="matroska"))
    code, _, lines = call("Film.MKV", "--preset", "ultrafast")
    assert code == 0, lines
    assert lines[-1].startswith("Film.MKV -> Film-color.mkv (8 frames")


def test_the_second_film_in_a_file_is_left_out(call: Call, tmp_path: Path) -> None:
    one = make_film(tmp_path / "one.mkv", Film("libx264"))
    with av.open(str(one)) as source, av.open(str(tmp_path / "two.mkv"), "w") as output:
        copies = [output.add_stream_from_template(source.streams[0], opaque=True) for _ in "12"]
        for packet in source.demux():
            for copy in copies if packet.size else []:
                packet.stream = copy
                output.mux(packet)
    lines = _color(call, "two.mkv", "-o", "out.mkv", *_LOSSLESS)
    assert lines == [
        "tinct: warning: two.mkv: it holds 2 films: the first is colored, the others are left out"
    ]
    with av.open(str(tmp_path / "out.mkv")) as container:
        assert len(container.streams) == 1


def test_the_name_beside_and_the_report(call: Call, tmp_path: Path) -> None:
    source = make_film(tmp_path / "in.ts", Film("mpeg2video", format="mpegts"))
    _color(call, source, "--json", "report.json")
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["film"]["output"] == str(tmp_path / "in-color.mp4")
    assert report["film"]["frames"] == 8
    assert report["options"]["steady"] is True


# -- pictures in a row


@pytest.fixture
def scans(tmp_path: Path) -> Path:
    """Gray pictures with numbers that begin at 7."""
    (tmp_path / "scans").mkdir()
    for number in range(7, 12):
        Image.fromarray(luma(Film(full_range=True), number)).save(
            tmp_path / f"scans/{number:04d}.png"
        )
    return tmp_path / "scans/%04d.png"


def test_pictures_to_pictures(call: Call, tmp_path: Path, scans: Path) -> None:
    assert _color(call, scans, "-o", "out/%03d.png") == []
    names = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert names == ["007.png", "008.png", "009.png", "010.png", "011.png"]
    _color(call, scans, "-o", "part/%03d.png", "--start", "0.1")
    assert sorted(path.name for path in (tmp_path / "part").iterdir()) == ["010.png", "011.png"]
    for number in range(7, 12):
        before = np.asarray(Image.open(tmp_path / f"scans/{number:04d}.png"), np.int16)
        after = Image.open(tmp_path / f"out/{number:03d}.png")
        assert after.mode == "RGB"
        assert np.abs(np.asarray(after.convert("L"), np.int16) - before).max() <= 2

    (tmp_path / "out/011.png").unlink()
    lines = _color(call, scans, "-o", "out/%03d.png")
    assert lines == [f"{scans}: goes on after 4 pictures that are there"]
    assert (tmp_path / "out/011.png").exists()


@pytest.mark.parametrize(("rotation", "expected"), [(0, Fraction(4, 3)), (90, Fraction(3, 4))])
def test_pictures_of_a_film_say_the_shape_of_their_pixels(
    call: Call, tmp_path: Path, rotation: int, expected: Fraction
) -> None:
    film = Film("libx264", frames=1, aspect=Fraction(4, 3), rotation=rotation)
    source = make_film(tmp_path / "in.mp4", film)
    assert call("video", source, "--still", "1", "-o", "still.png")[0] == 0
    across, down = read_picture(tmp_path / "still.png").metadata.dpi or (1, 1)
    assert down / across == pytest.approx(float(expected), abs=0.001)
    for suffix in ("dpx", "exr"):
        _color(call, source, "-o", f"out/%d.{suffix}")
        with av.open(str(tmp_path / f"out/1.{suffix}")) as container:
            aspect = container.streams.video[0].sample_aspect_ratio
        assert aspect == pytest.approx(float(expected), abs=0.001)


def test_pictures_say_that_they_were_colored(call: Call, tmp_path: Path, scans: Path) -> None:
    _color(call, scans, "-o", "out/%03d.png")
    _color(call, scans, "-o", "plain/%03d.png", "--no-mark")
    assert call("video", scans, "--still", "7", "-o", "still.png")[0] == 0
    assert SOURCE_TYPE.encode() in (tmp_path / "out/007.png").read_bytes()
    assert SOURCE_TYPE.encode() in (tmp_path / "still.png").read_bytes()
    assert SOURCE_TYPE.encode() not in (tmp_path / "plain/007.png").read_bytes()
    lines = _color(call, scans, "-o", "out/%03d.ppm")
    assert lines == [f"tinct: warning: {scans}: PPM has no place to say that it was colored"]


def test_pictures_of_16_bits_stay_so(call: Call, tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    deep = luma(Film(full_range=True), 0).astype(np.uint16) * 257 + 3
    Image.fromarray(deep).save(tmp_path / "scans/1.png")
    _color(call, "scans/%d.png", "-o", "out/%d.png")
    picture = read_picture(tmp_path / "out/1.png").pixels
    assert picture.dtype == np.uint16
    weights = np.array([0.299, 0.587, 0.114])
    assert np.abs(picture @ weights - deep).max() < 257


def test_pictures_to_a_film_and_back(call: Call, tmp_path: Path, scans: Path) -> None:
    _color(call, scans, "-o", "film.mkv", *_LOSSLESS, "--fps", "24000/1001")
    film = read_film(tmp_path / "film.mkv")
    assert len(film.times) == 5
    assert float(film.times[4]) == pytest.approx(4 * 1001 / 24000, abs=0.001)
    assert film.first.color_range == 1
    _color(call, "film.mkv", "-o", "back/%d.jpg")
    assert sorted(path.name for path in (tmp_path / "back").iterdir())[0] == "1.jpg"
    before = np.asarray(Image.open(tmp_path / "scans/0007.png"), np.int16)
    after = np.asarray(Image.open(tmp_path / "back/1.jpg").convert("L"), np.int16)
    assert np.abs(after - before).mean() < 3


def test_scans_to_scans_and_a_film(call: Call, tmp_path: Path) -> None:
    deep = luma(Film(pix_fmt="yuv420p10le", full_range=True), 0)
    for number in (86400, 86401, 86403):
        stamp = Stamp(number, Fraction(25), f"01:00:00:{number - 86400:02d}")
        data = encode_scan(np.dstack([deep] * 3), 10, "dpx", None, stamp)
        (tmp_path / f"{number:07d}.dpx").write_bytes(data)
    _color(call, "%07d.dpx", "-o", "new/%07d.dpx")
    for number in (86400, 86401, 86403):
        scan = read_scan(tmp_path / f"new/{number:07d}.dpx", "dpx")
        assert np.abs(scan.luma.astype(int) - deep).max() <= 2
        assert scan.timecode == f"01:00:00:{number - 86400:02d}"
    _color(call, "%07d.dpx", "-o", "film.mkv", *_LOSSLESS)
    film = FilmReader(tmp_path / "film.mkv").facts
    assert (film.pix_fmt, film.rate, film.timecode) == ("yuv420p10le", 25, "01:00:00:00")
    assert b"Colored by tinct nano" in (tmp_path / "new/0086400.dpx").read_bytes()[160:260]
    _color(call, "%07d.dpx", "-o", "light/%d.exr", "--end", "0.04")
    assert b"comments\0string\0" in (tmp_path / "light/86400.exr").read_bytes()
    _color(call, "film.mkv", "-o", "back/%d.exr", "--start", "0.04")
    assert read_scan(tmp_path / "back/1.exr", "exr").rate == 25
    _color(call, "film.mkv", "-o", "back/%d.dpx", "--start", "0.04")
    scan = read_scan(tmp_path / "back/1.dpx", "dpx")
    assert (scan.bits, scan.timecode) == (10, "01:00:00:01")
    with av.open(str(tmp_path / "back/1.dpx")) as container:
        assert np.ptp(next(container.decode(video=0)).to_ndarray(format="rgb24"), axis=2).max() > 9


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("none/%d.png", "-o", "out.mp4"), "none/%d.png: no pictures of such names"),
        (("scans/%04d.png", "-o", "scans/%04d.png"),
         "scans/%04d.png: the pictures themselves; choose another name"),
        (("scans/%04d.png", "-o", "out/%d.xyz"),
         "out/%d.xyz: the suffix .xyz tells no format that tinct writes"),
        (("scans/%04d.png", "-o", "out/%d.png", "--crf", "3"),
         "out/%d.png: pictures have no encoder, and no preview"),
        (("scans/%04d.png", "-o", "out.mp4", "--fps", "0"),
         "'0' is no rate: more than 0 and at most 1000 frames a second"),
        (("in.mkv", "-o", "out.mp4", "--fps", "24"),
         "--fps is for pictures in a row; a film has times of its own"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("scans")
def test_pictures_that_cannot_be_is_one_line(
    call: Call, tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    make_film(tmp_path / "in.mkv")
    code, _, lines = call("video", *arguments)
    assert code in (1, 2)
    assert lines == [f"tinct: error: {reason}"]


@pytest.mark.parametrize("name", ["again/%04d.png", "../scans/scans/%04d.png", "scans/%d.png"])
@pytest.mark.parametrize("still", [(), ("--still", "7")])
def test_scans_are_not_replaced_under_another_name(
    call: Call, tmp_path: Path, name: str, still: tuple[str, ...]
) -> None:
    place = tmp_path / "scans"
    (place / "scans").mkdir(parents=True)
    (place / "again").symlink_to("scans")
    files = [place / f"scans/{number}.png" for number in (1007, 1008)]
    for file in files:
        Image.new("L", (64, 48), 90).save(file)
    before = [file.read_bytes() for file in files]
    output = str(place / (name % 1007 if still else name))
    arguments = [place / "scans/%04d.png", "-o", output, *still, "--overwrite"]
    if still:
        arguments[-2] = "1007"
    code, _, lines = call("video", *arguments)
    assert code == 2
    assert lines[0].endswith("1007.png: a file that is read; choose another name")
    assert [file.read_bytes() for file in files] == before


@pytest.mark.usefixtures("scans")
def test_holes_among_pictures_are_filled(call: Call, tmp_path: Path) -> None:
    _color(call, "scans/%04d.png", "-o", "out/%04d.png")
    files = sorted((tmp_path / "out").iterdir())
    before = [file.read_bytes() for file in files]
    for file in (files[1], files[-2]):
        file.unlink()
    files[-1].write_bytes(b"mine")
    _color(call, "scans/%04d.png", "-o", "out/%04d.png")
    assert sorted((tmp_path / "out").iterdir()) == files
    assert [file.read_bytes() for file in files[:2]] == before[:2]
    assert files[-1].read_bytes() == b"mine"


# -- damaged, strange, wrong


@pytest.mark.parametrize("suffix", ["mkv", "mp4"])
def test_a_truncated_film_is_colored_as_far_as_it_goes(
    call: Call, tmp_path: Path, suffix: str
) -> None:
    whole = tmp_path / f"whole.{suffix}"
    film = Film("libx264", frames=60, options=(("g", "10"),))
    make_film(tmp_path / "whole.mkv", film)
    if suffix == "mp4":
        with (
            av.open(str(tmp_path / "whole.mkv")) as source,
            av.open(str(whole), "w", container_options={"movflags": "faststart"}) as output,
        ):
            copied = output.add_stream_from_template(source.streams.video[0], opaque=True)
            for packet in source.demux():
                if packet.size:
                    packet.stream = copied
                    output.mux(packet)
    data = whole.read_bytes()
    (tmp_path / f"in.{suffix}").write_bytes(data[: len(data) * 2 // 3])
    lines = _color(call, f"in.{suffix}", "-o", "out.mp4", "--preset", "ultrafast")
    assert len(lines) == 1
    assert "it ends after" in lines[0] or "damaged" in lines[0]
    assert 10 < len(read_film(tmp_path / "out.mp4").times) < 60


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda path: None, "no such file"),
        (lambda path: path.write_bytes(b""), "not a film, or damaged beyond reading"),
        (lambda path: path.write_bytes(b"hello" * 99), "not a film, or damaged beyond reading"),
        (lambda path: _sound_alone(path, None), "not a film, it holds only sound"),
        (lambda path: _sound_alone(path, "png"), "not a film, it holds only cover art and sound"),
    ],
    ids=["missing", "empty", "text", "sound", "cover"],
)
def test_what_is_no_film_is_one_line(
    call: Call, tmp_path: Path, make: Callable[[Path], Any], reason: str
) -> None:
    make(tmp_path / "in.mp4")
    code, _, lines = call("video", "in.mp4", "-o", "out.mp4")
    assert code == 1
    assert lines == [f"tinct: error: in.mp4: {reason}"]
    assert not list(tmp_path.glob("out*"))


def test_a_folder_without_films_gets_the_line_that_helps(call: Call, tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    code, _, lines = call("video", "scans")
    assert code == 1
    assert lines == [
        "tinct: error: scans: no films in this folder; pictures in a row: "
        "tinct video 'scans/%06d.png'"
    ]


def _sound_alone(path: Path, cover: str | None) -> None:
    with av.open(str(path), "w") as output:
        sound = output.add_stream("aac", rate=48000)
        if cover is not None:
            picture: Any = output.add_stream(cover, rate=1)
            picture.width, picture.height, picture.pix_fmt = 16, 16, "rgb24"
            picture.disposition = 1 << 10
            output.mux(picture.encode(av.VideoFrame(16, 16, "rgb24")))
            output.mux(picture.encode(None))
        frame = av.AudioFrame.from_ndarray(np.zeros((2, 4800), np.float32), "fltp", "stereo")
        frame.sample_rate = 48000
        output.mux(sound.encode(frame))
        output.mux(sound.encode(None))


def test_a_photograph_is_sent_to_the_other_command(call: Call, photo: Path) -> None:
    code, _, lines = call("video", photo, "-o", "out.mp4")
    assert code == 1
    assert lines == [f"tinct: error: {photo}: not a film (a photograph? tinct image colors it)"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("-o", "in.mkv"), "in.mkv: the film itself; choose another name"),
        (("-o", "out.xyz"), "out.xyz: films end in .mp4, .m4v, .mov, .mkv, .webm, .avi, .mxf"),
        (("-o", "no/out.mp4"), "no/out.mp4: there is no such folder"),
        (("--codec", "nothing"), "no encoder is called 'nothing' here"),
        (("--codec", "aac"), "aac is no encoder of films"),
        (("--codec", "ffv1", "-o", "out.webm"), "webm cannot hold ffv1: another --codec or suffix"),
        (("--codec", "mpeg4", "--crf", "3"), "mpeg4 has no --crf"),
        (("--pix-fmt", "rgb24"), "--pix-fmt rgb24: not planar YUV, such as yuv420p or yuv422p10le"),
        (("--start", "soon"), "'soon' is no time: seconds or hh:mm:ss"),
        (("--start", "9"), "in.mkv: no frames in this part of it"),
    ],
)
def test_what_cannot_be_done_is_one_line(
    call: Call, tmp_path: Path, arguments: tuple[str, ...], reason: str
) -> None:
    make_film(tmp_path / "in.mkv")
    named = () if "-o" in arguments else ("-o", "out.mp4")
    code, _, lines = call("video", "in.mkv", *named, *arguments)
    assert code in (1, 2)
    assert lines == [f"tinct: error: {reason}"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.mkv"]


def test_presets_are_named(call: Call, tmp_path: Path) -> None:
    make_film(tmp_path / "in.mkv")
    code, _, lines = call("video", "in.mkv", "-o", "out.mp4", "--preset", "warp")
    assert code == 2
    assert lines[0].startswith("tinct: error: libx264 knows the presets ultrafast, ")


@pytest.mark.parametrize(
    ("codec", "suffix", "is_kept"),
    [
        ("ffv1", "mkv", True),
        ("ffv1", "avi", False),
        ("prores_ks", "mov", False),
        ("prores_ks", "mxf", False),
        ("mpeg4", "avi", False),
    ],
)
def test_a_film_is_shown_as_light_and_dark_as_it_was(
    call: Call, tmp_path: Path, codec: str, suffix: str, is_kept: bool
) -> None:
    film = make_film(tmp_path / "in.mkv", Film(frames=2, full_range=True))
    notes = _color(call, film, "-o", f"out.{suffix}", "--codec", codec)
    assert is_kept != any("cannot say that the range is full" in note for note in notes)
    before, after = read_film(film), read_film(tmp_path / f"out.{suffix}")
    assert (after.first.color_range == ColorRange.JPEG) == is_kept
    shown = after.lumas[0] / (4 if codec == "prores_ks" else 1)
    shown = shown if is_kept else (shown - 16) * (255 / 219)
    assert np.abs(shown - before.lumas[0]).mean() < 1.5


@pytest.mark.parametrize(
    ("codec", "suffix", "tags", "read_as"),
    [
        ("dnxhd", "mxf", (5, 6, 5), "bt709"),
        ("dnxhd", "mov", (5, 6, 5), "bt709"),
        ("ffv1", "avi", (1, 1, 1), "bt601"),
        ("libvpx", "webm", (1, 1, 1), "bt601"),
        ("prores_ks", "mov", (1, 1, 1), None),
        ("ffv1", "avi", (5, 6, 5), None),
    ],
)
def test_colors_are_those_of_the_matrix_that_a_player_goes_by(
    call: Call,
    tmp_path: Path,
    codec: str,
    suffix: str,
    tags: tuple[int, int, int],
    read_as: str | None,
) -> None:
    def shown(path: Path, matrix: str | None = None) -> NDArray[np.float64]:
        frame = read_film(path).first
        space = COLORSPACES[matrix or ColorTags.of(frame).name]
        rgb = frame.to_ndarray(format="rgb24", src_colorspace=space) / 255.0
        _, a, b = rgb_to_lab(rgb).mean((0, 1))  # of one luma by two matrices, L* differs a little
        return np.array([a, b])

    picture = photograph(256, 192, gray=True)[..., 0]
    film = make_film(
        tmp_path / "in.mkv",
        Film(width=256, height=192, frames=2, tags=tags),
        16 + np.rint(picture * (219 / 255)).astype(np.uint8),
    )
    assert not _color(call, film, "-o", "whole.mkv", "--codec", "ffv1")
    notes = _color(call, film, "-o", f"out.{suffix}", "--codec", codec)
    said = [note for note in notes if "cannot say that the matrix" in note]
    assert [note.split()[-1] for note in said] == ([read_as] if read_as else [])
    wanted, found = shown(tmp_path / "whole.mkv"), shown(tmp_path / f"out.{suffix}")
    other = shown(tmp_path / "whole.mkv", "bt709" if tags[2] == 5 else "bt601")
    assert np.abs(found - wanted).max() < 0.5 * np.abs(other - wanted).max()


def test_transparency_of_webm_is_said_to_be_lost(call: Call, tmp_path: Path) -> None:
    def says_alpha(path: Path) -> bool:
        with av.open(str(path)) as container:
            return "alpha_mode" in {name.lower() for name in container.streams.video[0].metadata}

    film = make_film(tmp_path / "in.webm", Film("libvpx-vp9", "yuva420p", frames=2))
    assert says_alpha(film)
    assert f"tinct: warning: {film}: its transparency is not kept" in _color(call, film)
    assert not says_alpha(tmp_path / "in-color.webm")


@pytest.mark.parametrize("kind", ["gif", "png", "avif"])
def test_animated_pictures_are_films(call: Call, tmp_path: Path, kind: str) -> None:
    pictures = [Image.new("L", (64, 48), 60 * number) for number in (1, 2, 3)]
    source = tmp_path / f"moving.{kind}"
    pictures[0].save(source, save_all=True, append_images=pictures[1:], duration=100)
    notes = _color(call, source)
    assert not any("left out" in note for note in notes)
    assert len(read_film(tmp_path / "moving-color.mp4").times) == 3
