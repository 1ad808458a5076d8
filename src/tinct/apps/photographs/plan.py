"""Which file becomes which: inputs are collected and outputs named before any work starts."""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tinct.apps.film_suffixes import FILM_SUFFIXES, UNFINISHED
from tinct.apps.photographs.journal import JOURNAL_NAME, names_written_in, results_in, says_colored
from tinct.errors import OptionError
from tinct.files import reason_of
from tinct.photographs.formats import FORMATS, Format, format_of_path

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Container, Iterator, Sequence

STREAM = "-"  # stands for stdin among the inputs and for stdout as the output


@dataclass(frozen=True, slots=True)
class PhotographJob:
    """One photograph to color."""

    source: Path | None  # None: stdin
    target: Path | None  # None: stdout
    sheet: Path | None = None  # where the side-by-side sheet goes, if one is wanted
    is_from_folder: bool = False  # found in a folder that was named, not named itself
    replaced: tuple[Path, ...] = ()  # outputs that are there and may be replaced
    result_stays: bool = False  # its result is there and stays; only the sheet is missing
    notes: tuple[str, ...] = ()  # what the user should know of it, one sentence each
    source_state: list[int] | None = field(default=None, compare=False)  # before it was read

    @property
    def input_name(self) -> str:
        """Name of the input as a message shows it."""
        return "standard input" if self.source is None else str(self.source)

    @property
    def output_name(self) -> str:
        """Name of the output as a message shows it."""
        output = self.sheet if self.result_stays else self.target
        return "standard output" if output is None else str(output)

    @property
    def outputs(self) -> tuple[Path, ...]:
        """Every file that this job writes."""
        result = None if self.result_stays else self.target
        return tuple(path for path in (result, self.sheet) if path is not None)


@dataclass(frozen=True, slots=True)
class PhotographRecord:
    """What became of one input, as the report states it."""

    input: str  # as the user would name it
    output: str | None  # None when no output could be planned
    status: Literal["done", "skipped", "failed", "stopped"]
    reason: str | None = None  # why it was skipped or failed
    warnings: tuple[str, ...] = ()
    width: int | None = None  # of the picture as shown, in pixels
    height: int | None = None
    seconds: float = 0.0  # from the start of reading to the end of writing
    sheet: str | None = None  # the side-by-side sheet, when one was asked for
    pages_in_color: int = 0  # pages that were left as they are, as they are in color


