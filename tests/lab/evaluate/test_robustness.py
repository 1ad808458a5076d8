from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch")
pytest.importorskip("skimage")

from tinct.errors import MetricError, OptionError
from tinct.lab.data.dataset import Photographs
from tinct.lab.data.degrade import CLEAN, choose, degrade, names
from tinct.lab.evaluate.robustness import WORDS, measure_robustness
from tinct.lab.evaluate.rows import gray_row, mean_row
from tinct.lab.metrics.statistics import shipped_statistics

RGB = np.random.default_rng(0).integers(0, 256, (8, 8, 3), np.uint8).repeat(12, 0).repeat(12, 1)


@pytest.mark.parametrize("name", names())
def test_a_degradation_is_the_same_every_time_and_leaves_the_photograph_alone(name):
    before = RGB.copy()
    once, again = (degrade(RGB, name, "a.png") for _ in range(2))
    assert np.array_equal(once, again)
    assert np.array_equal(RGB, before)
    assert once.shape == RGB.shape[:2]
    assert once.dtype == np.uint8
    assert name in WORDS
    if name != CLEAN:
        assert not np.array_equal(once, degrade(RGB, CLEAN, "a.png"))


@pytest.mark.parametrize("name", ["grain", "scratches", "dust", "fading", "worn"])
def test_random_parts_differ_from_photograph_to_photograph(name):
    assert not np.array_equal(degrade(RGB, name, "a.png"), degrade(RGB, name, "b.png"))


def test_orthochromatic_film_is_blind_to_red():
    red = np.zeros((4, 4, 3), np.uint8)
    red[..., 0] = 255
    assert degrade(red, "orthochromatic", "a").max() == 0
    assert degrade(red, CLEAN, "a").min() == 76  # 0.299 of 255


def test_low_contrast_leaves_two_fifths_of_the_range():
    ramp = np.arange(256, dtype=np.uint8)[None, :, None].repeat(3, 2)
    levels = degrade(ramp, "low-contrast", "a")
    assert int(levels.max()) - int(levels.min()) == 102


def test_names_are_chosen_with_the_clean_picture_first():
    assert choose("blur, grain,blur") == [CLEAN, "blur", "grain"]
    assert choose("all") == list(names())
    with pytest.raises(OptionError, match=r"no degradation 'rust'; there are all, clean, "):
        choose("blur,rust")


def test_the_tables_say_what_was_lost(colorful):
    rows = [gray_row(), mean_row(shipped_statistics())]
    wanted = [CLEAN, "low-contrast"]
    found = measure_robustness(Photographs(colorful), rows, wanted, jobs=1, command="tinct x")
    assert found.scores.shape == (3, 2, 2, 3)
    assert len(found.broken) == 1
    # Gray stays as it is: the true lightness is what it is shown with.
    np.testing.assert_array_equal(found.scores[:, 0, 0], found.scores[:, 1, 0])
    assert (found.scores[:, 0, 1] != found.scores[:, 1, 1]).any()
    text = found.to_markdown()
    loss = (found.scores[:, 1, 1, 0] - found.scores[:, 0, 1, 0]).mean()
    assert f"({loss:+.2f} ±" in text
    assert "| clean |" in text
    assert "3 photographs" in text


def test_one_photograph_has_no_interval(shard, make_rgb, encode):
    photographs = Photographs(shard({"a.png": encode(make_rgb(1))}))
    with pytest.raises(MetricError, match="two color photographs or more"):
        measure_robustness(photographs, [gray_row()], [CLEAN])
