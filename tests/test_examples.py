"""The example programs run, and every example photograph is credited."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from PIL import Image

_EXAMPLES = Path(__file__).parent.parent / "examples"


def test_colorize_folder(tmp_path: Path, environment: dict[str, str]) -> None:
    command = [sys.executable, _EXAMPLES / "colorize_folder.py", _EXAMPLES, tmp_path / "results"]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    results = sorted((tmp_path / "results").iterdir())
    assert [path.name for path in results] == sorted(path.name for path in _EXAMPLES.glob("*.jpg"))
    for path in results:
        with Image.open(path) as picture, Image.open(_EXAMPLES / path.name) as given:
            assert (picture.mode, picture.size) == ("RGB", given.size)


def test_every_photograph_is_credited() -> None:
    credits = (_EXAMPLES / "README.md").read_text(encoding="utf-8")
    photographs = [path.name for path in _EXAMPLES.glob("*.jpg")]
    assert photographs
    assert not [name for name in photographs if f"`{name}`" not in credits]
