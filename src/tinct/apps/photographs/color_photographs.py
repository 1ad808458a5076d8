"""The main job: the photographs that the user names, in color."""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import TYPE_CHECKING

from tinct.apps.colorizer_options import ColorizerOptions
from tinct.apps.console import print_message
from tinct.apps.photographs.batch import (
    BatchOptions,
    announce,
    choose_jobs,
    choose_threads,
    run_batch,
    split_finished,
)
from tinct.apps.photographs.plan import STREAM, Naming, make_plan
from tinct.apps.report import build_report, summarize, write_json
from tinct.errors import OptionError
from tinct.photographs import format_named

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinct.apps.photographs.plan import Job
    from tinct.apps.report import FileRecord


def color_photographs(
    inputs: Sequence[str],
    output: str | None = None,
    color: ColorizerOptions | None = None,
    files: BatchOptions | None = None,
    *,
    sheets: bool = False,
    json: str | None = None,
) -> int:
    """Color photographs, and tell the user about it.

    Args:
        inputs: Files, folders, or ``-`` for stdin.
        output: A file, a folder, ``-`` for stdout, or None for names beside the inputs.
        color: How they are colored.
        files: How they are read and written.
        sheets: Whether to write a side-by-side sheet for each.
        json: Where the report goes, if one is wanted: a file, or ``-`` for stdout.

    Returns:
        The exit code: 1 if any of them failed.

    Raises:
        OptionError: Inputs and outputs do not fit together, or an option has no sense.
        ModelError: The model cannot be used.
        DeviceError: The device cannot be used.
        OutputError: The report cannot be written.
    """
    start = time.perf_counter()
    color = color or ColorizerOptions()
    files = files or BatchOptions()
    if json == STREAM and (output == STREAM or (output is None and STREAM in inputs)):
        raise OptionError("--json -: standard output takes the picture already")
    asked = None if files.format is None else format_named(files.format)
    plan = make_plan(inputs, Naming(output, asked, sheets))
    todo, finished = split_finished(plan.jobs, files.overwrite)
    records = [*plan.settled, *finished]
    for record in records:
        announce(record)
    if todo:
        records += _color(todo, color, files)
    order = {job.input_name: index for index, job in enumerate(plan.jobs)}
    records.sort(key=lambda record: order.get(record.input, -1))
    return _close(records, color, time.perf_counter() - start, json)


def _color(jobs: Sequence[Job], color: ColorizerOptions, files: BatchOptions) -> list[FileRecord]:
    from tinct.runtime import Colorizer  # ONNX Runtime: not for a run that finds everything done

    colorizer = Colorizer(
        color.model,
        vividness=color.vividness,
        cautious=color.cautious,
        saturation=color.saturation,
        device=color.device,
        threads=choose_threads(color.threads, choose_jobs(files.jobs, len(jobs))),
    )
    return run_batch(jobs, colorizer, files)


def _close(
    records: Sequence[FileRecord], color: ColorizerOptions, seconds: float, json: str | None
) -> int:
    """Report what was done, and choose the exit code."""
    if json is not None:
        write_json(build_report(records, asdict(color), seconds), json)
    failed = any(record.status == "failed" for record in records)
    if len(records) > 1 or not failed:  # otherwise the error has said it all
        print_message(summarize(records, seconds))
    return int(failed)
