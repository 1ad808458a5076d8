"""What users know of the colors of photographs: a file of hints, and reference pictures."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from tinct.errors import InputError
from tinct.photographs import read_picture
from tinct.photographs.in_color import is_in_color
from tinct.runtime.hint_file import read_hints

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tinct.photographs import Picture
    from tinct.runtime import Colorizer
    from tinct.runtime.hint_file import HintFile


@dataclass(frozen=True)
class KnownColors:
    """Hints and references as they were read."""

    hints: HintFile | None
    references: tuple[Picture, ...]
    warnings: tuple[str, ...]
    """What is wrong with the references, one sentence each."""
    digests: dict[str, Any]
    """Of what was read, by the options that name it."""

    def color(self, picture: Picture, colorizer: Colorizer) -> Picture:
        """Color a photograph; a warning of the result says what of the hints was done otherwise.

        Raises:
            InputError: A hint does not fit the photograph.
            ModelError: The model takes no hints.
        """
        canvas = colorizer.open(picture)
        for reference in self.references:
            canvas.reference(reference)
        notes = [] if self.hints is None else self.hints.apply(canvas)
        if self.hints is not None and picture.pages:
            num_pages = 1 + len(picture.pages)
            notes.append(f"{self.hints.name}: hints are about the first page of {num_pages}")
        colored: Picture = canvas.picture()
        return replace(colored, warnings=(*colored.warnings, *notes))


def read_known_colors(hints: str | None, references: Sequence[str], max_pixels: int) -> KnownColors:
    """Read what users know, before anything else is done.

    Args:
        hints: A file of hints.
        references: Pictures in color.
        max_pixels: Larger ones are refused.

    Raises:
        InputError: A file cannot be read or is damaged, or a reference is gray.
    """
    read = None if hints is None else read_hints(hints)
    pictures: list[Picture] = []
    warnings: list[str] = []
    digests: dict[str, Any] = {}
    if read is not None:
        digests["hints"] = read.digest
    for path in references:
        picture = read_picture(path, max_pixels=max_pixels)
        if not is_in_color(picture.pixels):
            raise InputError(f"{path}: is gray: a reference says what color things are")
        pictures.append(picture)
        warnings += [f"{path}: {text}" for text in picture.warnings]
        if picture.pages:
            warnings.append(f"{path}: only the first of {1 + len(picture.pages)} pages counts")
        # Of what counts, not of the file, which may be a pipe and cannot be read again.
        digest = hashlib.sha256(picture.pixels.data).hexdigest()
        digests.setdefault("references", []).append(digest)
    return KnownColors(read, tuple(pictures), tuple(warnings), digests)