@dataclass(frozen=True, slots=True)
class Naming:
    """How outputs are named."""

    output: str | None  # as the user gave it: a file, a folder, ``-``, or None for beside the input
    format: Format | None = None  # the format asked for; None keeps the input's
    sheets: bool = False  # whether a side-by-side sheet is wanted for each picture
    ending: str = "-color"  # of names beside the input: photo-color.jpg
    film_suffix: str | None = None  # of films in an archive; None keeps the film's


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file among the inputs."""

    path: Path
    folder: Path | None  # the folder it was found in, when a folder was named

    @property
    def place(self) -> Path:
        """Where it goes below an output folder."""
        return Path(self.path.name) if self.folder is None else self.path.relative_to(self.folder)


@dataclass(slots=True)
class FolderContents:
    """What is in a folder and everything below it."""

    pictures: list[Path] = field(default_factory=list)
    films: list[Path] = field(default_factory=list)
    suffixes: Counter[str] = field(default_factory=Counter)  # of files of other kinds
    results: int = 0  # files that are as tinct has written them there
    links: list[Path] = field(default_factory=list)  # to folders; they are not followed
    unreadable: list[OSError] = field(default_factory=list)  # folders

    def add(self, other: FolderContents) -> None:
        """Add what is in another folder."""
        self.pictures += other.pictures
        self.films += other.films
        self.suffixes += other.suffixes
        self.results += other.results
        self.links += other.links
        self.unreadable += other.unreadable

    def report(self) -> dict[str, object]:
        """Return what is neither picture nor film, for a report."""
        return {
            "suffixes": dict(self.suffixes),
            "links": [str(link) for link in self.links],
            "results": self.results,
        }

    def name_left_out(self, *more: str) -> str:
        """Name what is neither picture nor film, with counts; "" if there is nothing.

        Args:
            more: What else was left out, a few words each.
        """
        parts = []
        if self.suffixes:
            number = self.suffixes.total()
            kinds = ", ".join(f"{count} {suffix}" for suffix, count in self.suffixes.most_common())
            parts.append(f"{number} file{'' if number == 1 else 's'} of other kinds ({kinds})")
        parts += more
        if self.results:
            parts.append(f"{self.results} that tinct has written")
        parts += [f"{link}, a link to a folder" for link in self.links]
        return ", ".join(parts)


@dataclass(slots=True)
class Plan:
    """What to do, and what is not done."""

    jobs: list[PhotographJob] = field(default_factory=list)
    films: list[tuple[Path, Path]] = field(default_factory=list)  # found in folders, their outputs
    decided: list[PhotographRecord] = field(default_factory=list)  # inputs that need no work
    left_out: FolderContents = field(default_factory=FolderContents)


def make_plan(inputs: Sequence[str], naming: Naming) -> Plan:
    """Collect the inputs and name their outputs, no two alike and none like an input.

    A folder is searched with everything below it for files whose suffix is that of a picture; its
    tree is kept below the output folder. A file that is named is always taken, whatever its name.

    Args:
        inputs: Files, folders, or a single ``-`` for stdin.
        naming: How outputs are named.

    Raises:
        OptionError: The inputs and the output do not fit together, or every output would overwrite
            an input.
    """
    if STREAM in inputs:
        return Plan(jobs=[_plan_stream(inputs, naming)])
    _check_second_is_no_output(inputs, naming)
    plan = Plan()
    found = _collect(inputs, naming, plan)
    mode = _choose_mode(inputs, found, naming)
    plan.films = [(film.path, _name_film(film, mode, naming)) for film in found if _is_film(film)]
    photographs = (item for item in found if not _is_film(item))
    plan.jobs = list(dict.fromkeys(_name_output(item, mode, naming) for item in photographs))
    if naming.output is None:
        _leave_out_results(plan)
    if mode != "stdout":
        _make_names_differ(plan)
    return plan


def _check_second_is_no_output(inputs: Sequence[str], naming: Naming) -> None:
    """Refuse ``tinct photo.jpg out.jpg``, which other programs would take."""
    if len(inputs) != 2 or naming.output is not None:
        return
    first, second = inputs
    is_missing = not os.path.lexists(second) and _wrong_kind(second) is None
    if os.path.isfile(first) and is_missing:
        raise OptionError(f"{second}: no such file; to write to it: tinct {first} -o {second}")


def _plan_stream(inputs: Sequence[str], naming: Naming) -> PhotographJob:
    if len(inputs) > 1:
        raise OptionError("-: standard input cannot be mixed with other inputs")
    if naming.output is None or naming.output == STREAM:
        if naming.sheets:
            raise OptionError("--compare needs an output file to put the sheet beside: add -o")
        return PhotographJob(None, None)
    target = Path(naming.output)
    if means_folder(naming.output):
        raise OptionError(
            f"-o {naming.output}: standard input needs a file name, or -, to write to"
        )
    _check_suffix(target, naming)
    return PhotographJob(None, target, _sheet_of(target, naming))


def _collect(inputs: Sequence[str], naming: Naming, plan: Plan) -> list[FoundFile]:
    """Find the pictures and the films of folders; what is neither is noted in the plan."""
    output = None if naming.output in (None, STREAM) else Path(str(naming.output)).resolve()
    found: list[FoundFile] = []
    for name in inputs:
        path = Path(name)
        if not os.path.isdir(name):
            reason = _wrong_kind(name)
            if reason is None:
                found.append(FoundFile(path, None))
            else:
                plan.decided.append(PhotographRecord(name, None, "failed", reason))
            continue
        # Results of an earlier run may lie inside the folder itself: they are not inputs.
        contents = list_folder(path, {output} - {path.resolve(), None})
        for error in contents.unreadable:
            failed = PhotographRecord(str(error.filename), None, "failed", reason_of(error))
            plan.decided.append(failed)
        if not (contents.pictures or contents.films or contents.unreadable):
            reason = "no pictures in this folder" + _others_in(contents)
            plan.decided.append(PhotographRecord(name, None, "failed", reason))
        found += [FoundFile(file, path) for file in (*contents.pictures, *contents.films)]
        plan.left_out.suffixes += contents.suffixes
        plan.left_out.results += contents.results
        plan.left_out.links += contents.links
    return found


def _wrong_kind(name: str) -> str | None:
    """Say what to do instead with an input that is no photograph by its name, or return None."""
    if not os.path.lexists(name):
        if "://" in name:
            return "a URL: save the picture and name its file (a stream: tinct live URL)"
        if name.replace(".", "", 1).isdigit():
            return f"no such file; -v stands for --verbose, colors: --vividness {name}"
    if name.lower().endswith(FILM_SUFFIXES) and os.path.isfile(name):
        return f"a film: tinct video {name}"
    return None


def _others_in(contents: FolderContents) -> str:
    kinds = ", ".join(contents.suffixes)
    return f" (only {kinds})" if kinds else ""


def list_folder(folder: Path, ignored: Collection[Path | None] = ()) -> FolderContents:
    """Find what is in a folder and everything below it; see ``walk_folder``."""
    contents = FolderContents()
    for _, found in walk_folder(folder, ignored):
        contents.add(found)
    return contents


def walk_folder(
    folder: Path, ignored: Collection[Path | None] = ()
) -> Iterator[tuple[Path, FolderContents]]:
    """Find what is in a folder and everything below it, one folder after the other.

    What is hidden is passed over, and so are links to folders, which may lead anywhere, and
    unfinished films. Pipes and devices are none of the pictures and films, whatever their names.

    Args:
        folder: Where to search.
        ignored: Folders to pass over as well, resolved.

    Yields:
        A folder, and what is in it alone, each kind in alphabetical order. Folders that cannot be
        read are told of with the next one, or at the end with the first once more.
    """
    unreadable: list[OSError] = []
    for root, folders, files in os.walk(folder, onerror=unreadable.append):
        contents = FolderContents(unreadable=unreadable.copy())
        unreadable.clear()
        here = Path(root)
        results = results_in(here) if JOURNAL_NAME in files else frozenset()
        folders[:] = sorted(
            name for name in folders
            if not name.startswith(".") and not name.endswith(UNFINISHED)
            and (here / name).resolve() not in ignored
        )  # fmt: skip
        contents.links += [here / name for name in folders if os.path.islink(here / name)]
        for name in sorted(name for name in files if not name.startswith(".")):
            suffix = os.path.splitext(name)[1].lower()
            known = FORMATS.get(suffix)
            is_picture = known is not None and known.is_found_in_folders
            if name in results:
                contents.results += 1
            elif not (is_picture or suffix in FILM_SUFFIXES):
                contents.suffixes[suffix or "no suffix"] += 1
            elif _is_pipe_or_device(here / name):
                contents.suffixes["pipe or device"] += 1
            else:
                (contents.pictures if is_picture else contents.films).append(here / name)
        yield here, contents
    if unreadable:
        yield folder, FolderContents(unreadable=unreadable)


def _is_pipe_or_device(path: Path) -> bool:
    """Tell whether a file is a pipe, a socket or a device: opening one may wait forever."""
    return not os.path.isfile(path) and os.path.exists(path)


def _default_folder(folder: Path, ending: str) -> Path:
    """Name the folder that results of a folder go to when none is given."""
    whole = folder.resolve()  # "." has no name of its own
    if not whole.name:
        raise OptionError(f"{folder}: name a folder for the results with -o")
    if folder.name in ("", ".."):
        return whole.with_name(f"{whole.name}{ending}")
    return folder.with_name(f"{folder.name}{ending}")


def means_folder(output: str) -> bool:
    """Tell whether the name of an output is that of a folder, there already or not."""
    if os.path.exists(output):
        return os.path.isdir(output)
    return output.endswith(("/", os.sep)) or not Path(output).suffix


def _choose_mode(inputs: Sequence[str], found: Sequence[FoundFile], naming: Naming) -> str:
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
    if single and not means_folder(naming.output):
        _check_suffix(path, naming)
        return "file"
    exists = os.path.exists(naming.output)
    if exists and not os.path.isdir(naming.output):
        raise OptionError(f"-o {naming.output}: several inputs need a folder, and this is a file")
    if not exists and path.suffix.lower() in FORMATS:
        raise OptionError(
            f"-o {naming.output}: several inputs need a folder, and this is a file name"
        )
    return "folder"


def _check_suffix(path: Path, naming: Naming) -> None:
    """Refuse a name that states no format, or another one than was asked for."""
    stated = FORMATS.get(path.suffix.lower())
    if naming.format is None:
        format_of_path(path)  # raises what is to be said
    elif stated is not None and stated is not naming.format:
        raise OptionError(
            f"-o {path}: its suffix says {stated.name} and --format says {naming.format.name}; "
            "leave one of them out"
        )


def _name_output(item: FoundFile, mode: str, naming: Naming) -> PhotographJob:
    is_from_folder = item.folder is not None
    if mode == "stdout":
        return PhotographJob(item.path, None)
    if mode == "file":
        target = Path(str(naming.output))
    elif mode == "folder":
        target = _with_format(Path(str(naming.output)) / item.place, naming)
    elif item.folder is None:
        named = item.path.with_name(f"{item.path.stem}{naming.ending}{item.path.suffix}")
        target = _with_format(named, naming)
    else:
        target = _with_format(_default_folder(item.folder, naming.ending) / item.place, naming)
    return PhotographJob(item.path, target, _sheet_of(target, naming), is_from_folder)


def _is_film(item: FoundFile) -> bool:
    return item.folder is not None and item.path.suffix.lower() in FILM_SUFFIXES


def _name_film(film: FoundFile, mode: str, naming: Naming) -> Path:
    """Keep the place of a film in its folder's tree; ``tinct video`` knows which suffixes do."""
    assert film.folder is not None
    base = Path(str(naming.output)) if mode == "folder" else _default_folder(film.folder, "-color")
    return base / film.place


