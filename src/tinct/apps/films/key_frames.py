"""Key frames of a film that is in a file."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING

from tinct.apps.console import print_warning, progress_bar
from tinct.apps.stages import prefetch
from tinct.films.sequence import SequenceReader
from tinct.photographs import read_picture
from tinct.runtime.key_frames import KeyFrames, KeyPicture, place_key_frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from tinct.apps.films.frames import Finish
    from tinct.apps.films.key_frame_files import KeyFrameFile
    from tinct.films.reader import FilmSource
    from tinct.runtime.film import FilmColorizer, Samples

_WAITING = 4  # frames between reading and looking


def frame_numbers(reader: FilmSource) -> Iterable[int]:
    """Return the numbers of all frames in their order.

    Those of pictures in a row are in their names, those of a film are 1, 2, 3 ...
    """
    return reader.numbers if isinstance(reader, SequenceReader) else count(1)


def read_key_frames(
    files: Sequence[KeyFrameFile], reader: FilmSource, film: FilmColorizer, finish: Finish
) -> KeyFrames:
    """Read key frames, and look through the film for the scenes that they are in.

    The film is read from its beginning to the end of the last of these scenes.

    Args:
        files: The key frames.
        reader: The film.
        film: Colors it.
        finish: Gives the luma of its frames.

    Raises:
        InputError: A file cannot be read, is gray, or of another ratio of sides than the film; or
            the film has no such frame.
        ModelError: The model takes no hints.
    """
    if not files:
        return KeyFrames()
    pictures = {
        file.number: KeyPicture(str(file.path), read_picture(file.path).pixels) for file in files
    }
    with prefetch(reader.frames(), _WAITING) as frames, progress_bar(None, "looked at") as advance:

        def numbered() -> Iterator[tuple[int, int, Samples]]:
            for number, frame in zip(frame_numbers(reader), frames, strict=False):
                yield number, frame.time, finish.luma(frame)
                advance()

        return place_key_frames(film, numbered(), pictures, print_warning)
