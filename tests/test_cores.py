"""Processors and cores that may be used."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tinct import cores


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for /sys: processors 0 to 3, of which 0 and 2, 1 and 3 share a core."""
    for number in range(4):
        (tmp_path / f"{number}").write_text(f"{number % 2},{number % 2 + 2}\n")
    monkeypatch.setattr(cores, "_TOPOLOGY", str(tmp_path / "{}"))
    monkeypatch.setattr(cores, "_QUOTA", tmp_path / "cpu.max")
    return tmp_path


def allow(monkeypatch: pytest.MonkeyPatch, *processors: int) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(processors), raising=False)


@pytest.mark.parametrize(
    ("processors", "count"), [((0, 1, 2, 3), 2), ((0, 2), 1), ((0, 1), 2), ((3,), 1)]
)
def test_threads_of_one_core_count_once(
    machine: Path, monkeypatch: pytest.MonkeyPatch, processors: tuple[int, ...], count: int
) -> None:
    allow(monkeypatch, *processors)
    assert cores.count_cores() == count
    assert cores.count_processors() == len(processors)


def test_where_the_system_does_not_tell_every_processor_is_a_core(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    allow(monkeypatch, 0, 1, 2, 3, 4)  # of 4 nothing is known
    assert cores.count_cores() == 5


@pytest.mark.parametrize(
    ("quota", "processors", "physical"),
    [
        ("max 100000", 4, 2),
        ("100000 100000", 1, 1),
        ("150000 100000", 2, 2),
        ("50000 100000", 1, 1),
        ("900000 100000", 4, 2),
        ("what is this", 4, 2),
    ],
)
def test_a_quota_of_a_container_counts(
    machine: Path, monkeypatch: pytest.MonkeyPatch, quota: str, processors: int, physical: int
) -> None:
    allow(monkeypatch, 0, 1, 2, 3)
    (machine / "cpu.max").write_text(f"{quota}\n")
    assert (cores.count_processors(), cores.count_cores()) == (processors, physical)


def test_without_affinity_all_processors_count(
    machine: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 3)
    assert cores.count_processors() == 3


@pytest.mark.skipif(sys.platform != "linux", reason="affinity can be set on Linux alone")
def test_affinity_of_this_process_is_followed(environment: dict[str, str]) -> None:
    code = (
        "import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))}); "
        "from tinct.cores import *; print(count_processors(), count_cores())"
    )
    out = subprocess.check_output([sys.executable, "-c", code], text=True, env=environment)
    assert out.split() == ["1", "1"]
