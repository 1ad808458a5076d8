"""What an archive remembers: a manifest of what was found, and a table of what became of it.

Both are Parquet files in a folder at the target, in parts of some thousand rows::

    tinct-archive/manifest/RUN-00000.parquet       what was found, written before any of it is begun
    tinct-archive/status/RUN-00000.parquet         what became of it: one row for each
    tinct-archive/status/RUN-00000-0003.parquet    the same, of a part that is in work

The manifest is what makes a run that was killed go on exactly: a result that is there, without a
row in the status table, is known to be tinct's if a manifest says that it was about to be made, and
was not there before. So results need not be looked into, and nothing else is ever replaced.
"""

from __future__ import annotations

import hashlib
import io
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from tinct import __version__
from tinct.apps.archive import storage
from tinct.apps.archive.item import Fate, Item, Work
from tinct.apps.archive.worker import THERE
from tinct.apps.photographs.batch import IN_COLOR
from tinct.errors import InputError, OptionError
from tinct.files import locked, make_folder

FOLDER = "tinct-archive"
FILMS = f"{FOLDER}/films"  # where films are made
_TIME = pa.timestamp("us", tz="UTC")
MANIFEST = pa.schema(
    [
        ("source", pa.string()),  # path or URL
        ("place", pa.string()),  # of the result below the target
        ("size", pa.int64()),  # bytes
        ("time", _TIME),  # of the last change
        ("hash", pa.string()),  # SHA-256 in hexadecimal digits, where it is known
    ]
)
_REPLACES = pa.field("replaces", pa.bool_())  # in parts of a run: a result of tinct's may be there
STATUS = pa.schema(
    [
        *MANIFEST,  # size, time and hash of what was read
        ("status", pa.string()),  # done, skipped or failed
        ("reason", pa.string()),  # why it was skipped or failed
        ("warnings", pa.list_(pa.string())),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("frames", pa.int32()),  # of a film
        ("seconds", pa.float64()),
        ("output_size", pa.int64()),
        ("output_hash", pa.string()),
        ("finished", _TIME),
        ("worker", pa.string()),  # host:process
        ("model", pa.string()),
        ("model_hash", pa.string()),
        ("options", pa.string()),  # JSON
        ("tinct", pa.string()),  # version
        ("fingerprint", pa.string()),  # of the source, the model and the options
    ]
)
_DECIDING = {False: b"tinct", True: b"tinct films"}
"""Keys of what decides about results, in the metadata of a manifest; of films: True."""
_FLUSH_S = 2.0
_PARTIAL = re.compile(r"(.+-\d{5})-\d{4}")  # of a part in work
_MERGED_AT = 4096  # newly known items that are looked up apart from the others
# What is known of an item
DONE, IN_COLOR_ALREADY, NOT_OURS, FAILED, BEGUN, REPLACED, NOW = range(7)

_TABLES_REMEMBERED = 8  # parts of earlier runs, of which results are looked up

_Hashes = NDArray[np.uint64]


class Past(NamedTuple):
    """What was last known of an item."""

    state: str  # fingerprint
    code: int  # ``DONE``, ... ``NOW``
    part: int = 0  # of the records: where its row is


class MadeOf(NamedTuple):
    """What a result of tinct's was made of."""

    source: str
    output_hash: str | None  # SHA-256 of the result as it was written, where that is known


