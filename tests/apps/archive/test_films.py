"""Films of an archive: each is colored as by itself, has its own fate, and is never half there."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="the extra 'archive' is not installed")
pytest.importorskip("fsspec", reason="the extra 'archive' is not installed")
import av
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from archives import ThreadCrew, results_in, rows_of

from films import Film, make_film, packets
from tinct.apps.archive import run
from tinct.apps.archive.crew import _divide
from tinct.apps.archive.item import Item
from tinct.apps.archive.listing import _name_results
from tinct.apps.photographs.plan import Naming
from tinct.films.segments import Parts

Call = Callable[..., tuple[int, str, list[str]]]
NANO = ("-m", "nano")
# Of these sizes x264 reads memory that it has not set, but without its macroblock tree.
EXACT = (*NANO, "--preset", "ultrafast")


@pytest.fixture(autouse=True)
def in_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """Workers in threads."""
    monkeypatch.setattr(run, "_make_crew", lambda work, options: ThreadCrew(work, 1))


def make_color_film(path: Path, frames: int = 30) -> None:
    """Write a film of four colors."""
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        rgb = np.zeros((48, 64, 3), np.uint8) + np.linspace(60, 200, 64, dtype=np.uint8)[:, None]
        rgb[:24, :32, 0], rgb[24:, 32:, 2], rgb[:24, 32:, 1] = 250, 250, 250
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(np.roll(rgb, number, 1), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))


def test_films_are_those_of_tinct_video(
    call: Call, tmp_path: Path, save_gray: Callable[..., Path]
) -> None:
    save_gray(tmp_path / "scans/photo.jpg")
    (tmp_path / "scans/films").mkdir()
    make_film(tmp_path / "scans/films/one.mkv", Film(sound="pcm_s16le"))
    make_film(tmp_path / "scans/films/two.mpg", Film(codec="mpeg1video", frames=12))
    make_film(tmp_path / "scans/films/upright.mov", Film(codec="mpeg4", rotation=90))
    make_color_film(tmp_path / "scans/films/today.mkv")
    (tmp_path / "scans/films/broken.mp4").write_bytes(b"-")
    code, _, lines = call("archive", "scans", "-o", "out", *EXACT)
    assert code == 1
    assert lines[-1].startswith("1 photograph and 3 films colored in ")
    assert "1 in color already, 1 failed" in lines[-1]
    assert any("scans/films/broken.mp4: " in line and "error" in line for line in lines)
    for source, place in (("one.mkv", "one.mkv"), ("two.mpg", "two.mp4"), ("upright.mov",) * 2):
        assert call("video", f"scans/films/{source}", "-o", place, *EXACT)[0] == 0
        assert packets(tmp_path / "out/films" / place) == packets(tmp_path / place)
    assert set(results_in(tmp_path / "out")) == {
        "photo.jpg", "films/one.mkv", "films/two.mp4", "films/upright.mov",
    }  # fmt: skip
    rows = {Path(row["source"]).name: row for row in rows_of(tmp_path / "out")}
    one, upright = rows["one.mkv"], rows["upright.mov"]
    assert (one["status"], one["frames"], one["width"], one["height"]) == ("done", 8, 64, 48)
    assert (upright["width"], upright["height"]) == (48, 64)
    source = (tmp_path / "scans/films/one.mkv").read_bytes()
    assert (one["size"], one["hash"]) == (len(source), hashlib.sha256(source).hexdigest())
    result = (tmp_path / "out/films/one.mkv").read_bytes()
    assert one["output_size"] == len(result)
    assert one["output_hash"] == hashlib.sha256(result).hexdigest()
    assert (rows["today.mkv"]["status"], rows["broken.mp4"]["status"]) == ("skipped", "failed")
    assert "in color already" in rows["today.mkv"]["reason"]
    assert '"encoder"' in one["options"]
    assert '"encoder"' not in rows["photo.jpg"]["options"]


def test_each_kind_has_its_model_and_its_options(
    call: Call, tmp_path: Path, save_gray: Callable[..., Path]
) -> None:
    save_gray(tmp_path / "scans/photo.jpg")
    make_film(tmp_path / "scans/film.mkv")
    assert call("archive", "scans", "-o", "out")[0] == 0
    film, photograph = rows_of(tmp_path / "out")
    assert (film["model"], photograph["model"]) == ("nano", "base")
    code, _, lines = call("archive", "scans", "-o", "out", "--codec", "ffv1")
    assert code == 0
    assert lines[-1].startswith("1 film colored in ")  # the photograph is not done again
    assert "1 finished before" in lines[-1]
    with av.open(str(tmp_path / "out/film.mkv")) as made:
        assert made.streams.video[0].codec_context.name == "ffv1"


def test_a_film_goes_on_where_a_worker_ended(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "scans").mkdir()
    make_film(tmp_path / "scans/film.mkv", Film(frames=400))
    add = Parts.add

    class KilledError(BaseException):
        """Nothing that ends by a signal has time to tidy up."""

    def dying(self: Parts, *arguments: Any) -> None:
        add(self, *arguments)
        raise KilledError

    with monkeypatch.context() as patch:
        patch.setattr(Parts, "add", dying)
        with pytest.raises(KilledError):
            call("archive", "scans", "-o", "out", *EXACT)
    assert not (tmp_path / "out/film.mkv").exists()
    half = tmp_path / f"out/tinct-archive/films/.tinct-{'0' * 16}.tmp"
    half.write_bytes(b"of one that was being joined")
    os.utime(half, (0, 0))
    code, _, lines = call("archive", "scans", "-o", "out", *EXACT)
    assert code == 0
    assert any("goes on after 250 frames" in line for line in lines)
    assert call("video", "scans/film.mkv", "-o", "film.mkv", *EXACT)[0] == 0
    assert packets(tmp_path / "out/film.mkv") == packets(tmp_path / "film.mkv")
    assert list((tmp_path / "out/tinct-archive/films").iterdir()) == []


def test_what_is_there_is_not_replaced(call: Call, tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    make_film(tmp_path / "scans/film.mkv")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/film.mkv").write_bytes(b"mine")
    code, _, lines = call("archive", "scans", "-o", "out", *NANO)
    assert code == 0
    assert "1 left as they are (--overwrite replaces them)" in lines[-1]
    assert (tmp_path / "out/film.mkv").read_bytes() == b"mine"
    assert call("archive", "scans", "-o", "out", *NANO, "--overwrite")[0] == 0
    assert (tmp_path / "out/film.mkv").read_bytes() != b"mine"


@pytest.mark.parametrize(("kind", "kept"), [("films", "film.mkv"), ("photographs", "photo.jpg")])
def test_one_kind_alone(
    call: Call, tmp_path: Path, save_gray: Callable[..., Path], kind: str, kept: str
) -> None:
    save_gray(tmp_path / "scans/photo.jpg")
    make_film(tmp_path / "scans/film.mkv")
    code, _, lines = call("archive", "scans", "-o", "out", *NANO, "--only", kind)
    assert code == 0
    assert "left out: 1 by --only" in lines
    assert list(results_in(tmp_path / "out")) == [kept]
    code, _, lines = call("archive", "scans", "-o", "all.parquet", "--list")
    assert lines == ["1 photograph and 1 film -> all.parquet"]


@pytest.mark.parametrize("options", [(), ("--crf", "20")])
def test_a_film_is_known_after_an_option_that_failed(
    call: Call, tmp_path: Path, options: tuple[str, ...]
) -> None:
    (tmp_path / "scans").mkdir()
    make_film(tmp_path / "scans/film.mkv")
    for tried, expected in (((), 0), (("--codec", "nope"), 1), (options, 0)):
        code, _, lines = call("archive", "scans", "-o", "out", *NANO, *tried)
        assert code == expected
    assert lines[-1].startswith("1 film colored in ")


def test_a_film_comes_from_elsewhere_and_goes_there(call: Call, tmp_path: Path) -> None:
    import fsspec

    make_film(tmp_path / "film.mkv")
    memory = fsspec.filesystem("memory")
    memory.pipe_file("/films/reel/film.mkv", (tmp_path / "film.mkv").read_bytes())
    try:
        code, _, _ = call("archive", "memory://films", "-o", "memory://colored", *EXACT)
        assert code == 0
        made = memory.cat_file("/colored/reel/film.mkv")
    finally:
        memory.rm("/", recursive=True)
    assert call("video", "film.mkv", "-o", "one.mkv", *EXACT)[0] == 0
    (tmp_path / "made.mkv").write_bytes(made)
    assert packets(tmp_path / "made.mkv") == packets(tmp_path / "one.mkv")


def test_no_two_films_become_one() -> None:
    names = ["reel.mpg", "reel.mp4", "tape.vob", "TAPE.mpg", "scan.jpg", "end.ts"]
    results = [name for name, _ in _name_results(names, Naming(None))]
    assert results == ["reel.mpg.mp4", "reel.mp4", "tape.mp4", "TAPE.mp4", "scan.jpg", "end.mp4"]
    [(vob, [note]), (mpg, _)] = _name_results(["tape.vob", "tape.mpg"], Naming(None))
    assert (vob, mpg) == ("tape.vob.mp4", "tape.mpg.mp4")
    assert note == "written to tape.vob.mp4, as another film becomes tape.mp4"


def test_all_films_become_one_kind_of_file(call: Call, tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    make_film(tmp_path / "scans/one.mpg", Film(codec="mpeg1video", frames=12))
    make_film(tmp_path / "scans/two.mkv")
    command = ("archive", "scans", "-o", "out", *NANO, "--codec", "libvpx")
    code, _, lines = call(*command)
    assert code == 1
    assert lines[0].endswith("one.mpg: mp4 cannot hold libvpx: another --codec or suffix")
    assert call(*command, "--container", "mkv")[0] == 0
    assert set(results_in(tmp_path / "out")) == {"one.mkv", "two.mkv"}


@pytest.mark.parametrize("place", ["reel1", "old/reel.jpg"])
def test_a_place_that_is_none_of_a_film_is_one_line(call: Call, tmp_path: Path, place: str) -> None:
    source = str(make_film(tmp_path / "film.mkv"))
    table = pa.table({"source": [source], "place": [place]})
    pq.write_table(table, tmp_path / "manifest.parquet")
    code, _, (line, _) = call("archive", "manifest.parquet", "-o", "out", *NANO)
    assert code == 1
    assert f"film.mkv: its place {place} is not that of a film: they end in .mp4, " in line


def test_what_tinct_video_has_put_beside_films_is_passed_over(call: Call, tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    for name in ("film.mkv", "other-color.mkv"):  # so called, but not tinct's
        make_film(tmp_path / "scans" / name)
    for options in ((), ("--preview",)):
        assert call("video", "scans/film.mkv", *NANO, *options)[0] == 0
    assert len(list((tmp_path / "scans").iterdir())) == 4
    lines = call("archive", "scans", "-o", "all.parquet", "--list")[2]
    assert lines == ["2 films -> all.parquet"]
    _, _, lines = call("archive", "scans", "-o", "out", *NANO, "--recolor")
    assert "left out: 2 that tinct has written" in lines
    assert set(results_in(tmp_path / "out")) == {"film.mkv", "other-color.mkv"}


def test_a_worker_gets_one_film_at_a_time() -> None:
    names = [*(f"{number}.jpg" for number in range(9)), "a.mkv", "b.mkv", "last.jpg"]
    portions = [len(some) for some in _divide([Item(name, name) for name in names])]
    assert portions == [8, 1, 1, 1, 1]
