"""Bytes from files, and bytes to files in one piece or not at all."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from tinct.errors import InputError, OptionError, OutputError, TinctError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_REASONS = {
    errno.ENOENT: "no such file",
    errno.EISDIR: "a folder, not a file",
    errno.ENOTDIR: "no such file",
    errno.EACCES: "no permission",
    errno.EPERM: "no permission",
    errno.EROFS: "the disk can only be read",
    errno.ENOSPC: "no space left on the disk",
    errno.EDQUOT: "no space left on the disk",
    errno.EFBIG: "larger than a file may be here",
    errno.ENAMETOOLONG: "the name is too long",
}


def reason_of(error: Exception) -> str:
    """Say in a few words what the system, or a library such as FFmpeg, reports."""
    known = _REASONS.get(getattr(error, "errno", None) or 0)
    return known or getattr(error, "strerror", None) or str(error) or type(error).__name__


def digest_of(path: str | Path) -> str:
    """Return the SHA-256 of the content of a file, in hexadecimal digits.

    Raises:
        InputError: It cannot be read.
    """
    try:
        with open(path, "rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"{path}: {reason_of(error)}") from error


def open_source(source: str | Path, name: str) -> BinaryIO:
    """Open a file for reading.

    Raises:
        InputError: There is no such file, it may not be read, or it is a folder or a device.
    """
    try:
        file = open(source, "rb")  # noqa: SIM115 - the caller closes it
    except OSError as error:
        raise InputError(f"{name}: {reason_of(error)}") from error
    except ValueError as error:  # a zero byte in the name
        raise InputError(f"{name}: no such file") from error
    mode = os.fstat(file.fileno()).st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISFIFO(mode)):
        file.close()
        raise InputError(f"{name}: a device, not a file")
    return file


def read_bytes(path: str | Path) -> bytes:
    """Read a file as a whole.

    Raises:
        InputError: It cannot be read.
    """
    try:
        with open_source(path, str(path)) as file:
            return file.read()
    except OSError as error:
        raise InputError(f"{path}: {reason_of(error)}") from error


def is_pipe(source: str | Path) -> bool:
    """Tell whether a name is that of a named pipe, whose reader waits for as long as it takes."""
    try:
        return stat.S_ISFIFO(os.stat(source).st_mode)
    except (OSError, ValueError):  # there is none, or it is no name of a file
        return False


def file_facts(path: Path, base: Path) -> bytes:
    """Return name below ``base``, size and time of change: what differs if the file does.

    Raises:
        InputError: The facts cannot be had.
    """
    try:
        facts = path.stat() if path.exists() else path.lstat()  # a link to nothing has some too
    except OSError as error:
        raise InputError(f"{path}: {reason_of(error)}") from error
    name = os.fsencode(path.relative_to(base))
    return b"%s %d %d\n" % (name, facts.st_size, facts.st_mtime_ns)


def check_not_read(
    targets: Iterable[str | Path | None], sources: Iterable[str | Path | None]
) -> None:
    """Check that no file that is written is one that is read, under whatever name.

    Args:
        targets: What is written; None, and what is no file yet, are passed over.
        sources: What is read; so is what is no file.

    Raises:
        OptionError: One is.
    """
    read = {_identity(source) for source in sources if source is not None} - {None}
    for target in targets:
        if target is not None and _identity(target) in read:
            raise OptionError(f"{target}: a file that is read; choose another name")


def _identity(path: str | Path) -> tuple[int, int] | None:
    try:
        facts = os.stat(path)
    except (OSError, ValueError):  # there is none, or it is no name of a file
        return None
    return (facts.st_dev, facts.st_ino) if stat.S_ISREG(facts.st_mode) else None


def check_can_write(path: str | Path, sources: Iterable[str | Path | None] = ()) -> None:
    """Find out before the work whether a file can be written, and is none that is read.

    Args:
        path: The file; a device or a pipe, which stays where it is, may be named as well.
        sources: What is read; so is what is no file.

    Raises:
        OptionError: The file is read.
        OutputError: It is a folder, or its own is missing or may not be written into.
    """
    check_not_read([path], sources)
    target = Path(os.path.realpath(path))
    if target.is_dir():
        raise OutputError(f"{path}: a folder, not a file")
    if target.exists() and not target.is_file():
        return
    if not target.parent.is_dir():
        raise OutputError(f"{path}: there is no such folder")
    if not os.access(target.parent, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: no permission to write there")


def make_folder(path: Path) -> None:
    """Make a folder for results, unless it is there, before the work on them begins.

    Raises:
        OutputError: It cannot be made, or nothing can be written into it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise OutputError(f"{path}: a file is in the way of this folder") from error
    except OSError as error:
        raise OutputError(f"{path}: cannot make the folder ({reason_of(error)})") from error
    if not os.access(path, os.W_OK | os.X_OK):
        raise OutputError(f"{path}: no permission to write there")


