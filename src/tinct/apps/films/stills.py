"""Films, or pictures in a row, to colored pictures in a row."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, count, repeat
from pathlib import Path
from typing import TYPE_CHECKING

from tinct.apps.console import print_message, print_warning, progress_bar
from tinct.apps.films.arrivals import STDIN, name_of_address
from tinct.apps.films.color_film import bring_films, name_target
from tinct.apps.films.frames import Finish, make_colorizer
from tinct.apps.films.key_frames import frame_numbers, read_key_frames
from tinct.apps.films.options import FilmOptions, FilmRecord, open_film
from tinct.apps.films.own_color import find_own_color
from tinct.apps.stages import prefetch
from tinct.cores import count_processors
from tinct.errors import InputError, OptionError, OutputError
from tinct.files import check_not_read, make_folder, write_atomically
from tinct.films.reader import is_address
from tinct.films.sequence import SequenceReader, numbered, picture_encoder, unmarked
from tinct.runtime.parallel import color_frames

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from av.video.frame import VideoFrame

    from tinct.apps.colorizer_options import ColorizerOptions
    from tinct.films.facts import FilmFacts
    from tinct.films.reader import FilmFrame, FilmSource
    from tinct.frame_format import FrameFormat
    from tinct.runtime.film import Samples

    Encoder = Callable[[FilmFrame, VideoFrame], bytes]

WARM_UP = 50
"""Frames that are looked at again before the first one of a run that goes on: two seconds, as far
back as the memory of colors reaches."""
_WAITING = 4  # frames between two stages


class _Encode(Finish):
    """Makes files of colored frames."""

    def __init__(
        self, facts: FilmFacts, form: FrameFormat, encode: Encoder, *, keep_tint: bool
    ) -> None:
        super().__init__(facts, form, facts.tags, keep_tint=keep_tint)
        self._encode = encode

    def encoded(self, frame: FilmFrame, luma: Samples, cb: Samples, cr: Samples) -> bytes:
        """Return the file of a frame."""
        return self._encode(frame, self(frame, luma, cb, cr).frame)


def color_to_pictures(
    source: str, pattern: str, color: ColorizerOptions, options: FilmOptions
) -> FilmRecord:
    """Color frames and write each as a picture; those that are there already are left as they are.

    Args:
        source: A film, or the pattern of pictures.
        pattern: Of the new pictures.
        color: How they are colored.
        options: How they are read and written.

    Raises:
        InputError: The film, or a picture, cannot be read.
        OutputError: A picture cannot be written.
        OptionError: Options do not suit pictures.
        ModelError, DeviceError: The model or the device cannot be used.
    """
    if options.preview or any(vars(options.encoder).values()):
        raise OptionError(f"{pattern}: pictures have no encoder, and no preview")
    reader = open_film(source, options, full_range=True)
    colored_by = options.name_model(color)
    encode = picture_encoder(pattern, reader.facts, colored_by)
    numbers: Iterable[int] = count(1)
    if Path(pattern).absolute() == reader.path.absolute():
        raise OptionError(f"{pattern}: the pictures themselves; choose another name")
    if isinstance(reader, SequenceReader):  # a picture keeps the number of its scan
        numbers = reader.numbers_between(options.start, options.end)
        check_not_read((numbered(pattern, number) for number in numbers), reader.files)
    notes = (*reader.facts.notes, *unmarked(pattern, colored_by))
    for note in notes:
        print_warning(f"{source}: {note}")
    names: Iterator[Path] = map(numbered, repeat(pattern), numbers)
    make_folder(Path(pattern).parent)
    done = 0
    while not options.overwrite and (name := next(names, None)) is not None:
        if not name.is_file():
            names = chain([name], names)
            break
        done += 1
    if done:
        print_message(f"{source}: goes on after {done} pictures that are there")
    made = _color(reader, names, done, color, options, encode)
    if made + done == 0:
        raise InputError(f"{source}: no frames in this part of it")
    for text in reader.damage:
        print_warning(f"{source}: {text}")
    warnings = (*notes, *reader.damage)
    return FilmRecord(source, pattern, "done", made + done, done, warnings=warnings)


def color_still(
    source: str, number: int, output: str | None, color: ColorizerOptions, options: FilmOptions
) -> None:
    """Color one frame of a film, and write it as a picture: a key frame, once it is corrected.

    Args:
        source: The film, or the pattern of pictures.
        number: Of the frame; the first one of a film is 1.
        output: The picture; None for ``film-120.png`` beside ``film.mp4``.
        color: How it is colored.
        options: How the film is read.

    Raises:
        InputError: The film cannot be read, or has no such frame.
        OutputError: The picture cannot be written, or is there already.
        OptionError: The name of the picture is none of a picture.
        ModelError, DeviceError: The model or the device cannot be used.
    """
    if output is None and source == STDIN:
        raise OptionError("-: a film from standard input needs a name for the picture: add -o")
    target = _name_still(source, number, options) if output is None else Path(output)
    with bring_films(source, options, target.absolute().parent) as options:
        reader = open_film(source, options, full_range=True)
        files = reader.files if isinstance(reader, SequenceReader) else [reader.path]
        check_not_read([target], files)
        if target.exists() and not options.overwrite:
            raise OutputError(f"{target}: is there already (--overwrite replaces it)")
        data = _color_frame(reader, number, str(target), color, options)
    write_atomically(data, target, overwrite=options.overwrite)
    print_message(f"{source}: frame {number} -> {target}")


def _name_still(source: str, number: int, options: FilmOptions) -> Path:
    """Name a frame of a film that is not from standard input: ``film-120.png`` beside it."""
    place = name_of_address(source) if is_address(source) else Path(source)
    film = name_target(source, place.parent, options)
    return film.with_name(f"{film.stem}-{number}.png")


def _color_frame(
    reader: FilmSource, number: int, target: str, color: ColorizerOptions, options: FilmOptions
) -> bytes:
    """Return the file of a frame, of the format that the name of the target tells."""
    encode = picture_encoder(target, reader.facts, options.name_model(color))
    frame = _frame(reader, number)
    form = replace(reader.facts.form, shift=(0, 0))
    film = make_colorizer(color, form, steady=False)
    finish = _Encode(reader.facts, form, encode, keep_tint=options.keep_tint)
    film.key_frames = read_key_frames(options.key_frames, reader, film, finish)
    luma = finish.luma(frame)
    view = film.smooth(film.predict(luma, film.key_frames.near(frame.time)))
    return finish.encoded(frame, luma, *film.compose(luma, film.fit(view)))


def _frame(reader: FilmSource, number: int) -> FilmFrame:
    """Return the frame of a number.

    Raises:
        InputError: There is none.
    """
    last = 0
    for last, frame in zip(frame_numbers(reader), reader.frames(), strict=False):
        if last == number:
            return frame
    name = reader.facts.name
    raise InputError(f"{name}: there is no frame {number}, the last one is {last}")


def _color(
    reader: FilmSource,
    names: Iterator[Path],
    done: int,
    color: ColorizerOptions,
    options: FilmOptions,
    encode: Encoder,
) -> int:
    """Color the rest, and return how many frames that were."""
    facts = reader.facts
    form = replace(facts.form, shift=(0, 0))
    film = make_colorizer(color, form, steady=options.steady)
    finish = _Encode(facts, form, encode, keep_tint=options.keep_tint)
    film.key_frames = read_key_frames(options.key_frames, reader, film, finish)
    again = min(done, WARM_UP)
    frames = reader.frames(options.start, options.end, done - again)
    if not options.recolor:
        frames = find_own_color(frames, facts.form)
    made = 0
    with prefetch(frames, _WAITING) as decoded, progress_bar(None, "frames") as advance:
        for data in color_frames(
            film, decoded, finish.luma, finish.encoded, jobs=count_processors() + 1, warm_up=again,
            references=lambda frame: film.key_frames.near(frame.time),
        ):  # fmt: skip
            name = next(names)
            if options.overwrite or not name.is_file():  # behind a hole there may be some
                write_atomically(data, name, overwrite=options.overwrite)
            made += 1
            advance()
    return made
