"""What tests compare with: the plain formula of something that is computed otherwise."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct import color


def annealed_mean(
    logits: NDArray[np.float32], bin_centers: NDArray[np.float32], temperature: float
) -> NDArray[np.float32]:
    """The mean color of a distribution made sharper by a temperature (Zhang et al., eq. 5).

    Logits are (..., Q), bin centers (Q, 2), the answer (..., 2).
    """
    scaled = logits / temperature
    weight = np.exp(scaled - scaled.max(axis=-1, keepdims=True))
    return (weight @ bin_centers) / weight.sum(axis=-1, keepdims=True)


def dequantize_luma(
    codes: NDArray[np.integer[Any]], bits: int = 8, range_: color.Range = "full"
) -> NDArray[np.float32]:
    """Undo color.quantize_luma; codes beyond the limited range give luma outside 0..1."""
    low, high = color.luma_codes(bits, range_)
    return (np.asarray(codes, np.float32) - np.float32(low)) * np.float32(1 / (high - low))
