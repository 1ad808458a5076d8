import cv2
import numpy as np
import pytest

from tinct.lab.steadiness.flicker import (
    CELL,
    WINDOW,
    Motion,
    StillWindow,
    ab_in_mean_light,
    ab_of,
    cdc,
    observe,
    shrink,
    temporal_deviation,
    warp_error,
)

H, W = 64, 96


def picture(seed, width=W):
    rng = np.random.default_rng(seed)
    smooth = cv2.GaussianBlur(rng.random((H, width, 3), np.float32), (0, 0), 3)
    return cv2.normalize(smooth, None, 30, 220, cv2.NORM_MINMAX).astype(np.uint8)


def plain(*color, size=(2, 3)):
    return np.broadcast_to(np.float32(color), (*size, 2)).copy()


def motion(right=0.0, visible=True, is_cut=False, size=(2, 3)):
    flow = np.zeros((*size, 2), np.float32)
    flow[..., 0] = right
    return Motion(flow, np.full(size, visible), is_cut)


def test_deviation_is_that_of_the_places_that_stand_still():
    ab = [plain(0, 5) for _ in range(4)]
    for frame, a in zip(ab, (3, -3, 3, -3), strict=True):
        frame[0, 0, 0] = a  # variance 9 there, none elsewhere
    where = np.zeros((2, 3), bool)
    where[0, 0] = True
    assert temporal_deviation(ab, [StillWindow(0, 4, where)]) == pytest.approx(3)
    where[1, 1] = True
    assert temporal_deviation(ab, [StillWindow(0, 4, where)]) == pytest.approx(np.sqrt(9 / 2))


def test_deviation_holds_both_channels_and_keeps_windows_apart():
    ab = [plain(4, 3), plain(-4, -3), plain(50, 0), plain(50, 0)]
    everywhere = np.ones((2, 3), bool)
    windows = [StillWindow(0, 2, everywhere), StillWindow(2, 4, everywhere)]
    assert temporal_deviation(ab, windows) == pytest.approx(np.sqrt(25 / 2))


def test_deviation_of_nothing_that_stands_still_is_unknown():
    nowhere, everywhere = np.zeros((2, 3), bool), np.ones((2, 3), bool)
    assert np.isnan(temporal_deviation([plain(1, 1)] * 3, [StillWindow(0, 3, nowhere)]))
    assert np.isnan(temporal_deviation([plain(1, 1)], [StillWindow(0, 1, everywhere)]))


def test_warp_error_is_the_root_mean_square_change():
    ab = [plain(0, 0), plain(3, 4), plain(3, 4)]  # changes of 5 and 0
    assert warp_error(ab, [motion(), motion()]) == pytest.approx(np.sqrt(25 / 2))


def test_warp_error_follows_the_motion():
    before = plain(0, 0, size=(4, 8))
    before[:, 2] = (30, -10)
    after = np.roll(before, 2, axis=1)
    size = (4, 8)
    assert warp_error([before, after], [motion(-2, size=size)]) == pytest.approx(0)
    assert warp_error([before, after], [motion(0, size=size)]) == pytest.approx(np.sqrt(250))


def test_warp_error_knows_cuts_and_what_was_hidden():
    ab = [plain(0, 0), plain(30, 40), plain(30, 40)]
    assert warp_error(ab, [motion(is_cut=True), motion()]) == 0
    assert np.isnan(warp_error(ab, [motion(visible=False)] * 2))


def test_cdc_between_frames_that_share_no_value_is_the_logarithm_of_two():
    frames = [np.full((4, 4, 3), 255 * (index % 2), np.uint8) for index in range(9)]
    assert cdc(frames) == pytest.approx(np.log(2) / 3)  # at distance 1; none at 2 and 4


def test_cdc_of_half_the_pixels():
    """Of shares (1, 0) and (1/2, 1/2), their mean (3/4, 1/4)."""
    half = np.zeros((4, 4, 3), np.uint8)
    half[:2] = 200
    frames = [half if index % 2 else np.zeros_like(half) for index in range(9)]
    one = np.log(1 / 0.75)
    other = 0.5 * np.log(0.5 / 0.75) + 0.5 * np.log(0.5 / 0.25)
    assert cdc(frames) == pytest.approx((one + other) / 2 / 3)


def test_cdc_of_few_frames_is_unknown_and_of_equal_ones_zero():
    assert np.isnan(cdc([picture(0)] * 4))
    assert cdc([picture(0)] * 5) == 0


def test_a_still_scene_stands_still_with_noise_and_flicker():
    rng = np.random.default_rng(1)
    noisy = [
        (picture(1) * gain + rng.normal(0, 8, (H, W, 1))).clip(0, 255).astype(np.uint8)
        for gain in rng.normal(0.9, 0.05, 6)
    ]
    scene = observe(noisy)
    assert [window.still.shape for window in scene.windows] == [(H // CELL, W // CELL)]
    assert scene.windows[0].still.mean() > 0.95
    assert np.mean([motion.visible.mean() for motion in scene.motions]) > 0.9


def test_motion_of_a_pan_is_found_in_cells():
    wall = picture(2, W + 40)
    scene = observe([wall[:, left : left + W] for left in (0, 2, 4)])
    for motion in scene.motions:
        assert np.median(motion.flow[..., 0]) == pytest.approx(2 / CELL, abs=0.05)
        assert np.median(motion.flow[..., 1]) == pytest.approx(0, abs=0.05)
        assert motion.visible.mean() > 0.6
    assert scene.windows[0].still.mean() < 0.3


def test_windows_end_at_cuts_and_after_a_second():
    frames = [picture(3)] * (WINDOW + 2) + [picture(4)] * 3
    scene = observe(frames)
    assert [motion.is_cut for motion in scene.motions].index(True) == WINDOW + 1
    assert sum(motion.is_cut for motion in scene.motions) == 1
    spans = [(window.begin, window.end) for window in scene.windows]
    assert spans == [(0, WINDOW), (WINDOW, WINDOW + 2), (WINDOW + 2, WINDOW + 5)]


def test_cells_have_the_ab_of_their_mean_color():
    rgb = np.zeros((8, 12, 3), np.float32)
    rgb[::2] = (1, 0.5, 0)
    mean = np.full((2, 3, 3), (0.5, 0.25, 0), np.float32)
    np.testing.assert_allclose(shrink(rgb), mean)
    np.testing.assert_allclose(ab_of(shrink(rgb)), ab_of(mean))


def test_grain_of_luma_is_no_flicker_and_that_of_chroma_is():
    """Of one place: a step of all channels leaves Cb and Cr alone."""
    color, grain = np.float32([[[0.6, 0.4, 0.3]]]), np.float32(0.05)
    window = StillWindow(0, 2, np.ones((1, 1), bool))
    grainy = [color + grain, color - grain]
    assert temporal_deviation([ab_of(cell) for cell in grainy], [window]) > 0.5
    ab = ab_in_mean_light(grainy, [window])
    np.testing.assert_allclose(ab, [ab_of(color)] * 2, atol=1e-3)
    reddish = [color, color + np.float32([0.1, -0.0509, 0])]  # of equal BT.601 luma
    ab = ab_in_mean_light(reddish, [window])
    np.testing.assert_allclose(ab, [ab_of(cell) for cell in reddish], atol=0.02)
