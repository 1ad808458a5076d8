"""Films that come through a pipe or from the network, kept in a file while they are used.

A film is read more than once: its pictures, its sound, and again when a run goes on.
"""

from __future__ import annotations

import hashlib
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPException, IncompleteRead
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING
from urllib.error import HTTPError
from urllib.parse import quote, urlsplit, urlunsplit
from urllib.request import urlopen

from tinct.errors import InputError, OutputError
from tinct.files import is_pipe, make_folder, reason_of
from tinct.films.reader import is_address

if TYPE_CHECKING:
    from collections.abc import Iterator

STDIN = "-"
"""The name of a film that comes through standard input."""
_BY_FILE = ("http", "https", "ftp")
_PLAYLISTS = (".m3u8", ".mpd")
"""What FFmpeg reads piece by piece, as it does with all other addresses."""
_PIECE = 1 << 20  # bytes
_SIGNS = "%/:=&?~+!$,;'@()*[]"
"""Signs that mean something in an address, and are sent as they are."""
_TIMEOUT = 30.0
"""Seconds without an answer from the network."""


@dataclass(frozen=True)
class Arrival:
    """A film that came from elsewhere."""

    path: Path
    """The file that holds it."""
    fingerprint: str
    """What changes if its content does."""


def comes_from_elsewhere(source: str) -> bool:
    """Tell whether a film has to be brought into a file before it can be read.

    Raises:
        InputError: It has an address that makes no sense.
    """
    if not is_address(source):
        return source == STDIN or is_pipe(source)
    try:
        parts = urlsplit(source)
    except ValueError as error:
        raise InputError(f"{source}: no address ({error})") from error
    return parts.scheme in _BY_FILE and not parts.path.lower().endswith(_PLAYLISTS)


def name_of_address(source: str) -> Path:
    """Return the name of the file at an address."""
    try:
        path = urlsplit(source).path
    except ValueError:
        path = ""  # whoever opens it says so
    return Path(PurePosixPath(path).name or "film.mp4")


@contextmanager
def bring(source: str, folder: Path) -> Iterator[Arrival]:
    """Bring a film into a file, which is removed afterwards.

    Args:
        source: ``-``, a named pipe, or an address.
        folder: Where the file is made: there is room for a new film as well. It is made itself
            where it is missing.

    Raises:
        InputError: It does not come, or not as a whole.
        OutputError: The file cannot be written.
    """
    suffix = "" if source == STDIN else name_of_address(source).suffix
    digest = hashlib.sha256()
    make_folder(folder)
    with NamedTemporaryFile(dir=folder, prefix=".tinct-", suffix=suffix) as file:
        for piece in _read(source):
            digest.update(piece)
            try:
                file.write(piece)
                file.flush()
            except OSError as error:
                raise OutputError(f"{source}: cannot be kept ({reason_of(error)})") from error
        yield Arrival(Path(file.name), f"{source}, {digest.hexdigest()}")


def _read(source: str) -> Iterator[bytes]:
    """Yield a film in pieces, as it comes.

    Raises:
        InputError: It does not come, or not as a whole.
    """
    try:
        yield from _pieces(source)
    except IncompleteRead as error:
        raise InputError(f"{source}: breaks off on its way here; try again") from error
    except (HTTPException, OSError, ValueError) as error:
        if isinstance(error, HTTPError):
            error.close()  # it is the answer as well
        inner = getattr(error, "reason", None)  # of errors of the network that urllib wraps
        reason = reason_of(inner if isinstance(inner, OSError) else error)
        raise InputError(f"{source}: cannot be fetched ({reason})") from error


def _pieces(source: str) -> Iterator[bytes]:
    if source == STDIN:
        yield from iter(partial(sys.stdin.buffer.read, _PIECE), b"")
        return
    if is_pipe(source):
        with open(source, "rb") as pipe:
            yield from iter(partial(pipe.read, _PIECE), b"")
        return
    with urlopen(_in_ascii(source), timeout=_TIMEOUT) as answer:
        size = 0
        while piece := answer.read(_PIECE):
            size += len(piece)
            yield piece
        stated = answer.headers.get("Content-Length", "")
        if stated.isdecimal() and size < int(stated):
            raise IncompleteRead(b"", int(stated) - size)


def _in_ascii(address: str) -> str:
    """Return an address as servers take it: without spaces, and in ASCII alone."""
    parts = urlsplit(address)
    host = parts.netloc.encode("idna").decode()
    return urlunsplit(
        (parts.scheme, host, quote(parts.path, _SIGNS), quote(parts.query, _SIGNS), "")
    )
