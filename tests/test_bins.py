from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tinct import bins, color

NUM_BINS = 104


@pytest.fixture(scope="module")
def gamut_colors():
    """Every sRGB color of a 33x33x33 lattice, corners included: (P, 2) ab."""
    axis = np.linspace(0, 1, 33)
    rgb = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    return color.rgb_to_lab(rgb)[:, 1:]


@pytest.fixture(scope="module")
def histogram(gamut_colors):
    """Counts of colors as photographs have them: a peak at gray, and the whole gamut thinly."""
    rng = np.random.default_rng(3)
    muted = rng.normal(0, 1, (200_000, 2)) * (10, 18) + (2, 6)
    in_gamut = gamut_colors[rng.integers(len(gamut_colors), size=20_000)]
    return bins.ab_histogram(np.concatenate([muted, in_gamut]).astype(np.float32))


@pytest.fixture(scope="module")
def centers(histogram):
    return bins.place_bins(histogram, NUM_BINS)


@pytest.fixture(scope="module")
def code(centers):
    pytest.importorskip("scipy")
    return bins.encode_bins(centers)


def decoded(code, centers):
    return (code.weight[..., None] * centers[code.index]).sum(axis=2)


def hull_excess(cells, centers):
    """How far outside the convex hull of the bins each color lies; 0 or less inside."""
    spatial = pytest.importorskip("scipy.spatial")
    planes = spatial.ConvexHull(centers.astype(np.float64)).equations
    return (cells @ planes[:, :2].T + planes[:, 2]).max(axis=-1)


def test_cells_and_histogram_share_their_layout():
    histogram = bins.ab_histogram(np.array([[-128.0, 5.4], [-128.0, 4.6], [127.0, 0.0]]))
    assert histogram.sum() == 3
    row, column = np.nonzero(histogram == 2)
    assert bins.ab_cells()[row[0], column[0]].tolist() == [-128, 5]
    assert histogram[255, 128] == 1


def test_histogram_keeps_colors_beyond_the_table_at_its_edge():
    histogram = bins.ab_histogram(np.array([[-500.0, 500.0]], np.float32))
    assert histogram[0, 255] == 1


def test_corners_of_the_gamut_are_bins(centers):
    corners = [[1, 0, 0], [1, 1, 0], [0, 1, 0], [0, 1, 1], [0, 0, 1], [1, 0, 1]]
    for corner in color.rgb_to_lab(np.array(corners, np.float64))[:, 1:]:
        assert np.abs(centers - corner).max(axis=1).min() < 1e-4


def test_bins_are_distinct_and_sorted_by_chroma(centers):
    assert centers.shape == (NUM_BINS, 2)
    assert centers.dtype == np.float32
    chroma = np.hypot(*centers.T)
    assert np.all(np.diff(chroma) >= 0)
    assert chroma[0] < 5
    assert len(np.unique(centers, axis=0)) == NUM_BINS


def test_bins_lie_closer_where_colors_are_common(centers):
    distance = np.hypot(*(centers[:, None] - centers[None]).T)
    np.fill_diagonal(distance, np.inf)
    nearest, chroma = distance.min(axis=0), np.hypot(*centers.T)
    assert np.median(nearest[chroma < 20]) < 0.6 * np.median(nearest[chroma > 50])


def test_place_bins_is_deterministic(histogram, centers):
    np.testing.assert_array_equal(bins.place_bins(histogram, NUM_BINS), centers)


@pytest.mark.train
def test_code_has_at_most_three_bins_whose_weights_sum_to_one(code):
    assert code.index.shape == code.weight.shape == (256, 256, 3)
    assert code.index.dtype == np.int64
    assert code.weight.dtype == np.float32
    assert code.index.min() >= 0
    assert code.index.max() < NUM_BINS
    assert code.weight.min() >= 0
    np.testing.assert_allclose(code.weight.sum(axis=2), 1, atol=1e-6)


@pytest.mark.train
def test_mean_of_the_code_is_the_color_inside_the_hull(code, centers):
    cells = bins.ab_cells()
    inside = hull_excess(cells, centers) <= 0
    assert inside.mean() > 0.3
    error = np.abs(decoded(code, centers) - cells).max(axis=2)
    assert error[inside].max() < 1e-3


