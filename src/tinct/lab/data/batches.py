"""From cached photographs to batches: crop, flip, scale, and gray as real gray material looks.

Batch ``step`` of a run depends on the seed and the step alone, so that a resumed run sees what an
uninterrupted one would have seen. Every place of a batch has random numbers of its own, so that
several processes, which share a batch, make together what one makes alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TypedDict

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import Dataset

from tinct import color
from tinct.errors import TrainingError
from tinct.lab.data.cache import Cache
from tinct.lab.train.config import AugmentConfig

_LINEAR = color.srgb_to_linear(np.arange(256, dtype=np.float32) / 255).astype(np.float32)
_ENCODED = color.linear_to_srgb(np.linspace(0, 1, 4096, dtype=np.float32)).astype(np.float32)
_LIGHTNESS = color.luma_to_lightness(np.arange(256, dtype=np.float32) / 255).astype(np.float32)


class Batch(TypedDict):
    """What a training step sees.

    ``lightness`` is L* (N, 1, S, S), 0..100; ``target`` is (N, C, S/stride, S/stride): ab in CIE
    units, or RGB from 0 to 1. Both are float32. ``rgb``, (N, S, S, 3) uint8, is the true picture.
    """

    lightness: Tensor
    target: Tensor
    rgb: Tensor


@dataclass(frozen=True)
class Share:
    """The part of every batch that one of several processes works on; by default all of it."""

    index: int = 0
    """Of the process."""
    count: int = 1
    """Of processes."""

    def rows(self, total: int) -> slice:
        """Return the places of a batch of ``total``, a multiple of ``count``."""
        size = total // self.count
        return slice(self.index * size, (self.index + 1) * size)


WHOLE = Share()


class PhotographBatches(Dataset[Batch]):
    """Training batches, one an index."""

    def __init__(  # noqa: PLR0913 - what decides a batch, each once
        self,
        cache: Cache,
        augment: AugmentConfig,
        *,
        crop: int | Callable[[int], int],
        batch: int,
        seed: int,
        target: str = "ab",
        target_stride: int = 4,
        share: Share = WHOLE,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        """Prepare batches.

        Args:
            cache: The photographs.
            augment: What happens to them.
            crop: Side of the square crops in pixels, or what gives that of a step.
            batch: How many make a batch of all processes; photographs repeat where there are fewer.
            seed: Of the run.
            target: ``ab`` or ``rgb``.
            target_stride: How much smaller than the crops their targets are.
            share: The part of each batch to make.
            weights: How often photographs are seen, by patterns of their names; 1 for the others.

        Raises:
            TrainingError: The weights leave no photograph.
        """
        self._expected = expected_visits(cache.names, weights or {})
        if self._expected[-1] < 1:
            raise TrainingError("data.weights leaves no photograph to train on")
        self.cache, self.augment = cache, augment
        self.crop, self.batch, self.seed = crop, batch, seed
        self.target, self.target_stride, self.share = target, target_stride, share
        self._epoch, self._order = -1, np.arange(0)

    @property
    def steps_per_epoch(self) -> int:
        """Steps after which (nearly) every photograph of weight 1 has been seen once more."""
        return max(int(self._expected[-1]) // self.batch, 1)

    def __getitem__(self, step: int) -> Batch:
        """Make this process's share of the batch of a step."""
        epoch, place = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            order = draw_epoch(self._expected, np.random.default_rng([self.seed, epoch]))
            self._epoch, self._order = epoch, np.resize(order, max(len(order), self.batch))
        chosen = self._order[place * self.batch : (place + 1) * self.batch]
        crop = self.crop(step) if callable(self.crop) else self.crop
        triples = [
            self._triple(self.cache.photograph(chosen[row]), crop, self._rng(step, row))
            for row in range(self.batch)[self.share.rows(self.batch)]
        ]
        lightness, small, rgb = (np.stack(facts) for facts in zip(*triples, strict=True))
        return {
            "lightness": torch.from_numpy(lightness[:, None]),
            "target": torch.from_numpy(target_planes(small, self.target)),
            "rgb": torch.from_numpy(rgb),
        }

    def _rng(self, step: int, row: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, 1, step, row])

    def _triple(
        self, photograph: NDArray[np.uint8], crop: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.uint8]]:
        """Return L*, the truth at the size of the target, and at that of the crop."""
        rgb = random_crop(photograph, crop, self.augment.crop, rng)
        side = crop // self.target_stride
        small = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA)
        lightness = gray_lightness(rgb, self.augment, rng)
        return lightness, small.astype(np.float32) / np.float32(255), rgb


