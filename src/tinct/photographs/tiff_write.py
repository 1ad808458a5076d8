"""Writing TIFF, 8 or 16 bits, with everything that belongs to a photograph."""

from __future__ import annotations

import io
import struct
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from tinct.photographs.metadata import EXIF_IFD, Metadata
from tinct.photographs.tiff import EXIF_TEXT_TAGS, GPS_IFD, INTEROPERABILITY_IFD

_ICC, _XMP = 34675, 700
_BYTE, _ASCII, _LONG, _UNDEFINED = 1, 2, 4, 7
_DEFLATE_LEVEL = 4
_Tag = tuple[int, int, int, Any, bool]


def encode_tiff(pixels: NDArray[Any], metadata: Metadata) -> bytes:
    """Encode pixels of any of our shapes, 8 or 16 bits: Deflate with a predictor, no loss."""
    exif = _load_exif(metadata.exif)
    has_alpha = pixels.ndim == 3 and pixels.shape[2] in (2, 4)
    is_gray = pixels.ndim == 2 or pixels.shape[2] == 2
    target = io.BytesIO()
    tifffile.imwrite(
        target,
        np.ascontiguousarray(pixels),
        photometric="minisblack" if is_gray else "rgb",
        planarconfig="contig" if pixels.ndim == 3 else None,
        extrasamples=["unassalpha"] if has_alpha else None,
        compression="zlib",
        predictor=True,
        compressionargs={"level": _DEFLATE_LEVEL},
        resolution=metadata.dpi,
        resolutionunit="INCH" if metadata.dpi else None,
        extratags=[*_blobs(metadata), *_text_tags(exif)],
        metadata=None,
        software=False,
    )
    return _with_directories(bytearray(target.getbuffer()), exif)


def _load_exif(block: bytes | None) -> Image.Exif:
    exif = Image.Exif()
    if block:
        try:
            exif.load(block)
            for code in (EXIF_IFD, GPS_IFD):
                exif.get_ifd(code)
        except Exception:  # noqa: BLE001 - a damaged block must not stop the writing
            return Image.Exif()
    return exif


def _blobs(metadata: Metadata) -> list[_Tag]:
    found = ((_ICC, _UNDEFINED, metadata.icc), (_XMP, _BYTE, metadata.xmp))
    return [(code, kind, len(blob), blob, True) for code, kind, blob in found if blob]


def _text_tags(exif: Image.Exif) -> list[_Tag]:
    texts = {code: exif.get(code) for code in EXIF_TEXT_TAGS}
    return [
        (code, _ASCII, 0, text.encode(errors="replace"), True)
        for code, text in texts.items()
        if isinstance(text, str) and text
    ]


def _with_directories(encoded: bytearray, exif: Image.Exif) -> bytes:
    """Append the EXIF and GPS directories, and a first directory that links to them."""
    found = {code: exif.get_ifd(code) for code in (EXIF_IFD, GPS_IFD) if exif.get_ifd(code)}
    if not found:
        return bytes(encoded)
    order = "<" if encoded[:2] == b"II" else ">"
    (first,) = struct.unpack_from(order + "I", encoded, 4)
    (count,) = struct.unpack_from(order + "H", encoded, first)
    end = first + 2 + 12 * count
    entries = [bytes(encoded[at : at + 12]) for at in range(first + 2, end, 12)]
    for code, fields in found.items():
        directory = TiffImagePlugin.ImageFileDirectory_v2(bytes(encoded[:8]))
        for tag, value in fields.items():
            if tag != INTEROPERABILITY_IFD:
                directory[tag] = value
        start = _pad(encoded)
        encoded.extend(directory.tobytes(start))
        entries.append(struct.pack(order + "HHII", code, _LONG, 1, start))
    entries.sort(key=lambda entry: struct.unpack_from(order + "H", entry))
    struct.pack_into(order + "I", encoded, 4, _pad(encoded))
    encoded.extend(struct.pack(order + "H", len(entries)) + b"".join(entries) + bytes(4))
    return bytes(encoded)


def _pad(encoded: bytearray) -> int:
    """Go to the next even offset, where directories have to begin."""
    encoded.extend(bytes(len(encoded) % 2))
    return len(encoded)
