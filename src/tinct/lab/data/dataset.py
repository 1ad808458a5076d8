"""Color photographs to evaluate on."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from tinct.errors import InputError, OptionError
from tinct.lab.data.collection import Collection
from tinct.photographs import read_picture

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from tinct.lab.evaluate.result import Fit


@dataclass(frozen=True, slots=True)
class Photograph:
    """One color photograph."""

    name: str  # as in the folder (with the folders below it), shard or data set
    rgb: NDArray[np.uint8]  # (H, W, 3), sRGB-encoded


class Photographs:
    """The photographs of some sources, see :mod:`tinct.lab.data.collection`, in their order.

    Iterating reads them one by one. What cannot be read is left out of the iteration and named in
    ``broken``. ``sha256`` is over file names, without folders, and bytes of everything read so
    far, broken ones too: the same photographs in the same order have the same one, be they in a
    folder, a tar file or a data set.
    """

    def __init__(
        self, *sources: str | Path, limit: int | None = None, seed: int | None = None
    ) -> None:
        """Choose the photographs.

        Args:
            sources: Folders, tar files, URLs of tar files, ``hf:`` data sets.
            limit: Stop after this many photographs; None for all.
            seed: Take not the first ones but a random sample of that many, in their order; the same
                for the same seed. They are counted first.

        Raises:
            InputError: A source is missing, out of reach, or has nothing to offer.
            MissingExtraError: A source needs a library that is not installed.
            OptionError: A seed without a limit.
        """
        if seed is not None and limit is None:
            raise OptionError("--seed takes a random sample: --limit tells of how many photographs")
        self.source = " ".join(str(source) for source in sources)  # as the user named it
        self.limit, self.seed = limit, seed
        self.broken: list[str] = []  # "NAME: reason"
        self._digest = hashlib.sha256()
        self._collection = Collection(*sources)

    @property
    def total(self) -> int | None:
        """As :func:`len`, but None where counting would mean to read, or to download, them all."""
        number = self._collection.count()
        if number is None or self.limit is None:
            return number
        return min(number, self.limit)

    def __len__(self) -> int:
        """Count the photographs without decoding them, so that broken ones count too."""
        known = self.total
        return sum(1 for _ in islice(self._collection, self.limit)) if known is None else known

    @property
    def files(self) -> list[Path]:
        """The files that are read, as far as they are on this machine and known by name."""
        return self._collection.files

    @property
    def sha256(self) -> str:
        """Hash over the names and contents of the files read so far, hexadecimal."""
        return self._digest.hexdigest()

    def __iter__(self) -> Iterator[Photograph]:
        """Read the photographs, from the first one on."""
        self.broken.clear()
        self._digest = hashlib.sha256()
        num_read = 0
        for name, data in self._chosen():
            self._digest.update(_identity(name, data))
            try:
                rgb = read_rgb(data, name)
            except InputError as error:
                self.broken.append(str(error))
                continue
            num_read += 1
            yield Photograph(name, rgb)
            if num_read == self.limit:
                return

    def _chosen(self) -> Iterator[tuple[str, bytes | InputError]]:
        """Yield the files to read, all of them without a seed."""
        if self.seed is None or self.limit is None:
            yield from self._collection
            return
        count = self._collection.count()
        number = sum(1 for _ in self._collection) if count is None else count
        order = np.random.default_rng(self.seed).permutation(number)
        chosen = frozenset(order[: self.limit].tolist())
        for index, item in enumerate(self._collection):
            if index in chosen:
                yield item


def _identity(name: str, data: bytes | InputError) -> bytes:
    content = b"" if isinstance(data, InputError) else data
    head = f"{PurePosixPath(name).name}\0{len(content)}\0"
    return head.encode(errors="surrogateescape") + content


def read_rgb(data: bytes | InputError, name: str) -> NDArray[np.uint8]:
    """Decode a picture to sRGB-encoded RGB, (H, W, 3) uint8; 16 bits are rounded to 8.

    Raises:
        InputError: That instead of bytes was given, or the picture cannot be decoded whole: half
            a truth is none.
    """
    if isinstance(data, InputError):
        raise data
    picture = read_picture(data, name=name)
    if picture.warnings:
        raise InputError(f"{name}: {picture.warnings[0]}")
    pixels = picture.to_rgb().pixels[..., :3]
    if pixels.dtype == np.uint16:
        pixels = np.rint(pixels / 257.0)
    return pixels.astype(np.uint8)


def square(rgb: NDArray[np.uint8], size: int, fit: Fit = "crop") -> NDArray[np.uint8]:
    """Bring a picture to a square, (size, size, 3), of its center or, stretched, of all of it.

    Resizing is Pillow's bicubic, whose filter widens when it shrinks, on the encoded values.
    """
    height, width = rgb.shape[:2]
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    if fit == "crop":
        rgb = rgb[top : top + side, left : left + side]
    return np.asarray(Image.fromarray(rgb).resize((size, size), Image.Resampling.BICUBIC))
