"""``tinct lab compare`` as a user runs it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("matplotlib")
pytest.importorskip("skimage")

from tinct.apps.commands.arguments import split_arguments


@pytest.fixture(autouse=True)
def restored_environment(monkeypatch):
    # The command sets this for its own process, unless it is set.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")


@pytest.fixture
def photographs(tmp_path):
    """A folder of two color photographs, an old gray one, and a broken one."""
    folder = tmp_path / "photographs"
    folder.mkdir()
    y, x = np.mgrid[:40, :56] / 40
    for number in range(2):
        waves = [np.sin(4 * x + number + c) * np.cos(3 * y * (c + 1)) for c in range(3)]
        rgb = np.rint(127.5 + 127.5 * np.stack(waves, axis=-1)).astype(np.uint8)
        Image.fromarray(rgb).save(folder / f"{number} <b>&.png")
    Image.fromarray(np.full((50, 40), 90, np.uint8)).save(folder / "old.png")
    (folder / "torn.png").write_bytes((folder / "old.png").read_bytes()[:40])
    return folder


def test_it_writes_figures_tables_and_a_report(call, photographs, tmp_path):
    (tmp_path / "curves.csv").write_text("step,value\n0,1\n1,0.5\n")
    code, out, lines = call(
        "lab", "compare", "nano", photographs, "-o", "new/folder", "--curves", "mine=curves.csv"
    )
    folder = tmp_path / "new" / "folder"
    assert code == 1  # for the torn photograph
    assert any("torn.png" in line for line in lines)
    assert out == ""
    figures = {f"{name}.{kind}" for name in ("grid", "losses", "curves") for kind in ("png", "svg")}
    tables = {"evaluation-product.json", "evaluation-product.md", "report.html"}
    written = {path.name for path in folder.iterdir()}
    assert figures | tables <= written
    assert not [name for name in written if name.startswith(".")]
    page = (folder / "report.html").read_text()
    assert "0 &lt;b&gt;&amp;.png" in page
    assert "<b>" not in page
    assert "gray themselves, so without a truth: old.png" in page
    assert "1 could not be read" in page
    report = json.loads((folder / "evaluation-product.json").read_text())
    assert report["num_photographs"] == 2
    assert report["sha256"] in page
    for name in figures:
        data = (folder / name).read_bytes()
        assert data.startswith(b"\x89PNG" if name.endswith("png") else b"<?xml")


@pytest.mark.train
def test_the_networks_behind_the_rows_are_counted(call, photographs, tmp_path):
    pytest.importorskip("torch")
    assert call("lab", "compare", "nano", photographs / "old.png", "-o", "out")[0] == 0
    listing = (tmp_path / "out" / "parameters.txt").read_text()
    assert 'Model: "nano"' in listing
    assert "Trainable params: 291,896" in listing


def test_the_papers_network_beside_ours(call, photographs, tmp_path):
    pytest.importorskip("torch")
    if not os.environ.get("TINCT_DATA"):
        pytest.skip("TINCT_DATA is not set: the folder with seed/ and data/")
    weights = Path(os.environ["TINCT_DATA"], "seed", "published-weights.npz")
    call("lab", "compare", f"paper={weights}", "nano", photographs, "-o", "out", "--pictures", "1")
    page = (tmp_path / "out" / "report.html").read_text()
    names = re.findall(r'<th scope="row" data-value="([^"]*)"', page)
    assert names[:3] == ["gray", "mean color", "paper"]
    assert page.count('<article class="picture">') == 1
    assert 'Model: "paper"' in (tmp_path / "out" / "parameters.txt").read_text()


def test_gray_photographs_alone_need_no_truth(call, photographs, tmp_path):
    code, _, _ = call("lab", "compare", photographs / "old.png", "-o", "out", "--protocol", "lab")
    assert code == 0
    written = {path.name for path in (tmp_path / "out").iterdir()}
    assert written == {"grid.png", "grid.svg", "report.html"}
    with Image.open(tmp_path / "out" / "grid.png") as grid:
        assert grid.width > 2 * 150


def test_figures_are_the_same_every_time(call, photographs, tmp_path):
    for folder in ("first", "second"):
        call("lab", "compare", photographs, "-o", folder)
    for name in ("grid.png", "grid.svg", "losses.png", "losses.svg"):
        assert (tmp_path / "first" / name).read_bytes() == (tmp_path / "second" / name).read_bytes()


@pytest.mark.parametrize(
    ("arguments", "message", "code"),
    [
        (["nowhere", "-o", "out"], r"nowhere: no such", 1),
        (["photographs/torn.png", "-o", "out"], r"torn\.png: no photograph; torn\.png: ", 1),
        (["neither", "photographs", "-o", "out"], r"neither: no model of tinct's", 2),
        (["photographs", "-o", "photographs/old.png"], r"old\.png: ", 1),
        (["photographs", "-o", "out", "--curves", "x.csv"], r"--curves takes NAME=FILE", 2),
        (["photographs", "-o", "out", "--curves", "x=none.csv"], r"none\.csv: No such file", 1),
        (["photographs", "-o", "out", "--vividness", "2"], r"--vividness takes", 2),
        (["photographs"], r"Missing option '--output'", 2),
    ],
)
def test_mistakes_are_one_clear_line(call, photographs, tmp_path, arguments, message, code):
    found, _, lines = call("lab", "compare", *arguments)
    assert found == code
    assert re.search(message, lines[-1])
    assert len(lines) == 1
    assert not list(tmp_path.glob("out/*"))


def test_rows_and_photographs_are_told_apart():
    assert split_arguments(["photos"]) == ([], ["photos"])
    assert split_arguments(["nano", "theirs/", "photos/"]) == (["nano", "theirs/"], ["photos/"])
    assert split_arguments(["paper=w.npz", "a.JPG", "mine.onnx", "val.tar", "b.png"]) == (
        ["paper=w.npz", "mine.onnx"],
        ["a.JPG", "val.tar", "b.png"],
    )
    assert split_arguments(["eccv16=best.pth.tar", "a.TGZ", "photos"]) == (
        ["eccv16=best.pth.tar"],
        ["a.TGZ", "photos"],
    )
