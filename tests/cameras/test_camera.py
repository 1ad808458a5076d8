"""Cameras and what stands in for them, down to children that die."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest

from films import Film, make_film
from tinct.cameras.camera import Camera, CapturedFrame
from tinct.cameras.capture import CaptureOptions, parse_size
from tinct.cameras.find import DeviceSource, find_source
from tinct.cameras.gstreamer import PROGRAM, csi_pipeline
from tinct.cameras.stream import StreamSource
from tinct.errors import InputError, OptionError, TinctError

_LIMIT = 20.0  # seconds after which a test gives up; nothing is measured with it

_ELEMENTS = ("videotestsrc", "videoconvert", "videoscale", "videorate", "fdsink", "identity")


def _has_gstreamer() -> bool:
    if shutil.which(PROGRAM) is None or sys.platform != "linux":
        return False
    asked = (["gst-inspect-1.0", "--exists", name] for name in _ELEMENTS)
    return all(subprocess.run(command, check=False).returncode == 0 for command in asked)


needs_gstreamer = pytest.mark.skipif(
    not _has_gstreamer(),
    reason=f"{PROGRAM} or its plugins are not installed (gstreamer1.0-tools and "
    "gstreamer1.0-plugins-base), or this is not Linux",
)


def _camera(address: str, retries: int | None = 0, **asked: object) -> Camera:
    options = CaptureOptions(**asked)  # type: ignore[arg-type]
    name, connect = find_source(address, options)
    return Camera(name, connect, options, retries=retries)


def _frames(camera: Camera) -> Iterator[CapturedFrame]:
    """Yield frames until the source ends."""
    limit = time.monotonic() + _LIMIT
    while not camera.has_ended and time.monotonic() < limit:
        frame = camera.take(0.05)
        if frame is not None:
            yield frame


def _read_all(address: str, **asked: object) -> list[CapturedFrame]:
    with _camera(address, **asked) as camera:
        return list(_frames(camera))


def _wait_until(camera: Camera, condition: Callable[[], bool]) -> bool:
    """Wait until something holds that changes with a camera."""
    with camera.changed:
        return camera.changed.wait_for(condition, _LIMIT)


def _children() -> list[int]:
    """GStreamer processes that this one has started, those included that nobody waited for."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # gone meanwhile
            # The name of a process, in brackets, may hold spaces and brackets itself.
            start, _, rest = path.read_text().rpartition(")")
            pid, _, name = start.partition(" ")
            if int(rest.split()[1]) == os.getpid() and "gst-launch" in name:
                found.append(int(pid))
    return found


# -- the test picture


def test_the_test_picture_is_in_color_and_moves() -> None:
    first, *_, last = _read_all("test://?size=160x90&rate=25&frames=25")
    assert first.rgb.shape == (90, 160, 3)
    assert np.abs(first.rgb.astype(int) - last.rgb).mean() > 1
    assert np.ptp(first.rgb.astype(int), axis=2).mean() > 20


@pytest.mark.parametrize("size", [(1, 1), (17, 3), (3, 90)])
def test_a_test_picture_of_any_size(size: tuple[int, int]) -> None:
    (frame,) = _read_all(f"test://?size={size[0]}x{size[1]}&frames=1")
    assert frame.rgb.shape == (size[1], size[0], 3)


def test_a_test_picture_without_color() -> None:
    (frame,) = _read_all("test://?size=64x48&frames=1&gray=1")
    assert (frame.rgb == frame.rgb[..., :1]).all()
    assert np.ptp(frame.rgb) > 50


def test_the_test_camera_counts_what_its_reader_is_too_late_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    source = StreamSource("test://?size=16x16&rate=200", CaptureOptions())
    assert source.advance() is not None
    now = time.perf_counter()
    clock = "tinct.cameras.stream.time.perf_counter"
    monkeypatch.setattr(clock, lambda: now + 0.1)  # twenty periods, of which it holds two
    due = source.advance()
    assert due is not None
    assert due > now + 0.08
    assert 15 <= source.missed <= 20


@pytest.mark.parametrize(
    "address", ["test://?size=big", "test://?rate=x", "test://?speed=3", "test://?rate=0"]
)
def test_wrong_queries(address: str) -> None:
    with pytest.raises(OptionError):
        find_source(address, CaptureOptions())


def test_size_and_rate_of_the_options_win() -> None:
    frames = _read_all("test://?size=64x48&frames=3", size=(32, 16), rate=100.0)
    assert frames[0].rgb.shape == (16, 32, 3)


# -- one slot


