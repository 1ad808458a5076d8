"""Networks of others as ONNX graphs, to be timed by the same runtime as ours."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tinct.errors import OptionError
from tinct.spec import ModelSpec

if TYPE_CHECKING:
    from types import ModuleType

    from torch import nn

SIZE = 256  # pixels, height and width that the graph takes
INPUT = "lightness"
_MULTIPLE = 32  # more than the multiple of 8 that all of them need: as nano is shown pictures
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
    return _write(
        spec, folder, ".onnx", lambda graph, network: graph.to_graph(network, SIZE, INPUT)
    )


def export_peer_model(spec: str, folder: Path) -> PeerGraph:
    """Write a network as a model file of tinct's, for pictures of any size.

    The same arguments and errors as those of :func:`export_peer`.
    """
    name = spec.partition("=")[0]
    facts = ModelSpec(name, multiple=_MULTIPLE, default_vividness=0)
    return _write(
        spec, folder, "-model.onnx", lambda graph, network: graph.to_model(network, facts)
    )


def _write(
    spec: str, folder: Path, suffix: str, export: Callable[[ModuleType, nn.Module], bytes]
) -> PeerGraph:
    """Load a network, and write what is made of it with ``tinct.lab.networks.onnx_graph``."""
    name, _, weights = spec.partition("=")
    import onnxscript  # noqa: F401 - what torch exports through

    from tinct.lab.networks import build
    from tinct.lab.networks import onnx_graph as graph
    from tinct.lab.networks.published_networks import load_published
    from tinct.lab.networks.summary import summarize

    network = load_published(weights, name)[1] if weights else build(name).eval()
    if not hasattr(network, "predict"):
        raise OptionError(f"--peer {name}: ours; --model times it")
    summary = summarize(network, SIZE)
    path = folder / f"{name}{'-published' if weights else ''}{suffix}"
    path.write_bytes(export(graph, network))
    note = Path(weights).name if weights else RANDOM
    return PeerGraph(name, note, path, summary.num_trainable, summary.mmac)
