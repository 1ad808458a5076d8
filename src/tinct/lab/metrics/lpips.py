"""LPIPS of pictures, as published numbers have it: on AlexNet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from tinct.errors import MetricError
from tinct.lab.networks.lpips import ALEXNET, load_lpips

if TYPE_CHECKING:
    from numpy.typing import NDArray

SMALLEST_SIDE = 32  # below, AlexNet's last maps are empty


class LpipsMeter:
    """LPIPS of NumPy pictures."""

    def __init__(self) -> None:
        """Load the weights.

        Raises:
            MissingExtraError: The package with the weights is not installed.
            ModelError: It holds other weights than expected.
        """
        self._network = load_lpips(ALEXNET)

    def features(self, rgb: NDArray[np.float32]) -> list[Tensor]:
        """Return the features of one picture, (H, W, 3) in 0..1, to compare others with.

        Raises:
            MetricError: The picture is smaller than 32 pixels in a direction.
        """
        if min(rgb.shape[:2]) < SMALLEST_SIDE:
            raise MetricError(f"LPIPS needs 32x32 pixels or more, not {rgb.shape[:2]}")
        batch = torch.from_numpy(np.ascontiguousarray(rgb.transpose(2, 0, 1)))[None]
        with torch.inference_mode():
            return self._network.features(batch.float())

    def distance(self, predicted_rgb: NDArray[np.float32], true_features: list[Tensor]) -> float:
        """Return the distance of a picture, (H, W, 3) in 0..1, from one given by its features."""
        with torch.inference_mode():
            return float(self._network.distance(self.features(predicted_rgb), true_features))
