"""Photographs decoded once: a flat file of RGB bytes and an index a source, mapped while training.

Each source has files of its own, so that a further one costs only its own decoding.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import BinaryIO, Literal
from zipfile import BadZipFile

import cv2
import numpy as np
from filelock import FileLock
from numpy.typing import NDArray

from tinct import bins, color
from tinct.errors import InputError, TrainingError
from tinct.lab.data.collection import Collection, Item
from tinct.photographs import read_picture

_VERSION = 2
_GRAY_LIMIT = 5.0
"""A photograph with no |a| or |b| above this is gray (NonGrayMask of Zhang et al.)."""
_SMALLEST_SIDE = 32
_CHUNK = 256
"""Photographs that are decoded at the same time."""
_NOTHING_DROPPED = {"unreadable": 0, "too small": 0, "gray": 0}
_NUM_NAMED = 5
"""Unreadable photographs that are named; the others are only counted."""


@dataclass(frozen=True)
class Cache:
    """Decoded photographs of one source or of several, each source in a file of its own.

    Attributes:
        pixels: Of each file, its photographs one after another, flat uint8, mapped from disk.
        offsets: Where each photograph starts in the pixels of its file, (P,) int64.
        shapes: Height and width of each, (P, 2) int64.
        file_of: Number of the file that each is in, (P,) int64.
        names: Where each came from.
        histogram: (256, 256) counts of their colors, see :func:`tinct.bins.ab_histogram`.
        dropped: How many files were left out, by reason.
        paths: Of the indexes of the files.
        unreadable: Which files could not be read, each with the reason.
        chosen: Numbers of the photographs of all files that this is a part of; None for all.
    """

    pixels: tuple[NDArray[np.uint8], ...]
    offsets: NDArray[np.int64]
    shapes: NDArray[np.int64]
    file_of: NDArray[np.int64]
    names: tuple[str, ...]
    histogram: NDArray[np.int64]
    dropped: dict[str, int]
    paths: tuple[Path, ...]
    unreadable: tuple[str, ...] = ()
    chosen: NDArray[np.int64] | None = None

    @classmethod
    def load(cls, path: Path) -> Cache:
        """Map one filled file.

        Args:
            path: Of the index; the pixels lie beside it.
        """
        with path.open("rb") as file, np.load(file) as index:
            return cls(
                (np.memmap(path.with_suffix(".rgb"), np.uint8, "r"),),
                index["offsets"],
                index["shapes"],
                np.zeros(len(index["offsets"]), np.int64),
                tuple(index["names"].tolist()),
                index["histogram"],
                json.loads(str(index["dropped"])),
                (path,),
                # an older cache has counted them only
                tuple(json.loads(str(index["unreadable"]))) if "unreadable" in index else (),
            )

    @classmethod
    def join(cls, caches: Sequence[Cache]) -> Cache:
        """Join the photographs of several files, in their order; each may hold one file only."""
        if len(caches) == 1:
            return caches[0]
        lengths = [len(cache) for cache in caches]
        return cls(
            tuple(pixels for cache in caches for pixels in cache.pixels),
            np.concatenate([cache.offsets for cache in caches]),
            np.concatenate([cache.shapes for cache in caches]),
            np.repeat(np.arange(len(caches)), lengths),
            tuple(name for cache in caches for name in cache.names),
            np.sum([cache.histogram for cache in caches], axis=0),
            dict(sum((Counter(cache.dropped) for cache in caches), Counter(_NOTHING_DROPPED))),
            tuple(path for cache in caches for path in cache.paths),
            tuple(text for cache in caches for text in cache.unreadable),
        )

    def __reduce__(
        self,
    ) -> tuple[Callable[..., Cache], tuple[tuple[Path, ...], NDArray[np.int64] | None]]:
        """Send the paths instead of the pixels to a process that makes batches."""
        return _load_part, (self.paths, self.chosen)

    def part(self, chosen: NDArray[np.int64]) -> Cache:
        """Return some of the photographs, by their numbers; counts and colors stay those of all.

        Args:
            chosen: (P,) numbers of the photographs.
        """
        origin = chosen if self.chosen is None else self.chosen[chosen]
        return replace(
            self,
            offsets=self.offsets[chosen],
            shapes=self.shapes[chosen],
            file_of=self.file_of[chosen],
            names=tuple(self.names[index] for index in chosen),
            chosen=origin,
        )

    def count_shared(self, others: Cache) -> int:
        """Count the photographs that are in another cache, too, whatever they are called."""
        ours = {self._fingerprint(index) for index in range(len(self))}
        shapes = {tuple(shape) for shape in self.shapes.tolist()}
        alike = [i for i, shape in enumerate(others.shapes.tolist()) if tuple(shape) in shapes]
        return len(ours & {others._fingerprint(index) for index in alike})

    def _fingerprint(self, index: int) -> bytes:
        """Return two rows of a photograph: enough to tell it from any other of its size."""
        rgb = self.photograph(index)
        rows = rgb[[len(rgb) // 3, 2 * len(rgb) // 3]]
        return hashlib.sha256(repr(rgb.shape).encode() + rows.tobytes()).digest()

    def hold_out(self, limit: int) -> tuple[Cache, Cache]:
        """Part the photographs: most of them, and every tenth, or fewer, to validate with.

        Args:
            limit: The highest number to hold out.
        """
        numbers = np.arange(len(self))
        is_held_out = numbers % max(10, -(-len(self) // limit)) == 0
        kept = numbers[~is_held_out]
        return (self.part(kept) if len(kept) else self), self.part(numbers[is_held_out])

    def __len__(self) -> int:
        """Return the number of photographs."""
        return len(self.offsets)

    def left_out(self) -> str:
        """Say in one line what was left out and why; nothing if nothing was."""
        return _left_out(self.dropped, self.unreadable)

    def photograph(self, index: int) -> NDArray[np.uint8]:
        """Return photograph ``index`` as (H, W, 3) uint8 RGB, a view of the file."""
        height, width = (int(side) for side in self.shapes[index])
        start = int(self.offsets[index])
        flat: NDArray[np.uint8] = self.pixels[self.file_of[index]]
        picture: NDArray[np.uint8] = flat[start : start + height * width * 3]
        return picture.reshape(height, width, 3)


def _load_part(paths: tuple[Path, ...], chosen: NDArray[np.int64] | None) -> Cache:
    cache = Cache.join([Cache.load(path) for path in paths])
    return cache if chosen is None else cache.part(chosen)


def _left_out(dropped: dict[str, int], unreadable: Sequence[str]) -> str:
    rest = len(unreadable) - _NUM_NAMED
    names = "; ".join(unreadable[:_NUM_NAMED]) + (f"; and {rest} more" if rest > 0 else "")
    details = {"unreadable": f" ({names})" if names else ""}
    return ", ".join(
        f"{count} {reason}{details.get(reason, '')}" for reason, count in dropped.items() if count
    )


@dataclass(frozen=True)
class _LeftOut:
    """Why a photograph is left out; of one that cannot be read, its name and what is wrong."""

    reason: Literal["unreadable", "too small", "gray"]
    text: str = ""


@dataclass(frozen=True)
class _CacheEntry:
    """A photograph, (H, W, 3) uint8 RGB, and its ab at a quarter of the size, (H/4, W/4, 2)."""

    rgb: NDArray[np.uint8]
    ab: NDArray[np.float32]


def _decode(name: str, data: bytes | InputError, short_side: int) -> _CacheEntry | _LeftOut:
    """Return the photograph, reduced, or the reason why it is left out."""
    if isinstance(data, InputError):
        return _LeftOut("unreadable", str(data))
    try:
        picture = read_picture(data, name=name)
    except InputError as error:
        return _LeftOut("unreadable", str(error))
    damage = [text for text in picture.warnings if text.startswith("damaged")]
    if damage:  # half a photograph would teach that the other half is gray
        return _LeftOut("unreadable", f"{name}: {damage[0]}")
    pixels = picture.to_rgb().pixels[..., :3]
    rgb: NDArray[np.uint8] = pixels if pixels.dtype == np.uint8 else _to_8_bit(pixels)
    height, width = rgb.shape[:2]
    if min(height, width) < _SMALLEST_SIDE:
        return _LeftOut("too small")
    scale = short_side / min(height, width)
    if scale < 1:
        size = (max(round(width * scale), short_side), max(round(height * scale), short_side))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    ab = _ab(rgb)
    return _CacheEntry(rgb, ab) if np.abs(ab).max() > _GRAY_LIMIT else _LeftOut("gray")


def _to_8_bit(pixels: NDArray[np.uint16]) -> NDArray[np.uint8]:
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _ab(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = cv2.resize(rgb, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    return color.rgb_to_lab(small.astype(np.float32) / np.float32(255))[..., 1:]


def _key(collection: Collection, short_side: int, limit: int | None) -> str:
    """Return a hash of what a cache holds: two sets of photographs shall never share one."""
    head = f"{_VERSION} {short_side} {limit}\n".encode()
    return hashlib.sha256(head + collection.fingerprint()).hexdigest()[:16]


def open_cache(
    sources: tuple[str, ...],
    folder: Path,
    short_side: int,
    *,
    limit: int | None = None,
    report: Callable[[int], None] = lambda done: None,
) -> Cache:
    """Open the cache of some photographs, filling it first where it is missing.

    Args:
        sources: Folders, tar files and the like, see :mod:`tinct.lab.data.collection`.
        folder: Where caches lie; each set of photographs has one of its own in it.
        short_side: Photographs are reduced to this short side.
        limit: Look only at the first so many photographs.
        report: Called with the number of photographs decoded so far.

    Raises:
        InputError: A source is missing, damaged or out of reach.
        TrainingError: No photograph is of use, or the cache cannot be written.
    """
    if not sources:
        raise TrainingError("no photographs given: set data.train to folders or tar files")
    opened: list[Cache] = []
    dropped: Counter[str] = Counter(_NOTHING_DROPPED)
    unreadable: list[str] = []
    collection = Collection(*sources)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source in collection.split():
            rest = None if limit is None else limit - _num_seen(opened) - dropped.total()
            if rest == 0:
                break
            report_all = partial(_report_sum, report, sum(map(len, opened)))
            found = _open_file(source, folder, short_side, rest, report_all)
            if isinstance(found, Cache):
                opened.append(found)
            else:
                dropped.update(found.dropped)
                unreadable += found.unreadable
    except OSError as error:
        text = f"{folder}: cannot keep decoded photographs: {error.strerror or error}"
        raise TrainingError(text) from error
    if not opened:
        reasons = _left_out(dict(dropped), unreadable) or "there are none at all"
        raise TrainingError(f"{', '.join(sources)}: no usable photographs: {reasons}")
    cache = Cache.join(opened)
    dropped.update(cache.dropped)
    return replace(cache, dropped=dict(dropped), unreadable=(*cache.unreadable, *unreadable))


def _report_sum(report: Callable[[int], None], before: int, done: int) -> None:
    report(before + done)


def _num_seen(caches: Sequence[Cache]) -> int:
    return sum(len(cache) + sum(cache.dropped.values()) for cache in caches)


def _open_file(
    source: Collection,
    folder: Path,
    short_side: int,
    limit: int | None,
    report: Callable[[int], None],
) -> Cache | _Index:
    """Open the file of one source, filling it first where it is missing.

    Returns:
        Its photographs; what was left out instead, if none of them is of use.
    """
    if limit is not None:
        count = source.count()
        limit = None if count is not None and count <= limit else limit
    path = folder / f"{_key(source, short_side, limit)}.npz"
    cache = _open_filled(path)
    if cache is not None:
        return cache
    with _alone(path):
        cache = _open_filled(path)  # by another process, meanwhile
        if cache is not None:
            return cache
        found = _fill(islice(source, limit), path, short_side, report)
    return Cache.load(path) if found.names else found


def _open_filled(path: Path) -> Cache | None:
    """Open a file that was filled before; None if there is none, or if some of it is missing.

    A copy that broke off, or a machine that lost its power, leaves half a file.
    """
    try:
        cache = Cache.load(path)
    except (FileNotFoundError, ValueError, KeyError, EOFError, BadZipFile):
        return None
    return cache if cache.pixels[0].size == 3 * int(cache.shapes.prod(axis=1).sum()) else None


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Have the processes of a run wait while one of them fills the cache that all share."""
    lock = path.with_suffix(".lock")
    with FileLock(lock):
        try:
            yield
        finally:  # whoever waits for it has it open, and looks again whether the cache is filled
            with suppress(OSError):  # on Windows, as long as somebody waits
                lock.unlink()


