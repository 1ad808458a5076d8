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
from typing import TYPE_CHECKING, Any, Literal

from tinct.apps.console import print_warning
from tinct.files import digest_of, reason_of
from tinct.spec import MODEL_FOLDER

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tinct.apps.colorizer_options import ColorizerOptions
    from tinct.apps.photographs.batch import BatchOptions
    from tinct.apps.photographs.plan import PhotographJob

JOURNAL_NAME = ".tinct-journal.jsonl"

Entry = dict[str, Any]
Status = Literal["skipped", "failed"]


class Journal:
    """Compares results with what they were made with, and notes down new ones."""

    def __init__(self, model: str, options: Mapping[str, object], recolor: bool = False) -> None:
        """Open the journals of a run.

        Args:
            model: Name of a model in the package, or a model file.
            options: Everything else that decides about the pixels and the file, ready for JSON.
            recolor: Whether pages of files in folders are colored that are in color already. It
                decides about results alone in which such pages were left as they are.
        """
        self._model = model
        self._options = dict(options)
        self._recolor = recolor
        self._entries: dict[Path, dict[str, Entry]] = {}  # by folder, then by name

    @cached_property
    def _model_digest(self) -> str:
        return model_digest(self._model)

    def is_own(self, path: Path) -> bool:
        """Tell whether a file is as tinct has written it."""
        entry = self._entry(path)
        return entry is not None and entry.get("state") == _state(path)

    def other_input(self, path: Path, source: Path | None) -> str | None:
        """Return which input a file was made of, if that is still there and is another one.

        Args:
            path: The file; what it holds by now does not matter.
            source: The input that it would be replaced for; None is stdin.
        """
        entry = self._entry(path)
        made_of = None if entry is None else entry.get("input")
        if source is None or not isinstance(made_of, str):
            return None
        if not (os.path.isfile(made_of) and os.path.isfile(source)):
            return None
        return None if os.path.samefile(made_of, source) else made_of

    def why_again(self, job: PhotographJob) -> str | None:
        """Say what has changed since the result of a job was made.

        Args:
            job: A job whose outputs are there.

        Returns:
            The reason to do it again, as the end of a sentence; "" if there is none; None if the
            result is not as tinct has written it, or nothing is known of it.
        """
        if job.target is None or job.source is None or not self.is_own(job.target):
            return None
        entry = self._entry(job.target) or {}
        if entry.get("input") != os.path.abspath(job.source):
            return "it was made of another input"
        if entry.get("input_state") != job.source_state:
            return "the input has changed"
        if entry.get("model") != self._model_digest:
            return "the model has changed"
        if entry.get("pages_in_color") and (self._recolor or not job.is_from_folder):
            return "pages that are in color are colored as well now"
        before, now = entry.get("options", {}), self._options
        names = [name for name in before | now if before.get(name) != now.get(name)]
        return f"other options ({', '.join(names)})" if names else ""

    def note(self, job: PhotographJob, pages_in_color: int = 0) -> None:
        """Write down what the finished outputs of a job were made with.

        Args:
            job: The job.
            pages_in_color: How many pages were left as they are, because they are in color.
        """
        if job.source is None or not all(os.path.isfile(path) for path in job.outputs):
            return
        made_with: Entry = {
            "input": os.path.abspath(job.source),
            # Not as it is by now: a scanner may have been writing it while it was read.
            "input_state": job.source_state,
            "model": self._model_digest,
            "options": self._options,
            "pages_in_color": pages_in_color,
        }
        for path in job.outputs:
            entry = {"output": path.name, "state": _state(path), **made_with}
            journal = path.parent / JOURNAL_NAME
            try:
                with open(journal, "a", encoding="utf-8") as file:
                    file.write(json.dumps(entry) + "\n")
            except OSError as error:
                reason = f"{reason_of(error)}; a later run cannot tell what has changed"
                print_warning(f"{journal}: {reason}")

    def _entry(self, path: Path) -> Entry | None:
        """Return what is known of an output; each journal is read once."""
        if path.parent not in self._entries:
            self._entries[path.parent] = _read(path.parent)
        return self._entries[path.parent].get(path.name)


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
    jobs: Sequence[PhotographJob], journal: Journal, overwrite: bool
) -> tuple[list[PhotographJob], list[tuple[PhotographJob, Status, str]]]:
    """Tell finished jobs from those that are to be done, perhaps again.

    Args:
        jobs: What was asked for.
        journal: Knows what results were made with.
        overwrite: Whether all are to be done again.

    Returns:
        The jobs to do, which know how their inputs were before, and the others, which are finished
        or have no place for their result: what becomes of each, and why.
    """
    jobs = [
        job if job.source is None else replace(job, source_state=_state(job.source)) for job in jobs
    ]
    if overwrite:
        return jobs, []
    sources = {os.path.abspath(job.source) for job in jobs if job.source is not None}
    todo: list[PhotographJob] = []
    decided: list[tuple[PhotographJob, Status, str]] = []
    for job in jobs:
        decision = _decide(job, journal, sources)
        if isinstance(decision, tuple):
            decided.append((job, *decision))
        else:
            todo.append(decision)
    return todo, decided


def _decide(
    job: PhotographJob, journal: Journal, sources: set[str]
) -> PhotographJob | tuple[Status, str]:
    """Decide about a job: how it is done, or what becomes of it and why.

    Args:
        job: The job.
        journal: Knows what results were made with.
        sources: Inputs of this run: results of those get a place of their own in it.
    """
    # os.path answers no, and pathlib raises, where a folder's permission forbids even to look.
    target, sheet = job.target, job.sheet
    if target is not None and os.path.isfile(target):
        other = journal.other_input(target, job.source)
        if other is not None and other not in sources:
            return "failed", f"{target} is the result of {other}; choose another place with -o"
        why = journal.why_again(job)
        if why:
            job = replace(job, replaced=(target,), notes=(*job.notes, f"done again: {why}"))
        elif sheet is not None and not os.path.isfile(sheet):
            return replace(job, result_stays=True)
        else:
            return "skipped", f"{target} is there already (--overwrite does it again)"
    if sheet is None or not os.path.isfile(sheet):
        return job
    other = journal.other_input(sheet, job.source)
    if journal.is_own(sheet) and (other is None or other in sources):
        return replace(job, replaced=(*job.replaced, sheet))
    note = f"no sheet: {sheet} is there already, and none that tinct has made of it"
    return replace(job, sheet=None, notes=(*job.notes, f"{note} (--overwrite replaces it)"))


def results_in(folder: Path) -> frozenset[str]:
    """Return the names of the files in a folder that are, by its journal, as tinct wrote them.

    A name alone says nothing: another file may have it by now, or the user has edited the result.
    """
    entries = _read(folder).items()
    return frozenset(name for name, entry in entries if entry.get("state") == _state(folder / name))


def names_written_in(folder: Path) -> frozenset[str]:
    """Return the names under which tinct has written files into a folder, changed since or not."""
    return frozenset(_read(folder))


def says_colored(path: Path) -> bool:
    """Tell whether a file says itself that a model has colored it, where its journal is gone."""
    from tinct.photographs.xmp import SOURCE_TYPE  # XML: few runs come here

    try:
        return SOURCE_TYPE.encode() in path.read_bytes()
    except OSError:
        return False


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
