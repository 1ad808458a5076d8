"""Choices of a user in a TOML file: read by the standard library, checked by pydantic.

What is wrong with them is one line that names the file, the key and the value.
"""

from __future__ import annotations

import tomllib
from dataclasses import fields, is_dataclass
from typing import TYPE_CHECKING, Any, TypeVar, get_args, get_type_hints

from pydantic import TypeAdapter, ValidationError

if TYPE_CHECKING:
    from pathlib import Path

    from pydantic_core import ErrorDetails

    from tinct.errors import TinctError

Choices = TypeVar("Choices")

_PLAIN_WORDS = {
    "dataclass_type": "must be a table",
    "dict_type": "must be a table",
    "tuple_type": "must be a list",
    "too_short": "is empty",
    "int_type": "must be a whole number",
    "float_type": "must be a number",
    "string_type": "must be text",
}
"""What to say instead of pydantic's words, which are those of Python, by its type of error."""


def read_toml(path: Path, error: type[TinctError]) -> dict[str, Any]:
    """Read the tables of a file.

    Args:
        path: The file.
        error: What to raise.

    Raises:
        TinctError: ``error``: the file is missing, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as reason:
        raise error(f"{path}: {reason.strerror or reason}") from reason
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as reason:
        raise error(f"{path}: not a TOML file: {reason}") from reason


def check_choices(
    kind: type[Choices], table: dict[str, Any], name: str, error: type[TinctError]
) -> Choices:
    """Make a dataclass of pydantic's from nested dictionaries.

    Args:
        kind: The dataclass.
        table: Its fields; those that have defaults may be left out.
        name: Of the file that the table is from, for errors.
        error: What to raise.

    Raises:
        TinctError: ``error``: a key is not known or missing, or a value makes no sense.
    """
    try:
        return TypeAdapter(kind).validate_python(table)
    except ValidationError as found:
        raise error(f"{name}: {_describe(kind, found.errors()[0])}") from found


def _describe(kind: Any, found: ErrorDetails) -> str:
    """Say in one line what pydantic found."""
    place = ".".join(map(str, found["loc"]))
    if found["type"] == "unexpected_keyword_argument":
        for key in found["loc"][:-1]:
            kind = get_type_hints(kind)[str(key)]
            kind = next((one for one in get_args(kind) if is_dataclass(one)), kind)  # or None
        known = ", ".join(sorted(item.name for item in fields(kind)))
        return f"unknown key {place!r}; known are {known}"
    if found["type"] == "missing":
        return f"lacks {place}"
    if found["type"] == "value_error":  # one of our own checks
        return f"{place}: {found['ctx']['error']}".removeprefix(": ")
    words = _PLAIN_WORDS.get(found["type"], found["msg"].replace("Input should", "must"))
    words = words.replace("greater than or equal to", "at least")
    words = words.replace("less than or equal to", "at most")
    return f"{place} {words}" + (f", not {found['input']!r}" if "must" in words else "")
