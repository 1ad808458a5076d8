"""``base``: tinct's network for photographs, where a few milliseconds more do not matter.

A pretrained encoder (EfficientNet-Lite), attention and a pooled context at 1/32, and a light
additive decoder up to 1/4 size, where a 1x1 convolution gives a distribution over the ab bins.
With Lite0 3.2 million parameters and 600 million multiplications at 256x256, a third of the
paper's; with Lite2 4.6 and 850 million.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F  # noqa: N812 - torch's own idiom
from torch import Tensor, nn

from tinct.lab.networks.blocks import Attention, Context, ConvNorm, DepthwiseConv2d, UpBlock
from tinct.lab.networks.classifier import Classifier
from tinct.lab.networks.efficientnet import Encoder, find_variant


@dataclass(frozen=True)
class BaseConfig:
    """Sizes of the network."""

    encoder: str = "efficientnet-lite0"
    """Or ``efficientnet-lite2``."""
    num_bins: int = 192
    """Colors that the head tells apart."""
    context: int = 128
    """Channels at 1/32, behind the encoder."""
    heads: int = 4
    """Heads of the attention at 1/32."""
    decoder: tuple[int, int, int] = (96, 64, 64)
    """Channels of the decoder at 1/16, 1/8 and 1/4."""
    hidden: tuple[int, int] = (288, 128)
    """Channels inside the decoder's blocks at 1/16 and 1/8."""


class Base(Classifier):
    """Pretrained encoder, light decoder, a distribution over colors."""

    def __init__(self, config: BaseConfig | None = None) -> None:
        """Build the network with random weights."""
        super().__init__()
        self.config = config = config or BaseConfig()
        variant = find_variant(config.encoder)
        c4, c8, c16, c32 = variant.map_channels
        d16, d8, d4 = config.decoder
        self.encoder = Encoder(variant)
        self.context = nn.Sequential(
            ConvNorm(c32, config.context),
            Attention(config.context, config.heads),
            Context(config.context),
        )
        self.up16 = UpBlock(config.context, c16, d16, config.hidden[0])
        self.up8 = UpBlock(d16, c8, d8, config.hidden[1])
        self.coarse4 = nn.Conv2d(d8, d4, 1, bias=False)
        self.skip4 = nn.Conv2d(c4, d4, 1)
        self.refine4 = nn.Sequential(
            DepthwiseConv2d(d4, d4, 5, padding=2, groups=d4, bias=False), ConvNorm(d4, d4)
        )
        self.add_head(d4, config.num_bins)

    def features(self, lightness: Tensor) -> Tensor:
        """Map L* (N, 1, H, W), 0..100, H and W multiples of 32, to (N, C, H/4, W/4)."""
        x4, x8, x16, x32 = self.encoder(lightness / 50 - 1)
        x = self.up8(self.up16(self.context(x32), x16), x8)
        up = F.interpolate(self.coarse4(x), scale_factor=2, mode="bilinear")
        y: Tensor = self.refine4(F.relu(up + self.skip4(x4)))
        return y
