"""The file formats of photographs that tinct reads and writes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import PurePath
from types import MappingProxyType

from tinct.errors import OptionError


@cache
def _is_installed(package: str) -> bool:
    return find_spec(package) is not None


@dataclass(frozen=True, slots=True)
class Format:
    """What a format can hold."""

    name: str  # as Picture.source_format gives it
    suffixes: tuple[str, ...]  # lower case; the first is the usual one
    default_quality: int | None = None  # None: quality means nothing, it is without loss
    alpha: bool = False
    deep: bool = False  # 16 bits
    metadata: tuple[str, ...] = ()  # fields of Metadata that are written
    pages: bool = False  # more than one picture in a file
    written_as: str = ""  # suffix of what tinct writes instead; "" where the format is written
    package: str = ""  # what reads it where that comes with an extra
    is_document: bool = False  # colored if it is named; in a folder it is more likely a text

    @property
    def is_found_in_folders(self) -> bool:
        """Whether it is a photograph, and there is what reads it."""
        return not self.is_document and (not self.package or _is_installed(self.package))


_ALL = ("exif", "icc", "xmp", "dpi")
_TEXTS = (*_ALL, "photoshop", "comments")
_RAW_SUFFIXES = (
    ".dng .nef .nrw .cr2 .cr3 .crw .arw .srf .sr2 .raf .rw2 .orf .pef .srw .3fr .fff .iiq .x3f"
    " .kdc .dcr .mrw .erf .mef .mos .rwl"
)
_KNOWN = (
    Format("JPEG", (".jpg", ".jpeg", ".jpe", ".jfif"), 92, metadata=_TEXTS),
    Format("PNG", (".png",), alpha=True, deep=True, metadata=_TEXTS),
    Format(
        "TIFF", (".tif", ".tiff"), alpha=True, deep=True, metadata=(*_ALL, "photoshop"), pages=True
    ),
    Format("WEBP", (".webp",), 90, alpha=True, metadata=_ALL),
    Format("AVIF", (".avif",), 80, alpha=True, metadata=_ALL),
    Format("BMP", (".bmp", ".dib"), metadata=("dpi",)),
    Format("PPM", (".ppm", ".pgm", ".pnm", ".pbm"), deep=True),
    Format(
        "JPEG2000",
        (".jp2", ".jpx"),
        100,
        alpha=True,
        deep=True,
        metadata=("exif", "xmp", "dpi", "photoshop"),
    ),
    # A bare codestream of JPEG 2000, which holds no metadata
    Format("J2K", (".j2k", ".j2c", ".jpc"), written_as=".jp2"),
    Format("GIF", (".gif",), written_as=".png"),
    Format("HEIC", (".heic", ".heif", ".hif"), written_as=".jpg"),
    Format("JXL", (".jxl",), written_as=".png", package="imagecodecs"),
    Format("PSD", (".psd",), written_as=".tif"),
    Format("PDF", (".pdf",), written_as=".tif", package="pypdfium2", is_document=True),
    Format("RAW", tuple(_RAW_SUFFIXES.split()), written_as=".tif", package="rawpy"),
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
    if found is None or found.written_as:
        names = ", ".join(known.name.lower() for known in _KNOWN if not known.written_as)
        raise OptionError(f"format {name!r} cannot be written; choose one of {names}")
    return found


def format_of_path(path: str | PurePath) -> Format:
    """Find the format that a file's suffix asks for.

    Raises:
        OptionError: The suffix belongs to no format that can be written.
    """
    suffix = PurePath(path).suffix
    found = FORMATS.get(suffix.lower())
    if found is None or found.written_as:
        what = f"the suffix {suffix}" if suffix else "a name without a suffix"
        raise OptionError(f"{path}: {what} tells no format that tinct writes")
    return found
