"""JPEG XL: no wheel of libvips, Pillow or FFmpeg reads it, imagecodecs does.

It states no size before it decodes, so the size is read here (ISO/IEC 18181-1, annex D.2; the boxes
of 18181-2, annex D).
"""

from __future__ import annotations

import numpy as np

from tinct.errors import MissingExtraError
from tinct.photographs.jp2 import boxes, read_metadata
from tinct.photographs.picture import Decoded, Limit, UnreadableError, space_of

_CODESTREAM = b"\xff\x0a"
_SIDE_BITS = (9, 13, 18, 30)  # lengths of a side's number; two bits before it say which
_RATIOS = {1: (1, 1), 2: (12, 10), 3: (4, 3), 4: (3, 2), 5: (16, 9), 6: (5, 4), 7: (2, 1)}


def decode_jxl(data: bytes, limit: Limit) -> Decoded:
    """Decode JPEG XL, turned as the file says.

    Raises:
        UnreadableError: It cannot be decoded.
        MissingExtraError: The library that reads such files is not installed.
    """
    try:
        import imagecodecs
    except ImportError as error:
        raise MissingExtraError("a JPEG XL picture", "jxl") from error
    limit.check(*stored_size(data))
    pixels = np.asarray(imagecodecs.jpegxl_decode(data))
    if pixels.dtype not in (np.uint8, np.uint16) or pixels.ndim > 3:
        raise UnreadableError("JPEG XL of floats or of several frames, which tinct does not read")
    return Decoded(pixels, space_of(pixels), read_metadata(data), orientation=1)


def stored_size(data: bytes) -> tuple[int, int]:
    """Read the height and width that a file states, before it is turned upright.

    Raises:
        UnreadableError: There is no beginning of a picture in it.
    """
    head = _codestream_head(data)
    if not head.startswith(_CODESTREAM):
        raise UnreadableError("damaged: it ends before the picture begins")
    bits = int.from_bytes(head[2:], "little")  # from the lowest bit on

    def take(count: int) -> int:
        nonlocal bits
        value, bits = bits & ((1 << count) - 1), bits >> count
        return value

    is_small = take(1)  # then both sides are multiples of 8

    def take_side() -> int:
        return 8 * (1 + take(5)) if is_small else 1 + take(_SIDE_BITS[take(2)])

    height = take_side()
    ratio = take(3)
    if ratio == 0:
        return height, take_side()
    above, below = _RATIOS[ratio]
    return height, height * above // below


def _codestream_head(data: bytes) -> bytes:
    """Find the first bytes of the codestream: more than a size takes."""
    if data.startswith(_CODESTREAM):
        return data[:16]
    for box in boxes(data, 0, len(data)):
        if box.name == b"jxlc":
            return data[box.start : box.start + 16]
        if box.name == b"jxlp":  # a part, its number before it
            return data[box.start + 4 : box.start + 20]
    return b""
