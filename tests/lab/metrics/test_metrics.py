from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from tinct import color
from tinct.bins import nearest_on_grid
from tinct.errors import MetricError
from tinct.lab.metrics import metrics

skimage_metrics = pytest.importorskip("skimage.metrics")
from scipy.ndimage import gaussian_filter  # scikit-image brings it

# Sharma, Wu and Dalal, "The CIEDE2000 color-difference formula", 2005, table 1.
SHARMA = [
    ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
    ((50, -1.3802, -84.2814), (50, 0, -82.7485), 1.0000),
    ((50, 2.4900, -0.0010), (50, -2.4900, 0.0009), 7.1792),
    ((50, 2.5, 0), (73, 25, -18), 27.1492),
    ((50, 2.5, 0), (58, 24, 15), 19.4535),
    ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ((2.0776, 0.0795, -1.1350), (0.9033, -0.0636, -0.5514), 0.9082),
]


@pytest.fixture
def pictures(rng):
    """A predicted and a true picture, RGB in 0..1."""
    truth = rng.random((32, 40, 3))
    return np.clip(truth + rng.normal(0, 0.1, truth.shape), 0, 1), truth


def lab_picture(color, shape=(12, 12)):
    return np.broadcast_to(np.array(color, float), (*shape, 3)).copy()


# --- errors in a and b ---


def test_errors_of_ab_by_hand():
    truth = np.zeros((1, 2, 2))
    predicted = np.array([[[3.0, 4.0], [0.0, 0.0]]])
    assert metrics.mse(predicted, truth) == 25 / 4
    assert metrics.rmse(predicted, truth) == 2.5
    assert metrics.paper_loss(predicted, truth) == pytest.approx(6.25 / 127.5**2)


def test_the_published_losses_in_cie_units():
    # The paper's loss of 0.016809 for gray is a root mean squared error of 16.5 units (METRICS).
    deviation = np.full((4, 4, 2), 16.53)
    assert metrics.paper_loss(deviation, np.zeros_like(deviation)) == pytest.approx(
        0.01681, abs=1e-5
    )


# --- PSNR and SSIM ---


def test_psnr_agrees_with_scikit_image(pictures):
    predicted, truth = pictures
    expected = skimage_metrics.peak_signal_noise_ratio(truth, predicted, data_range=1)
    assert metrics.psnr(predicted, truth) == pytest.approx(expected)
    scaled = metrics.psnr(predicted * 255, truth * 255, metrics.AB_PEAK)
    assert scaled == pytest.approx(expected)


def test_psnr_of_equal_pictures_is_capped(pictures):
    assert metrics.psnr(pictures[1], pictures[1]) == 100


def test_psnr_can_fall_below_what_wrapping_bytes_allow():
    # Differences of uint8 wrap around, and so do their squares: such scripts never print less.
    truth, predicted = np.zeros((8, 8, 3)), np.full((8, 8, 3), 200 / 255)
    assert metrics.psnr(predicted, truth) == pytest.approx(20 * np.log10(255 / 200))
    wrapped = (np.uint8(0) - np.full(9, 200, np.uint8)) ** 2
    assert 10 * np.log10(255**2 / wrapped.mean()) > 24.07


def test_ssim_of_flat_pictures_by_hand():
    one, other = np.full((16, 16, 3), 0.4), np.full((16, 16, 3), 0.6)
    expected = (2 * 0.4 * 0.6 + 0.01**2) / (0.4**2 + 0.6**2 + 0.01**2)
    assert metrics.ssim(one, other) == pytest.approx(expected)


def test_ssim_is_1_for_equal_pictures_and_falls_with_noise(pictures):
    predicted, truth = pictures
    assert metrics.ssim(truth, truth) == pytest.approx(1)
    assert 0.5 < metrics.ssim(predicted, truth) < 0.99


def test_ssim_refuses_pictures_smaller_than_its_window():
    with pytest.raises(MetricError, match="11x11 pixels or more, not 20x10"):
        metrics.ssim(np.zeros((10, 20, 3)), np.zeros((10, 20, 3)))


def test_ssim_is_that_of_wang_et_al(pictures):
    # Once more from the paper's equations: Gaussian window of 11 pixels, sigma 1.5, C1, C2 of the
    # true range. A data range of 225 for 255, as one published script has, gives another number.
    predicted, truth = pictures

    def mean(values):
        return gaussian_filter(values, 1.5, truncate=3.5, axes=(0, 1))

    def similarity(data_range):
        c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        one, other = mean(predicted), mean(truth)
        covariance = mean(predicted * truth) - one * other
        variances = mean(predicted**2) - one**2 + mean(truth**2) - other**2
        local = (2 * one * other + c1) * (2 * covariance + c2)
        local /= (one**2 + other**2 + c1) * (variances + c2)
        return local[5:-5, 5:-5].mean()

    measured = metrics.ssim(predicted, truth)
    assert measured == pytest.approx(similarity(1), abs=1e-9)
    assert abs(similarity(225 / 255) - measured) > 1e-5


