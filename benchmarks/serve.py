"""``tinct serve`` under load: many clients on this machine, who all want colors at once."""

from __future__ import annotations

import http.client
import re
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tinct.errors import InputError

_PATIENCE = 120.0  # seconds for an answer
_BROKEN = b"\xff\xd8\xff no photograph"
_BROKEN_EVERY = 25  # one request in so many is for something that is no photograph


@dataclass(frozen=True)
class Load:
    """What the clients do."""

    requests: int
    clients: int
    model: str
    jobs: int | None


@dataclass(frozen=True)
class _Server:
    port: int
    process: int

    def memory(self) -> int:
        """Return the bytes in memory, by Linux' /proc."""
        text = Path(f"/proc/{self.process}/status").read_text(encoding="ascii")
        found = re.search(r"VmRSS:\s+(\d+) kB", text)
        return int(found[1]) * 1024 if found else 0


def bench_server(photographs: Sequence[Path], load: Load) -> str:
    """Send photographs from many clients, each with the next as soon as it has its answer.

    Args:
        photographs: What is sent in turn; one in 25 requests is for something that is none.
        load: How much.

    Returns:
        What came of it, some lines.

    Raises:
        InputError: The server does not start.
    """
    datas = [path.read_bytes() for path in photographs]
    statuses: Counter[int] = Counter()
    seconds: list[float] = []

    def ask(number: int) -> None:
        broken = number % _BROKEN_EVERY == 0
        start = time.perf_counter()
        status = _post(server.port, _BROKEN if broken else datas[number % len(datas)])
        statuses[status] += 1
        if status == 200:
            seconds.append(time.perf_counter() - start)

    with _serve(load) as server, ThreadPoolExecutor(load.clients) as pool:
        first = load.requests // 5
        start = time.perf_counter()
        list(pool.map(ask, range(first)))
        memory = server.memory()
        list(pool.map(ask, range(first, load.requests)))
        whole = time.perf_counter() - start
        grown = server.memory() - memory
    answers = ", ".join(f"{count} x {status}" for status, count in sorted(statuses.items()))
    median, most = np.percentile(seconds, (50, 95))
    return "\n".join(
        [
            f"{load.requests} requests of {load.clients} clients: {answers}",
            f"{statuses[200] / whole:.1f} photographs a second, an answer in {median:.2f} s "
            f"(median), {most:.2f} s (95 of 100)",
            f"memory after the first fifth {memory / 1e6:.0f} MB, then {grown / 1e6:+.0f} MB",
        ]
    )


def _post(port: int, data: bytes) -> int:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_PATIENCE)
    try:
        connection.request("POST", "/color", data)
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


@contextmanager
def _serve(load: Load) -> Iterator[_Server]:
    """Run the server in a process of its own."""
    command = [sys.executable, "-m", "tinct", "serve", "--port", "0", "--model", load.model]
    command += [] if load.jobs is None else ["--jobs", str(load.jobs)]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        port = re.search(r":(\d+)/", line)
        if port is None:
            raise InputError(f"the server did not start: {line.strip()}")
        yield _Server(int(port[1]), process.pid)
    finally:
        process.terminate()
        process.wait()
