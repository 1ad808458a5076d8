from __future__ import annotations

import io
import json
import tarfile

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

from tinct.apps.commands.evaluate import evaluate, parse_vividness
from tinct.apps.commands.info import info
from tinct.apps.commands.statistics import statistics
from tinct.errors import InputError, ModelError, OptionError, OutputError


@pytest.fixture(autouse=True)
def restored_environment(monkeypatch):
    # The command sets this for its own process, unless it is set.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def shard(tmp_path):
    """Two colourful photographs and a broken one."""
    path = tmp_path / "photos.tar"
    y, x = np.mgrid[:40, :56] / 40
    with tarfile.open(path, "w") as tar:
        for number in range(3):
            waves = [np.sin(4 * x + number + c) * np.cos(3 * y * (c + 1)) for c in range(3)]
            stream = io.BytesIO()
            rgb = np.rint(127.5 + 127.5 * np.stack(waves, axis=-1)).astype(np.uint8)
            Image.fromarray(rgb).save(stream, "PNG")
            data = stream.getvalue() if number else stream.getvalue()[:60]
            member = tarfile.TarInfo(f"{number}.png")
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


def call(function, *arguments):
    app = typer.Typer()
    app.command()(function)
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception:
        raise result.exception
    return result


def test_evaluate_prints_a_table_and_writes_reports(shard, tmp_path):
    pytest.importorskip("skimage")
    result = call(evaluate, "nano", shard, "--vividness", "0,default", "-o", tmp_path / "out")
    record = json.loads((tmp_path / "out" / "evaluation-lab.json").read_text())
    names = [row["name"] for row in record["rows"]]
    assert names[:3] == ["grey", "mean colour", "nano, vividness 0"]
    assert names[3].endswith("(default)")
    assert result.stdout.strip() == (tmp_path / "out" / "evaluation-lab.md").read_text().strip()
    assert "tinct: warning: 0.png: " in result.stderr


def test_evaluate_without_a_model_has_the_baselines(shard):
    pytest.importorskip("skimage")
    result = call(evaluate, shard, "--protocol", "product", "--limit", "1")
    assert "| grey |" in result.stdout
    assert "| mean colour |" in result.stdout
    assert "1 photographs of" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--protocol", "rgb"], OptionError, "--protocol is 'lab' or 'product', not 'rgb'"),
        (["--vividness", "0,2"], OptionError, "--vividness takes numbers from 0 to 1 .* not '2'"),
        (["--paper", "none.npz"], ModelError, r"none\.npz: No such file"),
    ],
)
def test_bad_options_are_one_clear_line(shard, arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        call(evaluate, shard, *arguments)
    assert "\n" not in str(caught.value)


def test_missing_data_is_one_clear_line():
    with pytest.raises(InputError, match=r"nowhere\.tar: no such file or folder"):
        call(evaluate, "nowhere.tar")


def test_an_unwritable_folder_is_named(shard, tmp_path):
    pytest.importorskip("skimage")
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(OutputError, match=r"file/out: "):
        call(evaluate, shard, "--limit", "1", "-o", tmp_path / "file" / "out")


def test_vividness_lists():
    assert parse_vividness("0,default,1") == [0, None, 1]
    for text in ("", "vivid", "-0.1", "nan"):
        with pytest.raises(OptionError):
            parse_vividness(text)


@pytest.mark.train
def test_info_prints_the_papers_listing():
    pytest.importorskip("torch")
    text = call(info, "paper").stdout
    for fact in ("148155", "150145", "298,302", "297,210", "1,092", "1,703.7"):
        assert fact in text


def test_info_of_a_shipped_model_shows_what_its_file_says():
    text = call(info, "nano").stdout
    assert "nano.onnx" in text
    assert "Default vividness:" in text


def test_info_of_a_missing_file_is_one_clear_line():
    with pytest.raises(ModelError, match=r"none\.onnx: no such model"):
        call(info, "none.onnx")


def test_statistics_are_written(shard, tmp_path):
    path = tmp_path / "statistics.json"
    result = call(statistics, shard, "-o", path)
    record = json.loads(path.read_text())
    assert record["photographs"] == 2
    assert record["made_by"] == "tinct statistics photos.tar"
    assert len(record["prior"]) == 313
    assert "tinct: warning: 0.png: " in result.stderr
