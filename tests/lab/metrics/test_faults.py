from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from tinct import color
from tinct.lab.metrics.faults import find_skin, measure_faults

ASTRONAUT = Path(__file__).parents[2] / "references" / "photographs" / "astronaut.jpg"
VIOLET, GREEN, ORANGE = (15.0, -15.0), (-15.0, 8.0), (20.0, 25.0)


@pytest.fixture(scope="module")
def scene():
    """A gray picture, 128x128, with an orange square in the middle: (H, W, 3) Lab."""
    lab = np.zeros((128, 128, 3), np.float32)
    lab[..., 0] = 50 + np.linspace(-20, 20, 128)
    lab[48:80, 48:80, 1:] = ORANGE
    return lab


@pytest.fixture(scope="module")
def portrait():
    rgb = cv2.cvtColor(cv2.imread(str(ASTRONAUT)), cv2.COLOR_BGR2RGB)
    small = cv2.resize(rgb, (256, 256), interpolation=cv2.INTER_AREA)
    return color.rgb_to_lab(small.astype(np.float32) / 255)


def painted(lab, ab):
    """The truth, with another color on all that is gray."""
    found = lab[..., 1:].copy()
    found[(found == 0).all(-1)] = ab
    return found


def test_the_truth_has_no_faults(scene):
    found = measure_faults(scene[..., 1:], scene)
    assert (found.violet_on_gray, found.green_on_gray) == (0, 0)
    assert found.chroma_on_gray < 0.3  # the square's edge is smoothed into its neighbors
    assert np.isnan(found.face_chroma)


def test_colors_on_gray_are_told_apart_by_their_hue(scene):
    violet = measure_faults(painted(scene, VIOLET), scene)
    green = measure_faults(painted(scene, GREEN), scene)
    assert violet.violet_on_gray > 0.99
    assert violet.green_on_gray == 0
    assert green.green_on_gray > 0.99
    assert green.violet_on_gray == 0
    assert violet.chroma_on_gray == pytest.approx(np.hypot(*VIOLET), rel=0.02)
    assert violet.patches_on_gray < 1.5


def test_patches_are_differences_of_colors_on_gray(scene):
    ab = painted(scene, (0.0, 0.0))
    ab[:, :64][(scene[:, :64, 1:] == 0).all(-1)] = VIOLET
    found = measure_faults(ab, scene)
    assert found.patches_on_gray == pytest.approx(np.hypot(*VIOLET) / 2, rel=0.05)


def test_a_halo_is_close_to_colored_things(scene):
    kernel = np.ones((9, 9), np.uint8)
    grown = cv2.dilate((scene[..., 1] != 0).astype(np.uint8), kernel).astype(bool)
    ab = scene[..., 1:].copy()
    ab[grown] = ORANGE
    assert measure_faults(ab, scene).halo > 5
    assert measure_faults(painted(scene, VIOLET), scene).halo == pytest.approx(0, abs=0.5)


def test_a_face_and_its_hands_are_skin(portrait):
    face, skin = find_skin(portrait)
    assert 400 < face.sum() < 6000
    rows, columns = np.nonzero(face)
    assert 20 < rows.mean() < 90  # in the upper half, where her face is
    assert 90 < columns.mean() < 150
    assert not (face & skin).any()


def test_gray_faces_are_counted(portrait):
    true_ab = portrait[..., 1:]
    whole, half = measure_faults(true_ab, portrait), measure_faults(true_ab * 0.4, portrait)
    assert whole.face_chroma == pytest.approx(1, abs=0.05)
    assert half.face_chroma == pytest.approx(0.4, abs=0.05)
    assert whole.gray_skin < 0.05
    assert half.gray_skin > 0.9
