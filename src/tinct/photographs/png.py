"""PNG: pixels through OpenCV, for speed and 16 bits; chunks read, checked and written here.

libpng prints what it dislikes to stderr, where nobody can stop it. It is therefore handed only the
chunks that make the picture, after their checksums have been verified; a damaged file is rebuilt
from what can still be unpacked.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.photographs.decoded import Decoded, Limit, UnreadableError, space_of
from tinct.photographs.deflate import unpack_exactly, unpack_metadata
from tinct.photographs.metadata import Metadata, exif_orientation, sensible_dpi, strip_exif_prefix

SIGNATURE = b"\x89PNG\r\n\x1a\n"
INCH_IN_METRES = 0.0254
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by color type
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_GRAY, _PALETTE, _GRAY_ALPHA = 0, 3, 4


@dataclass(slots=True)
class _File:
    """The chunks of a file, those that matter."""

    header: bytes = b""
    width: int = 0
    height: int = 0
    depth: int = 0
    color_type: int = 0
    interlaced: bool = False
    palette: bytes = b""
    transparency: bytes = b""
    data: list[bytes] = field(default_factory=list)
    num_frames: int = 1
    fault: str | None = None
    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None


def decode_png(data: bytes, limit: Limit) -> Decoded:
    """Decode a PNG, of an animated one the still picture.

    Raises:
        UnreadableError: Nothing can be decoded. Damage that leaves some rows is a warning instead.
    """
    file = _read_chunks(data, limit)
    warnings = ["animated: only the first picture was read"] if file.num_frames > 1 else []
    if file.fault is not None:
        file.data = [_rebuild(file)]
        warnings.append(f"damaged, read as far as possible ({file.fault})")
    pixels = cv2.imdecode(np.frombuffer(_only_picture(file), np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None:
        raise UnreadableError("damaged beyond reading")
    pixels = _arrange(pixels, file)
    metadata = Metadata(file.exif, file.icc, file.xmp, file.dpi)
    orientation = exif_orientation(file.exif)
    return Decoded(pixels, space_of(pixels), metadata, orientation, tuple(warnings))


def _arrange(pixels: NDArray[Any], file: _File) -> NDArray[Any]:
    """Bring what OpenCV gives (gray, BGR or BGRA) to our channels."""
    if file.color_type == _GRAY_ALPHA and pixels.ndim == 3:
        return np.ascontiguousarray(pixels[..., [0, 3]])
    if file.color_type == _GRAY and pixels.ndim == 2:
        return _with_gray_key(pixels, file)
    if pixels.ndim == 2:
        return pixels
    code = cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
    rgb = cv2.cvtColor(pixels, code)
    if file.color_type == _PALETTE and _is_gray_palette(file.palette):
        return np.ascontiguousarray(rgb[..., 0] if rgb.shape[2] == 3 else rgb[..., [0, 3]])
    return rgb


def _is_gray_palette(palette: bytes) -> bool:
    colors = np.frombuffer(palette[: len(palette) // 3 * 3], np.uint8).reshape(-1, 3)
    return bool((colors == colors[:, :1]).all())


def _with_gray_key(pixels: NDArray[Any], file: _File) -> NDArray[Any]:
    """Turn the one gray value that a tRNS chunk declares transparent into an alpha channel."""
    if len(file.transparency) < 2:
        return pixels
    (key,) = struct.unpack_from(">H", file.transparency)
    full = np.iinfo(pixels.dtype).max
    key = key * full // ((1 << file.depth) - 1)
    return np.dstack([pixels, np.where(pixels == key, 0, full).astype(pixels.dtype)])


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Walk the chunks: name, content (cut short where the file ends) and whether it is intact."""
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        content = data[at + 8 : at + 8 + length]
        check = data[at + 8 + length : at + 12 + length]
        intact = len(check) == 4 and zlib.crc32(content, zlib.crc32(name)) == int.from_bytes(check)
        yield name, content, intact
        at += 12 + length


def _read_chunks(data: bytes, limit: Limit) -> _File:
    file = _File()
    for name, content, intact in _chunks(data):
        if name == b"IEND":
            break
        if not file.header:
            if name != b"IHDR" or not intact or len(content) != 13:
                raise UnreadableError("damaged: its header cannot be read")
            _take_header(file, content, limit)
        elif name == b"IDAT":
            file.data.append(content)
        if not intact and (name == b"IDAT" or name[:1].isupper()):
            file.fault = "a checksum is wrong" if len(content) else "it ends early"
        elif intact:
            _take_chunk(file, name, content)
    else:
        file.fault = "it ends early"
    if not file.data:
        raise UnreadableError("damaged: it ends before the picture begins")
    if file.color_type == _PALETTE and not file.palette:
        raise UnreadableError("damaged: its palette is missing")
    return file


