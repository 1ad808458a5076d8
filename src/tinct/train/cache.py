"""Photographs decoded once: a flat file of RGB bytes and an index, mapped while training."""

from __future__ import annotations

import hashlib
import json
import lzma
import os
import tarfile
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from glob import glob
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct import bins, color
from tinct.errors import InputError, TrainingError
from tinct.media import read_picture

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp", ".tif", ".tiff", ".bmp", ".avif"}
_VERSION = 2
_GREY_LIMIT = 5.0
"""A photograph with no |a| or |b| above this is grey (NonGrayMask of Zhang et al.)."""
_SMALLEST_SIDE = 32
_CHUNK = 256
"""Photographs that are decoded at the same time."""


@dataclass(frozen=True)
class Cache:
    """Decoded photographs.

    Attributes:
        pixels: All photographs one after another, flat uint8, mapped from disk.
        offsets: Where each starts in ``pixels``, (P,) int64.
        shapes: Height and width of each, (P, 2) int64.
        names: Where each came from.
        histogram: (256, 256) counts of their colours, see :func:`tinct.bins.ab_histogram`.
        dropped: How many files were left out, by reason.
        path: Of the index.
    """

    pixels: NDArray[np.uint8]
    offsets: NDArray[np.int64]
    shapes: NDArray[np.int64]
    names: tuple[str, ...]
    histogram: NDArray[np.int64]
    dropped: dict[str, int]
    path: Path

    @classmethod
    def load(cls, path: Path) -> Cache:
        """Map a filled cache.

        Args:
            path: Of the index; the pixels lie beside it.
        """
        with np.load(path) as index:
            return cls(
                np.memmap(path.with_suffix(".rgb"), np.uint8, "r"),
                index["offsets"],
                index["shapes"],
                tuple(index["names"].tolist()),
                index["histogram"],
                json.loads(str(index["dropped"])),
                path,
            )

    def __reduce__(self) -> tuple[Callable[[Path], Cache], tuple[Path]]:
        """Send the path instead of the pixels to a process that makes batches."""
        return Cache.load, (self.path,)

    def __len__(self) -> int:
        """Return the number of photographs."""
        return len(self.offsets)

    def photograph(self, index: int) -> NDArray[np.uint8]:
        """Return photograph ``index`` as (H, W, 3) uint8 RGB, a view of the file."""
        height, width = (int(side) for side in self.shapes[index])
        start = int(self.offsets[index])
        return self.pixels[start : start + height * width * 3].reshape(height, width, 3)


def expand_sources(patterns: tuple[str, ...]) -> list[Path]:
    """Return the folders and tar files that the patterns name.

    Raises:
        TrainingError: A pattern names nothing.
    """
    sources: list[Path] = []
    for pattern in patterns:
        found = sorted(glob(str(Path(pattern).expanduser())))
        if not found:
            raise TrainingError(f"{pattern}: no such folder or tar file of photographs")
        sources += [Path(item) for item in found]
    return sources


def encoded_photographs(source: Path) -> Iterator[tuple[str, bytes]]:
    """Yield name and bytes of each photograph of a folder or a tar file, in order.

    Folders are searched to any depth. A file that cannot be read comes with no bytes.

    Raises:
        TrainingError: The source is neither, or its tar file is damaged.
    """
    if source.is_dir():
        for path in _files(source):
            yield str(path.relative_to(source)), _read(path)
        return
    try:
        with tarfile.open(source) as archive:
            for member in archive:
                if member.isfile() and Path(member.name).suffix.lower() in SUFFIXES:
                    stream = archive.extractfile(member)
                    yield member.name, stream.read() if stream else b""
    except (OSError, EOFError, tarfile.TarError, zlib.error, lzma.LZMAError) as error:
        reason = str(error).partition("\n")[0].rstrip(":")
        text = f"{source}: not a folder or tar file of photographs: {reason}"
        raise TrainingError(text) from error


def _files(folder: Path) -> list[Path]:
    found = sorted(folder.rglob("*"))
    return [path for path in found if path.suffix.lower() in SUFFIXES and path.is_file()]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


def _decode(data: bytes, short_side: int) -> NDArray[np.uint8] | str:
    """Return the photograph, reduced, or the reason why it is left out."""
    try:
        picture = read_picture(data)
    except InputError:
        return "unreadable"
    if any(text.startswith("damaged") for text in picture.warnings):
        return "unreadable"  # a part of it is: the rest would teach that half a photograph is grey
    pixels = picture.to_rgb().pixels[..., :3]
    rgb: NDArray[np.uint8] = pixels if pixels.dtype == np.uint8 else _to_8_bit(pixels)
    height, width = rgb.shape[:2]
    if min(height, width) < _SMALLEST_SIDE:
        return "too small"
    scale = short_side / min(height, width)
    if scale < 1:
        size = (max(round(width * scale), short_side), max(round(height * scale), short_side))
        rgb = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA).astype(np.uint8)
    if np.abs(_ab(rgb)).max() <= _GREY_LIMIT:
        return "grey"
    return rgb


