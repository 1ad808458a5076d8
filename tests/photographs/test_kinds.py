"""All the kinds of pixels that photographs are stored with."""

from __future__ import annotations

import io
import struct
import zlib
from typing import Any

import cv2
import numpy as np
import pytest
import tifffile
from numpy.typing import NDArray
from PIL import Image

from tinct.errors import InputError
from tinct.photographs import encode_picture, losses, read_picture


def chunk(name: bytes, content: bytes) -> bytes:
    check = zlib.crc32(name + content)
    return struct.pack(">I", len(content)) + name + content + struct.pack(">I", check)


def png(color_type: int, pixels: NDArray[Any], *extra: bytes, depth: int = 8) -> bytes:
    """Write a PNG by hand, from (H, W) or (H, W, C) samples; depths below 8 are packed."""
    rows = pixels.reshape(pixels.shape[0], -1)
    if depth < 8:
        bits = np.unpackbits(rows[..., None].astype(np.uint8), axis=2)[..., 8 - depth :]
        rows = np.packbits(bits.reshape(len(rows), -1), axis=1)
    raw = b"".join(b"\0" + row.tobytes() for row in rows)
    size = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], depth, color_type, 0, 0, 0)
    parts = [chunk(b"IHDR", size), *extra, chunk(b"IDAT", zlib.compress(raw)), chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff(pixels: NDArray[Any], **options: Any) -> bytes:
    target = io.BytesIO()
    tifffile.imwrite(target, pixels, **options)
    return target.getvalue()


def needs_codecs(options: dict[str, Any]) -> None:
    """Skip where tifffile cannot write LZW."""
    if options.get("compression") == "lzw":
        pytest.importorskip("imagecodecs")


@pytest.mark.parametrize("depth", [1, 2, 4])
def test_png_few_grays(gray: NDArray[np.uint8], depth: int) -> None:
    few = gray >> (8 - depth)
    read = read_picture(png(0, few, depth=depth))
    assert np.array_equal(read.pixels, few * (255 // (2**depth - 1)))


@pytest.mark.parametrize("depth", [4, 8, 16])
def test_png_transparent_gray(gray: NDArray[np.uint8], depth: int) -> None:
    stored = {4: gray >> 4, 8: gray, 16: gray.astype(">u2") * 257}[depth]
    key = int(stored[3, 4])
    read = read_picture(png(0, stored, chunk(b"tRNS", struct.pack(">H", key)), depth=depth))
    assert read.pixels.shape == (*gray.shape, 2)
    assert np.array_equal(read.pixels[..., 1] == 0, stored == key)
    assert read.pixels[..., 1].max() == np.iinfo(read.pixels.dtype).max


def test_png_transparent_color(photo: NDArray[np.uint8]) -> None:
    key = photo[3, 4].astype(int)
    read = read_picture(png(2, photo, chunk(b"tRNS", struct.pack(">HHH", *key))))
    assert np.array_equal(read.pixels[..., :3], photo)
    assert np.array_equal(read.pixels[..., 3] == 0, (photo == key).all(axis=2))


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("dtype", ["u1", ">u2"])
def test_png_alpha(deep: NDArray[np.uint16], channels: int, dtype: str) -> None:
    pixels = (deep if dtype == ">u2" else deep >> 8)[..., :channels].astype(dtype)
    read = read_picture(png({2: 4, 4: 6}[channels], pixels, depth=8 * pixels.itemsize))
    assert np.array_equal(read.pixels, pixels)
    assert read.pixels.dtype.isnative


def test_png_deep_color(deep: NDArray[np.uint16]) -> None:
    read = read_picture(png(2, deep[..., :3].astype(">u2"), depth=16))
    assert read.pixels.dtype == np.uint16
    assert np.array_equal(read.pixels, deep[..., :3])


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_palette(photo: NDArray[np.uint8], save: Any, kind: str) -> None:
    few = Image.fromarray(photo).quantize(30)
    read = read_picture(save(few, kind))
    assert np.array_equal(read.to_rgb().pixels, np.asarray(few.convert("RGB")))


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_palette_with_transparency(photo: NDArray[np.uint8], save: Any, kind: str) -> None:
    few = Image.fromarray(photo).quantize(30)
    read = read_picture(save(few, kind, transparency=5))
    assert read.pixels.shape[2] == 4
    assert np.array_equal(read.pixels[..., 3] == 0, np.asarray(few) == 5)


@pytest.mark.parametrize("kind", ["PNG", "GIF"])
def test_gray_palette_is_gray(gray: NDArray[np.uint8], save: Any, kind: str) -> None:
    image = Image.fromarray(gray)
    image = image.convert("P")
    image.putpalette(np.repeat(np.arange(256, dtype=np.uint8), 3).tobytes())
    read = read_picture(save(image, kind))
    assert read.is_gray
    assert np.array_equal(read.pixels, gray)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
def test_one_bit(gray: NDArray[np.uint8], save: Any, kind: str) -> None:
    read = read_picture(save(Image.fromarray(gray).convert("1", dither=Image.Dither.NONE), kind))
    assert np.array_equal(read.pixels, np.where(gray >= 128, 255, 0))


@pytest.mark.parametrize("compression", ["group3", "group4", "tiff_lzw", "packbits"])
def test_one_bit_tiff(gray: NDArray[np.uint8], save: Any, compression: str) -> None:
    image = Image.fromarray(gray).convert("1", dither=Image.Dither.NONE)
    read = read_picture(save(image, "TIFF", compression=compression))
    assert np.array_equal(read.pixels, np.where(gray >= 128, 255, 0))


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "packbits", "tiff_adobe_deflate"])
@pytest.mark.parametrize("mode", ["L", "LA", "RGB", "RGBA", "I;16", "CMYK"])
def test_tiff_modes(deep: NDArray[np.uint16], save: Any, mode: str, compression: Any) -> None:
    image = Image.fromarray((deep >> 8).astype(np.uint8))
    if mode == "I;16":
        image = Image.fromarray(deep[..., 0].copy())
    elif mode != "RGBA":
        image = image.convert("RGB").convert(mode)
    read = read_picture(save(image, "TIFF", compression=compression))
    if mode == "CMYK":
        wanted = np.asarray(image.convert("RGB")).astype(int)
        assert np.abs(read.pixels - wanted).max() <= 1
    else:
        assert np.array_equal(read.pixels, np.asarray(image))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize("channels", [None, 2, 3, 4])
@pytest.mark.parametrize("predictor", [None, True])
def test_deep_tiff(
    deep: NDArray[np.uint16], order: Any, compression: Any, channels: Any, predictor: Any
) -> None:
    pixels = deep[..., 0].copy() if channels is None else deep[..., :channels].copy()
    data = tiff(
        pixels,
        byteorder=order,
        compression=compression,
        predictor=predictor if compression else None,
        photometric="rgb" if channels in (3, 4) else "minisblack",
        planarconfig=None if channels is None else "contig",
        extrasamples=["unassalpha"] if channels in (2, 4) else None,
        rowsperstrip=8,
    )
    read = read_picture(data)
    assert np.array_equal(read.pixels, pixels)
    assert read.pixels.dtype.isnative


@pytest.mark.parametrize(
    "options",
    [
        {"planarconfig": "separate"},
        {"planarconfig": "separate", "compression": "zlib"},
        {"tile": (32, 32)},
        {"tile": (32, 32), "compression": "zlib", "predictor": True},
        {"bigtiff": True},
        {"bigtiff": True, "compression": "zlib"},
    ],
    ids=str,
)
def test_tiff_layouts(deep: NDArray[np.uint16], options: dict[str, Any]) -> None:
    pixels = deep[..., :3]
    stored = np.moveaxis(pixels, -1, 0) if "planarconfig" in options else pixels
    for right_shift, dtype in ((0, np.uint16), (8, np.uint8)):
        values = (stored >> right_shift).astype(dtype)
        read = read_picture(tiff(values, photometric="rgb", **options))
        assert np.array_equal(read.pixels, (pixels >> right_shift).astype(dtype))


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_white_is_zero(gray: NDArray[np.uint8], compression: Any) -> None:
    read = read_picture(tiff(255 - gray, photometric="miniswhite", compression=compression))
    assert np.array_equal(read.pixels, gray)


def test_white_is_zero_packed(gray: NDArray[np.uint8], save: Any) -> None:
    data = save(255 - gray, "TIFF", compression="tiff_lzw", tiffinfo={262: 0})
    assert np.array_equal(read_picture(data).pixels, np.asarray(Image.open(io.BytesIO(data))))


def test_tiff_in_cie_lab(photo: NDArray[np.uint8], save: Any) -> None:
    from PIL import ImageCms

    to_lab = ImageCms.buildTransform(
        ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB"
    )
    lab = to_lab.apply(Image.fromarray(photo))
    read = read_picture(save(lab, "TIFF"))
    assert read.warnings == ()
    assert np.abs(read.pixels.astype(int) - photo).mean() < 1.5


@pytest.mark.parametrize(
    ("dtype", "said"),
    [
        (np.int16, "16-bit signed samples, which"),
        (np.uint32, "32-bit samples, which"),
        (np.float32, "floating-point samples outside 0 to 1, which"),
        (np.float64, "64-bit samples, which"),
    ],
)
def test_unusual_samples_are_refused(gray: NDArray[np.uint8], dtype: Any, said: str) -> None:
    with pytest.raises(InputError, match=f"{said} tinct does not read"):
        read_picture(tiff(gray.astype(dtype)))


@pytest.mark.parametrize("maximum", [1, 100, 255, 256, 1023, 4095, 65535])
@pytest.mark.parametrize("kind", [5, 6])
def test_pnm_maximum(maximum: int, kind: int) -> None:
    shape = (6, 7) if kind == 5 else (6, 7, 3)
    samples = np.random.default_rng(1).integers(0, maximum + 1, shape)
    header = f"P{kind}\n# a remark\n7  6\n#another\n{maximum}\n".encode()
    data = header + samples.astype("u1" if maximum < 256 else ">u2").tobytes()
    read = read_picture(data)
    full = 255 if maximum < 256 else 65535
    assert read.pixels.dtype == (np.uint8 if maximum < 256 else np.uint16)
    assert np.abs(read.pixels - samples * (full / maximum)).max() <= 0.50001


def test_plain_pnm() -> None:
    assert read_picture(b"P2\n3 1\n255\n0 7 255\n").pixels.tolist() == [[0, 7, 255]]
    assert read_picture(b"P3\n1 1\n255\n1 2 3\n").pixels.tolist() == [[[1, 2, 3]]]
    assert read_picture(b"P1\n2 1\n1 0\n").pixels.tolist() == [[0, 255]]


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "AVIF", "GIF"])
def test_animated(photo: NDArray[np.uint8], save: Any, kind: str) -> None:
    second = Image.fromarray(photo[::-1].copy())
    data = save(photo, kind, save_all=True, append_images=[second])
    read = read_picture(data)
    assert len(read.warnings) == 1
    assert read.warnings[0].startswith("animated: only the first picture was read (")
    assert ("as GIF or PNG" in read.warnings[0]) == (kind == "WEBP")  # which FFmpeg cannot read
    first = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert np.array_equal(read.to_rgb().pixels[..., :3], first)


