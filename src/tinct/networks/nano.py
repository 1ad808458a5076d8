"""``nano``: tinct's small network.

It has at most 300,000 parameters and takes at most 130 million multiplications at 256x256; no layer
has more than 128 filters. A grey picture passes five scales of inverted residual blocks (Sandler et
al., MobileNetV2, 2018). At 1/32 one layer of self-attention and a pooled context let every place
know what the whole picture shows; an additive decoder brings that knowledge back to 1/4 size, where
a 1x1 convolution gives a distribution over the ab bins.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own idiom
from torch import Tensor, nn


@dataclass(frozen=True)
class NanoConfig:
    """Sizes of the network."""

    num_bins: int = 104
    """Colours that the head tells apart."""
    stem: int = 24
    """Channels at 1/4."""
    channels: tuple[int, int, int] = (40, 64, 96)
    """Channels at 1/8, 1/16 and 1/32."""
    blocks: tuple[int, int, int, int] = (1, 1, 3, 2)
    """Blocks at 1/4, 1/8, 1/16 and 1/32, besides the ones that halve the size."""
    hidden: tuple[int, int, int] = (112, 128, 128)
    """Channels inside the blocks at 1/8, 1/16 and 1/32."""
    heads: int = 4
    """Heads of the attention at 1/32."""
    decoder: tuple[int, int, int] = (64, 48, 48)
    """Channels of the decoder at 1/16, 1/8 and 1/4."""


class ConvNorm(nn.Sequential):
    """Convolution and batch norm, with a ReLU unless told otherwise."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        groups: int = 1,
        act: bool = True,
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outputs),
        ]
        super().__init__(*layers, *([nn.ReLU(inplace=True)] if act else []))


class Residual(nn.Module):
    """A dense 3x3 convolution added to its input: at 1/4 memory costs more than arithmetic."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = ConvNorm(channels, channels, 3, act=False)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape."""
        return F.relu(x + self.conv(x))


class InvertedResidual(nn.Module):
    """Expand, depthwise convolution, project; added to the input where the shapes agree."""

    def __init__(
        self, inputs: int, hidden: int, outputs: int, kernel: int = 3, stride: int = 1
    ) -> None:
        super().__init__()
        self.expand = ConvNorm(inputs, hidden)
        self.depthwise = ConvNorm(hidden, hidden, kernel, stride=stride, groups=hidden)
        self.project = ConvNorm(hidden, outputs, act=False)
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H/stride, W/stride)."""
        y: Tensor = self.project(self.depthwise(self.expand(x)))
        return x + y if self.residual else y


class Attention(nn.Module):
    """Self-attention over all places of a small map, added to its input."""

    def __init__(self, channels: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.scale = (channels // heads) ** -0.5
        self.norm = nn.BatchNorm2d(channels)
        self.query = nn.Conv2d(channels, channels, 1, bias=False)
        self.key = nn.Conv2d(channels, channels, 1, bias=False)
        self.value = nn.Conv2d(channels, channels, 1, bias=False)
        self.out = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        shape = x.shape
        normed = self.norm(x)
        q, k, v = (
            layer(normed).reshape(shape[0], self.heads, -1, shape[2] * shape[3])
            for layer in (self.query, self.key, self.value)
        )  # each (N, heads, C / heads, H * W)
        weight = torch.softmax(q.transpose(2, 3) @ k * self.scale, dim=-1)  # (N, heads, HW, HW)
        mixed = (v @ weight.transpose(2, 3)).reshape(shape)  # (N, C, H, W)
        y: Tensor = x + self.out(mixed)
        return y


class Context(nn.Module):
    """The mean of the whole map scales and shifts each channel."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale = nn.Conv2d(channels, channels, 1)
        self.shift = nn.Conv2d(channels, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, C, H, W) to the same shape."""
        mean = x.mean(dim=(2, 3), keepdim=True)  # (N, C, 1, 1)
        y: Tensor = x * (1 + self.scale(mean)) + self.shift(mean)
        return y


class UpBlock(nn.Module):
    """Double a coarse map, add the finer one of the encoder, and refine the sum."""

    def __init__(self, coarse: int, skip: int, outputs: int, hidden: int) -> None:
        super().__init__()
        self.coarse = ConvNorm(coarse, outputs, act=False)
        self.skip = ConvNorm(skip, outputs, act=False)
        self.refine = InvertedResidual(outputs, hidden, outputs)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """Map (N, coarse, H, W) and (N, skip, 2H, 2W) to (N, outputs, 2H, 2W)."""
        up = F.interpolate(self.coarse(coarse), scale_factor=2, mode="bilinear")
        y: Tensor = self.refine(F.relu(up + self.skip(skip)))
        return y


class Nano(nn.Module):
    """Lightness to features and logits over the ab bins at a quarter of the size."""

    stride = 4
    """Size of the input over the size of the output."""
    target = "ab"
    """What the network answers."""

    def __init__(self, config: NanoConfig | None = None) -> None:
        """Build the network with random weights."""
        super().__init__()
        self.config = config = config or NanoConfig()
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
            Attention(c32, config.heads),
            Context(c32),
        )
        self.up16 = UpBlock(c32, c16, d16, 2 * d16)
        self.up8 = UpBlock(d16, c8, d8, d8)
        self.coarse4 = nn.Conv2d(d8, d4, 1, bias=False)
        self.skip4 = nn.Conv2d(c4, d4, 1)
        self.refine4 = nn.Sequential(
            nn.Conv2d(d4, d4, 3, padding=1, groups=d4, bias=False), ConvNorm(d4, d4)
        )
        self.head = nn.Conv2d(d4, config.num_bins, 1)
        self.bin_centers: Tensor
        self.log_prior: Tensor
        self.register_buffer("bin_centers", torch.zeros(config.num_bins, 2))
        self.register_buffer("log_prior", torch.zeros(config.num_bins))

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

    def forward(self, lightness: Tensor) -> Tensor:
        """Map L* (N, 1, H, W), 0..100, to logits (N, num_bins, H/4, W/4)."""
        y: Tensor = self.head(self.features(lightness))
        return y
