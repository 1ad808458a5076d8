"""The product at work: grey pictures in, coloured pictures out; no torch."""

from tinct.runtime.colorizer import Colorizer, ColorOptions
from tinct.runtime.film import FilmColorizer
from tinct.runtime.pipeline import color_frames
from tinct.runtime.session import DEVICES, Session
from tinct.runtime.weights import model_names, model_path

__all__ = [
    "DEVICES",
    "ColorOptions",
    "Colorizer",
    "FilmColorizer",
    "Session",
    "color_frames",
    "model_names",
    "model_path",
]
