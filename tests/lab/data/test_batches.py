from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tinct import color
from tinct.errors import TrainingError
from tinct.lab.data import batches as data
from tinct.lab.data.batches import PhotographBatches, draw_epoch, expected_visits
from tinct.lab.data.cache import open_cache
from tinct.lab.train.config import AugmentConfig

pytestmark = pytest.mark.train

PLAIN = AugmentConfig(
    crop=(1.0, 1.0),
    true_lightness=0,
    film_response=0,
    tone_curve=0,
    blur=0,
    grain=0,
    damage=0,
    jpeg=0,
)


class Constant:
    """In place of random numbers: always the ones that are given."""

    def __init__(self, **answers):
        self.answers = answers

    def __getattr__(self, name):
        return lambda *_, **__: self.answers[name]


@pytest.fixture
def cache(photographs, cache_folder):
    return open_cache(photographs.both, cache_folder, 64)


@pytest.fixture
def make_batches(cache):
    def make(augment=PLAIN, **changes):
        return PhotographBatches(cache, augment, **{"crop": 64, "batch": 4, "seed": 0} | changes)

    return make


@pytest.fixture
def rgb(generated):
    return generated.picture(7, 64, 64)


def luma(rgb):
    return cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)


def to_lightness(levels):
    return color.luma_to_lightness(np.asarray(levels, np.float32) / np.float32(255))


@pytest.mark.parametrize(
    ("target", "stride", "shape"), [("ab", 4, (4, 2, 16, 16)), ("rgb", 1, (4, 3, 64, 64))]
)
def test_shapes_types_and_ranges(make_batches, target, stride, shape):
    batch = make_batches(AugmentConfig(), target=target, target_stride=stride)[0]
    lightness, planes = batch["lightness"], batch["target"]
    assert lightness.shape == (4, 1, 64, 64)
    assert planes.shape == shape
    assert lightness.dtype == planes.dtype == torch.float32
    assert 0 <= lightness.min() < lightness.max() <= 100
    low, high = (-110, 110) if target == "ab" else (0, 1)
    assert low <= planes.min() < planes.max() <= high
    assert batch["rgb"].shape == (4, 64, 64, 3)
    assert batch["rgb"].dtype == torch.uint8


def test_the_true_picture_goes_along_as_it_was_cropped(make_batches):
    batch = make_batches()[0]
    gray = np.stack([luma(rgb) for rgb in batch["rgb"].numpy()])
    np.testing.assert_allclose(batch["lightness"][:, 0].numpy(), to_lightness(gray), atol=1e-4)


def test_damage_leaves_most_of_the_picture_as_it_was(rgb):
    gray = luma(rgb).astype(np.float32)
    before = gray.copy()
    shares = []
    for seed in range(20):
        worn = data.add_damage(gray, np.random.default_rng(seed))
        assert worn.min() >= 0
        assert worn.max() <= 255
        shares.append(float((worn != before).mean()))
    np.testing.assert_array_equal(gray, before)
    assert 0.01 < np.mean(shares) < 0.3


def test_batch_depends_on_seed_and_step_only(make_batches):
    batches = make_batches(AugmentConfig())
    forwards = [batches[step] for step in (0, 1, 7, 20)]
    other = make_batches(AugmentConfig())
    for step, wanted in zip((20, 7, 1, 0), reversed(forwards), strict=True):
        for key, value in other[step].items():
            assert torch.equal(value, wanted[key]), (step, key)
    assert not torch.equal(forwards[0]["lightness"], forwards[1]["lightness"])
    again = make_batches(AugmentConfig(), seed=1)[0]
    assert not torch.equal(again["lightness"], forwards[0]["lightness"])


def test_every_photograph_comes_once_an_epoch_in_changing_order(tmp_path, generated):
    for level in range(24):
        flat = np.full((40, 40, 3), (10 * level, 128, 0), np.uint8)
        (tmp_path / f"{level:02d}.png").write_bytes(generated.encoded(flat, "PNG"))
    cache = open_cache((str(tmp_path),), tmp_path / "cache", 40)
    batches = PhotographBatches(
        cache, PLAIN, crop=32, batch=4, seed=0, target="rgb", target_stride=32
    )
    assert batches.steps_per_epoch == 6
    reds = torch.cat([batches[step]["target"][:, 0].flatten() for step in range(12)])
    order = (reds * 255 / 10).round().int().tolist()
    assert sorted(order[:24]) == sorted(order[24:]) == list(range(24))
    assert order[:24] != order[24:] != sorted(order[24:])


def test_fewer_photographs_than_a_batch_are_repeated(photographs, cache_folder):
    few = open_cache(photographs.both, cache_folder, 64, limit=3)
    batches = PhotographBatches(few, PLAIN, crop=64, batch=8, seed=0)
    assert batches.steps_per_epoch == 1
    for step in range(3):
        assert batches[step]["lightness"].shape == (8, 1, 64, 64)


