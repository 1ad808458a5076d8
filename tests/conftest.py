"""Fixtures for all tests: small gray photographs, and the command line run as a user runs it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image

# The same examples in every run, however slow the machine is; --hypothesis-profile=search looks on.
settings.register_profile(
    "repeatable", derandomize=True, deadline=None, max_examples=60, database=None
)
settings.register_profile("search", deadline=None, max_examples=3000, database=None)
settings.load_profile("repeatable")

# Signals that whoever began the tests has ignored (nohup, a shell's &) would be ignored by all that
# they begin; a handler is not handed on, and what they begin has the default again.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) == signal.SIG_IGN:
    signal.signal(signal.SIGHUP, lambda *_: None)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-references",
        action="store_true",
        help="measure tests/references/expected.json anew, after a wanted change of the colors",
    )


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers, the same in every run."""
    return np.random.default_rng(0)


@pytest.fixture(scope="session")
def environment() -> dict[str, str]:
    """Environment of a process that shall find this checkout, installed or not."""
    return os.environ | {"PYTHONPATH": str(Path(__file__).parent.parent / "src")}


@pytest.fixture(scope="session")
def save_gray() -> Callable[..., Path]:
    """Write a smooth gray picture in the format that the suffix names: save_gray(path, w, h)."""

    def save(path: Path, width: int = 90, height: int = 70) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        x, y = np.meshgrid(np.linspace(0, 6, width), np.linspace(0, 4, height))
        gray = np.rint(127.5 + 100 * np.sin(x) * np.cos(y)).astype(np.uint8)
        Image.fromarray(gray).save(path)
        return path

    return save


@pytest.fixture
def photo(tmp_path: Path, save_gray: Callable[..., Path]) -> Path:
    """A gray JPEG, 90 x 70 pixels."""
    return save_gray(tmp_path / "photo.jpg")


@pytest.fixture
def run(
    tmp_path: Path, environment: dict[str, str]
) -> Callable[..., subprocess.CompletedProcess[bytes]]:
    """Run ``tinct`` in a process of its own, in the temporary folder."""

    def start(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "tinct", *map(str, arguments)]
        return subprocess.run(
            command, capture_output=True, cwd=tmp_path, env=environment, timeout=300, **options
        )

    return start


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, list[str]]]:
    """Call ``main`` in this process: exit code, stdout, lines of stderr."""
    from tinct.apps.cli import main

    monkeypatch.chdir(tmp_path)

    def start(*arguments: str | Path) -> tuple[int, str, list[str]]:
        code = main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return code, captured.out, captured.err.splitlines()

    return start
