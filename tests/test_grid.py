from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tinct import color
from tinct.grid import grid_centers, nearest_on_grid


def brute_force(ab):
    return ((ab[:, None, :].astype(np.float64) - grid_centers()) ** 2).sum(-1).min(1)


def distance_to_answer(ab):
    return ((ab.astype(np.float64) - grid_centers()[nearest_on_grid(ab)]) ** 2).sum(-1)


@pytest.mark.skipif("TINCT_DATA" not in os.environ, reason="TINCT_DATA: the folder with seed/")
def test_the_grid_is_the_published_one():
    published = np.load(Path(os.environ["TINCT_DATA"], "seed", "pts_in_hull.npy"))
    np.testing.assert_array_equal(grid_centers(), published)


def test_size_and_ends_of_the_grid():
    centers = grid_centers()
    assert centers.shape == (313, 2)
    assert centers[0].tolist() == [-90, 50]
    assert centers[-1].tolist() == [100, 0]
    assert len(np.unique(centers, axis=0)) == 313


def test_grid_points_are_nearest_to_themselves():
    np.testing.assert_array_equal(nearest_on_grid(grid_centers()), np.arange(313))


def test_nearest_agrees_with_brute_force_in_and_out_of_the_gamut(rng):
    ab = rng.uniform(-200, 200, (2000, 2)).astype(np.float32)
    np.testing.assert_allclose(distance_to_answer(ab), brute_force(ab), rtol=1e-6)


def test_every_srgb_color_lies_within_half_a_step_of_the_grid():
    axis = np.linspace(0, 1, 24)
    rgb = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3)
    ab = color.rgb_to_lab(rgb)[:, 1:]
    assert np.abs(ab - grid_centers()[nearest_on_grid(ab)]).max() <= 5


def test_the_shape_is_kept(rng):
    assert nearest_on_grid(rng.uniform(-50, 50, (3, 4, 2))).shape == (3, 4)
