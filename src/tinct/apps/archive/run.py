"""The job: an archive in color, from the names of its sources to the closing line."""

from __future__ import annotations

import json
import os
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import pyarrow.parquet as pq

from tinct.apps.archive import records as codes
from tinct.apps.archive import storage
from tinct.apps.archive.crew import Crew, ProcessCrew, give_out
from tinct.apps.archive.item import Basis, Choices, Fate, Item, Work, is_film
from tinct.apps.archive.listing import LeftOut, is_inside, list_items
from tinct.apps.archive.records import Known, Past, Records, hash_of, manifest_table
from tinct.apps.archive.worker import recovered
from tinct.apps.console import Verbosity, print_error, print_message, print_warning, progress_bar
from tinct.apps.photographs.batch import IN_COLOR
from tinct.apps.photographs.journal import deciding_options, model_digest
from tinct.apps.photographs.plan import Naming
from tinct.apps.stages import prefetch
from tinct.cores import count_processors
from tinct.errors import OptionError
from tinct.files import make_folder, written_whole
from tinct.films.encoder import CONTAINERS
from tinct.photographs import format_named
from tinct.photographs.formats import FORMATS
from tinct.runtime.session import model_path

if TYPE_CHECKING:
    from tinct.apps.photographs.batch import BatchOptions

Kind = Literal["photographs", "films"]

_PART = 2000  # items in a file of the records; as many may wait in memory
_NO_TEXT = "its name is not UTF-8: rename it"
_FOLDERS_REMEMBERED = 64  # of the target: which results are there


@dataclass(frozen=True, slots=True)
class ArchiveOptions:
    """What is done with an archive, besides how its items are colored, read and written."""

    jobs: int | None = None  # workers; None: by the processors
    ray: str | None = None  # address of a cluster
    retry: bool = False  # try again what has failed before
    only: Kind | None = None  # leave the others out
    film_suffix: str | None = None  # of all films; None keeps that of each


@dataclass(slots=True)
class _Tally:
    """What has become of an archive so far."""

    photographs: int = 0  # done, in this run as the others
    films: int = 0
    in_color: int = 0
    skipped: int = 0
    failed: int = 0
    before: Counter[int] = field(default_factory=Counter)  # by code, of earlier runs
    num_found: int = 0
    num_twice: int = 0  # the same item named again
    is_superseding: bool = False  # rows of earlier runs have become wrong

    def take(self, fate: Fate) -> None:
        """Count an item, and print what went other than well with it."""
        name = fate.item.source
        for text in fate.warnings:
            print_warning(f"{name}: {text}")
        if fate.status == "done":
            self.films += fate.item.is_film
            self.photographs += not fate.item.is_film
            seconds = "" if fate.seconds is None else f" ({fate.seconds:.2f} s)"
            print_message(f"{name} -> {fate.item.place}{seconds}", Verbosity.VERBOSE)
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
    sources: Sequence[str], target: str, choices: Choices, options: ArchiveOptions
) -> int:
    """Color the items of an archive that are not yet, and print what became of them.

    Args:
        sources: Folders, files and manifests, as paths or URLs.
        target: The folder for results, and for the records of the archive: a path or a URL.
        choices: How they are colored, read and written.
        options: What else is done.

    Returns:
        The exit code: 1 if any item has failed, in this run or before, or there is none.

    Raises:
        OptionError: Sources and target do not fit together, or an option has no sense.
        InputError: A source cannot be listed, or the records are damaged.
        OutputError: The records cannot be written.
        ModelError, DeviceError: The model or the device cannot be used.
        KeyboardInterrupt: The user stopped it; what is finished stays.
    """
    start = time.perf_counter()
    target = _checked(target, sources)
    work = _plan_work(target, choices, options)
    records, left_out, tally = Records(work), LeftOut(), _Tally()
    found = _find(sources, target, choices.batch, options, left_out)
    with records.locked():
        storage.clear_temporary(storage.join(target, codes.FILMS), records.began)
        planner = _Planner(work, options, records, tally)
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


def write_manifest(
    sources: Sequence[str], target: str, batch: BatchOptions, options: ArchiveOptions
) -> int:
    """Write what sources hold as a manifest, and color nothing.

    Args:
        sources: Folders, files and manifests, as paths or URLs.
        target: The Parquet file, on a disk.
        batch: Of which the format counts, and whether the file may be replaced.
        options: Of which the kind of items and the suffix of films count.

    Returns:
        The exit code: 1 if the name of any item is no text.

    Raises:
        OptionError: The target is none, or a source is none.
        InputError: A source cannot be listed.
        OutputError: The file cannot be written.
    """
    if storage.is_url(target) or not target.endswith(".parquet"):
        raise OptionError(f"-o {target}: --list writes a Parquet file on a disk: manifest.parquet")
    num_photographs, num_films, num_failed = 0, 0, 0
    path = storage.local_path(target)
    found = _find(sources, target, batch, options, LeftOut())
    make_folder(path.parent)
    with (
        written_whole(path, overwrite=batch.overwrite) as temporary,
        pq.ParquetWriter(temporary, codes.MANIFEST, compression="zstd") as writer,
    ):
        for group in found:
            good = [item for item in group if _encodable(item) == item]
            for begin in range(0, len(good), _PART):
                writer.write_table(manifest_table(good[begin : begin + _PART]))
            for item in set(group) - set(good):
                print_error(f"{_encodable(item).source}: {_NO_TEXT}")
            films = sum(item.is_film for item in good)
            num_films += films
            num_photographs += len(good) - films
            num_failed += len(group) - len(good)
    print_message(f"{_in_words(num_photographs, num_films)} -> {target}")
    return int(num_failed > 0)


