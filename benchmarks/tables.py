"""The result of a benchmark, as JSON for programs and Markdown for people."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from benchmarks.folder import Folder, Single
from benchmarks.networks import Line
from tinct.apps.report import write_json
from tinct.files import make_folder, write_atomically
from tinct.lab.metrics.timing import Timing

METHOD = (
    "Every workload is warmed up, then all of a table with equal threads take turns, round by "
    "round, so that a machine that drifts drifts for all; medians over all runs, quartiles in "
    "brackets. Network: L* in memory to its answer in memory. Frame: 8-bit gray in memory to 8-bit "
    "color in memory, all of the runtime. Peers run in the same ONNX Runtime with the same "
    "options. MMAC: millions of multiplications of convolutions and matrix products with one "
    "picture of 256x256, counted on the graph."
)


@dataclass(frozen=True, slots=True)
class Result:
    """Everything about one benchmark."""

    command: str
    machine: str
    versions: dict[str, str]
    rounds: int
    lines: list[Line]
    folder: Folder
    singles: list[Single]
    install: dict[str, int]  # bytes of each package


def to_json(result: Result) -> dict[str, object]:
    """Return all facts and numbers; times in seconds, sizes in bytes."""
    return asdict(result) | {"method": METHOD}


def to_markdown(result: Result) -> str:
    """Render tables, with what is needed to repeat them."""
    networks = [line for line in result.lines if line.kind == "network"]
    frames = [line for line in result.lines if line.kind == "frame"]
    made = ", ".join(f"{name} {number}" for name, number in result.versions.items())
    parts = [
        "# Benchmark",
        f"{result.machine}. {made}.",
        "## The network alone",
        _network_table(networks),
        "## From a gray frame to a colored one",
        _frame_table(frames),
        "## Photographs",
        _folder_text(result.folder),
        *(_single_text(single) for single in result.singles),
        _install_text(result.install),
        "## Method",
        METHOD,
        f"`{result.command}`, {result.rounds} rounds.",
    ]
    return "\n\n".join(parts) + "\n"


def publish(
    name: str, text: str, report: dict[str, object], json: str | None, output: Path | None
) -> None:
    """Show a result, and write it where that was asked for.

    Args:
        name: Of the files, without suffix.
        text: The result in Markdown.
        report: The same for programs.
        json: Where it goes as JSON as well, if anywhere: a file, or ``-`` for stdout.
        output: Folder for JSON and Markdown, if any.

    Raises:
        OutputError: It cannot be written.
    """
    if json != "-":
        print(text)
    if json is not None:
        write_json(report, json)
    if output is not None:
        make_folder(output)
        write_json(report, str(output / f"{name}.json"))
        write_atomically(text.encode(), output / f"{name}.md", overwrite=True)


def _network_table(lines: Sequence[Line]) -> str:
    head = (
        "| network | parameters | MMAC | precision | device | threads | sees | ms | p95 "
        "| per second | times as long |\n|---|---:|---:|---|---|---:|---|---:|---:|---:|---:|"
    )
    rows = []
    for line in lines:
        name = f"{line.model} ({line.note})" if line.note else line.model
        first = _reference(line, lines)
        ratio = f"{line.timing.median / first.timing.median:.2f}" if first else ""
        cost = (_number(line.parameters, 0), _number(line.mmac, 1))
        where = (line.precision, line.device, str(line.threads), f"{line.width}x{line.height}")
        rows.append(row(name, *cost, *where, *_times(line.timing), ratio))
    return "\n".join([head, *rows])


def _reference(line: Line, lines: Sequence[Line]) -> Line | None:
    """Return the first network that ran on the same device, threads and size."""
    place = (line.device, line.threads, line.width, line.height)
    same = (o for o in lines if (o.device, o.threads, o.width, o.height) == place)
    return next(same, None)


def _frame_table(lines: Sequence[Line]) -> str:
    head = (
        "| frame | model | precision | device | threads | ms | p95 | frames per second |\n"
        "|---|---|---|---|---:|---:|---:|---:|"
    )
    rows = [
        row(
            f"{i.width}x{i.height}",
            i.model,
            i.precision,
            i.device,
            str(i.threads),
            *_times(i.timing),
        )
        for i in lines
    ]
    return "\n".join([head, *rows])


def _times(timing: Timing) -> tuple[str, str, str]:
    median, low, high, p95 = (1000 * t for t in (timing.median, timing.p25, timing.p75, timing.p95))
    return f"{median:.1f} [{low:.1f}, {high:.1f}]", f"{p95:.1f}", f"{1000 / median:.1f}"


def _number(value: float | None, decimals: int) -> str:
    return "" if value is None else f"{value:,.{decimals}f}"


def row(*cells: str) -> str:
    """Return a row of a table in Markdown."""
    return f"| {' | '.join(cells)} |"


def _folder_text(folder: Folder) -> str:
    color, copy_color, copy_gray = (
        f"{t.median:.2f} s [{t.p25:.2f}, {t.p75:.2f}]"
        for t in (folder.color, folder.copy_color, folder.copy_gray)
    )
    return (
        f"A folder of {folder.photographs}, {folder.jobs} at a time, {folder.color.runs} rounds: "
        f"colored in {color}, {folder.ratio_to_copy_gray:.2f} times decoding and encoding alone "
        f"({copy_gray}), {folder.ratio_to_copy_color:.2f} times decoding, and encoding the "
        f"colored ones ({copy_color})."
    )


def _single_text(single: Single) -> str:
    memory = single.peak_memory
    held = f"; at most {memory / 1e6:.0f} MB of memory" if memory is not None else ""
    return (
        f"One photograph of {single.megapixels:g} megapixels from the shell, the whole process: "
        f"{single.cold_start}{held}."
    )


def _install_text(sizes: dict[str, int]) -> str:
    largest = sorted(sizes, key=lambda name: -sizes[name])[:3]
    named = ", ".join(f"{name} {sizes[name] / 1e6:.0f} MB" for name in largest)
    return (
        f"Installed: {sum(sizes.values()) / 1e6:.0f} MB with all that it needs ({named}), of which "
        f"tinct itself {sizes['tinct'] / 1e6:.1f} MB."
    )
