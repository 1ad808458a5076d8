"""Pictures in a row."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tinct.errors import InputError, OptionError
from tinct.films.sequence import SequenceReader, find_numbers, is_pattern, numbered


def _save(folder: Path, numbers: list[int], dtype: type = np.uint8) -> str:
    folder.mkdir()
    for number in numbers:
        slope = np.tile(np.linspace(0, np.iinfo(dtype).max, 32), (24, 1)).astype(dtype)
        Image.fromarray(slope).save(folder / f"scan{number:04d}.png")
    (folder / "scan12.txt").write_text("no picture")
    return str(folder / "scan%04d.png")


def test_names() -> None:
    assert numbered("a/%06d.png", 7) == Path("a/000007.png")
    assert numbered("a/b%d.tif", 12) == Path("a/b12.tif")
    assert is_pattern("a/%d.png")
    assert not is_pattern("a%d/b.png")
    with pytest.raises(OptionError, match="one number"):
        find_numbers("a/%d-%d.png")


def test_pictures_are_read_as_frames(tmp_path: Path) -> None:
    pattern = _save(tmp_path / "in", [3, 4, 5, 8])
    reader = SequenceReader(pattern, Fraction(24), full_range=True)
    assert reader.numbers == [3, 4, 5, 8]
    assert reader.facts.notes == ("2 pictures are missing (6, 7): the others are joined",)
    frames = list(reader.frames(skip=1))
    assert [frame.time for frame in frames] == [1, 2, 3]
    assert frames[0].luma.min() == 0
    assert frames[0].luma.max() == 255
    assert len(list(reader.frames(begin=Fraction(1, 24), end=Fraction(3, 24)))) == 2


@pytest.mark.parametrize(("dtype", "white"), [(np.uint8, 235), (np.uint16, 60160)])
def test_luma_for_a_film_is_limited(tmp_path: Path, dtype: type, white: int) -> None:
    pattern = _save(tmp_path / "in", [1], dtype)
    reader = SequenceReader(pattern, Fraction(24), full_range=False)
    (frame,) = reader.frames()
    assert frame.luma.dtype == dtype
    assert frame.luma.max() == white
    assert not reader.facts.form.full_range


def test_what_is_wrong_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no pictures of such names"):
        SequenceReader(str(tmp_path / "%d.png"), Fraction(24), full_range=True)
    pattern = _save(tmp_path / "in", [1, 2])
    Image.new("L", (10, 10)).save(tmp_path / "in/scan0002.png")
    with pytest.raises(InputError, match=r"scan0002.png: of another size"):
        list(SequenceReader(pattern, Fraction(24), full_range=True).frames())


@pytest.mark.parametrize(("is_film", "expected"), [(False, [5, 6]), (True, [6, 7])])
def test_missing_pictures_have_their_time_among_pictures(
    tmp_path: Path, is_film: bool, expected: list[int]
) -> None:
    pattern = _save(tmp_path / "in", [1, 2, 5, 6, 7])
    reader = SequenceReader(pattern, Fraction(24), full_range=not is_film)
    end = Fraction(5 if is_film else 6, 24)
    assert reader.numbers_between(Fraction(1, 10), end) == expected
    assert len(list(reader.frames(Fraction(1, 10), end))) == 2
