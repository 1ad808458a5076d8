"""What the command line says: every message goes to stderr, stdout is for data only."""

from __future__ import annotations

import shlex
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator


def say(text: str) -> None:
    """Print one message to stderr, on one line whatever a file name may hold."""
    line = " ".join(text.splitlines())
    if sys.stderr is not None:  # None under pythonw, which has no console
        print(line, file=sys.stderr, flush=True)


def complain(text: str) -> None:
    """Say that something went wrong."""
    say(f"tinct: error: {text}")


def warn(text: str) -> None:
    """Say that something was done, but not as the user may expect."""
    say(f"tinct: warning: {text}")


def is_terminal() -> bool:
    """Tell whether someone is looking at stderr."""
    return sys.stderr is not None and sys.stderr.isatty()


def command_line() -> str:
    """Return what the user typed, as a shell would take it again."""
    return shlex.join(["tinct", *sys.argv[1:]])


class Advance(Protocol):
    """Counts things that are done."""

    def __call__(self, done: int = 1) -> None:
        """Count some more."""


@contextmanager
def progress_bar(total: int | None, unit: str) -> Iterator[Advance]:
    """Show a bar with count, rate and time left; nothing without a terminal or for a single thing.

    Args:
        total: How many things there are to do; None if nobody knows.
        unit: What is counted, in the plural.

    Yields:
        A function to call with the number of things done since the last call, 1 if left out.
    """
    if (total is not None and total < 2) or not is_terminal():
        yield lambda done=1: None
        return
    # Rich costs a twentieth of a second: a single photograph should not pay for it.
    from tinct.apps.progress import make_progress

    with make_progress(unit) as progress:
        task = progress.add_task(unit, total=total)
        yield lambda done=1: progress.advance(task, done)
