"""Reads TensorFlow's checkpoints without TensorFlow.

A checkpoint called PREFIX is a *tensor bundle*: PREFIX.index, a sorted string table as LevelDB has
it (blocks of keys with shared beginnings, found through an index block that the last 48 bytes of
the file point to), whose values are small protocol buffers saying where each tensor lies in
PREFIX.data-00000-of-00001 and so on.

References:
    LevelDB, doc/table_format.md: blocks, handles, footer.
    TensorFlow, core/protobuf/tensor_bundle.proto: BundleHeaderProto, BundleEntryProto.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.errors import ModelError

INDEX_SUFFIX = ".index"
TABLE_MAGIC = 0xDB4775248B80FB57
FOOTER_SIZE = 48
FLOAT_TYPES = {1: "<f4", 2: "<f8", 19: "<f2"}  # TensorFlow's DataType; others hold no weights
HEADER_KEY = b""
SHARD_COUNT, ENDIANNESS = 1, 2  # fields of the header
DTYPE, SHAPE, SHARD, OFFSET, SIZE, SLICES = 1, 2, 3, 4, 5, 7  # fields of an entry
DIMENSION, EXTENT = 2, 1  # repeated field of a shape; its field

Fields = dict[int, list[Any]]  # protocol buffer: number of the field to its values


def checkpoint_prefix(path: str | Path) -> str | None:
    """Return the PREFIX if a path means a checkpoint, itself or its index file; else None."""
    text = str(path).removesuffix(INDEX_SUFFIX)
    return text if Path(text + INDEX_SUFFIX).is_file() else None


def read_checkpoint(prefix: str) -> dict[str, NDArray[Any]]:
    """Read all tensors of floating-point numbers of a checkpoint, by their keys.

    Args:
        prefix: What the names of the checkpoint's files begin with.

    Raises:
        ModelError: A file is missing or damaged, or the checkpoint is of a kind not read here.
    """
    name = prefix + INDEX_SUFFIX
    try:
        entries = dict(_table_entries(Path(name).read_bytes()))
        header = _fields(entries.pop(HEADER_KEY))
        if header.get(ENDIANNESS, [0])[0]:
            raise ValueError("written on a big-endian machine")
        num_shards = header.get(SHARD_COUNT, [0])[0]
        shards = [_shard(prefix, number, num_shards) for number in range(num_shards)]
        tensors = {key.decode(): _tensor(_fields(value), shards) for key, value in entries.items()}
    except OSError as error:
        raise ModelError(f"{error.filename}: {error.strerror or error}") from error
    except (ValueError, KeyError, IndexError, struct.error) as error:
        raise ModelError(f"{name}: not a TensorFlow checkpoint: {error}") from error
    return {key: tensor for key, tensor in tensors.items() if tensor is not None}


def _shard(prefix: str, number: int, count: int) -> memoryview:
    return memoryview(Path(f"{prefix}.data-{number:05d}-of-{count:05d}").read_bytes())


def _tensor(entry: Fields, shards: list[memoryview]) -> NDArray[Any] | None:
    """Return one tensor, or None if it holds something else than floating-point numbers."""
    dtype = FLOAT_TYPES.get(entry.get(DTYPE, [0])[0])
    if dtype is None:
        return None
    if SLICES in entry:
        raise ValueError("a tensor is stored in slices")
    shape = [_fields(dimension).get(EXTENT, [0])[0] for dimension in _shape(entry)]
    start, size = entry.get(OFFSET, [0])[0], entry[SIZE][0]
    data = shards[entry.get(SHARD, [0])[0]][start : start + size]
    return np.frombuffer(data, dtype).reshape(shape)


def _shape(entry: Fields) -> list[bytes]:
    dimensions: list[bytes] = _fields(entry.get(SHAPE, [b""])[0]).get(DIMENSION, [])
    return dimensions


def _table_entries(table: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values of a sorted string table, in the order of the keys."""
    footer = table[-FOOTER_SIZE:]
    if len(footer) < FOOTER_SIZE or int.from_bytes(footer[-8:], "little") != TABLE_MAGIC:
        raise ValueError("its last bytes are not those of a table")
    position = _handle(footer, 0)[1]  # past the handle of the meta index
    for _, value in _block_entries(_block(table, _handle(footer, position)[0])):
        yield from _block_entries(_block(table, _handle(value, 0)[0]))


def _handle(data: bytes, position: int) -> tuple[tuple[int, int], int]:
    """Read the offset and size of a block; return them and the position behind."""
    offset, position = _varint(data, position)
    size, position = _varint(data, position)
    return (offset, size), position


def _block(table: bytes, handle: tuple[int, int]) -> bytes:
    offset, size = handle
    if table[offset + size] != 0:
        raise ValueError("its table is compressed")
    return table[offset : offset + size]


def _block_entries(block: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yield keys and values; a key is stored as what differs from the one before."""
    (num_restarts,) = struct.unpack("<I", block[-4:])
    end = len(block) - 4 * (num_restarts + 1)
    position, key = 0, b""
    while position < end:
        shared, position = _varint(block, position)
        unshared, position = _varint(block, position)
        length, position = _varint(block, position)
        key = key[:shared] + block[position : position + unshared]
        position += unshared
        yield key, block[position : position + length]
        position += length


def _fields(message: bytes) -> Fields:
    """Take a protocol buffer apart."""
    fields: Fields = {}
    position = 0
    while position < len(message):
        tag, position = _varint(message, position)
        value: int | bytes
        match tag & 7:
            case 0:
                value, position = _varint(message, position)
            case 2:
                length, position = _varint(message, position)
                value, position = message[position : position + length], position + length
            case 5:  # the checksum
                value, position = message[position : position + 4], position + 4
            case kind:
                raise ValueError(f"a field of the unknown kind {kind}")
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _varint(data: bytes, position: int) -> tuple[int, int]:
    """Read a number stored seven bits a byte, lowest first; return it and the position behind."""
    value = shift = 0
    while True:
        byte = data[position]
        value |= (byte & 127) << shift
        position, shift = position + 1, shift + 7
        if byte < 128:
            return value, position
