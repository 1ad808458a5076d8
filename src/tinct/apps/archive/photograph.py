"""A photograph of an archive, and what became of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tinct.apps.colorizer_options import ColorizerOptions
    from tinct.apps.photographs.batch import BatchOptions

Status = Literal["done", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class Photograph:
    """A photograph that was found, and where its result goes."""

    source: str  # path or URL
    place: str  # of the result below the target, with / between folders; "" where it has none
    size: int | None = None  # bytes; None where a manifest does not say
    time: int | None = None  # of the last change: microseconds since 1970
    hash: str | None = None  # SHA-256 in hexadecimal digits, where a manifest says it
    notes: tuple[str, ...] = ()  # what the user should know of it, one sentence each
    is_repeated: bool = False  # a result of tinct's may be there, and is replaced

    @property
    def key(self) -> str:
        """What one photograph alone has: the place of its result, or else its source."""
        return self.place or f"\0{self.source}"

    def fingerprint(self, deciding: bytes) -> str:
        """Return 16 hexadecimal digits that change when the result would.

        Args:
            deciding: Model and options, ready to be hashed.
        """
        facts = f"{self.source}\0{self.size}\0{self.time}\0{self.hash}\0{self.place}\0".encode(
            errors="surrogateescape"
        )
        return hashlib.blake2b(facts + deciding, digest_size=8).hexdigest()


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of a photograph: a row of the status table, without what all rows share."""

    photograph: Photograph
    status: Status
    reason: str | None = None  # why it was skipped or failed
    warnings: tuple[str, ...] = ()
    width: int | None = None  # of the picture as shown, in pixels
    height: int | None = None
    seconds: float | None = None  # reading, coloring and writing; without waiting for one another
    hash: str | None = None  # SHA-256 of what was read
    output_size: int | None = None  # bytes
    output_hash: str | None = None
    worker: str | None = None  # host and process


@dataclass(frozen=True, slots=True)
class Work:
    """How photographs are colored, read and written, for every worker the same."""

    target: str  # folder: a path or a URL
    color: ColorizerOptions
    batch: BatchOptions
    model_hash: str  # SHA-256 of the model file: a worker that has another one must not work
    deciding: bytes = field(default=b"", repr=False)  # see ``Photograph.fingerprint``