def test_pages(photo: NDArray[np.uint8]) -> None:
    """All pages are read, and written again as far as the format has pages."""
    read = read_picture(tiff(np.stack([photo, photo[::-1]]), photometric="rgb"))
    assert np.array_equal(read.pixels, photo)
    assert [np.array_equal(page.pixels, photo[::-1]) for page in read.pages] == [True]
    assert read.warnings == ()
    again = read_picture(encode_picture(read, "tiff"))
    assert np.array_equal(again.pages[0].pixels, photo[::-1])
    assert losses(read, "png") == ("PNG holds one page: only the first of 2 was written",)


def test_a_smaller_copy_is_no_page(photo: NDArray[np.uint8]) -> None:
    target = io.BytesIO()
    with tifffile.TiffWriter(target) as writer:
        writer.write(photo, photometric="rgb")
        writer.write(photo[::4, ::4], photometric="rgb", subfiletype=1)
    assert read_picture(target.getvalue()).warnings == ()


def test_deep_jpeg_2000(deep: NDArray[np.uint16], save: Any) -> None:
    assert np.array_equal(read_picture(save(deep[..., 0].copy(), "JPEG2000")).pixels, deep[..., 0])
    done, encoded = cv2.imencode(".jp2", deep[..., 2::-1])
    assert done
    read = read_picture(encoded.tobytes())
    assert read.pixels.dtype == np.uint16
    assert np.abs(read.pixels.astype(int) - deep[..., :3]).mean() < 64


