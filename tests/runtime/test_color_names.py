from __future__ import annotations

import numpy as np
import pytest

from tinct import color
from tinct.errors import OptionError
from tinct.runtime.color_names import color_code, parse_color

GREEN = color.rgb_to_lab(np.array([46, 125, 50], np.float32) / 255)


@pytest.mark.parametrize(
    "name",
    ["#2e7d32", "#2E7D32", " rgb(46, 125, 50) ", (46, 125, 50), np.array([46, 125, 50])],
)
def test_all_ways_to_name_a_color_agree(name: object) -> None:
    np.testing.assert_allclose(parse_color(name), GREEN, atol=1e-4)  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["lab(46.5, -39, 32)", "lab(46.5 -39 32)", "LAB(46.5% -39.0 +32)"])
def test_lab_is_taken_as_it_is(name: str) -> None:
    found = parse_color(name)
    np.testing.assert_allclose(found, [46.5, -39, 32])
    assert found.dtype == np.float32


def test_names_of_css_and_hsl_are_known() -> None:
    np.testing.assert_allclose(parse_color("RebeccaPurple"), parse_color("#663399"))
    np.testing.assert_allclose(parse_color("hsl(0, 100%, 50%)"), parse_color("red"), atol=1e-4)


@pytest.mark.parametrize(
    "name",
    ["", "grean", "#12", "rgb(300)", "lab(1,2)", "lab(200, 0, 0)", "lab(50, 999, 0)", (1, 2), "\n",
     (1, 2, 256), (1, 2, float("nan")), ("a", "b", "c")],
)  # fmt: skip
def test_what_is_no_color_is_one_line(name: object) -> None:
    with pytest.raises(OptionError) as caught:
        parse_color(name)  # type: ignore[arg-type]
    assert "\n" not in str(caught.value)


def test_codes_come_back() -> None:
    assert color_code(np.array([46, 125, 50], np.float32) / 255) == "#2e7d32"
