"""Color films in several ways, and measure how steady and how true each of them is."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color import dequantize_chroma, luma_chroma_to_rgb, rgb_to_luma
from tinct.frame_format import FrameFormat
from tinct.lab.markdown import markdown_table
from tinct.lab.metrics.metrics import colorfulness, psnr
from tinct.lab.metrics.timing import Timing, time_interleaved
from tinct.lab.steadiness.clips import NOISY_FRAMES, NUM_FRAMES, Clip
from tinct.lab.steadiness.flicker import (
    Floats,
    SceneMotion,
    ab_in_mean_light,
    ab_of,
    cdc,
    observe,
    shrink,
    temporal_deviation,
    warp_error,
)
from tinct.runtime import Colorizer
from tinct.runtime.film import FilmColorizer, View
from tinct.runtime.temporal import TemporalSmoother

AVERAGED = 8
"""Frames of the plain average that the smoother is compared with."""
FRAME = (1920, 1080)
"""Width and height of the frame beside which the smoother is timed."""
TIMED_ROUNDS = 40

METRICS = (
    ("answered", "SD of ab in maps", 2),
    ("steadier", "times less", 1),
    ("deviation", "SD of ab in frames", 2),
    ("warp", "warp error of ab", 2),
    ("cdc", "CDC x1000", 2),
    ("colorfulness", "CF", 1),
    ("psnr", "PSNR RGB dB", 2),
    ("gain", "dB gained", 2),
)
"""Key, title and decimals of each column."""

METHOD = (
    f"Frames have 256 rows. Rows see the 8-bit BT.601 luma of the true film; chroma is composed "
    f"at full size in 16 bits, so that rounding counts for nothing. Films made of photographs "
    f"have {NUM_FRAMES} frames, that with noise {NOISY_FRAMES}; their numbers are means over the "
    f"photographs. SD of ab: standard deviation of (a, b) over time where the true film stands "
    f"still over a second, the first second of each scene included. In maps: of the network's "
    f"answers, as they are or averaged, from which chroma is made. In frames: of the finished "
    f"ones, in cells of 4x4 pixels, each with its mean luma; there chroma follows luma, its "
    f"grain included, as edges demand. Warp error: root mean square change of ab along the "
    f"optical flow of the true film, where the frame before shows the same. CDC: Jensen-Shannon "
    f"divergence of the histograms of R, G and B between frames 1, 2 and 4 apart; it holds "
    f"changes of luma as well, the same in all rows, and a gray film is as low as a perfect one: "
    f"see CF beside it. PSNR: of each frame against the true one, mean over frames. Times less "
    f"(in maps) and dB gained: against frame by frame. A plain average is one of ab with the "
    f"weight 1/{AVERAGED} for each new frame, that knows nothing of motion or cuts."
)


@dataclass(frozen=True, slots=True)
class SteadinessRow:
    """How steady and how true one way of coloring is; NaN where nothing can be said."""

    name: str
    deviation: float  # of the finished frames
    warp: float
    cdc: float
    colorfulness: float
    psnr: float
    answered: float = math.nan  # deviation of the maps that chroma is fitted to
    steadier: float = math.nan  # of the maps
    gain: float = math.nan


@dataclass(frozen=True, slots=True)
class ClipResult:
    """The rows of one clip, or the means over clips of one name."""

    name: str
    frames: int
    rows: tuple[SteadinessRow, ...]


@dataclass(frozen=True, slots=True)
class SteadinessCost:
    """What steadying costs, one thread."""

    smoother: Timing
    frame: Timing

    @property
    def share(self) -> float:
        """Time of the smoother over that of a frame without it."""
        return self.smoother.median / self.frame.median


@dataclass(frozen=True, slots=True)
class Result:
    """Everything about one run."""

    model: str
    command: str
    machine: str
    versions: dict[str, str]
    cost: SteadinessCost
    clips: tuple[ClipResult, ...]

    def to_json(self) -> str:
        """Render all facts and numbers; what nothing can be said of is null."""
        record = asdict(self) | {"cost_share": self.cost.share, "method": METHOD}
        for clip in record["clips"]:
            for row in clip["rows"]:
                row |= {key: None for key, value in row.items() if value != value}  # NaN
        return json.dumps(record, indent=1, allow_nan=False) + "\n"

    def to_markdown(self) -> str:
        """Render the table with what is needed to repeat it."""
        titles = [title for _, title, _ in METRICS]
        lines = [
            _cells(clip, row, is_first=row is clip.rows[0])
            for clip in self.clips
            for row in clip.rows
        ]
        table = markdown_table(["clip", "frames", "", *titles], lines, num_texts=3)
        made = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        cost = (
            f"The smoother takes {self.cost.smoother} of a frame of {FRAME[0]}x{FRAME[1]} that "
            f"takes {self.cost.frame} without it, from luma to chroma planes, all on one thread, "
            f"in turn: {100 * self.cost.share:.1f} %."
        )
        parts = ["# Steadiness of films", f"Model `{self.model}`.", table, cost]
        parts += ["## Method", METHOD, f"`{self.command}`", f"{made}; {self.machine}."]
        return "\n\n".join(parts) + "\n"


def measure_clip(clip: Clip, colorizer: Colorizer) -> ClipResult:
    """Color a clip in all ways and measure each.

    Raises:
        ModelError: The model answers NaN or infinity.
    """
    film, steady = (_film(clip, colorizer, steady=steady) for steady in (False, True))
    luma = [_luma(frame) for frame in clip.frames]
    views = [film.predict(plane) for plane in luma]
    truth = [frame.astype(np.float32) / np.float32(255) for frame in clip.frames]
    scene = observe(clip.frames)
    rows = {
        "gray": _measure("gray", map(_gray, luma), truth, scene),
        "truth": _measure("truth", truth, truth, scene),
    }
    ways = {
        "frame by frame": [film.smooth(view) for view in views],
        "plain average": [film.smooth(view) for view in _average(views)],
        "steadied": [steady.smooth(view) for view in views],
    }
    for name, way in ways.items():
        row = _measure(name, _colored(film, luma, way), truth, scene)
        rows[name] = replace(row, answered=_deviation_of_maps(way, scene))
    single = rows["frame by frame"]
    rows |= {name: _compare(rows[name], single) for name in ("plain average", "steadied")}
    return ClipResult(clip.name, len(clip.frames), tuple(rows.values()))


def merge(results: Sequence[ClipResult]) -> tuple[ClipResult, ...]:
    """Average the results of equal names."""
    named: dict[str, list[ClipResult]] = {}
    for result in results:
        named.setdefault(result.name, []).append(result)
    return tuple(map(_mean, named.values()))


def measure_cost(clip: Clip, colorizer: Colorizer) -> SteadinessCost:
    """Time the smoother beside a whole frame without it, in turn.

    Args:
        clip: Its first frame is enlarged.
        colorizer: With one thread.
    """
    film = FilmColorizer(colorizer, FrameFormat(*FRAME), steady=False)
    codes = _luma(clip.frames[0]) // np.uint16(257)
    frame = cv2.resize(codes.astype(np.uint8), FRAME, interpolation=cv2.INTER_CUBIC)
    view, smoother = film.predict(frame), TemporalSmoother()
    seconds = time_interleaved(
        {
            "smoother": lambda: smoother(view.luma, view.ab, view.confidence),
            "frame": lambda: film(frame),
        },
        TIMED_ROUNDS,
    )
    return SteadinessCost(Timing.of(seconds["smoother"]), Timing.of(seconds["frame"]))


def _film(clip: Clip, colorizer: Colorizer, *, steady: bool) -> FilmColorizer:
    """Make what colors a clip."""
    height, width = clip.frames[0].shape[:2]
    form = FrameFormat(width, height, bits=16, shift=(0, 0), full_range=True, matrix="bt601")
    return FilmColorizer(colorizer, form, steady=steady)


def _luma(frame: NDArray[np.uint8]) -> NDArray[np.uint16]:
    """Return 8-bit luma in 16 bits."""
    return np.rint(rgb_to_luma(frame.astype(np.float32))).astype(np.uint16) * np.uint16(257)


def _gray(luma: NDArray[np.uint16]) -> Floats:
    return np.repeat(luma[..., None].astype(np.float32) / np.float32(65535), 3, axis=-1)


def _average(views: Sequence[View]) -> Iterator[View]:
    mean = views[0].ab
    for view in views:
        mean = mean + (view.ab - mean) / np.float32(AVERAGED)
        yield replace(view, ab=mean)


def _deviation_of_maps(views: Sequence[View], scene: SceneMotion) -> float:
    maps = [np.moveaxis(view.ab, 0, -1) for view in views]
    windows = [window.resized(*maps[0].shape[:2]) for window in scene.windows]
    return temporal_deviation(maps, windows)


def _colored(
    film: FilmColorizer, luma: Sequence[NDArray[np.uint16]], views: Iterable[View]
) -> Iterator[Floats]:
    """Yield frames (H, W, 3), 0..1."""
    for plane, view in zip(luma, views, strict=True):
        chroma = np.dstack(film.compose(plane, film.fit(view)))
        rgb = luma_chroma_to_rgb(_gray(plane)[..., 0], dequantize_chroma(chroma, film.format.bits))
        yield rgb.clip(0, 1)


def _measure(
    name: str, frames: Iterable[Floats], truth: Sequence[Floats], scene: SceneMotion
) -> SteadinessRow:
    cells, codes, fullness, ratios = [], [], [], []
    for frame, true in zip(frames, truth, strict=True):
        cells.append(shrink(frame))
        codes.append(np.rint(frame * 255).astype(np.uint8))
        fullness.append(colorfulness(frame))
        ratios.append(psnr(frame, true))
    return SteadinessRow(
        name,
        temporal_deviation(ab_in_mean_light(cells, scene.windows), scene.windows),
        warp_error([ab_of(one) for one in cells], scene.motions),
        1000 * cdc(codes),
        fmean(fullness),
        fmean(ratios),
    )


def _compare(row: SteadinessRow, single: SteadinessRow) -> SteadinessRow:
    steadier = single.answered / row.answered if row.answered else math.nan
    return replace(row, steadier=steadier, gain=row.psnr - single.psnr)


def _mean(results: Sequence[ClipResult]) -> ClipResult:
    """Average over clips; "times less" is the ratio of the averages."""
    rows = []
    for same in zip(*(result.rows for result in results), strict=True):
        values = {key: _mean_known([getattr(row, key) for row in same]) for key, _, _ in METRICS}
        rows.append(SteadinessRow(name=same[0].name, **values))
    single = next(row for row in rows if row.name == "frame by frame")
    compared = (_compare(row, single) if row.steadier == row.steadier else row for row in rows)
    return ClipResult(results[0].name, sum(result.frames for result in results), tuple(compared))


def _mean_known(values: Sequence[float]) -> float:
    known = [value for value in values if not math.isnan(value)]
    return fmean(known) if known else math.nan


def _cells(clip: ClipResult, row: SteadinessRow, is_first: bool) -> list[str]:
    values = ((getattr(row, key), decimals) for key, _, decimals in METRICS)
    cells = ("" if math.isnan(value) else f"{value:.{decimals}f}" for value, decimals in values)
    name, frames = (clip.name, str(clip.frames)) if is_first else ("", "")
    return [name, frames, row.name, *cells]
