"""The examples of the documentation run as tests, as a reader would run them one after the other.

Python blocks are executed; of shell blocks, the lines that begin with ``tinct`` are run. What needs
a camera or a network is marked in the document by ``<!-- skip: next -->``. Each document has a
folder of its own, with what its examples are about: a photograph in gray and one in color, a folder
of them, a film.
"""

from __future__ import annotations

import os
import shlex
import shutil
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image, ImageOps
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser, PythonCodeBlockParser, SkipParser

_EXAMPLES = Path(__file__).parent / "examples"


def _run_commands(example: Example) -> None:
    from tinct.apps.cli import main

    for line in example.parsed.splitlines():
        command, *arguments = shlex.split(line, comments=True) or [""]
        if command == "tinct":
            assert main(arguments) == 0, line


def _enter_folder(namespace: dict[str, Any]) -> None:
    folder = Path(tempfile.mkdtemp(prefix="tinct-docs-"))
    namespace |= {"_folder": folder, "_before": Path.cwd()}
    os.chdir(folder)
    shutil.copy(_EXAMPLES / "farm-workers-1943.jpg", "photo.jpg")
    gray = Image.open("photo.jpg").convert("L")
    Image.merge("RGB", (gray, ImageOps.mirror(gray), ImageOps.flip(gray))).save("today.jpg")
    (folder / "scans" / "1900s").mkdir(parents=True)
    shutil.copy(_EXAMPLES / "louis-armstrong-1946.jpg", "scans")
    shutil.copy(_EXAMPLES / "broadway-saratoga-1900-1915.jpg", "scans/1900s")
    shutil.copy(_EXAMPLES / "tetons-pan.mp4", "film.mp4")


def _leave_folder(namespace: dict[str, Any]) -> None:
    os.chdir(namespace["_before"])
    shutil.rmtree(namespace["_folder"])


pytest_collect_file = Sybil(
    parsers=[
        PythonCodeBlockParser(),
        CodeBlockParser(language="sh", evaluator=_run_commands),
        SkipParser(),
    ],
    patterns=["README.md", "docs/*.md", "docs/reference/*.md"],
    setup=_enter_folder,
    teardown=_leave_folder,
).pytest()
