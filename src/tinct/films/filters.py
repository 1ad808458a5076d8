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
_TURNS: dict[int, list[Filter]] = {
    0: [],
    1: [("transpose", "cclock")],
    2: [("hflip", ""), ("vflip", "")],
    3: [("transpose", "clock")],
}
"""Filters that turn a picture by quarters against the clock."""


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

    The picture is turned as that of the other film, and keeps its proportions; bars fill what is
    left.
    """
    if _kind(facts) == _kind(target):
        return []
    form, turns = target.form, (facts.form.turns - target.form.turns) % 4
    across, down = facts.form.width * (facts.aspect or Fraction(1)), Fraction(facts.form.height)
    if turns % 2:
        across, down = down, across
    across /= target.aspect or 1  # in samples of the target, as is the other
    scale = min(form.width / across, form.height / down)
    width = min(max(2 * round(across * scale / 2), 2), form.width)
    height = min(max(2 * round(down * scale / 2), 2), form.height)
    return [
        *_TURNS[turns],
        (
            "scale",
            f"{width}:{height}:flags=bicubic+accurate_rnd:interl=-1"
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


def _kind(facts: FilmFacts) -> tuple[object, ...]:
    """Return what the frames of films must have in common to follow each other unchanged."""
    return facts.form, facts.pix_fmt, facts.tags, facts.aspect or 1


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
