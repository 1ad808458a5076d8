from __future__ import annotations

import dataclasses

import pytest

torch = pytest.importorskip("torch")

from tinct.lab.networks import build
from tinct.lab.networks.nano import Nano
from tinct.lab.networks.summary import summarize

pytestmark = pytest.mark.train


@pytest.fixture
def network():
    torch.manual_seed(0)
    return build("nano").eval()


def lightness(batch, height, width):
    return torch.rand(batch, 1, height, width, generator=torch.Generator().manual_seed(1)) * 100


def test_parameters_and_filters(network):
    summary = summarize(network)
    assert summary.num_trainable <= summary.num_parameters <= 300_000
    assert summary.most_filters <= 128


def test_multiplications_with_attention_and_decoding(network, with_decoding):
    whole = summarize(with_decoding(network))
    assert summarize(network).mmac < whole.mmac <= 130


@pytest.mark.parametrize("size", [(32, 32), (32, 64), (96, 64), (256, 352), (64, 1024)])
@pytest.mark.parametrize("batch", [1, 3])
@torch.no_grad()
def test_any_multiple_of_32_and_any_batch(network, batch, size):
    logits = network(lightness(batch, *size))
    assert logits.shape == (batch, network.config.num_bins, size[0] // 4, size[1] // 4)
    assert torch.isfinite(logits).all()


@torch.no_grad()
def test_pictures_of_a_batch_do_not_touch_each_other(network):
    pictures = lightness(3, 64, 96)
    together = network(pictures)
    alone = torch.cat([network(picture[None]) for picture in pictures])
    torch.testing.assert_close(together, alone, atol=1e-4, rtol=1e-4)


@torch.no_grad()
def test_every_place_sees_the_whole_picture(network):
    pictures = lightness(1, 256, 256)
    changed = pictures.clone()
    changed[..., :32, :32] = 0
    difference = (network(pictures) - network(changed)).abs()
    assert difference[..., -1, -1].max() > 0


def test_training_moves_every_parameter(network):
    network.train()
    network(lightness(2, 64, 64)).square().mean().backward()
    for name, parameter in network.named_parameters():
        assert parameter.grad is not None, name
        # Biases that only a batch norm sees cancel out.
        assert parameter.ndim == 1 or parameter.grad.abs().max() > 1e-6, name


def test_options_reach_the_configuration():
    network = build("nano", num_bins=7)
    assert isinstance(network, Nano)
    assert network.config == dataclasses.replace(Nano().config, num_bins=7)
    assert network.bin_centers.shape == (7, 2)