def test_bare_codestream(photo: NDArray[np.uint8], save: Any) -> None:
    read = read_picture(save(photo, "JPEG2000", no_jp2=True))
    assert np.array_equal(read.pixels, photo)


def test_webp_and_avif_metadata(photo: NDArray[np.uint8], save: Any, rgb_profile: Any) -> None:
    for kind in ("WEBP", "AVIF"):
        data = save(photo, kind, quality=100, icc_profile=rgb_profile())
        plain = read_picture(save(photo, kind, quality=100)).pixels
        converted = read_picture(data).pixels
        assert np.abs(plain.astype(int) - converted).mean() > 3


def test_a_gray_palette_in_tiff_of_even_color(save: Any) -> None:
    """Its first three columns are equal, which must not be taken for three equal channels."""
    indices = np.repeat(np.arange(40, dtype=np.uint8)[:, None] * 6, 30, axis=1)
    image = Image.frombytes("P", (30, 40), indices.tobytes())
    image.putpalette(np.repeat(np.arange(256, dtype=np.uint8), 3).tobytes())
    read = read_picture(save(image, "TIFF", compression="tiff_lzw"))
    assert read.to_rgb().pixels.shape == (40, 30, 3)
    assert np.array_equal(read.to_rgb().pixels[..., 0], np.asarray(image))


