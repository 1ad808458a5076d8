from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from oracles import annealed_mean

from tinct.lab.networks.nano import Nano, NanoConfig
from tinct.lab.networks.readout import ColorModel, DecodeConfig

pytestmark = pytest.mark.train

NUM_BINS = 19


@pytest.fixture
def model():
    """A random network whose bins are a gray one and two rings of 9 hues, with a grayish prior."""
    torch.manual_seed(0)
    network = Nano(NanoConfig(num_bins=NUM_BINS))
    angle = torch.arange(9) * (2 * torch.pi / 9)
    ring = torch.stack([angle.cos(), angle.sin()], dim=1)
    network.bin_centers.copy_(torch.cat([torch.zeros(1, 2), 30 * ring, 80 * ring]))
    prior = torch.tensor([10.0] + [3.0] * 9 + [0.1] * 9)
    network.log_prior.copy_((prior / prior.sum()).log())
    return ColorModel(network).eval()


def random_logits(scale=2.0):
    generator = torch.Generator().manual_seed(2)
    return torch.randn(2, NUM_BINS, 6, 5, generator=generator) * scale


def chroma(ab):
    return ab.square().sum(dim=1).sqrt()


def test_colors_are_the_annealed_mean(model):
    logits = random_logits()
    ab, _ = model.decode(logits, torch.zeros(1))
    centers = model.network.bin_centers.numpy()
    wanted = annealed_mean(np.moveaxis(logits.numpy(), 1, -1), centers, model.config.temperature)
    np.testing.assert_allclose(np.moveaxis(ab.numpy(), 1, -1), wanted, atol=1e-3)


def test_vividness_takes_the_prior_out_of_the_logits(model):
    logits = random_logits()
    ab, _ = model.decode(logits, torch.full((1,), 0.5))
    prior = model.network.log_prior.numpy() * (0.5 * model.config.prior_power)
    adjusted = np.moveaxis(logits.numpy(), 1, -1) - prior
    centers = model.network.bin_centers.numpy()
    wanted = annealed_mean(adjusted, centers, model.config.temperature)
    np.testing.assert_allclose(np.moveaxis(ab.numpy(), 1, -1), wanted, atol=1e-3)


def test_more_vividness_gives_more_chroma(model):
    logits = random_logits()
    levels = [chroma(model.decode(logits, torch.tensor([v]))[0]).mean() for v in (0.0, 0.5, 1.0)]
    assert levels[0] * 1.1 < levels[1]
    assert levels[1] * 1.1 < levels[2]


def test_confidence_falls_from_one_to_nothing_as_colors_disagree(model):
    for scale in (0.0, 1.0, 5.0, 1000.0):
        _, confidence = model.decode(random_logits(scale), torch.zeros(1))
        assert confidence.shape == (2, 1, 6, 5)
        assert confidence.min() >= 0
        assert confidence.max() <= 1
    certain = torch.full((1, NUM_BINS, 1, 1), -1000.0)
    certain[:, 14] = 1000.0
    torn = certain.clone()
    torn[:, 10] = 1000.0  # 80 units the other way
    assert model.decode(certain, torch.zeros(1))[1].item() == pytest.approx(1, abs=1e-3)
    assert model.decode(torn, torch.zeros(1))[1].item() < 0.2


def test_confidence_is_one_half_at_its_scale():
    network = Nano(NanoConfig(num_bins=2))
    network.bin_centers.copy_(torch.tensor([[-20.0, 5.0], [20.0, 5.0]]))
    model = ColorModel(network, DecodeConfig(confidence_scale=20.0))
    ab, confidence = model.decode(torch.zeros(1, 2, 1, 1), torch.zeros(1))
    assert ab.flatten().tolist() == pytest.approx([0, 5])
    assert confidence.item() == pytest.approx(0.5)


@torch.no_grad()
def test_a_model_is_its_network_and_its_decoding(model):
    lightness = torch.rand(2, 1, 64, 32, generator=torch.Generator().manual_seed(1)) * 100
    level = torch.ones(1)
    for whole, part in zip(
        model(lightness, level), model.decode(model.network(lightness), level), strict=True
    ):
        torch.testing.assert_close(whole, part)
    assert whole.shape == (2, 1, 16, 8)
