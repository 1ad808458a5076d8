"""What the samples of a film's frames mean."""

from __future__ import annotations

import numpy as np
import pytest

from tinct.frame_format import FrameFormat


@pytest.mark.parametrize(
    ("size", "shift", "chroma"),
    [
        ((1920, 1080), (1, 1), (540, 960)),
        ((17, 3), (1, 1), (2, 9)),
        ((17, 3), (1, 0), (3, 9)),
        ((17, 3), (0, 0), (3, 17)),
        ((17, 3), (2, 0), (3, 5)),
        ((1, 1), (1, 1), (1, 1)),
    ],
)
def test_chroma_planes_cover_every_pixel(
    size: tuple[int, int], shift: tuple[int, int], chroma: tuple[int, int]
) -> None:
    format = FrameFormat(*size, shift=shift)
    assert format.luma_shape == size[::-1]
    assert format.chroma_shape == chroma


@pytest.mark.parametrize(
    ("bits", "full", "luma", "chroma"),
    [
        (8, False, (16, 235), (128, 224)),  # BT.709-6, table 4
        (10, False, (64, 940), (512, 896)),
        (12, False, (256, 3760), (2048, 3584)),
        (8, True, (0, 255), (128, 255)),
        (10, True, (0, 1023), (512, 1023)),
        (16, True, (0, 65535), (32768, 65535)),
    ],
)
def test_codes_are_those_of_the_standards(
    bits: int, full: bool, luma: tuple[int, int], chroma: tuple[int, int]
) -> None:
    format = FrameFormat(8, 8, bits, full_range=full)
    assert (format.luma_codes, format.chroma_codes) == (luma, chroma)
    assert format.dtype == (np.uint8 if bits == 8 else np.uint16)


@pytest.mark.parametrize(
    "wrong", [{"width": 0}, {"height": -2}, {"bits": 7}, {"bits": 17}, {"shift": (-1, 0)}]
)
def test_what_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"\d"):
        FrameFormat(**({"width": 8, "height": 8} | wrong))  # type: ignore[arg-type]
