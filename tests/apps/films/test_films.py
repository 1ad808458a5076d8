"""Several films in one command, folders of them, and films that come from elsewhere."""

from __future__ import annotations

import io
import json
import os
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from types import SimpleNamespace

import pytest
from PIL import Image

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


def test_a_folder_and_all_below_it_are_colored_once(call: Call, tmp_path: Path) -> None:
    for name in ("tapes/a.mkv", "tapes/1998/b.mkv", "tapes/c.mkv.parts/0.mkv", "tapes/._a.mkv"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        make_film(tmp_path / name, Film(frames=2))
    (tmp_path / "tapes/notes.txt").write_text("no film")
    Image.new("L", (8, 8)).save(tmp_path / "tapes/cover.png")
    rest = "left out: 1 file of other kinds (1 .txt), 1 picture (tinct image colors them)"
    code, _, lines = call("video", "tapes", "-o", "new")
    assert code == 0
    assert lines[0] == rest
    found = (path.relative_to(tmp_path / "new") for path in (tmp_path / "new").rglob("*.*"))
    assert sorted(map(str, found)) == ["1998/b.mkv", "a.mkv"]
    assert call("video", "tapes", "--no-mark")[0] == 0
    assert call("video", "tapes", "--preview")[0] == 0
    code, _, lines = call("video", "tapes", "--json", "report.json")
    assert code == 0
    assert lines[0] == f"{rest}, 4 that tinct has written"
    assert [line.split(" is there")[0] for line in lines[1:]] == [
        "tapes/a.mkv: skipped, tapes/a-color.mkv",
        "tapes/1998/b.mkv: skipped, tapes/1998/b-color.mkv",
    ]
    left_out = json.loads((tmp_path / "report.json").read_text())["left_out"]
    assert left_out == {"suffixes": {".txt": 1}, "pictures": 1, "links": [], "results": 4}
    for name in ("a.mkv", "a-color.mkv", "1998/b.mkv", "1998/b-color.mkv"):
        (tmp_path / "tapes" / name).unlink()
    code, _, lines = call("video", "tapes")
    assert code == 1
    assert "tapes: no films in this folder, but 2 that tinct has written" in lines[0]


def test_results_among_the_films_that_are_named_are_left_out(call: Call, tmp_path: Path) -> None:
    names = [f"{stem}.mkv" for stem in ("a", "a-color", "b")]
    for name in names:
        make_film(tmp_path / name, Film(frames=2))
    assert call("video", *names, "-o", "new/")[0] == 0
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == sorted(names)
    (tmp_path / "a-color.mkv").unlink()
    for left_out in ([], ["left out: 2 that tinct has written"]):
        code, _, lines = call("video", *sorted(path.name for path in tmp_path.glob("*.mkv")))
        assert code == 0, lines
        assert [line for line in lines if line.startswith("left out")] == left_out
    assert len(list(tmp_path.glob("*.mkv"))) == 4


def test_a_name_that_becomes_too_long_is_one_line(call: Call, tmp_path: Path) -> None:
    for length in (237, 238, 251):
        film = tmp_path / f"{'a' * length}.mkv"
        make_film(tmp_path / "a.mkv", Film(frames=2)).rename(film)
        code, _, lines = call("video", film)
        assert (code == 0) == (length == 237)
        if code:
            assert len(lines) == 1
            assert lines[0].endswith("a-color.mkv: the name is too long")
    assert len(list(tmp_path.iterdir())) == 4


def test_films_of_one_name_get_names_of_their_own(call: Call, tmp_path: Path) -> None:
    sources = []
    for number, place in enumerate(("d1/VTS.mkv", "d2/VTS.mkv", "VTS-2.mkv"), 2):
        (tmp_path / place).parent.mkdir(exist_ok=True)
        sources.append(make_film(tmp_path / place, Film(frames=number)))
    code, _, lines = call("video", *sources, "-o", "new/")
    assert code == 0, lines
    lengths = {path.name: len(read_film(path).times) for path in (tmp_path / "new").iterdir()}
    assert lengths == {"VTS.mkv": 2, "VTS-3.mkv": 3, "VTS-2.mkv": 4}
    written = f"{sources[1]}: written to new/VTS-3.mkv, as another film becomes new/VTS.mkv"
    assert written in lines
    for name in ("x.mpg", "x.ts"):
        make_film(tmp_path / name, Film("mpeg2video", frames=8))
    assert call("video", "x.mpg", "x.ts")[0] == 0
    assert (tmp_path / "x-color.mp4").exists()
    assert (tmp_path / "x-color-2.mp4").exists()


@pytest.mark.parametrize("more", [("--join", "-o", "b.mkv"), ("-o", "there/")])
def test_no_film_that_is_read_is_replaced(
    call: Call, tmp_path: Path, more: tuple[str, ...]
) -> None:
    (tmp_path / "there").mkdir()
    one, other = make_film(tmp_path / "a.mkv", Film(frames=2)), tmp_path / "b.mkv"
    if "--join" not in more:
        one, other = one.rename(tmp_path / "b.mkv"), tmp_path / "there/b.mkv"
    before = make_film(other, Film(frames=3)).read_bytes()
    code, _, lines = call("video", one, other, *more, "--overwrite")
    assert code > 0
    name = other.relative_to(tmp_path)
    line = f"tinct: error: {name}: another of the films that are read; choose another name"
    assert line in lines
    assert other.read_bytes() == before


def test_a_preview_does_not_take_the_name_of_the_film(call: Call, tmp_path: Path) -> None:
    make_film(tmp_path / "a.mkv", Film(frames=2))
    assert call("video", "a.mkv", "--preview")[0] == 0
    assert call("video", "a.mkv")[0] == 0
    assert read_film(tmp_path / "a-preview.mkv").first.width == 128
    assert read_film(tmp_path / "a-color.mkv").first.width == 64


def test_pictures_in_a_row_have_the_name_of_their_folder(call: Call, tmp_path: Path) -> None:
    (tmp_path / "pics").mkdir()
    for number in range(2):
        Image.new("L", (64, 48), 90 + number).save(tmp_path / f"pics/{number}.png")
    for output, expected in ((("-o", "new/"), "new/pics.mp4"), ((), "pics/pics-color.mp4")):
        code, _, lines = call("video", "pics/%d.png", *output)
        assert code == 0, lines
        assert len(read_film(tmp_path / expected).times) == 2


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("a.mkv", "b.mkv", "-o", "c.mkv"), "c.mkv: for 2 films, a folder, or --join"),
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


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_film_from_a_named_pipe(call: Call, tmp_path: Path) -> None:
    film = make_film(tmp_path / "in.ts", Film("mpeg2video", frames=5))
    os.mkfifo(tmp_path / "pipe")
    writer = threading.Thread(target=(tmp_path / "pipe").write_bytes, args=(film.read_bytes(),))
    writer.start()
    assert call("video", "pipe", "-o", "out.mkv")[0] == 0
    writer.join()
    assert len(read_film(tmp_path / "out.mkv").times) == 5


