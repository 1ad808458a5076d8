"""The parts that tinct's own networks are made of."""

from __future__ import annotations

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own idiom
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class ConvNorm(nn.Sequential):
    """Convolution and batch norm, then an activation: a ReLU unless told otherwise."""

    def __init__(
        self,
        inputs: int,
        outputs: int,
        kernel: int = 1,
        *,
        stride: int = 1,
        groups: int = 1,
        act: type[nn.ReLU | nn.ReLU6] | None = nn.ReLU,
        eps: float = 1e-5,
    ) -> None:
        layers: list[nn.Module] = [
            nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
            nn.BatchNorm2d(outputs, eps=eps),
        ]
        super().__init__(*layers, *([act(inplace=True)] if act else []))


class Residual(nn.Module):
    """A dense 3x3 convolution added to its input: at 1/4 memory costs more than arithmetic."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv = ConvNorm(channels, channels, 3, act=None)

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, channels, H, W) to the same shape."""
        return F.relu(x + self.conv(x))


class InvertedResidual(nn.Module):
    """Expand, depthwise convolution, project; added to the input where the shapes agree."""

    def __init__(
        self,
        inputs: int,
        hidden: int,
        outputs: int,
        kernel: int = 3,
        stride: int = 1,
        *,
        expand: bool = True,
        act: type[nn.ReLU | nn.ReLU6] = nn.ReLU,
        eps: float = 1e-5,
    ) -> None:
        """Build the block; without ``expand``, inputs and hidden channels are equally many."""
        super().__init__()
        if expand:
            self.expand = ConvNorm(inputs, hidden, act=act, eps=eps)
        self.depthwise = ConvNorm(
            hidden, hidden, kernel, stride=stride, groups=hidden, act=act, eps=eps
        )
        self.project = ConvNorm(hidden, outputs, act=None, eps=eps)
        self.has_expansion = expand
        self.residual = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """Map (N, inputs, H, W) to (N, outputs, H/stride, W/stride)."""
        hidden = self.expand(x) if self.has_expansion else x
        y: Tensor = self.project(self.depthwise(hidden))
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
        self.coarse = ConvNorm(coarse, outputs, act=None)
        self.skip = ConvNorm(skip, outputs, act=None)
        self.refine = InvertedResidual(outputs, hidden, outputs)

    def forward(self, coarse: Tensor, skip: Tensor) -> Tensor:
        """Map (N, coarse, H, W) and (N, skip, 2H, 2W) to (N, outputs, 2H, 2W)."""
        up = F.interpolate(self.coarse(coarse), scale_factor=2, mode="bilinear")
        y: Tensor = self.refine(F.relu(up + self.skip(skip)))
        return y


def fuse(model: nn.Module) -> None:
    """Fold every batch norm behind a convolution into it, in place.

    Args:
        model: Must be in evaluation mode.
    """
    for module in list(model.modules()):
        if isinstance(module, ConvNorm) and isinstance(module[1], nn.BatchNorm2d):
            convolution, norm = module[0], module[1]
            assert isinstance(convolution, nn.Conv2d)
            module[0], module[1] = fuse_conv_bn_eval(convolution, norm), nn.Identity()


@torch.no_grad()
def fold_pixels(model: nn.Module) -> None:
    """Turn the unshuffling of pixels and the convolution behind it into one convolution, in place.

    It is the same function: of one channel, with a kernel and a stride as many times as large. In
    the graph, the unshuffling alone would be a dozen nodes.
    """
    for module in list(model.modules()):
        if isinstance(module, nn.Sequential) and isinstance(module[0], nn.PixelUnshuffle):
            factor, block = module[0].downscale_factor, module[1]
            assert isinstance(block, ConvNorm)
            assert isinstance(block[0], nn.Conv2d)
            module[0], block[0] = nn.Identity(), _on_pixels(block[0], factor)


def _on_pixels(convolution: nn.Conv2d, factor: int) -> nn.Conv2d:
    outputs, channels, rows, columns = convolution.weight.shape
    stride, padding = (factor * int(v[0]) for v in (convolution.stride, convolution.padding))
    kernel = (factor * rows, factor * columns)
    pixels = nn.Conv2d(channels // factor**2, outputs, kernel, stride, padding)
    split = convolution.weight.reshape(outputs, -1, factor, factor, rows, columns)
    pixels.weight.copy_(split.permute(0, 1, 4, 2, 5, 3).reshape(pixels.weight.shape))
    pixels.bias = convolution.bias
    return pixels
