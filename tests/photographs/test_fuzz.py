"""Thousands of damaged files: only InputError may come out of the decoders, and soon."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
import tracemalloc
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from PIL import Image

from tinct.errors import InputError
from tinct.photographs import Metadata, Picture, encode_picture, read_picture
from tinct.photographs.icc import srgb_profile

MUTATIONS_EACH = 110
SECONDS_EACH = 5.0  # of processor time, so that a busy machine does not matter


def samples() -> dict[str, bytes]:
    """Small files of all formats and their common inner kinds, with metadata."""
    rng = np.random.default_rng(5)
    deep = cv2.resize(rng.integers(0, 65536, (6, 8, 4)).astype(np.uint16), (70, 66))
    rgba = (deep >> 8).astype(np.uint8)
    rgb, gray = rgba[..., :3].copy(), rgba[..., 0].copy()
    exif = Image.Exif()
    exif[0x0112], exif[271] = 6, "maker"
    exif.get_ifd(0x8769)[0xA002] = 70
    notes = Metadata(exif.tobytes().removeprefix(b"Exif\0\0"), srgb_profile(), b"<x/>", (300, 300))

    def ours(pixels: Any, kind: str) -> bytes:
        return encode_picture(Picture(np.ascontiguousarray(pixels), metadata=notes), kind)

    def pillow(pixels: Any, kind: str, mode: str | None = None, **options: Any) -> bytes:
        target = io.BytesIO()
        image = Image.fromarray(pixels)
        (image.convert(mode) if mode else image).save(target, kind, **options)
        return target.getvalue()

    found = {
        "jpeg": ours(rgb, "jpeg"),
        "jpeg gray": ours(gray, "jpeg"),
        "jpeg progressive": pillow(rgb, "JPEG", progressive=True),
        "jpeg cmyk": pillow(rgb, "JPEG", "CMYK"),
        "png": ours(rgb, "png"),
        "png 16": ours(deep, "png"),
        "png palette": pillow(rgb, "PNG", "P", transparency=3),
        "png 1": pillow(gray, "PNG", "1"),
        "webp": ours(rgba, "webp"),
        "webp lossless": pillow(rgb, "WEBP", lossless=True),
        "avif": ours(rgb, "avif"),
        "bmp": ours(rgb, "bmp"),
        "bmp palette": pillow(rgb, "BMP", "P"),
        "gif": pillow(rgb, "GIF", save_all=True, append_images=[Image.fromarray(rgb[::-1].copy())]),
        "ppm 16": ours(deep[..., :3], "ppm"),
        "pgm": ours(gray, "ppm"),
        "pbm": pillow(gray, "PPM", "1"),
        "ppm plain": b"P3\n2 2\n255\n" + b"1 2 3 " * 4,
        "jp2": ours(rgb, "jp2"),
        "jp2 16": ours(deep, "jp2"),
        "jp2 bare": pillow(gray, "JPEG2000", no_jp2=True),
        "tiff 16": ours(deep, "tiff"),
        "tiff gray": ours(gray, "tiff"),
        "tiff plain": pillow(rgb, "TIFF"),
    }
    for mode, compression in (
        ("RGB", "tiff_lzw"),
        ("RGBA", "tiff_lzw"),
        ("CMYK", "tiff_adobe_deflate"),
        ("L", "packbits"),
        ("RGB", "jpeg"),
        ("1", "group4"),
        ("P", "tiff_lzw"),
    ):
        found[f"tiff {mode} {compression}"] = pillow(rgb, "TIFF", mode, compression=compression)
    tiled = io.BytesIO()
    tifffile.imwrite(tiled, deep[..., :3], tile=(32, 32), compression="zlib", bigtiff=True)
    found["tiff tiled"] = tiled.getvalue()
    return found


def mutate(data: bytes, rng: np.random.Generator) -> bytes:
    """Damage a file in one of the ways that files are damaged, or attacked."""
    changed = bytearray(data)
    size = len(changed)
    where = int(rng.integers(size))
    match int(rng.integers(7)):
        case 0:  # single bits
            for at in rng.integers(0, size, int(rng.integers(1, 9))):
                changed[at] ^= 1 << int(rng.integers(8))
        case 1:  # whole bytes
            for at in rng.integers(0, size, int(rng.integers(1, 40))):
                changed[at] = int(rng.integers(256))
        case 2:  # a piece is missing, or all the rest
            del changed[where : where + int(rng.choice([1, 4, 60, size]))]
        case 3:
            changed[where:where] = rng.bytes(int(rng.integers(1, 64)))
        case 4:  # the head, where sizes and offsets are
            for at in rng.integers(0, min(size, 200), int(rng.integers(1, 6))):
                changed[at] = int(rng.choice([0, 1, 0x7F, 0x80, 0xFF, int(rng.integers(256))]))
        case 5:  # numbers at their ends
            value = int(rng.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]))
            changed[where : where + 4] = value.to_bytes(4)
        case _:  # a piece from elsewhere
            other = int(rng.integers(size))
            changed[where : where + 50] = changed[other : other + 50]
    return bytes(changed)


@pytest.mark.slow
@pytest.mark.filterwarnings(
    "ignore::UserWarning:PIL.TiffImagePlugin"
)  # as tinct.photographs sets it
def test_damaged_files(capfd: pytest.CaptureFixture[str]) -> None:
    counts = {"decoded": 0, "with a warning": 0, "rejected": 0}
    slowest = 0.0
    for number, (name, data) in enumerate(samples().items()):
        read_picture(data)
        rng = np.random.default_rng(number)
        for _ in range(MUTATIONS_EACH):
            damaged = mutate(data, rng)
            started = time.process_time()
            outcome = attempt(damaged, name, gray=bool(rng.integers(2)))
            slowest = max(slowest, time.process_time() - started)
            counts[outcome] += 1
    noise = capfd.readouterr()
    with capfd.disabled():
        total = sum(counts.values())
        print(f"\n{total} damaged files: {counts}, slowest {slowest:.2f} s")  # noqa: T201
    assert sum(counts.values()) >= 2000
    assert min(counts.values()) > 100
    assert slowest < SECONDS_EACH
    assert noise.out == ""
    assert not [line for line in noise.err.splitlines() if not known_noise(line)]


def known_noise(line: str) -> bool:
    """Tell what the libtiff inside Pillow prints, for the few kinds that only Pillow unpacks."""
    return line.startswith(("ZIPDecode", "LZWDecode", "tempfile.tif", "TIFF", "_TIFF"))


def attempt(data: bytes, name: str, gray: bool) -> str:
    try:
        read = read_picture(data, gray=gray, max_pixels=20_000_000, name=name)
    except InputError as error:
        said = str(error)
    else:
        check(read)
        return "with a warning" if read.warnings else "decoded"
    assert said.startswith(f"{name}: ")
    assert "\n" not in said
    return "rejected"


def check(read: Picture) -> None:
    """Look whether a picture is fit for use, and what was kept of its metadata for writing."""
    assert read.pixels.dtype in (np.uint8, np.uint16)
    assert read.pixels.flags.c_contiguous
    assert read.size[0] * read.size[1] <= 20_000_000
    for kind in ("png", "tiff", "jpeg") if max(read.size) < 65536 else ("png",):
        encode_picture(read, kind)


def test_damaged_tiffs_are_quiet() -> None:
    """Neither Pillow's warnings nor tifffile's records may reach the terminal of a program."""
    program = """
