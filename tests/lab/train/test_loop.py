from __future__ import annotations

import csv
import math
import os
import signal
import sys
from dataclasses import replace

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch")
from torch.utils.data import DataLoader

from tinct.errors import InputError, MissingExtraError, ModelError, TrainingError
from tinct.lab.networks import build
from tinct.lab.train.checkpoint import load_checkpoint
from tinct.lab.train.loop import stop_on_signal, train
from tinct.lab.train.run import learning_rate, update_average

pytestmark = pytest.mark.train


def rows_of(folder):
    with (folder / "curves.csv").open(newline="") as file:
        return [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]


def without_seconds(rows):
    return [{key: value for key, value in row.items() if key != "seconds"} for row in rows]


def assert_same_tensors(path, other):
    ours, theirs = load_checkpoint(path).tensors, load_checkpoint(other).tensors
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        assert torch.equal(value, theirs[key]), key


def interrupt_at(step):
    def progress(progress):
        if progress.step == step:
            signal.raise_signal(signal.SIGINT)

    return progress


def test_progress_is_told_after_each_step(finished):
    assert [item.step for item in finished.told] == list(range(1, 13))
    assert [item.step for item in finished.told if item.row] == [5, 10, 12]
    assert all(item.rate > 0 and item.steps == 12 for item in finished.told)


def test_loss_falls(finished):
    losses = [item.loss for item in finished.told]
    assert losses[0] == pytest.approx(math.log(104), abs=1.5)  # a network that knows nothing
    assert np.mean(losses[-3:]) < np.mean(losses[:3]) - 0.05
    rows = rows_of(finished.folder)
    assert rows[-1]["test_loss"] < rows[0]["test_loss"]


def test_curves_say_what_happened(finished):
    rows = rows_of(finished.folder)
    assert [row["step"] for row in rows] == [5, 10, 12]
    assert [row["photographs"] for row in rows] == [20, 40, 48]
    losses = [item.loss for item in finished.told]
    for row, of in zip(rows, (losses[:5], losses[5:10], losses[10:]), strict=True):
        assert row["train_loss"] == pytest.approx(np.mean(of))
    assert rows == [item.row.numbers() for item in finished.told if item.row]
    assert all(math.isfinite(value) for row in rows for value in row.values())
    assert rows[0]["seconds"] < rows[1]["seconds"] < rows[2]["seconds"]


def test_a_run_leaves_pictures_and_a_tensorboard_log(finished):
    names = {path.name for path in finished.folder.iterdir()}
    sheets = {"sheet-0000005.png", "sheet-0000010.png", "sheet-0000012.png"}
    checkpoints = {"best.safetensors", "last.safetensors"}
    assert names == sheets | checkpoints | {"curves.csv", "loss.png", "tensorboard"}
    sheet = cv2.imread(str(finished.folder / "sheet-0000012.png"))
    assert sheet.shape == (3 * 64, 6 * 64, 3)  # six photographs, two a row
    plot = cv2.imread(str(finished.folder / "loss.png"))
    assert plot.shape == (600, 900, 3)
    assert plot.std() > 5


def test_validation_may_be_larger_than_the_crops(finished, tmp_path):
    data = replace(finished.config.data, validation_side=96)
    train(replace(finished.config, data=data, steps=1), tmp_path / "run")
    sheet = cv2.imread(str(tmp_path / "run" / "sheet-0000001.png"))
    assert sheet.shape == (3 * 96, 6 * 96, 3)


def test_tensorboard_has_the_curves(finished):
    events = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    log = events.EventAccumulator(str(finished.folder / "tensorboard"))
    log.Reload()
    rows = rows_of(finished.folder)
    assert set(log.Tags()["scalars"]) == rows[0].keys() - {"step"}
    scalars = [(item.step, item.value) for item in log.Scalars("test_loss")]
    assert scalars == [(row["step"], pytest.approx(row["test_loss"])) for row in rows]
    assert log.Tags()["images"] == ["validation"]


def test_best_checkpoint_has_the_lowest_test_loss(finished):
    rows = rows_of(finished.folder)
    best = load_checkpoint(finished.folder / "best.safetensors")
    assert best.best == min(row["test_loss"] for row in rows)
    assert best.step in [row["step"] for row in rows if row["test_loss"] == best.best]
    assert load_checkpoint(finished.last).best == best.best


