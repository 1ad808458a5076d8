"""Films in color: everything from the names of two files to the closing line."""

from __future__ import annotations

import glob
import os
import time
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import asdict, dataclass, replace
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av

from tinct import __version__
from tinct.apps.console import print_message, print_warning, progress_bar
from tinct.apps.film_suffixes import UNFINISHED
from tinct.apps.films.arrivals import STDIN, bring, comes_from_elsewhere, name_of_address
from tinct.apps.films.options import FilmOptions, FilmRecord, open_film
from tinct.apps.report import write_json
from tinct.apps.stages import consume_in_thread, prefetch
from tinct.errors import InputError, OptionError, OutputError
from tinct.files import digest_of, locked, reason_of
from tinct.films.cut import WHOLE, Cut
from tinct.films.encoder import CONTAINERS, plan_encoder
from tinct.films.join import check_header, join
from tinct.films.reader import is_address
from tinct.films.segments import Parts, remove_parts
from tinct.films.sequence import is_pattern
from tinct.films.tracks import find_changing, name_unmatched, plan_tracks

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tinct.apps.colorizer_options import ColorizerOptions
    from tinct.apps.films.frames import Colored
    from tinct.films.encoder import EncoderPlan
    from tinct.films.facts import FilmFacts
    from tinct.films.reader import FilmFrame, FilmSource
    from tinct.films.tracks import TrackPlan

PREVIEW = Fraction(10)
"""Seconds of a preview."""
_WAITING = 4  # frames between two stages


@dataclass(frozen=True)
class FilmJob:
    """One film: what is read, how it is colored, where it goes."""

    reader: FilmSource
    plan: EncoderPlan
    color: ColorizerOptions
    options: FilmOptions
    target: Path
    tracks: list[TrackPlan]
    """What becomes of sound, subtitles and the rest."""
    notes: tuple[str, ...]
    """What the user has been told of it."""

    @property
    def facts(self) -> FilmFacts:
        """What the film says about itself."""
        return self.reader.facts

    @property
    def folder(self) -> Path:
        """Where finished segments are kept."""
        return _choose_folder(self.target, self.options)

    @property
    def partial(self) -> Path:
        """Where an interrupted run leaves what it has."""
        return _name_partial(self.target)

    @property
    def cut(self) -> Cut:
        """The part of the film that is taken."""
        facts, options = self.facts, self.options
        begin = None if options.start is None else facts.origin + options.start
        end = None if options.end is None else facts.origin + options.end
        return Cut(begin, end, facts.shift if begin is None else begin)


def color_film(
    source: str,
    output: str | None,
    color: ColorizerOptions,
    options: FilmOptions,
    json: str | None = None,
) -> int:
    """Color a film, and tell the user about it.

    Args:
        source: The film.
        output: The new film; None for a name beside the old one.
        color: How it is colored.
        options: How it is read and written.
        json: Where the report goes, if one is wanted: a file, or ``-`` for stdout.

    Returns:
        The exit code.

    Raises:
        InputError: The film cannot be read.
        OutputError: The new one cannot be written.
        OptionError: Options have no sense, or not for this film.
        ModelError, DeviceError: The model or the device cannot be used.
        KeyboardInterrupt: The user stopped it; what is finished is kept.
    """
    record = color_one(source, output, color, options)
    if json is not None:
        shown = asdict(color) | {"steady": options.steady}
        write_json({"tinct": __version__, "options": shown, "film": asdict(record)}, json)
    return 0


def color_one(
    source: str,
    output: str | None,
    color: ColorizerOptions,
    options: FilmOptions,
    others: Sequence[str] = (),
) -> FilmRecord:
    """Color a film, and say what became of it.

    Arguments and errors are those of ``color_film``; ``others`` are films of the same command, none
    of which is replaced.
    """
    begun = time.perf_counter()
    to_pictures = output is not None and is_pattern(output)
    target = Path(str(output)) if to_pictures else choose_target(source, output, options, others)
    with ExitStack() as stack:
        if not to_pictures:
            stack.enter_context(_alone(_choose_folder(target, options)))
            if target.exists() and not options.overwrite:
                how = "(--overwrite does it again)"
                print_message(f"{source}: skipped, {target} is there already {how}")
                return FilmRecord(source, str(target), "skipped")
        options = stack.enter_context(bring_films(source, options, target.absolute().parent))
        if to_pictures:
            from tinct.apps.films.stills import color_to_pictures

            record = color_to_pictures(source, str(target), color, options)
        else:
            record = run(prepare(source, target, color, options))
    record = replace(record, seconds=round(time.perf_counter() - begun, 3))
    rate = (record.frames - record.resumed) / max(record.seconds, 1e-9)
    print_message(
        f"{record.input} -> {record.output} ({record.frames} frames, {record.seconds:.1f} s, "
        f"{rate:.1f} frames/s)"
    )
    return record