@pytest.mark.parametrize("command", ["image", "video"])
def test_no_report_replaces_what_is_read(call: Call, tmp_path: Path, command: str) -> None:
    if command == "video":
        source = make_film(tmp_path / "in.mkv", Film(frames=2))
    else:
        source = tmp_path / "in.png"
        Image.new("L", (8, 8), 90).save(source)
    before = source.read_bytes()
    code, _, lines = call(command, source, "--json", source)
    assert code == 2
    assert lines == [f"tinct: error: {source}: a file that is read; choose another name"]
    assert source.read_bytes() == before


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
    reason = "cannot be fetched (HTTP Error 404: File not found)"
    assert lines == [f"tinct: error: {address}/none.mp4: {reason}"]


def test_an_address_may_hold_any_letter(call: Call, tmp_path: Path, address: str) -> None:
    make_film(tmp_path / "été à Nice.mkv", Film(frames=2))
    code, _, lines = call("video", f"{address}/été à Nice.mkv", "-o", "new/%d.png")
    assert code == 0, lines
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["1.png", "2.png"]
    code, _, lines = call("video", "http://[::1/a.mkv", "-o", "a.mkv")
    assert (code, len(lines)) == (1, 1)
    assert lines[0].startswith("tinct: error: http://[::1/a.mkv: no address (")


@pytest.mark.parametrize("header", ["Content-Length: 9000", "Transfer-Encoding: chunked"])
def test_a_film_that_breaks_off_on_its_way_is_none(call: Call, tmp_path: Path, header: str) -> None:
    film = make_film(tmp_path / "in.mkv", Film(frames=2)).read_bytes()

    class BreaksOff(BaseRequestHandler):
        def handle(self) -> None:
            self.request.recv(4096)
            chunk = b"2000\r\n" if "chunked" in header else b""
            self.request.sendall(f"HTTP/1.1 200 OK\r\n{header}\r\n\r\n".encode() + chunk + film)

    with ThreadingTCPServer(("127.0.0.1", 0), BreaksOff) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        code, _, lines = call("video", f"http://127.0.0.1:{server.server_address[1]}/in.mkv")
        server.shutdown()
    assert (code, len(lines)) == (1, 1)
    assert lines[0].endswith("in.mkv: breaks off on its way here; try again")
    assert [path.name for path in tmp_path.iterdir()] == ["in.mkv"]
