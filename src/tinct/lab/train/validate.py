"""Validation during training: the test loss, a few honest numbers, and pictures to look at."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tinct import color
from tinct.lab.data.batches import target_planes
from tinct.lab.data.cache import Cache
from tinct.lab.train.objectives import Objective

_BATCH = 32


@dataclass(frozen=True)
class Validation:
    """Numbers over the validation photographs, colors as predicted at vividness 0."""

    loss: float
    """The training loss, with the moving average of the weights."""
    psnr: float
    """PSNR over RGB in dB at the size of the crop, mean of the photographs."""
    psnr_gain: float
    """How much of it is above leaving the photographs gray, in dB."""
    rmse_ab: float
    """Root of the mean squared error of a and b, in CIE units."""
    chroma: float
    """Mean chroma over the truth's: 0 is gray, 1 as colorful as the truth."""


@dataclass(frozen=True)
class ValidationSet:
    """Photographs cropped and reduced once: (N, S, S, 3) uint8 RGB."""

    rgb: NDArray[np.uint8]

    @classmethod
    def from_cache(cls, cache: Cache, size: int) -> ValidationSet:
        """Take the central square of every photograph, at ``size`` pixels."""
        crops = np.empty((len(cache), size, size, 3), np.uint8)
        for index in range(len(cache)):
            rgb = cache.photograph(index)
            side = min(rgb.shape[:2])
            top, left = (rgb.shape[0] - side) // 2, (rgb.shape[1] - side) // 2
            square = rgb[top : top + side, left : left + side]
            method = cv2.INTER_AREA if side > size else cv2.INTER_CUBIC
            crops[index] = cv2.resize(square, (size, size), interpolation=method)
        return cls(crops)

    def batch(self, start: int, network: nn.Module, count: int = _BATCH) -> tuple[Tensor, Tensor]:
        """Return L* of the BT.601 luma and the target of some photographs, for a network."""
        rgb = self.rgb[start : start + count]
        gray = np.stack([cv2.cvtColor(item, cv2.COLOR_RGB2GRAY) for item in rgb])
        lightness = color.luma_to_lightness(gray.astype(np.float32) / np.float32(255))
        side = rgb.shape[1] // int(network.stride)  # type: ignore[arg-type]
        small = np.stack(
            [cv2.resize(item, (side, side), interpolation=cv2.INTER_AREA) for item in rgb]
        )
        target = target_planes(small.astype(np.float32) / np.float32(255), str(network.target))
        return torch.from_numpy(lightness[:, None]), torch.from_numpy(target)


def to_rgb(colors: Tensor, lightness: Tensor, target: str) -> NDArray[np.float32]:
    """Turn predictions into pictures, (N, S, S, 3) in 0..1: ab is enlarged and joins L*."""
    size = (lightness.shape[3], lightness.shape[2])
    planes = np.moveaxis(colors.numpy(), 1, -1)
    planes = np.stack([cv2.resize(item, size, interpolation=cv2.INTER_LINEAR) for item in planes])
    if target == "rgb":
        return planes.clip(0, 1)
    lab = np.concatenate([lightness.numpy()[:, 0, :, :, None], planes], axis=-1)
    return color.lab_to_rgb(lab).clip(0, 1)


@torch.no_grad()
def validate(network: nn.Module, objective: Objective, photographs: ValidationSet) -> Validation:
    """Measure a network, in evaluation mode, on all photographs."""
    rows: list[tuple[float, float, float, float, float, float]] = []
    generator = torch.Generator().manual_seed(0)
    for start in range(0, len(photographs.rgb), _BATCH):
        lightness, target = photographs.batch(start, network)
        seen, wanted = (tensor.to(_device(network)) for tensor in (lightness, target))
        loss = float(objective(seen, wanted, generator).plain)
        colors = objective.colors(network, seen, wanted).cpu()
        truth = photographs.rgb[start : start + _BATCH].astype(np.float32) / np.float32(255)
        pictures = to_rgb(colors, lightness, str(network.target))
        gray = to_rgb(torch.zeros_like(target[:, :2]), lightness, "ab")
        colors, target = (_to_ab(planes, str(network.target)) for planes in (colors, target))
        rows += [
            (loss, *row)
            for row in zip(
                _psnr(pictures, truth),
                _psnr(gray, truth),
                ((colors - target) ** 2).mean(dim=(1, 2, 3)).tolist(),
                *(x.square().sum(1).sqrt().mean(dim=(1, 2)).tolist() for x in (colors, target)),
                strict=True,
            )
        ]
    loss, psnr, gray_psnr, mse, chroma, true_chroma = np.array(rows).mean(axis=0).tolist()
    return Validation(loss, psnr, psnr - gray_psnr, mse**0.5, chroma / max(true_chroma, 1e-6))


def _device(network: nn.Module) -> torch.device:
    return next(network.parameters()).device


def _to_ab(planes: Tensor, target: str) -> Tensor:
    if target == "ab":
        return planes
    return torch.from_numpy(target_planes(np.moveaxis(planes.numpy(), 1, -1), "ab"))


def _psnr(pictures: NDArray[np.float32], truth: NDArray[np.float32]) -> list[float]:
    error = ((pictures - truth) ** 2).mean(axis=(1, 2, 3))
    values: list[float] = (-10 * np.log10(np.maximum(error, 1e-5))).tolist()
    return values


@torch.no_grad()
def sheet(
    network: nn.Module, objective: Objective, photographs: ValidationSet, count: int = 16
) -> NDArray[np.uint8]:
    """Return gray, predicted and truth side by side, two photographs a row: (H, W, 3) uint8 RGB."""
    lightness, target = (part.to(_device(network)) for part in photographs.batch(0, network, count))
    colors = objective.colors(network, lightness, target).cpu()
    lightness = lightness.cpu()
    pictures = to_rgb(colors, lightness, str(network.target))
    gray = to_rgb(torch.zeros_like(colors[:, :2]), lightness, "ab")
    truth = photographs.rgb[: len(pictures)].astype(np.float32) / 255
    triples = np.concatenate([gray, pictures, truth], axis=2)  # (N, S, 3S, 3)
    if len(triples) % 2:
        triples = np.concatenate([triples, np.ones_like(triples[:1])])
    rows = np.concatenate([triples[0::2], triples[1::2]], axis=2)
    image = np.concatenate(list(rows), axis=0)
    levels: NDArray[np.uint8] = np.rint(image * 255).astype(np.uint8)
    return levels
