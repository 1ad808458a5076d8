"""The networks as torch modules, and the names they are asked for by.

Importing this package is cheap: torch is imported when a network is built.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tinct.errors import ModelError

if TYPE_CHECKING:
    from collections.abc import Callable

    from torch import nn

__all__ = ["NETWORKS", "build"]


def _nano(**options: Any) -> nn.Module:
    from tinct.lab.networks.nano import Nano, NanoConfig

    return Nano(NanoConfig(**options))


def _nano_regression(**options: Any) -> nn.Module:
    from tinct.lab.networks.nano import NanoConfig, NanoRegression

    return NanoRegression(NanoConfig(**options))


def _base(**options: Any) -> nn.Module:
    from tinct.lab.networks.base import Base, BaseConfig

    return Base(BaseConfig(**options))


def _eccv16() -> nn.Module:
    from tinct.lab.networks.eccv16 import Eccv16

    return Eccv16()


def _eccv16_keras() -> nn.Module:
    from tinct.lab.networks.eccv16_keras import Eccv16Keras

    return Eccv16Keras()


def _siggraph17() -> nn.Module:
    from tinct.lab.networks.siggraph17 import Siggraph17

    return Siggraph17()


def _paper(**options: Any) -> nn.Module:
    from tinct.lab.networks.paper import PaperConfig, PaperNetwork

    return PaperNetwork(PaperConfig(**options))


def _paper_rgb(**options: Any) -> nn.Module:
    return _paper(output="rgb", **options)


def _paper_skip(**options: Any) -> nn.Module:
    return _paper(skip=True, **options)


NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "base": _base,
    "eccv16": _eccv16,
    "eccv16-keras": _eccv16_keras,
    "nano": _nano,
    "nano-regression": _nano_regression,
    "paper": _paper,
    "paper-rgb": _paper_rgb,
    "paper-skip": _paper_skip,
    "siggraph17": _siggraph17,
}


def build(name: str, **options: Any) -> nn.Module:
    """Make a network with fresh weights.

    Args:
        name: A key of ``NETWORKS``.
        options: Fields of the network's configuration that shall differ from its default.

    Returns:
        The network, in training mode.

    Raises:
        ModelError: No network has this name, or it has no such option.
    """
    if name not in NETWORKS:
        raise ModelError(f"no network is called {name!r}; there are: {', '.join(NETWORKS)}")
    try:
        return NETWORKS[name](**options)
    except TypeError as error:
        raise ModelError(f"network {name!r}: {error}") from error
