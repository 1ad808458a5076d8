"""``eccv16``: Colorful Image Colorization as its authors published it for torch, to compare with.

Eight blocks of 3x3 convolutions down to 1/8 and up to 1/4 of the size, a distribution over 313
colors there, and its mean by a 1x1 convolution that carries the colors as weights (Zhang, Isola
and Efros, ECCV 2016; second release). The names of the parts are those of the published file.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn

from tinct.lab.networks.weight_files import Arrays, load_weights, plain_names

NUM_BINS = 313
LIGHTNESS_CENTER, LIGHTNESS_SCALE = 50.0, 100.0  # network input = (L* - 50) / 100
AB_SCALE = 110.0  # ab in CIE units = 110 y


class ConvBlock(nn.Sequential):
    """Convolutions 3x3, each with bias and ReLU, and a batch norm at the end."""

    def __init__(
        self, *channels: int, stride: int = 1, dilation: int = 1, relu_first: bool = False
    ) -> None:
        """Chain convolutions.

        Args:
            channels: Of the input and of every convolution.
            stride: Of the last convolution.
            dilation: Of all of them.
            relu_first: Begin with a ReLU: the input is a sum of convolutions.
        """
        layers: list[nn.Module] = [nn.ReLU()] * relu_first
        for inputs, outputs in pairwise(channels):
            layers += [nn.Conv2d(inputs, outputs, 3, 1, dilation, dilation), nn.ReLU()]
        layers[-2] = nn.Conv2d(inputs, outputs, 3, stride, dilation, dilation)
        super().__init__(*layers, nn.BatchNorm2d(channels[-1]))


class Eccv16(nn.Module):
    """Lightness to a distribution over colors to its mean."""

    stride = 1
    """Size of the input over the size of the output."""
    target = "ab"
    """What the network answers."""

    def __init__(self) -> None:
        """Build the network with random weights."""
        super().__init__()
        self.model1 = ConvBlock(1, 64, 64, stride=2)
        self.model2 = ConvBlock(64, 128, 128, stride=2)
        self.model3 = ConvBlock(128, 256, 256, 256, stride=2)
        self.model4 = ConvBlock(256, 512, 512, 512)
        self.model5 = ConvBlock(512, 512, 512, 512, dilation=2)
        self.model6 = ConvBlock(512, 512, 512, 512, dilation=2)
        self.model7 = ConvBlock(512, 512, 512, 512)
        self.model8 = nn.Sequential(
            nn.ConvTranspose2d(512, 256, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, 256, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(256, NUM_BINS, 1),
        )
        self.model_out = nn.Conv2d(NUM_BINS, 2, 1, bias=False)

    def forward(self, lightness_norm: Tensor) -> Tensor:
        """Map (L* - 50) / 100, (N, 1, H, W), multiples of 8, to ab / 110, (N, 2, H, W)."""
        x = self.model4(self.model3(self.model2(self.model1(lightness_norm))))  # (N, 512, H/8, W/8)
        logits = self.model8(self.model7(self.model6(self.model5(x))))  # (N, 313, H/4, W/4)
        ab_norm = self.model_out(logits.softmax(dim=1))  # (N, 2, H/4, W/4)
        return nn.functional.interpolate(ab_norm, scale_factor=4, mode="bilinear")

    def predict(self, lightness: Tensor) -> Tensor:
        """Map L* (N, 1, H, W), 0..100, multiples of 8, to ab (N, 2, H, W) in CIE units."""
        ab_norm: Tensor = self((lightness - LIGHTNESS_CENTER) / LIGHTNESS_SCALE)
        return AB_SCALE * ab_norm


def from_arrays(arrays: Arrays, source: str) -> Eccv16:
    """Build the network with the weights of its published file.

    Args:
        arrays: The file's weights, see ``weights.read_arrays``.
        source: The file, for messages.

    Raises:
        ModelError: Names or shapes are not those of the network.
    """
    with torch.device("meta"):
        network = Eccv16()
    names = {key: key for key in network.state_dict()}
    load_weights(network, plain_names(arrays), names, source=f"{source}: not weights of ECCV16")
    return network
