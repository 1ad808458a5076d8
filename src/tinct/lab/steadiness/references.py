"""What frames in color are worth: key frames of a film, and references for other frames."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import fmean
from typing import TYPE_CHECKING

import numpy as np

from tinct.color import dequantize_chroma, luma_chroma_to_rgb, rgb_to_lab, rgb_to_luma
from tinct.frame_format import FrameFormat
from tinct.gamut import chroma_from_lab
from tinct.lab.markdown import markdown_table
from tinct.lab.metrics.metrics import ciede2000
from tinct.runtime.film import FilmColorizer
from tinct.runtime.key_frames import KeyFrames, Scene
from tinct.runtime.temporal import CutFinder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tinct.lab.steadiness.clips import Clip
    from tinct.runtime import Colorizer

    Floats = NDArray[np.float32]

INTERVALS = (2.0, 10.0)
"""Seconds from one key frame to the next; every scene has one at least."""
SCORED = 5
"""Every so many frames one is compared with the truth."""
DISTANCES = (10, 30, 100)
"""Frames from a reference to the frame that it colors."""
PAIRS = 4
"""Frames of a clip that are colored by a reference, at each distance."""

METHOD = f"""\
Clips have 256 rows and are colored from their 8-bit luma, steadied. Key frames are true frames, in
the middle of equal parts of a scene. CIEDE2000 and PSNR of ab (peak 255) are of the finished
frames, every {SCORED}th of them, in full size. Frames a second are of prediction and averaging
alone, on one thread. A reference is the true frame so many frames before, whether or not a cut lies
between; frames by themselves, not steadied. Histogram transfer: a and b of the automatic answer get
the distributions that they have in the reference."""


@dataclass(frozen=True)
class Score:
    """How true one way of coloring is."""

    clip: str
    way: str
    difference: float
    """CIEDE2000."""
    psnr: float
    """Of ab, in dB."""
    rate: float = float("nan")
    """Frames a second."""


def measure_key_frames(clip: Clip, colorizer: Colorizer) -> list[Score]:
    """Color a clip automatically and from key frames."""
    lumas = [_luma(frame) for frame in clip.frames]
    film = _film(clip, colorizer)
    scenes = find_scenes(film, lumas)
    ways = {"automatic": KeyFrames()}
    for seconds in INTERVALS:
        name = f"a key frame each {seconds:g} s"
        ways[name] = _key_frames(clip, film, lumas, scenes, round(seconds * clip.rate))
    return [_score_film(clip, colorizer, lumas, way, known) for way, known in ways.items()]


def find_scenes(film: FilmColorizer, lumas: Sequence[NDArray[np.uint8]]) -> list[tuple[int, int]]:
    """Return the numbers of the first frame of each scene and of the first one after it."""
    is_cut = CutFinder()
    begins = [number for number, luma in enumerate(lumas) if is_cut(film.small_luma(luma))]
    return list(pairwise([*begins, len(lumas)]))


def _key_frames(
    clip: Clip,
    film: FilmColorizer,
    lumas: Sequence[NDArray[np.uint8]],
    scenes: Sequence[tuple[int, int]],
    step: int,
) -> KeyFrames:
    found = []
    for begin, end in scenes:
        count = max(round((end - begin) / step), 1)
        numbers = (begin + int((part + 0.5) * (end - begin) / count) for part in range(count))
        known = tuple(
            (number, film.key_frame(lumas[number], clip.frames[number])) for number in numbers
        )
        found.append(Scene(begin, end, known))
    return KeyFrames(found, range(len(lumas)))


def _score_film(
    clip: Clip,
    colorizer: Colorizer,
    lumas: Sequence[NDArray[np.uint8]],
    way: str,
    known: KeyFrames,
) -> Score:
    film, spent, scores = _film(clip, colorizer), 0.0, []
    for number, (luma, truth) in enumerate(zip(lumas, clip.frames, strict=True)):
        begun = time.process_time()
        view = film.smooth(film.predict(luma, known.near(number)))
        spent += time.process_time() - begun
        if number % SCORED == 0:
            chroma = np.dstack(film.compose(luma, film.fit(view)))
            gray = luma.astype(np.float32) / np.float32(255)
            rgb = luma_chroma_to_rgb(gray, dequantize_chroma(chroma, 8, "full"))
            scores.append(compare(rgb.clip(0, 1), truth))
    difference, psnr = (fmean(values) for values in zip(*scores, strict=True))
    return Score(clip.name, way, difference, psnr, len(lumas) / spent)


def measure_references(clip: Clip, colorizer: Colorizer) -> Iterator[Score]:
    """Color frames of a clip from earlier ones, and automatically."""
    for distance in DISTANCES:
        if distance >= len(clip.frames):
            continue
        for number in np.linspace(distance, len(clip.frames) - 1, PAIRS).astype(int):
            known, truth = clip.frames[number - distance], clip.frames[number]
            canvas = colorizer.open(_luma(truth))
            automatic = canvas.picture()
            canvas.reference(known)
            ways = {
                "automatic": automatic,
                "histogram transfer": transfer_histograms(automatic, known),
                "reference": canvas.picture(),
            }
            for way, rgb in ways.items():
                yield Score(
                    f"{distance} frames apart", way, *compare(rgb.astype(np.float32) / 255, truth)
                )


def transfer_histograms(rgb: NDArray[np.uint8], known: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Give a and b of a picture (H, W, 3) the distributions of another; luma stays."""
    lab, wanted = (rgb_to_lab(one.astype(np.float32) / 255) for one in (rgb, known))
    ab = np.empty_like(lab[..., 1:])
    for channel in (1, 2):
        values = lab[..., channel].ravel()
        ranks = np.empty(len(values))
        ranks[np.argsort(values, kind="stable")] = np.linspace(0, 1, len(values))
        levels = np.sort(wanted[..., channel], axis=None)
        mapped = np.interp(ranks, np.linspace(0, 1, len(levels)), levels)
        ab[..., channel - 1] = mapped.reshape(lab.shape[:2])
    luma = rgb_to_luma(rgb.astype(np.float32) / 255)
    made = luma_chroma_to_rgb(luma, chroma_from_lab(luma, ab)).clip(0, 1)
    return _to_bytes(made * 255)


