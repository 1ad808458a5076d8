"""The networks whose published weights can be compared with: from a file to a function.

tinct ships none of these weights. Whoever has the file names it; ``docs/peers.md`` says where the
files come from.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import nn

from tinct.color import Planes
from tinct.errors import ModelError
from tinct.lab.networks import build, eccv16, eccv16_keras, paper, siggraph17
from tinct.lab.networks.summary import Summary, summarize
from tinct.lab.networks.weight_files import Arrays, read_arrays

FROM_ARRAYS: dict[str, Callable[[Arrays, str], nn.Module]] = {
    "paper": paper.from_arrays,
    "eccv16": eccv16.from_arrays,
    "siggraph17": siggraph17.from_arrays,
    "eccv16-keras": eccv16_keras.from_arrays,
}
# A file with this in one of its names is meant for this network, whatever else is wrong with it.
SIGNS = {
    "model3short8.": "siggraph17",
    "model8.6.": "eccv16",
    "conv8_1/": "eccv16-keras",
    "encoder.0.": "paper",
    "encoder/layer_list/": "paper",
}


def load_published(path: str | Path, name: str | None = None) -> tuple[str, nn.Module]:
    """Build a network with the weights of a published file.

    Args:
        path: See ``weights.read_arrays``.
        name: A key of ``FROM_ARRAYS``; told by the names in the file when left out.

    Returns:
        The network's name, and the network in evaluation mode.

    Raises:
        ModelError: The file cannot be read, or holds weights of another network.
    """
    arrays = read_arrays(path)
    if name is None:
        name = _recognize(arrays, path)
    return name, FROM_ARRAYS[name](arrays, str(path))


def to_function(network: nn.Module) -> Callable[[Planes], Planes]:
    """Wrap a network as a function of arrays that may be called from several threads.

    Args:
        network: With ``predict``, L* (N, 1, H, W) to ab (N, 2, h, w).

    Returns:
        Maps L* (H, W), 0..100, H and W multiples of 8, to ab (h, w, 2) in CIE units.
    """
    # This order of the axes saves `paper` a quarter of its time, and the others lose nothing.
    network = network.eval().requires_grad_(False)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def predict(lightness: Planes) -> Planes:
        with torch.inference_mode():
            batch = torch.from_numpy(np.ascontiguousarray(lightness))[None, None]
            ab: Planes = network.predict(batch)[0].numpy()  # type: ignore[operator]
        return np.moveaxis(ab, 0, -1)

    return predict


def cost(name: str) -> Summary:
    """Count a network by name without computing anything; see ``summary.summarize``."""
    with torch.device("meta"):
        network = build(name)
    return summarize(network.to("meta"))


def _recognize(arrays: Arrays, path: str | Path) -> str:
    for sign, name in SIGNS.items():
        if any(sign in key for key in arrays):
            return name
    known = ", ".join(FROM_ARRAYS)
    raise ModelError(f"{path}: weights of none of the networks known here: {known}")
