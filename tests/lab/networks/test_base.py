from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from tinct.lab.networks import build
from tinct.lab.networks.classifier import Classifier
from tinct.lab.networks.summary import summarize

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build("base").eval()


def test_parameters_and_multiplications(network, with_decoding):
    summary = summarize(network)
    assert 2.5e6 < summary.num_parameters < 3.4e6  # the file in half precision: at most 7 MB
    whole = summarize(with_decoding(network))
    assert summary.mmac < whole.mmac <= 650


@pytest.mark.parametrize("size", [(32, 32), (96, 64)])
@torch.no_grad()
def test_distribution_at_a_quarter_of_the_size(network, size):
    assert isinstance(network, Classifier)
    logits = network(torch.rand(2, 1, *size) * 100)
    assert logits.shape == (2, network.num_bins, size[0] // 4, size[1] // 4)
    assert torch.isfinite(logits).all()


@torch.no_grad()
def test_every_part_of_a_picture_reaches_every_other(network):
    lightness = torch.full((1, 1, 256, 256), 50.0)
    changed = lightness.clone()
    changed[..., :32, :32] = torch.rand(32, 32) * 100
    difference = (network(changed) - network(lightness)).abs().amax(dim=1)
    assert difference[0, -1, -1] > 0