def old_jpeg_tiff(jpeg: bytes, height: int, width: int) -> bytes:
    """Write a TIFF whose JPEG is described as TIFF 6.0 had it, section 22."""
    at = 8 + 2 + 12 * 12 + 4
    tags = [
        (256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, at), (259, 3, 1, 6), (262, 3, 1, 6),
        (273, 4, 1, at + 8), (277, 3, 1, 3), (278, 4, 1, height), (279, 4, 1, len(jpeg)),
        (513, 4, 1, at + 8), (514, 4, 1, len(jpeg)), (530, 3, 2, 1 | 1 << 16),
    ]  # fmt: skip
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    head = b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + bytes(4)
    return head + struct.pack("<4H", 8, 8, 8, 0) + jpeg


def test_old_style_jpeg_in_tiff(photo: NDArray[np.uint8], save: Any) -> None:
    jpeg = save(photo, "JPEG", quality=95, subsampling=0)
    read = read_picture(old_jpeg_tiff(jpeg, *photo.shape[:2]))
    assert read.warnings == ()
    assert np.abs(read.array.astype(int) - photo).mean() < 4
    with pytest.raises(InputError, match="old-style JPEG in a TIFF, which tinct does not read"):
        read_picture(old_jpeg_tiff(bytes(500), *photo.shape[:2]))


LAYOUTS: list[dict[str, Any]] = [
    {},
    {"compression": "lzw"},
    {"compression": "zlib", "predictor": True},
    {"tile": (32, 32)},
    {"tile": (32, 32), "compression": "lzw", "predictor": True},
]


@pytest.mark.parametrize("options", LAYOUTS, ids=str)
@pytest.mark.parametrize("planes", [False, True])
def test_ycbcr_in_tiff(photo: NDArray[np.uint8], options: dict[str, Any], planes: bool) -> None:
    needs_codecs(options)
    stored = np.asarray(Image.fromarray(photo).convert("YCbCr"))
    stored = np.ascontiguousarray(np.moveaxis(stored, -1, 0)) if planes else stored
    layout = "separate" if planes else "contig"
    data = tiff(stored, photometric="ycbcr", planarconfig=layout, **options)
    read = read_picture(data)
    assert read.warnings == ()
    assert np.abs(read.pixels.astype(int) - photo).max() <= 3


