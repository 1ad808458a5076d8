"""PNG: pixels through libvips; the chunks beside them are read and written here.

Neither libvips nor Pillow hands over gAMA, cHRM and cICP, or texts with their keywords and in the
form in which they were written.
"""

from __future__ import annotations

import binascii
import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.photographs.exif import exif_dpi, strip_exif_prefix
from tinct.photographs.metadata import (
    METERS_PER_INCH,
    Comment,
    Metadata,
    bytes_of,
    iptc_of,
    photoshop_of,
    photoshop_of_iptc,
    sensible_dpi,
    text_of,
)
from tinct.photographs.picture import DAMAGED, Decoded, Limit, UnreadableError, space_of

SIGNATURE = b"\x89PNG\r\n\x1a\n"
_METADATA_MAX = 1 << 24  # bytes; an unpacked profile or packet above this is not what it says
_XMP_KEYWORD = b"XML:com.adobe.xmp"
_RAW_PROFILE = b"Raw profile type "  # of ImageMagick and exiftool: metadata in hexadecimal digits
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PALETTE = 3


@dataclass(slots=True)
class _File:
    """The chunks of a file, those that matter."""

    width: int = 0
    height: int = 0
    color_type: int = -1
    palette: bytes = b""
    num_frames: int = 1
    is_whole: bool = False
    exif: bytes | None = None
    icc: bytes | None = None
    xmp: bytes | None = None
    dpi: tuple[float, float] | None = None
    photoshop: bytes | None = None
    comments: list[Comment] = field(default_factory=list)
    is_srgb: bool = False
    code_points: bytes | None = None  # of cICP: primaries, transfer, matrix, range
    gamma: float | None = None  # of gAMA: samples are light to this power
    chromaticities: tuple[float, ...] | None = None  # of cHRM: x and y of white, red, green, blue
    raw_profiles: dict[bytes, bytes] = field(default_factory=dict)

    def metadata(self) -> Metadata:
        """Collect what travels with the pixels; profiles in texts count where there is no chunk."""
        raw = self.raw_profiles
        exif = self.exif or strip_exif_prefix(raw.get(b"exif") or raw.get(b"APP1"))
        photoshop = raw.get(b"8bim") or raw.get(b"iptc")
        if photoshop is not None and not photoshop.startswith(b"8BIM"):
            photoshop = photoshop_of_iptc(photoshop)
        return Metadata(
            exif,
            self._profile(),
            self.xmp or raw.get(b"xmp"),
            self.dpi or exif_dpi(exif),
            photoshop_of(photoshop),
            tuple(self.comments),
        )

    def _profile(self) -> bytes | None:
        """Find the profile by the order of precedence of PNG (3rd edition), section 4.3."""
        from tinct.photographs import icc  # not for a file that states nothing about its colors

        if self.code_points is not None and icc.knows_code_points(*self.code_points[:2]):
            return icc.profile_of_code_points(*self.code_points[:2])
        if self.icc is not None or self.is_srgb:
            return self.icc
        embedded = self.raw_profiles.get(b"icc") or self.raw_profiles.get(b"icm")
        if embedded is not None:
            return embedded
        if self.gamma is None and self.chromaticities is None:
            return None
        is_gray = self.color_type in (0, 4)
        return icc.profile_of_gamma(self.gamma, None if is_gray else self.chromaticities)


def decode_png(data: bytes, limit: Limit) -> Decoded:
    """Decode a PNG, of an animated one the still picture.

    Raises:
        UnreadableError: Nothing can be decoded. Damage that leaves some rows is a warning instead.
    """
    from tinct.photographs import vips  # takes time to load, and most photographs are JPEGs

    file = _read_chunks(data, limit)
    pixels, damage = vips.decode(data, limit)
    if not damage and not file.is_whole:
        damage = (f"{DAMAGED} (it ends early)",)
    if file.color_type == _PALETTE and _is_gray_palette(file.palette):
        pixels = np.ascontiguousarray(pixels[..., 0 if pixels.shape[2] == 3 else [0, 3]])
    animated = ("animated: only the first picture was read (tinct video colors all of them)",)
    warnings = (*(animated if file.num_frames > 1 else ()), *damage)
    return Decoded(pixels, space_of(pixels), file.metadata(), warnings=warnings)