def test_psnr_of_luma_is_another_number(rng):
    # What one well-known accuracy checker calls the PSNR of a colorizer: that of the luma, scaled
    # by 0.859. A colorizer keeps luma, so it is far above the PSNR of RGB.
    luma = rng.random((32, 32, 1))
    truth = np.clip(luma + rng.normal(0, 0.2, (32, 32, 3)), 0, 1)
    gray = np.repeat(color.rgb_to_luma(truth)[..., None], 3, axis=-1)
    weights = np.array([65.738, 129.057, 25.064]) / 256
    error = np.mean(((gray - truth) @ weights) ** 2)
    assert -10 * np.log10(error) > metrics.psnr(gray, truth) + 10


# --- CIEDE2000 ---


@pytest.mark.parametrize(("one", "other", "difference"), SHARMA)
def test_ciede2000_of_the_published_pairs(one, other, difference):
    measured = metrics.ciede2000(lab_picture(one), lab_picture(other))
    assert measured == pytest.approx(difference, abs=1e-4)


def test_ciede2000_is_the_mean_over_pixels():
    one, other = lab_picture(SHARMA[3][0], (1, 2)), lab_picture(SHARMA[3][0], (1, 2))
    other[0, 0] = SHARMA[3][1]
    assert metrics.ciede2000(one, other) == pytest.approx(27.1492 / 2, abs=1e-4)


# --- area under the cumulative error curve ---


def area_by_definition(predicted, truth, weights):
    distances = np.sqrt(((predicted - truth) ** 2).sum(-1))
    curve = [weights[distances <= t].sum() / weights.sum() for t in range(151)]
    return sum((a + b) / 2 for a, b in pairwise(curve)) / 150


def test_auc_is_the_area_under_the_curve(rng):
    predicted, truth = rng.uniform(-110, 110, (2, 30, 30, 2))
    predicted[:10] = truth[:10] + rng.normal(0, 3, (10, 30, 2))
    weights = rng.random((30, 30))
    ones = np.ones_like(weights)
    assert metrics.auc(predicted, truth) == pytest.approx(
        area_by_definition(predicted, truth, ones)
    )
    weighted = metrics.auc(predicted, truth, weights)
    assert weighted == pytest.approx(area_by_definition(predicted, truth, weights))


@pytest.mark.parametrize(
    ("error", "area"), [(0, 1), (0.5, 149.5 / 150), (75, 75.5 / 150), (151, 0)]
)
def test_auc_of_a_single_error_by_hand(error, area):
    truth, predicted = np.zeros((2, 1, 1, 2))
    predicted[..., 0] = error
    assert metrics.auc(predicted, truth) == pytest.approx(area)


def test_rebalanced_auc_by_hand():
    # One pixel of a color nine times as frequent as the other's: it counts a ninth.
    truth = np.array([[[0.0, 0.0], [60.0, 40.0]]])
    prior = np.full(313, 1e-6)
    prior[nearest_on_grid(truth)] = [[0.9, 0.1]]
    weights = metrics.rarity_weights(truth, prior)
    np.testing.assert_allclose(weights, [[1 / 0.9, 1 / 0.1]])
    missed = truth.copy()
    missed[0, 1] += 200
    assert metrics.auc(missed, truth, weights) == pytest.approx((1 / 0.9) / (1 / 0.9 + 1 / 0.1))


def test_gray_wins_raw_auc_and_loses_it_rebalanced(rng):
    # Why gray belongs into every table: nine tenths of the pixels are nearly gray.
    truth = rng.normal(0, 4, (60, 60, 2))
    truth[:6] += [55, 45]
    vivid = truth + rng.normal(0, 15, truth.shape)
    gray = np.zeros_like(truth)
    counts = np.bincount(nearest_on_grid(truth).ravel(), minlength=313) + 1e-3
    weights = metrics.rarity_weights(truth, counts / counts.sum())
    assert metrics.auc(gray, truth) > metrics.auc(vivid, truth)
    assert metrics.auc(gray, truth, weights) < metrics.auc(vivid, truth, weights) - 0.1


# --- bleeding ---


def test_the_band_is_two_pixels_on_each_side_of_a_step():
    luma = np.zeros((7, 12))
    luma[:, 6:] = 0.2
    expected = np.zeros((7, 12), bool)
    expected[:, 4:8] = True
    np.testing.assert_array_equal(metrics.edge_band(luma), expected)
    np.testing.assert_array_equal(metrics.edge_band(luma.T), expected.T)


