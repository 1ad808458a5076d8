"""tinct colors gray photographs with a small network that comes inside the package.

    import tinct

    tinct.colorize("photo.jpg").save("photo-color.jpg")

    colorizer = tinct.Colorizer(vividness=0.7)   # loads a model once, for many pictures
    for picture in colorizer(["a.jpg", "b.tif"]):
        print(picture.size)

Importing the package is cheap: what needs NumPy, OpenCV or ONNX Runtime is loaded when it is first
named.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from tinct.errors import (
    DeviceError,
    InputError,
    MetricError,
    MissingExtraError,
    ModelError,
    OptionError,
    OutputError,
    TinctError,
    TrainingError,
)

if TYPE_CHECKING:
    from tinct.frame_format import FrameFormat
    from tinct.photographs import Picture, read_picture, write_picture
    from tinct.runtime import Colorizer, FilmColorizer, colorize

__version__ = "0.1.0"

__all__ = [
    "Colorizer",
    "DeviceError",
    "FilmColorizer",
    "FrameFormat",
    "InputError",
    "MetricError",
    "MissingExtraError",
    "ModelError",
    "OptionError",
    "OutputError",
    "Picture",
    "TinctError",
    "TrainingError",
    "__version__",
    "colorize",
    "read_picture",
    "write_picture",
]

_HOMES = {
    "Colorizer": "tinct.runtime",
    "FilmColorizer": "tinct.runtime",
    "FrameFormat": "tinct.frame_format",
    "Picture": "tinct.photographs",
    "colorize": "tinct.runtime",
    "read_picture": "tinct.photographs",
    "write_picture": "tinct.photographs",
}


def __getattr__(name: str) -> object:
    """Load the heavier parts of the public API when they are first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value  # the next look-up no longer comes here
    return value


def __dir__() -> list[str]:
    """List the public API, loaded or not."""
    return sorted(set(globals()) | set(__all__))
