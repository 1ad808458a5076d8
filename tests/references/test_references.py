"""The shipped models color a few frozen photographs as they did when this was last looked at.

``expected.json`` holds what is measured on the photographs beside it, by model. After
a change of the colors that is wanted, COMMAND writes it anew; its diff is then part of the change.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

onnx = pytest.importorskip("onnx", reason="the extra 'lab' is not installed")
pytest.importorskip("skimage", reason="the extra 'lab' is not installed")

from tinct import color
from tinct.lab.data.dataset import Photographs
from tinct.lab.evaluate.protocol import Protocol, evaluate
from tinct.lab.evaluate.rows import Row, make_rows
from tinct.runtime import Session, colorizer, inputs, model_names, model_path

Values = dict[str, float | list[float]]  # by metric
Measured = dict[str, Values]  # by protocol, vividness and photograph

FOLDER = Path(__file__).parent
PHOTOGRAPHS = FOLDER / "photographs"
EXPECTED = FOLDER / "expected.json"
COMMAND = "python -m pytest tests/references --update-references"
VIVIDNESS = (0.0, None, 1.0)
PROTOCOLS: tuple[Protocol, ...] = ("lab", "product")
NUM_PHOTOGRAPHS = 5
CELLS = 8  # the mean ab of so many parts of each picture in both directions tells where it changed
DECIMALS = 3


def measure(
    model: str,
    protocols: Sequence[Protocol] = PROTOCOLS,
    vividness: Sequence[float | None] = VIVIDNESS,
) -> Measured:
    """Evaluate a model on the photographs: what expected.json holds of it."""
    return {
        f"{protocol}, {row.name.split(', ')[1]}, {picture}": values
        for protocol in protocols
        for row in make_rows([model], vividness)[2:]  # after gray and the mean color
        for picture, values in _measure_row(row, protocol)
    }


def _measure_row(row: Row, protocol: Protocol) -> Iterator[tuple[str, Values]]:
    answers: dict[str, np.ndarray] = {}  # Lab (H, W, 3) by photograph

    def predict_ab(lightness: np.ndarray, name: str) -> np.ndarray:
        ab = row.predict_ab(lightness, name)
        answers[name] = np.dstack([lightness, ab])
        return ab

    def colorize(gray: np.ndarray, name: str) -> np.ndarray:
        rgb = row.colorize(gray, name)
        answers[name] = color.rgb_to_lab(rgb.astype(np.float32) / np.float32(255))
        return rgb

    recorded = replace(row, predict_ab=predict_ab, colorize=colorize)
    pictures = evaluate(Photographs(PHOTOGRAPHS), [recorded], protocol=protocol, jobs=1).pictures
    for name, scores in zip(pictures.names, pictures.scores[row.name], strict=True):
        lab = answers[name]
        cells = cv2.resize(lab[..., 1:], (CELLS, CELLS), interpolation=cv2.INTER_AREA)
        values = {
            "psnr_rgb": scores["psnr_rgb"],
            "ab_rmse": scores["ab_mse"] ** 0.5,
            "ciede2000": scores["ciede2000"],
            "colorfulness": scores["cf"],
            "mean_lab": lab.mean(axis=(0, 1), dtype=np.float64),
            "ab_cells": cells.ravel().astype(np.float64),
        }
        yield name, {key: np.round(value, DECIMALS).tolist() for key, value in values.items()}


def differences(model: str, measured: Measured) -> list[str]:
    """Name what differs by more than it may from what is expected, one line each."""
    record = json.loads(EXPECTED.read_text())
    expected = record["models"].get(model, {})
    unknown = measured.keys() - expected.keys()
    found = [f"{model}, {label}: nothing is expected" for label in unknown]
    for label in measured.keys() & expected.keys():
        for metric, tolerance in record["tolerances"].items():
            before, after = (np.atleast_1d(of[label][metric]) for of in (expected, measured))
            worst = int(np.argmax(np.abs(after - before)))
            move = after[worst] - before[worst]
            if not abs(move) <= tolerance:
                found.append(
                    f"{model}, {label}: {metric}{_place(metric, worst)} was {before[worst]:g} "
                    f"and is {after[worst]:g}, {move:+.3f}; {tolerance:g} is allowed"
                )
    return sorted(found)


def _place(metric: str, index: int) -> str:
    if metric == "mean_lab":
        return f" {'Lab'[index]}"
    if metric == "ab_cells":
        cell, channel = divmod(index, 2)
        row, column = divmod(cell, CELLS)
        return f" {'ab'[channel]} in row {row + 1}, column {column + 1} of {CELLS}"
    return ""


def _update(model: str) -> None:
    record = json.loads(EXPECTED.read_text())
    record["models"] = {name: record["models"].get(name, {}) for name in model_names()}
    record["models"][model] = measure(model)
    text = json.dumps(record, indent=1)
    text = re.sub(r"\[[^\[\]]*\]", lambda numbers: re.sub(r"\s+", " ", numbers[0]), text)
    EXPECTED.write_text(text + "\n")


@pytest.mark.parametrize("model", model_names())
def test_a_shipped_model_colors_as_it_did(model: str, request: pytest.FixtureRequest) -> None:
    if request.config.getoption("update_references"):
        _update(model)
    measured = measure(model)
    found = differences(model, measured)
    assert not found, "\n".join([*found, f"If this is wanted: {COMMAND}"])
    assert len(measured) == len(PROTOCOLS) * len(VIVIDNESS) * NUM_PHOTOGRAPHS


# What follows tests the check itself: each of these mistakes must not go unnoticed.


def _resize_bilinearly(patch: pytest.MonkeyPatch) -> None:
    original = colorizer.working_pixels

    def working_pixels(*arguments: object) -> np.ndarray:
        with pytest.MonkeyPatch.context() as inner:
            inner.setattr(cv2, "INTER_AREA", cv2.INTER_LINEAR)
            return original(*arguments, method=cv2.INTER_LINEAR)

    patch.setattr(colorizer, "working_pixels", working_pixels)


def _use_gamma(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(color, "srgb_to_linear", lambda encoded: np.abs(encoded) ** np.float32(2.2))


def _truncate(patch: pytest.MonkeyPatch) -> None:
    original = inputs.compose_rgb

    def compose_rgb(pixels: np.ndarray, chroma: object) -> np.ndarray:
        rgb = original(pixels / np.float32(255), chroma)
        return (rgb.clip(0, 1) * 255).astype(np.uint8)

    patch.setattr(inputs, "compose_rgb", compose_rgb)


def _weaken_prior(patch: pytest.MonkeyPatch) -> None:
    """Divide by the prior to the power of 0.5, not 0.55: the graph multiplies it by vividness."""
    original = Session.run
    patch.setattr(Session, "run", lambda *feed: original(*feed[:-1], feed[-1] * 0.5 / 0.55))


def _mirror_one_hue(patch: pytest.MonkeyPatch) -> None:
    """Give the one square photograph the opposite of its a."""
    original = Session.run

    def run(
        self: Session, lightness: np.ndarray, vividness: float
    ) -> tuple[np.ndarray, np.ndarray]:
        ab, confidence = original(self, lightness, vividness)
        square = lightness.shape[2] == lightness.shape[3]
        return (ab * np.float32([[[-1]], [[1]]]) if square else ab), confidence

    patch.setattr(Session, "run", run)


@pytest.mark.slow  # these test the references themselves
@pytest.mark.parametrize(
    ("mistake", "protocol", "vividness"),
    [
        (_resize_bilinearly, "product", 0.0),
        (_use_gamma, "lab", 0.0),
        (_use_gamma, "product", 0.0),
        (_truncate, "product", 0.0),
        (_weaken_prior, "lab", 1.0),
        (_weaken_prior, "product", None),
    ],
)
def test_a_mistake_is_noticed(
    mistake: Callable[[pytest.MonkeyPatch], None],
    protocol: Protocol,
    vividness: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert not differences("nano", measure("nano", [protocol], [vividness]))
    mistake(monkeypatch)
    assert differences("nano", measure("nano", [protocol], [vividness]))


def test_the_photograph_that_changed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    _mirror_one_hue(monkeypatch)
    found = differences("nano", measure("nano", ["product"], [None]))
    assert found
    assert all("astronaut.jpg: " in line for line in found)
    assert any(re.search(r"ab_cells a in row \d, column \d of 8 was .+ allowed", x) for x in found)


def test_a_model_without_references_is_named() -> None:
    measured = {"lab, vividness 0, coffee.jpg": {"psnr_rgb": 20.0}}
    assert differences("new", measured) == [
        "new, lab, vividness 0, coffee.jpg: nothing is expected"
    ]


@pytest.mark.slow
def test_rounding_weights_to_16_bits_is_no_mistake(tmp_path: Path) -> None:
    """The tolerances leave room for what other processors make of the same sums, and more."""
    graph = onnx.load(model_path("nano"))
    for weights in graph.graph.initializer:
        values = onnx.numpy_helper.to_array(weights)
        if values.dtype == np.float32:
            rounded = values.astype(np.float16).astype(np.float32)
            weights.CopyFrom(onnx.numpy_helper.from_array(rounded, weights.name))
    onnx.save(graph, tmp_path / "nano.onnx")
    assert not differences("nano", measure(str(tmp_path / "nano.onnx"), ["product"]))
