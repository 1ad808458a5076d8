from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from tinct.errors import ModelError
from tinct.lab.networks import build
from tinct.lab.networks.classifier import Classifier
from tinct.lab.networks.summary import summarize

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    return build("base").eval()


@pytest.mark.parametrize(
    ("encoder", "most_parameters", "most_mmac"),
    [("efficientnet-lite0", 3.4e6, 650), ("efficientnet-lite2", 4.8e6, 900)],
)
def test_parameters_and_multiplications(encoder, most_parameters, most_mmac, with_decoding):
    network = build("base", encoder=encoder).eval()
    summary = summarize(network)
    assert 0.9 * most_parameters < summary.num_parameters < most_parameters
    whole = summarize(with_decoding(network))
    assert summary.mmac < whole.mmac <= most_mmac


def test_an_encoder_that_there_is_not():
    with pytest.raises(ModelError, match=r"no encoder is called 'lite9'.*efficientnet-lite2"):
        build("base", encoder="lite9")


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
