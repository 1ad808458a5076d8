"""What documents say of the repository is so: its modules and its version."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tinct import __version__

_ROOT = Path(__file__).parents[1]
_PATHS = sorted(
    set(
        re.findall(
            r"`([a-z]\w*(?:/\w+)*(?:/|\.py))`", (_ROOT / "ARCHITECTURE.md").read_text("utf-8")
        )
    )
)


@pytest.mark.parametrize("path", _PATHS)
def test_architecture_names_modules_that_are_there(path: str) -> None:
    places = [_ROOT / "src" / "tinct", _ROOT, *(_ROOT / "src" / "tinct").iterdir()]
    assert any((place / path).exists() for place in places), path


def test_architecture_names_the_stations_of_every_trip() -> None:
    assert len(_PATHS) > 30


def test_citation_has_the_version_of_the_package() -> None:
    lines = (_ROOT / "CITATION.cff").read_text("utf-8").splitlines()
    assert f"version: {__version__}" in lines
