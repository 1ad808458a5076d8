"""Key frames and stills, from the command line to the file."""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import tinct
from films import Content, Film, make_film, packets, read_film, stop_after
from tinct.apps.films import frames as film_frames

Call = Callable[..., tuple[int, str, list[str]]]
EXAMPLES = Path(__file__).parents[3] / "examples"
WIDTH, HEIGHT = 160, 96
CUT = 8
"""Frames of the first scene; the second has as many."""


def _gray(name: str, left: int) -> NDArray[np.uint8]:
    """Return a part of an example, in the range of films."""
    gray = tinct.read_picture(EXAMPLES / name, gray=True).pixels
    size = (WIDTH + 2 * CUT, HEIGHT)
    small: Any = cv2.resize(gray, size, interpolation=cv2.INTER_AREA)[:, left : left + WIDTH]
    return np.asarray(16 + small * (219 / 255), np.uint8)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Make a gray film of two scenes, in which the camera moves."""
    path = tmp_path / "in.mkv"
    with av.open(str(path), "w") as output:
        stream: Any = output.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for name in ("broadway-saratoga-1900-1915.jpg", "tetons-1942.jpg"):
            for number in range(CUT):
                planes = np.full((HEIGHT * 3 // 2, WIDTH), 128, np.uint8)
                planes[:HEIGHT] = _gray(name, 2 * number)
                output.mux(stream.encode(av.VideoFrame.from_ndarray(planes, "yuv420p")))
        output.mux(stream.encode(None))
    return path


def _corrected(path: Path, tint: tuple[int, int]) -> Path:
    """Change Cb and Cr of a picture, as somebody who corrects it would."""
    rgb: Any = Image.open(path).convert("RGB")
    ycrcb: Any = cv2.cvtColor(np.asarray(rgb), cv2.COLOR_RGB2YCrCb)
    ycrcb[..., 2], ycrcb[..., 1] = 128 + tint[0], 128 + tint[1]
    Image.fromarray(cv2.cvtColor(ycrcb, cv2.COLOR_YCrCb2RGB)).save(path)
    return path


def _color(call: Call, *arguments: str | Path) -> list[str]:
    code, _, lines = call("video", *arguments)
    assert code == 0, lines
    return lines


def _mean_cb(content: Content) -> list[float]:
    return [float(plane.mean()) - 128 for plane in content.chromas]


def test_colors_of_a_key_frame_go_to_the_ends_of_its_scene(
    call: Call, film: Path, tmp_path: Path
) -> None:
    _color(call, film, "--still", "4", "-o", "frame4.png")
    _corrected(tmp_path / "frame4.png", (30, -20))
    _color(call, film, "-o", "automatic.mkv", "--codec", "ffv1")
    _color(call, film, "-o", "out.mkv", "--codec", "ffv1", "--key-frame", "4=frame4.png")
    before, automatic, after = (
        read_film(tmp_path / name) for name in ("in.mkv", "automatic.mkv", "out.mkv")
    )
    assert all(map(np.array_equal, before.lumas, after.lumas))
    assert min(_mean_cb(after)[:CUT]) > 20
    assert max(_mean_cb(automatic)[:CUT]) < 10
    np.testing.assert_array_equal(after.chromas[CUT:], automatic.chromas[CUT:])


def test_between_two_key_frames_colors_change_over(call: Call, film: Path, tmp_path: Path) -> None:
    folder = tmp_path / "key"
    folder.mkdir()
    for number, tint in ((9, (-30, 0)), (16, (30, 0))):
        name = folder / f"shot2-{number:03d}.png"
        _color(call, film, "--still", str(number), "-o", name)
        _corrected(name, tint)
    _color(call, film, "-o", "out.mkv", "--codec", "ffv1", "--no-steady", "--key-frame", "key")
    found = _mean_cb(read_film(tmp_path / "out.mkv"))[CUT:]
    assert found[0] < -18
    assert found[-1] > 18
    assert np.diff(found).min() > 0


def test_pictures_in_a_row_have_the_numbers_of_their_names(
    call: Call, film: Path, tmp_path: Path
) -> None:
    for number in range(4):
        gray = _gray("tetons-1942.jpg", 2 * number)
        (tmp_path / "scans").mkdir(exist_ok=True)
        Image.fromarray(gray).save(tmp_path / f"scans/{70 + number}.png")
    _color(call, "scans/%d.png", "--still", "72", "-o", "key.png")
    _corrected(tmp_path / "key.png", (30, 0))
    _color(call, "scans/%d.png", "-o", "out/%d.png", "--key-frame", "72=key.png")
    for number in range(70, 74):
        rgb = np.asarray(Image.open(tmp_path / f"out/{number}.png"), np.float32)
        assert float((rgb[..., 2] - rgb[..., :2].mean(axis=-1)).mean()) > 25
    code, _, lines = call("video", "scans/%d.png", "--still", "4", "-o", "none.png")
    assert (code, lines) == (
        1,
        ["tinct: error: scans/%d.png: there is no frame 4, the last one is 73"],
    )


def test_a_run_with_key_frames_goes_on(
    call: Call, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film_frames, "SEGMENT", 5)
    _color(call, film, "--still", "4", "-o", "key.png")
    _corrected(tmp_path / "key.png", (30, -20))
    arguments = (film, "--codec", "ffv1", "--key-frame", "4=key.png")
    _color(call, *arguments, "-o", "whole.mkv")
    with monkeypatch.context() as patch:
        stop_after(patch, 6)
        assert call("video", *arguments, "-o", "out.mkv")[0] == 130
    lines = _color(call, *arguments, "-o", "out.mkv", "--overwrite")
    assert lines[0] == f"{film}: goes on after 5 frames that are finished"
    assert packets(tmp_path / "out.mkv") == packets(tmp_path / "whole.mkv")


def test_other_key_frames_do_not_take_up_a_run(
    call: Call, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(film_frames, "SEGMENT", 5)
    _color(call, film, "--still", "4", "-o", "key.png")
    with monkeypatch.context() as patch:
        stop_after(patch, 6)
        assert call("video", film, "-o", "out.mkv")[0] == 130
    code, _, lines = call("video", film, "-o", "out.mkv", "--continue", "--key-frame", "4=key.png")
    assert code == 1
    assert "the beginning of a run with other key frames" in lines[-1]


def test_a_still_is_the_frame_in_color(call: Call, film: Path, tmp_path: Path) -> None:
    lines = _color(call, film, "--still", "10")
    assert lines == [f"{film}: frame 10 -> {tmp_path / 'in-10.png'}"]
    rgb = np.asarray(Image.open(tmp_path / "in-10.png"), np.float32)
    gray = (_gray("tetons-1942.jpg", 2).astype(np.float32) - 16) * (255 / 219)
    luma = rgb @ np.array([0.299, 0.587, 0.114], np.float32)
    assert np.abs(luma - gray).mean() < 1
    assert np.ptp(rgb, axis=-1).mean() > 2
    code, _, lines = call("video", film, "--still", "10")
    assert code == 1
    assert lines == [
        f"tinct: error: {tmp_path / 'in-10.png'}: is there already (--overwrite replaces it)"
    ]


def test_a_key_frame_of_another_size_is_scaled(call: Call, film: Path, tmp_path: Path) -> None:
    _color(call, film, "--still", "4", "-o", "key.png")
    Image.open(tmp_path / "key.png").resize((80, 48)).save(tmp_path / "key.png")
    lines = _color(call, film, "-o", "out.mkv", "--key-frame", "4=key.png")
    assert lines[0] == ("tinct: warning: key.png: 80x48, the frames of the film 160x96: scaled")


def test_a_key_frame_of_something_else_is_noticed(call: Call, film: Path, tmp_path: Path) -> None:
    _color(call, film, "--still", "4", "-o", "key.png")
    lines = _color(call, film, "-o", "out.mkv", "--key-frame", "12=key.png")
    assert lines[0] == "tinct: warning: key.png: does not look like frame 12"


@pytest.mark.parametrize(
    ("key_frame", "reason"),
    [
        ("17=key.png", "key.png: there is no frame 17, the last one is 16"),
        ("0=key.png", "key.png: there is no frame 0, the last one is 16"),
        (
            "4=wide.png",
            "wide.png: of another ratio of sides: 192x96, the frames of the film 160x96",
        ),
        ("4=gray.png", "gray.png: is gray: a key frame says what color things are"),
        ("4=none.png", "none.png: no such file"),
        ("4=text.png", "text.png: not a picture"),
        ("key.png", "--key-frame takes NUMBER=PICTURE, or a folder of pictures with numbers"),
        ("x=key.png", "--key-frame takes NUMBER=PICTURE, or a folder of pictures with numbers"),
        ("empty", "empty: no pictures whose names end with a number, as frame120.png"),
    ],
)
def test_what_is_wrong_with_a_key_frame_is_one_line(
    call: Call, film: Path, tmp_path: Path, key_frame: str, reason: str
) -> None:
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 255, (96, 160, 3), np.uint8)).save(tmp_path / "key.png")
    Image.fromarray(rng.integers(0, 255, (96, 192, 3), np.uint8)).save(tmp_path / "wide.png")
    gray = np.repeat(_gray("tetons-1942.jpg", 0)[..., None], 3, axis=-1)
    Image.fromarray(gray).save(tmp_path / "gray.png")
    (tmp_path / "text.png").write_text("no picture")
    (tmp_path / "empty").mkdir()
    code, _, lines = call("video", film, "-o", "out.mkv", "--key-frame", key_frame)
    assert code == (2 if reason.startswith("--") else 1)
    assert [line for line in lines if "error" in line] == lines[-1:]
    assert reason in lines[-1]
    assert not (tmp_path / "out.mkv").exists()
    assert not (tmp_path / "out.mkv.parts").exists()


def test_two_key_frames_of_one_number_are_one_too_many(
    call: Call, film: Path, tmp_path: Path
) -> None:
    _color(call, film, "--still", "4", "-o", "key.png")
    code, _, lines = call(
        "video", film, "-o", "out.mkv", "--key-frame", "4=key.png", "--key-frame", "4=key.png"
    )
    assert code == 2
    assert lines == ["tinct: error: key.png: key.png is key frame 4 already"]


def test_key_frames_are_about_one_film(call: Call, film: Path, tmp_path: Path) -> None:
    code, _, lines = call("video", film, film, "--still", "4")
    assert code == 2
    assert lines == ["tinct: error: --still is about one film: name that one alone"]
    _color(call, film, "--still", "4", "-o", "key.png")
    (tmp_path / "folder").mkdir()
    for name in ("a.mkv", "b.mkv"):
        shutil.copy(film, tmp_path / "folder" / name)
    code, _, lines = call("video", "folder", "--key-frame", "4=key.png")
    assert code == 2
    assert lines == ["tinct: error: --key-frame is about one film: name that one alone"]


def test_a_still_of_a_film_that_comes_from_elsewhere(
    call: Call, film: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _color(call, film, "--still", "4", "-o", "key.png")
    data = film.read_bytes()
    for output in ("again.png", None):
        monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(data)))
        code, _, lines = call("video", "-", "--still", "4", *(["-o", output] if output else []))
        assert code == (0 if output else 2), lines
    assert "needs a name" in lines[0]
    assert (tmp_path / "again.png").read_bytes() == (tmp_path / "key.png").read_bytes()


def test_a_still_of_pictures_has_the_name_of_their_folder(call: Call, tmp_path: Path) -> None:
    (tmp_path / "scans").mkdir()
    for number in range(3):
        Image.new("L", (64, 48), 90 + number).save(tmp_path / f"scans/{number}.png")
    _color(call, "scans/%d.png", "--still", "2")
    assert (tmp_path / "scans/scans-2.png").is_file()


@pytest.mark.parametrize("rotation", [90, -90, 180])
def test_a_still_and_a_key_frame_are_as_the_film_is_shown(
    call: Call, tmp_path: Path, rotation: int
) -> None:
    source = make_film(
        tmp_path / "turned.mp4",
        Film("libx264", rotation=rotation, width=WIDTH, height=HEIGHT, frames=4),
    )
    _color(call, source, "--still", "2", "-o", "frame2.png")
    still = np.asarray(Image.open(tmp_path / "frame2.png").convert("L"), np.float64)
    shown = np.rot90(read_film(source).lumas[1], rotation // 90).astype(np.float64)
    assert still.shape == shown.shape
    assert np.corrcoef(still.ravel(), shown.ravel())[0, 1] > 0.99
    _corrected(tmp_path / "frame2.png", (30, -20))
    lines = _color(call, source, "-o", "out.mp4", "--crf", "5", "--key-frame", "2=frame2.png")
    assert not any("does not look like" in line for line in lines)
    assert min(_mean_cb(read_film(tmp_path / "out.mp4"))) > 15
