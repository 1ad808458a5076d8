"""A worker: one network with one thread, and the photographs that it is given, or one film.

Reading the next photographs and writing the last ones goes on in threads while one is colored, so
that nobody waits for a disk, or for an object store that takes its time to answer.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import socket
import threading
import time
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import wait as wait_for
from pathlib import Path
from typing import TYPE_CHECKING

from tinct.apps.archive import storage
from tinct.apps.archive.item import Fate, Item, Work
from tinct.apps.console import Verbosity, set_verbosity
from tinct.apps.photographs.batch import choose_format, explain, read_found
from tinct.apps.photographs.journal import model_digest
from tinct.cores import prepare_threads
from tinct.errors import ModelError, OutputError, TinctError
from tinct.photographs import encode_with_losses
from tinct.runtime import Colorizer

if TYPE_CHECKING:
    from collections.abc import Sequence

_READ_AHEAD = 3  # photographs in memory that wait to be colored
_WRITTEN_AT_ONCE = 3  # and to be written
THERE = "is there already, and not known to be tinct's (--overwrite replaces it)"
_RECOVERED = "the result was written by a process that ended before it could tell of it"


class LeavingError(Exception):
    """The process is about to end: what it has in hand is for another one."""


class _ThereError(Exception):
    """There is a file where the result should go, and nothing is known of it."""


class _RecoveredError(Exception):
    """The result is there: a worker has written it, and ended before it could tell."""


@dataclass(frozen=True, slots=True)
class _Loaded:
    data: bytes
    hash: str
    seconds: float


class Worker:
    """Colors items of an archive."""

    def __init__(self, work: Work) -> None:
        """Load the network.

        Raises:
            ModelError, DeviceError: It cannot be used, or is not the one of the other workers.
        """
        self._work = work
        self.name = f"{socket.gethostname()}:{os.getpid()}"
        prepare_threads(jobs=2)  # processes share the processor as the threads of one do
        for basis in (work.photographs, work.films):
            if model_digest(basis.model) != basis.model_hash:
                raise ModelError(f"{basis.model}: on {self.name} this is another model file")
        color = work.choices.photographs
        self._color = Colorizer(
            color.model,
            vividness=color.vividness,
            cautious=color.cautious,
            saturation=color.saturation,
            device=color.device,
            threads=1,
        )
        self._readers = ThreadPoolExecutor(_READ_AHEAD, thread_name_prefix="tinct-read")
        self._writers = ThreadPoolExecutor(_WRITTEN_AT_ONCE, thread_name_prefix="tinct-write")

    def color(self, items: Sequence[Item], is_retried: bool) -> list[Fate]:
        """Color items; what goes wrong with one is its own fate.

        Args:
            items: Some photographs, or one film.
            is_retried: A worker that had them has ended: what it has written is not done again.

        Returns:
            What became of them, in their order.

        Raises:
            LeavingError: Nothing can be colored any more.
        """
        if items[0].is_film:
            return [self._color_film(item, is_retried) for item in items]
        loading = deque(
            self._readers.submit(self._load, item, is_retried) for item in items[:_READ_AHEAD]
        )
        writing: list[Future[Fate]] = []
        for index, item in enumerate(items):
            if index >= _WRITTEN_AT_ONCE:
                writing[index - _WRITTEN_AT_ONCE].exception()  # no more than these in memory
            loaded = loading.popleft()
            writing.append(self._color_one(item, loaded, is_retried))
            if index + _READ_AHEAD < len(items):
                following = items[index + _READ_AHEAD]
                loading.append(self._readers.submit(self._load, following, is_retried))
        return [future.result() for future in writing]

    def finish_writing(self) -> None:
        """Wait until nothing is half written; nothing can be colored any more."""
        self._writers.shutdown(wait=True)

    def _load(self, item: Item, is_retried: bool) -> _Loaded:
        start = time.perf_counter()
        self._check_place(item, is_retried)
        data = storage.read(item.source)
        digest = hashlib.sha256(data).hexdigest()
        item.check_hash(digest)
        return _Loaded(data, digest, time.perf_counter() - start)

    def _color_one(self, item: Item, loading: Future[_Loaded], is_retried: bool) -> Future[Fate]:
        """Color one; its fate is known when it is written."""
        batch = self._work.choices.batch
        try:
            loaded = loading.result()
            start = time.perf_counter()
            before = read_found(loaded.data, item.source, batch)
            after = self._color(before)
            format_name = choose_format(after, batch, Path(item.place))
            data, lost = encode_with_losses(after, format_name, batch.quality, batch.mark)
            height, width = after.pixels.shape[:2]
            fate = Fate(
                item,
                "done",
                warnings=(*item.notes, *after.warnings, *lost),
                width=width,
                height=height,
                seconds=loaded.seconds + time.perf_counter() - start,
                hash=loaded.hash,
                output_size=len(data),
                worker=self.name,
            )
        except Exception as error:  # noqa: BLE001 - a bug met in one item ends no other
            failed: Future[Fate] = Future()
            failed.set_result(self._fate_of(item, error))
            return failed
        try:
            return self._writers.submit(self._write, fate, data, is_retried)
        except RuntimeError as error:  # nothing more is written
            raise LeavingError from error

    def _write(self, fate: Fate, data: bytes, is_retried: bool) -> Fate:
        start = time.perf_counter()
        item = fate.item
        overwrite = self._may_replace(item) or is_retried  # then it is the same to the byte
        try:
            storage.write(self._target_of(item), data, overwrite=overwrite)
        except Exception as error:  # noqa: BLE001 - as above
            return self._fate_of(item, error)
        seconds = (fate.seconds or 0) + time.perf_counter() - start
        return replace(fate, seconds=seconds, output_hash=hashlib.sha256(data).hexdigest())

    def _color_film(self, item: Item, is_retried: bool) -> Fate:
        # It imports the records, which import this module, and Arrow: not for photographs.
        from tinct.apps.archive.films import color_film, workshop

        try:
            self._check_place(item, is_retried)
            path = workshop(self._work.target, item.place)
            fate = color_film(item, self._work.choices, path, self._work.film_jobs)
            overwrite = self._may_replace(item) or is_retried
            storage.put(path, self._target_of(item), overwrite=overwrite)
        except Exception as error:  # noqa: BLE001 - as above
            return self._fate_of(item, error)
        return replace(fate, worker=self.name)

    def _check_place(self, item: Item, is_retried: bool) -> None:
        """See to it that nothing is replaced that must not be.

        Raises:
            OutputError: The result would replace the item itself.
            _RecoveredError, _ThereError: The result is there, or something else.
        """
        target = self._target_of(item)
        if storage.is_same(item.source, target):
            raise OutputError("its result would overwrite it; choose another place with -o")
        if not self._may_replace(item) and storage.exists(target):
            raise _RecoveredError if is_retried else _ThereError
        if not is_retried and self._is_retouched(item, target):
            raise _ThereError

    def _is_retouched(self, item: Item, target: str) -> bool:
        """Tell whether the result to be replaced is not as tinct has written it."""
        if item.result_hash is None or self._work.choices.batch.overwrite:
            return False
        return storage.exists(target) and storage.digest_of(target) != item.result_hash

    def _may_replace(self, item: Item) -> bool:
        return item.is_repeated or self._work.choices.batch.overwrite

    def _fate_of(self, item: Item, error: Exception) -> Fate:
        target = self._target_of(item)
        if isinstance(error, _RecoveredError):
            return recovered(item, self.name)
        kept = self._hash_of_earlier(item)
        if isinstance(error, _ThereError):
            reason = f"{target} {THERE}"
            return Fate(item, "skipped", reason, output_hash=kept, worker=self.name)
        status, reason = explain(error)
        assert status != "stopped"
        reason = reason.removeprefix(f"{item.source}: ")
        return Fate(item, status, reason, output_hash=kept, worker=self.name)

    def _hash_of_earlier(self, item: Item) -> str | None:
        """Return the hash of an earlier result of tinct's, by which a later run knows it."""
        overwrites = self._work.choices.batch.overwrite  # it may be anybody's then
        if item.result_hash is None and item.is_repeated and not overwrites:
            with suppress(TinctError):  # none is there
                return storage.digest_of(self._target_of(item))
        return item.result_hash

    def _target_of(self, item: Item) -> str:
        return storage.join(self._work.target, item.place)


