"""The contract between training and everything else: what a model file says about itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from tinct.errors import ModelError

MODEL_FOLDER = Path(__file__).parent / "weights"
"""Where the models of the package are: NAME.onnx."""

PHOTOGRAPH_MODEL = "base"
"""Model of the package that colors photographs where the user names none."""

FILM_MODEL = "nano"
"""Model of the package that colors films and cameras where the user names none: it is faster."""

METADATA_KEY = "tinct"
"""Name under which the JSON of the spec is stored in the metadata of the ONNX file."""

HINTS_KEY = "tinct-hints"
"""The same for the spec of a branch for hints."""

HINTS_ENDING = "-hints"
"""What the name of a model is followed by in the name of the file with its branch for hints."""

FORMAT = 1
"""Version of the contract; a runtime refuses model files of another one."""


@dataclass(frozen=True)
class ModelSpec:
    """Facts of a model that its users must know.

    The graph has the inputs ``lightness`` (N, 1, H, W), L* from 0 to 100, and ``vividness`` (1,), 0
    to 1; the outputs ``ab`` (N, 2, H/stride, W/stride) in CIE units and ``confidence``
    (N, 1, H/stride, W/stride), 0 to 1. For hints it also answers ``features`` (N, C, H/stride,
    W/stride) and ``scores`` (N, Q, H/stride, W/stride), logarithms of the likelihoods of its bins;
    files of older versions do not.
    """

    name: str
    """Name of the network."""
    short_side: int = 256
    """Working size: the short side that pictures are brought to, in pixels."""
    multiple: int = 32
    """H and W are multiples of this."""
    stride: int = 4
    """Size of the input over the size of the output."""
    default_vividness: float = 0.5
    """Used where the user names none."""
    parameters: int = 0
    """Trainable parameters of the network."""
    weights: str = ""
    """Digest of the weights that the features come from; empty in files of older versions."""
    format: int = FORMAT
    """Version of this contract."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """How the weights came to be: configuration, photographs seen, data, version."""

    def to_json(self) -> str:
        """Return the spec as JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str, name: str) -> ModelSpec:
        """Read a spec.

        Args:
            text: JSON of :meth:`to_json`.
            name: Of the model file, for errors.

        Raises:
            ModelError: This is no spec, or one of another version.
        """
        try:
            table = json.loads(text)
        except json.JSONDecodeError as error:
            raise ModelError(f"{name}: not a tinct model: {error}") from error
        if not isinstance(table, dict) or "name" not in table:
            raise ModelError(f"{name}: not a tinct model: its description is not understood")
        if table.get("format") != FORMAT:
            version = f"format {table.get('format')!r}, not {FORMAT}"
            raise ModelError(f"{name}: made for another version of tinct ({version})")
        if not _fits(table):
            raise ModelError(f"{name}: not a tinct model: its description is not understood")
        return cls(**table)


@dataclass(frozen=True)
class HintSpec:
    """Facts of a branch for hints, whose file lies beside that of its model.

    The graph has the inputs ``features`` of the model, and ``lightness`` as the model got it; the
    outputs ``keys`` (N, heads * dimensions, h, w) and ``strengths`` (N, heads, h, w). What is made
    of them is in ``tinct.runtime.similarity``.
    """

    name: str
    """Name of the network that it belongs to."""
    weights: str
    """Digest of the weights that it was trained behind, see ``ModelSpec``."""
    heads: tuple[int, int]
    """Heads of the process of small differences, and of that of large ones."""
    reach: tuple[float, ...]
    """Of every head, in short sides of the picture."""
    noise: tuple[float, float]
    """Variance of what hints leave open, in units of squared strengths, of both processes."""
    middle: float
    """Between small and large differences, in CIE units."""
    bins: tuple[tuple[float, float], ...]
    """Colors that the scores of the model are about, ab in CIE units."""
    parameters: int = 0
    """Trainable parameters."""
    format: int = FORMAT
    """Version of this contract."""
    provenance: dict[str, Any] = field(default_factory=dict)
    """How the weights came to be."""

    def to_json(self) -> str:
        """Return the spec as JSON."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str, name: str) -> HintSpec:
        """Read a spec.

        Args:
            text: JSON of :meth:`to_json`.
            name: Of the file, for errors.

        Raises:
            ModelError: This is no spec, or one of another version.
        """
        try:
            table = json.loads(text)
            spec = cls(**table)
            small, large = (int(value) for value in spec.heads)
            reach = tuple(float(value) for value in spec.reach)
            first, second = (float(value) for value in spec.noise)
            bins = tuple((float(a), float(b)) for a, b in spec.bins)
        except (TypeError, ValueError) as error:
            raise ModelError(f"{name}: not a branch for hints: {error}") from error
        if spec.format != FORMAT or len(reach) != small + large or min(first, second) <= 0:
            raise ModelError(f"{name}: a branch for hints of another version of tinct")
        return replace(spec, heads=(small, large), reach=reach, noise=(first, second), bins=bins)


def _fits(table: dict[str, Any]) -> bool:
    """Tell whether a table has only known facts, and all of them of the right type and sense."""
    kinds = {item.name: item.type for item in fields(ModelSpec)}
    if not set(table) <= set(kinds):
        return False
    numbers = [table[key] for key in table if kinds[key] in ("int", "float")]
    sides = [table.get(key, 1) for key in ("short_side", "multiple", "stride")]
    return (
        isinstance(table["name"], str)
        and isinstance(table.get("weights", ""), str)
        and isinstance(table.get("provenance", {}), dict)
        and all(type(number) in (int, float) for number in numbers)
        and all(type(side) is int and side > 0 for side in sides)
        and 0 <= table.get("default_vividness", 0) <= 1
    )
