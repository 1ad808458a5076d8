from __future__ import annotations

import numpy as np
import pytest

from tinct.runtime.hint_session import Description
from tinct.runtime.propagation import Propagation
from tinct.runtime.similarity import (
    Places,
    own_similarity,
    sample,
    similarity,
    small_part,
    solve,
)
from tinct.spec import HintSpec

SPEC = HintSpec("x", "w", (2, 1), (0.2, 0.5, 0.3), (0.02, 0.03), 15.0, ((0.0, 0.0),))


@pytest.fixture
def picture(rng: np.random.Generator) -> Propagation:
    ab = rng.normal(0, 10, (2, 8, 12)).astype(np.float32)
    confidence = rng.uniform(0, 1, (8, 12)).astype(np.float32)
    keys = rng.normal(0, 0.5, (3, 4, 8, 12)).astype(np.float32)
    strengths = rng.uniform(0.5, 2, (3, 8, 12)).astype(np.float32)
    scores = np.zeros((1, 8, 12), np.float32)
    return Propagation(Description(ab, confidence, scores, keys, strengths), SPEC)


def test_similarity_is_the_sum_of_gaussians(rng: np.random.Generator) -> None:
    keys, others = (rng.normal(0, 1, (2, n, 3)).astype(np.float32) for n in (5, 4))
    strengths, theirs = (rng.uniform(0.5, 2, (2, n)).astype(np.float32) for n in (5, 4))
    found = similarity(Places.of(keys, strengths), Places.of(others, theirs))
    wanted = [
        [
            sum(
                strengths[h, p]
                * theirs[h, q]
                * np.exp(-((keys[h, p] - others[h, q]) ** 2).sum() / 2)
                for h in range(2)
            )
            for q in range(4)
        ]
        for p in range(5)
    ]
    np.testing.assert_allclose(found, wanted, rtol=1e-4)
    places = Places.of(keys, strengths)
    np.testing.assert_allclose(
        own_similarity(places), np.diag(similarity(places, places)), rtol=1e-4
    )


def test_weights_add_up_to_what_is_known_but_for_the_noise(rng: np.random.Generator) -> None:
    places = Places.of(rng.normal(0, 1, (1, 6, 3)).astype(np.float32), np.ones((1, 6), np.float32))
    values = rng.normal(0, 20, (6, 2)).astype(np.float32)
    weights = solve(places, values, 0.05)
    np.testing.assert_allclose(
        similarity(places, places) @ weights + 0.05 * weights, values, atol=1e-3
    )


def test_maps_are_read_between_their_places() -> None:
    maps = np.arange(12, dtype=np.float32).reshape(1, 3, 4)
    at = np.array([[0, 0], [0.5, 0], [1, 2.25], [9, 9], [-3, 1]], np.float32)
    np.testing.assert_allclose(sample(maps, at)[0], [0, 2, 6.25, 11, 1])
    np.testing.assert_allclose(sample(maps[:, :1, :1], at)[0], 0)


def test_large_differences_are_hardly_of_the_small_process() -> None:
    parts = small_part(np.array([[1, 0], [0, 15], [60, -80]], np.float32), 15.0)
    np.testing.assert_allclose(np.hypot(*parts.T), [225 / 226, 7.5, 100 * 225 / 10225], rtol=1e-5)


def test_nothing_known_changes_nothing(picture: Propagation) -> None:
    ab, confidence = picture.colors(np.empty((0, 2), np.float32), np.empty((0, 2), np.float32))
    assert ab is picture.ab
    assert confidence is picture.confidence


def test_known_colors_are_nearly_met_and_true_ones_change_nothing(picture: Propagation) -> None:
    points = np.array([[1, 1], [6, 9]], np.float32)
    wanted = np.array([[40, -30], [-20, 50]], np.float32)
    ab, confidence = picture.colors(points, wanted)
    assert np.abs(sample(ab, points).T - wanted).max() < 4
    assert sample(confidence[None], points).min() > 0.9
    assert (confidence >= picture.confidence - 1e-6).all()
    ab, _ = picture.colors(points, sample(picture.ab, points).T)
    np.testing.assert_allclose(ab, picture.ab, atol=1e-3)


def test_the_best_place_is_not_one_that_is_known(picture: Propagation) -> None:
    place = picture.best_place(np.empty((0, 2), np.float32))
    again = picture.best_place(np.array([place], np.float32))
    assert place != again
