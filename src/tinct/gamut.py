"""The limits of sRGB: which colors it can show, and how to bring the others back.

Nothing here clips channels, which would shift lightness and hue. ``map_to_gamut`` lowers chroma at
fixed L* and hue; ``limit_chroma`` does the same in luma and Cb, Cr, where luma stays untouched.
``chroma_from_lab`` leads from one to the other: the network answers in a and b, a picture keeps its
luma, so the L* is sought that has this luma together with the answer.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tinct.color import (
    DELTA,
    LINEAR_RGB_FROM_RELATIVE,
    LUMA_WEIGHTS,
    SRGB_KNEE_LINEAR,
    SRGB_OFFSET,
    SRGB_POWER,
    Float,
    Standard,
    lab_to_linear_rgb,
    luma_chroma_to_rgb,
    luma_to_lightness,
    rgb_to_chroma,
    srgb_to_linear,
)

# In encoded sRGB: a fortieth of an 8-bit step, ten times what float32 loses on the way to Lab.
GAMUT_TOLERANCE = 1e-4

# Halvings of the chroma factor: chroma is found to 0.002 CIE units.
MAPPING_STEPS = 16

# An L* is good when its luma is as near as this (an eighth of an 8-bit step), or when the bracket
# is so small that luma hardly changes in it.
LUMA_TOLERANCE = 5e-4
LIGHTNESS_TOLERANCE = 1e-3

# Newton's method alone for so many rounds, then halving in every other one: that ends it in time.
NEWTON_ROUNDS = 4
MAX_ROUNDS = NEWTON_ROUNDS + 2 * 18

# In luma per L*; a tenth of what occurs, against division by 0 for colors far outside.
LEAST_SLOPE = 1e-5

# Pixels solved at a time, so that the intermediate arrays stay in the cache of a processor.
BLOCK = 16384

# Newton starts at the L* of neutral colors, which a table of 8-bit gray values gives well enough.
START_LIGHTNESS = luma_to_lightness(np.linspace(0, 1, 256, dtype=np.float32))

# What is known of each pixel while it is being solved, the rows of an array (6, N).
LIGHTNESS, X_TERM, Z_TERM, TARGET, LOW, HIGH = range(6)


def in_gamut(lab: NDArray[Float], tolerance: float = GAMUT_TOLERANCE) -> NDArray[np.bool_]:
    """Return which colors sRGB can show.

    Args:
        lab: (..., 3), float, L 0..100, a and b in CIE units.
        tolerance: How far encoded R'G'B' may be outside 0..1.

    Returns:
        (...), bool.
    """
    # Compared in linear light, which saves the curve.
    lowest, highest = srgb_to_linear(np.array([-tolerance, 1 + tolerance])).tolist()
    linear_rgb = lab_to_linear_rgb(lab)
    inside = (linear_rgb >= lowest) & (linear_rgb <= highest)
    return np.asarray(inside[..., 0] & inside[..., 1] & inside[..., 2])


def map_to_gamut(lab: NDArray[Float]) -> NDArray[Float]:
    """Bring colors into sRGB by lowering chroma, at fixed lightness and hue.

    Args:
        lab: (..., 3), float, L 0..100, a and b in CIE units.

    Returns:
        A new array of the same shape and dtype. Colors that were inside are the same to the bit,
        the others lie on the boundary; mapping again changes nothing. Where L itself is outside
        0..100 no chroma helps: a and b become 0.
    """
    mapped = np.array(lab)
    outside = ~in_gamut(mapped)
    colors = mapped[outside]  # (M, 3)
    within = np.zeros_like(colors[:, :1])  # the largest factor known to be inside, (M, 1)
    step = 0.5
    for _ in range(MAPPING_STEPS):
        trial = colors.copy()
        trial[:, 1:] *= within + step
        within += step * in_gamut(trial)[:, None]
        step /= 2
    colors[:, 1:] *= within
    mapped[outside] = colors
    return mapped


def limit_chroma(
    luma: NDArray[Float], chroma: NDArray[Float], standard: Standard = "bt601"
) -> NDArray[Float]:
    """Lower chroma until R'G'B' fits into 0..1, with luma and hue as they are.

    Args:
        luma: (...), float, 0..1.
        chroma: (..., 2), float: Cb, Cr, of any size.
        standard: Whose luma and chroma: "bt601", "bt709" or "bt2020".

    Returns:
        (..., 2) of the same dtype: Cb and Cr times the largest factor in 0..1 that fits.
    """
    difference = luma_chroma_to_rgb(np.zeros_like(luma), chroma, standard)  # (..., 3)
    red, green, blue = difference[..., 0], difference[..., 1], difference[..., 2]
    above = np.maximum(np.maximum(red, green), blue)
    below = -np.minimum(np.minimum(red, green), blue)
    # The factor is 1 wherever chroma is so small; the bound keeps the quotients finite.
    smallest = 1e-12
    room_above = (1 - luma) / np.maximum(above, smallest)
    room_below = luma / np.maximum(below, smallest)
    factor = np.clip(np.minimum(room_above, room_below), 0, 1)
    limited: NDArray[Float] = chroma * factor[..., None]
    return limited


def chroma_from_lab(
    luma: NDArray[Float], ab: NDArray[Float], standard: Standard = "bt601"
) -> NDArray[Float]:
    """Return the chroma of the color that has this luma and these a, b, as far as sRGB can show it.

    Args:
        luma: (...), float, 0..1.
        ab: (..., 2), float, CIE units.
        standard: Whose luma and chroma: "bt601", "bt709" or "bt2020".

    Returns:
        (..., 2) of the same dtype: Cb, Cr in -0.5..0.5, limited (see limit_chroma) so that R'G'B'
        made of luma and chroma is in 0..1; exactly 0 where a and b are.
    """
    return limit_chroma(luma, solve_lightness(luma, ab, standard)[1], standard)


def solve_lightness(
    luma: NDArray[Float], ab: NDArray[Float], standard: Standard = "bt601"
) -> tuple[NDArray[Float], NDArray[Float]]:
    """Find the L* at which a color with these a, b has this luma.

    Luma is that of the unclipped sRGB of (L, a, b). BT.601 luma rises with L for every a, b that
    occurs in sRGB. BT.709 luma does so inside the gamut, but may fall by 0.001 outside; far beyond
    sRGB either may: then one of the solutions is given.

    Args:
        luma: (...), float, 0..1.
        ab: (..., 2), float, CIE units.
        standard: Whose luma and chroma: "bt601", "bt709" or "bt2020".

    Returns:
        L* (...) of the same dtype, 0..100: exact to 0.001 in luma, or the nearer end where no L* in
        0..100 has that luma. And Cb and Cr of that color, (..., 2), not limited to the gamut.

    Raises:
        ValueError: The shapes do not belong together.
    """
    if ab.shape != (*luma.shape, 2):
        raise ValueError(f"for luma {luma.shape} ab must be {(*luma.shape, 2)}, not {ab.shape}")
    target, a, b = luma.reshape(-1), ab[..., 0].reshape(-1), ab[..., 1].reshape(-1)
    lightness = np.empty_like(target)
    chroma = np.empty((target.size, 2), target.dtype)
    for start in range(0, target.size, BLOCK):
        block = slice(start, start + BLOCK)
        state = _initial_state(target[block], a[block], b[block])
        lightness[block], chroma[block] = _solve_block(state, standard)
    return lightness.reshape(luma.shape), chroma.reshape(ab.shape)


def _initial_state(target: NDArray[Any], a: NDArray[Any], b: NDArray[Any]) -> NDArray[Any]:
    """Describe pixels to be solved, (6, N); they start at the L* of the neutral color."""
    state = np.empty((6, target.size), target.dtype)
    gray = np.rint(target * 255).astype(np.intp)
    state[LIGHTNESS] = START_LIGHTNESS.take(gray, mode="clip")
    state[X_TERM], state[Z_TERM], state[TARGET] = a / 500, b / -200, target
    state[LOW], state[HIGH] = -1, 101  # 0 and 100 are untried
    return state


def _solve_block(state: NDArray[Any], standard: Standard) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return L*, (N,), and Cb and Cr, (N, 2), by Newton's method within a bracket.

    The sRGB curve is so steep near black that Newton's steps can jump to and fro where a channel
    comes close to 0: hence the bracket. Pixels that are exact enough leave; most do in two rounds.
    """
    weights = np.array(LUMA_WEIGHTS[standard], state.dtype)
    solved = np.empty((4, state.shape[1]), state.dtype)  # L*, R', G', B'
    places = np.arange(state.shape[1])
    for index in range(MAX_ROUNDS):
        encoded, slopes = _encode(state)
        for row, values in zip(solved, (state[LIGHTNESS], *encoded), strict=True):
            row[places] = values
        error = weights @ encoded - state[TARGET]
        _narrow(state, error)
        unsolved = np.flatnonzero(_is_unsolved(state, error))
        if not unsolved.size:
            break
        slope = np.maximum(weights @ slopes, LEAST_SLOPE)
        step = (error / slope).take(unsolved)
        state, places = state.take(unsolved, axis=1), places[unsolved]
        halve = index >= NEWTON_ROUNDS and index % 2 == 0
        state[LIGHTNESS] = _next_lightness(state, step, halve)
    return solved[0], rgb_to_chroma(solved[1:].T, standard)


