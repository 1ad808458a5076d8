"""Whole frames out of fields, before a film is colored."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from films import Film, make_film
from tinct.errors import OptionError
from tinct.films.facts import PROGRESSIVE
from tinct.films.pixels import plane_of
from tinct.films.reader import FilmReader

_SIZE = 64, 96  # rows and columns


def _moment(number: int) -> NDArray[np.uint8]:
    """A slope, in which a soft blob moves by two columns from moment to moment."""
    rows, columns = np.mgrid[: _SIZE[0], : _SIZE[1]]
    away = (columns - 20 - 2 * number) ** 2 + (rows - 32) ** 2
    return np.rint(60 + rows + 80 * np.exp(-away / 150)).astype(np.uint8)


def _write(
    path: Path, lumas: list[NDArray[np.uint8]], rate: Fraction, filters: list[tuple[str, str]]
) -> Path:
    """Write frames that have passed through filters of FFmpeg."""
    graph = av.filter.Graph()
    height, width = _SIZE
    base = 1 / rate
    nodes = [
        graph.add(
            "buffer",
            f"video_size={width}x{height}:pix_fmt=yuv420p:frame_rate={rate}:time_base={base}",
        ),
        *(graph.add(name, given) for name, given in filters),
        graph.add("buffersink"),
    ]
    graph.link_nodes(*nodes).configure()
    with av.open(str(path), "w") as output:
        stream: Any = None
        for number, luma in [*enumerate(lumas), (0, None)]:
            frame = None
            if luma is not None:
                frame = av.VideoFrame(width, height, "yuv420p")
                np.copyto(plane_of(frame, 0), luma)
                for index in (1, 2):
                    plane_of(frame, index)[:] = 128
                frame.pts, frame.time_base = number, base
            graph.vpush(frame)
            while True:
                try:
                    made = graph.vpull()
                except (BlockingIOError, EOFError):
                    break
                if stream is None:
                    stream = output.add_stream("ffv1", rate=1 / made.time_base)
                    stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
                    stream.codec_context.time_base = made.time_base
                    stream.time_base = made.time_base
                output.mux(stream.encode(made))
        output.mux(stream.encode(None))
    return path


def _weave(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> NDArray[np.uint8]:
    woven = first.copy()
    woven[1::2] = second[1::2]
    return woven


@pytest.mark.parametrize("order", ["tff", "bff"])
def test_each_field_becomes_a_frame_at_its_time(tmp_path: Path, order: str) -> None:
    moments = [_moment(number) for number in range(24)]
    pairs = zip(moments[::2], moments[1::2], strict=True)
    frames = [_weave(*(pair if order == "tff" else pair[::-1])) for pair in pairs]
    path = _write(tmp_path / "in.mkv", frames, Fraction(25), [("setfield", order)])
    reader = FilmReader(path, "deinterlace")
    assert reader.facts.rate == 50
    assert reader.facts.field_order == PROGRESSIVE
    made = list(reader.frames())
    base = reader.facts.time_base
    assert [round(frame.time * base * 1000) for frame in made] == [20 * n for n in range(24)]
    errors = [
        np.abs(frame.luma.astype(int) - moment)[4:-4].mean()
        for frame, moment in zip(made, moments, strict=True)
    ]
    assert max(errors) < 0.5  # in the wrong order, 2 to 3


def test_a_film_goes_on_after_a_frame_of_a_field(tmp_path: Path) -> None:
    frames = [_moment(number) for number in range(8)]
    path = _write(tmp_path / "in.mkv", frames, Fraction(25), [("setfield", "tff")])
    reader = FilmReader(path, "deinterlace")
    whole = list(reader.frames())
    rest = list(reader.frames(skip=5, after=whole[4].time))
    assert [frame.time for frame in rest] == [frame.time for frame in whole[5:]]
    for one, other in zip(rest, whole[5:], strict=True):
        np.testing.assert_array_equal(one.luma, other.luma)


def test_inverse_telecine_gives_the_frames_of_the_film(tmp_path: Path) -> None:
    film = [_moment(number) for number in range(40)]
    path = _write(
        tmp_path / "in.mkv",
        film,
        Fraction(24000, 1001),
        [("telecine", "first_field=top:pattern=23"), ("setfield", "tff")],
    )
    assert len(list(FilmReader(path).frames())) == 50
    reader = FilmReader(path, "inverse telecine")
    assert reader.facts.rate == Fraction(24000, 1001)
    made = list(reader.frames())
    assert len(made) == 40
    times = np.array([float(frame.time * reader.facts.time_base) for frame in made])
    np.testing.assert_allclose(np.diff(times), 1001 / 24000, atol=0.0011)
    same = [np.array_equal(frame.luma, luma) for frame, luma in zip(made[:-2], film, strict=False)]
    assert np.mean(same) > 0.9


def test_a_film_of_24_whole_frames_was_not_telecined(tmp_path: Path) -> None:
    path = make_film(tmp_path / "in.mkv", Film(rate=Fraction(24)))
    with pytest.raises(OptionError, match=r"has 24\.00 whole frames a second, and so no telecine"):
        FilmReader(path, "inverse telecine")
