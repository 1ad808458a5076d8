"""Films of an archive, each colored as ``tinct video`` does it.

A film is made beside the records and gets its name when it is whole. What a worker that ended has
finished of it stays there, and another one goes on after it.
"""

from __future__ import annotations

import tempfile
import time
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tinct.apps.archive import storage
from tinct.apps.archive.item import Fate
from tinct.apps.archive.records import FILMS, FOLDER, hash_of
from tinct.apps.films.arrivals import Arrival
from tinct.apps.films.color_film import prepare, run
from tinct.apps.films.own_color import is_all_in_color
from tinct.apps.photographs.batch import InColorError
from tinct.files import digest_of, make_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinct.apps.archive.item import Choices, Item


def workshop(target: str, place: str) -> Path:
    """Return the file that a film is made in, always the same for the same film.

    Args:
        target: The archive's. For one that is on no disk, films are made among the machine's
            temporary files.
        place: Of the film below it.
    """
    if storage.is_url(target):
        folder = Path(tempfile.gettempdir(), FOLDER)
    else:
        folder = storage.local_path(storage.join(target, FILMS))
    make_folder(folder)
    return folder / f"{hash_of(storage.join(target, place)):016x}{Path(place).suffix}"


def color_film(item: Item, choices: Choices, path: Path, jobs: int) -> Fate:
    """Color a film, or the rest of it.

    Args:
        item: The film.
        choices: How it is colored, read and written.
        path: The new file, which nobody else knows of.
        jobs: Frames in work at once.

    Returns:
        Its fate, as if it stood in its place already.

    Raises:
        InColorError: It is in color, and not wanted.
        InputError, OutputError, OptionError: It cannot be read or written, or an option is not for
            this film.
    """
    start = time.perf_counter()
    with _on_disk(item.source, path) as source:
        digest = digest_of(source)
        item.check_hash(digest)
        arrivals = {item.source: Arrival(source, f"{item.source}, {digest}")}
        options = replace(choices.film, overwrite=True, arrivals=arrivals, jobs=jobs)
        job = prepare(item.source, path, choices.films, options)
        form = job.facts.form
        if not options.recolor and is_all_in_color(job.reader.frames(), form):
            raise InColorError
        record = run(job)
    lost = [str(track) for track in job.tracks if not track.is_kept]
    height, width = form.shown_shape
    return Fate(
        item,
        "done",
        warnings=(*item.notes, *record.warnings, *lost),
        width=width,
        height=height,
        frames=record.frames,
        seconds=time.perf_counter() - start,
        hash=digest,
        output_size=path.stat().st_size,
        output_hash=digest_of(path),
    )


@contextmanager
def _on_disk(source: str, path: Path) -> Iterator[Path]:
    """Give the file of a film; one from elsewhere is brought, and removed afterwards."""
    if not storage.is_url(source):
        yield storage.local_path(source)
        return
    brought = path.with_name(f"{path.name}.source{Path(source).suffix}")
    try:
        storage.fetch(source, brought)
        yield brought
    finally:
        brought.unlink(missing_ok=True)
