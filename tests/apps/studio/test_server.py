"""The server of ``tinct studio``: what it gives, and what it refuses."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit
from urllib.request import url2pathname

import numpy as np
import pytest
from studio_page import ROOT

from tinct.apps.cli import main
from tinct.apps.studio import page as page_module
from tinct.apps.studio import run
from tinct.apps.studio.server import (
    LOSSES_HEADER,
    MOST_BYTES,
    NAME_HEADER,
    TOKEN_HEADER,
    StudioServer,
)
from tinct.errors import InputError, OutputError
from tinct.files import digest_of
from tinct.photographs import Picture, read_picture
from tinct.photographs.metadata import Metadata
from tinct.runtime import Colorizer
from tinct.runtime.upsample import ChromaModel
from tinct.spec import MODEL_FOLDER

Serve = Callable[..., StudioServer]
ServeInto = Callable[[Path, Path], StudioServer]


@pytest.fixture
def page(tmp_path: Path) -> Path:
    folder = tmp_path / "page"
    (folder / "assets").mkdir(parents=True)
    (folder / "index.html").write_text("<!doctype html>the page", "utf-8")
    (folder / "assets" / "a.js").write_text("1", "utf-8")
    (tmp_path / "secret.txt").write_text("secret", "utf-8")
    return folder


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    gray = Picture(np.arange(600, dtype=np.uint16).reshape(20, 30) * 100)
    paths = [tmp_path / "a b.png", tmp_path / "scan.tif"]
    for path in paths:
        gray.save(path)
    return paths


@pytest.fixture
def serve_into(serve: Serve) -> ServeInto:
    """Start a studio that writes into a folder."""
    return lambda page, folder: serve(page, [], folder=folder)


def ask(
    server: StudioServer, path: str, method: str = "GET", body: bytes | None = None, **headers: str
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", server.address.port, timeout=10)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, headers=named)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def post(
    server: StudioServer, path: str, body: bytes, name: str = "scan.tif"
) -> tuple[HTTPResponse, bytes]:
    """Give the server something, as its own page does."""
    return ask(server, path, "POST", body, **with_token(server), **{NAME_HEADER: quote(name)})


def with_token(server: StudioServer) -> dict[str, str]:
    return {TOKEN_HEADER: server.token}


def test_gives_the_page_and_the_networks_of_the_package(serve: Serve, page: Path) -> None:
    server = serve(page, [])
    response, body = ask(server, "/")
    assert (response.status, body) == (200, b"<!doctype html>the page")
    assert "'unsafe-" not in response.headers["Content-Security-Policy"]
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert ask(server, "/assets/a.js?1")[0].headers["Content-Type"].startswith("text/javascript")
    network = f"/models/nano-{digest_of(MODEL_FOLDER / 'nano.onnx')[:16]}.onnx"
    assert ask(server, network)[1] == (MODEL_FOLDER / "nano.onnx").read_bytes()
    response, body = ask(server, network, "HEAD")
    assert int(response.headers["Content-Length"]) > 1e6
    assert not body


def test_the_policy_is_the_one_that_the_page_states_on_the_web(serve: Serve, page: Path) -> None:
    html = (ROOT / "web" / "index.html").read_text("utf-8")
    [stated] = re.findall(r'http-equiv="Content-Security-Policy"\s+content="([^"]*)"', html)
    response, _ = ask(serve(page, []), "/")
    # Who may frame a page only a server can state.
    assert response.headers["Content-Security-Policy"] == f"{stated}; frame-ancestors 'none'"


def test_gives_the_named_pictures_as_they_are(
    serve: Serve, page: Path, pictures: list[Path]
) -> None:
    server = serve(page, pictures)
    _, body = ask(server, "/studio", **with_token(server))
    said = json.loads(body)
    assert [one["name"] for one in said["pictures"]] == ["a b.png", "scan.tif"]
    assert [one["size"] for one in said["pictures"]] == [path.stat().st_size for path in pictures]
    assert said["pictures"][0]["modified"] == pictures[0].stat().st_mtime_ns // 1_000_000
    assert said["folder"] == "tinct-studio"
    for number, path in enumerate(pictures):
        assert ask(server, f"/pictures/{number}", **with_token(server))[1] == path.read_bytes()


@pytest.mark.parametrize("given", [".", "../results"])
def test_the_folder_is_named_as_it_is_called(
    serve_into: ServeInto, page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: str
) -> None:
    (tmp_path / "results").mkdir()
    monkeypatch.chdir(tmp_path / "results")
    server = serve_into(page, Path(given))
    assert json.loads(ask(server, "/studio", **with_token(server))[1])["folder"] == "results"


def test_a_picture_that_is_gone_meanwhile_is_one_line(
    serve: Serve, page: Path, pictures: list[Path]
) -> None:
    server = serve(page, pictures)
    pictures[0].unlink()
    response, body = ask(server, "/pictures/0", **with_token(server))
    assert response.status == 422
    assert b"a b.png" in body
    said = json.loads(ask(server, "/studio", **with_token(server))[1])
    assert said["pictures"][0] == {"name": "a b.png", "size": 0, "modified": 0}


def test_reads_what_browsers_do_not(serve: Serve, page: Path, pictures: list[Path]) -> None:
    server = serve(page, [])
    response, body = post(server, "/readable", pictures[1].read_bytes())
    assert response.headers["Content-Type"] == "image/png"
    result = read_picture(body).pixels
    assert result.dtype == np.uint8
    assert np.abs(result - read_picture(pictures[1]).pixels / 257).max() <= 0.5
    response, body = post(server, "/readable", b"no picture", "Bild \u00e4.tif")
    assert response.status == 422
    assert body.decode() == "Bild \u00e4.tif: not a picture that tinct can read\n"


def order(chroma: ChromaModel, file: bytes, **changes: object) -> bytes:
    """Make what the page sends of a picture that it has colored."""
    rows, columns = chroma.slope_cb.shape
    settings = {"model": "nano", "vividness": 0.5, "caution": 0, "saturation": 1}
    head = {
        "format": "tiff",
        "model": "nano",
        "settings": settings,
        "rows": rows,
        "columns": columns,
    }
    text = json.dumps(head | changes).encode()
    planes = (chroma.slope_cb, chroma.offset_cb, chroma.slope_cr, chroma.offset_cr)
    parts = [plane.astype("<f4").tobytes() for plane in planes]
    return b"".join([len(text).to_bytes(4, "little"), text, *parts, file])


def test_finishes_a_picture_as_tinct_image_does(serve: Serve, page: Path, tmp_path: Path) -> None:
    gray = np.random.default_rng(0).integers(0, 65536, (60, 90), dtype=np.uint16)
    metadata = Metadata(dpi=(600, 600), icc=None)
    pages = (Picture(255 - (gray[:40] >> 8).astype(np.uint8)),)
    Picture(gray, metadata=metadata, pages=pages).save(tmp_path / "scan.tif")
    colorizer = Colorizer("nano", vividness=0.5, threads=1)
    chroma = colorizer.chroma(gray)
    server = serve(page, [])
    response, body = post(server, "/finished", order(chroma, (tmp_path / "scan.tif").read_bytes()))
    assert response.status == 200
    result, expected = read_picture(body), colorizer(tmp_path / "scan.tif")
    assert result.pixels.dtype == np.uint16
    assert np.array_equal(result.pixels, expected.pixels)
    assert len(result.pages) == 1
    assert np.array_equal(result.pages[0].pixels, expected.pages[0].pixels)
    assert result.metadata.dpi == (600, 600)
    assert b"compositeWithTrainedAlgorithmicMedia" in (result.metadata.xmp or b"")


def test_says_what_a_finished_picture_lacks(serve: Serve, page: Path, tmp_path: Path) -> None:
    glass = np.full((60, 90, 4), 99, np.uint8)
    Picture(glass).save(tmp_path / "glass.png")
    file = (tmp_path / "glass.png").read_bytes()
    server = serve(page, [])
    chroma = Colorizer("nano", threads=1).chroma(glass[..., 0])
    for format, losses in (
        ("png", []),
        ("jpeg", ["JPEG has no transparency: composed over white"]),
    ):
        response, _ = post(server, "/finished", order(chroma, file, format=format))
        assert json.loads(unquote(response.headers[LOSSES_HEADER])) == losses


@pytest.mark.parametrize(
    "changes",
    [
        {"format": "exe"}, {"format": None}, {"model": "../x"}, {"rows": 0}, {"rows": 1e999},
        {"rows": 4096, "columns": 4096}, {"columns": -1}, {"settings": {}}, {"settings": 1},
    ],
)  # fmt: skip
def test_what_is_no_order_is_one_line(
    serve: Serve, page: Path, pictures: list[Path], changes: dict[str, object]
) -> None:
    plane = np.zeros((2, 3), np.float32)
    body = order(ChromaModel(plane, plane, plane, plane), pictures[1].read_bytes(), **changes)
    response, said = post(serve(page, []), "/finished", body)
    assert response.status == 422
    assert len(said.splitlines()) == 1


@pytest.mark.parametrize("body", [b"", b"\1", b"\xff" * 9, b"\2\0\0\0[]", b"\2\0\0\0{}"])
def test_nor_are_other_bytes(serve: Serve, page: Path, body: bytes) -> None:
    assert post(serve(page, []), "/finished", body)[0].status == 422


def test_chroma_that_is_no_number_is_refused(
    serve: Serve, page: Path, pictures: list[Path]
) -> None:
    plane = np.full((2, 3), np.nan, np.float32)
    body = order(ChromaModel(plane, plane, plane, plane), pictures[1].read_bytes())
    assert post(serve(page, []), "/finished", body)[0].status == 422


def test_writes_into_its_folder_under_names_that_are_free(
    serve_into: ServeInto, page: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "results"
    server = serve_into(page, folder)
    assert not folder.exists(), "not before it is needed"
    names = [json.loads(post(server, "/kept", b"%d" % i, "a b.jpg")[1]) for i in range(3)]
    assert names == ["a b.jpg", "a b (2).jpg", "a b (3).jpg"]
    assert [(folder / name).read_bytes() for name in names] == [b"0", b"1", b"2"]


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("../a.jpg", "_._a.jpg"), ("/a.jpg", "_a.jpg"), ("a/b.jpg", "a_b.jpg"),
        ("..\\a.jpg", "_._a.jpg"), ("2024-05-01 12:30?.jpg", "2024-05-01 12_30_.jpg"),
        (".a.jpg", "_a.jpg"), (" a.jpg", "_a.jpg"), ("a.jpg\0.png", "a.jpg_.png"),
        ("a\n.png", "a_.png"), ("x" * 300 + ".jpg", "x" * 200 + ".jpg"),
        ("\u0436" * 150 + ".jpg", "\u0436" * 100 + ".jpg"),
        ("\ud800.jpg", "\ufffd\ufffd\ufffd.jpg"),  # arrives as a sign that stands for it
    ],
)  # fmt: skip
def test_names_become_such_as_every_system_has(
    serve_into: ServeInto, page: Path, tmp_path: Path, name: str, written: str
) -> None:
    folder = tmp_path / "results"
    server = serve_into(page, folder)
    before = {*tmp_path.rglob("*")}
    headers = with_token(server) | {NAME_HEADER: quote(name, errors="surrogatepass")}
    for expected in (written, f"{written[:-4]} (2){written[-4:]}"):
        response, body = ask(server, "/kept", "POST", b"x", **headers)
        assert (response.status, json.loads(body)) == (200, expected)
        assert (folder / expected).is_file()
    assert len({*tmp_path.rglob("*")} - before) == 3, "these two, in the folder"


@pytest.mark.parametrize("name", ["a.py", "a", "a.jpg/", ".jpg", "jpg"])
def test_nothing_else_is_written(
    serve_into: ServeInto, page: Path, tmp_path: Path, name: str
) -> None:
    server = serve_into(page, tmp_path / "results")
    before = sorted(tmp_path.rglob("*"))
    assert post(server, "/kept", b"x", name)[0].status == 422
    assert sorted(tmp_path.rglob("*")) == before


def test_bodies_that_are_not_taken(serve: Serve, page: Path) -> None:
    server = serve(page, [])
    connection = HTTPConnection("127.0.0.1", server.address.port, timeout=10)
    for length, status in ((str(MOST_BYTES + 1), 413), ("9" * 5000, 413), ("-1", 411), ("x", 411)):
        connection.putrequest("POST", "/kept")
        connection.putheader(TOKEN_HEADER, server.token)
        connection.putheader("Content-Length", length)
        connection.endheaders()
        assert connection.getresponse().status == status, length
        connection.close()
    chunked = with_token(server) | {"Transfer-Encoding": "chunked"}
    assert ask(server, "/kept", "POST", b"0\r\n\r\n", **chunked)[0].status in (411, 422)


@pytest.mark.parametrize("path", ["/studio", "/pictures/0", "/pictures/9"])
@pytest.mark.parametrize("token", [None, "", "x", "\xff"])
def test_pictures_need_the_token(
    serve: Serve, page: Path, pictures: list[Path], path: str, token: str | None
) -> None:
    server = serve(page, pictures)
    headers = {} if token is None else {TOKEN_HEADER: token}
    assert ask(server, path, **headers)[0].status == 403


@pytest.mark.parametrize("number", ["-1", "2", "00009", "x", "1/..", "9" * 5000, "\u0661"])
def test_numbers_of_no_picture(serve: Serve, page: Path, pictures: list[Path], number: str) -> None:
    server = serve(page, pictures)
    path = f"/pictures/{number}".encode().decode("latin-1")
    connection = HTTPConnection("127.0.0.1", server.address.port, timeout=10)
    connection._validate_path = lambda url: None  # type: ignore[method-assign,attr-defined]
    connection._encode_request = lambda request: request.encode("latin-1")  # type: ignore[attr-defined]
    connection.request("GET", path, headers=with_token(server))
    assert connection.getresponse().status == 404
    connection.close()


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},  # DNS that leads here
        {"Host": "127.0.0.1.evil.example"},
        {"Host": "[::1"},
        {"Host": ""},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},  # another server of this machine
        {"Origin": "http://[::1"},
    ],
)
def test_pages_from_elsewhere_are_refused_even_with_the_token(
    serve: Serve, page: Path, pictures: list[Path], headers: dict[str, str]
) -> None:
    server = serve(page, pictures)
    asked = [("GET", path) for path in ("/", "/studio", "/pictures/0", "/models/nano.onnx")]
    asked += [("POST", path) for path in ("/readable", "/finished", "/kept")]
    for method, path in asked:
        body = None if method == "GET" else pictures[0].read_bytes()
        response, said = ask(server, path, method, body, **headers, **with_token(server))
        assert response.status == 403, path
        assert b"page only" in said
        assert response.headers["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize("path", ["/readable", "/finished", "/kept"])
@pytest.mark.parametrize("token", [None, "", "x", "\xff"])
def test_nothing_is_taken_without_the_token(
    serve_into: ServeInto, page: Path, tmp_path: Path, path: str, token: str | None
) -> None:
    server = serve_into(page, tmp_path / "results")
    headers = {NAME_HEADER: "a.jpg"} | ({} if token is None else {TOKEN_HEADER: token})
    response, _ = ask(server, path, "POST", b"x", **headers)
    assert response.status == 403
    assert response.headers["Connection"] == "close"
    assert not (tmp_path / "results").exists()


@pytest.mark.parametrize(
    "path",
    ["/../secret.txt", "/assets/../../secret.txt", "/%2e%2e/secret.txt", "/assets", "//etc/passwd",
     "/..\\secret.txt", "http://127.0.0.1/secret.txt"],
)  # fmt: skip
def test_nothing_but_the_files_of_the_page(serve: Serve, page: Path, path: str) -> None:
    response, body = ask(serve(page, []), path)
    assert response.status == 404
    assert b"secret" not in body


@pytest.mark.parametrize("method", ["PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_other_methods_are_not_known(serve: Serve, page: Path, method: str) -> None:
    server = serve(page, [])
    for path in ("/kept", "/studio"):
        assert ask(server, path, method, **with_token(server))[0].status == 501


def test_nothing_is_posted_elsewhere(serve: Serve, page: Path) -> None:
    server = serve(page, [])
    for path in ("/", "/pictures/0", "/studio", "/models/nano.onnx", "/kept/x"):
        assert post(server, path, b"x")[0].status == 404


def test_gives_no_service_worker(serve: Serve, page: Path) -> None:
    (page / "service-worker.js").write_text("1")
    assert ask(serve(page, []), "/service-worker.js")[0].status == 404


def test_the_usual_port_or_a_free_one(
    page: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(run, "find_page", lambda: page)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setattr(run, "PORT", taken.getsockname()[1])
        with run.open_server([], Path("x"), None) as other:
            assert other.address.port != run.PORT
        assert f"port {run.PORT} is in use" in capsys.readouterr().err
    with run.open_server([], Path("x"), None) as server:
        assert server.address.port == run.PORT


def test_what_a_browser_is_started_with_does_not_hold_the_token(
    page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened: list[Path] = []

    def start(address: str) -> bool:
        opened.append(Path(url2pathname(urlsplit(address).path)))
        text = opened[0].read_text("utf-8")
        assert "#token=" in text
        assert text.partition("#token=")[2].partition('"')[0] not in address
        assert os.name == "nt" or opened[0].parent.stat().st_mode & 0o077 == 0, "others may see it"
        return True

    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setattr(Path, "home", lambda: home)
    monkeypatch.setattr(run, "find_page", lambda: page)
    monkeypatch.setattr(run.webbrowser, "open", start)
    monkeypatch.setattr(StudioServer, "serve_forever", lambda self, poll_interval: None)
    assert run.run_studio([], str(tmp_path), port=0) == 0
    assert opened[0].is_relative_to(home)
    assert not opened[0].exists()
    home.rmdir()
    assert run.run_studio([], str(tmp_path), port=0) == 0, "the address alone is shown"
    assert len(opened) == 1


def test_tokens_are_not_used_twice(serve: Serve, page: Path) -> None:
    first, second = serve(page, []), serve(page, [])
    assert first.token != second.token
    assert first.url == f"http://127.0.0.1:{first.address.port}/#token={first.token}"


def test_a_port_in_use_is_one_line(serve: Serve, page: Path) -> None:
    port = serve(page, []).address.port
    with pytest.raises(OutputError, match=f"127.0.0.1:{port}: "):
        StudioServer(page, [], port)


def test_a_picture_that_is_not_there_is_one_line(page: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.jpg: no such file"):
        StudioServer(page, ["gone.jpg"])


def test_without_a_built_page_one_line_says_what_to_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(page_module, "_INSTALLED", tmp_path)
    monkeypatch.setattr(page_module, "_CHECKOUT", tmp_path)
    assert main(["studio", "--no-browser"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "scripts/page builds it" in line
