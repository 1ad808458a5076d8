"""Colour photographs to evaluate on: a folder of pictures, a tar shard, or a folder of shards."""

from __future__ import annotations

import hashlib
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np
from PIL import Image

from tinct.errors import InputError
from tinct.media import read_picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

PICTURE_SUFFIXES = frozenset({".webp", ".jpg", ".jpeg", ".png", ".bmp", ".ppm", ".tif", ".tiff"})
SHARD_SUFFIX = ".tar"


@dataclass(frozen=True, slots=True)
class Photograph:
    """One colour photograph."""

    name: str  # as in the folder or shard
    rgb: NDArray[np.uint8]  # (H, W, 3), sRGB-encoded


class Photographs:
    """The photographs of a folder or shard, in the order of their names (in a shard: of the file).

    Iterating reads them one by one. What cannot be read is left out of the iteration and named in
    ``broken``; ``sha256`` is over the names and bytes of all files read so far, broken ones too.
    """

    def __init__(self, *sources: str | Path, limit: int | None = None) -> None:
        """Choose the photographs.

        Args:
            sources: Folders, searched through for pictures and shards, or shards.
            limit: Stop after this many photographs; None for all.

        Raises:
            InputError: A source is missing or has nothing to offer.
        """
        self.source = " ".join(str(source) for source in sources)  # as the user named it
        self.limit = limit
        self.broken: list[str] = []  # "NAME: reason"
        self._digest = hashlib.sha256()
        self._files = [path for source in sources for path in _find_files(Path(source))]

    def __len__(self) -> int:
        """Count the photographs without decoding them, so that broken ones count too."""
        number = sum(_num_pictures(path) for path in self._files)
        return number if self.limit is None else min(number, self.limit)

    @property
    def sha256(self) -> str:
        """Hash over the names and contents of the files read so far, hexadecimal."""
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[Photograph]:
        """Read the photographs, from the first one on."""
        self.broken.clear()
        self._digest = hashlib.sha256()
        num_read = 0
        for name, data in _contents(self._files):
            if num_read == self.limit:
                return
            self._digest.update(f"{name}\0{len(data)}\0".encode())
            self._digest.update(data)
            try:
                rgb = read_rgb(data, name)
            except InputError as error:
                self.broken.append(str(error))
                continue
            num_read += 1
            yield Photograph(name, rgb)


def read_rgb(data: bytes, name: str) -> NDArray[np.uint8]:
    """Decode a picture to sRGB-encoded RGB, (H, W, 3) uint8; 16 bits are rounded to 8.

    Raises:
        InputError: The picture cannot be decoded whole: half a truth is none.
    """
    picture = read_picture(data, name=name)
    if picture.warnings:
        raise InputError(f"{name}: {picture.warnings[0]}")
    pixels = picture.to_rgb().pixels[..., :3]
    if pixels.dtype == np.uint16:
        pixels = np.rint(pixels / 257.0)
    return pixels.astype(np.uint8)


def square(rgb: NDArray[np.uint8], size: int) -> NDArray[np.uint8]:
    """Crop the centre of a picture to a square and resize it, (size, size, 3).

    Resizing is Pillow's bicubic, whose filter widens when it shrinks, on the encoded values.
    """
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    cropped = Image.fromarray(rgb[top : top + side, left : left + side])
    return np.asarray(cropped.resize((size, size), Image.Resampling.BICUBIC))


def _find_files(source: Path) -> list[Path]:
    if not source.exists():
        raise InputError(f"{source}: no such file or folder")
    if source.is_file() and source.suffix != SHARD_SUFFIX:
        raise InputError(f"{source}: neither a folder nor a tar shard")
    wanted = {*PICTURE_SUFFIXES, SHARD_SUFFIX}
    found = [source] if source.is_file() else sorted(source.rglob("*"))
    files = [path for path in found if path.suffix.lower() in wanted and path.is_file()]
    if not files:
        raise InputError(f"{source}: holds no photographs and no tar shards")
    return files


def _num_pictures(path: Path) -> int:
    return sum(1 for _ in _shard_members(path)) if path.suffix == SHARD_SUFFIX else 1


def _contents(files: list[Path]) -> Iterator[tuple[str, bytes]]:
    for path in files:
        if path.suffix == SHARD_SUFFIX:
            yield from _shard_contents(path)
        else:
            yield path.name, path.read_bytes()


def _shard_contents(path: Path) -> Iterator[tuple[str, bytes]]:
    for name, file in _shard_members(path):
        yield name, file.read()


def _shard_members(path: Path) -> Iterator[tuple[str, IO[bytes]]]:
    try:
        with tarfile.open(path) as shard:
            for member in shard:
                file = shard.extractfile(member)
                if file and Path(member.name).suffix.lower() in PICTURE_SUFFIXES:
                    yield member.name, file
    except (tarfile.TarError, OSError) as error:
        raise InputError(f"{path}: not a readable tar shard: {error}") from error
