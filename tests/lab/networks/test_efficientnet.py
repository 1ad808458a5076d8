from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: N812

from tinct.errors import ModelError
from tinct.lab.networks.efficientnet import LITE0, LITE2, STAGES, STEM, Encoder

pytestmark = pytest.mark.train


def stages_of(variant):
    """Kernel, stride, expansion, blocks and channels of every stage."""
    facts = zip(STAGES, variant.blocks, variant.channels, strict=True)
    return [(*stage, blocks, outputs) for stage, blocks, outputs in facts]


def published_state(variant, seed=0):
    """Random weights under the names and in the shapes of the published file."""
    torch.manual_seed(seed)
    state = {"_conv_stem.weight": torch.randn(STEM, 3, 3, 3)}

    def norm(name, channels):
        for fact in ("weight", "running_var"):
            state[f"{name}.{fact}"] = torch.rand(channels) + 0.5
        for fact in ("bias", "running_mean"):
            state[f"{name}.{fact}"] = torch.randn(channels) * 0.1
        state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    norm("_bn0", STEM)
    number, inputs = 0, STEM
    for kernel, _, expansion, blocks, outputs in stages_of(variant):
        for _ in range(blocks):
            hidden, prefix = inputs * expansion, f"_blocks.{number}"
            if expansion > 1:
                state[f"{prefix}._expand_conv.weight"] = torch.randn(hidden, inputs, 1, 1) * 0.1
                norm(f"{prefix}._bn0", hidden)
            state[f"{prefix}._depthwise_conv.weight"] = torch.randn(hidden, 1, kernel, kernel)
            norm(f"{prefix}._bn1", hidden)
            state[f"{prefix}._project_conv.weight"] = torch.randn(outputs, hidden, 1, 1) * 0.1
            norm(f"{prefix}._bn2", outputs)
            number, inputs = number + 1, outputs
    state["_fc.weight"] = torch.randn(1000, 1280)
    return state


def functional(state, x, variant):
    """The encoder once more, from the published names alone."""

    def conv_norm(x, conv, norm, act, **options):
        weight = state[f"{conv}.weight"]
        x = F.conv2d(x, weight, padding=weight.shape[-1] // 2, **options)
        facts = (state[f"{norm}.{f}"] for f in ("running_mean", "running_var", "weight", "bias"))
        x = F.batch_norm(x, *facts, eps=1e-3)
        return x.clamp(0, 6) if act else x

    x = conv_norm(x, "_conv_stem", "_bn0", True, stride=2)
    maps, number = [], 0
    for _, stride, expansion, blocks, _ in stages_of(variant):
        for place in range(blocks):
            y, prefix = x, f"_blocks.{number}."
            if expansion > 1:
                y = conv_norm(y, prefix + "_expand_conv", prefix + "_bn0", True)
            step = stride if place == 0 else 1
            options = {"stride": step, "groups": y.shape[1]}
            y = conv_norm(y, prefix + "_depthwise_conv", prefix + "_bn1", True, **options)
            y = conv_norm(y, prefix + "_project_conv", prefix + "_bn2", False)
            x = x + y if y.shape == x.shape else y
            number += 1
        maps.append(x)
    return maps


@pytest.mark.parametrize("variant", [LITE0, LITE2], ids=lambda variant: variant.name)
@torch.no_grad()
def test_published_weights_on_a_gray_picture(variant):
    state = {key: value.double() for key, value in published_state(variant).items()}
    encoder = Encoder(variant).double().eval()
    encoder.load_published(state, "weights")
    gray = torch.rand(2, 1, 64, 96, dtype=torch.float64) * 2 - 1
    maps = encoder(gray)
    wanted = functional(state, gray.expand(-1, 3, -1, -1), variant)
    assert [m.shape[1] for m in maps] == list(variant.map_channels)
    assert [64 // m.shape[2] for m in maps] == [4, 8, 16, 32]
    for ours, stage in zip(maps, (1, 2, 4, 6), strict=True):
        torch.testing.assert_close(ours, wanted[stage], rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("fault", ["missing", "shape", "size"])
def test_other_weights_are_refused(fault):
    state = published_state(LITE2 if fault == "size" else LITE0)
    if fault == "missing":
        del state["_blocks.3._project_conv.weight"]
    elif fault == "shape":
        state["_blocks.3._project_conv.weight"] = torch.zeros(3, 3, 1, 1)
    with pytest.raises(ModelError, match=r"lite\.pth: not the weights of EfficientNet-Lite0"):
        Encoder().load_published(state, "lite.pth")