@dataclass
class _Index:
    """What is known of the photographs that are in a cache so far."""

    shapes: list[tuple[int, ...]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    histogram: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros((2 * bins.AB_LIMIT,) * 2, np.int64)
    )
    dropped: dict[str, int] = field(default_factory=_NOTHING_DROPPED.copy)
    unreadable: list[str] = field(default_factory=list)

    def add(self, name: str, decoded: _CacheEntry | _LeftOut) -> None:
        """Count a photograph, or the reason why it is left out."""
        if isinstance(decoded, _LeftOut):
            self.dropped[decoded.reason] += 1
            self.unreadable += [decoded.text] if decoded.text else []
            return
        self.shapes.append(decoded.rgb.shape[:2])
        self.names.append(name)
        self.histogram += bins.ab_histogram(decoded.ab)

    def save(self, path: Path) -> None:
        """Write the index."""
        shapes = np.array(self.shapes, np.int64).reshape(-1, 2)
        ends = np.cumsum(shapes.prod(axis=1) * 3)
        np.savez(
            path,
            offsets=np.concatenate([[0], ends[:-1]]).astype(np.int64),
            shapes=shapes,
            names=np.array(self.names),
            histogram=self.histogram,
            dropped=json.dumps(self.dropped),
            unreadable=json.dumps(self.unreadable),
        )


