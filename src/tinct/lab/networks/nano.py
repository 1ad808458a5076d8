"""``nano``: tinct's small network.

It has at most 300,000 parameters and takes at most 130 million multiplications at 256x256; no layer
has more than 128 filters. A gray picture passes five scales of inverted residual blocks (Sandler et
al., MobileNetV2, 2018). At 1/32 one layer of self-attention and a pooled context let every place
know what the whole picture shows; an additive decoder brings that knowledge back to 1/4 size, where
a 1x1 convolution gives a distribution over the ab bins.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812 - torch's own idiom
from torch import Tensor, nn

from tinct.lab.networks.blocks import (
    Attention,
    Context,
    ConvNorm,
    DepthwiseConv2d,
    InvertedResidual,
    Residual,
    UpBlock,
)
from tinct.lab.networks.classifier import Classifier
from tinct.lab.networks.paper import AB_SCALE


@dataclass(frozen=True)
class NanoConfig:
    """Sizes of the network."""

    num_bins: int = 104
    """Colors that the head tells apart."""
    stem: int = 24
    """Channels at 1/4."""
    channels: tuple[int, int, int] = (40, 64, 96)
    """Channels at 1/8, 1/16 and 1/32."""
    blocks: tuple[int, int, int, int] = (0, 2, 4, 1)
    """Blocks at 1/4, 1/8, 1/16 and 1/32, besides the ones that halve the size."""
    hidden: tuple[int, int, int] = (112, 128, 128)
    """Channels inside the blocks at 1/8, 1/16 and 1/32."""
    heads: int = 4
    """Heads of the attention at 1/32; 0 for none."""
    decoder: tuple[int, int, int] = (64, 48, 48)
    """Channels of the decoder at 1/16, 1/8 and 1/4."""


class NanoTrunk(nn.Module):
    """All of the network but its head."""

    def __init__(self, config: NanoConfig) -> None:
        """Build it with random weights."""
        super().__init__()
        self.config = config
        c4, (c8, c16, c32), hidden = config.stem, config.channels, config.hidden
        d16, d8, d4 = config.decoder
        self.stem = nn.Sequential(nn.PixelUnshuffle(2), ConvNorm(4, c4, 3, stride=2))
        self.stage4 = nn.Sequential(*(Residual(c4) for _ in range(config.blocks[0])))
        self.stage8 = nn.Sequential(
            ConvNorm(c4, c8, 3, stride=2), self._stage(c8, hidden[0], config.blocks[1], 3)
        )
        self.stage16 = nn.Sequential(
            ConvNorm(c8, c16, 3, stride=2), self._stage(c16, hidden[1], config.blocks[2], 5)
        )
        self.stage32 = nn.Sequential(
            InvertedResidual(c16, hidden[1], c32, 5, 2),
            self._stage(c32, hidden[2], config.blocks[3], 3),
            *([Attention(c32, config.heads)] if config.heads else []),
            Context(c32),
        )
        self.up16 = UpBlock(c32, c16, d16, 2 * d16)
        self.up8 = UpBlock(d16, c8, d8, d8)
        self.coarse4 = nn.Conv2d(d8, d4, 1, bias=False)
        self.skip4 = nn.Conv2d(c4, d4, 1)
        self.refine4 = nn.Sequential(
            DepthwiseConv2d(d4, d4, 3, padding=1, groups=d4, bias=False), ConvNorm(d4, d4)
        )

    @staticmethod
    def _stage(channels: int, hidden: int, blocks: int, kernel: int) -> nn.Sequential:
        return nn.Sequential(
            *(InvertedResidual(channels, hidden, channels, kernel) for _ in range(blocks))
        )

    def features(self, lightness: Tensor) -> Tensor:
        """Map L* (N, 1, H, W), 0..100, H and W multiples of 32, to (N, C, H/4, W/4)."""
        x4 = self.stage4(self.stem(lightness / 50 - 1))
        x8 = self.stage8(x4)
        x16 = self.stage16(x8)
        x = self.up16(self.stage32(x16), x16)
        x = self.up8(x, x8)
        up = F.interpolate(self.coarse4(x), scale_factor=2, mode="bilinear")
        y: Tensor = self.refine4(F.relu(up + self.skip4(x4)))
        return y


class Nano(NanoTrunk, Classifier):
    """The network as it is shipped: it answers a distribution over colors."""

    def __init__(self, config: NanoConfig | None = None) -> None:
        """Build the network with random weights."""
        super().__init__(config or NanoConfig())
        self.add_head(self.config.decoder[-1], self.config.num_bins)


class NanoRegression(NanoTrunk):
    """The same trunk answering ab itself, as the paper's network does: for comparison."""

    stride = Nano.stride
    target = "ab"

    def __init__(self, config: NanoConfig | None = None) -> None:
        """Build the network with random weights."""
        super().__init__(config or NanoConfig())
        self.head = nn.Conv2d(self.config.decoder[-1], 2, 1)

    def forward(self, lightness: Tensor) -> Tensor:
        """Map L* (N, 1, H, W), 0..100, to ab over ``AB_SCALE``, (N, 2, H/4, W/4)."""
        y: Tensor = self.head(self.features(lightness))
        return y

    def predict(self, lightness: Tensor) -> Tensor:
        """Map L* (N, 1, H, W), 0..100, to ab in CIE units, (N, 2, H/4, W/4)."""
        y: Tensor = AB_SCALE * self(lightness)
        return y
