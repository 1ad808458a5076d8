"""The file formats of photographs that tinct reads and writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePath
from types import MappingProxyType

from tinct.errors import OptionError


@dataclass(frozen=True, slots=True)
class Format:
    """What a format can hold."""

    name: str  # as Picture.source_format gives it
    suffixes: tuple[str, ...]  # lower case; the first is the usual one
    default_quality: int | None = None  # None: quality means nothing, it is without loss
    alpha: bool = False
    deep: bool = False  # 16 bits
    metadata: tuple[str, ...] = ()  # fields of Metadata that are written
    writable: bool = True


_ALL = ("exif", "icc", "xmp", "dpi")
_NO_ICC = ("exif", "xmp", "dpi")
_KNOWN = (
    Format("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), 92, metadata=_ALL),
    Format("PNG", (".png",), alpha=True, deep=True, metadata=_ALL),
    Format("TIFF", (".tif", ".tiff"), alpha=True, deep=True, metadata=_ALL),
    Format("WEBP", (".webp",), 90, alpha=True, metadata=_ALL),
    Format("AVIF", (".avif",), 80, alpha=True, metadata=_ALL),
    Format("BMP", (".bmp", ".dib"), metadata=("dpi",)),
    Format("PPM", (".ppm", ".pgm", ".pnm", ".pbm"), deep=True),
    Format("JPEG2000", (".jp2", ".jpx", ".j2k", ".j2c", ".jpc"), 100, True, True, _NO_ICC),
    Format("GIF", (".gif",), writable=False),
)

FORMATS: Mapping[str, Format] = MappingProxyType(
    {suffix: known for known in _KNOWN for suffix in known.suffixes}
)
"""By suffix: ".jpg" -> the format of that file."""

_BY_NAME = {known.name: known for known in _KNOWN} | {"JPG": _KNOWN[0], "TIF": _KNOWN[2]}


def format_named(name: str) -> Format:
    """Find a format that can be written by its name or suffix ("jpeg", "JPG", ".tif").

    Raises:
        OptionError: There is none of that name.
    """
    found = _BY_NAME.get(name.upper()) or FORMATS.get(f".{name.lower().lstrip('.')}")
    if found is None or not found.writable:
        names = ", ".join(known.name.lower() for known in _KNOWN if known.writable)
        raise OptionError(f"format {name!r} cannot be written; choose one of {names}")
    return found


def format_of_path(path: str | PurePath) -> Format:
    """Find the format that a file's suffix asks for.

    Raises:
        OptionError: The suffix belongs to no format that can be written.
    """
    suffix = PurePath(path).suffix
    found = FORMATS.get(suffix.lower())
    if found is None or not found.writable:
        what = f"the suffix {suffix}" if suffix else "a name without a suffix"
        raise OptionError(f"{path}: {what} tells no format that tinct writes")
    return found
