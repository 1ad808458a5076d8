"""What an archive holds: folders on disks and in object stores, single files, manifests.

Items come one folder at a time, so that memory does not grow with the archive.
"""

from __future__ import annotations

import os
import posixpath
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import pairwise
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from tinct.apps.archive import storage
from tinct.apps.archive.item import Item, is_film
from tinct.apps.archive.records import FOLDER, MANIFEST, items_of
from tinct.apps.film_suffixes import FILM_SUFFIXES
from tinct.apps.photographs.plan import FolderContents, Naming, name_results, walk_folder
from tinct.errors import InputError, OptionError, TinctError
from tinct.files import open_source, reason_of
from tinct.films.encoder import CONTAINERS
from tinct.films.mark import was_colored
from tinct.photographs.formats import FORMATS

_MANIFEST_SUFFIX = ".parquet"
_SOURCE_COLUMNS = ("source", "path", "uri")
_ROWS = 2000  # of a manifest at a time


@dataclass(slots=True)
class LeftOut:
    """What was found and is no item; counts alone, as there may be millions."""

    contents: FolderContents = field(default_factory=FolderContents)
    num_unwanted: int = 0  # photographs or films, where only the others are wanted

    def add(self, contents: FolderContents) -> None:
        """Add what is in a folder."""
        contents.pictures, contents.films = [], []
        self.contents.add(contents)


def list_items(
    sources: Sequence[str], target: str, naming: Naming, left_out: LeftOut
) -> Iterator[list[Item]]:
    """Find items, and name their results.

    The tree of a folder is kept below the target; of several folders, each below one of its name.

    Args:
        sources: Folders, files and manifests, as paths or URLs.
        target: Where results go; passed over where it is found in a folder.
        naming: Of which the format and the suffix of films count.
        left_out: Is told what else was found.

    Returns:
        The items of a folder at a time, or some of a manifest. What they are taken from may raise
        an ``InputError`` or an ``OptionError``: it cannot be listed or read.

    Raises:
        OptionError: A source on a disk is none, or two have the same name.
    """
    kinds = {source: _kind_of(source) for source in sources}
    folders = [source for source in kinds if kinds[source] == "folder"]
    names = sorted(_name_of(folder) for folder in folders)
    for name, following in pairwise(names):
        if name == following:
            raise OptionError(f"two folders called {name}: archive one after the other")
    return _list_all(kinds, target, naming, left_out)


def _list_all(
    kinds: Mapping[str, str], target: str, naming: Naming, left_out: LeftOut
) -> Iterator[list[Item]]:
    """Find the items of sources of which is known what they are."""
    folders = [source for source in kinds if kinds[source] == "folder"]
    if files := [source for source in kinds if kinds[source] == "file"]:
        yield _named([_file_facts(name) for name in files], "", naming)
    for folder in folders:
        base = f"{_name_of(folder)}/" if len(folders) > 1 else ""
        list_one = _list_url if storage.is_url(folder) else _list_disk
        yield from list_one(folder, base, target, naming, left_out)
    for source, kind in kinds.items():
        if kind == "manifest":
            yield from _list_manifest(source, naming)


def _kind_of(source: str) -> str:
    """Tell a folder, a file and a manifest apart.

    Raises:
        OptionError: It is none of these.
    """
    suffix = posixpath.splitext(source)[1].lower()
    is_url = storage.is_url(source)
    if not is_url and not storage.local_path(source).exists():
        raise OptionError(f"{source}: no such file or folder")
    if suffix == _MANIFEST_SUFFIX:
        return "manifest"
    if is_url:
        return "file" if suffix in FORMATS or suffix in FILM_SUFFIXES else "folder"
    return "folder" if storage.local_path(source).is_dir() else "file"


def _name_of(source: str) -> str:
    if storage.is_url(source):
        return source.rstrip("/").rpartition("/")[2]
    return os.path.basename(os.path.abspath(storage.local_path(source)))


def _named(
    facts: Sequence[tuple[str, int | None, int | None]], base: str, naming: Naming
) -> list[Item]:
    """Name the results of files of one folder.

    Args:
        facts: Path or URL, size and time of each.
        base: Their folder below the target, "" or with a slash at its end.
        naming: Of which the format counts.
    """
    results = _name_results([_name_of(source) for source, _, _ in facts], naming)
    return [
        Item(source, f"{base}{name}", size, time, notes=notes)
        for (source, size, time), (name, notes) in zip(facts, results, strict=True)
    ]


