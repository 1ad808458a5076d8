"""Many frames of a film in work at once, and yet in their order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from threading import Event
from typing import TYPE_CHECKING, TypeVar

from tinct.runtime.film import FilmColorizer, Samples

if TYPE_CHECKING:
    from tinct.runtime.reference import Weighted

FRAMES_AHEAD = 2
"""Frames taken beforehand for each in work, so that a slow one does not make the others wait."""

Frame = TypeVar("Frame")
Result = TypeVar("Result")


def color_frames(
    film: FilmColorizer,
    frames: Iterable[Frame],
    luma: Callable[[Frame], Samples],
    finish: Callable[[Frame, Samples, Samples, Samples], Result],
    *,
    jobs: int,
    warm_up: int = 0,
    references: Callable[[Frame], Sequence[Weighted]] = lambda frame: (),
) -> Iterator[Result]:
    """Color the frames of a film, several at a time, with one thread for each.

    Frames are taken from their iterator in the thread that asks for results, up to ``FRAMES_AHEAD``
    times ``jobs`` before them. Everything but the averaging over time goes on at once.

    Args:
        film: Colors them.
        frames: The film, of any kind.
        luma: Gives the luma plane of a frame; called in the threads.
        finish: Is given the frame, its luma, Cb and Cr, and makes the result; called in the
            threads.
        jobs: Frames in work at once.
        warm_up: So many frames at the beginning only prepare the colors of the next, as when work
            on a film goes on; they have no result.
        references: Gives the frames whose colors are known to a frame, see
            ``FilmColorizer.predict``.

    Yields:
        The results, in the order of the frames.

    Raises:
        Exception: Whatever reading, coloring or finishing a frame raises, in its turn.
    """

    def work(frame: Frame, number: int, before: Event, after: Event) -> Result | None:
        try:
            if is_over.is_set():
                return None
            samples = luma(frame)
            view = film.predict(samples, references(frame))
            before.wait()
            view = film.smooth(view)
        finally:
            before.wait()  # a failed frame must not let the next one overtake
            after.set()
        if number < warm_up:
            return None
        return finish(frame, samples, *film.compose(samples, film.fit(view)))

    def submit_all() -> Iterator[Future[Result | None]]:
        before = Event()
        before.set()
        try:
            for number, frame in enumerate(frames):
                after = Event()
                yield pool.submit(work, frame, number, before, after)
                before = after
        except Exception as error:  # noqa: BLE001 - raised again behind the frames before it
            failed: Future[Result | None] = Future()
            failed.set_exception(error)
            yield failed

    waiting: deque[Future[Result | None]] = deque()
    is_over = Event()
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="tinct-film")
    try:
        for future in submit_all():
            waiting.append(future)
            if len(waiting) > FRAMES_AHEAD * jobs:
                yield from _results(waiting.popleft())
        while waiting:
            yield from _results(waiting.popleft())
    finally:
        # Frames that wait are not canceled: a thread that takes the next one meanwhile would wait
        # for them forever.
        is_over.set()
        pool.shutdown()


def _results(future: Future[Result | None]) -> Iterator[Result]:
    """Yield the result, if there is one, when it is there."""
    result = future.result()
    if result is not None:
        yield result
