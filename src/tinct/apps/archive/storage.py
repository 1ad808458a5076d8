"""Files by path or by URL: on disks as everywhere in tinct, in object stores through fsspec.

A file is there whole or not at all. Object stores give it its name when the last byte is there; on
what else fsspec reaches, a file is written under another name and renamed.
"""

from __future__ import annotations

import errno
import hashlib
import os
import posixpath
import re
import secrets
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fsspec

from tinct import files
from tinct.errors import InputError, MissingExtraError, OptionError, OutputError, TinctError
from tinct.files import make_folder, open_source, reason_of, write_atomically, written_whole

if TYPE_CHECKING:
    from collections.abc import Iterator

TEMPORARY = re.compile(r"\.tinct-[0-9a-f]{16}\.tmp")
"""Names of files that are not whole yet, or never will be, see ``tinct.files``."""

_URL = re.compile(r"[a-zA-Z][a-zA-Z0-9+.-]+://")
_OBJECT_STORES = {"s3", "s3a", "gs", "gcs", "az", "abfs", "abfss", "adl", "oci", "oss", "memory"}
_PACKAGES = {"gs": "gcsfs", "gcs": "gcsfs", "az": "adlfs", "abfs": "adlfs", "sftp": "paramiko"}


def is_url(name: str) -> bool:
    """Tell a URL from a path."""
    return _URL.match(name) is not None and not name.startswith("file://")


def local_path(name: str) -> Path:
    """Return the path that a name stands for, which is no URL of something else than a file."""
    return Path(name.removeprefix("file://"))


def join(folder: str, place: str) -> str:
    """Name a file below a folder.

    Args:
        folder: A path or a URL.
        place: Where below it, with ``/`` between folders.
    """
    if is_url(folder):
        return f"{folder.rstrip('/')}/{place}"
    return os.path.join(local_path(folder), *place.split("/"))


def open_url(url: str) -> tuple[Any, str]:
    """Return the file system of a URL, and the path on it.

    Raises:
        MissingExtraError, OptionError: There is no way to reach it.
    """
    kind = url.partition("://")[0].lower()
    try:
        system, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        if kind in ("s3", "s3a"):
            raise MissingExtraError(f"{url} (s3fs)", "s3") from error
        package = _PACKAGES.get(kind)
        hint = f"pip install {package}" if package else str(error).splitlines()[0]
        raise OptionError(f"{url}: needs a package that is not installed: {hint}") from error
    except ValueError as error:
        raise OptionError(f"{url}: {str(error).splitlines()[0]}") from error
    system.invalidate_cache()  # a listing that it remembers would grow, and grow old
    return system, path


def read(name: str) -> bytes:
    """Read a file.

    Raises:
        InputError: It cannot be read.
    """
    if not is_url(name):
        with open_source(local_path(name), name) as file:
            try:
                return file.read()
            except OSError as error:
                raise InputError(f"{name}: {reason_of(error)}") from error
    try:
        system, path = open_url(name)
        data: bytes = system.cat_file(path)
    except TinctError:
        raise
    except FileNotFoundError as error:
        raise InputError(f"{name}: no such file") from error
    except Exception as error:  # every store has errors of its own
        raise InputError(f"{name}: {_first_line(error)}") from error
    return data


def write(name: str, data: bytes, *, overwrite: bool = True) -> None:
    """Write a file, whole or not at all; folders are made.

    Args:
        name: A path or a URL.
        data: What is in it.
        overwrite: Whether a file of that name may be replaced; object stores do so in any case.

    Raises:
        OutputError: It cannot be written.
    """
    if not is_url(name):
        path = local_path(name)
        make_folder(path.parent)
        write_atomically(data, path, overwrite=overwrite)
        return
    with _named_at_last(name) as (system, path_on_it):
        system.pipe_file(path_on_it, data)


