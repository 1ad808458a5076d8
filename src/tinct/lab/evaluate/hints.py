"""What hints are worth: PSNR over their number, how well they hold, and where they end."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np
import torch

from tinct import color
from tinct.lab.data.dataset import Photograph, Photographs, square
from tinct.lab.evaluate.protocol import LAB_SIZE, examine_in_color
from tinct.lab.evaluate.robustness import mean_cell
from tinct.lab.markdown import markdown_table
from tinct.lab.metrics import metrics
from tinct.lab.peers.resize import resize
from tinct.lab.train.hints import find_thing
from tinct.runtime import Colorizer
from tinct.runtime.hint_session import HintSession
from tinct.runtime.propagation import Propagation

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tinct.runtime.canvas import Canvas

    Floats = NDArray[np.float32]

COUNTS = (0, 1, 2, 5, 10, 20, 50, 100)
CHOSEN_COUNTS = (1, 2, 5, 10, 20)
"""At these numbers, hints where the canvas would put them are compared with hints anywhere."""
PATCH = 6
"""Side of the patches whose mean color is told, in pixels of 256x256."""
PUBLISHED = (24.43, 25.37, 26.20, 27.39, 28.42, 29.34, 30.42, 31.13)
"""SIGGRAPH17 at ``COUNTS`` on 1,000 photographs of ImageNet, from ``resources/psnrs_siggraph.npy``
of richzhang/colorization-pytorch; standard error 0.14."""
CHROMA = 35.0
"""Of the arbitrary colors with which fidelity and leaks are measured, in CIE units."""
SPOTS = 4
"""Arbitrary colors in a photograph for fidelity."""
RIM = (2, 8)
"""Pixels beyond the border of a thing where colors that run over it would be seen."""

_NOTE = """\
Photographs are squares of 256x256. Patches of 6x6 at random places (the same for all models) tell
their mean true color; PSNR is over RGB, of the true L\\* and the predicted ab, as in the published
test. Plus or minus is half of the 95 % interval over photographs, of the gain that of the gain."""

_FIDELITY = """\
Fidelity: four spots at random places are given arbitrary colors (chroma 35), inside sRGB at the
lightness there. CIEDE2000 is between what was asked for and the finished picture, mean over the
pixels of a spot of 4x4 at 256x256.

Leaks: a thing (what is connected and of one true color, 1 to 50 % of the photograph) gets one hint
in its middle, an arbitrary color. Shares are of the change asked for: what arrives in the thing,
what arrives outside of it, and outside in its rim of 2 to 8 pixels beyond a strong edge, where luma
differs from the thing's by a fifth of white or more."""


@dataclass(frozen=True)
class HintScores:
    """Scores of one model on photographs; NaN where one has nothing of the kind."""

    model: str
    parameters: int
    """Of the branch for hints."""
    share: float
    """Of the parameters of the automatic network."""
    psnr: NDArray[np.float64]
    """(photographs, COUNTS), at random places."""
    chosen: NDArray[np.float64]
    """(photographs, CHOSEN_COUNTS), where the canvas would put them."""
    fidelity: NDArray[np.float64]
    """(photographs, SPOTS): CIEDE2000 from what was asked for."""
    leaks: NDArray[np.float64]
    """(photographs, 3): what arrives inside, outside, and beyond a strong edge."""


