"""The colored stream in a browser: MJPEG and a small page, by the standard library.

It listens on this machine alone unless another address is named, and answers only what asks for it
by that name then: a page elsewhere on the web cannot look through the visitor's browser. Its own
page alone can change options.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from html import escape
from http import HTTPStatus
from importlib.resources import files
from string import Template
from typing import TYPE_CHECKING, Any, ClassVar

import simplejpeg

from tinct.apps.local_server import DEFAULT_HOST, Address, LocalHandler, LocalServer
from tinct.errors import OptionError

if TYPE_CHECKING:
    from tinct.apps.live.live_colorizer import ColoredFrame

_BOUNDARY = "tinct-frame"
_QUALITY = 85
_MOST_VIEWERS = 16
_POLL = 0.5
_MOST_BYTES = 1000  # of options that a page sends
_POLICY = (
    "default-src 'none'; img-src 'self' data:; connect-src 'self'; "
    "style-src 'unsafe-inline'; script-src 'unsafe-inline'"
)


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
        self._http = _HttpServer(address, self)
        self.address = self._http.address
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
                planes = self._colored.square_planes
                self._jpeg = simplejpeg.encode_jpeg_yuv_planes(*planes, quality=_QUALITY)
            return self._jpeg


class _HttpServer(LocalServer):
    def __init__(self, address: Address, pictures: PictureServer) -> None:
        self.pictures = pictures
        super().__init__(address, _Handler)


class _Handler(LocalHandler):
    server: _HttpServer
    headers_of_all: ClassVar[dict[str, str]] = {"Content-Security-Policy": _POLICY}

    def do_GET(self) -> None:  # noqa: N802 - what http.server calls
        """Answer one request."""
        if not self.is_asked_by_name():
            self.send_text(HTTPStatus.FORBIDDEN, "this server answers to its own name only")
            return
        path = self.path.partition("?")[0]
        if path == "/":
            self.send_body(self.server.pictures.page, "text/html; charset=utf-8")
        elif path == "/stats.json":
            numbers = json.dumps(self.server.pictures.numbers()).encode()
            self.send_body(numbers, "application/json")
        elif path == "/stream.mjpg":
            self._stream()
        elif path == "/picture.jpg":
            self._send_picture()
        else:
            self.send_text(HTTPStatus.NOT_FOUND, "not found; there is /, /stream.mjpg, "
                            "/picture.jpg and /stats.json")  # fmt: skip

    def do_POST(self) -> None:  # noqa: N802 - what http.server calls
        """Change how colorful the picture is.

        JSON is asked for because pages elsewhere cannot send it without asking first.
        """
        kind = self.headers.get_content_type()
        self.close_connection = True  # whatever is refused is not read
        length = self.headers.get("Content-Length", "")
        size = int(length) if length.isascii() and length.isdigit() else 0
        if not self.is_asked_by_name() or not self.is_of_own_page():
            self.send_text(HTTPStatus.FORBIDDEN, "the own page alone changes options")
        elif self.path != "/options" or kind != "application/json" or not 0 < size <= _MOST_BYTES:
            self.send_text(HTTPStatus.BAD_REQUEST, "only JSON is taken, at /options")
        else:
            try:
                options = json.loads(self.rfile.read(size))
                if not isinstance(options, dict):
                    raise OptionError("options are an object")
                self.server.pictures.change(options)
            except (ValueError, TypeError, OptionError) as error:
                self.send_text(HTTPStatus.BAD_REQUEST, str(error))
            else:
                self.send_text(HTTPStatus.OK, "changed")

    def _stream(self) -> None:
        places = self.server.pictures.places
        if not places.acquire(blocking=False):
            self.send_text(HTTPStatus.SERVICE_UNAVAILABLE, "too many are looking already")
            return
        self.close_connection = True
        try:
            self.send_head(f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
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
            self.send_text(HTTPStatus.SERVICE_UNAVAILABLE, "there is no picture any more")
        else:
            self.send_body(picture.jpeg, "image/jpeg")


def _make_page(title: str) -> bytes:
    template = Template(files(__name__).joinpath("page.html").read_text("utf-8"))
    return template.substitute(title=escape(title)).encode()
