"""Model files in fewer bits."""

from __future__ import annotations

import numpy as np
import pytest

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")

from tinct.errors import ModelError, OptionError
from tinct.lab.metrics.cost import count
from tinct.lab.train.precision import convert_model, to_precision
from tinct.runtime import Session, model_path

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def whole():
    return model_path("nano")


@pytest.fixture(scope="module")
def photographs():
    """Smooth lightness with grain, (8, 1, 1, 64, 96)."""
    rng = np.random.default_rng(0)
    coarse = rng.uniform(0, 100, (8, 1, 1, 8, 12)).astype(np.float32)
    return (
        (coarse.repeat(8, -1).repeat(8, -2) + rng.normal(0, 2, (8, 1, 1, 64, 96)))
        .clip(0, 100)
        .astype(np.float32)
    )


def difference(path, whole, lightness):
    """Return the mean distance of ab in CIE units, and that of gray for scale."""
    wanted, _ = Session(whole, device="cpu", threads=1).run(lightness, 0.5)
    found, confidence = Session(path, device="cpu", threads=1).run(lightness, 0.5)
    assert np.isfinite(confidence).all()
    return np.abs(found - wanted).mean(), np.abs(wanted).mean()


@pytest.mark.parametrize(
    ("precision", "most_bytes", "most_error"),
    [("fp16", 700_000, 0.1), ("fp16-weights", 700_000, 0.05), ("int8", 600_000, 2.0)],
)
def test_files_are_smaller_and_answer_nearly_the_same(
    whole, photographs, tmp_path, precision, most_bytes, most_error
):
    output = tmp_path / "small.onnx"
    spec = convert_model(whole, output, precision, photographs)
    assert output.stat().st_size < most_bytes
    assert spec.provenance["precision"] == precision
    assert spec.parameters == Session(whole, device="cpu").spec.parameters
    assert Session(output, device="cpu").spec == spec
    error, size = difference(output, whole, photographs[0])
    assert 0 < error < most_error
    assert error < size / 3
    assert count(output).mmac == pytest.approx(count(whole).mmac)


def test_extreme_vividness_overflows_nothing(whole, tmp_path):
    convert_model(whole, tmp_path / "half.onnx", "fp16")
    session = Session(tmp_path / "half.onnx", device="cpu", threads=1)
    for value in (0.0, 50.0, 100.0):
        for vividness in (0.0, 1.0):
            ab, _ = session.run(np.full((1, 1, 32, 32), value, np.float32), vividness)
            assert np.isfinite(ab).all()


def test_integers_need_photographs(whole):
    with pytest.raises(OptionError, match="int8 needs photographs"):
        to_precision(whole.read_bytes(), "int8", [])


def test_only_whole_models_are_converted(whole, tmp_path):
    half = to_precision(whole.read_bytes(), "fp16-weights")
    with pytest.raises(ModelError, match="is in fp16-weights already"):
        to_precision(half, "fp16")
    with pytest.raises(ModelError, match="not an ONNX file"):
        to_precision(b"\xff" * 100, "fp16")
    with pytest.raises(ModelError, match=r"none\.onnx: No such file"):
        convert_model(tmp_path / "none.onnx", tmp_path / "x.onnx", "fp16")
