"""The server: other programs get the colors of the command line, and nobody waits for ever."""

from __future__ import annotations

import asyncio
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="the extra 'serve' is not installed")
pytest.importorskip("prometheus_client", reason="the extra 'serve' is not installed")
uvicorn = pytest.importorskip("uvicorn", reason="the extra 'serve' is not installed")

from tinct.apps.photographs.batch import BatchOptions
from tinct.apps.serve import api
from tinct.apps.serve.api import Limits, make_app
from tinct.apps.serve.coloring import BusyError, Coloring, Order
from tinct.errors import InputError
from tinct.photographs import encode_picture, read_picture
from tinct.runtime import Colorizer
from tinct.runtime.colorizer import ColorOptions

Call = Callable[..., tuple[int, str, list[str]]]
SOURCES = Path(__file__).parents[3] / "src"
LIMITS = Limits(max_bytes=200_000, max_pixels=100_000)


@dataclass(frozen=True)
class Answer:
    status: int
    headers: http.client.HTTPMessage
    body: bytes

    @property
    def error(self) -> str:
        return str(json.loads(self.body)["error"])


@dataclass(frozen=True)
class Client:
    port: int

    def __call__(self, path: str, body: bytes | None = None, **headers: str) -> Answer:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            connection.request("GET" if body is None else "POST", path, body, headers)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer("nano", threads=1)


def coloring_of(colorizer: Colorizer, at_once: int = 1, most_waiting: int = 8) -> Coloring:
    return Coloring(colorizer, device="cpu", threads=1, at_once=at_once, most_waiting=most_waiting)


@pytest.fixture(scope="module")
def client(colorizer: Colorizer) -> Iterator[Client]:
    """A server in a thread of its own."""
    listener = socket.create_server(("127.0.0.1", 0))
    app = make_app(coloring_of(colorizer, most_waiting=2), "nano", LIMITS)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    yield Client(listener.getsockname()[1])  # connections wait until it is ready
    server.should_exit = True
    thread.join()
    listener.close()


def photograph(seed: int = 0, format: str = "JPEG", size: tuple[int, int] = (160, 120)) -> bytes:
    ramp = np.linspace(30, 220, size[0]) + np.random.default_rng(seed).normal(0, 6, size[::-1])
    target = io.BytesIO()
    Image.fromarray(ramp.clip(0, 255).astype(np.uint8)).save(target, format)
    return target.getvalue()


def expected(colorizer: Colorizer, data: bytes, format: str, **options: Any) -> bytes:
    picture = colorizer(read_picture(data, gray=True), **options)
    return encode_picture(picture, format)


def test_a_client_that_hangs_up_while_sending_is_counted_and_nothing_else(
    colorizer: Colorizer,
) -> None:
    app = make_app(coloring_of(colorizer), "nano", LIMITS)
    scope = {"type": "http", "method": "POST", "path": "/color", "headers": [], "query_string": b""}
    parts = iter(
        [
            {"type": "http.request", "body": b"\xff\xd8", "more_body": True},
            {"type": "http.disconnect"},
        ]
    )
    sent = []

    async def receive() -> dict[str, Any]:
        return next(parts)

    async def send(message: Any) -> None:
        sent.append(message)

    async def ask() -> None:
        async with app.router.lifespan_context(app):
            await app(scope, receive, send)

    asyncio.run(ask())
    assert sent[0]["status"] == 499


@pytest.mark.parametrize(("format", "media"), [("JPEG", "jpeg"), ("PNG", "png"), ("TIFF", "tiff")])
def test_the_colors_are_those_of_python(
    client: Client, colorizer: Colorizer, format: str, media: str
) -> None:
    data = photograph(format=format)
    answer = client("/color", data)
    assert (answer.status, answer.headers["Content-Type"]) == (200, f"image/{media}")
    assert answer.body == expected(colorizer, data, format)


def test_parameters_are_those_of_the_command_line(client: Client, colorizer: Colorizer) -> None:
    data = photograph()
    answer = client("/color?vividness=1&cautious=0.3&saturation=1.5&format=png", data)
    wanted = expected(colorizer, data, "PNG", vividness=1.0, cautious=0.3, saturation=1.5)
    assert answer.body == wanted
    assert b"compositeWithTrained" in answer.body
    assert b"compositeWithTrained" not in client("/color?format=png&mark=false", data).body
    assert client("/color?quality=10", data).body != client("/color?quality=90", data).body
    assert client("/color?restore=true", data).body != client("/color", data).body


def test_another_model_is_loaded_when_it_is_asked_for(client: Client) -> None:
    data = photograph()
    assert client("/color?model=base", data).body != client("/color", data).body


