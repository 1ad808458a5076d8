"""The product at work: gray pictures in, colored pictures out; no torch.

What belongs to films alone is loaded when it is first named: a photograph needs none of it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from tinct.runtime.colorizer import Colorizer, ColorOptions, colorize
from tinct.runtime.session import DEVICES, Session, model_names, model_path

if TYPE_CHECKING:
    from tinct.runtime.film import FilmColorizer
    from tinct.runtime.parallel import color_frames

__all__ = [
    "DEVICES",
    "ColorOptions",
    "Colorizer",
    "FilmColorizer",
    "Session",
    "color_frames",
    "colorize",
    "model_names",
    "model_path",
]

_OF_FILMS = {"FilmColorizer": "tinct.runtime.film", "color_frames": "tinct.runtime.parallel"}


def __getattr__(name: str) -> object:
    """Load what belongs to films when it is first asked for."""
    if name not in _OF_FILMS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_OF_FILMS[name]), name)
    globals()[name] = value  # the next look-up no longer comes here
    return value
