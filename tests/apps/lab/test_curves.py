"""``tinct lab curves`` as it is called."""

from __future__ import annotations

import pytest
from PIL import Image

pytest.importorskip("matplotlib")

from tinct.apps.cli import main


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "curves.csv").write_text(
        "step,photographs,train_loss,test_loss\n1,32,0.3,0.2\n2,64,0.2,0.1\n"
    )
    (tmp_path / "loss-test.csv").write_text("Wall time,Step,Value\n1.5,0,0.3\n2.5,1,0.1\n")


def test_runs_are_drawn_beside_each_other(files, capsys):
    runs = ["ours=curves.csv", "published=loss-test.csv", "--step", "published=1000"]
    assert main(["lab", "curves", *runs, "-o", "loss.png"]) == 0
    assert capsys.readouterr().err == "loss.png: 3 curves\n"
    with Image.open("loss.png") as picture:
        assert picture.size == (960, 600)
    assert main(["lab", "curves", *runs, "-o", "loss.svg"]) == 0
    with open("loss.svg") as file:
        assert "photographs seen" in file.read()


@pytest.mark.parametrize(
    ("arguments", "reason", "code"),
    [
        (["curves.csv", "-o", "a.png"], "curves are NAME=FILE, not 'curves.csv'", 2),
        (["a=curves.csv", "-o", "a.jpg"], "-o takes a .png or .svg file, not a.jpg", 2),
        (["a=curves.csv", "-o", "a.png", "--step", "a=0"], "--step takes NAME=PHOTOGRAPHS", 2),
        (["a=none.csv", "-o", "a.png"], "none.csv: No such file", 1),
        (["a=loss-test.csv", "-o", "a.png"], "say how many a sees in a step", 1),
    ],
)
def test_mistakes_are_one_line(files, tmp_path, capsys, arguments, reason, code):
    assert main(["lab", "curves", *arguments]) == code
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line
    assert not list(tmp_path.glob("a.*"))