import io
import numpy as np, tifffile
from tinct.errors import InputError
from tinct.photographs import read_picture
target = io.BytesIO()
tifffile.imwrite(target, np.zeros((64, 64), np.uint8), rowsperstrip=8, resolution=(300, 300))
rejected = 0
for cut in range(8, len(target.getvalue()), 16):
    try:
        read_picture(target.getvalue()[:cut])
    except InputError:
        rejected += 1
print(rejected)
"""
    assert run(program) > 5


def test_a_deflate_bomb_in_strips() -> None:
    """A strip that unpacks to 200 MB, in a TIFF of 64 pixels: only its due is unpacked."""
    packer = zlib.compressobj(1)
    bomb = b"".join(packer.compress(bytes(1 << 24)) for _ in range(12)) + packer.flush()
    target = io.BytesIO()
    tifffile.imwrite(target, np.zeros((8, 8), np.uint8), compression="zlib")
    data = bytearray(target.getvalue())
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        tags = file.pages[0].tags
        for name, value in (("StripOffsets", len(data)), ("StripByteCounts", len(bomb))):
            start, length = tags[name].valueoffset, tags[name].valuebytecount
            data[start : start + length] = value.to_bytes(length, "little")
    tracemalloc.start()
    try:
        read = read_picture(bytes(data) + bomb)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert not read.pixels.any()
    assert peak < 20_000_000  # bytes


def run(program: str) -> int:
    """Run a program that prints a number, and nothing on stderr."""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(p for p in sys.path if p)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    assert done.stderr == ""
    return int(done.stdout)
