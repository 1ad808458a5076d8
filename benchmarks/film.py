"""A film in H.264 from file to file: colored, and only decoded and encoded again."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import av
import numpy as np
from numpy.typing import NDArray

from benchmarks.publish import Destination, publish
from tinct.apps.colorizer_options import ColorizerOptions
from tinct.apps.console import print_message
from tinct.apps.films.color_film import prepare, run
from tinct.apps.films.options import FilmOptions
from tinct.films.encoder import EncoderChoice, EncoderPlan
from tinct.films.reader import FilmReader
from tinct.lab.markdown import markdown_table
from tinct.lab.metrics.timing import Timing, make_frame, time_interleaved

WIDTH, HEIGHT = 1920, 1080
PRESETS = ("medium", "ultrafast")
_RATE = Fraction(24)
_FRAMES = 120
_PAN = 3  # pixels a frame
_MARGIN = _PAN * _FRAMES
METHOD = (
    "The film: a slow pan over a photograph, with grain that changes from frame to frame, in "
    "H.264. Colored: all of `tinct video`, from opening the film and loading the network to the "
    "finished file. Only decoded and encoded: the same film through PyAV's decoder (all threads) "
    "and the same encoder with the same options, as one would write it, its gray frames left as "
    "they are. Both take turns; medians over the rounds. Processor time is that of all threads."
)


@dataclass(frozen=True, slots=True)
class FilmLine:
    """One film, colored and not, with one preset of the encoder."""

    preset: str
    width: int
    height: int
    frames: int
    color: Timing
    copy: Timing
    ratio: float
    """Rate of coloring over rate of only decoding and encoding, median over the rounds."""
    color_processor: float
    """Seconds of processor time a frame, of all threads together; median over the rounds."""
    copy_processor: float


def measure_films(
    source: Path, color: ColorizerOptions, rounds: int, presets: Sequence[str], scratch: Path
) -> list[FilmLine]:
    """Measure coloring a film from file to file.

    Args:
        source: A photograph to make it of.
        color: How it is colored.
        rounds: How often everything is timed.
        presets: Of the encoder.
        scratch: An empty folder.

    Raises:
        InputError: The photograph cannot be read.
        OutputError: A film cannot be written.
    """
    film = make_film(source, scratch / "film.mp4")
    lines = []
    for preset in presets:
        print_message(f"measuring a film, preset {preset} ...")
        options = FilmOptions(encoder=EncoderChoice(preset=preset), overwrite=True)
        job = prepare(str(film), scratch / "color.mp4", color, options)

        colored = _Metered(partial(run, job))
        copied = _Metered(partial(copy_film, film, scratch / "copy.mp4", job.plan))
        seconds = time_interleaved({"color": colored, "copy": copied}, rounds)
        ratio = float(np.median(np.divide(seconds["copy"], seconds["color"])))
        color_time, copy_time = (Timing.of(values) for values in seconds.values())
        processor = (colored.seconds() / _FRAMES, copied.seconds() / _FRAMES)
        lines.append(
            FilmLine(preset, WIDTH, HEIGHT, _FRAMES, color_time, copy_time, ratio, *processor)
        )
    return lines


class _Metered:
    """Something to run that notes how much processor time it takes."""

    def __init__(self, work: Callable[[], object]) -> None:
        self._work = work
        self._taken: list[float] = []

    def __call__(self) -> None:
        before = time.process_time()
        self._work()
        self._taken.append(time.process_time() - before)

    def seconds(self) -> float:
        """Return the median; the first run was for warming up."""
        return float(np.median(self._taken[1:]))


def make_film(source: Path, path: Path) -> Path:
    """Make a gray film in H.264 of a photograph.

    Raises:
        InputError: The photograph cannot be read.
    """
    with av.open(str(path), "w") as output:
        stream = output.add_stream("libx264", rate=_RATE, options={"crf": "18"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for luma in _pan(make_frame(source, WIDTH + _MARGIN, HEIGHT)):
            frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
            for index, plane in enumerate((luma, None, None)):
                rows = np.frombuffer(memoryview(frame.planes[index]), np.uint8)
                rows = rows.reshape(-1, frame.planes[index].line_size)
                rows[:, : frame.planes[index].width] = 128 if plane is None else plane
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
    return path


def _pan(wide: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    random = np.random.default_rng(0)
    for number in range(_FRAMES):
        part = wide[:, number * _PAN : number * _PAN + WIDTH]
        grain = random.integers(-4, 5, part.shape, np.int8)
        yield np.clip(part.astype(np.int16) + grain, 16, 235).astype(np.uint8)


def copy_film(source: Path, target: Path, plan: EncoderPlan) -> None:
    """Decode a film and encode its frames as they are.

    Args:
        source: The film.
        target: The new one.
        plan: The encoder.
    """
    time_base = FilmReader(source).facts.time_base
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        film = old.streams.video[0]
        film.thread_type = "AUTO"
        copied: Any = new.add_stream(plan.codec, rate=plan.rate)
        plan.configure(copied.codec_context)
        copied.time_base = time_base
        for number, frame in enumerate(old.decode(film)):
            frame.pts, frame.time_base = number, 1 / plan.rate
            new.mux(copied.encode(frame))
        new.mux(copied.encode(None))


def bench_films(
    photograph: Path, color: ColorizerOptions, rounds: int, destination: Destination
) -> None:
    """Measure films, print the table and write it where that was asked for.

    Args:
        photograph: What the film is made of.
        color: How it is colored.
        rounds: How often everything is timed.
        destination: Where the result goes.

    Raises:
        InputError: The photograph cannot be read.
        OutputError: A result cannot be written.
    """
    with tempfile.TemporaryDirectory(prefix="tinct-bench-") as scratch:
        lines = measure_films(photograph, color, rounds, PRESETS, Path(scratch))
    heads = ["film", "preset", "colored, frames/s", "only decoded and encoded", "ratio"]
    rows = [
        [
            f"{line.width}x{line.height}, H.264, {line.frames} frames",
            line.preset,
            f"{line.frames / line.color.median:.1f}",
            f"{line.frames / line.copy.median:.1f}",
            f"{line.ratio:.2f}",
            f"{1000 * line.color_processor:.1f}, {1000 * line.copy_processor:.1f}",
        ]
        for line in lines
    ]
    table = markdown_table([*heads, "processor, ms a frame"], rows, num_texts=2)
    numbers: dict[str, object] = {
        "PyAV": av.__version__,
        "films": [asdict(line) for line in lines],
    }
    publish("film", [table], numbers, METHOD, rounds, destination)
