"""Writes a graph in the format of another runtime; each function returns the files it wrote.

A runtime that converts ONNX itself gets the model file, the others the same network in torch.
"""

from __future__ import annotations

import contextlib
import io
import logging
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import onnx
import torch
from onnx.utils import Extractor

from tinct.errors import TrainingError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from tinct.lab.exports.models import Graph

Writer = Callable[["Graph", Path], list[Path]]


def write_onnx(graph: Graph, folder: Path) -> list[Path]:
    """Cut the decoding off a model file; what it says of itself stays in it."""
    path = folder / f"{graph.name}.onnx"
    proto = onnx.load(graph.path)
    cut = Extractor(proto).extract_model(list(graph.inputs), list(graph.outputs))
    cut.metadata_props.extend(proto.metadata_props)
    onnx.checker.check_model(cut, full_check=True)
    onnx.save(cut, path)
    return [path]


def write_openvino(graph: Graph, folder: Path) -> list[Path]:
    """Convert a model file, decoding included, to OpenVINO's intermediate representation."""
    import openvino

    path = folder / f"{graph.name}.xml"
    openvino.save_model(
        openvino.convert_model(graph.path), path, compress_to_fp16=graph.has_half_weights
    )
    return [path, path.with_suffix(".bin")]


def write_ncnn(graph: Graph, folder: Path) -> list[Path]:
    """Convert a graph to ncnn, for pictures of any size, one at a time."""
    import pnnx

    with tempfile.TemporaryDirectory(prefix="tinct-ncnn-") as scratch:
        traced = Path(scratch) / "graph.pt"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing is deprecated; pnnx reads nothing newer
            script = torch.jit.trace(  # type: ignore[no-untyped-call]
                graph.module, tuple(graph.inputs.values()), check_trace=False
            )
        script.save(traced)
        shapes = [tuple(example.shape) for example in graph.inputs.values()]
        # What differs between two sizes is left open.
        others = [(*shape[:2], 2 * shape[2], 3 * shape[3]) for shape in shapes]
        command = [
            pnnx.EXEC_PATH,
            str(traced),
            f"inputshape={_pnnx_shapes(shapes)}",
            f"inputshape2={_pnnx_shapes(others)}",
            f"fp16={int(graph.has_half_weights)}",
        ]
        # The function that the package has for this would import what it wrote, as Python.
        done = subprocess.run(command, cwd=scratch, capture_output=True, text=True, check=False)
        made = [traced.with_name(f"graph.ncnn.{suffix}") for suffix in ("param", "bin")]
        if done.returncode or not all(path.is_file() for path in made):
            reason = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no reason given"]
            raise TrainingError(f"{graph.path}: pnnx cannot convert it: {reason[0]}")
        paths = [folder / f"{graph.name}.{suffix}" for suffix in ("param", "bin")]
        paths[0].write_text(_rename_blobs(made[0].read_text("utf-8"), graph), "utf-8")
        shutil.copyfile(made[1], paths[1])
    return paths


def _pnnx_shapes(shapes: list[tuple[int, ...]]) -> str:
    return ",".join(f"[{','.join(map(str, shape))}]f32" for shape in shapes)


def _rename_blobs(param: str, graph: Graph) -> str:
    """Give inputs and outputs of ncnn's text the names that they have in the model file."""
    names = {f"in{number}": name for number, name in enumerate(graph.inputs)}
    names |= {f"out{number}": name for number, name in enumerate(graph.outputs)}
    lines = [line.split() for line in param.splitlines()]
    return "".join(" ".join(names.get(word, word) for word in line) + "\n" for line in lines)


def write_litert(graph: Graph, folder: Path) -> list[Path]:
    """Convert a graph to LiteRT (TensorFlow Lite), for pictures of one size."""
    path = folder / f"{graph.name}.tflite"
    with _silence():
        import litert_torch
        from ai_edge_quantizer.algorithm_manager import AlgorithmName
        from ai_edge_quantizer.qtyping import TFLOperationName
        from ai_edge_quantizer.quantizer import Quantizer

        named = _Named(graph.module, graph.outputs).eval()
        litert_torch.convert(named, sample_kwargs=graph.inputs).export(str(path))
        if graph.has_half_weights:
            quantizer = Quantizer(str(path))
            quantizer.add_weight_only_config(
                ".*", TFLOperationName.ALL_SUPPORTED, 16, algorithm_key=AlgorithmName.FLOAT_CASTING
            )
            quantizer.quantize().export_model(str(path), overwrite=True)
    return [path]


class _Named(torch.nn.Module):
    """A module that takes and answers tensors by name, which LiteRT keeps."""

    def __init__(self, module: nn.Module, outputs: tuple[str, ...]) -> None:
        super().__init__()
        self.module = module
        self.outputs = outputs

    def forward(self, **inputs: Tensor) -> dict[str, Tensor]:
        return dict(zip(self.outputs, self.module(**inputs), strict=True))


def write_coreml(graph: Graph, folder: Path) -> list[Path]:
    """Convert a graph to Core ML, for pictures of one size; it computes in 16 bits."""
    with _silence():
        import coremltools
        from coremltools import TensorType

        program = torch.export.export(graph.module, tuple(graph.inputs.values()))
        model = coremltools.convert(
            program.run_decompositions({}),
            inputs=[TensorType(name=name, shape=one.shape) for name, one in graph.inputs.items()],
            outputs=[TensorType(name=name) for name in graph.outputs],
            minimum_deployment_target=coremltools.target.iOS15,
        )
        path = folder / f"{graph.name}.mlpackage"
        model.save(str(path))
    # Notes for another program's debugger, which Core ML's own packages do not have.
    (path / "executorch_debug_handle_mapping.json").unlink(missing_ok=True)
    return [path]


@contextlib.contextmanager
def _silence() -> Iterator[None]:
    """Keep converters from showing their progress, and what they think of versions."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    sink = io.StringIO()
    try:
        with (
            contextlib.redirect_stdout(sink),
            contextlib.redirect_stderr(sink),
            warnings.catch_warnings(),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