class Known:
    """What is known of items, by the place of their result, in 21 bytes for each."""

    def __init__(
        self,
        places: _Hashes,
        states: _Hashes,
        codes: NDArray[np.uint8],
        parts: NDArray[np.uint32],
    ) -> None:
        """Take what is known.

        Args:
            places: Hashes of places, ascending.
            states: Fingerprints.
            codes: ``DONE``, ... ``NOW``.
            parts: Numbers of the parts of the records that say it.
        """
        self._places, self._states, self._codes, self._parts = places, states, codes, parts
        self._recent: dict[int, tuple[int, int]] = {}

    def find(self, item: Item) -> Past | None:
        """Return what was last known of an item; None if nothing is."""
        key = hash_of(item.key)
        if key in self._recent:
            state, code = self._recent[key]
            return Past(f"{state:016x}", code)
        index = int(np.searchsorted(self._places, np.uint64(key)))
        if index == len(self._places) or int(self._places[index]) != key:
            return None
        code, part = int(self._codes[index]), int(self._parts[index])
        return Past(f"{int(self._states[index]):016x}", code, part)

    def begin(self, item: Item, fingerprint: str) -> None:
        """Note that an item was met in this run."""
        self._recent[hash_of(item.key)] = int(fingerprint, 16), NOW
        if len(self._recent) >= max(_MERGED_AT, len(self._places) // 4):
            keys = np.fromiter(self._recent, np.uint64)
            entries = list(self._recent.values())
            places = np.concatenate([self._places, keys])
            states = np.concatenate([self._states, np.array([e[0] for e in entries], np.uint64)])
            codes = np.concatenate([self._codes, np.array([e[1] for e in entries], np.uint8)])
            parts = np.concatenate([self._parts, np.zeros(len(keys), np.uint32)])
            last = _last_of_each(places)
            self._places, self._states = places[last], states[last]
            self._codes, self._parts = codes[last], parts[last]
            self._recent.clear()


def hash_of(text: str) -> int:
    """Return 64 bits of a text."""
    data = text.encode(errors="surrogateescape")
    return int.from_bytes(hashlib.blake2b(data, digest_size=8).digest(), "big")


def _last_of_each(hashes: _Hashes) -> NDArray[np.intp]:
    """Return where each value stands last, by ascending value."""
    _, reverse = np.unique(hashes[::-1], return_index=True)
    return len(hashes) - 1 - reverse


@dataclass(slots=True)
class _Part:
    """Items whose fates go into one file."""

    name: str
    waiting: int  # items without a fate yet
    rows: list[dict[str, object]] = field(default_factory=list)
    num_flushed: int = 0
    partials: list[str] = field(default_factory=list)


class Records:
    """The manifest and the status table of an archive."""

    def __init__(self, work: Work) -> None:
        """Prepare; nothing is read or written.

        Args:
            work: The target, and what all rows share.
        """
        root = storage.join(work.target, FOLDER)
        self._manifests, self.statuses = (
            storage.join(root, "manifest"),
            storage.join(root, "status"),
        )
        self._lock = storage.join(root, "lock")
        self._work = work
        self._run = datetime.now(UTC).strftime("%Y%m%dT%H%M%S.%fZ")  # in the order of time
        self._parts: dict[int, _Part] = {}
        self._num_parts = 0
        self._read: list[tuple[str, bool]] = []  # parts of earlier runs; whether of the table
        self._made: dict[int, dict[int, MadeOf]] = {}  # by part and hash of the place
        self._flushed = time.monotonic()
        self.began = time.time()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep others from working on the same archive, where it is on a disk.

        Raises:
            OptionError: Another one does.
            OutputError: The folder of the records cannot be made.
        """
        if storage.is_url(self._lock):
            yield  # two at once would do everything twice, with the same result
            return
        path = storage.local_path(self._lock)
        make_folder(path.parent)
        busy = OptionError(f"{self._work.target}: another tinct archive writes there")
        with locked(path, busy):
            path.touch()
            self.began = path.stat().st_mtime  # by the clock of the disk, which may be another
            yield

    def load(self) -> Known:
        """Read what earlier runs have left, and remove rows that later ones have superseded.

        Raises:
            InputError: A file of the records is damaged.
        """
        statuses = _stems_in(self.statuses)
        whole = {stem for stem in statuses if not _PARTIAL.fullmatch(stem)}
        sources = [(stem, 0) for stem in _stems_in(self._manifests) if stem not in whole]
        for stem in statuses:
            partial = _PARTIAL.fullmatch(stem)
            if partial and partial[1] in whole:  # killed before it was removed
                storage.remove(storage.join(self.statuses, f"{stem}.parquet"))
            else:
                sources.append((stem, 1))
        sources.sort()  # by time; of a part first what was begun, then what became of it
        loads = (self._load_begun, self._load_status)
        parts = [loads[is_status](f"{stem}.parquet") for stem, is_status in sources]
        rows = np.concatenate([np.empty((0, 3), np.uint64), *parts])
        numbers = np.repeat(np.arange(len(parts), dtype=np.uint32), [len(part) for part in parts])
        last = _last_of_each(rows[:, 0])
        self._read = [(stem, bool(is_status)) for stem, is_status in sources]
        self._made.clear()
        of_table = [
            (storage.join(self.statuses, f"{stem}.parquet"), part[:, 0])
            for (stem, is_status), part in zip(sources, parts, strict=True)
            if is_status
        ]
        _drop_superseded(of_table)
        codes = rows[last, 2].astype(np.uint8)
        return Known(rows[last, 0], rows[last, 1], codes, numbers[last])

    def made_of(self, item: Item, past: Past) -> MadeOf | None:
        """Return what the result at the place of an item was made of; None if none is tinct's.

        Args:
            item: What would be made of another one, or anew.
            past: What is known of it.
        """
        table = self._made.pop(past.part, None)
        if table is None:
            table = self._load_made(*self._read[past.part])
        self._made[past.part] = table  # the last one used comes last
        if len(self._made) > _TABLES_REMEMBERED:
            del self._made[next(iter(self._made))]
        return table.get(hash_of(item.key))

    def _load_made(self, stem: str, is_status: bool) -> dict[int, MadeOf]:
        """Return what the results of a part were made of, by the hashes of their places."""
        folder = self.statuses if is_status else self._manifests
        columns = ["place", "source", *(["status", "output_hash"] if is_status else [])]
        rows = _read_table(storage.join(folder, f"{stem}.parquet"), columns).to_pylist()
        return {
            hash_of(Item(row["source"], row["place"] or "").key): MadeOf(
                row["source"], row.get("output_hash")
            )
            for row in rows
            # Where a later attempt has failed, its row has the hash of the result that stays.
            if not is_status or row["status"] == "done" or row["output_hash"]
        }

    def _load_begun(self, name: str) -> _Hashes:
        """Return place, fingerprint and code (N, 3) of a part of the manifest."""
        name = storage.join(self._manifests, name)
        table = _read_table(name)
        held = table.schema.metadata or {}
        of_kind = {is_film: held.get(key, b"") for is_film, key in _DECIDING.items()}
        replaces = table.column("replaces").to_pylist()
        return _rows(
            (
                hash_of(item.key),
                int(item.fingerprint(of_kind[item.is_film]), 16),
                REPLACED if again else BEGUN,
            )
            for item, again in zip(items_of(table, name), replaces, strict=True)
        )

    def _load_status(self, name: str) -> _Hashes:
        """Return the same of a part of the status table."""
        columns = ["place", "source", "fingerprint", "status", "reason"]
        table = _read_table(storage.join(self.statuses, name), columns)
        return _rows(
            (hash_of(Item(source, place or "").key), int(text, 16), _code_of(status, reason))
            for place, source, text, status, reason in zip(
                *(table.column(column).to_pylist() for column in columns), strict=True
            )
        )

    def begin(self, items: Sequence[Item], decided: Sequence[Fate]) -> int:
        """Write down that items are about to be done.

        Args:
            items: Those that will be.
            decided: Others, whose fate is known already.

        Returns:
            The number of the part, for ``note``.

        Raises:
            OutputError: It cannot be written.
        """
        number, name = self._num_parts, f"{self._run}-{self._num_parts:05d}"
        self._num_parts += 1
        if items:
            table = manifest_table(items)
            replaces = pa.array([item.is_repeated for item in items])
            table = table.append_column(_REPLACES, replaces)
            bases = {False: self._work.photographs, True: self._work.films}
            table = table.replace_schema_metadata(
                {key: bases[is_film].deciding for is_film, key in _DECIDING.items()}
            )
            _write_table(table, storage.join(self._manifests, f"{name}.parquet"))
        self._parts[number] = _Part(name, len(items) + len(decided))
        self.note(number, decided)
        return number

    def note(self, number: int, fates: Iterable[Fate]) -> None:
        """Add rows to the table; they are written every few seconds.

        Raises:
            OutputError: They cannot be written.
        """
        part = self._parts[number]
        part.rows += [self._row_of(fate) for fate in fates]
        if len(part.rows) == part.waiting:
            if part.rows:
                _write_rows(part.rows, storage.join(self.statuses, f"{part.name}.parquet"))
            for name in part.partials:
                storage.remove(name)
            del self._parts[number]
        if time.monotonic() - self._flushed > _FLUSH_S:
            self.flush()

    def flush(self) -> None:
        """Write what has not been written.

        Raises:
            OutputError: It cannot be written.
        """
        for part in self._parts.values():
            if len(part.rows) > part.num_flushed:
                name = f"{part.name}-{len(part.partials):04d}.parquet"
                part.partials.append(storage.join(self.statuses, name))
                _write_rows(part.rows[part.num_flushed :], part.partials[-1])
                part.num_flushed = len(part.rows)
        self._flushed = time.monotonic()

    def _row_of(self, fate: Fate) -> dict[str, object]:
        item = fate.item
        basis = self._work.basis_of(item)
        return {
            "source": item.source,
            "place": item.place or None,
            "size": item.size,
            "time": item.time,
            "hash": fate.hash or item.hash,
            "status": fate.status,
            "reason": fate.reason,
            "warnings": list(fate.warnings),
            "width": fate.width,
            "height": fate.height,
            "frames": fate.frames,
            "seconds": None if fate.seconds is None else round(fate.seconds, 4),
            "output_size": fate.output_size,
            "output_hash": fate.output_hash,
            "finished": time.time_ns() // 1000,
            "worker": fate.worker,
            "model": basis.model,
            "model_hash": basis.model_hash,
            "options": basis.options,
            "tinct": __version__,
            "fingerprint": item.fingerprint(basis.deciding),
        }


def manifest_table(items: Sequence[Item]) -> Any:
    """Make a manifest, an Arrow table, of items."""
    columns = {name: [getattr(item, name) for item in items] for name in MANIFEST.names}
    return pa.table(columns, schema=MANIFEST)


def items_of(table: Any, name: str) -> list[Item]:
    """Return the items of a manifest.

    Args:
        table: With the columns of ``MANIFEST``, an Arrow table or batch.
        name: How messages call it.

    Raises:
        InputError: A column is of another type.
    """
    columns = []
    for column in MANIFEST:
        try:
            values = table.column(column.name).cast(column.type)
        except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
            kind = table.column(column.name).type
            raise InputError(
                f"{name}: column {column.name} is {kind}, not {column.type}"
            ) from error
        if column.name == "time":
            values = values.cast(pa.int64())
        columns.append(values.to_pylist())
    return [Item(*values) for values in zip(*columns, strict=True)]


def _rows(entries: Iterable[tuple[int, int, int]]) -> _Hashes:
    """Return (N, 3) uint64 of tuples."""
    flat = np.fromiter((value for entry in entries for value in entry), np.uint64)
    return flat.reshape(-1, 3)


def _stems_in(folder: str) -> list[str]:
    """Return the names of the Parquet files in a folder, without their suffix."""
    names = storage.names_in(folder)
    return [name.removesuffix(".parquet") for name in names if name.endswith(".parquet")]


def _code_of(status: str, reason: str | None) -> int:
    if status == "done":
        return DONE
    if status == "skipped" and reason == IN_COLOR:
        return IN_COLOR_ALREADY
    if status == "skipped" and reason is not None and reason.endswith(THERE):
        return NOT_OURS
    return FAILED


def _drop_superseded(files: list[tuple[str, _Hashes]]) -> None:
    """Write files of the table anew without rows that are there again in later ones.

    Args:
        files: In the order in which they were written, each with the hashes of its places.
    """
    places = np.concatenate([np.empty(0, np.uint64), *(hashes for _, hashes in files)])
    counts = np.zeros(len(places), bool)
    counts[_last_of_each(places)] = True
    start = 0
    for name, hashes in files:
        rows = counts[start : start + len(hashes)]
        start += len(hashes)
        if not rows.any():
            storage.remove(name)
        elif not rows.all():
            _write_table(_read_table(name).filter(pa.array(rows)), name)


def _read_table(name: str, columns: list[str] | None = None) -> Any:
    data = io.BytesIO(storage.read(name))
    try:
        # Without threads: one that lets go of ``data`` while Python ends would abort the process.
        table = pq.ParquetFile(data, pre_buffer=False).read(columns, use_threads=False)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{name}: damaged, or no table of tinct's") from error
    if columns and table.column_names != columns:
        raise InputError(f"{name}: no table of tinct's")
    return table


def _write_table(table: Any, name: str) -> None:
    sink = io.BytesIO()
    pq.write_table(table, sink, compression="zstd")
    storage.write(name, sink.getvalue())


def _write_rows(rows: list[dict[str, object]], name: str) -> None:
    _write_table(pa.Table.from_pylist(rows, schema=STATUS), name)