def write_atomically(data: bytes, path: str | Path, *, overwrite: bool) -> None:
    """Write a file so that there is either the whole of it or what was there before.

    The bytes go to a temporary file in the same folder, onto the disk, and only then under the
    name. A link is followed; permissions of a file that is replaced are kept, those of a new one
    follow the umask. Devices, such as /dev/null, are written to directly.

    Raises:
        OutputError: It could not be written; nothing has changed.
    """
    name = os.fspath(path)
    try:
        target = os.path.realpath(name)
        mode = _mode_of(target)
        if mode is not None and stat.S_ISDIR(mode):
            raise OutputError(f"{name}: a folder, not a file")
        if mode is not None and not stat.S_ISREG(mode):
            Path(target).write_bytes(data)
        elif mode is not None and not overwrite:
            raise OutputError(f"{name}: exists already")
        else:
            _replace(data, target, mode, overwrite)
    except FileExistsError as error:
        raise OutputError(f"{name}: exists already") from error
    except (FileNotFoundError, NotADirectoryError) as error:
        raise OutputError(f"{name}: there is no such folder") from error
    except OSError as error:
        raise OutputError(f"{name}: {reason_of(error)}") from error
    except ValueError as error:  # a zero byte in the name
        raise OutputError(f"{name}: not a name for a file") from error


@contextmanager
def written_whole(path: Path, *, overwrite: bool) -> Iterator[Path]:
    """Let a file be written by others, so that there is the whole of it or what was there before.

    Args:
        path: Its name.
        overwrite: Whether a file of that name may be replaced.

    Yields:
        A name in the same folder to write to; it becomes ``path`` unless an error comes through.

    Raises:
        OutputError: It could not be renamed; nothing has changed.
    """
    temporary = path.with_name(f".tinct-{secrets.token_hex(8)}.tmp")
    try:
        yield temporary
        try:
            if overwrite:
                os.replace(temporary, path)
            else:
                _name_if_free(os.fspath(temporary), os.fspath(path))
        except FileExistsError as error:
            raise OutputError(f"{path}: exists already") from error
        except OSError as error:
            raise OutputError(f"{path}: {reason_of(error)}") from error
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, busy: TinctError) -> Iterator[None]:
    """Keep other processes out; the lock ends with this one, whatever ends it.

    There is none on file systems that have no locks.

    Args:
        path: The file to lock; it is there as long as the lock is.
        busy: What to raise if another process has the lock.

    Raises:
        OutputError: The file cannot be made.
    """
    from filelock import FileLock, Timeout  # takes time to load, and photographs need none

    lock = FileLock(path)
    try:
        with suppress(NotImplementedError):
            lock.acquire(timeout=0)
    except Timeout as error:
        raise busy from error
    except OSError as error:
        raise OutputError(f"{path}: {reason_of(error)}") from error
    try:
        yield
    finally:
        lock.release()
        with suppress(OSError):
            path.unlink()


def _mode_of(path: str) -> int | None:
    try:
        return os.stat(path).st_mode
    except FileNotFoundError:
        return None


def _replace(data: bytes, target: str, mode: int | None, overwrite: bool) -> None:
    """Write the temporary file and rename it; remove it if anything fails, Ctrl-C included."""
    temporary = os.path.join(os.path.dirname(target), f".tinct-{secrets.token_hex(8)}.tmp")
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _BINARY
    descriptor = os.open(temporary, flags, 0o666)  # the umask takes its part away
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        if mode is not None:
            os.chmod(temporary, stat.S_IMODE(mode))
        if overwrite:
            os.replace(temporary, target)
        else:
            _name_if_free(temporary, target)
    except BaseException:
        with suppress(FileNotFoundError):  # Ctrl-C came when it had its name
            os.unlink(temporary)
        raise


_BINARY = getattr(os, "O_BINARY", 0)  # only Windows tells text from bytes


def _name_if_free(temporary: str, target: str) -> None:
    """Give a file its name unless another has it, which a link checks in one step."""
    try:
        os.link(temporary, target)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):  # file systems without hard links
        if os.path.exists(target):
            raise FileExistsError(target) from None
        os.replace(temporary, target)
    else:
        os.unlink(temporary)
