"""DPX and OpenEXR."""

from __future__ import annotations

import io
import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.codec import CodecContext
from numpy.typing import NDArray

from tinct.errors import InputError
from tinct.films.scans import Scan, ScanFormat, Stamp, encode_scan, read_scan
from tinct.films.timecode import pack_timecode, unpack_timecode

_STAMP = Stamp(7, Fraction(24), "01:02:03:04")


def _slope(bits: int) -> NDArray[Any]:
    slope = np.linspace(0.05, 0.95, 40)[None] * np.linspace(0.3, 1, 30)[:, None]
    return np.rint(slope * (2**bits - 1)).astype(np.uint8 if bits == 8 else np.uint16)


def _rgb(gray: NDArray[Any]) -> NDArray[Any]:
    return np.dstack([gray] * 3)


def _by_ffmpeg(codec: str, frame: av.VideoFrame, **options: str) -> bytes:
    context: Any = CodecContext.create(codec, "w")
    context.width, context.height, context.pix_fmt = frame.width, frame.height, frame.format.name
    context.time_base, context.options = Fraction(1, 24), options
    frame.pts = 0
    return b"".join(map(bytes, [*context.encode(frame), *context.encode(None)]))


def _decode(data: bytes, kind: ScanFormat) -> av.VideoFrame:
    with av.open(io.BytesIO(data), "r", format=f"{kind}_pipe") as container:
        return next(container.decode(video=0))


