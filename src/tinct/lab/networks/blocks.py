"""The parts that tinct's own networks are made of."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own idiom
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class DepthwiseConv2d(nn.Conv2d):
    """A convolution of every channel by itself; in bfloat16 on a processor, with gradients of ours.

    There torch's own take most of a training step: for a stride of 2 they are twenty times as slow
    as in float32, for 5x5 kernels five times.
    """

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
        is_half = torch.is_autocast_enabled("cpu") and input.device.type == "cpu"
        if not (is_half and self.training and bias is None):
            plain: Tensor = super()._conv_forward(input, weight, bias)
            return plain
        half = torch.get_autocast_dtype("cpu")
        stride, padding = int(self.stride[0]), self.weight.shape[2] // 2
        y: Tensor = _Depthwise.apply(input.to(half), weight.to(half), stride, padding)  # type: ignore[no-untyped-call]
        return y


class _Depthwise(torch.autograd.Function):
    """Depthwise convolution whose gradients take the ways that are fast in bfloat16."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
        ctx.save_for_backward(x, weight)
        ctx.stride, ctx.padding = stride, padding
        return F.conv2d(x, weight, None, stride, padding, 1, len(weight))

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor, None, None]:
        x, weight = ctx.saved_tensors
        return (
            _input_gradient(grad, x, weight, ctx.stride, ctx.padding),
            _kernel_gradient(grad, x, weight, ctx.stride, ctx.padding),
            None,
            None,
        )


def _input_gradient(grad: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    if stride == 1:
        return _gradients(grad, x, weight, stride, padding, 0)
    return _gradients(grad.float(), x.float(), weight.float(), stride, padding, 0).to(x.dtype)


def _kernel_gradient(grad: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int) -> Tensor:
    """Put the gradient of a 5x5 kernel together from those of the 3x3 kernels in its corners."""
    if weight.shape[2] != 5:
        return _gradients(grad, x, weight, stride, padding, 1)
    padded = F.pad(x, (padding,) * 4)
    rows, columns = (stride * (side - 1) + 3 for side in grad.shape[2:])
    gradient, corner = torch.empty_like(weight), weight[:, :, :3, :3].contiguous()
    for top in (0, 2):
        for left in (0, 2):
            part = padded[:, :, top : top + rows, left : left + columns]
            part = part.contiguous(memory_format=torch.channels_last)
            values = _gradients(grad, part, corner, stride, 0, 1)
            gradient[:, :, top : top + 3, left : left + 3] = values
    return gradient


def _gradients(
    grad: Tensor, x: Tensor, weight: Tensor, stride: int, padding: int, which: int
) -> Tensor:
    """Return torch's gradient of the input (0) or of the kernel (1)."""
    wanted = [which == 0, which == 1, False]
    sizes = ([stride] * 2, [padding] * 2, [1, 1], False, [0, 0], len(weight))
    y: Tensor = torch.ops.aten.convolution_backward(grad, x, weight, None, *sizes, wanted)[which]
    return y


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
        kind = DepthwiseConv2d if groups == inputs == outputs > 1 else nn.Conv2d
        layers: list[nn.Module] = [
            kind(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
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


LARGEST_WEIGHT = 1e4
"""Folded weights beyond this belong to channels that answered the same to everything."""


@torch.no_grad()
def fuse(model: nn.Module) -> None:
    """Fold every batch norm behind a convolution into it, in place.

    A channel that answered the same to everything in training has next to no variance. Its folded
    weights would be huge, and answers to other inputs arbitrary; it becomes that constant.

    Args:
        model: Must be in evaluation mode.
    """
    for module in list(model.modules()):
        if isinstance(module, ConvNorm) and isinstance(module[1], nn.BatchNorm2d):
            convolution, norm = module[0], module[1]
            assert isinstance(convolution, nn.Conv2d)
            fused = fuse_conv_bn_eval(convolution, norm)
            is_constant = fused.weight.abs().amax(dim=(1, 2, 3)) > LARGEST_WEIGHT
            fused.weight[is_constant] = 0
            assert fused.bias is not None
            fused.bias[is_constant] = norm.bias[is_constant]
            module[0], module[1] = fused, nn.Identity()


@torch.no_grad()
def fold_pixels(model: nn.Module) -> None:
    """Turn the unshuffling of pixels and the convolution behind it into one convolution, in place.

    It is the same function: of one channel, with a kernel and a stride as many times as large. In
    the graph, the unshuffling alone would be a dozen nodes.
    """
    for module in list(model.modules()):
        if not isinstance(module, nn.Sequential) or len(module) == 0:  # a stage without blocks
            continue
        if isinstance(module[0], nn.PixelUnshuffle):
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


def unfold_pixels(weight: Tensor, convolution: nn.Conv2d) -> Tensor:
    """Undo :func:`fold_pixels` on weights, where they were changed.

    Args:
        weight: (outputs, 1, kernel times factor, ...) or those of ``convolution`` already.
        convolution: As it was before.
    """
    outputs, channels, rows, columns = convolution.weight.shape
    factor = weight.shape[2] // rows
    split = weight.reshape(outputs, -1, rows, factor, columns, factor)
    return split.permute(0, 1, 3, 5, 2, 4).reshape(outputs, channels, rows, columns)
