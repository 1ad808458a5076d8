"""The server of ``tinct studio``: what it gives, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import numpy as np
import pytest

from tinct.apps.cli import main
from tinct.apps.studio import page as page_module
from tinct.apps.studio.server import TOKEN_HEADER, StudioServer
from tinct.errors import InputError, OutputError
from tinct.photographs import Picture, read_picture
from tinct.spec import MODEL_FOLDER

Serve = Callable[[Path, Sequence[Path]], StudioServer]


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


def ask(
    server: StudioServer, path: str, method: str = "GET", **headers: str
) -> tuple[HTTPResponse, bytes]:
    connection = HTTPConnection("127.0.0.1", server.address.port, timeout=10)
    try:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, headers=named)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


def with_token(server: StudioServer) -> dict[str, str]:
    return {TOKEN_HEADER: server.token}


def test_gives_the_page_and_the_networks_of_the_package(serve: Serve, page: Path) -> None:
    server = serve(page, [])
    response, body = ask(server, "/")
    assert (response.status, body) == (200, b"<!doctype html>the page")
    assert "'unsafe-" not in response.headers["Content-Security-Policy"]
    assert response.headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert ask(server, "/assets/a.js?1")[0].headers["Content-Type"].startswith("text/javascript")
    assert ask(server, "/models/nano.onnx")[1] == (MODEL_FOLDER / "nano.onnx").read_bytes()
    response, body = ask(server, "/models/nano.onnx", "HEAD")
    assert int(response.headers["Content-Length"]) > 1e6
    assert not body


def test_gives_pictures_for_the_token_and_others_than_browsers_read_as_png(
    serve: Serve, page: Path, pictures: list[Path]
) -> None:
    server = serve(page, pictures)
    response, body = ask(server, "/pictures", **with_token(server))
    assert json.loads(body) == ["a b.png", "scan.tif"]
    assert ask(server, "/pictures/0", **with_token(server))[1] == pictures[0].read_bytes()
    response, body = ask(server, "/pictures/1", **with_token(server))
    assert response.headers["Content-Type"] == "image/png"
    assert np.array_equal(read_picture(body).pixels, read_picture(pictures[1]).pixels)


def test_a_picture_that_is_damaged_meanwhile_is_one_line(
    serve: Serve, page: Path, pictures: list[Path]
) -> None:
    server = serve(page, pictures)
    pictures[1].write_bytes(b"no picture")
    response, body = ask(server, "/pictures/1", **with_token(server))
    assert response.status == 422
    assert b"scan.tif" in body
    pictures[0].unlink()
    assert ask(server, "/pictures/0", **with_token(server))[0].status == 422


@pytest.mark.parametrize("path", ["/pictures", "/pictures/0"])
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
    for path in ("/", "/pictures", "/pictures/0", "/models/nano.onnx"):
        response, body = ask(server, path, **headers, **with_token(server))
        assert response.status == 403, path
        assert b"page only" in body
        assert response.headers["Access-Control-Allow-Origin"] is None


@pytest.mark.parametrize(
    "path",
    ["/../secret.txt", "/assets/../../secret.txt", "/%2e%2e/secret.txt", "/assets", "//etc/passwd",
     "/..\\secret.txt", "http://127.0.0.1/secret.txt"],
)  # fmt: skip
def test_nothing_but_the_files_of_the_page(serve: Serve, page: Path, path: str) -> None:
    response, body = ask(serve(page, []), path)
    assert response.status == 404
    assert b"secret" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE"])
def test_nothing_can_be_written(serve: Serve, page: Path, method: str) -> None:
    server = serve(page, [])
    assert ask(server, "/pictures", method, **with_token(server))[0].status == 501


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
