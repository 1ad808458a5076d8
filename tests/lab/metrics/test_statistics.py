from __future__ import annotations

import json

import numpy as np
import pytest

from tinct import color
from tinct.bins import grid_centers, nearest_on_grid
from tinct.errors import MetricError
from tinct.lab.data.dataset import Photographs
from tinct.lab.metrics.statistics import (
    gather,
    parse_statistics,
    shipped_statistics,
    smooth_prior,
)


def test_shipped_statistics_are_plausible():
    statistics = shipped_statistics()
    assert statistics.prior.sum() == pytest.approx(1, abs=1e-5)
    assert statistics.prior.min() > 0
    likeliest = grid_centers()[statistics.prior.argmax()]
    assert likeliest.tolist() == [0, 0]
    assert statistics.num_photographs > 10_000
    assert statistics.made_by.startswith("tinct statistics ")
    # Photographs are warm on average, and black and white are nearly neutral.
    assert statistics.mean_ab[50, 1] > 5
    assert np.abs(statistics.mean_ab[[0, 100]]).max() < 3


def test_smoothing_spreads_by_a_gaussian_and_keeps_the_mass():
    counts = np.zeros(313)
    gray, right = nearest_on_grid(np.array([[0.0, 0.0], [10.0, 0.0]]))
    counts[gray] = 1000
    prior = smooth_prior(counts)
    assert prior.sum() == pytest.approx(1)
    assert prior[right] / prior[gray] == pytest.approx(np.exp(-(10**2) / (2 * 5**2)))
    assert prior.min() > 0


def test_gathering_two_flat_photographs(shard, encode):
    red, gray = np.full((8, 8, 3), 0, np.uint8), np.full((16, 8, 3), 128, np.uint8)
    red[..., 0] = 200
    photographs = Photographs(shard({"red.png": encode(red), "gray.png": encode(gray)}))
    statistics = gather(photographs, "the command")
    lab_red, lab_gray = color.rgb_to_lab(np.array([[200.0, 0, 0], [128, 128, 128]]) / 255)
    at_red = statistics.mean_ab[int(np.rint(lab_red[0]))]
    np.testing.assert_allclose(at_red, lab_red[1:], atol=1e-3)
    np.testing.assert_allclose(statistics.mean_ab[int(np.rint(lab_gray[0]))], 0, atol=1e-3)
    # The gray photograph has twice as many pixels.
    bins = nearest_on_grid(np.array([lab_red[1:], lab_gray[1:]]))
    assert statistics.prior[bins[1]] > 1.5 * statistics.prior[bins[0]]
    assert statistics.prior[bins].sum() > 0.5
    assert (statistics.num_photographs, statistics.made_by) == (2, "the command")
    assert statistics.sha256 == photographs.sha256


def test_lightness_between_levels_is_interpolated():
    statistics = shipped_statistics()
    expected = (statistics.mean_ab[40] + statistics.mean_ab[41]) / 2
    lightness = np.full((2, 3), 40.5, np.float32)
    answer = statistics.color_of(lightness)
    assert answer.shape == (2, 3, 2)
    assert answer.dtype == np.float32
    np.testing.assert_allclose(answer[1, 2], expected, rtol=1e-5)


def test_json_round_trip(colorful):
    statistics = gather(Photographs(colorful), "x")
    again = parse_statistics(statistics.to_json())
    np.testing.assert_allclose(again.prior, statistics.prior, rtol=1e-5)
    np.testing.assert_allclose(again.mean_ab, statistics.mean_ab, rtol=1e-5)
    assert again.origin == statistics.origin


def test_other_json_is_refused():
    record = json.loads(shipped_statistics().to_json())
    record["prior"].pop()
    for text in ("no json", "[]", "{}", json.dumps(record)):
        with pytest.raises(MetricError, match="not color statistics"):
            parse_statistics(text)


def test_no_photograph_gives_no_statistics(shard):
    with pytest.raises(MetricError, match="no photograph"):
        gather(Photographs(shard({"bad.png": b"nothing"})), "x")
