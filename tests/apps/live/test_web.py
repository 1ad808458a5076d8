"""The status page and its stream, over real sockets."""

from __future__ import annotations

import contextlib
import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise
from typing import Any

import cv2
import numpy as np
import pytest
import simplejpeg
from pictures import photograph

from tinct.apps.live.live_colorizer import ColoredFrame
from tinct.apps.live.web import Address, PictureServer, parse_address
from tinct.cameras.camera import CapturedFrame
from tinct.errors import OptionError, OutputError
from tinct.runtime.upsample import ChromaModel

_LIMIT = 20.0


def _colored(number: int) -> ColoredFrame:
    rgb = photograph(64, 48, seconds=number)
    zero = np.zeros((8, 8), np.float32)
    chroma = ChromaModel(zero, zero, zero - np.float32(0.1), zero + np.float32(0.2))
    return ColoredFrame(CapturedFrame(rgb, number, float(number), 0.0), rgb[..., 1].copy(), chroma)


def _change(options: dict[str, Any]) -> None:
    if dict(options.items()) != {"vividness": 0.5}:
        raise OptionError("no sense")


@pytest.fixture
def server() -> Iterator[PictureServer]:
    """A server whose pictures change fifty times a second."""
    server = PictureServer(Address("127.0.0.1", 0), "a <camera>", lambda: {"shown": 7}, _change)
    stop = threading.Event()

    def feed() -> None:
        number = 0
        while not stop.wait(0.02):
            number += 1
            server.show(_colored(number))

    thread = threading.Thread(target=feed)
    thread.start()
    yield server
    stop.set()
    thread.join()
    server.close()


def _get(server: PictureServer, path: str, host: str | None = None) -> tuple[int, str, bytes]:
    """Return status, content type and body."""
    connection = http.client.HTTPConnection("127.0.0.1", server.address.port, timeout=_LIMIT)
    try:
        connection.request("GET", path, headers={} if host is None else {"Host": host})
        answer = connection.getresponse()
        return answer.status, answer.headers["Content-Type"], answer.read()
    finally:
        connection.close()


def _read_parts(server: PictureServer, count: int) -> list[bytes]:
    """Read some pictures of the stream, then hang up."""
    connection = http.client.HTTPConnection("127.0.0.1", server.address.port, timeout=_LIMIT)
    try:
        connection.request("GET", "/stream.mjpg")
        answer = connection.getresponse()
        boundary = answer.headers["Content-Type"].partition("boundary=")[2]
        parts = []
        for _ in range(count):
            assert answer.readline().strip() == f"--{boundary}".encode()
            head = dict(
                line.split(": ") for line in iter(lambda: answer.readline().decode().strip(), "")
            )
            assert head["Content-Type"] == "image/jpeg"
            parts.append(answer.read(int(head["Content-Length"])))
            assert answer.readline() == b"\r\n"
        return parts
    finally:
        connection.close()


def _decode(jpeg: bytes) -> np.ndarray:
    picture = cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    return picture


def test_page_stands_alone(server: PictureServer) -> None:
    status, kind, body = _get(server, "/")
    page = body.decode()
    assert (status, kind) == (200, "text/html; charset=utf-8")
    assert "a &lt;camera&gt;" in page
    assert 'src="stream.mjpg"' in page
    assert "stats.json" in page
    assert "http://" not in page
    assert "https://" not in page
    assert "$" not in page


def test_numbers(server: PictureServer) -> None:
    status, kind, body = _get(server, "/stats.json?now")
    assert (status, kind, json.loads(body)) == (200, "application/json", {"shown": 7})


def test_stream_is_in_color_and_moves(server: PictureServer) -> None:
    pictures = [_decode(part) for part in _read_parts(server, 4)]
    assert all(picture.shape == (48, 64, 3) for picture in pictures)
    blue, _, red = pictures[0].reshape(-1, 3).mean(0)
    assert red > blue + 30
    assert any((a != b).any() for a, b in pairwise(pictures))


def test_single_picture(server: PictureServer) -> None:
    status, kind, body = _get(server, "/picture.jpg")
    assert (status, kind) == (200, "image/jpeg")
    assert _decode(body).shape == (48, 64, 3)


@pytest.mark.parametrize(
    ("aspect", "shape"), [(Fraction(4, 3), (48, 85, 3)), (Fraction(8, 9), (54, 64, 3))]
)
def test_pixels_that_are_not_square_become_so(
    aspect: Fraction, shape: tuple[int, int, int]
) -> None:
    colored = _colored(1)
    colored.frame = replace(colored.frame, aspect=aspect)
    server = PictureServer(Address("127.0.0.1", 0), "a film", lambda: {}, _change)
    try:
        server.show(colored)
        picture = _decode(_get(server, "/picture.jpg")[2])
    finally:
        server.close()
    assert picture.shape == shape
    plain = cv2.resize(_decode(simplejpeg.encode_jpeg_yuv_planes(*colored.planes)), shape[1::-1])
    assert np.abs(picture.astype(int) - plain).mean() < 3


@pytest.mark.parametrize("path", ["/nothing", "/../page.html", "/stream.mjpg/x"])
def test_other_paths(server: PictureServer, path: str) -> None:
    assert _get(server, path)[0] == 404


