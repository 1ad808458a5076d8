"""Many pictures and large ones: the memory of the page does not grow with them."""

from __future__ import annotations

import io
import re
import sys
import zipfile
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from studio_page import EXAMPLES, choose, save, wait_shown

from tinct.photographs import Picture, read_picture

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="memory is read from /proc"),
]

MANY = 120
MOST_GROWTH = 200  # MB that the page may grow by after the first: decoded, they take 520
MOST_OF_50_MEGAPIXELS = 1000  # MB


def memory(page: Any, field: str) -> float:
    """Return the memory of the process of the page, in MB: ``VmRSS`` now, ``VmHWM`` at most."""
    session = page.context.browser.new_browser_cdp_session()
    processes = session.send("SystemInfo.getProcessInfo")["processInfo"]
    session.detach()
    found = []
    for process in processes:
        if process["type"] == "renderer":
            status = Path(f"/proc/{process['id']}/status").read_text()
            found += [int(line.split()[1]) for line in status.splitlines() if field in line]
    return max(found) / 1024


def wait_colored(page: Any, least: int) -> None:
    """Wait until so many pictures have their colors; the line may pass over a number."""
    numbers = "|".join(map(str, range(least, MANY + 1)))
    page.locator("#progress", has_text=re.compile(rf"^\s*({numbers}) of {MANY}")).wait_for()


def test_more_pictures_than_memory_would_hold_decoded(page: Any, tmp_path: Path) -> None:
    gray = read_picture(EXAMPLES[1], gray=True).pixels
    large = cv2.resize(gray, (1200, 900), interpolation=cv2.INTER_CUBIC)
    paths = [tmp_path / f"{number:03}.jpg" for number in range(MANY)]
    for number, path in enumerate(paths):
        Picture(np.roll(large, 10 * number, axis=1)).save(path)
    choose(page, *paths)
    wait_colored(page, 20)
    early = memory(page, "VmRSS")
    page.set_default_timeout(600_000)
    wait_colored(page, MANY)
    late = memory(page, "VmRSS")
    assert page.locator("#pictures canvas").count() == MANY
    assert late - early < MOST_GROWTH, (early, late)
    page.click(f"#pictures li:nth-child({MANY}) button")
    wait_shown(page, MANY - 1)
    with zipfile.ZipFile(io.BytesIO(save(page, "jpeg", "#save-all"))) as archive:
        assert len(archive.namelist()) == MANY
        assert archive.testzip() is None
    page.reload()
    wait_colored(page, 20)
    assert page.locator("#pictures li").count() == MANY, "nothing is lost"


def test_fifty_megapixels(page: Any, tmp_path: Path) -> None:
    gray = read_picture(EXAMPLES[1], gray=True).pixels
    size = (8660, 5774)
    Picture(cv2.resize(gray, size, interpolation=cv2.INTER_LINEAR)).save(tmp_path / "large.jpg")
    choose(page, tmp_path / "large.jpg")
    wait_shown(page)
    page.locator("#progress", has_text="1 of 1 colored").wait_for()
    result = read_picture(save(page, "jpeg"))
    assert result.size == size
    assert memory(page, "VmHWM") < MOST_OF_50_MEGAPIXELS
