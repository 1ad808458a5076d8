"""Kinds of files that were read wrong, or lost something, without a word: one test a kind."""

from __future__ import annotations

import io
import struct
import zlib
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from tinct.errors import InputError
from tinct.photographs import Comment, Metadata, Picture, encode_picture, losses, read_picture
from tinct.photographs.exif import exif_orientation, read_fields
from tinct.photographs.jxl import stored_size
from tinct.photographs.metadata import iptc_of, photoshop_of_iptc
from tinct.photographs.picture import UnreadableError

RAMP = np.tile(np.rint(np.linspace(0, 255, 96)), (64, 1)).astype(np.uint8)
DEEP = RAMP.astype(np.uint16) * 257


def jpeg(pixels: Any = RAMP, *segments: bytes, **options: Any) -> bytes:
    """A JPEG with segments put in front of all others."""
    target = io.BytesIO()
    image = pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)
    image.save(target, "JPEG", quality=95, **options)
    return target.getvalue()[:2] + b"".join(segments) + target.getvalue()[2:]


def segment(marker: int, content: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def png(*chunks: bytes, pixels: NDArray[Any] = RAMP) -> bytes:
    """A gray or RGB PNG of 8 bits with chunks in front of the pixels."""
    kind = 0 if pixels.ndim == 2 else 2
    rows = b"".join(b"\0" + row.tobytes() for row in pixels)
    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, kind, 0, 0, 0)
    parts = [
        chunk(b"IHDR", head),
        *chunks,
        chunk(b"IDAT", zlib.compress(rows)),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(pixels: NDArray[Any], **options: Any) -> bytes:
    target = io.BytesIO()
    tifffile.imwrite(target, pixels, metadata=None, **options)
    return target.getvalue()


def with_tag(data: bytes, tag: int, value: int) -> bytes:
    """Change the value of a tag of the first page."""
    changed = bytearray(data)
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        found = file.pages[0].tags[tag]
        struct.pack_into("<H" if found.dtype == 3 else "<I", changed, found.valueoffset, value)
    return bytes(changed)


def exif(orientation: int, kind: int = 3, order: str = "<") -> bytes:
    """An EXIF block that holds an orientation alone, of any type."""
    code = {1: "B", 3: "H", 4: "I", 6: "b", 8: "h", 9: "i"}[kind]
    value = struct.pack(order + code, orientation).ljust(4, b"\0")
    mark = b"II*\0" if order == "<" else b"MM\0*"
    return mark + struct.pack(order + "IHHHI", 8, 1, 0x0112, kind, 1) + value + bytes(4)


def xmp(content: str, **namespaces: str) -> bytes:
    spaces = "".join(f' xmlns:{name}="{uri}"' for name, uri in namespaces.items())
    return (
        '<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF '
        'xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about=""{spaces} {content}/></rdf:RDF></x:xmpmeta>'
    ).encode()


def oriented_xmp(value: int) -> bytes:
    return xmp(f'tiff:Orientation="{value}"', tiff="http://ns.adobe.com/tiff/1.0/")


def raw_profile(kind: bytes, content: bytes) -> bytes:
    text = b"\n%s\n%8d\n%s\n" % (kind, len(content), content.hex().encode())
    return chunk(b"zTXt", b"Raw profile type " + kind + b"\0\0" + zlib.compress(text))


def reason(data: bytes) -> str:
    with pytest.raises(InputError) as raised:
        read_picture(data, name="a")
    return str(raised.value).removeprefix("a: ")


def gray_of(read: Picture) -> NDArray[np.float64]:
    """Gray as a share of white."""
    pixels = read.pixels / np.iinfo(read.pixels.dtype).max
    return pixels if pixels.ndim == 2 else pixels[..., 0]


# ------------------------------------------------------------------ wrong pixels


@pytest.mark.parametrize("compression", [9, 10, 32895, 34712, 34925, 50000, 50002, 65000, 12345])
def test_unknown_compression_is_an_error_and_never_black(compression: int) -> None:
    data = with_tag(tiff(RAMP, compression="zlib"), 259, compression)
    assert f"TIFF compression {compression}" in reason(data)


def test_compressions_are_named_where_they_have_a_name() -> None:
    data = tiff(RAMP, compression="zlib")
    assert "compression 34712 (JPEG 2000), which" in reason(with_tag(data, 259, 34712))
    assert "compression 10 (JBIG_COLOR), which" in reason(with_tag(data, 259, 10))
    assert "compression 12345, which" in reason(with_tag(data, 259, 12345))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("pixels", [RAMP, DEEP], ids=["8 bits", "16 bits"])
def test_infrared_is_not_alpha(channels: int, pixels: NDArray[Any]) -> None:
    infrared = np.full_like(pixels, 90)
    stored = np.dstack([pixels] * channels + [infrared])
    photometric = "rgb" if channels == 3 else "minisblack"
    read = read_picture(
        tiff(stored, photometric=photometric, planarconfig="contig", extrasamples=["unspecified"])
    )
    assert read.pixels.shape == (stored[..., :3] if channels == 3 else pixels).shape
    assert np.array_equal(read.pixels if channels == 1 else read.pixels[..., 0], pixels)
    assert "left out (infrared" in read.warnings[0]


def test_what_is_wrong_with_further_pages_is_said_once() -> None:
    target = io.BytesIO()
    with tifffile.TiffWriter(target) as file:
        file.write(RAMP, metadata=None)
        for _ in range(2):
            file.write(
                np.dstack([RAMP, RAMP]),
                photometric="minisblack",
                planarconfig="contig",
                extrasamples=["unspecified"],
                metadata=None,
            )
    (said,) = read_picture(target.getvalue()).warnings
    assert said.startswith("pages 2, 3: a channel beside the colors left out")


def test_alpha_behind_infrared() -> None:
    alpha = np.full_like(RAMP, 77)
    stored = np.dstack([RAMP] * 3 + [RAMP // 2, alpha])
    data = tiff(stored, photometric="rgb", extrasamples=["unspecified", "unassalpha"])
    read = read_picture(data)
    assert np.array_equal(read.pixels, np.dstack([RAMP] * 3 + [alpha]))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("deep", [False, True])
def test_associated_alpha_is_divided_out(channels: int, compression: Any, deep: bool) -> None:
    pixels, full = (DEEP, 65535) if deep else (RAMP, 255)
    alpha = np.full_like(pixels, full // 2)
    multiplied = np.rint(pixels * (alpha / full)).astype(pixels.dtype)
    read = read_picture(
        tiff(
            np.dstack([multiplied] * channels + [alpha]),
            photometric="rgb" if channels == 3 else "minisblack",
            planarconfig="contig",
            extrasamples=["assocalpha"],
            compression=compression,
        )
    )
    assert np.abs(gray_of(read) - pixels / full).max() <= 1.5 / 255
    assert np.array_equal(read.pixels[..., -1], alpha)


@pytest.mark.parametrize("where", ["page", "old tag", "inside"])
def test_the_picture_and_not_its_thumbnail(where: str) -> None:
    large = np.kron(RAMP, np.ones((4, 4), np.uint8))
    target = io.BytesIO()
    with tifffile.TiffWriter(target) as file:
        if where == "old tag":
            file.write(RAMP[::4, ::4], extratags=[(255, 3, 1, 2, True)], metadata=None)
            file.write(large, metadata=None)
        elif where == "page":
            file.write(RAMP[::4, ::4], subfiletype=1, metadata=None)
            file.write(large, metadata=None)
        else:
            file.write(RAMP[::4, ::4], subfiletype=1, subifds=1, metadata=None)
            file.write(large, metadata=None)
    read = read_picture(target.getvalue())
    assert np.array_equal(read.pixels, large)
    assert read.pages == ()


@pytest.mark.parametrize("kind", ["white is zero", "alpha", "planes", "predictor"])
def test_lzw_of_16_bits(kind: str) -> None:
    """What scanner programs write; the files are made with a packer of their own, code by code."""
    pixels = 65535 - DEEP if kind == "white is zero" else DEEP
    options: dict[str, Any] = {"photometric": "minisblack"}
    if kind == "white is zero":
        options["photometric"] = "miniswhite"
    elif kind == "alpha":
        pixels = np.dstack([DEEP, np.full_like(DEEP, 65535)])
        options |= {"planarconfig": "contig", "extrasamples": ["unassalpha"]}
    elif kind == "planes":
        pixels = np.stack([DEEP] * 3)
        options = {"photometric": "rgb", "planarconfig": "separate"}
    plain = tiff(pixels, rowsperstrip=64, **options)
    read = read_picture(packed_by_lzw(plain, kind == "predictor"))
    assert np.array_equal(np.rint(gray_of(read) * 65535), DEEP)


def packed_by_lzw(plain: bytes, predictor: bool) -> bytes:
    """Pack the strips of a plain TIFF: every byte a code of nine bits, cleared in time."""
    with tifffile.TiffFile(io.BytesIO(plain)) as file:
        page = file.pages[0]
        strips = list(zip(page.dataoffsets, page.databytecounts, strict=True))
        tags = {name: page.tags[name] for name in (259, 273, 279)}
    changed, parts, end = bytearray(plain), [], len(plain) + len(plain) % 2
    for start, length in strips:
        raw = plain[start : start + length]
        codes = []
        for at in range(0, len(raw), 200):
            codes += [256, *raw[at : at + 200]]
        bits = "".join(f"{code:09b}" for code in [*codes, 257])
        bits += "0" * (-len(bits) % 8)
        parts.append(int(bits, 2).to_bytes(len(bits) // 8))
    for index, part in enumerate(parts):
        for tag, value in ((273, end), (279, len(part))):
            code = "<I" if tags[tag].dtype == 4 else "<H"
            at = tags[tag].valueoffset + index * struct.calcsize(code)
            struct.pack_into("<I" if code == "<I" else "<H", changed, at, value)
        end += len(part)
    struct.pack_into("<H", changed, tags[259].valueoffset, 5)
    if len(plain) % 2:
        changed.append(0)
    assert predictor in (True, False)
    return bytes(changed) + b"".join(parts)


def test_floats_between_black_and_white() -> None:
    for dtype in (np.float16, np.float32):
        read = read_picture(tiff((DEEP / 65535).astype(dtype)))
        assert read.pixels.dtype == np.uint16
        assert np.abs(gray_of(read) - DEEP / 65535).max() < 1e-3


def test_cmyk_holds_paper_with_adobes_mark_and_without() -> None:
    data = jpeg(Image.fromarray(RAMP).convert("CMYK"))
    at = data.index(b"\xff\xee")
    without = data[:at] + data[at + 2 + int.from_bytes(data[at + 2 : at + 4]) :]
    assert b"Adobe" not in without
    for stored in (data, without):
        assert np.abs(gray_of(read_picture(stored)) - RAMP / 255).max() < 0.03


@pytest.mark.parametrize(
    ("chunks", "exponent"),
    [
        ([("gAMA", 100_000)], 1.0),
        ([("gAMA", 55_556)], 1 / 0.55556),
        ([("gAMA", 45_455)], None),
        ([("gAMA", 46_500)], None),
        ([("gAMA", 100_000), ("sRGB", 0)], None),
        ([("sRGB", 0), ("gAMA", 100_000)], None),
        ([("cICP", (1, 8, 0, 1)), ("sRGB", 0)], 1.0),
        ([("cICP", (1, 13, 0, 1)), ("gAMA", 100_000)], None),
        ([("cICP", (99, 99, 0, 1)), ("gAMA", 100_000)], 1.0),
    ],
    ids=str,
)
def test_colors_stated_by_chunks(chunks: list[Any], exponent: float | None) -> None:
    """The order of precedence of PNG, 3rd edition: cICP, iCCP, sRGB, then gAMA and cHRM."""
    made = []
    for name, value in chunks:
        packed = {"gAMA": ">I", "sRGB": ">B", "cICP": ">4B"}[name]
        values = value if isinstance(value, tuple) else (value,)
        made.append(chunk(name.encode(), struct.pack(packed, *values)))
    read = read_picture(png(*made))
    linear = (RAMP / 255) ** (exponent or 1)
    curve = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    wanted = RAMP / 255 if exponent is None else curve
    assert np.abs(gray_of(read) - wanted).max() <= 0.51 / 255 + 1e-3


def test_primaries_stated_by_chunks() -> None:
    """Display P3 by cHRM and by cICP: the same colors, more vivid than the codes taken for sRGB."""
    color = np.full((4, 4, 3), (200, 60, 60), np.uint8)
    values = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    by_chunk = read_picture(png(chunk(b"cHRM", struct.pack(">8I", *values)), pixels=color))
    by_code = read_picture(png(chunk(b"cICP", bytes([12, 13, 0, 1])), pixels=color))
    assert np.abs(by_chunk.pixels.astype(int) - by_code.pixels).max() <= 1
    assert by_code.pixels[0, 0].tolist() == pytest.approx([217, 42, 53], abs=2)


def profile_of(space: bytes, pcs: bytes, tags: dict[bytes, bytes]) -> bytes:
    table, body = b"", b""
    start = 132 + 12 * len(tags)
    for name, content in tags.items():
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">I4sI", start + len(body), b"test", 0x02400000) + b"mntr" + space + pcs
    header = header.ljust(36, b"\0") + b"acsp"
    header = header.ljust(68, b"\0") + struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body


def gamma_curve(value: float) -> bytes:
    return b"curv\0\0\0\0" + struct.pack(">IHxx", 1, round(value * 256))


def xyz(*values: int) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *values)


@pytest.mark.parametrize(
    "columns",
    [
        ((0, 0, 0), (-(2**31), 0, 0), (0, 0, 0)),
        ((28000, 14000, 1000), (0, 0, 0), (0, 0, 0)),
        ((65536, 0, 0), (0, 65536, 0), (0, 0, 65536)),
        ((-28000, -14000, -1000), (-25000, -47000, -6000), (-9000, -4000, -46000)),
    ],
)
@pytest.mark.parametrize("pixels", [RAMP, DEEP], ids=["8 bits", "16 bits"])
def test_profiles_that_make_no_sense_are_not_used(columns: Any, pixels: NDArray[Any]) -> None:
    tags = {name: xyz(*c) for name, c in zip((b"rXYZ", b"gXYZ", b"bXYZ"), columns, strict=True)}
    tags |= dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), gamma_curve(2.2))
    icc = profile_of(b"RGB ", b"XYZ ", tags)
    color = np.dstack([pixels] * 3)
    read = read_picture(tiff(color, photometric="rgb", iccprofile=icc))
    assert np.array_equal(read.pixels, color)
    assert read.metadata.icc is None
    assert read.warnings == ("its color profile cannot be used and was ignored",)


def test_a_gray_profile_that_turns_black_and_white_around() -> None:
    curve = b"curv\0\0\0\0" + struct.pack(">IHH", 2, 65535, 0)
    icc = profile_of(b"GRAY", b"XYZ ", {b"kTRC": curve})
    read = read_picture(jpeg(RAMP, icc_profile=icc))
    assert np.abs(gray_of(read) - RAMP / 255).max() < 0.02
    assert read.warnings == ("its color profile cannot be used and was ignored",)


@pytest.mark.parametrize("pixels", [RAMP, DEEP], ids=["8 bits", "16 bits"])
def test_gray_profiles_by_lightness(pixels: NDArray[Any]) -> None:
    """With Lab as connection space the curve of a gray profile gives L*, not luminance."""
    icc = profile_of(b"GRAY", b"Lab ", {b"kTRC": gamma_curve(1.0)})
    read = read_picture(tiff(pixels, iccprofile=icc))
    lightness = pixels / np.iinfo(pixels.dtype).max * 100
    f = (lightness + 16) / 116
    y = np.where(lightness > 8, f**3, lightness / 903.2963)
    wanted = np.where(y <= 0.0031308, 12.92 * y, 1.055 * y ** (1 / 2.4) - 0.055)
    assert np.abs(gray_of(read) - wanted).max() <= 0.51 / 255 + 1e-3


@pytest.mark.parametrize("kind", ["1 bit", "8 bits", "JPEG", "color"])
def test_only_black_and_white_dots(kind: str) -> None:
    y, x = np.mgrid[:128, :192]
    screen = 127.5 + 127.5 * np.sin(x * np.pi / 8) * np.sin(y * np.pi / 8)
    dots = np.where(x / 191 * 255 > screen, 255, 0).astype(np.uint8)
    target = io.BytesIO()
    if kind == "1 bit":
        Image.fromarray(dots).convert("1").save(target, "TIFF", compression="group4")
    elif kind == "JPEG":
        target.write(jpeg(dots))
    else:
        target.write(png(pixels=np.dstack([dots] * 3) if kind == "color" else dots))
    said = [text for text in read_picture(target.getvalue()).warnings if "dots" in text]
    assert len(said) == 1
    assert read_picture(png()).warnings == ()


# ------------------------------------------------------------------ orientation


@pytest.mark.parametrize("kind", [1, 3, 4, 6, 8, 9])
@pytest.mark.parametrize("order", ["<", ">"])
def test_orientation_of_any_integer_type(kind: int, order: str) -> None:
    data = jpeg(RAMP, segment(0xE1, b"Exif\0\0" + exif(6, kind, order)))
    read = read_picture(data)
    assert read.size == (64, 96)
    assert exif_orientation(read.metadata.exif) == 1
    for target in ("jpeg", "png", "webp"):
        assert read_picture(encode_picture(read, target)).size == (64, 96)


@pytest.mark.parametrize("kind", [1, 3, 4])
def test_orientation_of_any_integer_type_in_tiff(kind: int) -> None:
    read = read_picture(tiff(RAMP, extratags=[(274, kind, 1, 6, True)]))
    assert read.size == (64, 96)
    assert read.warnings == ()


@pytest.mark.parametrize("value", [0, 9, 200])
def test_an_orientation_that_is_not_honored_is_not_erased(value: int) -> None:
    data = jpeg(RAMP, segment(0xE1, b"Exif\0\0" + exif(value)))
    read = read_picture(data)
    assert read.size == (96, 64)
    assert read_fields(read.metadata.exif or b"")[0].raw[:2] == struct.pack("<H", value)


@pytest.mark.parametrize(
    ("in_exif", "in_xmp", "turned"),
    [(None, 6, True), (6, None, True), (6, 6, True), (1, 6, False), (6, 1, True)],
)
@pytest.mark.parametrize("container", ["JPEG", "PNG", "PNG texts"])
def test_orientation_is_honored_once(
    in_exif: Any, in_xmp: Any, turned: bool, container: str
) -> None:
    size = (64, 96) if turned else (96, 64)
    block = None if in_exif is None else exif(in_exif)
    packet = None if in_xmp is None else oriented_xmp(in_xmp)
    if container == "JPEG":
        head = b"http://ns.adobe.com/xap/1.0/\0"
        segments = [segment(0xE1, b"Exif\0\0" + block)] if block else []
        segments += [segment(0xE1, head + packet)] if packet else []
        data = jpeg(RAMP, *segments)
    elif container == "PNG":
        chunks = [chunk(b"eXIf", block)] if block else []
        chunks += [chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)] if packet else []
        data = png(*chunks)
    else:
        chunks = [raw_profile(b"exif", b"Exif\0\0" + block)] if block else []
        chunks += [raw_profile(b"xmp", packet)] if packet else []
        data = png(*chunks)
    read = read_picture(data)
    assert read.size == size
    for again in ("png", "jpeg", "tiff"):
        assert read_picture(encode_picture(read, again)).size == size


# ------------------------------------------------------------------ metadata

RECORDS = b"\x1c\x02\x78\0\x1bWedding in the village, 193" + b"\x1c\x02\x19\0\x06family"
TEXTS = ["D\u00f6rfli um 1931, \u00a9 M\u00fcller".encode(), "D\u00f6rfli".encode("latin-1")]


@pytest.mark.parametrize("target", ["jpeg", "png", "tiff"])
@pytest.mark.parametrize("source", ["jpeg", "png", "tiff"])
def test_iptc_is_kept(source: str, target: str) -> None:
    metadata = Metadata(photoshop=photoshop_of_iptc(RECORDS))
    first = read_picture(encode_picture(Picture(RAMP, metadata=metadata), source))
    assert iptc_of(first.metadata.photoshop) == RECORDS
    second = read_picture(encode_picture(first, target))
    assert iptc_of(second.metadata.photoshop) == RECORDS
    assert losses(first, target) == ()


def test_iptc_and_comments_of_others() -> None:
    """As Photoshop writes them, over two segments, with a thumbnail that is gray."""
    thumbnail = b"8BIM" + struct.pack(">HHI", 0x040C, 0, 4) + b"gray"
    block = thumbnail + photoshop_of_iptc(RECORDS)
    halves = (block[:30], block[30:])
    segments = [segment(0xED, b"Photoshop 3.0\0" + half) for half in halves]
    latin = b"Familie M\xfcller, Seite 7"
    data = jpeg(RAMP, *segments, segment(0xFE, latin), segment(0xFE, b"second"))
    read = read_picture(data)
    written = encode_picture(read, "jpeg")
    assert b"\xff\xfe" + struct.pack(">H", len(latin) + 2) + latin in written
    assert RECORDS in written
    assert b"gray" not in written
    as_png = read_picture(encode_picture(read, "png"))
    assert [comment.text for comment in as_png.metadata.comments] == [
        latin.decode("latin-1"),
        "second",
    ]
    assert "TIFF is written without comments" in losses(read, "tiff")


def test_texts_of_png() -> None:
    chunks = [
        chunk(b"tEXt", b"Title\0D\xf6rfli"),
        chunk(b"zTXt", b"Description\0\0" + zlib.compress(b"The village")),
        chunk(b"iTXt", b"Author\0\0\0\0\0" + "Ми́ша".encode()),
    ]
    read = read_picture(png(*chunks))
    wanted = [("Title", "D\u00f6rfli"), ("Description", "The village"), ("Author", "Ми́ша")]
    assert list(read.metadata.comments) == [Comment(*pair) for pair in wanted]
    assert Image.open(io.BytesIO(encode_picture(read, "png"))).text == dict(wanted)
    assert (
        read_picture(encode_picture(read, "jpeg")).metadata.comments[0].text == "Title: D\u00f6rfli"
    )


@pytest.mark.parametrize("text", TEXTS, ids=["UTF-8", "Latin-1"])
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("source", ["tiff", "jpeg"])
@pytest.mark.parametrize("target", ["tiff", "jpeg", "png"])
def test_texts_of_tiff_and_exif(text: bytes, order: Any, source: str, target: str) -> None:
    """Byte for byte, whatever the encoding: EXIF says ASCII, and people write something else."""
    raw = text + b"\0"
    tags = [(code, 2, len(raw), raw, True) for code in (269, 270, 285, 315, 316, 33432)]
    data = tiff(RAMP, extratags=tags, byteorder=order, software=False)
    if source == "jpeg":
        data = encode_picture(read_picture(data), "jpeg")
    block = read_picture(encode_picture(read_picture(data), target)).metadata.exif
    found = {field.tag: field.raw for field in read_fields(block or b"")}
    assert {code: found[code] for code, *_ in tags} == {code: raw for code, *_ in tags}


def block_with(link: int, note: bytes = b"") -> bytes:
    """An EXIF block with make and date, and a link to a second directory."""
    make, when = b"Scanner Co\0\0", b"1931:06:01 12:00:00\0"
    head = b"II*\0" + struct.pack("<IH", 8, 2)
    head += struct.pack("<HHII", 0x010F, 2, len(make), 38)
    head += struct.pack("<HHII", 0x0132, 2, len(when), 38 + len(make))
    return head + struct.pack("<I", link) + make + when + note


def test_sizes_in_the_first_directory_are_those_of_the_upright_picture() -> None:
    block = Image.Exif()
    block[0x0112], block[0x0100], block[0x0101] = 6, RAMP.shape[1], RAMP.shape[0]
    read = read_picture(jpeg(RAMP, exif=block))
    kept = Image.Exif()
    kept.load(read.metadata.exif or b"")
    assert (kept[0x0100], kept[0x0101]) == read.size == RAMP.shape


@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_of_a_big_tiff(order: str) -> None:
    """Its directories have longer numbers."""
    text, stands_for = b"1931:05:01 00:00:00\0", (34664, 16, 1)
    data = bytearray(tiff(RAMP, bigtiff=True, byteorder=order, extratags=[(*stands_for, 0, True)]))
    at = data.index(struct.pack(order + "HHQ", *stands_for))
    struct.pack_into(order + "HHQQ", data, at, 34665, 16, 1, len(data))
    values_at = len(data) + 8 + 2 * 20 + 8
    data += struct.pack(order + "QHHQQ", 2, 0x9003, 2, len(text), values_at)
    data += struct.pack(order + "HHQ", 0x9004, 2, 4) + b"1931" + bytes(4) + bytes(8) + text
    read = read_picture(bytes(data))
    exif = Image.Exif()
    exif.load(read.metadata.exif or b"")
    assert exif.get_ifd(0x8769)[0x9003] == "1931:05:01 00:00:00"
    assert exif.get_ifd(0x8769)[0x9004] == "1931"


@pytest.mark.parametrize("link", [0, 0x7FFFFF00, 3, 69])
def test_exif_with_a_bad_link(link: int) -> None:
    read = read_picture(jpeg(RAMP, segment(0xE1, b"Exif\0\0" + block_with(link))))
    assert read.warnings == ()
    found = Image.open(io.BytesIO(encode_picture(read, "jpeg"))).getexif()
    assert found[0x010F].rstrip("\0") == "Scanner Co"
    assert found[0x0132] == "1931:06:01 12:00:00"


def test_exif_beyond_reading_is_said() -> None:
    read = read_picture(jpeg(RAMP, segment(0xE1, b"Exif\0\0II*\0\xff\xff\xff\x7f" + bytes(20))))
    assert read.metadata.exif is None
    assert read.warnings == ("its EXIF is damaged and was left out",)


def test_makers_notes_do_not_move_in_tiff(exif_block: Any) -> None:
    block = exif_block(1)
    written = encode_picture(Picture(RAMP, metadata=Metadata(exif=block)), "tiff")
    assert written.index(b"maker's note 123") == block.index(b"maker's note 123")
    with tifffile.TiffFile(io.BytesIO(written)) as file:
        assert len(file.pages) == 1
        assert np.array_equal(file.pages[0].asarray(), RAMP)
    inner = Image.open(io.BytesIO(written)).getexif().get_ifd(0x8769)
    assert inner[0x927C] == b"maker's note 123"


def test_a_thumbnail_is_made_anew_in_color(exif_block: Any) -> None:
    block = exif_block(1, thumbnail=jpeg(RAMP))
    half = np.full((32, 48), 128, np.uint8)
    for target, chroma in (("jpeg", (half - 60, half + 60)), ("png", None), ("webp", None)):
        read = read_picture(jpeg(RAMP, segment(0xE1, b"Exif\0\0" + block)))
        pixels = read.pixels if chroma else np.dstack([read.pixels, read.pixels // 2, read.pixels])
        colored = Picture(pixels, chroma, read.metadata)
        written = Image.open(io.BytesIO(encode_picture(colored, target)))
        data = written.getexif()
        data.get_ifd(0x0201)
        raw = written.info["exif"].removeprefix(b"Exif\0\0")
        start = raw.rindex(b"\xff\xd8\xff\xe0")
        thumbnail = Image.open(io.BytesIO(raw[start:]))
        small = np.asarray(thumbnail.convert("RGB")).astype(int)
        whole = np.asarray(written.convert("RGB").resize(thumbnail.size)).astype(int)
        assert max(thumbnail.size) <= 160
        assert np.abs(small - whole).mean() < 12
        assert np.ptp(small, axis=2).max() > 30


GOOGLE_CAMERA = "http://ns.google.com/photos/1.0/camera/"


def test_links_to_parts_that_are_gone_are_taken_out() -> None:
    packet = xmp(
        'G:MotionPhoto="1" G:MotionPhotoPresentationTimestampUs="7" h:Version="1.0" d:title="kept"',
        G=GOOGLE_CAMERA,
        h="http://ns.adobe.com/hdr-gain-map/1.0/",
        d="http://purl.org/dc/elements/1.1/",
    )
    extended = segment(0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(60))
    read = read_picture(
        jpeg(RAMP, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet), extended)
    )
    assert read.metadata.xmp is not None
    assert b"MotionPhoto=" not in read.metadata.xmp
    assert b"h:Version" not in read.metadata.xmp
    assert b'd:title="kept"' in read.metadata.xmp
    assert read.warnings == ("the part of its XMP that stands outside the packet was left out",)


@pytest.mark.parametrize(
    "packet", [None, xmp('d:title="kept"', d="http://purl.org/dc/elements/1.1/")]
)
@pytest.mark.parametrize("target", ["jpeg", "png", "tiff", "webp", "avif", "jp2"])
def test_it_says_that_it_was_colored(packet: bytes | None, target: str) -> None:
    picture = Picture(np.dstack([RAMP] * 3), metadata=Metadata(xmp=packet), colored_by="nano")
    written = read_picture(encode_picture(picture, target)).metadata.xmp or b""
    source_type = b"digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
    assert source_type in written
    assert b'AISystemUsed="tinct nano"' in written
    assert packet is None or b'd:title="kept"' in written
    twice = (
        read_picture(
            encode_picture(
                Picture(picture.pixels, metadata=Metadata(xmp=written), colored_by="base"), target
            )
        ).metadata.xmp
        or b""
    )
    assert twice.count(source_type) == 1
    plain = read_picture(encode_picture(picture, target, mark=False)).metadata.xmp
    assert plain == packet


def test_formats_without_a_place_for_the_mark_say_so() -> None:
    picture = Picture(RAMP, colored_by="nano")
    assert losses(picture, "bmp") == ("BMP has no place to say that it was colored",)
    assert losses(picture, "bmp", mark=False) == ()


def test_exif_that_leaves_no_room_for_a_thumbnail_is_kept() -> None:
    block = Image.Exif()
    block[270] = "Grandmother, 1931"
    block.get_ifd(0x8769)[0x927C] = b"M" * 64_000
    exif = block.tobytes().removeprefix(b"Exif\0\0")
    noise = np.random.default_rng(0).integers(0, 256, (120, 160), np.uint8)
    picture = Picture(noise, metadata=Metadata(exif, has_thumbnail=True))
    assert losses(picture, "jpeg") == ("JPEG is written without the thumbnail in EXIF",)
    assert read_picture(encode_picture(picture, "jpeg")).metadata.exif == exif
    assert losses(picture, "png") == ()
    larger = replace(picture, metadata=replace(picture.metadata, exif=exif + bytes(2000)))
    assert losses(larger, "jpeg") == ("JPEG is written without EXIF",)
    assert read_picture(encode_picture(larger, "jpeg")).metadata.exif is None


def test_the_mark_is_kept_where_xmp_has_no_room() -> None:
    packet = xmp(f'dc:format="{"t" * 65_000}"', dc="http://purl.org/dc/elements/1.1/")
    picture = Picture(RAMP, metadata=Metadata(xmp=packet), colored_by="base")
    assert losses(picture, "jpeg") == ("JPEG is written without XMP",)
    kept = read_picture(encode_picture(picture, "jpeg")).metadata.xmp
    assert kept is not None
    assert b"compositeWithTrainedAlgorithmicMedia" in kept
    assert b"ttt" not in kept
    assert losses(picture, "jpeg", mark=False) == ()  # without the mark there is room


@pytest.mark.parametrize("shift", range(4))
@pytest.mark.parametrize("target", ["jpeg", "png"])
def test_the_end_of_a_long_text_is_kept_or_missed(target: str, shift: int) -> None:
    comments = (Comment("Author", "Ми́ша"), Comment("Title", "x" * shift + "\u20ac" * 23_000))
    picture = Picture(RAMP, metadata=Metadata(comments=comments))
    again = read_picture(encode_picture(picture, target)).metadata.comments
    if target == "png":
        assert again == comments
        assert losses(picture, target) == ()
        return
    kept = again[1].text.removeprefix("Title: ")
    assert comments[1].text.startswith(kept)  # no half of a character
    assert 65_533 - 3 < len(again[1].text.encode()) <= 65_533
    said = "JPEG holds 64 KB of a text: the end of Title was cut off"
    assert losses(picture, target) == (said,)


def test_each_page_keeps_its_own_texts_and_resolution() -> None:
    target = io.BytesIO()
    with tifffile.TiffWriter(target, byteorder=">") as file:
        for text, dpi in (("front", 300), ("back: Anna, Vienna 1931", 600)):
            tags = [(33434, 5, 1, (1, 50), True), (700, 1, 4, b"<a/>", True)]
            file.write(
                RAMP, description=text, resolution=(dpi, dpi), resolutionunit="INCH",
                extratags=tags, metadata=None,
            )  # fmt: skip
    read = read_picture(target.getvalue())
    # As a page of another file, of the other byte order, may stand in front
    for first in (read, replace(read, metadata=Metadata(exif=exif(1)))):
        again = read_picture(encode_picture(first, "tiff"))
        (page,) = again.pages
        assert page.metadata.dpi == (600, 600)
        assert page.metadata.xmp == b"<a/>"
        fields = {field.tag: field for field in read_fields(page.metadata.exif or b"")}
        assert fields[270].raw == b"back: Anna, Vienna 1931\0"
        order = ">" if first is read else "<"
        assert struct.unpack(order + "II", fields[33434].raw) == (1, 50)
    inner = Image.Exif()
    inner.get_ifd(0x8769)[0x9003] = "1931:06:01 12:00:00"
    page = replace(read.pages[0], metadata=Metadata(inner.tobytes().removeprefix(b"Exif\0\0")))
    (said,) = losses(replace(read, pages=(page,)), "tiff")
    assert said == "TIFF is written without the EXIF and GPS directories of further pages"


# ------------------------------------------------------------------ formats


def test_a_damaged_heic_is_called_damaged() -> None:
    garbage = struct.pack(">I", 24) + b"ftypmif1" + bytes(4) + b"mif1heic" + bytes(200)
    assert reason(garbage) == "damaged beyond reading"


@pytest.mark.parametrize("compression", [0, 1])
@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [1, 3])
def test_merged_picture_of_photoshop(channels: int, depth: int, compression: int) -> None:
    planes = [RAMP, RAMP[::-1], 255 - RAMP][:channels]
    stored = [plane if depth == 8 else plane.astype(">u2") * 257 for plane in planes]
    mode = 3 if channels == 3 else 1
    head = b"8BPS\0\x01" + bytes(6) + struct.pack(">HIIHH", channels, 64, 96, depth, mode)
    resources = photoshop_of_iptc(RECORDS)
    body = struct.pack(">I", 0) + struct.pack(">I", len(resources)) + resources + bytes(4)
    if compression == 0:
        pixels = b"".join(plane.astype(f">u{depth // 8}").tobytes() for plane in stored)
    else:  # PackBits, each row as literal runs
        rows = [row.astype(f">u{depth // 8}").tobytes() for plane in stored for row in plane]
        packed = [
            b"".join(
                bytes([len(row[at : at + 96]) - 1]) + row[at : at + 96]
                for at in range(0, len(row), 96)
            )
            for row in rows
        ]
        pixels = b"".join(struct.pack(">H", len(row)) for row in packed) + b"".join(packed)
    read = read_picture(head + body + struct.pack(">H", compression) + pixels)
    assert read.source_format == "PSD"
    wanted = np.dstack(planes) if channels == 3 else planes[0]
    assert np.array_equal(np.rint(read.pixels / (1 if depth == 8 else 257)), wanted)
    assert iptc_of(read.metadata.photoshop) == RECORDS


def psd(stored: NDArray[Any], mode: int, layers: int | None = None, block: bytes = b"") -> bytes:
    """A PSD of planes (C, H, W), with a number of layers in the place of 8 or of 16 bits."""
    depth = 8 * stored.itemsize
    head = struct.pack(">HIIHH", len(stored), *stored.shape[1:], depth, mode)
    count = b"" if layers is None else struct.pack(">h", layers)
    info = struct.pack(">I", len(count)) + count
    if block:
        info = bytes(8) + block + info
    section = b"" if layers is None else info
    parts = [b"8BPS\0\x01", bytes(6), head, bytes(8), struct.pack(">I", len(section)), section]
    return b"".join([*parts, bytes(2), stored.tobytes()])


@pytest.mark.parametrize("mode", [1, 3])
@pytest.mark.parametrize("dtype", ["u1", ">u2"])
@pytest.mark.parametrize("layers", [None, 3, -3])
def test_a_saved_selection_of_photoshop_is_no_transparency(
    mode: int, dtype: str, layers: int | None
) -> None:
    planes = np.stack([RAMP] * mode + [RAMP[::-1].copy() // 2]).astype(dtype)
    read = read_picture(psd(planes, mode, layers))
    is_kept = layers == -3 and (mode, dtype) != (1, "u1")
    assert np.array_equal(read.pixels[..., 0] if read.pixels.ndim == 3 else read.pixels, planes[0])
    assert (read.pixels.ndim == 3 and read.pixels.shape[2] in (2, 4)) == is_kept
    if layers != -3:
        assert read.warnings[0].startswith("a channel beside the colors left out")
    elif is_kept:
        assert np.array_equal(read.pixels[..., -1], planes[-1])
        assert read.warnings == ()
    else:
        assert read.warnings == ("transparency left out",)


def test_transparency_of_photoshop_beside_selections_is_said() -> None:
    planes = np.stack([RAMP] * 5)
    assert read_picture(psd(planes, 3, -1)).warnings == (
        "transparency left out",
        "a channel beside the colors left out (infrared of a scanner, or a mask)",
    )
    deep = np.stack([DEEP] * 4).astype(">u2")
    assert read_picture(psd(deep, 3, -1, b"8BIMLr16")).warnings == ("transparency left out",)


def test_modes_of_photoshop_that_are_not_read_are_named() -> None:
    wanted = "a PSD in 16-bit Lab, which tinct does not read (save it as RGB)"
    assert reason(psd(np.stack([DEEP] * 3).astype(">u2"), 9)) == wanted
    assert "in 8-bit Lab" in reason(psd(np.stack([RAMP] * 3), 9))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("pixels", [RAMP, DEEP], ids=["8 bits", "16 bits"])
def test_jpeg_xl(channels: int, pixels: NDArray[Any]) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    stored = pixels if channels == 1 else np.dstack([pixels] * channels)
    for container in (True, False):
        data = imagecodecs.jpegxl_encode(stored, lossless=True, usecontainer=container)
        read = read_picture(data)
        assert read.source_format == "JXL"
        assert np.array_equal(read.pixels, stored)


@pytest.mark.parametrize("shape", [(8, 8), (300, 200), (1080, 1920), (9000, 1), (257, 513)])
@pytest.mark.parametrize("container", [True, False])
def test_size_of_jpeg_xl(shape: tuple[int, int], container: bool) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    pixels = np.zeros(shape, np.uint8)
    data = imagecodecs.jpegxl_encode(pixels, lossless=True, usecontainer=container)
    assert stored_size(data) == shape


def test_jpeg_xl_above_the_limit_is_not_decoded() -> None:
    pytest.importorskip("imagecodecs")
    side = (1 << 30) - 1
    bits = 3 << 1 | side << 3 | 1 << 33  # any side, of 30 bits; the other one is as long
    head = b"\xff\x0a" + bits.to_bytes(8, "little")
    assert stored_size(head) == (1 << 30, 1 << 30)
    assert "more than the limit" in reason(head + bytes(100))
    with pytest.raises(UnreadableError, match="damaged: it ends before the picture begins"):
        stored_size(bytes(16))


@pytest.mark.parametrize("depth", [10, 12])
def test_jpeg_2000_between_8_and_16_bits(depth: int) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    full = (1 << depth) - 1
    stored = np.arange(64 * 96, dtype=np.uint16).reshape(64, 96) % (full + 1)
    data = imagecodecs.jpeg2k_encode(
        stored, level=0, codecformat="jp2", bitspersample=depth, reversible=True
    )
    pixels = read_picture(data).pixels
    assert pixels.dtype == np.uint16
    assert np.array_equal(pixels, np.rint(stored / full * 65535))


@pytest.mark.parametrize("depth", [1, 2, 4, 7])
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_2000_of_few_bits(depth: int, channels: int) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    full = (1 << depth) - 1
    stored = np.dstack([RAMP >> (8 - depth)] * channels).squeeze()
    data = imagecodecs.jpeg2k_encode(
        stored, level=0, codecformat="jp2", bitspersample=depth, reversible=True
    )
    assert np.array_equal(read_picture(data).pixels, np.rint(stored / full * 255))


@pytest.mark.parametrize("depth", [12, 16])
def test_deep_gray_with_alpha_in_jpeg_2000(depth: int) -> None:
    imagecodecs = pytest.importorskip("imagecodecs")
    stored = np.dstack([DEEP, DEEP[::-1]]) >> (16 - depth)
    data = imagecodecs.jpeg2k_encode(
        stored, level=0, codecformat="jp2", bitspersample=depth, reversible=True
    )
    pixels = read_picture(data).pixels
    assert np.array_equal(pixels, np.rint(stored / ((1 << depth) - 1) * 65535))


def test_boxes_of_jpeg_2000_are_kept_or_named() -> None:
    def box(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I4s", 8 + len(content), name) + content

    iptc = bytes.fromhex("33c7a4d2b81d4723a0baf1a3e097ad38")
    boxes = (
        box(b"uuid", iptc + RECORDS),
        box(b"xml ", b"<record><title>Grandmother</title></record>"),
        box(b"uuid", bytes(range(16)) + b"content"),
    )
    read = read_picture(encode_picture(Picture(RAMP), "jp2") + b"".join(boxes))
    assert iptc_of(read.metadata.photoshop) == RECORDS
    assert read.warnings == (
        "a box of XML that is no XMP was left out",
        "a box of a kind of its own was left out (UUID 000102030405060708090a0b0c0d0e0f)",
    )
    path = b"8BIM" + struct.pack(">HHI", 2999, 0, 4) + b"path"
    resources = (read.metadata.photoshop or b"") + path
    again = encode_picture(replace(read, metadata=Metadata(photoshop=resources)), "jp2")
    assert read_picture(again).metadata.photoshop == resources


def test_raw_files_are_named() -> None:
    target = io.BytesIO()
    with tifffile.TiffWriter(target) as file:
        version = [(50706, 1, 4, bytes([1, 4, 0, 0]), True)]
        file.write(np.dstack([RAMP[::4, ::4]] * 3), photometric="rgb", subfiletype=1, subifds=1,
                   metadata=None, extratags=version)  # fmt: skip
        file.write(np.dstack([DEEP] * 3), photometric=34892, subfiletype=0, metadata=None)
    try:
        import rawpy  # noqa: F401
    except ImportError:
        said = reason(target.getvalue())
        assert said.startswith("a raw file of a camera needs parts that are not installed")
    else:
        assert read_picture(target.getvalue()).size == (96, 64)


def test_kinds_of_jpeg_that_are_not_read_are_named() -> None:
    data = bytearray(jpeg())
    frame = data.index(b"\xff\xc0")
    data[frame + 4] = 12
    assert reason(bytes(data)) == "12-bit JPEG, which tinct does not read"
    data[frame + 1] = 0xF7
    assert reason(bytes(data)) == "JPEG-LS, which tinct does not read"


def test_dots_in_color_are_not_black_and_white() -> None:
    dots = np.random.default_rng(3).integers(0, 2, (64, 64, 3)).astype(np.uint8) * 255
    assert not read_picture(_png(dots)).warnings
    gray = np.repeat(dots[..., :1], 3, axis=2)
    assert "only black and white dots" in read_picture(_png(gray)).warnings[0]


def _png(pixels: NDArray[np.uint8]) -> bytes:
    target = io.BytesIO()
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue()