def _to_8_bit(pixels: NDArray[np.uint16]) -> NDArray[np.uint8]:
    return ((pixels.astype(np.uint32) + 128) // 257).astype(np.uint8)


def _ab(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    small = cv2.resize(rgb, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)
    return color.rgb_to_lab(small.astype(np.float32) / np.float32(255))[..., 1:]


def _key(sources: list[Path], short_side: int, limit: int | None) -> str:
    """Return a hash of what a cache holds: two sets of photographs shall never share one."""
    digest = hashlib.sha256(f"{_VERSION} {short_side} {limit}\n".encode())
    for source in sources:
        for path in _files(source) if source.is_dir() else [source]:
            facts = path.stat()
            name = os.fsencode(path.relative_to(source.parent))
            digest.update(b"%s %d %d\n" % (name, facts.st_size, facts.st_mtime_ns))
    return digest.hexdigest()[:16]


def open_cache(
    patterns: tuple[str, ...],
    folder: Path,
    short_side: int,
    *,
    limit: int | None = None,
    report: Callable[[int], None] = lambda done: None,
) -> Cache:
    """Open the cache of some photographs, filling it first where it is missing.

    Args:
        patterns: Folders or tar files.
        folder: Where caches lie; each set of photographs has one of its own in it.
        short_side: Photographs are reduced to this short side.
        limit: Look only at the first so many photographs.
        report: Called with the number of photographs decoded so far.

    Raises:
        TrainingError: A source is missing, or holds no usable photograph; or the cache cannot be
            written.
    """
    sources = expand_sources(patterns)
    if not sources:
        raise TrainingError("no photographs given: set data.train to folders or tar files")
    try:
        path = folder / f"{_key(sources, short_side, limit)}.npz"
        if not (path.exists() and path.with_suffix(".rgb").exists()):
            folder.mkdir(parents=True, exist_ok=True)
            photographs = (item for source in sources for item in encoded_photographs(source))
            dropped = _fill(islice(photographs, limit), path, short_side, report)
            if not path.exists():
                reasons = ", ".join(f"{count} {reason}" for reason, count in dropped.items())
                raise TrainingError(f"{', '.join(patterns)}: no usable photographs: {reasons}")
        return Cache.load(path)
    except OSError as error:
        text = f"{folder}: cannot keep decoded photographs: {error.strerror or error}"
        raise TrainingError(text) from error


@dataclass
class _Index:
    """What is known of the photographs that are in a cache so far."""

    shapes: list[tuple[int, ...]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    histogram: NDArray[np.int64] = field(
        default_factory=lambda: np.zeros((2 * bins.AB_LIMIT,) * 2, np.int64)
    )
    dropped: dict[str, int] = field(
        default_factory=lambda: {"unreadable": 0, "too small": 0, "grey": 0}
    )

    def add(self, name: str, decoded: NDArray[np.uint8] | str) -> None:
        """Count a photograph, or the reason why it is left out."""
        if isinstance(decoded, str):
            self.dropped[decoded] += 1
            return
        self.shapes.append(decoded.shape[:2])
        self.names.append(name)
        self.histogram += bins.ab_histogram(_ab(decoded))

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
        )


def _fill(
    photographs: Iterator[tuple[str, bytes]],
    path: Path,
    short_side: int,
    report: Callable[[int], None],
) -> dict[str, int]:
    """Decode everything; the index appears last, so a half-filled cache is none.

    Returns:
        How many files were left out, by reason. If no other is left, there will be no cache.
    """
    # Another process may be filling the same cache: each has files of its own until they are whole.
    pixels, index = (path.with_suffix(f".{os.getpid()}{end}") for end in (".rgb", ".npz"))
    try:
        with open(pixels, "wb") as file:
            found = _decode_into(file, photographs, short_side, report)
        if found.names:
            found.save(index)
            pixels.replace(path.with_suffix(".rgb"))
            index.replace(path)
        return found.dropped
    finally:
        pixels.unlink(missing_ok=True)
        index.unlink(missing_ok=True)


def _decode_into(
    file: BinaryIO,
    photographs: Iterator[tuple[str, bytes]],
    short_side: int,
    report: Callable[[int], None],
) -> _Index:
    index = _Index()
    with ThreadPoolExecutor() as pool:
        while chunk := list(islice(photographs, _CHUNK)):
            decoded = pool.map(lambda item: _decode(item[1], short_side), chunk)
            for (name, _), rgb in zip(chunk, decoded, strict=True):
                index.add(name, rgb)
                if not isinstance(rgb, str):
                    file.write(rgb.tobytes())
            report(len(index.names))
    return index
