"""Measures tinct on a small board and prints one line of a table, for docs/jetson.md.

    python scripts/board.py              # on the processor
    python scripts/board.py tensorrt     # or cuda, openvino, coreml ...

It needs nothing but an installed tinct. Half a minute; let nothing else run meanwhile.
"""

from __future__ import annotations

import platform
import sys
import time
from pathlib import Path

import numpy as np
import onnxruntime

from tinct import Colorizer

SECONDS = 3.0  # for each number
LEAST_RUNS = 5
FRAMES = {"256x256": (256, 256), "1280x720": (720, 1280)}  # rows, columns


def machine() -> str:
    """Return what a board says it is, else its processor."""
    for place in ("/proc/device-tree/model", "/sys/firmware/devicetree/base/model"):
        if Path(place).is_file():
            return Path(place).read_text("utf-8").strip("\0 \n")
    if Path("/proc/cpuinfo").is_file():
        for line in Path("/proc/cpuinfo").read_text("utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def milliseconds(colorizer: Colorizer, frame: np.ndarray) -> float:
    """Return the median time from a gray frame to its colors, in milliseconds."""
    colorizer(frame)  # the first one prepares
    times: list[float] = []
    while sum(times) < SECONDS or len(times) < LEAST_RUNS:
        start = time.perf_counter()
        colorizer(frame)
        times.append(time.perf_counter() - start)
    return 1000 * float(np.median(times))


def main() -> None:
    """Print the line, and above it the head of the table."""
    device = sys.argv[1] if len(sys.argv) > 1 else "cpu"
    rng = np.random.default_rng(0)
    heads, cells = [], []
    for model in ("nano", "base"):
        colorizer = Colorizer(model, device=device)
        for name, shape in FRAMES.items():
            frame = rng.integers(0, 256, shape, dtype=np.uint8)
            heads.append(f"`{model}` {name}, ms")
            cells.append(f"{milliseconds(colorizer, frame):.1f}")
    facts = f"{platform.python_version()}, {onnxruntime.__version__}"
    print(f"| machine | device | Python, ONNX Runtime | {' | '.join(heads)} |")
    print(f"|---|---|---|{'---:|' * len(heads)}")
    print(f"| {machine()} ({platform.machine()}) | {device} | {facts} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
