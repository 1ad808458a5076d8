"""HTTP for this machine: what the pages of ``tinct live`` and ``tinct studio`` have in common.

Python's own server is enough for one visitor, and the base install needs no other. It answers
only what asks for it by a name of this machine, so that no page elsewhere on the web can look
through the visitor's browser, and says nothing of who comes and goes.
"""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import urlsplit

from tinct.errors import OutputError
from tinct.files import reason_of

DEFAULT_HOST = "127.0.0.1"
_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PATIENCE = 15.0  # seconds for a visitor to take what it is sent


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


class LocalServer(ThreadingHTTPServer):
    """Listens, and answers each request in a thread of its own.

    Attributes:
        address: Where it listens; the port is that which the system gave for port 0.
    """

    daemon_threads = True

    def __init__(self, address: Address, handler: type[LocalHandler]) -> None:
        """Begin to listen.

        Args:
            address: Where.
            handler: What answers.

        Raises:
            OutputError: The address is in use, or not one of this machine.
        """
        if ":" in address.host:
            self.address_family = socket.AF_INET6
        try:
            super().__init__((address.host, address.port), handler)
        except OSError as error:
            raise OutputError(f"{address.host}:{address.port}: {reason_of(error)}") from error
        self.address = Address(address.host, self.server_address[1])

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: visitors come and go."""


class LocalHandler(BaseHTTPRequestHandler):
    """Answers one request; those who inherit decide what."""

    server: LocalServer
    timeout = _PATIENCE
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "tinct", ""
    headers_of_all: ClassVar[Mapping[str, str]] = {}
    """Headers of every answer, besides those that all servers here send."""

    def is_asked_by_name(self) -> bool:
        """Tell whether a loopback server is asked under a loopback name."""
        try:
            host = urlsplit(f"//{self.headers.get('Host', '')}").hostname
        except ValueError:  # half an IPv6 address
            return False
        return not self.server.address.is_loopback or host in _LOOPBACK

    def is_of_own_page(self) -> bool:
        """Tell whether a browser says that the page is ours; others do not say."""
        origin = self.headers.get("Origin")
        return origin is None or origin.partition("://")[2] == self.headers.get("Host")

    def send_text(self, status: HTTPStatus, text: str) -> None:
        """Answer with one line."""
        self.send_body(f"{text}\n".encode(), "text/plain; charset=utf-8", status)

    def send_body(
        self,
        body: bytes,
        kind: str,
        status: HTTPStatus = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer with a body of this media type, and headers of its own."""
        self.send_head(kind, len(body), status, headers)
        if self.command != "HEAD":
            self.wfile.write(body)

    def send_head(
        self,
        kind: str,
        length: int | None = None,
        status: HTTPStatus = HTTPStatus.OK,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Begin an answer; one of unknown length ends when the connection does."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        if length is not None:
            self.send_header("Content-Length", str(length))
        if length is None or self.close_connection:
            self.send_header("Connection", "close")
        self.send_header("Cache-Control", "no-store")
        self.send_header("Cross-Origin-Resource-Policy", "same-origin")
        self.send_header("X-Content-Type-Options", "nosniff")
        for name, value in {**self.headers_of_all, **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Keep the terminal free."""
