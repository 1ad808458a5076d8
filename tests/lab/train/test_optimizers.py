from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn

from tinct.lab.networks import build
from tinct.lab.train.config import TrainConfig
from tinct.lab.train.optimizers import MatrixMuon, make_optimizers, orthogonalize

pytestmark = pytest.mark.train


def names_in(optimizer, network):
    """The weights that an optimizer moves, by their memory, with their share and decay."""
    names = {p.data_ptr(): name for name, p in network.named_parameters()}
    return {
        names[p.data_ptr()]: (group["share"], group["weight_decay"])
        for group in optimizer.param_groups
        for p in group["params"]
    }


def test_every_weight_is_moved_by_one_optimizer():
    network = build("nano")
    network.to(memory_format=torch.channels_last)
    optimizers = make_optimizers(TrainConfig(optimizer="muon"), network)
    assert list(optimizers) == ["optimizer", "muon"]
    matrices, others = (
        names_in(optimizers["muon"], network),
        names_in(optimizers["optimizer"], network),
    )
    assert not matrices.keys() & others.keys()
    assert matrices.keys() | others.keys() == dict(network.named_parameters()).keys()
    sizes = {name: p.shape for name, p in network.named_parameters()}
    assert "head.weight" in others
    assert all(sizes[name][1] > 1 for name in matrices)  # depthwise ones are no matrices
    assert sum(sizes[name].numel() for name in matrices) > 0.85 * sum(
        size.numel() for size in sizes.values()
    )
    assert {decay for _, decay in matrices.values()} == {0.02}
    assert {others[name][1] for name in others if len(sizes[name]) == 1} == {0.0}


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
@pytest.mark.parametrize("begun", [{"encoder": "efficientnet-lite0"}, {"norms": True}])
def test_what_was_begun_with_learns_at_its_own_rate(optimizer, begun):
    network = build("base")
    config = TrainConfig(network="base", optimizer=optimizer, encoder_rate=0.25, **begun)
    for one in make_optimizers(config, network).values():
        for name, (share, _) in names_in(one, network).items():
            assert share == (0.25 if name.startswith("encoder.") else 1), name


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("kernel", [1, 3])
def test_convolutions_move_as_their_matrices_would(layout, kernel):
    torch.manual_seed(0)
    convolution = nn.Conv2d(6, 4, kernel).to(memory_format=layout)
    matrix = nn.Parameter(convolution.weight.detach().flatten(1).clone())
    ours = MatrixMuon([{"params": [convolution.weight], "share": 1.0}], 0.1, 0.02)
    theirs = torch.optim.Muon([matrix], 0.1, weight_decay=0.02, adjust_lr_fn="match_rms_adamw")
    before = convolution.weight.detach().clone()
    for _ in range(3):
        gradient = torch.randn(4, 6, kernel, kernel)
        convolution.weight.grad, matrix.grad = gradient, gradient.flatten(1)
        ours.step()
        theirs.step()
    after = convolution.weight.detach()
    moved = float((after - before).abs().max())
    assert moved > 0.05
    # theirs are orthogonalized in bfloat16, which has 8 bits of precision
    torch.testing.assert_close(after.flatten(1), matrix.detach(), atol=0.025 * moved, rtol=0)


def test_weights_may_move_to_other_memory():
    convolution = nn.Conv2d(6, 4, 1)
    muon = MatrixMuon([{"params": [convolution.weight], "share": 1.0}], 0.1, 0.0)
    convolution.weight.data = convolution.weight.data.clone()  # as moving to a GPU does
    before = convolution.weight.detach().clone()
    convolution.weight.grad = torch.randn(4, 6, 1, 1)
    muon.step()
    assert (convolution.weight - before).abs().max() > 0.01


@pytest.mark.parametrize("shape", [(24, 60), (60, 24)])
def test_orthogonal_matrices_keep_the_singular_vectors(shape):
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(3))
    values = torch.linalg.svdvals(orthogonalize(matrix, (3.4445, -4.775, 2.0315), 5, 1e-7))
    assert values.min() > 0.5
    assert values.max() < 1.3
    step = matrix / matrix.norm()
    for _ in range(5):
        gram = step @ step.T
        step = 3.4445 * step + (-4.775 * gram + 2.0315 * gram @ gram) @ step
    torch.testing.assert_close(
        orthogonalize(matrix, (3.4445, -4.775, 2.0315), 5, 1e-7), step, atol=1e-4, rtol=0
    )
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    polar = left @ right
    found = orthogonalize(matrix, (3.4445, -4.775, 2.0315), 5, 1e-7)
    assert float((found * polar).sum() / (found.norm() * polar.norm())) > 0.97
