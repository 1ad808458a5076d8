"""``tinct bench`` on a small folder."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.mark.slow
def test_bench_reports_ratios(
    run: Callable[..., subprocess.CompletedProcess[bytes]],
    tmp_path: Path,
    save_gray: Callable[..., Path],
) -> None:
    for index in range(2):
        save_gray(tmp_path / f"album/{index}.jpg", 640, 480)
    done = run("bench", "album", "--as-they-are", "--rounds", "1", "--json", "-")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    folder = report["folder"]
    assert folder["photographs"] == 2
    assert folder["color_seconds"] > 0
    assert folder["ratio_to_copy_gray"] > 0.5
    assert 0 < report["single_seconds"]["median"] < 60
    assert 0 < report["network_seconds"]["median"] < 10
    assert sorted(path.name for path in (tmp_path / "album").iterdir()) == ["0.jpg", "1.jpg"]


def test_bench_without_photographs(
    run: Callable[..., subprocess.CompletedProcess[bytes]], tmp_path: Path
) -> None:
    (tmp_path / "empty").mkdir()
    done = run("bench", "empty")
    assert done.returncode == 1
    assert done.stderr.decode() == "tinct: error: empty: no photographs to measure with\n"
