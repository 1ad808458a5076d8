from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from tinct import color
from tinct.errors import ModelError, OptionError
from tinct.lab.evaluate.rows import gray_row, make_rows, mean_row, model_rows, published_row
from tinct.lab.metrics.statistics import shipped_statistics


@pytest.fixture
def gray():
    """A gray photograph of an odd size."""
    y, x = np.mgrid[:75, :101] / 75
    return np.rint(127 + 120 * np.sin(5 * x) * np.cos(7 * y)).astype(np.uint8)


@pytest.fixture(scope="module")
def nano_rows():
    return model_rows("nano", [0.0, None, 1.0])


def luma_error(rgb, gray):
    return np.abs(255 * color.rgb_to_luma(rgb / 255) - gray).max()


def test_gray_stays_gray(gray):
    row = gray_row()
    np.testing.assert_array_equal(row.colorize(gray, "p"), np.stack([gray] * 3, axis=-1))
    assert not row.predict_ab(np.full((8, 9), 50, np.float32), "p").any()


def test_mean_color_depends_on_lightness_alone(gray):
    statistics = shipped_statistics()
    row = mean_row(statistics)
    answer = row.predict_ab(np.array([[20.0, 70.0]], np.float32), "p")
    np.testing.assert_allclose(answer[0], statistics.mean_ab[[20, 70]], rtol=1e-5)
    rgb = row.colorize(gray, "p")
    assert rgb.shape == (*gray.shape, 3)
    assert rgb.dtype == np.uint8
    assert np.ptp(rgb.astype(int), axis=-1).mean() > 5


def test_rows_keep_luma_in_the_product_protocol(gray, nano_rows):
    for row in (mean_row(shipped_statistics()), *nano_rows):
        assert luma_error(row.colorize(gray, "p"), gray) <= 1.01


def test_a_model_has_one_row_for_each_vividness(nano_rows):
    names = [row.name for row in nano_rows]
    assert names[0] == "nano, vividness 0"
    assert names[1].endswith(" (default)")
    assert names[2] == "nano, vividness 1"
    assert all(250_000 < row.parameters <= 300_000 for row in nano_rows)


def test_a_model_answers_at_full_size_and_more_vividly(nano_rows):
    lightness = np.linspace(0, 100, 64 * 96, dtype=np.float32).reshape(64, 96)
    dull, _, vivid = (row.predict_ab(lightness, "p") for row in nano_rows)
    assert dull.shape == vivid.shape == (64, 96, 2)
    assert np.hypot(*np.moveaxis(vivid, -1, 0)).mean() > np.hypot(*np.moveaxis(dull, -1, 0)).mean()


def test_unknown_models_and_vividness_are_refused():
    with pytest.raises(ModelError, match="no-such-model"):
        model_rows("no-such-model", [None])
    with pytest.raises(OptionError, match="vividness"):
        model_rows("nano", [2.0])


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("random:eccv16", r"^random:eccv16: random weights: speed only"),
        ("ecv16=x.pth", r"^ecv16=x\.pth: 'ecv16' is none of paper, eccv16, .*deoldify$"),
        ("no-such", r"^no-such: no model of tinct's \(.*nano.*\), and no such file or folder$"),
    ],
)
def test_senseless_specs_are_one_clear_line(spec, message):
    with pytest.raises(OptionError, match=message):
        make_rows([spec], [None])


def test_a_missing_file_of_weights_is_named(tmp_path):
    pytest.importorskip("torch")
    with pytest.raises(ModelError, match=r"none\.pth: No such file"):
        make_rows([f"eccv16={tmp_path}/none.pth"], [None])
    with pytest.raises(ModelError, match=r"none\.onnx: no such model"):
        make_rows([f"{tmp_path}/none.onnx"], [None])


