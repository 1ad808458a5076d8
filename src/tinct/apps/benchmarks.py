"""What ``tinct bench`` measures, with the same code that does the work."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tinct.apps.batch import BatchOptions, choose_jobs, choose_threads, run_batch
from tinct.apps.console import say
from tinct.apps.plan import Job, list_pictures
from tinct.apps.report import write_json
from tinct.errors import InputError
from tinct.evaluate.benchmark import Timing, make_photographs, time_command, time_interleaved
from tinct.evaluate.report import describe_machine, installed_versions
from tinct.runtime import Colorizer

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tinct.media import Picture

_LARGE = 12.0  # megapixels of a photograph in the folder
_SMALL = 2.0  # megapixels of the one photograph
_NETWORK_RUNS = 100
_NETWORK_SIDE = 256  # pixels


@dataclass(frozen=True, slots=True)
class Bench:
    """What to measure."""

    folder: str
    as_they_are: bool
    rounds: int
    count: int
    model: str
    device: str
    threads: int | None
    jobs: int | None


def measure(bench: Bench, json: str | None) -> None:
    """Measure everything and print it.

    Args:
        bench: What to measure.
        json: Where the numbers go as JSON as well, if anywhere: a file, or ``-`` for stdout.

    Raises:
        InputError: There are no photographs, or one cannot be read.
    """
    sources = list(islice(list_pictures(Path(bench.folder)), bench.count))
    if not sources:
        raise InputError(f"{bench.folder}: no photographs to measure with")
    with tempfile.TemporaryDirectory(prefix="tinct-bench-") as name:
        scratch = Path(name)
        if not bench.as_they_are:
            say(f"making {bench.count} photographs of {_LARGE:g} megapixels ...")
            photographs = make_photographs(sources, scratch, bench.count, _LARGE)
        else:
            photographs = sources
        say("measuring the folder ...")
        folder = measure_folder(photographs, scratch / "results", bench)
        say("measuring one photograph from the shell ...")
        single = _measure_single(sources[0], scratch, bench)
    say("measuring the network ...")
    network = _measure_network(bench)
    result: dict[str, object] = {
        "machine": describe_machine(),
        "versions": installed_versions(),
        "folder": folder,
        "single_seconds": asdict(single),
        "network_seconds": asdict(network),
    }
    if json != "-":
        _show(result, single, network)
    if json is not None:
        write_json(result, json)


def measure_folder(
    photographs: Sequence[Path], results: Path, bench: Bench
) -> dict[str, float | int]:
    """Compare colouring a folder with only decoding and encoding it.

    Encoding alone is measured twice: of the gray pictures as they came, and of the coloured ones,
    which have more to encode.

    Args:
        photographs: The folder.
        results: A folder for what is written.
        bench: What to measure.

    Returns:
        Median seconds of each, and the medians over the rounds of the ratios.

    Raises:
        InputError: A photograph cannot be coloured.
    """
    num_jobs = choose_jobs(bench.jobs, len(photographs))
    colorizer = Colorizer(
        bench.model, device=bench.device, threads=choose_threads(bench.threads, num_jobs)
    )
    options = BatchOptions(jobs=num_jobs, overwrite=True)
    jobs = [Job(path, results / f"{i:03d}-{path.name}") for i, path in enumerate(photographs)]
    colored: dict[bytes, Picture] = {}

    def remember(picture: Picture) -> Picture:
        return colored.setdefault(_fingerprint(picture), colorizer(picture))

    def recall(picture: Picture) -> Picture:
        return replace(colored[_fingerprint(picture)], warnings=())

    def run(color: Callable[[Picture], Picture]) -> Callable[[], None]:
        return lambda: _run_quietly(jobs, color, options)

    run(remember)()
    seconds = time_interleaved(
        {"color": run(colorizer), "copy_color": run(recall), "copy_gray": run(lambda gray: gray)},
        bench.rounds,
    )
    times = {name: np.asarray(values) for name, values in seconds.items()}
    return {
        "photographs": len(photographs),
        "jobs": num_jobs,
        "rounds": bench.rounds,
        "color_seconds": float(np.median(times["color"])),
        "copy_color_seconds": float(np.median(times["copy_color"])),
        "copy_gray_seconds": float(np.median(times["copy_gray"])),
        "ratio_to_copy_color": float(np.median(times["color"] / times["copy_color"])),
        "ratio_to_copy_gray": float(np.median(times["color"] / times["copy_gray"])),
    }


def _run_quietly(
    jobs: Sequence[Job], color: Callable[[Picture], Picture], options: BatchOptions
) -> None:
    records = run_batch(jobs, color, options, quiet=True)
    for record in records:
        if record.status == "failed":
            raise InputError(f"{record.input}: {record.reason}")


def _fingerprint(picture: Picture) -> bytes:
    return picture.pixels[::97, ::89].tobytes()


def _measure_single(source: Path, scratch: Path, bench: Bench) -> Timing:
    """Time ``tinct photo.jpg`` as the shell runs it."""
    (photograph,) = make_photographs([source], scratch, 1, _SMALL)
    result = photograph.with_name(f"{photograph.stem}-color.jpg")

    def forget() -> None:
        result.unlink(missing_ok=True)

    command = [sys.executable, "-m", "tinct", str(photograph)]
    return time_command(command, bench.rounds, before=forget)


def _measure_network(bench: Bench) -> Timing:
    colorizer = Colorizer(bench.model, device=bench.device, threads=bench.threads)
    random = np.random.default_rng(0)
    lightness = random.uniform(0, 100, (1, 1, _NETWORK_SIDE, _NETWORK_SIDE)).astype(np.float32)
    workload = {"network": lambda: colorizer.predict(lightness)}
    return Timing.of(time_interleaved(workload, _NETWORK_RUNS, warm_up=20)["network"])


def _show(result: dict[str, object], single: Timing, network: Timing) -> None:
    folder = result["folder"]
    assert isinstance(folder, dict)
    print(result["machine"])
    print(
        f"{folder['photographs']} photographs, {folder['jobs']} jobs, {folder['rounds']} rounds: "
        f"coloured in {folder['color_seconds']:.2f} s\n"
        f"  {folder['ratio_to_copy_gray']:.2f} times decoding and encoding alone "
        f"({folder['copy_gray_seconds']:.2f} s)\n"
        f"  {folder['ratio_to_copy_color']:.2f} times decoding, and encoding the coloured ones "
        f"({folder['copy_color_seconds']:.2f} s)\n"
        f"one photograph of {_SMALL:g} megapixels from the shell: {single}\n"
        f"the network alone, {_NETWORK_SIDE} x {_NETWORK_SIDE} pixels: {network}"
    )
