"""Formats that need a library each: HEIC, PSD, raw files of cameras."""

from __future__ import annotations

import io
import struct
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.errors import MissingExtraError
from tinct.photographs.exif import exif_dpi, strip_exif_prefix
from tinct.photographs.icc import knows_code_points, profile_of_code_points
from tinct.photographs.metadata import Metadata, find_resource, photoshop_of, sensible_dpi
from tinct.photographs.picture import (
    Decoded,
    Limit,
    UnreadableError,
    channels_left_out,
    space_of,
)

_PSD_RESOLUTION, _PSD_ICC, _PSD_EXIF, _PSD_XMP = 1005, 1039, 1058, 1060  # image resources
_PSD_COLORS = {0: 1, 1: 1, 2: 1, 3: 3, 4: 4, 7: 1, 8: 1}  # channels of modes, without further ones
_PSD_DEEP = {1, 3, 4, 8}  # gray, RGB, CMYK, duotone
_PSD_NAMES = {0: "bitmap", 2: "indexed color", 7: "multichannel", 9: "Lab"}


def decode_heic(data: bytes, limit: Limit) -> Decoded:
    """Decode the main picture of a HEIC or HEIF file, turned as the file says.

    Raises:
        UnreadableError: It cannot be decoded.
    """
    import pi_heif

    picture = pi_heif.open_heif(io.BytesIO(data), convert_hdr_to_8bit=False, bgr_mode=False)
    width, height = picture.size
    limit.check(height, width)
    info = picture.info
    exif = strip_exif_prefix(info.get("exif"))
    icc = info.get("icc_profile") or _profile_of_nclx(info.get("nclx_profile"))
    metadata = Metadata(exif, icc, info.get("xmp") or None, exif_dpi(exif))
    pixels = np.array(picture)  # a copy: the library frees its own together with the picture
    pixels = np.ascontiguousarray(pixels[:height, :width])  # without the padding of its rows
    if pixels.ndim == 3 and pixels.shape[2] == 1:
        pixels = pixels[..., 0]
    # Orientation in the metadata is not followed: the container has its own (ISO/IEC 23008-12)
    return Decoded(pixels, space_of(pixels), metadata, orientation=1)


def _profile_of_nclx(stated: dict[str, Any] | None) -> bytes | None:
    codes = (
        (stated or {}).get("color_primaries", 0),
        (stated or {}).get("transfer_characteristics", 0),
    )
    return profile_of_code_points(*codes) if knows_code_points(*codes) else None


def _deep_psd(data: bytes, limit: Limit) -> NDArray[np.uint16]:
    """Decode a PSD of 16 bits through FFmpeg; Pillow reads 8."""
    import av

    with av.open(io.BytesIO(data), mode="r", format="psd_pipe") as file:
        stream = file.streams.video[0]
        limit.check(stream.height, stream.width)
        frame = next(file.decode(stream))
    num_channels = len(frame.format.components)
    target = {1: "gray16le", 3: "rgb48le"}.get(num_channels, "rgba64le")
    pixels = frame.to_ndarray(format=target)
    return np.ascontiguousarray(pixels[..., [0, 3]] if num_channels == 2 else pixels, np.uint16)


def decode_psd(data: bytes, limit: Limit) -> Decoded:
    """Decode the merged picture of a Photoshop file.

    Raises:
        UnreadableError: It cannot be decoded.
    """
    depth, mode = struct.unpack_from(">HH", data, 22)
    if mode not in _PSD_COLORS or (depth == 16 and mode not in _PSD_DEEP):
        name = _PSD_NAMES.get(mode, f"mode {mode}")
        raise UnreadableError(
            f"a PSD in {depth}-bit {name}, which tinct does not read (save it as RGB)"
        )
    if depth in (1, 8):
        from tinct.photographs.pillow_formats import decode_by_pillow

        decoded = decode_by_pillow(data, "PSD", limit)
    elif depth == 16:
        pixels = _deep_psd(data, limit)
        decoded = Decoded(pixels, space_of(pixels))
    else:
        raise UnreadableError(f"{depth}-bit samples, which tinct does not read")
    return _with_true_alpha(replace(decoded, metadata=psd_metadata(data)), data)


