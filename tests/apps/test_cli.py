"""The command line as a whole, from arguments to files and exit codes."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinct.apps.cli import is_shortcut
from tinct.apps.photographs.journal import JOURNAL_NAME

Call = Callable[..., tuple[int, str, list[str]]]
Run = Callable[..., "subprocess.CompletedProcess[bytes]"]
SaveGray = Callable[..., Path]


def _names(folder: Path) -> list[str]:
    """All files below a folder but journals, hidden and temporary ones included."""
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != JOURNAL_NAME)
    return sorted(path.relative_to(folder).as_posix() for path in files)


def _is_colored(path: Path) -> bool:
    with Image.open(path) as picture:
        return picture.mode in ("RGB", "RGBA")


# -- what a user does first


def test_photo_alone_is_colored_beside_itself(run: Run, tmp_path: Path, photo: Path) -> None:
    before = photo.read_bytes()
    done = run("photo.jpg")
    assert done.returncode == 0, done.stderr
    assert done.stdout == b""
    assert b"photo.jpg -> photo-color.jpg" in done.stderr
    assert _names(tmp_path) == ["photo-color.jpg", "photo.jpg"]
    assert photo.read_bytes() == before
    with Image.open(tmp_path / "photo-color.jpg") as picture:
        assert (picture.size, picture.mode) == ((90, 70), "RGB")


def test_luma_of_the_result_is_the_gray_of_the_input(
    call: Call, tmp_path: Path, photo: Path
) -> None:
    assert call("image", photo, "-o", "out.png")[0] == 0
    luma = np.asarray(Image.open(tmp_path / "out.png").convert("L"), np.int16)
    given = np.asarray(Image.open(photo), np.int16)
    assert np.abs(luma - given).max() <= 1


@pytest.mark.usefixtures("photo")
def test_shortcut_takes_options_before_and_behind(call: Call, tmp_path: Path) -> None:
    assert call("photo.jpg", "-o", "a.png")[0] == 0
    assert call("--vividness", "0.5", "photo.jpg", "-o", "b.png")[0] == 0
    assert _is_colored(tmp_path / "a.png")
    assert _is_colored(tmp_path / "b.png")


@pytest.mark.parametrize(
    ("first", "expected"),
    [
        ("photo.jpg", True),
        ("folder/photo", True),
        ("./image", True),
        ("-", True),
        ("-o", True),
        ("image", False),
        ("train", False),
        ("imgae", False),
        ("--help", False),
        ("--version", False),
    ],
)
def test_is_shortcut(first: str, expected: bool) -> None:
    assert is_shortcut(first) is expected


def test_help_lists_commands_and_version_is_stated(call: Call) -> None:
    for arguments in ((), ("--help",), ("-h",)):
        code, out, _ = call(*arguments)
        assert code == 0
        assert all(name in out for name in ("image", "video", "live", "studio", "info", "lab"))
        assert "evaluate" not in out
    code, out, _ = call("lab", "--help")
    assert code == 0
    assert all(name in out for name in ("train", "export", "evaluate", "compare"))
    code, out, _ = call("--version")
    assert (code, out) == (0, "tinct 0.1.0\n")


# -- folders


@pytest.fixture
def tree(tmp_path: Path, save_gray: SaveGray) -> Path:
    """A folder with pictures in several depths, a text, and a hidden file."""
    folder = tmp_path / "album"
    for name in ("b.jpg", "a.png", "1936/c.tif", "1936/nipomo/d.jpg"):
        save_gray(folder / name)
    (folder / "notes.txt").write_text("not a picture")
    save_gray(folder / ".hidden.jpg")
    return folder


PICTURES = ["1936/c.tif", "1936/nipomo/d.jpg", "a.png", "b.jpg"]


@pytest.mark.usefixtures("tree")
def test_folder_keeps_its_tree_and_is_skipped_the_second_time(call: Call, tmp_path: Path) -> None:
    code, _, lines = call("image", "album", "-o", "out/")
    assert code == 0
    assert "4 photographs colored" in lines[-1]
    assert _names(tmp_path / "out") == PICTURES
    times = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in PICTURES}

    (tmp_path / "out/a.png").unlink()
    code, _, lines = call("image", "album", "-o", "out/")
    assert code == 0
    assert "1 photograph colored" in lines[-1]
    assert "3 skipped" in lines[-1]
    again = {name: (tmp_path / "out" / name).stat().st_mtime_ns for name in PICTURES}
    assert [name for name in PICTURES if times[name] != again[name]] == ["a.png"]

    code, _, lines = call("image", "album", "-o", "out/", "--overwrite")
    assert code == 0
    assert "4 photographs colored" in lines[-1]


@pytest.mark.usefixtures("tree")
def test_folder_alone_goes_beside_itself(call: Call, tmp_path: Path) -> None:
    assert call("album")[0] == 0
    assert _names(tmp_path / "album-color") == PICTURES


@pytest.mark.usefixtures("tree")
def test_results_inside_the_folder_are_not_inputs(call: Call, tmp_path: Path) -> None:
    assert call("image", "album", "-o", "album/out")[0] == 0
    assert call("image", "album", "-o", "album/out")[0] == 0
    assert _names(tmp_path / "album/out") == PICTURES


@pytest.mark.usefixtures("tree", "photo")
def test_files_and_folders_together(call: Call, tmp_path: Path, save_gray: SaveGray) -> None:
    save_gray(tmp_path / "scan.bmp")
    code, _, lines = call("image", "photo.jpg", "scan.bmp", "album/", "-o", "out/", "--jobs", "3")
    assert code == 0, lines
    assert _names(tmp_path / "out") == [*PICTURES, "photo.jpg", "scan.bmp"]


@pytest.mark.usefixtures("photo")
def test_all_pictures_by_wildcard_twice_are_the_same_pictures(call: Call, tmp_path: Path) -> None:
    assert call("photo.jpg")[0] == 0
    code, _, lines = call("photo-color.jpg", "photo.jpg")
    assert code == 0
    assert "2 skipped" in lines[-1]
    assert _names(tmp_path) == ["photo-color.jpg", "photo.jpg"]


def test_empty_folder_is_an_error(call: Call, tmp_path: Path) -> None:
    (tmp_path / "nothing").mkdir()
    code, _, lines = call("image", "nothing", "-o", "out")
    assert (code, lines) == (1, ["tinct: error: nothing: no pictures in this folder"])


# -- formats, streams, report, sheets


@pytest.mark.parametrize("suffix", [".png", ".tif", ".webp", ".avif", ".bmp", ".ppm", ".jpeg"])
@pytest.mark.usefixtures("photo")
def test_format_follows_the_name(call: Call, tmp_path: Path, suffix: str) -> None:
    assert call("image", "photo.jpg", "-o", f"out{suffix}")[0] == 0
    assert _is_colored(tmp_path / f"out{suffix}")


@pytest.mark.usefixtures("tree")
def test_format_changes_the_suffix(call: Call, tmp_path: Path) -> None:
    assert call("image", "album", "-o", "out", "--format", "webp")[0] == 0
    names = ["1936/c.webp", "1936/nipomo/d.webp", "a.webp", "b.webp"]
    assert _names(tmp_path / "out") == names


def test_gray_only_suffix_becomes_one_for_color(
    call: Call, tmp_path: Path, save_gray: SaveGray
) -> None:
    save_gray(tmp_path / "scan.pgm")
    assert call("scan.pgm")[0] == 0
    assert _is_colored(tmp_path / "scan-color.ppm")


def test_content_counts_not_the_name(call: Call, tmp_path: Path, photo: Path) -> None:
    photo.rename(tmp_path / "scan.dat")
    assert call("image", "scan.dat")[0] == 0
    with Image.open(tmp_path / "scan-color.dat") as picture:
        assert (picture.format, picture.mode) == ("JPEG", "RGB")


def test_stdin_to_stdout(run: Run, photo: Path) -> None:
    done = run("-", input=photo.read_bytes())
    assert done.returncode == 0, done.stderr
    with Image.open(io.BytesIO(done.stdout)) as picture:
        assert (picture.format, picture.mode, picture.size) == ("JPEG", "RGB", (90, 70))


def test_stdin_to_file_and_file_to_stdout(run: Run, tmp_path: Path, photo: Path) -> None:
    assert run("image", "-", "-o", "out.png", input=photo.read_bytes()).returncode == 0
    assert _is_colored(tmp_path / "out.png")
    done = run("image", "photo.jpg", "-o", "-", "--format", "png")
    assert done.returncode == 0, done.stderr
    with Image.open(io.BytesIO(done.stdout)) as picture:
        assert (picture.format, picture.mode) == ("PNG", "RGB")


def test_reader_that_leaves_early_is_no_traceback(
    tmp_path: Path, save_gray: SaveGray, environment: dict[str, str]
) -> None:
    save_gray(tmp_path / "large.bmp", 1500, 1000)  # far more than a pipe holds
    command = [sys.executable, "-m", "tinct", "image", "large.bmp", "-o", "-"]
    with subprocess.Popen(
        command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert b"Traceback" not in process.stderr.read()
    assert process.returncode == 1


@pytest.mark.usefixtures("tree")
def test_json_report(call: Call, tmp_path: Path) -> None:
    (tmp_path / "album/broken.jpg").write_bytes(b"not a picture at all")
    (tmp_path / "out").mkdir()
    (tmp_path / "out/a.png").write_bytes(b"finished")
    assert (
        call("image", "album", "-o", "out", "--json", "report.json", "--vividness", "0.5")[0] == 1
    )
    report = json.loads((tmp_path / "report.json").read_text())
    files = {Path(file["input"]).name: file for file in report["files"]}
    assert {name: file["status"] for name, file in files.items()} == {
        "a.png": "skipped",
        "b.jpg": "done",
        "broken.jpg": "failed",
        "c.tif": "done",
        "d.jpg": "done",
    }
    assert (files["b.jpg"]["width"], files["b.jpg"]["height"]) == (90, 70)
    assert files["b.jpg"]["seconds"] > 0
    assert "not a picture" in files["broken.jpg"]["reason"]
    assert report["totals"] | {"seconds": 0} == {
        "files": 5, "done": 3, "skipped": 1, "failed": 1, "stopped": 0, "seconds": 0,
    }  # fmt: skip
    assert report["options"]["vividness"] == 0.5
    assert report["options"]["model"] == "base"  # the one for photographs


@pytest.mark.usefixtures("photo")
def test_json_to_stdout_is_nothing_but_json(call: Call) -> None:
    code, out, _ = call("image", "photo.jpg", "--json", "-")
    assert code == 0
    assert json.loads(out)["files"][0]["output"] == "photo-color.jpg"


@pytest.mark.usefixtures("photo")
def test_compare_writes_a_sheet(call: Call, tmp_path: Path) -> None:
    assert call("photo.jpg", "--compare")[0] == 0
    assert _names(tmp_path) == ["photo-color.jpg", "photo-compare.jpg", "photo.jpg"]
    with Image.open(tmp_path / "photo-compare.jpg") as sheet:
        assert sheet.width > 2 * 90
        assert sheet.height > 70


@pytest.mark.usefixtures("photo")
def test_compare_later_leaves_the_picture_as_it_is(call: Call, tmp_path: Path) -> None:
    assert call("photo.jpg")[0] == 0
    before = (tmp_path / "photo-color.jpg").stat().st_mtime_ns
    assert call("photo.jpg", "--compare")[0] == 0
    assert (tmp_path / "photo-color.jpg").stat().st_mtime_ns == before
    assert (tmp_path / "photo-compare.jpg").exists()


# -- bad input: one line with the file and the reason, the other files are done


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("missing.jpg", None, "no such file"),
        ("empty.jpg", b"", "empty"),
        ("text.jpg", b"Dear diary, today I was not a picture.", "not a picture"),
        ("cut.png", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", ""),
        ("cut.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF\0", ""),
    ],
)
@pytest.mark.usefixtures("photo")
def test_bad_file_is_one_line_and_the_rest_is_done(
    call: Call, tmp_path: Path, name: str, content: bytes | None, reason: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    code, _, lines = call("image", name, "photo.jpg", "-o", "out")
    assert code == 1
    errors = [line for line in lines if "error" in line]
    assert len(errors) == 1
    assert errors[0].startswith(f"tinct: error: {name}: ")
    assert reason in errors[0]
    assert _names(tmp_path / "out") == ["photo.jpg"]


def test_bad_file_alone_is_one_line_in_all(run: Run, tmp_path: Path) -> None:
    done = run("missing.jpg")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.decode().splitlines() == ["tinct: error: missing.jpg: no such file"]
    assert _names(tmp_path) == []


def test_damaged_jpeg_is_colored_with_a_warning(
    call: Call, tmp_path: Path, save_gray: SaveGray
) -> None:
    whole = save_gray(tmp_path / "whole.jpg", 400, 300).read_bytes()
    (tmp_path / "damaged.jpg").write_bytes(whole[: len(whole) * 2 // 3])
    code, _, lines = call("damaged.jpg")
    assert code == 0
    assert lines[0].startswith("tinct: warning: damaged.jpg: ")
    assert _is_colored(tmp_path / "damaged-color.jpg")


@pytest.mark.usefixtures("photo")
def test_decompression_bomb(call: Call, tmp_path: Path) -> None:
    Image.new("1", (20_000, 20_000)).save(tmp_path / "bomb.png")
    code, _, lines = call("image", "bomb.png", "photo.jpg", "-o", "out")
    assert code == 1
    assert lines[0].startswith("tinct: error: bomb.png: 400 megapixels")
    assert _names(tmp_path / "out") == ["photo.jpg"]
    code, _, lines = call("photo.jpg", "--max-pixels", "0.005")
    assert code == 1
    assert "photo.jpg: 0.0063 megapixels" in lines[0]


@pytest.mark.usefixtures("photo")
def test_output_below_a_file_cannot_be_written(call: Call, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file where a folder should be")
    code, _, lines = call("image", "photo.jpg", "-o", "taken/out.jpg")
    assert code == 1
    assert len(lines) == 1
    assert "taken" in lines[0]
    assert _names(tmp_path) == ["photo.jpg", "taken"]


@pytest.mark.skipif(sys.platform == "win32" or os.getuid() == 0, reason="root may write anywhere")
@pytest.mark.usefixtures("photo")
def test_folder_without_permission(call: Call, tmp_path: Path) -> None:
    (tmp_path / "locked").mkdir(mode=0o500)
    code, _, lines = call("image", "photo.jpg", "-o", "locked/")
    assert code == 1
    assert "no permission" in lines[0]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder nobody can write to")
@pytest.mark.usefixtures("photo")
def test_unwritable_folder(call: Call) -> None:
    code, _, lines = call("image", "photo.jpg", "-o", "/proc/tinct-test/")
    assert code == 1
    assert len(lines) == 1
    assert "/proc/tinct-test" in lines[0]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_full_disk(tmp_path: Path, photo: Path, environment: dict[str, str]) -> None:
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tinct", "image", str(photo), "-o", "-"],
            stdout=full, stderr=subprocess.PIPE, cwd=tmp_path, check=False,
            env=environment,
        )  # fmt: skip
    assert done.returncode == 1
    lines = [b"tinct: error: photo.jpg: standard output: no space left on the disk"]
    assert [
        line.replace(bytes(photo.parent) + b"/", b"") for line in done.stderr.splitlines()
    ] == lines


def test_names_with_line_breaks_stay_on_one_line(call: Call, tmp_path: Path) -> None:
    (tmp_path / "two\nlines.jpg").write_bytes(b"")
    code, _, lines = call("two\nlines.jpg")
    assert code == 1
    assert len(lines) == 1


# -- calls that make no sense: exit code 2, nothing is done


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--vividness", "3"], "vividness"),
        (["--vividness", "much"], "vividness"),
        (["--vividness", "nan"], "vividness"),
        (["--cautious", "-1"], "cautious"),
        (["--saturation", "-0.5"], "saturation"),
        (["--quality", "101"], "quality"),
        (["--jobs", "0"], "jobs"),
        (["--threads", "0"], "threads"),
        (["--max-pixels", "0"], "max-pixels"),
        (["--max-pixels", "inf"], "max-pixels"),
        (["--hints", ""], "an empty argument"),
        (["--output="], "an empty argument"),
        ([""], "an empty argument"),
        (["--device", "toaster"], "toaster"),
        (["--format", "docx"], "docx"),
        (["--color"], "--color"),
        (["-o", "out.docx"], "out.docx"),
        (["-o", "photo.jpg"], "overwrite"),
        (["-o", "-", "--json", "-"], "--json"),
        (["-o", "-", "--compare"], "standard output"),
    ],
)
@pytest.mark.usefixtures("photo")
def test_bad_option_is_one_line(
    call: Call, tmp_path: Path, arguments: list[str], words: str
) -> None:
    code, out, lines = call("image", "photo.jpg", *arguments)
    assert (code, out) == (2, "")
    assert len(lines) == 1
    assert lines[0].startswith("tinct: error: ")
    assert words in lines[0]
    assert _names(tmp_path) == ["photo.jpg"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["https://example.org/old.jpg"], "save the picture"),
        (["image", "film.mp4"], "tinct video film.mp4"),
        (["photo.jpg", "out.jpg"], "tinct photo.jpg -o out.jpg"),
        (["video", "folder"], "no films in this folder"),
        (["image", "photo.jpg", "--format", "jpg", "-o", "y.png"], "--format says JPEG"),
        (["image", "photo.jpg", "-q", "-v"], "--quiet and --verbose"),
        (["image", "photo.jpg", "-v", "0.5"], "--vividness 0.5"),
    ],
)
@pytest.mark.usefixtures("photo")
def test_line_that_helps(call: Call, tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "film.mp4").write_bytes(b"")
    code, _, lines = call(*arguments)
    assert code > 0
    assert any(words in line for line in lines), lines
    assert not (tmp_path / "y.png").exists()


def test_help_is_a_command_too(call: Call) -> None:
    assert call("help") == call("--help")
    assert call("help", "image") == call("image", "--help")


def test_help_names_types_in_words(call: Call) -> None:
    for command in ("image", "video", "live", "studio"):
        _, out, _ = call(command, "--help")
        assert "<bool>" not in out
        assert "range>" not in out


@pytest.mark.usefixtures("photo")
def test_quiet_and_verbose(call: Call) -> None:
    assert call("image", "photo.jpg", "-q") == (0, "", [])
    _, _, lines = call("image", "photo.jpg", "--overwrite", "-v")
    assert [line for line in lines if "photo.jpg -> photo-color.jpg" in line]


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_folder_that_may_not_be_entered(call: Call, save_gray: SaveGray) -> None:
    # Not below tmp_path, where nobody but its owner may go.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        photo = save_gray(folder / "photo.jpg")
        assert call(photo)[0] == 0  # everything is imported
        (folder / "locked").mkdir(mode=0o000)
        with _as_nobody():
            inside = call(folder / "locked/photo.jpg")
            below = call("image", photo, "-o", folder / "locked/new/a.jpg")
        for code, _, lines in (inside, below):
            assert (code, len(lines)) == (1, 1)
            assert "no permission" in lines[0]


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Lay down the rights of root, who may go anywhere."""
    is_root = os.getuid() == 0
    if is_root:
        os.seteuid(65534)
    try:
        yield
    finally:
        if is_root:
            os.seteuid(0)


