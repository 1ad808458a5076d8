"""TIFF: directories through tifffile, pixels through libvips, or as they are if nothing is packed.

Samples that are stored plainly are taken by tifffile, in a seventh of libvips' time. libvips drops
EXIF in writing and guesses what a fourth channel is, so both are decided here, by the tags. It
takes YCbCr for RGB where the packing is not JPEG, and misreads much that is stored in planes.
"""

from __future__ import annotations

import io
import logging
import struct
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import tifffile
from numpy.typing import NDArray

from tinct.photographs import vips
from tinct.photographs.exif import (
    EXIF_IFD,
    GPS_IFD,
    ORIENTATION,
    Field,
    build_exif,
    order_of,
    pointer_in,
    read_fields,
)
from tinct.photographs.icc import lab_to_srgb
from tinct.photographs.metadata import (
    CM_PER_INCH,
    Metadata,
    iptc_of,
    photoshop_of,
    photoshop_of_iptc,
    sensible_dpi,
)
from tinct.photographs.picture import (
    DAMAGED,
    Decoded,
    Limit,
    Space,
    UnreadableError,
    channels_left_out,
)

_XMP, _IPTC, _PHOTOSHOP, _ICC = 700, 33723, 34377, 34675
_SUB_IFDS, _DNG_VERSION, _JPEG_TABLES, _SUBSAMPLING = 330, 50706, 347, 530
_CHUNKY, _PLANES = 1, 2  # samples of a pixel side by side, or each kind by itself
_TILE_MAX = 1 << 22  # bytes by which tiles may reach over the edge of the picture
_HORIZONTAL = 2  # predictor: differences from left to right
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE, _CMYK, _YCBCR, _CIE_LAB, _ICC_LAB = (
    0,
    1,
    2,
    3,
    5,
    6,
    8,
    9,
)
_CFA, _LINEAR_RAW = 32803, 34892  # what the sensor of a camera saw
_COLORS = {_MIN_IS_WHITE: 1, _MIN_IS_BLACK: 1, _RGB: 3, _PALETTE: 1, _CMYK: 4}
_COLORS |= {_YCBCR: 3, _CIE_LAB: 3, _ICC_LAB: 3}  # channels of a pixel, further ones not counted
_PLAIN, _OLD_JPEG, _JPEG, _DEFLATE = 1, 6, 7, (8, 32946)
# What libtiff in libvips' wheel unpacks: CCITT, LZW, JPEG, Deflate, PackBits, WebP and old kinds.
# Of others it gives black.
_PACKINGS = {1, 2, 3, 4, 5, 6, 7, 8, 32766, 32771, 32773, 32809, 32946, 34676, 34677, 50001}
_PACKING_NAMES = {34712: "JPEG 2000", 34925: "LZMA", 50000: "Zstandard", 50002: "JPEG XL"}
_UNSIGNED, _SIGNED, _FLOAT = 1, 2, 3  # sample formats
_DEPTHS = {_UNSIGNED: (1, 2, 4, 8, 16), _FLOAT: (16, 32)}  # bits
_ASSOCIATED, _UNASSOCIATED = 1, 2  # values of ExtraSamples
_REDUCED = 1  # bit of NewSubfileType: a smaller copy of another page
_OLD_REDUCED = 2  # value of SubfileType
_MASK = 4  # bit of NewSubfileType
# Tags that describe how the pixels are stored, or hold what has a field of its own in Metadata
_OF_THE_PIXELS = {
    *range(254, 267), 273, ORIENTATION, *range(277, 285), *range(286, 294), 296, 297, 301,
    *range(317, 334), 334, 336, *range(338, 348), *range(512, 533), _XMP, 32781, _IPTC, _PHOTOSHOP,
    EXIF_IFD, _ICC, GPS_IFD, 37724, 40965, *range(50706, 51200),
}  # fmt: skip
_LONGEST_FIELD = 1 << 16  # bytes; above this it is no description of a photograph
_BYTE, _ASCII, _LONG, _UNDEFINED = 1, 2, 4, 7
_RATIONALS = {5: "I", 10: "i"}  # field types of two integers
_DEFLATE_LEVEL = 4
_Tag = tuple[int, int, int, Any, bool]

