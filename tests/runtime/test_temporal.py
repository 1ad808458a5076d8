import cv2
import numpy as np
import pytest

from tinct.runtime.temporal import CutFinder, TemporalSmoother

H, W = 64, 96  # of the maps
RED, GREEN = (40.0, 25.0), (-30.0, 20.0)


def texture(seed, height=H, width=W, low=0.2, high=0.8):
    """Smooth luma of a map's size, as of a picture with details."""
    rng = np.random.default_rng(seed)
    fine = cv2.GaussianBlur(rng.random((height, width), np.float32), (0, 0), 2)
    return cv2.normalize(fine, None, low, high, cv2.NORM_MINMAX)


def working(small):
    """Luma at working size, of which the smoother sees ``small``."""
    return np.kron(small, np.ones((4, 4), np.float32)).astype(np.float32)


def flat(color, shape=(H, W)):
    return np.broadcast_to(np.array(color, np.float32)[:, None, None], (2, *shape)).copy()


def sure(shape=(H, W), value=0.6):
    return np.full(shape, value, np.float32)


def run(smoother, lumas, answers):
    return [
        smoother(working(luma), ab, sure(luma.shape))
        for luma, ab in zip(lumas, answers, strict=True)
    ]


def test_flicker_of_a_noisy_still_scene_falls_to_a_fifth_or_less():
    rng = np.random.default_rng(1)
    scene = working(texture(1))
    lumas = [
        (scene + rng.normal(0, 10 / 255, scene.shape)).clip(0, 1).astype(np.float32)
        for _ in range(72)
    ]
    answers = [flat(RED) + rng.normal(0, 4, (2, H, W)).astype(np.float32) for _ in lumas]
    smoother = TemporalSmoother()
    steadied = [smoother(luma, ab, sure()) for luma, ab in zip(lumas, answers, strict=True)]
    assert np.std(steadied[24:], axis=0).mean() * 8 < np.std(answers, axis=0).mean()
    assert np.std(steadied[1:], axis=0).mean() * 5 < np.std(answers, axis=0).mean()
    assert np.mean(steadied[-1], axis=(1, 2)) == pytest.approx(RED, abs=0.3)


def test_flicker_between_two_hues_settles_between_them():
    answers = [flat((0, 40) if index % 2 else (0, -40)) for index in range(60)]
    steadied = run(TemporalSmoother(), [texture(2)] * 60, answers)
    assert abs(np.mean(steadied[-1][1])) < 2
    assert np.std(steadied[40:], axis=0).max() < 1


def test_nothing_is_left_behind_a_moving_square():
    ground, side = texture(3, high=0.5), 16
    smoother = TemporalSmoother()
    for left in range(4, 72, 2):
        luma, ab = ground.copy(), flat(GREEN)
        luma[20 : 20 + side, left : left + side] = 0.9
        ab[:, 20 : 20 + side, left : left + side] = flat(RED, (side, side))
        steadied = smoother(working(luma), ab, sure())
        if left > 4:  # red and green are 70 apart
            uncovered = np.s_[:, 22 : 18 + side, left - 2 : left]  # by this frame
            assert np.abs(steadied - ab)[uncovered].mean() < 5
            before = np.s_[:, 22 : 18 + side, max(left - 8, 0) : left - 2]
            assert np.abs(steadied - ab)[before].max() < 2
        inside = np.s_[:, 23 : 17 + side, left + 3 : left + side - 3]
        assert np.abs(steadied - ab)[inside].max() < 3


def test_colors_follow_a_pan():
    """Colors of a striped wall are averaged where its stripes are, not where they were."""
    rng = np.random.default_rng(4)
    wall = texture(4, width=W + 90)
    stripes = np.where(wall > 0.5, 30, -30).astype(np.float32)
    smoother, noisy, steady = TemporalSmoother(), [], []
    for left in range(0, 90, 3):
        view = np.s_[:, left : left + W]
        truth = np.stack([stripes[view], np.zeros((H, W), np.float32)])
        answer = truth + rng.normal(0, 10, truth.shape).astype(np.float32)
        steadied = smoother(working(wall[view]), answer, sure())
        middle = np.s_[0, 4:-4, 4:-8]
        noisy.append(np.abs(answer - truth)[middle].mean())
        steady.append(np.abs(steadied - truth)[middle].mean())
    assert np.mean(steady[10:]) < 0.6 * np.mean(noisy[10:])


def test_the_first_frame_after_a_cut_has_its_own_colors():
    smoother = TemporalSmoother()
    run(smoother, [texture(5)] * 20, [flat(RED)] * 20)
    after = smoother(working(texture(6)), flat(GREEN), sure())
    np.testing.assert_array_equal(after, flat(GREEN))


def test_a_cut_from_black_has_its_own_colors():
    smoother = TemporalSmoother()
    run(smoother, [np.zeros((H, W), np.float32)] * 5, [flat((0, 0))] * 5)
    np.testing.assert_array_equal(smoother(working(texture(7)), flat(RED), sure()), flat(RED))


def test_noise_over_a_scene_without_details_is_no_cut():
    """The details are noise alone, and not alike; but all of the scene is explained."""
    rng = np.random.default_rng(4)
    sky = np.linspace(0.3, 0.7, W, dtype=np.float32) * np.ones((H, 1), np.float32)
    lumas = [sky + rng.normal(0, 2 / 255, (H, W)).astype(np.float32) for _ in range(40)]
    answers = [flat(RED) + rng.normal(0, 4, (2, H, W)).astype(np.float32) for _ in lumas]
    steadied = run(TemporalSmoother(), lumas, answers)
    assert np.std(steadied[20:], axis=0).mean() * 3 < np.std(answers[20:], axis=0).mean()