@dataclass(frozen=True)
class HintReport:
    """Scores of models on the same photographs."""

    source: str
    sha256: str
    broken: tuple[str, ...]
    vividness: float
    models: tuple[HintScores, ...]
    command: str

    def to_markdown(self) -> str:
        """Render tables."""
        count = len(self.models[0].psnr)
        facts = f"{count} photographs of `{self.source}` (sha256 {self.sha256[:16]})"
        parts = ["# What hints are worth", f"{_NOTE} {facts}, vividness {self.vividness:g}."]
        parts += ["## Gain in PSNR, dB, over no hint", self._gains()]
        parts += ["## Places chosen by the canvas instead of chance: gain, dB", self._choices()]
        parts += ["## Do colors hold, and where do they end", _FIDELITY, self._holding()]
        parts += [f"`{self.command}`"]
        return "\n\n".join(parts) + "\n"

    def _gains(self) -> str:
        lines = []
        for one in self.models:
            gains = one.psnr - one.psnr[:, :1]
            cells = [
                mean_cell(one.psnr[:, 0]),
                *(mean_cell(gains[:, i]) for i in range(1, len(COUNTS))),
            ]
            lines.append([one.model, f"{one.parameters:,} ({one.share:.1%})", *cells])
        published = [f"{value - PUBLISHED[0]:.2f}" for value in PUBLISHED[1:]]
        name = "SIGGRAPH17, as published, on its own photographs"
        lines.append([name, "in 34 million", f"{PUBLISHED[0]:.2f}", *published])
        heads = ["", "parameters of the branch", "PSNR with none", *map(str, COUNTS[1:])]
        return markdown_table(heads, lines)

    def _choices(self) -> str:
        lines = []
        for one in self.models:
            by_chance = [COUNTS.index(count) for count in CHOSEN_COUNTS]
            for name, values in (("chosen", one.chosen), ("chance", one.psnr[:, by_chance])):
                gains = values - one.psnr[:, :1]
                lines.append([f"{one.model}, {name}", *(mean_cell(gain) for gain in gains.T)])
        return markdown_table(["", *map(str, CHOSEN_COUNTS)], lines)

    def _holding(self) -> str:
        lines = []
        for one in self.models:
            spots = one.fidelity.ravel()
            lines.append(
                [
                    one.model,
                    f"{np.mean(spots):.2f}",
                    f"{np.mean(spots <= 2):.0%}",
                    f"{np.percentile(spots, 95):.2f}",
                    *(mean_cell(values) for values in one.leaks.T),
                ]
            )
        heads = ["", "CIEDE2000", "within 2", "95th percentile"]
        return markdown_table([*heads, "inside", "outside", "beyond strong edges"], lines)


def measure_hints(
    photographs: Photographs,
    models: Sequence[str],
    *,
    vividness: float = 0.0,
    jobs: int | None = None,
    command: str = "",
    on_progress: Callable[[int], None] = lambda done: None,
) -> HintReport:
    """Measure what hints do on photographs.

    Args:
        photographs: They are read once; gray ones are left out.
        models: Names of models inside the package, or model files with a branch for hints.
        vividness: Of the automatic colors.
        jobs: Photographs worked on at a time; as many as there are processors when left out.
        command: What the user typed.
        on_progress: Called with the number of photographs done since.

    Raises:
        ModelError: A model takes no hints.
        MetricError: There are fewer than two color photographs.
    """
    colorizers = [Colorizer(model, vividness=vividness, threads=1) for model in models]
    branches = [HintSession(one.session, 1) for one in colorizers]

    def examine(photograph: Photograph) -> list[tuple[Floats, ...]]:
        rgb = square(photograph.rgb, LAB_SIZE)
        # Chance is the same for every model, and in every order of the photographs.
        seed = zlib.crc32(photograph.name.encode(errors="surrogateescape"))
        return [_examine(rgb, *pair, seed) for pair in zip(colorizers, branches, strict=True)]

    found = examine_in_color(photographs, examine, jobs, on_progress)
    rows = []
    for place, (one, branch) in enumerate(zip(colorizers, branches, strict=True)):
        scores = [np.array(values) for values in zip(*(f[place] for f in found), strict=True)]
        share = branch.spec.parameters / one.session.spec.parameters
        rows.append(HintScores(one.session.path.stem, branch.spec.parameters, share, *scores))
    return HintReport(
        photographs.source,
        photographs.sha256,
        tuple(photographs.broken),
        vividness,
        tuple(rows),
        command,
    )


def _examine(
    rgb: NDArray[np.uint8], colorizer: Colorizer, branch: HintSession, seed: int
) -> tuple[Floats, ...]:
    """Return the four scores of a model on a photograph, (256, 256, 3)."""
    truth = rgb.astype(np.float32) / np.float32(255)
    lab = color.rgb_to_lab(truth)
    lightness = np.ascontiguousarray(lab[None, None, ..., 0])
    picture = Propagation(branch.describe(lightness, colorizer.vividness), branch.spec)
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, LAB_SIZE - PATCH + 1, (max(COUNTS), 2))
    psnr = [_psnr(picture, corners[:count], lab, truth) for count in COUNTS]
    chosen = _choose(picture, lab, truth)
    canvas = colorizer.open(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY))
    fidelity = [_fidelity(canvas, rng) for _ in range(SPOTS)]
    return (
        np.array(psnr),
        np.array(chosen),
        np.array(fidelity),
        np.array(_leaks(colorizer, canvas, lab, rng)),
    )


