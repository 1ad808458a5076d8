"""Photographs in and out."""

from tinct.photographs.formats import FORMATS, Format, format_named, format_of_path
from tinct.photographs.metadata import Comment, Metadata
from tinct.photographs.picture import (
    MAX_PIXELS,
    Picture,
    encode_picture,
    losses,
    read_picture,
    write_picture,
)

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "Comment",
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