def test_rows_that_are_always_there_come_first_and_names_differ(tmp_path):
    for folder in ("a/results", "b/results"):
        (tmp_path / folder).mkdir(parents=True)
        Image.new("RGB", (8, 8), (200, 90, 30)).save(tmp_path / folder / "p.png")
    specs = ["nano", f"{tmp_path}/a/results", f"{tmp_path}/b/results/"]
    rows = make_rows(specs, [0.0, None])
    assert [row.name for row in rows[:2]] == ["gray", "mean color"]
    assert [row.name for row in rows[2:]][::3] == ["nano, vividness 0", "results (2)"]
    assert len({row.name for row in rows}) == 6
    assert rows[-1].predict_ab(np.zeros((4, 4), np.float32), "p.jpg").shape == (4, 4, 2)
    assert rows[-1].parameters is None


def test_an_adapter_and_a_preset_are_rows(tmp_path, gray):
    onnx = pytest.importorskip("onnx")
    helper, float_ = onnx.helper, onnx.TensorProto.FLOAT
    graph = helper.make_graph(
        [helper.make_node("Slice", ["x", "start", "end", "axis"], ["y"])],
        "first-two-channels",
        [helper.make_tensor_value_info("x", float_, [1, 3, 64, 64])],
        [helper.make_tensor_value_info("y", float_, [1, 2, 64, 64])],
        [
            helper.make_tensor(name, onnx.TensorProto.INT64, [1], [value])
            for name, value in (("start", 0), ("end", 2), ("axis", 1))
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, tmp_path / "peer.onnx")
    text = (
        'name = "mine"\nmodel = "peer.onnx"\n[input]\nkind = "rgb"\n[output]\nkind = "ab"\nstd = 30'
    )
    (tmp_path / "peer.toml").write_text(text)
    specs = [str(tmp_path / "peer.toml"), f"ddcolor={tmp_path}/peer.onnx"]
    *_, mine, ddcolor = make_rows(specs, [None])
    assert (mine.name, ddcolor.name) == ("mine", "ddcolor")
    lightness = color.luma_to_lightness(gray / np.float32(255))
    np.testing.assert_allclose(
        mine.predict_ab(lightness, "p"), 30 * ddcolor.predict_ab(lightness, "p"), rtol=1e-4
    )
    rgb = mine.colorize(gray, "p")
    assert rgb.shape == (*gray.shape, 3)
    assert luma_error(rgb, gray) <= 1.01


@pytest.mark.train
@pytest.mark.parametrize("spec", ["paper={}", "{}"])
def test_the_paper_row_answers_in_cie_units(data_root, gray, spec):
    pytest.importorskip("torch")
    weights = data_root / "seed" / "published-weights.npz"
    row = make_rows([spec.format(weights)], [None])[-1]
    assert row.name == "paper"
    assert row.parameters == 297_210
    assert row.mmac == pytest.approx(1704, abs=1)
    ab = row.predict_ab(np.full((64, 72), 60, np.float32), "p")
    assert ab.shape == (64, 72, 2)
    assert 0.5 < np.abs(ab).max() < 110
    rgb = row.colorize(gray, "p")
    assert rgb.shape == (*gray.shape, 3)
    assert luma_error(rgb, gray) <= 1.01


@pytest.mark.train
def test_a_bare_file_is_recognized_by_its_contents(tmp_path):
    torch = pytest.importorskip("torch")
    from tinct.lab.networks import build

    torch.save(build("eccv16").state_dict(), tmp_path / "any-name.pth")
    row = make_rows([str(tmp_path / "any-name.pth")], [None])[-1]
    assert (row.name, row.parameters, row.is_peer) == ("eccv16", 32_236_011, True)
    assert row.mmac == pytest.approx(41_775, abs=1)
    torch.save({"weight": torch.zeros(3)}, tmp_path / "other.pth")
    message = r"other\.pth: weights of none of the networks known here: paper, eccv16"
    with pytest.raises(ModelError, match=message):
        make_rows([str(tmp_path / "other.pth")], [None])
    with pytest.raises(ModelError, match=r"any-name\.pth: not weights of SIGGRAPH17: lacks "):
        published_row(str(tmp_path / "any-name.pth"), "siggraph17")
