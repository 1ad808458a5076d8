"""What a user may ask of films, and what became of one."""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from tinct.errors import OptionError
from tinct.films.encoder import EncoderChoice
from tinct.films.joined import JoinedFilms
from tinct.films.reader import FilmReader
from tinct.films.sequence import SequenceReader, is_pattern

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tinct.apps.colorizer_options import ColorizerOptions
    from tinct.apps.films.arrivals import Arrival
    from tinct.apps.films.key_frame_files import KeyFrameFile
    from tinct.films.filters import FieldMethod
    from tinct.films.reader import FilmSource


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
    mark: bool = True
    """Say in the metadata that a model has colored it."""
    resume: bool = False
    """Go on with segments of another version, or for another suffix, too."""
    rate: Fraction | None = None
    """Pictures a second, where the film consists of pictures in a row."""
    fields: FieldMethod = "keep"
    """What becomes of the fields of an interlaced film."""
    key_frames: tuple[KeyFrameFile, ...] = ()
    """Pictures that say what the colors of frames are."""
    following: tuple[str, ...] = ()
    """Films that are joined to the first."""
    arrivals: Mapping[str, Arrival] = field(default_factory=dict)
    """Files that hold films from elsewhere, by the names of these films."""
    jobs: int | None = None
    """Frames in work at once; one for each processor and one more when None."""

    def name_model(self, color: ColorizerOptions) -> str:
        """Return the name of the model that the result is to name; an empty one if it is not to."""
        return Path(color.model).stem if self.mark else ""


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
    """Look at a film, at several that are joined, or at pictures in a row.

    Args:
        source: Its name.
        options: Of which the rate, the fields and the films that follow count.
        full_range: Hand luma of pictures over as it is.

    Raises:
        InputError: It cannot be read.
        OptionError: An option does not suit it.
    """
    if is_pattern(source) and not Path(source).exists():
        if options.following or options.fields != "keep":
            raise OptionError(f"{source}: pictures in a row have no fields, and cannot be joined")
        return SequenceReader(source, options.rate, full_range=full_range)
    if options.rate is not None:
        raise OptionError("--fps is for pictures in a row; a film has times of its own")
    readers = [_open_one(name, options) for name in (source, *options.following)]
    return readers[0] if len(readers) == 1 else JoinedFilms(readers)


def _open_one(source: str, options: FilmOptions) -> FilmReader:
    arrival = options.arrivals.get(source)
    if arrival is None:
        return FilmReader(source, options.fields)
    return FilmReader(arrival.path, options.fields, name=source, fingerprint=arrival.fingerprint)
