"""What travels with the pixels of a photograph, and the image resources of Photoshop among it."""

from __future__ import annotations

import struct
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

CM_PER_INCH = 2.54
METERS_PER_INCH = 0.0254
IPTC_RESOURCE = 0x0404
_DPI_ACROSS = 72  # where a resolution only says of which shape pixels are
_THUMBNAIL_RESOURCES = (0x0409, 0x040C)
_RESOURCE_SIGNATURES = (b"8BIM", b"AgHg", b"DCSR", b"MeSa", b"PHUT")


class Comment(NamedTuple):
    """A text beside the picture: a comment of a JPEG, a text chunk of a PNG."""

    keyword: str  # "Comment" where the format knows no keywords
    text: str  # bytes that are no UTF-8 are in it as surrogates, see ``text_of`` and ``bytes_of``


@dataclass(frozen=True, slots=True)
class Metadata:
    """The parts of a file that are not pixels; None is what the file does not have."""

    exif: bytes | None = None  # a TIFF block, without the "Exif\0\0" in front
    icc: bytes | None = None  # an ICC profile
    xmp: bytes | None = None  # an XMP packet (XML in UTF-8)
    dpi: tuple[float, float] | None = None  # horizontal, vertical; pixels per inch
    photoshop: bytes | None = None  # image resources ("8BIM"...), IPTC among them
    comments: tuple[Comment, ...] = ()
    has_thumbnail: bool = False  # whether the EXIF block had one; it is made anew in writing


def sensible_dpi(x: float, y: float) -> tuple[float, float] | None:
    """Pass on a resolution that can be meant as one; None for 0, 1 or values beyond any scanner."""
    if not (1 < x <= 100_000 and 1 < y <= 100_000):
        return None
    return round(x, 2), round(y, 2)  # 11811 a meter were 300 an inch


def dpi_of_shape(aspect: Fraction) -> tuple[float, float] | None:
    """Say by a resolution of which shape pixels are; None where they are square.

    Args:
        aspect: Width over height of a pixel.
    """
    return None if aspect == 1 else (_DPI_ACROSS, float(_DPI_ACROSS * aspect))


def text_of(raw: bytes) -> str:
    """Read text that should be UTF-8, so that ``bytes_of`` gives the same bytes again."""
    return raw.decode("utf-8", "surrogateescape")


def bytes_of(text: str) -> bytes:
    """Give back the bytes that ``text_of`` was given."""
    return text.encode("utf-8", "surrogateescape")


def _resources(block: bytes) -> Iterator[tuple[int, bytes, bytes]]:
    """Walk the resources: number, content, and all bytes of each.

    The layout is that of the Photoshop file format: signature, number, name (its length in one
    byte, padded to an even length), length, content (padded likewise).
    """
    at = 0
    while block[at : at + 4] in _RESOURCE_SIGNATURES and at + 12 <= len(block):
        name_end = at + 6 + (block[at + 6] + 2) // 2 * 2
        if name_end + 4 > len(block):
            return
        (length,) = struct.unpack_from(">I", block, name_end)
        start = name_end + 4
        end = start + length + length % 2
        content = block[start : start + length]
        padded = block[at:end] + bytes(length % 2 if end > len(block) else 0)
        yield struct.unpack_from(">H", block, at + 4)[0], content, padded
        at = end


def photoshop_of(block: bytes | None, without: Collection[int] = ()) -> bytes | None:
    """Take the resources that still hold after coloring: all but the thumbnails, which are gray.

    Args:
        block: All resources of a file.
        without: Numbers of further ones to leave out.
    """
    gone = {*_THUMBNAIL_RESOURCES, *without}
    kept = [whole for number, _, whole in _resources(block or b"") if number not in gone]
    return b"".join(kept) or None


def photoshop_of_iptc(iptc: bytes) -> bytes:
    """Make the resource that holds these IPTC records."""
    head = b"8BIM" + struct.pack(">HHI", IPTC_RESOURCE, 0, len(iptc))
    return head + iptc + bytes(len(iptc) % 2)


def find_resource(block: bytes | None, number: int) -> bytes | None:
    """Find the content of a resource; None where there is none, or an empty one."""
    return (
        next((body for found, body, _ in _resources(block or b"") if found == number), b"") or None
    )


def iptc_of(photoshop: bytes | None) -> bytes | None:
    """Find the IPTC records (IIM) among the resources."""
    return find_resource(photoshop, IPTC_RESOURCE)