def _take_header(file: _File, content: bytes, limit: Limit) -> None:
    file.header = content
    file.width, file.height, file.depth, file.color_type, *rest = struct.unpack(">IIBBBBB", content)
    limit.check(file.height, file.width)
    file.interlaced = rest[2] == 1
    if file.depth not in _DEPTHS.get(file.color_type, ()) or rest[:2] != [0, 0] or rest[2] > 1:
        raise UnreadableError("damaged: its header makes no sense")


def _take_chunk(file: _File, name: bytes, content: bytes) -> None:
    if name == b"PLTE":
        file.palette = content
    elif name == b"tRNS":
        file.transparency = content
    elif name == b"eXIf":
        file.exif = strip_exif_prefix(content)
    elif name == b"pHYs" and len(content) == 9 and content[8] == 1:
        x, y = struct.unpack_from(">II", content)
        file.dpi = sensible_dpi(x * INCH_IN_METRES, y * INCH_IN_METRES)
    elif name == b"iCCP":
        _, _, packed = content.partition(b"\0")
        file.icc = unpack_metadata(packed[1:])
    elif name == b"iTXt" and content.startswith(_XMP_KEYWORD + b"\0"):
        file.xmp = _international_text(content)
    elif name == b"acTL" and len(content) == 8:
        file.num_frames = int.from_bytes(content[:4])


def _international_text(content: bytes) -> bytes | None:
    """Take the text out of an iTXt chunk: flag, method, language, translated keyword, text."""
    flags, rest = content[len(_XMP_KEYWORD) + 1 :][:2], content[len(_XMP_KEYWORD) + 3 :]
    parts = rest.split(b"\0", 2)
    if len(parts) < 3 or len(flags) < 2:
        return None
    return unpack_metadata(parts[2]) if flags[0] else parts[2]


def _only_picture(file: _File) -> bytes:
    """Make a file of the chunks that the pixels need."""
    parts = [SIGNATURE, chunk(b"IHDR", file.header)]
    if file.palette:
        parts.append(chunk(b"PLTE", file.palette))
    if file.transparency and file.color_type != _GRAY:
        parts.append(chunk(b"tRNS", file.transparency))
    return b"".join([*parts, *(chunk(b"IDAT", part) for part in file.data), chunk(b"IEND", b"")])


def _rebuild(file: _File) -> bytes:
    """Unpack what a damaged file still holds and pack it again, with black where rows are missing.

    Raises:
        UnreadableError: Not one row is left, or the file is interlaced.
    """
    if file.interlaced:
        raise UnreadableError("damaged, and interlaced, so that no part can be read")
    stride = 1 + (file.width * file.depth * _CHANNELS[file.color_type] + 7) // 8
    raw, _ = unpack_exactly(b"".join(file.data), stride * file.height)
    num_rows = len(raw) // stride
    filters = np.frombuffer(raw, np.uint8, num_rows * stride)[::stride]
    senseless = np.flatnonzero(filters > 4)
    if len(senseless):
        num_rows = int(senseless[0])
    if num_rows == 0:
        raise UnreadableError("damaged beyond reading")
    kept = raw[: num_rows * stride]
    return zlib.compress(kept + bytes(stride * file.height - len(kept)), 1)


def chunk(name: bytes, content: bytes) -> bytes:
    """Make one chunk of a PNG."""
    check = zlib.crc32(content, zlib.crc32(name))
    return struct.pack(">I4s", len(content), name) + content + struct.pack(">I", check)


def encode_png(pixels: NDArray[Any], metadata: Metadata) -> bytes:
    """Encode (H, W), (H, W, 2), (H, W, 3) or (H, W, 4) pixels of 8 or 16 bits, without loss."""
    if pixels.ndim == 3 and pixels.shape[2] == 2:
        bgr = cv2.merge([pixels[..., 0]] * 3 + [pixels[..., 1]])  # OpenCV has no gray with alpha
    elif pixels.ndim == 3:
        code = cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
        bgr = cv2.cvtColor(pixels, code)
    else:
        bgr = pixels
    _, encoded = cv2.imencode(".png", bgr)
    body = encoded.tobytes()
    after_header = len(SIGNATURE) + 25
    return b"".join([body[:after_header], *_metadata_chunks(metadata), body[after_header:]])


def _metadata_chunks(metadata: Metadata) -> Iterator[bytes]:
    if metadata.icc:
        yield chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc))
    if metadata.dpi:
        per_meter = [round(value / INCH_IN_METRES) for value in metadata.dpi]
        yield chunk(b"pHYs", struct.pack(">IIB", *per_meter, 1))
    if metadata.exif:
        yield chunk(b"eXIf", metadata.exif)
    if metadata.xmp:
        yield chunk(b"iTXt", _XMP_KEYWORD + b"\0\0\0\0\0" + metadata.xmp)
