"""Hints as people give them, drawn from true colors for training."""

from __future__ import annotations

import math

import cv2
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - torch's own idiom
from torch import Tensor

from tinct.lab.networks.hints import sample

PATCHES = (1, 1, 3)
"""Sides of the patches whose mean color is told, in places of the map of 4 pixels."""
MISTAKEN = 0.2
"""Share of the pictures whose hints are colors somewhat off the true ones."""
MISTAKE = 6.0
"""By how much, in CIE units: the standard deviation of a and of b."""
KINDS = (0.55, 0.15, 0.15, 0.15)
"""Shares of pictures with hints anywhere, near the middle, on one thing, along a stroke."""


RECOLORED = 0.5
"""Share of the pictures in which one thing has another color than in the photograph."""
TOLERANCE = (8.0, 20.0)
"""How unlike the color of its first place that of other places of a thing may be, in CIE units."""
THING = (0.01, 0.5)
"""Smallest and largest share of the picture that a thing may have."""
LARGEST_CHROMA = 60.0
"""Of the new color of a thing."""
ATTEMPTS = 6
"""To find a thing in a picture; without one it stays as it is."""


def draw_number(most: int, generator: torch.Generator) -> int:
    """Draw how many hints the pictures of a batch get, 1 to ``most``: few as often as many."""
    share = float(torch.rand((), generator=generator))
    return max(round(math.exp(share * math.log(most))), 1)


def recolor(target: Tensor, lightness: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Give one thing in some of the pictures another color, which nothing in the gray can tell.

    A thing is what is connected and of nearly one color. So it is learned that a surprising color
    belongs to one thing alone.

    Args:
        target: True ab, (N, 2, h, w), on the processor.
        lightness: L* of the same size, (N, 1, h, w).
        generator: Of random numbers.

    Returns:
        New targets, and where the things are: (N, h, w), nowhere true in pictures as they were.
    """
    target = target.clone()
    things = torch.zeros(target.shape[0], *target.shape[2:], dtype=torch.bool)
    for picture, gray, thing in zip(target, lightness, things, strict=True):
        if torch.rand((), generator=generator) >= RECOLORED:
            continue
        found = find_thing(picture, gray, generator)
        if found is None:
            continue
        thing |= found
        chroma, turn = torch.rand(2, generator=generator).tolist()
        angle = 2 * math.pi * turn
        color = torch.tensor([math.cos(angle), math.sin(angle)]) * (chroma * LARGEST_CHROMA)
        picture[:, found] += (color - picture[:, found].mean(dim=1))[:, None]
    return target, things


def find_thing(ab: Tensor, lightness: Tensor, generator: torch.Generator) -> Tensor | None:
    """Return where something of one color is, (h, w); None if chance found nothing."""
    planes = np.ascontiguousarray(torch.cat([ab, lightness / 2]).permute(1, 2, 0).numpy())
    height, width = planes.shape[:2]
    for _ in range(ATTEMPTS):
        row, column, where = torch.rand(3, generator=generator).tolist()
        near = TOLERANCE[0] + (TOLERANCE[1] - TOLERANCE[0]) * where
        mask = np.zeros((height + 2, width + 2), np.uint8)
        first = (int(column * width), int(row * height))
        flags = cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY
        cv2.floodFill(planes, mask, first, (), (near,) * 3, (near,) * 3, flags)
        inside = mask[1:-1, 1:-1] > 0
        if THING[0] <= inside.mean() <= THING[1]:
            return torch.from_numpy(inside)
    return None


def draw_hints(
    target: Tensor, number: int, generator: torch.Generator, things: Tensor | None = None
) -> tuple[Tensor, Tensor]:
    """Draw places and read colors there.

    Args:
        target: True ab, (N, 2, h, w), on the processor.
        number: Of hints in each picture.
        generator: Of random numbers.
        things: (N, h, w): where there is one, some of the hints lie on it, the first one always.

    Returns:
        Rows and columns, (N, number, 2) in units of the map, and ab, (N, number, 2).
    """
    count = len(target)
    size = torch.tensor(target.shape[2:], dtype=torch.float32)
    at = torch.stack([_places(number, generator) for _ in range(count)]) * size - 0.5
    for places, thing in zip(at, things if things is not None else (), strict=False):
        inside = thing.nonzero().float()
        if len(inside):
            share = torch.rand((), generator=generator)
            is_on = torch.rand(number, generator=generator) < share
            is_on[0] = True
            chosen = torch.randint(len(inside), (number,), generator=generator)
            places[is_on] = inside[chosen][is_on]
    at = at.clamp(min=0).minimum(size - 1)
    side = PATCHES[int(torch.randint(len(PATCHES), (), generator=generator))]
    means = F.avg_pool2d(target, side, 1, side // 2, count_include_pad=False)
    colors = sample(means, at).transpose(1, 2)
    is_off = torch.rand((count, 1, 1), generator=generator) < MISTAKEN
    mistakes = torch.randn((count, number, 2), generator=generator) * MISTAKE
    return at, colors + mistakes * is_off


def _places(number: int, generator: torch.Generator) -> Tensor:
    """Draw places in one picture, (number, 2), in its sides: mostly within 0..1."""
    kind = float(torch.rand((), generator=generator))
    if kind < KINDS[0]:
        return torch.rand((number, 2), generator=generator)
    scatter = torch.randn((number, 2), generator=generator)
    if kind < sum(KINDS[:2]):
        return 0.5 + scatter / 4
    first = torch.rand(2, generator=generator)
    if kind < sum(KINDS[:3]):
        return first + scatter / 10
    along = torch.rand((number, 1), generator=generator)
    return first + along * torch.randn(2, generator=generator) / 4 + scatter / 100
