from __future__ import annotations

import dataclasses
import json
import re
from dataclasses import asdict
from pathlib import Path

import pytest

from tinct.errors import TrainingError
from tinct.lab.networks import NETWORKS
from tinct.lab.train.config import (
    AugmentConfig,
    TrainConfig,
    check_same_run,
    config_from_dict,
    load_config,
)

CONFIGS = sorted((Path(__file__).parents[3] / "configs").glob("*.toml"))


def refusal(table, prefix="a.toml: "):
    with pytest.raises(TrainingError) as caught:
        config_from_dict(table, "a.toml")
    text = str(caught.value)
    assert text.startswith(prefix)
    assert "\n" not in text
    return text


def test_nothing_differs_from_the_defaults():
    assert config_from_dict({}, "a.toml") == TrainConfig()


def test_differences_are_read(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text(
        'seed = 3\nlearning_rate = 1\n[data]\ntrain = ["x", "y"]\n[augment]\ncrop = [0.5, 1]\n'
    )
    config = load_config(path)
    assert (config.seed, config.learning_rate) == (3, 1.0)
    assert isinstance(config.learning_rate, float)
    assert config.data.train == ("x", "y")
    assert config.augment == AugmentConfig(crop=(0.5, 1.0))
    assert dataclasses.replace(config, seed=0) != config


def test_a_config_survives_a_checkpoint(make_config):
    config = make_config(clip_norm=float("inf"))
    assert config_from_dict(json.loads(json.dumps(asdict(config))), "checkpoint") == config


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_shipped_configs_load(path):
    config = load_config(path)
    assert config.network == re.sub(r"(-continued(-2)?|-lite2)?(-hints)?$", "", path.stem)
    assert config.network in NETWORKS
    assert config.data.train
    assert config.data.validation


def test_every_network_that_is_trained_for_use_has_a_config():
    assert {"base", "nano", "paper", "paper-rgb", "paper-skip"} <= {path.stem for path in CONFIGS}


def test_the_paper_and_its_variants_are_trained_alike():
    configs = {path.stem: load_config(path) for path in CONFIGS if path.stem.startswith("paper")}
    paper = configs["paper"]
    assert len(configs) == 3
    assert paper.optimizer == "adam"
    assert paper.augment.true_lightness == 1
    for variant in configs.values():
        assert dataclasses.replace(variant, network="paper") == paper


@pytest.mark.parametrize(
    ("table", "part"),
    [
        ({"crops": 3}, "unknown key 'crops'; known are accelerator, augment, batch"),
        ({"data": {"trian": []}}, "unknown key 'data.trian'; known are cache, short_side"),
        ({"batch": 2.5}, "batch must be a whole number, not 2.5"),
        ({"batch": True}, "batch must be a whole number, not True"),
        ({"learning_rate": "fast"}, "learning_rate must be a number, not 'fast'"),
        ({"network": 3}, "network must be text, not 3"),
        ({"data": 3}, "data must be a table"),
        ({"data": {"train": "folder"}}, "data.train must be a list, not 'folder'"),
        ({"data": {"train": [1]}}, "data.train.0 must be text, not 1"),
        ({"augment": {"crop": [0.5]}}, "lacks augment.crop.1"),
        ({"augment": {"crop": [0.5, "1"]}}, "augment.crop.1 must be a number"),
        ({"augment": {"crop": [0.5, 2]}}, "augment.crop.1 must be at most 1, not 2"),
        ({"augment": {"crop": [1, 0.5]}}, "augment: crop must be the smaller side, then"),
        ({"augment": {"blur": -0.1}}, "augment.blur must be at least 0, not -0.1"),
        ({"augment": {"true_lightness": 0.9}}, "together at most 1"),
        ({"crop": 100}, "crop must be a multiple of 32, not 100"),
        ({"crop": 0}, "crop must be at least 32, not 0"),
        ({"finish_crop": 100}, "finish_crop must be a multiple of 32, not 100"),
        ({"finish_steps": 9, "steps": 9}, "finish_steps = 9 leaves nothing of steps = 9"),
        ({"clip_norm": 0.0}, "clip_norm must be greater than 0"),
        ({"finish_steps": -1}, "finish_steps must be at least 0, not -1"),
        ({"data": {"validation_side": 250}}, "data.validation_side must be a multiple of 32"),
        ({"data": {"validation_side": -32}}, "data.validation_side must be at least 0, not -32"),
        ({"steps": 0}, "steps must be at least 1, not 0"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"positions": 1.1}, "positions must be at most 1, not 1.1"),
        ({"learning_rate": float("nan")}, "learning_rate must be at most 1, not nan"),
        ({"data": {"validation_limit": 0}}, "data.validation_limit must be at least 1"),
        ({"objective": "gan"}, "objective must be 'classification' or 'regression', not 'gan'"),
        ({"optimizer": "sgd"}, "optimizer must be 'adamw', 'muon' or 'adam', not 'sgd'"),
        ({"data": {"weights": {"faces-*": 17}}}, "data.weights.faces-* must be at most 16, not 17"),
        ({"data": {"weights": {"faces-*": "all"}}}, "data.weights.faces-* must be a number"),
        ({"data": {"weights": 2}}, "data.weights must be a table, not 2"),
    ],
)
def test_mistakes_are_named_in_one_line(table, part):
    assert part in refusal(table)


@pytest.mark.parametrize("content", [b"steps = ", b"\xff\xfe", b"steps = 1\nsteps = 2"])
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    with pytest.raises(TrainingError, match=r"a\.toml: not a TOML file: ") as caught:
        load_config(path)
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder_are_named(tmp_path):
    with pytest.raises(TrainingError, match=r"none\.toml: No such file"):
        load_config(tmp_path / "none.toml")
    with pytest.raises(TrainingError, match="directory"):
        load_config(tmp_path)


def test_the_last_steps_of_a_run_may_be_different():
    table = {"steps": 10, "finish_steps": 3, "crop": 64, "finish_crop": 96}
    config = config_from_dict(table, "a")
    assert config.finish == range(7, 10)
    assert [config.crop_at(step) for step in (0, 6, 7, 9)] == [64, 64, 96, 96]
    assert [config.judges_pictures(step) for step in (0, 6, 7, 9)] == [False, False, True, True]
    assert [config.asks_teacher(step) for step in (0, 6, 7, 9)] == [True, True, False, False]
    on = config_from_dict({"start": "nano", "steps": 2, "finish_steps": 3}, "a")
    assert on.finish == range(2)
    plain = config_from_dict({"steps": 10}, "a")
    assert not plain.finish
    assert plain.crop_at(9) == plain.crop
    assert plain.judges_pictures(0)
    assert plain.asks_teacher(9)


def test_a_resumed_run_may_move_and_go_on_longer_but_not_change():
    before = TrainConfig()
    moved = config_from_dict({"data": {"train": ["elsewhere"]}, "steps": 7, "workers": 3}, "a")
    check_same_run(before, moved, "last")
    check_same_run(before, config_from_dict({"steps": 9, "finish_steps": 5}, "a"), "last")
    for change in ({"seed": 1}, {"network": "paper"}, {"augment": {"blur": 0.5}}):
        with pytest.raises(TrainingError, match=f"last: begun with {next(iter(change))} = "):
            check_same_run(before, config_from_dict(change, "a"), "last")
