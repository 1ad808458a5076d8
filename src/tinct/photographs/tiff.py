"""TIFF: the directory through tifffile, pixels through whichever library keeps all their bits.

Samples that are stored plainly are taken by tifffile, deflated ones unpacked by
``tiff_deflate``. Others go to libtiff: through OpenCV, which keeps 16 bits and is silent
about damage, and through Pillow for the kinds that OpenCV gets wrong.
"""

from __future__ import annotations

import io
import logging
import struct
import warnings
from typing import Any

import cv2
import numpy as np
import tifffile
from numpy.typing import NDArray
from PIL import Image, TiffImagePlugin

from tinct.photographs.decoded import Decoded, Limit, Space, UnreadableError, space_of
from tinct.photographs.metadata import CM_PER_INCH, EXIF_IFD, Metadata, sensible_dpi
from tinct.photographs.modes import picture_from_pillow
from tinct.photographs.tiff_deflate import unpack_deflated

GPS_IFD = 0x8825
INTEROPERABILITY_IFD = (
    0xA005  # a directory inside the EXIF directory; tells nothing about the photograph
)
EXIF_TEXT_TAGS = (270, 271, 272, 305, 306, 315, 33432)  # description, make, model, ..., copyright
_ICC, _XMP, _ORIENTATION = 34675, 700, 274
_CHUNKY = 1  # samples of a pixel side by side
_PLAIN = 1  # the compression tag of samples stored as they are
_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE, _CMYK, _YCBCR = 0, 1, 2, 3, 5, 6
_FOR_OPENCV = (_MIN_IS_WHITE, _MIN_IS_BLACK, _RGB, _PALETTE, _YCBCR)
_REDUCED = 1  # bit of NewSubfileType: a smaller copy of another page

# Both say in several lines what the one line of an InputError says. tifffile's records still reach
# handlers that a program sets up itself; without any they no longer fall through to stderr.
for _name in ("tifffile", "PIL"):
    logging.getLogger(_name).addHandler(logging.NullHandler())
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.TiffImagePlugin")


def decode_tiff(data: bytes, limit: Limit) -> Decoded:
    """Decode the first page of a TIFF.

    Raises:
        UnreadableError: It cannot be decoded.
    """
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        if not isinstance(page, tifffile.TiffPage):
            raise UnreadableError("damaged: its directory cannot be read")
        limit.check(page.imagelength, page.imagewidth)
        if page.bitspersample not in (1, 2, 4, 8, 16) or page.sampleformat not in (1, None):
            raise UnreadableError(f"{page.bitspersample}-bit samples, which tinct does not read")
        pages = _page_warnings(file)
        metadata = Metadata(
            _exif(data), _bytes(_tag(page, _ICC)), _bytes(_tag(page, _XMP)), _dpi(page)
        )
        orientation, data = _take_orientation(page, data)
        pixels, space, damage = _unpack(page, data)
    if pixels.shape[:2] != (page.imagelength, page.imagewidth):
        raise UnreadableError("damaged: two different sizes are stated")
    return Decoded(pixels, space, metadata, orientation, (*pages, *damage))


def _page_warnings(file: tifffile.TiffFile) -> tuple[str, ...]:
    try:
        second = file.pages[1]
    except (IndexError, tifffile.TiffFileError):
        return ()
    reduced = isinstance(second, tifffile.TiffPage) and int(second.subfiletype) & _REDUCED
    return () if reduced else ("more than one page: only the first was read",)


def _unpack(page: tifffile.TiffPage, data: bytes) -> tuple[NDArray[Any], Space, tuple[str, ...]]:
    """Get at the samples: shapes and types as in Decoded, and what was wrong."""
    counts = {_MIN_IS_WHITE: (1, 2), _MIN_IS_BLACK: (1, 2), _RGB: (3, 4), _CMYK: (4,)}
    usual = page.samplesperpixel in counts.get(int(page.photometric), ())
    if not usual or (page.photometric == _CMYK and page.bitspersample != 8):
        return *_by_libtiff(page, data), ()
    damage: tuple[str, ...] = ()
    deflated = unpack_deflated(page, data)
    if deflated is not None:
        pixels, complete = deflated
        damage = () if complete else ("damaged, read as far as possible (a strip is incomplete)",)
    elif page.compression == _PLAIN and page.bitspersample in (8, 16):
        pixels = _plain(page)
    else:
        return *_by_libtiff(page, data), ()
    if page.photometric == _MIN_IS_WHITE:
        pixels = _inverted_gray(pixels)
    return pixels, "cmyk" if page.photometric == _CMYK else space_of(pixels), damage


