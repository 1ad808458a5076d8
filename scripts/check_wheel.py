"""Looks into a wheel before it is published: what must be in it, what must not, how large it is.

python scripts/check_wheel.py dist/tinct-0.1.0-py3-none-any.whl
"""

from __future__ import annotations

import sys
import zipfile
from collections import Counter

NEEDED = (
    "tinct/weights/nano.onnx",
    "tinct/weights/nano-hints.onnx",
    "tinct/weights/base.onnx",
    "tinct/weights/base-hints.onnx",
    "tinct/apps/studio/page/index.html",
    "tinct/py.typed",
)
FOREIGN = ("tests/", "benchmarks/", "examples/", "docs/", "scripts/", "configs/", "web/")
MOST_BYTES = 15_000_000


def faults_of(path: str) -> list[str]:
    """Say what is wrong with a wheel, one sentence each."""
    with zipfile.ZipFile(path) as wheel:
        files = wheel.infolist()
    names = [file.filename for file in files]
    faults = [f"{name} is not in it" for name in NEEDED if name not in names]
    faults += [f"{name} does not belong into it" for name in names if name.startswith(FOREIGN)]
    size = sum(file.compress_size for file in files)
    if size > MOST_BYTES:
        faults.append(f"{size / 1e6:.1f} MB, more than {MOST_BYTES / 1e6:g}")
    rooms: Counter[str] = Counter()
    for file in files:
        rooms["/".join(file.filename.split("/")[:2])] += file.compress_size
    for room, packed in rooms.most_common(12):
        print(f"{packed / 1e6:8.2f} MB {room}")
    print(f"{size / 1e6:8.2f} MB in {len(files)} files")
    return faults


if __name__ == "__main__":
    found = faults_of(sys.argv[1])
    for fault in found:
        print(f"{sys.argv[1]}: {fault}", file=sys.stderr)
    sys.exit(1 if found else 0)