def _with_format(path: Path, naming: Naming) -> Path:
    """Give a file the suffix of the format that it will have."""
    suffix = path.suffix.lower()
    kept = FORMATS.get(suffix)
    if naming.format is not None and naming.format is not kept:
        return path.with_suffix(naming.format.suffixes[0])
    if kept is not None and kept.written_as:
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
    """Take out inputs that are results of others: ``tinct *.jpg`` again means the same pictures.

    A name alone says nothing: an archive may have scanned ``house.jpg`` and ``house-color.jpg``.
    """
    makers = {_identify(path): job for job in plan.jobs for path in job.outputs}
    written: dict[Path, frozenset[str]] = {}  # by folder
    kept = []
    for job in plan.jobs:
        maker = makers.get(_identify(job.source)) if job.source is not None else None
        if job.source is None or maker is None or maker is job:
            kept.append(job)
            continue
        folder = job.source.parent
        if folder not in written:
            written[folder] = names_written_in(folder)
        is_there = os.path.isfile(job.source)
        if is_there and job.source.name not in written[folder] and not says_colored(job.source):
            kept.append(job)
        else:
            reason = f"it is the result for {maker.input_name}"
            plan.decided.append(PhotographRecord(job.input_name, None, "skipped", reason))
    plan.jobs = kept


