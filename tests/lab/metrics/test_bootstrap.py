from __future__ import annotations

import numpy as np
import pytest

from tinct.errors import MetricError
from tinct.lab.metrics.bootstrap import Estimate, resample_means, summarize
from tinct.lab.metrics.score import METRICS


def scores_of(**columns):
    """One dictionary of scores for each photograph."""
    return [
        dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)
    ]


def test_the_interval_of_a_mean_is_that_of_statistics(rng):
    values = rng.normal(10, 2, 400)
    estimate = summarize({"row": scores_of(psnr_rgb=values)}, "row")["row"].metrics["psnr_rgb"]
    half = 1.96 * values.std() / np.sqrt(400)
    assert estimate.value == pytest.approx(values.mean())
    assert estimate.low == pytest.approx(values.mean() - half, abs=0.25 * half)
    assert estimate.high == pytest.approx(values.mean() + half, abs=0.25 * half)


def test_it_is_the_same_in_every_run(rng):
    table = rng.random((50, 3))
    np.testing.assert_array_equal(resample_means(table), resample_means(table))


def test_all_columns_share_the_same_photographs(rng):
    values = rng.normal(0, 1, (30, 1))
    means = resample_means(np.concatenate([values, values + 5, 2 * values], axis=1))
    np.testing.assert_allclose(means[:, 1], means[:, 0] + 5)
    np.testing.assert_allclose(means[:, 2], 2 * means[:, 0], atol=1e-12)
    assert means[1:, 0].std() > 0.1


def test_pairing_finds_a_difference_that_the_intervals_of_the_rows_hide(rng):
    # The photographs differ by far more than the rows do.
    hard = rng.normal(22, 4, 200)
    better = hard + rng.normal(0.2, 0.3, 200)
    summaries = summarize(
        {"old": scores_of(psnr_rgb=hard), "new": scores_of(psnr_rgb=better)}, "old"
    )
    old, new = (summaries[name].metrics["psnr_rgb"] for name in ("old", "new"))
    assert new.low < old.high  # they overlap
    difference = summaries["new"].differences["psnr_rgb"]
    assert difference.value == pytest.approx((better - hard).mean())
    assert difference.excludes_zero
    assert difference.low == pytest.approx(0.2, abs=0.1)
    assert summaries["old"].differences == {}


def test_equal_rows_have_no_difference(rng):
    scores = scores_of(psnr_rgb=rng.normal(22, 4, 40))
    difference = summarize({"a": scores, "b": scores}, "a")["b"].differences["psnr_rgb"]
    assert (difference.value, difference.low, difference.high) == (0, 0, 0)
    assert not difference.excludes_zero


def test_rebalanced_auc_is_pooled_over_photographs():
    scores = scores_of(auc_weighted=[90.0, 1.0], weight=[100.0, 10.0])
    (summary,) = summarize({"row": scores}, "row").values()
    assert summary.metrics["auc_rebalanced"].value == pytest.approx(100 * 91 / 110)


def test_a_ratio_that_is_the_same_in_all_photographs_has_no_spread(rng):
    weight = rng.uniform(1, 100, 200)
    (summary,) = summarize(
        {"row": scores_of(auc_weighted=0.25 * weight, weight=weight)}, "row"
    ).values()
    estimate = summary.metrics["auc_rebalanced"]
    assert (estimate.low, estimate.high) == pytest.approx((25, 25))


def test_rmse_is_the_root_of_the_mean_and_not_the_mean_of_roots():
    (summary,) = summarize({"row": scores_of(ab_mse=[100.0, 400.0])}, "row").values()
    assert summary.metrics["ab_rmse"].value == pytest.approx(np.sqrt(250))
    assert summary.metrics["paper_loss"].value == pytest.approx(250 / 127.5**2)


def test_delta_cf_is_of_the_means_not_the_mean_of_differences():
    # Too vivid here and too dull there: as colorful as the truth on average.
    scores = scores_of(cf=[50.0, 10.0], cf_true=[30.0, 30.0])
    (summary,) = summarize({"row": scores}, "row").values()
    estimate = summary.metrics["delta_cf"]
    assert (estimate.value, estimate.low, estimate.high) == (0, 0, 20)


def test_delta_cf_has_no_sign(rng):
    cf = rng.normal(20, 1, 100)
    rows = {
        "dull": scores_of(cf=cf, cf_true=np.full(100, 38.0)),
        "vivid": scores_of(cf=cf + 28, cf_true=np.full(100, 38.0)),
    }
    summaries = summarize(rows, "dull")
    for row, expected in (("dull", 38 - cf.mean()), ("vivid", cf.mean() - 10)):
        estimate = summaries[row].metrics["delta_cf"]
        assert estimate.value == pytest.approx(expected)
        assert 0 < estimate.low < estimate.value < estimate.high
    difference = summaries["vivid"].differences["delta_cf"]
    assert difference.value == pytest.approx(2 * cf.mean() - 48)
    assert difference.excludes_zero


@pytest.mark.parametrize("others", [[], [np.nan, np.nan]])
def test_one_photograph_has_no_interval_and_proves_no_difference(others):
    rows = {
        "a": scores_of(psnr_rgb=[20.0, *others], cf=[10.0, *others], cf_true=[30.0, *others]),
        "b": scores_of(psnr_rgb=[25.0, *others], cf=[20.0, *others], cf_true=[30.0, *others]),
    }
    found = summarize(rows, "a")["b"]
    assert found.metrics["psnr_rgb"] == Estimate(25.0)
    assert found.metrics["delta_cf"] == Estimate(10.0)
    assert found.differences["psnr_rgb"] == Estimate(5.0)
    assert found.differences["delta_cf"] == Estimate(-10.0)
    assert not found.differences["psnr_rgb"].excludes_zero


def test_missing_scores_are_left_out_and_metrics_without_any_are_absent():
    scores = scores_of(edge_ab_mse=[np.nan, 16.0, 16.0], edge_psnr_ab=[np.nan] * 3)
    (summary,) = summarize({"row": scores}, "row").values()
    assert summary.metrics["edge_ab_rmse"].value == 4
    assert summary.metrics["edge_ab_rmse"].low == 4
    assert "edge_psnr_ab" not in summary.metrics


def test_the_largest_error_is_of_the_worst_photograph_and_has_no_interval():
    (summary,) = summarize({"row": scores_of(luma_error_max=[0.5, 3.0, 1.0])}, "row").values()
    assert summary.metrics["luma_error_max"] == Estimate(3.0)


def test_nothing_gives_nothing():
    for scores in ({}, {"row": []}):
        with pytest.raises(MetricError, match="no photograph"):
            summarize(scores, "row")


def test_keys_of_metrics_differ():
    keys = [metric.key for metric in METRICS]
    assert len(set(keys)) == len(keys)