def test_late_frames_are_dropped_and_counted() -> None:
    with _camera("test://?size=32x32&rate=100&frames=30") as camera:
        assert _wait_until(camera, lambda: camera.counts.captured >= 29)
        assert camera.take(_LIMIT) is not None
        assert camera.counts.dropped >= 28
        assert _wait_until(camera, lambda: camera.counts.captured == 30)
        rest = list(_frames(camera))
        counts = camera.counts
    assert counts.captured == 30
    assert counts.dropped == 30 - 1 - len(rest)


def test_every_frame_is_taken_dropped_or_lost_in_a_pause() -> None:
    taken = 0
    with _camera("test://?size=32x32&rate=20&frames=30") as camera:
        for number, _ in enumerate(_frames(camera)):
            taken += 1
            if number == 2:
                camera.paused = True
                assert _wait_until(camera, lambda: camera.counts.paused >= 3)
                camera.paused = False
        counts = camera.counts
    assert counts.paused >= 3
    assert counts.captured == taken + counts.dropped + counts.paused == 30


@pytest.mark.parametrize(
    ("flip", "turned"),
    [("h", np.s_[:, ::-1]), ("v", np.s_[::-1]), ("180", np.s_[::-1, ::-1])],
)
def test_flip(flip: str, turned: tuple[slice, ...]) -> None:
    frame = _read_all("test://?size=40x30&frames=1", flip=flip)[0]
    plain = _read_all("test://?size=40x30&frames=1")[0]
    assert np.array_equal(frame.rgb, plain.rgb[turned])
    assert not np.array_equal(frame.rgb, plain.rgb)


def test_leaving_early_ends_the_threads() -> None:
    before = threading.enumerate()
    with _camera("test://?size=32x32") as camera:
        assert camera.take(_LIMIT) is not None
    for thread in threading.enumerate():
        if thread is not threading.current_thread() and thread not in before:
            thread.join(_LIMIT)
            assert not thread.is_alive()


# -- films


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Eight frames, 48 x 32, the last of them after a gap; luma rises with each."""
    path = tmp_path / "film.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=50)
        stream.width, stream.height, stream.pix_fmt = 48, 32, "yuv420p"
        for number in range(8):
            planes = np.full((48, 48), 128, np.uint8)
            planes[:32] = 40 + 20 * number
            frame = av.VideoFrame.from_ndarray(planes, format="yuv420p")
            frame.pts = number if number < 7 else 20
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def test_film_at_its_own_rate(film: Path) -> None:
    frames = _read_all(str(film))
    times = [frame.time - frames[0].time for frame in frames]
    assert times == pytest.approx([frame.number / 50 for frame in frames[:-1]] + [0.4], abs=2e-3)
    levels = [frame.rgb.mean() for frame in frames]
    assert levels == sorted(levels)
    assert np.ptp(frames[0].rgb) <= 2  # gray


def test_film_scaled_and_looped(film: Path) -> None:
    with _camera(str(film), size=(24, 16), loop=True) as camera:
        frames = [frame for _, frame in zip(range(20), _frames(camera), strict=False)]
    assert len(frames) == 20
    assert frames[0].rgb.shape == (16, 24, 3)


def test_film_waits_through_a_pause(film: Path) -> None:
    with _camera(str(film), loop=True) as camera:
        assert camera.take(_LIMIT) is not None
        camera.paused = True
        while camera.take(0.3) is not None:  # one may have been under way
            pass
        seen = camera.counts.captured
        assert camera.take(0.3) is None
        assert camera.counts.captured == seen
        camera.paused = False
        assert camera.take(_LIMIT) is not None


def test_what_is_damaged_in_a_film_is_left_out(tmp_path: Path) -> None:
    path = make_film(tmp_path / "in.mp4", Film("libx264", frames=60, options=_KEY_EVERY_10))
    data = bytearray(path.read_bytes())
    with av.open(str(path)) as container:
        places = [packet.pos for packet in container.demux(video=0) if packet.size]
    data[places[25] : places[25] + 4] = b"\xff" * 4
    path.write_bytes(data)
    source = StreamSource(str(path), CaptureOptions())
    seen = 0
    while source.advance() is not None:
        seen += 1
    source.close()
    assert 50 <= seen < 60
    assert source.missed >= 1


_KEY_EVERY_10 = (("g", "10"), ("bf", "0"))


def test_the_shape_of_pixels_comes_along(tmp_path: Path) -> None:
    film = Film("libx264", width=96, height=64, aspect=Fraction(64, 45))
    path = make_film(tmp_path / "in.mp4", film)
    assert _read_all(str(path))[0].aspect == Fraction(64, 45)


@pytest.mark.parametrize("rotation", [0, 90])
def test_a_film_that_is_scaled_or_turned_keeps_its_proportions(
    tmp_path: Path, rotation: int
) -> None:
    film = Film("libx264", frames=2, aspect=Fraction(4, 3), rotation=rotation)
    path = make_film(tmp_path / "in.mp4", film)
    shown = Fraction(9, 16) if rotation else Fraction(16, 9)
    for size in (None, (128, 72), (40, 60)):
        frame = _read_all(str(path), size=size)[0]
        height, width = frame.rgb.shape[:2]
        assert size in (None, (width, height))
        assert frame.aspect * Fraction(width, height) == shown


def test_a_film_whose_name_has_a_colon(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("Film: part 1.mkv", "test: part 1.mkv"):
        make_film(tmp_path / name, Film(frames=2))
        assert _read_all(name)


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """A socket that listens on this machine."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(_LIMIT)
        yield listening


