"""The clock of a file that jumps, and streams that break off or begin late."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from films import Film, make_film
from tinct.films.packets import Clock, read_packets
from tinct.films.reader import FilmReader

TICK = Fraction(1, 90_000)


@pytest.fixture(params=["mpegts", "vob"])
def joined(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Two films of 50 frames and two seconds of sound, put together as bytes."""
    film = Film("mpeg2video", frames=50, sound="mp2", format=request.param)
    one = make_film(tmp_path / "one", film).read_bytes()
    path = tmp_path / "joined.mpg"
    path.write_bytes(one + one)
    return path


def _times(path: Path) -> dict[str, list[tuple[float, float]]]:
    """Begin and end of each packet on the mended clock, in seconds, by the type of its stream."""
    clock = Clock()
    found: dict[str, list[tuple[float, float]]] = {"video": [], "audio": []}
    with FilmReader(path).open() as container:
        for packet in read_packets(container, list(container.streams)):
            clock.correct(packet)
            if packet.dts is not None:
                begin = packet.dts * packet.time_base
                end = begin + (packet.duration or 0) * packet.time_base
                found[packet.stream.type].append((float(begin), float(end)))
    assert clock.breaks == 1
    return found


def test_the_clock_goes_on_where_films_were_joined(joined: Path) -> None:
    found = _times(joined)
    for times in found.values():
        begins = np.array([begin for begin, _ in times])
        assert np.diff(begins).min() > -0.1
        assert np.diff(begins).max() < 0.15
    # Each half keeps its own distance between sound and picture.
    half = [times[len(times) // 2][0] - times[0][0] for times in found.values()]
    assert half[0] == pytest.approx(half[1], abs=0.02 + 1152 / 48000)


def test_all_frames_of_joined_films_are_read_once(joined: Path) -> None:
    reader = FilmReader(joined)
    assert reader.facts.breaks == 1
    assert "its clock begins again once: continued" in reader.facts.notes
    times = [frame.time for frame in reader.frames()]
    assert len(times) == 100
    steps = np.diff(times) * float(TICK)
    assert steps.min() == pytest.approx(0.04, abs=1e-4)
    assert (times[-1] - times[0]) * float(TICK) == pytest.approx(99 / 25, abs=0.1)
    assert reader.damage == []


def test_a_playlist_begins_at_zero_and_goes_on_behind_a_break(tmp_path: Path) -> None:
    late = Film("mpeg2video", frames=25, times=range(1250, 1275), format="mpegts")
    for name in ("0.ts", "1.ts"):
        make_film(tmp_path / name, late)
    piece, seam = "#EXTINF:1.0,\n{}.ts\n", "#EXT-X-DISCONTINUITY\n"
    pieces = piece.format(0) + seam + piece.format(1)
    head, end = "#EXTM3U\n#EXT-X-VERSION:3\n#EXT-X-TARGETDURATION:1\n", "#EXT-X-ENDLIST\n"
    (tmp_path / "in.m3u8").write_text(head + pieces + end)
    reader = FilmReader(tmp_path / "in.m3u8")
    assert reader.facts.shift == reader.facts.origin == 50
    times = np.array([frame.time for frame in reader.frames()]) * float(TICK)
    np.testing.assert_allclose(times, 50 + np.arange(50) / 25, atol=1e-4)
    assert reader.damage == []


def test_a_part_behind_the_break_is_found(joined: Path) -> None:
    whole = [frame.luma for frame in FilmReader(joined).frames()]
    part = [frame.luma for frame in FilmReader(joined).frames(begin=Fraction(3))]
    assert 20 <= len(part) <= 26
    np.testing.assert_array_equal(part[-1], whole[-1])
    np.testing.assert_array_equal(part[0], whole[-len(part)])


def test_a_gap_in_one_stream_is_no_break() -> None:
    """Sound that is silent for long has a gap; only where all streams jump does the clock."""
    clock = Clock()
    with av.open("anullsrc", format="lavfi") as container:
        (stream,) = container.streams
        for second in (0, 1, 2, 9, 10):
            packet = av.Packet(b"x")
            packet.stream, packet.time_base = stream, Fraction(1)
            packet.pts = packet.dts = second
            packet.duration = 1
            clock.correct(packet)
            assert packet.dts == second
    assert clock.breaks == 0


def test_every_stream_is_ended_once(tmp_path: Path) -> None:
    path = make_film(tmp_path / "in.mkv", Film("libx264", sound="aac"))
    with av.open(str(path)) as container:
        packets = list(read_packets(container, list(container.streams)))
        ends = [packet.stream.index for packet in packets if not packet.size]
    assert sorted(ends) == [0, 1]
