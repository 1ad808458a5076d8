"""Memory and room on disk."""

from __future__ import annotations

import sys
from importlib.metadata import distribution

import pytest

from benchmarks.footprint import install_sizes, peak_memory
from tinct.errors import InputError


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell")
def test_memory_is_that_of_the_program() -> None:
    ballast = bytearray(b"x") * 150_000_000  # ours must not be counted as its own
    small = peak_memory([sys.executable, "-c", "pass"])
    large = peak_memory([sys.executable, "-c", "x = bytearray(b'x') * 100_000_000"])
    del ballast
    assert small is not None
    assert large is not None
    assert small < 60e6
    assert 95e6 < large - small < 130e6


@pytest.mark.skipif(sys.platform == "win32", reason="Windows does not tell")
def test_a_program_that_fails() -> None:
    with pytest.raises(InputError, match="out of luck"):
        peak_memory([sys.executable, "-c", "raise SystemExit('out of luck')"])


def test_sizes_of_all_that_is_needed() -> None:
    sizes = install_sizes()
    assert {"tinct", "numpy", "onnxruntime", "opencv-python-headless", "typer"} <= set(sizes)
    assert "torch" not in sizes  # an extra
    assert 1e6 < sizes["tinct"] < 20e6
    files = distribution("numpy").files or ()
    largest = max(file.locate().stat().st_size for file in files if file.suffix == ".so")
    assert largest < sizes["numpy"] < 300e6
