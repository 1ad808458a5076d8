from __future__ import annotations

import numpy as np
import pytest

from tinct.lab.calibration.reliability import NEAR, Confidences, classwise_error, reliability


def test_predictions_that_come_true_as_often_as_they_say_have_no_error():
    predicted = np.repeat([0.25, 0.75], 400)
    happened = np.concatenate([np.arange(400) % 4 == 0, np.arange(400) % 4 != 0]).astype(float)
    found = reliability(predicted, happened)
    np.testing.assert_allclose(found.confidence, [0.25, 0.75])
    np.testing.assert_allclose(found.right, [0.25, 0.75])
    np.testing.assert_allclose(found.weight, [0.5, 0.5])
    assert found.error == pytest.approx(0, abs=1e-12)


def test_the_error_is_the_mean_distance_weighted_by_how_many():
    predicted = np.array([0.95] * 3 + [0.05])
    happened = np.array([1.0, 0.0, 0.0, 1.0])
    found = reliability(predicted, happened)
    assert found.error == pytest.approx(0.75 * abs(0.95 - 1 / 3) + 0.25 * 0.95)


def test_certainty_falls_into_the_last_bin():
    found = reliability(np.array([1.0, 0.99]), np.array([1.0, 1.0]))
    assert len(found.confidence) == 1
    assert found.weight.tolist() == [1]


def test_risk_is_the_mean_distance_of_the_surest():
    sure = Confidences(
        np.array([0.9, 0.1, 0.5, 0.7], np.float32), np.array([2, 40, 10, 4], np.float32)
    )
    assert sure.risk(1.0) == pytest.approx(14)
    assert sure.risk(0.75) == pytest.approx(16 / 3)
    assert sure.risk(0.25) == pytest.approx(2)
    assert sure.right.tolist() == [1, 0, 1, 1]


def test_nothing_is_better_than_knowing_the_truth():
    rng = np.random.default_rng(0)
    distance = rng.uniform(0, 4 * NEAR, 500).astype(np.float32)
    sure = Confidences(rng.uniform(0, 1, 500).astype(np.float32), distance)
    for share in (0.1, 0.5, 0.9):
        assert sure.risk(share, best=True) < sure.risk(share)
    assert sure.risk(1.0, best=True) == pytest.approx(sure.risk(1.0))


def test_the_classwise_error_is_a_mean_over_classes():
    predicted = np.tile(np.array([0.5, 0.3, 0.2], np.float32), (10, 1))
    happened = np.zeros((10, 3), np.float32)
    happened[:5, 0] = happened[5:, 1] = 1
    assert classwise_error(predicted, happened) == pytest.approx((0 + 0.2 + 0.2) / 3, abs=1e-6)
