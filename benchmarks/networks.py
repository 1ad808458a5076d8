"""Networks alone, and frames from gray to color: by size, device, precision and threads."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import cv2
import numpy as np

from benchmarks.peer_graph import INPUT, SIZE, PeerGraph, export_peer
from benchmarks.publish import Destination, publish
from tinct.color import Gray, Planes, luma_to_lightness
from tinct.cores import count_processors
from tinct.lab.markdown import markdown_table
from tinct.lab.metrics.cost import count
from tinct.lab.metrics.timing import Timing, make_frame, time_interleaved
from tinct.runtime import Colorizer, model_path
from tinct.runtime.colorizer import working_luma
from tinct.runtime.engines import available_devices, load_engine

METHOD = (
    "Every workload is warmed up, then all of a table with equal threads take turns, round by "
    "round, so that a machine that drifts drifts for all; medians over all runs, quartiles in "
    "brackets. Network: L* in memory to its answer in memory. Frame: 8-bit gray in memory to 8-bit "
    "color in memory, all of the runtime. Peers run in the same ONNX Runtime with the same "
    "options. MMAC: millions of multiplications of convolutions and matrix products with one "
    "picture of 256x256, counted on the graph."
)
_TIMES = ("ms", "p95", "per second")  # heads of the columns of _times
FRAMES = ((256, 256), (640, 480), (1280, 720), (1920, 1080), (3840, 2160))  # width, height
_GPUS = ("cuda", "tensorrt", "coreml", "directml")  # compute in 16 bits
_TURN, _LONG_TURN = 0.1, 0.3  # seconds that each workload has in a round
_SIDE = 256  # of what int8 is calibrated on, in pixels


@dataclass(frozen=True, slots=True)
class SpeedPlan:
    """What is timed."""

    model: str
    device: str
    threads: int | None  # None: one, and all
    peers: tuple[str, ...]
    rounds: int
    is_full: bool  # every device and precision that there is


@dataclass(frozen=True, slots=True)
class SpeedLine:
    """One thing that was timed."""

    kind: Literal["network", "frame"]  # the network alone, or from an 8-bit frame to its colors
    model: str
    note: str
    precision: str
    device: str
    threads: int
    width: int  # of the frame; of what the network is shown, where it is alone
    height: int
    parameters: int | None
    mmac: float  # at 256x256
    timing: Timing


@dataclass(frozen=True, slots=True)
class _Model:
    """A file to be timed, and what to say about it."""

    path: Path
    name: str
    precision: str
    parameters: int | None
    mmac: float


Workload = tuple[Callable[[], object], Callable[[Timing], SpeedLine]]


def measure_speed(plan: SpeedPlan, sources: Sequence[Path], scratch: Path) -> list[SpeedLine]:
    """Time everything, what has equal threads in turn with each other.

    Args:
        plan: What is timed.
        sources: Photographs; the frames are made from the first.
        scratch: Where networks of others and other precisions are written.

    Raises:
        TinctError: A model, a device or a photograph cannot be used.
    """
    peers = [export_peer(spec, scratch) for spec in plan.peers]
    models = list(_models(plan, sources, scratch))
    frames = [make_frame(sources[0], width, height) for width, height in FRAMES]
    cores = count_processors()
    lines: list[SpeedLine] = []
    for threads in sorted({1, cores} if plan.threads is None else {plan.threads}):
        cv2.setNumThreads(threads)
        workloads = list(_workloads(plan, models, peers, frames, threads))
        seconds = time_interleaved(
            {str(number): run for number, (run, _) in enumerate(workloads)},
            plan.rounds,
            turn=_LONG_TURN if plan.is_full else _TURN,
        )
        timings = (Timing.of(values) for values in seconds.values())
        lines += [to_line(timing) for (_, to_line), timing in zip(workloads, timings, strict=True)]
    cv2.setNumThreads(cores)
    return lines


def _models(plan: SpeedPlan, sources: Sequence[Path], scratch: Path) -> Iterator[_Model]:
    """Yield the model that is asked for, and in the full benchmark its other precisions."""
    path = model_path(plan.model)
    spec = Colorizer(path, device="cpu", threads=1).session.spec
    precision = str(spec.provenance.get("precision", "fp32"))
    mmac = count(path).mmac
    yield _Model(path, path.stem, precision, spec.parameters, mmac)
    if not plan.is_full or precision != "fp32":
        return
    from tinct.lab.train.precision import to_precision  # torch

    photographs = [_lightness(make_frame(source, _SIDE, _SIDE)) for source in sources]
    for other in ("fp16", "int8"):
        file = scratch / f"{path.stem}-{other}.onnx"
        file.write_bytes(to_precision(path.read_bytes(), other, photographs))
        yield _Model(file, path.stem, other, spec.parameters, mmac)


def _workloads(
    plan: SpeedPlan,
    models: Sequence[_Model],
    peers: Sequence[PeerGraph],
    frames: Sequence[Gray],
    threads: int,
) -> Iterator[Workload]:
    devices = available_devices() if plan.is_full else [plan.device]
    for device in devices:
        for model in models:
            if model.precision != "fp16" or device in _GPUS:
                yield from _of_model(model, device, threads, frames)
        for peer in peers:
            yield _of_peer(peer, device, threads)


def _of_model(
    model: _Model, device: str, threads: int, frames: Sequence[Gray]
) -> Iterator[Workload]:
    colorizer = Colorizer(model.path, device=device, threads=threads)
    spec, found = colorizer.session.spec, colorizer.session.device
    shown: set[tuple[int, ...]] = set()

    def line(kind: Literal["network", "frame"], size: tuple[int, ...], timing: Timing) -> SpeedLine:
        height, width = size
        return SpeedLine(
            kind, model.name, "", model.precision, found, threads, width, height,
            model.parameters, model.mmac, timing,
        )  # fmt: skip

    def workloads_of(frame: Gray, short_side: int) -> Iterator[Workload]:
        lightness = luma_to_lightness(working_luma(frame, short_side, spec.multiple))
        if lightness.shape not in shown:
            shown.add(lightness.shape)
            run = partial(colorizer.predict, lightness[None, None])
            yield run, partial(line, "network", lightness.shape)

    yield from workloads_of(frames[0], SIZE)  # a square, as peers see it, whatever size it works at
    for frame in frames:
        yield from workloads_of(frame, spec.short_side)
        yield partial(colorizer, frame), partial(line, "frame", frame.shape)


def _of_peer(peer: PeerGraph, device: str, threads: int) -> Workload:
    engine = load_engine(peer.path, device, threads)
    size = SIZE
    lightness = np.random.default_rng(0).uniform(0, 100, (1, 1, size, size)).astype(np.float32)

    def line(timing: Timing) -> SpeedLine:
        return SpeedLine(
            "network", peer.name, peer.note, "fp32", engine.device, threads, size, size,
            peer.parameters, peer.mmac, timing,
        )  # fmt: skip

    return partial(engine.run, {INPUT: lightness}, engine.outputs), line


def _lightness(frame: Gray) -> Planes:
    return luma_to_lightness(frame.astype(np.float32) / np.float32(255))[None, None]


def bench_networks(plan: SpeedPlan, photographs: Sequence[Path], destination: Destination) -> None:
    """Measure networks, print the tables and write them where that was asked for.

    Args:
        plan: What is timed.
        photographs: What the frames are made from; int8 is calibrated on them.
        destination: Where the result goes.

    Raises:
        TinctError: A model, a device or a photograph cannot be used, or a result not be written.
    """
    with tempfile.TemporaryDirectory(prefix="tinct-bench-") as scratch:
        lines = measure_speed(plan, photographs, Path(scratch))
    networks = [line for line in lines if line.kind == "network"]
    frames = [line for line in lines if line.kind == "frame"]
    parts = [
        "## The network alone",
        _network_table(networks),
        "## From a gray frame to a colored one",
        _frame_table(frames),
    ]
    numbers: dict[str, object] = {"lines": [asdict(line) for line in lines]}
    publish("networks", parts, numbers, METHOD, plan.rounds, destination)


def _network_table(lines: Sequence[SpeedLine]) -> str:
    rows = []
    for line in lines:
        name = f"{line.model} ({line.note})" if line.note else line.model
        first = _reference(line, lines)
        ratio = f"{line.timing.median / first.timing.median:.2f}" if first else ""
        parameters = "" if line.parameters is None else f"{line.parameters:,}"
        seen = f"{line.width}x{line.height}"
        kind = (line.precision, line.device, seen, str(line.threads))
        rows.append([name, *kind, parameters, f"{line.mmac:,.1f}", *_times(line.timing), ratio])
    heads = ("network", "precision", "device", "sees", "threads", "parameters", "MMAC")
    return markdown_table([*heads, *_TIMES, "times as long"], rows, num_texts=4)


def _reference(line: SpeedLine, lines: Sequence[SpeedLine]) -> SpeedLine | None:
    """Return the first network that ran on the same device, threads and size."""
    place = (line.device, line.threads, line.width, line.height)
    same = (o for o in lines if (o.device, o.threads, o.width, o.height) == place)
    return next(same, None)


def _frame_table(lines: Sequence[SpeedLine]) -> str:
    rows = [
        [f"{i.width}x{i.height}", i.model, i.precision, i.device, str(i.threads), *_times(i.timing)]
        for i in lines
    ]
    heads = ("frame", "model", "precision", "device", "threads")
    return markdown_table([*heads, *_TIMES], rows, num_texts=4)


def _times(timing: Timing) -> tuple[str, str, str]:
    median, low, high, p95 = (1000 * t for t in (timing.median, timing.p25, timing.p75, timing.p95))
    return f"{median:.1f} [{low:.1f}, {high:.1f}]", f"{p95:.1f}", f"{1000 / median:.1f}"
