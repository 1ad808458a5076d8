"""Importing tinct costs little, and using it never needs what only training needs."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

_SOURCE = Path(__file__).parent.parent / "src" / "tinct"
_HEAVY = {"numpy", "cv2", "PIL", "tifffile", "pyvips", "onnxruntime", "typer", "rich", "pydantic"}
_MOST_MODULES = 40  # of tinct, that one JPEG needs
_NAMES = {  # of packages whose modules have other names than their distributions
    "opencv-python-headless": "cv2",
    "pillow": "PIL",
    "scikit-image": "skimage",
    "pygame-ce": "pygame",
}


def _project() -> dict[str, Any]:
    with open(_SOURCE.parent.parent / "pyproject.toml", "rb") as file:
        project: dict[str, Any] = tomllib.load(file)["project"]
    return project


def _modules(requirements: list[str]) -> set[str]:
    """Return the names that required packages are imported by."""
    names = {re.split(r"[\[<>=~! ]", text)[0] for text in requirements} - {"tinct"}
    return {_NAMES.get(name, name.replace("-", "_")) for name in names}


_BASE = _modules(_project()["dependencies"])
_EXTRAS = {"fsspec", "starlette"}  # they come with datasets and fastapi
for _extra, _requirements in _project()["optional-dependencies"].items():
    if _extra not in ("dev", "docs"):
        _EXTRAS |= _modules(_requirements) - _BASE


def _loaded_by(statement: str, environment: dict[str, str]) -> set[str]:
    """Run a statement in a new process; return the top-level modules it has loaded."""
    code = f"{statement}\nimport sys; print(*{{name.split('.')[0] for name in sys.modules}})"
    command = [sys.executable, "-c", code]
    return set(subprocess.check_output(command, text=True, env=environment).split())


def _imports(path: Path, *, only_top_level: bool = False) -> set[str]:
    """Return the top-level names of everything that a source file imports when it runs."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [node for node in tree.body if not _is_for_types(node)]
    found = set()
    for node in tree.body if only_top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def _is_for_types(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"


def test_import_is_light(environment: dict[str, str]) -> None:
    assert not _loaded_by("import tinct", environment) & (_HEAVY | _EXTRAS)


def test_command_line_loads_nothing_before_it_knows_what_to_do(environment: dict[str, str]) -> None:
    assert not _loaded_by("import tinct.apps.cli", environment) & (_HEAVY | _EXTRAS)


@pytest.mark.parametrize(
    "module",
    [
        "tinct.photographs",
        "tinct.runtime",
        "tinct.films.reader",
        "tinct.cameras.find",
        "tinct.apps.photographs.color_photographs",
        "tinct.apps.live",
        "tinct.apps.live.web",
        "tinct.apps.studio.run",
    ],
)
def test_using_needs_no_extras(module: str, environment: dict[str, str]) -> None:
    assert not _loaded_by(f"import {module}", environment) & _EXTRAS


def test_coloring_without_options_does_not_load_typer(environment: dict[str, str]) -> None:
    assert not _loaded_by(
        "import tinct.apps.photographs.color_photographs, tinct.runtime", environment
    ) & {
        "typer",
        "rich",
    }


def test_command_modules_import_only_typer() -> None:
    for path in (_SOURCE / "apps" / "commands").glob("*.py"):
        heavy = (_HEAVY | _EXTRAS) - {"typer"}
        assert not _imports(path, only_top_level=True) & heavy, path.name


def test_only_the_laboratory_imports_torch() -> None:
    for path in _SOURCE.rglob("*.py"):
        place = path.relative_to(_SOURCE).as_posix()
        if not place.startswith("lab/"):
            assert "torch" not in _imports(path), place


def test_base_dependencies_are_declared() -> None:
    for path in _SOURCE.rglob("*.py"):
        third_party = _imports(path) - set(sys.stdlib_module_names) - {"tinct"}
        assert third_party <= _BASE | _EXTRAS, path.relative_to(_SOURCE)
        if path.relative_to(_SOURCE).parts[0] not in ("lab", "apps", "bins.py"):
            top_level = _imports(path, only_top_level=True) & _EXTRAS
            assert not top_level, f"{path.relative_to(_SOURCE)} needs an extra"


def test_a_photograph_from_the_shell_loads_few_modules(
    environment: dict[str, str], tmp_path: Path
) -> None:
    photograph = tmp_path / "photo.jpg"
    cv2.imwrite(str(photograph), np.linspace(0, 255, 64 * 48).reshape(48, 64).astype(np.uint8))
    code = f"""
import sys
from tinct.apps.cli import main
if main([{str(photograph)!r}]) == 0:
    print(*sys.modules)"""
    command = [sys.executable, "-c", code]
    loaded = set(subprocess.check_output(command, text=True, env=environment).split())
    assert (tmp_path / "photo-color.jpg").exists()
    own = {name for name in loaded if name.split(".")[0] == "tinct"}
    others = ("films", "cameras", "lab", "apps.films", "apps.live", "apps.commands")
    assert not [name for name in own if name.startswith(tuple(f"tinct.{room}" for room in others))]
    assert not own & {"tinct.runtime.film", "tinct.runtime.temporal", "tinct.runtime.parallel"}
    assert "tinct.runtime.colorizer" in own
    assert len(own) <= _MOST_MODULES
    assert not loaded & ({"av", "typer", "rich", "pyvips", "PIL", "tifffile"} | _EXTRAS)
