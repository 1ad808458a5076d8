"""Pictures to look at: answers and losses of each row, and photographs that have no truth."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("skimage")

from tinct import color
from tinct.errors import MetricError
from tinct.lab.data.dataset import Photograph, Photographs
from tinct.lab.evaluate.protocol import evaluate, has_color
from tinct.lab.evaluate.rows import Row, gray_row, make_rows
from tinct.lab.figures.pictures import LONG_SIDE, color_all


def test_the_loss_is_the_papers_between_answer_and_truth(make_rgb):
    rgb = make_rgb(1, 300, 256)
    picture = color_all(Photograph("p", rgb), [gray_row()], "product")
    lab = color.rgb_to_lab(rgb.astype(np.float32) / np.float32(255))
    assert picture.losses == pytest.approx([float(np.mean((lab[..., 1:] / 127.5) ** 2))], rel=1e-3)
    assert np.array_equal(picture.truth, rgb)
    assert np.ptp(picture.answers[0].astype(int), axis=-1).max() == 0


@pytest.mark.parametrize("protocol", ["lab", "product"])
def test_losses_are_those_of_the_evaluation(colorful, protocol):
    rows = make_rows(["nano"], [None])
    report = evaluate(Photographs(colorful), rows, protocol=protocol)
    compared = [p for p in Photographs(colorful) if has_color(p.rgb)]
    losses = np.array([color_all(p, rows, protocol).losses for p in compared])
    assert len(compared) == report.num_photographs == 3
    for row, mean in zip(report.rows, losses.mean(axis=0), strict=True):
        assert mean == pytest.approx(row.metrics["paper_loss"].value, rel=1e-5)


def test_a_gray_photograph_has_answers_and_no_truth():
    photograph = Photograph("old.jpg", np.full((40, 60, 3), 90, np.uint8))
    picture = color_all(photograph, make_rows(["nano"], [None]), "product")
    assert not has_color(photograph.rgb)
    assert picture.truth is None
    assert picture.losses == ()
    assert [answer.shape for answer in picture.answers] == [(40, 60, 3)] * 3


def test_a_name_that_is_no_text_can_be_shown(make_rgb):
    name = b"f\xff.png".decode(errors="surrogateescape")
    assert color_all(Photograph(name, make_rgb(1)), [gray_row()], "lab").name == "f?.png"


def test_nan_names_the_row_and_the_photograph(make_rgb):
    def predict_ab(lightness, name):
        return np.full((*lightness.shape, 2), np.nan, np.float32)

    broken = Row("broken", predict_ab, gray_row().colorize)
    with pytest.raises(MetricError, match=r"broken, p\.png: .*NaN"):
        color_all(Photograph("p.png", make_rgb(1)), [broken], "lab")


def test_large_pictures_are_measured_whole_and_shown_smaller(make_rgb):
    rgb = make_rgb(2, 200, 2000)
    picture = color_all(Photograph("p", rgb), [gray_row()], "product")
    size = (round(200 * LONG_SIDE / 2000), LONG_SIDE, 3)
    assert picture.truth.shape == picture.answers[0].shape == size
    ab = color.rgb_to_lab(rgb.astype(np.float32) / np.float32(255))[..., 1:]
    assert picture.losses == pytest.approx([float(np.mean((ab / 127.5) ** 2))], rel=1e-3)


def test_noise_makes_no_truth_of_a_gray_photograph(rng):
    rgb = np.full((1000, 1500, 3), 90, np.uint8)
    rgb[rng.integers(0, 1000, 30), rng.integers(0, 1500, 30), 2] = 120
    assert color_all(Photograph("old.jpg", rgb), [gray_row()], "product").truth is None