def test_warnings_are_told(client: Client) -> None:
    deep = np.arange(64 * 64, dtype=np.uint16).reshape(64, 64) * 16
    data = cv2.imencode(".png", deep)[1].tobytes()
    answer = client("/color?format=jpeg", data)
    assert "16-bit samples were rounded" in answer.headers["Tinct-Warning"]


@pytest.mark.parametrize(
    ("path", "body", "status", "reason"),
    [
        ("/color", b"", 422, "photograph: the file is empty"),
        ("/color", b"no picture", 422, "photograph: not a picture that tinct can read"),
        ("/color", photograph()[:34], 422, "photograph: damaged"),
        ("/color", photograph(size=(400, 300)), 422, "photograph: 0.12 megapixels, more than"),
        ("/color", bytes(LIMITS.max_bytes + 1), 413, "larger than 0.2 MB"),
        ("/color?vividness=2", b"x", 400, "vividness: "),
        ("/color?vividness=red", b"x", 400, "vividness: "),
        ("/color?quality=0", b"x", 400, "quality: "),
        ("/color?model=other", b"x", 400, "model: "),
        ("/color?model=/etc/passwd", b"x", 400, "model: "),
        ("/color?vividnes=1", b"x", 400, "vividnes: "),
        ("/color?format=gif", b"x", 400, "format 'gif' cannot be written"),
    ],
)
def test_what_is_wrong_is_one_line(
    client: Client, path: str, body: bytes, status: int, reason: str
) -> None:
    answer = client(path, body)
    assert answer.status == status
    assert answer.error.startswith(reason)
    assert "\n" not in answer.error


def test_a_form_is_refused_with_what_helps(client: Client) -> None:
    answer = client("/color", b"--x", **{"Content-Type": "multipart/form-data; boundary=x"})
    assert (answer.status, answer.error.count("--data-binary")) == (400, 1)