def compare(rgb: Floats, truth: NDArray[np.uint8]) -> tuple[float, float]:
    """Return CIEDE2000 and PSNR of ab of a picture (H, W, 3), 0..1."""
    found, wanted = rgb_to_lab(rgb), rgb_to_lab(truth.astype(np.float32) / 255)
    error = float(np.square(found[..., 1:] - wanted[..., 1:]).mean())
    return ciede2000(found, wanted), 10 * float(np.log10(255**2 / max(error, 1e-6)))


def to_markdown(
    model: str, films: Sequence[Score], references: Sequence[Score], command: str
) -> str:
    """Render both tables; those of references are means over clips."""
    lines = [
        [one.clip, one.way, f"{one.difference:.2f}", f"{one.psnr:.2f}", f"{one.rate:.0f}"]
        for one in films
    ]
    heads = ["CIEDE2000", "PSNR of ab, dB"]
    parts = ["# Frames in color as key frames and references", f"Model `{model}`.", METHOD]
    parts += ["## Key frames"]
    parts += [markdown_table(["clip", "", *heads, "frames/s"], lines, num_texts=2)]
    grouped: dict[tuple[str, str], list[Score]] = {}
    for one in references:
        grouped.setdefault((one.clip, one.way), []).append(one)
    means = [
        [*names, str(len(some))]
        + [f"{fmean(getattr(one, key) for one in some):.2f}" for key in ("difference", "psnr")]
        for names, some in grouped.items()
    ]
    parts += ["## References"]
    parts += [markdown_table(["", "", "frames", *heads], means, num_texts=2), f"`{command}`"]
    return "\n\n".join(parts) + "\n"


def _luma(frame: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return _to_bytes(rgb_to_luma(frame.astype(np.float32)))


def _to_bytes(values: Floats) -> NDArray[np.uint8]:
    return np.asarray(np.rint(values), np.uint8)


def _film(clip: Clip, colorizer: Colorizer) -> FilmColorizer:
    height, width = clip.frames[0].shape[:2]
    form = FrameFormat(width, height, shift=(0, 0), full_range=True, matrix="bt601")
    return FilmColorizer(colorizer, form)
