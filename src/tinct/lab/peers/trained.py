"""Colors of a run whose network answers them itself, as the paper's does.

No model file is made of it: there is no distribution of which a vividness could be read.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tinct import color
from tinct.color import Planes
from tinct.errors import ModelError
from tinct.lab.networks.nano import NanoRegression
from tinct.lab.networks.paper import PaperNetwork
from tinct.lab.networks.published_networks import to_function
from tinct.lab.networks.summary import summarize
from tinct.lab.peers.published import LoadedNetwork
from tinct.lab.train.checkpoint import load_checkpoint
from tinct.lab.train.export import averaged_network


def load_trained(path: Path) -> LoadedNetwork:
    """Load the moving average of a run.

    Args:
        path: A checkpoint; the row is named after it, its folder and its network.

    Raises:
        ModelError: A model file is made of such a run.
        TrainingError: It cannot be read, or its weights cannot be used.
    """
    checkpoint = load_checkpoint(path)
    network = averaged_network(checkpoint, str(path))
    if not isinstance(network, PaperNetwork | NanoRegression):
        raise ModelError(
            f"{path}: a checkpoint of training, not a model: see tinct lab export --help"
        )
    summary = summarize(network)
    name = f"{checkpoint.config.network}, {path.resolve().parent.name}/{path.stem}"
    answer = to_function(network)

    def predict(lightness: Planes) -> Planes:
        rgb = answer(lightness).clip(0, 1)
        ab: Planes = np.ascontiguousarray(color.rgb_to_lab(rgb)[..., 1:])
        return ab

    function = predict if network.target == "rgb" else answer
    return LoadedNetwork(name, summary.num_trainable, summary.mmac, function)
