"""Stages that work at the same time."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from tinct.apps.stages import consume_in_thread, prefetch


def test_things_come_through_in_their_order() -> None:
    done: list[int] = []
    with prefetch(iter(range(100)), 3) as things, consume_in_thread(done.extend, 3) as put:
        for thing in things:
            put(thing)
    assert done == list(range(100))


def test_no_more_are_taken_ahead_than_wanted() -> None:
    taken: list[int] = []
    waiting = threading.Event()

    def count() -> Iterator[int]:
        for number in range(100):
            taken.append(number)
            if number == 4:
                waiting.set()
            yield number

    with prefetch(count(), 3) as things:
        assert next(things) == 0
        assert waiting.wait(10)
        assert len(taken) <= 6
    assert not _own_threads()


def test_an_error_of_the_source_comes_after_what_went_well() -> None:
    def fail() -> Iterator[int]:
        yield 1
        raise ValueError("broken")

    with prefetch(fail(), 3) as things:
        assert next(things) == 1
        with pytest.raises(ValueError, match="broken"):
            next(things)
    assert not _own_threads()


def test_an_error_of_the_consumer_stops_who_puts_more_in() -> None:
    def fail(things: Iterator[int]) -> None:
        next(things)
        raise OSError("disk full")

    put_in: list[int] = []

    def work() -> None:
        with consume_in_thread(fail, 2) as put:
            while True:
                put(len(put_in))
                put_in.append(len(put_in))

    with pytest.raises(OSError, match="disk full"):
        work()
    assert len(put_in) < 5
    assert not _own_threads()


def test_what_was_put_in_is_done_when_the_block_is_left_by_an_error() -> None:
    done: list[int] = []

    def work() -> None:
        with consume_in_thread(done.extend, 9) as put:
            put(1)
            put(2)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        work()
    assert done == [1, 2]


def _own_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("tinct-")]
