"""Stages of a pipeline that work at the same time, each in a thread, with little in between.

FFmpeg, OpenCV and ONNX Runtime release Python's lock while they compute, so threads are enough.
Our own, because the standard library's queue can be shut down only from Python 3.13 on.
"""

from __future__ import annotations

import threading
from collections import deque
from contextlib import contextmanager
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

T = TypeVar("T")


class ClosedError(Exception):
    """Nothing is taken out of the channel any more."""


class Channel(Generic[T]):
    """A queue of few things between two threads; either side can close it, with an error or not."""

    def __init__(self, size: int) -> None:
        """Make an empty one.

        Args:
            size: How many things it holds; who puts more in waits.
        """
        self._things: deque[T] = deque()
        self._size = size
        self._changed = threading.Condition()
        self._is_finished = False  # nothing more comes in
        self._is_left = False  # nothing more goes out
        self._error: BaseException | None = None

    def put(self, thing: T) -> None:
        """Put a thing in, waiting for room.

        Raises:
            ClosedError: The other side has gone.
        """
        with self._changed:
            self._changed.wait_for(lambda: len(self._things) < self._size or self._is_left)
            if self._is_left:
                raise ClosedError
            self._things.append(thing)
            self._changed.notify_all()

    def finish(self, error: BaseException | None = None) -> None:
        """Say that nothing more comes; an error is raised on the other side after what is left."""
        with self._changed:
            self._is_finished, self._error = True, error
            self._changed.notify_all()

    def leave(self) -> None:
        """Say that nothing more is taken."""
        with self._changed:
            self._is_left = True
            self._things.clear()
            self._changed.notify_all()

    def __iter__(self) -> Iterator[T]:
        """Take things out until there are no more."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._things or self._is_finished)
                if not self._things:
                    if self._error is not None:
                        raise self._error
                    return
                thing = self._things.popleft()
                self._changed.notify_all()
            yield thing


@contextmanager
def prefetch(things: Iterable[T], size: int) -> Iterator[Iterator[T]]:
    """Take things out of an iterable in a thread, before they are needed.

    Args:
        things: Where they come from; an error there is raised where they are needed.
        size: How many wait at most.

    Yields:
        An iterator over the same things.
    """
    channel: Channel[T] = Channel(size)

    def work() -> None:
        try:
            for thing in things:
                channel.put(thing)
        except ClosedError:
            return
        except BaseException as error:  # noqa: BLE001 - it is raised again on the other side
            channel.finish(error)
        else:
            channel.finish()

    thread = threading.Thread(target=work, name="tinct-prefetch", daemon=True)
    thread.start()
    try:
        yield iter(channel)
    finally:
        channel.leave()
        thread.join()


@contextmanager
def consume_in_thread(
    consume: Callable[[Iterator[T]], None], size: int
) -> Iterator[Callable[[T], None]]:
    """Do something with things in a thread, while others are being made.

    When the block ends, by an error or not, what was put in is still done. An error of the thread
    is raised at the next thing that is put in, or at the end.

    Args:
        consume: Does it, with all of them.
        size: How many wait at most.

    Yields:
        A function that puts a thing in.
    """
    channel: Channel[T] = Channel(size)
    failure: list[BaseException] = []

    def work() -> None:
        try:
            consume(iter(channel))
        except BaseException as error:  # noqa: BLE001 - it is raised again on the other side
            failure.append(error)
        channel.leave()

    thread = threading.Thread(target=work, name="tinct-consume", daemon=True)
    thread.start()
    try:
        yield channel.put
    except ClosedError:
        pass  # the failure says why
    finally:
        channel.finish()
        thread.join()
    if failure:
        raise failure[0]
