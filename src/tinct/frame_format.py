"""What the numbers of a film's frames mean."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinct.color import Standard, chroma_codes, luma_codes

MIN_BITS, MAX_BITS = 8, 16


@dataclass(frozen=True)
class FrameFormat:
    """How the samples of a film's frames are to be understood."""

    width: int
    """Of the luma plane, in samples."""
    height: int
    bits: int = 8
    """8: planes of uint8. 9 to 16: planes of uint16, the value in the low bits."""
    shift: tuple[int, int] = (1, 1)
    """log2 of the subsampling of chroma, horizontal and vertical: 4:2:0 (1, 1), 4:2:2 (1, 0),
    4:4:4 (0, 0)."""
    full_range: bool = False
    """Else limited: luma 16 to 235, chroma 16 to 240, times 2 ** (bits - 8)."""
    matrix: Standard = "bt709"
    """Whose luma and chroma; BT.2020 is that of non-constant luminance."""
    turns: int = 0
    """Quarter turns against the clock by which players show a frame."""

    def __post_init__(self) -> None:
        """Check that there can be such frames.

        Raises:
            ValueError: There cannot.
        """
        if min(self.width, self.height) < 1:
            raise ValueError(f"a frame of {self.width}x{self.height} has no pixels")
        if not MIN_BITS <= self.bits <= MAX_BITS:
            raise ValueError(f"{self.bits} bits a sample are not {MIN_BITS} to {MAX_BITS}")
        if min(self.shift) < 0:
            raise ValueError(f"a subsampling by 2 ** {self.shift} is none")

    @property
    def dtype(self) -> np.dtype[Any]:
        """Of the planes: uint8 or uint16."""
        return np.dtype(np.uint8 if self.bits == MIN_BITS else np.uint16)

    @property
    def luma_shape(self) -> tuple[int, int]:
        """Rows and columns of the luma plane."""
        return self.height, self.width

    @property
    def shown_shape(self) -> tuple[int, int]:
        """Rows and columns of a frame as players show it."""
        return self.luma_shape[::-1] if self.turns % 2 else self.luma_shape

    @property
    def chroma_shape(self) -> tuple[int, int]:
        """Rows and columns of each chroma plane; what does not divide is rounded up."""
        horizontal, vertical = self.shift
        return -(-self.height >> vertical), -(-self.width >> horizontal)

    @property
    def luma_codes(self) -> tuple[int, int]:
        """The codes of black and white."""
        return luma_codes(self.bits, "full" if self.full_range else "limited")

    @property
    def chroma_codes(self) -> tuple[int, int]:
        """The code of no chroma, and the number of codes from -0.5 to 0.5."""
        return chroma_codes(self.bits, "full" if self.full_range else "limited")
