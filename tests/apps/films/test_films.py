"""Several films in one command, folders of them, and films that come from elsewhere."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import pytest

from films import Film, make_film, read_film

Call = Callable[..., tuple[int, str, list[str]]]


def test_several_films_are_colored_beside_themselves(call: Call, tmp_path: Path) -> None:
    sources = [make_film(tmp_path / name, Film(frames=3)) for name in ("a.mkv", "b.mkv")]
    code, _, lines = call("video", *sources, "--json", "report.json")
    assert code == 0, lines
    for name in "ab":
        assert len(read_film(tmp_path / f"{name}-color.mkv").times) == 3
    films = json.loads((tmp_path / "report.json").read_text())["films"]
    assert [film["status"] for film in films] == ["done", "done"]


def test_a_film_that_fails_stops_no_other(call: Call, tmp_path: Path) -> None:
    (tmp_path / "bad.mkv").write_bytes(b"no film")
    good = make_film(tmp_path / "good.mkv", Film(frames=3))
    (tmp_path / "new").mkdir()
    code, _, lines = call("video", tmp_path / "bad.mkv", good, "-o", "new")
    assert code == 1
    bad = tmp_path / "bad.mkv"
    assert lines[0] == f"tinct: error: {bad}: not a film, or damaged beyond reading"
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["good.mkv"]


def test_the_films_of_a_folder_in_the_order_of_their_names(call: Call, tmp_path: Path) -> None:
    (tmp_path / "tapes").mkdir()
    for name in ("2.mpg", "1.mkv"):
        codec = "ffv1" if name.endswith("mkv") else "mpeg2video"
        make_film(tmp_path / "tapes" / name, Film(codec, frames=4))
    (tmp_path / "tapes" / "notes.txt").write_text("no film")
    assert call("video", "tapes", "-o", "new/")[0] == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["1.mkv", "2.mp4"]
    assert call("video", "tapes", "--join", "-o", "all.mkv")[0] == 0
    assert len(read_film(tmp_path / "all.mkv").times) == 8


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("a.mkv", "b.mkv", "-o", "c.mkv"), "c.mkv: for 2 films, an existing folder, or --join"),
        (("a.mkv", "b.mkv", "--join"), "--join: several films need a name for the one they become"),
        (("a.mkv", "b.mkv", "--join", "-o", "."), ".: for 2 films, a name for the film"),
        (("a.mkv", "--deinterlace", "--inverse-telecine"), "one of them"),
        (("-",), "-: a film from standard input needs a name for the new one: add -o"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    call: Call, arguments: tuple[str, ...], expected: str
) -> None:
    code, _, lines = call("video", *arguments)
    assert code == 2
    assert len(lines) == 1
    assert expected in lines[0]


def test_a_film_from_standard_input(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    film = make_film(tmp_path / "in.ts", Film("mpeg2video", frames=5, sound="mp2"))
    held = SimpleNamespace(buffer=io.BytesIO(film.read_bytes()))
    monkeypatch.setattr("sys.stdin", held)
    assert call("video", "-", "-o", "out.mkv")[0] == 0
    assert len(read_film(tmp_path / "out.mkv").times) == 5
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.ts", "out.mkv"]


@pytest.fixture
def address(tmp_path: Path) -> Iterator[str]:
    """Serve a folder, as most simple servers do: without ranges."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *arguments: object) -> None: ...

    handler = partial(Quiet, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_a_film_from_the_network(call: Call, tmp_path: Path, address: str) -> None:
    make_film(tmp_path / "in.mp4", Film("libx264", frames=5))
    code, _, lines = call("video", f"{address}/in.mp4")
    assert code == 0, lines
    assert len(read_film(tmp_path / "in-color.mp4").times) == 5
    code, _, lines = call("video", f"{address}/none.mp4")
    assert code == 1
    assert lines == [f"tinct: error: {address}/none.mp4: HTTP Error 404: File not found"]