def test_the_last_steps_may_have_crops_of_another_side(make_batches):
    batches = make_batches(crop=lambda step: 64 if step < 2 else 96)
    assert [batches[step]["lightness"].shape[2] for step in range(4)] == [64, 64, 96, 96]
    assert batches[2]["target"].shape == (4, 2, 24, 24)
    assert batches[2]["rgb"].shape == (4, 96, 96, 3)


def test_target_and_lightness_of_an_untouched_crop(cache, make_batches):
    batch = make_batches(target_stride=1, batch=24)[0]
    lightness, ab = batch["lightness"][:, 0].numpy(), batch["target"].numpy()
    for index in range(len(cache)):
        # At short side 64 the crop is a square of the photograph, perhaps mirrored.
        whole = color.rgb_to_lab(cache.photograph(index).astype(np.float32) / 255)[..., 1:]
        squares = np.lib.stride_tricks.sliding_window_view(whole, 64, axis=1)  # (64, X, 2, 64)
        squares = np.moveaxis(squares, (1, 2), (0, 1))  # (X, 2, 64, 64)
        candidates = np.concatenate([squares, squares[..., ::-1]])
        error = np.abs(candidates[None] - ab[:, None]).max((2, 3, 4)).min(1)  # of each crop
        found = int(error.argmin())
        assert error[found] < 1e-3
        place = int(np.abs(candidates - ab[found]).max((1, 2, 3)).argmin())
        start, is_mirrored = place % len(squares), place >= len(squares)
        crop = cache.photograph(index)[:, start : start + 64]
        crop = np.ascontiguousarray(crop[:, ::-1] if is_mirrored else crop)
        np.testing.assert_allclose(lightness[found], to_lightness(luma(crop)), atol=1e-4)


def test_small_target_is_the_ab_of_the_reduced_crop(make_batches):
    full = make_batches(target="rgb", target_stride=1)[3]["target"]
    small = make_batches(target_stride=4)[3]["target"]
    means = torch.nn.functional.avg_pool2d(full, 4).numpy()
    wanted = color.rgb_to_lab(np.moveaxis(means, 1, -1))[..., 1:]
    np.testing.assert_allclose(np.moveaxis(small.numpy(), 1, -1), wanted, atol=1)


def test_crops_have_the_sides_asked_for(rng):
    ramp = np.repeat(np.arange(200, dtype=np.uint8)[None, :, None], 100, axis=0).repeat(3, axis=2)
    spans, mirrored = [], 0
    for _ in range(200):
        crop = data.random_crop(ramp, 32, (0.5, 0.8), rng)
        assert crop.shape == (32, 32, 3)
        assert crop.flags.c_contiguous
        row = crop[0, :, 0].astype(int)
        mirrored += row[0] > row[-1]
        spans.append(abs(row[-1] - row[0]) * 32 / 31)
    assert 45 < min(spans) < 55 < 75 < max(spans) < 85
    assert 70 < mirrored < 130


def test_small_photographs_are_enlarged(rng):
    photograph = rng.integers(0, 256, (32, 40, 3), dtype=np.uint8)
    crop = data.random_crop(photograph, 64, (1.0, 1.0), rng)
    assert crop.shape == (64, 64, 3)


def test_plain_gray_is_the_luma_of_production(rgb, rng):
    np.testing.assert_array_equal(
        data.gray_lightness(rgb, PLAIN, rng), to_lightness(luma(rgb)).astype(np.float32)
    )


def test_true_lightness_is_that_of_lab(rgb, rng):
    everything = dataclasses.replace(PLAIN, true_lightness=1.0, tone_curve=1.0, grain=1.0)
    wanted = color.rgb_to_lab(rgb.astype(np.float32) / 255)[..., 0]
    np.testing.assert_allclose(data.gray_lightness(rgb, everything, rng), wanted, atol=1e-4)
    assert np.abs(wanted - to_lightness(luma(rgb))).max() > 2  # which is something else


def test_film_mixes_the_channels_in_linear_light():
    primaries = np.eye(3, dtype=np.uint8)[None] * 255  # red, green, blue
    blind_to_red = data.film_gray(primaries, Constant(dirichlet=np.array([0.0, 0.7, 0.3])))
    wanted = color.linear_to_srgb(np.array([0.0, 0.7, 0.3])) * 255
    np.testing.assert_allclose(blind_to_red[0], wanted, atol=0.2)
    white = np.full((1, 1, 3), 255, np.uint8)
    assert data.film_gray(white, Constant(dirichlet=np.array([0.2, 0.5, 0.3]))) == 255


def test_film_responses_differ_and_keep_grays(rng):
    primaries = np.eye(3, dtype=np.uint8)[None] * 255
    seen = np.concatenate([data.film_gray(primaries, rng) for _ in range(100)])
    assert (seen.std(axis=0) > 30).all()
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[None, :, None], 3, axis=2)
    assert np.abs(data.film_gray(ramp, rng)[0] - np.arange(256)).max() < 1