def test_the_band_ends_at_the_border_and_follows_corners():
    luma = np.zeros((6, 6))
    luma[0, 0] = 1
    expected = np.zeros((6, 6), bool)
    expected[0, :3] = expected[:3, 0] = True  # across the two edges of that pixel, not diagonally
    np.testing.assert_array_equal(metrics.edge_band(luma), expected)


def test_weaker_steps_and_slopes_are_no_edges():
    luma = np.linspace(0, 1, 12)[None].repeat(5, 0)  # 0.09 a pixel
    assert not metrics.edge_band(luma).any()
    assert not metrics.edge_band(np.full((1, 1), 0.5)).any()


def test_errors_of_lightness_by_hand():
    given = np.array([[0.0, 10.0], [20.0, 30.0]])
    kept = np.array([[0.0, 10.5], [18.5, 30.0]])
    assert metrics.absolute_errors(kept, given) == (0.5, 1.5)


# --- colorfulness ---


def test_the_two_colorfulness_variants_differ_as_known():
    # A red, a green and a blue pixel; 206.5 is what a widely copied script (with abs) prints.
    rgb = np.eye(3)[None]
    assert metrics.colorfulness(rgb) == pytest.approx(275.4, abs=0.05)
    assert metrics.colorfulness(rgb, "abs") == pytest.approx(206.5, abs=0.05)


def test_the_variants_differ_on_noise_and_on_a_warm_cast(rng):
    # Signed against absolute: 33.6 and 28.0 for noise around gray. Never compare across them.
    noisy = np.full((400, 400, 3), 0.5)
    noisy[..., 0] += rng.normal(0, 30 / 255, (400, 400))
    signed, absolute = metrics.colorfulness(noisy), metrics.colorfulness(noisy, "abs")
    assert signed == pytest.approx(30 * np.hypot(1, 0.5), rel=0.01)
    # Of |x| for a normal x: mean sqrt(2 / pi), deviation sqrt(1 - 2 / pi).
    mean, deviation = np.sqrt(2 / np.pi), np.sqrt(1 - 2 / np.pi)
    expected = 30 * np.hypot(1, 0.5) * (deviation + 0.3 * mean)
    assert absolute == pytest.approx(expected, rel=0.01)


def test_gray_has_no_colorfulness_and_one_flat_color_only_its_mean():
    assert metrics.colorfulness(np.full((4, 4, 3), 0.5)) == 0
    orange = np.broadcast_to([1.0, 0.5, 0.0], (4, 4, 3))
    expected = 0.3 * np.hypot(127.5, 0.75 * 255)
    assert metrics.colorfulness(orange) == pytest.approx(expected)
    assert metrics.colorfulness(orange, "abs") == pytest.approx(expected)


def test_unknown_variants_of_colorfulness_are_refused():
    with pytest.raises(MetricError, match="'hasler' and 'abs', not 'signed'"):
        metrics.colorfulness(np.zeros((4, 4, 3)), "signed")


# --- near-gray truths ---


@pytest.mark.parametrize(("value", "is_gray"), [(0, True), (5, True), (-5, True), (5.01, False)])
def test_one_pixel_above_5_makes_a_color_picture(value, is_gray):
    ab = np.zeros((8, 8, 2))
    ab[3, 4, 1] = value
    assert metrics.is_nearly_gray(ab) is is_gray


def test_a_small_chroma_in_both_axes_is_still_gray():
    assert metrics.is_nearly_gray(np.full((2, 2, 2), 4.9))  # chroma 6.9: the rule is by axis


# --- what every metric refuses ---

PAIRS = [
    metrics.mse,
    metrics.absolute_errors,
    metrics.psnr,
    metrics.ssim,
    metrics.ciede2000,
    metrics.auc_scores,
]


@pytest.mark.parametrize("metric", PAIRS)
def test_unequal_sizes_are_refused(metric):
    with pytest.raises(MetricError, match=r"unequal size: \(16, 16, 3\) and \(16, 17, 3\)"):
        metric(np.zeros((16, 16, 3)), np.zeros((16, 17, 3)))


@pytest.mark.parametrize("metric", PAIRS)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_and_infinity_are_refused(metric, bad):
    predicted = np.zeros((16, 16, 3))
    predicted[2, 3, 1] = bad
    with pytest.raises(MetricError, match="NaN or infinity"):
        metric(predicted, np.zeros((16, 16, 3)))


@pytest.mark.parametrize("metric", PAIRS)
def test_bytes_are_refused_because_they_wrap_around(metric):
    with pytest.raises(MetricError, match="uint8 wrap around"):
        metric(np.zeros((16, 16, 3), np.uint8), np.zeros((16, 16, 3)))


def test_empty_pictures_are_refused():
    with pytest.raises(MetricError, match="without pixels"):
        metrics.mse(np.empty((0, 4, 2)), np.empty((0, 4, 2)))
