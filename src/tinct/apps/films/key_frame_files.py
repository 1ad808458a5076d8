"""Files of key frames: which picture belongs to which frame."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinct.errors import InputError, OptionError
from tinct.files import digest_of
from tinct.photographs.formats import FORMATS

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

USAGE = "--key-frame takes NUMBER=PICTURE, or a folder of pictures with numbers"
_NUMBER = re.compile(r"(\d+)\D*$")


@dataclass(frozen=True)
class KeyFrameFile:
    """A picture that says what the colors of one frame are."""

    number: int
    """Of the frame; the first one of a film is 1."""
    path: Path
    digest: str
    """Of the content of the file."""


def find_key_frames(names: Sequence[str]) -> tuple[KeyFrameFile, ...]:
    """Find the files of key frames.

    Args:
        names: ``NUMBER=PICTURE``, or folders of pictures whose names end with a number.

    Returns:
        The files in the order of their frames.

    Raises:
        InputError: A file or folder cannot be read, or holds no pictures.
        OptionError: Something is none of both, or two are about one frame.
    """
    found: dict[int, KeyFrameFile] = {}
    for number, path in (pair for name in names for pair in _pairs(name)):
        if number in found:
            raise OptionError(f"{path}: {found[number].path} is key frame {number} already")
        found[number] = KeyFrameFile(number, path, digest_of(path))
    return tuple(found[number] for number in sorted(found))


def _pairs(name: str) -> Iterator[tuple[int, Path]]:
    """Yield number and path of a picture, or of all pictures of a folder."""
    number, is_pair, path = name.partition("=")
    if is_pair and number.isdecimal() and path:
        yield int(number), Path(path)
        return
    folder = Path(name)
    if not folder.is_dir():
        raise OptionError(f"{name}: {USAGE}")
    found = sorted(path for path in folder.iterdir() if path.suffix.lower() in FORMATS)
    numbered = [(match, file) for file in found if (match := _NUMBER.search(file.stem))]
    if not numbered:
        raise InputError(f"{name}: no pictures whose names end with a number, as frame120.png")
    for match, picture in numbered:
        yield int(match[1]), picture