def test_tone_curves_are_monotonous_and_fade(rng):
    ramp = np.arange(256, dtype=np.float32)[None]
    curves = np.concatenate([data.tone_curve(ramp, rng) for _ in range(200)])
    assert (np.diff(curves, axis=1) >= 0).all()
    assert 0 <= curves[:, 0].min() < 5 < 70 < curves[:, 0].max() < 0.36 * 255
    assert 0.64 * 255 < curves[:, -1].min() < 185 < 250 < curves[:, -1].max() <= 255
    assert curves[:, 128].min() < 100
    assert curves[:, 128].max() > 150


@pytest.mark.parametrize("is_coarse", [False, True])
@pytest.mark.parametrize("strength", [1.0, 8.0])
def test_grain_has_the_strength_asked_for(strength, is_coarse, rng):
    gray = np.full((128, 128), 100, np.float32)
    noise = rng.standard_normal(gray.shape, dtype=np.float32)
    answers = {"random": 0.0 if is_coarse else 1.0, "uniform": strength}
    grain = data.add_grain(gray, Constant(standard_normal=noise, **answers)) - gray
    assert grain.std() == pytest.approx(strength, rel=0.03)
    assert abs(grain.mean()) < 0.1 * strength
    neighbors = np.corrcoef(grain[:, 1:].ravel(), grain[:, :-1].ravel())[0, 1]
    assert neighbors > 0.5 if is_coarse else abs(neighbors) < 0.05


def test_grain_strengths_are_between_one_and_twelve_levels(rng):
    gray = np.full((64, 64), 100, np.float32)
    spread = [(data.add_grain(gray, rng) - gray).std() for _ in range(100)]
    assert 0.9 < min(spread) < 2 < 10 < max(spread) < 12.5


def high_frequencies(lightness):
    return np.abs(np.diff(lightness, 2, axis=1)).mean()


def test_blur_softens(rng):
    rgb = np.repeat(rng.integers(0, 256, (64, 64, 1), dtype=np.uint8), 3, axis=2)
    sharp = data.gray_lightness(rgb, PLAIN, rng)
    soft = data.gray_lightness(rgb, dataclasses.replace(PLAIN, blur=1.0), rng)
    assert high_frequencies(soft) < 0.9 * high_frequencies(sharp)
    assert soft.mean() == pytest.approx(sharp.mean(), abs=3)


def test_jpeg_leaves_the_traces_of_its_blocks(rgb, rng):
    plain = data.gray_lightness(rgb, PLAIN, rng)
    worn = data.gray_lightness(rgb, dataclasses.replace(PLAIN, jpeg=1.0), rng)
    assert 0.05 < np.abs(worn - plain).mean() < 3
    steps = np.abs(np.diff(worn - plain, axis=1)).mean(axis=0)
    at_edges = np.arange(63) % 8 == 7
    assert steps[at_edges].mean() > 1.2 * steps[~at_edges].mean()


@pytest.mark.parametrize("name", ["film_response", "tone_curve", "blur", "grain", "jpeg"])
def test_each_augmentation_happens_as_often_as_asked(rgb, name):
    plain = data.gray_lightness(rgb, PLAIN, np.random.default_rng(0))
    for share in (0.0, 0.5, 1.0):
        augment = dataclasses.replace(PLAIN, **{name: share})
        count = sum(
            not np.array_equal(
                data.gray_lightness(rgb, augment, np.random.default_rng(seed)), plain
            )
            for seed in range(40)
        )
        assert abs(count - 40 * share) <= 10 * (share == 0.5)


def test_all_augmentations_together_stay_in_range(rgb, rng):
    everything = AugmentConfig(
        true_lightness=0, film_response=0.5, tone_curve=1, blur=1, grain=1, jpeg=1
    )
    for _ in range(20):
        lightness = data.gray_lightness(rgb, everything, rng)
        assert lightness.dtype == np.float32
        assert lightness.shape == rgb.shape[:2]
        assert 0 <= lightness.min() <= lightness.max() <= 100


def test_weights_decide_how_often_photographs_are_seen() -> None:
    names = [f"shard.tar/{kind}-{i}.webp" for kind in ("often", "rare", "usual") for i in range(40)]
    expected = expected_visits(names, {"often-*": 2, "rare-*": 0.25, "rare-1.webp": 9})
    visits = np.zeros((80, 120), int)
    for epoch in range(80):
        drawn = draw_epoch(expected, np.random.default_rng(epoch))
        visits[epoch] = np.bincount(drawn, minlength=120)
        assert abs(len(drawn) - 130) <= 1
    assert (visits[:, :40] == 2).all()
    assert (visits[:, 80:] == 1).all()
    assert visits[:, 40:80].max() == 1
    assert visits[:, 40:80].mean() == pytest.approx(0.25, abs=0.01)
    assert visits[:, 41].mean() == pytest.approx(0.25, abs=0.2)


def test_epochs_without_weights_show_everything_once() -> None:
    drawn = draw_epoch(expected_visits(["a", "b", "c"], {}), np.random.default_rng(0))
    assert sorted(drawn) == [0, 1, 2]


def test_weights_that_leave_nothing_are_refused(cache) -> None:
    with pytest.raises(TrainingError, match=r"data\.weights leaves no photograph"):
        PhotographBatches(cache, PLAIN, crop=64, batch=4, seed=0, weights={"*": 0})
