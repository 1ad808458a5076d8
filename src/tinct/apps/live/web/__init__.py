"""The colored stream in a browser: MJPEG and a small page, by the standard library.

It listens on this machine alone unless another address is named, and answers only what asks for it
by that name then: a page elsewhere on the web cannot look through the visitor's browser. Its own
page alone can change options.
"""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import simplejpeg

from tinct.errors import OptionError, OutputError
from tinct.files import reason_of

if TYPE_CHECKING:
    from tinct.apps.live.live_colorizer import ColoredFrame

DEFAULT_HOST = "127.0.0.1"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_BOUNDARY = "tinct-frame"
_QUALITY = 85
_MOST_VIEWERS = 16
_PATIENCE = 15.0  # seconds for a viewer to take what it is sent
_POLL = 0.5
_MOST_BYTES = 1000  # of options that a page sends
_POLICY = (
    "default-src 'none'; img-src 'self' data:; connect-src 'self'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)


@dataclass(frozen=True, slots=True)
class Address:
    """Where a server listens."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return self.host in _LOOPBACK

    @property
    def url(self) -> str:
        """What to type into a browser on this machine."""
        host = "127.0.0.1" if self.host in ("", "0.0.0.0") else self.host
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}/"


def parse_address(text: str) -> Address:
    """Read ``8080``, ``127.0.0.1:8080`` or ``[::1]:8080``.

    Raises:
        OptionError: It is none of these.
    """
    host, _, port = text.rpartition(":")
    if not port.isdigit() or int(port) > 65535:
        raise OptionError(f"serve {text!r}: not a port or HOST:PORT, such as 127.0.0.1:8080")
    return Address(host.strip("[]") if host else DEFAULT_HOST, int(port))


class PictureServer:
    """Serves the latest picture to any number of viewers; encodes only while there are some.

    Attributes:
        address: Where it listens; the port is that which the system gave for port 0.
        page: HTML of the status page.
        numbers: Returns what ``/stats.json`` shows.
        change: Called with the options that a page has sent.
        places: One for each viewer of the stream that there may be.
    """

    def __init__(
        self,
        address: Address,
        title: str,
        numbers: Callable[[], object],
        change: Callable[[dict[str, Any]], object],
    ) -> None:
        """Begin to listen.

        Args:
            address: Where.
            title: Of the page.
            numbers: Returns what ``/stats.json`` shows.
            change: Called, in any thread, with the options that a page has sent; it raises
                OptionError where they make no sense.

        Raises:
            OutputError: The address is in use, or not one of this machine.
        """
        self.numbers, self.change = numbers, change
        self.page = _make_page(title)
        self._changed = threading.Condition()
        self._picture: _ServedPicture | None = None
        self._is_closing = False
        self.places = threading.BoundedSemaphore(_MOST_VIEWERS)
        try:
            self._http = _HttpServer(address, self)
        except OSError as error:
            raise OutputError(f"{address.host}:{address.port}: {reason_of(error)}") from error
        self.address = Address(address.host, self._http.server_address[1])
        self._thread = threading.Thread(
            target=self._http.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True
        )
        self._thread.start()

    def show(self, colored: ColoredFrame) -> None:
        """Make a picture the latest."""
        with self._changed:
            self._picture = _ServedPicture(colored)
            self._changed.notify_all()

    def close(self) -> None:
        """Let every viewer go, and stop listening."""
        with self._changed:
            self._is_closing = True
            self._changed.notify_all()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def wait_for_other(self, last: _ServedPicture | None) -> _ServedPicture | None:
        """Wait for another picture than the last one; None when the server closes."""
        with self._changed:
            while self._picture is last and not self._is_closing:
                self._changed.wait(_POLL)
            return None if self._is_closing else self._picture


class _ServedPicture:
    """A colored frame that becomes a JPEG when the first viewer asks."""

    def __init__(self, colored: ColoredFrame) -> None:
        self._colored = colored
        self._lock = threading.Lock()
        self._jpeg: bytes | None = None

    @property
    def jpeg(self) -> bytes:
        """The picture as JPEG, its luma that of the camera."""
        with self._lock:
            if self._jpeg is None:
                planes = self._colored.planes
                self._jpeg = simplejpeg.encode_jpeg_yuv_planes(*planes, quality=_QUALITY)
            return self._jpeg


class _HttpServer(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: Address, pictures: PictureServer) -> None:
        self.pictures = pictures
        if ":" in address.host:
            self.address_family = socket.AF_INET6
        super().__init__((address.host, address.port), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: viewers come and go."""


class _Handler(BaseHTTPRequestHandler):
    server: _HttpServer
    timeout = _PATIENCE
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "tinct", ""

    def do_GET(self) -> None:
        """Answer one request."""
        if not self._is_asked_by_name():
            self._send_text(HTTPStatus.FORBIDDEN, "this server answers to its own name only")
            return
        path = self.path.partition("?")[0]
        if path == "/":
            self._send(self.server.pictures.page, "text/html; charset=utf-8")
        elif path == "/stats.json":
            numbers = json.dumps(self.server.pictures.numbers()).encode()
            self._send(numbers, "application/json")
        elif path == "/stream.mjpg":
            self._stream()
        elif path == "/picture.jpg":
            self._send_picture()
        else:
            self._send_text(HTTPStatus.NOT_FOUND, "not found; there is /, /stream.mjpg, "
                            "/picture.jpg and /stats.json")  # fmt: skip

    def do_POST(self) -> None:
        """Change how colorful the picture is.

        JSON is asked for because pages elsewhere cannot send it without asking first.
        """
        kind = self.headers.get_content_type()
        self.close_connection = True  # whatever is refused is not read
        size = int(self.headers.get("Content-Length") or 0)
        if not self._is_asked_by_name() or not self._is_of_own_page():
            self._send_text(HTTPStatus.FORBIDDEN, "the own page alone changes options")
        elif self.path != "/options" or kind != "application/json" or not 0 < size <= _MOST_BYTES:
            self._send_text(HTTPStatus.BAD_REQUEST, "only JSON is taken, at /options")
        else:
            try:
                self.server.pictures.change(json.loads(self.rfile.read(size)))
            except (ValueError, TypeError, OptionError) as error:
                self._send_text(HTTPStatus.BAD_REQUEST, str(error))
            else:
                self._send_text(HTTPStatus.OK, "changed")

    def _is_of_own_page(self) -> bool:
        """Tell whether a browser says that the page is ours; others do not say."""
        origin = self.headers.get("Origin")
        return origin is None or urlsplit(origin).netloc == self.headers.get("Host")

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the terminal free."""

    def _is_asked_by_name(self) -> bool:
        """Tell whether a loopback server is asked under a loopback name."""
        host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        return not self.server.pictures.address.is_loopback or host in _LOOPBACK

    def _stream(self) -> None:
        places = self.server.pictures.places
        if not places.acquire(blocking=False):
            self._send_text(HTTPStatus.SERVICE_UNAVAILABLE, "too many are looking already")
            return
        self.close_connection = True
        try:
            self._head(f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
            self._send_parts()
        except OSError:  # the viewer has gone, or takes nothing any more
            pass
        finally:
            places.release()

    def _send_parts(self) -> None:
        last: _ServedPicture | None = None
        while (last := self.server.pictures.wait_for_other(last)) is not None:
            jpeg = last.jpeg
            head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n"
            self.wfile.write(head.encode() + b"\r\n" + jpeg + b"\r\n")

    def _send_picture(self) -> None:
        picture = self.server.pictures.wait_for_other(None)
        if picture is None:
            self._send_text(HTTPStatus.SERVICE_UNAVAILABLE, "there is no picture any more")
        else:
            self._send(picture.jpeg, "image/jpeg")

    def _send_text(self, status: HTTPStatus, text: str) -> None:
        self._send(f"{text}\n".encode(), "text/plain; charset=utf-8", status)

    def _send(self, body: bytes, kind: str, status: HTTPStatus = HTTPStatus.OK) -> None:
        self._head(kind, len(body), status)
        self.wfile.write(body)

    def _head(
        self, kind: str, length: int | None = None, status: HTTPStatus = HTTPStatus.OK
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        else:
            self.send_header("Connection", "close")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Content-Security-Policy", _POLICY)
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()


def _make_page(title: str) -> bytes:
    template = Template(files(__name__).joinpath("page.html").read_text("utf-8"))
    return template.substitute(title=escape(title)).encode()
