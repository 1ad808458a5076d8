"""Photographs, still encoded, from wherever they are kept; for training and evaluation alike.

A source is one of:

* a folder, searched to any depth for pictures and tar files (torchvision's layout of ImageNet,
  ``val/n01440764/*.JPEG``, is such a folder), a picture, or a tar file, plain or compressed;
* a pattern of those, ``shards/*.tar`` or ``shard-{000..127}.tar``;
* the URL of a tar file, ``https://.../shard-{000..127}.tar``;
* a data set of Hugging Face, see :mod:`tinct.lab.data.hugging_face`.
"""

from __future__ import annotations

import lzma
import os
import tarfile
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from glob import glob
from pathlib import Path, PurePosixPath
from typing import Protocol, Self

from tinct.errors import InputError
from tinct.files import file_facts, open_source, reason_of
from tinct.lab.data import hugging_face
from tinct.lab.data.remote import WebStream
from tinct.photographs.formats import FORMATS

Item = tuple[str, bytes | InputError]
"""Name and bytes of a photograph, or the reason why they cannot be had."""

_TAR_SUFFIXES = (".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz")
_MOST_SHARDS = 1_000_000
"""So many may stand behind one pair of braces; more are a slip of the finger."""


class _PhotographSource(Protocol):
    """One source of photographs."""

    def __iter__(self) -> Iterator[Item]: ...

    def count(self) -> int | None:
        """Return the number of photographs; None where it takes reading all of them."""

    def fingerprint(self) -> bytes:
        """Return what no other set of photographs has, without reading them."""

    @property
    def files(self) -> Sequence[Path]:
        """The files of this machine that are read; none of the network's."""


class Collection:
    """The photographs of some sources, one source after another.

    Iterating gives ``(name, bytes)`` in an order that never changes: by name in a folder, as they
    lie in a tar file or data set. What cannot be read comes with an :class:`InputError` instead of
    bytes, so that whoever reads can name and count it. A tar file that is damaged or cut off ends
    the iteration with an ``InputError``: what else was in it, nobody knows.
    """

    def __init__(self, *sources: str | Path) -> None:
        """Find the sources.

        Raises:
            InputError: One is missing or holds no photographs, or cannot be reached.
            MissingExtraError: One needs a library that is not installed.
        """
        self._sources = [found for source in sources for found in _find(str(source))]

    def __iter__(self) -> Iterator[Item]:
        """Read all photographs, from the first one on."""
        for source in self._sources:
            yield from source

    def split(self) -> list[Collection]:
        """Return a collection of each of the sources."""
        parts = [Collection() for _ in self._sources]
        for part, source in zip(parts, self._sources, strict=True):
            part._sources = [source]
        return parts

    def count(self) -> int | None:
        """Return the number of photographs, unreadable ones too; None for tar files on the web."""
        counts = [source.count() for source in self._sources]
        return None if None in counts else sum(count for count in counts if count)

    @property
    def files(self) -> list[Path]:
        """The files that are read, as far as they are on this machine and known by name."""
        return [file for source in self._sources for file in source.files]

    def fingerprint(self) -> bytes:
        """Return bytes that differ from those of any other set of photographs.

        They hold names, sizes and times of change of local files; size and version, as the server
        tells them, of a URL; revision, split and column of a data set.
        """
        return b"".join(source.fingerprint() for source in self._sources)


def is_picture(name: str) -> bool:
    """Tell whether a file belongs to a collection, by its suffix in any case."""
    return PurePosixPath(name).suffix.lower() in FORMATS


def is_archive(name: str) -> bool:
    """Tell whether a file is one of photographs in a tar file, by its suffix in any case."""
    return name.lower().endswith(_TAR_SUFFIXES)


def _find(source: str) -> Iterable[_PhotographSource]:
    if source.startswith(hugging_face.PREFIX):
        return [hugging_face.HuggingFacePhotographs(source)]
    path = Path(source).expanduser()
    if path.exists():  # its name may look like a pattern
        return [_Files(path)]
    return [found for pattern in _expand_braces(source) for found in _find_pattern(pattern)]


def _expand_braces(source: str) -> list[str]:
    if "{" not in source:
        return [source]
    import bracex

    try:
        return bracex.expand(source, limit=_MOST_SHARDS)
    except bracex.ExpansionLimitException as error:
        raise InputError(f"{source}: stands for more than {_MOST_SHARDS} files") from error


