"""Which decoder a file needs: told by its first bytes, never by its name.

Decoders that bring Pillow or tifffile with them are imported when the first file asks for them:
most photographs are JPEGs, and a program that colors one shall not wait for the others.
"""

from __future__ import annotations

import cv2

from tinct.photographs import jpeg, png, pnm
from tinct.photographs.decoded import Decoded, Limit, UnreadableError

HEAD_BYTES = 32  # as many as sniff() looks at
_AVIF_BRANDS = (b"avif", b"avis", b"mif1", b"msf1")

# OpenCV tells the terminal what an InputError tells the caller. Set once, here, because it is a
# setting of the process.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def sniff(head: bytes) -> str | None:
    """Tell the format by the first ``HEAD_BYTES`` bytes; None for what tinct does not read."""
    if head.startswith(b"\xff\xd8\xff"):
        return "JPEG"
    if head.startswith(png.SIGNATURE):
        return "PNG"
    if head[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+"):
        return "TIFF"
    if head[4:8] == b"ftyp" and head[8:12] in _AVIF_BRANDS:
        return "AVIF"
    if head.startswith((b"\xff\x4f\xff\x51", b"\0\0\0\x0cjP  \r\n\x87\n")):
        return "JPEG2000"
    return _sniff_short(head)


def _sniff_short(head: bytes) -> str | None:
    """Go on with the formats that are known by a few letters."""
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:2] == b"BM":
        return "BMP"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "PPM"
    return "GIF" if head[:6] in (b"GIF87a", b"GIF89a") else None


def decode(data: bytes, kind: str, limit: Limit, gray: bool) -> Decoded:
    """Decode a file of the kind that ``sniff`` found.

    Raises:
        UnreadableError: It cannot be decoded, for the reason given.
    """
    try:
        if kind == "JPEG":
            return jpeg.decode_jpeg(data, limit, gray)
        if kind == "PPM" and data[1:2] in b"56":
            return pnm.decode_pnm(data, limit)
        if kind == "PNG":
            return png.decode_png(data, limit)
        if kind == "JPEG2000":
            from tinct.photographs.jp2 import decode_jp2

            return decode_jp2(data, limit)
        if kind == "TIFF":
            from tinct.photographs.tiff import decode_tiff

            return decode_tiff(data, limit)
        from tinct.photographs.pillow_formats import decode_by_pillow

        return decode_by_pillow(data, kind, limit)
    except UnreadableError:
        raise
    except MemoryError as error:
        raise UnreadableError("not enough memory to read it") from error
    except Exception as error:
        # A damaged file can make a decoder fail in any way: out of range, recursion, zero
        # division...
        raise UnreadableError("damaged beyond reading") from error
