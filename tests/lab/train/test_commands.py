"""``tinct lab train`` and ``tinct lab export`` as they are called."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tinct import Colorizer
from tinct.apps.cli import main
from tinct.lab.train.begin import model_spec
from tinct.lab.train.checkpoint import load_checkpoint
from tinct.runtime import model_path

pytestmark = pytest.mark.train

SOURCES = Path(__file__).parents[3] / "src"


@pytest.fixture
def config(photographs, tmp_path):
    """A file with the choices of a short run."""
    path = tmp_path / "short.toml"
    path.write_text(
        "crop = 64\nbatch = 4\nsteps = 3\nwarmup = 2\nvalidate_every = 2\n"
        "threads = 1\nworkers = 0\n"
        f"[data]\ntrain = {list(photographs.both)}\ncache = '{tmp_path / 'cache'}'\n"
    )
    return path


def last_words(capsys):
    captured = capsys.readouterr()
    assert captured.out == ""
    return captured.err.splitlines()


def test_train_says_where_everything_is(config, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["lab", "train", str(config), "--steps", "2"]) == 0
    opening, *_, validation, last, best, following = last_words(capsys)
    assert opening == "opening photographs; everything goes to runs/short"
    assert "test_loss" in validation
    assert "rate" in validation
    told = r"better: the test loss fell from [\d.]+ to [\d.]+, at step 2|test loss [\d.]+ at step 2"
    assert re.fullmatch(told, best)
    assert following == (
        "next: tinct lab export runs/short/best.safetensors -o short.onnx; "
        "then tinct photo.jpg --model short.onnx"
    )
    assert last == "saved runs/short/last.safetensors; curves and sheets are in runs/short"
    assert load_checkpoint(Path("runs/short/last.safetensors")).step == 2
    assert main(["lab", "train", str(config)]) == 1
    assert "there is a run already" in last_words(capsys)[-1]
    assert main(["lab", "train", str(config), "--resume"]) == 0
    assert load_checkpoint(Path("runs/short/last.safetensors")).step == 3
    last_words(capsys)
    assert main(["lab", "train", str(config), "--resume"]) == 0
    told = "runs/short/last.safetensors: the run has ended already; with more steps it goes on"
    assert told in last_words(capsys)


def test_the_next_command_is_one_in_any_folder(config, tmp_path, capsys, monkeypatch):
    folder = tmp_path / "my run"
    folder.mkdir()
    monkeypatch.chdir(folder)
    assert main(["lab", "train", str(config), "-o", ".", "--steps", "1"]) == 0
    following = last_words(capsys)[-1].removeprefix("next: ").split("; then ")
    assert shlex.split(following[0])[-1] == "my run.onnx"
    assert main(shlex.split(following[0])[1:]) == 0
    assert shlex.split(following[1])[-1] == "my run.onnx"


def test_named_photographs_take_the_place_of_all_in_the_file(config, photographs, tmp_path):
    with config.open("a") as file:  # as in those of the repository, whose photographs are not there
        file.write("validation = ['none.tar']\n")
    output = tmp_path / "out"
    arguments = ["lab", "train", str(config), str(photographs.folder), "--steps", "1"]
    assert main([*arguments, "-o", str(output)]) == 0
    assert load_checkpoint(output / "last.safetensors").config.data.validation == ()


def test_the_next_command_measures_what_becomes_no_model_file(
    config, photographs, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    config.write_text(f'network = "paper"\nobjective = "regression"\n{config.read_text()}')
    assert main(["lab", "train", str(config), "--steps", "2"]) == 0
    following = last_words(capsys)[-1]
    assert following == "next: tinct lab evaluate runs/short/best.safetensors PHOTOGRAPHS"
    command = following.split()[2:-1]
    assert main([*command, str(photographs.folder)]) == 0
    assert "paper, short/best" in capsys.readouterr().out


@pytest.mark.slow
def test_the_next_commands_put_a_branch_for_hints_beside_its_model(
    photographs, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    own = tmp_path / "models" / "mine.onnx"
    own.parent.mkdir()
    shutil.copy(model_path("nano"), own)
    copying = f"copy {model_path('nano')} to h.onnx, beside it; "
    for start, model, copied in (("nano", "h.onnx", copying), (own, own, "")):
        Path("h.toml").write_text(
            f"network = 'nano'\nstart = '{start}'\ncrop = 64\nbatch = 2\nsteps = 1\n"
            f"threads = 1\nworkers = 0\n[hints]\n[data]\ntrain = {list(photographs.both)}\n"
        )
        run = f"{Path(model).stem}/h-hints"
        assert main(["lab", "train", "h.toml", "-o", run]) == 0
        branch = str(model).replace(".onnx", "-hints.onnx")
        following = last_words(capsys)[-1]
        assert following == (
            f"next: tinct lab export {run}/best.safetensors -o {branch}; {copied}"
            f"then tinct photo.jpg --model {model} --hints hints.json"
        )
        if copied:
            shutil.copy(model_path("nano"), model)
        assert main(following.split("; ")[0].split()[2:]) == 0
        assert Colorizer(model).load_hints().spec.parameters > 0
        last_words(capsys)


def test_command_line_has_the_last_word(config, photographs, tmp_path):
    cache, output = tmp_path / "other", tmp_path / "out"
    options = [str(photographs.tar), "--cache", str(cache), "-o", str(output)]
    assert (
        main(["lab", "train", str(config), "--validation", str(photographs.folder), *options]) == 0
    )
    data = load_checkpoint(output / "last.safetensors").config.data
    assert data.train == (str(photographs.tar),)
    assert data.validation == (str(photographs.folder),)
    assert len(list(cache.glob("*.npz"))) == 2


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["lab", "train", "none.toml"], "none.toml: No such file or directory"),
        (["lab", "train", "{config}", "none.tar"], "none.tar: no such folder or tar file"),
        (["lab", "train", "{config}", "--resume", "-o", "none"], "no such checkpoint"),
        (["lab", "train", "{config}", "--steps", "0"], "steps must be at least 1, not 0"),
        (["lab", "export", "none.safetensors"], "none.safetensors: no such checkpoint"),
        (["lab", "export", "{config}"], "short.toml: not a checkpoint"),
    ],
)
def test_mistakes_are_one_line(arguments, reason, config, capsys):
    assert main([argument.format(config=config) for argument in arguments]) == 1
    *_, line = last_words(capsys)
    assert line.startswith("tinct: error: ")
    assert reason in line


@pytest.mark.slow
def test_one_command_trains_the_shipped_model_on(photographs, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    command = [
        "lab",
        "train",
        "--from",
        "nano",
        str(photographs.tar),
        "--steps",
        "1",
        "--cache",
        "cache",
    ]
    assert main(command) == 0
    last = load_checkpoint(Path("runs/nano/last.safetensors"))
    assert last.config.start == "nano"
    assert main(["lab", "export", "runs/nano/last.safetensors", "-o", "mine.onnx"]) == 0
    # One step at the beginning of the warm-up changes next to nothing.
    picture = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    before, after = Colorizer("nano", vividness=0), Colorizer("mine.onnx", vividness=0)
    difference = before(picture).astype(int) - after(picture)
    assert 0 < np.abs(difference).max() <= 4


def test_training_needs_a_configuration_or_a_model(photographs, capsys):
    assert main(["lab", "train", str(photographs.tar)]) == 2
    assert "--from nano" in last_words(capsys)[-1]


def test_notes_are_key_and_value(finished, capsys):
    assert main(["lab", "export", str(finished.last), "--note", "data"]) == 2
    assert "--note: 'data' is not of the form key=value" in last_words(capsys)[-1]


@pytest.mark.parametrize(
    "option", ["--temperature", "--prior-power", "--default-vividness", "--short-side", "--note"]
)
def test_a_model_file_keeps_how_it_is_read(tmp_path, capsys, option):
    value = {"--short-side": "288", "--note": "a=b"}.get(option, "0.5")
    command = ["lab", "export", "mine.onnx", option, value, "--precision", "fp16"]
    assert main([*command, "-o", str(tmp_path / "model.onnx")]) == 2
    assert f"{option} is for checkpoints; mine.onnx keeps" in last_words(capsys)[-1]


def test_models_of_the_package_go_by_name(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert main(["lab", "export", "nano", "-o", "half.onnx", "--precision", "fp16"]) == 0
    assert model_spec("half.onnx").provenance["precision"] == "fp16"
    assert main(["lab", "export", "nano"]) == 2
    assert "nano: a model; --precision or --to tells what" in last_words(capsys)[-1]
    assert main(["lab", "export", "base", "--precision", "fp16"]) == 1
    assert "in fp16-weights already; other precisions are made from fp32" in last_words(capsys)[-1]


@pytest.mark.slow
def test_export_says_what_it_wrote(finished, tmp_path, capsys):
    output = tmp_path / "model.onnx"
    notes = ["--note", "data=generated pictures", "--note", "why=a=b"]
    command = [
        "lab",
        "export",
        str(finished.last),
        "-o",
        str(output),
        "--short-side",
        "288",
        *notes,
    ]
    assert main(command) == 0
    (line,) = last_words(capsys)
    assert line.startswith(f"{output}: nano, 291,896 parameters, 1.")
    assert b"generated pictures" in output.read_bytes()
    assert b'"why": "a=b"' in output.read_bytes()
    assert Colorizer(output).session.spec.short_side == 288


def start(program, arguments, folder):
    environment = {key: value for key, value in os.environ.items() if "MALLOC" not in key}
    environment |= {"PYTHONPATH": str(SOURCES)}
    if program == "module":
        command = [sys.executable, "-m", "tinct", *arguments]
    else:
        script = folder / "tinct"
        script.write_text(  # as pip writes it
            "import sys\nfrom tinct.apps.cli import main\n"
            "if __name__ == '__main__':\n    sys.exit(main())\n"
        )
        command = [sys.executable, str(script), *arguments]
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


def wait_for(path, process):
    for _ in range(1200):
        if path.exists() or process.poll() is not None:
            return
        time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("program", "number"), [("module", signal.SIGINT), ("script", signal.SIGTERM)]
)
def test_ctrl_c_saves_first_and_says_how_to_go_on(config, tmp_path, program, number):
    folder = tmp_path / "run"
    arguments = ["lab", "train", str(config), "--steps", "100000", "-o", str(folder)]
    process = start(program, arguments, tmp_path)
    try:
        wait_for(folder / "sheet-0000002.png", process)
        if sys.platform == "linux":
            environment = Path(f"/proc/{process.pid}/environ").read_bytes()
            assert b"MALLOC_TOP_PAD_=" in environment
        process.send_signal(number)
        _, said = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert "Traceback" not in said
    step = load_checkpoint(folder / "last.safetensors").step
    assert step >= 2
    assert f"stopped at step {step} of 100000, saved {folder / 'last.safetensors'}\n" in said
    assert "to go on, run the same command with --resume\n" in said


@pytest.mark.slow
def test_signals_to_the_whole_group_save_too(config, tmp_path):
    """As terminals send them: the process that makes batches is told as well."""
    config.write_text(config.read_text().replace("workers = 0", "workers = 1"))
    folder = tmp_path / "run"
    arguments = ["lab", "train", str(config), "--steps", "100000", "-o", str(folder)]
    environment = os.environ | {"PYTHONPATH": str(SOURCES)}
    process = subprocess.Popen(
        [sys.executable, "-m", "tinct", *arguments],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        wait_for(folder / "sheet-0000002.png", process)
        os.killpg(process.pid, signal.SIGINT)
        os.killpg(process.pid, signal.SIGTERM)
        _, said = process.communicate(timeout=120)
    finally:
        process.kill()
    assert process.returncode == 130, said
    assert "Traceback" not in said
    assert "stopped at step" in said
