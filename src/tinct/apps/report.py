"""The reports of runs: as JSON for programs, and as Markdown for people."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tinct.apps.console import print_warning
from tinct.errors import OptionError, OutputError
from tinct.files import check_can_write, reason_of, write_atomically

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


def check_report(
    destination: str | None,
    outputs: Iterable[str | Path | None] = (),
    sources: Iterable[str | Path | None] = (),
) -> None:
    """Find out before the work whether a report can be written, and replaces only a report.

    Args:
        destination: Name of the file, ``-`` for stdout, or None for no report.
        outputs: What else will be written: its folders are made on the way.
        sources: What is read.

    Raises:
        OptionError: A file is there that is no report, or is read.
        OutputError: The file cannot be written.
    """
    if destination is None or destination == "-":
        return
    target = Path(os.path.realpath(destination))
    others = (Path(os.path.realpath(output)) for output in outputs if output is not None)
    if not target.parent.is_dir() and any(other.is_relative_to(target.parent) for other in others):
        return
    check_can_write(destination, sources)
    if target.is_file():
        _check_is_report(destination)


def _check_is_report(path: str) -> None:
    """Refuse a file that does not begin as reports do; an empty one holds nothing to lose."""
    try:
        with open(path, "rb") as file:
            begin = file.read(1)
    except OSError as error:
        raise OutputError(f"{path}: {reason_of(error)}") from error
    if begin not in (b"", b"{"):
        what_helps = "choose another name for the report, or - for standard output"
        raise OptionError(f"{path}: there already, and not a report; {what_helps}")


def write_json(report: Mapping[str, object], destination: str) -> None:
    """Write a report to a file, whole or not at all, or to stdout.

    Args:
        report: What to write.
        destination: Name of the file, or ``-`` for stdout.

    Raises:
        OutputError: The file cannot be written.
    """
    text = json.dumps(report, indent=2) + "\n"
    if destination == "-":
        sys.stdout.write(text)
        return
    write_atomically(text.encode(), destination, overwrite=True)


def publish_markdown(text: str, broken: Sequence[str], path: Path | None) -> int:
    """Print a report of measurements, write it to a file as well, and warn of what is not in it.

    Args:
        text: The report.
        broken: Photographs that could not be read, each with the reason.
        path: The file; None for no file.

    Returns:
        The exit code: 1 if a photograph could not be read.

    Raises:
        OutputError: The file cannot be written.
    """
    sys.stdout.write(f"{text}\n")
    if path:
        write_atomically(text.encode(errors="surrogateescape"), path, overwrite=True)
    for reason in broken:
        print_warning(reason)
    return int(bool(broken))
