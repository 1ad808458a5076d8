"""Photographs as a network sees them: it looks once, and its answer is read again and again.

Pictures are compared as in protocol `lab`: at 256x256, the true L* and the ab that was read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from tinct import bins, color
from tinct.cores import count_processors
from tinct.errors import MetricError
from tinct.lab.calibration.reliability import Confidences
from tinct.lab.data.dataset import Photograph, Photographs, square
from tinct.lab.evaluate.protocol import LAB_SIZE, has_color
from tinct.lab.metrics import metrics
from tinct.lab.networks.classifier import Classifier
from tinct.lab.networks.readout import ColorModel, DecodeConfig
from tinct.lab.peers.resize import resize
from tinct.lab.workers import photograph_threads

PLACE_STEP = 4
"""Every fourth place of every fourth row is asked how sure it is: neighbors tell little more."""

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Seen:
    """One photograph, and what the network makes of it."""

    rgb: NDArray[np.uint8]  # (256, 256, 3)
    lightness: Floats  # (256, 256, 1), the true L*
    small_ab: Floats  # (64, 64, 2), the truth at the size of the answer
    logits: torch.Tensor  # (1, Q, 64, 64), 16 bits


@dataclass(frozen=True)
class Colors:
    """How colored pictures compare with the truth, means over photographs."""

    psnr: float
    """Of RGB, in dB."""
    share: float
    """Colorfulness (CF) over that of the truth."""


class Views:
    """Photographs as a network sees them."""

    def __init__(
        self,
        network: Classifier,
        photographs: Photographs,
        on_progress: Callable[[int], None] = lambda done: None,
    ) -> None:
        """Let the network look at photographs; those without color are left out.

        Args:
            network: In evaluation mode.
            photographs: They are read once.
            on_progress: Called with the number of photographs looked at since.

        Raises:
            MetricError: There is no color photograph.
        """
        self.network, self.source = network, photographs.source
        self.seen: list[Seen] = []
        for photograph in photographs:
            if has_color(photograph.rgb):
                self.seen.append(look(network, photograph))
            on_progress(1)
        if not self.seen:
            raise MetricError(f"{photographs.source}: no readable color photograph")
        self.sha256, self.broken = photographs.sha256, tuple(photographs.broken)
        self._truth = [_encoded(one.rgb) for one in self.seen]
        self._colorfulness = float(np.mean([metrics.colorfulness(rgb) for rgb in self._truth]))

    def measure(self, decode: DecodeConfig, vividness: float) -> Colors:
        """Compare what is read at a vividness with the truth."""

        def score(rgb: Floats, truth: Floats) -> tuple[float, float]:
            return metrics.psnr(rgb, truth), metrics.colorfulness(rgb)

        psnr, colorfulness = np.mean(self._compare(decode, vividness, score), axis=0)
        return Colors(float(psnr), float(colorfulness) / self._colorfulness)

    def lpips(self, decode: DecodeConfig, vividness: float) -> float:
        """Return the mean LPIPS of what is read at a vividness.

        Raises:
            MissingExtraError: The package with the weights of LPIPS is not installed.
        """
        from tinct.lab.metrics.lpips import LpipsMeter

        meter = LpipsMeter()

        def score(rgb: Floats, truth: Floats) -> float:
            return meter.distance(rgb, meter.features(truth))

        return float(np.mean(self._compare(decode, vividness, score)))

    def gray(self) -> float:
        """Return the PSNR of leaving the photographs gray, in dB."""
        none = np.zeros_like(self.seen[0].small_ab)
        pairs = zip(self.seen, self._truth, strict=True)
        return float(np.mean([metrics.psnr(_compose(one, none), truth) for one, truth in pairs]))

    def confidences(self, decode: DecodeConfig, vividness: float) -> Confidences:
        """Return how sure the colors were, and how far from the truth they are."""
        model = ColorModel(self.network, decode).eval()

        def ask(index: int) -> Floats:
            one = self.seen[index]
            ab, confidence = read(model, one, vividness)
            distance = np.linalg.norm(ab - one.small_ab, axis=-1)
            places = np.stack([confidence, distance])[:, ::PLACE_STEP, ::PLACE_STEP]
            return np.asarray(places.reshape(2, -1), np.float32)

        return Confidences(*np.concatenate(self._map(ask), axis=1))

    def distribution(self) -> tuple[Floats, Floats]:
        """Return what probability every bin was given, and what share of the truth it had.

        Returns:
            Both (M, Q): of M places the distribution as the network answers it, at temperature 1,
            and the code of the true color, which has up to three bins.
        """
        code = bins.encode_bins(self.network.bin_centers.numpy())

        def ask(index: int) -> tuple[Floats, Floats]:
            one = self.seen[index]
            places = one.logits[0, :, ::PLACE_STEP, ::PLACE_STEP].float().flatten(1).T  # (M, Q)
            ab = one.small_ab[::PLACE_STEP, ::PLACE_STEP].reshape(-1, 2)
            row, column = (np.rint(ab).astype(np.intp) + bins.AB_LIMIT).T
            truth = np.zeros(tuple(places.shape), np.float32)
            np.put_along_axis(truth, code.index[row, column], code.weight[row, column], axis=1)
            return places.softmax(1).numpy(), truth

        predicted, truths = zip(*self._map(ask), strict=True)
        return np.concatenate(predicted), np.concatenate(truths)

    def _compare(
        self, decode: DecodeConfig, vividness: float, score: Callable[[Floats, Floats], Any]
    ) -> list[Any]:
        """Score every picture, RGB (256, 256, 3) in 0..1, against its truth."""
        model = ColorModel(self.network, decode).eval()

        def compare(index: int) -> Any:
            one = self.seen[index]
            return score(_compose(one, read(model, one, vividness)[0]), self._truth[index])

        return self._map(compare)

    def _map(self, function: Callable[[int], Any]) -> list[Any]:
        with photograph_threads(count_processors()) as pool:
            return list(pool.map(function, range(len(self.seen))))


@torch.no_grad()
def look(network: Classifier, photograph: Photograph) -> Seen:
    """Let a network look at the middle of a photograph, at 256x256."""
    rgb = square(photograph.rgb, LAB_SIZE)
    lightness = color.rgb_to_lab(_encoded(rgb))[..., :1]
    side = LAB_SIZE // network.stride
    small = cv2.resize(rgb, (side, side), interpolation=cv2.INTER_AREA)
    small_ab = color.rgb_to_lab(_encoded(np.asarray(small, np.uint8)))[..., 1:]
    planes = torch.from_numpy(np.ascontiguousarray(lightness[..., 0])[None, None])
    return Seen(rgb, lightness, small_ab, network(planes).half())


@torch.no_grad()
def read(model: ColorModel, one: Seen, vividness: float) -> tuple[Floats, Floats]:
    """Read colors, (64, 64, 2), and confidence, (64, 64), from what a network saw."""
    ab, confidence = model.decode(one.logits.float(), torch.tensor([vividness]))
    return np.moveaxis(ab[0].numpy(), 0, -1), confidence[0, 0].numpy()


def _compose(one: Seen, ab: Floats) -> Floats:
    """Join the true L* and colors, (64, 64, 2), to RGB in 0..1."""
    planes = np.concatenate([one.lightness, resize(ab, one.lightness.shape[:2])], axis=-1)
    return color.lab_to_rgb(planes).clip(0, 1)


def _encoded(rgb: NDArray[np.uint8]) -> Floats:
    return rgb.astype(np.float32) / np.float32(255)
