"""The runtimes that exports are for, each behind the same interface as a model file's."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tinct.runtime.engines import load_engine

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from tinct.runtime.engines import Arrays, Engine


def load_export(path: Path, threads: int = 1) -> Engine:
    """Load a file of an export with the runtime that its suffix belongs to.

    Args:
        path: ``.onnx``, ``.xml`` (OpenVINO), ``.param`` (ncnn) or ``.tflite``; what belongs to it
            lies beside it.
        threads: Processor threads.

    Raises:
        ModelError: It cannot be loaded.
        ModuleNotFoundError: The runtime is not installed.
    """
    match path.suffix:
        case ".param":
            return _Ncnn(path, threads)
        case ".tflite":
            return _LiteRT(path, threads)
        case ".xml":
            return load_engine(path, "openvino", threads)
    return load_engine(path, "cpu", threads)


class _Ncnn:
    """A graph in ncnn, which takes one picture at a time."""

    device = "ncnn"

    def __init__(self, path: Path, threads: int) -> None:
        import ncnn

        self._ncnn = ncnn
        self._net = ncnn.Net()
        options = self._net.opt
        options.num_threads = threads
        # Halves where the processor has them are for speed; here it is compared with others.
        options.use_fp16_packed = options.use_fp16_storage = options.use_fp16_arithmetic = False
        options.use_bf16_storage = False
        self._net.load_param(str(path))
        self._net.load_model(str(path.with_suffix(".bin")))
        self.outputs = tuple(self._net.output_names())
        self.metadata: dict[str, str] = {}

    def run(self, feed: Arrays, outputs: Sequence[str]) -> list[NDArray[Any]]:
        with self._net.create_extractor() as extractor:
            for name, array in feed.items():
                # Cloned: its kernels need memory as ncnn aligns it, and end the program otherwise.
                picture = self._ncnn.Mat(np.ascontiguousarray(array[0])).clone()
                extractor.input(name, picture)
            return [np.array(extractor.extract(name)[1])[None] for name in outputs]


class _LiteRT:
    """A graph in LiteRT, for the one size that it was made for."""

    device = "litert"

    def __init__(self, path: Path, threads: int) -> None:
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(path), num_threads=threads)
        self._run = interpreter.get_signature_runner()
        self.outputs = tuple(self._run.get_output_details())
        self.metadata: dict[str, str] = {}

    def run(self, feed: Arrays, outputs: Sequence[str]) -> list[NDArray[Any]]:
        answer = self._run(**feed)
        return [answer[name] for name in outputs]
