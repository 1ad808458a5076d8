"""Pictures whose colors are known: what they say about others."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

import tinct
from tinct import color
from tinct.runtime.hint_session import Description, HintSession
from tinct.runtime.key_frames import KeyFrames, Scene
from tinct.runtime.reference import KeyFrame, Reference, ab_of, color_like
from tinct.runtime.similarity import Places, halved, own_similarity, representatives, similarity

Floats = NDArray[np.float32]
EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def branch() -> HintSession:
    return tinct.Colorizer("nano", threads=1).load_hints()


def describe(branch: HintSession, name: str, left: int = 0) -> Description:
    """Describe a part of 128x160 of an example, some pixels from its left edge."""
    gray = tinct.read_picture(EXAMPLES / name, gray=True).pixels
    small = cv2.resize(gray, (224, 160), interpolation=cv2.INTER_AREA)[:128, left : left + 160]
    lightness = color.luma_to_lightness(small.astype(np.float32) / 255)[None, None]
    return branch.describe(lightness, 0.5, coarse=True)


def repainted(picture: Description) -> Floats:
    """Return colors that no network would find: two halves that are far off in two ways."""
    ab = picture.ab.copy()
    ab[0, :16] += 30
    ab[1, 16:] -= 30
    return ab


def distance(one: Floats, other: Floats) -> float:
    return float(np.hypot(*(one - other)).mean())


def test_representatives_explain_all_places(rng: np.random.Generator) -> None:
    groups = rng.normal(0, 3, (1, 5, 4)).astype(np.float32)
    near = np.repeat(groups, 20, axis=1) + rng.normal(0, 1e-3, (1, 100, 4)).astype(np.float32)
    places = Places.of(near.astype(np.float32), np.ones((1, 100), np.float32))
    chosen = representatives(places, 5)
    assert sorted(number // 20 for number in chosen) == [0, 1, 2, 3, 4]
    explained = similarity(places, places[chosen]).max(axis=1) / own_similarity(places)
    assert explained.min() > 0.99


def test_there_are_no_more_representatives_than_differ() -> None:
    places = Places.of(np.zeros((1, 9, 2), np.float32), np.ones((1, 9), np.float32))
    assert len(representatives(places, 5)) == 1


def test_halved_maps_are_means_of_four() -> None:
    maps = np.arange(16, dtype=np.float32).reshape(1, 4, 4)
    np.testing.assert_array_equal(halved(maps), [[[2.5, 4.5], [10.5, 12.5]]])


def test_colors_of_a_map_are_those_of_the_picture() -> None:
    rgb = np.zeros((8, 12, 3), np.uint16)
    rgb[:, :6], rgb[:, 6:] = (65535, 0, 0), (0, 0, 65535)
    ab = ab_of(rgb, (2, 4))
    lab = color.rgb_to_lab(np.eye(3, dtype=np.float32)[[0, 2]])
    np.testing.assert_allclose(ab[:, :, 0].T, [lab[0, 1:]] * 2, atol=0.01)
    np.testing.assert_allclose(ab[:, :, 3].T, [lab[1, 1:]] * 2, atol=0.01)


def test_a_known_picture_gets_its_own_colors(branch: HintSession) -> None:
    picture = describe(branch, "broadway-saratoga-1900-1915.jpg")
    wanted = repainted(picture)
    reference = KeyFrame(picture, wanted, branch.spec)
    ab, confidence = color_like(picture, [(reference, 1.0)])
    assert distance(ab, wanted) < distance(picture.ab, wanted) / 5
    assert (confidence >= picture.confidence - 1e-6).all()
    assert confidence.mean() > 0.9


def test_colors_go_along_where_the_picture_moves(branch: HintSession) -> None:
    before = describe(branch, "broadway-saratoga-1900-1915.jpg")
    after = describe(branch, "broadway-saratoga-1900-1915.jpg", left=16)  # four cells
    reference = KeyFrame(before, repainted(before), branch.spec)
    ab, _ = color_like(after, [(reference, 1.0)])
    assert distance(ab, repainted(after)) < distance(after.ab, repainted(after)) / 3


def test_colors_that_were_right_change_nothing(branch: HintSession) -> None:
    before = describe(branch, "tetons-1942.jpg")
    after = describe(branch, "tetons-1942.jpg", left=32)
    reference = KeyFrame(before, before.ab, branch.spec)
    np.testing.assert_allclose(color_like(after, [(reference, 1.0)])[0], after.ab, atol=1e-4)


def test_of_two_references_the_heavier_one_counts(branch: HintSession) -> None:
    picture = describe(branch, "tetons-1942.jpg")
    red, blue = (picture.ab + np.array(c, np.float32)[:, None, None] for c in ((30, 0), (0, -30)))
    one, other = (KeyFrame(picture, ab, branch.spec) for ab in (red, blue))
    assert distance(color_like(picture, [(one, 1e6), (other, 1.0)])[0], red) < 3
    middle = color_like(picture, [(one, 2.0), (other, 2.0)])[0]
    assert distance(middle, (red + blue) / 2) < 3


def test_key_frames_count_in_their_scene_alone(branch: HintSession) -> None:
    picture = describe(branch, "tetons-1942.jpg")
    first, second, third = (KeyFrame(picture, picture.ab, branch.spec) for _ in range(3))
    scenes = [Scene(10, 50, ((20, first), (40, second))), Scene(80, 90, ((85, third),))]
    known = KeyFrames(scenes, range(0, 200, 2))  # times of 100 frames
    assert [known.near(2 * frame) for frame in (9, 50, 79, 90, 100)] == [()] * 5
    assert known.near(2 * 10) == ((first, 1.0),)
    assert known.near(2 * 20) == ((first, 1.0),)
    assert known.near(2 * 35) == ((first, 0.25), (second, 0.75))
    assert known.near(2 * 40) == known.near(2 * 49) == ((second, 1.0),)
    assert known.near(2 * 89) == ((third, 1.0),)


def test_a_reference_colors_what_is_like_it_wherever_it_is(branch: HintSession) -> None:
    known = describe(branch, "broadway-saratoga-1900-1915.jpg")
    other = describe(branch, "broadway-saratoga-1900-1915.jpg", left=64)
    reference = Reference(known, repainted(known), branch.spec)
    ab, confidence = color_like(other, [(reference, 1.0)])
    assert distance(ab, repainted(other)) < distance(other.ab, repainted(other)) / 2
    assert (confidence >= other.confidence - 1e-6).all()


def test_colors_of_a_reference_are_never_left(branch: HintSession) -> None:
    known = describe(branch, "tetons-1942.jpg")
    ab = np.full_like(known.ab, 20)
    other = describe(branch, "migrant-mother-1936.jpg")
    found, _ = color_like(other, [(Reference(known, ab, branch.spec), 1.0)])
    low, high = np.minimum(other.ab, 20), np.maximum(other.ab, 20)
    inside = (found >= low - 1) & (found <= high + 1)
    assert inside.mean() > 0.95
