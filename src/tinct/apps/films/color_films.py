"""Several films: one after the other, or joined to one."""

from __future__ import annotations

import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tinct import __version__
from tinct.apps.console import print_error, print_message
from tinct.apps.film_suffixes import FILM_SUFFIXES
from tinct.apps.films.arrivals import STDIN
from tinct.apps.films.color_film import color_film, color_one, name_target
from tinct.apps.films.options import FilmRecord
from tinct.apps.photographs.plan import number_until_free
from tinct.apps.report import write_json
from tinct.errors import InputError, OptionError, TinctError
from tinct.files import make_folder

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
    films = list(_expand(inputs))
    first, *others = films
    is_folder = output is not None and (output.endswith(os.sep) or Path(output).is_dir())
    if (join and not is_folder) or (len(films) == 1 and not is_folder):
        if join and output is None and others:
            raise OptionError("--join: several films need a name for the one they become: add -o")
        return color_film(first, output, color, replace(options, following=tuple(others)), json)
    if output is not None and (join or not is_folder):
        wanted = "a name for the film that they become" if join else "an existing folder, or --join"
        raise OptionError(f"{output}: for {len(films)} films, {wanted} is needed")
    if STDIN in films:
        raise OptionError("-: standard input cannot be mixed with other films")
    films = list(dict.fromkeys(films))
    folder = None if output is None else Path(output)
    names = [name_target(film, folder, options) for film in films]
    if folder is not None:
        make_folder(folder)
    records = []
    for film, name, target in zip(films, names, make_names_differ(names), strict=True):
        if target != name:
            print_message(f"{film}: written to {target}, as another film becomes {name}")
        records.append(_color_one(film, target, color, options, films))
    if json is not None:
        shown = asdict(color) | {"steady": options.steady}
        held = [asdict(record) for record in records]
        write_json({"tinct": __version__, "options": shown, "films": held}, json)
    return _FAILED if any(record.status == "failed" for record in records) else 0


def make_names_differ(targets: Sequence[Path]) -> list[Path]:
    """Number films of which several would be one file: ``film.mp4``, ``film-2.mp4``."""

    def identify(path: Path) -> str:
        return os.path.normcase(path.absolute())

    wanted = {identify(target) for target in targets}
    taken: set[str] = set()
    named = []
    for target in targets:
        is_taken = identify(target) in taken
        name = number_until_free(target, wanted, taken, identify) if is_taken else target
        taken.add(identify(name))
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


def _expand(inputs: Iterable[str]) -> Iterator[str]:
    """Yield films; of folders, what has the suffix of one, in the order of the names."""
    for name in inputs:
        if not os.path.isdir(name):
            yield name
            continue
        found = sorted(
            str(path)
            for path in Path(name).iterdir()
            if path.suffix.lower() in FILM_SUFFIXES and path.is_file()
        )
        if not found:
            raise InputError(
                f"{name}: no films in this folder; pictures in a row: "
                f"tinct video '{os.path.join(name, '%06d.png')}'"
            )
        yield from found
