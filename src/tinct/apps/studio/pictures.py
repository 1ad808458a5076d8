"""What this machine does for the page with pictures, where browsers cannot.

Colors are made in the browser. It sends them as a ``ChromaModel``, a few hundred kilobytes for a
picture of any size, together with the file of the photograph, and gets back what ``tinct image``
would have written: 16 bits, the luma that is in a JPEG, and all metadata stay.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from tinct.errors import InputError
from tinct.files import make_folder, write_atomically
from tinct.photographs import Picture, read_picture
from tinct.photographs.write import encode_picture, encode_with_losses
from tinct.runtime import Colorizer, ColorOptions
from tinct.runtime.compose import color_picture
from tinct.runtime.upsample import ChromaModel

FORMATS = ("jpeg", "png", "webp", "tiff")
MODELS = ("nano", "base")
ENDINGS = (".jpg", ".png", ".webp", ".tif", ".json")
"""Of files that the page may write: pictures, and hints."""
_PLANES = ("slope_cb", "offset_cb", "slope_cr", "offset_cr")
_LONGEST_PLANE = 4096  # far more than the longest working size, halved
_HEAD_LENGTH = 4  # bytes that say how long the head is
_LONGEST_HEAD = 4096
_FORBIDDEN = re.compile(r'[/\\:*?"<>|\x00-\x1f]|^[ .]')
"""What no name has, as some system or other does not allow it, or hides it."""
_LONGEST_STEM = 200  # bytes of a name without its ending: systems take 255, a number included


@dataclass(frozen=True)
class _ColoredPicture:
    """What the page sends of a picture that it has colored, besides its file."""

    format: str
    model: str
    options: ColorOptions
    """For further pages of the file, which are not colored in the browser."""
    chroma: ChromaModel


def readable(data: bytes, name: str) -> bytes:
    """Return a picture as browsers read it: upright, sRGB, 8 bits, PNG, with its metadata.

    Args:
        data: Of the file.
        name: How to call it in messages.

    Raises:
        InputError: It cannot be read.
    """
    picture = read_picture(data, name=name)
    pixels: Any = picture.pixels if picture.chroma is None else picture.array
    if pixels.dtype == np.uint16:
        pixels = cv2.convertScaleAbs(pixels, alpha=1 / 257)
    # Browsers would convert by a profile that they need not follow: the pixels are sRGB.
    return encode_picture(Picture(pixels, metadata=replace(picture.metadata, icc=None)), "png")


def finish(data: bytes, name: str) -> tuple[bytes, tuple[str, ...]]:
    """Return the file of a picture in color, and what was lost or doubtful, one sentence each.

    Args:
        data: The length of a head, 4 bytes, the lowest first; the head, JSON; the planes of a
            ``ChromaModel``, float32, one after the other; and the file of the photograph.
        name: Of the photograph, for messages.

    Raises:
        InputError: It cannot be read, or is not what a page of this version sends.
        OutputError: The format cannot hold it.
    """
    colored, file = _read_colored(data, name)
    picture = color_picture(read_picture(file, gray=True, name=name), colored.model, colored.chroma)
    if picture.pages:
        picture = _colorizer(colored.model).color_pages(picture, colored.options)
    file, lost = encode_with_losses(picture, colored.format)
    return file, (*picture.warnings, *lost)


def keep(data: bytes, name: str, folder: Path) -> str:
    """Write a file into a folder under a name that is free there; returns that name.

    What a name may not have becomes ``_``, and what is too long is cut.

    Raises:
        InputError: The name is none for a picture.
        OutputError: It cannot be written.
    """
    path = Path(_FORBIDDEN.sub("_", name))
    if path.suffix.lower() not in ENDINGS:
        raise InputError(f"{name!r} is not a name for a picture")
    make_folder(folder)
    stem = path.stem.encode()[:_LONGEST_STEM].decode(errors="ignore")
    free = f"{stem}{path.suffix}"
    for number in count(2):
        if not os.path.exists(folder / free):
            break
        free = f"{stem} ({number}){path.suffix}"
    write_atomically(data, folder / free, overwrite=False)
    return free


def _read_colored(data: bytes, name: str) -> tuple[_ColoredPicture, bytes]:
    wrong = InputError(f"{name}: not what the page of this version sends; load it again")
    length = int.from_bytes(data[:_HEAD_LENGTH], "little")
    begin = _HEAD_LENGTH + length
    if length > _LONGEST_HEAD:
        raise wrong
    try:
        head = json.loads(data[_HEAD_LENGTH:begin])
        rows, columns = int(head["rows"]), int(head["columns"])
        settings = head["settings"]
        options = ColorOptions(
            float(settings["vividness"]), float(settings["caution"]), float(settings["saturation"])
        )
        format, model = head["format"], head["model"]
    except (ValueError, TypeError, KeyError, ArithmeticError, RecursionError) as error:
        raise wrong from error
    if not (0 < rows <= _LONGEST_PLANE and 0 < columns <= _LONGEST_PLANE):
        raise wrong
    size = 4 * rows * columns * len(_PLANES)
    if format not in FORMATS or model not in MODELS or len(data) < begin + size:
        raise wrong
    values = np.frombuffer(data, "<f4", 4 * rows * columns, begin).reshape(4, rows, columns)
    if not np.isfinite(values).all():
        raise wrong
    planes: dict[str, Any] = dict(zip(_PLANES, values, strict=True))
    colored = _ColoredPicture(format, model, options, ChromaModel(**planes))
    return colored, data[begin + size :]


@lru_cache(maxsize=2)
def _colorizer(model: str) -> Colorizer:
    return Colorizer(model)
