"""Times and rates as users type them."""

from __future__ import annotations

from fractions import Fraction

import pytest

from tinct.apps.films.times import parse_rate, parse_time
from tinct.errors import OptionError


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("12.5", Fraction(25, 2)), ("1:02", 62), ("01:00:00.040", 3600 + Fraction(1, 25))],
)
def test_times(text: str, seconds: Fraction) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "-1", "1:2:3:4", "soon", "1e3", "1:"])
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(OptionError, match="no time"):
        parse_time(text)


def test_rates() -> None:
    assert parse_rate("24000/1001") == Fraction(24000, 1001)
    assert parse_rate("16") == 16
    for text in ("0", "-1", "x", "1/0", "1e9"):
        with pytest.raises(OptionError, match="no rate"):
            parse_rate(text)
