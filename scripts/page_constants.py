"""Write what the page shares with Python, whose source is here.

    python scripts/page_constants.py

``web/src/constants.json`` holds numbers. ``web/src/graphs/NAME-readout.onnx`` is the end of a
network, from scores to ab: vividness enters there, so that a page in which a slider is moved need
not run the whole network again. The files are committed, so that building the page needs no
Python; a test notices when they are old.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import onnx
from onnx.utils import Extractor

from tinct import __version__, color, gamut
from tinct.apps.studio.pictures import MODELS
from tinct.apps.studio.server import LOSSES_HEADER, NAME_HEADER, TOKEN_HEADER
from tinct.photographs import in_color, xmp
from tinct.photographs.formats import FORMATS
from tinct.runtime import (
    canvas,
    color_names,
    colorizer,
    film,
    hint_file,
    propagation,
    reference,
    upsample,
)
from tinct.runtime.hint_session import HintSession
from tinct.runtime.session import Session, model_path

SOURCES = Path(__file__).parents[1] / "web" / "src"
PATH = SOURCES / "constants.json"


def constants() -> dict[str, Any]:
    """Return everything that the page takes from Python."""
    return {
        "version": __version__,
        "studio": {
            "tokenHeader": TOKEN_HEADER,
            "nameHeader": NAME_HEADER,
            "lossesHeader": LOSSES_HEADER,
        },
        "suffixes": list(FORMATS),
        "xmp": {
            "sourceType": xmp.SOURCE_TYPE,
            "gone": sorted(xmp.GONE),
            "ofOtherParts": sorted(xmp.OF_OTHER_PARTS),
        },
        "models": {name: _facts(Session(name, threads=1)) for name in MODELS},
        "color": {
            "slope": color.SRGB_SLOPE,
            "offset": color.SRGB_OFFSET,
            "power": color.SRGB_POWER,
            "kneeEncoded": color.SRGB_KNEE_ENCODED,
            "kneeLinear": color.SRGB_KNEE_LINEAR,
            "delta": color.DELTA,
            "lumaWeights": color.LUMA_WEIGHTS["bt601"],
            "linearRgbFromRelative": color.LINEAR_RGB_FROM_RELATIVE.tolist(),
            "relativeFromLinearRgb": color.RELATIVE_FROM_LINEAR_RGB.tolist(),
            "abLimit": color_names.AB_LIMIT,
        },
        "gamut": {
            "tolerance": gamut.GAMUT_TOLERANCE,
            "mappingSteps": gamut.MAPPING_STEPS,
            "lumaTolerance": gamut.LUMA_TOLERANCE,
            "lightnessTolerance": gamut.LIGHTNESS_TOLERANCE,
            "newtonRounds": gamut.NEWTON_ROUNDS,
            "maxRounds": gamut.MAX_ROUNDS,
            "leastSlope": gamut.LEAST_SLOPE,
        },
        "colorizer": {
            "maxAspect": colorizer.MAX_ASPECT,
            "cautionWidth": colorizer.CAUTION_WIDTH,
        },
        "hints": {
            "format": hint_file.FORMAT,
            "mostHints": hint_file.MOST_HINTS,
            "ratioTolerance": hint_file.RATIO_TOLERANCE,
            "mostPoints": canvas.MOST_POINTS,
            "corrections": canvas.CORRECTIONS,
            "correctionNoise": canvas.CORRECTION_NOISE,
            "suggestionSpread": canvas.SUGGESTION_SPREAD,
            "candidateStep": propagation.CANDIDATE_STEP,
            "near": propagation.NEAR,
        },
        "reference": {
            "sharpness": reference.SHARPNESS,
            "leastShare": reference.LEAST_SHARE,
        },
        "inColor": {
            "threshold": in_color.THRESHOLD,
            "fine": in_color.FINE,
            "cells": in_color.CELLS,
            "tones": in_color.TONES,
            "share": in_color.SHARE,
            "strongTone": in_color.STRONG_TONE,
            "regularization": in_color.REGULARIZATION,
        },
        "upsample": {
            "fitShrink": upsample.FIT_SHRINK,
            "fitShrinkOfFilms": film.FIT_SHRINK,
            "windowRadius": upsample.WINDOW_RADIUS,
            "fitRounds": upsample.FIT_ROUNDS,
            "epsilon": upsample.EPSILON,
            "maxRowsPerCell": upsample.MAX_ROWS_PER_CELL,
        },
    }


def readout(name: str) -> onnx.ModelProto:
    """Return the end of a network: scores and vividness in, ab and confidence out."""
    whole = onnx.load(model_path(name))
    return Extractor(whole).extract_model(["scores", "vividness"], ["ab", "confidence"])


def readout_path(name: str) -> Path:
    """Return where the end of a network is kept."""
    return SOURCES / "graphs" / f"{name}-readout.onnx"


def _facts(session: Session) -> dict[str, Any]:
    spec, hints = session.spec, HintSession(session, threads=1).spec
    return {
        "megabytes": round(session.path.stat().st_size / 1e6, 1),
        "shortSide": spec.short_side,
        "multiple": spec.multiple,
        "stride": spec.stride,
        "defaultVividness": spec.default_vividness,
        "heads": hints.heads,
        "reach": hints.reach,
        "noise": hints.noise,
        "middle": hints.middle,
        "bins": hints.bins,
    }


def main() -> None:
    """Write the files."""
    PATH.write_text(json.dumps(constants(), indent=2) + "\n", "utf-8")
    for name in MODELS:
        onnx.save(readout(name), readout_path(name))


if __name__ == "__main__":
    main()
