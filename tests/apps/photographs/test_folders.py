"""Runs over folders: nothing is lost in silence, nothing is done twice."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from tinct.photographs import Picture, read_picture

Call = Callable[..., tuple[int, str, list[str]]]
SaveGray = Callable[..., Path]
NANO = ("-m", "nano")


def _names(folder: Path) -> list[str]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return sorted(path.relative_to(folder).as_posix() for path in files)


def _pictures(folder: Path) -> list[str]:
    return [name for name in _names(folder) if not Path(name).name.startswith(".")]


def _save_color(path: Path, toned: bool = False) -> Path:
    """Write a picture of four colors over a ramp, or the same in one tone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    ramp = np.tile(np.linspace(60, 200, 120), (90, 1))
    rgb = np.stack([ramp, ramp * 0.8, ramp * 0.6], axis=2)
    if not toned:
        rgb[:45, :60] *= (1.2, 0.5, 0.4)
        rgb[45:, 60:] *= (0.4, 0.8, 1.6)
    Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8)).save(path)
    return path


# -- names


def test_two_that_would_become_one_get_names_of_their_own(
    call: Call, tmp_path: Path, save_gray: SaveGray
) -> None:
    for name in ("logo.png", "logo.gif", "a.png", "x.pgm"):
        save_gray(tmp_path / "scans" / name)
    Image.open(tmp_path / "scans/x.pgm").convert("1").save(tmp_path / "scans/x.pbm")
    code, _, lines = call("image", "scans", "-o", "out")
    assert code == 0
    expected = ["a.png", "logo.gif.png", "logo.png", "x.pbm.ppm", "x.pgm.ppm"]
    assert _pictures(tmp_path / "out") == expected
    assert any("logo.gif: written to" in line and "logo.gif.png" in line for line in lines)


def test_one_name_in_two_folders_is_numbered(
    call: Call, tmp_path: Path, save_gray: SaveGray
) -> None:
    save_gray(tmp_path / "one/photo.jpg")
    save_gray(tmp_path / "two/photo.jpg")
    code, _, lines = call("image", "one", "two", "-o", "out")
    assert code == 0
    assert _pictures(tmp_path / "out") == ["photo-2.jpg", "photo.jpg"]
    assert any("two/photo.jpg" in line.replace("\\", "/") for line in lines)


# -- what is left out


