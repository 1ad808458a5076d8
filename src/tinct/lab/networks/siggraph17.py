"""``siggraph17``: Real-Time User-Guided Image Colorization, without the user, to compare with.

An U-shaped network down to 1/8 and back to full size that regresses ab (Zhang, Zhu, Isola, Geng,
Lin, Yu and Efros, SIGGRAPH 2017). Beside lightness it takes the colors that a user has set, and a
mask that says where; here both are empty, which is its automatic mode. The names of the parts are
those of the published file, which also holds a classifier that coloring does not use.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from tinct.lab.networks.eccv16 import AB_SCALE, LIGHTNESS_CENTER, LIGHTNESS_SCALE, ConvBlock
from tinct.lab.networks.weight_files import Arrays, load_weights, plain_names

NUM_CLASSES = 529  # the full 23x23 grid of ab, colors outside the gamut included
NUM_HINTS = 3  # a, b and the mask
LEAK = 0.2


class Siggraph17(nn.Module):
    """Lightness, without hints, to ab."""

    stride = 1
    """Size of the input over the size of the output."""
    target = "ab"
    """What the network answers."""

    def __init__(self) -> None:
        """Build the network with random weights."""
        super().__init__()
        self.model1 = ConvBlock(1 + NUM_HINTS, 64, 64)
        self.model2 = ConvBlock(64, 128, 128)
        self.model3 = ConvBlock(128, 256, 256, 256)
        self.model4 = ConvBlock(256, 512, 512, 512)
        self.model5 = ConvBlock(512, 512, 512, 512, dilation=2)
        self.model6 = ConvBlock(512, 512, 512, 512, dilation=2)
        self.model7 = ConvBlock(512, 512, 512, 512)
        self.model8up = _double(512, 256)
        self.model3short8 = _short(256, 256)
        self.model8 = ConvBlock(256, 256, 256, relu_first=True)
        self.model9up = _double(256, 128)
        self.model2short9 = _short(128, 128)
        self.model9 = ConvBlock(128, 128, relu_first=True)
        self.model10up = _double(128, 128)
        self.model1short10 = _short(64, 128)
        self.model10 = nn.Sequential(
            nn.ReLU(), nn.Conv2d(128, 128, 3, padding=1), nn.LeakyReLU(LEAK)
        )
        self.model_class = nn.Sequential(nn.Conv2d(256, NUM_CLASSES, 1))
        self.model_out = nn.Sequential(nn.Conv2d(128, 2, 1), nn.Tanh())

    def forward(self, lightness_norm: Tensor) -> Tensor:
        """Map (L* - 50) / 100, (N, 1, H, W), multiples of 8, to ab / 110, (N, 2, H, W)."""
        no_hints = torch.zeros_like(lightness_norm).expand(-1, NUM_HINTS, -1, -1)
        x1 = self.model1(torch.cat([lightness_norm, no_hints], dim=1))  # (N, 64, H, W)
        x2 = self.model2(x1[:, :, ::2, ::2])  # (N, 128, H/2, W/2)
        x3 = self.model3(x2[:, :, ::2, ::2])  # (N, 256, H/4, W/4)
        x = self.model4(x3[:, :, ::2, ::2])  # (N, 512, H/8, W/8)
        x = self.model7(self.model6(self.model5(x)))
        x = self.model8(self.model8up(x) + self.model3short8(x3))  # (N, 256, H/4, W/4)
        x = self.model9(self.model9up(x) + self.model2short9(x2))  # (N, 128, H/2, W/2)
        x = self.model10(self.model10up(x) + self.model1short10(x1))  # (N, 128, H, W)
        y: Tensor = self.model_out(x)
        return y

    def predict(self, lightness: Tensor) -> Tensor:
        """Map L* (N, 1, H, W), 0..100, multiples of 8, to ab (N, 2, H, W) in CIE units."""
        ab_norm: Tensor = self((lightness - LIGHTNESS_CENTER) / LIGHTNESS_SCALE)
        return AB_SCALE * ab_norm


def from_arrays(arrays: Arrays, source: str) -> Siggraph17:
    """Build the network with the weights of its published file; see ``eccv16.from_arrays``."""
    with torch.device("meta"):
        network = Siggraph17()
    names = {key: key for key in network.state_dict()}
    load_weights(network, plain_names(arrays), names, source=f"{source}: not weights of SIGGRAPH17")
    return network


def _double(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.ConvTranspose2d(inputs, outputs, 4, stride=2, padding=1))


def _short(inputs: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, padding=1))
