"""``eccv16-keras``: the re-implementation of Colorful Image Colorization that the paper measured.

It differs from the published network (``eccv16``) in width, in how it doubles the size, and in
that the annealed mean is taken outside: a softmax at temperature 0.38 over 313 colors, enlarged
four times, bicubically. Padding and epsilon are TensorFlow's.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor, nn

from tinct.bins import grid_centers
from tinct.lab.networks.paper import NORM_EPS, NORM_MOMENTUM, SameConv2d
from tinct.lab.networks.weight_files import Arrays, load_weights

TEMPERATURE = 0.38
LIGHTNESS_SCALE = 100.0  # network input = L* / 100

# Our name of a tensor, and Keras' name of it in a convolution or in a batch norm.
CONV_VARIABLES = {"weight": "kernel", "bias": "bias"}
NORM_VARIABLES = {
    "weight": "gamma",
    "bias": "beta",
    "running_mean": "moving_mean",
    "running_var": "moving_variance",
}
KERAS_NORM = "batch_normalization"


class KerasBlock(nn.Sequential):
    """Convolutions 3x3, each with bias and ReLU, and a batch norm at the end."""

    def __init__(self, *channels: int, stride: int = 1, dilation: int = 1) -> None:
        """Chain convolutions; see ``eccv16.ConvBlock``."""
        layers: list[nn.Module] = []
        for inputs, outputs in pairwise(channels):
            layers += [nn.Conv2d(inputs, outputs, 3, 1, dilation, dilation), nn.ReLU()]
        if stride > 1:
            layers[-2] = SameConv2d(inputs, outputs, 3, stride)
        norm = nn.BatchNorm2d(channels[-1], eps=NORM_EPS, momentum=NORM_MOMENTUM)
        super().__init__(*layers, norm)


class Eccv16Keras(nn.Module):
    """Lightness to a distribution over colors."""

    stride = 1
    """Size of the input over the size of the output."""
    target = "ab"
    """What the network answers."""

    def __init__(self) -> None:
        """Build the network with random weights."""
        super().__init__()
        self.block1 = KerasBlock(1, 64, 64, stride=2)
        self.block2 = KerasBlock(64, 128, 128, stride=2)
        self.block3 = KerasBlock(128, 256, 256, 256, stride=2)
        self.block4 = KerasBlock(256, 512, 512, 512)
        self.block5 = KerasBlock(512, 512, 512, 512, dilation=2)
        self.block6 = KerasBlock(512, 512, 512, 512, dilation=2)
        self.block7 = KerasBlock(512, 256, 256, 256)
        self.block8 = KerasBlock(256, 128, 128, 128)
        centers = torch.from_numpy(grid_centers())  # (313, 2)
        self.pred = nn.Conv2d(128, len(centers), 1)
        self.centers: Tensor
        self.register_buffer("centers", centers.T[..., None, None].contiguous(), persistent=False)

    def forward(self, lightness_norm: Tensor) -> Tensor:
        """Map L* / 100, (N, 1, H, W), multiples of 8, to logits (N, 313, H/4, W/4)."""
        x = self.block4(self.block3(self.block2(self.block1(lightness_norm))))
        x = self.block7(self.block6(self.block5(x)))  # (N, 256, H/8, W/8)
        x = nn.functional.interpolate(x, scale_factor=2, mode="nearest")
        y: Tensor = self.pred(self.block8(x))
        return y

    def predict(self, lightness: Tensor) -> Tensor:
        """Map L* (N, 1, H, W), 0..100, multiples of 8, to ab (N, 2, H, W) in CIE units."""
        weight = (self(lightness / LIGHTNESS_SCALE) / TEMPERATURE).softmax(dim=1)
        ab = nn.functional.conv2d(weight, self.centers)  # (N, 2, H/4, W/4)
        return nn.functional.interpolate(ab, scale_factor=4, mode="bicubic")


def from_arrays(arrays: Arrays, source: str) -> Eccv16Keras:
    """Build the network with the weights of a Keras file; see ``eccv16.from_arrays``."""
    with torch.device("meta"):
        network = Eccv16Keras()
    names = {
        f"{part}.{variable}": name
        for part, module in network.named_modules()
        for variable, name in _keras_names(part, module)
    }
    load_weights(
        network,
        _number_norms(arrays),
        names,
        source=f"{source}: not weights of the Keras variant of ECCV16",
        layout="tensorflow",
    )
    return network


def _keras_names(part: str, module: nn.Module) -> Iterator[tuple[str, str]]:
    """Yield variables of a part, say ``block2.0``, and their names, say ``conv2_1/kernel``."""
    block, _, index = part.removeprefix("block").partition(".")
    if isinstance(module, nn.Conv2d):
        layer = f"conv{block}_{int(index) // 2 + 1}" if index else block
        yield from ((key, f"{layer}/{name}") for key, name in CONV_VARIABLES.items())
    if isinstance(module, nn.BatchNorm2d):
        yield from ((key, f"norm{block}/{name}") for key, name in NORM_VARIABLES.items())


def _number_norms(arrays: Arrays) -> Arrays:
    """Call batch norms ``norm1`` and so on: Keras counts them on from whatever came before."""
    norms = sorted(
        {name.partition("/")[0] for name in arrays if name.startswith(KERAS_NORM)},
        key=lambda layer: int("0" + layer.removeprefix(KERAS_NORM).strip("_")),
    )
    block_of = {layer: f"norm{block}" for block, layer in enumerate(norms, start=1)}
    renamed = {}
    for name, array in arrays.items():
        layer, _, variable = name.partition("/")
        renamed[f"{block_of.get(layer, layer)}/{variable}"] = array
    return renamed
