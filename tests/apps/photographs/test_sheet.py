"""Side-by-side sheets."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tinct.apps.photographs.sheet import make_sheet
from tinct.photographs import Picture

_GRAY = Picture(np.full((60, 80), 100, np.uint8))
_RED = Picture(np.full((60, 80, 3), (200, 30, 30), np.uint8))


def test_gray_left_color_right() -> None:
    sheet = make_sheet(_GRAY, _RED, ("gray", "color")).pixels
    height, width = sheet.shape[:2]
    assert width > 2 * 80
    assert np.array_equal(sheet[height // 3, width // 4], [100, 100, 100])
    assert np.array_equal(sheet[height // 3, width * 5 // 8], [200, 30, 30])


def test_panoramas_stand_above_each_other() -> None:
    gray = Picture(np.full((100, 400), 100, np.uint8))
    red = Picture(np.full((100, 400, 3), (200, 30, 30), np.uint8))
    sheet = make_sheet(gray, red, ("gray", "color")).pixels
    assert sheet.shape[1] < 2 * 400
    assert np.array_equal(sheet[sheet.shape[0] // 4, 200], [100, 100, 100])
    assert np.array_equal(sheet[sheet.shape[0] * 5 // 8, 200], [200, 30, 30])


def test_large_pictures_are_scaled_and_labels_written() -> None:
    gray = Picture(np.full((3000, 2000), 100, np.uint8))
    red = Picture(np.full((3000, 2000, 3), (200, 30, 30), np.uint8))
    sheet = make_sheet(gray, red, ("gray", "color")).pixels
    assert max(sheet.shape) < 2500
    below = sheet[1030:]
    assert below.min() < 128  # letters
    assert below.max() == 255  # on paper


@pytest.mark.parametrize(
    "before",
    [
        Picture(np.full((60, 80), 100 * 257, np.uint16)),
        Picture(np.full((60, 80, 3), 100, np.uint8)),
        Picture(np.dstack([np.full((60, 80), 100, np.uint8), np.full((60, 80), 255, np.uint8)])),
    ],
    ids=["16 bits", "RGB", "alpha"],
)
def test_every_kind_of_input_looks_the_same(before: Picture) -> None:
    plain = make_sheet(_GRAY, _RED, ("a", "b"))
    assert np.array_equal(make_sheet(before, _RED, ("a", "b")).pixels, plain.pixels)


def test_planes_are_shown_in_color() -> None:
    half = np.full((30, 40), 160, np.uint8)
    planes = replace(_GRAY, chroma=(half, half))
    sheet = make_sheet(_GRAY, planes, ("a", "b")).pixels
    shown = sheet[sheet.shape[0] // 3, sheet.shape[1] * 5 // 8]
    assert np.array_equal(shown, planes.to_rgb().pixels[0, 0])