def test_mistyped_command(call: Call) -> None:
    code, _, lines = call("imgae")
    assert code == 2
    assert len(lines) == 1
    assert "imgae" in lines[0]


@pytest.mark.usefixtures("photo")
def test_missing_model(call: Call) -> None:
    code, _, lines = call("photo.jpg", "--model", "nowhere.onnx")
    assert code == 1
    assert len(lines) == 1
    assert "nowhere.onnx" in lines[0]


@pytest.mark.usefixtures("photo")
def test_stdin_among_other_inputs(call: Call) -> None:
    code, _, lines = call("image", "-", "photo.jpg")
    assert (code, len(lines)) == (2, 1)


@pytest.mark.usefixtures("tree")
def test_folder_onto_itself(call: Call, tmp_path: Path) -> None:
    before = {name: (tmp_path / "album" / name).read_bytes() for name in PICTURES}
    code, _, lines = call("image", "album", "-o", "album", "--overwrite")
    assert (code, len(lines)) == (2, 1)
    assert before == {name: (tmp_path / "album" / name).read_bytes() for name in PICTURES}


# -- stopped half-way


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_stopping_leaves_whole_files_only(
    tmp_path: Path,
    save_gray: SaveGray,
    environment: dict[str, str],
    number: signal.Signals,
    code: int,
) -> None:
    first = save_gray(tmp_path / "album/000.png", 600, 500).read_bytes()
    for index in range(1, 200):
        (tmp_path / f"album/{index:03d}.png").write_bytes(first)
    command = [sys.executable, "-m", "tinct", "image", "album", "-o", "out", "--verbose"]
    command += ["--json", "report.json"]
    with subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
        # Where the tests run in the background, a shell has made them deaf to it.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as process:
        assert process.stderr is not None
        assert b" -> " in process.stderr.readline()  # the first one is finished
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == code
    assert b"Traceback" not in errors
    written = _names(tmp_path / "out")
    assert 0 < len(written) < 200
    for name in written:
        assert name.endswith(".png"), "a temporary file was left"
        with Image.open(tmp_path / "out" / name) as picture:
            picture.load()
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["totals"]["files"] == 200
    assert report["totals"]["done"] + report["totals"]["stopped"] == 200
    done = [Path(file["output"]).name for file in report["files"] if file["status"] == "done"]
    assert done == written


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.parametrize("name", ["-", "pipe.bmp"])
def test_stopping_waits_for_no_photograph_that_does_not_come(
    tmp_path: Path, save_gray: SaveGray, environment: dict[str, str], name: str
) -> None:
    data = save_gray(tmp_path / "large.bmp", 1500, 1000).read_bytes()
    os.mkfifo(tmp_path / "pipe.bmp")
    with subprocess.Popen(
        [sys.executable, "-m", "tinct", "image", name, "-o", "out.png"],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stderr is not None
        with process.stdin if name == "-" else (tmp_path / name).open("wb") as sender:
            sender.write(data[:-1])
            sender.flush()  # far more than a pipe holds: somebody is reading
            time.sleep(1)  # until all but the rest is read
            process.send_signal(signal.SIGTERM)
            assert process.wait(timeout=60) == 143
        assert b"Traceback" not in process.stderr.read()
    assert not (tmp_path / "out.png").exists()


_STOPPED_WHILE_LOADING = """
import signal, sys
from tinct.apps import cli

class Finder:
    # As a module in C has it, whose errors become those of the import.
    def find_spec(name, *_):
        if name == "onnxruntime":
            sys.meta_path.remove(Finder)
            try:
                signal.raise_signal(signal.SIGTERM)
            except SystemExit:
                raise ImportError("initialization failed")

sys.meta_path.insert(0, Finder)
sys.exit(cli.main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
@pytest.mark.usefixtures("photo")
def test_stopping_while_libraries_are_loaded_is_no_error(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _STOPPED_WHILE_LOADING, "photo.jpg"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (143, b"")


def test_one_photograph_is_one_line_with_verbose_as_well(call: Call, photo: Path) -> None:
    for options in ([], ["--overwrite"], []):
        _, _, lines = call("image", str(photo), "-v", *options)
        assert len(lines) == 1


def test_help_names_arguments_and_no_types(call: Call) -> None:
    for command in (["image"], ["video"], ["live"], ["studio"], ["info"], ["lab", "train"]):
        code, out, _ = call(*command, "--help")
        assert code == 0
        assert not re.search(r"<(str|list|path|bool|float)", out), command


@pytest.mark.skipif(sys.platform == "win32", reason="a shell of POSIX closes the streams")
@pytest.mark.usefixtures("photo")
def test_standard_streams_may_be_closed(tmp_path: Path, environment: dict[str, str]) -> None:
    for arguments, code in (("photo.jpg", 0), ("video - -o film.mp4", 1)):
        command = f"{sys.executable} -m tinct {arguments} <&- >&- 2>&-"
        done = subprocess.run(["sh", "-c", command], cwd=tmp_path, env=environment, timeout=300)
        assert done.returncode == code
    assert _names(tmp_path) == ["photo-color.jpg", "photo.jpg"]
    assert _is_colored(tmp_path / "photo-color.jpg")
