"""Colors with the published weights of a known network."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tinct.color import Planes
from tinct.lab.peers.resize import resize, working_size

NETWORKS = ("paper", "eccv16", "siggraph17", "eccv16-keras")
SIDE_MULTIPLE = 32  # more than the multiple of 8 that all of them need: as nano is shown pictures


@dataclass(frozen=True, slots=True)
class LoadedNetwork:
    """A network with its weights; may be used from several threads."""

    name: str
    num_parameters: int  # trainable
    mmac: float  # millions of multiplications at 256x256
    function: Callable[[Planes], Planes]  # L* (h, w) to ab at the size of the network's answer

    def predict_ab(self, lightness: Planes) -> Planes:
        """Color a picture.

        Args:
            lightness: L* (H, W), 0..100, of any size; a network is shown it with a short side of
                256 and both sides multiples of 32.

        Returns:
            ab (H, W, 2) in CIE units, enlarged bilinearly.
        """
        height, width = lightness.shape
        small = resize(lightness, working_size(height, width, SIDE_MULTIPLE))
        return resize(self.function(small), lightness.shape)


def load_published(path: str, name: str | None = None) -> LoadedNetwork:
    """Load weights; see ``tinct.lab.networks.published_networks.load_published``.

    Args:
        path: File of the weights.
        name: One of ``NETWORKS``; told by the file's contents when left out.

    Raises:
        ModelError: The file cannot be read, or holds weights of another network.
    """
    from tinct.lab.networks import published_networks as published

    name, network = published.load_published(path, name)
    summary = published.cost(name)
    function = published.to_function(network)
    return LoadedNetwork(name, summary.num_trainable, summary.mmac, function)
