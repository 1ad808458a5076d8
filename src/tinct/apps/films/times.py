"""Times and rates as users type them."""

from __future__ import annotations

import re
from fractions import Fraction

from tinct.errors import OptionError

_TIME = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")


def parse_time(text: str) -> Fraction:
    """Read seconds, ``mm:ss`` or ``hh:mm:ss``, with decimals or without.

    Raises:
        OptionError: It is none of them.
    """
    found = _TIME.fullmatch(text.strip())
    if found is None:
        raise OptionError(f"{text!r} is no time: seconds or hh:mm:ss")
    hours, minutes, seconds = (Fraction(part or 0) for part in found.groups())
    return hours * 3600 + minutes * 60 + seconds


def parse_rate(text: str) -> Fraction:
    """Read frames a second: ``24``, ``23.976`` or ``24000/1001``.

    Raises:
        OptionError: It is none of them.
    """
    try:
        rate = Fraction(text.strip())
    except (ValueError, ZeroDivisionError) as error:
        raise OptionError(
            f"{text!r} is no rate: frames a second, such as 24 or 24000/1001"
        ) from error
    if not 0 < rate <= 1000:
        raise OptionError(f"{text!r} is no rate: more than 0 and at most 1000 frames a second")
    return rate