def test_a_stream_that_ends_is_a_loss_where_it_is_tried_again(
    tmp_path: Path, server: socket.socket
) -> None:
    film = Film("mpeg2video", frames=250, format="mpegts")
    data = make_film(tmp_path / "in.ts", film).read_bytes()
    address = f"tcp://127.0.0.1:{server.getsockname()[1]}"

    def send() -> None:
        with server.accept()[0] as viewer:
            viewer.sendall(data)

    with ThreadPoolExecutor(1) as pool:
        sent = pool.submit(send)
        with _camera(address, retries=None) as camera:
            sent.result(_LIMIT)
            assert _wait_until(camera, lambda: "the stream has ended" in camera.trouble)
            sent = pool.submit(send)
            sent.result(_LIMIT)
            assert _wait_until(camera, lambda: camera.counts.retried >= 1)
    with ThreadPoolExecutor(1) as pool:
        pool.submit(send)
        assert _read_all(address)  # and otherwise it is the end


@pytest.mark.parametrize("address", ["http://127.0.0.1:9/x", "nonsense://x", "tcp://127.0.0.1:9"])
def test_what_cannot_be_reached_is_one_line(address: str) -> None:
    with pytest.raises(InputError) as caught:
        _read_all(address)
    assert str(caught.value).startswith(f"{address}: ")
    assert len(str(caught.value).splitlines()) == 1


def test_broken_films(tmp_path: Path) -> None:
    (tmp_path / "text.mp4").write_text("no film")
    (tmp_path / "empty.mp4").write_bytes(b"")
    for name in ("text.mp4", "empty.mp4", "missing.mp4", "."):
        with pytest.raises(InputError, match=name if name != "." else "folder"):
            _read_all(str(tmp_path / name))


def test_a_film_keeps_its_rate() -> None:
    with pytest.raises(OptionError, match="own rate"):
        find_source("film.mp4", CaptureOptions(rate=25.0))


# -- devices


def test_absent_camera() -> None:
    with pytest.raises(InputError, match="camera 97: not found"):
        _read_all("97")