def test_a_pan_is_no_cut():
    wall = texture(8, width=W + 60)
    smoother = TemporalSmoother()
    for left in range(0, 60, 4):
        steadied = smoother(working(wall[:, left : left + W]), flat(RED), sure())
    other = smoother(working(wall[:, 60 : 60 + W]), flat(GREEN), sure())
    assert np.abs(other - steadied)[:, 4:-4, 4:-8].mean() < 8  # of 70.2 from red to green in a


@pytest.mark.parametrize("gain", [0.6, 0.85, 1.3, 1.8])
def test_memory_survives_flicker_and_flashes(gain):
    """Of the frame itself, with other colors, and of the frames after it."""
    luma = texture(9)
    smoother = TemporalSmoother()
    run(smoother, [luma] * 50, [flat(RED)] * 50)
    flash = smoother(working((luma * gain).clip(0, 1)), flat(GREEN), sure())
    back = smoother(working(luma), flat(RED), sure())
    assert np.abs(flash - flat(RED)).mean() < 3
    assert np.abs(back - flat(RED)).mean() < 3


def test_a_slow_change_of_light_is_followed():
    smoother = TemporalSmoother()
    for light in np.linspace(1, 0.4, 80):
        steadied = smoother(working(texture(10) * np.float32(light)), flat(RED), sure())
    after = smoother(working(texture(10) * np.float32(0.4)), flat(GREEN), sure())
    assert np.abs(after - steadied).mean() < 3


def test_confident_answers_weigh_more():
    smoother = TemporalSmoother()
    luma = working(texture(11))
    for _ in range(20):
        smoother(luma, flat(RED), sure(value=0.9))
        unsure = smoother(luma, flat(GREEN), sure(value=0.1))
    assert np.abs(unsure - flat(RED)).mean() < np.abs(unsure - flat(GREEN)).mean() / 4


def test_reset_forgets():
    smoother = TemporalSmoother()
    run(smoother, [texture(12)] * 5, [flat(RED)] * 5)
    smoother.reset()
    assert smoother.memory is None
    again = smoother(working(texture(12)), flat(GREEN), sure())
    np.testing.assert_array_equal(again, flat(GREEN))


def test_memory_that_was_kept_goes_on_exactly():
    rng = np.random.default_rng(13)
    answers = [rng.normal(0, 10, (2, H, W)).astype(np.float32) for _ in range(8)]
    whole = run(TemporalSmoother(), [texture(13)] * 8, answers)
    first, second = TemporalSmoother(), TemporalSmoother()
    run(first, [texture(13)] * 4, answers[:4])
    second.memory = first.memory
    run(first, [texture(13)] * 2, answers[:2])  # must not write into what was handed over
    np.testing.assert_array_equal(run(second, [texture(13)] * 4, answers[4:]), whole[4:])


def test_another_size_begins_anew():
    smoother = TemporalSmoother()
    run(smoother, [texture(14)] * 3, [flat(RED)] * 3)
    other = smoother(working(texture(14, W, H)), flat(GREEN, (W, H)), sure((W, H)))
    np.testing.assert_array_equal(other, flat(GREEN, (W, H)))


@pytest.mark.parametrize("shape", [(1, 1), (8, 64), (8, 8), (64, 8), (16, 16), (17, 23)])
@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_small_and_empty_pictures_have_colors_without_nan(shape, level):
    """Without details, or too small for the flow, and then with details."""
    smoother = TemporalSmoother()
    plain = np.full(shape, level, np.float32)
    for luma in (plain, plain, np.linspace(0, 1, plain.size, dtype=np.float32).reshape(shape)):
        steadied = smoother(working(luma), flat(RED, shape), np.zeros(shape, np.float32))
        np.testing.assert_allclose(steadied, flat(RED, shape), atol=1e-4)


def test_the_same_film_gives_the_same_colors():
    rng = np.random.default_rng(15)
    lumas = [np.roll(texture(15), 2 * step, axis=1) for step in range(6)]
    answers = [rng.normal(0, 10, (2, H, W)).astype(np.float32) for _ in lumas]
    once, twice = (run(TemporalSmoother(), lumas, answers) for _ in range(2))
    np.testing.assert_array_equal(once, twice)


def test_what_is_given_is_not_changed_and_what_is_returned_is_not_memory():
    smoother = TemporalSmoother()
    ab = flat(RED)
    smoother(working(texture(16)), ab, sure())[:] = 0  # the first answer is the one given
    assert not ab.any()
    ab = flat(RED)
    second = smoother(working(texture(16)), ab, sure())
    np.testing.assert_array_equal(ab, flat(RED))
    second[:] = 0
    third = smoother(working(texture(16)), ab, sure())
    np.testing.assert_allclose(third, flat(RED), atol=1e-4)


def test_cuts_are_found_without_colors_and_a_flash_is_none():
    finder = CutFinder()
    first, second = texture(1), texture(2)
    lumas = [first, first, (first * 1.5).clip(0, 1), np.zeros_like(first), first, second, second]
    found = [finder(luma) for luma in lumas]
    assert found == [True, False, False, False, False, True, False]
