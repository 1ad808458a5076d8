"""What the command line prints: every message goes to stderr, stdout is for data only."""

from __future__ import annotations

import shlex
import sys
from contextlib import contextmanager
from enum import IntEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.progress import Progress


class Verbosity(IntEnum):
    """Which messages are printed."""

    QUIET = 0  # errors alone
    NORMAL = 1  # errors, warnings, results
    VERBOSE = 2  # a line for each file as well


_verbosity = Verbosity.NORMAL  # of this process: set once, from the options of the command line


def set_verbosity(verbosity: Verbosity) -> None:
    """Choose which messages are printed from now on."""
    global _verbosity
    _verbosity = verbosity


def print_message(text: str, verbosity: Verbosity = Verbosity.NORMAL) -> None:
    """Print a message on one line, whatever a file name in it may hold.

    Args:
        text: The message.
        verbosity: The least verbosity at which it is printed.
    """
    if sys.stderr is None or _verbosity < verbosity:  # None under pythonw, which has no console
        return
    print(" ".join(text.splitlines()), file=sys.stderr, flush=True)


def print_error(text: str) -> None:
    """Print why something was not done."""
    print_message(f"tinct: error: {text}", Verbosity.QUIET)


def print_warning(text: str) -> None:
    """Print that something was done, but not as the user may expect."""
    print_message(f"tinct: warning: {text}")


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
    """Show a bar with count, rate and time left, unless it would be of no use.

    It is left out without a terminal, for a single thing and when messages are to be quiet.

    Args:
        total: How many things there are to do; None if nobody knows.
        unit: What is counted, in the plural.

    Yields:
        A function to call with the number of things done since the last call, 1 if left out.
    """
    is_single = total is not None and total < 2
    if is_single or _verbosity == Verbosity.QUIET or not is_terminal():
        yield lambda done=1: None
        return
    with make_progress(unit) as progress:
        task = progress.add_task(unit, total=total)
        yield lambda done=1: progress.advance(task, done)


def make_progress(unit: str) -> Progress:
    """Make a bar that lets lines printed meanwhile pass above it.

    Args:
        unit: What is counted, in the plural.
    """
    # Rich costs a twentieth of a second: a single photograph should not pay for it.
    from rich import progress
    from rich.console import Console
    from rich.text import Text

    class RateColumn(progress.ProgressColumn):
        """Things done a second, once there is a rate."""

        def render(self, task: progress.Task) -> Text:
            speed = task.finished_speed or task.speed
            rate = "" if speed is None else f"{speed:.1f} {unit}/s"
            return Text(rate, style="progress.data.speed")

    return progress.Progress(
        progress.TextColumn("{task.description}"),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        RateColumn(),
        progress.TextColumn("left"),
        progress.TimeRemainingColumn(),
        console=Console(stderr=True),
    )
