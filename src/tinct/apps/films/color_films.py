"""Several films: one after the other, or joined to one."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tinct import __version__
from tinct.apps.console import print_error, print_message
from tinct.apps.films.arrivals import STDIN
from tinct.apps.films.color_film import color_film, color_one, name_target
from tinct.apps.films.options import FilmRecord
from tinct.apps.photographs.plan import (
    FolderContents,
    list_folder,
    means_folder,
    number_until_free,
)
from tinct.apps.report import check_report, write_json
from tinct.errors import InputError, OptionError, TinctError
from tinct.files import make_folder, reason_of
from tinct.films.mark import was_colored
from tinct.films.reader import is_address
from tinct.films.sequence import is_pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tinct.apps.colorizer_options import ColorizerOptions
    from tinct.apps.films.options import FilmOptions

_FAILED = 1


def color_films(
    inputs: Sequence[str],
    output: str | None,
    color: ColorizerOptions,
    options: FilmOptions,
    json: str | None = None,
    *,
    join: bool = False,
) -> int:
    """Color films, and tell the user about them; of several, one that fails stops no other.

    Args:
        inputs: Films, and folders whose films are colored in the order of their names.
        output: The new film; of several that are not joined, a folder. None for names beside the
            old ones.
        color: How they are colored.
        options: How they are read and written.
        json: Where the report goes, if one is wanted: a file, or ``-`` for stdout.
        join: Make one film of all.

    Returns:
        The exit code.

    Raises:
        TinctError: As ``color_film``, where there is one film or they are joined.
        InputError: A folder holds no films.
        OptionError: The output is one film, for several.
    """
    is_folder = output is not None and _is_folder(output)
    folder = Path(str(output)) if is_folder else None
    left_out = FolderContents()
    found = list(_find_films(inputs, folder, options, left_out))
    films = [film for film, _ in found]
    check_report(json, [output], films)
    _tell_left_out(left_out)
    first, *others = films
    if (join and not is_folder) or (len(films) == 1 and not is_folder):
        if join and output is None and others:
            raise OptionError("--join: several films need a name for the one they become: add -o")
        return color_film(first, output, color, replace(options, following=tuple(others)), json)
    if output is not None and (join or not is_folder):
        wanted = "a name for the film that they become" if join else "a folder, or --join"
        raise OptionError(f"{output}: for {len(films)} films, {wanted} is needed")
    if STDIN in films:
        what = "cannot be mixed with other films" if others else "needs a name for the new film"
        raise OptionError(f"-: standard input {what}")
    if options.key_frames and others:
        raise OptionError("--key-frame is about one film: name that one alone")
    places = dict(found)  # each film once
    films = list(places)
    names = [
        name_target(film, None if folder is None else folder / place, options)
        for film, place in places.items()
    ]
    records = []
    for film, name, target in zip(films, names, make_names_differ(names), strict=True):
        if target != name:
            print_message(f"{film}: written to {target}, as another film becomes {name}")
        if folder is not None:
            make_folder(target.parent)
        records.append(_color_one(film, target, color, options, films))
    if json is not None:
        shown = asdict(color) | {"steady": options.steady}
        held = [asdict(record) for record in records]
        rest = left_out.report() | {"pictures": len(left_out.pictures)}
        report = {"tinct": __version__, "options": shown, "films": held, "left_out": rest}
        write_json(report, json)
    return _FAILED if any(record.status == "failed" for record in records) else 0


def _is_folder(output: str) -> bool:
    is_other = output == STDIN or is_address(output) or is_pattern(output)
    return not is_other and means_folder(output)


def make_names_differ(targets: Sequence[Path]) -> list[Path]:
    """Number films of which several would be one file: ``film.mp4``, ``film-2.mp4``."""

    def identify(path: Path) -> str:
        return os.path.normcase(path.absolute())

    wanted = {identify(target) for target in targets}
    taken: dict[str, int] = {}
    named = []
    for target in targets:
        is_taken = identify(target) in taken
        name = number_until_free(target, wanted, taken, identify) if is_taken else target
        taken.setdefault(identify(name), 1)
        named.append(name)
    return named


def _color_one(
    film: str, target: Path, color: ColorizerOptions, options: FilmOptions, others: Sequence[str]
) -> FilmRecord:
    try:
        return color_one(film, str(target), color, options, others)
    except TinctError as error:
        print_error(str(error))
        return FilmRecord(film, str(target), "failed", warnings=(str(error),))


def _find_films(
    inputs: Sequence[str], output: Path | None, options: FilmOptions, left_out: FolderContents
) -> Iterator[tuple[str, Path]]:
    """Yield films, each with the folder that it is in, below the one that was named.

    Of folders and all below them these are what has the suffix of a film. Results of earlier runs
    are left out; of films that are named these are only the results of others of them.

    Args:
        inputs: Films and folders.
        output: The folder of the results, if there is one; it is not searched.
        options: How results are named.
        left_out: What is no film, or is a result, is added to it.

    Raises:
        InputError: A folder cannot be read, or holds no films.
    """
    ignored = None if output is None else output.resolve()
    results = _name_results(inputs, options)
    for name in inputs:
        folder = Path(name)
        if not os.path.isdir(folder):
            if folder in results and was_colored(folder):
                left_out.results += 1
            else:
                yield name, Path()
            continue
        contents = list_folder(folder, {ignored} - {folder.resolve()})
        for error in contents.unreadable:
            raise InputError(f"{error.filename}: {reason_of(error)}")
        # Beside the films lie results that do not say so, too (--no-mark).
        beside = _name_results(contents.films, options) if output is None else set()
        films = [film for film in contents.films if film not in beside and not was_colored(film)]
        contents.results += len(contents.films) - len(films)
        if not films:
            others = f", but {contents.results} that tinct has written" if contents.results else ""
            raise InputError(
                f"{name}: no films in this folder{others}; pictures in a row: "
                f"tinct video '{os.path.join(name, '%06d.png')}'"
            )
        left_out.add(contents)
        yield from ((str(film), film.relative_to(folder).parent) for film in films)


def _name_results(films: Iterable[str | Path], options: FilmOptions) -> set[Path]:
    """Name what films, or previews of them, become if no output is given."""
    return {
        name_target(str(film), None, replace(options, preview=preview))
        for film in films
        for preview in (False, True)
    }


def _tell_left_out(contents: FolderContents) -> None:
    number = len(contents.pictures)
    pictures = f"{number} picture{'' if number == 1 else 's'} (tinct image colors them)"
    text = contents.name_left_out(*([pictures] if number else []))
    if text:
        print_message(f"left out: {text}")