# tifffile says in several lines what the one line of an InputError says. Its records still reach
# handlers that a program sets up itself; without any they no longer fall through to stderr.
logging.getLogger("tifffile").addHandler(logging.NullHandler())


def decode_tiff(data: bytes, limit: Limit) -> Decoded:
    """Decode all pages of a TIFF that are pictures of their own.

    Raises:
        UnreadableError: The first of them cannot be decoded.
    """
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        found = list(_pictures(file))
        if not found:
            raise UnreadableError("damaged: its directory cannot be read")
        decoded = [_decode_page(data, limit, *found[0])]
        num_pixels = decoded[0].pixels[..., :1].size
        lost: list[str] = []
        for number, (place, page) in enumerate(found[1:], 2):
            num_pixels += page.imagelength * page.imagewidth
            if num_pixels > limit.max_pixels:
                lost.append(f"only the first {number - 1} of {len(found)} pages were read")
                break
            try:
                decoded.append(_decode_page(data, limit, place, page))
            except UnreadableError as error:
                lost.append(f"page {number} was left out: {error}")
    first, *others = decoded
    return Decoded(
        first.pixels,
        first.space,
        first.metadata,
        first.orientation,
        (*first.warnings, *lost),
        tuple(others),
    )


def is_raw(data: bytes) -> bool:
    """Tell whether a TIFF is the raw file of a camera or of a scanner (DNG, NEF, ARW...)."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        for place, page in _all_pages(file):
            if place["page"] > 0:
                break
            if _DNG_VERSION in page.tags or page.photometric in (_CFA, _LINEAR_RAW):
                return True
    return False


def read_metadata(data: bytes) -> Metadata:
    """Collect the metadata of the first page."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        return next((_metadata(data, page) for _, page in _all_pages(file)), Metadata())


def _all_pages(file: tifffile.TiffFile) -> Iterator[tuple[dict[str, int], tifffile.TiffPage]]:
    """Walk the pages, each with what libvips is to be told to find it, and those inside them.

    A damaged file may name a page again as the next one: there the walk ends.
    """
    number = 0
    offsets: set[int] = set()
    while True:
        try:
            page = file.pages[number]
        except (IndexError, tifffile.TiffFileError, ValueError, struct.error):
            return
        if page.offset in offsets:
            return
        offsets.add(page.offset)
        if isinstance(page, tifffile.TiffPage):
            yield {"page": number}, page
            for index, inner in enumerate(page.pages or () if _SUB_IFDS in page.tags else ()):
                if isinstance(inner, tifffile.TiffPage):
                    yield {"page": number, "subifd": index}, inner
        number += 1


def _pictures(file: tifffile.TiffFile) -> Iterator[tuple[dict[str, int], tifffile.TiffPage]]:
    """Choose the pages that are no smaller copies and no masks; all of them if none is left.

    Pages inside others count where the page outside is a smaller copy, as in a DNG.
    """
    pages = list(_all_pages(file))
    whole = [found for found in pages if not _is_copy(found[1])]
    outside = [found for found in whole if "subifd" not in found[0]]
    yield from outside or whole or pages[:1]


def _is_copy(page: tifffile.TiffPage) -> bool:
    kind = int(page.subfiletype)
    old = page.tags.valueof(255, 0)
    return bool(kind & (_REDUCED | _MASK)) or old == _OLD_REDUCED