def _make_names_differ(plan: Plan) -> None:
    """Give outputs that would be the same file names of their own; refuse to overwrite inputs."""
    sources = {_identify(job.source) for job in plan.jobs if job.source is not None}
    wanted = Counter(_identify(path) for job in plan.jobs for path in job.outputs)
    taken: dict[str, int] = {}
    kept = []
    for planned in plan.jobs:
        job = _with_free_names(planned, wanted, taken, _identify)
        _take_names(job, taken, _identify)
        overwritten = next((path for path in job.outputs if _identify(path) in sources), None)
        if overwritten is None:
            kept.append(job)
            continue
        reason = f"its result {overwritten} would overwrite an input; choose another place with -o"
        plan.decided.append(PhotographRecord(job.input_name, str(job.target), "failed", reason))
    if plan.jobs and not kept:
        first = plan.decided[-len(plan.jobs)]
        raise OptionError(f"{first.input}: {first.reason}")
    plan.jobs = kept


def name_results(names: Sequence[str], naming: Naming) -> list[tuple[str, tuple[str, ...]]]:
    """Name the results of photographs of one folder, as ``make_plan`` would, without the disk.

    Args:
        names: Of the files, in their order.
        naming: Of which the format counts.

    Returns:
        For each the name of its result, and what the user should know of it, one sentence each.
    """

    def identify(path: Path) -> str:
        return os.path.normcase(path)

    jobs = [PhotographJob(Path(name), _with_format(Path(name), naming)) for name in names]
    wanted = Counter(identify(path) for job in jobs for path in job.outputs)
    if len(wanted) == len(jobs):
        return [(job.output_name, ()) for job in jobs]
    taken: dict[str, int] = {}
    named = []
    for planned in jobs:
        job = _with_free_names(planned, wanted, taken, identify)
        _take_names(job, taken, identify)
        named.append((job.output_name, job.notes))
    return named


