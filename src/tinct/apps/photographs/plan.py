"""Which file becomes which: inputs are collected and outputs named before any work starts."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from tinct.apps.report import FileRecord
from tinct.errors import OptionError
from tinct.files import reason_of
from tinct.photographs.formats import FORMATS, Format, format_of_path

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

STREAM = "-"  # stands for stdin among the inputs and for stdout as the output


@dataclass(frozen=True, slots=True)
class Job:
    """One picture to color."""

    source: Path | None  # None: stdin
    target: Path | None  # None: stdout
    sheet: Path | None = None  # where the side-by-side sheet goes, if one is wanted

    @property
    def input_name(self) -> str:
        """Name of the input as a message shows it."""
        return "standard input" if self.source is None else str(self.source)

    @property
    def output_name(self) -> str:
        """Name of the output as a message shows it."""
        return "standard output" if self.target is None else str(self.target)

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Every file that this job writes."""
        return tuple(path for path in (self.target, self.sheet) if path is not None)


@dataclass(frozen=True, slots=True)
class Naming:
    """How outputs are named."""

    output: str | None  # as the user gave it: a file, a folder, ``-``, or None for beside the input
    format: Format | None = None  # the format asked for; None keeps the input's
    sheets: bool = False  # whether a side-by-side sheet is wanted for each picture


@dataclass(slots=True)
class Plan:
    """What to do, and which inputs were settled without any work."""

    jobs: list[Job] = field(default_factory=list)
    settled: list[FileRecord] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Found:
    """A file among the inputs."""

    path: Path
    folder: Path | None  # the folder it was found in, when a folder was named

    @property
    def place(self) -> Path:
        """Where it goes below an output folder."""
        return Path(self.path.name) if self.folder is None else self.path.relative_to(self.folder)


def make_plan(inputs: Sequence[str], naming: Naming) -> Plan:
    """Collect the inputs and name their outputs.

    A folder is searched with everything below it for files whose suffix is that of a picture; its
    tree is kept below the output folder. A file that is named is always taken, whatever its name.

    Args:
        inputs: Files, folders, or a single ``-`` for stdin.
        naming: How outputs are named.

    Raises:
        OptionError: The inputs and the output do not fit together, or two inputs would become the
            same file.
    """
    if STREAM in inputs:
        return Plan(jobs=[_plan_stream(inputs, naming)])
    plan = Plan()
    found = list(_collect(inputs, naming, plan))
    mode = _choose_mode(inputs, found, naming)
    plan.jobs = list(dict.fromkeys(_name_output(item, mode, naming) for item in found))
    if naming.output is None:
        _leave_out_results(plan)
    _check_collisions(plan.jobs)
    return plan


def _plan_stream(inputs: Sequence[str], naming: Naming) -> Job:
    if len(inputs) > 1:
        raise OptionError("-: standard input cannot be mixed with other inputs")
    if naming.output is None or naming.output == STREAM:
        if naming.sheets:
            raise OptionError("--compare needs an output file to put the sheet beside: add -o")
        return Job(None, None)
    target = Path(naming.output)
    if _means_folder(naming.output):
        raise OptionError(
            f"-o {naming.output}: standard input needs a file name, or -, to write to"
        )
    _check_suffix(target, naming)
    return Job(None, target, _sheet_of(target, naming))


def _collect(inputs: Sequence[str], naming: Naming, plan: Plan) -> Iterator[_Found]:
    output = None if naming.output in (None, STREAM) else Path(str(naming.output)).resolve()
    for name in inputs:
        path = Path(name)
        if not path.is_dir():
            yield _Found(path, None)
            continue
        # Results of an earlier run may lie inside the folder itself: they are not inputs.
        ignored = {output} - {path.resolve(), None}
        unreadable: list[OSError] = []
        pictures = list(list_pictures(path, ignored, unreadable.append))
        for error in unreadable:
            plan.settled.append(_fail(str(error.filename), reason_of(error)))
        if not pictures and not unreadable:
            plan.settled.append(_fail(name, "no pictures in this folder"))
        yield from (_Found(file, path) for file in pictures)


def _fail(name: str, reason: str) -> FileRecord:
    return FileRecord(name, None, "failed", reason)


def list_pictures(
    folder: Path,
    ignored: Collection[Path | None] = (),
    on_error: Callable[[OSError], None] | None = None,
) -> Iterator[Path]:
    """Yield the files below a folder that have the suffix of a picture, in alphabetical order.

    Args:
        folder: Where to look; what is hidden is passed over.
        ignored: Folders to pass over as well, resolved.
        on_error: Called for each folder that cannot be read; by default those are passed over.
    """
    for root, folders, files in os.walk(folder, onerror=on_error):
        here = Path(root)
        folders[:] = sorted(
            name for name in folders
            if not name.startswith(".") and (here / name).resolve() not in ignored
        )  # fmt: skip
        visible = (here / name for name in sorted(files) if not name.startswith("."))
        for path in visible:
            known = FORMATS.get(path.suffix.lower())
            if known is not None and not known.extra:
                yield path


