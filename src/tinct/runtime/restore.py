"""Faded tones stretched and even casts taken out: the little restoring that a scan often needs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.runtime.compose import luma_of

_CLIPPED = 0.1  # percent of pixels that may become black, and as many white
_MARGIN = 0.01  # of the range, left between the darkest pixels and black, the lightest and white
_MOST_GAIN = 4.0  # more would show noise and the steps of 8 bits
_STEP_PIXELS = 1 << 20  # about as many pixels are looked at


def restore(pixels: NDArray[Any]) -> NDArray[Any]:
    """Stretch every channel to the full range of tones, and make the result gray.

    Fading takes contrast from the channels unequally, which is a cast; stretched one by one, they
    are neutral in black and white again, and none drags the luma of the others along.

    Args:
        pixels: (H, W), (H, W, 2) with alpha, (H, W, 3) RGB or (H, W, 4) RGBA; uint8 or uint16.

    Returns:
        (H, W) luma, or (H, W, 2) where there was alpha, of the same dtype; a picture whose channels
        fill their range keeps its luma within rounding.
    """
    if pixels.ndim == 2:
        return _stretch(pixels)
    channels = pixels.shape[2]
    stretched = [_stretch(pixels[..., i]) for i in range(channels - (channels in (2, 4)))]
    luma = luma_of(np.dstack(stretched)) if len(stretched) == 3 else stretched[0]
    return np.dstack([luma, pixels[..., -1]]) if channels in (2, 4) else luma


def _stretch(channel: NDArray[Any]) -> NDArray[Any]:
    """Map the tones of one channel, (H, W), to nearly the full range by a straight line."""
    white = int(np.iinfo(channel.dtype).max)
    step = max(1, int((channel.size / _STEP_PIXELS) ** 0.5))
    low, high = np.percentile(channel[::step, ::step], [_CLIPPED, 100 - _CLIPPED])
    low, high = max(low - _MARGIN * white, 0), min(high + _MARGIN * white, white)
    gain = min(white / max(high - low, 1), _MOST_GAIN)
    # Where the gain is limited, the middle of the tones stays in the middle of the range.
    offset = white / 2 - gain * (low + high) / 2
    table = np.clip(np.rint(gain * np.arange(white + 1) + offset), 0, white)
    stretched: NDArray[Any] = table.astype(channel.dtype)[channel]
    return stretched
