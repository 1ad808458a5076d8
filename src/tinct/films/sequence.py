"""Pictures in a row, ``frames/%06d.png``, in and out."""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left
from contextlib import contextmanager
from fractions import Fraction
from functools import cached_property
from math import ceil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from av.video.reformatter import ColorRange, Interpolation

from tinct.color import luma_codes, rgb_to_luma
from tinct.errors import InputError, OptionError
from tinct.files import file_facts
from tinct.films.facts import FilmFacts
from tinct.films.pixels import COLORSPACES, ColorTags
from tinct.films.reader import FilmFrame
from tinct.films.scans import (
    SUFFIXES,
    Scan,
    Stamp,
    encode_scan,
    read_scan,
    scan_depth,
    scan_format,
)
from tinct.films.timecode import later_timecode
from tinct.frame_format import FrameFormat
from tinct.photographs import Picture, encode_picture, losses, read_picture
from tinct.photographs.formats import format_of_path
from tinct.photographs.metadata import Metadata, dpi_of_shape

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

    from tinct.films.cut import Cut
    from tinct.films.reader import FilmSource

_NUMBER = re.compile(r"%(?:0(\d+))?d")
_SHOWN_GAPS = 3
USUAL_RATE = Fraction(24)
"""Pictures a second where neither the user nor a picture says it."""
_RGB = {8: "rgb24", 10: "gbrp10le", 12: "gbrp12le", 16: "rgb48le"}


def is_pattern(name: str) -> bool:
    """Tell whether a name stands for pictures in a row: it has a %d, or %06d, in it."""
    return _NUMBER.search(Path(name).name) is not None


def numbered(pattern: str, number: int) -> Path:
    """Return the name of one picture.

    Raises:
        OptionError: The pattern has not exactly one number in its last part.
    """
    _check(pattern)
    path = Path(pattern)
    return path.with_name(_NUMBER.sub(lambda m: f"{number:0{m[1] or 1}d}", path.name))


def find_numbers(pattern: str) -> list[int]:
    """Return the numbers of the pictures that there are, in their order.

    Raises:
        OptionError: The pattern has not exactly one number in its last part.
    """
    _check(pattern)
    path = Path(pattern)
    before, after = _NUMBER.split(path.name)[::2]
    if not path.parent.is_dir():
        return []
    names = re.compile(f"{re.escape(before)}(\\d+){re.escape(after)}")
    found = (names.fullmatch(other.name) for other in path.parent.iterdir())
    numbers = {int(match[1]) for match in found if match}
    return sorted(number for number in numbers if numbered(pattern, number).is_file())


def _check(pattern: str) -> None:
    if len(_NUMBER.findall(Path(pattern).name)) != 1:
        raise OptionError(f"{pattern}: one number, such as %06d, is expected in the name")


class SequenceReader:
    """Pictures in a row, read like a film; each is taken to gray.

    Attributes:
        numbers: Of the pictures.
        facts: What a film of them would say about itself.
        damage: What was wrong with them, once they have been read.
    """

    def __init__(self, pattern: str, rate: Fraction | None, *, full_range: bool) -> None:
        """Look at the first picture.

        Args:
            pattern: Names of the pictures.
            rate: Pictures a second; None for what the first picture says, else ``USUAL_RATE``.
            full_range: Hand luma over as it is, for pictures; else in the range of films.

        Raises:
            InputError: There are no pictures, or the first cannot be read.
            OptionError: The pattern has not exactly one number in its last part.
        """
        self.path = Path(pattern)
        self.damage: list[str] = []
        self.numbers = find_numbers(pattern)
        if not self.numbers:
            raise InputError(f"{pattern}: no pictures of such names")
        self._pattern = pattern
        self._full_range = full_range
        first, bits, scan = self._read(self.numbers[0])
        height, width = first.shape
        tags = ColorTags.usual(height, full_range)
        shift = (0, 0) if full_range else (1, 1)
        rate = rate or (scan.rate if scan is not None else None) or USUAL_RATE
        self.facts = FilmFacts(
            name=pattern,
            stream=-1,
            pix_fmt="gray" if bits == 8 else f"gray{bits}le",
            form=FrameFormat(width, height, bits, shift, full_range, tags.name),
            tags=tags,
            time_base=1 / rate,
            origin=Fraction(0),
            begin=Fraction(0),
            shift=Fraction(0),
            rate=rate,
            aspect=None,
            display=None,
            field_order=1,
            end=len(self.numbers),
            notes=(*self._gaps(), *(scan.notes if scan is not None else ())),
            timecode=None if scan is None else scan.timecode,
            timecode_rate=rate,
        )

    @property
    def files(self) -> Iterator[Path]:
        """The pictures."""
        return (numbered(self._pattern, number) for number in self.numbers)

    @cached_property
    def fingerprint(self) -> str:
        """What changes if one of the pictures does."""
        digest = hashlib.sha256()
        for file in self.files:
            digest.update(file_facts(file, self.path.parent))
        return f"{self.path.absolute()}, {digest.hexdigest()}"

    @contextmanager
    def open(self) -> Iterator[None]:
        """Yield nothing: there is no sound, and nothing else beside the pictures."""
        yield None

    def members(self, cut: Cut) -> list[tuple[FilmSource, Cut]]:
        """Return the pictures themselves: they are one film."""
        return [(self, cut)]

    def frames(
        self,
        begin: Fraction | None = None,
        end: Fraction | None = None,
        skip: int = 0,
        after: int | None = None,
    ) -> Iterator[FilmFrame]:
        """Read the pictures as frames; arguments are those of ``FilmReader.frames``.

        Raises:
            InputError: A picture cannot be read, or is of another size than the first.
        """
        form = self.facts.form
        for number in self.numbers_between(begin, end)[skip:]:
            luma, bits, scan = self._read(number)
            if luma.shape != form.luma_shape or bits != form.bits:
                name = numbered(self._pattern, number)
                raise InputError(f"{name}: of another size or depth than the first picture")
            yield FilmFrame(luma, bisect_left(self.numbers, number), 1, scan=scan)

    def numbers_between(self, begin: Fraction | None, end: Fraction | None) -> list[int]:
        """Return the numbers of the pictures in a part of them, in seconds.

        In a film, those that are missing take no time; among pictures each number has its own.
        """
        rate = self.facts.rate
        first = 0 if begin is None else ceil(begin * rate)
        last = self.numbers[-1] + 1 if end is None else ceil(end * rate)
        if not self._full_range:
            return self.numbers[first:last]
        zero = self.numbers[0]
        after = bisect_left(self.numbers, zero + first)
        return self.numbers[after : None if end is None else bisect_left(self.numbers, zero + last)]

    def _read(self, number: int) -> tuple[NDArray[Any], int, Scan | None]:
        """Return luma of a picture, (H, W) uint8 or uint16, its bits, and the scan that it is."""
        path = numbered(self._pattern, number)
        kind = scan_format(path)
        scan = None if kind is None else read_scan(path, kind)
        if scan is not None:
            luma, bits = scan.luma, scan.bits
        else:
            picture = read_picture(path, gray=True)
            self.damage += [f"{number}: {text}" for text in picture.warnings]
            luma = _to_gray(picture)
            bits = 8 * luma.dtype.itemsize
        return luma if self._full_range else _to_limited(luma, bits), bits, scan

    def _gaps(self) -> tuple[str, ...]:
        whole = range(self.numbers[0], self.numbers[-1] + 1)
        missing = sorted(set(whole) - set(self.numbers))
        if not missing:
            return ()
        named = ", ".join(map(str, missing[:_SHOWN_GAPS]))
        more = ", ..." if len(missing) > _SHOWN_GAPS else ""
        return (f"{len(missing)} pictures are missing ({named}{more}): the others are joined",)


