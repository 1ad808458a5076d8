"""The contract between training and everything else: what a model file says about itself."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, fields
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

FORMAT = 1
"""Version of the contract; a runtime refuses model files of another one."""


@dataclass(frozen=True)
class ModelSpec:
    """Facts of a model that its users must know.

    The graph has the inputs ``lightness`` (N, 1, H, W), L* from 0 to 100, and ``vividness`` (1,), 0
    to 1; the outputs ``ab`` (N, 2, H/stride, W/stride) in CIE units and ``confidence``
    (N, 1, H/stride, W/stride), 0 to 1.
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


def _fits(table: dict[str, Any]) -> bool:
    """Tell whether a table has only known facts, and all of them of the right type and sense."""
    kinds = {item.name: item.type for item in fields(ModelSpec)}
    if not set(table) <= set(kinds):
        return False
    numbers = [table[key] for key in table if kinds[key] in ("int", "float")]
    sides = [table.get(key, 1) for key in ("short_side", "multiple", "stride")]
    return (
        isinstance(table["name"], str)
        and isinstance(table.get("provenance", {}), dict)
        and all(type(number) in (int, float) for number in numbers)
        and all(type(side) is int and side > 0 for side in sides)
        and 0 <= table.get("default_vividness", 0) <= 1
    )
