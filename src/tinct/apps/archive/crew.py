"""Workers, and giving out work to them so that nothing is lost when one of them ends.

A worker has one portion in hand. When it ends, exactly that portion is given out again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from multiprocessing import get_context
from typing import Any, Generic, TypeVar

from tinct.apps.archive.item import Fate, Item, Work
from tinct.apps.archive.worker import LeavingError, color_here, load_here, prepare_process
from tinct.apps.console import print_warning
from tinct.errors import TinctError
from tinct.signals import FROM_TERMINAL, withheld_from_processes

_TOGETHER = 8
"""Photographs that a worker is given at once: asking for more costs a thousandth of a second."""
_MOST_ENDS = 3  # of workers over one item, besides the first
_MOST_IN_A_ROW = 100  # ends of workers without an item done
_PATIENCE_S = 60.0
_ENDED = "every process that colored it ended (not enough memory, or damage in the file)"

W = TypeVar("W")


class Crew(ABC, Generic[W]):
    """Workers of one kind, ``W``, that are given some items at a time.

    Attributes:
        ended: What a worker's future raises when the worker has ended.
    """

    ended: tuple[type[Exception], ...]

    def __init__(self, size: int) -> None:
        """Call the workers.

        Args:
            size: How many.
        """
        self._starting: dict[Future[None], W] = {}
        self._free: list[W] = []
        self._busy: dict[Future[list[Fate]], W] = {}
        self._num_lost = 0  # in a row, before they had loaded the network
        for _ in range(size):
            self._call_one()

    @abstractmethod
    def start(self) -> tuple[W, Future[None]]:
        """Start a worker.

        Returns:
            The worker, and what is done when it has loaded the network.
        """

    @abstractmethod
    def give(self, worker: W, items: Sequence[Item], is_retried: bool) -> Future[list[Fate]]:
        """Have items colored, see ``Worker.color``."""

    @abstractmethod
    def dismiss(self, worker: W) -> None:
        """End a worker, if it has not ended; what it has in hand is given up."""

    def has_room(self) -> bool:
        """Tell whether a worker is free; call another for each that has ended.

        Raises:
            TinctError: A worker cannot load the network.
        """
        for loaded in [future for future in self._starting if future.done()]:
            if isinstance(loaded.exception(), self.ended):
                self._num_lost += 1
                if self._num_lost > _MOST_IN_A_ROW:
                    raise TinctError("workers end while they load the network: not enough memory?")
                self.dismiss(self._starting.pop(loaded))
                self._call_one()
            else:
                loaded.result()  # of one that raises, the worker is still to be sent home
                self._num_lost = 0
                self._free.append(self._starting.pop(loaded))
        for finished in [future for future in self._busy if future.done()]:
            worker = self._busy.pop(finished)
            if isinstance(finished.exception(), self.ended):
                self.dismiss(worker)  # it may only have been out of reach
                self._call_one()
            else:
                self._free.append(worker)
        return bool(self._free)

    def starting(self) -> Collection[Future[None]]:
        """Return what is done when a worker is there."""
        return self._starting

    def submit(self, items: Sequence[Item], is_retried: bool) -> Future[list[Fate]]:
        """Give items to a free worker, see ``Worker.color``."""
        worker = self._free.pop()
        future = self.give(worker, items, is_retried)
        self._busy[future] = worker
        return future

    def close(self) -> None:
        """Send all workers home."""
        for worker in self.workers():
            self.dismiss(worker)

    def workers(self) -> tuple[W, ...]:
        """Return all workers, whatever they do."""
        return *self._free, *self._busy.values(), *self._starting.values()

    def _call_one(self) -> None:
        worker, loaded = self.start()
        self._starting[loaded] = worker


class ProcessCrew(Crew[ProcessPoolExecutor]):
    """Workers in processes on this machine.

    Each is an executor of its own with one process: when one process ends, an executor gives up all
    that it has.
    """

    ended = (BrokenProcessPool, LeavingError)

    def __init__(self, work: Work, size: int) -> None:
        """Start the processes.

        Args:
            work: How items are colored.
            size: How many.
        """
        self._work = work
        super().__init__(size)

    def start(self) -> tuple[ProcessPoolExecutor, Future[None]]:
        """Start a process."""
        # Forked, it would inherit the locks of threads that it does not have.
        worker = ProcessPoolExecutor(1, get_context("spawn"), prepare_process)
        with withheld_from_processes(FROM_TERMINAL):  # this process decides about them
            return worker, worker.submit(load_here, self._work)

    def give(
        self, worker: ProcessPoolExecutor, items: Sequence[Item], is_retried: bool
    ) -> Future[list[Fate]]:
        """Have items colored by a process."""
        try:
            return worker.submit(color_here, items, is_retried)
        except BrokenProcessPool as error:  # it has ended while it had nothing to do
            ended: Future[list[Fate]] = Future()
            ended.set_exception(error)
            return ended

    def dismiss(self, worker: ProcessPoolExecutor) -> None:
        """End a process."""
        _terminate(worker)
        worker.shutdown(wait=True, cancel_futures=True)

    def close(self) -> None:
        """Send all processes home: at the same time, as each finishes what it is writing."""
        for worker in self.workers():
            _terminate(worker)
        super().close()


def _terminate(worker: ProcessPoolExecutor) -> None:
    for process in tuple((worker._processes or {}).values()):  # until Python 3.14 has a method
        with suppress(ValueError):  # it is closed already
            process.terminate()


@dataclass(frozen=True, slots=True)
class _Portion:
    """Items of one part that a worker is given at once."""

    part: int
    items: Sequence[Item]
    num_ends: int = 0  # of workers that had them


def give_out(
    crew: Crew[W], parts: Iterable[tuple[int, Sequence[Item]]]
) -> Iterator[tuple[int, list[Fate]]]:
    """Have items colored.

    When a worker ends, its items are given out again, one by one: each is done, or has ended
    so many workers by itself that it has failed.

    Args:
        crew: Workers.
        parts: Numbers of parts, and the items in them; taken as they are needed.

    Yields:
        The number of a part, and what became of some of its items.

    Raises:
        TinctError: The workers cannot work at all.
    """
    fresh = (_Portion(number, some) for number, items in parts for some in _divide(items))
    again: deque[_Portion] = deque()
    running: dict[Future[list[Fate]], _Portion] = {}
    num_ends = 0  # in a row
    is_exhausted = False
    while True:
        while crew.has_room() and not (is_exhausted and not again):
            portion = again.popleft() if again else next(fresh, None)
            if portion is None:
                is_exhausted = True
                break
            running[crew.submit(portion.items, portion.num_ends > 0)] = portion
        if is_exhausted and not (running or again):
            return
        done = _wait(running, crew)
        for future in [future for future in running if future in done]:
            portion = running.pop(future)
            try:
                fates = future.result()
            except crew.ended:
                num_ends += 1
                if num_ends > _MOST_IN_A_ROW:
                    raise TinctError(
                        f"{num_ends} workers ended without coloring an item: not enough "
                        "memory? (--jobs with a smaller number needs less)"
                    ) from None
                fates = _retry(portion, again)
            else:
                num_ends = 0
            if fates:
                yield portion.part, fates


def _divide(items: Sequence[Item]) -> Iterator[Sequence[Item]]:
    """Yield what a worker is given at once: some photographs, or one film."""
    for is_film, group in groupby(items, key=lambda item: item.is_film):
        same = list(group)
        size = 1 if is_film else _TOGETHER
        for start in range(0, len(same), size):
            yield same[start : start + size]


def _wait(running: dict[Future[list[Fate]], _Portion], crew: Crew[W]) -> set[Future[Any]]:
    """Wait until something is done, or a worker is there."""
    while True:
        futures: list[Future[Any]] = [*running, *crew.starting()]
        done = wait(futures, _PATIENCE_S, FIRST_COMPLETED).done
        if done:
            return done
        if not running:
            print_warning("no worker is there yet: waiting for processors")


def _retry(portion: _Portion, again: deque[_Portion]) -> list[Fate]:
    """Have the items of a worker that has ended done again, unless one ended several."""
    if len(portion.items) == 1 and portion.num_ends >= _MOST_ENDS:
        item = portion.items[0]
        return [Fate(item, "failed", _ENDED, output_hash=item.result_hash)]
    ends = portion.num_ends + 1
    again.extend(_Portion(portion.part, [item], ends) for item in portion.items)
    return []