def _with_free_names(
    job: PhotographJob,
    wanted: Counter[str],
    taken: dict[str, int],
    identify: Callable[[Path], str],
) -> PhotographJob:
    """Rename the outputs of a job that others want as well.

    ``logo.gif`` becomes ``logo.gif.png`` where another one becomes ``logo.png``; pictures that have
    the same name in two folders are numbered, ``photo-2.jpg``.

    Args:
        job: The job.
        wanted: How many outputs would be each file, before any is renamed.
        taken: Files that outputs of earlier jobs are, see ``number_until_free``.
        identify: Tells which file a path is.
    """
    target, sheet, source = job.target, job.sheet, job.source
    if target is None or source is None:
        return job
    if wanted[identify(target)] > 1 and target.suffix.lower() != source.suffix.lower():
        target = target.with_name(f"{target.stem}{source.suffix}{target.suffix}")
    if target is not job.target or identify(target) in taken:
        target = number_until_free(target, wanted, taken, identify)
    if sheet is not None and (target != job.target or identify(sheet) in taken):
        sheet = target.with_name(f"{target.stem.removesuffix('-color')}-compare.jpg")
        taken.setdefault(identify(target), 1)
        sheet = number_until_free(sheet, wanted, taken, identify)
    if target == job.target and sheet == job.sheet:
        return job
    note = f"written to {target}, as another picture becomes {job.target}"
    return replace(job, target=target, sheet=sheet, notes=(note,))


def _take_names(job: PhotographJob, taken: dict[str, int], identify: Callable[[Path], str]) -> None:
    """Give the outputs of a job to it."""
    for path in job.outputs:
        taken.setdefault(identify(path), 1)


def number_until_free(
    path: Path, wanted: Container[str], taken: dict[str, int], identify: Callable[[Path], str]
) -> Path:
    """Put -2, -3, ... behind a name until no output is or wants to be that file.

    Args:
        path: The name.
        wanted: Files that outputs would be, before any is renamed.
        taken: Files that outputs are, each with the last number that was put behind it, which is
            kept here: a thousand boxes may hold a ``scan001.jpg`` each.
        identify: Tells which file a path is.
    """
    first = identify(path)
    number = taken.get(first, 1)
    candidate = path if number == 1 else path.with_name(f"{path.stem}-{number}{path.suffix}")
    while identify(candidate) in taken or identify(candidate) in wanted:
        number += 1
        candidate = path.with_name(f"{path.stem}-{number}{path.suffix}")
    if first in taken:  # and not only wanted by an output that is still to come
        taken[first] = number
    return candidate
