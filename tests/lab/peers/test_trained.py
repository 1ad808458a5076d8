"""A checkpoint of a run whose network answers colors itself is a row of comparisons."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from tinct import color
from tinct.errors import ModelError
from tinct.lab.evaluate.rows import make_rows
from tinct.lab.train.begin import make_network
from tinct.lab.train.checkpoint import Checkpoint, save_checkpoint
from tinct.lab.train.config import TrainConfig


def save(path: Path, network: str) -> torch.nn.Module:
    """Write a checkpoint of random weights, and return its average."""
    torch.manual_seed(0)
    config = TrainConfig(
        network=network, objective="regression" if network != "nano" else "classification"
    )
    average = make_network(config)
    other = make_network(config)
    tensors = {f"ema.{name}": value for name, value in average.state_dict().items()}
    tensors |= {f"network.{name}": value for name, value in other.state_dict().items()}
    path.parent.mkdir()
    save_checkpoint(Checkpoint(config, 1, tensors, 0.0, 0.0), path)
    return average.eval()


@pytest.mark.parametrize("network", ["paper", "paper-rgb", "paper-skip"])
@pytest.mark.parametrize("prefix", ["", "paper="])
def test_its_average_colors(tmp_path: Path, network: str, prefix: str) -> None:
    path = tmp_path / "run/last.safetensors"
    average = save(path, network)
    row = make_rows([f"{prefix}{path}"], [None])[-1]
    assert row.name == f"{network}, run/last"
    assert row.mmac is not None
    assert not row.is_peer
    lightness = np.linspace(0, 100, 256 * 256, dtype=np.float32).reshape(256, 256)
    with torch.no_grad():
        wanted = average.predict(torch.from_numpy(lightness)[None, None])[0].numpy()
    wanted = np.moveaxis(wanted, 0, -1)
    if network == "paper-rgb":
        wanted = color.rgb_to_lab(wanted)[..., 1:]
    assert np.ptp(wanted) > 1
    np.testing.assert_allclose(row.predict_ab(lightness, "p"), wanted, atol=1e-2)


def test_of_a_distribution_a_model_file_is_made(tmp_path: Path) -> None:
    save(tmp_path / "run/best.safetensors", "nano")
    with pytest.raises(ModelError, match="not a model: see tinct lab export"):
        make_rows([str(tmp_path / "run/best.safetensors")], [None])
