"""The shape of pixels, written into Matroska and WebM."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import pytest

from films import Film, make_film, read_film
from tinct.films.matroska import PLACEHOLDER, set_display_size


@pytest.mark.parametrize("title", ["", "The Lodger"])
def test_the_shape_is_written_and_nothing_else_changes(tmp_path: Path, title: str) -> None:
    plain = make_film(tmp_path / "plain.mkv", Film("ffv1", width=72, height=60))
    path = tmp_path / "out.mkv"
    with av.open(str(plain)) as source, av.open(str(path), "w") as output:
        copied = output.add_stream_from_template(source.streams[0], opaque=True)
        copied.metadata["title"] = title + PLACEHOLDER
        for packet in source.demux():
            if packet.size:
                packet.stream = copied
                output.mux(packet)
    size = path.stat().st_size
    assert set_display_size(path, 128, 60)
    assert path.stat().st_size == size
    with av.open(str(path), options={"err_detect": "crccheck+explode"}) as container:
        stream = container.streams.video[0]
        assert stream.sample_aspect_ratio == Fraction(16, 9)
        assert stream.metadata.get("title", "") == title
    assert len(read_film(path).times) == len(read_film(plain).times)


def test_a_file_without_the_placeholder_is_left_alone(tmp_path: Path) -> None:
    path = make_film(tmp_path / "in.mkv")
    before = path.read_bytes()
    assert not set_display_size(path, 128, 60)
    assert path.read_bytes() == before
