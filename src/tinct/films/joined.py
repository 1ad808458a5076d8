"""Several films in a row, read like one.

Each begins where the pictures of the one before end; its sound, subtitles and chapters are moved
by just as much, so that they stay together with the pictures. FFmpeg's own concat demultiplexer
asks for files of one codec, size and time base; here only the pictures of the first one count.
"""

from __future__ import annotations

import math
from contextlib import contextmanager
from dataclasses import replace
from fractions import Fraction
from typing import TYPE_CHECKING

from tinct.films.cut import Cut
from tinct.films.facts import BOTTOM_FIRST, PROGRESSIVE, TOP_FIRST

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from av.container import InputContainer

    from tinct.films.facts import FilmFacts
    from tinct.films.reader import FilmFrame, FilmReader, FilmSource

_FIELDS = {PROGRESSIVE: "whole frames", TOP_FIRST: "top field first",
           BOTTOM_FIRST: "bottom field first"}  # fmt: skip
_MOST_TICKS = 10_000_000
"""Ticks a second at most: MP4 counts them in 32 bits."""


class JoinedFilms:
    """Films in a row.

    Attributes:
        path: Of the first.
        facts: What one film of them all would say about itself.
    """

    def __init__(self, readers: Sequence[FilmReader]) -> None:
        """Look at where the pictures of each begin and end; all packets are read for that.

        Args:
            readers: The films, at least one. Frames of the others are brought to the size, shape
                and samples of the first.

        Raises:
            InputError: The pictures of one have no times.
        """
        first = readers[0]
        self.path = first.path
        self._readers = readers
        notes = list(first.facts.notes)
        for reader in readers[1:]:
            notes += [f"{reader.facts.name}: {note}" for note in _notes_on_fit(reader, first.facts)]
        self._spans = [reader.span() for reader in readers]
        self._shifts = [Fraction(0)]  # seconds to add to the times of each
        for (_, end), (begin, _) in zip(self._spans, self._spans[1:], strict=False):
            self._shifts.append(self._shifts[-1] + end - begin)
        base = _common_base([reader.facts.time_base for reader in readers])
        end = self._shifts[-1] + self._spans[-1][1]
        self.facts = replace(
            first.facts,
            name=" + ".join(reader.facts.name for reader in readers),
            time_base=base,
            end=math.floor(end / base),
            notes=tuple(dict.fromkeys(notes)),
        )

    @property
    def damage(self) -> list[str]:
        """What was wrong with the films, once they have been read."""
        return [
            f"{reader.facts.name}: {text}" for reader in self._readers for text in reader.damage
        ]

    @property
    def fingerprint(self) -> str:
        """What changes if one of the files does."""
        return "; ".join(reader.fingerprint for reader in self._readers)

    @contextmanager
    def open(self) -> Iterator[InputContainer]:
        """Open the first file, whose title and tags the new film has.

        Raises:
            InputError: FFmpeg cannot read it.
        """
        with self._readers[0].open() as container:
            yield container

    def members(self, cut: Cut) -> list[tuple[FilmSource, Cut]]:
        """Return the files, each with the part of it that is taken.

        What the sound of a file has before its pictures begin, or after they end, gives way to that
        of its neighbor.
        """
        found: list[tuple[FilmSource, Cut]] = []
        for number, reader in enumerate(self._readers):
            shift, (begin, end) = self._shifts[number], self._spans[number]
            own = Cut(
                begin if number else None,
                end if reader is not self._readers[-1] else None,
                cut.zero - shift,
            )
            found.append((reader, _narrowed(own, cut, shift)))
        return found

    def frames(
        self,
        begin: Fraction | None = None,
        end: Fraction | None = None,
        skip: int = 0,
        after: int | None = None,
    ) -> Iterator[FilmFrame]:
        """Read the frames of all films; arguments are those of ``FilmReader.frames``."""
        base = self.facts.time_base
        for number, frame in self._all(
            begin if after is None else after * base - self.facts.origin
        ):
            own = self._readers[number].facts.time_base
            moved = round((frame.time * own + self._shifts[number]) / base)
            if end is not None and moved * base >= self.facts.origin + end:
                return
            if after is not None and moved <= after:
                continue
            if after is None and skip:
                skip -= 1
                continue
            yield replace(frame, time=moved, duration=max(round(frame.duration * own / base), 1))

    def _all(self, begin: Fraction | None) -> Iterator[tuple[int, FilmFrame]]:
        """Yield the number of the film and the frame, from a time on, in seconds."""
        for number, reader in enumerate(self._readers):
            start = None
            if begin is not None:
                start = self.facts.origin + begin - self._shifts[number] - reader.facts.origin
                if start > self._spans[number][1] - reader.facts.origin:
                    continue
            yield from ((number, frame) for frame in reader.frames(start))


def _notes_on_fit(reader: FilmReader, target: FilmFacts) -> Iterator[str]:
    """Fit a film to the first one; yield what the user should know of it."""
    facts = reader.facts
    yield from facts.notes
    if facts.field_order != target.field_order:
        own, first = (_FIELDS.get(film.field_order, "interlaced") for film in (facts, target))
        yield f"{own}, written as the first, {first}: --deinterlace makes whole frames of all"
    if reader.fit(target):
        size = f"{facts.form.width}x{facts.form.height}"
        if facts.aspect not in (None, 1):
            size = f"{size} in pixels of {facts.aspect.numerator}:{facts.aspect.denominator}"
        yield f"{size}, fitted into the pictures of the first"


def _narrowed(own: Cut, whole: Cut, shift: Fraction) -> Cut:
    """Return the part of a file that is inside of the part of the joined film."""
    begins = [own.begin, None if whole.begin is None else whole.begin - shift]
    ends = [own.end, None if whole.end is None else whole.end - shift]
    return Cut(
        max((time for time in begins if time is not None), default=None),
        min((time for time in ends if time is not None), default=None),
        own.zero,
    )


def _common_base(bases: Sequence[Fraction]) -> Fraction:
    """Return ticks in which the times of all films are whole, or else the finest of them."""
    common = Fraction(
        math.gcd(*(base.numerator for base in bases)),
        math.lcm(*(base.denominator for base in bases)),
    )
    return common if 1 / common <= _MOST_TICKS else min(bases)
