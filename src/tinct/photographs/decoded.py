"""What a decoder hands over, before color profile and orientation are dealt with."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from numpy.typing import NDArray

from tinct.photographs.metadata import Metadata

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