def _find_pattern(pattern: str) -> list[_PhotographSource]:
    if pattern.startswith(("http://", "https://")):
        return [_Shard(pattern)]
    found = sorted(glob(str(Path(pattern).expanduser())))
    if not found:
        raise InputError(f"{pattern}: no such folder or tar file of photographs")
    return [_Files(Path(item)) for item in found]


class _Files:
    """A folder, a tar file or a picture."""

    def __init__(self, path: Path) -> None:
        self.path, self.base = path, path if path.is_dir() else path.parent
        self.files = _list_files(path) if path.is_dir() else [path]
        if not self.files:
            raise InputError(f"{path}: holds no photographs and no tar files")

    def __iter__(self) -> Iterator[Item]:
        for file in self.files:
            if is_picture(file.name):
                name = file.relative_to(self.base).as_posix()
                yield name, _read(file, name)
            else:
                yield from _read_tar(file)

    def count(self) -> int:
        return sum(1 if is_picture(file.name) else _count_tar(file) for file in self.files)

    def fingerprint(self) -> bytes:
        return b"".join(file_facts(file, self.path.parent) for file in self.files)


def _list_files(folder: Path) -> list[Path]:
    """Find pictures and tar files; a link to nothing is one too, a linked folder is not entered."""

    def refuse(error: OSError) -> None:
        raise InputError(f"{error.filename}: {reason_of(error)}") from error

    return sorted(
        Path(parent, name)
        for parent, _, names in os.walk(folder, onerror=refuse)
        for name in names
        if is_picture(name) or is_archive(name)
    )


def _read(path: Path, name: str) -> bytes | InputError:
    try:
        with open_source(path, name) as file:
            return file.read()
    except InputError as error:
        return error
    except OSError as error:
        return InputError(f"{name}: {reason_of(error)}")


class _Shard:
    """A tar file on the web; it is read as it comes and nothing of it is kept."""

    files: Sequence[Path] = ()

    def __init__(self, url: str) -> None:
        self.url = url

    def __iter__(self) -> Iterator[Item]:
        with (
            WebStream(self.url) as stream,
            _one_line(self.url),
            tarfile.open(fileobj=stream, mode="r|*", tarinfo=_StrictTarInfo) as archive,
        ):
            yield from _members(archive)

    def count(self) -> None:
        return None

    def fingerprint(self) -> bytes:
        with WebStream(self.url) as stream:
            return f"{self.url} {stream.size} {stream.version}\n".encode()


class _StrictTarInfo(tarfile.TarInfo):
    """The head of a member; one that is damaged or missing is an error.

    tarfile takes both for the end of the archive, and whatever follows would be lost unnoticed.
    """

    @classmethod
    def fromtarfile(cls, archive: tarfile.TarFile) -> Self:
        try:
            return super().fromtarfile(archive)
        except tarfile.EOFHeaderError:  # type: ignore[attr-defined]  # the mark at a proper end
            raise
        except tarfile.HeaderError as error:
            at = f"at byte {archive.offset:,}"
            raise tarfile.ReadError(f"{error} {at}, before the end mark") from error


@contextmanager
def _one_line(name: str) -> Iterator[None]:
    try:
        yield
    except (OSError, EOFError, tarfile.TarError, zlib.error, lzma.LZMAError) as error:
        reason = str(error).partition("\n")[0].rstrip(":")
        text = f"{name}: damaged, or not a folder or tar file of photographs: {reason}"
        raise InputError(text) from error


def _read_tar(path: Path) -> Iterator[Item]:
    with _one_line(str(path)), tarfile.open(path, tarinfo=_StrictTarInfo) as archive:
        yield from _members(archive)


def _count_tar(path: Path) -> int:
    with _one_line(str(path)), tarfile.open(path, tarinfo=_StrictTarInfo) as archive:
        return sum(1 for _ in _picture_members(archive))


def _picture_members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    return (member for member in archive if is_picture(member.name) and not member.isdir())


def _members(archive: tarfile.TarFile) -> Iterator[Item]:
    for member in _picture_members(archive):
        file = archive.extractfile(member) if member.isfile() else None
        yield member.name, file.read() if file else InputError(f"{member.name}: a link, not a file")
