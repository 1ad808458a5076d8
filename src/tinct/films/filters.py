"""Frames through FFmpeg's filters: one frame a field, film out of telecined video, another size."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING, Literal

from av.filter import Graph

from tinct.errors import OptionError
from tinct.films.facts import PROGRESSIVE, TOP_FIRST

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from av.video.frame import VideoFrame

    from tinct.films.facts import FilmFacts

FieldMethod = Literal["keep", "deinterlace", "inverse telecine"]
"""What becomes of the fields of an interlaced film before it is colored."""
Filter = tuple[str, str]
"""Name and arguments of a filter, as FFmpeg has them."""

_TELECINED_RATE = 29, 31
"""Frames a second, from and to, of film that was stretched by doubled fields: every fifth goes."""
_FULL_RANGE = 2  # AVCOL_RANGE_JPEG


def field_filters(facts: FilmFacts, method: FieldMethod) -> tuple[list[Filter], Fraction]:
    """Choose filters that make whole frames of fields.

    Args:
        facts: The film as it is in the file.
        method: How.

    Returns:
        The filters, and the factor by which there will be more or fewer frames.

    Raises:
        OptionError: The film has too few frames a second to be telecined.
    """
    if method == "keep":
        return [], Fraction(1)
    # Where no frame says which field is first, the header, else the usual order, does.
    marks = [] if facts.is_marked else [("setfield", _order_of(facts.field_order))]
    if method == "deinterlace":
        which = "interlaced" if facts.is_marked else "all"
        return [*marks, ("bwdif", f"mode=send_field:deint={which}")], Fraction(2)
    first, last = _TELECINED_RATE
    matched = [
        *marks,
        ("fieldmatch", "order=auto:combmatch=full"),
        ("bwdif", "mode=send_frame:deint=interlaced"),  # what found no match
    ]
    if first <= facts.rate <= last:
        return [*matched, ("decimate", "")], Fraction(4, 5)
    if facts.rate < first and facts.field_order == PROGRESSIVE:
        raise OptionError(
            f"{facts.name}: has {float(facts.rate):.2f} whole frames a second, and so no telecine"
        )
    return matched, Fraction(1)  # 25 frames of film in 50 fields, shifted by one of them


def fit_filters(facts: FilmFacts, target: FilmFacts) -> list[Filter]:
    """Choose filters that bring frames to the size, shape and samples of those of another film.

    The picture keeps its proportions; bars fill what is left.
    """
    if (facts.form, facts.pix_fmt, facts.tags) == (target.form, target.pix_fmt, target.tags):
        return []
    form, source = target.form, facts.form
    shape = Fraction(facts.aspect or 1) / Fraction(target.aspect or 1)
    across, down = source.width * shape, Fraction(source.height)  # in samples of the target
    scale = min(form.width / across, form.height / down)
    width = min(max(2 * round(across * scale / 2), 2), form.width)
    height = min(max(2 * round(down * scale / 2), 2), form.height)
    return [
        (
            "scale",
            f"{width}:{height}:flags=bicubic+accurate_rnd"
            f":in_range={_range(facts)}:out_range={_range(target)}"
            f":in_color_matrix={facts.tags.matrix}:out_color_matrix={target.tags.matrix}",
        ),
        ("format", target.pix_fmt),
        ("pad", f"{form.width}:{form.height}:(ow-iw)/2:(oh-ih)/2"),
    ]


def filter_frames(
    frames: Iterable[VideoFrame], filters: Sequence[Filter], facts: FilmFacts
) -> Iterator[VideoFrame]:
    """Pass frames through filters, which begin again where the frames change their size or kind.

    Args:
        frames: The film.
        filters: In their order.
        facts: The film as it is in the file.
    """
    graph: Graph | None = None
    before: tuple[object, ...] | None = None
    following = 0
    for frame in frames:
        kind = (frame.width, frame.height, frame.format.name)
        if graph is None or kind != before:
            yield from _drain(graph)
            graph, before = _build(frame, filters, facts), kind
        if frame.pts is None:  # filters cannot do without
            frame.pts = frame.dts if frame.dts is not None else following
        following = frame.pts + (frame.duration or round(1 / facts.rate / facts.time_base))
        graph.vpush(frame)
        yield from _pull(graph)
    yield from _drain(graph)


def _order_of(field_order: int) -> str:
    return "tff" if field_order in (PROGRESSIVE, TOP_FIRST) else "bff"


def _range(facts: FilmFacts) -> str:
    return "full" if facts.tags.full_range else "limited"


def _build(frame: VideoFrame, filters: Sequence[Filter], facts: FilmFacts) -> Graph:
    graph = Graph()
    base, rate = facts.time_base, facts.rate
    source = (
        f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}"
        f":time_base={base.numerator}/{base.denominator}"
        f":frame_rate={rate.numerator}/{rate.denominator}"
        f":colorspace={int(frame.colorspace)}:range={int(frame.color_range)}"
    )
    chain = [("buffer", source), *filters, ("buffersink", "")]
    graph.link_nodes(*(graph.add(name, given or None) for name, given in chain)).configure()
    return graph


def _pull(graph: Graph) -> Iterator[VideoFrame]:
    while True:
        try:
            yield graph.vpull()
        except (BlockingIOError, EOFError):
            return


def _drain(graph: Graph | None) -> Iterator[VideoFrame]:
    if graph is not None:
        graph.vpush(None)
        yield from _pull(graph)
