"""The main job: the photographs that the user names, in color."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from functools import partial
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

from tinct import __version__
from tinct.apps.colorizer_options import ColorizerOptions
from tinct.apps.console import Verbosity, print_error, print_message, print_warning, progress_bar
from tinct.apps.photographs.batch import IN_COLOR, BatchOptions, run_batch
from tinct.apps.photographs.journal import Journal, deciding_options, split_finished
from tinct.apps.photographs.plan import STREAM, Naming, PhotographRecord, make_plan
from tinct.cores import choose_jobs, choose_threads, prepare_threads
from tinct.errors import OptionError, TinctError
from tinct.photographs import FORMATS, format_named
from tinct.spec import FILM_MODEL, PHOTOGRAPH_MODEL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinct.apps.photographs.known_colors import KnownColors
    from tinct.apps.photographs.plan import PhotographJob, Plan


@dataclass(frozen=True, slots=True)
class PhotographOptions:
    """What is done with photographs, besides how they are colored, read and written."""

    jobs: int | None = None  # pictures in work at once; None: by the processor
    sheets: bool = False  # write a side-by-side sheet for each
    choices: bool = False  # write only sheets to choose vividness and model from
    films: bool = False  # color the films that are found in folders as well
    hints: str | None = None  # a file that says what color things in the one photograph are
    references: tuple[str, ...] = ()  # pictures in color of the same things
    report: str | None = None  # where the report goes as JSON: a file, or ``-`` for stdout


@dataclass(slots=True)
class _PhotographRun:
    """A run and what has become of its inputs so far."""

    plan: Plan
    color: ColorizerOptions
    batch: BatchOptions
    options: PhotographOptions
    start: float = field(default_factory=time.perf_counter)
    records: list[PhotographRecord] = field(default_factory=list)


def color_photographs(
    inputs: Sequence[str],
    output: str | None = None,
    color: ColorizerOptions | None = None,
    batch: BatchOptions | None = None,
    options: PhotographOptions | None = None,
) -> int:
    """Color photographs, and print what became of them.

    Args:
        inputs: Files, folders, or ``-`` for stdin.
        output: A file, a folder, ``-`` for stdout, or None for names beside the inputs.
        color: How they are colored.
        batch: How they are read and written.
        options: What else is done.

    Returns:
        The exit code: 1 if any of them failed.

    Raises:
        OptionError: Inputs and outputs do not fit together, or an option has no sense.
        ModelError: The model cannot be used.
        DeviceError: The device cannot be used.
        OutputError: The report cannot be written, which is found out first where it can be.
        KeyboardInterrupt: The user stopped it; what is finished stays, and the report is written.
    """
    color = color or ColorizerOptions(PHOTOGRAPH_MODEL)
    batch = batch or BatchOptions()
    options = options or PhotographOptions()
    if options.report == STREAM and (output == STREAM or (output is None and STREAM in inputs)):
        raise OptionError("--json -: standard output takes the picture already")
    if options.choices:
        if options.sheets or color.vividness is not None:
            option = "--compare" if options.sheets else "--vividness"
            raise OptionError(f"--choices shows every vividness on one sheet: without {option}")
        # Sheets are JPEGs, unless an option or a suffix says otherwise
        is_named = output is not None and PurePath(output).suffix.lower() in FORMATS
        kind = batch.format or (None if is_named else "jpeg")
        batch = replace(batch, format=kind, recolor=True)
    asked = None if batch.format is None else format_named(batch.format)
    ending = "-choices" if options.choices else "-color"
    known = _read_known_colors(options, inputs, batch.max_pixels)
    plan = make_plan(inputs, Naming(output, asked, options.sheets, ending))
    _check_report(options.report, output, plan.jobs)
    run = _PhotographRun(plan, color, batch, options)
    if options.hints is not None and (len(plan.jobs) != 1 or plan.jobs[0].is_from_folder):
        raise OptionError(f"--hints {options.hints} is about one photograph: name that one alone")
    deciding = deciding_options(color, batch) | {"choices": options.choices}
    if known:
        deciding |= known.digests
    journal = Journal(color.model, deciding, batch.recolor)
    todo, decided = split_finished(plan.jobs, journal, batch.overwrite)
    others = [
        PhotographRecord(job.input_name, job.output_name, status, reason)
        for job, status, reason in decided
    ]
    for record in (*plan.decided, *others):
        _take(record, run)
    try:
        if todo:
            _color(todo, run, journal, known)
        if options.films:
            _color_films(run)
    except (KeyboardInterrupt, SystemExit):
        _complete(todo, run)
        _write_report(run)
        raise
    _complete(todo, run)
    _write_report(run)
    _print_summary(run)
    return int("failed" in [record.status for record in run.records])


def _read_known_colors(
    options: PhotographOptions, inputs: Sequence[str], max_pixels: int
) -> KnownColors | None:
    """Read hints and references before anything else is done, if there are any."""
    has_hints = options.hints is not None
    if options.choices and (has_hints or options.references):
        option = "--hints" if has_hints else "--reference"
        raise OptionError(f"--choices shows automatic colors: it goes without {option}")
    if has_hints and len(inputs) != 1:
        raise OptionError(f"--hints {options.hints} is about one photograph, not {len(inputs)}")
    if not (has_hints or options.references):
        return None
    from tinct.apps.photographs.known_colors import read_known_colors

    known = read_known_colors(options.hints, options.references, max_pixels)
    for text in known.warnings:
        print_warning(text)
    return known


def _color(
    jobs: Sequence[PhotographJob], run: _PhotographRun, journal: Journal, known: KnownColors | None
) -> None:
    """Load the model and color what is to be done."""
    from tinct.runtime import Colorizer  # ONNX Runtime: not for a run that finds everything done

    color, batch = run.color, run.batch
    at_once = choose_jobs(run.options.jobs, len(jobs))
    threads = choose_threads(color.threads, at_once)
    prepare_threads(at_once)

    def load(model: str) -> Colorizer:
        return Colorizer(
            model,
            vividness=color.vividness,
            cautious=color.cautious,
            saturation=color.saturation,
            device=color.device,
            threads=threads,
        )

    colorizer = load(color.model)
    with progress_bar(len(jobs), "photographs") as advance:

        def record_and_note(job: PhotographJob, record: PhotographRecord) -> None:
            _take(record, run)
            advance()
            if record.status == "done":
                journal.note(job, record.pages_in_color)

        if run.options.choices:
            from tinct.apps.photographs.sheet import Chooser

            other = FILM_MODEL if color.model == PHOTOGRAPH_MODEL else PHOTOGRAPH_MODEL
            chooser = Chooser({color.model: colorizer, other: load(other)})
            run_batch(jobs, chooser, batch, at_once, record_and_note)
        elif known:
            color_known = partial(known.color, colorizer=colorizer)
            run_batch(jobs, color_known, batch, at_once, record_and_note)
        else:
            run_batch(jobs, colorizer, batch, at_once, record_and_note)


def _color_films(run: _PhotographRun) -> None:
    """Color the films that were found in folders; one that fails does not stop the others."""
    from tinct.apps.films.color_film import color_film  # FFmpeg: only where there are films
    from tinct.apps.films.color_films import make_names_differ
    from tinct.apps.films.options import FilmOptions
    from tinct.files import make_folder
    from tinct.films.encoder import CONTAINERS

    model = FILM_MODEL if run.color.model == PHOTOGRAPH_MODEL else run.color.model
    color = replace(run.color, model=model)
    targets = make_names_differ(
        [
            place if place.suffix.lower() in CONTAINERS else place.with_suffix(".mp4")
            for _, place in run.plan.films
        ]
    )
    for (source, _), target in zip(run.plan.films, targets, strict=True):
        status: Literal["done", "skipped", "failed"] = "done"
        reason = None
        try:
            make_folder(target.parent)
            if target.exists() and not run.batch.overwrite:
                status, reason = "skipped", f"{target} is there already"
            else:
                options = FilmOptions(overwrite=run.batch.overwrite, mark=run.batch.mark)
                color_film(str(source), str(target), color, options)
        except TinctError as error:
            status, reason = "failed", str(error).removeprefix(f"{source}: ")
        _take(PhotographRecord(str(source), str(target), status, reason), run)


def _take(record: PhotographRecord, run: _PhotographRun) -> None:
    """Add the record of a file to a run, and print what went other than well with it.

    With --verbose, what went well is printed, too, unless it is all that the summary will say.
    """
    run.records.append(record)
    is_alone = len(run.plan.jobs) + len(run.plan.decided) == 1
    for text in record.warnings:
        print_warning(f"{record.input}: {text}")
    if record.status == "failed":
        print_error(f"{record.input}: {record.reason}")
    elif record.status == "skipped":
        important = record.reason == IN_COLOR
        least = Verbosity.NORMAL if important else Verbosity.VERBOSE
        if important or not is_alone:
            print_message(f"{record.input}: {record.reason}", least)
    elif record.status == "done" and record.width is not None and not is_alone:
        size = f"{record.width} x {record.height} pixels"
        line = f"{record.input} -> {record.output} ({size}, {record.seconds:.2f} s)"
        print_message(line, Verbosity.VERBOSE)


def _complete(todo: Sequence[PhotographJob], run: _PhotographRun) -> None:
    """Add records of the jobs that were not begun, and bring all into the order of the inputs."""
    known = {record.input for record in run.records}
    run.records += [
        PhotographRecord(job.input_name, job.output_name, "stopped", "not begun")
        for job in todo
        if job.input_name not in known
    ]
    order = {job.input_name: index for index, job in enumerate(run.plan.jobs)}
    run.records.sort(key=lambda record: order.get(record.input, -1))


def _check_report(report: str | None, output: str | None, jobs: Sequence[PhotographJob]) -> None:
    if report is None:
        return
    from tinct.apps.report import check_report

    outputs = [output, *(path for job in jobs for path in job.outputs)]
    check_report(report, outputs, (job.source for job in jobs))


def _write_report(run: _PhotographRun) -> None:
    """Write the report, if one is wanted."""
    if run.options.report is None:
        return
    from tinct.apps.report import write_json

    counts = Counter(record.status for record in run.records)
    films = [] if run.options.films else [str(film) for film, _ in run.plan.films]
    report = {
        "tinct": __version__,
        "options": asdict(run.color) | {"restore": run.batch.restore},
        "files": [asdict(record) for record in run.records],
        "left_out": run.plan.left_out.report() | {"films": films},
        "totals": {
            "files": len(run.records),
            **{status: counts[status] for status in ("done", "skipped", "failed", "stopped")},
            "seconds": round(time.perf_counter() - run.start, 3),
        },
    }
    write_json(report, run.options.report)


def _print_summary(run: _PhotographRun) -> None:
    """Print what the run did: one line, and one of what was left out."""
    records, seconds = run.records, time.perf_counter() - run.start
    first = records[0] if len(records) == 1 else None
    films = 0 if run.options.films else len(run.plan.films)
    named = f"{films} film{'' if films == 1 else 's'} (--films colors them, too)"
    left_out = run.plan.left_out.name_left_out(*([named] if films else []))
    if left_out:
        print_message(f"left out: {left_out}")
    counts = Counter(record.status for record in records)
    if first is not None and first.status == "done" and first.width is not None:
        size = f"{first.width} x {first.height} pixels"
        print_message(f"{first.input} -> {first.output} ({size}, {seconds:.2f} s)")
    elif first is not None and first.status == "skipped" and first.reason != IN_COLOR:
        print_message(f"{first.input}: skipped, {first.reason}")
    elif first is None or first.status == "done":
        sheets = sum(
            record.output is not None and record.output == record.sheet for record in records
        )
        done = counts["done"] - sheets
        text = f"{done} photograph{'' if done == 1 else 's'} colored in {seconds:.1f} s"
        if done:
            text += f" ({done / max(seconds, 1e-9):.1f}/s)"
        if sheets:
            text += f", {sheets} sheet{'' if sheets == 1 else 's'} written"
        in_color = sum(record.reason == IN_COLOR for record in records)
        if in_color:
            text += f", {in_color} in color already"
        if counts["skipped"] > in_color:
            skipped = counts["skipped"] - in_color
            text += f", {skipped} skipped (--overwrite does finished ones again)"
        if counts["failed"]:
            text += f", {counts['failed']} failed"
        print_message(text)