def _plan_work(target: str, choices: Choices, options: ArchiveOptions) -> Work:
    """Say how items are colored.

    Raises:
        ModelError: There is no such model.
    """
    film, processors = choices.film, count_processors()
    of_films = {
        "vividness": choices.films.vividness,
        "cautious": choices.films.cautious,
        "saturation": choices.films.saturation,
        "steady": film.steady,
        "recolor": film.recolor,
        "mark": film.mark,
        "encoder": asdict(film.encoder),
    }
    workers = options.jobs or processors
    return Work(
        target,
        choices,
        _basis(choices.photographs.model, deciding_options(choices.photographs, choices.batch)),
        _basis(choices.films.model, of_films),
        # Few workers share all processors of this machine; what others have is not known.
        2 if options.ray else max(2, processors // workers + 1),
    )


def _basis(model: str, options: Mapping[str, object]) -> Basis:
    return Basis(model, model_digest(str(model_path(model))), json.dumps(options))


def _find(
    sources: Sequence[str],
    target: str,
    batch: BatchOptions,
    options: ArchiveOptions,
    left_out: LeftOut,
) -> Iterator[list[Item]]:
    """Find what is wanted, see ``list_items``."""
    format = None if batch.format is None else format_named(batch.format)
    naming = Naming(None, format, film_suffix=options.film_suffix)
    groups = list_items(sources, target, naming, left_out)
    return (_wanted(group, options.only, left_out) for group in groups)


def _wanted(group: list[Item], only: Kind | None, left_out: LeftOut) -> list[Item]:
    wanted = [item for item in group if only is None or item.is_film == (only == "films")]
    left_out.num_unwanted += len(group) - len(wanted)
    return wanted


def _checked(target: str, sources: Sequence[str]) -> str:
    """Return the target as workers elsewhere can use it.

    Raises:
        OptionError: It is a file, or one of the sources.
    """
    if storage.is_url(target):
        target = target.rstrip("/")
        if target in [source.rstrip("/") for source in sources]:
            raise OptionError(f"-o {target}: results would overwrite what was named")
        storage.open_url(target)  # now, and not by every worker: says what is missing
        return target
    path = storage.local_path(target)
    if path.exists() and not path.is_dir():
        raise OptionError(f"-o {target}: an archive needs a folder, and this is a file")
    suffix = path.suffix.lower()
    if not path.exists() and (suffix in FORMATS or is_film(target) or suffix == ".parquet"):
        raise OptionError(f"-o {target}: an archive needs a folder, and this is a file name")
    for source in sources:
        if not storage.is_url(source) and storage.local_path(source).resolve() == path.resolve():
            raise OptionError(f"-o {target}: results would overwrite what was named")
    return os.path.abspath(path)


def _color(
    parts: Iterator[tuple[list[Item], list[Fate]]],
    work: Work,
    options: ArchiveOptions,
    records: Records,
    tally: _Tally,
) -> None:
    """Have the items of parts colored by workers, who are not called without need."""

    def begin(
        parts: Iterator[tuple[list[Item], list[Fate]]],
    ) -> Iterator[tuple[int, list[Item]]]:
        for todo, decided in parts:
            number = records.begin(todo, decided)
            for fate in decided:
                tally.take(fate)
            advance(len(decided))
            if todo:
                yield number, todo

    with progress_bar(None, "files") as advance:
        begun = begin(parts)
        first = next(begun, None)
        if first is None:
            return

        def all_parts() -> Iterator[tuple[int, list[Item]]]:
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
        self._sources: set[str] = set()  # of the group in hand
        self._results: dict[str, frozenset[int]] = {}  # folders of the target: hashes of names

    def parts(self, found: Iterator[list[Item]]) -> Iterator[tuple[list[Item], list[Fate]]]:
        """Yield items to do, and others whose fate is known, at most ``_PART`` together."""
        self._known = self._records.load()
        todo: list[Item] = []
        decided: list[Fate] = []
        for group in found:
            self._tally.num_found += len(group)
            self._sources = {item.source for item in group}
            for item in group:
                known = self._known.find(item)
                decision = self._decide(item, known)
                if decision is not None and known is not None:
                    self._tally.is_superseding = True
                if isinstance(decision, Item):
                    todo.append(decision)
                elif decision is not None:
                    decided.append(decision)
                if len(todo) + len(decided) == _PART:
                    yield todo, decided
                    todo, decided = [], []
        if todo or decided:
            yield todo, decided

    def _decide(self, item: Item, known: Past | None) -> Item | Fate | None:
        """Decide about an item.

        Args:
            item: What was found.
            known: What was last known of it.

        Returns:
            The item if it is to be done, its fate if that is new, or None.
        """
        readable = _encodable(item)
        if readable != item:
            return self._fail(readable, _NO_TEXT)
        if not is_inside(item.place):
            return self._fail(item, f"its place {item.place} is not below the target")
        if item.is_film and Path(item.place).suffix.lower() not in CONTAINERS:
            reason = f"its place {item.place} is not that of a film: they end in"
            return self._fail(item, f"{reason} {', '.join(CONTAINERS)}")
        fingerprint = item.fingerprint(self._work.basis_of(item).deciding)
        overwrite = self._work.choices.batch.overwrite
        if known is None:
            return self._begin(item, fingerprint, is_repeated=overwrite)
        code, is_same = known.code, known.state == fingerprint
        if code == codes.NOW:
            if not is_same:
                reason = f"another file becomes {item.place}, too"
                return self._fail(item, reason)
            self._tally.num_twice += 1
            return None
        if is_same and not overwrite:
            return self._decide_same(item, fingerprint, known)
        return self._do_again(item, fingerprint, known)

    def _do_again(self, item: Item, fingerprint: str, known: Past) -> Item | Fate | None:
        """Decide about one that will be done again, and replace its result if that is tinct's."""
        overwrite = self._work.choices.batch.overwrite
        made = self._records.made_of(item, known)
        if made is None:
            return self._begin(item, fingerprint, is_repeated=overwrite)
        source = made.source
        is_another = source not in self._sources and not storage.is_same(source, item.source)
        if is_another and not overwrite and storage.exists(source):
            reason = f"{item.place} is the result of {source}; choose another place with -o"
            return self._fail(item, reason)
        item = replace(item, result_hash=made.output_hash)
        if known.code == codes.DONE and not overwrite:
            note = "done again: the file, the model or an option has changed"
            item = replace(item, notes=(*item.notes, note))
        return self._begin(item, fingerprint, is_repeated=True)

    def _decide_same(self, item: Item, fingerprint: str, known: Past) -> Item | Fate | None:
        """Decide about one of which nothing has changed since an earlier run."""
        code = known.code
        recolors = code == codes.IN_COLOR_ALREADY and self._work.choices.batch.recolor
        retries = code == codes.FAILED and self._options.retry
        if recolors or retries or code == codes.REPLACED:
            return self._do_again(item, fingerprint, known)
        needs_result = code in (codes.DONE, codes.NOT_OURS, codes.BEGUN)
        if needs_result and not self._has_result(item.place):
            return self._begin(item, fingerprint)
        self._known.begin(item, fingerprint)
        if code == codes.BEGUN:
            return recovered(item)
        self._tally.before[code] += 1
        return None

    def _begin(self, item: Item, fingerprint: str, is_repeated: bool = False) -> Item:
        self._known.begin(item, fingerprint)
        return replace(item, is_repeated=is_repeated)

    def _fail(self, item: Item, reason: str) -> Fate | None:
        """Return the fate of one that has no place, unless it was told before."""
        item = replace(item, place="")
        state = item.fingerprint(self._work.basis_of(item).deciding), codes.FAILED
        known = self._known.find(item)
        if known is not None and (known.state, known.code) == state:
            self._tally.before[codes.FAILED] += 1
            return None
        return Fate(item, "failed", reason)

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


def _in_words(photographs: int, films: int) -> str:
    """Say how many there are; where there are no films, of photographs alone."""
    counts = [
        f"{count:,} {kind}{'' if count == 1 else 's'}"
        for count, kind in ((photographs, "photograph"), (films, "film"))
        if count or (kind == "photograph" and not films)
    ]
    return " and ".join(counts)


def _encodable(item: Item) -> Item:
    """Return an item whose names can be written as UTF-8; mostly the same."""
    source, place = (
        text.encode("utf-8", "backslashreplace").decode() for text in (item.source, item.place)
    )
    return replace(item, source=source, place=place)


def _print_summary(tally: _Tally, left_out: LeftOut, records: Records, seconds: float) -> None:
    """Print what was left out, what the run did, and where the table is."""
    others = [f"{count} {suffix}" for suffix, count in left_out.contents.suffixes.most_common()]
    if left_out.num_unwanted:
        others.append(f"{left_out.num_unwanted} by --only")
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
        print_error("no photographs and no films in what was named")
        return
    is_quick = tally.photographs and not tally.films  # films take minutes or hours each
    rate = f" ({tally.photographs / max(seconds, 1e-9):.1f}/s)" if is_quick else ""
    text = f"{_in_words(tally.photographs, tally.films)} colored in {seconds:.1f} s{rate}"
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