def _is_gray_palette(palette: bytes) -> bool:
    colors = np.frombuffer(palette[: len(palette) // 3 * 3], np.uint8).reshape(-1, 3)
    return bool((colors == colors[:, :1]).all())


def _chunks(data: bytes) -> Iterator[tuple[bytes, bytes, bool]]:
    """Walk the chunks: name, content (none for pixels) and whether it is intact."""
    at = len(SIGNATURE)
    while at + 8 <= len(data):
        length, name = struct.unpack_from(">I4s", data, at)
        if name == b"IDAT":  # checked in decoding
            yield name, b"", True
        else:
            content = data[at + 8 : at + 8 + length]
            check = data[at + 8 + length : at + 12 + length]
            yield name, content, zlib.crc32(content, zlib.crc32(name)).to_bytes(4) == check
        at += 12 + length


def _read_chunks(data: bytes, limit: Limit) -> _File:
    file = _File()
    for name, content, intact in _chunks(data):
        if file.color_type < 0:
            if name != b"IHDR" or not intact or len(content) != 13:
                raise UnreadableError("damaged: its header cannot be read")
            _take_header(file, content, limit)
        elif name == b"IEND":
            file.is_whole = True
            break
        elif intact and not _take_chunk(file, name, content):
            _take_color(file, name, content)
    if file.color_type < 0:
        raise UnreadableError("damaged: its header cannot be read")
    return file


def _take_header(file: _File, content: bytes, limit: Limit) -> None:
    file.width, file.height, depth, file.color_type, *rest = struct.unpack(">IIBBBBB", content)
    limit.check(file.height, file.width)
    if depth not in _DEPTHS.get(file.color_type, ()) or rest[:2] != [0, 0] or rest[2] > 1:
        raise UnreadableError("damaged: its header makes no sense")


def _take_chunk(file: _File, name: bytes, content: bytes) -> bool:
    """Take a chunk that says nothing about colors; tell whether it was one."""
    if name == b"PLTE":
        file.palette = content
    elif name == b"eXIf":
        file.exif = strip_exif_prefix(content)
    elif name == b"pHYs" and len(content) == 9 and content[8] == 1:
        x, y = struct.unpack_from(">II", content)
        file.dpi = sensible_dpi(x * METERS_PER_INCH, y * METERS_PER_INCH)
    elif name == b"acTL" and len(content) == 8:
        file.num_frames = int.from_bytes(content[:4])
    elif name in (b"tEXt", b"zTXt", b"iTXt"):
        _take_text(file, name, content)
    else:
        return False
    return True


def _take_color(file: _File, name: bytes, content: bytes) -> None:
    if name == b"iCCP":
        _, _, packed = content.partition(b"\0")
        file.icc = _unpack(packed[1:])
    elif name == b"sRGB":
        file.is_srgb = True
    elif name == b"cICP" and len(content) == 4:
        file.code_points = content
    elif name == b"gAMA" and len(content) == 4 and any(content):
        file.gamma = int.from_bytes(content) / 100_000
    elif name == b"cHRM" and len(content) == 32:
        file.chromaticities = tuple(v / 100_000 for v in struct.unpack(">8I", content))


def _take_text(file: _File, name: bytes, content: bytes) -> None:
    """Take a text: XMP, another format's metadata in hexadecimal digits, or a comment."""
    keyword, _, rest = content.partition(b"\0")
    if name == b"iTXt":  # flag, method, language, translated keyword, text
        parts = rest[2:].split(b"\0", 2)
        if len(parts) < 3:
            return
        raw = _unpack(parts[2]) if rest[0] else parts[2]
    else:
        raw = _unpack(rest[1:]) if name == b"zTXt" else rest
    if raw is None:
        return
    if keyword == _XMP_KEYWORD:
        file.xmp = raw
    elif keyword.startswith(_RAW_PROFILE):
        try:
            _, _, digits = raw.lstrip(b"\n").split(b"\n", 2)
            kind = keyword.removeprefix(_RAW_PROFILE)
            file.raw_profiles[kind] = binascii.unhexlify(b"".join(digits.split()))
        except (ValueError, binascii.Error):
            pass  # damaged: nothing in it can be trusted
    else:
        text = text_of(raw) if name == b"iTXt" else raw.decode("latin-1")
        file.comments.append(Comment(keyword.decode("latin-1"), text))


def _unpack(packed: bytes) -> bytes | None:
    """Unpack a profile or a text; None where it is damaged or empty."""
    try:
        return zlib.decompressobj().decompress(packed, _METADATA_MAX) or None
    except zlib.error:
        return None


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


def _chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(content, zlib.crc32(name))
    return struct.pack(">I4s", len(content), name) + content + struct.pack(">I", check)


def _metadata_chunks(metadata: Metadata) -> Iterator[bytes]:
    if metadata.icc:
        yield _chunk(b"iCCP", b"ICC profile\0\0" + zlib.compress(metadata.icc))
    if metadata.dpi:
        per_meter = [round(value / METERS_PER_INCH) for value in metadata.dpi]
        yield _chunk(b"pHYs", struct.pack(">IIB", *per_meter, 1))
    if metadata.exif:
        yield _chunk(b"eXIf", metadata.exif)
    if metadata.xmp:
        yield _chunk(b"iTXt", _XMP_KEYWORD + b"\0\0\0\0\0" + metadata.xmp)
    if metadata.photoshop:
        kind = b"iptc" if iptc_of(metadata.photoshop) else b"8bim"
        digits = metadata.photoshop.hex().encode()
        lines = b"\n".join(digits[at : at + 72] for at in range(0, len(digits), 72))
        profile = b"\n%s\n%8d\n%s\n" % (kind, len(metadata.photoshop), lines)
        yield _chunk(b"zTXt", _RAW_PROFILE + kind + b"\0\0" + zlib.compress(profile))
    for keyword, text in metadata.comments:
        yield _text_chunk(keyword, text)


def _text_chunk(keyword: str, text: str) -> bytes:
    """Write a text in Latin-1 where that can hold it, else in UTF-8."""
    name = keyword.encode("latin-1", "replace").replace(b"\0", b"")[:79] or b"Comment"
    try:
        return _chunk(b"tEXt", name + b"\0" + text.encode("latin-1").replace(b"\0", b""))
    except UnicodeEncodeError:
        pass
    try:
        raw = text.encode()
    except UnicodeEncodeError:  # bytes that were no UTF-8 are most likely Latin-1
        return _chunk(b"tEXt", name + b"\0" + bytes_of(text))
    return _chunk(b"iTXt", name + b"\0\0\0\0\0" + raw)
