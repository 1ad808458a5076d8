"""``python -m benchmarks film`` on a film of a few small frames."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import film
from benchmarks.__main__ import film as bench_film


def test_a_film_is_measured_beside_its_floor(
    tmp_path: Path,
    save_gray: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    for name, value in (("WIDTH", 128), ("HEIGHT", 96), ("_FRAMES", 8), ("_MARGIN", 24)):
        monkeypatch.setattr(film, name, value)
    save_gray(tmp_path / "album/0.jpg", 320, 240)
    monkeypatch.chdir(tmp_path)
    bench_film("album", rounds=1, output=Path("report"))
    captured = capsys.readouterr()
    out, lines = captured.out, captured.err.splitlines()
    assert lines == [f"measuring a film, preset {name} ..." for name in film.PRESETS]
    assert (tmp_path / "report/bench-film.md").read_text() in out
    report = json.loads((tmp_path / "report/bench-film.json").read_text())
    assert [line["preset"] for line in report["films"]] == list(film.PRESETS)
    for line in report["films"]:
        assert (line["width"], line["height"], line["frames"]) == (128, 96, 8)
        assert line["color"]["runs"] == line["copy"]["runs"] == 1
        assert line["ratio"] == pytest.approx(line["copy"]["median"] / line["color"]["median"])
        assert 0 < line["copy_processor"] < line["color_processor"] < 5


def test_the_copy_holds_the_frames_as_they_are(
    tmp_path: Path, save_gray: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    from films import read_film
    from tinct.films.encoder import EncoderChoice, plan_encoder
    from tinct.films.reader import FilmReader

    for name, value in (("WIDTH", 128), ("HEIGHT", 96), ("_FRAMES", 8), ("_MARGIN", 24)):
        monkeypatch.setattr(film, name, value)
    source = film.make_film(save_gray(tmp_path / "0.jpg"), tmp_path / "film.mp4")
    choice = EncoderChoice(crf=0, preset="ultrafast")
    plan, _ = plan_encoder(FilmReader(source).facts, "mp4", choice, (128, 96))
    film.copy_film(source, tmp_path / "copy.mp4", plan)
    before, after = read_film(source), read_film(tmp_path / "copy.mp4")
    assert after.times == before.times
    for one, other in zip(before.lumas, after.lumas, strict=True):
        assert (one == other).all()