def test_other_methods(server: PictureServer) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.address.port, timeout=_LIMIT)
    connection.request("PUT", "/", body=b"x")
    assert connection.getresponse().status == 501
    connection.close()


def test_answers_only_to_its_own_name(server: PictureServer) -> None:
    port = server.address.port
    assert _get(server, "/stats.json", host=f"evil.example:{port}")[0] == 403
    assert _get(server, "/stats.json", host=f"localhost:{port}")[0] == 200
    assert _get(server, "/stats.json", host="[::1]")[0] == 200
    assert _get(server, "/stats.json", host="")[0] == 403


def test_viewers_come_and_go(server: PictureServer) -> None:
    before = threading.active_count()
    for _ in range(3):
        assert len(_read_parts(server, 1)) == 1
    with socket.create_connection(("127.0.0.1", server.address.port)) as rude:
        rude.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        rude.recv(10)
    with socket.create_connection(("127.0.0.1", server.address.port)) as silent:
        silent.sendall(b"\x00\xff nonsense\r\n\r\n")
    limit = time.monotonic() + _LIMIT
    while threading.active_count() > before and time.monotonic() < limit:
        time.sleep(0.02)
    assert threading.active_count() <= before
    assert len(_read_parts(server, 2)) == 2


def test_two_viewers_share_one_encoding(server: PictureServer) -> None:
    first, second = server.wait_for_other(None), None
    assert first is not None
    second = server.wait_for_other(first)
    assert second is not None
    assert second is not first
    assert first.jpeg is first.jpeg


def test_not_too_many_viewers(server: PictureServer) -> None:
    open_ones = []
    for _ in range(16):
        viewer = socket.create_connection(("127.0.0.1", server.address.port))
        viewer.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert viewer.recv(12) == b"HTTP/1.1 200"
        open_ones.append(viewer)
    assert _get(server, "/stream.mjpg")[0] == 503
    assert _get(server, "/stats.json")[0] == 200
    for viewer in open_ones:
        viewer.close()


def test_closing_lets_viewers_go() -> None:
    server = PictureServer(Address("127.0.0.1", 0), "it", dict, dict)
    viewer = socket.create_connection(("127.0.0.1", server.address.port), timeout=_LIMIT)
    viewer.sendall(b"GET /stream.mjpg HTTP/1.1\r\nHost: localhost\r\n\r\n")
    assert viewer.recv(12) == b"HTTP/1.1 200"
    server.close()
    while viewer.recv(4096):
        pass
    viewer.close()


@pytest.mark.skipif(not socket.has_ipv6, reason="no IPv6 here")
def test_the_newer_loopback() -> None:
    try:
        server = PictureServer(Address("::1", 0), "it", dict, dict)
    except OutputError:
        pytest.skip("IPv6 is switched off here")
    with socket.create_connection(("::1", server.address.port), timeout=_LIMIT):
        pass
    server.close()


def test_a_port_that_is_taken(server: PictureServer) -> None:
    with pytest.raises(OutputError, match=str(server.address.port)):
        PictureServer(server.address, "it", dict, dict)


@pytest.mark.parametrize(
    ("text", "address", "is_loopback"),
    [
        ("8080", Address("127.0.0.1", 8080), True),
        ("127.0.0.1:80", Address("127.0.0.1", 80), True),
        ("localhost:0", Address("localhost", 0), True),
        ("0.0.0.0:8080", Address("0.0.0.0", 8080), False),
        ("[::1]:8080", Address("::1", 8080), True),
    ],
)
def test_addresses(text: str, address: Address, is_loopback: bool) -> None:
    assert parse_address(text) == address
    assert address.is_loopback == is_loopback


@pytest.mark.parametrize("text", ["", "here", "8080:", "1.2.3.4:x", "1:99999", "-1"])
def test_wrong_addresses(text: str) -> None:
    with pytest.raises(OptionError, match="such as"):
        parse_address(text)


def test_urls() -> None:
    assert Address("0.0.0.0", 80).url == "http://127.0.0.1:80/"
    assert Address("::1", 80).url == "http://[::1]:80/"


@pytest.mark.parametrize(
    ("body", "headers", "status"),
    [
        ('{"vividness": 0.5}', {}, 200),
        ('{"vividness": 5}', {}, 400),
        ("nonsense", {}, 400),
        ("[0.5]", {}, 400),
        ("null", {}, 400),
        ("", {"Content-Length": "many"}, 400),
        (" " * 2000, {}, 400),
        ('{"vividness": 0.5}', {"Content-Type": "text/plain"}, 400),
        ('{"vividness": 0.5}', {"Origin": "http://elsewhere.example"}, 403),
        ('{"vividness": 0.5}', {"Host": "elsewhere.example"}, 403),
    ],
)
def test_options_are_changed_from_the_own_page_alone(
    server: PictureServer, body: str, headers: dict[str, str], status: int
) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", server.address.port, timeout=_LIMIT)
    with contextlib.closing(connection):
        connection.request("POST", "/options", body, {"Content-Type": "application/json"} | headers)
        assert connection.getresponse().status == status