@contextmanager
def bring_films(source: str, options: FilmOptions, folder: Path) -> Iterator[FilmOptions]:
    """Bring films that come from elsewhere into files, and yield options that know of these.

    Arguments and errors are those of ``color_film`` and ``arrivals.bring``.
    """
    with ExitStack() as stack:
        arrivals = {
            name: stack.enter_context(bring(name, folder))
            for name in (source, *options.following)
            if comes_from_elsewhere(name)
        }
        yield replace(options, arrivals=arrivals)


def name_target(source: str, folder: Path | None, options: FilmOptions) -> Path:
    """Name a new film after the old one.

    Args:
        source: The old one.
        folder: Where the new one goes; None for beside the old one.
        options: A preview has a name of its own.
    """
    path = name_of_address(source) if is_address(source) else Path(source)
    stem, suffix = path.stem, path.suffix.lower()
    if is_pattern(source) and not (is_address(source) or path.exists()):
        stem = path.absolute().parent.name  # pictures in a row have the name of their folder
    ending = "-color" if folder is None else ""
    ending = "-preview" if options.preview else ending
    name = f"{stem}{ending}{suffix if suffix in CONTAINERS else '.mp4'}"
    return (path.parent if folder is None else folder) / name


def choose_target(
    source: str, output: str | None, options: FilmOptions, others: Sequence[str] = ()
) -> Path:
    """Choose the name of the new film, and check that it can be one.

    Raises:
        OptionError: Its suffix is none of a film, or it is a film that is read.
        OutputError: There is no such folder, or nothing can be written there.
    """
    if output is None and source == STDIN:
        raise OptionError("-: a film from standard input needs a name for the new one: add -o")
    target = name_target(source, None, options) if output is None else Path(output)
    if target.suffix.lower() not in CONTAINERS:
        raise OptionError(f"{target}: films end in {', '.join(CONTAINERS)}")
    _check_name(target)
    files = [name for name in (source, *options.following, *others) if not is_address(name)]
    for name in files if target.exists() else ():
        if Path(name).exists() and target.samefile(name):
            whose = "the film itself" if name == source else "another of the films that are read"
            raise OptionError(f"{target}: {whose}; choose another name")
    place = target.absolute().parent
    if not place.is_dir():
        raise OutputError(f"{target}: there is no such folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise OutputError(f"{target}: no permission to write in {place}")
    return target


def _choose_folder(target: Path, options: FilmOptions) -> Path:
    """Choose where finished segments are kept; with ``--continue`` also under another suffix."""
    folder = target.with_name(f"{target.name}{UNFINISHED}")
    if options.resume and not folder.exists():
        others = sorted(folder.parent.glob(f"{glob.escape(target.stem)}.*{UNFINISHED}"))
        return others[0] if others else folder
    return folder


def _alone(folder: Path) -> AbstractContextManager[None]:
    """Keep other runs from a folder of segments, which need not be there."""
    busy = OutputError(f"{folder}: another run is working on this film")
    return locked(folder.with_name(f".{folder.stem}.lock"), busy)


def _name_partial(target: Path) -> Path:
    return target.with_name(f"{target.stem}.partial{target.suffix}")


def _check_name(target: Path) -> None:
    """Check that the system takes the name of a film, and the longer ones on the way to it.

    Raises:
        OutputError: It is too long, or a folder on the way is closed.
    """
    try:
        os.lstat(_name_partial(target))
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise OutputError(f"{target}: {reason_of(error)}") from error


def prepare(source: str, target: Path, color: ColorizerOptions, options: FilmOptions) -> FilmJob:
    """Look at a film and choose how it is encoded.

    Raises:
        InputError, OutputError, OptionError: As ``color_film``.
    """
    reader = open_film(source, options, full_range=False)
    facts = reader.facts
    options = _shortened(options)
    width, height = facts.form.width, facts.form.height
    size = doubled(facts, width, height) if options.preview else (width, height)
    container = CONTAINERS[target.suffix.lower()]
    plan, notes = plan_encoder(facts, container, options.encoder, size)
    plan, lost = check_header(reader, plan)
    tracks, without_place = _plan_tracks(reader, container)
    notes += [*lost, *without_place]
    for note in (*facts.notes, *notes):
        print_warning(f"{source}: {note}")
    for track in tracks:
        (print_message if track.is_kept else print_warning)(f"{source}: {track}")
    return FilmJob(reader, plan, color, options, target, tracks, (*facts.notes, *notes))


def _plan_tracks(reader: FilmSource, container: str) -> tuple[list[TrackPlan], list[str]]:
    """Return what becomes of the tracks of the first film, and which of the others are lost."""
    with reader.open() as held:
        if held is None:
            return [], []
        changing: set[int] = set()
        lost: list[str] = []
        for member, _ in reader.members(WHOLE)[1:]:
            with member.open() as following:
                assert following is not None
                changing |= find_changing(held, following)
                unmatched = name_unmatched(held, following)
                lost += [f"{member.facts.name}: {what}" for what in unmatched]
        return plan_tracks(held, reader.facts.stream, container, changing), lost


def doubled(facts: FilmFacts, width: int, height: int) -> tuple[int, int]:
    """Return width and height of two frames that are shown side by side."""
    axis, _ = facts.left_side
    return (2 * width, height) if axis == 1 else (width, 2 * height)


def _shortened(options: FilmOptions) -> FilmOptions:
    """Cut ten seconds for a preview."""
    if not options.preview:
        return options
    start = options.start or Fraction(0)
    end = start + PREVIEW if options.end is None else min(options.end, start + PREVIEW)
    return replace(options, end=end)


def run(job: FilmJob) -> FilmRecord:
    """Color a film, or the rest of it.

    Args:
        job: The film.

    Raises:
        InputError, OutputError, OptionError, ModelError, DeviceError, KeyboardInterrupt: As
            ``color_film``.
    """
    parts = _open_parts(job)
    resumed = parts.frames
    if resumed:
        print_message(f"{job.facts.name}: goes on after {resumed} frames that are finished")
    try:
        _color(job, parts)
    except (KeyboardInterrupt, SystemExit):
        _keep_partial(job, parts)
        raise
    if not parts.segments:
        raise InputError(f"{job.facts.name}: no frames in this part of it")
    parts.finish()
    warnings = [*dict.fromkeys(job.reader.damage)]  # with key frames it has been read twice
    if parts.kept:
        warnings.append(f"{parts.kept} frames are in color already and stay so (--recolor: anew)")
    warnings += _join(job, parts, job.cut, job.target, job.options.overwrite)
    for text in warnings:
        print_warning(f"{job.facts.name}: {text}")
    parts.remove()
    job.partial.unlink(missing_ok=True)
    return FilmRecord(
        job.facts.name,
        str(job.target),
        "done",
        parts.frames,
        resumed,
        tracks=tuple(map(str, job.tracks)),
        warnings=(*job.notes, *warnings),
    )


def _join(job: FilmJob, parts: Parts, cut: Cut, target: Path, overwrite: bool) -> list[str]:
    is_any_colored = parts.kept < parts.frames
    colored_by = job.options.name_model(job.color) if is_any_colored else ""
    return join(job.reader, parts, job.plan, job.tracks, cut, target, overwrite, colored_by)


def _open_parts(job: FilmJob) -> Parts:
    """Open the folder of segments; one that does not fit is given up only if that was asked for.

    With ``--continue``, segments of another version of tinct will do.
    """
    identity, folder = _identity(job), job.folder
    try:
        parts = Parts(folder, identity, ignored=("versions",) if job.options.resume else ())
    except OutputError:
        if not job.options.overwrite:
            raise
        remove_parts(folder)
        parts = Parts(folder, identity)
    _drop_short(parts)
    return parts


def _drop_short(parts: Parts) -> None:
    """Forget a segment that a run has broken off, so that nothing shows where the next went on."""
    from tinct.apps.films.frames import SEGMENT

    if parts.is_whole or not parts.segments or parts.segments[-1].frames >= SEGMENT:
        return
    parts.drop_last()
    if not parts.segments:
        parts.remove()


def _color(job: FilmJob, parts: Parts) -> None:
    """Color what is not finished yet."""
    # ONNX Runtime: not before the film is known to be one.
    from tinct.apps.films.frames import Finish, encode_segments, make_colorizer
    from tinct.apps.films.key_frames import read_key_frames

    source = job.facts.form
    form = replace(job.plan.form(source), width=source.width, height=source.height)
    film = make_colorizer(job.color, form, steady=job.options.steady, jobs=job.options.jobs)
    finish = Finish(
        job.facts,
        form,
        job.plan.frame_tags,
        preview=job.options.preview,
        keep_tint=job.options.keep_tint,
    )
    film.key_frames = read_key_frames(job.options.key_frames, job.reader, film, finish)
    if parts.segments:
        film.memory = parts.load(len(parts.segments) - 1).memory
    total, done = _count(job.facts, job.options), parts.frames

    def encode(items: Iterable[Colored]) -> None:
        encode_segments(items, job.plan, parts)

    with (
        prefetch(_rest(job, parts), _WAITING) as decoded,
        consume_in_thread(encode, _WAITING) as put,
        progress_bar(None if total is None else max(total, done + 2), "frames") as advance,
    ):
        advance(done)
        for item in film.color(decoded, finish):
            put(item)
            advance()


def _rest(job: FilmJob, parts: Parts) -> Iterator[FilmFrame]:
    """Read the frames that are not finished, marked where they are in color already.

    The last finished one is read as well: by it a change of shots is found behind it.
    """
    from tinct.apps.films.own_color import find_own_color

    options, before = job.options, None
    skip = max(parts.frames - 1, 0)
    after = int(parts.times()[skip - 1]) if skip and parts.is_exact else None
    frames = job.reader.frames(options.start, options.end, skip, after)
    if parts.segments:
        last = parts.segments[-1]
        before = next(frames, None)
        if before is not None:
            before = replace(before, is_colored=last.is_colored, contrary=last.contrary)
    return frames if options.recolor else find_own_color(frames, job.facts.form, before)


def _keep_partial(job: FilmJob, parts: Parts) -> None:
    """Make a film of what an interrupted run has, and leave whole segments for the next."""
    if not parts.segments:
        return
    base = job.facts.time_base
    end = parts.segments[-1].end * base
    _join(job, parts, replace(job.cut, end=end), job.partial, overwrite=True)
    length = float(end - parts.segments[0].begin * base)
    _drop_short(parts)
    print_message(
        f"{job.partial}: what is finished, {length:.1f} s; the same command goes on after "
        f"{parts.frames} frames"
    )


def _count(facts: FilmFacts, options: FilmOptions) -> int | None:
    """Estimate the number of frames."""
    if facts.end is None:
        return None
    whole = facts.end * facts.time_base - facts.origin
    end = whole if options.end is None else min(options.end, whole)
    return max(round((end - (options.start or 0)) * facts.rate), 0)


def _identity(job: FilmJob) -> dict[str, object]:
    """Return everything that decides about the segments."""
    from tinct.runtime import model_path

    model = digest_of(model_path(job.color.model))
    plan = {key: str(value) for key, value in asdict(job.plan).items() if key != "container"}
    options = job.options
    key_frames = {str(one.number): one.digest for one in options.key_frames}
    return {
        **({"key frames": key_frames} if key_frames else {}),
        "film": job.reader.fingerprint,
        "model": model,
        "colors": {k: v for k, v in asdict(job.color).items() if k not in ("model", "threads")},
        "encoder": plan | {"reordered": job.plan.holds_times},
        "cut": [
            str(options.start),
            str(options.end),
            options.preview,
            options.steady,
            options.recolor,
            options.keep_tint,
            options.fields,
        ],
        "versions": [__version__, av.__version__, str(av.library_versions["libavcodec"])],
    }
