"""The page computes with the numbers of Python."""

from __future__ import annotations

import json
from pathlib import Path

from scripts.page_constants import PATH, constants


def test_the_file_of_the_page_is_what_python_has() -> None:
    expected = json.loads(json.dumps(constants()))
    assert json.loads(Path(PATH).read_text("utf-8")) == expected, "python scripts/page_constants.py"
