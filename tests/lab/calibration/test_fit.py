"""Colors are read from the shipped ``nano`` on generated pictures: small, but all parts real."""

from __future__ import annotations

import dataclasses
import io

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnx")
pytest.importorskip("matplotlib")
pytest.importorskip("scipy")

from PIL import Image

from tinct.errors import MetricError, OptionError
from tinct.lab.calibration.fit import (
    LEVELS,
    Choice,
    Targets,
    calibrate,
    choose_vivid,
    default_vividness,
    even_curve,
    fit_confidence,
    fit_odds,
)
from tinct.lab.calibration.results import draw_calibration, make_report
from tinct.lab.calibration.views import Views
from tinct.lab.data.dataset import Photographs
from tinct.lab.evaluate.protocol import evaluate
from tinct.lab.evaluate.rows import gray_row, model_rows
from tinct.lab.figures.figures import render
from tinct.lab.train.begin import load_classifier
from tinct.lab.train.export import open_model

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def views(tmp_path_factory):
    """Two soft pictures of many colors, as ``nano`` sees them; a gray one is left out."""
    folder = tmp_path_factory.mktemp("photographs")
    for seed in range(2):
        coarse = np.random.default_rng(seed).integers(40, 216, (4, 5, 3), np.uint8)
        Image.fromarray(coarse).resize((300, 260), Image.Resampling.BICUBIC).save(
            folder / f"{seed}.png"
        )
    Image.fromarray(np.full((40, 40, 3), 90, np.uint8)).save(folder / "gray.png")
    return Views(load_classifier("nano"), Photographs(folder), lambda done: None)


@pytest.fixture(scope="module")
def decode():
    return open_model("nano")[0].config


def test_pictures_are_compared_as_in_an_evaluation(views, decode):
    rows = [gray_row(), *model_rows("nano", [0.5])]
    report = evaluate(Photographs(views.source), rows, jobs=1)
    gray, nano = (row.metrics for row in report.rows)
    found = views.measure(decode, 0.5)
    assert len(views.seen) == 2
    assert views.gray() == pytest.approx(gray["psnr_rgb"].value, abs=1e-6)
    assert found.psnr == pytest.approx(nano["psnr_rgb"].value, abs=0.01)  # logits in 16 bits
    assert found.share == pytest.approx(nano["colorfulness_ratio"].value, abs=0.01)


def test_a_set_without_color_is_one_line(tmp_path):
    Image.fromarray(np.full((40, 40, 3), 90, np.uint8)).save(tmp_path / "gray.png")
    with pytest.raises(MetricError, match="no readable color photograph"):
        Views(load_classifier("nano"), Photographs(tmp_path), lambda done: None)


def test_vividness_1_is_as_colorful_as_asked_for(views, decode):
    first = views.measure(decode, 0).share
    found = choose_vivid(views, decode, Targets(vivid_share=1.3 * first, vivid_gain=-9))
    assert views.measure(found, 1).share == pytest.approx(1.3 * first, abs=0.04)


def test_the_floor_of_psnr_comes_before_the_share(views, decode):
    loss = views.measure(decode, 0).psnr - views.gray()
    found = choose_vivid(views, decode, Targets(vivid_share=2, vivid_gain=loss - 0.3))
    assert views.measure(found, 1).psnr - views.gray() >= loss - 0.33
    with pytest.raises(
        OptionError, match=r"no vividness keeps \+9 dB above gray: at best it is [+-][0-9.]+; "
    ):
        choose_vivid(views, decode, Targets(vivid_gain=9))


def test_an_even_axis_needs_no_curve():
    assert even_curve(LEVELS, [0.4, 0.5, 0.6, 0.7, 0.8]) == pytest.approx(1, abs=1e-3)


def test_a_curve_makes_the_axis_even():
    levels = np.linspace(0, 1, 101)
    shares = 0.4 + 0.6 * levels**2
    curve = even_curve(levels, shares)
    assert curve == pytest.approx(0.5, abs=0.01)
    evened = np.interp(np.linspace(0, 1, 5) ** curve, levels, shares)
    np.testing.assert_allclose(np.diff(evened), 0.15, atol=0.01)


@pytest.mark.parametrize(("wanted", "vividness"), [(0.3, 0), (0.6, 0.5), (0.61, 0.55), (2, 1)])
def test_the_default_is_the_smallest_that_is_colorful_enough(wanted, vividness):
    assert default_vividness([0, 0.5, 1], [0.4, 0.6, 0.8], 1.0, wanted) == vividness


def test_the_fit_finds_the_odds_that_outcomes_were_drawn_from():
    rng = np.random.default_rng(0)
    variance = np.exp(rng.normal(5, 1.5, 40_000))
    right = rng.random(40_000) < 1 / (1 + (variance / 14**2) ** 0.8)
    scale, slope = fit_odds(variance, right.astype(float))
    assert scale == pytest.approx(14, rel=0.05)
    assert slope == pytest.approx(0.8, rel=0.05)


def test_outcomes_that_are_all_the_same_are_no_catastrophe():
    scale, slope = fit_odds(np.array([1.0, 10, 100]), np.ones(3))
    assert np.isfinite([scale, slope]).all()
    assert slope > 0


def test_a_confidence_that_was_fitted_is_fitted_again_to_the_same(views, decode):
    strong = dataclasses.replace(decode, gain=0.5)
    once = fit_confidence(views, strong, 0.5)
    again = fit_confidence(views, dataclasses.replace(once, gain=0.0), 0.5)
    plain = fit_confidence(views, dataclasses.replace(strong, gain=0.0), 0.5)
    assert again.confidence_scale == pytest.approx(plain.confidence_scale, rel=0.01)
    assert again.confidence_slope == pytest.approx(plain.confidence_slope, rel=0.01)


@pytest.mark.slow
def test_a_calibration_improves_what_it_is_for(views, decode):
    wanted = Targets(default_share=0.3, vivid_share=0.4, vivid_gain=-9)
    found = calibrate(views, wanted, decode)
    before = make_report(views, Choice(decode, 0.6), "before")
    after = make_report(views, found, "after", command="tinct lab calibrate x")
    assert after.default.vividness == found.default_vividness
    errors = [one.default.confidences.reliability.error for one in (before, after)]
    assert errors[1] <= errors[0]
    text = after.to_markdown()
    for part in ("# Calibration of `after`", "(default)", "| best possible |", "Likeliest bin"):
        assert part in text
    axes = draw_calibration(after).axes
    assert [one.get_xlabel() for one in axes][1:] == ["confidence", "share of colors that is kept"]
    line = axes[0].get_lines()[0]
    np.testing.assert_allclose(line.get_ydata(), [one.colors.share for one in after.levels])
    assert Image.open(io.BytesIO(render(draw_calibration(after), "png"))).width > 1000
