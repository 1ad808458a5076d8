"""Work on the items of an iterable in threads, with the results in the items' order."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

GROUPS_AHEAD = 1
"""Groups taken ahead for each in work, so that a slow one does not make the others wait."""


def in_order(
    work: Callable[[list[Any]], list[Any]], items: Iterable[Any], *, jobs: int, batch: int
) -> Iterator[Any]:
    """Work on groups of items, several at a time.

    Args:
        work: Called in the threads with a group; returns as many outcomes: results, or errors.
        items: Taken in the thread that asks for results, as they are needed.
        jobs: Groups in work at once, each in a thread of its own.
        batch: Items in a group.

    Yields:
        The results, in the order of the items.

    Raises:
        Exception: That of an item, or of the iterable, in its turn; it ends the work.
    """
    waiting: deque[Future[list[Any]]] = deque()
    pool = ThreadPoolExecutor(jobs, thread_name_prefix="tinct")
    try:
        for group in _groups(items, batch):
            if isinstance(group, Exception):
                failed: Future[list[Any]] = Future()
                failed.set_result([group])
                waiting.append(failed)
                break
            waiting.append(pool.submit(work, group))
            if len(waiting) >= (1 + GROUPS_AHEAD) * jobs:
                yield from _outcomes(waiting.popleft())
        while waiting:
            yield from _outcomes(waiting.popleft())
    finally:
        pool.shutdown(cancel_futures=True)


def _groups(items: Iterable[Any], size: int) -> Iterator[list[Any] | Exception]:
    """Yield groups of so many items, the last perhaps smaller; an error of the items comes last."""
    group: list[Any] = []
    try:
        for item in items:
            group.append(item)
            if len(group) == size:
                yield group
                group = []
    except Exception as error:  # noqa: BLE001 - raised again behind the items before it
        if group:
            yield group
        yield error
        return
    if group:
        yield group


def _outcomes(future: Future[list[Any]]) -> Iterator[Any]:
    for outcome in future.result():
        if isinstance(outcome, Exception):
            raise outcome
        yield outcome
