"""A part of a film."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Cut:
    """Which part of a film is taken, and where it goes. All in seconds of the old file."""

    begin: Fraction | None
    end: Fraction | None
    zero: Fraction
    """What becomes zero in the new file."""

    def holds(self, time: Fraction) -> bool:
        """Tell whether a time is inside."""
        after = self.begin is None or time >= self.begin
        return after and (self.end is None or time < self.end)

    def overlap(self, begin: Fraction, end: Fraction) -> tuple[Fraction, Fraction] | None:
        """Return the part of a span that is inside, None if there is none."""
        first = begin if self.begin is None else max(begin, self.begin)
        last = end if self.end is None else min(end, self.end)
        return (first, last) if first < last else None


WHOLE = Cut(None, None, Fraction(0))
"""All of a film, at the times that it has."""
