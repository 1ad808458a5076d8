"""The format that a result has."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tinct.apps.photographs.batch import BatchOptions, choose_format
from tinct.errors import OptionError
from tinct.photographs import Picture, format_of_path


@pytest.mark.parametrize(
    ("source", "target", "format"),
    [
        ("HEIC", None, "JPEG"),
        ("PSD", None, "TIFF"),
        ("PDF", None, "TIFF"),
        ("RAW", None, "TIFF"),
        ("GIF", None, "PNG"),
        ("JPEG2000", None, "JPEG2000"),
        ("WEBP", None, "WEBP"),
        ("", None, "PNG"),
        ("PSD", "scan-color", "TIFF"),
        ("PSD", "scan-color.png", "PNG"),
    ],
)
def test_what_has_no_suffix_gets_the_format_that_files_of_its_kind_get(
    source: str, target: str | None, format: str
) -> None:
    picture = Picture(np.zeros((2, 2), np.uint8), source_format=source)
    place = None if target is None else Path(target)
    assert choose_format(picture, BatchOptions(), place) == format


@pytest.mark.parametrize("suffix", [".j2k", ".j2c", ".jpc"])
def test_a_bare_codestream_is_not_written(suffix: str) -> None:
    with pytest.raises(OptionError, match="tells no format that tinct writes"):
        format_of_path(f"x{suffix}")
