"""Exports of the networks beside their model files: size, speed, difference of colors."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.publish import Destination, publish
from tinct.color import Plane, luma_to_lightness
from tinct.errors import MissingExtraError
from tinct.lab.exports.export import TARGETS, Target, colors, export_model_to
from tinct.lab.exports.models import Source, open_source
from tinct.lab.exports.runtimes import load_export
from tinct.lab.markdown import markdown_table
from tinct.lab.metrics.timing import Timing, make_frame, time_interleaved
from tinct.lab.train.precision import to_precision
from tinct.runtime.engines import Arrays, Engine

METHOD = (
    "The network alone, one picture, one thread, all rows in turn; medians over all "
    "runs, quartiles in brackets. Rows without decoding answer features and scores, the others "
    "colors as well. Differences are of ab in CIE units from the model file in ONNX Runtime, "
    "decoded at the model's own vividness: the mean over every other photograph, and the largest "
    "anywhere. int8, calibrated on the rest of them: convolutions and additions in integers; the "
    "first convolution and the decoding stay as they are. Core ML runs on Apple's machines alone."
)
_SIDE = 256
_TURN = 0.2  # seconds that each workload has in a round


@dataclass(frozen=True, slots=True)
class ExportLine:
    """One file, in its runtime."""

    model: str
    format: str
    runtime: str
    bytes: int
    difference_mean: float | None
    difference_largest: float | None
    timing: Timing | None


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A file to be timed; ``engine`` is None where there is no runtime for it here."""

    format: str
    runtime: str
    paths: tuple[Path, ...]
    engine: Engine | None

    @property
    def bytes(self) -> int:
        return sum(
            inner.stat().st_size
            for path in self.paths
            for inner in (path.rglob("*") if path.is_dir() else [path])
            if inner.is_file()
        )


_RUNTIMES: dict[Target, str] = {
    "onnx": "ONNX Runtime",
    "openvino": "OpenVINO",
    "ncnn": "ncnn",
    "litert": "LiteRT",
    "coreml": "Core ML",
}


def bench_exports(
    models: Sequence[str], photographs: Sequence[Path], rounds: int, destination: Destination
) -> None:
    """Export models to every format that is installed, measure, print and write the table.

    Args:
        models: Names in the package, or model files.
        photographs: Two at least: colors are compared on every other one, int8 is calibrated on
            the rest.
        rounds: How often everything is timed.
        destination: Where the result goes.

    Raises:
        TinctError: A model or a photograph cannot be used, or the result not be written.
    """
    pictures = [_lightness(path) for path in photographs]
    lines: list[ExportLine] = []
    with tempfile.TemporaryDirectory(prefix="tinct-bench-") as scratch:
        for model in models:
            source = open_source(model, (_SIDE, _SIDE))
            candidates = [
                _model_file(source),
                *_exports(model, source, Path(scratch)),
                *_integers(source, pictures[::2], Path(scratch)),
            ]
            lines += _measure(source, candidates, pictures[1::2], rounds)
    numbers: dict[str, object] = {"lines": [asdict(line) for line in lines]}
    publish("exports", [_table(lines)], numbers, METHOD, rounds, destination)


def _lightness(path: Path) -> Plane:
    frame = make_frame(path, _SIDE, _SIDE).astype(np.float32) / np.float32(255)
    return luma_to_lightness(frame)[None, None]


def _model_file(source: Source) -> _Candidate:
    path = source.network.path
    return _Candidate("model file", "ONNX Runtime", (path,), load_export(path))


def _exports(model: str, source: Source, scratch: Path) -> Iterable[_Candidate]:
    for target in TARGETS:
        folder = scratch / f"{source.name}-{target}"
        size = (_SIDE, _SIDE) if target in ("litert", "coreml") else None
        try:
            made = export_model_to(target, model, folder, size)
        except MissingExtraError:
            continue
        paths = tuple(p for p in made.files if p.stem == source.name and p.suffix != ".json")
        engine = None if made.difference is None else load_export(paths[0])
        name = "onnx, without decoding" if target == "onnx" else target
        yield _Candidate(name, _RUNTIMES[target], paths, engine)


def _integers(source: Source, pictures: Sequence[Plane], scratch: Path) -> Iterable[_Candidate]:
    whole = source.network.path
    if source.network.has_half_weights:  # int8 is made from 32 bits
        return
    path = scratch / f"{source.name}-int8.onnx"
    path.write_bytes(to_precision(whole.read_bytes(), "int8", pictures))
    yield _Candidate("int8", "ONNX Runtime", (path,), load_export(path))


def _measure(
    source: Source, candidates: Sequence[_Candidate], pictures: Sequence[Plane], rounds: int
) -> list[ExportLine]:
    level = np.array([source.spec.default_vividness], np.float32)
    workloads: dict[str, Callable[[], object]] = {}
    for number, candidate in enumerate(candidates):
        engine = candidate.engine
        if engine is not None:
            feed: Arrays = {"lightness": pictures[0]}
            if "ab" in engine.outputs:
                feed["vividness"] = level
            workloads[str(number)] = partial(engine.run, feed, engine.outputs)
    seconds = time_interleaved(workloads, rounds, turn=_TURN)
    reference = candidates[0].engine
    assert reference is not None
    lines = []
    for number, candidate in enumerate(candidates):
        engine = candidate.engine
        differences = _differences(source, reference, engine, pictures) if engine else None
        lines.append(
            ExportLine(
                source.name,
                candidate.format,
                candidate.runtime,
                candidate.bytes,
                differences[0] if differences else None,
                differences[1] if differences else None,
                Timing.of(seconds[str(number)]) if engine else None,
            )
        )
    return lines


def _differences(
    source: Source, reference: Engine, engine: Engine, pictures: Sequence[Plane]
) -> tuple[float, float]:
    vividness = source.spec.default_vividness
    found = []
    for lightness in pictures:
        feed: Arrays = {"lightness": lightness}
        wanted, _ = colors(source, reference, feed, vividness)
        ab, _ = colors(source, engine, feed, vividness)
        found.append(np.abs(ab - wanted))
    return float(np.mean(found)), float(np.max(found))


def _table(lines: Sequence[ExportLine]) -> str:
    rows = []
    for line in lines:
        if line.timing is None:
            times, differences = ["not run here"], ["", ""]
        else:
            median, low, high = (
                1000 * t for t in (line.timing.median, line.timing.p25, line.timing.p75)
            )
            times = [f"{median:.1f} [{low:.1f}, {high:.1f}]"]
            differences = [f"{line.difference_mean:.2g}", f"{line.difference_largest:.2g}"]
        size = f"{line.bytes / 1e6:.2f}"
        rows.append([line.model, line.format, line.runtime, size, *times, *differences])
    heads = ("network", "format", "runtime", "MB", "ms", "ab differs, mean", "largest")
    return markdown_table(heads, rows, num_texts=3)
