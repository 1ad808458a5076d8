"""The product at work: gray pictures in, colored pictures out; no torch."""

from tinct.runtime.colorizer import Colorizer, ColorOptions, colorize
from tinct.runtime.film import FilmColorizer
from tinct.runtime.models import model_names, model_path
from tinct.runtime.parallel import color_frames
from tinct.runtime.session import DEVICES, Session

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
