"""What lets a color that a person names travel to the places that it belongs to.

The automatic network stays as it is. Beside it, two 1x1 convolutions look at its last features and
answer, for every place, keys and strengths. How alike two places are decides how much of what is
said of the one holds for the other:

    similarity(p, q) = sum over heads of s(p) s(q) exp(-|k(p) - k(q)|^2 / 2 - |p - q|^2 / (2 r^2))

with keys k, strengths s and the reach r of the head. This is the kernel of a Gaussian process
(Rasmussen and Williams, 2006, equations 2.22 to 2.26; with learned features: Wilson et al., Deep
kernel learning, 2016) over the *difference* between true and automatic color: strengths say how far
off the automatic color may be at a place, keys and reach what shares its fate. Hints are
observations of that difference; its mean, given them, is added everywhere. With no hint nothing is.

There are two such processes. Small differences are mostly shared by much of a picture: it is warmer
than was thought. Large ones are a matter of one thing: this dress is green, and nothing else. So
each observed difference d is split into d m^2 / (m^2 + |d|^2) and the rest; the first part is of
one process, the rest of the other, and both are added. So a very large difference hardly says
anything about other things.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own idiom
from torch import Tensor, nn

from tinct.lab.networks.classifier import Classifier

FIRST_NOISE = 0.02
"""Variance of what hints leave open, over that of a place of strength 1, before training."""
FIRST_SPREAD = 0.25
"""Standard deviation of the weights that keys are made with, before training."""
FIRST_REACH = (0.08, 0.35, 2.0)
"""Reach of the heads of a process before training, in short sides of the picture: a spot, a thing,
all of it."""


@dataclass(frozen=True)
class HintConfig:
    """Sizes of the branch for hints."""

    hidden: int = 64
    """Channels between the two convolutions."""
    heads: tuple[int, int] = (3, 2)
    """Similarities that are summed up, each with a reach of its own, of the process of small
    differences and of that of large ones."""
    dimensions: int = 12
    """Length of a key."""
    middle: float = 8.0
    """The m above, in CIE units. It is not learned: on true photographs alone it would grow, for
    there even a red dress tells of warm light; whoever says that a dress is red does not mean the
    light."""


class Places(NamedTuple):
    """What is known of some places of each picture of a batch, by the heads of a process."""

    keys: Tensor
    """(N, heads, dimensions + 2, P): keys, then row and column over the reach."""
    strengths: Tensor
    """(N, heads, P), above 0."""


class HintBranch(nn.Module):
    """Keys and strengths of all places, and what hints make of them."""

    def __init__(self, features: int, config: HintConfig | None = None) -> None:
        """Build it with random weights.

        Args:
            features: Channels of the network's features.
            config: Sizes.
        """
        super().__init__()
        self.config = config = config or HintConfig()
        self.inside = nn.Conv2d(features + 1, config.hidden, 1)
        self.outside = nn.Conv2d(config.hidden, sum(config.heads) * (config.dimensions + 1), 1)
        nn.init.normal_(self.outside.weight, std=FIRST_SPREAD)
        last = len(FIRST_REACH) - 1
        reach = [FIRST_REACH[min(head, last)] for count in config.heads for head in range(count)]
        self.log_reach = nn.Parameter(torch.tensor(reach).log())
        self.log_noise = nn.Parameter(torch.full((2,), math.log(FIRST_NOISE)))

    def forward(self, features: Tensor, lightness: Tensor) -> tuple[Tensor, Tensor]:
        """Describe every place of pictures.

        Args:
            features: Of the network, (N, C, h, w).
            lightness: L* (N, 1, 4h, 4w), 0..100.

        Returns:
            Keys (N, heads * dimensions, h, w), without the positions, and strengths
            (N, heads, h, w), those of small differences first.
        """
        config = self.config
        small = F.avg_pool2d(lightness, Classifier.stride) / 50 - 1
        hidden = F.relu(self.inside(torch.cat([features, small], dim=1)))
        answer = self.outside(hidden)
        length = sum(config.heads) * config.dimensions
        return answer[:, :length], F.softplus(answer[:, length:])

    def describe(self, features: Tensor, lightness: Tensor) -> Places:
        """Return what is known of all places, P = h * w, row after row."""
        config = self.config
        keys, strengths = self(features, lightness)
        n, _, h, w = keys.shape
        keys = keys.reshape(n, sum(config.heads), config.dimensions, h * w)
        rows, columns = (torch.arange(side, device=keys.device) / min(h, w) for side in (h, w))
        grid = torch.stack(torch.meshgrid(rows, columns, indexing="ij")).reshape(1, 1, 2, h * w)
        positions = (grid / self.log_reach.exp().reshape(1, -1, 1, 1)).expand(n, -1, -1, -1)
        return Places(torch.cat([keys, positions], dim=2), strengths.flatten(2))

    def spread(self, ab: Tensor, places: Places, at: Tensor, colors: Tensor) -> Tensor:
        """Return the colors of pictures in which some colors are known.

        Args:
            ab: What the network answers, (N, 2, h, w) in CIE units.
            places: All places of these pictures.
            at: Where hints are, (N, M, 2): row and column in units of the map, 0 the middle of the
                first.
            colors: Their ab, (N, M, 2).
        """
        n, _, h, w = ab.shape
        keys, strengths = places
        everything = torch.cat([keys.flatten(1, 2), strengths, ab.flatten(2)], dim=1)
        known = sample(everything.reshape(n, -1, h, w), at)  # (N, C, M)
        heads, length = keys.shape[1:3]
        hints = Places(
            known[:, : heads * length].reshape(n, heads, length, -1),
            known[:, heads * length : -2],
        )
        differences = colors - known[:, -2:].transpose(1, 2)  # (N, M, 2)
        small = self.small_part(differences)
        first = self.config.heads[0]
        parts = (
            (small, slice(None, first), self.log_noise[0]),
            (differences - small, slice(first, None), self.log_noise[1]),
        )
        for values, chosen, log_noise in parts:
            some = Places(hints.keys[:, chosen], hints.strengths[:, chosen])
            among = similarity(some, some)
            among = among + log_noise.exp() * torch.eye(at.shape[1], device=ab.device)
            weights = torch.linalg.solve(among, values)
            everywhere = Places(keys[:, chosen], strengths[:, chosen])
            mean = similarity(everywhere, some) @ weights  # (N, P, 2)
            ab = ab + mean.transpose(1, 2).reshape(ab.shape)
        return ab

    def small_part(self, differences: Tensor) -> Tensor:
        """Return what of differences (..., 2) is of the process of small ones."""
        square = (differences**2).sum(dim=-1, keepdim=True)
        part: Tensor = differences * (self.config.middle**2 / (self.config.middle**2 + square))
        return part


def sample(maps: Tensor, at: Tensor) -> Tensor:
    """Read maps (N, C, h, w) between their places, at (N, M, 2): bilinear, (N, C, M)."""
    last = maps.new_tensor([max(side - 1, 1) for side in maps.shape[2:]])
    grid = (2 * at / last - 1).flip(-1)[:, None]  # x before y
    y = F.grid_sample(maps, grid, mode="bilinear", padding_mode="border", align_corners=True)
    known: Tensor = y[:, :, 0]
    return known


def similarity(one: Places, other: Places) -> Tensor:
    """Return how alike places are, (N, P, M), see the head of this module."""
    squares = [(places.keys**2).sum(dim=2) for places in (one, other)]  # (N, heads, P), (.., M)
    products = one.keys.transpose(2, 3) @ other.keys  # (N, heads, P, M)
    distance = squares[0][..., None] + squares[1][:, :, None] - 2 * products
    alike = torch.exp(-0.5 * distance.clamp(min=0))
    strengths = one.strengths[..., None] * other.strengths[:, :, None]
    total: Tensor = (strengths * alike).sum(dim=1)
    return total


class HintedNetwork(nn.Module):
    """An automatic network, which nothing changes any more, with a branch for hints."""

    stride = Classifier.stride
    target = Classifier.target

    def __init__(self, network: Classifier, config: HintConfig | None = None) -> None:
        """Put a new branch beside a network."""
        super().__init__()
        self.network = network.requires_grad_(False)
        self.branch = HintBranch(network.head.in_channels, config)

    def train(self, mode: bool = True) -> HintedNetwork:
        """Switch the branch alone; the network stays in evaluation mode."""
        super().train(mode)
        self.network.eval()
        return self