def _with_true_alpha(decoded: Decoded, data: bytes) -> Decoded:
    """Take a further channel for transparency only where the file says that it is.

    Others are selections that were saved, which Pillow calls alpha, too.
    """
    num_channels, mode = (struct.unpack_from(">H", data, at)[0] for at in (12, 24))
    is_transparent = _layer_count(data) < 0
    pixels = decoded.pixels
    has_alpha = decoded.space != "cmyk" and pixels.ndim == 3 and pixels.shape[2] in (2, 4)
    if has_alpha and not is_transparent:
        pixels = np.ascontiguousarray(pixels[..., :-1].squeeze())
    warnings = ["transparency left out"] if is_transparent and not has_alpha else []
    num_lost = num_channels - _PSD_COLORS[mode] - is_transparent
    if num_lost > 0:
        warnings.append(channels_left_out(num_lost))
    return replace(decoded, pixels=pixels, warnings=(*decoded.warnings, *warnings))


def _layer_count(data: bytes) -> int:
    """Read the number of layers; below zero, the first further channel is transparency.

    It stands in the layer and mask information, of 16 bits in a block of its own there.
    """
    at = 26
    for _ in range(2):  # past the color table and the image resources
        at += 4 + int.from_bytes(data[at : at + 4])
    end = at + 4 + int.from_bytes(data[at : at + 4])
    section = data[at + 4 : end]
    if any(section[:4]):  # the length of the layers
        return int.from_bytes(section[4:6], signed=True)
    _, block, content = section.partition(b"8BIMLr16")
    return int.from_bytes(content[4:6], signed=True) if block else 0


def psd_metadata(data: bytes) -> Metadata:
    """Collect the metadata of a Photoshop file: all of it is in its image resources."""
    (colors,) = struct.unpack_from(">I", data, 26)
    (length,) = struct.unpack_from(">I", data, 30 + colors)
    start = 34 + colors
    resources = data[start : start + length]
    exif = strip_exif_prefix(find_resource(resources, _PSD_EXIF))
    dpi = None
    stated = find_resource(resources, _PSD_RESOLUTION)
    if stated is not None and len(stated) >= 12:
        x, _, y = struct.unpack_from(">iIi", stated)  # 16.16; always stored in pixels per inch
        dpi = sensible_dpi(x / 65536, y / 65536)
    return Metadata(
        exif,
        find_resource(resources, _PSD_ICC),
        find_resource(resources, _PSD_XMP),
        dpi or exif_dpi(exif),
        photoshop_of(resources, without=(_PSD_ICC, _PSD_EXIF, _PSD_XMP)),
    )


def decode_raw(data: bytes, limit: Limit) -> Decoded:
    """Develop the raw file of a camera, with its white balance, to 16 bits.

    Raises:
        UnreadableError: It cannot be decoded.
        MissingExtraError: The library that reads such files is not installed.
    """
    try:
        import rawpy
    except ImportError as error:
        raise MissingExtraError("a raw file of a camera", "raw") from error
    try:
        with rawpy.imread(io.BytesIO(data)) as raw:
            limit.check(raw.sizes.height, raw.sizes.width)
            pixels: NDArray[Any] = raw.postprocess(use_camera_wb=True, output_bps=16)
    except rawpy.LibRawError as error:
        raise UnreadableError("a raw file that LibRaw cannot read") from error
    if pixels.min() == pixels.max():  # LibRaw does not tell when the file ends too early
        raise UnreadableError("damaged: there is no picture in this raw file")
    return Decoded(np.ascontiguousarray(pixels), "rgb", _raw_metadata(data), orientation=1)


def _raw_metadata(data: bytes) -> Metadata:
    """Take the metadata where the raw file is a TIFF, which most are."""
    if data[:4] not in (b"II*\0", b"MM\0*"):
        return Metadata()
    from tinct.photographs.tiff import read_metadata

    return replace(read_metadata(data), icc=None)
