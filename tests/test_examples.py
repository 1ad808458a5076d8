"""The example programs run, and every example photograph is credited."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from films import Film, make_film, read_film

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


@pytest.fixture
def gst_environment(environment: dict[str, str]) -> dict[str, str]:
    """Return an environment in which Python finds Debian's PyGObject, if that is made for it."""
    paths = [*filter(None, [environment.get("PYTHONPATH")]), "/usr/lib/python3/dist-packages"]
    found = environment | {"PYTHONPATH": ":".join(paths)}
    probe = "import gi; gi.require_version('GstApp', '1.0'); from gi.repository import GstApp"
    done = subprocess.run([sys.executable, "-c", probe], env=found, capture_output=True)
    if done.returncode != 0:
        pytest.skip("no PyGObject (Debian: python3-gi, gir1.2-gst-plugins-base-1.0)")
    return found


def _run_gstreamer(
    environment: dict[str, str], *pipelines: str
) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(_EXAMPLES / "gstreamer_color.py"), *pipelines]
    return subprocess.run(command, capture_output=True, text=True, env=environment, timeout=120)


def test_gstreamer_gets_colors(tmp_path: Path, gst_environment: dict[str, str]) -> None:
    source = make_film(tmp_path / "in.mkv", Film("rawvideo", width=64, height=48, frames=5))
    done = _run_gstreamer(
        gst_environment,
        f"filesrc location={source} ! matroskademux",
        f"matroskamux ! filesink location={tmp_path / 'out.mkv'}",
    )
    assert done.returncode == 0, done.stderr
    before, after = read_film(source), read_film(tmp_path / "out.mkv")
    assert len(after.lumas) == 5
    assert all(map(np.array_equal, before.lumas, after.lumas))
    assert np.ptp(after.chromas[0]) > 2
    assert after.times == before.times


def test_frames_that_gstreamer_would_not_write_are_refused(
    tmp_path: Path, gst_environment: dict[str, str]
) -> None:
    source = make_film(tmp_path / "in.mkv", Film("rawvideo", width=66, height=48, frames=2))
    done = _run_gstreamer(gst_environment, f"filesrc location={source} ! matroskademux", "fakesink")
    assert done.returncode == 1
    assert "frames of 4752 bytes" in done.stderr


def test_an_error_of_gstreamer_is_one_line(gst_environment: dict[str, str]) -> None:
    done = _run_gstreamer(gst_environment, "filesrc location=/none.mkv ! matroskademux", "fakesink")
    assert done.returncode == 1
    assert "Resource not found" in done.stderr
    assert "Traceback" not in done.stderr


def test_every_photograph_is_credited() -> None:
    credits = (_EXAMPLES / "README.md").read_text(encoding="utf-8")
    photographs = [path.name for path in _EXAMPLES.glob("*.jpg")]
    assert photographs
    assert not [name for name in photographs if f"`{name}`" not in credits]
