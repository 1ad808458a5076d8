"""The branch for hints of a model: found beside it, and run behind it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tinct.errors import ModelError
from tinct.runtime.engines import load_engine
from tinct.runtime.session import Session, hints_path
from tinct.runtime.similarity import halved
from tinct.spec import HINTS_KEY, HintSpec


@dataclass(frozen=True)
class Description:
    """All that a network and its branch for hints know of one picture.

    ``ab`` (2, h, w) in CIE units, ``confidence`` (h, w), 0..1, and ``scores`` (Q, h, w) are of the
    network; ``keys`` (H, D, h, w) and ``strengths`` (H, h, w), above 0, of the heads of the branch,
    for which h and w may be halves.
    """

    ab: NDArray[np.float32]
    confidence: NDArray[np.float32]
    scores: NDArray[np.float32]
    keys: NDArray[np.float32]
    strengths: NDArray[np.float32]


class HintSession:
    """The branch for hints of a loaded model; safe to use from several threads at once.

    Attributes:
        spec: What its file says about itself.
    """

    def __init__(self, model: Session, threads: int | None = None) -> None:
        """Load the file beside that of the model.

        Args:
            model: As it is loaded.
            threads: Processor threads; None is one for each physical core that this process may
                use.

        Raises:
            ModelError: There is none, or it belongs to other weights.
        """
        self._model = model
        path = hints_path(model.path)
        if not path.is_file():
            raise ModelError(f"{model.path}: takes no hints: {path.name} is not beside it")
        self._engine = load_engine(path, model.device, threads)
        text = self._engine.metadata.get(HINTS_KEY)
        if text is None:
            raise ModelError(f"{path}: an ONNX file, but not a branch for hints")
        self.spec = HintSpec.from_json(text, str(path))
        if self.spec.weights != model.spec.weights:
            raise ModelError(f"{path}: trained behind other weights than those of {model.path}")

    def describe(
        self, lightness: NDArray[np.float32], vividness: float, *, coarse: bool = False
    ) -> Description:
        """Run the model and the branch on one picture.

        Args:
            lightness: L* (1, 1, H, W) float32, 0..100; H and W multiples of the model's.
            vividness: 0..1.
            coarse: Describe places of two by two cells.

        Raises:
            ModelError: The model is of an older version, or answers NaN or infinity.
        """
        encoded = self._model.encode(lightness, vividness)
        if not (np.isfinite(encoded.ab).all() and np.isfinite(encoded.confidence).all()):
            raise ModelError(f"{self._model.spec.name}: the model answers NaN or infinity")
        features = encoded.features
        if coarse:
            features, lightness = halved(features), halved(lightness)
        feed = {"features": features[None], "lightness": lightness}
        keys, strengths = self._engine.run(feed, ("keys", "strengths"))
        heads, (height, width) = strengths.shape[1], strengths.shape[2:]
        return Description(
            encoded.ab,
            encoded.confidence,
            encoded.scores,
            keys.reshape(heads, -1, height, width),
            strengths[0],
        )
