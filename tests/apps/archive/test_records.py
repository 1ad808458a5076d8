"""What is known of a million photographs, in little memory."""

from __future__ import annotations

import pytest

pytest.importorskip("pyarrow", reason="the extra 'archive' is not installed")
pytest.importorskip("fsspec", reason="the extra 'archive' is not installed")
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from tinct.apps.archive import records
from tinct.apps.archive.photograph import Photograph
from tinct.apps.archive.records import NOW, Known

_EMPTY = np.empty(0, np.uint64), np.empty(0, np.uint64), np.empty(0, np.uint8)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 2**64 - 1)), max_size=80))
def test_the_last_that_was_said_is_known(said: list[tuple[int, int]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(records, "_MERGED_AT", 7)
        known = Known(*_EMPTY)
        expected = {}
        for place, state in said:
            known.begin(Photograph("x", f"{place}.jpg"), f"{state:016x}")
            expected[place] = f"{state:016x}"
        for place in range(31):
            found = known.find(Photograph("x", f"{place}.jpg"))
            assert found == ((expected[place], NOW) if place in expected else None)


def test_a_fingerprint_changes_with_all_that_decides() -> None:
    photograph = Photograph("a.jpg", "a.jpg", 100, 5)
    others = [
        Photograph("b.jpg", "a.jpg", 100, 5),
        Photograph("a.jpg", "b.jpg", 100, 5),
        Photograph("a.jpg", "a.jpg", 101, 5),
        Photograph("a.jpg", "a.jpg", 100, 6),
        Photograph("a.jpg", "a.jpg", 100, 5, "0" * 64),
    ]
    fingerprints = {item.fingerprint(b"options") for item in (photograph, *others)}
    assert len(fingerprints) == len(others) + 1
    assert photograph.fingerprint(b"others") not in fingerprints
