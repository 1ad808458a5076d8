"""Model files and devices."""

from __future__ import annotations

import pickle
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest

from tinct.cores import count_cores
from tinct.errors import DeviceError, ModelError, OptionError
from tinct.runtime import DEVICES, Session, model_names, model_path
from tinct.runtime.engines import available_devices, load_engine


@pytest.fixture(scope="module")
def session() -> Session:
    return Session("nano", threads=1)


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


def test_a_checkpoint_is_no_model_and_not_each_becomes_one() -> None:
    with pytest.raises(ModelError) as caught:
        Session("runs/paper/best.safetensors")
    assert str(caught.value) == (
        "runs/paper/best.safetensors: a checkpoint of training, not a model: "
        "see tinct lab export --help"
    )


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


def test_no_threads() -> None:
    with pytest.raises(OptionError, match="threads must be at least 1, not 0"):
        Session(threads=0)


@pytest.mark.parametrize(("threads", "used"), [(None, count_cores()), (1, 1), (3, 3)])
def test_threads_are_the_cores_and_none_spins(threads: int | None, used: int) -> None:
    engine = load_engine(model_path("nano"), "cpu", threads)
    options = engine._session.get_session_options()  # type: ignore[attr-defined]
    assert options.intra_op_num_threads == used
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_a_session_can_be_pickled_and_finds_its_file_from_anywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(model_path("nano"), tmp_path / "mine.onnx")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    data = pickle.dumps(Session("mine.onnx", device="cpu", threads=3))
    monkeypatch.chdir(tmp_path / "elsewhere")
    again = pickle.loads(data)
    assert (again.device, again.spec.name) == ("cpu", "nano")
    options = again._engine._session.get_session_options()
    assert options.intra_op_num_threads == 3
    (tmp_path / "mine.onnx").unlink()
    with pytest.raises(ModelError, match=r"mine\.onnx: no such model"):
        pickle.loads(data)


def test_any_graph_runs_by_its_names() -> None:
    engine = load_engine(model_path("nano"), "cpu", 1)
    assert engine.device == "cpu"
    assert set(engine.outputs) == {"ab", "confidence", "features", "scores"}
    assert "tinct" in engine.metadata
    feed = {
        "lightness": np.full((1, 1, 32, 32), 50, np.float32),
        "vividness": np.zeros(1, np.float32),
    }
    names = ("confidence", "ab")
    answer = dict(zip(names, engine.run(feed, names), strict=True))
    assert answer["ab"].shape == (1, 2, 8, 8)


@pytest.fixture(scope="module")
def openvino() -> Session:
    pytest.importorskip("openvino")
    return Session("nano", device="openvino", threads=1)


def test_openvino_answers_as_onnx_runtime(
    openvino: Session, session: Session, rng: np.random.Generator
) -> None:
    assert openvino.device == "openvino"
    assert openvino.spec == session.spec
    for shape in ((1, 1, 32, 32), (2, 1, 64, 96)):
        lightness = rng.random(shape, np.float32) * 100
        for vividness in (0.0, 1.0):
            wanted = session.run(lightness, vividness)
            for ours, theirs in zip(openvino.run(lightness, vividness), wanted, strict=True):
                np.testing.assert_allclose(ours, theirs, atol=2e-3)


def test_openvino_in_several_threads(openvino: Session, rng: np.random.Generator) -> None:
    pictures = rng.random((4, 1, 1, 32, 64), np.float32) * 100
    wanted = [openvino.run(picture, 0.5)[0].copy() for picture in pictures]
    wrong: list[int] = []

    def work(index: int) -> None:
        for _ in range(20):
            if not np.array_equal(openvino.run(pictures[index], 0.5)[0], wanted[index]):
                wrong.append(index)

    threads = [threading.Thread(target=work, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_openvino_and_files_that_are_no_models(tmp_path: Path) -> None:
    pytest.importorskip("openvino")
    path = tmp_path / "model.onnx"
    path.write_bytes(b"this is not a graph")
    with pytest.raises(ModelError, match="not a model that OpenVINO can load"):
        Session(path, device="openvino")


def test_unknown_device() -> None:
    with pytest.raises(OptionError, match="unknown device 'tpu'; known are auto, cpu"):
        Session(device="tpu")


def test_devices_that_are_not_here() -> None:
    absent = [name for name in DEVICES if name not in ("auto", *available_devices())]
    assert absent
    for name in absent:
        with pytest.raises(DeviceError, match=f"device '{name}' is not available here .found: cpu"):
            Session(device=name)
