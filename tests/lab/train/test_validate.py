from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tinct import color
from tinct.lab.data.cache import open_cache
from tinct.lab.networks import build
from tinct.lab.train.objectives import make_objective, set_bins
from tinct.lab.train.validate import ValidationSet, sheet, to_rgb, validate

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def cache(photographs, cache_folder):
    return open_cache(photographs.both, cache_folder, 64)


@pytest.fixture(scope="module")
def network(cache):
    torch.manual_seed(0)
    network = build("nano").eval().requires_grad_(False)
    set_bins(network, cache)
    return network


@pytest.fixture(scope="module")
def objective(network, make_config):
    return make_objective(make_config(), network)


@pytest.fixture
def colorless(network):
    """The same network, all of whose colors are gray."""
    other = build("nano").eval().requires_grad_(False)
    other.load_state_dict(network.state_dict())
    other.bin_centers.zero_()
    return other


def test_photographs_are_cropped_in_the_middle(cache):
    photographs = ValidationSet.from_cache(cache, 64)
    assert photographs.rgb.shape == (24, 64, 64, 3)
    first = cache.photograph(0)
    left = (first.shape[1] - 64) // 2
    np.testing.assert_array_equal(photographs.rgb[0], first[:, left : left + 64])
    assert ValidationSet.from_cache(cache, 32).rgb.shape == (24, 32, 32, 3)
    assert ValidationSet.from_cache(cache, 96).rgb.shape == (24, 96, 96, 3)


def test_batches_are_as_in_training(cache, network):
    photographs = ValidationSet.from_cache(cache, 64)
    lightness, target = photographs.batch(20, network)
    assert lightness.shape == (4, 1, 64, 64)
    assert target.shape == (4, 2, 16, 16)
    assert lightness.dtype == target.dtype == torch.float32


def test_gray_gains_nothing(cache, colorless, objective):
    photographs = ValidationSet.from_cache(cache, 64)
    result = validate(colorless, objective, photographs)
    assert result.psnr_gain == pytest.approx(0, abs=1e-6)
    assert result.chroma == pytest.approx(0, abs=1e-6)
    _, target = photographs.batch(0, colorless, 24)
    assert result.rmse_ab == pytest.approx(target.square().mean().sqrt().item(), rel=1e-5)


def test_psnr_is_that_of_the_pictures(cache, network, objective):
    photographs = ValidationSet.from_cache(cache, 64)
    result = validate(network, objective, photographs)
    lightness, target = photographs.batch(0, network, 24)
    pictures = to_rgb(objective.colors(network, lightness, target), lightness, "ab")
    error = ((pictures.astype(float) - photographs.rgb / 255) ** 2).mean(axis=(1, 2, 3))
    assert result.psnr == pytest.approx((-10 * np.log10(error)).mean(), abs=1e-3)


def test_validation_is_repeatable(cache, network, objective):
    photographs = ValidationSet.from_cache(cache, 64)
    assert validate(network, objective, photographs) == validate(network, objective, photographs)


def test_true_colors_give_the_photograph_back(cache):
    rgb = ValidationSet.from_cache(cache, 64).rgb.astype(np.float32) / 255
    lab = torch.from_numpy(np.moveaxis(color.rgb_to_lab(rgb), -1, 1).copy())
    np.testing.assert_allclose(to_rgb(lab[:, 1:], lab[:, :1], "ab"), rgb, atol=1e-3)
    planes = torch.from_numpy(np.moveaxis(rgb, -1, 1).copy())
    np.testing.assert_array_equal(to_rgb(planes, lab[:, :1], "rgb"), rgb)


@pytest.mark.parametrize(("limit", "rows"), [(1, 1), (3, 2), (6, 3)])
def test_sheet_shows_gray_prediction_and_truth(
    photographs, cache_folder, colorless, objective, limit, rows
):
    cache = open_cache(photographs.both, cache_folder, 64, limit=limit)
    held_out = ValidationSet.from_cache(cache, 64)
    image = sheet(colorless, objective, held_out)
    assert image.shape == (rows * 64, 6 * 64, 3)
    gray, predicted, truth = (image[:64, left : left + 64] for left in (0, 64, 128))
    assert np.ptp(gray, axis=2).max() <= 1
    np.testing.assert_array_equal(predicted, gray)
    np.testing.assert_array_equal(truth, held_out.rgb[0])
    if limit % 2:
        assert image[-64:, 192:].min() == 255


def test_numbers_of_an_rgb_network_are_in_units_of_ab(cache, make_config):
    torch.manual_seed(0)
    network = build("paper-rgb").eval().requires_grad_(False)
    config = make_config(network="paper-rgb", objective="regression")
    result = validate(network, make_objective(config, network), ValidationSet.from_cache(cache, 32))
    assert 5 < result.rmse_ab < 150  # in units of RGB it would be below 1
