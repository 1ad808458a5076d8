"""Workers end, and nothing is lost: neither with a process, nor with the run itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="the extra 'archive' is not installed")
pytest.importorskip("fsspec", reason="the extra 'archive' is not installed")

from archives import results_in, rows_of

from tinct.apps.archive.crew import Crew, ProcessCrew, give_out
from tinct.apps.archive.item import Basis, Choices, Fate, Item, Work
from tinct.apps.archive.worker import Worker
from tinct.apps.colorizer_options import ColorizerOptions
from tinct.apps.films.options import FilmOptions
from tinct.apps.photographs.batch import BatchOptions
from tinct.apps.photographs.journal import model_digest
from tinct.errors import ModelError

SaveGray = Callable[..., Path]


class _EndedError(Exception):
    pass


class FragileCrew(Crew[str]):
    """Workers that do nothing but end over some photographs."""

    ended = (_EndedError,)

    def __init__(self, size: int, deadly: set[str]) -> None:
        self.deadly, self.given, self.num_started = deadly, [], 0  # type: ignore[var-annotated]
        super().__init__(size)

    def start(self) -> tuple[str, Future[None]]:
        self.num_started += 1
        loaded: Future[None] = Future()
        loaded.set_result(None)
        return f"worker {self.num_started}", loaded

    def give(self, worker: str, items: Sequence[Item], is_retried: bool) -> Future[list[Fate]]:
        self.given.append((len(items), is_retried))
        future: Future[list[Fate]] = Future()
        if {item.source for item in items} & self.deadly:
            future.set_exception(_EndedError())
        else:
            future.set_result([Fate(item, "done") for item in items])
        return future

    def dismiss(self, worker: str) -> None:
        pass


def items(count: int) -> list[Item]:
    return [Item(f"{number}.jpg", f"{number}.jpg") for number in range(count)]


def test_a_photograph_that_ends_its_worker_fails_alone() -> None:
    crew = FragileCrew(2, {"11.jpg"})
    parts = [(0, items(30)), (1, items(3))]
    fates = [(part, fate) for part, fates in give_out(crew, parts) for fate in fates]
    assert len(fates) == 33
    (failed,) = [fate for _, fate in fates if fate.status == "failed"]
    assert failed.item.source == "11.jpg"
    assert failed.reason is not None
    assert "every process that colored it ended" in failed.reason
    assert crew.num_started == 2 + 4  # once with others, and three times alone
    assert crew.given[0] == (8, False)
    assert (1, True) in crew.given


def work_for(target: Path, model_hash: str | None = None) -> Work:
    color = ColorizerOptions("nano")
    basis = Basis("nano", model_digest("nano") if model_hash is None else model_hash, "{}")
    choices = Choices(color, BatchOptions(), color, FilmOptions())
    return Work(str(target), choices, basis, basis)


def test_a_worker_with_another_model_file_does_not_work(tmp_path: Path) -> None:
    with closing(ProcessCrew(work_for(tmp_path, "of another file"), 1)) as crew:
        (worker,) = crew.workers()
        (process,) = worker._processes.values()
        with pytest.raises(ModelError, match="this is another model file"):
            list(give_out(crew, [(0, items(1))]))
        assert process.is_alive()
    assert not process.is_alive()


def test_processes_that_are_killed_are_replaced(tmp_path: Path, save_gray: SaveGray) -> None:
    todo = [
        Item(str(save_gray(tmp_path / f"scans/{number}.jpg")), f"{number}.jpg")
        for number in range(20)
    ]
    killed: set[int] = set()
    with closing(ProcessCrew(work_for(tmp_path / "out"), 1)) as crew:
        fates = []
        for _, some in give_out(crew, [(0, todo)]):
            fates += some
            process = int(str(some[0].worker).rpartition(":")[2])
            if len(killed) < 2:
                killed.add(process)
                os.kill(process, signal.SIGKILL)
    assert len(killed) == 2
    assert len(fates) == 20
    assert {fate.status for fate in fates} == {"done"}
    assert set(results_in(tmp_path / "out")) == {item.place for item in todo}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no signals for one process")
def test_processes_leave_signals_of_the_terminal_to_the_first(tmp_path: Path) -> None:
    """From their beginning, when they have not been told to."""
    with closing(ProcessCrew(work_for(tmp_path / "out"), 1)) as crew:
        (worker,) = crew.workers()
        for number in (signal.SIGINT, signal.SIGHUP):
            os.kill(next(iter(worker._processes)), number)
        (loaded,) = crew.starting()
        loaded.result(timeout=120)


@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed by signals")
def test_a_process_that_is_killed_while_it_has_nothing_to_do_is_replaced(
    tmp_path: Path, save_gray: SaveGray
) -> None:
    todo = [Item(str(save_gray(tmp_path / "scan.jpg")), "scan.jpg")]
    with closing(ProcessCrew(work_for(tmp_path / "out"), 1)) as crew:
        (loaded,) = crew.starting()
        loaded.result(timeout=120)
        assert crew.has_room()
        (worker,) = crew.workers()
        os.kill(next(iter(worker._processes)), signal.SIGKILL)
        while not worker._broken:
            time.sleep(0.01)
        ((_, (fate,)),) = give_out(crew, [(0, todo)])
    assert fate.status == "done"


def test_a_worker_that_is_told_to_end_leaves_the_rest_to_others(
    tmp_path: Path, save_gray: SaveGray
) -> None:
    """It finishes what it is writing, and may have colored the next one by then."""
    worker = Worker(work_for(tmp_path / "out"))
    worker.finish_writing()
    with pytest.raises(ProcessCrew.ended):
        worker.color([Item(str(save_gray(tmp_path / "scan.jpg")), "scan.jpg")], is_retried=False)


def _outputs(folder: Path) -> Iterator[Path]:
    return folder.glob("*.jpg")


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="processes are killed by signals")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_run_that_is_killed_goes_on(
    tmp_path: Path,
    environment: dict[str, str],
    save_gray: SaveGray,
    run: Callable[..., subprocess.CompletedProcess[bytes]],
    number: int,
) -> None:
    for index in range(40):
        save_gray(tmp_path / f"scans/{index:02d}.jpg", 900, 700)
    command = [
        sys.executable,
        "-m",
        "tinct",
        "archive",
        "scans",
        "-o",
        "out",
        "-j",
        "2",
        "-m",
        "nano",
    ]
    with subprocess.Popen(
        [*command, "--verbose"], cwd=tmp_path, env=environment, stderr=subprocess.PIPE
    ) as process:
        assert process.stderr is not None
        next(line for line in process.stderr if b"->" in line)  # something is done
        process.send_signal(number)
        process.stderr.read()  # until its workers have closed their end as well
    assert process.returncode != 0
    finished = {path: path.stat().st_mtime_ns for path in _outputs(tmp_path / "out")}
    assert 0 < len(finished) < 40
    assert run(*command[3:]).returncode == 0
    rows = rows_of(tmp_path / "out")
    assert len(rows) == 40
    assert len({row["source"] for row in rows}) == 40
    assert len(results_in(tmp_path / "out")) == 40  # and nothing half written
    again = [path for path, time in finished.items() if path.stat().st_mtime_ns != time]
    assert again == []
