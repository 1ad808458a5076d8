"""The public API is what ``tinct.__all__`` says, sorted, and every name of it is there."""

from __future__ import annotations

import inspect
import re

import pytest

import tinct
from tinct import errors


def test_all_is_sorted_and_without_doubles() -> None:
    assert tinct.__all__ == sorted(set(tinct.__all__))


@pytest.mark.parametrize("name", tinct.__all__)
def test_every_name_is_there(name: str) -> None:
    assert getattr(tinct, name) is not None
    assert name in dir(tinct)


def test_every_error_is_exported_and_drawn_in_the_tree() -> None:
    found = {
        name
        for name, value in vars(errors).items()
        if inspect.isclass(value) and issubclass(value, errors.TinctError)
    }
    assert found <= set(tinct.__all__)
    assert found <= set(re.findall(r"\w+Error", errors.__doc__ or ""))


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Painter'"):
        _ = tinct.Painter


def test_version_is_the_one_of_the_distribution() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+", tinct.__version__)