def test_last_checkpoint_has_everything(finished):
    last = load_checkpoint(finished.last)
    assert last.config == finished.config
    assert last.step == 12
    assert last.losses == ()
    network, average = last.part("network"), last.part("ema")
    assert network.keys() == average.keys()
    assert not torch.equal(network["head.weight"], average["head.weight"])
    assert torch.equal(network["bin_centers"], average["bin_centers"])
    assert network["log_prior"].exp().sum().item() == pytest.approx(1, abs=1e-4)
    assert len(last.part("optimizer")) == 3 * len(list(build("nano").parameters()))


# At a validation, and between two; photographs prepared in the process itself, and in another one
@pytest.mark.parametrize(("step", "workers"), [(5, 0), (7, 1)])
def test_interrupted_run_goes_on_identically(finished, make_config, tmp_path, step, workers):
    folder = tmp_path / "run"
    config = make_config(workers=workers)
    last = train(config, folder, on_progress=interrupt_at(step))
    checkpoint = load_checkpoint(last)
    assert checkpoint.step == step
    assert len(checkpoint.losses) == step - 5
    assert [row["step"] for row in rows_of(folder)] == [5]
    train(config, folder, resume=True)
    assert_same_tensors(last, finished.last)
    assert_same_tensors(folder / "best.safetensors", finished.folder / "best.safetensors")
    assert without_seconds(rows_of(folder)) == without_seconds(rows_of(finished.folder))
    assert load_checkpoint(last).seconds > checkpoint.seconds


def test_a_run_with_muon_learns_and_goes_on_identically(make_config, tmp_path):
    dense = {"blocks": [1, 1, 3, 2]}  # with a dense block at 1/4 twelve steps show more
    config = make_config(optimizer="muon", learning_rate=0.03, options=dense)
    whole = train(config, tmp_path / "whole")
    rows = rows_of(tmp_path / "whole")
    assert rows[-1]["test_loss"] < rows[0]["test_loss"] - 0.02
    assert load_checkpoint(whole).part("muon")
    train(config, tmp_path / "parts", on_progress=interrupt_at(7))
    assert_same_tensors(train(config, tmp_path / "parts", resume=True), whole)


def test_a_run_whose_last_steps_are_different_goes_on_identically(make_config, tmp_path):
    config = make_config(finish_steps=4, finish_crop=96, picture_weight=1.0)
    whole = train(config, tmp_path / "whole")
    train(config, tmp_path / "parts", on_progress=interrupt_at(9))  # within the last four
    assert_same_tensors(train(config, tmp_path / "parts", resume=True), whole)
    plain = train(make_config(finish_steps=4, picture_weight=1.0), tmp_path / "plain")
    assert not torch.equal(*(load_checkpoint(p).tensors["ema.head.bias"] for p in (plain, whole)))


def test_a_trunk_goes_on_as_if_it_had_never_cooled_down(make_config, tmp_path):
    folder = tmp_path / "run"
    train(make_config(steps=8, cooldown=3), folder)
    trunk = folder / "trunk.safetensors"
    assert load_checkpoint(trunk).step == 5
    trunk.replace(folder / "last.safetensors")
    longer = make_config(steps=12, cooldown=3)
    assert_same_tensors(train(longer, folder, resume=True), train(longer, tmp_path / "at once"))


def test_what_came_after_the_checkpoint_is_removed_from_the_curves(finished, tmp_path):
    folder = tmp_path / "run"
    train(finished.config, folder, on_progress=interrupt_at(7))
    stale = (finished.folder / "curves.csv").read_text()  # with lines of steps 10 and 12
    (folder / "curves.csv").write_text(stale)
    train(finished.config, folder, resume=True, on_progress=interrupt_at(10))
    assert [row["step"] for row in rows_of(folder)] == [5, 10]
    kept = (folder / "curves.csv").read_text().splitlines()[:2]
    assert kept == stale.splitlines()[:2]  # not a digit of what was told before


@pytest.mark.parametrize("table", ["", "epoch,loss\n", "step,loss\n5\n", "step,loss\n5,1;2\n"])
def test_damaged_curves_are_one_line(finished, tmp_path, table):
    folder = tmp_path / "run"
    train(finished.config, folder, on_progress=interrupt_at(2))
    (folder / "curves.csv").write_text(table)
    with pytest.raises(TrainingError, match=r"curves\.csv: not the curves of a run: move it away"):
        train(finished.config, folder, resume=True)
    assert (folder / "curves.csv").read_text() == table


