import json

import av
import numpy as np
import pytest

from tinct.apps.cli import main
from tinct.lab.steadiness import clips
from tinct.lab.steadiness import experiment as films


@pytest.fixture(autouse=True)
def timed_in_a_moment(monkeypatch):
    monkeypatch.setattr(films, "TIMED_ROUNDS", 1)


@pytest.fixture
def film(tmp_path):
    path = tmp_path / "film.mkv"
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 64, "yuv444p"
        for _ in range(6):
            pixels = rng.integers(80, 180, (64, 64, 3), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))
    return path


def test_a_film_is_measured_and_reported(film, tmp_path, capsys):
    assert main(["lab", "steadiness", str(film), "--frames", "5", "-o", str(tmp_path / "out")]) == 0
    printed = capsys.readouterr().out
    assert "| film | 5 | gray |" in printed
    assert (tmp_path / "out" / "steadiness.md").read_text() == printed
    record = json.loads((tmp_path / "out" / "steadiness.json").read_text())
    assert [row["name"] for row in record["clips"][0]["rows"]][-1] == "steadied"


def test_films_are_made_of_photographs(tmp_path, monkeypatch, capsys):
    from PIL import Image

    monkeypatch.setattr(clips, "NUM_FRAMES", 2)
    monkeypatch.setattr(clips, "NOISY_FRAMES", 2)
    monkeypatch.setattr(clips, "SIZE", (48, 32))
    for index in range(2):
        pixels = np.random.default_rng(index).integers(0, 256, (30, 40, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{index}.png")
    assert main(["lab", "steadiness", "--photographs", str(tmp_path), "--count", "2"]) == 0
    printed = capsys.readouterr().out
    for kind in ("noise", "pan", "zoom", "moving object", "cut", "flicker"):
        assert f"| {kind} | 4 | gray |" in printed  # two frames of each photograph


def test_nothing_to_measure_is_said(capsys):
    assert main(["lab", "steadiness"]) == 2
    assert "--photographs" in capsys.readouterr().err


def test_what_is_no_film_is_one_line(tmp_path, capsys):
    assert main(["lab", "steadiness", str(tmp_path / "none.mkv")]) == 1
    assert len(capsys.readouterr().err.splitlines()) == 1
