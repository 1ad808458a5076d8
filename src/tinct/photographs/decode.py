"""Which decoder a file needs: told by its first bytes, never by its name.

Decoders are imported when the first file asks for them: most photographs are JPEGs, and a program
that colors one does not wait for the libraries of the others.
"""

from __future__ import annotations

from tinct.errors import MissingExtraError
from tinct.photographs import jpeg, pnm
from tinct.photographs.decoded import Decoded, Limit, UnreadableError

HEAD_BYTES = 256  # as many as sniff() looks at
_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"FUJIFILMCCD-RAW": "RAW",
    b"IIU\0": "RAW",  # Panasonic
    b"IIRO": "RAW",  # Olympus
    b"IIRS": "RAW",
    b"MMOR": "RAW",
    b"FOVb": "RAW",  # Sigma
    b"\0MRM": "RAW",  # Minolta
    b"II*\0\x10\0\0\0CR": "RAW",  # Canon
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
    b"\xff\x4f\xff\x51": "JPEG2000",
    b"\0\0\0\x0cjP  \r\n\x87\n": "JPEG2000",
    b"\xff\x0a": "JXL",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JXL",
    b"8BPS\0\x01": "PSD",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"BM": "BMP",
}
_HEVC_BRANDS = {b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"hevm", b"hevs"}
_AVIF_BRANDS = {b"avif", b"avis"}
_STILL_BRANDS = {b"mif1", b"mif2", b"msf1", b"miaf"}  # of any picture in this container
# What people hand over that is no picture for tinct, and what helps
_OTHERS = {
    b"%PDF": "a PDF; take the photographs out of it first: pdfimages -all file.pdf photo",
    b"<svg": "a drawing (SVG), not a photograph",
    b"8BPS\0\x02": "a large Photoshop document (PSB), which tinct does not read; save it as TIFF",
    b"II\xbc": "JPEG XR, which tinct does not read",
    b"\x76\x2f\x31\x01": "OpenEXR, which tinct does not read",
    b"AT&TFORM": "DjVu, which tinct does not read",
    b"gimp xcf": "a GIMP project, which tinct does not read; export it as PNG or TIFF",
    b"PK\x03\x04": "an archive (ZIP); unpack it first",
    b"\x1a\x45\xdf\xa3": "a film; use tinct video",
    b"\0\0\x01\xba": "a film; use tinct video",
    b"FLV": "a film; use tinct video",
    b"<!DOCTYPE html": "a web page, not a picture",
    b"<html": "a web page, not a picture",
}


def sniff(head: bytes) -> str | None:
    """Tell the format by the first ``HEAD_BYTES`` bytes; None for what tinct does not read."""
    for signature, kind in _SIGNATURES.items():
        if head.startswith(signature):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WEBP"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3].isspace():
        return "PPM"
    return _sniff_boxes(head) if head[4:8] == b"ftyp" else None


def _sniff_boxes(head: bytes) -> str | None:
    """Tell what a file of boxes holds by the brands that it names."""
    end = min(int.from_bytes(head[:4]), len(head))
    brands = {head[at : at + 4] for at in (8, *range(16, end, 4))}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    if brands & _HEVC_BRANDS or head[8:12] in _STILL_BRANDS:
        return "HEIC"
    return "RAW" if head[8:12] == b"crx " else None


def describe(head: bytes) -> str:
    """Say what a file is that tinct does not read, and what helps."""
    for signature, text in _OTHERS.items():
        if head.lstrip().startswith(signature):
            return text
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide") or head[8:12] == b"AVI ":
        return "a film; use tinct video"
    return "not a picture that tinct can read"


def decode(data: bytes, kind: str, limit: Limit, gray: bool) -> Decoded:
    """Decode a file of the kind that ``sniff`` found.

    Raises:
        UnreadableError: It cannot be decoded, for the reason given.
    """
    try:
        if kind == "JPEG":
            return jpeg.decode_jpeg(data, limit, gray)
        return _decode_other(data, kind, limit)
    except UnreadableError:
        raise
    except MissingExtraError as error:
        raise UnreadableError(str(error)) from error
    except MemoryError as error:
        raise UnreadableError("not enough memory to read it") from error
    except Exception as error:
        # A damaged file can make a decoder fail in any way: out of range, recursion, zero
        # division...
        raise UnreadableError("damaged beyond reading") from error


def _decode_other(data: bytes, kind: str, limit: Limit) -> Decoded:
    if kind == "PNG":
        from tinct.photographs.png import decode_png

        return decode_png(data, limit)
    if kind == "TIFF":
        from tinct.photographs import tiff

        if not tiff.is_raw(data):
            return tiff.decode_tiff(data, limit)
        kind = "RAW"
    if kind == "WEBP":
        from tinct.photographs.vips import decode_webp

        return decode_webp(data, limit)
    if kind == "PPM" and data[1:2] in b"56":
        return pnm.decode_pnm(data, limit)
    if kind == "JPEG2000":
        from tinct.photographs.jp2 import decode_jp2

        return decode_jp2(data, limit)
    if kind in ("HEIC", "JXL", "PSD", "RAW"):
        from tinct.photographs import other_formats as other

        decoders = {
            "HEIC": other.decode_heic,
            "JXL": other.decode_jxl,
            "PSD": other.decode_psd,
            "RAW": other.decode_raw,
        }
        return decoders[kind](data, limit)
    from tinct.photographs.pillow_formats import decode_by_pillow

    return decode_by_pillow(data, kind, limit)
