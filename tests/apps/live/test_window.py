"""The window, on SDL's dummy display: keys go in, pixels come out."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pygame: Any = pytest.importorskip("pygame", reason="the window needs pygame-ce: tinct[live]")


from pictures import photograph

from tinct.apps.live import LiveOptions, run_live
from tinct.apps.live.live_colorizer import ColoredFrame, LiveColorizer
from tinct.apps.live.live_run import LiveRun
from tinct.apps.live.loss_curve import LossCurve
from tinct.apps.live.outputs import Outputs
from tinct.apps.live.panels import PANELS, Box, arrange, axis_ticks, parse_panels, split_at_gaps
from tinct.apps.live.window import HELP, KEYS, LiveWindow
from tinct.apps.live.window_curve import CurveSurface
from tinct.apps.live.window_text import Texts
from tinct.cameras.camera import Camera, CapturedFrame
from tinct.cameras.capture import CaptureOptions
from tinct.cameras.find import find_source
from tinct.errors import MissingExtraError, OptionError
from tinct.runtime import Colorizer
from tinct.runtime.upsample import ChromaModel

VIVIDNESS = Colorizer("nano", threads=1).vividness  # by default

Open = Callable[..., LiveWindow]


@pytest.fixture(autouse=True)
def _dummy_display(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")


@pytest.fixture
def losses() -> LossCurve:
    return LossCurve()


@pytest.fixture
def open_window(losses: LossCurve) -> Iterator[Open]:
    windows = []

    def start(**options: Any) -> LiveWindow:
        windows.append(LiveWindow("a camera", losses, **options))
        return windows[-1]

    yield start
    for window in windows:
        window.close()


def _colored(rgb: np.ndarray, cb: float = -0.1, cr: float = 0.15) -> ColoredFrame:
    zero = np.zeros((8, 8), np.float32)
    chroma = ChromaModel(zero, zero, zero + np.float32(cb), zero + np.float32(cr))
    luma = np.rint(rgb @ np.array([0.299, 0.587, 0.114])).astype(np.uint8)
    return ColoredFrame(CapturedFrame(rgb, 0, 1.0, 0.0), luma, chroma)


def _show(window: LiveWindow, colored: ColoredFrame) -> np.ndarray:
    """Show a frame; return the pixels of the screen, (H, W, 3)."""
    window.prepare(colored)
    window.show(colored)
    return _screen()


def _screen() -> np.ndarray:
    return np.swapaxes(pygame.surfarray.array3d(pygame.display.get_surface()), 0, 1)


def _press(window: LiveWindow, *keys: str) -> list[str]:
    for key in keys:
        _post(pygame.KEYDOWN, key)
        _post(pygame.KEYUP, key)
    return window.events()


def _post(kind: int, key: str) -> None:
    pygame.event.post(pygame.event.Event(kind, key=pygame.key.key_code(key)))


def _picture(window: LiveWindow, name: str) -> np.ndarray:
    box = next(place.picture for place in window.places if place.name == name)
    return _screen()[box.top : box.top + box.height, box.left : box.left + box.width]


# -- what is on the screen


def test_four_panels(open_window: Open, losses: LossCurve) -> None:
    window = open_window(size=(800, 600))
    rgb = photograph(320, 180, seconds=1.0)
    colored = _colored(rgb)
    losses.add(1.0, rgb, colored.chroma)
    _show(window, colored)
    assert [place.name for place in window.places] == list(PANELS)
    shapes = {_picture(window, name).shape for name in PANELS}
    assert len(shapes) == 1
    height, width, _ = shapes.pop()
    assert width / height == pytest.approx(16 / 9, rel=0.01)
    original, gray, colored = (_picture(window, name).astype(int) for name in PANELS[:3])
    assert np.abs(original.mean((0, 1)) - rgb.mean((0, 1))).max() < 2
    assert np.ptp(gray, axis=2).max() == 0
    assert np.ptp(gray) > 50
    assert np.abs(colored.mean((0, 1)) - gray.mean((0, 1)))[0] > 15  # Cr is 0.15
    luma = colored @ np.array([0.299, 0.587, 0.114])
    assert np.abs(luma - gray[..., 0]).max() < 2
    assert (np.abs(_picture(window, "loss").astype(int) - (86, 180, 233)).sum(2) < 30).any()


def test_panels_that_are_switched_off(open_window: Open) -> None:
    window = open_window(panels=("colored",), size=(640, 480))
    _show(window, _colored(photograph(64, 64)))
    assert [place.name for place in window.places] == ["colored"]
    assert not window.has_loss
    picture = _picture(window, "colored")
    assert picture.shape[0] == picture.shape[1]
    assert picture.shape[0] > 350  # as large as there is room


def test_number_keys_show_one_panel(open_window: Open) -> None:
    window = open_window()
    colored = _colored(photograph(64, 48))
    for key, name in zip("1234", PANELS, strict=True):
        assert _press(window, key) == []
        _show(window, colored)
        assert [place.name for place in window.places] == [name]
    _press(window, "2")
    _press(window, "2")
    _show(window, colored)
    assert [place.name for place in window.places] == list(PANELS)


def test_a_narrow_and_a_tiny_window(open_window: Open) -> None:
    for size in ((400, 900), (120, 90)):
        window = open_window(size=size)
        window.set_status(
            ["1.0 frames/s  captured 10  dropped 0  shown 10", "ms: network 1.0  smooth 2.0"]
        )
        _show(window, _colored(photograph(64, 48)))
        window.refresh()
        for place in window.places:
            assert place.picture.left >= 0
            assert place.picture.left + place.picture.width <= size[0]


def test_marks_of_the_curve_do_not_overlap(
    open_window: Open, losses: LossCurve, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_window()
    marks: dict[str, Any] = {}
    mark = CurveSurface._mark

    def keep(curve: CurveSurface, words: str, **place: tuple[int, int]) -> None:
        line = texts.get(words, (0, 0, 0)).get_rect(**place)
        marks[words] = line.inflate(0, -4)  # a line is higher than its letters
        mark(curve, words, **place)

    monkeypatch.setattr(CurveSurface, "_mark", keep)
    texts = Texts()
    texts.scale_to(400, 300)
    rgb = photograph(320, 180, seconds=1.0)
    losses.add(1.0, rgb, _colored(rgb).chroma)
    numbers = set()
    for size in ((60, 40), (128, 72), (200, 112), (300, 72), (128, 200), (617, 317)):
        marks.clear()
        CurveSurface(texts).draw(size, losses)
        for words, place in marks.items():
            assert place.collidelist([r for w, r in marks.items() if w != words]) == -1, size
        numbers.add(len(marks))
    assert numbers == {0, 4, 7, 8, 11}, "as many as there is room for"


def test_a_resized_window_and_another_camera_size(open_window: Open) -> None:
    window = open_window(size=(800, 600))
    _show(window, _colored(photograph(64, 48)))
    pygame.display.set_mode((500, 400), pygame.RESIZABLE)
    pygame.event.post(pygame.event.Event(pygame.VIDEORESIZE, size=(500, 400), w=500, h=400))
    window.events()
    window.refresh()
    assert _screen().shape == (400, 500, 3)
    assert max(place.picture.left + place.picture.width for place in window.places) <= 500
    _show(window, _colored(photograph(48, 96)))
    tall = _picture(window, "original")
    assert tall.shape[0] / tall.shape[1] == pytest.approx(2, rel=0.05)


def test_help_and_words_lie_over_the_pictures(open_window: Open) -> None:
    window = open_window()
    colored = _colored(np.full((48, 64, 3), 200, np.uint8))
    plain = _show(window, colored).copy()
    _press(window, "h")
    window.refresh()
    with_help = _screen().copy()
    assert (with_help != plain).any(axis=2).mean() > 0.03
    _press(window, "h")
    window.refresh()
    assert np.array_equal(_screen(), plain)
    window.set_status([], "saved a.png")
    window.refresh()
    assert (_screen() != plain).any()
    window.set_status([], "")
    window.refresh()
    assert np.array_equal(_screen(), plain)


def test_help_names_every_key() -> None:
    named = {key.strip() for keys, _ in HELP for key in keys.replace(" ", ",").split(",")}
    assert set(KEYS) | {"1", "2", "3", "4", "f", "h"} == named - {""}


def test_status_lines_are_drawn_and_wrapped(open_window: Open) -> None:
    window = open_window(size=(300, 500))
    _show(window, _colored(photograph(64, 48)))
    before = _screen()[-80:].copy()
    window.set_status(["30.0 frames/s  captured 100  dropped 0  shown 100  latency 10.0 ms"])
    window.refresh()
    assert (_screen()[-80:] != before).any()


def test_a_gray_source_says_so(open_window: Open, losses: LossCurve) -> None:
    window = open_window()
    colored, gray = photograph(64, 48), photograph(64, 48, gray=True)
    losses.add(0.0, colored, _colored(colored).chroma)
    _show(window, _colored(colored))
    for number in range(1, 12):
        losses.add(number, gray, _colored(gray).chroma)
    _press(window, "4")
    _show(window, _colored(gray))
    line = np.abs(_picture(window, "loss").astype(int) - (86, 180, 233)).sum(2) < 30
    assert not line.any()
    assert _picture(window, "loss").max() > 100  # the words


# -- keys


@pytest.mark.parametrize(("key", "action"), list(KEYS.items()))
def test_keys_mean_something(open_window: Open, key: str, action: str) -> None:
    assert _press(open_window(), key) == [action]


def test_a_key_that_is_held_means_the_same_once_but_for_vividness(open_window: Open) -> None:
    window = open_window()
    for key, meant in (("r", ["record"]), ("up", ["more vivid"] * 3), ("down", ["less vivid"] * 3)):
        for _ in range(3):  # as it is repeated
            _post(pygame.KEYDOWN, key)
        assert window.events() == meant
        _post(pygame.KEYUP, key)
    assert _press(window, "r", "r") == ["record", "record"]


def test_full_screen_and_back(open_window: Open) -> None:
    window = open_window(size=(640, 480))
    colored = _colored(photograph(64, 48))
    _press(window, "f")
    _show(window, colored)
    assert pygame.display.get_surface().get_flags() & pygame.FULLSCREEN
    _press(window, "f")
    _show(window, colored)
    assert not pygame.display.get_surface().get_flags() & pygame.FULLSCREEN
    assert pygame.display.get_surface().get_size() == (640, 480)


def test_closing_the_window_quits(open_window: Open) -> None:
    window = open_window()
    pygame.event.post(pygame.event.Event(pygame.QUIT))
    assert window.events() == ["quit"]


@contextmanager
def _live(window: LiveWindow, losses: LossCurve) -> Iterator[tuple[Camera, LiveRun]]:
    """Open a camera and color what it gives: ready to be run in the window."""
    name, connect = find_source("test://?size=96x64&rate=40", CaptureOptions())
    with Outputs() as outputs, Camera(name, connect) as camera:
        live_colorizer = LiveColorizer(camera, Colorizer("nano", threads=1))
        with live_colorizer:
            yield camera, LiveRun(camera, live_colorizer, outputs, window, losses)


def test_keys_steer_the_run(
    open_window: Open,
    losses: LossCurve,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    keys = iter(["s", "r", "up", "up", "c", "t", "space", "down", "space", "r", "q"])
    window = open_window(size=(400, 300))
    seen = []
    events = window.events

    def type_now_and_then() -> list[str]:
        numbers = live_run.numbers()
        if numbers["frames"]["shown"] >= 3 and live_run.numbers()["seconds"] > 0.15 * len(seen):
            seen.append(numbers["options"] | {"paused": camera.paused})
            key = next(keys)
            _post(pygame.KEYDOWN, key)
            _post(pygame.KEYUP, key)
        return events()

    monkeypatch.setattr(window, "events", type_now_and_then)
    with _live(window, losses) as (camera, live_run):
        live_run.run(60)
    assert [options["vividness"] for options in seen] == pytest.approx(
        [VIVIDNESS + step for step in (0, 0, 0, 0.05, 0.1, 0.1, 0.1, 0.1, 0.05, 0.05, 0.05)]
    )
    assert [options["cautious"] for options in seen] == [0.0] * 5 + [0.5] * 6
    assert [options["steady"] for options in seen] == [True] * 6 + [False] * 5
    assert [options["paused"] for options in seen] == [False] * 7 + [True] * 2 + [False] * 2
    written = sorted(path.suffix for path in tmp_path.iterdir())
    assert written == [".mp4", ".png"]
    assert losses.points


def test_no_first_picture_is_awaited_in_a_pause(
    open_window: Open, losses: LossCurve, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = open_window(size=(400, 300))
    events, set_status, said = window.events, window.set_status, []

    def type_when_it_is_time() -> list[str]:
        if not camera.paused and live_run.numbers()["frames"]["shown"] >= 3:
            _post(pygame.KEYDOWN, "space")
        elif camera.paused and not live_run.numbers()["now"]["rate"]:
            _post(pygame.KEYDOWN, "q")
        return events()

    def keep(lines: list[str], toast: str) -> None:
        said.append("\n".join(lines))
        set_status(lines, toast)

    monkeypatch.setattr(window, "events", type_when_it_is_time)
    monkeypatch.setattr(window, "set_status", keep)
    with _live(window, losses) as (camera, live_run):
        live_run.run(60)
    assert said[-1].startswith("PAUSED")
    assert "waiting" not in said[-1]


def test_a_whole_run_with_the_window(capsys: pytest.CaptureFixture[str]) -> None:
    source = "test://?size=96x64&rate=50&frames=20"
    options = LiveOptions(stats="-")
    assert run_live(source, Colorizer("nano", threads=1), CaptureOptions(), options) == 0
    assert '"loss"' in capsys.readouterr().out


# -- where there is no window


def test_without_a_display(environment: dict[str, str]) -> None:
    hidden = ("DISPLAY", "WAYLAND_DISPLAY", "SDL_VIDEODRIVER", "XDG_RUNTIME_DIR")
    if sys.platform != "linux" or os.path.exists("/dev/dri"):
        pytest.skip("SDL may find a display here without being told of one")
    bare = {name: value for name, value in environment.items() if name not in hidden}
    command = [sys.executable, "-m", "tinct", "live", "test://?frames=3"]
    done = subprocess.run(command, env=bare, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "there is no display" in done.stderr.splitlines()[-1]
    assert "--no-window" in done.stderr
    assert "--serve" in done.stderr


def test_without_pygame(monkeypatch: pytest.MonkeyPatch) -> None:
    from tinct.apps.live.window_text import load_pygame

    monkeypatch.setitem(sys.modules, "pygame", None)
    with pytest.raises(MissingExtraError, match=r"pip install '\.\[live\]'"):
        load_pygame()


# -- arithmetic


@pytest.mark.parametrize("count", [1, 2, 3, 4])
@pytest.mark.parametrize("area", [Box(8, 8, 1200, 700), Box(0, 0, 300, 900), Box(5, 5, 900, 200)])
def test_panels_do_not_overlap(count: int, area: Box) -> None:
    places = arrange(PANELS[:count], 4 / 3, area, 20)
    assert len(places) == count
    taken = np.zeros((area.top + area.height, area.left + area.width), int)
    for place in places:
        for box in (place.caption, place.picture):
            assert box.left >= area.left
            assert box.top >= area.top
            taken[box.top : box.top + box.height, box.left : box.left + box.width] += 1
        assert place.picture.width / place.picture.height == pytest.approx(4 / 3, rel=0.02)
    assert taken.max() == 1


def test_names_of_panels() -> None:
    assert parse_panels("loss, Colored,color,gray") == ("gray", "colored", "loss")
    for text in ("", ",", "colors", "original,sound"):
        with pytest.raises(OptionError):
            parse_panels(text)


@pytest.mark.parametrize(
    ("highest", "ticks"),
    [
        (0.9, [0, 0.2, 0.4, 0.6, 0.8, 1.0]),
        (1.0, [0, 0.5, 1.0, 1.5, 2.0]),
        (0.013, [0, 0.005, 0.01, 0.015, 0.02]),
        (0.04, [0, 0.01, 0.02, 0.03, 0.04, 0.05]),
        (7, [0, 2, 4, 6, 8, 10]),
        (0.0097, [0, 0.005, 0.01, 0.015, 0.02]),
    ],
)
def test_marks_of_axes(highest: float, ticks: list[float]) -> None:
    assert axis_ticks(highest) == pytest.approx(ticks)


def test_an_axis_holds_every_value() -> None:
    for highest in (0.0, *np.geomspace(1e-9, 1e3, 999)):
        ticks = axis_ticks(float(highest))
        assert ticks[-1] >= 1.05 * highest
        assert 4 <= len(ticks) - 1 <= 5


def test_curves_are_cut_at_gaps() -> None:
    points = [(0.0, 1.0), (0.5, 2.0), (2.0, 3.0)]
    assert split_at_gaps(points, 1.0) == [points[:2], points[2:]]
    assert split_at_gaps([], 1.0) == []
