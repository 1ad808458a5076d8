"""Fixtures for the tests of the networks."""

from __future__ import annotations

import os
from importlib.util import find_spec
from pathlib import Path

import pytest


@pytest.fixture(autouse=True)
def one_thread() -> None:
    """Keep torch from starting threads, which small tensors only wait for."""
    if find_spec("torch"):
        import torch

        torch.set_num_threads(1)


@pytest.fixture
def seed_folder() -> Path:
    """The paper's published material, which is not part of the repository."""
    root = os.environ.get("TINCT_DATA")
    if not root:
        pytest.skip("TINCT_DATA is not set: the folder with seed/ and data/")
    return Path(root, "seed")


@pytest.fixture
def with_decoding():
    """Make the whole exported graph a network of one input, so that it can be counted."""
    import torch

    from tinct.lab.networks.readout import ColorModel

    class AbAtDefault(torch.nn.Module):
        def __init__(self, network):
            super().__init__()
            self.model = ColorModel(network)

        def forward(self, lightness):
            return self.model(lightness, torch.full((1,), 0.5))[0]

    return AbAtDefault