def _to_gray(picture: Picture) -> NDArray[Any]:
    pixels = picture.pixels
    if picture.is_gray:
        return pixels if pixels.ndim == 2 else np.ascontiguousarray(pixels[..., 0])
    luma = rgb_to_luma(pixels[..., :3].astype(np.float32))
    return np.rint(luma).astype(pixels.dtype)


def _to_limited(luma: NDArray[Any], bits: int) -> NDArray[Any]:
    black, white = luma_codes(bits, "limited")
    codes = black + np.arange(2**bits) * ((white - black) / (2**bits - 1))
    limited: NDArray[Any] = np.rint(codes).astype(luma.dtype)[luma]
    return limited


def unmarked(pattern: str, colored_by: str) -> tuple[str, ...]:
    """Say in a sentence if the format of pictures has no place to say who has colored them."""
    if Path(pattern).suffix.lower() in SUFFIXES:
        return ()
    some = Picture(np.zeros((1, 1, 3), np.uint8), colored_by=colored_by)
    return losses(some, format_of_path(pattern).name)


def picture_encoder(
    pattern: str, facts: FilmFacts, colored_by: str = ""
) -> Callable[[FilmFrame, VideoFrame], bytes]:
    """Return what encodes colored frames as pictures.

    It takes a frame as it was read, and the same one in color as planar YUV 4:4:4. The picture is
    turned as the film is shown, and says of which shape its pixels are. Beyond 8 bits PNG, TIFF and
    others have 16, DPX has 10, 12 or 16, and OpenEXR floats.

    Args:
        pattern: Names of the pictures, whose suffix tells the format.
        facts: The film.
        colored_by: Name of the model that colored pictures are to name; empty for none.

    Raises:
        OptionError: The suffix is that of no format.
    """
    kind = SUFFIXES.get(Path(pattern).suffix.lower())
    target = None if kind is not None else format_of_path(pattern)
    aspect = facts.aspect or Fraction(1)
    aspect = 1 / aspect if facts.form.turns % 2 else aspect
    dpi = dpi_of_shape(aspect)

    def encode(frame: FilmFrame, colored: VideoFrame) -> bytes:
        bits = scan_depth(colored.format.components[0].bits)
        bits = bits if kind == "dpx" or bits == 8 else 16
        pixels = np.rot90(_to_rgb(colored, bits, facts.tags), facts.form.turns)
        by = "" if frame.is_colored else colored_by
        if kind is None:
            assert target is not None
            picture = Picture(pixels, metadata=Metadata(dpi=dpi), colored_by=by)
            return encode_picture(picture, target.name)
        ahead, timecode = frame.time * facts.time_base - facts.begin, None
        if facts.timecode is not None:
            timecode = later_timecode(facts.timecode, ahead, facts.timecode_rate, facts.rate)
        stamp = Stamp(round(ahead * facts.rate), facts.rate, timecode, by, aspect)
        return encode_scan(pixels, bits, kind, frame.scan, stamp)

    return encode


def _to_rgb(frame: VideoFrame, bits: int, tags: ColorTags) -> NDArray[Any]:
    """Return a frame as RGB, (H, W, 3) uint8 or uint16 in full range, the value in the low bits."""
    exact = Interpolation.BICUBIC | Interpolation.ACCURATE_RND | Interpolation.FULL_CHR_H_INT
    rgb = frame.reformat(
        format=_RGB[bits],
        src_colorspace=COLORSPACES[tags.name],
        src_color_range=ColorRange.JPEG if tags.full_range else ColorRange.MPEG,
        dst_color_range=ColorRange.JPEG,
        interpolation=exact,
    )
    return np.ascontiguousarray(rgb.to_ndarray())