def _save(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_dpx_keeps_its_bits_rate_and_timecode(tmp_path: Path, bits: int) -> None:
    gray = _slope(bits)
    scan = read_scan(
        _save(tmp_path / "a", encode_scan(_rgb(gray), bits, "dpx", None, _STAMP)), "dpx"
    )
    assert np.array_equal(scan.luma, gray)
    assert (scan.bits, scan.rate, scan.timecode) == (bits, 24, "01:02:03:04")


@pytest.mark.parametrize("order", ["le", "be"])
@pytest.mark.parametrize(("bits", "name"), [(10, "gbrp10"), (16, "gray16"), (16, "rgb48")])
def test_dpx_of_ffmpeg_itself(tmp_path: Path, order: str, bits: int, name: str) -> None:
    gray = _slope(bits)
    held = gray if name == "gray16" else _rgb(gray)
    frame = av.VideoFrame.from_ndarray(held, f"{name}le").reformat(format=name + order)
    scan = read_scan(_save(tmp_path / "a", _by_ffmpeg("dpx", frame)), "dpx")
    assert np.array_equal(scan.luma, gray)
    assert scan.rate is None


@pytest.mark.parametrize("order", ["<", ">"])
def test_the_header_of_a_scan_is_kept(tmp_path: Path, order: str) -> None:
    """Also that of 8 bits in the other order than FFmpeg writes."""
    made = encode_scan(_rgb(_slope(8)), 8, "dpx", None, _STAMP)
    head = bytearray(made[:2048])
    native = "<" if made.startswith(b"XPDS") else ">"
    for place in (0, 4, 16, 20, 24, 28, 32, 772, 776, 808, 812, 816, 1712, 1724, 1920, 1940):
        struct.pack_into(f"{order}I", head, place, *struct.unpack_from(f"{native}I", made, place))
    for place in (768, 770, 804, 806):
        struct.pack_into(f"{order}H", head, place, *struct.unpack_from(f"{native}H", made, place))
    head[260:270], head[801], head[1556:1563] = b"Vertigo\0\0\0", 1, b"ARRI XT"
    head[1732:1737] = b"slate"
    scan = read_scan(_save(tmp_path / "a", bytes(head) + made[2048:]), "dpx")
    assert scan.timecode == "01:02:03:04"
    assert "densities" in scan.notes[0]
    again = encode_scan(_rgb(scan.luma), 8, "dpx", scan, Stamp(0, Fraction(25), None))
    assert again[:770] == head[:770]
    assert again[801:804] == head[801:804]
    assert again[820:2048] == head[820:2048]
    assert np.array_equal(_decode(again, "dpx").to_ndarray(format="rgb24"), _rgb(scan.luma))


def test_a_header_without_industry_is_filled(tmp_path: Path) -> None:
    frame = av.VideoFrame.from_ndarray(_rgb(_slope(10)), "gbrp10le")
    scan = read_scan(_save(tmp_path / "a", _by_ffmpeg("dpx", frame)), "dpx")
    again = read_scan(
        _save(tmp_path / "b", encode_scan(_rgb(scan.luma), 10, "dpx", scan, _STAMP)), "dpx"
    )
    assert np.array_equal(again.luma, scan.luma)
    assert (again.rate, again.timecode) == (None, None)


def _exr(light: NDArray[Any], extra: bytes = b"", **options: str) -> bytes:
    frame = av.VideoFrame.from_ndarray(_rgb(light.astype(np.float32)), "gbrpf32le")
    data = _by_ffmpeg("exr", frame, compression="none", **options)
    end = data.index(b"writer\0string\0") + len(b"writer\0string\0") + 4 + len("lavc")
    table = np.frombuffer(data, "<i8", len(light), end + 1) + len(extra)
    return data[:end] + extra + b"\0" + table.tobytes() + data[end + 1 + 8 * len(light) :]


@pytest.mark.parametrize("floats", ["half", "float"])
def test_openexr_keeps_its_light_beyond_white(tmp_path: Path, floats: str) -> None:
    light = np.linspace(-0.1, 3, 40, dtype=np.float32)[None].repeat(30, 0)
    owner = b"owner\0string\0\3\0\0\0BFI" + b"chromaticities\0string\0\1\0\0\0x"
    scan = read_scan(_save(tmp_path / "a", _exr(light, owner, format=floats)), "exr")
    assert scan.light is not None
    np.testing.assert_allclose(scan.light, light, rtol=1e-3, atol=1e-6)
    assert scan.luma.max() == 65535
    assert scan.is_half == (floats == "half")
    orange = np.dstack([scan.luma, scan.luma // 2, scan.luma // 4])
    data = encode_scan(orange, 16, "exr", scan, _STAMP)
    assert b"owner\0string\0\3\0\0\0BFI" in data
    assert b"chromaticities" not in data
    again = read_scan(_save(tmp_path / "b", data), "exr")
    assert again.light is not None
    np.testing.assert_allclose(again.light, scan.light, rtol=2e-3, atol=1e-6)
    assert again.is_half == scan.is_half
    colored = _decode(data, "exr").to_ndarray(format="rgb24")
    assert np.ptp(colored.astype(int), axis=2).max() > 50


def test_openexr_of_a_film_states_its_rate(tmp_path: Path) -> None:
    gray = _slope(16)
    stamp = Stamp(0, Fraction(24000, 1001), None)
    scan = read_scan(_save(tmp_path / "a", encode_scan(_rgb(gray), 16, "exr", None, stamp)), "exr")
    assert scan.rate == Fraction(24000, 1001)
    assert np.abs(scan.luma.astype(int) - gray).max() < 40  # 16 bits of float


def test_scans_say_that_they_were_colored(tmp_path: Path) -> None:
    stamp = Stamp(7, Fraction(24), None, colored_by="nano")
    data = encode_scan(_rgb(_slope(8)), 8, "dpx", None, stamp)
    head = bytearray(data)
    head[160:260] = b"BFI National Archive".ljust(100, b"\0")
    scan = read_scan(_save(tmp_path / "a", bytes(head)), "dpx")
    creator = encode_scan(_rgb(scan.luma), 8, "dpx", scan, stamp)[160:260]
    assert creator.startswith(b"BFI National Archive; Colored by tinct nano ")
    comments = b"comments\0string\0\3\0\0\0BFI"
    scan = read_scan(_save(tmp_path / "b", _exr(_slope(8) / 255, comments)), "exr")
    data = encode_scan(_rgb(scan.luma), 16, "exr", scan, stamp)
    assert data.count(b"comments\0string\0") == 1
    assert b"BFI; Colored by tinct nano " in data
    read_scan(_save(tmp_path / "c", data), "exr")


def test_transparency_is_said_to_be_lost(tmp_path: Path) -> None:
    frame = av.VideoFrame.from_ndarray(np.zeros((8, 8, 4), np.uint8), "rgba")
    scan: Scan = read_scan(_save(tmp_path / "a", _by_ffmpeg("dpx", frame)), "dpx")
    assert scan.notes == ("its transparency is not kept",)


@pytest.mark.parametrize("kind", ["dpx", "exr"])
@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_what_breaks_off_is_one_line(tmp_path: Path, kind: ScanFormat, share: float) -> None:
    noise = np.random.default_rng(0).integers(0, 1024, (30, 40)).astype(np.uint16)
    data = encode_scan(_rgb(noise), 10, kind, None, _STAMP)
    path = _save(tmp_path / f"a.{kind}", data[: int(share * len(data))])
    with pytest.raises(InputError, match=r"a\.\w{3}: (DPX|EXR|OpenEXR) that"):
        read_scan(path, kind)


def test_timecode_packed() -> None:
    assert unpack_timecode(pack_timecode("10:59:58;23")) == "10:59:58:23"
    assert unpack_timecode(0xFFFFFFFF) is None
