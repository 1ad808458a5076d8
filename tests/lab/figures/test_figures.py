"""Figures and curves: what is drawn is what was measured, and the files are the same every time."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("matplotlib")

from tinct.errors import InputError
from tinct.lab.figures.curves import Curve, read_curves, read_curves_by_photographs
from tinct.lab.figures.figures import (
    DARK,
    PALETTE,
    draw_beside,
    draw_curves,
    draw_grid,
    draw_losses,
    render,
    shorten,
)
from tinct.lab.figures.pictures import ComparedPicture

ROWS = ("gray", "paper", "nano, vividness 0")


def flat(*rgb: int) -> np.ndarray:
    return np.full((24, 24, 3), rgb, np.uint8)


ANSWERS = (flat(90, 90, 90), flat(250, 0, 0), flat(0, 0, 250))
COLORED = ComparedPicture("a$b$c.png", flat(0, 250, 0), ANSWERS, (0.04, 0.03, 0.01))
OTHER = ComparedPicture("日本.png", flat(250, 250, 0), ANSWERS, (0.02, 0.05, 0.03))
GRAY = ComparedPicture("old.jpg", None, ANSWERS, ())


def test_the_grid_has_every_answer_and_the_truth_in_its_place():
    figure = draw_grid([COLORED, GRAY], ROWS)
    cells = np.array(figure.axes).reshape(2, 4)
    assert [axes.get_title() for axes in cells[0]] == [
        "gray", "paper", "nano,\nvividness 0", "truth",
    ]  # fmt: skip
    for axes, rgb in zip(cells[0], [*ANSWERS, COLORED.truth], strict=True):
        assert np.array_equal(axes.get_images()[0].get_array(), rgb)
    assert not cells[1, 3].get_images()
    assert cells[1, 3].texts[0].get_text() == "no truth"
    rendered = np.asarray(Image.open(io.BytesIO(render(figure, "png"))).convert("RGB"))
    for color in (*(answer[0, 0] for answer in ANSWERS), COLORED.truth[0, 0]):
        assert (rendered == color).all(axis=-1).sum() > 100 * 100  # each as large as it is wide


def test_without_any_truth_the_grid_has_no_column_for_it():
    assert len(draw_grid([GRAY], ROWS).axes) == len(ROWS)


def test_bars_have_the_height_of_the_losses_of_pictures_with_a_truth():
    axes = draw_losses([COLORED, GRAY, OTHER], ROWS).axes[0]
    heights = [[bar.get_height() for bar in bars] for bars in axes.containers]
    assert heights == [[0.04, 0.02], [0.03, 0.05], [0.01, 0.03]]
    assert axes.containers[0].get_label() == "gray (mean 0.0300)"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["a$b$c", "日本"]


def test_rows_keep_their_looks_apart_however_many_there_are():
    names = ["gray", *(f"row {number}" for number in range(12))]
    picture = ComparedPicture("x", flat(1, 2, 3), (), tuple(0.1 for _ in names))
    bars = [container[0] for container in draw_losses([picture], names).axes[0].containers]
    looks = {(bar.get_facecolor(), bar.get_hatch()) for bar in bars}
    assert len(looks) == len(names) > len(PALETTE)


@pytest.mark.parametrize("theme", [{}, {"theme": DARK}])
@pytest.mark.parametrize("file_format", ["png", "svg"])
def test_files_are_the_same_every_time(file_format, theme):
    first, second = (
        render(draw_losses([COLORED, OTHER], ROWS, **theme), file_format) for _ in range(2)
    )
    assert first == second
    assert b"<dc:date>" not in first


def test_every_run_has_axes_of_its_own():
    curves = [
        Curve("paper", "train", (0, 1), (0.5, 0.4)),
        Curve("paper", "test", (0, 1), (0.6, 0.3)),
        Curve("nano", "train", (0, 500), (4.0, 3.0)),
    ]
    paper, nano = draw_curves(curves).axes
    assert [list(line.get_ydata()) for line in paper.lines] == [[0.6, 0.3], [0.5, 0.4]]
    assert {text.get_text() for text in paper.texts} == {"train", "test"}
    assert nano.get_title() == "nano"
    assert list(nano.lines[0].get_xdata()) == [0, 500]


def test_names_are_cut_in_the_middle():
    assert shorten("short.webp") == "short"
    assert shorten("acuity_ilsvrc-validation-000017.webp") == "acuity_il…ion-000017"
    assert shorten(".png") == ".png"


def test_curves_of_a_run_of_ours(tmp_path):
    path = tmp_path / "curves.csv"
    path.write_text(
        "step,photographs,train_loss,test_loss,psnr\n10,160,2.5,2.25,23\n20,320,2,1.5,24\n"
    )
    assert read_curves("nano", path) == [
        Curve("nano", "train", (10, 20), (2.5, 2)),
        Curve("nano", "test", (10, 20), (2.25, 1.5)),
    ]


@pytest.mark.parametrize(
    ("name", "label"), [("loss-train.csv", "train"), ("Test loss.csv", "test"), ("x.csv", "x")]
)
def test_published_curves(tmp_path, name, label):
    (tmp_path / name).write_text(
        "Wall time,Step,Value\n1647118261.25,0,0.0168\n1647122922.1,1,0.0137\n"
    )
    assert read_curves("p", tmp_path / name) == [Curve("p", label, (0, 1), (0.0168, 0.0137))]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'step'"),
        ("a,b\n1,2\n", "no column 'step'"),
        ("step,loss\n1,2\n", "no curve in it"),
        ("step,value\n", "no curve in it"),
        ("step,value\n1\n", "differ in length"),
        ("step,value\n1,red\n", "could not convert string to float: 'red'"),
        ("step,value\n1,nan\n", "NaN or infinite"),
        (b"\xff\xfe\x00", "not a CSV table"),
    ],
)
def test_bad_curves_are_one_clear_line(tmp_path, text, message):
    path = tmp_path / "curves.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message) as caught:
        read_curves("run", path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_curves_over_photographs_seen(tmp_path):
    ours, published = tmp_path / "curves.csv", tmp_path / "loss-test.csv"
    ours.write_text("step,photographs,train_loss,test_loss\n10,160,2.5,2.25\n20,320,2,1.5\n")
    published.write_text("Wall time,Step,Value\n1.5,0,3\n2.5,1,1\n")
    curves = [
        *read_curves_by_photographs("ours", ours),
        *read_curves_by_photographs("published", published, 1000),
    ]
    assert [curve.steps for curve in curves] == [(160, 320), (160, 320), (0, 1000)]
    (axes,) = draw_beside(curves).axes
    assert [list(line.get_xdata()) for line in axes.lines] == [[160, 320], [160, 320], [0, 1000]]
    assert [line.get_linestyle() for line in axes.lines] == ["--", "-", "-"]
    assert [line.get_color() for line in axes.lines] == [PALETTE[1], PALETTE[1], PALETTE[2]]
    with pytest.raises(
        InputError, match=r"loss-test\.csv: no column 'photographs': say how many p"
    ):
        read_curves_by_photographs("p", published)


def test_a_missing_file_of_curves_is_named(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: No such file"):
        read_curves("run", tmp_path / "none.csv")


def test_the_published_curves_can_be_drawn(data_root):
    (train,) = read_curves("paper", data_root / "seed" / "loss-train.csv")
    (test,) = read_curves("paper", data_root / "seed" / "loss-test.csv")
    assert (train.label, test.label) == ("train", "test")
    assert test.losses[0] == 0.016809336841106415
    assert len(draw_curves([train, test]).axes[0].lines) == 2
