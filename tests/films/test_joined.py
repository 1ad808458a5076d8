"""Several films read, and written, as one."""

from __future__ import annotations

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from films import Film, luma, make_film, read_film
from tinct.films.joined import JoinedFilms
from tinct.films.reader import FilmReader

_FLASH = 0.48  # seconds at which a clip flashes and beeps


def make_clip(path: Path, codec: str, sound: str, rate: int = 25, frames: int = 30) -> Path:
    """Write a dark clip with a white frame, and a beep that begins with it."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        audio: Any = output.add_stream(sound, rate=48000)
        for number in range(frames):
            luma = 220 if number == round(_FLASH * rate) else 40
            frame = av.VideoFrame.from_ndarray(
                np.vstack([np.full((48, 64), luma), np.full((24, 64), 128)]).astype(np.uint8),
                "yuv420p",
            )
            frame.pts, frame.time_base = number, Fraction(1, rate)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        seconds = np.arange(48000 * frames // rate) / 48000
        tone = np.where((seconds >= _FLASH) & (seconds < _FLASH + 0.1), 0.8, 0)
        tone = (tone * np.sin(seconds * 6000)).astype(np.float32)
        resampler = av.AudioResampler(audio.format, audio.layout, audio.rate, audio.frame_size)
        held = av.AudioFrame.from_ndarray(np.vstack([tone, tone]), "fltp", "stereo")
        held.sample_rate, held.pts, held.time_base = 48000, 0, Fraction(1, 48000)
        for piece in [*resampler.resample(held), *resampler.resample(None)]:
            output.mux(audio.encode(piece))
        output.mux(audio.encode(None))
    return path


def flashes(path: Path) -> list[float]:
    """Return the seconds at which the pictures flash."""
    content = read_film(path)
    lit = [luma.mean() > 130 for luma in content.lumas]
    return [float(time) for time, on in zip(content.times, lit, strict=True) if on]


def beeps(path: Path) -> list[float]:
    """Return the seconds at which the sound begins to beep."""
    found: list[float] = []
    quiet = 1.0
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            assert frame.time is not None
            level = np.abs(frame.to_ndarray().astype(np.float32)).reshape(-1)
            if frame.format.name.startswith("s16"):
                level = level / 32768
            if not frame.format.is_planar:
                level = level.reshape(-1, len(frame.layout.channels))[:, 0]
            for index in np.flatnonzero(level[: frame.samples] > 0.2):
                time = frame.time + index / frame.sample_rate
                if quiet < time - 0.2 or not found:
                    found.append(time)
                quiet = time
    return found


@pytest.mark.parametrize(
    ("clips", "target"),
    [
        ([("a.mp4", "libx264", "aac"), ("b.mp4", "libx264", "aac"), ("c.mp4", "libx264", "aac")],
         "out.mp4"),
        ([("a.ts", "mpeg2video", "mp2"), ("b.ts", "mpeg2video", "mp2")], "out.mkv"),
        ([("a.vob", "mpeg2video", "ac3"), ("b.mkv", "ffv1", "flac"), ("c.mov", "mpeg4",
          "pcm_s16le")], "out.mp4"),
    ],
    ids=["mp4", "ts", "mixed"],
)  # fmt: skip
def test_pictures_and_sound_of_joined_films_stay_together(
    call: Any, tmp_path: Path, clips: list[tuple[str, str, str]], target: str
) -> None:
    paths = [make_clip(tmp_path / name, codec, sound) for name, codec, sound in clips]
    code, _, lines = call("video", *paths, "--join", "-o", target, "--preset", "ultrafast")
    assert code == 0, lines
    shown, heard = flashes(tmp_path / target), beeps(tmp_path / target)
    assert len(shown) == len(heard) == len(clips)
    np.testing.assert_allclose(heard, shown, atol=0.02)
    np.testing.assert_allclose(np.diff(shown), 30 / 25, atol=0.002)


def test_frames_of_another_size_and_rate_follow_at_their_times(tmp_path: Path) -> None:
    one = make_film(tmp_path / "one.mkv", Film(frames=5))
    other = make_film(
        tmp_path / "other.mp4",
        Film("libx264", width=128, height=48, frames=6, rate=Fraction(30), options=(("qp", "0"),)),
    )
    joined = JoinedFilms([FilmReader(one), FilmReader(other)])
    frames = list(joined.frames())
    times = [float(frame.time * joined.facts.time_base) for frame in frames]
    expected = [n / 25 for n in range(5)] + [0.2 + n / 30 for n in range(6)]
    np.testing.assert_allclose(times, expected, atol=0.0011)
    assert {frame.luma.shape for frame in frames} == {(48, 64)}
    assert frames[-1].luma[:10].max() <= 17  # bars above a picture that is twice as wide
    assert frames[-1].luma[20:28].max() > 100
    rest = list(joined.frames(after=frames[7].time))
    assert [frame.time for frame in rest] == [frame.time for frame in frames[8:]]
    part = list(joined.frames(Fraction(4, 25), Fraction(8, 25)))
    assert [frame.time for frame in part] == [frame.time for frame in frames[4:9]]


def test_pixels_of_another_shape_and_turned_films_are_fitted(tmp_path: Path) -> None:
    one = make_film(tmp_path / "one.mp4", Film("libx264", frames=2, options=(("qp", "0"),)))
    wide = make_film(tmp_path / "wide.mkv", Film("libx264", frames=2, aspect=Fraction(4, 3)))
    options = (("qp", "0"),)
    turned = Film("libx264", width=48, height=64, frames=2, rotation=90, options=options)
    joined = JoinedFilms(
        [
            FilmReader(one),
            FilmReader(wide),
            FilmReader(make_film(tmp_path / "turned.mp4", turned)),
        ]
    )
    assert joined.facts.notes == (
        f"{wide}: 64x48 in pixels of 4:3, fitted into the pictures of the first",
        f"{tmp_path / 'turned.mp4'}: 48x64, fitted into the pictures of the first",
    )
    lumas = [frame.luma for frame in joined.frames()]
    assert lumas[2][:4].max() <= 18  # bars above a picture that is wider than that of the first
    assert lumas[2][24].max() > 100
    np.testing.assert_allclose(lumas[4], np.rot90(luma(turned, 0)), atol=2)


def test_fields_of_another_order_are_said_and_not_mixed(tmp_path: Path) -> None:
    flags = (("flags", "+ildct+ilme"),)
    films = [
        make_film(
            tmp_path / f"{name}.mkv", Film("mpeg2video", frames=2, fields=name, options=flags)
        )
        for name in ("tff", "bff")
    ]
    notes = JoinedFilms([FilmReader(film) for film in films]).facts.notes
    line = "bottom field first, written as the first, top field first: --deinterlace makes"
    assert any(note.startswith(f"{films[1]}: {line}") for note in notes)

    other = tmp_path / "other.mkv"
    lines = np.tile(np.array([[40], [200]], np.uint8), (48, 64))  # one of each field
    made = make_film(other, Film("ffv1", height=96, frames=2, fields="tff"), picture=lines)
    joined = JoinedFilms([FilmReader(films[0]), FilmReader(made)])
    fitted = list(joined.frames())[-1].luma[4:-4, 20:44]
    assert abs(int(fitted[::2].mean()) - 40) < 5
    assert abs(int(fitted[1::2].mean()) - 200) < 5


def test_a_trimmed_film_follows_without_a_gap(tmp_path: Path) -> None:
    """What an edit list of MP4 cuts away is in the file, and is not shown."""
    whole = make_film(tmp_path / "whole.mp4", Film("mpeg4", frames=10, options=(("g", "20"),)))
    trimmed = tmp_path / "trimmed.mp4"
    unmoved = {"avoid_negative_ts": "disabled"}
    with (
        av.open(str(whole)) as source,
        av.open(str(trimmed), "w", container_options=unmoved) as output,
    ):
        copied = output.add_stream_from_template(source.streams.video[0])
        for packet in source.demux():
            if packet.dts is not None and packet.pts is not None:
                assert packet.time_base is not None
                cut = round(4 / 25 / packet.time_base)
                packet.pts, packet.dts, packet.stream = packet.pts - cut, packet.dts - cut, copied
                output.mux(packet)
    joined = JoinedFilms([FilmReader(whole), FilmReader(trimmed)])
    times = [float(frame.time * joined.facts.time_base) for frame in joined.frames()]
    np.testing.assert_allclose(times, np.arange(16) / 25, atol=0.001)


def test_a_part_of_joined_films_begins_where_it_should(call: Any, tmp_path: Path) -> None:
    paths = [make_clip(tmp_path / f"{name}.mp4", "libx264", "aac") for name in "abc"]
    code, _, lines = call(
        "video", *paths, "--join", "-o", "out.mkv", "--start", "1.2", "--preset", "ultrafast"
    )
    assert code == 0, lines
    shown, heard = flashes(tmp_path / "out.mkv"), beeps(tmp_path / "out.mkv")
    np.testing.assert_allclose(shown, [_FLASH, _FLASH + 1.2], atol=0.002)
    np.testing.assert_allclose(heard, shown, atol=0.02)


def make_rich(path: Path) -> Path:
    """Write a film with two tracks of sound, one of subtitles, and an attachment."""
    plain = make_film(path.with_name("plain.mkv"), Film(frames=5, sound="flac"))
    with av.open(str(plain)) as source, av.open(str(path), "w") as output:
        pictures, sound = source.streams
        copies = [output.add_stream_from_template(s, opaque=True) for s in (pictures, sound, sound)]
        text: Any = output.add_stream("subrip")
        text.codec_context.subtitle_header = b"[Script Info]\n[Events]\n"
        output.add_attachment("font.ttf", "application/x-truetype-font", b"a font")
        for packet in source.demux():
            if packet.size:
                packet.stream = copies[packet.stream.index]
                output.mux(packet)
    return path


def test_what_only_a_later_film_has_is_said(call: Any, tmp_path: Path) -> None:
    silent = make_film(tmp_path / "silent.mkv", Film(frames=5))
    heard = make_film(tmp_path / "heard.mkv", Film(frames=5, sound="flac"))
    rich = make_rich(tmp_path / "rich.mkv")
    rest = [
        "2 (audio, flac) has no counterpart in the first film: left out (a silent track there"
        " keeps it)",
        "3 (subtitle, srt) has no counterpart in the first film: left out (a track of subtitles"
        " there keeps it)",
        "4 (attachment, font.ttf) has no counterpart in the first film: left out (attached to that"
        " one it is kept)",
    ]
    sound = rest[0].replace("2", "1", 1)
    for first, lost in ((silent, [sound, *rest]), (heard, rest), (rich, [])):
        arguments = ("--join", "-o", "out.mkv", "--overwrite", "--codec", "ffv1", "--json", "j")
        code, _, lines = call("video", first, rich, *arguments)
        said = [f"{rich}: track {line}" for line in lost]
        assert code == 0
        assert [line for line in lines if "warning" in line] == [
            f"tinct: warning: {first}: {line}" for line in said
        ]
        assert json.loads(Path("j").read_text())["film"]["warnings"] == said