def test_ycbcr_of_another_matrix_and_range(photo: NDArray[np.uint8]) -> None:
    """That of films of high definition, between 16 and 235."""
    r, g, b = np.moveaxis(photo / 255, -1, 0)
    y = 0.2126 * r + 0.7152 * g + 0.0722 * b
    stored = [16 + 219 * y, 128 + 112 * (b - y) / 0.9278, 128 + 112 * (r - y) / 0.7874]
    tags = [
        (529, 5, 3, (2126, 10000, 7152, 10000, 722, 10000), True),
        (532, 5, 6, (16, 1, 235, 1, 128, 1, 240, 1, 128, 1, 240, 1), True),
    ]
    pixels = np.rint(np.stack(stored, axis=2)).astype(np.uint8)
    data = bytearray(tiff(pixels, photometric="rgb", metadata=None, extratags=tags))
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        found = file.pages[0].tags
        struct.pack_into("<H", data, found[262].valueoffset, 6)
        place = found[296].offset  # the unit of the resolution becomes the subsampling
    struct.pack_into("<HHIHH", data, place, 530, 3, 2, 1, 1)
    assert np.abs(read_picture(bytes(data)).pixels.astype(int) - photo).max() <= 3
    struct.pack_into("<HH", data, place + 8, 2, 2)
    with pytest.raises(InputError, match="YCbCr in a TIFF with fewer samples of color than"):
        read_picture(bytes(data))


def test_unusual_ycbcr_in_tiff_is_refused(photo: NDArray[np.uint8]) -> None:
    with pytest.raises(InputError, match="YCbCr in a TIFF with 3 channels of 16 bits, which"):
        read_picture(tiff(photo.astype(np.uint16) * 257, photometric="ycbcr"))


@pytest.mark.parametrize("options", LAYOUTS, ids=str)
@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_gray_and_alpha_in_planes(
    deep: NDArray[np.uint16], options: dict[str, Any], order: Any, photometric: str, dtype: Any
) -> None:
    needs_codecs(options)
    wanted = deep[..., :2] if dtype != np.uint8 else (deep[..., :2] >> 8).astype(np.uint8)
    planes = np.moveaxis(wanted, -1, 0).copy()
    if photometric == "miniswhite":
        planes[0] = ~planes[0]
    data = tiff(
        planes if dtype != np.float32 else planes.astype(dtype) / 65535,
        photometric=photometric,
        planarconfig="separate",
        extrasamples=["unassalpha"],
        byteorder=order,
        **(options if "tile" in options else options | {"rowsperstrip": 16}),
    )
    read = read_picture(data)
    assert read.warnings == ()
    assert np.array_equal(read.pixels, wanted)


@pytest.mark.parametrize("channels", [2, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_associated_alpha_in_planes(deep: NDArray[np.uint16], channels: int, dtype: Any) -> None:
    colors, alpha = deep[..., : channels - 1] / 65535, 0.25 + deep[..., 3:] / 131072
    full = 1 if dtype == np.float32 else np.iinfo(dtype).max
    stored = np.moveaxis(np.concatenate([colors * alpha, alpha], axis=2) * full, -1, 0)
    data = tiff(
        np.ascontiguousarray(stored if full == 1 else np.rint(stored), dtype),
        photometric="minisblack" if channels == 2 else "rgb",
        planarconfig="separate",
        extrasamples=["assocalpha"],
    )
    pixels = read_picture(data).pixels
    wanted = np.concatenate([colors, alpha], axis=2)
    assert np.abs(pixels / np.iinfo(pixels.dtype).max - wanted).max() < 0.02


@pytest.mark.parametrize("photometric", ["minisblack", "miniswhite", "rgb", "ycbcr"])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_damaged_planes_are_one_line(
    photo: NDArray[np.uint8], photometric: str, compression: Any
) -> None:
    """Whatever byte of the directory is wrong, and wherever the file ends."""
    planes = np.ascontiguousarray(np.moveaxis(photo, -1, 0))
    number = 3 if photometric in ("rgb", "ycbcr") else 2
    extra = ["unassalpha"] if number == 2 else None
    whole = tiff(planes[:number], photometric=photometric, planarconfig="separate",
                 extrasamples=extra, compression=compression, metadata=None)  # fmt: skip
    spoiled = [whole[:length] for length in range(8, len(whole), len(whole) // 40)]
    for at in range(8, 300):
        spoiled.append(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
    said: set[str] = set()
    for data in spoiled:
        try:
            read_picture(data, max_pixels=1 << 20)
        except InputError as error:
            said.add(str(error))
    assert said
    assert not any("\n" in line for line in said)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_floats_of_which_white_is_zero(
    gray: NDArray[np.uint8], dtype: Any, compression: Any
) -> None:
    stored = (1 - gray / 255).astype(dtype)
    read = read_picture(tiff(stored, photometric="miniswhite", compression=compression))
    assert np.abs(read.pixels / 257 - gray).max() < 0.2
