"""SMPTE timecode: numbers of frames as hours, minutes, seconds and frames (SMPTE ST 12)."""

from __future__ import annotations

import re
from fractions import Fraction
from math import floor

_TIMECODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d)")


def later_timecode(
    timecode: str, seconds: Fraction, rate: Fraction, new_rate: Fraction
) -> str | None:
    """Return the SMPTE timecode of a later frame, None if the first one cannot be read.

    Hours, minutes and seconds are those of the old film at that moment; the frames count at the
    rate of the new one. Numbers of frames are dropped at multiples of 30 alone.

    Args:
        timecode: ``hh:mm:ss:ff``, or with a semicolon before the frames where two (at 60 frames a
            second four) numbers of frames are dropped every minute but every tenth.
        seconds: How much later.
        rate: Frames a second that it counts.
        new_rate: Frames a second that the later one shall count.
    """
    found = _TIMECODE.fullmatch(timecode.strip())
    nominal, new_nominal = round(rate), round(new_rate)
    if found is None or nominal < 1 or new_nominal < 1:
        return None
    step = Fraction(nominal, new_nominal)  # old frames in a new one
    ahead = round(seconds * new_rate) * step
    hours, minutes, whole, frames = (int(found[part]) for part in (1, 2, 3, 5))
    number = ((hours * 60 + minutes) * 60 + whole) * nominal + frames + floor(ahead)
    drops = found[4] != ":"
    if drops and nominal % 30 == 0:
        dropped = nominal // 15
        past = hours * 60 + minutes
        number -= dropped * (past - past // 10)
        tens, rest = divmod(number, nominal * 600 - 9 * dropped)
        number += 9 * dropped * tens
        if rest >= dropped:
            number += dropped * ((rest - dropped) // (nominal * 60 - dropped))
    total, frames = divmod(number, nominal)
    hours, minutes, whole = total // 3600 % 24, total // 60 % 60, total % 60
    frames = floor((frames + ahead % 1) / step)
    mark = found[4] if drops and new_nominal % 30 == 0 else ":"
    return f"{hours:02d}:{minutes:02d}:{whole:02d}{mark}{frames:02d}"


def pack_timecode(timecode: str) -> int:
    """Return a timecode as DPX has it: eight decimal digits of four bits each."""
    return int("".join(filter(str.isdigit, timecode)), 16)


def unpack_timecode(packed: int) -> str | None:
    """Return the timecode that DPX has packed into 32 bits, None where it states none."""
    digits = f"{packed:08x}"
    if not digits.isdecimal():
        return None
    return ":".join(digits[place : place + 2] for place in range(0, 8, 2))
