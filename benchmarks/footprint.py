"""What a program takes besides time: memory while it runs, room on disk."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

import tinct
from tinct.errors import InputError

# A process started from here would count our own memory as its own, from before it became another
# program: this small one in between does not have much.
_MEASURE = """
import resource, subprocess, sys
finished = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(finished.returncode)
"""
_UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss, in bytes
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def peak_memory(command: Sequence[str]) -> int | None:
    """Run a program and return the most memory it held at once.

    Args:
        command: The program and its arguments.

    Returns:
        Bytes of its largest process (``ru_maxrss``); None on Windows, which does not tell.

    Raises:
        InputError: The program failed.
    """
    if sys.platform == "win32":
        return None
    whole = [sys.executable, "-c", _MEASURE, *command]
    finished = subprocess.run(whole, capture_output=True, text=True, check=False)
    if finished.returncode:
        raise InputError(f"{' '.join(command)}: {finished.stderr.strip()}")
    return int(finished.stdout) * _UNIT


def install_sizes() -> dict[str, int]:
    """Return the bytes on disk of tinct and of all packages that ``pip install tinct`` brings.

    Compiled bytecode, which Python makes itself, is not counted.
    """
    sizes = {"tinct": _size_of_tree(Path(tinct.__file__).parent)}
    waiting = _requirements(distribution("tinct"))
    while waiting:
        name = waiting.pop()
        if name in sizes:
            continue
        try:
            found = distribution(name)
        except PackageNotFoundError:  # for another system or another Python
            continue
        files = (Path(str(found.locate_file(file))) for file in found.files or ())
        sizes[name] = sum(_size(file) for file in files)
        waiting += _requirements(found)
    return sizes


def _requirements(package: Distribution) -> list[str]:
    """Return the normal names of what a package needs, its extras left out."""
    wanted = (text for text in package.requires or () if "extra ==" not in text)
    names = (match[0] for text in wanted if (match := _NAME.match(text)))
    return [re.sub(r"[-_.]+", "-", name).lower() for name in names]


def _size_of_tree(folder: Path) -> int:
    return sum(_size(path) for path in folder.rglob("*"))


def _size(path: Path) -> int:
    return path.stat().st_size if path.is_file() and path.suffix != ".pyc" else 0