def _fill(
    photographs: Iterator[Item],
    path: Path,
    short_side: int,
    report: Callable[[int], None],
) -> _Index:
    """Decode everything; the index appears last, so a half-filled cache is none.

    Returns:
        What was found. If no photograph is in it, there will be no cache.
    """
    # Where locks do not hold, on some network drives, another process may be filling the same
    # cache: each has files of its own until they are whole.
    pixels, index = (path.with_suffix(f".{os.getpid()}{end}") for end in (".rgb", ".npz"))
    try:
        with open(pixels, "wb") as file:
            found = _decode_into(file, photographs, short_side, report)
        if found.names:
            found.save(index)
            pixels.replace(path.with_suffix(".rgb"))
            index.replace(path)
        return found
    finally:
        pixels.unlink(missing_ok=True)
        index.unlink(missing_ok=True)


def _decode_into(
    file: BinaryIO,
    photographs: Iterator[Item],
    short_side: int,
    report: Callable[[int], None],
) -> _Index:
    index = _Index()
    with ThreadPoolExecutor() as pool:
        while chunk := list(islice(photographs, _CHUNK)):
            decoded = pool.map(lambda item: _decode(item[0], item[1], short_side), chunk)
            for (name, _), found in zip(chunk, decoded, strict=True):
                index.add(name, found)
                if isinstance(found, _CacheEntry):
                    file.write(found.rgb.tobytes())
            report(len(index.names))
    return index
