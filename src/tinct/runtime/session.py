"""Model files: found by name or path, and loaded on the device that was asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.errors import ModelError
from tinct.runtime.engines import DEVICES, load_engine
from tinct.spec import (
    HINTS_ENDING,
    METADATA_KEY,
    MODEL_FOLDER,
    PHOTOGRAPH_MODEL,
    ModelSpec,
)

__all__ = [
    "DEVICES",
    "Encoded",
    "Session",
    "hints_path",
    "model_names",
    "model_path",
]


def model_names() -> list[str]:
    """Return the names of the models inside the package."""
    names = (path.stem for path in MODEL_FOLDER.glob("*.onnx"))
    return sorted(name for name in names if not name.endswith(HINTS_ENDING))


def model_path(model: str | Path) -> Path:
    """Return the file of a model.

    Args:
        model: Name of a model inside the package, or path of an ONNX file.

    Raises:
        ModelError: There is no such model.
    """
    if isinstance(model, str) and model in model_names():
        return MODEL_FOLDER / f"{model}.onnx"
    path = Path(model)
    if path.suffix == ".safetensors":
        raise ModelError(
            f"{path}: a checkpoint of training, not a model: see tinct lab export --help"
        )
    if path.is_file():
        return path
    names = ", ".join(model_names())
    raise ModelError(f"{model}: no such model; in the package are: {names}; or name an ONNX file")


def hints_path(model: Path) -> Path:
    """Return where the branch for hints of a model file lies: beside it, ``NAME-hints.onnx``.

    That of OpenVINO's files, which end in ``.xml``, ends in ``.xml`` as well.
    """
    suffix = model.suffix if model.suffix == ".xml" else ".onnx"
    return model.with_name(f"{model.stem}{HINTS_ENDING}{suffix}")


@dataclass(frozen=True)
class Encoded:
    """All that a network knows of one picture.

    ``ab`` (2, h, w) in CIE units and ``confidence`` (h, w), 0..1, are its answer; ``features``
    (C, h, w) and ``scores`` (Q, h, w) are what hints and suggestions are made from.
    """

    ab: NDArray[np.float32]
    confidence: NDArray[np.float32]
    features: NDArray[np.float32]
    scores: NDArray[np.float32]


class Session:
    """A loaded model; safe to use from several threads at once.

    Attributes:
        path: Of the model file.
        spec: What the model file says about itself.
        device: The device it runs on, one of ``DEVICES`` without ``auto``.
    """

    def __init__(
        self,
        model: str | Path = PHOTOGRAPH_MODEL,
        *,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        """Load a model.

        Args:
            model: Name of a model inside the package, or path of an ONNX file.
            device: One of ``DEVICES``.
            threads: Processor threads of the network; None is one for each physical core that this
                process may use.

        Raises:
            ModelError: There is no such model, or the file is not one of tinct's.
            DeviceError: This installation does not have the device.
            OptionError: The device is unknown, or the threads are fewer than one.
        """
        path = model_path(model)
        self.path = path.absolute()
        self._load_again = partial(Session, self.path, device=device, threads=threads)
        self._engine = load_engine(path, device, threads)
        self.device = self._engine.device
        text = self._engine.metadata.get(METADATA_KEY)
        if text is None:
            raise ModelError(f"{path}: an ONNX file, but not a tinct model")
        self.spec = ModelSpec.from_json(text, str(path))

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle what it was made from: the copy loads the model file again."""
        return self._load_again, ()

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
        level = np.array([vividness], np.float32)
        feed = {"lightness": lightness, "vividness": level}
        ab, confidence = self._engine.run(feed, ("ab", "confidence"))
        return ab, confidence

    def encode(self, lightness: NDArray[np.float32], vividness: float) -> Encoded:
        """Run the network on one picture, and keep what it saw.

        Args:
            lightness: L* (1, 1, H, W) float32, 0..100; H and W multiples of ``spec.multiple``.
            vividness: 0..1.

        Raises:
            ModelError: The model file is one of an older version, which does not tell.
        """
        names = ("ab", "confidence", "features", "scores")
        if not set(names) <= set(self._engine.outputs):
            raise ModelError(f"{self.path}: made by an older version of tinct: it takes no hints")
        level = np.array([vividness], np.float32)
        answer = self._engine.run({"lightness": lightness, "vividness": level}, names)
        ab, confidence, features, scores = (array[0] for array in answer)
        return Encoded(ab, confidence[0], features, scores)
