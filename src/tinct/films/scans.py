"""DPX and OpenEXR: the pictures of film scanners and of compositing, by FFmpeg.

FFmpeg decodes and encodes their samples. Of what else is in their headers it writes nothing, so
that this is put into the bytes of the new file here (SMPTE ST 268; the file layout of OpenEXR).
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

import av
import numpy as np
from av.codec import CodecContext
from av.video.frame import VideoFrame

from tinct.color import linear_to_srgb, quantize_luma, rgb_to_luma, srgb_to_linear
from tinct.errors import InputError, OutputError
from tinct.films.mark import describe_coloring
from tinct.films.timecode import pack_timecode, unpack_timecode

if TYPE_CHECKING:
    from pathlib import Path

    from av.video.codeccontext import VideoCodecContext
    from numpy.typing import NDArray

ScanFormat = Literal["dpx", "exr"]
SUFFIXES: dict[str, ScanFormat] = {".dpx": "dpx", ".exr": "exr"}
"""Of pictures that are written here."""
_SIGNATURES: dict[bytes, ScanFormat] = {b"SDPX": "dpx", b"XPDS": "dpx", b"v/1\x01": "exr"}
_DEPTHS = {8: "rgb24", 10: "gbrp10", 12: "gbrp12", 16: "rgb48"}
"""Formats of the samples in DPX by their bits; those beyond 8 exist in both orders of bytes."""
_BRIGHTEST = 65504.0  # the largest number in 16 bits of float: what stands for infinity
_LIGHT_BITS = 16  # of luma made of the linear light of OpenEXR
_RATES = 1, 120  # frames a second that a header of DPX may mean

# Offsets in bytes, SMPTE ST 268-1.
_DPX_GENERIC, _DPX_WHOLE = 1664, 2048  # ends of the header as FFmpeg writes it, and with industry
_DPX_OFFSET, _DPX_SIZE, _DPX_LENGTHS, _DPX_ELEMENT_OFFSET = 4, 16, 24, 808
_DPX_CREATOR = slice(160, 260)
_DPX_TRANSFER = 801
_DPX_SAMPLES = ((770, "H"), (800, "B"), (803, "B"), (804, "H"), (806, "H"), (812, "I"), (816, "I"))
"""What describes how samples are stored: elements, kind, bits, packing, coding, padding."""
_DPX_FRAME, _DPX_FILM_RATE, _DPX_TIMECODE, _DPX_TV_RATE = 1712, 1724, 1920, 1940
_DPX_TEXTS = ((1664, 1712), (1732, 1864))  # of the film and television headers
_DENSITIES = 1, 3  # transfer characteristics: printing density, logarithmic
_UNSTATED = 0xFFFFFFFF

_EXR_OF_THE_SAMPLES = ("channels", "compression", "dataWindow", "displayWindow", "lineOrder")
"""Attributes that describe how the samples are stored."""
_EXR_OF_THE_OLD = ("chromaticities", "whiteLuminance", "adoptedNeutral", "acesImageContainerFlag",
                   "renderingTransform", "lookModTransform", "preview", "tiles", "type",
                   "version", "chunkCount", "view", "multiView", "name")  # fmt: skip
"""Attributes of the colors, tiles and parts that the new picture does not have."""
_EXR_TILED = 0x200  # flag beside the version
_EXR_LINES = 16  # in a chunk compressed as "zip16"


@dataclass(frozen=True)
class Scan:
    """A picture of a scanner, taken to gray."""

    luma: NDArray[Any]
    """(H, W) uint8 or uint16, full range, the value in the low bits."""
    bits: int
    light: NDArray[np.float32] | None
    """(H, W) linear luminance, 1 white, may exceed it: of OpenEXR."""
    format: ScanFormat
    header: bytes
    """DPX: as it is. OpenEXR: the attributes that hold for the new picture as well."""
    is_half: bool
    """Whether its floats have 16 bits."""
    rate: Fraction | None
    """Frames a second that it states."""
    timecode: str | None
    notes: tuple[str, ...]
    """What the user should know, one sentence each."""


def scan_format(path: Path) -> ScanFormat | None:
    """Tell by its first bytes whether a file is DPX or OpenEXR; None for anything else."""
    try:
        with path.open("rb") as file:
            return _SIGNATURES.get(file.read(4))
    except OSError:
        return None  # whoever reads it says so


def read_scan(path: Path, kind: ScanFormat) -> Scan:
    """Read a picture.

    Codes of DPX are taken as they are: densities are not developed. The linear light of OpenEXR
    becomes luma by the curve of sRGB.

    Raises:
        InputError: FFmpeg cannot read it.
    """
    try:
        data = path.read_bytes()
        with av.open(io.BytesIO(data), "r", format=f"{kind}_pipe") as container:
            frame = next(container.decode(video=0))
        if kind == "dpx":
            return _scan_dpx(data, frame)
        if not _is_whole_exr(data):
            raise InputError(f"{path}: OpenEXR that breaks off")
        return _scan_exr(data, frame)
    except (av.FFmpegError, OSError, StopIteration, ValueError, struct.error) as error:
        raise InputError(f"{path}: {kind.upper()} that FFmpeg cannot read") from error


def _scan_dpx(data: bytes, frame: VideoFrame) -> Scan:
    parts = frame.format.components
    bits = max(part.bits for part in parts)
    is_gray = len(parts) < 3
    if is_gray:
        pixels: Any = frame.to_ndarray(format="gray" if bits == 8 else f"gray{bits}le")
    else:
        held = next(depth for depth in _DEPTHS if depth >= bits)
        bits, name = held, _DEPTHS[held]
        pixels = frame.to_ndarray(format=name if held == 8 else f"{name}le")
    luma = pixels if is_gray else np.rint(rgb_to_luma(pixels.astype(np.float32)))
    order = _order(data)
    notes = _note_alpha(frame)
    if data[_DPX_TRANSFER] in _DENSITIES:
        notes += ("its codes are densities (log): they are colored as they are",)
    rates = (_number(data, place, f"{order}f") for place in (_DPX_TV_RATE, _DPX_FILM_RATE))
    stated = next((rate for rate in rates if rate and _RATES[0] <= rate <= _RATES[1]), None)
    packed = _number(data, _DPX_TIMECODE, f"{order}I")
    return Scan(
        luma=np.ascontiguousarray(luma, np.uint8 if bits == 8 else np.uint16),
        bits=bits,
        light=None,
        format="dpx",
        header=data[:_DPX_WHOLE],
        is_half=False,
        rate=None if stated is None else _broadcast_rate(stated),
        timecode=None if packed is None else unpack_timecode(int(packed)),
        notes=notes,
    )


def _order(header: bytes | bytearray) -> str:
    """Return the order of bytes in DPX as ``struct`` writes it."""
    return ">" if header.startswith(b"SDPX") else "<"


def _number(header: bytes, place: int, kind: str) -> float | None:
    """Return a number of a DPX header, None where pixels begin before it, or it is not stated."""
    (begin,) = struct.unpack_from(f"{kind[0]}I", header, _DPX_OFFSET)
    if begin < place + 4 or header[place : place + 4] == b"\xff" * 4:
        return None
    (number,) = struct.unpack_from(kind, header, place)
    return float(number) if kind[1] == "f" else int(number)


def _broadcast_rate(rate: float) -> Fraction:
    """Return the rate that a float of 32 bits stands for: 23.976 is 24000/1001."""
    slowed = Fraction(round(rate * 1.001) * 1000, 1001)
    return slowed if abs(slowed - Fraction(rate)) < 0.002 else Fraction(rate).limit_denominator(100)


def _note_alpha(frame: VideoFrame) -> tuple[str, ...]:
    has_alpha = any(part.is_alpha for part in frame.format.components)
    return ("its transparency is not kept",) if has_alpha else ()


def _scan_exr(data: bytes, frame: VideoFrame) -> Scan:
    planes = [_floats_of(frame, index) for index in range(len(frame.planes))]
    if len(planes) < 3:
        light = planes[0]
    else:  # in the order G, B, R
        light = rgb_to_luma(np.dstack((planes[2], planes[0], planes[1])), "bt709")
    light = np.nan_to_num(light, posinf=_BRIGHTEST, neginf=0.0).astype(np.float32)
    kept, rate = b"", None
    for name, kind, value in _attributes(data):
        if name == "framesPerSecond" and len(value) == 8:
            above, below = struct.unpack("<iI", value)
            rate = Fraction(above, below) if above > 0 and below else None
        if name not in (*_EXR_OF_THE_SAMPLES, *_EXR_OF_THE_OLD):
            kept += _attribute(name, kind, value)
    return Scan(
        luma=quantize_luma(linear_to_srgb(light.clip(0, 1)), _LIGHT_BITS),
        bits=_LIGHT_BITS,
        light=light,
        format="exr",
        header=kept,
        is_half=max(part.bits for part in frame.format.components) == 16,
        rate=rate if rate is not None and _RATES[0] <= rate <= _RATES[1] else None,
        timecode=None,
        notes=_note_alpha(frame),
    )


def _floats_of(frame: VideoFrame, index: int) -> NDArray[np.float32]:
    """Return a plane of floats, (H, W); PyAV makes no arrays of those with 16 bits."""
    plane = frame.planes[index]
    dtype = np.dtype(np.float16 if frame.format.components[0].bits == 16 else np.float32)
    rows: NDArray[Any] = np.frombuffer(memoryview(plane), dtype)
    rows = rows.reshape(-1, plane.line_size // dtype.itemsize)[: plane.height, : plane.width]
    return rows.astype(np.float32)


def _attributes(data: bytes | bytearray) -> list[tuple[str, str, bytes]]:
    """Return the attributes of an OpenEXR header of one part: name, type and value."""
    found, place = [], 8
    while data[place]:
        name, kind, _ = data[place : place + 512].split(b"\0", 2)
        place += len(name) + len(kind) + 2
        (size,) = struct.unpack_from("<I", data, place)
        value = bytes(data[place + 4 : place + 4 + size])
        found.append((name.decode("latin-1"), kind.decode("latin-1"), value))
        place += 4 + size
    return found


def _listed(kept: bytes) -> list[tuple[str, str, bytes]]:
    """Return the attributes in a part of a header of OpenEXR."""
    return _attributes(bytes(8) + kept + b"\0")


def _with_comment(kept: bytes, colored_by: str) -> bytes:
    """Add to the comments among attributes which model has colored a picture."""
    if not colored_by:
        return kept
    mark = describe_coloring(colored_by).encode()
    said = [value for name, _, value in _listed(kept) if name == "comments"]
    others = (attribute for attribute in _listed(kept) if attribute[0] != "comments")
    comments = _attribute("comments", "string", b"; ".join([*said, mark]))
    return b"".join(_attribute(*attribute) for attribute in others) + comments


def _is_whole_exr(data: bytes) -> bool:
    """Tell whether the last chunk of an OpenEXR file of one part is there to its end.

    FFmpeg leaves black what is missing, and says nothing.
    """
    attributes = _attributes(data)
    begin = 8 + sum(len(_attribute(*attribute)) for attribute in attributes) + 1
    (first,) = struct.unpack_from("<Q", data, begin)
    table = struct.unpack_from(f"<{(first - begin) // 8}Q", data, begin)
    before_size = 16 if struct.unpack_from("<I", data, 4)[0] & _EXR_TILED else 4
    (size,) = struct.unpack_from("<I", data, max(table) + before_size)
    return bool(max(table) + before_size + 4 + size <= len(data))


def _attribute(name: str, kind: str, value: bytes) -> bytes:
    return b"\0".join((name.encode("latin-1"), kind.encode("latin-1"), b"")) + (
        struct.pack("<I", len(value)) + value
    )


@dataclass(frozen=True)
class Stamp:
    """What is said of a picture that was made of a frame of a film."""

    number: int
    rate: Fraction
    timecode: str | None
    colored_by: str = ""
    """Name of the model that has colored it; empty for none that is to be named."""
    aspect: Fraction = Fraction(1)
    """Width over height of a pixel, unless a header that is kept says so."""


def encode_scan(
    pixels: NDArray[Any], bits: int, kind: ScanFormat, scan: Scan | None, stamp: Stamp
) -> bytes:
    """Encode a colored picture.

    Args:
        pixels: (H, W, 3) uint8 or uint16, full range, the value in the low bits.
        bits: Of them: 8, 10, 12 or 16.
        kind: The format.
        scan: The picture of which it was made: its header is kept, and in OpenEXR its light.
        stamp: What is said of it otherwise.

    Raises:
        OutputError: FFmpeg cannot encode it.
    """
    if scan is not None and scan.format != kind:
        scan = None
    try:
        if kind == "exr":
            return _encode_exr(pixels, bits, scan, stamp)
        return _encode_dpx(pixels, bits, scan, stamp)
    except av.FFmpegError as error:
        raise OutputError(f"{kind.upper()}: {error.strerror}") from error


def scan_depth(bits: int) -> int:
    """Return the bits with which DPX holds samples of so many: 8, 10, 12 or 16."""
    return next(depth for depth in _DEPTHS if depth >= bits)


def _encode(codec: str, frame: VideoFrame, options: dict[str, str], stamp: Stamp) -> bytearray:
    context: VideoCodecContext = CodecContext.create(codec, "w")  # type: ignore[assignment]
    context.width, context.height, context.pix_fmt = frame.width, frame.height, frame.format.name
    context.framerate, context.time_base = stamp.rate, 1 / stamp.rate
    context.sample_aspect_ratio = stamp.aspect
    context.options = options
    frame.pts = 0
    return bytearray(b"".join(map(bytes, [*context.encode(frame), *context.encode(None)])))


def _encode_dpx(pixels: NDArray[Any], bits: int, scan: Scan | None, stamp: Stamp) -> bytes:
    wanted = ">" if scan is None else _order(scan.header)
    name = _DEPTHS[bits]
    frame = VideoFrame.from_ndarray(pixels, name if bits == 8 else f"{name}le")
    if bits != 8 and wanted == ">":
        frame = frame.reformat(format=f"{name}be")
    made = _encode("dpx", frame, {}, stamp)
    order = _order(made)  # bytes have none: FFmpeg then writes its header as it likes
    samples = made[_DPX_GENERIC:]
    if scan is None:
        head = _new_header(made, order, stamp)
    else:
        order, head = wanted, _old_header(made, scan.header)
    struct.pack_into(f"{order}I", head, _DPX_OFFSET, _DPX_WHOLE)
    struct.pack_into(f"{order}I", head, _DPX_SIZE, _DPX_WHOLE + len(samples))
    struct.pack_into(f"{order}III", head, _DPX_LENGTHS, _DPX_GENERIC, _DPX_WHOLE - _DPX_GENERIC, 0)
    struct.pack_into(f"{order}I", head, _DPX_ELEMENT_OFFSET, _DPX_WHOLE)
    if stamp.colored_by:
        old = b"" if scan is None else bytes(head[_DPX_CREATOR])
        head[_DPX_CREATOR] = _creator(old, stamp.colored_by)
    return bytes(head + samples)


def _new_header(made: bytearray, order: str, stamp: Stamp) -> bytearray:
    """Return the header of FFmpeg with those of film and television behind it."""
    head = made[:_DPX_GENERIC] + b"\xff" * (_DPX_WHOLE - _DPX_GENERIC)
    for begin, end in _DPX_TEXTS:
        head[begin:end] = bytes(end - begin)
    struct.pack_into(f"{order}I", head, _DPX_FRAME, stamp.number)
    struct.pack_into(f"{order}f", head, _DPX_FILM_RATE, stamp.rate)
    struct.pack_into(f"{order}f", head, _DPX_TV_RATE, stamp.rate)
    if stamp.timecode is not None:
        struct.pack_into(f"{order}I", head, _DPX_TIMECODE, pack_timecode(stamp.timecode))
    return head


def _creator(old: bytes, colored_by: str) -> bytes:
    """Return who has created a picture: whoever did so far, as there is room, and the model."""
    room = _DPX_CREATOR.stop - _DPX_CREATOR.start - 1  # the last byte ends the text
    mark = describe_coloring(colored_by).encode("ascii", "replace")[:room]
    known = old.rstrip(b"\0\xff")[: max(room - len(mark) - 2, 0)]
    return (known + b"; " + mark if known else mark).ljust(room + 1, b"\0")


def _old_header(made: bytearray, old: bytes) -> bytearray:
    """Return the header of a scan with FFmpeg's description of the new samples in it."""
    order = _order(old)
    (begin,) = struct.unpack_from(f"{order}I", old, _DPX_OFFSET)
    head = bytearray(old[:begin].ljust(_DPX_WHOLE, b"\xff")[:_DPX_WHOLE])
    for place, kind in _DPX_SAMPLES:
        (value,) = struct.unpack_from(f"{_order(made)}{kind}", made, place)
        struct.pack_into(f"{order}{kind}", head, place, value)
    return head


