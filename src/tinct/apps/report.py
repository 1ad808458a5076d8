"""What became of each file: records, the JSON report and the closing line."""

from __future__ import annotations

import json
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Literal

from tinct import __version__
from tinct.files import write_atomically

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Status = Literal["done", "skipped", "failed"]


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What became of one input."""

    input: str  # as the user would name it
    output: str | None  # None when no output could be planned
    status: Status
    reason: str | None = None  # why it was skipped or failed
    warnings: tuple[str, ...] = ()
    width: int | None = None  # of the picture as shown, in pixels
    height: int | None = None
    seconds: float = 0.0  # from the start of reading to the end of writing
    sheet: str | None = None  # the side-by-side sheet, when one was asked for


def build_report(
    records: Sequence[FileRecord], options: Mapping[str, object], seconds: float
) -> dict[str, object]:
    """Collect everything that the JSON report holds.

    Args:
        records: One for each input, in the order of the inputs.
        options: What the pictures were colored with.
        seconds: Wall time of the whole run.
    """
    counts = Counter(record.status for record in records)
    totals = {status: counts[status] for status in ("done", "skipped", "failed")}
    return {
        "tinct": __version__,
        "options": dict(options),
        "files": [asdict(record) for record in records],
        "totals": {"files": len(records), **totals, "seconds": round(seconds, 3)},
    }


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


def summarize(records: Sequence[FileRecord], seconds: float) -> str:
    """Say in one line what a run did.

    Args:
        records: One for each input.
        seconds: Wall time of the whole run.
    """
    counts = Counter(record.status for record in records)
    if len(records) == 1 and counts["done"]:
        record = records[0]
        size = f"{record.width} x {record.height}"
        return f"{record.input} -> {record.output} ({size} pixels, {seconds:.2f} s)"
    if len(records) == 1 and counts["skipped"]:
        return f"{records[0].input}: skipped, {records[0].reason}"
    parts = [_count(counts["done"], "photograph") + f" colored in {seconds:.1f} s"]
    if counts["done"]:
        parts[0] += f" ({counts['done'] / max(seconds, 1e-9):.1f}/s)"
    if counts["skipped"]:
        parts.append(f"{counts['skipped']} skipped (--overwrite does finished ones again)")
    if counts["failed"]:
        parts.append(f"{counts['failed']} failed")
    return ", ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("" if number == 1 else "s")
