"""A photograph in memory: first as its file stores it, then upright and in sRGB."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from os import PathLike, fspath
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from tinct.errors import OptionError, OutputError
from tinct.files import reason_of
from tinct.photographs.metadata import Metadata
from tinct.photographs.pixels import planes_to_rgb

Space = Literal["gray", "rgb", "cmyk"]
DAMAGED = "damaged, read as far as possible"  # the warning that a part of a picture is missing


class UnreadableError(Exception):
    """A file cannot be decoded; the text is the reason, ready to be shown after the file's name."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """A picture as its file stores it: not yet turned upright, in the file's own colors."""

    pixels: NDArray[Any]  # uint8 or uint16; shapes as in Picture, or (H, W, 4) CMYK
    space: Space
    metadata: Metadata = field(default_factory=Metadata)
    orientation: int | None = None  # 1..8, still to be applied; None: as EXIF or else XMP says
    warnings: tuple[str, ...] = ()
    pages: tuple[Decoded, ...] = ()  # further pages of the file


@dataclass(frozen=True, slots=True)
class Limit:
    """The largest picture that may be decoded."""

    max_pixels: int

    def check(self, height: int, width: int) -> None:
        """Refuse a picture by the size its header states, before anything is decoded.

        Raises:
            UnreadableError: The size is zero, or above the limit.
        """
        if height < 1 or width < 1:
            raise UnreadableError("the picture has no pixels")
        if height * width > self.max_pixels:
            raise UnreadableError(
                f"{height * width / 1e6:.4g} megapixels, more than the limit of "
                f"{self.max_pixels / 1e6:.4g} (raise it with --max-pixels)"
            )


def space_of(pixels: NDArray[Any]) -> Literal["gray", "rgb"]:
    """Tell gray (with or without alpha) from RGB by the shape."""
    return "gray" if pixels.ndim == 2 or pixels.shape[2] == 2 else "rgb"


def channels_left_out(number: int) -> str:
    """Say that channels beside the colors and transparency were left out."""
    what = "a channel" if number == 1 else f"{number} channels"
    return f"{what} beside the colors left out (infrared of a scanner, or a mask)"


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
    keeps_colors: bool = False  # it is in color, and no model is to color it

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
        from tinct.photographs.write import encode_picture

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
        target: str | PathLike[str] | BinaryIO,
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
        from tinct.photographs.write import encode_with_losses, write_picture

        if isinstance(target, str | PathLike):
            return write_picture(
                self, fspath(target), format=format, quality=quality, overwrite=overwrite, mark=mark
            )
        if format is None:
            raise OptionError('an open file needs a format: save(file, format="png")')
        data, lost = encode_with_losses(self, format, quality, mark)
        try:
            target.write(data)
        except (OSError, TypeError, ValueError) as error:  # a full disk, opened as text, closed
            raise OutputError(f"{format}: {reason_of(error)}") from error
        return lost
