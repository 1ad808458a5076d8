"""Write web/src/constants.json: the numbers that the page shares with Python, whose source is here.

    python scripts/page_constants.py

The file is committed, so that building the page needs no Python; a test notices when it is old.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tinct import __version__, color, gamut
from tinct.photographs import xmp
from tinct.runtime import colorizer, upsample
from tinct.runtime.session import Session
from tinct.spec import ModelSpec

PATH = Path(__file__).parents[1] / "web" / "src" / "constants.json"


def constants() -> dict[str, Any]:
    """Return everything that the page takes from Python."""
    return {
        "version": __version__,
        "xmp": {
            "sourceType": xmp.SOURCE_TYPE,
            "gone": sorted(xmp.GONE),
            "ofOtherParts": sorted(xmp.OF_OTHER_PARTS),
        },
        "models": {name: _facts(Session(name, threads=1).spec) for name in ("nano", "base")},
        "color": {
            "slope": color.SRGB_SLOPE,
            "offset": color.SRGB_OFFSET,
            "power": color.SRGB_POWER,
            "kneeEncoded": color.SRGB_KNEE_ENCODED,
            "kneeLinear": color.SRGB_KNEE_LINEAR,
            "delta": color.DELTA,
            "lumaWeights": color.LUMA_WEIGHTS["bt601"],
            "linearRgbFromRelative": color.LINEAR_RGB_FROM_RELATIVE.tolist(),
        },
        "gamut": {
            "lumaTolerance": gamut.LUMA_TOLERANCE,
            "lightnessTolerance": gamut.LIGHTNESS_TOLERANCE,
            "newtonRounds": gamut.NEWTON_ROUNDS,
            "maxRounds": gamut.MAX_ROUNDS,
            "leastSlope": gamut.LEAST_SLOPE,
        },
        "colorizer": {"maxAspect": colorizer.MAX_ASPECT},
        "upsample": {
            "fitShrink": upsample.FIT_SHRINK,
            "windowRadius": upsample.WINDOW_RADIUS,
            "fitRounds": upsample.FIT_ROUNDS,
            "epsilon": upsample.EPSILON,
            "maxRowsPerCell": upsample.MAX_ROWS_PER_CELL,
        },
    }


def _facts(spec: ModelSpec) -> dict[str, Any]:
    return {
        "shortSide": spec.short_side,
        "multiple": spec.multiple,
        "stride": spec.stride,
        "defaultVividness": spec.default_vividness,
    }


def main() -> None:
    """Write the file."""
    PATH.write_text(json.dumps(constants(), indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
