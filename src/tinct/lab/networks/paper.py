"""The paper's network: a convolutional autoencoder with a bottleneck of three channels.

Encoder and decoder are mirror images of four stages each, every stage a (transposed) convolution, a
batch norm and a tanh. The stages at the ends of the bottleneck and of the decoder are 1x1, all
others 3x3 with stride 2, so that the code is 1/8 of the picture in both directions.
Padding, epsilon, momentum and initial values are those of TensorFlow, in which it was published.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Literal, cast

import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from tinct.lab.networks.weight_files import Arrays, load_weights, read_arrays

if TYPE_CHECKING:
    from pathlib import Path

NORM_EPS = 1e-3  # TensorFlow's defaults; torch has 1e-5 and counts momentum the other way round
NORM_MOMENTUM = 1 - 0.99

LIGHTNESS_CENTER = 50.0  # network input = L* / 50 - 1, in [-1, 1]
AB_SCALE = 127.5  # ab in CIE units = 127.5 y + 0.5, the 8-bit range [-127, 128]
AB_OFFSET = 0.5

# Our name of each part of a stage, and the layer (counted from the stage's first) and variable that
# the published file calls it by.
PUBLISHED_NAMES = {
    "conv.weight": (0, "kernel"),
    "conv.bias": (0, "bias"),
    "norm.weight": (1, "gamma"),
    "norm.bias": (1, "beta"),
    "norm.running_mean": (1, "moving_mean"),
    "norm.running_var": (1, "moving_variance"),
}
LAYERS_PER_STAGE = 3  # convolution, batch norm, tanh
# What TensorFlow calls a variable of a layer; what else a checkpoint holds has other keys.
CHECKPOINT_KEY = re.compile(
    r"(encoder|decoder)/layer_list/(\d+)/(\w+)/\.ATTRIBUTES/VARIABLE_VALUE", re.ASCII
)


@dataclass(frozen=True, slots=True)
class PaperConfig:
    """The choices the paper makes, and the two it argues against."""

    output: Literal["ab", "rgb"] = "ab"  # what the decoder answers: 2 or 3 channels
    skip: bool = False  # add encoder maps to the decoder maps of the same size
    filters: tuple[int, ...] = (75, 90, 105)  # of the strided stages, encoder order
    bottleneck: int = 3  # channels of the code

    @property
    def num_outputs(self) -> int:
        """Channels of the answer."""
        return 2 if self.output == "ab" else 3


class SameConv2d(nn.Conv2d):
    """A convolution padded as TensorFlow's SAME: what doesn't divide evenly goes to the end."""

    def forward(self, input: Tensor) -> Tensor:
        """Convolve (N, C, H, W) to (N, C', ceil(H / stride), ceil(W / stride))."""
        top, bottom = _same_padding(input.shape[2], self.kernel_size[0], self.stride[0])
        left, right = _same_padding(input.shape[3], self.kernel_size[1], self.stride[1])
        return super().forward(pad(input, (left, right, top, bottom)))


class SameConvTranspose2d(nn.ConvTranspose2d):
    """The gradient of a SAME convolution: the surplus row and column are cut from the end."""

    def forward(self, input: Tensor, output_size: list[int] | None = None) -> Tensor:
        """Convolve (N, C, H, W) to (N, C', stride * H, stride * W)."""
        height, width = (n * s for n, s in zip(input.shape[2:], self.stride, strict=True))
        return super().forward(input, output_size)[:, :, :height, :width]


class Stage(nn.Module):
    """Convolution, batch norm, tanh."""

    def __init__(self, conv: nn.Conv2d | nn.ConvTranspose2d) -> None:
        super().__init__()
        self.conv = conv
        self.norm = nn.BatchNorm2d(conv.out_channels, eps=NORM_EPS, momentum=NORM_MOMENTUM)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to (N, C', H', W') in (-1, 1)."""
        return torch.tanh(self.norm(self.conv(x)))


class PaperEncoder(nn.ModuleList):
    """Gray picture to code; the strided stages halve the size, the last one narrows to the code."""

    def __init__(self, config: PaperConfig) -> None:
        strided = [SameConv2d(i, o, 3, stride=2) for i, o in pairwise((1, *config.filters))]
        narrow = SameConv2d(config.filters[-1], config.bottleneck, 1)
        super().__init__(Stage(conv) for conv in [*strided, narrow])

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map (N, 1, H, W) to the maps after every stage; the code, at 1/8 size, is the last."""
        maps = []
        for stage in self:
            x = stage(x)
            maps.append(x)
        return maps


class Decoder(nn.ModuleList):
    """Code to color; the strided stages double the size, the last one narrows to the answer."""

    def __init__(self, config: PaperConfig) -> None:
        channels = (config.bottleneck, *reversed(config.filters))
        strided = [SameConvTranspose2d(i, o, 3, stride=2) for i, o in pairwise(channels)]
        narrow = SameConvTranspose2d(config.filters[0], config.num_outputs, 1)
        super().__init__(Stage(conv) for conv in [*strided, narrow])

    def forward(self, code: Tensor, shortcuts: list[Tensor]) -> Tensor:
        """Map (N, bottleneck, h, w) to (N, num_outputs, 8 h, 8 w).

        Args:
            code: The encoder's last map.
            shortcuts: Maps to add to those of the first stages, one a stage; may be empty.
        """
        x = code
        for index, stage in enumerate(self):
            x = stage(x)
            if index < len(shortcuts):
                x = _add_shortcut(x, shortcuts[index])
        return x


class PaperNetwork(nn.Module):
    """The autoencoder as published, or a variant of it."""

    stride = 1
    """Size of the input over the size of the output."""

    @property
    def target(self) -> str:
        """What the network answers: ``ab`` or ``rgb``."""
        return self.config.output

    def __init__(self, config: PaperConfig | None = None) -> None:
        """Make the network with TensorFlow's initial values: Glorot uniform kernels, zero biases.

        Args:
            config: The variant; the published one when left out.
        """
        super().__init__()
        self.config = config or PaperConfig()
        self.encoder = PaperEncoder(self.config)
        self.decoder = Decoder(self.config)
        self.apply(_initialize)

    def forward(self, lightness_norm: Tensor) -> Tensor:
        """Answer in network units.

        Args:
            lightness_norm: (N, 1, H, W), L* / 50 - 1, in [-1, 1]; H and W multiples of 8.

        Returns:
            (N, 2 or 3, H, W) in (-1, 1).
        """
        *maps, code = self.encoder(lightness_norm)
        # The deepest strided map has the size of the code, which itself feeds the decoder.
        shortcuts = maps[-2::-1] if self.config.skip else []
        return cast("Tensor", self.decoder(code, shortcuts))

    def predict(self, lightness: Tensor) -> Tensor:
        """Answer in the units of the output.

        Args:
            lightness: (N, 1, H, W), L* in [0, 100]; H and W multiples of 8.

        Returns:
            (N, 2, H, W) ab in CIE units, or (N, 3, H, W) sRGB-encoded RGB in [0, 1].
        """
        answer: Tensor = self(lightness / LIGHTNESS_CENTER - 1)
        return AB_SCALE * answer + AB_OFFSET if self.config.output == "ab" else (answer + 1) / 2


def load_published(path: str | Path, config: PaperConfig | None = None) -> PaperNetwork:
    """Load the published weights.

    Args:
        path: A NumPy archive (.npz) of the float32 arrays of the published TensorFlow checkpoint,
            under its own names or such as ``encoder.0.kernel`` (height, width, in, out; in the
            decoder height, width, out, in) and ``encoder.1.moving_mean``.
        config: The variant the weights were trained for.

    Returns:
        The network with these weights, in evaluation mode.

    Raises:
        ModelError: The file cannot be read, or its names or shapes are not those of the network.
    """
    return from_arrays(read_arrays(path), str(path), config)


def from_arrays(arrays: Arrays, source: str, config: PaperConfig | None = None) -> PaperNetwork:
    """Build the network with the weights of a file that has been read; see :func:`load_published`.

    Args:
        arrays: The file's weights, see ``weights.read_arrays``.
        source: The file, for messages.
        config: The variant the weights were trained for.
    """
    with torch.device("meta"):
        network = PaperNetwork(config)
    names = {key: _published_name(key) for key in network.state_dict() if "num_batches" not in key}
    what = f"{source}: not weights of the paper's network"
    load_weights(network, _layers_of(arrays), names, source=what, layout="tensorflow")
    return network


def _layers_of(arrays: Arrays) -> Arrays:
    """Pick the layers out of a checkpoint, which has the optimizer's and the losses' state too."""
    found = ((CHECKPOINT_KEY.fullmatch(name), array) for name, array in arrays.items())
    layers = {".".join(match.groups()): array for match, array in found if match}
    return layers or arrays


def _published_name(key: str) -> str:
    part, index, name = key.split(".", 2)
    layer, variable = PUBLISHED_NAMES[name]
    return f"{part}.{LAYERS_PER_STAGE * int(index) + layer}.{variable}"


def _same_padding(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """Rows to add before and after ``size`` rows, as TensorFlow's SAME does."""
    surplus = max((-(-size // stride) - 1) * stride + kernel - size, 0)
    return surplus // 2, surplus - surplus // 2


def _add_shortcut(x: Tensor, shortcut: Tensor) -> Tensor:
    # The decoder has more channels at each size than the encoder. Adding to the first ones only, an
    # identity padded with zeros, costs no parameter: the variants differ in the shortcuts alone.
    return x + pad(shortcut, (0, 0, 0, 0, 0, x.shape[1] - shortcut.shape[1]))


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
