"""Photographs of data sets in the formats of Hugging Face, by their library ``datasets``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

from tinct.errors import InputError, MissingExtraError, TinctError
from tinct.files import file_facts, reason_of

PREFIX = "hf:"
_SOURCE = re.compile(r"(?P<name>.+?)(@(?P<split>[^@#/\\]+))?(#(?P<column>[^@#/\\]+))?")
_SAVED = ("state.json", "dataset_dict.json")
"""What ``save_to_disk`` leaves in a folder."""
_BYTES = ("binary", "large_binary")


class HuggingFacePhotographs:
    """``hf:NAME[@SPLIT][#COLUMN]``: the undecoded images of a data set, in its order.

    NAME is one on the Hub, which is streamed: only what is read gets downloaded. Or it is a local
    folder: of images, of Parquet files, or made by ``save_to_disk``. SPLIT may be left out where
    there is only one, COLUMN where only one holds images.
    """

    files: Sequence[Path] = ()

    def __init__(self, source: str) -> None:
        """Open the data set.

        Raises:
            InputError: There is no such data set, split or column, or no way to the Hub.
            MissingExtraError: ``datasets`` is not installed.
        """
        try:
            import datasets
        except ModuleNotFoundError as error:
            raise MissingExtraError(source, "datasets") from error
        name, split, column = _parse(source)
        folder = Path(name).expanduser()
        self._source, self._folder = source, folder if folder.is_dir() else None
        with _one_line(source):
            splits, self._revision = _load(name, self._folder)
            self._split = _choose_split(source, splits, split)
            data = splits[self._split]
            self._column = _choose_column(source, data.features or {}, column)
            self._count = _count(data, self._split)
            data = data.select_columns([self._column])
            self._data = data.cast_column(self._column, datasets.Image(decode=False))

    def __iter__(self) -> Iterator[tuple[str, bytes | InputError]]:
        """Read the images; one that is not there comes as the reason instead."""
        with _one_line(self._source):
            for index, row in enumerate(self._data):
                image: dict[str, Any] = row[self._column] or {}
                name = self._name(image.get("path"), index)
                yield name, _read(image, name)

    def count(self) -> int | None:
        """Return the number of rows, where it is written down."""
        return self._count

    def fingerprint(self) -> bytes:
        """Return what identifies the data: revision on the Hub, or the files of the folder."""
        folder = self._folder
        files = sorted(path for path in folder.rglob("*") if path.is_file()) if folder else []
        facts = b"".join(file_facts(path, folder.parent) for path in files) if folder else b""
        return f"{self._source} {self._split} {self._column} {self._revision}\n".encode() + facts

    def _name(self, path: str | None, index: int) -> str:
        """Name an image as its file, within the folder; by split and row if it has no file."""
        if not path:
            return f"{self._split}-{index:08d}"
        file = Path(path.partition("::")[0])  # zip://name::archive
        if self._folder and file.is_relative_to(self._folder.resolve()):
            return file.relative_to(self._folder.resolve()).as_posix()
        return PurePosixPath(file.as_posix()).name


def _parse(source: str) -> tuple[str, str | None, str | None]:
    text = source.removeprefix(PREFIX)
    match = _SOURCE.fullmatch(text)
    if match is None:
        raise InputError(f"{source}: name a data set or a folder: {PREFIX}NAME[@SPLIT][#COLUMN]")
    if Path(text).expanduser().is_dir():  # its name may have the marks in it
        return text, None, None
    return match["name"], match["split"], match["column"]


@contextmanager
def _one_line(source: str) -> Iterator[None]:
    try:
        yield
    except TinctError:
        raise
    # Every library below datasets (Arrow, the Hub's client, its HTTP client, fsspec) has errors
    # of its own, and which of them are installed differs.
    except Exception as error:
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise InputError(f"{source}: {reason}") from error


def _load(name: str, folder: Path | None) -> tuple[dict[str, Any], str]:
    """Return the splits of a data set and its revision."""
    import datasets

    if folder and any((folder / saved).exists() for saved in _SAVED):
        found = datasets.load_from_disk(folder)
        return found if isinstance(found, dict) else {str(found.split or "train"): found}, ""
    builder = datasets.load_dataset_builder(str(folder or name))
    return {str(key): data for key, data in builder.as_streaming_dataset().items()}, builder.hash


def _choose_split(source: str, splits: dict[str, Any], split: str | None) -> str:
    if split is None and len(splits) == 1:
        return next(iter(splits))
    if split not in splits:
        problem = "name a split with @" if split is None else f"has no split {split!r}"
        raise InputError(f"{source}: {problem}; there is {', '.join(splits)}")
    return split


def _choose_column(source: str, features: dict[str, Any], column: str | None) -> str:
    import datasets

    images = [name for name, kind in features.items() if isinstance(kind, datasets.Image)]
    if column is None and len(images) == 1:
        return images[0]
    if column not in features:
        problem = "name a column with #" if column is None else f"has no column {column!r}"
        raise InputError(f"{source}: {problem}; there is {', '.join(features)}")
    if column not in images and getattr(features[column], "dtype", "") not in _BYTES:
        raise InputError(f"{source}: column {column!r} holds no images")
    return column


def _count(data: Any, split: str) -> int | None:
    if hasattr(data, "num_rows"):
        return int(data.num_rows)
    known = data.info.splits or {}
    return known[split].num_examples or None if split in known else None


def _read(image: dict[str, Any], name: str) -> bytes | InputError:
    data: bytes | None = image.get("bytes")
    if data is not None:
        return data
    if not image.get("path"):
        return InputError(f"{name}: the data set has no picture here")
    import fsspec

    try:
        with fsspec.open(image["path"], "rb") as file:
            return bytes(file.read())
    except OSError as error:
        return InputError(f"{name}: {reason_of(error)}")
