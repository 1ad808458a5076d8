"""What every source of live pictures has in common: how it is asked, and what it answers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, Protocol

from numpy.typing import NDArray

from tinct.errors import OptionError

Flip = Literal["none", "h", "v", "180"]
MAX_SIDE = 8192
MAX_RATE = 1000.0


@dataclass(frozen=True, slots=True)
class CaptureOptions:
    """What a source is asked for; None leaves it to the source."""

    size: tuple[int, int] | None = None  # width, height
    rate: float | None = None  # pictures a second
    flip: Flip = "none"  # h: left and right, v: top and bottom, 180: turned
    loop: bool = False  # a film begins again at its end
    timeout: float = 10.0  # seconds without a picture after which a source counts as stalled

    def __post_init__(self) -> None:
        """Check the ranges."""
        if self.size is not None and not all(1 <= side <= MAX_SIDE for side in self.size):
            raise OptionError(f"size: sides must be between 1 and {MAX_SIDE}")
        if self.rate is not None and not 0 < self.rate <= MAX_RATE:
            raise OptionError(f"rate must be above 0 and at most {MAX_RATE:g}, not {self.rate:g}")


class Source(Protocol):
    """Pictures as they come, read by one thread."""

    live: bool  # False where it waits for its reader, as a film does
    missed: int  # pictures that the source itself knows to be lost
    aspect: Fraction  # width over height of a pixel

    def advance(self) -> float | None:
        """Wait for the next picture.

        Returns:
            When it was there, in seconds of ``time.perf_counter``; None at the end.

        Raises:
            InputError: There will be none.
        """
        ...

    def picture(self) -> NDArray[Any]:
        """Return the picture that ``advance`` has waited for: RGB, (H, W, 3) uint8, a new array."""
        ...

    def interrupt(self) -> None:
        """Make a waiting ``advance`` give up, if the source can; called by another thread."""

    def close(self) -> None:
        """Let go of the device."""


def parse_size(text: str) -> tuple[int, int]:
    """Read a size such as ``1280x720``.

    Raises:
        OptionError: It is none.
    """
    match = re.fullmatch(r"(\d{1,5})[xX\u00d7](\d{1,5})", text.strip())
    if match is None:
        raise OptionError(f"size {text!r}: not WIDTHxHEIGHT, such as 1280x720")
    return int(match[1]), int(match[2])
