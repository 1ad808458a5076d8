"""``tinct live`` without a window: numbers, recordings, failures."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import av
import numpy as np
import pytest
from pictures import photograph

from films import Film, make_film
from tinct.apps.live.live_colorizer import ColoredFrame, LiveColorizer
from tinct.apps.live.loss_curve import LossCurve
from tinct.apps.live.meter import STAGES, Durations, LiveStatistics
from tinct.apps.live.outputs import Outputs, free_name
from tinct.apps.live.recorder import Recorder
from tinct.cameras.camera import Camera, CameraCounts, CapturedFrame
from tinct.cameras.capture import CaptureOptions
from tinct.cameras.find import find_source
from tinct.errors import OptionError, OutputError
from tinct.photographs import read_picture
from tinct.photographs.xmp import SOURCE_TYPE
from tinct.runtime import Colorizer
from tinct.runtime.compose import compose_rgb
from tinct.runtime.upsample import ChromaModel

Call = Callable[..., tuple[int, str, list[str]]]
Run = Callable[..., "subprocess.CompletedProcess[bytes]"]

VIVIDNESS = Colorizer("nano", threads=1).vividness  # by default
_SHORT = "test://?size=96x64&rate=50&frames=12"
_LIMIT = 60.0
_ON_THEIR_WAY = 4  # pictures between camera and caller at most, and the one repeated


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer("nano", threads=1)


def _flat_chroma(cb: float, cr: float) -> ChromaModel:
    zero = np.zeros((8, 8), np.float32)
    return ChromaModel(zero, zero, zero + np.float32(cb), zero + np.float32(cr))


def _colored(moment: float, height: int = 32, width: int = 48, level: int = 128) -> ColoredFrame:
    rgb = np.full((height, width, 3), level, np.uint8)
    frame = CapturedFrame(rgb, 0, moment, 0.0)
    return ColoredFrame(frame, rgb[..., 0].copy(), _flat_chroma(-0.1, 0.2))


# -- the command


def test_numbers_of_a_run(call: Call, tmp_path: Path) -> None:
    code, out, lines = call("live", _SHORT, "--no-window", "--stats", "stats.json")
    assert (code, out) == (0, "")
    numbers = json.loads((tmp_path / "stats.json").read_text())
    frames = numbers["frames"]
    assert frames["captured"] == frames["dropped"] + frames["shown"] == 12
    assert numbers["size"] == [96, 64]
    assert 0 < numbers["rate"]["shown"] <= numbers["rate"]["captured"] < 60
    latency = numbers["latency_ms"]
    assert 0 < latency["p50"] <= latency["p95"] <= latency["p99"] <= latency["max"]
    assert list(numbers["stages_ms"]) == [name for name in STAGES if name != "loss"]
    assert numbers["options"] == {
        "vividness": VIVIDNESS, "cautious": 0.0, "saturation": 1.0, "steady": True
    }  # fmt: skip
    assert "12 frames captured" in lines[-1]
    assert _names(tmp_path) == ["stats.json"]


def test_duration_ends_a_source_that_does_not(call: Call) -> None:
    code, out, _ = call(
        "live", "test://?size=64x48", "--no-window", "--duration", "0.5", "--stats", "-"
    )
    assert code == 0
    assert json.loads(out)["source"] == "test://?size=64x48"


def test_options_reach_the_picture(call: Call) -> None:
    arguments = ("--vividness", "0.2", "--cautious", "0.3", "--saturation", "0.5", "--no-steady")
    asked = ("--size", "64x32", "--rate", "90", "--flip", "h")
    code, out, _ = call(
        "live", "test://?frames=4", "--no-window", *arguments, *asked, "--stats", "-"
    )
    numbers = json.loads(out)
    assert code == 0
    assert numbers["size"] == [64, 32]
    assert numbers["options"] == {
        "vividness": 0.2, "cautious": 0.3, "saturation": 0.5, "steady": False
    }  # fmt: skip


def test_recording_has_the_times_of_capture(call: Call, tmp_path: Path) -> None:
    code, _, lines = call("live", _SHORT, "--no-window", "-o", "out.mp4", "--stats", "s.json")
    assert code == 0
    shown = json.loads((tmp_path / "s.json").read_text())["frames"]["shown"]
    with av.open(str(tmp_path / "out.mp4")) as film:
        frames = list(film.decode(video=0))
    assert len(frames) == shown
    steps = np.diff([float(frame.time) for frame in frames]) * 50
    assert np.allclose(steps, np.rint(steps), atol=0.05)  # whole periods of the source
    assert frames[-1].to_ndarray(format="rgb24").shape == (64, 96, 3)
    assert any("frames recorded" in line for line in lines)
    assert _names(tmp_path) == ["out.mp4", "s.json"]


@pytest.mark.parametrize("option", ["-o", "--stats"])
def test_a_film_is_not_replaced_while_it_is_shown(call: Call, tmp_path: Path, option: str) -> None:
    film = make_film(tmp_path / "in.mp4", Film("libx264", frames=3))
    before = film.read_bytes()
    code, _, lines = call("live", film, "--no-window", option, "in.mp4", "--overwrite")
    assert code == 2
    assert lines == ["tinct: error: in.mp4: a file that is read; choose another name"]
    assert film.read_bytes() == before


def test_a_recording_is_not_replaced_unasked(call: Call, tmp_path: Path) -> None:
    (tmp_path / "out.mp4").write_bytes(b"mine")
    code, _, lines = call("live", _SHORT, "--no-window", "-o", "out.mp4")
    assert code == 1
    assert lines[-1] == "tinct: error: out.mp4: exists already; --overwrite replaces it"
    assert (tmp_path / "out.mp4").read_bytes() == b"mine"
    assert call("live", _SHORT, "--no-window", "-o", "out.mp4", "--overwrite")[0] == 0
    assert (tmp_path / "out.mp4").stat().st_size > 500


_STOPPED = """
import os, signal, sys
from tinct.apps import cli
from tinct.apps.live.recorder import Recorder
show = Recorder.show