def _decode_page(
    data: bytes, limit: Limit, place: dict[str, int], page: tifffile.TiffPage
) -> Decoded:
    limit.check(page.imagelength, page.imagewidth)
    _check_kind(page)
    if page.photometric in (_CIE_LAB, _ICC_LAB):
        pixels, damage = _decode_lab(data, limit, place, page)
    else:
        pixels, damage = _samples(data, limit, place, page)
    if pixels.shape[:2] != (page.imagelength, page.imagewidth):
        raise UnreadableError("damaged: two different sizes are stated")
    if _is_plain_ycbcr(page):
        pixels = _rgb_of_ycbcr(pixels, page)
    pixels, left_out = _without_extra_channels(_whole_numbers(pixels, page), page)
    space: Space = "gray" if pixels.ndim == 2 or pixels.shape[2] == 2 else "rgb"
    if page.photometric == _CMYK:
        if pixels.ndim == 2 or pixels.shape[2] < 4:
            raise UnreadableError("damaged: CMYK of less than four channels")
        space, pixels = "cmyk", _eight_bits(pixels)
    elif (
        page.photometric == _PALETTE
        and pixels.ndim == 3
        and (pixels[..., :3] == pixels[..., :1]).all()
    ):
        space, pixels = "gray", np.ascontiguousarray(pixels[..., 0])
    orientation = _orientation(page, data)
    metadata = _metadata(data, page)
    if page.photometric in (_CIE_LAB, _ICC_LAB):
        metadata = replace(metadata, icc=None)  # it was for Lab
    return Decoded(pixels, space, metadata, orientation, (*damage, *left_out))


def _check_kind(page: tifffile.TiffPage) -> None:
    """Refuse what libvips would give as noise or as black, by its name."""
    packing = int(page.compression)
    if packing not in _PACKINGS:
        name = _PACKING_NAMES.get(packing) or getattr(page.compression, "name", "")
        name = f" ({name})" if name and name != str(packing) else ""
        raise UnreadableError(
            f"TIFF compression {packing}{name}, which tinct does not read (save it with LZW or ZIP)"
        )
    depth, kind = page.bitspersample, page.sampleformat or _UNSIGNED
    if depth not in _DEPTHS.get(kind, ()):
        signed = " signed" if kind == _SIGNED else ""
        raise UnreadableError(f"{depth}-bit{signed} samples, which tinct does not read")
    if page.photometric not in _COLORS:
        name = getattr(page.photometric, "name", page.photometric)
        raise UnreadableError(f"TIFF colors of the kind {name}, which tinct does not read")
    if _is_plain_ycbcr(page):
        if tuple(page.tags.valueof(_SUBSAMPLING, (2, 2))) != (1, 1):
            raise UnreadableError(
                "YCbCr in a TIFF with fewer samples of color than of light, which tinct does not "
                "read (save it as RGB)"
            )
        if page.samplesperpixel != 3 or depth != 8:
            raise UnreadableError(
                f"YCbCr in a TIFF with {page.samplesperpixel} channels of {depth} bits, which "
                "tinct does not read (save it as RGB)"
            )


def _is_plain_ycbcr(page: tifffile.TiffPage) -> bool:
    """Tell whether the samples are Y, Cb and Cr also when they are unpacked; JPEG makes them RGB.

    A JPEG of each plane knows nothing of the other ones.
    """
    by_jpeg = page.compression == _OLD_JPEG or (
        page.compression == _JPEG and page.planarconfig == _CHUNKY
    )
    return page.photometric == _YCBCR and not by_jpeg


