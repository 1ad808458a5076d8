"""The end of every benchmark: its result is shown, and written with what repeats it."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tinct.apps.photographs.plan import list_folder
from tinct.apps.report import write_json
from tinct.errors import InputError
from tinct.files import make_folder, write_atomically
from tinct.lab.evaluate.result import describe_machine, installed_versions


@dataclass(frozen=True, slots=True)
class Destination:
    """Where a result goes besides the terminal."""

    json: str | None = None  # a file, or - for stdout
    folder: Path | None = None  # for JSON and Markdown


def photographs_in(folder: str, count: int = 1) -> list[Path]:
    """Return the first photographs of a folder.

    Raises:
        InputError: There are none.
    """
    found = list_folder(Path(folder)).pictures[:count]
    if not found:
        raise InputError(f"{folder}: no photographs to measure with")
    return found


def publish(
    name: str,
    parts: Sequence[str],
    numbers: dict[str, object],
    method: str,
    rounds: int,
    destination: Destination,
) -> None:
    """Show a result, and write it where that was asked for.

    Args:
        name: Of the benchmark.
        parts: The result in Markdown.
        numbers: The same for programs.
        method: How it was measured.
        rounds: How often everything was timed.
        destination: Where it goes.

    Raises:
        OutputError: It cannot be written.
    """
    command = shlex.join(["python", "-m", "benchmarks", *sys.argv[1:]])
    machine, versions = describe_machine(), installed_versions()
    facts = {"command": command, "machine": machine, "versions": versions, "rounds": rounds}
    report = facts | numbers | {"method": method}
    made = ", ".join(f"{package} {number}" for package, number in versions.items())
    head = [f"# Speed: {name}", f"{machine}. {made}."]
    text = "\n\n".join([*head, *parts, method, f"`{command}`, {rounds} rounds."]) + "\n"
    if destination.json != "-":
        print(text)
    if destination.json is not None:
        write_json(report, destination.json)
    if destination.folder is not None:
        make_folder(destination.folder)
        write_json(report, str(destination.folder / f"bench-{name}.json"))
        write_atomically(text.encode(), destination.folder / f"bench-{name}.md", overwrite=True)
