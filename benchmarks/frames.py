"""Frames of a film in memory: from luma to chroma planes, as fast as all cores together can."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import cycle, islice
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.peer_graph import export_peer_model
from benchmarks.publish import Destination, publish
from tinct.apps.console import print_message
from tinct.color import quantize_luma
from tinct.cores import count_processors, prepare_threads
from tinct.frame_format import FrameFormat
from tinct.lab.markdown import markdown_table
from tinct.lab.metrics.timing import Timing, make_frame, time_interleaved
from tinct.runtime import Colorizer, model_path
from tinct.runtime.film import FilmColorizer, Samples
from tinct.runtime.parallel import color_frames

FRAMES = ((640, 480), (1280, 720), (1920, 1080), (3840, 2160))  # width, height
_SCENE = 8  # different frames, shown over and over
_PAN = 4  # pixels from one to the next
_TURN = 0.5  # seconds that a film lasts, about
_FEWEST, _MOST = 2, 150  # frames in it for each thread
_SINGLE = 12  # frames that the stages are timed with

METHOD = (
    "Luma planes in memory (8 bits, limited range, BT.709; a pan over a photograph with grain) to "
    "chroma planes in memory (4:2:0), colors steadied over time, with {jobs} frames in work at "
    "once and one thread for each. Models take turns; frames per second are medians over the "
    "rounds, quartiles in brackets. Processor time is that of all threads, in milliseconds a "
    "frame; what else runs on the machine changes it much less. Stages are milliseconds of one "
    "frame in one thread, medians. Networks of others are in the same ONNX Runtime and the same "
    "pipeline, seeing the same frames."
)


@dataclass(frozen=True, slots=True)
class FramesPlan:
    """What is timed."""

    model: str
    device: str
    threads: int | None  # of the network, for each frame; None: one
    jobs: int | None  # frames in work at once; None: as many as there are cores
    peers: tuple[str, ...]
    rounds: int
    sizes: Sequence[tuple[int, int]] = FRAMES


@dataclass(frozen=True, slots=True)
class FrameLine:
    """One model and one size of frames."""

    model: str
    note: str
    device: str
    width: int
    height: int
    sees: tuple[int, int]  # width and height that the network is shown
    jobs: int
    timing: Timing  # seconds a frame, with all threads at work
    times_as_long: float  # as the first model
    processor: float  # seconds of processor time a frame, all threads together
    stages: dict[str, float]  # seconds a frame, in one thread


@dataclass(frozen=True, slots=True)
class _Model:
    path: Path
    name: str
    note: str


def bench_frames(plan: FramesPlan, photograph: Path, destination: Destination) -> None:
    """Measure frames in memory, print the table and write it where that was asked for.

    Args:
        plan: What is timed.
        photograph: What the frames are made of.
        destination: Where the result goes.

    Raises:
        TinctError: A model, a device or the photograph cannot be used, or a result not be written.
    """
    with tempfile.TemporaryDirectory(prefix="tinct-bench-") as scratch:
        lines = measure_frames(plan, photograph, Path(scratch))
    method = METHOD.format(jobs=lines[0].jobs)
    numbers: dict[str, object] = {"frames": [asdict(line) for line in lines]}
    publish("frames", [to_table(lines)], numbers, method, plan.rounds, destination)


def measure_frames(plan: FramesPlan, source: Path, scratch: Path) -> list[FrameLine]:
    """Time every model at every size.

    Args:
        plan: What is timed.
        source: A photograph to make the frames of.
        scratch: Where networks of others are written.

    Raises:
        TinctError: A model, a device or the photograph cannot be used.
    """
    jobs = plan.jobs or count_processors()
    prepare_threads(jobs)
    models = list(_models(plan, scratch))
    colorizers = [
        Colorizer(model.path, device=plan.device, threads=plan.threads or 1) for model in models
    ]
    lines: list[FrameLine] = []
    for width, height in plan.sizes:
        print_message(f"measuring film frames of {width}x{height} ...")
        scene = make_scene(source, width, height)
        films = [
            _Film(FilmColorizer(colorizer, FrameFormat(width, height)), scene, jobs)
            for colorizer in colorizers
        ]
        seconds = time_interleaved(
            {str(index): film.run for index, film in enumerate(films)}, plan.rounds
        )
        first = median(seconds["0"]) / films[0].count
        for model, film, taken in zip(models, films, seconds.values(), strict=True):
            timing = Timing.of([value / film.count for value in taken])
            lines.append(
                FrameLine(
                    model.name,
                    model.note,
                    plan.device,
                    width,
                    height,
                    film.colorizer.predict(scene[0]).luma.shape[::-1],
                    jobs,
                    timing,
                    timing.median / first,
                    median(film.processor[-plan.rounds :]) / film.count,
                    time_stages(film.colorizer, scene),
                )
            )
    return lines


class _Film:
    """A film that is colored again and again.

    Attributes:
        colorizer: Colors it.
        count: Its frames, so many that it takes about ``_TURN`` seconds.
        processor: Seconds of processor time of each run so far, all threads together.
    """

    def __init__(self, colorizer: FilmColorizer, scene: Sequence[Samples], jobs: int) -> None:
        self.colorizer = colorizer
        self.processor: list[float] = []
        self._scene, self._jobs = scene, jobs
        self.count = _FEWEST * jobs
        self.run()
        start = time.perf_counter()
        self.run()
        each = (time.perf_counter() - start) / _FEWEST
        self.count = jobs * int(np.clip(_TURN / each, _FEWEST, _MOST))

    def run(self) -> None:
        """Color it once."""
        self.colorizer.reset()
        start = time.process_time()
        frames = islice(cycle(self._scene), self.count)
        for _ in color_frames(self.colorizer, frames, _itself, _planes, jobs=self._jobs):
            pass
        self.processor.append(time.process_time() - start)


def _itself(luma: Samples) -> Samples:
    return luma


def _planes(*planes: Samples) -> tuple[Samples, ...]:
    return planes


def make_scene(source: Path, width: int, height: int) -> list[Samples]:
    """Make luma planes of a pan over a photograph, 8 bits, limited range.

    Raises:
        InputError: The photograph cannot be read.
    """
    wide = make_frame(source, width + _SCENE * _PAN, height)
    codes = quantize_luma(np.linspace(0, 1, 256, dtype=np.float32), 8, "limited")[wide]
    starts = range(0, _SCENE * _PAN, _PAN)
    return [np.ascontiguousarray(codes[:, start : start + width]) for start in starts]


def time_stages(film: FilmColorizer, scene: Sequence[Samples]) -> dict[str, float]:
    """Return the seconds that each stage of a frame takes in this thread, medians."""
    stages: dict[str, list[float]] = {}
    for luma in islice(cycle(scene), _SINGLE):
        times = [time.perf_counter()]
        view = film.predict(luma)
        times.append(time.perf_counter())
        view = film.smooth(view)
        times.append(time.perf_counter())
        chroma = film.fit(view)
        times.append(time.perf_counter())
        film.compose(luma, chroma)
        times.append(time.perf_counter())
        for name, taken in zip(
            ("predict", "smooth", "fit", "compose"), np.diff(times), strict=True
        ):
            stages.setdefault(name, []).append(float(taken))
    return {name: median(values) for name, values in stages.items()}


def to_table(lines: Sequence[FrameLine]) -> str:
    """Render the table, in Markdown."""
    heads = ("frame", "model", "sees", "frames per second", "times as long", "processor time")
    return markdown_table([*heads, *lines[0].stages], map(_to_row, lines), num_texts=3)


def _to_row(line: FrameLine) -> list[str]:
    timing = line.timing
    rates = [f"{1 / value:.0f}" for value in (timing.median, timing.p75, timing.p25)]
    return [
        f"{line.width}x{line.height}",
        f"{line.model} ({line.note})" if line.note else line.model,
        "x".join(map(str, line.sees)),
        f"{rates[0]} [{rates[1]}, {rates[2]}]",
        f"{line.times_as_long:.2f}",
        f"{1000 * line.processor:.2f}",
        *(f"{1000 * value:.2f}" for value in line.stages.values()),
    ]


def _models(plan: FramesPlan, scratch: Path) -> Iterator[_Model]:
    path = model_path(plan.model)
    yield _Model(path, path.stem, "")
    for spec in plan.peers:
        peer = export_peer_model(spec, scratch)
        yield _Model(peer.path, peer.name, peer.note)
