from __future__ import annotations

import io
import json
import tarfile

import numpy as np
import pytest
import typer
from PIL import Image
from rich.console import Console
from typer.testing import CliRunner

from tinct.apps.commands.info import info
from tinct.apps.commands.lab.evaluate import evaluate, make_tables, parse_vividness
from tinct.apps.commands.lab.statistics import statistics
from tinct.errors import InputError, MetricError, ModelError, OptionError, OutputError
from tinct.lab.data.dataset import Photographs
from tinct.lab.evaluate.protocol import evaluate as measure
from tinct.lab.evaluate.rows import make_rows


@pytest.fixture(autouse=True)
def restored_environment(monkeypatch):
    # The command sets this for its own process, unless it is set.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def shard(tmp_path):
    """Two colorful photographs and a broken one."""
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
    # As tinct runs it: what the function returns is the exit code.
    result = CliRunner().invoke(app, [str(a) for a in arguments], standalone_mode=False)
    if result.exception:
        raise result.exception
    return result


def test_evaluate_prints_tables_and_writes_reports(shard, tmp_path):
    pytest.importorskip("skimage")
    result = call(evaluate, "nano", shard, "--vividness", "0,default", "-o", tmp_path / "out")
    assert result.return_value == 1  # a photograph could not be read
    assert "tinct: warning: 0.png: " in result.stderr
    for protocol in ("lab", "product"):
        path = tmp_path / "out" / f"evaluation-{protocol}.json"
        record = json.loads(path.read_text())
        names = [row["name"] for row in record["rows"]]
        assert names[:3] == ["gray", "mean color", "nano, vividness 0"]
        assert names[3].endswith("(default)")
        assert record["reference"] == "gray"
        assert record["num_photographs"] == 2
        assert record["broken"][0].startswith("0.png: ")
        assert path.with_suffix(".md").read_text().startswith("# Evaluation, protocol")
        assert f"Protocol {protocol}, 2 photographs" in result.stdout
        lines = path.with_name(f"evaluation-{protocol}-pictures.csv").read_text().splitlines()
        assert len(lines) == 1 + 4 * 2
    assert max(map(len, result.stdout.splitlines())) <= 100
    assert "reports with all columns" in result.stderr


def test_evaluate_without_a_model_has_the_baselines(shard):
    pytest.importorskip("skimage")
    result = call(evaluate, shard, "--protocol", "product", "--limit", "1")
    lines = result.stdout.splitlines()
    assert sum(line.startswith("gray ") for line in lines) == 1
    assert sum(line.startswith("mean color ") for line in lines) == 1
    assert "Protocol product, 1 photographs" in result.stdout
    assert "Protocol lab" not in result.stdout


def test_whole_data_gives_exit_code_0(shard, tmp_path):
    pytest.importorskip("skimage")
    with tarfile.open(shard) as tar:
        (tmp_path / "whole").mkdir()
        tar.extract("1.png", tmp_path / "whole", filter="data")
    arguments = ("--protocol", "lab", "--fit", "resize", "-o", tmp_path / "out")
    result = call(evaluate, tmp_path / "whole", *arguments)
    assert result.return_value == 0
    text = (tmp_path / "out" / "evaluation-lab.md").read_text()
    assert "whole, resized to a square" in text


def test_nothing_to_score_is_an_error(tmp_path):
    pytest.importorskip("skimage")
    Image.new("RGB", (40, 40), (90, 90, 90)).save(tmp_path / "gray.png")
    with pytest.raises(MetricError, match="nothing to compare"):
        call(evaluate, tmp_path, "--protocol", "lab")


@pytest.mark.parametrize("width", [50, 80, 200])
def test_the_tables_for_the_terminal_fit_it_and_mark_what_differs(shard, width):
    pytest.importorskip("skimage")
    report = measure(Photographs(str(shard)), make_rows([], []))
    stream = io.StringIO()
    console = Console(file=stream, width=width)
    tables = make_tables(report, width)
    for table in tables:
        console.print(table)
    lines = stream.getvalue().splitlines()
    assert (len(tables) > 1) == (width == 50)
    assert max(map(len, lines)) <= width
    assert "…" not in stream.getvalue()
    assert "Protocol lab, 2 photographs" in " ".join(lines)
    values = {
        name: " ".join(line.removeprefix(name) for line in lines if line.startswith(name + " "))
        for name in ("gray", "mean color")
    }
    shown = report.columns(is_main=True)
    for row, of_row in zip(report.rows, values.values(), strict=True):
        expected = [f"{row.metrics[m.key].value:.{m.decimals}f}" for m in shown]
        assert of_row.replace("*", " ").split() == expected
    assert "*" not in values["gray"]  # the reference itself
    differs = sum(report.rows[1].differences[m.key].excludes_zero for m in shown)
    assert values["mean color"].count("*") == differs > 0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (["--vividness", "0,2"], OptionError, "--vividness takes numbers from 0 to 1 .* not '2'"),
        (["--reference", "nobody"], OptionError, "no row is called 'nobody'; there are 'gray',"),
        (["--frechet", "none.pt"], ModelError, r"none\.pt: no such file"),
        (["--frechet", "fid=x"], ModelError, "fid=x: no such file"),
    ],
)
def test_bad_options_are_one_clear_line(shard, arguments, error, message):
    with pytest.raises(error, match=message) as caught:
        call(evaluate, shard, *arguments)
    assert "\n" not in str(caught.value)


def test_missing_data_is_one_clear_line():
    with pytest.raises(InputError, match=r"nowhere\.tar: no such f"):
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
    assert max(len(line) for line in text.splitlines()) < 100
    made = json.loads(call(info, "nano", "--provenance").stdout)
    assert made["config"]["network"] == "nano"
    with pytest.raises(ModelError, match="paper: a network"):
        call(info, "paper", "--provenance")


def test_info_of_a_missing_file_is_one_clear_line():
    with pytest.raises(ModelError, match=r"none\.onnx: no such model file; networks are .*eccv16"):
        call(info, "none.onnx")


def test_statistics_are_written(shard, tmp_path):
    path = tmp_path / "statistics.json"
    result = call(statistics, shard, "-o", path)
    record = json.loads(path.read_text())
    assert record["photographs"] == 2
    assert record["made_by"] == "tinct lab statistics photos.tar"
    assert len(record["prior"]) == 313
    assert "tinct: warning: 0.png: " in result.stderr
