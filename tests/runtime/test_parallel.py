"""Frames in work at once, results in their order."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from threading import Event, Timer

import numpy as np
import pytest
from numpy.typing import NDArray

from tinct.errors import InputError
from tinct.frame_format import FrameFormat
from tinct.runtime import Colorizer
from tinct.runtime.film import FilmColorizer, Samples, View
from tinct.runtime.parallel import FRAMES_AHEAD, color_frames

FORMAT = FrameFormat(96, 64)


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer("nano", threads=1)


@pytest.fixture
def film(colorizer: Colorizer) -> FilmColorizer:
    return FilmColorizer(colorizer, FORMAT)


@pytest.fixture
def lumas(rng: np.random.Generator) -> list[NDArray[np.uint8]]:
    """A noisy still, so that steadying has something to do."""
    still = np.linspace(30, 220, 96 * 64).reshape(64, 96)
    return [(still + rng.normal(0, 5, still.shape)).astype(np.uint8) for _ in range(9)]


def itself(luma: Samples) -> Samples:
    return luma


def planes(_frame: object, _luma: Samples, cb: Samples, cr: Samples) -> Samples:
    return np.stack([cb, cr])


@pytest.mark.parametrize("jobs", [1, 2, 5, 20])
def test_the_same_as_one_after_the_other(
    film: FilmColorizer, lumas: list[NDArray[np.uint8]], jobs: int
) -> None:
    wanted = [np.stack(film(luma)) for luma in lumas]
    film.reset()
    found = list(color_frames(film, lumas, itself, planes, jobs=jobs))
    np.testing.assert_array_equal(found, wanted)


def test_slow_frames_are_not_overtaken(film: FilmColorizer, lumas: list[NDArray[np.uint8]]) -> None:
    wanted = [np.stack(film(luma)) for luma in lumas]
    film.reset()

    def slowly(numbered: tuple[int, Samples]) -> Samples:
        time.sleep(0.02 if numbered[0] % 3 == 0 else 0)
        return numbered[1]

    def keep(frame: tuple[int, Samples], *rest: Samples) -> tuple[int, Samples]:
        return frame[0], np.stack(rest[1:])

    found = list(color_frames(film, enumerate(lumas), slowly, keep, jobs=4))
    assert [number for number, _ in found] == list(range(len(lumas)))
    np.testing.assert_array_equal([values for _, values in found], wanted)


def test_frames_to_warm_up_with_have_no_result(
    film: FilmColorizer, lumas: list[NDArray[np.uint8]]
) -> None:
    wanted = [np.stack(film(luma)) for luma in lumas]
    film.reset()
    found = list(color_frames(film, lumas, itself, planes, jobs=2, warm_up=4))
    np.testing.assert_array_equal(found, wanted[4:])


def test_no_frames(film: FilmColorizer) -> None:
    assert not list(color_frames(film, [], itself, planes, jobs=2))


def test_only_a_few_frames_are_taken_ahead(
    film: FilmColorizer, lumas: list[NDArray[np.uint8]]
) -> None:
    taken = 0

    def count() -> Iterator[Samples]:
        nonlocal taken
        for luma in lumas:
            taken += 1
            yield luma

    results = color_frames(film, count(), itself, planes, jobs=2)
    assert taken == 0
    next(results)
    assert taken == 2 * FRAMES_AHEAD + 1
    results.close()  # and nobody waits for the rest
    assert taken == 2 * FRAMES_AHEAD + 1


def test_stopping_waits_for_no_frame_that_is_never_colored(
    film: FilmColorizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Ctrl-C comes while frames wait, and a thread takes one of them as the others are dropped."""
    is_stopped = Event()
    cancel: Callable[[Future[object]], bool] = Future.cancel

    def cancel_slowly(future: Future[object]) -> bool:
        is_stopped.set()
        time.sleep(0.2)  # in which the thread goes on to the next frame
        return cancel(future)

    def frames() -> Iterator[int]:
        yield from range(4)
        Timer(0.1, is_stopped.set).start()
        raise KeyboardInterrupt

    def luma(number: int) -> Samples:
        assert is_stopped.wait(10)
        return np.full(FORMAT.luma_shape, 60 + number, np.uint8)

    monkeypatch.setattr(Future, "cancel", cancel_slowly)
    with pytest.raises(KeyboardInterrupt):
        list(color_frames(film, frames(), luma, planes, jobs=2))


def test_a_frame_that_fails_does_so_in_its_turn(
    film: FilmColorizer, lumas: list[NDArray[np.uint8]]
) -> None:
    lumas[4] = lumas[4][:-1]
    results = color_frames(film, lumas, itself, planes, jobs=3)
    for _ in range(4):
        next(results)
    with pytest.raises(InputError, match="96x63"):
        next(results)


def test_the_frame_behind_a_failed_one_does_not_overtake_the_one_before_it(
    colorizer: Colorizer,
) -> None:
    smoothed = Event()
    order: list[int] = []

    class Recording(FilmColorizer):
        def smooth(self, view: View) -> View:
            order.append(round(float(view.luma.mean()) * 10))
            smoothed.set()
            return super().smooth(view)

    def luma(number: int) -> Samples:
        if number == 1:
            raise InputError("frame 1 is damaged")
        if number == 0:
            smoothed.wait(0.5)  # until another frame has gone before it, as none may
        return np.full(FORMAT.luma_shape, 60 + 60 * number, np.uint8)

    film = Recording(colorizer, FORMAT)
    results = color_frames(film, range(3), luma, planes, jobs=3)
    next(results)
    with pytest.raises(InputError, match="frame 1"):
        next(results)
    assert order == sorted(order)


def test_so_does_a_film_that_breaks_off(
    film: FilmColorizer, lumas: list[NDArray[np.uint8]]
) -> None:
    def broken() -> Iterator[Samples]:
        yield from lumas[:2]
        raise InputError("film.mp4: damaged")

    results = color_frames(film, broken(), itself, planes, jobs=3)
    assert [next(results).shape for _ in range(2)] == [(2, 32, 48)] * 2
    with pytest.raises(InputError, match="damaged"):
        next(results)