def test_a_file_that_does_not_come_ends_the_wait(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(api, "_PATIENCE", 0.05)
    with socket.create_connection(("127.0.0.1", client.port), timeout=30) as link:
        link.sendall(b"POST /color HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n123")
        assert link.recv(1000).startswith(b"HTTP/1.1 408")


def test_nobody_is_lost_and_nobody_waits_for_ever(client: Client, colorizer: Colorizer) -> None:
    """Twelve at once, where one is colored and two may wait: each gets its colors, or is told."""
    datas = [photograph(seed, size=(320, 300)) for seed in range(12)]
    with ThreadPoolExecutor(len(datas)) as pool:
        answers = list(pool.map(lambda data: client("/color", data), datas))
    for data, answer in zip(datas, answers, strict=True):
        if answer.status == 200:
            assert answer.body == expected(colorizer, data, "JPEG")
        else:
            assert (answer.status, answer.headers["Retry-After"]) == (503, "1")
            assert "are waiting already" in answer.error
    assert {answer.status for answer in answers} == {200, 503}


def test_health_metrics_and_description(client: Client) -> None:
    client("/color", photograph())
    client("/color", b"no picture")
    assert json.loads(client("/health").body)["status"] == "ok"
    counted = client("/metrics").body.decode()
    assert 'tinct_requests_total{status="200"}' in counted
    assert 'tinct_requests_total{status="422"}' in counted
    assert "tinct_waiting 0.0" in counted
    described = json.loads(client("/openapi.json").body)["paths"]["/color"]["post"]
    names = [parameter["name"] for parameter in described["parameters"]]
    assert names[:3] == ["model", "vividness", "cautious"]
    assert set(described["responses"]) == {"200", "400", "408", "413", "422", "503"}
    assert client("/docs").status == 404  # it would load scripts from elsewhere


@pytest.mark.parametrize(("path", "body", "status"), [("/", b"x", 404), ("/color", None, 405)])
def test_what_is_sent_elsewhere_or_otherwise_is_told_where_to_go(
    client: Client, path: str, body: bytes | None, status: int
) -> None:
    answer = client(path, body)
    assert answer.status == status
    method = "POST" if body else "GET"
    error = f"{method} {path}: photographs are sent by POST to /color"
    assert json.loads(answer.body) == {"error": error}


# -- what waits


def test_those_who_wait_together_are_colored_together(
    colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Colorizer, "batch_size", 4)
    runs: list[int] = []
    colorize_batch = Colorizer.colorize_batch

    def count(self: Colorizer, images: list[Any], options: Any = None) -> list[Any]:
        runs.append(len(images))
        return colorize_batch(self, images, options)

    monkeypatch.setattr(Colorizer, "colorize_batch", count)
    plain, vivid = Order("nano"), Order("nano", ColorOptions(1.0))
    datas = [photograph(seed) for seed in range(5)]

    async def ask() -> list[Any]:
        coloring = coloring_of(colorizer)
        orders = [plain, plain, plain, vivid, plain]
        asked = [
            asyncio.create_task(coloring.color(data, order))
            for data, order in zip([*datas[:2], b"broken", *datas[3:]], orders, strict=True)
        ]
        await asyncio.sleep(0)  # all of them wait before work begins
        assert coloring.num_waiting == 5
        async with coloring:
            return await asyncio.gather(*asked, return_exceptions=True)

    one, two, broken, other, last = asyncio.run(ask())
    assert runs == [2, 1, 1]
    assert isinstance(broken, InputError)
    for result, data, options in ((one, datas[0], {}), (two, datas[1], {}), (last, datas[4], {}),
                                  (other, datas[3], {"vividness": 1.0})):  # fmt: skip
        assert result.data == expected(colorizer, data, "JPEG", **options)


def test_who_has_gone_is_not_worked_for(colorizer: Colorizer) -> None:
    async def ask() -> None:
        coloring = coloring_of(colorizer, most_waiting=2)
        gone, other = (
            asyncio.create_task(coloring.color(photograph(), Order("nano"))) for _ in range(2)
        )
        await asyncio.sleep(0)
        with pytest.raises(BusyError):
            await coloring.color(photograph(), Order("nano"))
        gone.cancel()
        async with coloring:
            assert (await other).format == "JPEG"
        assert gone.cancelled()

    asyncio.run(ask())


def test_a_model_that_cannot_be_loaded_is_an_error_of_those_who_asked(colorizer: Colorizer) -> None:
    async def ask() -> None:
        async with coloring_of(colorizer) as coloring:
            with pytest.raises(Exception, match=r"none\.onnx: no such model"):
                await coloring.color(photograph(), Order("none.onnx"))
            assert (await coloring.color(photograph(), Order("nano", batch=BatchOptions()))).data

    asyncio.run(ask())


# -- the command


def test_a_port_in_use_is_one_line(call: Call, client: Client) -> None:
    code, _, lines = call("serve", "--model", "nano", "--port", str(client.port))
    assert code == 1
    assert lines == [f"tinct: error: 127.0.0.1:{client.port}: Address already in use"]


def test_a_name_that_is_no_host_is_one_line(call: Call) -> None:
    code, _, [line] = call("serve", "--model", "nano", "--host", "nowhere.invalid")
    assert code == 1
    assert line.startswith("tinct: error: nowhere.invalid:8000: ")
    assert "Unknown error" not in line


@contextmanager
def _server(folder: Path, before: str = "") -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Start a server in a process of its own, and yield its port, too.

    Args:
        folder: Where it works.
        before: What is done there first, in Python.
    """
    program = f"import sys\n{before}\nfrom tinct.apps import cli\nsys.exit(cli.main())"
    command = [sys.executable, "-c", program, "serve", "--model", "nano", "--port", "0"]
    environment = os.environ | {"PYTHONPATH": str(SOURCES)}
    with subprocess.Popen(
        command, stderr=subprocess.PIPE, text=True, cwd=folder, env=environment
    ) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        yield process, int(line.split("127.0.0.1:")[1].split("/")[0])
        assert "Traceback" not in process.stderr.read()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_lets_it_finish(tmp_path: Path, name: str) -> None:
    with _server(tmp_path) as (process, port):
        assert Client(port)("/color", photograph()).status == 200
        process.send_signal(getattr(signal, name))
        assert process.wait(timeout=60) in (0, 143, -signal.SIGTERM)


@pytest.mark.slow
def test_a_client_that_takes_no_answer_does_not_keep_it_from_ending(tmp_path: Path) -> None:
    soon = "from tinct.apps.serve import run; run._FAREWELL = 1"
    with _server(tmp_path, soon) as (process, port), socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(("127.0.0.1", port))
        noise = np.random.default_rng(0).integers(0, 256, (2000, 2000), np.uint8)
        data = io.BytesIO()
        Image.fromarray(noise).save(data, "PNG")
        head = f"POST /color HTTP/1.1\r\nHost: x\r\nContent-Length: {len(data.getvalue())}\r\n\r\n"
        client.sendall(head.encode() + data.getvalue())
        assert client.recv(1)  # the answer has begun, and is larger than what is in between holds
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) in (143, -signal.SIGTERM)
