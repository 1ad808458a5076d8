"""What an ONNX file that colors takes and answers, in a short description by its user (TOML).

``docs/peers.md`` explains the keys; ``adapters/`` holds the descriptions that are shipped.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from dataclasses import MISSING, dataclass, fields, replace
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar

import numpy as np

from tinct.errors import ModelError

InputKind = Literal["lightness", "gray", "rgb"]
OutputKind = Literal["ab", "cbcr", "lab", "rgb"]
Layout = Literal["NCHW", "NHWC"]
Numbers = float | list[float]  # one for all channels, or one a channel
Part = TypeVar("Part")

INPUT_CHANNELS = {"lightness": 1, "gray": 1, "rgb": 3}
OUTPUT_CHANNELS = {"ab": 2, "cbcr": 2, "lab": 3, "rgb": 3}
PRESETS = ("ddcolor", "deoldify")


@dataclass(frozen=True)
class Input:
    """What the network takes: ``(range * v - mean) / std`` of values v in 0..1."""

    kind: InputKind
    """v is L* / 100; the encoded gray; or that gray in three channels."""
    range: float = 1.0
    """What white is before mean and std: 1, 100 or 255."""
    mean: Numbers = 0.0
    """One for all channels, or one a channel."""
    std: Numbers = 1.0
    """One for all channels, or one a channel."""
    size: int = 0
    """Pictures are stretched to this square, unless the graph itself insists on a size."""
    multiple: int = 0
    """Instead of a size: the short side is 256, both sides are multiples of this."""
    layout: Layout = "NCHW"
    """Order of the axes: batch, channels, height, width."""


@dataclass(frozen=True)
class Output:
    """What the network answers, y: ``(y * std + mean) / range`` is what ``kind`` says."""

    kind: OutputKind
    """CIE ab; Cb, Cr of BT.601 in -0.5..0.5; Lab, whose L* is not used; encoded RGB in 0..1."""
    range: float = 1.0
    """Of RGB: what white is, 1 or 255."""
    mean: Numbers = 0.0
    """One for all channels, or one a channel."""
    std: Numbers = 1.0
    """One for all channels, or one a channel."""
    layout: Layout = "NCHW"
    """Order of the axes: batch, channels, height, width."""


@dataclass(frozen=True)
class Adapter:
    """The whole description."""

    input: Input
    """What the network takes."""
    output: Output
    """What it answers."""
    name: str
    """What the row is called."""
    model: str = ""
    """The ONNX file, seen from the description; presets get it from the user."""


def load_adapter(path: str | Path) -> Adapter:
    """Read a description.

    Raises:
        ModelError: It cannot be read, or says something that makes no sense.
    """
    path = Path(path)
    try:
        text = path.read_text("utf-8")
    except OSError as error:
        raise ModelError(f"{path}: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise ModelError(f"{path}: not a text") from error
    adapter = _parse(text, str(path))
    if not adapter.model:
        raise ModelError(f"{path}: lacks model, the path of the ONNX file")
    return replace(adapter, model=str(path.parent / adapter.model))


def preset(name: str, model: str) -> Adapter:
    """Return a shipped description, one of ``PRESETS``, for an ONNX file of the user's."""
    text = files(__package__).joinpath("adapters", f"{name}.toml").read_text("utf-8")
    return replace(_parse(text, name), model=model)


def _parse(text: str, source: str) -> Adapter:
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ModelError(f"{source}: not TOML: {error}") from error
    parts = {
        "input": _make(Input, table.pop("input", None), f"{source}: input"),
        "output": _make(Output, table.pop("output", None), f"{source}: output"),
    }
    adapter = _make(Adapter, table | parts, source)
    _check_lengths(adapter.input, INPUT_CHANNELS[adapter.input.kind], f"{source}: input")
    _check_lengths(adapter.output, OUTPUT_CHANNELS[adapter.output.kind], f"{source}: output")
    if adapter.output.kind != "rgb" and adapter.output.range != 1:
        raise ModelError(f"{source}: output: range is that of rgb, not of {adapter.output.kind}")
    if adapter.input.size and adapter.input.multiple:
        raise ModelError(f"{source}: input: either size or multiple, not both")
    return adapter


def _check_lengths(part: Input | Output, channels: int, where: str) -> None:
    for name, value in (("mean", part.mean), ("std", part.std)):
        if isinstance(value, list) and len(value) != channels:
            raise ModelError(f"{where}: {name} has {len(value)} numbers, but {channels} channels")
        if name == "std" and not np.all(value):
            raise ModelError(f"{where}: std must not be 0")


def _make(kind: type[Part], table: object, where: str) -> Part:
    """Fill a dataclass, after a look at the names and types of what shall go into it."""
    if not isinstance(table, dict):
        raise ModelError(f"{where}: a table is missing")
    known = {item.name: item for item in fields(kind)}  # type: ignore[arg-type]
    for name, value in table.items():
        if name not in known:
            raise ModelError(f"{where}: unknown {name!r}; known are {', '.join(known)}")
        fits, words = _TYPES[str(known[name].type)]
        if not fits(value):
            raise ModelError(f"{where}: {name} must be {words}, not {value!r}")
    for name, item in known.items():
        if item.default is MISSING and name not in table:
            raise ModelError(f"{where}: lacks {name}")
    return kind(**table)


def _is_number(value: object) -> bool:
    return type(value) in (int, float) and value != 0


def _are_numbers(value: object) -> bool:
    values = value if isinstance(value, list) else [value]
    return bool(values) and all(type(number) in (int, float) for number in values)


# What may stand in a description, by the type of the field, and how that is said.
_TYPES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "str": (lambda value: isinstance(value, str) and bool(value), "a text"),
    "int": (lambda value: type(value) is int and value > 0, "a whole number above 0"),
    "float": (_is_number, "a number other than 0"),
    "Numbers": (_are_numbers, "a number, or a list with one a channel"),
    "InputKind": (
        lambda value: value in list(INPUT_CHANNELS),
        f"one of {', '.join(INPUT_CHANNELS)}",
    ),
    "OutputKind": (
        lambda value: value in list(OUTPUT_CHANNELS),
        f"one of {', '.join(OUTPUT_CHANNELS)}",
    ),
    "Layout": (lambda value: value in ["NCHW", "NHWC"], "NCHW or NHWC"),
    "Input": (lambda value: isinstance(value, Input), "a table"),
    "Output": (lambda value: isinstance(value, Output), "a table"),
}