def expected_visits(names: Sequence[str], weights: Mapping[str, float]) -> NDArray[np.float64]:
    """Return how many pictures of an epoch are expected up to each photograph, (P,), rising.

    Args:
        names: Of the photographs, with their folders.
        weights: Weight by pattern of the last part of a name; the first that fits counts.
    """

    def weight(name: str) -> float:
        last = name.rsplit("/", 1)[-1]
        return next((value for key, value in weights.items() if fnmatchcase(last, key)), 1.0)

    return np.cumsum([weight(name) for name in names])


def unused_weights(names: Sequence[str], weights: Mapping[str, float]) -> list[str]:
    """Return the patterns that fit the last part of no name."""
    last = {name.rsplit("/", 1)[-1] for name in names}
    return [pattern for pattern in weights if not any(fnmatchcase(name, pattern) for name in last)]


def draw_epoch(expected: NDArray[np.float64], rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw the photographs of an epoch in random order, each as often as its weight says.

    Systematic sampling: one random offset decides of all, so that a weight of 2 is two visits in
    every epoch, and a weight of 1/4 one visit in a quarter of them.

    Args:
        expected: See :func:`expected_visits`.
        rng: Of the epoch.
    """
    is_whole = np.array_equal(expected, np.arange(1, len(expected) + 1))
    offset = 0.0 if is_whole else rng.random()  # without weights, the order of earlier runs
    passed = np.floor(expected + offset).astype(np.int64)
    visits = np.diff(passed, prepend=0)
    return rng.permutation(np.repeat(np.arange(len(expected)), visits))


def target_planes(rgb: NDArray[np.float32], target: str) -> NDArray[np.float32]:
    """Turn RGB (N, H, W, 3) in 0..1 into target planes (N, C, H, W): its ab, or itself."""
    planes = color.rgb_to_lab(rgb)[..., 1:] if target == "ab" else rgb
    return np.ascontiguousarray(np.moveaxis(planes, -1, 1))


def random_crop(
    photograph: NDArray[np.uint8],
    size: int,
    relative: tuple[float, float],
    rng: np.random.Generator,
) -> NDArray[np.uint8]:
    """Return a square somewhere in the photograph, often mirrored: (size, size, 3) uint8 RGB."""
    height, width = photograph.shape[:2]
    side = round(min(height, width) * rng.uniform(*relative))
    top, left = rng.integers(height - side + 1), rng.integers(width - side + 1)
    crop = photograph[top : top + side, left : left + side]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    method = cv2.INTER_AREA if side > size else cv2.INTER_LINEAR
    resized = cv2.resize(np.ascontiguousarray(crop), (size, size), interpolation=method)
    return np.asarray(resized, np.uint8)


def gray_lightness(
    rgb: NDArray[np.uint8], augment: AugmentConfig, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Return L*, (H, W), 0..100, of the gray picture that the network is to color.

    Mostly the L* of the 8-bit BT.601 luma, as in production; now and then something else, see
    :class:`~tinct.lab.train.config.AugmentConfig`.
    """
    chance = rng.random(6)
    if chance[0] < augment.true_lightness:
        return color.rgb_to_lab(rgb.astype(np.float32) / np.float32(255))[..., 0]
    if chance[0] < augment.true_lightness + augment.film_response:
        gray = film_gray(rgb, rng)
    else:
        gray = cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY).astype(np.float32)
    if chance[1] < augment.tone_curve:
        gray = tone_curve(gray, rng)
    if chance[2] < augment.blur:
        gray = np.asarray(cv2.GaussianBlur(gray, (0, 0), rng.uniform(0.4, 2)), np.float32)
    if chance[3] < augment.grain:
        gray = add_grain(gray, rng)
    if chance[5] < augment.damage:
        gray = add_damage(gray, rng)
    levels = np.clip(np.rint(gray), 0, 255).astype(np.uint8)
    if chance[4] < augment.jpeg:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(12, 81))]
        encoded = cv2.imencode(".jpg", levels, quality)[1]
        levels = np.asarray(cv2.imdecode(encoded, cv2.IMREAD_GRAYSCALE), np.uint8)
    return _LIGHTNESS[levels]


