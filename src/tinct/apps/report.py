"""The reports of runs: as JSON for programs, and as Markdown for people."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from tinct.apps.console import print_warning
from tinct.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


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
