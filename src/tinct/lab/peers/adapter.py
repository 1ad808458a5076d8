"""What an ONNX file that colors takes and answers, in a short description by its user (TOML).

``docs/peers.md`` explains the keys; ``adapters/`` holds the descriptions that are shipped.
"""

from __future__ import annotations

import tomllib
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, Strict, model_validator
from pydantic.dataclasses import dataclass

from tinct.errors import ModelError
from tinct.lab.toml_choices import check_choices, read_toml

InputKind = Literal["lightness", "gray", "rgb"]
OutputKind = Literal["ab", "cbcr", "lab", "rgb"]
Layout = Literal["NCHW", "NHWC"]

INPUT_CHANNELS = {"lightness": 1, "gray": 1, "rgb": 3}
OUTPUT_CHANNELS = {"ab": 2, "cbcr": 2, "lab": 3, "rgb": 3}
PRESETS = ("ddcolor", "deoldify")


def _refuse_zero(number: float) -> float:
    if not number:
        raise ValueError("must not be 0")
    return number


def _as_list(value: Any) -> Any:
    return value if isinstance(value, list | tuple) else [value]


Text = Annotated[str, Strict(), Field(min_length=1)]
Pixels = Annotated[int, Strict(), Field(gt=0)]
Number = Annotated[float, Strict()]
Divisor = Annotated[float, Strict(), AfterValidator(_refuse_zero)]
Numbers = Annotated[tuple[Number, ...], BeforeValidator(_as_list), Field(min_length=1)]
Divisors = Annotated[tuple[Divisor, ...], BeforeValidator(_as_list), Field(min_length=1)]

_RULES = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_RULES)
class Input:
    """What the network takes: ``(range * v - mean) / std`` of values v in 0..1."""

    kind: InputKind
    """v is L* / 100; the encoded gray; or that gray in three channels."""
    range: Divisor = 1.0
    """What white is before mean and std: 1, 100 or 255."""
    mean: Numbers = (0.0,)
    """One for all channels, or one a channel."""
    std: Divisors = (1.0,)
    """One for all channels, or one a channel."""
    size: Pixels = 0
    """Pictures are stretched to this square, unless the graph itself insists on a size."""
    multiple: Pixels = 0
    """Instead of a size: the short side is 256, both sides are multiples of this."""
    layout: Layout = "NCHW"
    """Order of the axes: batch, channels, height, width."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_lengths(self.mean, self.std, INPUT_CHANNELS[self.kind])
        if self.size and self.multiple:
            raise ValueError("either size or multiple, not both")
        return self


@dataclass(frozen=True, config=_RULES)
class Output:
    """What the network answers, y: ``(y * std + mean) / range`` is what ``kind`` says."""

    kind: OutputKind
    """CIE ab; Cb, Cr of BT.601 in -0.5..0.5; Lab, whose L* is not used; encoded RGB in 0..1."""
    range: Divisor = 1.0
    """Of RGB: what white is, 1 or 255."""
    mean: Numbers = (0.0,)
    """One for all channels, or one a channel."""
    std: Divisors = (1.0,)
    """One for all channels, or one a channel."""
    layout: Layout = "NCHW"
    """Order of the axes: batch, channels, height, width."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        _check_lengths(self.mean, self.std, OUTPUT_CHANNELS[self.kind])
        if self.kind != "rgb" and self.range != 1:
            raise ValueError(f"range is that of rgb, not of {self.kind}")
        return self


def _check_lengths(mean: Numbers, std: Divisors, channels: int) -> None:
    for name, values in (("mean", mean), ("std", std)):
        if len(values) not in (1, channels):
            raise ValueError(f"{name} has {len(values)} numbers, but {channels} channels")


@dataclass(frozen=True, config=_RULES)
class Adapter:
    """The whole description."""

    input: Input
    """What the network takes."""
    output: Output
    """What it answers."""
    name: Text
    """What the row is called."""
    model: Annotated[str, Strict()] = ""
    """The ONNX file, seen from the description; presets get it from the user."""


def load_adapter(path: str | Path) -> Adapter:
    """Read a description.

    Raises:
        ModelError: It cannot be read, or says something that makes no sense.
    """
    path = Path(path)
    adapter = check_choices(Adapter, read_toml(path, ModelError), str(path), ModelError)
    if not adapter.model:
        raise ModelError(f"{path}: lacks model, the path of the ONNX file")
    return replace(adapter, model=str(path.parent / adapter.model))


def preset(name: str, model: str) -> Adapter:
    """Return a shipped description, one of ``PRESETS``, for an ONNX file of the user's."""
    text = files(__package__).joinpath("adapters", f"{name}.toml").read_text("utf-8")
    return replace(check_choices(Adapter, tomllib.loads(text), name, ModelError), model=model)
