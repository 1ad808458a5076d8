"""What all networks have in common that answer a distribution over colors."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Classifier(nn.Module):
    """Lightness to features and logits over ab bins at a quarter of the size.

    A subclass builds its layers, calls :meth:`add_head` last and implements :meth:`features`.

    Attributes:
        head: 1x1 convolution from features to logits.
        bin_centers: (Q, 2), colors of the bins in CIE units.
        log_prior: (Q,), logarithm of how often each occurs in photographs.
    """

    stride = 4
    """Size of the input over the size of the output."""
    target = "ab"
    """What the network answers."""

    head: nn.Conv2d
    bin_centers: Tensor
    log_prior: Tensor

    def add_head(self, channels: int, num_bins: int) -> None:
        """Add the layer that tells ``num_bins`` colors apart, and room for what they are."""
        self.head = nn.Conv2d(channels, num_bins, 1)
        self.register_buffer("bin_centers", torch.zeros(num_bins, 2))
        self.register_buffer("log_prior", torch.zeros(num_bins))

    @property
    def num_bins(self) -> int:
        """Colors that the head tells apart."""
        return self.head.out_channels

    def features(self, lightness: Tensor) -> Tensor:
        """Map L* (N, 1, H, W), 0..100, H and W multiples of 32, to (N, C, H/4, W/4)."""
        raise NotImplementedError

    def forward(self, lightness: Tensor) -> Tensor:
        """Map L* (N, 1, H, W), 0..100, to logits (N, num_bins, H/4, W/4)."""
        y: Tensor = self.head(self.features(lightness))
        return y
