from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tinct.lab.networks.base import Base
from tinct.lab.networks.hints import HintBranch, HintConfig, HintedNetwork
from tinct.lab.networks.nano import Nano
from tinct.runtime.hint_session import Description
from tinct.runtime.propagation import Propagation
from tinct.spec import HintSpec

pytestmark = pytest.mark.train


@pytest.fixture
def branch():
    torch.manual_seed(0)
    branch = HintBranch(6, HintConfig(hidden=8, heads=(2, 1), dimensions=3)).eval()
    torch.nn.init.normal_(branch.outside.weight, std=0.5)
    return branch


@pytest.mark.parametrize("kind", [Nano, Base])
def test_a_branch_is_a_small_part_of_its_network(kind):
    hinted = HintedNetwork(kind())
    ours = sum(item.numel() for item in hinted.branch.parameters())
    assert ours <= 0.25 * sum(item.numel() for item in hinted.network.parameters())
    hinted.train()
    assert not any(item.requires_grad for item in hinted.network.parameters())
    assert not any(module.training for module in hinted.network.modules())


@torch.no_grad()
def test_the_runtime_propagates_as_the_branch_does(branch):
    generator = torch.Generator().manual_seed(1)
    features = torch.rand((2, 6, 8, 12), generator=generator)
    lightness = 100 * torch.rand((2, 1, 32, 48), generator=generator)
    ab = 20 * torch.randn((2, 2, 8, 12), generator=generator)
    at = torch.rand((2, 5, 2), generator=generator) * torch.tensor([7.0, 11.0])
    colors = 30 * torch.randn((2, 5, 2), generator=generator)
    wanted = branch.spread(ab, branch.describe(features, lightness), at, colors)
    keys, strengths = branch(features, lightness)
    spec = HintSpec(
        "x",
        "w",
        branch.config.heads,
        tuple(branch.log_reach.exp().tolist()),
        tuple(branch.log_noise.exp().tolist()),
        branch.config.middle,
        ((0.0, 0.0),),
    )
    for index in range(2):
        described = Description(
            ab[index].numpy(),
            confidence=np.zeros((8, 12), np.float32),
            scores=np.zeros((1, 8, 12), np.float32),
            keys=keys[index].reshape(3, 3, 8, 12).numpy(),
            strengths=strengths[index].numpy(),
        )
        found, _ = Propagation(described, spec).colors(at[index].numpy(), colors[index].numpy())
        np.testing.assert_allclose(found, wanted[index].numpy(), atol=2e-2)


def test_gradients_reach_every_weight_of_the_branch(branch):
    features, lightness = torch.rand(1, 6, 4, 4), 100 * torch.rand(1, 1, 16, 16)
    ab = branch.spread(
        torch.zeros(1, 2, 4, 4),
        branch.describe(features, lightness),
        torch.tensor([[[1.0, 1.0], [2.5, 3.0]]]),
        torch.tensor([[[20.0, 10.0], [-30.0, 5.0]]]),
    )
    ab.square().mean().backward()
    for name, parameter in branch.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().sum() > 0, name
