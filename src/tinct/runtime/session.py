"""A model file loaded on the device that was asked for."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.errors import ModelError
from tinct.runtime.engines import DEVICES, load_engine
from tinct.runtime.models import model_path
from tinct.spec import METADATA_KEY, PHOTOGRAPH_MODEL, ModelSpec

__all__ = ["DEVICES", "Session"]


class Session:
    """A loaded model; safe to use from several threads at once.

    Attributes:
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
        self._load_again = partial(Session, path.absolute(), device=device, threads=threads)
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
        answer = self._engine.run({"lightness": lightness, "vividness": level})
        named = dict(zip(self._engine.outputs, answer, strict=True))
        return named["ab"], named["confidence"]
