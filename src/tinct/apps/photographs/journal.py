"""What results were made with, so that only those are made again that would come out otherwise.

Every folder that results were written to has a hidden journal: a line of JSON for each result,
appended when it is finished, so that a run that is killed loses nothing and two runs do not disturb
each other. The last line of a result counts. What the journal does not know is never replaced.
"""

from __future__ import annotations

import json
import os
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinct.apps.console import print_warning
from tinct.files import digest_of, reason_of
from tinct.spec import MODEL_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tinct.apps.colorizer_options import ColorizerOptions
    from tinct.apps.photographs.batch import BatchOptions
    from tinct.apps.photographs.plan import PhotographJob

JOURNAL_NAME = ".tinct-journal.jsonl"

Entry = dict[str, Any]


class Journal:
    """Compares results with what they were made with, and notes down new ones."""

    def __init__(self, model: str, options: Mapping[str, object]) -> None:
        """Open the journals of a run.

        Args:
            model: Name of a model in the package, or a model file.
            options: Everything else that decides about the pixels and the file, ready for JSON.
        """
        self._model = model
        self._options = dict(options)
        self._entries: dict[Path, dict[str, Entry]] = {}  # by folder, then by name

    @cached_property
    def _model_digest(self) -> str:
        return model_digest(self._model)

    def why_again(self, job: PhotographJob) -> str | None:
        """Say what has changed since the result of a job was made.

        Args:
            job: A job whose outputs are there.

        Returns:
            The reason to do it again, as the end of a sentence; "" if there is none; None if the
            result is not as tinct has written it, or nothing is known of it.
        """
        if job.target is None or job.source is None:
            return None
        folder = job.target.parent
        if folder not in self._entries:
            self._entries[folder] = _read(folder)
        entry = self._entries[folder].get(job.target.name)
        if entry is None or entry.get("state") != _state(job.target):
            return None
        if entry.get("input") != os.path.abspath(job.source):
            return "it was made of another input"
        if entry.get("input_state") != _state(job.source):
            return "the input has changed"
        if entry.get("model") != self._model_digest:
            return "the model has changed"
        before = entry.get("options", {})
        names = [name for name, value in self._options.items() if before.get(name) != value]
        return f"other options ({', '.join(names)})" if names else ""

    def note(self, job: PhotographJob) -> None:
        """Write down what a finished result was made with."""
        if job.target is None or job.source is None or not os.path.isfile(job.target):
            return
        entry: Entry = {
            "output": job.target.name,
            "state": _state(job.target),
            "input": os.path.abspath(job.source),
            "input_state": _state(job.source),
            "model": self._model_digest,
            "options": self._options,
        }
        if job.sheet is not None:
            entry["sheet"] = job.sheet.name
        path = job.target.parent / JOURNAL_NAME
        try:
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(entry) + "\n")
        except OSError as error:
            print_warning(f"{path}: {reason_of(error)}; a later run cannot tell what has changed")


def model_digest(model: str) -> str:
    """Return the SHA-256 of a model file; "" where there is none, which loading it will say.

    Args:
        model: Name of a model in the package, or a model file.
    """
    packaged = MODEL_FOLDER / f"{model}.onnx"
    path = packaged if packaged.is_file() else Path(model)
    return digest_of(path) if path.is_file() else ""


def deciding_options(color: ColorizerOptions, batch: BatchOptions) -> dict[str, object]:
    """Return what decides about results besides inputs and model, ready for JSON."""
    return {
        "vividness": color.vividness,
        "cautious": color.cautious,
        "saturation": color.saturation,
        "format": batch.format,
        "quality": batch.quality,
        "mark": batch.mark,
        "restore": batch.restore,
    }


def split_finished(
    jobs: Iterable[PhotographJob], journal: Journal, overwrite: bool
) -> tuple[list[PhotographJob], list[tuple[PhotographJob, str]]]:
    """Tell finished jobs from those that are to be done, perhaps again.

    Args:
        jobs: What was asked for.
        journal: Knows what results were made with.
        overwrite: Whether all are to be done again.

    Returns:
        The jobs to do, and the finished ones, each with the reason why it is left as it is.
    """
    # os.path answers no, and pathlib raises, where a folder's permission forbids even to look.
    todo: list[PhotographJob] = []
    finished: list[tuple[PhotographJob, str]] = []
    for job in jobs:
        if job.target is None or not os.path.isfile(job.target):
            todo.append(job)
            continue
        why = None if overwrite else journal.why_again(job)
        if overwrite or why:
            notes = (*job.notes, f"done again: {why}") if why else job.notes
            todo.append(replace(job, is_repeated=True, notes=notes))
        elif not all(os.path.isfile(path) for path in job.outputs):
            todo.append(job)  # only the sheet is missing
        else:
            reason = f"{job.output_name} is there already (--overwrite does it again)"
            finished.append((job, reason))
    return todo, finished


def results_in(folder: Path) -> frozenset[str]:
    """Return the names of the files in a folder that are results, by its journal."""
    entries = _read(folder).values()
    sheets = {entry["sheet"] for entry in entries if isinstance(entry.get("sheet"), str)}
    return frozenset({entry["output"] for entry in entries} | sheets)


def _read(folder: Path) -> dict[str, Entry]:
    """Read the journal of a folder; lines that cannot be understood are passed over."""
    entries: dict[str, Entry] = {}
    try:
        lines = (folder / JOURNAL_NAME).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return entries
    for line in lines:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue
        if isinstance(entry, dict) and isinstance(entry.get("output"), str):
            entries[entry["output"]] = entry
    return entries


def _state(path: Path) -> list[int] | None:
    """Return size and time of change of a file: what differs if its content does."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return [facts.st_size, facts.st_mtime_ns]
