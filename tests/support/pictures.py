"""A photograph in color, at any size and seen from other places, for tests of what is live."""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray


def photograph(
    width: int, height: int, *, seconds: float = 0.0, gray: bool = False
) -> NDArray[np.uint8]:
    """Return the photograph of ``test://``, (height, width, 3); it moves to the left with time."""
    rgb: Any = cv2.resize(_photograph(), (width, height), interpolation=cv2.INTER_AREA)
    if gray:
        rgb = cv2.cvtColor(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB)
    return np.asarray(np.roll(rgb, -round(seconds * width / 20), axis=1), np.uint8)


@cache
def _photograph() -> Any:
    data = np.frombuffer((files("tinct.cameras") / "test.jpg").read_bytes(), np.uint8)
    return cv2.cvtColor(cv2.imdecode(data, cv2.IMREAD_COLOR), cv2.COLOR_BGR2RGB)
