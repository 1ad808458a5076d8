"""How the samples of a film's frames are to be understood."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Matrix = Literal["bt601", "bt709", "bt2020"]


@dataclass(frozen=True)
class FrameFormat:
    """How the samples of a film's frames are to be understood."""

    width: int
    """Of luma, in samples."""
    height: int
    bits: int = 8
    """8: planes of uint8; 9..16: planes of uint16 with the value in the low bits."""
    shift: tuple[int, int] = (1, 1)
    """Log2 of the subsampling of chroma (horizontal, vertical): 4:2:0 (1, 1), 4:4:4 (0, 0)."""
    full_range: bool = False
    """Else limited: luma 16..235, chroma 16..240, times 2**(bits - 8)."""
    matrix: Matrix = "bt709"
