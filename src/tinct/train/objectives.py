"""What is minimised: cross-entropy over ab bins, or the paper's mean squared error."""

from __future__ import annotations

from typing import Protocol

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own idiom
from torch import Tensor, nn

from tinct import bins
from tinct.errors import TrainingError
from tinct.networks.decode import ColorModel
from tinct.networks.nano import Nano
from tinct.networks.paper import AB_SCALE, PaperNetwork
from tinct.train.cache import Cache
from tinct.train.config import TrainConfig

REGRESSION_SCALE = {"ab": 1 / AB_SCALE, "rgb": 2.0}
"""From the units of the output to those of the paper's loss, in which outputs span -1..1."""


class Objective(Protocol):
    """A loss, and the colours that a network trained with it predicts."""

    def loss(self, lightness: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
        """Return the training loss of a batch, a scalar with its graph."""

    def colors(self, network: nn.Module, lightness: Tensor) -> Tensor:
        """Return what ``network`` predicts, in the units of the target and at its size."""


class Classification:
    """Cross-entropy between the distribution over bins and the code of the true colour."""

    def __init__(self, network: Nano, positions: float) -> None:
        """Take the bins from the network; the loss looks at this share of the places."""
        code = bins.encode_bins(network.bin_centers.numpy())
        self.index = torch.from_numpy(code.index).reshape(-1, 3)
        self.weight = torch.from_numpy(code.weight).reshape(-1, 3)
        self.network, self.positions = network, positions

    def loss(self, lightness: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
        """Return the mean cross-entropy at randomly chosen places.

        Head and loss are the dearest part of a step, and neighbouring places say nearly the same.
        """
        features = self.network.features(lightness).flatten(2)  # (N, C, P)
        count, channels, places = features.shape
        chosen = max(round(places * self.positions), 1)
        at = torch.randint(places, (count, 1, chosen), generator=generator)
        features = features.gather(2, at.expand(-1, channels, -1))  # (N, C, K)
        rows = features.transpose(1, 2).reshape(-1, channels)  # (N * K, C)
        logits = F.linear(rows, self.network.head.weight.flatten(1), self.network.head.bias)
        ab = target.flatten(2).gather(2, at.expand(-1, 2, -1)).transpose(1, 2).reshape(-1, 2)
        cell = (ab.round().long() + bins.AB_LIMIT).clamp_(0, 2 * bins.AB_LIMIT - 1)
        cell = cell[:, 0] * 2 * bins.AB_LIMIT + cell[:, 1]
        scores = torch.log_softmax(logits, dim=1).gather(1, self.index[cell])  # (N * K, 3)
        loss: Tensor = -(scores * self.weight[cell]).sum(1).mean()
        return loss

    def colors(self, network: nn.Module, lightness: Tensor) -> Tensor:
        """Return the annealed mean at vividness 0, (N, 2, H/4, W/4)."""
        assert isinstance(network, Nano)
        ab: Tensor = ColorModel(network)(lightness, torch.zeros(1))[0]
        return ab


class Regression:
    """The paper's loss: mean squared error of what the network answers, scaled to -1..1."""

    def __init__(self, network: PaperNetwork) -> None:
        """Regress whatever the network is made to answer."""
        self.network = network
        self.scale = REGRESSION_SCALE[network.target]

    def loss(self, lightness: Tensor, target: Tensor, generator: torch.Generator) -> Tensor:
        """Return the mean squared error over all places."""
        del generator
        return F.mse_loss(self.network.predict(lightness) * self.scale, target * self.scale)

    def colors(self, network: nn.Module, lightness: Tensor) -> Tensor:
        """Return what the network answers."""
        assert isinstance(network, PaperNetwork)
        return network.predict(lightness)


def check_objective(config: TrainConfig, network: nn.Module) -> None:
    """Make sure that a network can be trained with the objective of a run.

    Raises:
        TrainingError: It cannot.
    """
    wanted = {"classification": Nano, "regression": PaperNetwork}[config.objective]
    if not isinstance(network, wanted):
        raise TrainingError(f"network {config.network!r} is not trained by {config.objective}")


def make_objective(config: TrainConfig, network: nn.Module) -> Objective:
    """Return the objective of a run.

    Raises:
        TrainingError: The network cannot be trained with it.
    """
    check_objective(config, network)
    if isinstance(network, Nano):
        return Classification(network, config.positions)
    assert isinstance(network, PaperNetwork)
    return Regression(network)


def set_bins(network: nn.Module, cache: Cache) -> None:
    """Place the bins of a classifying network, and set its prior, by the photographs' colours.

    Raises:
        TrainingError: The photographs have fewer colours than there are bins.
    """
    if isinstance(network, Nano):
        count = network.config.num_bins
        occupied = int((cache.histogram > 0).sum())
        if occupied < count:
            raise TrainingError(f"the photographs have only {occupied} colours for {count} bins")
        centers = bins.place_bins(cache.histogram, count)
        prior = bins.bin_prior(cache.histogram, bins.encode_bins(centers), count)
        network.bin_centers.copy_(torch.from_numpy(centers))
        network.log_prior.copy_(torch.from_numpy(prior).log())
