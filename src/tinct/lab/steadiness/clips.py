"""Color clips to measure steadiness on: real films, and films made of photographs.

A film made of photographs moves in one way only, so that a number can be traced to its cause.
Frames are small, with the short side that the networks look at: nothing is said here about detail.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, cast

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.errors import InputError

RGB = NDArray[np.uint8]

SHORT_SIDE = 256
"""Of all frames, in pixels."""
NUM_FRAMES = 72
"""Of a film made of photographs: three seconds."""
NOISY_FRAMES = 144
"""Of the one with noise: six seconds, for an average that begins with one frame to show itself."""
SIZE = (320, SHORT_SIDE)
"""Width and height of films made of photographs."""
MARGIN = 1.25
"""How much larger than the frame a photograph is, for the frame to move in it."""
RATE = 25.0
"""Frames a second where a film does not say."""
NOISE = 10.0
"""Standard deviation of the noise, in codes of 255: a fast film, or a camera in the evening."""
FLICKER = 0.08
"""Standard deviation of the brightness of a flickering film, as a factor."""
FLASH = 1.6
"""Brightness of the one flash."""


@dataclass(frozen=True, slots=True)
class Clip:
    """Frames in color, in their order, all of one size."""

    name: str
    frames: tuple[RGB, ...]  # each (H, W, 3)
    rate: float = RATE  # frames a second


def read_film(path: str | Path, limit: int) -> Clip:
    """Read the first frames of a film, shrunk to the size of measuring.

    Args:
        path: The film.
        limit: Frames at most.

    Raises:
        InputError: The file cannot be read, or does not hold two pictures.
    """
    try:
        with av.open(str(path)) as container:
            frames = tuple(islice(_decode(container), limit))
            rate = container.streams.video[0].average_rate
    except (av.FFmpegError, OSError, IndexError) as error:
        raise InputError(f"{path}: no film that can be read ({_reason(error)})") from error
    if len(frames) < 2:
        raise InputError(f"{path}: {len(frames)} pictures, of which two or more make a film")
    return Clip(Path(path).stem, frames, float(rate or RATE))


def _reason(error: av.FFmpegError | OSError | IndexError) -> str:
    return "it has no pictures" if isinstance(error, IndexError) else error.strerror or str(error)


def _decode(container: Any) -> Iterator[RGB]:
    for frame in container.decode(container.streams.video[0]):
        scale = SHORT_SIDE / min(frame.width, frame.height)
        width, height = (2 * round(side * scale / 2) for side in (frame.width, frame.height))
        yield frame.reformat(width, height, "rgb24", interpolation="AREA").to_ndarray()


def make_clips(photographs: Sequence[RGB]) -> Iterator[Clip]:
    """Make one film of each kind from every photograph.

    Args:
        photographs: In color, (H, W, 3) of any size, two or more: some films show two.

    Raises:
        InputError: There are fewer than two.
    """
    if len(photographs) < 2:
        raise InputError("films are made of two photographs or more")
    for name, make in _KINDS.items():
        for index, photograph in enumerate(photographs):
            other = photographs[(index + 1) % len(photographs)]
            frames = make(photograph, other, np.random.default_rng(index))
            yield Clip(name, tuple(frames))


def _noise(photograph: RGB, other: RGB, rng: np.random.Generator) -> Iterator[RGB]:
    """Stand still, with the noise of a gray film: the same in all three channels."""
    still = _view(photograph)
    for _ in range(NOISY_FRAMES):
        yield _to_bytes(still + rng.normal(0, NOISE, (*still.shape[:2], 1)))


def _pan(photograph: RGB, other: RGB, rng: np.random.Generator) -> Iterator[RGB]:
    for time in _times():
        yield _to_bytes(_view(photograph, 2 * time - 1, time - 0.5))


def _zoom(photograph: RGB, other: RGB, rng: np.random.Generator) -> Iterator[RGB]:
    for time in _times():
        yield _to_bytes(_view(photograph, zoom=1 + 0.4 * time))


def _object(photograph: RGB, other: RGB, rng: np.random.Generator) -> Iterator[RGB]:
    """Move a disc of another photograph over one that stands still."""
    ground, disc = _view(photograph), _view(other)
    width, height = SIZE
    radius = height // 4
    for time in _times():
        left = (width + 2 * radius) * time - 2 * radius  # from outside to outside
        moved = _shift(disc, left + radius - width / 2)
        x, y = np.arange(width) - (left + radius), np.arange(height)[:, None] - height / 2
        opacity = (radius - np.hypot(x, y)).clip(0, 1)[..., None]
        yield _to_bytes(ground + opacity * (moved - ground))


def _cut(photograph: RGB, other: RGB, rng: np.random.Generator) -> Iterator[RGB]:
    """Pan over one photograph, then over another."""
    for time in _times():
        shown = photograph if time < 0.5 else other
        yield _to_bytes(_view(shown, time - 0.5))


def _flicker(photograph: RGB, other: RGB, rng: np.random.Generator) -> Iterator[RGB]:
    """Stand still while the brightness changes from frame to frame, with a flash in the middle."""
    still = _view(photograph)
    gains = rng.normal(1, FLICKER, NUM_FRAMES)
    gains[NUM_FRAMES // 2] = FLASH
    for gain in gains:
        yield _to_bytes(still * gain)


_KINDS: dict[str, Callable[[RGB, RGB, np.random.Generator], Iterator[RGB]]] = {
    "noise": _noise,
    "pan": _pan,
    "zoom": _zoom,
    "moving object": _object,
    "cut": _cut,
    "flicker": _flicker,
}


def _times() -> NDArray[np.float64]:
    return np.linspace(0, 1, NUM_FRAMES)


def _view(photograph: RGB, x: float = 0, y: float = 0, zoom: float = 1) -> NDArray[np.float32]:
    """Look at a part of a photograph; x and y, -1..1, are the place in the margin."""
    height, width = photograph.shape[:2]
    scale = max(SIZE[0] / width, SIZE[1] / height) * MARGIN * zoom
    slack = np.array([width * scale - SIZE[0], height * scale - SIZE[1]]) / 2
    left, top = slack * (1 + np.array([x, y]) * (MARGIN - 1) / MARGIN)
    matrix = np.array([[scale, 0, -left], [0, scale, -top]])
    view: Any = cv2.warpAffine(
        photograph.astype(np.float32), matrix, SIZE, flags=cv2.INTER_CUBIC,
        borderMode=cv2.BORDER_REFLECT,
    )  # fmt: skip
    return cast("NDArray[np.float32]", view)


def _shift(view: NDArray[np.float32], right: float) -> NDArray[np.float32]:
    matrix = np.array([[1.0, 0, right], [0, 1, 0]])
    moved: Any = cv2.warpAffine(view, matrix, SIZE, flags=cv2.INTER_LINEAR)
    return cast("NDArray[np.float32]", moved)


def _to_bytes(pixels: NDArray[np.floating[Any]]) -> RGB:
    return cast("RGB", np.rint(pixels.clip(0, 255)).astype(np.uint8))
