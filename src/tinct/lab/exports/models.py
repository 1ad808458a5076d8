"""What is exported of a model: its network without decoding, and its branch for hints."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn

from tinct.lab.exports.decoding import Decoding
from tinct.lab.train.begin import load_hint_branch
from tinct.lab.train.export import fold_all, open_model
from tinct.runtime import model_path
from tinct.runtime.session import hints_path

if TYPE_CHECKING:
    from tinct.lab.networks.readout import ModelFile
    from tinct.spec import HintSpec, ModelSpec


class Undecoded(nn.Module):
    """A network without the decoding of its scores: convolutions, and one layer of attention."""

    def __init__(self, model: ModelFile) -> None:
        """Take the network out of a model, whose weights are folded."""
        super().__init__()
        self.model = model

    def forward(self, lightness: Tensor) -> tuple[Tensor, Tensor]:
        """Map L* (N, 1, H, W), 0..100, to features (N, C, H/4, W/4), scores (N, Q, H/4, W/4)."""
        features = self.model.network.features(lightness)
        return features, self.model.scores(self.model.network.head(features))


@dataclass(frozen=True)
class Graph:
    """One graph of a model: the network, or its branch for hints."""

    name: str
    """Of its files, without a suffix."""
    path: Path
    """The model file that it is in."""
    module: nn.Module
    """The same in torch, in evaluation mode, without decoding."""
    inputs: dict[str, Tensor]
    """An example of each, by name, for one picture."""
    outputs: tuple[str, ...]
    """Names, in their order."""
    has_half_weights: bool
    """Whether the model file stores weights in 16 bits: so does an export of it, then."""


@dataclass(frozen=True)
class Source:
    """A model that is to be exported."""

    name: str
    spec: ModelSpec
    decoding: Decoding
    network: Graph
    branch: Graph | None
    """For hints; None if the model takes none."""
    hints: HintSpec | None

    @property
    def graphs(self) -> list[Graph]:
        """All that there are."""
        return [self.network, *([self.branch] if self.branch else [])]


def open_source(model: str, size: tuple[int, int] | None = None) -> Source:
    """Open a model file for export, and the branch for hints beside it, if there is one.

    Args:
        model: Name of a model in the package, or path of a model file.
        size: Width and height of the examples, in pixels, multiples of the model's; None for a
            square of its short side.

    Raises:
        ModelError: There is no such model, or its weights are not all there.
    """
    path = model_path(model)
    colors, spec = open_model(model)
    folded = fold_all(colors)
    is_half = spec.provenance.get("precision") == "fp16-weights"
    width, height = size or (spec.short_side, spec.short_side)
    lightness = 100 * torch.rand((1, 1, height, width), generator=torch.Generator().manual_seed(0))
    network = Graph(
        path.stem,
        path,
        Undecoded(folded).eval(),
        {"lightness": lightness},
        ("features", "scores"),
        is_half,
    )
    branch, hints = None, None
    if hints_path(path).is_file():
        module, hints = load_hint_branch(hints_path(path))
        with torch.no_grad():
            features, _ = network.module(lightness)
        branch = Graph(
            hints_path(path).stem,
            hints_path(path),
            module,
            {"features": features, "lightness": lightness},
            ("keys", "strengths"),
            has_half_weights=False,  # so few that halves would save nothing
        )
    return Source(path.stem, spec, Decoding.of(folded), network, branch, hints)
