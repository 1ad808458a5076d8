"""A model in the format of another runtime, checked with that runtime."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch

from tinct.errors import MissingExtraError, OptionError, OutputError, TrainingError
from tinct.files import make_folder
from tinct.lab.exports import formats
from tinct.lab.exports.models import open_source
from tinct.lab.exports.runtimes import load_export
from tinct.lab.train.begin import model_spec
from tinct.lab.train.export import smooth_lightness

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from tinct.lab.exports.formats import Writer
    from tinct.lab.exports.models import Graph, Source
    from tinct.runtime.engines import Arrays, Engine

Target = Literal["onnx", "openvino", "ncnn", "litert", "coreml"]
TARGETS: tuple[Target, ...] = get_args(Target)
"""Formats: ONNX without decoding, OpenVINO, ncnn, LiteRT, Core ML."""

_WRITERS: dict[Target, Writer] = {
    "onnx": formats.write_onnx,
    "openvino": formats.write_openvino,
    "ncnn": formats.write_ncnn,
    "litert": formats.write_litert,
    "coreml": formats.write_coreml,
}
_OF_ONE_SIZE: tuple[Target, ...] = ("litert", "coreml")
_DECODED: tuple[Target, ...] = ("openvino",)
_NOT_RUN: tuple[Target, ...] = ("coreml",)  # its runtime is on Apple's machines alone

TOLERANCE = 1e-4
"""Largest difference from ONNX Runtime, of ab / 110 and of the confidence; of the branch for hints,
of its answers over their largest."""
HALF_TOLERANCE = 5e-3
"""The same where weights are stored in 16 bits: the converters round some of them once more."""
_AB_RANGE = 110.0
_VIVIDNESS = (0.0, 1.0)


@dataclass(frozen=True)
class Export:
    """What was written."""

    files: tuple[Path, ...]
    """All of them, the description last."""
    difference: float | None
    """From ONNX Runtime, the largest found, in units of ``TOLERANCE``'s; None: it was not run."""


def export_model_to(
    target: Target, model: str, output: Path, size: tuple[int, int] | None = None
) -> Export:
    """Export a model, and its branch for hints if it has one, to the format of another runtime.

    Args:
        target: The format.
        model: Name of a model in the package, or path of a model file.
        output: The folder to make. It appears only if what is in it answers as ONNX Runtime does.
        size: Width and height of the pictures, in pixels, for formats that need one; None for a
            square of the model's short side.

    Raises:
        ModelError: There is no such model, or its weights are not all there.
        OptionError: The size is none of the model's, or not for this format.
        MissingExtraError: The converter or the runtime is not installed.
        TrainingError: It cannot be converted, or the runtime answers otherwise.
        OutputError: The folder is there already, or cannot be made.
    """
    _check_output(output)
    if size and target not in _OF_ONE_SIZE:
        raise OptionError(f"--size: {target} takes pictures of any size")
    if size:
        _check_size(size, model_spec(model).multiple)
    source = open_source(model, size)
    make_folder(output.absolute().parent)
    with tempfile.TemporaryDirectory(
        prefix=".tinct-export-", dir=output.absolute().parent
    ) as scratch:
        made = Path(scratch) / "made"
        made.mkdir()
        differences: list[float] = []
        written: dict[str, list[Path]] = {}
        try:
            for graph in source.graphs:
                written[graph.name] = _WRITERS[target](graph, made)
                if target not in _NOT_RUN:
                    differences.append(_check(source, graph, target, written[graph.name][0]))
        except ModuleNotFoundError as error:
            raise MissingExtraError(
                f"tinct lab export --to {target} ({error.name})", "export"
            ) from error
        description = made / f"{source.name}.json"
        description.write_text(describe(source, target, written), "utf-8")
        try:
            os.replace(made, output)
        except OSError as error:
            raise OutputError(f"{output}: cannot make the folder ({error.strerror})") from error
    files = [path.name for paths in written.values() for path in paths]
    return Export(
        tuple(output / name for name in (*files, description.name)),
        float(np.max(differences)) if differences else None,
    )


def _check_output(output: Path) -> None:
    if output.is_dir() and not any(output.iterdir()):
        return
    if output.exists() or output.is_symlink():
        raise OutputError(f"{output}: exists already; name a new folder")


