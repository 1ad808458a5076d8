"""Films in and out, below the command line."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.video.format import names

from films import Film, make_film
from tinct.films.cut import Cut
from tinct.films.join import Timeline, _in_slots
from tinct.films.pixels import (
    ColorTags,
    build_frame,
    change_depth,
    depth_and_shift,
    has_luma_plane,
    luma_of,
    pixel_format,
    planar_twin,
    plane_of,
)
from tinct.films.reader import FilmReader
from tinct.frame_format import FrameFormat

_HARDWARE = {name for name in names if not av.VideoFormat(name).components}


@pytest.mark.parametrize("name", sorted(names - _HARDWARE))
def test_every_format_has_a_planar_twin(name: str) -> None:
    found = depth_and_shift(planar_twin(name))
    assert found is not None
    if has_luma_plane(name):
        described = av.VideoFormat(name)
        assert described.components[0].plane == 0
        assert described.components[0].bits == found[0]


@pytest.mark.parametrize("name", ["yuv420p", "yuv422p10le", "nv12", "gray", "gray12le", "yuva444p"])
def test_luma_is_a_view_of_its_plane(name: str) -> None:
    frame = av.VideoFrame(37, 5, name)
    plane_of(frame, 0)[:] = np.arange(37)
    luma = luma_of(frame)
    assert luma.shape == (5, 37)
    assert np.array_equal(luma[3], np.arange(37))
    assert np.shares_memory(luma, plane_of(frame, 0))


@pytest.mark.parametrize("name", ["yuyv422", "p010le", "yuv420p10be", "ya8", "gray16be"])
def test_luma_of_other_yuv_keeps_its_value(name: str) -> None:
    planar = planar_twin(name)
    bits, _ = depth_and_shift(planar) or (8, (0, 0))
    source = av.VideoFrame(32, 16, planar)
    full = name.startswith(("gray", "ya"))
    source.color_range = 2 if full else 1
    ramp = np.linspace(16, 235, 32) * 2 ** (bits - 8)
    plane_of(source, 0)[:] = ramp.astype(plane_of(source, 0).dtype)
    for index in (1, 2):
        plane_of(source, index)[:] = 1 << (bits - 1)
    limits = source.color_range
    packed = source.reformat(format=name, src_color_range=limits, dst_color_range=limits)
    assert packed.format.name == name
    assert np.array_equal(luma_of(packed), plane_of(source, 0))


def test_depth_changes_by_rounding() -> None:
    deep = np.array([[64, 65, 66, 940]], np.uint16)
    assert change_depth(deep, 10, 8, False).tolist() == [[16, 16, 16, 235]]
    assert change_depth(np.array([[0, 255]], np.uint8), 8, 10, True).tolist() == [[0, 1023]]
    assert change_depth(deep, 10, 10, False) is deep


def test_frames_are_built_of_planes() -> None:
    form = FrameFormat(17, 3, bits=10, shift=(1, 0))
    planes = tuple(
        np.full((3, width), value, np.uint16) for width, value in ((17, 100), (9, 5), (9, 7))
    )
    frame = build_frame(planes, form, ColorTags(1, 1, 1, full_range=True))
    assert frame.format.name == pixel_format(10, (1, 0)) == "yuv422p10le"
    for index, plane in enumerate(planes):
        assert np.array_equal(plane_of(frame, index), plane)
    assert (frame.colorspace, frame.color_range) == (1, 2)


def test_reading_begins_where_it_is_asked_to(tmp_path: Path) -> None:
    film = Film("libx264", frames=60, options=(("g", "25"), ("bf", "3")))
    reader = FilmReader(make_film(tmp_path / "in.mp4", film))
    whole = list(reader.frames())
    assert len(whole) == 60
    for skip in (1, 24, 25, 26, 59):
        for after in (None, whole[skip - 1].time):
            rest = list(reader.frames(skip=skip, after=after))
            assert [frame.time for frame in rest] == [frame.time for frame in whole[skip:]]
            assert np.array_equal(rest[0].luma, whole[skip].luma)
    part = list(reader.frames(Fraction(1, 2), Fraction(1)))
    assert [frame.time for frame in part] == [frame.time for frame in whole[13:25]]
    assert reader.damage == []


def test_times_that_do_not_increase_are_moved(tmp_path: Path) -> None:
    reader = FilmReader(make_film(tmp_path / "in.mkv"))
    frames = []
    for time in (0, 40, 40, None, 70, 320):
        frame = av.VideoFrame(64, 48, "yuv420p")
        frame.pts = time
        frames.append(frame)
    timed = list(reader._timed(iter(frames)))
    assert [frame.time for frame in timed] == [0, 40, 41, 81, 82, 320]
    assert [frame.is_exact for frame in timed] == [True, True, False, False, False, True]
    assert reader.damage == ["2 frames are not later than the one before: moved"]


def test_packets_are_decoded_before_they_are_shown() -> None:
    line = Timeline(np.array([0, 10, 11, 500, 501, 502]), 510, 2)
    decoded = [line.decoded(index) for index in range(6)]
    assert decoded == [-20, -10, 0, 10, 11, 500]
    assert [line.duration(frame) for frame in range(6)] == [10, 1, 489, 1, 1, 8]


def test_avi_counts_in_equal_steps() -> None:
    line = Timeline(np.array([-3, 40, 41, 120]), 160, 2)
    slots, base, moved = _in_slots(line, Fraction(1, 1000), Fraction(1, 25))
    assert slots.times.tolist() == [0, 1, 2, 3]
    assert (slots.end, slots.delay, base, moved) == (4, 0, Fraction(1, 25), 1)


def test_a_cut_holds_its_beginning_and_not_its_end() -> None:
    cut = Cut(Fraction(1), Fraction(2), Fraction(1))
    assert [cut.holds(Fraction(n, 2)) for n in range(1, 6)] == [False, True, True, False, False]
    assert cut.overlap(Fraction(0), Fraction(3, 2)) == (1, Fraction(3, 2))
    assert cut.overlap(Fraction(2), Fraction(3)) is None


def test_a_film_that_changes_its_size_is_scaled(tmp_path: Path) -> None:
    small = make_film(tmp_path / "small.ts", Film("mpeg2video", format="mpegts"))
    large = Film("mpeg2video", width=128, height=96, times=range(20, 28), format="mpegts")
    data = small.read_bytes() + make_film(tmp_path / "large.ts", large).read_bytes()
    (tmp_path / "in.ts").write_bytes(data)
    reader = FilmReader(tmp_path / "in.ts")
    frames = list(reader.frames())
    assert {frame.luma.shape for frame in frames} == {(48, 64)}
    assert len(frames) in (15, 16)  # the decoder may drop one where the sequence changes
    assert any("changes its size" in text for text in reader.damage)


@pytest.mark.parametrize("stated", [b"00:00:00x120000000", b"00:00:00.120/00000"])
def test_a_length_that_makes_no_sense_is_that_of_the_file(tmp_path: Path, stated: bytes) -> None:
    path = make_film(tmp_path / "in.mkv", Film(frames=3))
    data = path.read_bytes()
    assert b"00:00:00.120000000" in data
    path.write_bytes(data.replace(b"00:00:00.120000000", stated))
    assert FilmReader(path).facts.end == 120
