from __future__ import annotations

import json
import os

import pytest

torch = pytest.importorskip("torch")

from safetensors.torch import save_file

from tinct.errors import OutputError, TrainingError
from tinct.lab.networks.nano import Nano, NanoConfig
from tinct.lab.train.checkpoint import (
    Checkpoint,
    load_checkpoint,
    load_weights,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from tinct.lab.train.config import TrainConfig

pytestmark = pytest.mark.train


@pytest.fixture
def checkpoint():
    network = Nano()
    tensors = {f"ema.{key}": value for key, value in network.state_dict().items()}
    tensors["network.x"] = torch.arange(3)
    return Checkpoint(TrainConfig(seed=4), 17, tensors, 1.25, 60.5, (0.1, 1 / 3))


def test_round_trip(checkpoint, tmp_path):
    path = tmp_path / "a.safetensors"
    save_checkpoint(checkpoint, path)
    loaded = load_checkpoint(path)
    facts = ("config", "step", "best", "seconds", "losses")
    for name in facts:
        assert getattr(loaded, name) == getattr(checkpoint, name)
    assert loaded.tensors.keys() == checkpoint.tensors.keys()
    for key, value in checkpoint.tensors.items():
        assert torch.equal(loaded.tensors[key], value)
    assert list(tmp_path.iterdir()) == [path]


def test_a_run_that_was_never_validated_has_no_best_loss(checkpoint, tmp_path):
    path = tmp_path / "a.safetensors"
    save_checkpoint(Checkpoint(TrainConfig(), 1, {"x": torch.ones(1)}, float("inf"), 0.0), path)
    assert load_checkpoint(path).best == float("inf")


def test_parts_are_told_by_their_prefix(checkpoint):
    assert list(checkpoint.part("network")) == ["x"]
    Nano().load_state_dict(checkpoint.part("ema"))


def test_checkpoints_of_the_first_version_have_no_losses(tmp_path):
    facts = {"format": "tinct-checkpoint-1", "config": {}, "step": 3, "best": 1.0, "seconds": 2.0}
    path = tmp_path / "a.safetensors"
    save_file({"network.x": torch.ones(1)}, path, metadata={"tinct": json.dumps(facts)})
    assert load_checkpoint(path).losses == ()


def test_optimizer_goes_on_as_if_nothing_had_happened():
    def make():
        torch.manual_seed(0)
        layer = torch.nn.Linear(3, 2)
        return layer, torch.optim.AdamW(layer.parameters(), 0.1)

    def step(layer, optimizer, count):
        for number in range(count):
            optimizer.zero_grad()
            layer(torch.full((1, 3), number + 1.0)).square().sum().backward()
            optimizer.step()

    straight, optimizer = make()
    step(straight, optimizer, 3)
    state, tensors = straight.state_dict(), optimizer_tensors(optimizer)
    resumed, other = make()
    resumed.load_state_dict(state)
    restore_optimizer(other, {key: value.clone() for key, value in tensors.items()})
    step(resumed, other, 2)
    step(straight, optimizer, 2)
    assert torch.equal(resumed.weight, straight.weight)
    assert torch.equal(resumed.bias, straight.bias)


def assert_refused(path, reason):
    with pytest.raises(TrainingError) as caught:
        load_checkpoint(path)
    text = str(caught.value)
    assert text.startswith(f"{path}: {reason}")
    assert "\n" not in text


def test_missing_files_are_named(tmp_path):
    assert_refused(tmp_path / "none.safetensors", "no such checkpoint")


@pytest.mark.parametrize("content", [b"", b"hello", b"\xff" * 1000])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "a.safetensors"
    path.write_bytes(content)
    assert_refused(path, "not a checkpoint")


def test_folders_and_cut_files_are_refused(checkpoint, tmp_path):
    assert_refused(tmp_path, "not a checkpoint: a folder; name a checkpoint in it")
    path = tmp_path / "a.safetensors"
    save_checkpoint(checkpoint, path)
    path.write_bytes(path.read_bytes()[:-100])
    assert_refused(path, "not a checkpoint")


@pytest.mark.parametrize(
    "metadata", [None, {"other": "x"}, {"tinct": "{"}, {"tinct": '{"format": 0}'}]
)
def test_tensors_of_another_program_are_refused(tmp_path, metadata):
    path = tmp_path / "a.safetensors"
    save_file({"x": torch.ones(1)}, path, metadata=metadata)
    assert_refused(path, "not a checkpoint")


def test_weights_of_another_network_are_refused_in_one_line(checkpoint):
    with pytest.raises(TrainingError, match=r"^a: its weights do not fit network 'nano'") as caught:
        load_weights(Nano(NanoConfig(num_bins=9)), checkpoint, "ema", "a")
    assert "\n" not in str(caught.value)


def test_what_cannot_be_written_is_one_line_and_leaves_nothing(checkpoint, tmp_path):
    resource = pytest.importorskip("resource", reason="limits on the size of files: Unix only")
    path = tmp_path / "a.safetensors"
    path.write_bytes(b"before")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(
            OutputError, match=r"a\.safetensors: larger than a file may be"
        ) as caught:
            save_checkpoint(checkpoint, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert "\n" not in str(caught.value)
    assert path.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(OutputError, match="there is no such folder"):
        save_checkpoint(checkpoint, tmp_path / "none" / "a.safetensors")


@pytest.mark.skipif(os.name == "nt", reason="permissions of Unix")
def test_a_checkpoint_may_be_read_by_whom_the_umask_lets(checkpoint, tmp_path):
    before = os.umask(0o027)
    try:
        save_checkpoint(checkpoint, tmp_path / "a.safetensors")
    finally:
        os.umask(before)
    assert (tmp_path / "a.safetensors").stat().st_mode & 0o777 == 0o640