@pytest.mark.train
def test_hull_holds_nearly_every_color_srgb_can_show(code, centers, gamut_colors):
    # The edges of the gamut between its corners bulge a little over the straight lines.
    cell = np.rint(gamut_colors).astype(int) + bins.AB_LIMIT
    error = np.hypot(*(decoded(code, centers)[cell[:, 0], cell[:, 1]] - gamut_colors).T)
    rounding = np.hypot(0.5, 0.5) + 1e-3
    assert error.max() < 10
    assert (error > rounding).mean() < 0.03


@pytest.mark.train
def test_colors_outside_the_hull_keep_their_hue_and_lose_chroma(code, centers):
    cells = bins.ab_cells()
    outside = hull_excess(cells, centers) > 1
    assert outside.any()
    wanted, got = cells[outside], decoded(code, centers)[outside]
    cross = wanted[:, 0] * got[:, 1] - wanted[:, 1] * got[:, 0]
    np.testing.assert_allclose(cross / np.hypot(*wanted.T), 0, atol=2e-3)  # distance from the ray
    assert np.all((wanted * got).sum(axis=1) > 0)
    assert np.all(np.hypot(*got.T) < np.hypot(*wanted.T))
    assert np.abs(hull_excess(got, centers)).max() < 1e-2  # no more chroma is lost than must be


@pytest.mark.train
def test_prior_is_the_share_of_each_bin(histogram, code, centers):
    prior = bins.bin_prior(histogram, code, NUM_BINS)
    assert prior.dtype == np.float32
    assert prior.sum() == pytest.approx(1, abs=1e-5)
    assert prior.min() >= 0.99e-4 / NUM_BINS
    # A bin's mean under the prior is the mean color of the photographs.
    share = histogram / histogram.sum()
    inside = hull_excess(bins.ab_cells(), centers) <= 0
    assert share[inside].sum() > 0.99
    mean = (share[..., None] * decoded(code, centers)).sum(axis=(0, 1))
    np.testing.assert_allclose(prior @ centers, mean, atol=0.01)


@pytest.mark.train
def test_prior_of_one_color_lies_on_its_bins(code):
    histogram = np.zeros((256, 256), np.int64)
    histogram[140, 150] = 7
    prior = bins.bin_prior(histogram, code, NUM_BINS, floor=0)
    wanted = np.zeros(NUM_BINS)
    np.add.at(wanted, code.index[140, 150], code.weight[140, 150])
    np.testing.assert_allclose(prior, wanted, atol=1e-6)


def brute_force(ab):
    return ((ab[:, None, :].astype(np.float64) - bins.grid_centers()) ** 2).sum(-1).min(1)


def distance_to_answer(ab):
    return ((ab.astype(np.float64) - bins.grid_centers()[bins.nearest_on_grid(ab)]) ** 2).sum(-1)


@pytest.mark.skipif("TINCT_DATA" not in os.environ, reason="TINCT_DATA: the folder with seed/")
def test_the_grid_is_the_published_one():
    published = np.load(Path(os.environ["TINCT_DATA"], "seed", "pts_in_hull.npy"))
    np.testing.assert_array_equal(bins.grid_centers(), published)


def test_size_and_ends_of_the_grid():
    centers = bins.grid_centers()
    assert centers.shape == (313, 2)
    assert centers[0].tolist() == [-90, 50]
    assert centers[-1].tolist() == [100, 0]
    assert len(np.unique(centers, axis=0)) == 313


def test_grid_points_are_nearest_to_themselves():
    np.testing.assert_array_equal(bins.nearest_on_grid(bins.grid_centers()), np.arange(313))


def test_nearest_agrees_with_brute_force_in_and_out_of_the_gamut(rng):
    ab = rng.uniform(-200, 200, (2000, 2)).astype(np.float32)
    np.testing.assert_allclose(distance_to_answer(ab), brute_force(ab), rtol=1e-6)


def test_every_srgb_color_lies_within_half_a_step_of_the_grid():
    axis = np.linspace(0, 1, 24)
    rgb = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    ab = color.rgb_to_lab(rgb)[:, 1:]
    assert np.abs(ab - bins.grid_centers()[bins.nearest_on_grid(ab)]).max() <= 5


def test_the_shape_is_kept(rng):
    assert bins.nearest_on_grid(rng.uniform(-50, 50, (3, 4, 2))).shape == (3, 4)