def _plain(page: tifffile.TiffPage) -> NDArray[Any]:
    """Take samples of 8 or 16 bits that need no unpacking."""
    pixels = page.asarray()
    samples = page.samplesperpixel
    if pixels.shape == (samples, page.imagelength, page.imagewidth) and samples > 1:
        pixels = np.moveaxis(pixels, 0, -1)  # stored plane by plane
    wanted = (page.imagelength, page.imagewidth, samples)
    if pixels.shape != (wanted if samples > 1 else wanted[:2]):
        raise UnreadableError("damaged: two different sizes are stated")
    return np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))


def _inverted_gray(pixels: NDArray[Any]) -> NDArray[Any]:
    inverted: NDArray[Any] = np.bitwise_not(pixels)
    if pixels.ndim == 3:
        inverted[..., 1] = pixels[..., 1]
    return inverted


def _by_libtiff(page: tifffile.TiffPage, data: bytes) -> tuple[NDArray[Any], Space]:
    """Unpack compressed or unusual samples."""
    channels = (1, 3, 4) if page.bitspersample == 16 else (1, 3)  # it mixes 8-bit alpha in
    simple = (
        page.photometric in _FOR_OPENCV
        and page.samplesperpixel in channels
        and (page.planarconfig == _CHUNKY or page.samplesperpixel == 1)
    )
    if page.bitspersample == 16 and not (simple and page.photometric in (_MIN_IS_BLACK, _RGB)):
        raise UnreadableError("a kind of 16-bit TIFF that tinct does not read")
    if not simple or page.bitspersample not in (1, 8, 16):
        picture = TiffImagePlugin.TiffImageFile(io.BytesIO(data))
        return picture_from_pillow(picture)
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != (np.uint16 if page.bitspersample == 16 else np.uint8):
        raise UnreadableError("damaged beyond reading")
    if pixels.ndim == 3:
        code = cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
        pixels = cv2.cvtColor(pixels, code)
    return pixels, space_of(pixels)


def _take_orientation(page: tifffile.TiffPage, data: bytes) -> tuple[int, bytes]:
    """Read the orientation and hide it from libtiff's users, who would act on it themselves."""
    tag = page.tags.get(_ORIENTATION)
    if tag is None or not isinstance(tag.value, int) or tag.value == 1:
        return 1, data
    patched = bytearray(data)
    code = {1: "B", 3: "H"}.get(int(tag.dtype), "I")
    struct.pack_into(page.parent.byteorder + code, patched, tag.valueoffset, 1)
    return tag.value if 1 <= tag.value <= 8 else 1, bytes(patched)


def _tag(page: tifffile.TiffPage, code: int) -> Any:
    try:
        tag = page.tags.get(code)
        return None if tag is None else tag.value
    except (tifffile.TiffFileError, ValueError, struct.error, TypeError, KeyError):
        return None


def _bytes(value: Any) -> bytes | None:
    return value if isinstance(value, bytes) and value else None


def _dpi(page: tifffile.TiffPage) -> tuple[float, float] | None:
    scale = {2: 1.0, 3: CM_PER_INCH}.get(_tag(page, 296) or 2, 0.0)
    try:
        x, y = (_tag(page, code) for code in (282, 283))
        return sensible_dpi(x[0] / x[1] * scale, y[0] / y[1] * scale)
    except (TypeError, ZeroDivisionError, IndexError):
        return None


def _exif(data: bytes) -> bytes | None:
    """Make an EXIF block of the descriptive tags and the EXIF and GPS directories."""
    stored, exif = Image.Exif(), Image.Exif()
    try:
        stored.load(data)
        for code in EXIF_TEXT_TAGS:
            if isinstance(stored.get(code), str):
                exif[code] = stored[code]
        for code in (EXIF_IFD, GPS_IFD):
            if code in stored:
                exif.get_ifd(code).update(stored.get_ifd(code))
                exif.get_ifd(code).pop(INTEROPERABILITY_IFD, None)
                exif[code] = exif.get_ifd(code)
        return exif.tobytes().removeprefix(b"Exif\0\0") if len(exif) else None
    except Exception:  # noqa: BLE001 - anything can be wrong, and the picture matters more
        return None
