from __future__ import annotations

import numpy as np
import pytest

from tinct import color
from tinct.errors import ModelError, OptionError
from tinct.evaluate.rows import gray_row, mean_row, model_rows, paper_row
from tinct.evaluate.statistics import shipped_statistics


@pytest.fixture
def gray():
    """A grey photograph of an odd size."""
    y, x = np.mgrid[:75, :101] / 75
    return np.rint(127 + 120 * np.sin(5 * x) * np.cos(7 * y)).astype(np.uint8)


@pytest.fixture(scope="module")
def nano_rows():
    return model_rows("nano", [0.0, None, 1.0])


def luma_error(rgb, gray):
    return np.abs(255 * color.rgb_to_luma(rgb / 255) - gray).max()


def test_grey_stays_grey(gray):
    row = gray_row()
    np.testing.assert_array_equal(row.colorize(gray), np.stack([gray] * 3, axis=-1))
    assert not row.predict_ab(np.full((8, 9), 50, np.float32)).any()


def test_mean_colour_depends_on_lightness_alone(gray):
    statistics = shipped_statistics()
    row = mean_row(statistics)
    answer = row.predict_ab(np.array([[20.0, 70.0]], np.float32))
    np.testing.assert_allclose(answer[0], statistics.mean_ab[[20, 70]], rtol=1e-5)
    rgb = row.colorize(gray)
    assert rgb.shape == (*gray.shape, 3)
    assert rgb.dtype == np.uint8
    assert np.ptp(rgb.astype(int), axis=-1).mean() > 5


def test_rows_keep_luma_in_the_product_protocol(gray, nano_rows):
    for row in (mean_row(shipped_statistics()), *nano_rows):
        assert luma_error(row.colorize(gray), gray) <= 1.01


def test_a_model_has_one_row_for_each_vividness(nano_rows):
    names = [row.name for row in nano_rows]
    assert names[0] == "nano, vividness 0"
    assert names[1].endswith(" (default)")
    assert names[2] == "nano, vividness 1"


def test_a_model_answers_at_full_size_and_more_vividly(nano_rows):
    lightness = np.linspace(0, 100, 64 * 96, dtype=np.float32).reshape(64, 96)
    dull, _, vivid = (row.predict_ab(lightness) for row in nano_rows)
    assert dull.shape == vivid.shape == (64, 96, 2)
    assert np.hypot(*np.moveaxis(vivid, -1, 0)).mean() > np.hypot(*np.moveaxis(dull, -1, 0)).mean()


def test_unknown_models_and_vividness_are_refused():
    with pytest.raises(ModelError, match="no-such-model"):
        model_rows("no-such-model", [None])
    with pytest.raises(OptionError, match="vividness"):
        model_rows("nano", [2.0])


@pytest.mark.train
def test_the_paper_row_answers_in_cie_units(data_root, gray):
    pytest.importorskip("torch")
    row = paper_row(data_root / "seed" / "published-weights.npz")
    ab = row.predict_ab(np.full((64, 72), 60, np.float32))
    assert ab.shape == (64, 72, 2)
    assert 0.5 < np.abs(ab).max() < 110
    rgb = row.colorize(gray)
    assert rgb.shape == (*gray.shape, 3)
    assert luma_error(rgb, gray) <= 1.01
