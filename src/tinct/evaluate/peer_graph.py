"""Networks of others as ONNX graphs, to be timed by the same runtime as ours."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinct.errors import MissingExtraError, OptionError

SIZE = 256  # pixels, height and width that the graph takes
INPUT = "lightness"
RANDOM = "random weights, speed only"


@dataclass(frozen=True, slots=True)
class PeerGraph:
    """A network of others in a file."""

    name: str
    note: str  # where its weights are from
    path: Path
    parameters: int  # trainable
    mmac: float  # millions of multiplications with one picture of 256x256


def export_peer(spec: str, folder: Path) -> PeerGraph:
    """Write a network as an ONNX file: L* (1, 1, 256, 256), 0..100, to its answer in CIE units.

    Args:
        spec: Name of a network, which gets random weights; or ``NAME=FILE`` with published ones.
        folder: Where the file goes.

    Raises:
        ModelError: There is no such network, or the file does not hold its weights.
        OptionError: It is one of tinct's own.
        MissingExtraError: torch or onnx is not installed.
    """
    name, _, weights = spec.partition("=")
    try:
        import onnxscript  # noqa: F401 - what torch exports through

        from tinct.networks import build
        from tinct.networks.graph import to_graph
        from tinct.networks.published import load_published
        from tinct.networks.summary import summarize
    except ModuleNotFoundError as error:
        raise MissingExtraError(f"Timing {name}", "train") from error
    network = load_published(weights, name)[1] if weights else build(name).eval()
    if not hasattr(network, "predict"):
        raise OptionError(f"--peer {name}: ours; --model times it")
    summary = summarize(network, SIZE)
    path = folder / (f"{name}-published.onnx" if weights else f"{name}.onnx")
    path.write_bytes(to_graph(network, SIZE, INPUT))
    note = Path(weights).name if weights else RANDOM
    return PeerGraph(name, note, path, summary.num_trainable, summary.mmac)
