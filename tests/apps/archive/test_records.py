"""What is known of a million photographs, in little memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="the extra 'archive' is not installed")
pytest.importorskip("fsspec", reason="the extra 'archive' is not installed")
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinct.apps.archive import records
from tinct.apps.archive.item import Item
from tinct.apps.archive.records import MANIFEST, NOW, Known, Past, manifest_table

_EMPTY = tuple(np.empty(0, kind) for kind in (np.uint64, np.uint64, np.uint8, np.uint32))


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2**64 - 1)), max_size=80))
def test_the_last_that_was_said_is_known(said: list[tuple[int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "_MERGED_AT", 7)
        known = Known(*_EMPTY)
        expected = {}
        for place, state in said:
            known.begin(Item("x", f"{place}.jpg"), f"{state:016x}")
            expected[place] = f"{state:016x}"
        for place in range(31):
            found = known.find(Item("x", f"{place}.jpg"))
            assert found == (Past(expected[place], NOW) if place in expected else None)


def test_a_fingerprint_changes_with_all_that_decides() -> None:
    item = Item("a.jpg", "a.jpg", 100, 5)
    others = [
        Item("b.jpg", "a.jpg", 100, 5),
        Item("a.jpg", "b.jpg", 100, 5),
        Item("a.jpg", "a.jpg", 101, 5),
        Item("a.jpg", "a.jpg", 100, 6),
        Item("a.jpg", "a.jpg", 100, 5, "0" * 64),
    ]
    fingerprints = {item.fingerprint(b"options") for item in (item, *others)}
    assert len(fingerprints) == len(others) + 1
    assert item.fingerprint(b"others") not in fingerprints


def test_a_process_that_has_read_a_table_ends_as_it_should(
    tmp_path: Path, environment: dict[str, str]
) -> None:
    table = manifest_table([Item(f"{number}.jpg", f"{number}.jpg") for number in range(1000)])
    records._write_table(table, str(tmp_path / "table.parquet"))
    program = (
        "from tinct.apps.archive import records\n"
        f"for _ in range(5): table = records._read_table({str(tmp_path / 'table.parquet')!r})\n"
        f"assert table.column_names == {MANIFEST.names}"
    )
    # Threads of Arrow's that read on aborted most of such processes as they ended.
    for _ in range(5):
        subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=100)
