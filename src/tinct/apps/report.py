"""The report of a run as JSON."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from tinct.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping


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
