"""Workers on many machines: Ray's actors, each with a network of its own.

Plain actors and not Ray Data: its unit is a block of rows, which one broken item would take
along (``max_errored_blocks`` drops it, without it everything ends), a pool of actors keeps waiting
for one that has died, and its checkpoints know nothing of results that were written and not yet
told of. What goes over the network here are names and fates, never pixels, so there is nothing to
stream. An actor has one portion in hand: when it dies, on its own or with its machine, exactly that
portion is given out again, see ``crew``. Ray restarts nothing by itself (``max_restarts`` 0): an
actor that died is replaced by a new one, which gets work when Ray has found a place for it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

import ray
from ray.exceptions import ObjectLostError, OutOfMemoryError, RayActorError, RayTaskError

from tinct import __version__
from tinct.apps.archive.crew import Crew
from tinct.apps.archive.item import Fate, Item, Work
from tinct.apps.archive.worker import Worker
from tinct.errors import DeviceError, OptionError, TinctError

_OWN = {"include_dashboard": False, "object_store_memory": 100_000_000}
"""Of a cluster that is started for one run: names and fates need little room (bytes)."""


class _RayWorker:
    """A worker in a process of Ray's."""

    def __init__(self, work: Work, version: str) -> None:
        self._work, self._version = work, version
        self._worker: Worker | None = None

    def load(self) -> None:
        """Load the network: not in ``__init__``, whose errors would look like a dead machine."""
        if __version__ != self._version:
            raise DeviceError(f"tinct {__version__} on a machine of Ray's, {self._version} here")
        self._worker = Worker(self._work)

    def color(self, items: Sequence[Item], is_retried: bool) -> list[Fate]:
        """Color items, see ``Worker.color``."""
        assert self._worker is not None
        return self._worker.color(items, is_retried)


class RayCrew(Crew[Any]):
    """Workers in a cluster."""

    ended = (RayActorError, OutOfMemoryError, ObjectLostError)

    def __init__(self, work: Work, address: str, size: int | None) -> None:
        """Connect, and ask for workers.

        Args:
            work: How items are colored.
            address: ``auto`` for the cluster of this machine, ``local`` to start one, or HOST:PORT.
            size: How many workers; None: as many as there are processors now.

        Raises:
            OptionError: There is no cluster, or it cannot be used.
        """
        device = work.choices.photographs.device
        if device not in ("auto", "cpu"):
            raise OptionError(f"--ray colors on processors: leave --device {device} out")
        try:
            own = _OWN if address == "local" else {}
            ray.init(address=address, logging_level=logging.ERROR, log_to_driver=False, **own)
        except (ConnectionError, ValueError, RuntimeError) as error:
            reason = str(error).splitlines()[0]
            raise OptionError(
                f"--ray {address}: {reason} (ray start --head starts a cluster; one with a token "
                "is reached with RAY_AUTH_MODE=token)"
            ) from error
        self._make = ray.remote(num_cpus=1, max_restarts=0, max_task_retries=0)(_RayWorker)
        self._work = ray.put(work)
        processors = int(ray.available_resources().get("CPU", 1))
        super().__init__(size or max(1, processors))

    def start(self) -> tuple[Any, Future[None]]:
        """Ask for an actor."""
        actor = self._make.remote(self._work, __version__)
        return actor, actor.load.remote().future()

    def give(self, worker: Any, items: Sequence[Item], is_retried: bool) -> Future[list[Fate]]:
        """Have items colored by an actor."""
        future: Future[list[Fate]] = worker.color.remote(items, is_retried).future()
        return future

    def dismiss(self, worker: Any) -> None:
        """End an actor."""
        ray.kill(worker)

    def has_room(self) -> bool:
        """Tell whether an actor is free.

        Raises:
            TinctError: An actor cannot load the network.
        """
        try:
            return super().has_room()
        except RayTaskError as error:  # whose text is a traceback
            cause = error.cause
            raise cause if isinstance(cause, TinctError) else TinctError(str(cause)) from None

    def close(self) -> None:
        """End the actors, and leave the cluster."""
        super().close()
        ray.shutdown()
