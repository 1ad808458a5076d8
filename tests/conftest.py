"""Fixtures for all tests."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest


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