def _samples(
    data: bytes, limit: Limit, place: dict[str, int], page: tifffile.TiffPage
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Get at the samples, black being zero and palettes resolved, and say what was wrong."""
    if page.compression == _OLD_JPEG:
        return _decode_old_jpeg(data, place), ()
    usual = page.photometric in (_MIN_IS_BLACK, _RGB, _CMYK) and page.bitspersample in (8, 16)
    if page.compression == _PLAIN and usual and _ASSOCIATED not in page.extrasamples:
        try:
            return _plain(page), ()
        except (ValueError, tifffile.TiffFileError):
            pass  # a part is missing
    try:
        if page.planarconfig == _PLANES and page.samplesperpixel > 1:
            pixels, damage = _decode_planes(data, limit, page)
        else:
            pixels, damage = vips.decode(data, limit, **place)
    except UnreadableError:
        rescued = _inflate_partly(data, page)
        if rescued is None:
            raise
        return rescued, (DAMAGED,)
    if not damage and page.compression in _DEFLATE and not _checksums_fit(data, page, pixels):
        damage = (DAMAGED,)
    return pixels, damage


def _decode_old_jpeg(data: bytes, place: dict[str, int]) -> NDArray[Any]:
    """Decode JPEG as TIFF 6.0 had it at first, of which libvips gives black, or nothing."""
    from PIL import TiffImagePlugin  # rarely needed

    picture = TiffImagePlugin.TiffImageFile(io.BytesIO(data))
    try:
        picture.seek(place["page"])
        return np.array(picture if picture.mode == "L" else picture.convert("RGB"))
    except (OSError, ValueError) as error:
        raise UnreadableError(
            "old-style JPEG in a TIFF, which tinct does not read (save it with LZW or ZIP)"
        ) from error


def _plain(page: tifffile.TiffPage) -> NDArray[Any]:
    """Take samples of 8 or 16 bits that need no unpacking."""
    pixels = page.asarray()
    samples = page.samplesperpixel
    if pixels.shape == (samples, page.imagelength, page.imagewidth) and samples > 1:
        pixels = np.moveaxis(pixels, 0, -1)  # stored plane by plane
    return np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))


def _decode_planes(
    data: bytes, limit: Limit, page: tifffile.TiffPage
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Decode each plane as a gray picture of its own, as libvips misreads them together."""
    number = page.samplesperpixel
    if page.photometric == _PALETTE:
        raise UnreadableError("a TIFF with a palette and planes, which tinct does not read")
    if len(page.dataoffsets) % number:
        raise UnreadableError("damaged: its planes do not belong together")
    decoded = [vips.decode(_plane(data, page, index), limit) for index in range(number)]
    pixels = np.stack([plane for plane, _ in decoded], axis=2)
    if _ASSOCIATED in page.extrasamples:
        colors = number - len(page.extrasamples)
        alpha = colors + page.extrasamples.index(_ASSOCIATED)
        pixels[..., :colors] = _divided(pixels[..., :colors], pixels[..., alpha : alpha + 1])
    return pixels, next((damage for _, damage in decoded if damage), ())


def _plane(data: bytes, page: tifffile.TiffPage, index: int) -> bytes:
    """Write a TIFF whose directory describes one plane, in front of the file that holds it."""
    order = page.parent.byteorder
    each = len(page.dataoffsets) // page.samplesperpixel
    mine = slice(index * each, (index + 1) * each)
    is_negative = page.photometric == _MIN_IS_WHITE and index == 0
    tags: dict[int, Sequence[int]] = {
        256: [page.imagewidth],
        257: [page.imagelength],
        258: [page.bitspersample],
        259: [page.compression],
        262: [_MIN_IS_WHITE if is_negative else _MIN_IS_BLACK],
        266: [page.fillorder],
        277: [1],
        317: [page.predictor],
        339: [page.sampleformat or _UNSIGNED],
    }
    tables = _bytes(data, page, _JPEG_TABLES)
    more = [Field(_JPEG_TABLES, _UNDEFINED, len(tables), tables)] if tables else []

    def directory(shift: int) -> bytes:
        places = [start + shift for start in page.dataoffsets[mine]]
        if page.is_tiled:
            parts = {322: [page.tilewidth], 323: [page.tilelength], 324: places}
        else:
            parts = {273: places, 278: [page.rowsperstrip]}
        sizes = {325 if page.is_tiled else 279: page.databytecounts[mine]}
        longs = [
            Field(tag, _LONG, len(values), struct.pack(f"{order}{len(values)}I", *values))
            for tag, values in (tags | parts | sizes).items()
        ]
        return build_exif(order, [*longs, *more], {})

    return directory(len(directory(0))) + data


def _divided(colors: NDArray[Any], alpha: NDArray[Any]) -> NDArray[Any]:
    """Divide colors by the alpha that they were multiplied with."""
    full = 1 if colors.dtype.kind == "f" else int(np.iinfo(colors.dtype).max)
    share = np.float32(full) / np.where(alpha > 0, alpha, np.float32(np.inf))
    divided: NDArray[Any] = np.minimum(colors * share, full)
    return divided if full == 1 else np.rint(divided)


def _rgb_of_ycbcr(pixels: NDArray[Any], page: tifffile.TiffPage) -> NDArray[Any]:
    """Convert Y, Cb and Cr as the tags say that they are meant (TIFF 6.0, sections 20 and 21)."""
    try:
        red, green, blue = _fractions(page, 529) or (0.299, 0.587, 0.114)
        levels = _fractions(page, 532) or (0, 255, 128, 255, 128, 255)
        ranges = zip((255, 127, 127), levels[::2], levels[1::2], strict=True)
        scales = [size / (white - black) for size, black, white in ranges]
        y, cb, cr = (
            (pixels[..., index] - np.float32(levels[2 * index])) * np.float32(scale)
            for index, scale in enumerate(scales)
        )
        r, b = y + np.float32(2 - 2 * red) * cr, y + np.float32(2 - 2 * blue) * cb
        g = (y - np.float32(red) * r - np.float32(blue) * b) * np.float32(1 / green)
    except (TypeError, ValueError, ZeroDivisionError) as error:
        raise UnreadableError("damaged: what is said of its YCbCr makes no sense") from error
    rgb: NDArray[np.float32] = np.stack([r, g, b], axis=2).clip(0, 255)
    return np.rint(rgb).astype(np.uint8)


def _fractions(page: tifffile.TiffPage, code: int) -> list[float]:
    """Read the values of a tag of fractions; none where there is no such tag."""
    values = page.tags.valueof(code, ())
    return [above / below for above, below in zip(values[::2], values[1::2], strict=True)]


def _checksums_fit(data: bytes, page: tifffile.TiffPage, pixels: NDArray[Any]) -> bool:
    """Check the sums at the end of deflated strips and tiles, at which libtiff does not look.

    The sum is computed of the samples where they are as they were packed, which takes a fifth of
    the time of unpacking again.
    """
    as_packed = (
        page.photometric in (_MIN_IS_BLACK, _RGB)
        and page.bitspersample in (8, 16)
        and page.predictor in (1, _HORIZONTAL)
        and not page.is_tiled
        and page.planarconfig == _CHUNKY
        and _ASSOCIATED not in page.extrasamples
    )
    stored = pixels.dtype.newbyteorder(page.parent.byteorder)
    for index, (start, length) in enumerate(
        zip(page.dataoffsets, page.databytecounts, strict=False)
    ):
        packed = data[start : start + length]
        if as_packed:
            rows = pixels[index * page.rowsperstrip :][: page.rowsperstrip]
            if page.predictor == _HORIZONTAL:
                rows = rows.copy()
                rows[:, 1:] -= pixels[index * page.rowsperstrip :][: page.rowsperstrip, :-1]
            sum_of_rows = zlib.adler32(np.ascontiguousarray(rows, stored).data)
            if sum_of_rows.to_bytes(4) == packed[-4:]:
                continue
        unpacker = zlib.decompressobj()
        try:  # the sum need not be at the very end
            unpacker.decompress(packed, pixels.nbytes + _TILE_MAX)
        except zlib.error:
            return False
        if not unpacker.eof:
            return False
    return True


def _inflate_partly(data: bytes, page: tifffile.TiffPage) -> NDArray[Any] | None:
    """Unpack what a damaged picture of a single deflated strip still holds.

    libtiff gives nothing of a strip with a fault, which may be the whole picture. None where the
    strip or its samples are of another kind, or nothing is left of it.
    """
    alone = page.compression in _DEFLATE and len(page.dataoffsets) == 1 and not page.is_tiled
    colors = (_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _CMYK)
    if not (alone and page.photometric in colors and page.bitspersample in (1, 8, 16)):
        return None
    start, length = page.dataoffsets[0], page.databytecounts[0]
    size = page.imagelength * -(-page.imagewidth * page.samplesperpixel * page.bitspersample // 8)
    unpacker, raw = zlib.decompressobj(), b""
    packed = data[start : start + length]
    try:
        for at in range(0, len(packed), 4096):
            raw += unpacker.decompress(packed[at : at + 4096], size - len(raw))
    except zlib.error:
        pass  # up to here, and no further
    if not any(raw):
        return None
    raw = raw.ljust(size, b"\0")
    if page.bitspersample == 1:
        rows = np.frombuffer(raw, np.uint8).reshape(page.imagelength, -1)
        bits = np.unpackbits(rows, axis=1)[:, : page.imagewidth * page.samplesperpixel]
        segment: NDArray[Any] | None = bits * np.uint8(255)
    else:
        try:
            segment, _, _ = page.decode(zlib.compress(raw, 0), 0)
        except Exception:  # noqa: BLE001 - a kind that tifffile cannot unpack alone
            return None
    pixels = np.asarray(segment).reshape(page.imagelength, page.imagewidth, -1)
    if page.photometric == _MIN_IS_WHITE:
        pixels = np.bitwise_not(pixels)
    pixels = pixels[..., 0] if pixels.shape[2] == 1 else pixels
    return np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))