@contextmanager
def _named_at_last(url: str) -> Iterator[tuple[Any, str]]:
    """Let a file be written that has its name when it is whole.

    Args:
        url: Its name.

    Yields:
        A file system, and the path on it to write to.

    Raises:
        OutputError: It could not be written.
    """
    try:
        system, path = open_url(url)
        if url.partition("://")[0].lower() in _OBJECT_STORES:
            yield system, path
            return
        folder = posixpath.dirname(path)
        temporary = f"{folder}/.tinct-{secrets.token_hex(8)}.tmp"
        system.makedirs(folder, exist_ok=True)
        try:
            yield system, temporary
            system.mv(temporary, path)
        except BaseException:
            with suppress(Exception):
                system.rm_file(temporary)
            raise
    except TinctError:
        raise
    except Exception as error:
        raise OutputError(f"{url}: {_first_line(error)}") from error


def fetch(name: str, path: Path) -> None:
    """Copy a file from elsewhere onto a disk.

    Raises:
        InputError: It cannot be read.
        OutputError: There is no room for it.
    """
    system, path_on_it = open_url(name)
    try:
        system.get_file(path_on_it, str(path))
    except FileNotFoundError as error:
        raise InputError(f"{name}: no such file") from error
    except Exception as error:  # every store has errors of its own
        if getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT):
            raise OutputError(f"{path.parent}: {reason_of(error)}") from error
        raise InputError(f"{name}: {_first_line(error)}") from error


def put(path: Path, name: str, *, overwrite: bool) -> None:
    """Move a file from a disk to where it belongs, whole or not at all; folders are made.

    Args:
        path: The file; it is gone afterwards.
        name: A path or a URL.
        overwrite: As of ``write``.

    Raises:
        OutputError: It cannot be put there.
    """
    if not is_url(name):
        target = local_path(name)
        make_folder(target.parent)
        with written_whole(target, overwrite=overwrite) as temporary:
            shutil.move(path, temporary)
        return
    with _named_at_last(name) as (system, path_on_it):
        system.put_file(str(path), path_on_it)
    path.unlink()


def exists(name: str) -> bool:
    """Tell whether there is a file of a name.

    Raises:
        OutputError: The store does not answer.
    """
    if not is_url(name):
        return os.path.isfile(local_path(name))
    system, path = open_url(name)
    try:
        return bool(system.isfile(path))
    except Exception as error:
        raise OutputError(f"{name}: {_first_line(error)}") from error


def digest_of(name: str) -> str:
    """Return the SHA-256 of the content of a file, in hexadecimal digits.

    Raises:
        InputError: It cannot be read.
    """
    if not is_url(name):
        return files.digest_of(local_path(name))
    system, path = open_url(name)
    try:
        with system.open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except Exception as error:  # every store has errors of its own
        raise InputError(f"{name}: {_first_line(error)}") from error


def is_same(first: str, second: str) -> bool:
    """Tell whether two names are of one file."""
    if first == second or is_url(first) or is_url(second):
        return first == second
    try:
        return os.path.samefile(local_path(first), local_path(second))
    except OSError:  # one is not there
        return False


def remove(name: str) -> None:
    """Remove a file, unless it has gone."""
    with suppress(FileNotFoundError):
        if is_url(name):
            system, path = open_url(name)
            system.rm_file(path)
        else:
            os.unlink(local_path(name))


def names_in(folder: str) -> list[str]:
    """Return the names of what is in a folder, in order; of none, nothing.

    Raises:
        OutputError: It cannot be listed.
    """
    try:
        if not is_url(folder):
            return sorted(os.listdir(local_path(folder)))
        system, path = open_url(folder)
        return sorted(posixpath.basename(name) for name in system.ls(path, detail=False))
    except (FileNotFoundError, NotADirectoryError):
        return []
    except TinctError:
        raise
    except Exception as error:
        raise OutputError(f"{folder}: {_first_line(error)}") from error


def clear_temporary(folder: str, before: float) -> None:
    """Remove what a process that was killed has left half written in a folder on a disk.

    Args:
        folder: Not those below it.
        before: Files changed later are those of a process at work; seconds since 1970.
    """
    if is_url(folder):
        return
    for name in names_in(folder):
        if TEMPORARY.fullmatch(name):
            path = local_path(folder) / name
            with suppress(OSError):
                if path.stat().st_mtime < before:
                    path.unlink()


def _first_line(error: Exception) -> str:
    return reason_of(error).splitlines()[0].strip() or type(error).__name__