def test_finished_run_has_nothing_to_go_on_with(finished):
    told = []
    before = load_checkpoint(finished.last).seconds
    train(finished.config, finished.folder, resume=True, on_progress=told.append)
    assert told == []
    assert load_checkpoint(finished.last).seconds == before


def test_a_run_is_never_overwritten(finished):
    before = finished.last.read_bytes()
    with pytest.raises(TrainingError, match="there is a run already: resume it, or name another"):
        train(finished.config, finished.folder)
    assert finished.last.read_bytes() == before


def test_resume_needs_a_checkpoint_of_this_run(finished, make_config, tmp_path):
    with pytest.raises(TrainingError, match="no such checkpoint"):
        train(finished.config, tmp_path, resume=True)
    with pytest.raises(TrainingError, match="begun with seed = 0, not 5"):
        train(make_config(seed=5), finished.folder, resume=True)


def test_mistakes_are_found_before_anything_is_decoded(make_config, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    data = {"train": ["none-*.tar"], "cache": str(cache)}
    changes = {"network": "paper", "data": data}
    with pytest.raises(TrainingError, match="network 'paper' is not trained by classification"):
        train(make_config(**changes), tmp_path / "run")
    with pytest.raises(TrainingError, match="no such checkpoint"):
        train(make_config(data=data), tmp_path / "run", resume=True)
    for named in ({"start": "none.onnx"}, {"teacher": "none.onnx"}):
        with pytest.raises(ModelError, match=r"none\.onnx: no such model"):
            train(make_config(data=data, **named), tmp_path / "run")
    monkeypatch.setattr("tinct.lab.networks.published.find_spec", lambda name: None)
    needy = {"feature_weight": 1}
    with pytest.raises(MissingExtraError, match="EfficientNet-Lite0 needs parts"):
        train(make_config(data=data, **needy), tmp_path / "run")
    needy = {"network": "base", "encoder": "efficientnet-lite2"}
    with pytest.raises(TrainingError, match="encoder is EfficientNet-Lite0"):
        train(make_config(data=data, **needy), tmp_path / "run")
    needy["options"] = {"encoder": "efficientnet-lite2"}
    with pytest.raises(MissingExtraError, match="EfficientNet-Lite2 needs parts"):
        train(make_config(data=data, **needy), tmp_path / "run")
    with pytest.raises(TrainingError, match="no such checkpoint"):  # which has the weights
        train(make_config(data=data, **needy), tmp_path / "run", resume=True)
    needy = {"feature_weight": 1, "feature_network": "vgg16"}
    with pytest.raises(MissingExtraError, match="LPIPS needs"):
        train(make_config(data=data, **needy), tmp_path / "run")
    with pytest.raises(InputError, match="no such folder or tar file"):
        train(make_config(data=data), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


def test_choices_in_doubt_are_told(photographs, make_config, tmp_path):
    doubts = []
    data = {
        "train": [str(photographs.folder)],
        "validation": [str(photographs.folder / "below")],
        "weights": {"0*.png": 0.5, "shop-*": 0.1},
        "cache": str(tmp_path / "cache"),
    }
    train(make_config(steps=1, data=data), tmp_path / "run", on_doubt=doubts.append)
    assert doubts == [
        "data.weights: no photograph is called 'shop-*'",
        "validation: 6 of 6 photographs are trained on, too",
    ]


def test_a_loss_that_is_no_number_ends_a_run_and_leaves_what_it_was(
    make_config, tmp_path, monkeypatch
):
    told = []

    def break_after_the_first_validation(progress):
        told.append(progress.step)
        if progress.row:
            monkeypatch.setattr("tinct.lab.train.run.mean_of", lambda fabric, loss: math.nan)

    with pytest.raises(TrainingError, match="step 6: the loss is nan; --resume goes on"):
        train(make_config(), tmp_path / "run", on_progress=break_after_the_first_validation)
    assert told == [1, 2, 3, 4, 5]
    assert load_checkpoint(tmp_path / "run" / "last.safetensors").step == 5


@pytest.mark.parametrize("name", ["file", "file/run"])
def test_folder_that_cannot_be_is_one_line_before_anything_is_decoded(make_config, tmp_path, name):
    (tmp_path / "file").write_text("in the way")
    data = {"train": ["none"], "cache": str(tmp_path / "cache")}
    with pytest.raises(TrainingError, match=r"cannot be written: .*file is a file") as caught:
        train(make_config(data=data), tmp_path / name)
    assert "\n" not in str(caught.value)


def test_photographs_with_too_few_colors_are_refused(generated, make_config, tmp_path):
    flat = np.full((40, 40, 3), (200, 20, 20), np.uint8)
    (tmp_path / "a.png").write_bytes(generated.encoded(flat, "PNG"))
    data = {"train": [str(tmp_path)], "cache": str(tmp_path / "cache")}
    with pytest.raises(TrainingError, match="only 1 colors for 104 bins"):
        train(make_config(data=data), tmp_path / "run")


def test_fewer_photographs_than_a_batch(photographs, generated, make_config, tmp_path):
    folder = tmp_path / "photographs"
    folder.mkdir()
    for seed in range(3):
        data = generated.encoded(generated.picture(seed), "PNG")
        (folder / f"{seed}.png").write_bytes(data)
    data = {"train": [str(folder)], "cache": str(tmp_path / "cache")}
    last = train(make_config(data=data, steps=2), tmp_path / "run")
    assert load_checkpoint(last).step == 2


@pytest.mark.parametrize("name", ["paper", "paper-rgb", "paper-skip"])
def test_networks_of_the_paper_are_trained_by_regression(make_config, tmp_path, name):
    changes = {"objective": "regression", "optimizer": "adam", "ema": 0, "learning_rate": 1e-3}
    config = make_config(network=name, crop=32, steps=6, **changes)
    told = []
    last = train(config, tmp_path / "run", on_progress=told.append)
    assert told[-1].loss < told[0].loss < 1
    tensors = load_checkpoint(last)
    network, average = tensors.part("network"), tensors.part("ema")
    assert all(torch.equal(value, average[key]) for key, value in network.items())
    row = rows_of(tmp_path / "run")[-1]
    assert row["learning_rate"] == 1e-3
    assert 0 < row["chroma"] < 5
    assert 1 < row["rmse_ab"] < 100


def test_average_moves_towards_the_network():
    average, network = torch.nn.BatchNorm1d(2), torch.nn.BatchNorm1d(2)
    with torch.no_grad():
        network.weight.fill_(5)
        network.running_mean.fill_(-1)
        network.num_batches_tracked.fill_(7)
    update_average(average, network, 0.75)
    assert average.weight.tolist() == [2, 2]
    assert average.running_mean.tolist() == [-0.25, -0.25]
    assert average.num_batches_tracked == 7
    update_average(average, network, 0)
    assert average.weight.tolist() == [5, 5]


def test_learning_rate_rises_and_falls(make_config):
    config = make_config(learning_rate=0.5, warmup=10, steps=110)
    rates = [learning_rate(config, step) for step in range(111)]
    assert rates[0] == pytest.approx(0.05)
    assert rates[9] == rates[10] == 0.5
    assert rates[60] == pytest.approx(0.25)
    assert rates[110] == pytest.approx(0)
    assert all(np.diff(rates[10:]) < 0)
    cooled = make_config(learning_rate=0.5, warmup=10, steps=110, cooldown=16)
    rates = [learning_rate(cooled, step) for step in range(111)]
    assert rates[9:95] == 86 * [0.5]
    assert rates[98] == pytest.approx(0.25)
    assert rates[110] == 0
    assert all(np.diff(rates[94:]) < 0)
    constant = make_config(learning_rate=0.5, optimizer="adam")
    assert {learning_rate(constant, step) for step in (0, 5, 11)} == {0.5}


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals for one process")
def test_a_process_that_makes_batches_leaves_signals_to_the_first(
    make_config, tmp_path, monkeypatch
):
    """From its beginning, when it has not been told to."""
    iterate = DataLoader.__iter__

    def iterate_and_signal(loader):
        batches = iterate(loader)
        (process,) = batches._workers
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            os.kill(process.pid, number)
        return batches

    monkeypatch.setattr(DataLoader, "__iter__", iterate_and_signal)
    last = train(make_config(workers=1, steps=2), tmp_path)
    assert load_checkpoint(last).step == 2


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM", "SIGHUP"])
def test_signals_become_a_flag_and_handlers_come_back(name):
    if not hasattr(signal, name):
        pytest.skip("Windows has no SIGHUP")
    number = getattr(signal, name)
    before = signal.getsignal(number)
    with stop_on_signal() as stopped:
        assert not stopped()
        signal.raise_signal(number)
        assert stopped()
    assert signal.getsignal(number) is before