def _default_folder(folder: Path) -> Path:
    """Name the folder that results of a folder go to when none is given."""
    whole = folder.resolve()  # "." has no name of its own
    if not whole.name:
        raise OptionError(f"{folder}: name a folder for the results with -o")
    if folder.name in ("", ".."):
        return whole.with_name(f"{whole.name}-color")
    return folder.with_name(f"{folder.name}-color")


def _means_folder(output: str) -> bool:
    path = Path(output)
    if path.exists():
        return path.is_dir()
    return output.endswith(("/", os.sep)) or not path.suffix


def _choose_mode(inputs: Sequence[str], found: Sequence[_Found], naming: Naming) -> str:
    """Decide what the output is: "beside", "stdout", "file" or "folder"."""
    if naming.output is None:
        return "beside"
    single = len(inputs) == 1 and len(found) == 1 and found[0].folder is None
    if naming.output == STREAM:
        if not single or naming.sheets:
            what = "a side-by-side sheet" if single else "more than one picture"
            raise OptionError(f"-o -: standard output cannot take {what}")
        return "stdout"
    path = Path(naming.output)
    if single and not _means_folder(naming.output):
        _check_suffix(path, naming)
        return "file"
    if path.exists() and not path.is_dir():
        raise OptionError(f"-o {naming.output}: several inputs need a folder, and this is a file")
    if not path.exists() and path.suffix.lower() in FORMATS:
        raise OptionError(
            f"-o {naming.output}: several inputs need a folder, and this is a file name"
        )
    return "folder"


def _name_output(item: _Found, mode: str, naming: Naming) -> Job:
    if mode == "stdout":
        return Job(item.path, None)
    if mode == "file":
        target = Path(str(naming.output))
    elif mode == "folder":
        target = _with_format(Path(str(naming.output)) / item.place, naming)
    elif item.folder is None:
        named = item.path.with_name(f"{item.path.stem}-color{item.path.suffix}")
        target = _with_format(named, naming)
    else:
        target = _with_format(_default_folder(item.folder) / item.place, naming)
    return Job(item.path, target, _sheet_of(target, naming))


def _check_suffix(path: Path, naming: Naming) -> None:
    if naming.format is None:
        format_of_path(path)  # raises what is to be said


def _with_format(path: Path, naming: Naming) -> Path:
    """Give a file the suffix of the format that it will have."""
    suffix = path.suffix.lower()
    kept = FORMATS.get(suffix)
    if naming.format is not None:
        return path if naming.format is kept else path.with_suffix(naming.format.suffixes[0])
    if kept is not None and not kept.writable:
        return path.with_suffix(kept.written_as)
    # These two say by their names that they hold no color.
    return path.with_suffix(".ppm") if suffix in (".pgm", ".pbm") else path


def _sheet_of(target: Path, naming: Naming) -> Path | None:
    """Name the sheet like the input: photo-compare.jpg, not photo-color-compare.jpg."""
    if not naming.sheets:
        return None
    return target.with_name(f"{target.stem.removesuffix('-color')}-compare.jpg")


def _identify(path: Path) -> str:
    return os.path.normcase(os.path.realpath(path))


def _leave_out_results(plan: Plan) -> None:
    """Take out inputs that are results of others: ``tinct *.jpg`` again means the same pictures."""
    makers = {_identify(path): job for job in plan.jobs for path in job.outputs}
    kept = []
    for job in plan.jobs:
        maker = makers.get(_identify(job.source)) if job.source is not None else None
        if maker is None or maker is job:
            kept.append(job)
        else:
            reason = f"it is the result for {maker.input_name}"
            plan.settled.append(FileRecord(job.input_name, None, "skipped", reason))
    plan.jobs = kept


def _check_collisions(jobs: Sequence[Job]) -> None:
    sources = {_identify(job.source): job for job in jobs if job.source is not None}
    taken: dict[str, Job] = {}
    for job in jobs:
        for path in job.outputs:
            place = _identify(path)
            if place in sources:
                raise OptionError(
                    f"{path}: the result for {job.input_name} would overwrite an input"
                )
            if place in taken:
                both = f"{taken[place].input_name} and {job.input_name}"
                raise OptionError(f"{path}: both {both} would become this file")
            taken[place] = job
