"""A model file loaded into ONNX Runtime, on the device that was asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tinct.errors import DeviceError, ModelError, OptionError
from tinct.runtime.weights import model_path
from tinct.spec import METADATA_KEY, ModelSpec

_PROVIDERS = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
    "coreml": "CoreMLExecutionProvider",
    "directml": "DmlExecutionProvider",
}
_PACKAGES = {
    "cuda": "onnxruntime-gpu",
    "tensorrt": "onnxruntime-gpu",
    "openvino": "onnxruntime-openvino",
    "coreml": "onnxruntime on macOS",
    "directml": "onnxruntime-directml",
}
DEVICES = ("auto", *_PROVIDERS)
"""What ``device`` may be; ``auto`` takes CUDA, CoreML or DirectML where found, else the CPU."""

_AUTOMATIC = ("cuda", "coreml", "directml")
_LOG_ERRORS = 3


class Session:
    """A loaded model; safe to use from several threads at once.

    Attributes:
        spec: What the model file says about itself.
        device: The device it runs on, one of ``DEVICES`` without ``auto``.
    """

    def __init__(
        self, model: str | Path = "nano", *, device: str = "auto", threads: int | None = None
    ) -> None:
        """Load a model.

        Args:
            model: Name of a model inside the package, or path of an ONNX file.
            device: One of ``DEVICES``.
            threads: Processor threads of the network; all cores when None.

        Raises:
            ModelError: There is no such model, or the file is not one of tinct's.
            DeviceError: This installation does not have the device.
            OptionError: The device is unknown, or the threads are fewer than one.
        """
        path = model_path(model)
        options = _session_options(threads)
        self.device = _choose_device(device)
        providers = [_PROVIDERS[self.device]]
        if self.device != "cpu":
            providers.append(_PROVIDERS["cpu"])
        try:
            self._session = onnxruntime.InferenceSession(path, options, providers=providers)
        except Exception as error:  # the runtime raises bare exceptions of its own
            raise ModelError(f"{path}: not a model that ONNX Runtime can load") from error
        if _PROVIDERS[self.device] not in self._session.get_providers():
            raise DeviceError(f"device {device!r} was found but could not be started")
        text = self._session.get_modelmeta().custom_metadata_map.get(METADATA_KEY)
        if text is None:
            raise ModelError(f"{path}: an ONNX file, but not a tinct model")
        self.spec = ModelSpec.from_json(text, str(path))

    def run(
        self, lightness: NDArray[np.float32], vividness: float
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run the network.

        Args:
            lightness: L* (N, 1, H, W) float32, 0..100; H and W multiples of ``spec.multiple``.
            vividness: 0..1.

        Returns:
            ab (N, 2, H/stride, W/stride) in CIE units, and the confidence (N, 1, H/stride,
            W/stride), 0..1.
        """
        feed: dict[str, Any] = {
            "lightness": lightness,
            "vividness": np.array([vividness], np.float32),
        }
        ab, confidence = self._session.run(["ab", "confidence"], feed)
        return ab, confidence


def _choose_device(device: str) -> str:
    if device not in DEVICES:
        raise OptionError(f"unknown device {device!r}; known are {', '.join(DEVICES)}")
    available = set(onnxruntime.get_available_providers())
    if device == "auto":
        return next((name for name in _AUTOMATIC if _PROVIDERS[name] in available), "cpu")
    if _PROVIDERS[device] not in available:
        here = ", ".join(name for name, provider in _PROVIDERS.items() if provider in available)
        raise DeviceError(
            f"device {device!r} is not available here (found: {here}); it needs {_PACKAGES[device]}"
        )
    return device


def _session_options(threads: int | None) -> onnxruntime.SessionOptions:
    if threads is not None and threads < 1:
        raise OptionError(f"threads must be at least 1, not {threads}")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _LOG_ERRORS
    if threads is not None:
        options.intra_op_num_threads = threads
    return options