def show_and_stop(self, colored):
    show(self, colored)
    if self.frames == 5:
        os.kill(os.getpid(), signal.NAME)

Recorder.show = show_and_stop
sys.exit(cli.main())
"""


@pytest.mark.skipif(os.name == "nt", reason="POSIX signals")
@pytest.mark.parametrize(("number", "code"), [("SIGINT", 130), ("SIGTERM", 143), ("SIGHUP", 129)])
def test_a_stopped_recording_plays(
    number: str, code: int, tmp_path: Path, environment: dict[str, str]
) -> None:
    command = [sys.executable, "-c", _STOPPED.replace("NAME", number)]
    command += ["live", "test://?size=96x64", "--no-window", "-o", "out.mp4"]
    ended = subprocess.run(
        [*command, "--stats", "stats.json"],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    with av.open(str(tmp_path / "out.mp4")) as film:
        assert sum(1 for _ in film.decode(video=0)) >= 5
    assert _names(tmp_path) == ["out.mp4", "stats.json"]


def test_the_shape_of_pixels_is_recorded(call: Call, tmp_path: Path) -> None:
    film = Film("libx264", width=96, height=64, aspect=Fraction(64, 45))
    make_film(tmp_path / "in.mp4", film)
    assert call("live", "in.mp4", "--no-window", "-o", "out.mp4")[0] == 0
    with av.open(str(tmp_path / "out.mp4")) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (96, 64)
        assert stream.sample_aspect_ratio == Fraction(64, 45)


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["97"], 1, "camera 97: not found"),
        (["missing.mp4"], 1, "missing.mp4: no such file"),
        (["test://", "--size", "12"], 2, "WIDTHxHEIGHT"),
        (["test://", "--rate", "0"], 2, "rate must be above 0"),
        (["test://", "--panels", "loss,sound"], 2, "panels"),
        (["test://", "--serve", "here"], 2, "not a port"),
        (["test://", "-o", "out.gif"], 2, ".mp4"),
        (["test://", "--stats", "no/where.json", "--duration", "0.1"], 1, "no such folder"),
        (["film.mp4", "--rate", "5"], 2, "own rate"),
        (["test://?speed=2"], 2, "speed"),
    ],
)
def test_what_cannot_be_is_one_line(
    call: Call, tmp_path: Path, arguments: list[str], code: int, words: str
) -> None:
    result, out, lines = call("live", *arguments, "--no-window")
    assert (result, out) == (code, "")
    assert lines[-1].startswith("tinct: error: ")
    assert words in lines[-1]
    assert not any("colored by" in line for line in lines)
    assert _names(tmp_path) == []


@pytest.mark.skipif(
    any(Path("/dev").glob("video*")) or sys.platform != "linux",
    reason="there may be a loopback device",
)
def test_a_virtual_camera_without_a_device(call: Call) -> None:
    code, _, lines = call("live", _SHORT, "--no-window", "--virtual-camera")
    assert code == 1
    assert "virtual camera" in lines[-1]
    assert "Traceback" not in "".join(lines)


def test_a_virtual_camera_has_square_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[np.ndarray] = []

    def open_camera(width: int, height: int, fps: float) -> SimpleNamespace:
        return SimpleNamespace(width=width, height=height, send=sent.append, close=lambda: None)

    monkeypatch.setitem(sys.modules, "pyvirtualcam", SimpleNamespace(Camera=open_camera))
    colored = _colored(1.0)
    colored.frame = replace(colored.frame, aspect=Fraction(4, 3))
    with Outputs() as outputs:
        outputs.add_virtual_camera(None)
        outputs.show(colored)
    assert [picture.shape for picture in sent] == [(32, 64, 3)]


# -- the live_colorizer


def _color_all(live_colorizer: LiveColorizer) -> list[ColoredFrame]:
    found = []
    while not live_colorizer.has_ended:
        colored = live_colorizer.take(0.05)
        if colored is not None:
            found.append(colored)
    return found


def _open(address: str) -> Camera:
    options = CaptureOptions()
    name, connect = find_source(address, options)
    return Camera(name, connect, options)


def test_luma_is_that_of_the_camera_and_colors_are_there(colorizer: Colorizer) -> None:
    with (
        _open("test://?size=160x96&frames=5&rate=20") as camera,
        LiveColorizer(camera, colorizer) as it,
    ):
        colored = _color_all(it)
    assert colored
    luma, cb, cr = colored[-1].planes
    assert luma is colored[-1].luma
    assert cb.shape == cr.shape == (48, 80)
    assert np.abs(cb.astype(int) - 128).mean() > 2
    assert [p.frame.number for p in colored] == sorted(p.frame.number for p in colored)


def test_a_paused_picture_follows_the_options(colorizer: Colorizer) -> None:
    with _open("test://?size=160x96&rate=20") as camera, LiveColorizer(camera, colorizer) as it:
        first = last = it.take(_LIMIT)
        camera.paused = True
        it.options = type(it.options)(saturation=0.0)
        for _ in range(_ON_THEIR_WAY):
            it.repeat()
            again = it.take(_LIMIT)
            assert again is not None
            if again.is_repeated:
                break
            last = again
    assert first is not None
    assert last is not None
    assert again.is_repeated
    assert again.frame is last.frame
    assert np.ptp(again.planes[1]) == 0
    assert np.ptp(first.planes[1]) > 5


def test_an_error_of_the_model_reaches_the_caller(
    colorizer: Colorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise OutputError("broken")

    monkeypatch.setattr(colorizer, "predict", fail)
    with (
        _open("test://?size=64x48") as camera,
        LiveColorizer(camera, colorizer) as it,
        pytest.raises(OutputError, match="broken"),
    ):
        it.take(_LIMIT)


# -- the loss


def test_loss_is_the_papers() -> None:
    curve = LossCurve()
    rgb = photograph(256, 128)
    chroma = _flat_chroma(0.0, 0.0)
    curve.add(10.0, rgb, chroma)
    lab = _lab(rgb)
    expected = np.mean((lab[..., 1:] / 127.5) ** 2)  # gray has no ab
    assert curve.current == pytest.approx(expected, rel=0.02)
    curve.add(10.01, rgb, chroma)  # too soon
    curve.add(10.1, rgb, _flat_chroma(-0.2, 0.2))
    assert [moment for moment, _ in curve.points] == [10.0, 10.1]
    assert curve.points[1][1] > curve.points[0][1]


def _lab(rgb: np.ndarray) -> np.ndarray:
    from tinct.color import rgb_to_lab

    return rgb_to_lab(rgb.astype(np.float64) / 255)


def test_own_colors_have_no_loss() -> None:
    gray = np.random.default_rng(1).integers(60, 180, (128, 160)).astype(np.uint8)
    chroma = _flat_chroma(-0.08, 0.12)
    curve = LossCurve()
    curve.add(1.0, compose_rgb(gray, chroma), chroma)
    assert curve.current == pytest.approx(0, abs=2e-5)


def test_a_gray_source_has_no_loss() -> None:
    curve = LossCurve()
    noise = np.random.default_rng(2).normal(0, 3, (96, 160, 3))
    for number in range(20):
        gray = photograph(160, 96, seconds=number / 10, gray=True)
        rgb = np.clip(gray + noise, 0, 255).astype(np.uint8)  # JPEG is like that
        curve.add(number / 10, rgb, _flat_chroma(0.1, 0.1))
    assert curve.is_gray
    assert curve.current is None
    assert not curve.points
    curve.add(5.0, photograph(160, 96), _flat_chroma(0.1, 0.1))
    assert not curve.is_gray
    assert curve.current is not None


def test_old_losses_are_forgotten() -> None:
    curve = LossCurve()
    rgb = photograph(128, 128)
    for second in range(60):
        curve.add(float(second), rgb, _flat_chroma(0, 0))
    assert curve.points[0][0] >= 59 - curve.seconds


# -- numbers


def test_quantiles_of_durations(rng: np.random.Generator) -> None:
    seconds = rng.gamma(2, 0.01, 5000)
    durations = Durations()
    for value in seconds:
        durations.add(float(value))
    for share in (0.5, 0.95, 0.99):
        assert durations.quantile(share) == pytest.approx(np.quantile(seconds, share), rel=0.03)
    assert durations.summary()["max"] == pytest.approx(1000 * seconds.max(), abs=0.01)
    assert Durations().quantile(0.5) == 0
    durations.add(0.0)
    durations.add(1e6)
    assert durations.quantile(1) == pytest.approx(100, rel=0.05)


def test_numbers_of_the_last_seconds() -> None:
    statistics = LiveStatistics()
    assert statistics.now().rate == 0
    assert statistics.report(CameraCounts())["latency_ms"]["p50"] == 0  # type: ignore[index]
    now = time.perf_counter()
    for number in range(21):
        shown = now - 1 + number / 20
        statistics.add(shown - 0.03, shown, {"network": 0.01, "display": 0.002})
    recent = statistics.now()
    assert recent.rate == pytest.approx(20, rel=0.01)
    assert recent.latency == pytest.approx(0.03)
    assert recent.stages == pytest.approx({"network": 0.01, "display": 0.002})


# -- recordings


def test_luma_and_chroma_of_a_recording(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mkv")
    for number in range(5):
        recorder.show(_colored(100 + number / 10, 33, 49, level=90 + 10 * number))
    recorder.show(_colored(100.4, 33, 49))  # the time of the one before: not twice
    recorder.close()
    with av.open(str(tmp_path / "out.mkv")) as film:
        frames = list(film.decode(video=0))
    assert [float(frame.time) for frame in frames] == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])
    for number, frame in enumerate(frames):
        planes = frame.reformat(format="yuv420p", src_color_range=2, dst_color_range=2).to_ndarray()
        assert frame.color_range == 2  # full, as the camera's
        assert abs(planes[:32].mean() - (90 + 10 * number)) < 2
        assert abs(planes[32:40].mean() - (128 - 0.1 * 255)) < 3


def test_recordings_and_snapshots_say_that_they_were_colored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, colored_by in (("marked", "nano"), ("plain", "")):
        with Outputs(colored_by) as outputs:
            outputs.record(f"{name}.mp4")
            outputs.show(_colored(100.0))
            outputs.snapshot(_colored(100.0), lambda words: None)
        with av.open(f"{name}.mp4") as film:
            assert ("Colored by tinct nano" in film.metadata.get("comment", "")) == bool(colored_by)
        (picture,) = tmp_path.glob("*.png")
        assert (SOURCE_TYPE.encode() in picture.read_bytes()) == bool(colored_by)
        picture.unlink()


def test_a_snapshot_says_of_which_shape_its_pixels_are(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    colored = _colored(100.0)
    colored.frame = replace(colored.frame, aspect=Fraction(4, 3))
    with Outputs() as outputs:
        outputs.snapshot(colored, lambda words: None)
    (picture,) = tmp_path.glob("*.png")
    across, down = read_picture(picture).metadata.dpi or (1, 1)
    assert down / across == pytest.approx(4 / 3, rel=1e-3)


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_recording_that_breaks_off_plays_up_to_there(tmp_path: Path, suffix: str) -> None:
    recorder = Recorder(tmp_path / f"out{suffix}")
    for number in range(200):
        recorder.show(_colored(number / 30, level=number))
    (partial,) = tmp_path.glob(f".tinct-*{suffix}")
    with av.open(str(partial)) as film:  # as after a power cut: nothing has been closed
        assert sum(1 for _ in film.decode(video=0)) >= 120
    recorder.close()
    with av.open(str(tmp_path / f"out{suffix}")) as film:
        assert sum(1 for _ in film.decode(video=0)) == 200


def test_a_recording_in_a_folder_whose_name_has_a_colon(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    recorder = Recorder("take: 2/out.mp4")
    recorder.show(_colored(100.0))
    recorder.close()
    assert _names(tmp_path / "take: 2") == ["out.mp4"]


def test_a_recording_without_pictures_leaves_nothing(tmp_path: Path) -> None:
    Recorder(tmp_path / "out.mp4").close()
    assert _names(tmp_path) == []


def test_a_camera_that_changes_its_size_is_recorded_on(tmp_path: Path) -> None:
    recorder = Recorder(tmp_path / "out.mp4")
    for number, size in enumerate(((32, 48), (64, 96), (32, 48))):
        recorder.show(_colored(number / 10, *size))
    recorder.close()
    with av.open(str(tmp_path / "out.mp4")) as film:
        shapes = {frame.to_ndarray().shape for frame in film.decode(video=0)}
    assert shapes == {(48, 48)}


def test_where_nothing_can_be_recorded(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").mkdir()
    with pytest.raises(OutputError, match="folder"):
        Recorder(tmp_path / "a.mp4")
    with pytest.raises(OptionError):
        Recorder(tmp_path / "a.txt")
    with pytest.raises(OutputError):
        Recorder("/proc/no/a.mp4")


def test_free_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tinct.apps.live.outputs.time.strftime", lambda _: "tinct-now")
    assert free_name(".png") == Path("tinct-now.png")
    Path("tinct-now.png").touch()
    assert free_name(".png") == Path("tinct-now-2.png")