def _encode(state: NDArray[Any]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return encoded R'G'B' of the pixels and its derivative by L*, both (3, N).

    The same as lab_to_rgb, written for speed: one pass gives both, and the bent curves are bounded
    instead of chosen pixel by pixel.
    """
    value = np.empty((3, state.shape[1]), state.dtype)
    value[1] = (state[LIGHTNESS] + 16) * (1 / 116)
    value[0], value[2] = value[1] + state[X_TERM], value[1] + state[Z_TERM]
    bounded = np.maximum(value, DELTA)
    square = bounded * bounded
    relative = np.minimum(value - DELTA, 0)
    relative *= 3 * DELTA**2
    bounded *= square
    relative += bounded
    linear, growth = _mix(relative), _mix(square)
    size = np.abs(linear)
    np.maximum(size, SRGB_KNEE_LINEAR, out=size)
    root = np.log(size)
    root *= 1 / SRGB_POWER
    np.exp(root, out=root)
    root *= 1 + SRGB_OFFSET
    growth *= root
    growth /= size
    growth *= 3 / 116 / SRGB_POWER
    root -= SRGB_OFFSET
    root /= size  # on the straight part this is its slope, since size stops at its end
    root *= linear
    return root, growth


def _mix(relative: NDArray[Any]) -> NDArray[Any]:
    """Turn XYZ over the white point into linear sRGB, (3, N); equal values stay equal."""
    x, y, z = relative
    x_less, z_less = x - y, z - y
    mixed = np.empty_like(relative)
    for channel, row in zip(mixed, LINEAR_RGB_FROM_RELATIVE.tolist(), strict=True):
        np.multiply(x_less, row[0], out=channel)
        channel += z_less * row[2]
        channel += y
    return mixed


def _narrow(state: NDArray[Any], error: NDArray[Any]) -> None:
    """Move one end of each bracket to the L* just tried."""
    too_dark = error < 0
    np.copyto(state[LOW], state[LIGHTNESS], where=too_dark)
    np.copyto(state[HIGH], state[LIGHTNESS], where=~too_dark)


def _is_unsolved(state: NDArray[Any], error: NDArray[Any]) -> NDArray[np.bool_]:
    """Return which pixels need another round: not exact, not at an end, bracket not closed."""
    is_wrong = np.abs(error) > LUMA_TOLERANCE
    has_room = state[HIGH] - state[LOW] > LIGHTNESS_TOLERANCE
    return np.asarray(is_wrong & has_room & (state[LOW] < 100) & (state[HIGH] > 0))


def _next_lightness(state: NDArray[Any], step: NDArray[Any], halve: bool) -> NDArray[Any]:
    """Choose the L* to try: Newton's where it is inside the bracket, else the middle."""
    chosen = (state[LOW] + state[HIGH]) / 2
    if not halve:
        newton = np.clip(state[LIGHTNESS] - step, 0, 100)
        is_inside = (newton > state[LOW]) & (newton < state[HIGH])
        np.copyto(chosen, newton, where=is_inside)
    return np.asarray(np.clip(chosen, 0, 100))
