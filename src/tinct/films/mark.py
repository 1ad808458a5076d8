"""What a film says of its colors: that a trained model has made them, and which."""

from __future__ import annotations

import os

import av

from tinct import __version__
from tinct.photographs.xmp import SOURCE_TYPE

_COMMENT = "comment"
_COMMENT_OF_MXF = "comment_colored"  # FFmpeg writes such as begin with comment_ there
_COLORED_BY_TINCT = "Colored by tinct"


def describe_coloring(colored_by: str) -> str:
    """Say in a few words which model has colored something."""
    return f"{_COLORED_BY_TINCT} {colored_by} {__version__}"


def was_colored(path: str | os.PathLike[str]) -> bool:
    """Tell whether a film says that tinct has colored it; one that cannot be read does not."""
    try:
        with av.open(f"file:{os.fspath(path)}") as container:
            return any(_COLORED_BY_TINCT in str(value) for value in container.metadata.values())
    except (av.FFmpegError, ValueError):
        return False


def mark_colored(tags: dict[str, str], container: str, colored_by: str) -> None:
    """Say it in the comment of a film, behind what stands there already.

    Players show it; programs find the address of the IPTC's digital source type in it.

    Args:
        tags: Of the new film; the comment is changed.
        container: FFmpeg's name of the format of the file.
        colored_by: Name of the model; nothing is said where it is empty.
    """
    if not colored_by:
        return
    text = f"{describe_coloring(colored_by)} ({SOURCE_TYPE})"
    usual = _COMMENT_OF_MXF if container == "mxf" else _COMMENT
    name = next((name for name in tags if name.lower() == usual), usual)
    known = tags.get(name, "")
    if text not in known:
        tags[name] = f"{known}; {text}" if known else text
