"""An archive on two machines of a Ray cluster, of which one is lost: no photograph is."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("pyarrow", reason="the extra 'archive' is not installed")
pytest.importorskip("ray", reason="the extra 'ray' is not installed")
from archives import results_in, rows_of

pytestmark = [
    pytest.mark.slow,
    # Of Ray, not of tinct
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::pytest.PytestWarning"),
]
_SMALL = {"object_store_memory": 100_000_000, "include_dashboard": False, "num_cpus": 1}


@pytest.fixture
def cluster(environment: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A cluster of two machines, as far as Ray can tell."""
    monkeypatch.setenv("PYTHONPATH", environment["PYTHONPATH"])
    monkeypatch.setenv("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    from ray.cluster_utils import Cluster

    cluster = Cluster(initialize_head=True, head_node_args=_SMALL)
    cluster.second = cluster.add_node(**_SMALL)
    cluster.wait_for_nodes()
    yield cluster
    cluster.shutdown()


def test_a_machine_is_lost_and_nothing_else(
    tmp_path: Path,
    cluster: Any,
    environment: dict[str, str],
    save_gray: Callable[..., Path],
    run: Callable[..., subprocess.CompletedProcess[bytes]],
) -> None:
    for index in range(80):
        save_gray(tmp_path / f"scans/{index // 20}/{index:02d}.jpg", 600, 400)
    for index in (3, 33, 63):
        (tmp_path / f"scans/{index // 20}/{index:02d}.jpg").write_bytes(b"\xff\xd8\xff no more")
    command = ["archive", "scans", "-m", "nano", "--ray", cluster.address, "-j", "2"]
    with subprocess.Popen(
        [sys.executable, "-m", "tinct", *command, "-o", "out", "--verbose"],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if b"->" in line)  # something is done
        cluster.remove_node(cluster.second, allow_graceful=False)
        process.stderr.read()
    assert process.returncode == 1
    rows = rows_of(tmp_path / "out")
    assert len({row["source"] for row in rows}) == len(rows) == 80
    assert Counter(row["status"] for row in rows) == {"done": 77, "failed": 3}
    run("image", "scans", "-o", "one", "-m", "nano")
    assert results_in(tmp_path / "out") == results_in(tmp_path / "one")


def test_no_cluster_is_one_line(
    tmp_path: Path,
    save_gray: Callable[..., Path],
    run: Callable[..., subprocess.CompletedProcess[bytes]],
) -> None:
    save_gray(tmp_path / "scans/a.jpg")
    failed = run("archive", "scans", "-o", "out", "--ray", "auto")
    assert failed.returncode == 2
    line = failed.stderr.decode().splitlines()[-1]
    assert line.startswith("tinct: error: --ray auto: ")
    assert "ray start --head starts a cluster" in line
