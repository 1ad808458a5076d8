"""Colors the JPEGs of a folder: ``python colorize_folder.py FOLDER RESULTS``."""

from __future__ import annotations

import sys
from pathlib import Path

import tinct


def main(folder: Path, results: Path) -> int:
    """Color what can be colored; return how many photographs could not."""
    results.mkdir(parents=True, exist_ok=True)
    colorizer = tinct.Colorizer(vividness=0.7)  # loads the model once
    failed = 0
    for path in sorted(folder.glob("*.jpg")):
        try:
            picture = colorizer(path)
            picture.save(results / path.name)
        except tinct.TinctError as error:
            print(error, file=sys.stderr)  # one line, with the name and the reason
            failed += 1
        else:
            print(f"{path.name}: {' x '.join(map(str, picture.size))} pixels")
    return failed


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(min(main(Path(sys.argv[1]), Path(sys.argv[2])), 1))
