"""``tinct image --hints``."""

from __future__ import annotations

import json
import os
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinct import color
from tinct.apps.cli import main
from tinct.apps.photographs.known_colors import read_known_colors
from tinct.photographs import read_picture


def write_hints(path: Path, *hints: dict[str, object]) -> Path:
    path.write_text(json.dumps({"tinct-hints": 1, "hints": list(hints)}))
    return path


def test_the_picture_has_the_colors_that_were_said(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hints = write_hints(
        tmp_path / "hints.json",
        {"x": 20, "y": 20, "color": "lab(50, -30, 25)", "radius": 4},
        {"x": 70, "y": 50, "color": "magenta"},
    )
    output = tmp_path / "out.png"
    command = ["image", str(photo), "-o", str(output), "--hints", str(hints), "--model", "nano"]
    assert main(command) == 0
    with Image.open(output) as image:
        rgb = np.asarray(image.convert("RGB"), np.float32) / 255
    lab = color.rgb_to_lab(rgb[18:22, 18:22].reshape(-1, 3).mean(axis=0))
    assert np.hypot(lab[1] + 30, lab[2] - 25) < 4
    assert "hint 2: magenta is not that vivid at this lightness" in capsys.readouterr().err
    # Finished, until something else is said.
    changed = output.stat().st_mtime_ns
    assert main(command) == 0
    assert output.stat().st_mtime_ns == changed
    write_hints(hints, {"x": 20, "y": 20, "color": "blue"})
    assert main(command) == 0
    assert output.stat().st_mtime_ns != changed


def test_a_hint_outside_fails_and_leaves_nothing(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hints = write_hints(tmp_path / "hints.json", {"x": 2000, "y": 20, "color": "red"})
    output = tmp_path / "out.png"
    assert main(["image", str(photo), "-o", str(output), "--hints", str(hints), "-m", "nano"]) == 1
    error = capsys.readouterr().err
    assert "hint 1: 2000, 20 is outside the picture of" in error
    assert not output.exists()


@pytest.mark.parametrize(
    ("others", "text"),
    [
        (["second.jpg"], "is about one photograph, not 2"),
        (["--choices"], "goes without --hints"),
    ],
)
def test_hints_are_about_one_photograph(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], others: list[str], text: str
) -> None:
    hints = write_hints(tmp_path / "hints.json")
    assert main(["image", str(photo), *others, "--hints", str(hints)]) == 2
    assert text in capsys.readouterr().err
    assert main(["image", str(photo.parent), "--hints", str(hints)]) == 2
    assert "name that one alone" in capsys.readouterr().err


def test_a_damaged_file_is_one_line(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = tmp_path / "hints.json"
    damaged.write_bytes(b'{"tinct-hints": 1, "hints": [')
    assert main(["image", str(photo), "--hints", str(damaged)]) == 1
    assert capsys.readouterr().err.count("\n") == 1


def write_reference(path: Path, photo: Path) -> Path:
    """Write the photograph with everything dark blue and everything bright orange."""
    with Image.open(photo) as image:
        gray = np.asarray(image.convert("L"), np.float32)[..., None]
    tint = np.where(gray < np.median(gray), [-30.0, -10.0, 50.0], [40.0, -8.0, -60.0])
    Image.fromarray((gray + tint).clip(0, 255).astype(np.uint8)).save(path)
    return path


def test_references_give_their_colors(photo: Path, tmp_path: Path) -> None:
    references = [str(write_reference(tmp_path / name, photo)) for name in ("today.png", "b.png")]
    output, automatic = tmp_path / "out.png", tmp_path / "automatic.png"
    assert main(["image", str(photo), "-o", str(automatic), "-m", "nano"]) == 0
    command = ["image", str(photo), "-o", str(output), "-m", "nano", "--reference", references[0]]
    assert main(command) == 0

    def error(path: Path) -> float:
        with Image.open(path) as image, Image.open(references[0]) as truth:
            both = [np.asarray(one.convert("RGB"), np.float32) / 255 for one in (image, truth)]
        found, wanted = (color.rgb_to_lab(rgb)[..., 1:] for rgb in both)
        return float(np.abs(found - wanted).mean())

    assert error(output) < error(automatic) * 0.8
    changed = output.stat().st_mtime_ns
    assert main(command) == 0
    assert output.stat().st_mtime_ns == changed
    assert main([*command, "--reference", references[1]]) == 0
    assert output.stat().st_mtime_ns != changed


def test_references_are_about_all_pages_and_hints_about_the_first(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = read_picture(photo)
    source, output = tmp_path / "pages.tif", tmp_path / "out.tif"
    replace(page, pages=(page,)).save(source)
    reference = write_reference(tmp_path / "today.png", photo)
    command = ["image", str(source), "-o", str(output), "-m", "nano"]
    assert main(command) == 0
    automatic = read_picture(output)
    assert main([*command, "--reference", str(reference)]) == 0
    colored = read_picture(output)
    assert np.array_equal(colored.pages[0].pixels, colored.pixels)
    assert not np.array_equal(colored.pixels, automatic.pixels)
    hints = write_hints(tmp_path / "hints.json", {"x": 20, "y": 20, "color": "blue"})
    capsys.readouterr()
    assert main([*command, "--hints", str(hints)]) == 0
    assert "hints.json: hints are about the first page of 2" in capsys.readouterr().err
    assert np.array_equal(read_picture(output).pages[0].pixels, automatic.pixels)


@pytest.mark.parametrize(
    ("reference", "text"),
    [
        ("photo", "is gray: a reference says what color things are"),
        ("none.png", "none.png: no such file"),
        ("text.png", "text.png: "),
    ],
)
def test_what_is_wrong_with_a_reference_is_one_line(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], reference: str, text: str
) -> None:
    (tmp_path / "text.png").write_text("no picture")
    gray = tmp_path / "gray.png"
    with Image.open(photo) as image:
        image.convert("L").save(gray)
    name = gray if reference == "photo" else tmp_path / reference
    output = tmp_path / "out.png"
    assert main(["image", str(photo), "-o", str(output), "--reference", str(name)]) == 1
    error = capsys.readouterr().err
    assert text in error
    assert error.count("\n") == 1
    assert not output.exists()


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_a_reference_may_be_a_pipe(photo: Path, tmp_path: Path) -> None:
    data = write_reference(tmp_path / "today.png", photo).read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    threading.Thread(target=pipe.write_bytes, args=(data,), daemon=True).start()
    reading = threading.Thread(
        target=read_known_colors, args=(None, [str(pipe)], 10**6), daemon=True
    )
    reading.start()
    reading.join(20)  # who opens a pipe a second time waits for ever
    assert not reading.is_alive()


def test_what_is_doubtful_about_a_reference_is_said(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = read_picture(write_reference(tmp_path / "today.png", photo))
    pages, cut = tmp_path / "pages.tif", tmp_path / "cut.jpg"
    replace(page, pages=(page,)).save(pages)
    page.save(cut)
    cut.write_bytes(cut.read_bytes()[: cut.stat().st_size * 3 // 4])
    command = ["image", str(photo), "-o", str(tmp_path / "out.png"), "-m", "nano"]
    assert main([*command, "--reference", str(pages), "--reference", str(cut)]) == 0
    errors = capsys.readouterr().err
    assert f"{pages}: only the first of 2 pages counts" in errors
    assert f"{cut}: damaged, read as far as possible" in errors


def test_the_limit_holds_for_references(
    photo: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    reference = tmp_path / "today.png"
    with Image.open(write_reference(reference, photo)) as image:
        image.resize((1200, 900)).save(reference)
    command = ["image", str(photo), "-o", str(tmp_path / "out.png"), "--max-pixels", "1"]
    assert main([*command, "--reference", str(reference)]) == 1
    assert "1.08 megapixels, more than the limit of 1" in capsys.readouterr().err


def test_choices_are_automatic(photo: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["image", str(photo), "--choices", "--reference", "a.jpg"]) == 2
    assert "goes without --reference" in capsys.readouterr().err
