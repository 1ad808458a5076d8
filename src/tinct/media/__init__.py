"""Photographs in and out."""

from tinct.media.formats import FORMATS, Format, format_named, format_of_path
from tinct.media.images import (
    MAX_PIXELS,
    Picture,
    encode_picture,
    losses,
    read_picture,
    write_picture,
)
from tinct.media.metadata import Metadata

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "Format",
    "Metadata",
    "Picture",
    "encode_picture",
    "format_named",
    "format_of_path",
    "losses",
    "read_picture",
    "write_picture",
]
