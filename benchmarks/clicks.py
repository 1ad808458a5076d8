"""How long a hint takes, by stage, in photographs of several sizes."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Any

import cv2
import numpy as np

from tinct.lab.markdown import markdown_table
from tinct.runtime import Colorizer

MEGAPIXELS = (1, 12, 50)
HINTS = (1, 10, 100)


def bench_clicks(
    photograph: np.ndarray[Any, Any], model: str, threads: int | None, rounds: int
) -> str:
    """Time every stage, the least of some rounds in milliseconds.

    Args:
        photograph: (H, W) uint8, brought to every size.
        model: Takes hints.
        threads: Of the network.
        rounds: How often everything is timed.

    Returns:
        A table in Markdown.
    """
    colorizer = Colorizer(model, threads=threads)
    heads = ["photograph", "hints", "open", "colors", "chroma", "preview", "full size"]
    rows = []
    for size in MEGAPIXELS:
        scale = (size * 1e6 / photograph.size) ** 0.5
        gray = cv2.resize(photograph, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
        for count in HINTS:
            canvas = colorizer.open(gray)
            rng = np.random.default_rng(0)
            for x, y in rng.uniform(0, 1, (count, 2)) * canvas.size:
                canvas.hint(x, y, "#2e7d32")
            stages: list[Callable[[], object]] = [
                partial(colorizer.open, gray),
                canvas.colors,
                canvas.chroma,
                canvas.preview,
                canvas.picture,
            ]
            times = [_least(stage, rounds) for stage in stages]
            rows.append([f"{size} MP", str(count), *(f"{value:.1f}" for value in times)])
    return markdown_table(heads, rows)


def _least(work: Callable[[], object], rounds: int) -> float:
    """Return the least milliseconds of some rounds, after one that does not count."""
    work()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * min(times)
