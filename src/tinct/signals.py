"""Signals that end a program, and the processes that it begins."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_CLOSED = [signal.SIGHUP] if hasattr(signal, "SIGHUP") else []  # the terminal; not on Windows
FROM_TERMINAL = [signal.SIGINT, *_CLOSED]
"""Signals that a terminal sends to all processes of a program."""
STOPPING = [*FROM_TERMINAL, signal.SIGTERM]
"""All that ask a program to end."""
_HAS_MASK = hasattr(signal, "pthread_sigmask")


def endings() -> list[signal.Signals]:
    """Return the signals besides Ctrl-C that end this program: not those that nohup has ignored."""
    return [
        number
        for number in (signal.SIGTERM, *_CLOSED)
        if signal.getsignal(number) != signal.SIG_IGN
    ]


@contextmanager
def withheld(signals: Iterable[signal.Signals]) -> Iterator[None]:
    """Withhold signals for a while, from what would make other errors of them.

    Args:
        signals: They come when the block is over; on Windows at once, as ever.
    """
    if not _HAS_MASK:
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def withheld_from_processes(signals: Iterable[signal.Signals]) -> Iterator[None]:
    """Withhold signals from processes that are begun in a block, for good, see ``withheld``.

    One that is just beginning could do no more than die of them, with a traceback, before it is
    told to leave them to the process that has begun it.
    """
    if _HAS_MASK:
        from multiprocessing import resource_tracker

        resource_tracker.ensure_running()  # which would let Ctrl-C through when it begins
    with withheld(signals):
        yield
