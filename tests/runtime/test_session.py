"""Model files and devices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from tinct.errors import DeviceError, ModelError, OptionError
from tinct.runtime import DEVICES, Session, model_names, model_path


@pytest.fixture(scope="module")
def session() -> Session:
    return Session(threads=1)


def test_the_package_brings_nano() -> None:
    assert "nano" in model_names()
    assert model_path("nano").stat().st_size <= 1_300_000


def test_the_spec_tells_the_contract(session: Session) -> None:
    assert session.spec.name == "nano"
    assert session.spec.parameters <= 300_000
    assert session.spec.provenance["photographs_seen"] > 0


@pytest.mark.parametrize("shape", [(1, 32, 32), (2, 64, 96), (5, 256, 32)])
def test_any_batch_and_multiple_of_32(
    session: Session, rng: np.random.Generator, shape: tuple[int, int, int]
) -> None:
    batch, height, width = shape
    lightness = rng.random((batch, 1, height, width), np.float32) * 100
    ab, confidence = session.run(lightness, 0.5)
    assert ab.shape == (batch, 2, height // 4, width // 4)
    assert confidence.shape == (batch, 1, height // 4, width // 4)
    assert np.abs(ab).max() < 130
    assert confidence.min() >= 0
    assert confidence.max() <= 1
    alone, _ = session.run(lightness[:1], 0.5)
    np.testing.assert_allclose(alone, ab[:1], atol=1e-3)


def test_missing_model() -> None:
    with pytest.raises(ModelError, match=r"nothing: no such model; in the package are: .*nano"):
        Session("nothing")


def test_files_that_are_no_models(tmp_path: Path) -> None:
    path = tmp_path / "model.onnx"
    path.write_bytes(b"this is not a graph")
    with pytest.raises(ModelError, match="not a model that ONNX Runtime can load"):
        Session(path)


def test_an_onnx_file_of_somebody_else(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx")
    value = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
    other = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Relu", ["x"], ["y"])], "g", [value], [other]
    )
    model = onnx.helper.make_model(
        graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=10
    )
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(ModelError, match="not a tinct model"):
        Session(tmp_path / "other.onnx")


def test_unknown_device() -> None:
    with pytest.raises(OptionError, match="unknown device 'tpu'; known are auto, cpu"):
        Session(device="tpu")


def test_devices_that_are_not_here() -> None:
    have = onnxruntime.get_available_providers()
    absent = [
        name
        for name in DEVICES
        if name not in ("auto", "cpu") and not any(name in item.lower() for item in have)
    ]
    assert absent
    for name in absent:
        with pytest.raises(DeviceError, match=f"device '{name}' is not available here .found: cpu"):
            Session(device=name)
