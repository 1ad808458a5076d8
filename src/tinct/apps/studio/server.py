"""Serves the page and the pictures that the user has named, to this machine alone.

What is asked for under another name than one of this machine, or by a page from elsewhere, is
refused. Pictures are given, read and written only for the token that stands in the address which
the user's browser is opened with, and what is written is a picture under a new name in one folder.
"""

from __future__ import annotations

import json
import secrets
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from hmac import compare_digest
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote, unquote

from tinct.apps.local_server import DEFAULT_HOST, Address, LocalHandler, LocalServer
from tinct.apps.studio.page import page_files
from tinct.apps.studio.pictures import finish, keep, readable
from tinct.errors import TinctError
from tinct.files import open_source

TOKEN_HEADER = "X-Tinct-Token"
NAME_HEADER = "X-Tinct-Name"
"""Name of the file in the body, percent-encoded."""
LOSSES_HEADER = "X-Tinct-Losses"
"""What is not in the file of the answer, or doubtful: a JSON list of sentences, percent-encoded."""
FOLDER = "tinct-studio"
"""Where pictures are written to unless the user says where."""
MOST_BYTES = 1 << 30
"""Of a body: more than the largest photograph that is read, without compression."""
_MOST_ANSWERS = 16  # at a time: browsers ask for six
_MOST_PICTURES = 2  # at a time, in memory
_STUDIO = "/studio"
_PICTURES = "/pictures/"
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
        folder: Where the page may write pictures to; made when the first one is.
        token: Whoever asks for pictures must know it.
        answer_slots: One for each answer that may be on its way at a time.
        picture_slots: One for each picture that may be in memory at a time.
    """

    def __init__(
        self,
        page: Path,
        pictures: Sequence[str | Path],
        port: int = 0,
        folder: Path = Path(FOLDER),
    ) -> None:
        """Begin to listen on this machine alone.

        Args:
            page: Folder of the built page, see ``find_page``.
            pictures: Files of pictures.
            port: Where; 0 takes one that is free.
            folder: Where the page may write pictures to.

        Raises:
            InputError: A picture is not there.
            OutputError: The port is in use.
        """
        self.files = page_files(page)
        for picture in pictures:
            open_source(picture, str(picture)).close()
        self.pictures = [Path(picture) for picture in pictures]
        self.folder = folder
        self.token = secrets.token_urlsafe(24)
        self.answer_slots = threading.BoundedSemaphore(_MOST_ANSWERS)
        self.picture_slots = threading.BoundedSemaphore(_MOST_PICTURES)
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
        self._answer(self._give)

    def do_GET(self) -> None:  # noqa: N802 - what http.server calls
        """Answer one request."""
        self._answer(self._give)

    def do_POST(self) -> None:  # noqa: N802 - what http.server calls
        """Take a picture, and answer with what becomes of it."""
        self.close_connection = True  # what is refused is not read
        self._answer(self._take)

    def _answer(self, answer: Callable[[str], None]) -> None:
        if not (self.is_asked_by_name() and self.is_of_own_page()):
            self.send_text(HTTPStatus.FORBIDDEN, "this server answers to its own page only")
        elif not self.server.answer_slots.acquire(blocking=False):
            self.send_text(HTTPStatus.SERVICE_UNAVAILABLE, "too many requests at once")
        else:
            try:
                answer(self.path.partition("?")[0])
            finally:
                self.server.answer_slots.release()

    def _knows_token(self) -> bool:
        given = self.headers.get(TOKEN_HEADER, "")
        if compare_digest(given.encode(), self.server.token.encode()):
            return True
        self.send_text(HTTPStatus.FORBIDDEN, "pictures are for the page of tinct studio only")
        return False

    def _give(self, path: str) -> None:
        if path == _STUDIO:
            if self._knows_token():
                self._send_facts()
        elif path.startswith(_PICTURES):
            if self._knows_token():
                self._send_picture(path[len(_PICTURES) :])
        elif path in self.server.files:
            file = self.server.files[path]
            self._send_file(file, _TYPES.get(file.suffix, "application/octet-stream"))
        else:
            self.send_text(HTTPStatus.NOT_FOUND, "not found")

    def _send_facts(self) -> None:
        """Send which pictures there are, and the folder that results are written to."""
        pictures = []
        for path in self.server.pictures:
            try:
                facts = path.stat()
            except OSError:  # gone meanwhile; the request for it gets the reason
                pictures.append({"name": path.name, "size": 0, "modified": 0})
                continue
            modified = facts.st_mtime_ns // 1_000_000
            pictures.append({"name": path.name, "size": facts.st_size, "modified": modified})
        facts_of_all = {"pictures": pictures, "folder": self.server.folder.resolve().name}
        self.send_body(json.dumps(facts_of_all).encode(), "application/json")

    def _send_picture(self, number: str) -> None:
        """Send one of the named pictures as it is."""
        numbered = {str(index): path for index, path in enumerate(self.server.pictures)}
        if number not in numbered:
            self.send_text(HTTPStatus.NOT_FOUND, "no such picture")
            return
        try:
            self._send_file(numbered[number], "application/octet-stream")
        except TinctError as error:
            self.send_text(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))

    def _send_file(self, path: Path, kind: str) -> None:
        with open_source(path, str(path)) as file:
            self.send_head(kind, path.stat().st_size)
            if self.command != "HEAD":
                shutil.copyfileobj(file, self.wfile)

    def _take(self, path: str) -> None:
        work = {"/readable": self._read, "/finished": self._finish, "/kept": self._keep}.get(path)
        length = self.headers.get("Content-Length", "")
        if work is None:
            self.send_text(HTTPStatus.NOT_FOUND, "not found")
        elif not self._knows_token():
            pass
        elif not (length.isascii() and length.isdigit()):
            self.send_text(HTTPStatus.LENGTH_REQUIRED, "Content-Length is missing")
        elif len(length) > len(str(MOST_BYTES)) or int(length) > MOST_BYTES:
            self.send_text(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"more than {MOST_BYTES} bytes")
        else:
            with self.server.picture_slots:
                self._work(work, int(length))

    def _work(self, work: Callable[[bytes, str], None], length: int) -> None:
        body = self.rfile.read(length)
        if len(body) < length:
            return  # whoever sent it has gone
        name = unquote(self.headers.get(NAME_HEADER, ""), errors="replace") or "picture"
        try:
            work(body, name)
        except TinctError as error:
            self.send_text(HTTPStatus.UNPROCESSABLE_ENTITY, str(error))

    def _read(self, body: bytes, name: str) -> None:
        self.send_body(readable(body, name), "image/png")

    def _finish(self, body: bytes, name: str) -> None:
        file, losses = finish(body, name)
        headers = {LOSSES_HEADER: quote(json.dumps(losses))}
        self.send_body(file, "application/octet-stream", headers=headers)

    def _keep(self, body: bytes, name: str) -> None:
        written = keep(body, name, self.server.folder)
        self.send_body(json.dumps(written).encode(), "application/json")
