"""Colors with any ONNX file that an adapter describes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from tinct import color
from tinct.color import Planes
from tinct.errors import ModelError
from tinct.lab.peers.adapter import INPUT_CHANNELS, OUTPUT_CHANNELS, Adapter, Input
from tinct.lab.peers.resize import resize, working_size

TENSOR_TYPES = {"tensor(float)": np.float32, "tensor(float16)": np.float16}
LOG_FATAL = 4  # what fails is reported as an error of ours


class OnnxFile:
    """An ONNX file, loaded; may be used from several threads."""

    def __init__(self, adapter: Adapter) -> None:
        """Load the file that an adapter names.

        Raises:
            ModelError: It cannot be loaded, or its input is not the one described.
        """
        self.adapter = adapter
        path = Path(adapter.model)
        if not path.is_file():
            raise ModelError(f"{path}: no such file")
        options = onnxruntime.SessionOptions()
        options.log_severity_level = LOG_FATAL
        options.intra_op_num_threads = 1  # photographs are worked on side by side
        try:
            self._session = onnxruntime.InferenceSession(
                path, options, providers=["CPUExecutionProvider"]
            )
        except Exception as error:  # the runtime raises bare exceptions of its own
            raise ModelError(f"{path}: not a model that ONNX Runtime can load") from error
        inputs = self._session.get_inputs()
        if len(inputs) != 1:
            names = ", ".join(entry.name for entry in inputs)
            raise ModelError(f"{path}: has {len(inputs)} inputs ({names}), not one")
        self._name = inputs[0].name
        if inputs[0].type not in TENSOR_TYPES:
            raise ModelError(f"{path}: takes {inputs[0].type}, not {' or '.join(TENSOR_TYPES)}")
        self._dtype = TENSOR_TYPES[inputs[0].type]
        self._graph_size = _graph_size(path, inputs[0].shape, adapter.input)

    def predict_ab(self, lightness: Planes) -> Planes:
        """Color a picture.

        Args:
            lightness: L* (H, W), 0..100, of any size.

        Returns:
            ab (H, W, 2) in CIE units, enlarged bilinearly.

        Raises:
            ModelError: The graph fails, or answers something else than was described.
        """
        small = resize(lightness, self._size_for(*lightness.shape))
        values = self._decode(self._run(self._encode(small)))  # (h, w, C)
        size = values.shape[:2]
        match self.adapter.output.kind:
            case "ab":
                ab = values
            case "lab":
                ab = values[..., 1:]
            case "rgb":
                ab = color.rgb_to_lab(values.clip(0, 1))[..., 1:]
            case "cbcr":
                luma = color.lightness_to_luma(resize(lightness, size))
                ab = color.rgb_to_lab(color.luma_chroma_to_rgb(luma, values).clip(0, 1))[..., 1:]
        return resize(ab, lightness.shape)

    def _size_for(self, height: int, width: int) -> tuple[int, int]:
        size = self.adapter.input.size
        if self._graph_size or size:
            return self._graph_size or (size, size)
        return working_size(height, width, self.adapter.input.multiple)

    def _encode(self, lightness: Planes) -> Planes:
        """Turn L* (h, w) into what the graph takes, (h, w, C)."""
        wanted = self.adapter.input
        is_lightness = wanted.kind == "lightness"
        value = lightness / np.float32(100) if is_lightness else color.lightness_to_luma(lightness)
        channels = np.repeat(value[..., None], INPUT_CHANNELS[wanted.kind], axis=-1)
        mean, std = np.asarray(wanted.mean, np.float32), np.asarray(wanted.std, np.float32)
        return (channels * np.float32(wanted.range) - mean) / std

    def _run(self, channels: Planes) -> NDArray[Any]:
        """Run the graph on (h, w, C); its first output is the answer."""
        is_nchw = self.adapter.input.layout == "NCHW"
        batch = (np.moveaxis(channels, -1, 0) if is_nchw else channels)[None]
        feed = {self._name: np.ascontiguousarray(batch, self._dtype)}
        try:
            answer: NDArray[Any] = self._session.run(None, feed)[0]
        except Exception as error:  # the runtime raises bare exceptions of its own
            reason = str(error).strip().splitlines()[-1]
            raise ModelError(f"{self.adapter.model}: fails on {batch.shape}: {reason}") from error
        return answer

    def _decode(self, answer: NDArray[Any]) -> Planes:
        """Turn the graph's answer into what its kind says, (h, w, C)."""
        given = self.adapter.output
        wanted, axis = OUTPUT_CHANNELS[given.kind], 1 if given.layout == "NCHW" else 3
        if answer.ndim != 4 or answer.shape[axis] != wanted:
            raise ModelError(
                f"{self.adapter.model}: answers {answer.shape}, "
                f"not {wanted} channels ({given.kind}) as {given.layout}"
            )
        values: Planes = np.moveaxis(answer[0], axis - 1, -1).astype(np.float32)
        mean, std = np.asarray(given.mean, np.float32), np.asarray(given.std, np.float32)
        return (values * std + mean) / np.float32(given.range)


def _graph_size(path: Path, shape: list[Any], wanted: Input) -> tuple[int, int] | None:
    """Return the height and width that a graph insists on; None if it takes any."""
    order = [0, 1, 2, 3] if wanted.layout == "NCHW" else [0, 3, 1, 2]
    if len(shape) != 4:
        raise ModelError(f"{path}: takes {len(shape)} axes, not 4 as {wanted.layout}")
    _, channels, *size = (shape[axis] for axis in order)
    expected = INPUT_CHANNELS[wanted.kind]
    if isinstance(channels, int) and channels != expected:
        raise ModelError(f"{path}: takes {channels} channels, not {expected} ({wanted.kind})")
    if not all(isinstance(side, int) for side in size):
        if not (wanted.size or wanted.multiple):
            raise ModelError(f"{path}: takes any size: its adapter lacks size or multiple")
        return None
    return size[0], size[1]
