"""Shots that are in color already, and tinted films."""

from __future__ import annotations

from dataclasses import replace

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import photograph

from tinct.apps.films.own_color import (
    add_tint,
    find_own_color,
    fit_own_chroma,
    is_all_in_color,
)
from tinct.color import dequantize_chroma, luma_chroma_to_rgb
from tinct.films.reader import FilmFrame
from tinct.frame_format import FrameFormat

FORM = FrameFormat(128, 96, full_range=True, matrix="bt601")


def _frame(ycc: NDArray[np.uint8], number: int = 0) -> FilmFrame:
    """Make a frame of 4:2:0 of Y, Cb and Cr of full size."""
    small = cv2.resize(ycc, (64, 48), interpolation=cv2.INTER_AREA)
    cb, cr = small[..., 1], small[..., 2]
    return FilmFrame(ycc[..., 0].copy(), number, 1, chroma=(cb.copy(), cr.copy()))


def _colored() -> NDArray[np.uint8]:
    ycc = cv2.cvtColor(photograph(128, 96), cv2.COLOR_RGB2YCrCb)
    return np.ascontiguousarray(ycc[..., [0, 2, 1]])


def _tinted(cb: float, cr: float, level: int = 0) -> NDArray[np.uint8]:
    """Gray with a tint that is strongest in the middle grays, and the noise of coding."""
    luma = np.roll(_colored()[..., 0], level, axis=1)
    strength = 1 - (luma / 127.5 - 1) ** 2
    noise = np.random.default_rng(0).normal(0, 1, (96, 128, 2))
    chroma = 128 + strength[..., None] * np.array([cb, cr]) + noise
    return np.dstack([luma, np.rint(chroma)]).astype(np.uint8)


@pytest.mark.parametrize(
    ("picture", "expected"),
    [(_colored(), True), (_tinted(0, 0), False), (_tinted(-30, 25), False),
     (_tinted(35, -15), False)],
)  # fmt: skip
def test_color_is_told_from_gray_and_from_a_tint(
    picture: NDArray[np.uint8], expected: bool
) -> None:
    frames = list(find_own_color([_frame(picture, number) for number in range(3)], FORM))
    assert [frame.is_colored for frame in frames] == [expected] * 3


def test_a_film_in_color_is_told_from_one_that_is_partly() -> None:
    black = _colored() // np.array([64, 1, 1], np.uint8)
    black[..., 1:] = 128
    gray, color = _tinted(0, 0), _colored()
    films = {
        "all": ([color] * 30, True),
        "begins black, and fades": ([black] * 40 + [gray] * 5 + [color] * 30, True),
        "with a gray shot": ([color] * 30 + [gray] * 12 + [color] * 30, False),
        "gray": ([gray] * 30, False),
        "black": ([black] * 30, False),
    }
    for name, (shots, expected) in films.items():
        frames = (_frame(shot, number) for number, shot in enumerate(shots))
        assert is_all_in_color(frames, FORM) == expected, name
    assert not is_all_in_color([FilmFrame(color[..., 0], 0, 1)] * 20, FORM)


def test_shots_are_told_apart_and_moments_are_not() -> None:
    bright = 255 - _colored()
    bright[..., 1:] = 128
    shots = [_colored()] * 4 + [bright] * 3 + [_colored()] * 2
    found = find_own_color([_frame(shot, n) for n, shot in enumerate(shots)], FORM)
    assert [frame.is_colored for frame in found] == [True] * 4 + [False] * 3 + [True] * 2
    flickering = [_colored()] * 4
    flickering[2] = _tinted(0, 0)  # the same luma: no cut
    found = find_own_color([_frame(shot, n) for n, shot in enumerate(flickering)], FORM)
    assert [frame.is_colored for frame in found] == [True] * 4


def test_a_film_that_goes_on_is_told_apart_as_a_whole_one() -> None:
    shots = [_colored()] * 8 + [_tinted(0, 0)] * 8 + [_colored()] * 4
    film = [_frame(shot, number) for number, shot in enumerate(shots)]
    whole = list(find_own_color(film, FORM))
    assert whole[12].is_colored  # a moment, not a shot
    assert whole[12].contrary == 5
    for place in range(1, len(film)):
        rest = find_own_color(film[place:], FORM, whole[place - 1])
        assert [f.is_colored for f in rest] == [f.is_colored for f in whole[place:]], place


def test_own_colors_pass_bit_for_bit_and_fit_other_formats() -> None:
    frame = _frame(_colored())
    assert fit_own_chroma(frame, FORM, FORM) is frame.chroma
    deep = replace(FORM, bits=10, shift=(0, 0))
    cb, cr = fit_own_chroma(frame, FORM, deep)
    assert cb.shape == cr.shape == (96, 128)
    assert cb.dtype == np.uint16
    assert cb.mean() == pytest.approx(4 * frame.chroma[0].mean(), rel=0.01)  # type: ignore[index]


def test_own_colors_keep_red_and_blue_by_another_matrix() -> None:
    frame = _frame(_colored())
    luma = cv2.resize(frame.luma, (64, 48), interpolation=cv2.INTER_AREA) / 255.0
    chroma = np.stack(frame.chroma or (), -1)
    fitted = np.stack(fit_own_chroma(frame, FORM, replace(FORM, matrix="bt709")), -1)
    before = luma_chroma_to_rgb(luma, dequantize_chroma(chroma), "bt601")
    after = luma_chroma_to_rgb(luma, dequantize_chroma(fitted), "bt709")
    apart = 255 * np.abs(after - before).mean((0, 1))
    assert max(apart[0], apart[2]) < 0.5  # of rounding
    assert apart[1] < 3


def test_a_tint_is_put_over_new_colors() -> None:
    frame = _frame(_tinted(-30, 25))
    new = np.full((48, 64), 140, np.uint8), np.full((48, 64), 120, np.uint8)
    cb, cr = add_tint(frame, new, FORM, FORM)
    before = np.stack(frame.chroma or ()).astype(float) - 128
    assert np.abs(cb - 140.0 - before[0]).mean() < 1.5
    assert np.abs(cr - 120.0 - before[1]).mean() < 1.5
    plain = add_tint(_frame(_tinted(0, 0)), new, FORM, FORM)
    np.testing.assert_array_equal(plain[0], new[0])
