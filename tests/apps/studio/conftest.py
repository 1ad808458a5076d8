"""A running studio."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tinct.apps.studio.server import StudioServer

Serve = Callable[[Path, Sequence[Path]], StudioServer]


@contextmanager
def _serving(page: Path, pictures: Sequence[Path]) -> Iterator[StudioServer]:
    with StudioServer(page, pictures) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start a studio with a page and pictures; it ends with the test."""
    with ExitStack() as stack:
        yield lambda page, pictures: stack.enter_context(_serving(page, pictures))
