"""The rows of a comparison: what colours a grey picture, from leaving it grey to a network.

Every row answers in two ways, one a protocol: ``predict_ab`` at the size of the lightness it is
given (`lab`), and ``colorize``, from an 8-bit grey picture to an 8-bit colour picture (`product`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct import color, gamut
from tinct.errors import MissingExtraError
from tinct.evaluate.statistics import Statistics
from tinct.runtime import Colorizer

Planes = NDArray[np.float32]
PredictAb = Callable[[Planes], Planes]  # L* (H, W) to ab (H, W, 2), CIE units
Colorize = Callable[[NDArray[np.uint8]], NDArray[np.uint8]]  # gray (H, W) to RGB (H, W, 3)

WORKING_SIDE = 256  # the shorter side of what networks are shown in protocol `product`
SIDE_MULTIPLE = 32


@dataclass(frozen=True, slots=True)
class Row:
    """One way of colouring."""

    name: str
    predict_ab: PredictAb
    colorize: Colorize


def gray_row() -> Row:
    """Leave everything grey."""

    def predict_ab(lightness: Planes) -> Planes:
        return np.zeros((*lightness.shape, 2), np.float32)

    return Row("grey", predict_ab, lambda gray: np.repeat(gray[..., None], 3, axis=-1))


def mean_row(statistics: Statistics) -> Row:
    """Give every lightness the mean colour that it has in the training photographs."""
    return Row("mean colour", statistics.color_of, partial(_colorize, statistics.color_of))


def paper_row(path: str | Path) -> Row:
    """Colour with the paper's network and the weights of a file.

    Raises:
        ModelError: The file holds no weights of the paper's network.
        MissingExtraError: torch is not installed.
    """
    try:
        import torch

        from tinct.networks.paper import load_published
    except ModuleNotFoundError as error:
        raise MissingExtraError("The paper's network", "evaluate") from error
    network = load_published(path)

    def predict_ab(lightness: Planes) -> Planes:
        with torch.inference_mode():
            ab: Planes = network.predict(torch.from_numpy(lightness[None, None])).numpy()
        return np.moveaxis(ab[0], 0, -1)

    return Row("paper", predict_ab, partial(_colorize, predict_ab))


def model_rows(model: str, vividness: Sequence[float | None]) -> list[Row]:
    """Colour with tinct itself.

    Args:
        model: Name of a shipped model, or a model file.
        vividness: One row each; None stands for the model's default.

    Raises:
        ModelError: There is no such model, or the file is not one.
        OptionError: A vividness is out of range.
    """
    return [_model_row(model, value) for value in vividness]


def _model_row(model: str, vividness: float | None) -> Row:
    # One thread: photographs are worked on side by side.
    colorizer = Colorizer(model, vividness=vividness, device="cpu", threads=1)
    default = " (default)" if vividness is None else ""
    title = f"{colorizer.vividness:g}{default}"

    def predict_ab(lightness: Planes) -> Planes:
        ab, _ = colorizer.predict(lightness[None, None])
        return _resize(np.moveaxis(ab[0], 0, -1), lightness.shape)

    return Row(f"{Path(model).stem}, vividness {title}", predict_ab, colorizer)


def _colorize(predict_ab: PredictAb, gray: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Colour at the working size, enlarge ab bilinearly, and keep luma exactly.

    The plainest way from ab to a picture, for rows that have no runtime of their own.
    """
    luma = gray.astype(np.float32) / np.float32(255)
    small = color.luma_to_lightness(_resize(luma, _working_size(*gray.shape)))
    ab = _resize(predict_ab(small), gray.shape)
    rgb = color.luma_chroma_to_rgb(luma, gamut.chroma_from_lab(luma, ab))
    encoded: NDArray[np.uint8] = np.rint(rgb.clip(0, 1) * 255).astype(np.uint8)
    return encoded


def _working_size(height: int, width: int) -> tuple[int, int]:
    cell = min(height, width) * SIDE_MULTIPLE / WORKING_SIDE  # pixels to one multiple
    return round(height / cell) * SIDE_MULTIPLE, round(width / cell) * SIDE_MULTIPLE


def _resize(planes: Planes, size: tuple[int, ...]) -> Planes:
    """Resize (h, w) or (h, w, C), by area where it shrinks, bilinearly where it grows."""
    method = cv2.INTER_AREA if planes.shape[0] > size[0] else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(planes, (size[1], size[0]), interpolation=method), np.float32)
