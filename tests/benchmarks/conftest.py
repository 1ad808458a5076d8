"""``python -m benchmarks``, run as a developer runs it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def bench(tmp_path: Path) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run the benchmarks in a process of their own, in the temporary folder."""
    root = Path(__file__).parent.parent.parent
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])}

    def start(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "benchmarks", *arguments]
        return subprocess.run(
            command, capture_output=True, cwd=tmp_path, env=environment, timeout=300
        )

    return start
