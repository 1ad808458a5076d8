"""Photographs in and out."""

from tinct.photographs.formats import FORMATS, Format, format_named, format_of_path
from tinct.photographs.metadata import Comment, Metadata
from tinct.photographs.picture import Picture
from tinct.photographs.read import MAX_PIXELS, read_picture
from tinct.photographs.write import encode_picture, encode_with_losses, losses, write_picture

__all__ = [
    "FORMATS",
    "MAX_PIXELS",
    "Comment",
    "Format",
    "Metadata",
    "Picture",
    "encode_picture",
    "encode_with_losses",
    "format_named",
    "format_of_path",
    "losses",
    "read_picture",
    "write_picture",
]
