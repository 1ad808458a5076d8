"""Bytes from the web, in one go from first to last."""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Callable
from http.client import HTTPException, HTTPResponse, InvalidURL
from typing import TYPE_CHECKING, TypeVar
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

from tinct.errors import InputError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

T = TypeVar("T")

_WAITS_S = (1.0, 2.0, 4.0, 8.0)
"""Pauses before another try; they start over once something was read."""
_TIMEOUT_S = 60.0
_PASSING = {408, 425, 429, 500, 502, 503, 504}
"""HTTP statuses after which another try may help."""


class WebStream(io.RawIOBase):
    """What a URL holds, read once from start to end; a connection that breaks goes on from there.

    Proxies and certificates are those of the environment (``https_proxy``, ``SSL_CERT_FILE``).

    Attributes:
        url: Where the bytes come from.
        size: How many there are; None if the server does not say.
        version: What the server calls this state of the file: ETag or time of change, or nothing.
        position: How many were read.
    """

    def __init__(self, url: str) -> None:
        """Connect.

        Raises:
            InputError: The server cannot be reached, or does not give the file.
        """
        self.url, self.position = url, 0
        self.size: int | None = None
        self.version = ""
        self._response: HTTPResponse | None = None
        self._response = self._retry(self._connect)

    def readable(self) -> bool:
        """Tell that it can be read; it cannot be written or sought in."""
        return True

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        """Fill the buffer as far as possible, with nothing only at the end.

        Raises:
            InputError: The connection breaks again and again, or the server does not go on in the
                middle of a file.
        """
        view = memoryview(buffer).cast("B")
        number = self._retry(lambda: self._read_once(view))
        self.position += number
        return number

    def close(self) -> None:
        """Hang up."""
        self._hang_up()
        super().close()

    def _hang_up(self) -> None:
        if self._response:
            self._response.close()
        self._response = None

    def _retry(self, action: Callable[[], T]) -> T:
        waits = iter(_WAITS_S)
        while True:
            try:
                return action()
            except (OSError, HTTPException) as error:
                wait = next(waits, None) if _may_pass(error) else None
                if wait is None:
                    raise InputError(f"{self.url}: {_reason(error)}") from error
                time.sleep(wait)

    def _connect(self) -> HTTPResponse:
        headers = {"User-Agent": "tinct"}  # some hosts turn Python's own name away
        if self.position:
            headers |= {"Range": f"bytes={self.position}-"}
            headers |= {"If-Range": self.version} if self.version else {}
        response: HTTPResponse = urlopen(Request(self.url, headers=headers), timeout=_TIMEOUT_S)
        if self.position and response.status != 206:  # it starts over, maybe with another file
            response.close()
            at = f"broke off at byte {self.position:,}"
            raise InputError(f"{self.url}: {at}, and the server does not go on from there")
        if not self.position:
            length = response.headers["Content-Length"]
            self.size = int(length) if length else None
            self.version = _version(response)
        return response

    def _read_once(self, buffer: memoryview) -> int:
        if self._response is None:
            self._response = self._connect()
        try:
            number = self._response.readinto(buffer)
            if not number and len(buffer) and self.position < (self.size or 0):
                raise ConnectionError(f"broke off at byte {self.position:,} of {self.size:,}")
        except (OSError, HTTPException):
            self._hang_up()
            raise
        return number


def _version(response: HTTPResponse) -> str:
    """Return what may stand in If-Range: not a weak ETag (RFC 9110, 13.1.5)."""
    tag: str = response.headers["ETag"] or ""
    return tag if tag.startswith('"') else response.headers["Last-Modified"] or ""


def _may_pass(error: Exception) -> bool:
    if isinstance(error, HTTPError):
        error.close()
        return error.code in _PASSING
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, socket.gaierror):
        return reason.errno == socket.EAI_AGAIN
    return not isinstance(reason, ssl.SSLCertVerificationError | InvalidURL)


def _reason(error: Exception) -> str:
    if isinstance(error, HTTPError):
        return f"the server says {error.code} {error.reason}"
    reason = error.reason if isinstance(error, URLError) else error
    text = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    return str(text).partition("\n")[0]