def test_files_left_out_are_counted(call: Call, tmp_path: Path, save_gray: SaveGray) -> None:
    save_gray(tmp_path / "album/photo.jpg")
    for name in ("notes.txt", "more.TXT", "old.tga", "README", "clip.mp4"):
        (tmp_path / "album" / name).write_bytes(b"-")
    save_gray(tmp_path / "elsewhere/linked.jpg")
    if sys.platform != "win32":
        (tmp_path / "album/sub").symlink_to("../elsewhere")
    code, _, lines = call("image", "album", "-o", "out", "--json", "report.json")
    assert code == 0
    (line,) = (line for line in lines if line.startswith("left out: "))
    assert "4 files of other kinds (2 .txt, " in line
    assert "1 .tga" in line
    assert "1 film (--films colors them, too)" in line
    left_out = json.loads((tmp_path / "report.json").read_text())["left_out"]
    assert left_out["suffixes"] == {".txt": 2, ".tga": 1, "no suffix": 1}
    assert [Path(film).name for film in left_out["films"]] == ["clip.mp4"]
    if sys.platform != "win32":
        assert f"{Path('album/sub')}, a link to a folder" in line
        assert [Path(link).name for link in left_out["links"]] == ["sub"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_pipes_in_folders_are_left_out(call: Call, tmp_path: Path, save_gray: SaveGray) -> None:
    (tmp_path / "album").mkdir()
    for name in ("pipe.jpg", "pipe.mp4"):
        os.mkfifo(tmp_path / "album" / name)
    code, _, lines = call("image", "album", "-o", "out", *NANO)
    assert code == 1
    assert "no pictures in this folder (only pipe or device)" in lines[0]
    save_gray(tmp_path / "album/photo.jpg")
    code, _, lines = call("image", "album", "-o", "out", "--films", *NANO)
    assert code == 0
    assert any("2 files of other kinds (2 pipe or device)" in line for line in lines)
    assert _pictures(tmp_path / "out") == ["photo.jpg"]


def test_a_film_that_fails_does_not_stop_the_others(
    call: Call, tmp_path: Path, save_gray: SaveGray
) -> None:
    save_gray(tmp_path / "album/photo.jpg")
    (tmp_path / "album/a-broken.mp4").write_bytes(b"not a film")
    gray = np.full((48, 64), 90, np.uint8)
    _write_film(tmp_path / "album/sub/clip.mp4", gray)
    code, _, lines = call("image", "album", "-o", "out", "--films")
    assert code == 1
    assert _pictures(tmp_path / "out") == ["photo.jpg", "sub/clip.mp4"]
    assert sum("a-broken.mp4" in line for line in lines) == 1


def _write_film(path: Path, gray: np.ndarray) -> None:
    import av

    path.parent.mkdir(parents=True)
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", rate=5)
        stream.width, stream.height, stream.pix_fmt = gray.shape[1], gray.shape[0], "yuv420p"
        for _ in range(3):
            film.mux(stream.encode(av.VideoFrame.from_ndarray(gray, format="gray")))
        film.mux(stream.encode(None))


def test_own_results_are_never_inputs(call: Call, tmp_path: Path, save_gray: SaveGray) -> None:
    photo = save_gray(tmp_path / "album/photo.jpg")
    assert call(photo, "--compare")[0] == 0
    beside = ["photo-color.jpg", "photo-compare.jpg", "photo.jpg"]
    assert _pictures(tmp_path / "album") == beside
    code, _, lines = call("image", "album", "-o", "out")
    assert code == 0
    assert _pictures(tmp_path / "out") == ["photo.jpg"]
    assert any("2 that tinct has written" in line for line in lines)


@pytest.mark.parametrize("options", [(), ("--overwrite",)])
def test_a_scan_with_the_name_of_a_result_is_a_scan(
    call: Call, tmp_path: Path, photo: Path, save_gray: SaveGray, options: tuple[str, ...]
) -> None:
    second = save_gray(tmp_path / "photo-color.jpg").read_bytes()
    code, _, lines = call("image", *NANO, *options, photo, "photo-color.jpg")
    assert code == 1
    assert "photo-color.jpg would overwrite an input; choose another place with -o" in lines[0]
    assert (tmp_path / "photo-color.jpg").read_bytes() == second
    assert _pictures(tmp_path) == ["photo-color-color.jpg", "photo-color.jpg", "photo.jpg"]


def test_results_are_known_by_their_mark_where_the_journal_is_gone(
    call: Call, tmp_path: Path, photo: Path
) -> None:
    assert call("image", *NANO, photo)[0] == 0
    (tmp_path / ".tinct-journal.jsonl").unlink()
    code, _, lines = call("image", *NANO, photo, "photo-color.jpg")
    assert code == 0
    assert "2 skipped" in lines[-1]
    assert _pictures(tmp_path) == ["photo-color.jpg", "photo.jpg"]


def test_a_photograph_is_no_result_because_of_its_name(
    call: Call, tmp_path: Path, save_gray: SaveGray
) -> None:
    save_gray(tmp_path / "album/scan1.jpg")
    assert call("image", "album", "-o", "colored", *NANO)[0] == 0
    (tmp_path / "colored/scan1.jpg").unlink()
    save_gray(tmp_path / "colored/scan1.jpg", 60, 50)
    code, _, lines = call("image", "colored", "-o", "out", *NANO)
    assert code == 0
    assert _pictures(tmp_path / "out") == ["scan1.jpg"]
    assert not any("that tinct has written" in line for line in lines)


def test_an_edited_result_is_a_photograph_of_the_user(
    call: Call, tmp_path: Path, save_gray: SaveGray
) -> None:
    save_gray(tmp_path / "album/photo.jpg")
    assert call("image", "album", "-o", "colored", *NANO)[0] == 0
    _save_color(tmp_path / "colored/photo.jpg")
    code, _, lines = call("image", "colored", "-o", "out", *NANO)
    assert code == 0
    assert any("in color already" in line for line in lines)


# -- done again


@pytest.fixture
def album(tmp_path: Path, save_gray: SaveGray) -> Path:
    save_gray(tmp_path / "album/a.jpg")
    save_gray(tmp_path / "album/b.jpg", 80, 60)
    return tmp_path / "album"


@pytest.mark.usefixtures("album")
def test_other_options_or_another_model_do_it_again(call: Call) -> None:
    assert call("album")[0] == 0
    for options, why in (
        (["--vividness", "0.9"], "other options (vividness)"),
        (["--vividness", "0.9", "--model", "nano"], "the model has changed"),
    ):
        code, _, lines = call("image", "album", *options)
        assert code == 0
        assert sum(f"done again: {why}" in line for line in lines) == 2
        code, _, lines = call("image", "album", *options)
        assert "2 skipped" in lines[-1]
        assert "0 photographs colored" in lines[-1]


def test_a_changed_input_is_done_again_and_no_other(
    call: Call, album: Path, save_gray: SaveGray
) -> None:
    assert call("album")[0] == 0
    save_gray(album / "a.jpg", 100, 70)
    _, _, lines = call("album")
    assert any("a.jpg: done again: the input has changed" in line for line in lines)
    assert "1 photograph colored" in lines[-1]
    with Image.open(album.with_name("album-color") / "a.jpg") as picture:
        assert picture.size == (100, 70)


def test_an_input_that_changes_while_it_is_colored_is_done_again(
    call: Call, album: Path, save_gray: SaveGray, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_and_change(source: Path, **options: Any) -> Picture:
        picture = read_picture(source, **options)
        save_gray(source, 100, 70)  # as a scanner that has not finished it
        return picture

    with monkeypatch.context() as patch:
        patch.setattr("tinct.apps.photographs.batch.read_picture", read_and_change)
        assert call("album/a.jpg")[0] == 0
    _, _, lines = call("album/a.jpg")
    assert "done again: the input has changed" in lines[0]
    with Image.open(album / "a-color.jpg") as picture:
        assert picture.size == (100, 70)


@pytest.mark.usefixtures("album")
def test_what_others_have_changed_is_never_replaced(call: Call, tmp_path: Path) -> None:
    assert call("album")[0] == 0
    retouched = tmp_path / "album-color/a.jpg"
    retouched.write_bytes(retouched.read_bytes() + b"by hand")
    _, _, lines = call("image", "album", "--vividness", "0.9")
    assert retouched.read_bytes().endswith(b"by hand")
    assert "1 photograph colored" in lines[-1]
    assert "1 skipped" in lines[-1]


@pytest.mark.usefixtures("album")
def test_a_damaged_journal_costs_nothing_but_its_knowledge(call: Call, tmp_path: Path) -> None:
    assert call("album")[0] == 0
    journal = tmp_path / "album-color/.tinct-journal.jsonl"
    journal.write_text('{"output": 3}\n[]\nhalf a line {"out')
    code, _, lines = call("image", "album", "--vividness", "0.9")
    assert code == 0
    assert "2 skipped" in lines[-1]


@pytest.mark.parametrize("again", [("album", "--recolor"), ("album/pages.tif",)])
def test_pages_left_in_color_are_colored_when_that_is_asked_for(
    call: Call, tmp_path: Path, save_gray: SaveGray, again: tuple[str, ...]
) -> None:
    gray = np.asarray(Image.open(save_gray(tmp_path / "album/gray.tif")))
    color = np.asarray(Image.open(_save_color(tmp_path / "color.png")))
    Picture(gray, pages=(Picture(color),)).save(tmp_path / "album/pages.tif")
    assert call("image", "album", "-o", "out", *NANO)[0] == 0
    _, _, lines = call("image", "album", "-o", "out", *NANO)
    assert "2 skipped" in lines[-1]
    for name, more in (("gray.tif", ("album/gray.tif",)), ("pages.tif", again)):
        before = (tmp_path / "out" / name).read_bytes()
        code, _, lines = call("image", *more, "-o", "out/", *NANO)
        assert code == 0
        is_again = name == "pages.tif"
        assert any("done again: pages that are in color" in line for line in lines) == is_again
        assert ((tmp_path / "out" / name).read_bytes() != before) == is_again
    _, _, lines = call("image", "album", "-o", "out", *NANO)
    assert "2 skipped" in lines[-1]


def test_without_hints_and_references_it_is_done_again(
    call: Call, photo: Path, tmp_path: Path
) -> None:
    hints = tmp_path / "hints.json"
    said = {"x": 20, "y": 20, "color": "blue"}
    hints.write_text(json.dumps({"tinct-hints": 1, "hints": [said]}))
    assert call("image", photo, *NANO, "--hints", hints)[0] == 0
    with_hints = (tmp_path / "photo-color.jpg").read_bytes()
    _, _, lines = call("image", photo, *NANO)
    assert any("done again: other options (hints)" in line for line in lines)
    assert (tmp_path / "photo-color.jpg").read_bytes() != with_hints


# -- sheets


def test_a_sheet_of_somebody_else_is_never_replaced(
    call: Call, photo: Path, tmp_path: Path
) -> None:
    mine = tmp_path / "photo-compare.jpg"
    mine.write_bytes(b"mine")
    code, _, lines = call("image", photo, "--compare", *NANO)
    assert code == 0
    assert mine.read_bytes() == b"mine"
    assert (tmp_path / "photo-color.jpg").exists()
    assert any(
        "no sheet: " in line and "photo-compare.jpg is there already" in line for line in lines
    )
    assert call("image", photo, "--compare", *NANO, "--overwrite")[0] == 0
    own = mine.read_bytes()
    assert own != b"mine"
    # Its own sheet goes along with the result
    assert call("image", photo, "--compare", *NANO, "--vividness", "1")[0] == 0
    assert mine.read_bytes() != own
    assert _pictures(tmp_path) == ["photo-color.jpg", "photo-compare.jpg", "photo.jpg"]


def test_a_sheet_alone_shows_the_result_that_is_there_and_adopts_nothing(
    call: Call, photo: Path, tmp_path: Path
) -> None:
    red = np.full((70, 90, 3), (200, 30, 30), np.uint8)
    mine = tmp_path / "photo-color.jpg"
    Image.fromarray(red).save(mine, quality=95)
    before = mine.read_bytes()
    code, _, lines = call("image", photo, "--compare", *NANO)
    assert code == 0
    assert "photo.jpg -> " in lines[-1].replace(str(tmp_path), "")
    assert "photo-compare.jpg" in lines[-1]
    with Image.open(tmp_path / "photo-compare.jpg") as sheet:
        shown = np.asarray(sheet, int)
    assert np.abs(shown - red[0, 0]).sum(axis=2).min() < 20
    _, _, lines = call("image", photo, "--compare", *NANO, "--vividness", "1")
    assert mine.read_bytes() == before
    assert "skipped" in lines[-1]


def test_sheets_alone_are_counted(call: Call, album: Path, tmp_path: Path) -> None:
    assert call("image", album, *NANO)[0] == 0
    _, _, lines = call("image", album, "--compare", *NANO)
    assert "0 photographs colored" in lines[-1]
    assert "2 sheets written" in lines[-1]
    assert len(_pictures(tmp_path / "album-color")) == 4


# -- results of other inputs


def test_a_second_box_does_not_take_the_place_of_the_first(
    call: Call, tmp_path: Path, save_gray: SaveGray
) -> None:
    first = save_gray(tmp_path / "box1/scan001.jpg")
    save_gray(tmp_path / "box2/scan001.jpg", 60, 50)
    assert call("image", "box1", "-o", "colored", *NANO)[0] == 0
    result = tmp_path / "colored/scan001.jpg"
    before = result.read_bytes()
    code, _, lines = call("image", "box2", "-o", "colored", *NANO)
    assert code == 1
    assert result.read_bytes() == before
    (line,) = (line for line in lines if "is the result of" in line)
    assert f"scan001.jpg is the result of {first}; choose another place with -o" in line
    # Of a folder that has moved it is done again, and of both, each has a place of its own
    (tmp_path / "box1").rename(tmp_path / "box3")
    assert call("image", "box2", "-o", "colored", *NANO)[0] == 0
    assert result.read_bytes() != before
    assert call("image", "box3", "box2", "-o", "colored", *NANO)[0] == 0
    assert result.read_bytes() == before
    assert _pictures(tmp_path / "colored") == ["scan001-2.jpg", "scan001.jpg"]


# -- color stays color


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_color_stays_color_in_folders(call: Call, tmp_path: Path, suffix: str) -> None:
    _save_color(tmp_path / f"album/color{suffix}")
    _save_color(tmp_path / f"album/toned{suffix}", toned=True)
    code, _, lines = call("image", "album", "-o", "out", "--json", "report.json")
    assert code == 0
    assert _pictures(tmp_path / "out") == [f"toned{suffix}"]
    assert any("in color already" in line and "--recolor" in line for line in lines)
    assert lines[-1].startswith("1 photograph colored")
    files = json.loads((tmp_path / "report.json").read_text())["files"]
    assert {file["status"] for file in files} == {"done", "skipped"}

    assert call("image", "album", "-o", "out", "--recolor")[0] == 0
    assert _pictures(tmp_path / "out") == [f"color{suffix}", f"toned{suffix}"]


@pytest.mark.parametrize("color_first", [True, False])
@pytest.mark.parametrize("options", [(), ("--restore",)])
def test_pages_in_color_stay_and_gray_ones_are_colored(
    call: Call, tmp_path: Path, save_gray: SaveGray, color_first: bool, options: tuple[str, ...]
) -> None:
    color = np.asarray(Image.open(_save_color(tmp_path / "color.png")))
    gray = np.asarray(Image.open(save_gray(tmp_path / "gray.png")))
    pages = [Picture(color), Picture(gray)][:: 1 if color_first else -1]
    (tmp_path / "album").mkdir()
    replace(pages[0], pages=(pages[1],)).save(tmp_path / "album/pages.tif")
    code, _, lines = call("image", "album", "-o", "out", *NANO, *options)
    assert code == 0
    number = 1 if color_first else 2
    assert any(f"page {number} is in color already, left as it is" in line for line in lines)
    first = read_picture(tmp_path / "out/pages.tif")
    kept, colored = [first, *first.pages][:: 1 if color_first else -1]
    assert np.array_equal(kept.pixels, color)
    assert not colored.is_gray
    assert b"compositeWithTrained" in (first.metadata.xmp or b"")
    replace(pages[0], pixels=color, pages=(Picture(color),)).save(tmp_path / "album/pages.tif")
    _, _, lines = call("image", "album", "-o", "other", *NANO)
    assert any("left as it is (--recolor" in line for line in lines)


def test_a_color_photograph_that_is_named_is_colored(call: Call, tmp_path: Path) -> None:
    _save_color(tmp_path / "color.jpg")
    assert call("color.jpg")[0] == 0
    assert (tmp_path / "color-color.jpg").exists()


# -- the mark


def test_no_mark_leaves_it_out(call: Call, photo: Path) -> None:
    assert call("image", photo, "-o", "marked.jpg")[0] == 0
    assert call("image", photo, "-o", "plain.jpg", "--no-mark")[0] == 0
    word = b"trainedAlgorithmicMedia"
    assert word.lower() in photo.with_name("marked.jpg").read_bytes().lower()
    assert word.lower() not in photo.with_name("plain.jpg").read_bytes().lower()


# -- choices


@pytest.mark.parametrize("option", [["--vividness", "0.3"], ["--compare"]])
def test_choices_go_without_what_they_would_pass_over(
    call: Call, tmp_path: Path, photo: Path, option: list[str]
) -> None:
    code, _, lines = call("image", photo, "--choices", *option)
    assert code == 2
    assert f"without {option[0]}" in lines[0]
    assert _pictures(tmp_path) == ["photo.jpg"]


def test_choices_have_the_format_that_is_asked_for(call: Call, tmp_path: Path, photo: Path) -> None:
    assert call("image", photo, "--choices", "--format", "png", *NANO)[0] == 0
    with Image.open(tmp_path / "photo-choices.png") as sheet:
        assert sheet.format == "PNG"


def test_choices_is_one_sheet_and_nothing_else(
    call: Call, tmp_path: Path, photo: Path, save_gray: SaveGray
) -> None:
    assert call("image", photo, "--choices")[0] == 0
    assert _pictures(tmp_path) == ["photo-choices.jpg", "photo.jpg"]
    with Image.open(tmp_path / "photo-choices.jpg") as sheet:
        assert sheet.width > 5 * 90
        assert sheet.height > 2 * 70
    save_gray(tmp_path / "album/a.png")
    assert call("image", "album", "--choices")[0] == 0
    assert _pictures(tmp_path / "album-choices") == ["a.jpg"]


@pytest.mark.parametrize(("name", "kind"), [("sheet.png", "PNG"), ("sheet.jpg", "JPEG")])
def test_choices_are_of_the_kind_that_the_name_says(
    call: Call, photo: Path, name: str, kind: str
) -> None:
    assert call("image", photo, "--choices", "-o", name, *NANO)[0] == 0
    with Image.open(photo.with_name(name)) as sheet:
        assert sheet.format == kind


# -- restoring


def test_restore_stretches_faded_tones(call: Call, tmp_path: Path) -> None:
    ramp = np.tile(np.linspace(90, 160, 120), (80, 1))
    faded = np.stack([ramp, ramp * 0.95, ramp * 0.75], axis=2).astype(np.uint8)
    Image.fromarray(faded).save(tmp_path / "faded.png")
    assert call("image", "faded.png", "--restore")[0] == 0
    luma = np.asarray(Image.open(tmp_path / "faded-color.png").convert("L"))
    assert luma.min() < 12
    assert luma.max() > 243
    assert call("image", "faded.png", "-o", "plain.png")[0] == 0
    plain = np.asarray(Image.open(tmp_path / "plain.png").convert("L"), int)
    given = np.asarray(Image.open(tmp_path / "faded.png").convert("L"), int)
    assert np.abs(plain - given).max() <= 1


def test_nothing_is_left_of_a_run_but_results_and_journal(
    call: Call, tmp_path: Path, save_gray: SaveGray
) -> None:
    save_gray(tmp_path / "album/a.jpg")
    assert call("album")[0] == 0
    assert _names(tmp_path / "album-color") == [".tinct-journal.jsonl", "a.jpg"]
    shutil.rmtree(tmp_path / "album-color")
    assert os.listdir(tmp_path / "album") == ["a.jpg"]
