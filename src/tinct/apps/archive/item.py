"""A photograph or film of an archive, and what became of it."""

from __future__ import annotations

import hashlib
import posixpath
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from tinct.apps.film_suffixes import FILM_SUFFIXES
from tinct.errors import InputError

if TYPE_CHECKING:
    from tinct.apps.colorizer_options import ColorizerOptions
    from tinct.apps.films.options import FilmOptions
    from tinct.apps.photographs.batch import BatchOptions

Status = Literal["done", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class Item:
    """A photograph or film that was found, and where its result goes."""

    source: str  # path or URL
    place: str  # of the result below the target, with / between folders; "" where it has none
    size: int | None = None  # bytes; None where a manifest does not say
    time: int | None = None  # of the last change: microseconds since 1970
    hash: str | None = None  # SHA-256 in hexadecimal digits, where a manifest says it
    notes: tuple[str, ...] = ()  # what the user should know of it, one sentence each
    is_repeated: bool = False  # a result of tinct's may be there, and is replaced
    result_hash: str | None = None  # SHA-256 of that result, where it is known

    @property
    def is_film(self) -> bool:
        """Whether it is a film, by its name."""
        return is_film(self.source)

    @property
    def key(self) -> str:
        """What one item alone has: the place of its result, or else its source."""
        return self.place or f"\0{self.source}"

    def check_hash(self, digest: str) -> None:
        """See to it that what was read is what a manifest says.

        Args:
            digest: SHA-256 of what was read, in hexadecimal digits.

        Raises:
            InputError: It is something else.
        """
        if self.hash is not None and digest != self.hash:
            raise InputError("is not what the manifest says: its hash is another")

    def fingerprint(self, deciding: bytes) -> str:
        """Return 16 hexadecimal digits that change when the result would.

        Args:
            deciding: What besides the source decides, see ``Basis``.
        """
        facts = f"{self.source}\0{self.size}\0{self.time}\0{self.hash}\0{self.place}\0".encode(
            errors="surrogateescape"
        )
        return hashlib.blake2b(facts + deciding, digest_size=8).hexdigest()


def is_film(name: str) -> bool:
    """Tell a film by its name: a path or a URL."""
    return posixpath.splitext(name)[1].lower() in FILM_SUFFIXES


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of an item: a row of the status table, without what all rows share."""

    item: Item
    status: Status
    reason: str | None = None  # why it was skipped or failed
    warnings: tuple[str, ...] = ()
    width: int | None = None  # of the picture as shown, in pixels
    height: int | None = None
    frames: int | None = None  # of a film
    seconds: float | None = None  # reading, coloring and writing; without waiting for one another
    hash: str | None = None  # SHA-256 of what was read
    output_size: int | None = None  # bytes
    output_hash: str | None = None  # of an earlier result that stays, where none was made
    worker: str | None = None  # host and process


@dataclass(frozen=True, slots=True)
class Choices:
    """How photographs and films are colored, read and written."""

    photographs: ColorizerOptions
    batch: BatchOptions  # of photographs; whether results are replaced counts for films as well
    films: ColorizerOptions
    film: FilmOptions


@dataclass(frozen=True, slots=True)
class Basis:
    """What besides the source decides about the results of photographs, or of films."""

    model: str  # its name
    model_hash: str  # SHA-256 of the model file: a worker that has another one must not work
    options: str  # JSON

    @property
    def deciding(self) -> bytes:
        """All of it, ready to be hashed."""
        return f"{self.model_hash}\0{self.options}".encode()


@dataclass(frozen=True, slots=True)
class Work:
    """How items are colored, read and written, for every worker the same."""

    target: str  # folder: a path or a URL
    choices: Choices
    photographs: Basis
    films: Basis
    film_jobs: int = 2  # frames of a film that a worker has in work at once

    def basis_of(self, item: Item) -> Basis:
        """Return what decides about the result of an item."""
        return self.films if item.is_film else self.photographs
