"""Photographs from files and to files."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from tinct.errors import InputError, OptionError, OutputError
from tinct.files import open_source, reason_of, write_atomically
from tinct.photographs import encode as encoding
from tinct.photographs.decode import HEAD_BYTES, decode, describe, sniff
from tinct.photographs.decoded import Decoded, Limit, UnreadableError
from tinct.photographs.exif import exif_orientation, upright_exif
from tinct.photographs.formats import Format, format_named, format_of_path
from tinct.photographs.icc import to_srgb
from tinct.photographs.metadata import Metadata
from tinct.photographs.pixels import planes_to_rgb, turn_upright

MAX_PIXELS = 300_000_000
_LOOKED_AT = 512  # rows and columns at most by which dots without gray between them are told
_NEARLY = 0.04  # share of white by which black and white may be off, as JPEG leaves them
_DOTS = 0.99  # share of pixels that are black or white in a picture of dots

Source = str | Path | bytes | bytearray | memoryview | BinaryIO
"""What a photograph is read from: a path, the bytes of a file, or an open binary file."""


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A photograph: upright pixels in sRGB, and what came with them.

    ``pixels`` is (H, W) gray, (H, W, 2) gray and alpha, (H, W, 3) RGB or (H, W, 4) RGBA, uint8 or
    uint16, C-contiguous. With ``chroma``, it is the Y plane of a color picture instead.
    """

    pixels: NDArray[Any]
    # Cb and Cr, uint8, full-range BT.601, (ceil(H/2), ceil(W/2)): what a JPEG holds, so that one
    # can be colored without ever making RGB
    chroma: tuple[NDArray[np.uint8], NDArray[np.uint8]] | None = None
    metadata: Metadata = field(default_factory=Metadata)
    source_format: str = ""  # "JPEG", "PNG", ...; empty where it came from no file
    warnings: tuple[str, ...] = ()  # what was wrong with the file, one sentence each
    pages: tuple[Picture, ...] = ()  # further pages of a file that holds several
    colored_by: str = ""  # name of the model that has colored it; empty where none has

    def __post_init__(self) -> None:
        """Refuse arrays that are none of the kinds above."""
        pixels = self.pixels
        if pixels.dtype not in (np.uint8, np.uint16):
            raise ValueError(f"pixels of type {pixels.dtype}; uint8 or uint16 expected")
        if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (2, 3, 4)):
            raise ValueError(f"pixels of shape {pixels.shape}; (H, W) or (H, W, 2..4) expected")
        if pixels.size == 0:
            raise ValueError("a picture needs at least one pixel")
        if self.chroma is not None:
            half = tuple((length + 1) // 2 for length in pixels.shape[:2])
            if pixels.ndim != 2 or any(plane.shape != half for plane in self.chroma):
                raise ValueError("chroma planes must have half the size of a gray Y plane")
            if any(plane.dtype != np.uint8 for plane in (pixels, *self.chroma)):
                raise ValueError("planes must be uint8")

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels, in the order of ``PIL.Image.Image.size``."""
        return self.pixels.shape[1], self.pixels.shape[0]

    @property
    def array(self) -> NDArray[Any]:
        """The pixels as sRGB, (H, W, 3), or (H, W, 4) where there is alpha; uint8 or uint16.

        Gray pictures and pictures held as luma and chroma planes are converted at each access.
        """
        return self.to_rgb().pixels

    @property
    def __array_interface__(self) -> dict[str, Any]:
        """What ``numpy.asarray`` and ``PIL.Image.fromarray`` read; the same as ``array``."""
        array = self.array
        return {
            "version": 3,
            "shape": array.shape,
            "typestr": array.dtype.str,
            "strides": array.strides,  # stated, so that Pillow asks for ``tobytes``
            "data": array,  # the buffer itself: NumPy then keeps it alive
        }

    def tobytes(self) -> bytes:
        """Return the bytes of ``array`` in C order."""
        return self.array.tobytes()

    def _repr_png_(self) -> bytes:
        """Return the picture as a PNG file, which notebooks show."""
        return encode_picture(self, "PNG")

    @property
    def is_gray(self) -> bool:
        """Whether it has no color: one channel (and perhaps alpha), and no chroma planes."""
        return self.chroma is None and (self.pixels.ndim == 2 or self.pixels.shape[2] == 2)

    def to_rgb(self) -> Picture:
        """Make the same picture with (H, W, 3) or, where it has alpha, (H, W, 4) pixels."""
        if self.chroma is not None:
            pixels: NDArray[Any] = planes_to_rgb(self.pixels, *self.chroma)
        elif self.pixels.ndim == 2:
            pixels = np.repeat(self.pixels[..., None], 3, axis=2)
        elif self.pixels.shape[2] == 2:
            pixels = np.ascontiguousarray(self.pixels[..., [0, 0, 0, 1]])
        else:
            return self
        return replace(self, pixels=pixels, chroma=None)

    def save(
        self,
        target: str | Path | BinaryIO,
        quality: int | None = None,
        format: str | None = None,
        overwrite: bool = True,
        mark: bool = True,
    ) -> tuple[str, ...]:
        """Write it to a file, see :func:`write_picture`, or into an open binary file.

        Args:
            target: A path, or an open binary file such as ``io.BytesIO()``.
            quality: 1..100, or None for the format's own.
            format: A name or suffix; by default the suffix of the path. An open file needs it.
            overwrite: Whether an existing file may be replaced.
            mark: Whether a colored picture says that it was colored, see :func:`encode_picture`.

        Returns:
            What the format could not hold, one sentence each.

        Raises:
            OptionError: Unknown or missing format, or a quality out of range.
            OutputError: It could not be written.
        """
        if isinstance(target, str | Path):
            return write_picture(
                self, target, format=format, quality=quality, overwrite=overwrite, mark=mark
            )
        if format is None:
            raise OptionError('an open file needs a format: save(file, format="png")')
        target.write(encode_picture(self, format, quality, mark))
        return losses(self, format, mark)


def read_picture(
    source: Source,
    *,
    max_pixels: int = MAX_PIXELS,
    gray: bool = False,
    name: str | None = None,
) -> Picture:
    """Read a photograph, turned upright and converted to sRGB.

    The format is told by the content, not by the name. EXIF, IPTC, XMP, comments and resolution are
    kept, without what describes the picture as it was before: the orientation that was applied, a
    thumbnail, links to further pictures in the file. The color profile is kept where it is sRGB;
    otherwise the pixels are converted and the profile is replaced.

    Args:
        source: A path, the bytes of a file, or an open binary file.
        max_pixels: Larger pictures are refused before they are decoded.
        gray: Only luma is wanted: color JPEGs may then give their Y plane instead of RGB, which
            takes less time.
        name: How to call the picture in messages; by default its path.

    Raises:
        InputError: It cannot be read; one line with the name and the reason.
    """
    name = name or _name_of(source)
    data, kind = _load(source, name)
    try:
        decoded = decode(data, kind, Limit(max_pixels), gray)
        return _finish(decoded, kind)
    except UnreadableError as error:
        raise InputError(f"{name}: {error}") from error


def _name_of(source: Source) -> str:
    if isinstance(source, str | Path):
        return str(source)
    stated = getattr(source, "name", None)
    return stated if isinstance(stated, str) else "picture"


def _load(source: Source, name: str) -> tuple[bytes, str]:
    """Read all bytes and tell the format by the first of them."""
    if isinstance(source, bytes | bytearray | memoryview):
        data = bytes(source)
        return data, _kind(data[:HEAD_BYTES], name)
    if isinstance(source, str) and re.match(r"[a-zA-Z][a-zA-Z0-9+.-]+://", source):
        raise InputError(f"{name}: a web address, and tinct reads files: download it first")
    if isinstance(source, str | Path):
        with open_source(source, name) as file:
            return _load_stream(file, name)
    return _load_stream(source, name)


def _load_stream(file: BinaryIO, name: str) -> tuple[bytes, str]:
    """Look at the head first: a film of 20 GB is turned away without reading it."""
    try:
        head = file.read(HEAD_BYTES)
        if isinstance(head, str):
            raise InputError(f"{name}: opened as text, and a photograph is binary: open it as 'rb'")
        kind = _kind(head, name)
        return head + file.read(), kind
    except ValueError as error:  # closed, or opened for writing
        raise InputError(f"{name}: the file is closed, or not open for reading") from error
    except OSError as error:
        raise InputError(f"{name}: {reason_of(error)}") from error
    except MemoryError as error:
        raise InputError(f"{name}: not enough memory to read it") from error


def _kind(head: bytes, name: str) -> str:
    if not head:
        raise InputError(f"{name}: the file is empty")
    kind = sniff(head)
    if kind is None:
        raise InputError(f"{name}: {describe(head)}")
    return kind


def _finish(decoded: Decoded, kind: str) -> Picture:
    """Convert to sRGB, turn upright, and bring the metadata in line with that."""
    converted = to_srgb(decoded)
    stored, warnings = decoded.metadata, list(decoded.warnings)
    orientation = decoded.orientation
    if orientation is None and stored.exif is not None:
        orientation = exif_orientation(stored.exif)
    xmp = stored.xmp
    if xmp is not None:
        from tinct.photographs.xmp import upright_xmp, xmp_orientation  # few photographs have XMP

        orientation = orientation or xmp_orientation(xmp)
        xmp = upright_xmp(xmp, is_upright=orientation is not None)
        if xmp is None:
            warnings.append("its XMP is damaged and was left out")
    pixels = converted.pixels
    if orientation is not None:
        pixels = turn_upright(pixels, orientation)
    exif, had_thumbnail = stored.exif, False
    if exif is not None:
        exif, had_thumbnail = upright_exif(
            exif, pixels.shape[0], pixels.shape[1], is_upright=orientation is not None
        )
        if exif is None:
            warnings.append("its EXIF is damaged and was left out")
    if converted.warning is not None:
        warnings.append(converted.warning)
    if _has_only_dots(pixels):
        warnings.append(
            "only black and white dots: no color can be seen in it (scan it in gray, or blur it)"
        )
    dpi = stored.dpi
    if dpi is not None and orientation is not None and orientation >= 5:
        dpi = (dpi[1], dpi[0])
    metadata = replace(
        stored, exif=exif, icc=converted.icc, xmp=xmp, dpi=dpi, has_thumbnail=had_thumbnail
    )
    pages = tuple(_finish(page, kind) for page in decoded.pages)
    return Picture(pixels, None, metadata, kind, tuple(warnings), pages)


def _has_only_dots(pixels: NDArray[Any]) -> bool:
    """Tell a picture of black and white without gray between them, where colors have no room."""
    step = max(1, max(pixels.shape[:2]) // _LOOKED_AT)
    # Rows and columns without a common divisor with the pattern of a screen
    sample = pixels[::step, ::step]
    if sample.ndim == 2:
        sample = sample[..., None]
    channels = sample[..., : 1 if sample.shape[2] <= 2 else 3]  # without alpha
    full = int(np.iinfo(pixels.dtype).max)
    num_black = np.count_nonzero(channels.max(axis=2) <= _NEARLY * full)
    num_white = np.count_nonzero(channels.min(axis=2) >= (1 - _NEARLY) * full)
    size = channels.shape[0] * channels.shape[1]
    least = (1 - _DOTS) * size
    return bool(min(num_black, num_white) > least and num_black + num_white >= _DOTS * size)


def encode_picture(
    picture: Picture,
    format: str,
    quality: int | None = None,
    mark: bool = True,
) -> bytes:
    """Encode a picture as the bytes of a file.

    What the format cannot hold is left out: transparency is composed over white, 16 bits are
    rounded to 8 (``losses`` names it). A thumbnail in EXIF is made anew of the pixels.

    Args:
        picture: The picture.
        format: A name or suffix: "jpeg", "PNG", ".tif".
        quality: 1..100, or None for the format's own; ignored by formats without loss.
        mark: Whether a picture that a model has colored says so in its XMP: the IPTC digital source
            type, the name of the model and the version of tinct.

    Raises:
        OptionError: Unknown format, or a quality out of range.
        OutputError: The format cannot hold a picture of this size.
    """
    target = format_named(format)
    if quality is not None and not 1 <= quality <= 100:
        raise OptionError(f"quality {quality} is not between 1 and 100")
    planar = picture.chroma is not None and target.name == "JPEG"
    source = picture if planar or picture.chroma is None else picture.to_rgb()
    metadata = source.metadata
    if mark and picture.colored_by and "xmp" in target.metadata:
        from tinct import __version__
        from tinct.photographs.xmp import mark_colored

        xmp = mark_colored(metadata.xmp, f"tinct {picture.colored_by}", __version__)
        metadata = replace(metadata, xmp=xmp)
    pages = [page.to_rgb().pixels if page.chroma else page.pixels for page in picture.pages]
    try:
        return encoding.encode(source.pixels, source.chroma, metadata, target, quality, pages)
    except (ValueError, OSError, RuntimeError, MemoryError) as error:
        reason = str(error).splitlines()[0] if str(error) else "not enough memory"
        raise OutputError(f"cannot be written as {target.name}: {reason}") from error


def losses(picture: Picture, format: str, mark: bool = True) -> tuple[str, ...]:
    """Name what a picture would lose in a format, one sentence each; arguments as in encoding."""
    target = format_named(format)
    lost = encoding.losses(picture.pixels, picture.metadata, target, 1 + len(picture.pages))
    if mark and picture.colored_by and "xmp" not in target.metadata:
        return (*lost, f"{target.name} has no place to say that it was colored")
    return lost


def write_picture(
    picture: Picture,
    path: str | Path,
    *,
    format: str | None = None,
    quality: int | None = None,
    overwrite: bool = True,
    mark: bool = True,
) -> tuple[str, ...]:
    """Write a picture to a file, in one piece or not at all.

    Args:
        picture: The picture.
        path: Where to; an existing file is replaced only when the new one is complete.
        format: A name or suffix; by default the suffix of ``path``.
        quality: 1..100, or None for the format's own.
        overwrite: Whether an existing file may be replaced.
        mark: Whether a colored picture says that it was colored, see ``encode_picture``.

    Returns:
        What the format could not hold, one sentence each (see ``losses``).

    Raises:
        OptionError: Unknown format, or a quality out of range.
        OutputError: It could not be written; nothing has changed.
    """
    target: Format = format_of_path(path) if format is None else format_named(format)
    try:
        data = encode_picture(picture, target.name, quality, mark)
    except OutputError as error:
        raise OutputError(f"{path}: {error}") from error
    write_atomically(data, path, overwrite=overwrite)
    return losses(picture, target.name, mark)