@pytest.mark.skipif(sys.platform != "linux", reason="paths of devices as Linux has them")
def test_a_device_that_is_no_camera(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be opened"):
        _read_all("/dev/null")
    with pytest.raises(InputError, match="/dev/video97: not found"):
        _read_all("/dev/video97")


def test_a_device_that_stops(tmp_path: Path) -> None:
    path = tmp_path / "camera.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 25, (64, 48))
    for _ in range(3):
        writer.write(np.full((48, 64, 3), (0, 0, 250), np.uint8))
    writer.release()
    options = CaptureOptions(size=(64, 48), rate=25.0)
    source = DeviceSource(str(path), options)  # OpenCV reads it as it does a device
    for _ in range(3):
        assert source.advance() is not None
        assert source.picture().shape == (48, 64, 3)
    assert source.picture()[0, 0, 0] > 200  # red, not blue
    with pytest.raises(InputError, match="unplugged"):
        source.advance()
    source.close()


# -- GStreamer children


@needs_gstreamer
@pytest.mark.parametrize("size", [(64, 48), (33, 21)])  # rows of the second are padded
def test_pipeline_until_it_ends(size: tuple[int, int]) -> None:
    caps = f"video/x-raw,width={size[0]},height={size[1]},framerate=100/1"
    pipeline = f"videotestsrc num-buffers=8 pattern=red ! {caps}"
    with _camera(pipeline) as camera:
        frames = list(_frames(camera))
        assert camera.counts.captured == 8
    assert frames[0].rgb.shape == (size[1], size[0], 3)
    assert (np.abs(frames[0].rgb.astype(int) - (255, 0, 0)) < 4).all()
    assert _children() == []


@needs_gstreamer
def test_pipeline_is_asked_for_size_and_rate() -> None:
    frames = _read_all("gst:videotestsrc num-buffers=4", size=(40, 30), rate=50.0)
    assert frames[0].rgb.shape == (30, 40, 3)


@needs_gstreamer
@pytest.mark.parametrize(
    ("pipeline", "reason"),
    [
        ("gst:nosuchthing", 'no element "nosuchthing"'),
        ("filesrc location=/nowhere ! decodebin", "Resource not found"),
        ("csi://0", "nvarguscamerasrc"),
        ("videotestsrc num-buffers=0 ! identity", "before the first picture"),
        ("videotestsrc ! identity error-after=3", "Failed after iterations"),
    ],
)
def test_pipelines_that_fail(pipeline: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        _read_all(pipeline)
    assert len(str(caught.value).splitlines()) == 1
    assert _children() == []


def _read_and_signal(number: signal.Signals, **asked: object) -> None:
    """Send a signal to the child after some frames, and read on."""
    with _camera(_SMALL, **asked) as camera:
        for count, _ in enumerate(_frames(camera)):
            if count == 3:
                os.kill(_children()[0], number)


@needs_gstreamer
def test_a_child_that_is_killed() -> None:
    with pytest.raises(InputError, match=r"killed \(SIGKILL\)"):
        _read_and_signal(signal.SIGKILL)
    assert _children() == []


@needs_gstreamer
def test_a_killed_child_is_started_again() -> None:
    with _camera(_SMALL, retries=2) as camera:
        for number, _ in enumerate(_frames(camera)):
            if number == 3:
                os.kill(_children()[0], signal.SIGKILL)
            if camera.counts.retried and not camera.trouble:
                break
        assert camera.counts.retried == 1
    assert _children() == []


@needs_gstreamer
def test_a_child_that_stalls() -> None:
    with pytest.raises(InputError, match=r"no picture for 0\.5 seconds"):
        _read_and_signal(signal.SIGSTOP, timeout=0.5)
    assert _children() == []


def test_csi_cameras_by_their_number() -> None:
    pipeline = csi_pipeline(1, CaptureOptions(size=(640, 480), rate=60.0))
    assert pipeline.startswith("nvarguscamerasrc sensor-id=1 ! video/x-raw(memory:NVMM)")
    assert "width=640,height=480,framerate=60/1" in pipeline
    with pytest.raises(OptionError, match="number of a camera"):
        find_source("csi://left", CaptureOptions())


@needs_gstreamer
def test_leaving_ends_the_child() -> None:
    with _camera(_SMALL) as camera:
        assert camera.take(_LIMIT) is not None
        assert len(_children()) == 1
    assert _children() == []


def test_without_gstreamer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(InputError, match="is not installed"):
        _read_all(_SMALL)


def test_quotes_that_do_not_match() -> None:
    with pytest.raises(OptionError, match="quotation"):
        _read_all("filesrc location='a ! decodebin")


_SMALL = "videotestsrc ! video/x-raw,width=32,height=24,framerate=50/1"


# -- trying again


def test_retries_are_announced_and_end() -> None:
    with _camera("97", retries=1) as camera:
        assert _wait_until(camera, lambda: "trying again in 1 s" in camera.trouble)
        with pytest.raises(InputError, match="camera 97"):
            list(_frames(camera))


def test_leaving_while_it_waits_to_try_again() -> None:
    with _camera("97", retries=None) as camera:
        assert _wait_until(camera, lambda: bool(camera.trouble))
        start = time.monotonic()
    assert time.monotonic() - start < _LIMIT / 2


def test_an_error_of_ours_is_not_tried_again() -> None:
    def connect() -> StreamSource:
        raise OptionError("no sense")

    with Camera("it", connect, retries=None) as camera, pytest.raises(OptionError):
        camera.take(_LIMIT)


# -- what is asked


@pytest.mark.parametrize("text", ["1280", "1280x", "x720", "axb", "1e3x2"])
def test_wrong_sizes(text: str) -> None:
    with pytest.raises(OptionError):
        parse_size(text)


def test_sizes_and_rates_have_bounds() -> None:
    assert parse_size("1280x720") == (1280, 720)
    for asked in ({"size": (0, 5)}, {"size": (99999, 5)}, {"rate": 0.0}, {"rate": -1.0}):
        with pytest.raises(TinctError):
            CaptureOptions(**asked)  # type: ignore[arg-type]
