"""What a user may ask of films, and what became of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from tinct.errors import OptionError
from tinct.films.encoder import EncoderChoice
from tinct.films.reader import FilmReader
from tinct.films.sequence import SequenceReader, is_pattern

if TYPE_CHECKING:
    from tinct.films.reader import FilmSource

USUAL_RATE = Fraction(24)
"""Pictures a second of pictures in a row."""


@dataclass(frozen=True)
class FilmOptions:
    """How a film is read and written."""

    encoder: EncoderChoice = field(default_factory=EncoderChoice)
    start: Fraction | None = None
    """Seconds."""
    end: Fraction | None = None
    preview: bool = False
    steady: bool = True
    overwrite: bool = False
    recolor: bool = False
    """Color shots that are in color already, too."""
    keep_tint: bool = False
    """Put the tint of a tinted film over the new colors."""
    resume: bool = False
    """Go on with segments of another version, or for another suffix, too."""
    rate: Fraction | None = None
    """Pictures a second, where the film consists of pictures in a row."""


@dataclass(frozen=True)
class FilmRecord:
    """What became of a film, for the report."""

    input: str
    output: str
    status: str
    frames: int = 0
    """Finished, those of earlier runs included."""
    resumed: int = 0
    """Frames that an earlier run had finished."""
    seconds: float = 0.0
    tracks: tuple[str, ...] = ()
    """What became of everything beside the pictures."""
    warnings: tuple[str, ...] = ()


def open_film(source: str, options: FilmOptions, full_range: bool) -> FilmSource:
    """Look at a film, or at pictures in a row.

    Args:
        source: Its name.
        options: Of which the rate counts.
        full_range: Hand luma of pictures over as it is.

    Raises:
        InputError: It cannot be read.
        OptionError: A rate is given for a film.
    """
    if is_pattern(source) and not Path(source).exists():
        return SequenceReader(source, options.rate or USUAL_RATE, full_range=full_range)
    if options.rate is not None:
        raise OptionError("--fps is for pictures in a row; a film has times of its own")
    return FilmReader(source)
