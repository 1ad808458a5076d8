"""How often a photograph in color is taken for a gray one, and a gray or toned one for color.

``python -m benchmarks.in_color PHOTOGRAPHS...`` makes of every photograph in color a gray copy as
people have them: toned (sepia, cyanotype, selenium, two tones), photographed by uneven colored
light, or plain, with noise, as JPEG. The threshold is chosen on every other photograph and the
errors are counted on the rest.
"""

from __future__ import annotations

from typing import Annotated

import cv2
import numpy as np
import typer
from numpy.typing import NDArray

from tinct.lab.data.dataset import Photographs
from tinct.photographs.in_color import THRESHOLD, own_color

_TONES = {
    # a and b of CIE Lab at the middle tones; in shadows and lights they fade out
    "sepia": (8.0, 22.0),
    "cyanotype": (-6.0, -32.0),
    "selenium": (7.0, 1.0),
    "yellowed": (2.0, 14.0),
}
KINDS = ("plain", *_TONES, "two tones", "colored light", "toned, colored light")


def make_gray_copy(
    rgb: NDArray[np.uint8], kind: str, rng: np.random.Generator
) -> NDArray[np.uint8]:
    """Make a gray or toned copy of a photograph as it would come from a scanner or a phone.

    Args:
        rgb: (H, W, 3) uint8.
        kind: One of ``KINDS``.
        rng: Strength of the toning, of the light, of noise and JPEG come from it.

    Returns:
        (H, W, 3) uint8.
    """
    gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32) / 255
    height, width = gray.shape
    lab = np.zeros((height, width, 3), np.float32)
    black, white = rng.uniform(0, 0.15), rng.uniform(0.85, 1)
    lab[..., 0] = 100 * (black + (white - black) * gray ** rng.uniform(0.8, 1.25))
    tone = kind.partition(",")[0]
    if tone in ("toned", "two tones"):
        tone = str(rng.choice(list(_TONES)))
    if tone in _TONES:
        strength = rng.uniform(0.4, 1.3)
        paper = rng.uniform(0, 0.7)  # how much of it the lightest tones keep
        weight = strength * np.clip(4 * gray * (1 - gray) + paper * gray, 0, 1)
        lab[..., 1:] = weight[..., None] * np.array(_TONES[tone], np.float32)
    if kind == "two tones":  # cold shadows under warm lights, or the other way round
        lab[..., 1:] -= (1 - gray)[..., None] * np.float32(rng.uniform(-1, 1) * 10)
    copy = np.asarray(cv2.cvtColor(lab, cv2.COLOR_Lab2RGB), np.float32)
    if "light" in kind:
        copy = _under_light(copy, rng)
    copy = copy * 255 + _noise(copy.shape, rng)
    data = cv2.imencode(
        ".jpg",
        np.clip(np.rint(copy[..., ::-1]), 0, 255).astype(np.uint8),
        [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(50, 96))],
    )[1]
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR_RGB), np.uint8)


def _under_light(copy: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Light a print from one side by a warm or cold lamp, in linear light."""
    height, width = copy.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j].astype(np.float32)
    angle = rng.uniform(0, 2 * np.pi)
    across = np.cos(angle) * x + np.sin(angle) * y
    warmth = rng.uniform(-0.15, 0.35) + rng.uniform(0, 0.12) * across
    brightness = 1 - rng.uniform(0, 0.3) * (1 + across) / 2
    gains = np.stack([1 + warmth / 2, np.ones_like(warmth), 1 - warmth], axis=2)
    linear = copy**2.2 * gains * brightness[..., None]
    return np.asarray(np.clip(linear, 0, 1) ** (1 / 2.2), np.float32)


def _noise(shape: tuple[int, ...], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return grain of all channels together and noise of each, in levels of 8 bits."""
    grain = rng.normal(0, rng.uniform(0, 8), (*shape[:2], 1))
    return np.asarray(grain + rng.normal(0, rng.uniform(0, 6), shape), np.float32)


def main(
    photographs: Annotated[list[str], typer.Argument(help="Folders or tar files, in color.")],
    limit: Annotated[int | None, typer.Option(help="Take so many of them, at random.")] = None,
    seed: Annotated[int, typer.Option(help="Of the gray copies and the sample.")] = 0,
) -> None:
    """Measure both errors and print a table."""
    rng = np.random.default_rng(seed)
    in_color, gray, kinds = [], [], []
    chosen = Photographs(*photographs, limit=limit, seed=None if limit is None else seed)
    for index, photograph in enumerate(chosen):
        kind = KINDS[index % len(KINDS)]
        in_color.append(own_color(photograph.rgb))
        gray.append(own_color(make_gray_copy(photograph.rgb, kind, rng)))
        kinds.append(kind)
    color_values, gray_values = np.array(in_color), np.array(gray)
    chosen_on = np.arange(len(kinds)) // len(KINDS) % 2 == 0
    threshold = choose_threshold(color_values[chosen_on], gray_values[chosen_on])
    rest = ~chosen_on
    for share in (0.5, 1, 2):
        least = np.percentile(color_values, share)
        most = np.percentile(gray_values, 100 - share)
        print(f"{share} % of those in color are below {least:.2f}, of the gray above {most:.2f}")
    print(f"{len(kinds)} photographs in color, {len(kinds)} gray or toned copies of them")
    print(f"threshold chosen on {chosen_on.sum()}: {threshold:.2f}; in use: {THRESHOLD:.2f}")
    print(f"on the other {rest.sum()}, with the one in use:")
    missed = color_values[rest] < THRESHOLD
    taken = gray_values[rest] >= THRESHOLD
    print(f"  in color taken for gray   {missed.sum():4} of {rest.sum()}  {missed.mean():.2%}")
    print(f"  gray taken for color      {taken.sum():4} of {rest.sum()}  {taken.mean():.2%}")
    kinds_of_rest = np.array(kinds)[rest]
    for kind in KINDS:
        of_kind = taken[kinds_of_rest == kind]
        print(f"    {kind:24} {of_kind.sum():4} of {of_kind.size}")


def choose_threshold(in_color: NDArray[np.float64], gray: NDArray[np.float64]) -> float:
    """Return the threshold with the smallest larger one of the two rates of error."""
    candidates = np.unique(np.concatenate([in_color, gray]))
    errors = np.array([max((in_color < v).mean(), (gray >= v).mean()) for v in candidates])
    return float(np.median(candidates[errors == errors.min()]))


if __name__ == "__main__":
    typer.run(main)
