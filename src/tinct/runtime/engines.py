"""What runs a graph: ONNX Runtime on one of its devices, or OpenVINO, behind one interface."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from tinct.cores import count_cores
from tinct.errors import DeviceError, ModelError, OptionError, install_command
from tinct.signals import STOPPING, withheld

with withheld(STOPPING):  # they would become errors of the import
    import onnxruntime

_OPENVINO = "openvino"
_PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
_PACKAGES = {
    "cuda": "onnxruntime-gpu",
    "tensorrt": "onnxruntime-gpu",
    _OPENVINO: f"{_OPENVINO}: {install_command(_OPENVINO)}",
    "coreml": "onnxruntime on macOS",
    "directml": "onnxruntime-directml",
}
DEVICES = ("auto", *_PROVIDERS, _OPENVINO)
"""What ``device`` may be; ``auto`` takes CUDA, CoreML or DirectML where found, else the CPU."""

_AUTOMATIC = ("cuda", "coreml", "directml")
_LOG_ERRORS = 3

Arrays = dict[str, NDArray[Any]]


class Engine(Protocol):
    """A graph that is ready to run; safe to use from several threads at once."""

    device: str  # one of DEVICES without "auto"
    outputs: tuple[str, ...]  # their names, in the order of the graph
    metadata: dict[str, str]  # that the file carries

    def run(self, feed: Arrays, outputs: Sequence[str]) -> list[NDArray[Any]]:
        """Run the graph on its inputs by name; return these of its outputs."""
        ...


def load_engine(path: str | Path, device: str = "auto", threads: int | None = None) -> Engine:
    """Load an ONNX file on a device.

    Args:
        path: The file.
        device: One of ``DEVICES``; ``auto`` is OpenVINO for files in its own format (``.xml``).
        threads: Processor threads; None is one for each physical core that this process may use.
            Those of ONNX Runtime are for each call, those of OpenVINO for all calls at a time.

    Raises:
        ModelError: The file cannot be loaded.
        DeviceError: This installation does not have the device.
        OptionError: The device is unknown, or the threads are fewer than one.
    """
    if threads is not None and threads < 1:
        raise OptionError(f"threads must be at least 1, not {threads}")
    is_openvino = Path(path).suffix == ".xml"  # in its own format: nothing else reads it
    chosen = _choose_device(_OPENVINO if is_openvino and device == "auto" else device)
    if is_openvino and chosen != _OPENVINO:
        raise ModelError(f"{path}: OpenVINO's format, which device {device!r} does not read")
    if chosen == _OPENVINO:
        return _OpenVino(path, threads)
    return _OnnxRuntime(path, chosen, threads)


def available_devices() -> list[str]:
    """Return the devices that this installation has, ``cpu`` first."""
    providers = set(onnxruntime.get_available_providers())
    found = [name for name, provider in _PROVIDERS.items() if provider in providers]
    return found + ([_OPENVINO] if find_spec("openvino") else [])


def _choose_device(device: str) -> str:
    if device not in DEVICES:
        raise OptionError(f"unknown device {device!r}; known are {', '.join(DEVICES)}")
    available = available_devices()
    if device == "auto":
        return next((name for name in _AUTOMATIC if name in available), "cpu")
    if device not in available:
        here = ", ".join(available)
        raise DeviceError(
            f"device {device!r} is not available here (found: {here}); it needs {_PACKAGES[device]}"
        )
    return device


class _OnnxRuntime:
    """A graph in ONNX Runtime."""

    def __init__(self, path: str | Path, device: str, threads: int | None) -> None:
        options = onnxruntime.SessionOptions()
        options.log_severity_level = _LOG_ERRORS
        options.intra_op_num_threads = count_cores() if threads is None else threads
        # Threads that wait for the next run would otherwise spin, on processors that decode and
        # compose meanwhile.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        providers = list(dict.fromkeys((_PROVIDERS[device], _PROVIDERS["cpu"])))
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=providers)
        except Exception as error:  # the runtime raises bare exceptions of its own
            raise ModelError(f"{path}: not a model that ONNX Runtime can load") from error
        if providers[0] not in self._session.get_providers():
            raise DeviceError(f"device {device!r} was found but could not be started")
        self.device = device
        self.outputs = tuple(output.name for output in self._session.get_outputs())
        self.metadata: dict[str, str] = self._session.get_modelmeta().custom_metadata_map

    def run(self, feed: Arrays, outputs: Sequence[str]) -> list[NDArray[Any]]:
        answer: list[NDArray[Any]] = self._session.run(list(outputs), feed)
        return answer


class _OpenVino:
    """A graph in OpenVINO, on the processor."""

    device = _OPENVINO

    def __init__(self, path: str | Path, threads: int | None) -> None:
        import openvino

        # Left alone, it computes in bfloat16 where the processor can: not the colors promised.
        config: dict[str, Any] = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_PRECISION_HINT": "f32"}
        config["INFERENCE_NUM_THREADS"] = count_cores() if threads is None else threads
        core = openvino.Core()
        try:
            model = core.read_model(path)
            self._compiled = core.compile_model(model, "CPU", config)
        except Exception as error:  # the library raises RuntimeError for everything
            raise ModelError(f"{path}: not a model that OpenVINO can load") from error
        self.outputs = tuple(output.any_name for output in model.outputs)
        info = model.get_rt_info(["framework"]).value if model.has_rt_info(["framework"]) else {}
        self.metadata = {key: str(value) for key, value in info.items()}
        self._local = threading.local()  # a request serves one thread at a time

    def run(self, feed: Arrays, outputs: Sequence[str]) -> list[NDArray[Any]]:
        if not hasattr(self._local, "request"):
            self._local.request = self._compiled.create_infer_request()
        answer = self._local.request.infer(feed)
        return [answer[self.outputs.index(name)] for name in outputs]
