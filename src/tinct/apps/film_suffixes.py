"""How names of films end, and of the folders of unfinished ones."""

FILM_SUFFIXES = (".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".vob", ".ts",
                 ".mts", ".m2ts", ".wmv", ".flv", ".3gp", ".ogv", ".mxf", ".dv")  # fmt: skip
"""``tinct FILM`` is short for ``tinct video FILM``; what a folder holds is told by its names."""

UNFINISHED = ".parts"
"""Ends the name of the folder that holds the segments of a film until it is whole."""
