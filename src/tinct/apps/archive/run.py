"""The job: an archive in color, from the names of its sources to the closing line."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import pyarrow.parquet as pq

from tinct.apps.archive import records as codes
from tinct.apps.archive import storage
from tinct.apps.archive.crew import Crew, ProcessCrew, give_out
from tinct.apps.archive.listing import LeftOut, is_inside, list_photographs
from tinct.apps.archive.photograph import Fate, Photograph, Work
from tinct.apps.archive.records import Known, Records, deciding_bytes, hash_of, manifest_table
from tinct.apps.archive.worker import recovered
from tinct.apps.console import Verbosity, print_error, print_message, print_warning, progress_bar
from tinct.apps.photographs.batch import IN_COLOR
from tinct.apps.photographs.journal import deciding_options, model_digest
from tinct.apps.photographs.plan import Naming
from tinct.apps.stages import prefetch
from tinct.cores import count_processors
from tinct.errors import OptionError
from tinct.files import make_folder, written_whole
from tinct.photographs import format_named
from tinct.runtime.session import model_path

if TYPE_CHECKING:
    from tinct.apps.colorizer_options import ColorizerOptions
    from tinct.apps.photographs.batch import BatchOptions

_PART = 2000  # photographs in a file of the records; as many may wait in memory
_NO_TEXT = "its name is not UTF-8: rename it"
_FOLDERS_REMEMBERED = 64  # of the target: which results are there


@dataclass(frozen=True, slots=True)
class ArchiveOptions:
    """What is done with an archive, besides how its photographs are colored, read and written."""

    jobs: int | None = None  # workers; None: by the processors
    ray: str | None = None  # address of a cluster
    retry: bool = False  # try again what has failed before


@dataclass(slots=True)
class _Tally:
    """What has become of an archive so far."""

    done: int = 0  # in this run, as the others
    in_color: int = 0
    skipped: int = 0
    failed: int = 0
    before: Counter[int] = field(default_factory=Counter)  # by code, of earlier runs
    num_found: int = 0
    num_twice: int = 0  # the same photograph named again
    is_superseding: bool = False  # rows of earlier runs have become wrong

    def take(self, fate: Fate) -> None:
        """Count a photograph, and print what went other than well with it."""
        name = fate.photograph.source
        for text in fate.warnings:
            print_warning(f"{name}: {text}")
        if fate.status == "done":
            self.done += 1
            seconds = "" if fate.seconds is None else f" ({fate.seconds:.2f} s)"
            print_message(f"{name} -> {fate.photograph.place}{seconds}", Verbosity.VERBOSE)
        elif fate.status == "failed":
            self.failed += 1
            print_error(f"{name}: {fate.reason}")
        elif fate.reason == IN_COLOR:
            self.in_color += 1
            print_message(f"{name}: {fate.reason}", Verbosity.VERBOSE)
        else:
            self.skipped += 1
            print_message(f"{name}: {fate.reason}")


def color_archive(
    sources: Sequence[str],
    target: str,
    color: ColorizerOptions,
    batch: BatchOptions,
    options: ArchiveOptions,
) -> int:
    """Color the photographs of an archive that are not yet, and print what became of them.

    Args:
        sources: Folders, files and manifests, as paths or URLs.
        target: The folder for results, and for the records of the archive: a path or a URL.
        color: How they are colored.
        batch: How they are read and written.
        options: What else is done.

    Returns:
        The exit code: 1 if any photograph has failed, in this run or before, or there is none.

    Raises:
        OptionError: Sources and target do not fit together, or an option has no sense.
        InputError: A source cannot be listed, or the records are damaged.
        OutputError: The records cannot be written.
        ModelError, DeviceError: The model or the device cannot be used.
        KeyboardInterrupt: The user stopped it; what is finished stays.
    """
    start = time.perf_counter()
    target = _checked(target, sources)
    digest = model_digest(str(model_path(color.model)))
    deciding = deciding_bytes(digest, deciding_options(color, batch))
    work = Work(target, color, batch, digest, deciding)
    naming = Naming(None, None if batch.format is None else format_named(batch.format))
    records, left_out, tally = Records(work), LeftOut(), _Tally()
    with records.locked():
        planner = _Planner(work, options, records, tally)
        found = list_photographs(sources, target, naming, left_out)
        try:
            with prefetch(planner.parts(found), 1) as parts:
                _color(parts, work, options, records, tally)
        finally:
            records.flush()
        if tally.is_superseding:
            records.load()
    _print_summary(tally, left_out, records, time.perf_counter() - start)
    failed = tally.failed + tally.before[codes.FAILED] + len(left_out.contents.unreadable)
    return int(failed > 0 or tally.num_found == 0)


def write_manifest(sources: Sequence[str], target: str, batch: BatchOptions) -> int:
    """Write what sources hold as a manifest, and color nothing.

    Args:
        sources: Folders, files and manifests, as paths or URLs.
        target: The Parquet file, on a disk.
        batch: Of which the format counts.

    Returns:
        The exit code: 1 if the name of any photograph is no text.

    Raises:
        OptionError: The target is none, or a source is none.
        InputError: A source cannot be listed.
        OutputError: The file cannot be written.
    """
    if storage.is_url(target) or not target.endswith(".parquet"):
        raise OptionError(f"-o {target}: --list writes a Parquet file on a disk: manifest.parquet")
    naming = Naming(None, None if batch.format is None else format_named(batch.format))
    count, num_failed = 0, 0
    path = storage.local_path(target)
    make_folder(path.parent)
    with (
        written_whole(path, overwrite=batch.overwrite) as temporary,
        pq.ParquetWriter(temporary, codes.MANIFEST, compression="zstd") as writer,
    ):
        for group in list_photographs(sources, target, naming, LeftOut()):
            good = [photograph for photograph in group if _encodable(photograph) == photograph]
            for begin in range(0, len(good), _PART):
                writer.write_table(manifest_table(good[begin : begin + _PART]))
            for photograph in set(group) - set(good):
                print_error(f"{_encodable(photograph).source}: {_NO_TEXT}")
            count += len(good)
            num_failed += len(group) - len(good)
    print_message(f"{count:,} photographs -> {target}")
    return int(num_failed > 0)


def _checked(target: str, sources: Sequence[str]) -> str:
    """Return the target as workers elsewhere can use it.

    Raises:
        OptionError: It is a file, or one of the sources.
    """
    if storage.is_url(target):
        target = target.rstrip("/")
        if target in [source.rstrip("/") for source in sources]:
            raise OptionError(f"-o {target}: results would overwrite the photographs")
        storage.open_url(target)  # now, and not by every worker: says what is missing
        return target
    path = storage.local_path(target)
    if path.exists() and not path.is_dir():
        raise OptionError(f"-o {target}: an archive needs a folder, and this is a file")
    for source in sources:
        if not storage.is_url(source) and storage.local_path(source).resolve() == path.resolve():
            raise OptionError(f"-o {target}: results would overwrite the photographs")
    return os.path.abspath(path)


def _color(
    parts: Iterator[tuple[list[Photograph], list[Fate]]],
    work: Work,
    options: ArchiveOptions,
    records: Records,
    tally: _Tally,
) -> None:
    """Have the photographs of parts colored by workers, who are not called without need."""

    def begin(
        parts: Iterator[tuple[list[Photograph], list[Fate]]],
    ) -> Iterator[tuple[int, list[Photograph]]]:
        for todo, decided in parts:
            number = records.begin(todo, decided)
            for fate in decided:
                tally.take(fate)
            advance(len(decided))
            if todo:
                yield number, todo

    with progress_bar(None, "photographs") as advance:
        begun = begin(parts)
        first = next(begun, None)
        if first is None:
            return

        def all_parts() -> Iterator[tuple[int, list[Photograph]]]:
            yield first
            yield from begun

        with closing(_make_crew(work, options)) as crew:
            for number, fates in give_out(crew, all_parts()):
                records.note(number, fates)
                for fate in fates:
                    tally.take(fate)
                advance(len(fates))


def _make_crew(work: Work, options: ArchiveOptions) -> Crew[Any]:
    if options.ray is None:
        return ProcessCrew(work, options.jobs or count_processors())
    from tinct.apps.archive.ray_crew import RayCrew

    return RayCrew(work, options.ray, options.jobs)


class _Planner:
    """Decides what is to be done with what was found."""

    def __init__(
        self, work: Work, options: ArchiveOptions, records: Records, tally: _Tally
    ) -> None:
        self._work, self._options, self._records, self._tally = work, options, records, tally
        self._known: Known
        self._results: dict[str, frozenset[int]] = {}  # folders of the target: hashes of names

    def parts(
        self, found: Iterator[list[Photograph]]
    ) -> Iterator[tuple[list[Photograph], list[Fate]]]:
        """Yield photographs to do, and others whose fate is known, at most ``_PART`` together."""
        self._known = self._records.load()
        todo: list[Photograph] = []
        decided: list[Fate] = []
        for group in found:
            self._tally.num_found += len(group)
            for photograph in group:
                known = self._known.find(photograph)
                decision = self._decide(photograph, known)
                if decision is not None and known is not None:
                    self._tally.is_superseding = True
                if isinstance(decision, Photograph):
                    todo.append(decision)
                elif decision is not None:
                    decided.append(decision)
                if len(todo) + len(decided) == _PART:
                    yield todo, decided
                    todo, decided = [], []
        if todo or decided:
            yield todo, decided

    def _decide(
        self, photograph: Photograph, known: tuple[str, int] | None
    ) -> Photograph | Fate | None:
        """Decide about a photograph.

        Args:
            photograph: What was found.
            known: Fingerprint and code of what was last known of it.

        Returns:
            The photograph if it is to be done, its fate if that is new, or None.
        """
        readable = _encodable(photograph)
        if readable != photograph:
            return self._fail(readable, _NO_TEXT)
        if not is_inside(photograph.place):
            return self._fail(photograph, f"its place {photograph.place} is not below the target")
        fingerprint = photograph.fingerprint(self._work.deciding)
        overwrite = self._work.batch.overwrite
        if known is None:
            return self._begin(photograph, fingerprint, is_repeated=overwrite)
        state, code = known
        is_same = state == fingerprint
        if code == codes.NOW:
            if not is_same:
                reason = f"another photograph becomes {photograph.place}, too"
                return self._fail(photograph, reason)
            self._tally.num_twice += 1
            return None
        if is_same and not overwrite:
            return self._decide_same(photograph, fingerprint, code)
        if code == codes.DONE and not is_same:
            note = "done again: the file, the model or an option has changed"
            photograph = replace(photograph, notes=(*photograph.notes, note))
        is_ours = code in (codes.DONE, codes.BEGUN, codes.REPLACED)
        return self._begin(photograph, fingerprint, is_repeated=overwrite or is_ours)

    def _decide_same(
        self, photograph: Photograph, fingerprint: str, code: int
    ) -> Photograph | Fate | None:
        """Decide about one of which nothing has changed since an earlier run."""
        recolors = code == codes.IN_COLOR_ALREADY and self._work.batch.recolor
        retries = code == codes.FAILED and self._options.retry
        if recolors or retries or code == codes.REPLACED:
            return self._begin(photograph, fingerprint, is_repeated=code == codes.REPLACED)
        needs_result = code in (codes.DONE, codes.NOT_OURS, codes.BEGUN)
        if needs_result and not self._has_result(photograph.place):
            return self._begin(photograph, fingerprint)
        self._known.begin(photograph, fingerprint)
        if code == codes.BEGUN:
            return recovered(photograph)
        self._tally.before[code] += 1
        return None

    def _begin(
        self, photograph: Photograph, fingerprint: str, is_repeated: bool = False
    ) -> Photograph:
        self._known.begin(photograph, fingerprint)
        return replace(photograph, is_repeated=is_repeated)

    def _fail(self, photograph: Photograph, reason: str) -> Fate | None:
        """Return the fate of one that has no place, unless it was told before."""
        photograph = replace(photograph, place="")
        state = photograph.fingerprint(self._work.deciding), codes.FAILED
        if self._known.find(photograph) == state:
            self._tally.before[codes.FAILED] += 1
            return None
        return Fate(photograph, "failed", reason)

    def _has_result(self, place: str) -> bool:
        """Tell whether there is a file at a place; a folder is listed once, not asked for each."""
        above, _, name = place.rpartition("/")
        names = self._results.pop(above, None)
        if names is None:
            folder = storage.join(self._work.target, above) if above else self._work.target
            storage.clear_temporary(folder, self._records.began)
            names = frozenset(map(hash_of, storage.names_in(folder)))
        self._results[above] = names  # the last one used comes last
        if len(self._results) > _FOLDERS_REMEMBERED:
            del self._results[next(iter(self._results))]
        return hash_of(name) in names


def _encodable(photograph: Photograph) -> Photograph:
    """Return a photograph whose names can be written as UTF-8; mostly the same."""
    source, place = (
        text.encode("utf-8", "backslashreplace").decode()
        for text in (photograph.source, photograph.place)
    )
    return replace(photograph, source=source, place=place)


def _print_summary(tally: _Tally, left_out: LeftOut, records: Records, seconds: float) -> None:
    """Print what was left out, what the run did, and where the table is."""
    others = [f"{count} {suffix}" for suffix, count in left_out.contents.suffixes.most_common()]
    if left_out.num_films:
        plural = "" if left_out.num_films == 1 else "s"
        others.append(f"{left_out.num_films} film{plural} (tinct video colors them)")
    if left_out.contents.results:
        others.append(f"{left_out.contents.results} that tinct has written")
    others += [f"{link}, a link to a folder" for link in left_out.contents.links]
    if tally.num_twice:
        others.append(f"{tally.num_twice} named twice")
    if others:
        print_message(f"left out: {', '.join(others)}")
    for error in left_out.contents.unreadable:
        print_error(f"{error.filename}: cannot be read")
    if tally.num_found == 0:
        print_error("no photographs in what was named")
        return
    rate = f" ({tally.done / max(seconds, 1e-9):.1f}/s)" if tally.done else ""
    plural = "" if tally.done == 1 else "s"
    text = f"{tally.done:,} photograph{plural} colored in {seconds:.1f} s{rate}"
    in_color = tally.in_color + tally.before[codes.IN_COLOR_ALREADY]
    failed = tally.failed + tally.before[codes.FAILED]
    skipped = tally.skipped + tally.before[codes.NOT_OURS]
    parts = [
        (tally.before[codes.DONE], "finished before"),
        (in_color, "in color already"),
        (skipped, "left as they are (--overwrite replaces them)"),
        (failed, "failed" + (" (--retry tries them again)" if tally.before[codes.FAILED] else "")),
    ]
    for count, what in parts:
        if count:
            text += f", {count:,} {what}"
    print_message(f"{text}; {records.statuses}")
