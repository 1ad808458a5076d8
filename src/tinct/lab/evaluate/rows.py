"""The rows of a comparison: what colors a gray picture, from leaving it gray to a network.

Every row answers in two ways, one a protocol: ``predict_ab``, at the size of the lightness it is
given (`lab`), and ``colorize``, from an 8-bit gray picture to an 8-bit color picture (`product`).
Both also get the name of the photograph, which pictures colored by others are found by.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tinct import color, gamut
from tinct.color import Gray, Planes
from tinct.errors import MetricError, OptionError, TinctError
from tinct.lab.evaluate.result import Fit
from tinct.lab.metrics.cost import count
from tinct.lab.metrics.statistics import Statistics, shipped_statistics
from tinct.lab.peers.adapter import PRESETS, Adapter, load_adapter, preset
from tinct.lab.peers.folder import ColoredFolder
from tinct.lab.peers.onnx_file import OnnxFile
from tinct.lab.peers.published import NETWORKS, load_published
from tinct.lab.peers.resize import resize
from tinct.runtime import Colorizer, model_names, model_path

PredictAb = Callable[[Planes, str], Planes]  # L* (H, W) and name to ab (H, W, 2), CIE units
Colorize = Callable[[Gray, str], NDArray[np.uint8]]  # gray (H, W) and name to RGB (H, W, 3)

RANDOM_PREFIX = "random:"  # networks without weights, which tell nothing but their speed


@dataclass(frozen=True, slots=True)
class Row:
    """One way of coloring; may be used from several threads."""

    name: str
    predict_ab: PredictAb
    colorize: Colorize
    parameters: int | None = None  # trainable; None where unknown
    mmac: float | None = None  # millions of multiplications at 256x256; None where unknown
    is_peer: bool = False  # whether others made it


def make_rows(
    specs: Sequence[str], vividness: Sequence[float | None], fit: Fit = "crop"
) -> list[Row]:
    """Make the rows that a user asks for, after those that are always there: gray, mean color.

    Args:
        specs: Each a model of tinct's, by name or ONNX file; the published weights of a network,
            as ``NAME=FILE`` or, where its contents tell what it is, the file alone; a checkpoint
            of a run whose network answers colors itself, as the paper's does;
            ``ddcolor=FILE.onnx`` or ``deoldify=FILE.onnx``; an adapter (``.toml``) that describes
            any ONNX file; or a folder of pictures that another program has colored.
        vividness: One row each for every model of tinct's; None stands for the model's default.
        fit: How pictures in a folder become squares in protocol `lab`; as the truth does.

    Returns:
        Rows whose names differ.

    Raises:
        OptionError: What is asked for makes no sense.
        ModelError, InputError: A file or folder cannot be used.
    """
    rows = [gray_row(), mean_row(shipped_statistics())]
    for spec in specs:
        rows += _rows_of(spec, vividness, fit)
    return _with_different_names(rows)


def gray_row() -> Row:
    """Leave everything gray."""

    def predict_ab(lightness: Planes, name: str) -> Planes:
        return np.zeros((*lightness.shape, 2), np.float32)

    def colorize(gray: Gray, name: str) -> NDArray[np.uint8]:
        return np.repeat(gray[..., None], 3, axis=-1)

    return Row("gray", predict_ab, colorize)


def mean_row(statistics: Statistics) -> Row:
    """Give every lightness the mean color that it has in the training photographs."""
    return _row_of("mean color", statistics.color_of)


def model_rows(model: str, vividness: Sequence[float | None]) -> list[Row]:
    """Color with tinct itself.

    Args:
        model: Name of a shipped model, or a model file.
        vividness: One row each; None stands for the model's default.

    Raises:
        ModelError: There is no such model, or the file is not one.
        OptionError: A vividness is out of range.
    """
    _, mmac = _cost_of(model_path(model))
    return [_model_row(model, value, mmac) for value in vividness]


def published_row(path: str, name: str | None = None) -> Row:
    """Color with the published weights of a network; see ``peers.published.load_published``."""
    network = load_published(path, name)
    row = _row_of(network.name, network.predict_ab, network.num_parameters, network.mmac)
    return replace(row, is_peer=True)


def trained_row(path: Path) -> Row:
    """Color with a checkpoint; see ``peers.trained.load_trained``."""
    from tinct.lab.peers.trained import load_trained

    network = load_trained(path)
    return _row_of(network.name, network.predict_ab, network.num_parameters, network.mmac)


def adapter_row(adapter: Adapter) -> Row:
    """Color with any ONNX file; see ``peers.adapter``."""
    file = OnnxFile(adapter)
    row = _row_of(adapter.name, file.predict_ab, *_cost_of(adapter.model))
    return replace(row, is_peer=True)


def folder_row(path: str, fit: Fit = "crop") -> Row:
    """Compare pictures that another program has colored; see ``peers.folder``."""
    folder = ColoredFolder(path, fit)
    return Row(Path(path).resolve().name, folder.predict_ab, folder.colorize, is_peer=True)


def _rows_of(spec: str, vividness: Sequence[float | None], fit: Fit) -> list[Row]:
    if spec.startswith(RANDOM_PREFIX):
        raise OptionError(
            f"{spec}: random weights: speed only, which python -m benchmarks measures"
        )
    name, is_named, path = spec.partition("=")
    if is_named and name in NETWORKS:
        return [_weights_row(path, name)]
    if is_named and name in PRESETS:
        return [adapter_row(preset(name, path))]
    if is_named and not Path(spec).exists():
        raise OptionError(f"{spec}: {name!r} is none of {', '.join((*NETWORKS, *PRESETS))}")
    return _rows_of_path(spec, vividness, fit)


def _rows_of_path(path: str, vividness: Sequence[float | None], fit: Fit) -> list[Row]:
    suffix = Path(path).suffix.lower()
    if path in model_names() or suffix == ".onnx":
        return model_rows(path, vividness)
    if Path(path).is_dir():
        return [folder_row(path, fit)]
    if suffix == ".toml":
        return [adapter_row(load_adapter(path))]
    if not Path(path).is_file():
        raise OptionError(
            f"{path}: no model of tinct's ({', '.join(model_names())}), and no such file or folder"
        )
    return [_weights_row(path)]


def _weights_row(path: str, name: str | None = None) -> Row:
    from tinct.lab.train.checkpoint import is_checkpoint

    return trained_row(Path(path)) if is_checkpoint(Path(path)) else published_row(path, name)


def _with_different_names(rows: list[Row]) -> list[Row]:
    """Number the rows whose name was there before."""
    named: dict[str, Row] = {}
    for row in rows:
        name, number = row.name, 1
        while name in named:
            number += 1
            name = f"{row.name} ({number})"
        named[name] = replace(row, name=name)
    return list(named.values())


def _cost_of(path: str | Path) -> tuple[int | None, float | None]:
    """Return parameters and MMAC of an ONNX file, unknown where they cannot be counted here."""
    try:
        cost = count(path)
    except TinctError:  # onnx is not installed, or the graph is of a kind that is not counted
        return None, None
    return cost.parameters, cost.mmac


def _model_row(model: str, vividness: float | None, mmac: float | None) -> Row:
    # One thread: photographs are worked on side by side.
    colorizer = Colorizer(model, vividness=vividness, device="cpu", threads=1)
    default = " (default)" if vividness is None else ""

    def predict_ab(lightness: Planes, name: str) -> Planes:
        ab, _ = colorizer.predict(lightness[None, None])
        return resize(np.moveaxis(ab[0], 0, -1), lightness.shape)

    def colorize(gray: Gray, name: str) -> NDArray[np.uint8]:
        return colorizer(gray)

    title = f"{Path(model).stem}, vividness {colorizer.vividness:g}{default}"
    return Row(title, predict_ab, colorize, colorizer.session.spec.parameters, mmac)


def _row_of(
    name: str,
    predict_ab: Callable[[Planes], Planes],
    parameters: int | None = None,
    mmac: float | None = None,
) -> Row:
    """Make a row of something that answers ab for lightness of any size."""

    def predict_named(lightness: Planes, name: str) -> Planes:
        return predict_ab(lightness)

    return Row(name, predict_named, partial(_colorize, predict_ab), parameters, mmac)


def _colorize(predict_ab: Callable[[Planes], Planes], gray: Gray, name: str) -> NDArray[np.uint8]:
    """Join luma, kept exactly, and ab: the plainest way, for rows with no runtime of their own."""
    luma = gray.astype(np.float32) / np.float32(255)
    ab = predict_ab(color.luma_to_lightness(luma))
    if not np.isfinite(ab).all():  # eight bits have no NaN: nobody would see it after this
        raise MetricError("the answer holds NaN or infinity")
    rgb = color.luma_chroma_to_rgb(luma, gamut.chroma_from_lab(luma, ab))
    encoded: NDArray[np.uint8] = np.rint(rgb.clip(0, 1) * 255).astype(np.uint8)
    return encoded
