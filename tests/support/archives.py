"""Workers that need no process to be started, and what an archive holds after a run."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from tinct.apps.archive.crew import Crew
from tinct.apps.archive.worker import Worker

if TYPE_CHECKING:
    from tinct.apps.archive.item import Fate, Item, Work


class ThreadCrew(Crew[ThreadPoolExecutor]):
    """Real workers with real networks, in threads of this process."""

    ended = ()

    def __init__(self, work: Work, size: int) -> None:
        self._work = work
        super().__init__(size)

    def start(self) -> tuple[ThreadPoolExecutor, Future[None]]:
        thread = ThreadPoolExecutor(1)

        def load() -> None:
            thread.worker = Worker(self._work)  # type: ignore[attr-defined]

        return thread, thread.submit(load)

    def give(self, worker: Any, items: Sequence[Item], is_retried: bool) -> Future[list[Fate]]:
        future: Future[list[Fate]] = worker.submit(worker.worker.color, items, is_retried)
        return future

    def dismiss(self, worker: ThreadPoolExecutor) -> None:
        worker.shutdown()


def rows_of(target: Path) -> list[dict[str, Any]]:
    """Return the status table of an archive, in the order of sources."""
    rows: list[dict[str, Any]] = pq.read_table(target / "tinct-archive" / "status").to_pylist()
    return sorted(rows, key=lambda row: str(row["source"]))


def results_in(folder: Path) -> dict[str, bytes]:
    """Return what was written for users, by its place."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix not in (".parquet", ".jsonl") and path.name != "lock"
    }
