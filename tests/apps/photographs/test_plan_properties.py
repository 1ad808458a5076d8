"""What holds for the names of outputs, whatever files a person names: hypothesis looks for them."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hypothesis import assume, given
from hypothesis import strategies as st

from tinct.apps.photographs.journal import JOURNAL_NAME
from tinct.apps.photographs.plan import Naming, Plan, make_plan
from tinct.errors import OptionError
from tinct.photographs import FORMATS, format_named, format_of_path

# Few names, so that they often become one.
STEMS = st.sampled_from(("a", "A", "b", "a-color", "a-compare", "a b", "a.b"))
SUFFIXES = st.sampled_from((".jpg", ".JPG", ".jpeg", ".png", ".pgm", ".gif", ".tif", ".dat"))
PLACES = st.sampled_from(("", "in/", "in/deep/", "other/"))
FILES = st.lists(
    st.tuples(PLACES, STEMS, SUFFIXES).map("".join), min_size=1, max_size=8, unique_by=str.lower
)
OUTPUTS = st.sampled_from((None, "out", "out/", "in", "new.d/"))
KINDS = st.sampled_from((None, "png", "jpeg", ".tif", "webp"))


@contextmanager
def folder_of(files: list[str]) -> Iterator[None]:
    """Work in a new folder with these files in it."""
    before = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            for name in files:
                Path(name).parent.mkdir(parents=True, exist_ok=True)
                Path(name).write_bytes(b"")
            yield
        finally:
            os.chdir(before)


def planned(inputs: list[str], naming: Naming) -> Plan | None:
    """Make a plan; None where it is refused."""
    try:
        return make_plan(inputs, naming)
    except OptionError:
        return None


def identity(path: Path | str) -> str:
    return os.path.normcase(os.path.realpath(path))


@given(FILES, OUTPUTS, KINDS, st.booleans(), st.booleans())
def test_every_input_has_an_output_of_its_own(
    files: list[str], output: str | None, kind: str | None, sheets: bool, as_folder: bool
) -> None:
    asked = None if kind is None else format_named(kind)
    with folder_of(files):
        inputs = sorted({name.split("/")[0] for name in files}) if as_folder else files
        naming = Naming(output, asked, sheets)
        plan = planned(inputs, naming)
        assume(plan is not None)
        assert plan is not None
        outputs = [identity(path) for job in plan.jobs for path in job.outputs]
        assert len(outputs) == len(set(outputs)), "two inputs become one file"
        sources = [identity(job.source) for job in plan.jobs if job.source is not None]
        assert len(sources) == len(set(sources)) == len(plan.jobs), "an input is done twice"
        assert not set(outputs) & set(sources), "a result would overwrite an input"
        for job in plan.jobs:
            assert job.target is not None
            written = FORMATS.get(job.target.suffix.lower())
            assert written is None or not written.written_as
            if asked is not None:
                assert format_of_path(job.target) is asked
            if output is not None:
                assert identity(job.target).startswith(identity(output) + os.sep)
        assert planned(inputs, naming) == plan, "the same inputs give the same names"


@given(FILES)
def test_names_do_not_depend_on_the_order_of_the_inputs(files: list[str]) -> None:
    with folder_of(files):
        plan = planned(files, Naming("out"))
        assume(plan is not None)
        shuffled = planned(sorted(files, reverse=True), Naming("out"))
        assert plan is not None
        assert shuffled is not None
        assume(not any(job.notes for job in plan.jobs))  # equal names are numbered in their order
        assert set(plan.jobs) == set(shuffled.jobs)


@given(st.tuples(STEMS, SUFFIXES).map("".join), KINDS)
def test_a_second_run_names_what_the_first_one_named(name: str, kind: str | None) -> None:
    """``tinct *`` twice: results of the first run are no inputs of the second."""
    asked = None if kind is None else format_named(kind)
    with folder_of([name]):
        first = planned([name], Naming(None, asked))
        assert first is not None
        for job in first.jobs:
            for path in job.outputs:
                path.write_bytes(b"")
                with open(JOURNAL_NAME, "a") as journal:
                    journal.write(json.dumps({"output": path.name}) + "\n")
        names = sorted(name for name in os.listdir() if not name.startswith("."))
        second = planned(names, Naming(None, asked))
        assert second is not None
        assert [job.outputs for job in second.jobs] == [job.outputs for job in first.jobs]
