"""JPEG 2000: 8 bits and fewer through Pillow, more through OpenCV, which keeps them."""

from __future__ import annotations

import io
import struct
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, Jpeg2KImagePlugin

from tinct.photographs.decoded import Decoded, Limit, UnreadableError, space_of
from tinct.photographs.jp2_boxes import read_metadata, with_metadata
from tinct.photographs.metadata import Metadata
from tinct.photographs.modes import picture_from_pillow

_SMALLEST = 32  # pixels
_SIZE_MARKER = b"\xff\x4f\xff\x51"  # start of codestream, then the segment with the sizes


def decode_jp2(data: bytes, limit: Limit) -> Decoded:
    """Decode a JPEG 2000 file or bare codestream.

    Raises:
        UnreadableError: It cannot be decoded.
    """
    picture = Jpeg2KImagePlugin.Jpeg2KImageFile(io.BytesIO(data))
    limit.check(picture.height, picture.width)
    metadata, orientation = read_metadata(data)
    height, width, depth = _codestream_size(data)
    if (height, width) != (picture.height, picture.width):
        raise UnreadableError("damaged: two different sizes are stated")
    if depth <= 8:
        pixels, space = picture_from_pillow(picture)
        return Decoded(pixels, space, metadata, orientation)
    if depth > 16:
        raise UnreadableError(f"{depth}-bit samples, which tinct does not read")
    pixels = _decode_deep(data, depth)
    return Decoded(pixels, space_of(pixels), metadata, orientation)


def _decode_deep(data: bytes, depth: int) -> NDArray[np.uint16]:
    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    if pixels is None or pixels.dtype != np.uint16:
        raise UnreadableError("damaged beyond reading")
    if depth < 16:
        full = (1 << depth) - 1
        scaled = np.minimum(pixels, full).astype(np.uint32) * 65535 + full // 2
        pixels = (scaled // full).astype(np.uint16)
    if pixels.ndim == 3:
        code = cv2.COLOR_BGR2RGB if pixels.shape[2] == 3 else cv2.COLOR_BGRA2RGBA
        pixels = cv2.cvtColor(pixels, code)
    return np.asarray(pixels, np.uint16)


def _codestream_size(data: bytes) -> tuple[int, int, int]:
    """Read height, width and bits of the first component out of the SIZ segment."""
    at = data.find(_SIZE_MARKER)
    if at < 0 or at + 45 > len(data):
        raise UnreadableError("damaged: it ends before the picture begins")
    right, bottom, left, top = struct.unpack_from(">4I", data, at + 8)
    return bottom - top, right - left, (data[at + 42] & 0x7F) + 1


def encode_jp2(pixels: NDArray[Any], quality: int, metadata: Metadata) -> bytes:
    """Encode (H, W), (H, W, 3) or (H, W, 4) pixels, 8 or 16 bits.

    Args:
        pixels: The pixels.
        quality: 100 keeps all that the format can; 50 is a tenth of the plain size, 1 about a
            hundredth.
        metadata: Written, but for the color profile: the file states sRGB by a number.
    """
    if min(pixels.shape[:2]) < _SMALLEST:
        return with_metadata(_encode_small(pixels), metadata)
    if pixels.ndim == 3:
        code = cv2.COLOR_RGB2BGR if pixels.shape[2] == 3 else cv2.COLOR_RGBA2BGRA
        pixels = cv2.cvtColor(pixels, code)
    thousandths = round(10 ** (1 + quality / 50))
    _, encoded = cv2.imencode(".jp2", pixels, [cv2.IMWRITE_JPEG2000_COMPRESSION_X1000, thousandths])
    return with_metadata(encoded.tobytes(), metadata)


def _encode_small(pixels: NDArray[Any]) -> bytes:
    """Encode what is too small for the six resolutions that OpenCV always asks for."""
    if pixels.dtype == np.uint16 and pixels.ndim == 3:
        raise ValueError(f"16-bit color needs at least {_SMALLEST} pixels in rows and columns")
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "JPEG2000", num_resolutions=1)
    return target.getvalue()