def _psnr(picture: Propagation, corners: NDArray[np.int64], lab: Floats, truth: Floats) -> float:
    known = [lab[y : y + PATCH, x : x + PATCH, 1:].mean(axis=(0, 1)) for y, x in corners]
    cell = LAB_SIZE / picture.shape[0]
    points = ((corners + PATCH / 2) / cell - 0.5).astype(np.float32)
    ab, _ = picture.colors(points, np.array(known, np.float32).reshape(-1, 2))
    large = resize(np.moveaxis(ab, 0, -1), lab.shape[:2])
    answer = color.lab_to_rgb(np.concatenate([lab[..., :1], large], axis=-1)).clip(0, 1)
    return metrics.psnr(answer, truth)


def _choose(picture: Propagation, lab: Floats, truth: Floats) -> list[float]:
    """Return PSNR at ``CHOSEN_COUNTS`` hints, each put where it is worth most."""
    cell = LAB_SIZE / picture.shape[0]
    corners = np.empty((0, 2), np.int64)
    for _ in range(max(CHOSEN_COUNTS)):
        points = ((corners + PATCH / 2) / cell - 0.5).astype(np.float32)
        middle = (np.array(picture.best_place(points)) + 0.5) * cell
        corner = np.rint(middle - PATCH / 2).astype(np.int64).clip(0, LAB_SIZE - PATCH)
        corners = np.concatenate([corners, corner[None]])
    return [_psnr(picture, corners[:count], lab, truth) for count in CHOSEN_COUNTS]


def _arbitrary_color(rng: np.random.Generator) -> str:
    angle = rng.uniform(0, 2 * np.pi)
    return f"lab(50, {CHROMA * np.cos(angle):.1f}, {CHROMA * np.sin(angle):.1f})"


def _fidelity(canvas: Canvas, rng: np.random.Generator) -> float:
    """Return CIEDE2000 of one spot; earlier ones stay."""
    x, y = rng.uniform(4, LAB_SIZE - 4, 2)
    canvas.hint(x, y, _arbitrary_color(rng))
    wanted = canvas.wanted()
    top, left = round(y) - 2, round(x) - 2
    spot = canvas.picture()[top : top + 4, left : left + 4].reshape(-1, 3).mean(axis=0)
    found = color.rgb_to_lab((spot / 255).astype(np.float32))
    asked = np.array([found[0], *wanted[-1]], np.float32)
    return metrics.ciede2000(found[None, None], asked[None, None])


def _leaks(
    colorizer: Colorizer, canvas: Canvas, lab: Floats, rng: np.random.Generator
) -> tuple[float, float, float]:
    """Give a thing one arbitrary color; return what arrives in it, outside, beyond strong edges."""
    generator = torch.Generator().manual_seed(int(rng.integers(1 << 31)))
    planes = torch.from_numpy(np.ascontiguousarray(lab.transpose(2, 0, 1)))
    thing = find_thing(planes[1:], planes[:1], generator)
    if thing is None:
        return np.nan, np.nan, np.nan
    inside = thing.numpy()
    depth = cv2.distanceTransform(inside.astype(np.uint8), cv2.DIST_L2, 5)
    y, x = np.unravel_index(depth.argmax(), depth.shape)
    canvas.clear()
    before = _ab_of(canvas)
    canvas.hint(x + 0.5, y + 0.5, _arbitrary_color(rng))
    change = _ab_of(canvas) - before
    asked = change[y, x]
    share = change @ asked / max(float(asked @ asked), 1e-6)
    away = cv2.distanceTransform((~inside).astype(np.uint8), cv2.DIST_L2, 5)
    is_rim = (away > RIM[0]) & (away <= RIM[1])
    luma = color.lightness_to_luma(lab[..., 0])
    beyond = is_rim & (np.abs(luma - luma[inside].mean()) >= metrics.EDGE_STEP)
    edge = float(share[beyond].mean()) if beyond.any() else np.nan
    return float(share[inside].mean()), float(share[~inside].mean()), edge


def _ab_of(canvas: Canvas) -> Floats:
    rgb = canvas.picture().astype(np.float32) / np.float32(255)
    return color.rgb_to_lab(rgb)[..., 1:]
