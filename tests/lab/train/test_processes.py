"""Training in several processes, on other devices and at another precision."""

from __future__ import annotations

import csv
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tinct.apps.cli import main
from tinct.errors import DeviceError, TrainingError
from tinct.lab.data.batches import WHOLE, PhotographBatches, Share
from tinct.lab.data.cache import open_cache
from tinct.lab.networks import build
from tinct.lab.networks.classifier import Classifier
from tinct.lab.train.checkpoint import load_checkpoint
from tinct.lab.train.config import AugmentConfig
from tinct.lab.train.loop import train
from tinct.lab.train.objectives import Classification, Regression, set_bins
from tinct.lab.train.processes import connected, make_fabric

pytestmark = pytest.mark.train

SOURCES = Path(__file__).parents[3] / "src"


@pytest.fixture
def cache(photographs, cache_folder):
    return open_cache(photographs.both, cache_folder, 64)


def batches(cache, share=WHOLE, stride=4):
    augment = AugmentConfig()
    return PhotographBatches(
        cache, augment, crop=64, batch=4, seed=0, target_stride=stride, share=share
    )


def test_processes_make_together_the_batch_that_one_makes(cache):
    shares = [batches(cache, Share(index, 2))[5] for index in range(2)]
    for key, whole in batches(cache)[5].items():
        assert torch.equal(torch.cat([share[key] for share in shares]), whole)


@pytest.mark.parametrize("options", [{"name": "nano", "num_bins": 16}, {"name": "paper"}])
@torch.no_grad()
def test_losses_of_shares_have_the_mean_of_the_whole_batch(cache, options):
    torch.manual_seed(0)
    network = build(**options)
    set_bins(network, cache)
    network.eval()  # while training, batch norms see their own share alone

    def loss(share):
        batch = batches(cache, share, network.stride)[5]
        is_classifier = isinstance(network, Classifier)
        objective = (
            Classification(network, 0.25, share=share) if is_classifier else Regression(network)
        )
        generator = torch.Generator().manual_seed(3)
        return objective(batch["lightness"], batch["target"], generator).plain.item()

    shares = [loss(Share(index, 4)) for index in range(4)]
    assert np.ptp(shares) > 1e-4
    assert np.mean(shares) == pytest.approx(loss(WHOLE), rel=1e-5)


def test_bf16_learns_as_32_bits_do(finished, make_config, tmp_path):
    told = []
    last = train(make_config(precision="bf16"), tmp_path / "run", on_progress=told.append)
    ours, theirs = ([item.loss for item in items] for items in (told, finished.told))
    np.testing.assert_allclose(ours, theirs, rtol=0.02)
    assert ours != theirs
    assert told[-1].row.validation.loss == pytest.approx(
        finished.told[-1].row.validation.loss, rel=0.01
    )
    network = load_checkpoint(last).part("network")
    assert all(t.dtype == torch.float32 for t in network.values() if t.is_floating_point())


def test_devices_that_are_not_there_are_refused(make_config, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="cuda: torch sees no GPU here"):
        make_fabric(make_config(accelerator="cuda"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(DeviceError, match="2 GPUs asked for, but torch sees 1"):
        make_fabric(make_config(devices=2))


def test_batches_must_be_shared_evenly(make_config, tmp_path):
    with pytest.raises(TrainingError, match="batch = 4 cannot be shared evenly by 3 processes"):
        train(make_config(devices=3, accelerator="cpu"), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_the_end_of_another_process_is_one_line(make_config):
    alone = make_fabric(make_config(accelerator="cpu"))
    with pytest.raises(RuntimeError, match="a bug"), connected(alone):
        raise RuntimeError("a bug")
    several = make_fabric(make_config(accelerator="cpu", devices=2))  # none of them is started
    reason = "process 1 of 2: gone; --resume goes on"
    with pytest.raises(TrainingError, match=reason), connected(several):
        raise RuntimeError("gone\nat once")


OTHERS_SEEN = """
from tinct.errors import TrainingError
from tinct.lab.train.config import config_from_dict
from tinct.lab.train.processes import check_same_photographs, launch, make_fabric

fabric = make_fabric(config_from_dict({"devices": 2, "accelerator": "cpu"}, "x"))
launch(fabric)
check_same_photographs(fabric, ["a.jpg", "b.jpg"])
try:
    check_same_photographs(fabric, ["a.jpg", "b.jpg", "c.jpg"][: 2 + fabric.global_rank])
except TrainingError as error:
    if fabric.is_global_zero:
        print(error)
"""


@pytest.mark.slow
def test_processes_that_see_other_photographs_do_not_begin(tmp_path):
    script = tmp_path / "seen.py"
    script.write_text(OTHERS_SEEN)
    done = subprocess.run(
        [sys.executable, str(script)],
        env=os.environ | {"PYTHONPATH": str(SOURCES)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.stdout.startswith("the processes do not see the same photographs (2, 3): "), done


def rows_of(folder):
    with (folder / "curves.csv").open(newline="") as file:
        rows = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    return {row["step"]: row for row in rows}


def tell_the_second_process(process, folder):
    """Send SIGTERM to it alone, once the run has gone some way."""
    for _ in range(1200):
        if (folder / "sheet-0000004.png").exists() or process.poll() is not None:
            break
        time.sleep(0.05)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    target = children.read_text().split()[0] if children.exists() else process.pid
    os.kill(int(target), signal.SIGTERM)


@pytest.mark.slow
def test_two_processes_learn_as_one_does_stop_together_and_go_on_as_one(photographs, tmp_path):
    config, alone, together = tmp_path / "run.toml", tmp_path / "alone", tmp_path / "together"
    config.write_text(
        "crop = 64\nbatch = 8\noptimizer = 'adam'\nlearning_rate = 0.01\nema = 0.9\n"
        "validate_every = 4\nthreads = 1\nworkers = 0\naccelerator = 'cpu'\n"
        f"[options]\nnum_bins = 16\n[data]\ntrain = {list(photographs.both)}\n"
        f"validation = {list(photographs.both)}\n"
        f"cache = '{tmp_path / 'cache'}'\n"
        # Worn pictures differ, and so would the norms of halves of a batch.
        "[augment]\nfilm_response = 0\ntone_curve = 0\ngrain = 0\ndamage = 0\n"
    )
    call = ["lab", "train", str(config), "-o"]
    process = subprocess.Popen(
        [sys.executable, "-m", "tinct", *call, str(together), "--devices", "2"],
        env=os.environ | {"PYTHONPATH": str(SOURCES)},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert main([*call, str(alone), "--steps", "8"]) == 0
        tell_the_second_process(process, together)
        _, said = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert said.count("stopped at step") == 1, said
    assert said.count("step 4 ") == 1, said
    step = load_checkpoint(together / "last.safetensors").step
    assert main([*call, str(together), "--resume", "--steps", str(max(step + 1, 8))]) == 0
    ours, theirs = rows_of(together), rows_of(alone)
    for step in (4, 8):
        for key in ("train_loss", "test_loss"):
            assert ours[step][key] == pytest.approx(theirs[step][key], rel=0.01)
    assert theirs[8]["train_loss"] < 0.98 * theirs[4]["train_loss"]
