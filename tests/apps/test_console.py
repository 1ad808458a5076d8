"""What is said, and where."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(sys.platform == "win32", reason="needs a pseudo-terminal")
def test_progress_bar_on_a_terminal_only(tmp_path: Path, environment: dict[str, str]) -> None:
    import pty

    code = (
        "from tinct.apps.console import progress_bar, print_warning\n"
        "with progress_bar(3, 'photographs') as advance:\n"
        "    advance(); print_warning('[a] is odd'); advance(); advance()\n"
    )
    command = [sys.executable, "-c", code]
    quiet = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    assert quiet.stderr == "tinct: warning: [a] is odd\n"

    leader, follower = pty.openpty()
    wide = environment | {"COLUMNS": "100", "TERM": "xterm"}
    done = subprocess.run(command, stderr=follower, stdout=subprocess.PIPE, env=wide, check=True)
    os.close(follower)
    shown = _drain(leader).decode()
    assert done.stdout == b""
    assert "3/3" in shown
    assert "photographs/s" in shown
    assert "tinct: warning: [a] is odd" in shown


def _drain(descriptor: int) -> bytes:
    collected = b""
    try:
        while chunk := os.read(descriptor, 4096):
            collected += chunk
    except OSError:  # Linux: the other end is closed
        pass
    finally:
        os.close(descriptor)
    return collected
