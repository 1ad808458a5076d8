"""From a distribution over bins to a color and a confidence: the end of a model's graph."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812 - torch's own idiom
from torch import Tensor, nn

from tinct.lab.networks.classifier import Classifier

MAX_EXPONENT = 70.0
"""Of e, so that sums of squared ab over a thousand bins still fit into 32 bits."""


@dataclass(frozen=True)
class DecodeConfig:
    """How sharp and how vivid the colors are that are read from a distribution."""

    temperature: float = 0.6
    """Of the annealed mean: below 1 the likelier colors count more."""
    prior_power: float = 0.5
    """At vividness 1 the probabilities are divided by the prior to this power."""
    gain: float = 0.0
    """At vividness 1 colors that are sure grow by this share, on top of that; others by as much
    less as their confidence is."""
    vividness_curve: float = 1.0
    """Of both, ``vividness ** vividness_curve`` is used: so that colors grow evenly with it."""
    confidence_scale: float = 20.0
    """Spread of the distribution, in units of ab, at which the confidence is one half."""
    confidence_slope: float = 1.0
    """How fast the confidence falls with the spread: odds are its square to minus this power."""


class ColorModel(nn.Module):
    """A classifying network with its decoding: what is exported."""

    def __init__(self, network: Classifier, config: DecodeConfig | None = None) -> None:
        """Wrap a network whose bins and prior are set."""
        super().__init__()
        self.network = network
        self.config = config = config or DecodeConfig()
        centers = network.bin_centers.detach()
        square = (centers**2).sum(1, keepdim=True)
        moments = torch.cat([centers, square, torch.ones_like(square)], dim=1).T  # (4, Q)
        self.moments: Tensor
        self.register_buffer("moments", moments[..., None, None].contiguous())  # (4, Q, 1, 1)

    def forward(self, lightness: Tensor, vividness: Tensor) -> tuple[Tensor, Tensor]:
        """Color gray pictures.

        Args:
            lightness: L* (N, 1, H, W), 0..100; H and W multiples of 32.
            vividness: (1,), 0 for the most faithful colors, 1 for the most vivid.

        Returns:
            ab in CIE units (N, 2, H/4, W/4), and the confidence (N, 1, H/4, W/4) between 0 and 1:
            how narrow the distribution is around its mean; calibrated, the probability that the
            true color is near.
        """
        return self.decode(self.network(lightness), vividness)

    def decode(self, logits: Tensor, vividness: Tensor) -> tuple[Tensor, Tensor]:
        """Turn logits (N, Q, h, w) into ab and confidence, see :meth:`forward`."""
        return self.decode_scores(self.scores(logits), vividness)

    def scores(self, logits: Tensor) -> Tensor:
        """Return logits over the temperature, within what can be raised to powers of e."""
        return (logits / self.config.temperature).clamp(-MAX_EXPONENT, MAX_EXPONENT)

    def decode_scores(self, scores: Tensor, vividness: Tensor) -> tuple[Tensor, Tensor]:
        """Turn :meth:`scores` into ab and confidence, see :meth:`forward`."""
        config, prior = self.config, self.network.log_prior.reshape(1, -1, 1, 1)
        # A softmax in parts. The maximum over channels that it would subtract first is a quarter of
        # the run time in ONNX Runtime: clamping keeps the powers finite as well, and changes
        # colors only where a network is surer than any trained one. The prior, the same at every
        # place, goes into the few weights of the moments, whose last one sums up the likelihoods.
        likelihoods = torch.exp(scores)
        share = vividness.reshape(1, 1, 1, 1) ** config.vividness_curve
        power = share * (config.prior_power / config.temperature)
        rarity = torch.exp(power * (prior.amin(dim=1, keepdim=True) - prior))  # at most 1
        sums = F.conv2d(likelihoods, self.moments * rarity)  # (N, 4, h, w): a, b, a^2 + b^2, 1
        mean = sums[:, :3] / sums[:, 3:]
        ab = mean[:, :2]
        variance = F.relu(mean[:, 2:] - (ab**2).sum(1, keepdim=True))
        odds = (variance / config.confidence_scale**2) ** config.confidence_slope
        confidence = 1 / (1 + odds)
        return ab * (1 + config.gain * share * confidence), confidence


class ModelFile(ColorModel):
    """All that a model file answers: colors, and what hints need to know of the picture.

    Features and scores are there anyway, so they cost nothing.
    """

    def forward(  # type: ignore[override]
        self, lightness: Tensor, vividness: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return ab and confidence as ``ColorModel`` does, then features and scores.

        Features are those of the network, (N, C, H/4, W/4); scores (N, Q, H/4, W/4) are logarithms
        of likelihoods of the bins, each up to a constant of its place.
        """
        features = self.network.features(lightness)
        scores = self.scores(self.network.head(features))
        return *self.decode_scores(scores, vividness), features, scores