def _decode_lab(
    data: bytes, limit: Limit, place: dict[str, int], page: tifffile.TiffPage
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Decode CIE L*a*b* to sRGB: libvips, which knows one kind only, is told that it is RGB."""
    patched = bytearray(data)
    tag = page.tags[262]
    struct.pack_into(page.parent.byteorder + "H", patched, tag.valueoffset, _RGB)
    stored, damage = vips.decode(bytes(patched), limit, **place)
    if stored.dtype not in (np.uint8, np.uint16):
        raise UnreadableError(f"CIE Lab with {page.bitspersample} bits, which tinct does not read")
    full, zero = (255, 128) if stored.dtype == np.uint8 else (65535, 32768)
    if page.photometric == _CIE_LAB:  # a* and b* are signed
        ab = stored[..., 1:3].view(np.int8 if full == 255 else np.int16).astype(np.float32)
    else:
        ab = stored[..., 1:3].astype(np.float32) - zero
    lightness = stored[..., :1].astype(np.float32) * (100 / full)
    lab = np.concatenate([lightness, ab / (zero / 128)], axis=2)
    return lab_to_srgb(lab, stored.dtype), damage


def _whole_numbers(pixels: NDArray[Any], page: tifffile.TiffPage) -> NDArray[Any]:
    """Bring floats to 16 bits, black being zero.

    Raises:
        UnreadableError: Floats that are not between 0 and 1, so that nobody knows what white is.
    """
    if pixels.dtype.kind != "f":
        return pixels
    if not (np.isfinite(pixels).all() and pixels.min() >= 0 and pixels.max() <= 1):
        raise UnreadableError(
            "floating-point samples outside 0 to 1, which tinct does not read (save it as 16 bits)"
        )
    whole = np.rint(pixels * np.float32(65535)).astype(np.uint16)
    if page.photometric == _MIN_IS_WHITE:  # which libvips sees to for whole numbers alone
        gray = whole if whole.ndim == 2 else whole[..., 0]
        np.subtract(65535, gray, out=gray)
    return whole


def _without_extra_channels(
    pixels: NDArray[Any], page: tifffile.TiffPage
) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Keep the colors, and the further channel that ExtraSamples calls alpha (TIFF 6.0, 18).

    Infrared of scanners is unspecified data. What libvips gives for associated alpha has been
    divided by it already.
    """
    if pixels.ndim == 2:
        return pixels, ()
    colors = 3 if page.photometric == _PALETTE else _COLORS[int(page.photometric)]
    kinds = [int(kind) for kind in page.extrasamples]
    alphas = [index for index, kind in enumerate(kinds) if kind in (_ASSOCIATED, _UNASSOCIATED)]
    num_extra = pixels.shape[2] - colors
    keep = list(range(colors))
    if alphas and alphas[0] < num_extra and page.photometric != _CMYK:
        keep.append(colors + alphas[0])
    num_lost = num_extra + colors - len(keep)
    warnings = (channels_left_out(num_lost),) if num_lost > 0 else ()
    kept = pixels if len(keep) == pixels.shape[2] else pixels[..., keep]
    kept = kept[..., 0] if kept.shape[2] == 1 else kept
    return np.ascontiguousarray(kept), warnings


def _eight_bits(pixels: NDArray[Any]) -> NDArray[np.uint8]:
    if pixels.dtype == np.uint16:
        return np.rint(pixels / np.float32(257)).astype(np.uint8)
    return np.asarray(pixels, np.uint8)


def _orientation(page: tifffile.TiffPage, data: bytes) -> int | None:
    """Read the orientation, of any integer type; None where there is none, or a senseless one."""
    tag = page.tags.get(ORIENTATION)
    code = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i", 13: "I", 16: "Q"}
    if tag is None or int(tag.dtype) not in code:
        return None
    (value,) = struct.unpack_from(
        page.parent.byteorder + code[int(tag.dtype)], data, tag.valueoffset
    )
    return value if 1 <= value <= 8 else None


def _metadata(data: bytes, page: tifffile.TiffPage) -> Metadata:
    photoshop = photoshop_of(_bytes(data, page, _PHOTOSHOP))
    iptc = _bytes(data, page, _IPTC)
    if iptc is not None and iptc_of(photoshop) is None:
        photoshop = (photoshop or b"") + photoshop_of_iptc(iptc)
    return Metadata(
        _exif(data, page), _bytes(data, page, _ICC), _bytes(data, page, _XMP), _dpi(page), photoshop
    )


def _bytes(data: bytes, page: tifffile.TiffPage, code: int) -> bytes | None:
    """Take the values of a tag as the bytes that are in the file."""
    tag = page.tags.get(code)
    if tag is None:
        return None
    return data[tag.valueoffset : tag.valueoffset + tag.valuebytecount] or None


def _dpi(page: tifffile.TiffPage) -> tuple[float, float] | None:
    try:
        scale = {2: 1.0, 3: CM_PER_INCH}.get(page.tags.valueof(296, 2), 0.0)
        x, y = (page.tags.valueof(code) for code in (282, 283))
        return sensible_dpi(x[0] / x[1] * scale, y[0] / y[1] * scale)
    except (TypeError, ZeroDivisionError, IndexError, ValueError, struct.error):
        return None


def _exif(data: bytes, page: tifffile.TiffPage) -> bytes | None:
    """Make an EXIF block of the describing tags and the EXIF and GPS directories, byte for byte."""
    fields = [
        Field(tag.code, int(tag.dtype), tag.count, _bytes(data, page, tag.code) or b"")
        for tag in page.tags
        if tag.code not in _OF_THE_PIXELS and 0 < tag.valuebytecount < _LONGEST_FIELD
    ]
    fields = [field for field in fields if field.raw and field.kind <= 13]
    inner = {}
    for code in (EXIF_IFD, GPS_IFD):
        tag = page.tags.get(code)
        if tag is not None:
            inner[code] = read_fields(data, tag.valueoffset)  # where tifffile was pointed to
    return (
        build_exif(page.parent.byteorder, fields, inner) if fields or any(inner.values()) else None
    )


def encode_tiff(pages: Sequence[NDArray[Any]], metadata: Sequence[Metadata]) -> bytes:
    """Encode pages of any of our shapes, 8 or 16 bits: Deflate with a predictor, no loss.

    The file begins with the EXIF block of the first page as it is, so that nothing in it moves;
    that page then points into it. Further pages have the plain tags of theirs.

    Args:
        pages: Pixels of one or more pages.
        metadata: Of each page.
    """
    block = metadata[0].exif or b"II*\0\0\0\0\0"
    block += bytes(len(block) % 2)
    order = order_of(block)
    # Its own directory is not announced: it holds no picture.
    target = io.BytesIO(block[:4] + bytes(4) + block[8:])
    target.seek(0)
    with tifffile.TiffWriter(target, append=True) as writer:
        for number, (pixels, held) in enumerate(zip(pages, metadata, strict=True)):
            tags = [*_blobs(held), *(_fields(held.exif, order) if held.exif else ())]
            if number == 0:
                tags += _pointers(block)
            _write_page(writer, pixels, held.dpi, tags)
    encoded = bytearray(target.getbuffer())
    _point(encoded, block)
    return bytes(encoded)


def _write_page(
    writer: tifffile.TiffWriter,
    pixels: NDArray[Any],
    dpi: tuple[float, float] | None,
    tags: list[_Tag],
) -> None:
    has_alpha = pixels.ndim == 3 and pixels.shape[2] in (2, 4)
    is_gray = pixels.ndim == 2 or pixels.shape[2] == 2
    writer.write(
        np.ascontiguousarray(pixels),
        photometric="minisblack" if is_gray else "rgb",
        planarconfig="contig" if pixels.ndim == 3 else None,
        extrasamples=["unassalpha"] if has_alpha else None,
        compression="zlib",
        predictor=True,
        compressionargs={"level": _DEFLATE_LEVEL},
        resolution=dpi,
        resolutionunit="INCH" if dpi else None,
        extratags=tags,
        metadata=None,
        software=False,
    )


def _blobs(metadata: Metadata) -> list[_Tag]:
    found = (
        (_ICC, _UNDEFINED, metadata.icc),
        (_XMP, _BYTE, metadata.xmp),
        (_PHOTOSHOP, _BYTE, metadata.photoshop),
        (_IPTC, _UNDEFINED, iptc_of(metadata.photoshop)),
    )
    return [(code, kind, len(blob), blob, True) for code, kind, blob in found if blob]


_STANDS_FOR = {EXIF_IFD: 34664, GPS_IFD: 34852}  # tifffile refuses to write pointers


def _fields(block: bytes, order: str) -> list[_Tag]:
    """Repeat the fields of a block's first directory in the byte order of the file."""
    return [
        (field.tag, field.kind, field.number, _values(field, order_of(block), order), True)
        for field in read_fields(block)
        if field.tag not in _OF_THE_PIXELS
    ]


def _values(field: Field, stored: str, order: str) -> bytes | tuple[int, ...]:
    """Return the values of a field as tifffile takes them."""
    if field.kind in _RATIONALS:  # of which tifffile counts the halves where they are bytes
        code = _RATIONALS[field.kind]
        return struct.unpack(f"{stored}{2 * field.number}{code}", field.raw)
    if stored == order:
        return field.raw
    size = len(field.raw) // field.number
    return b"".join(field.raw[at : at + size][::-1] for at in range(0, len(field.raw), size))


def _pointers(block: bytes) -> list[_Tag]:
    """Point to the other directories of the block that the file begins with."""
    places = {substitute: pointer_in(block, code) for code, substitute in _STANDS_FOR.items()}
    return [(substitute, _LONG, 1, place, True) for substitute, place in places.items() if place]


def _point(encoded: bytearray, block: bytes) -> None:
    """Announce the first page in the header, and give pointers their own tags."""
    order = order_of(block)
    first = len(block)
    struct.pack_into(order + "I", encoded, 4, first)
    (count,) = struct.unpack_from(order + "H", encoded, first)
    meant = {substitute: code for code, substitute in _STANDS_FOR.items()}
    for at in range(first + 2, first + 2 + 12 * count, 12):
        (tag,) = struct.unpack_from(order + "H", encoded, at)
        if tag in meant:
            struct.pack_into(order + "H", encoded, at, meant[tag])
