"""Colors only where there is something to see."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from tinct.frame_format import FrameFormat
from tinct.photographs import read_picture
from tinct.runtime import Colorizer
from tinct.runtime.film import FilmColorizer
from tinct.runtime.presence import find_presence

EXAMPLES = Path(__file__).parents[2] / "examples"
Gray = NDArray[np.float64]
_NOISE = 6.0  # standard deviation of film grain, in steps of 8 bits


@pytest.fixture(scope="module")
def colorizer() -> Colorizer:
    return Colorizer("nano", vividness=1, threads=1)


def _street(width: int = 640, height: int = 480) -> Gray:
    picture = read_picture(EXAMPLES / "broadway-saratoga-1900-1915.jpg", gray=True)
    return cv2.resize(picture.pixels, (width, height), interpolation=cv2.INTER_AREA) * 1.0


def _card(level: float, ink: float, vignette: float = 0.0) -> Gray:
    """Letters and a frame of thin lines on an even ground."""
    y, x = np.mgrid[-1:1:480j, -1:1:640j]
    card: Any = np.zeros((480, 640), np.uint8)
    cv2.rectangle(card, (30, 30), (610, 450), 255, 4)
    for row, text in enumerate(("CHAPTER II", "The lodger returns", "to Bloomsbury")):
        place = (130, 180 + 70 * row)
        cv2.putText(card, text, place, cv2.FONT_HERSHEY_COMPLEX, 1.2, 255, 3, cv2.LINE_AA)
    ground = level - vignette * (x**2 + y**2) / 2
    return ground + card / 255 * (ink - ground)


def _logo(level: float) -> Gray:
    """A thick sign beside letters."""
    card = _card(level, 90)
    cv2.circle(card, (80, 240), 45, 130, -1)
    return card


def _with_bars(scene: Gray, top: int, left: int, level: float) -> Gray:
    framed = np.full((480, 640), level)
    inner = framed[top : 480 - top, left : 640 - left]
    inner[:] = cv2.resize(scene, inner.shape[::-1])
    return framed


def _chroma(
    colorizer: Colorizer, frames: list[Gray], rng: np.random.Generator
) -> list[NDArray[np.float64]]:
    """Chroma of each of the finished frames in steps of 8 bits, (240, 320)."""
    film = FilmColorizer(colorizer, FrameFormat(640, 480, full_range=True))
    found = []
    for frame in frames:
        grainy = np.clip(frame + rng.normal(0, _NOISE, frame.shape), 0, 255).astype(np.uint8)
        cb, cr = film(grainy)
        found.append(np.hypot(cb.astype(float) - 128, cr.astype(float) - 128))
    return found


@pytest.mark.parametrize(
    "card",
    [
        _card(60, 200),
        _card(25, 235),
        _card(90, 180, vignette=8),
        _card(38, 220, vignette=30),
        np.full((480, 640), 60.0),
        _card(235, 20),
        _card(252, 120),
        _card(205, 40, vignette=6),
        _card(150, 240),
        _logo(250),
    ],
)
def test_a_title_card_stays_gray(
    colorizer: Colorizer, rng: np.random.Generator, card: Gray
) -> None:
    for chroma in _chroma(colorizer, [card] * 4, rng):
        assert chroma.mean() < 1
        assert np.quantile(chroma, 0.99) <= 3


@pytest.mark.parametrize("level", [10, 40, 70])
@pytest.mark.parametrize(("top", "left"), [(104, 0), (0, 80), (52, 80)])
def test_bars_stay_gray_and_the_picture_does_not(
    colorizer: Colorizer, rng: np.random.Generator, level: float, top: int, left: int
) -> None:
    frames = [_with_bars(_street(), top, left, level)] * 3
    grainy = np.clip(frames[0] + rng.normal(0, _NOISE, (480, 640)), 0, 255).astype(np.uint8)
    photograph: Any = cv2.cvtColor(colorizer(grainy), cv2.COLOR_RGB2YCrCb)[::2, ::2, 1:]
    whole = np.hypot(*(photograph.astype(float) - 128).transpose(2, 0, 1))
    for chroma in _chroma(colorizer, frames, rng):
        inner = np.zeros(chroma.shape, bool)
        inner[top // 2 : 240 - top // 2, left // 2 : 320 - left // 2] = True
        border = cv2.dilate(inner.astype(np.uint8), np.ones((9, 9))).astype(bool)
        assert np.quantile(chroma[~border], 0.99) <= 3
        assert chroma[inner].mean() > 0.5 * whole[inner].mean()


@pytest.mark.parametrize("name", ["broadway-saratoga-1900-1915", "louis-armstrong-1946",
                                  "migrant-mother-1936"])  # fmt: skip
@pytest.mark.parametrize("darker", [1.0, 0.35])
def test_scenes_have_all_their_colors(name: str, darker: float) -> None:
    luma = read_picture(EXAMPLES / f"{name}.jpg", gray=True).pixels
    small = cv2.resize(luma, (72, 56), interpolation=cv2.INTER_AREA)
    assert find_presence(np.float32(darker / 255) * small).mean() > 0.97


@pytest.mark.parametrize("level", [0.5, 0.6, 0.7, 0.8])
def test_a_clear_sky_has_all_its_colors(level: float) -> None:
    """It becomes lighter towards the horizon, and there is no card as uneven as that."""
    sky = np.linspace(level - 0.04, level + 0.04, 56, dtype=np.float32)[:, None].repeat(72, 1)
    sky[20:24, 30:40] = 0.2  # a bird
    sky[50:] = 0.3 + 0.1 * np.sin(np.arange(72))
    assert find_presence(sky).mean() > 0.97


def test_a_fade_takes_the_colors_along() -> None:
    street = cv2.resize(_street(), (72, 56), interpolation=cv2.INTER_AREA).astype(np.float32)
    means = [find_presence(street / 255 * share).mean() for share in (1, 0.1, 0.05, 0.02)]
    assert means == sorted(means, reverse=True)
    assert means[0] > 0.97
    assert means[-1] < 0.1


@pytest.mark.parametrize("blank", [0.0, 60.0, 255.0])
def test_a_blank_frame_does_not_restart_the_colors(
    colorizer: Colorizer, rng: np.random.Generator, blank: float
) -> None:
    film = FilmColorizer(colorizer, FrameFormat(640, 480, full_range=True))

    def color(frame: Gray) -> tuple[float, float]:
        """Return mean chroma of the frame, and answers of the network behind its colors."""
        grainy = np.clip(frame + rng.normal(0, _NOISE, frame.shape), 0, 255).astype(np.uint8)
        chroma = np.abs(np.stack(film(grainy)).astype(int) - 128).mean()
        assert film.memory is not None
        return float(chroma), float(film.memory[..., 2].mean())

    scene = [color(_street()) for _ in range(6)]
    assert scene[5][1] > 4 * scene[0][1]
    assert color(np.full((480, 640), blank))[0] < 1
    chroma, answers = color(_street())
    assert answers > scene[5][1]
    assert chroma == pytest.approx(scene[5][0], rel=0.1)