def _encode_exr(pixels: NDArray[Any], bits: int, scan: Scan | None, stamp: Stamp) -> bytes:
    codes = np.arange(2**bits, dtype=np.float32) / np.float32(2**bits - 1)
    rgb = srgb_to_linear(codes)[pixels]
    if scan is not None and scan.light is not None:
        # Luminance is that of the scan to the last bit of a float, also beyond white.
        luminance = rgb_to_luma(rgb, "bt709")
        is_dark = luminance < 1e-6
        ratio = scan.light / np.where(is_dark, np.float32(1), luminance)
        rgb = np.where(is_dark[..., None], scan.light[..., None], rgb * ratio[..., None])
    frame = VideoFrame.from_ndarray(np.ascontiguousarray(rgb, np.float32), "gbrpf32le")
    is_half = scan is None or scan.is_half
    options = {"compression": "zip16", "format": "half" if is_half else "float"}
    data = _encode("exr", frame, options, stamp)
    held = _attributes(data)
    old_size = 8 + sum(len(_attribute(*attribute)) for attribute in held) + 1
    kept = _with_comment(scan.header if scan is not None else b"", stamp.colored_by)
    known = {"writer", "gamma"}
    if scan is not None:
        known |= {name for name, _, _ in _listed(kept)} | {"framesPerSecond"}
    ours = b"".join(_attribute(*attribute) for attribute in held if attribute[0] not in known)
    header = bytes(data[:8]) + ours + kept
    if scan is None:
        header += _attribute("writer", "string", b"tinct")
    header += b"\0"
    count = -(-pixels.shape[0] // _EXR_LINES)
    table = np.frombuffer(data, "<i8", count, old_size) + (len(header) - old_size)
    return header + table.astype("<i8").tobytes() + bytes(data[old_size + 8 * count :])
