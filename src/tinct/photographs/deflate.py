"""Zlib streams of files that may be damaged, or made to fill the memory."""

from __future__ import annotations

import zlib

_STEP = 4096  # bytes of a stream that are lost with a fault inside them, at most
METADATA_MAX = 1 << 24  # bytes; an unpacked profile or packet above this is not what it says


def unpack_metadata(packed: bytes) -> bytes | None:
    """Unpack a profile or a packet; None where it is damaged or empty."""
    try:
        return zlib.decompressobj().decompress(packed, METADATA_MAX) or None
    except zlib.error:
        return None


def unpack_exactly(packed: bytes, size: int) -> tuple[bytes, bool]:
    """Unpack a stream of pixels, never more than ``size`` bytes of it.

    Returns:
        The bytes, fewer where the stream breaks off or is wrong, and whether all was well.
    """
    unpacker = zlib.decompressobj()
    try:
        whole = unpacker.decompress(packed, size)
        if len(whole) == size:
            unpacker.decompress(unpacker.unconsumed_tail, 1)  # reads on to the checksum
            return whole, True
    except zlib.error:
        pass  # unpacked again below, step by step, up to the fault
    return _unpack_partly(packed, size), False


def _unpack_partly(packed: bytes, size: int) -> bytes:
    unpacker = zlib.decompressobj()
    parts: list[bytes] = []
    done = 0
    for at in range(0, len(packed), _STEP):
        try:
            part = unpacker.decompress(packed[at : at + _STEP], size - done)
        except zlib.error:
            break
        parts.append(part)
        done += len(part)
        if done >= size or unpacker.eof:
            break
    return b"".join(parts)
