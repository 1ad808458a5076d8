"""Films that come through standard input or from the network, kept in a file while they are used.

A film is read more than once: its pictures, its sound, and again when a run goes on.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import urlopen

from tinct.errors import InputError, OutputError
from tinct.files import reason_of

if TYPE_CHECKING:
    from collections.abc import Iterator

STDIN = "-"
"""The name of a film that comes through standard input."""
_BY_FILE = ("http", "https", "ftp")
_PLAYLISTS = (".m3u8", ".mpd")
"""What FFmpeg reads piece by piece, as it does with all other addresses."""
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
    """Tell whether a film has to be brought into a file before it can be read."""
    parts = urlsplit(source)
    is_file = parts.scheme in _BY_FILE and not parts.path.lower().endswith(_PLAYLISTS)
    return source == STDIN or is_file


def name_of_address(source: str) -> Path:
    """Return the name of the file at an address."""
    return Path(PurePosixPath(urlsplit(source).path).name or "film.mp4")


@contextmanager
def bring(source: str, folder: Path) -> Iterator[Arrival]:
    """Bring a film into a file, which is removed afterwards.

    Args:
        source: ``-``, or an address.
        folder: Where the file is made: there is room for a new film as well.

    Raises:
        InputError: It does not come, or not as a whole.
        OutputError: The file cannot be written.
    """
    suffix = "" if source == STDIN else name_of_address(source).suffix
    with NamedTemporaryFile(dir=folder, prefix=".tinct-", suffix=suffix) as file:
        try:
            with _open(source) as stream:
                shutil.copyfileobj(stream, file, 1 << 20)
        except URLError as error:
            reason = error.reason if isinstance(error.reason, OSError) else error
            raise InputError(f"{source}: {reason_of(reason)}") from error
        except OSError as error:
            raise OutputError(f"{source}: cannot be kept ({reason_of(error)})") from error
        file.flush()
        with open(file.name, "rb") as held:
            digest = hashlib.file_digest(held, "sha256")
        yield Arrival(Path(file.name), f"{source}, {digest.hexdigest()}")


@contextmanager
def _open(source: str) -> Iterator[IO[bytes]]:
    if source == STDIN:
        yield sys.stdin.buffer
        return
    try:
        with urlopen(source, timeout=_TIMEOUT) as answer:
            yield answer
    except HTTPError as error:
        error.close()  # it is the answer as well
        raise
