"""Which jobs are finished, and which files of earlier runs may be replaced."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

from tinct.apps.photographs.plan import PhotographJob, PhotographRecord

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinct.apps.photographs.journal import Journal

# os.path answers no, and pathlib raises, where a folder's permission forbids even to look.


def split_finished(
    jobs: Sequence[PhotographJob], journal: Journal, overwrite: bool
) -> tuple[list[PhotographJob], list[PhotographRecord]]:
    """Tell finished jobs from those that are to be done, perhaps again.

    Args:
        jobs: What was asked for.
        journal: Knows what results were made with.
        overwrite: Whether all are to be done again.

    Returns:
        The jobs to do, and records of those that are finished or have no place for their result.
    """
    if overwrite:
        return list(jobs), []
    sources = {os.path.abspath(job.source) for job in jobs if job.source is not None}
    todo: list[PhotographJob] = []
    decided: list[PhotographRecord] = []
    for job in jobs:
        decision = _decide(job, journal, sources)
        if isinstance(decision, PhotographJob):
            todo.append(decision)
        else:
            decided.append(decision)
    return todo, decided


def _decide(
    job: PhotographJob, journal: Journal, sources: set[str]
) -> PhotographJob | PhotographRecord:
    """Decide about a job.

    Args:
        job: The job.
        journal: Knows what results were made with.
        sources: Inputs of this run: results of those get a place of their own in it.
    """
    target, sheet = job.target, job.sheet
    if target is not None and os.path.isfile(target):
        other = journal.other_input(target, job.source)
        if other is not None and other not in sources:
            reason = f"{target} is the result of {other}; choose another place with -o"
            return PhotographRecord(job.input_name, job.output_name, "failed", reason)
        why = journal.why_again(job)
        if why:
            job = replace(job, replaced=(target,), notes=(*job.notes, f"done again: {why}"))
        elif sheet is not None and not os.path.isfile(sheet):
            return replace(job, result_stays=True)
        else:
            reason = f"{target} is there already (--overwrite does it again)"
            return PhotographRecord(job.input_name, job.output_name, "skipped", reason)
    if sheet is None or not os.path.isfile(sheet):
        return job
    other = journal.other_input(sheet, job.source)
    if journal.is_own(sheet) and (other is None or other in sources):
        return replace(job, replaced=(*job.replaced, sheet))
    note = f"no sheet: {sheet} is there already, and none that tinct has made of it"
    return replace(job, sheet=None, notes=(*job.notes, f"{note} (--overwrite replaces it)"))