def film_gray(rgb: NDArray[np.uint8], rng: np.random.Generator) -> NDArray[np.float32]:
    """Return the picture as film of a random spectral sensitivity sees it, 0..255."""
    return film_response(rgb, rng.dirichlet((1.2, 2.0, 1.0)))


def film_response(rgb: NDArray[np.uint8], weight: NDArray[np.float64]) -> NDArray[np.float32]:
    """Return the picture as film of a spectral sensitivity sees it, 0..255.

    Orthochromatic film is blind to red, panchromatic film sees all three; light adds up before the
    transfer curve.

    Args:
        rgb: (H, W, 3).
        weight: (3,) of linear red, green and blue, summing to 1.
    """
    linear = cv2.transform(cv2.LUT(rgb, _LINEAR), weight[None].astype(np.float32))
    index = np.clip(linear * 4095 + 0.5, 0, 4095).astype(np.uint16)
    gray: NDArray[np.float32] = _ENCODED[index] * np.float32(255)
    return gray


def tone_curve(gray: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Change gamma and contrast, lift blacks and lower whites, as prints and scans do; 0..255."""
    value = np.linspace(0, 1, 256, dtype=np.float32) ** np.float32(np.exp(rng.normal(0, 0.25)))
    amount = rng.uniform(0, 0.6)  # of a smooth S curve
    value = (1 - amount) * value + amount * value**2 * (3 - 2 * value)
    black, faded = 0.35 * rng.random(2) ** 2  # mostly a little, now and then a pale ghost
    curve = np.asarray(black + (1 - faded - black) * value, np.float32) * np.float32(255)
    return curve[np.clip(np.rint(gray), 0, 255).astype(np.uint8)]


def add_grain(gray: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Add grain of a random strength and size; 0..255."""
    noise = rng.standard_normal(gray.shape, dtype=np.float32)
    if rng.random() < 0.5:  # coarse grain, brought back to unit strength
        noise = np.asarray(cv2.GaussianBlur(noise, (0, 0), 0.8), np.float32)
        noise /= noise.std() + 1e-6
    return gray + noise * np.float32(rng.uniform(1, 12))


def add_damage(gray: NDArray[np.float32], rng: np.random.Generator) -> NDArray[np.float32]:
    """Scratch the picture as a film's transport does, nearly upright, and strew dust; 0..255."""
    height, width = gray.shape
    gray = gray.copy()
    for _ in range(rng.integers(0, 9)):
        left = rng.uniform(0, width)
        ends = rng.uniform(-0.2, 1.2, 2) * height
        points = [(left, ends[0]), (left + rng.normal(0, 0.05) * height, ends[1])]
        first, last = (tuple(int(8 * value) for value in point) for point in points)
        cv2.line(gray, first, last, _mark(rng), 1, cv2.LINE_AA, shift=3)
    for _ in range(rng.integers(0, 40)):
        center = (int(rng.integers(width)), int(rng.integers(height)))
        size = (int(rng.integers(1, 4)), int(rng.integers(1, 3)))
        cv2.ellipse(gray, center, size, rng.uniform(0, 180), 0, 360, _mark(rng), cv2.FILLED)
    return gray


def _mark(rng: np.random.Generator) -> float:
    """Return the level of a scratch or a speck: most are light."""
    return rng.uniform(200, 255) if rng.random() < 0.75 else rng.uniform(0, 50)
