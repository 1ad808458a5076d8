"""From the scores of a network to colors, outside of its graph.

The graph of a model file ends with this arithmetic (``tinct.lab.networks.readout``). Phones compute
in 16 bits, in which its powers of e overflow, and some of their runtimes lack the operations; so
exports for them end at the scores, and the program around them does what is written here.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tinct.lab.networks.readout import ColorModel

    Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Decoding:
    """What turns scores into colors; all of it stands in the JSON file beside an export.

    Scores are logarithms of the likelihoods of the bins, each up to a constant of its place, the
    temperature of the annealed mean being in them.
    """

    bins: tuple[tuple[float, float], ...]
    """Colors of the Q bins, ab in CIE units."""
    log_prior: tuple[float, ...]
    """(Q,), logarithm of how often each occurs in photographs."""
    prior_power: float
    """At vividness 1 the likelihoods are divided by the prior to this power."""
    gain: float
    """At vividness 1, colors grow by this share of their confidence on top of that."""
    vividness_curve: float
    """Of both, ``vividness ** vividness_curve`` is used."""
    confidence_scale: float
    """Spread of the likelihoods, in units of ab, at which the confidence is one half."""
    confidence_slope: float
    """How fast the confidence falls with the spread."""

    @classmethod
    def of(cls, model: ColorModel) -> Decoding:
        """Take them from a network with its decoding."""
        config, network = model.config, model.network
        return cls(
            bins=tuple((float(a), float(b)) for a, b in network.bin_centers.tolist()),
            log_prior=tuple(float(value) for value in network.log_prior.tolist()),
            prior_power=config.prior_power / config.temperature,
            gain=config.gain,
            vividness_curve=config.vividness_curve,
            confidence_scale=config.confidence_scale,
            confidence_slope=config.confidence_slope,
        )

    def to_table(self) -> dict[str, Any]:
        """Return them as JSON has them."""
        return asdict(self)

    def decode(self, scores: Floats, vividness: float) -> tuple[Floats, Floats]:
        """Turn scores into colors.

        Args:
            scores: (N, Q, h, w).
            vividness: 0..1.

        Returns:
            ab (N, 2, h, w) in CIE units, and the confidence (N, 1, h, w), 0..1.
        """
        share = vividness**self.vividness_curve
        prior = np.array(self.log_prior, np.float32)
        scores = scores - (share * self.prior_power * prior)[None, :, None, None]
        likelihoods = np.exp(scores - scores.max(axis=1, keepdims=True))
        likelihoods /= likelihoods.sum(axis=1, keepdims=True)
        bins = np.array(self.bins, np.float32)  # (Q, 2)
        moments = np.concatenate([bins, np.square(bins).sum(axis=1, keepdims=True)], axis=1)
        mean = np.einsum("nqhw,qm->nmhw", likelihoods, moments)  # a, b, a^2 + b^2
        ab = mean[:, :2]
        variance = (mean[:, 2:] - np.square(ab).sum(axis=1, keepdims=True)).clip(min=0)
        odds = (variance / self.confidence_scale**2) ** self.confidence_slope
        confidence = 1 / (1 + odds)
        return ab * (1 + self.gain * share * confidence), confidence
