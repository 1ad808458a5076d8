"""Serves the page and the pictures that the user has named, to this machine alone.

Nothing can be written through it. What is asked for under another name than one of this machine, or
by a page from elsewhere, is refused, and pictures are given only for the token that stands in the
address which the user's browser is opened with.
"""

from __future__ import annotations

import json
import secrets
import shutil
import threading
from collections.abc import Mapping, Sequence
from hmac import compare_digest
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar

from tinct.apps.local_server import DEFAULT_HOST, Address, LocalHandler, LocalServer
from tinct.apps.studio.page import page_files
from tinct.errors import TinctError
from tinct.files import open_source
from tinct.photographs import read_picture
from tinct.photographs.write import encode_picture

TOKEN_HEADER = "X-Tinct-Token"
_MOST_AT_ONCE = 16
_PICTURES = "/pictures"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".onnx": "application/octet-stream",
    ".svg": "image/svg+xml",
    ".wasm": "application/wasm",
    ".webmanifest": "application/manifest+json",
}
_OF_BROWSERS = {
    ".avif": "image/avif",
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
"""Pictures that browsers read by themselves; they get others as PNG."""
_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; "
    "style-src 'self'; img-src 'self' blob:; connect-src 'self'; manifest-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


class StudioServer(LocalServer):
    """Serves the page.

    Attributes:
        files: What is served of the page, by path.
        pictures: Those that the user has named.
        token: What asks for pictures must know it.
        places: One for each answer that may be on its way at a time.
    """

    def __init__(self, page: Path, pictures: Sequence[str | Path], port: int = 0) -> None:
        """Begin to listen on this machine alone.

        Args:
            page: Folder of the built page, see ``find_page``.
            pictures: Files of pictures.
            port: Where; 0 takes one that is free.

        Raises:
            InputError: A picture is not there.
            OutputError: The port is in use.
        """
        self.files = page_files(page)
        for picture in pictures:
            open_source(picture, str(picture)).close()
        self.pictures = [Path(picture) for picture in pictures]
        self.token = secrets.token_urlsafe(24)
        self.places = threading.BoundedSemaphore(_MOST_AT_ONCE)
        super().__init__(Address(DEFAULT_HOST, port), _Handler)

    @property
    def url(self) -> str:
        """What to open; what stands behind # is never sent to any server."""
        return f"{self.address.url}#token={self.token}"


class _Handler(LocalHandler):
    server: StudioServer
    headers_of_all: ClassVar[Mapping[str, str]] = {
        "Content-Security-Policy": _POLICY,
        # The page is isolated, which lets its networks use several threads.
        "Cross-Origin-Opener-Policy": "same-origin",
        "Cross-Origin-Embedder-Policy": "require-corp",
        "Referrer-Policy": "no-referrer",
    }

    def do_HEAD(self) -> None:  # noqa: N802 - what http.server calls
        """Answer one request without a body."""
        self.do_GET()

    def do_GET(self) -> None:  # noqa: N802 - what http.server calls
        """Answer one request."""
        if not (self.is_asked_by_name() and self.is_of_own_page()):
            self.send_text(HTTPStatus.FORBIDDEN, "this server answers to its own page only")
        elif not self.server.places.acquire(blocking=False):
            self.send_text(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests at once")
        else:
            try:
                self._answer(self.path.partition("?")[0])
            finally:
                self.server.places.release()

    def _answer(self, path: str) -> None:
        if path == _PICTURES or path.startswith(f"{_PICTURES}/"):
            self._send_picture(path[len(_PICTURES) + 1 :])
        elif path in self.server.files:
            file = self.server.files[path]
            self._send_file(file, _TYPES.get(file.suffix, "application/octet-stream"))
        else:
            self.send_text(HTTPStatus.NOT_FOUND, "not found")

    def _send_picture(self, number: str) -> None:
        """Send the names of the pictures, or one of them."""
        pictures = self.server.pictures
        if not compare_digest(
            self.headers.get(TOKEN_HEADER, "").encode(), self.server.token.encode()
        ):
            self.send_text(HTTPStatus.FORBIDDEN, "pictures are for the page of tinct studio only")
        elif not number:
            names = json.dumps([path.name for path in pictures])
            self.send_body(names.encode(), "application/json")
        elif number in (numbered := {str(index): path for index, path in enumerate(pictures)}):
            self._send_readable(numbered[number])
        else:
            self.send_text(HTTPStatus.NOT_FOUND, "no such picture")

    def _send_readable(self, path: Path) -> None:
        """Send a picture in a format that browsers read."""
        kind = _OF_BROWSERS.get(path.suffix.lower())
        try:
            if kind is not None:
                self._send_file(path, kind)
            else:
                self.send_body(encode_picture(read_picture(path), "png"), "image/png")
        except TinctError as error:
            self.send_text(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))

    def _send_file(self, path: Path, kind: str) -> None:
        with open_source(path, str(path)) as file:
            self.send_head(kind, path.stat().st_size)
            if self.command != "HEAD":
                shutil.copyfileobj(file, self.wfile)
