"""What a command makes its colorizer with."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ColorizerOptions:
    """The model and how it is used, as the report states it; see ``tinct.runtime.Colorizer``."""

    model: str = "base"
    vividness: float | None = None  # 0..1; None: the model's own
    cautious: float = 0.0  # 0..1
    saturation: float = 1.0  # 0..4
    device: str = "auto"
    threads: int | None = None