def recovered(item: Item, worker: str | None = None) -> Fate:
    """Return the fate of one whose result is there, and of which nothing else is known."""
    return Fate(item, "done", _RECOVERED, worker=worker)


_worker: Worker | None = None  # of this process


def prepare_process() -> None:
    """Make a process a good worker: it ends with the one that gives out work, and not before.

    Ctrl-C reaches both, and the other one decides. What is being written is finished.
    """
    parent = multiprocessing.parent_process()
    told, tell = multiprocessing.Pipe(duplex=False)

    def leave() -> None:
        wait_for([told] if parent is None else [told, parent.sentinel])
        if _worker is not None:
            _worker.finish_writing()
        os._exit(1)

    # A handler of signals may interrupt anything: it takes no lock, but tells a thread.
    signal.signal(signal.SIGTERM, lambda *_: os.write(tell.fileno(), b"-"))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=leave, name="tinct-leave", daemon=True).start()


def load_here(work: Work) -> None:
    """Make the worker of this process.

    Raises:
        ModelError, DeviceError: As of ``Worker``.
    """
    global _worker
    set_verbosity(Verbosity.QUIET)  # what is to be said of an item is part of its fate
    _worker = Worker(work)


def color_here(items: Sequence[Item], is_retried: bool) -> list[Fate]:
    """Color items by the worker of this process, see ``Worker.color``."""
    assert _worker is not None
    return _worker.color(items, is_retried)