def _check_size(size: tuple[int, int], multiple: int) -> None:
    """Raise OptionError, before the network runs, if it takes no pictures of this size."""
    if min(size) < multiple or any(side % multiple for side in size):
        raise OptionError(f"--size: both must be multiples of {multiple}, not {size[0]}x{size[1]}")


def describe(source: Source, target: Target, written: dict[str, list[Path]]) -> str:
    """Return what a program around an export must know, as JSON.

    Args:
        source: What was exported.
        target: The format.
        written: The files, by the name of the graph.
    """
    lightness = source.network.inputs["lightness"]
    spec = asdict(source.spec)
    facts = {
        "format": target,
        "files": {name: [path.name for path in paths] for name, paths in written.items()},
        "inputs": {
            "lightness": f"L* (1, 1, H, W), 0 to 100; H and W multiples of {source.spec.multiple}",
            **({"vividness": "(1,), 0 to 1"} if target in _DECODED else {}),
        },
        "size": list(lightness.shape[:1:-1]) if target in _OF_ONE_SIZE else None,
        **({} if target in _DECODED else {"decoding": source.decoding.to_table()}),
        "model": spec,
        **({"hints": asdict(source.hints)} if source.hints else {}),
    }
    return json.dumps(facts, indent=1) + "\n"


def _check(source: Source, graph: Graph, target: Target, path: Path) -> float:
    """Return the largest difference between an export and its model file.

    Raises:
        TrainingError: It is above the tolerance.
    """
    theirs, ours = load_export(path), load_export(graph.path)
    worst = compare(source, graph, ours, theirs, _scene(graph, target))
    tolerance = HALF_TOLERANCE if graph.has_half_weights else TOLERANCE
    if not worst <= tolerance:
        text = f"{target} differs from ONNX Runtime by {worst:.2g}: not exported"
        raise TrainingError(f"{graph.path}: {text}")
    return worst


def _scene(graph: Graph, target: Target) -> Arrays:
    """Return inputs of a graph, of another size than it was converted with where it takes any."""
    generator = torch.Generator().manual_seed(0)
    height, width = graph.inputs["lightness"].shape[2:]
    if target not in _OF_ONE_SIZE:
        height, width = height // 2, width // 2 + 32
    lightness = smooth_lightness((1, height, width), generator)
    if "features" not in graph.inputs:
        return {"lightness": lightness.numpy()}
    channels = graph.inputs["features"].shape[1]
    features = torch.rand((1, channels, height // 4, width // 4), generator=generator)
    return {"features": features.numpy(), "lightness": lightness.numpy()}


def compare(source: Source, graph: Graph, ours: Engine, theirs: Engine, feed: Arrays) -> float:
    """Compare an export with its model file.

    Args:
        source: What was exported.
        graph: One of its graphs.
        ours: The model file of the graph.
        theirs: The export.
        feed: Inputs of the graph; of the network, lightness alone.

    Returns:
        The largest difference of ab / 110 and the confidence, at both ends of vividness; of the
        branch for hints, that of its answers over their largest.
    """
    if "features" in feed:
        answers = (engine.run(feed, graph.outputs) for engine in (ours, theirs))
        return max(
            float(np.abs(one - other).max() / np.abs(one).max())
            for one, other in zip(*answers, strict=True)
        )
    differences = []
    for vividness in _VIVIDNESS:
        one, other = (colors(source, engine, feed, vividness) for engine in (ours, theirs))
        differences += [
            float(np.abs(one[0] - other[0]).max()) / _AB_RANGE,
            float(np.abs(one[1] - other[1]).max()),
        ]
    return float(np.max(differences))  # not max(), which may lose a NaN


def colors(
    source: Source, engine: Engine, feed: Arrays, vividness: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return ab (N, 2, h, w) and confidence (N, 1, h, w), decoded here if the graph does not.

    Args:
        source: What was exported.
        engine: The model file, or an export of it.
        feed: Lightness.
        vividness: 0..1.
    """
    if "ab" in engine.outputs:
        level = np.array([vividness], np.float32)
        ab, confidence = engine.run({**feed, "vividness": level}, ("ab", "confidence"))
        return ab, confidence
    (scores,) = engine.run(feed, ("scores",))
    return source.decoding.decode(scores, vividness)