def _name_results(names: Sequence[str], naming: Naming) -> list[tuple[str, tuple[str, ...]]]:
    """Name the results of photographs and films of one folder, see ``name_results``."""
    photographs = [name for name in names if not is_film(name)]
    results = dict(zip(photographs, name_results(photographs, naming), strict=True))
    films = {name: _film_name(name, naming) for name in names if is_film(name)}
    wanted = Counter(map(os.path.normcase, films.values()))
    for name, result in films.items():
        if wanted[os.path.normcase(result)] > 1 and result != name:
            other = name + os.path.splitext(result)[1]
            note = f"written to {other}, as another film becomes {result}"
            results[name] = other, (note,)
        else:
            results[name] = result, ()
    return [results[name] for name in names]


def _film_name(name: str, naming: Naming) -> str:
    stem, suffix = os.path.splitext(name)
    kept = suffix if suffix.lower() in CONTAINERS else ".mp4"
    return stem + (naming.film_suffix or kept)


def _list_disk(
    folder: str, base: str, target: str, naming: Naming, left_out: LeftOut
) -> Iterator[list[Item]]:
    root = Path(os.path.abspath(storage.local_path(folder)))  # for other machines, and other days
    ignored = set() if storage.is_url(target) else {storage.local_path(target).resolve()}
    for here, contents in walk_folder(root, ignored):
        place = here.relative_to(root).as_posix()
        below = base if place == "." else f"{base}{place}/"
        films = [film for film in contents.films if not _is_result(film)]
        contents.results += len(contents.films) - len(films)
        found = (*contents.pictures, *films)
        facts = [(str(path), *_disk_facts(path)) for path in found]
        left_out.add(contents)
        if facts:
            yield _named(facts, below, naming)


def _is_result(film: Path) -> bool:
    """Tell whether ``tinct video`` has put a film beside another.

    Only those that are called so are opened: of many films that would take minutes in every run.
    """
    return ("-color" in film.stem or "-preview" in film.stem) and was_colored(film)


def _disk_facts(path: Path) -> tuple[int | None, int | None]:
    """Return size and time of a file; of one that has gone, its reader will tell."""
    try:
        facts = path.stat()
    except OSError:
        return None, None
    return facts.st_size, facts.st_mtime_ns // 1000


def _file_facts(name: str) -> tuple[str, int | None, int | None]:
    if not storage.is_url(name):
        path = Path(os.path.abspath(storage.local_path(name)))
        return str(path), *_disk_facts(path)
    system, path_on_it = storage.open_url(name)
    try:
        return name, *_url_facts(system.info(path_on_it))
    except FileNotFoundError as error:
        raise OptionError(f"{name}: no such file") from error
    except Exception as error:
        raise InputError(f"{name}: {reason_of(error)}") from error


def _list_url(
    folder: str, base: str, target: str, naming: Naming, left_out: LeftOut
) -> Iterator[list[Item]]:
    system, root = storage.open_url(folder)
    try:
        if not system.isdir(root):
            raise OptionError(f"{folder}: no such folder")
        for here, folders, files in system.walk(root, detail=True, on_error="raise"):
            system.invalidate_cache()
            _keep_visible(folders, lambda path: system.unstrip_protocol(path) == target)
            contents = FolderContents()
            facts = []
            for name in sorted(files):
                if not name or name.startswith("."):
                    continue
                suffix = posixpath.splitext(name)[1].lower()
                known = FORMATS.get(suffix)
                if (known is not None and known.is_found_in_folders) or is_film(name):
                    source = system.unstrip_protocol(files[name]["name"])
                    facts.append((source, *_url_facts(files[name])))
                else:
                    contents.suffixes[suffix or "no suffix"] += 1
            left_out.add(contents)
            below = here[len(root) :].strip("/")
            if facts:
                yield _named(facts, f"{base}{below}/" if below else base, naming)
    except TinctError:
        raise
    except Exception as error:
        raise InputError(f"{folder}: {reason_of(error)}") from error


def _keep_visible(folders: dict[str, Any], is_target: Any) -> None:
    """Take hidden folders and the target out of those that will be walked, and sort the others."""
    kept = {
        name: folders[name]
        for name in sorted(folders)
        if name and not name.startswith(".") and not is_target(folders[name]["name"])
    }
    folders.clear()
    folders.update(kept)


