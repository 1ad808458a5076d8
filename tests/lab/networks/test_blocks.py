from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from tinct.lab.networks.blocks import ConvNorm, DepthwiseConv2d

pytestmark = pytest.mark.train


def _gradients(layer, x, grad, *, half):
    layer.zero_grad()
    x = x.clone().requires_grad_(True)
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        y = layer(x)
    y.backward(grad.to(y.dtype))
    return y.float(), x.grad.float(), layer.weight.grad.float()


@pytest.mark.parametrize("kernel", [3, 5])
@pytest.mark.parametrize("stride", [1, 2])
@pytest.mark.parametrize("size", [(12, 10), (9, 7)])
def test_depthwise_gradients_in_bfloat16_are_those_of_float32(kernel, stride, size):
    layer = DepthwiseConv2d(6, 6, kernel, stride, kernel // 2, groups=6, bias=False).train()
    x = torch.randn(3, 6, *size).to(memory_format=torch.channels_last)
    grad = torch.randn_like(layer(x))
    wanted = _gradients(layer, x, grad, half=False)
    for ours, theirs in zip(_gradients(layer, x, grad, half=True), wanted, strict=True):
        assert (ours - theirs).abs().max() < 0.02 * theirs.abs().max()


def test_depthwise_layers_compute_in_bfloat16_under_autocast_alone():
    layer = DepthwiseConv2d(4, 4, 3, 1, 1, groups=4, bias=False)
    x = torch.randn(1, 4, 8, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer.train()(x).dtype == layer.eval()(x).dtype == torch.bfloat16
    assert layer.train()(x).dtype == torch.float32


def test_only_depthwise_convolutions_are_depthwise():
    assert isinstance(ConvNorm(8, 8, 3, groups=8)[0], DepthwiseConv2d)
    for block in (ConvNorm(8, 8, 3), ConvNorm(8, 16, 3, groups=8), ConvNorm(1, 1, 3)):
        assert not isinstance(block[0], DepthwiseConv2d)