def _url_facts(info: dict[str, Any]) -> tuple[int | None, int | None]:
    """Return size and time of a file, by what fsspec tells of it; each store has its own words."""
    changed = next(
        (
            info[key]
            for key in ("LastModified", "last_modified", "mtime", "updated")
            if info.get(key)
        ),
        None,
    )
    if isinstance(changed, str):
        changed = datetime.fromisoformat(changed)
    if isinstance(changed, datetime):
        changed = changed.timestamp()
    return info.get("size"), None if changed is None else round(changed * 1e6)


def _list_manifest(name: str, naming: Naming) -> Iterator[list[Item]]:
    """Read a manifest: items with or without places.

    Raises:
        InputError: It cannot be read, or lacks what is needed.
    """
    with _open_manifest(name) as file:
        try:
            table = pq.ParquetFile(file)
        except (pa.ArrowInvalid, OSError) as error:
            raise InputError(f"{name}: damaged, or no Parquet file") from error
        given = table.schema_arrow.names
        column = next((column for column in _SOURCE_COLUMNS if column in given), None)
        if column is None:
            raise InputError(f"{name}: a manifest has a column source (or path, or uri)")
        common = None if "place" in given else _common_folder(table, column, name)
        folder = os.path.dirname(name if storage.is_url(name) else os.path.abspath(name))
        for batch in table.iter_batches(batch_size=_ROWS, use_threads=False):
            rows = items_of(_as_manifest(batch, column), name)
            yield [_from_manifest(row, common, folder, name, naming) for row in rows]


def _open_manifest(name: str) -> Any:
    if not storage.is_url(name):
        return open_source(storage.local_path(name), name)
    system, path = storage.open_url(name)
    try:
        return system.open(path, "rb")
    except FileNotFoundError as error:
        raise InputError(f"{name}: no such file") from error
    except Exception as error:
        raise InputError(f"{name}: {reason_of(error)}") from error


def _as_manifest(batch: Any, column: str) -> Any:
    """Give a batch of a manifest the columns of ``MANIFEST``; those that it lacks are empty."""
    arrays = []
    for wanted in MANIFEST:
        given = column if wanted.name == "source" else wanted.name
        has_it = given in batch.schema.names
        arrays.append(batch.column(given) if has_it else pa.nulls(len(batch), wanted.type))
    return pa.Table.from_arrays(arrays, names=MANIFEST.names)


def _common_folder(table: Any, column: str, name: str) -> str:
    """Return the folder that all items are in, "" or with a slash at its end."""
    common: str | None = None
    for batch in table.iter_batches(batch_size=_ROWS, columns=[column], use_threads=False):
        for source in batch.column(0).to_pylist():
            if source is None:
                raise InputError(f"{name}: a row without {column}")
            folder = source.rpartition("/")[0] + "/" if "/" in source else ""
            if common is None:
                common = folder
            while not folder.startswith(common):
                common = common[:-1].rpartition("/")[0] + "/" if "/" in common[:-1] else ""
    return common or ""


def _from_manifest(row: Item, common: str | None, folder: str, name: str, naming: Naming) -> Item:
    """Complete a row of a manifest.

    Args:
        row: What stands in it.
        common: The folder of all items, where no places are given.
        folder: That of the manifest: relative paths are below it.
        name: Of the manifest, for messages.
        naming: Of which the format counts.
    """
    if not row.source:
        raise InputError(f"{name}: a row without a source")
    place = row.place if common is None else row.source.removeprefix(common)
    if not place:
        raise InputError(f"{name}: {row.source} has no place")
    above, slash, last = place.rpartition("/")
    [(result, _)] = _name_results([last], naming)
    source = row.source
    if not (storage.is_url(source) or source.startswith("file://") or os.path.isabs(source)):
        source = storage.join(folder, source)
    digest = None if row.hash is None else row.hash.lower()
    return replace(row, source=source, place=f"{above}{slash}{result}", hash=digest)


def is_inside(place: str) -> bool:
    """Tell whether a place is below the target, and not among the records."""
    parts = place.split("/")
    return not ({"", ".", ".."} & set(parts) or parts[0] == FOLDER or "\\" in place)
