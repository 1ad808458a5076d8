"""Films out: encoders, and the pixel formats they take.

An encoder only counts frames. Times are put on its packets afterwards, so that they are exactly
those of the input whatever the codec thinks of time.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from av.codec import Codec, CodecContext
from av.codec.context import Flags
from av.filter import Graph
from av.format import ContainerFormat
from av.format import Flags as FormatFlags
from av.video.reformatter import ColorRange

from tinct.errors import OptionError, OutputError
from tinct.films.facts import PROGRESSIVE, TOP_FIRST
from tinct.films.pixels import depth_and_shift, pixel_format

if TYPE_CHECKING:
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame

    from tinct.films.facts import FilmFacts
    from tinct.films.pixels import ColorTags
    from tinct.frame_format import FrameFormat

CONTAINERS = {".mp4": "mp4", ".m4v": "mp4", ".mov": "mov", ".mkv": "matroska", ".webm": "webm",
              ".avi": "avi", ".mxf": "mxf"}  # fmt: skip
"""Suffixes of films that can be written, and FFmpeg's names for them."""

_CODECS = {"webm": "libvpx-vp9", "mxf": "dnxhd"}
_USUAL_CODEC = "libx264"
_QUALITY = {"libx264": 18, "libx265": 20, "libvpx-vp9": 24, "libvpx": 10, "libsvtav1": 24}
"""``--crf`` by default: a restorer keeps the result, so finer than what is usual for watching."""
_QUANTIZER = 3  # of codecs without crf that have a quantizer, such as mpeg4: 1 finest, 31 coarsest
_OWN_OPTIONS = {
    "libx265": {"x265-params": "log-level=error"},
    "libvpx-vp9": {"row-mt": "1", "cpu-used": "2"},
}
_COUNTING = ("avi", "mxf")
"""Containers that hold no times: frames come in their order, in equal steps."""
_HELD_BY_MXF = ("dnxhd", "prores_ks", "prores", "libx264", "mpeg2video", "ffv1", "dvvideo",
                "jpeg2000", "libopenjpeg")  # fmt: skip
"""FFmpeg knows it only when it writes."""
_MASTERS = {"prores": "prores_ks", "dnxhd": "dnxhd"}
"""Codecs of editing that a film keeps, and their encoders ..."""
_MASTER_CONTAINERS = ("mov", "mxf")
"""... in the files of editing."""
_PROFILES = {
    "prores_ks": {
        "proxy": "yuv422p10le", "lt": "yuv422p10le", "standard": "yuv422p10le",
        "hq": "yuv422p10le", "4444": "yuv444p10le", "4444xq": "yuv444p10le",
    },
    "dnxhd": {
        "dnxhr_lb": "yuv422p", "dnxhr_sq": "yuv422p", "dnxhr_hq": "yuv422p",
        "dnxhr_hqx": "yuv422p10le", "dnxhr_444": "yuv444p10le",
    },
}  # fmt: skip
"""Profiles of encoders of editing, and the samples that each takes."""
_USUAL_PROFILES = {"yuv422p": "dnxhr_hq", "yuv444p10le": "dnxhr_444", "yuv422p10le": "dnxhr_hqx"}
"""Of DNxHR; ProRes is HQ or 4444, as FFmpeg has it."""
_SMALLEST_DNXHR = 256, 120  # width and height
_HINTS = {"dnxhd": ": whole frames of 256x120 at least: --deinterlace, or --codec prores_ks"}
_INTRA = ("ffv1", "prores_ks", "dnxhd", "mjpeg", "huffyuv", "ffvhuff", "utvideo")
_MOST_TICKS = 65535
_LAMBDA = 118  # FF_QP2LAMBDA
_PRESETS = ("ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower",
            "veryslow", "placebo")  # fmt: skip


@dataclass(frozen=True)
class EncoderPlan:
    """Everything that decides what an encoder makes of frames."""

    codec: str
    pix_fmt: str
    width: int
    height: int
    rate: Fraction
    aspect: Fraction | None
    tags: ColorTags
    field_order: int
    options: tuple[tuple[str, str], ...]
    container: str
    narrows: bool = False
    """Whether frames of full range are written in the limited one."""

    def form(self, source: FrameFormat) -> FrameFormat:
        """Return the format of the frames that it takes."""
        bits, shift = depth_and_shift(self.pix_fmt) or (source.bits, source.shift)
        return replace(
            source, bits=bits, shift=shift, width=self.width, height=self.height,
            matrix=self.tags.name,
        )  # fmt: skip

    @property
    def frame_tags(self) -> ColorTags:
        """Color tags of the frames that it takes: of full range where they are still to narrow."""
        return replace(self.tags, full_range=self.tags.full_range or self.narrows)

    @property
    def holds_times(self) -> bool:
        """Whether the container has a time for each frame; else they come in equal steps."""
        return self.container not in _COUNTING

    def open(self) -> VideoCodecContext:
        """Open an encoder of its own.

        Raises:
            OptionError: It cannot be opened like this.
        """
        context: Any = CodecContext.create(self.codec, "w")
        return self.configure(context)

    def configure(self, context: VideoCodecContext) -> VideoCodecContext:
        """Set up an encoder that is not open yet, and open it.

        Raises:
            OptionError: It cannot be opened like this.
        """
        context.width, context.height, context.pix_fmt = self.width, self.height, self.pix_fmt
        context.framerate, context.time_base = self.rate, 1 / self.rate
        if self.aspect is not None:
            context.sample_aspect_ratio = self.aspect
        context.color_primaries, context.color_trc = self.tags.primaries, self.tags.transfer
        context.colorspace = self.tags.matrix
        context.color_range = ColorRange.JPEG if self.tags.full_range else ColorRange.MPEG
        context.thread_count = 0
        if not self.holds_times:
            context.max_b_frames = 0
        if _has_global_header(self.container):
            context.flags |= Flags.global_header
        if self.container in ("mp4", "mov") and ("265" in self.codec or "hevc" in self.codec):
            context.codec_tag = "hvc1"  # players of Apple know no other; headers are global anyway
        options = dict(self.options)
        if self.field_order > PROGRESSIVE:
            context.field_order = self.field_order
            context.flags |= Flags.interlaced_dct | Flags.interlaced_me
            if self.codec == "libx264":  # or FFmpeg takes the first frame for top field first
                which = "tff" if self.field_order == TOP_FIRST else "bff"
                options["x264-params"] = f"{which}=1:pic-struct=1"
        context.options = options
        _set_quality(context)
        try:
            context.open()
        except (av.FFmpegError, ValueError) as error:
            hint = _HINTS.get(self.codec, "")
            given = f"{_given(self)}{hint}"
            raise OptionError(f"{self.codec}: cannot encode like this{given}") from error
        unknown = sorted(set(context.options))
        if unknown:
            raise OptionError(f"{self.codec} does not know {', '.join(unknown)}")
        return context


class FrameMarker:
    """Sets what encoders read from frames and PyAV cannot set: range, field order, pixel shape."""

    def __init__(self, plan: EncoderPlan) -> None:
        """Prepare for the frames of a film.

        Args:
            plan: How they are encoded.
        """
        self._graph: Graph | None = None
        marks = []
        if plan.narrows:
            marks.append(("scale", "in_range=full:out_range=limited:flags=accurate_rnd"))
        if plan.field_order > PROGRESSIVE:
            marks.append(("setfield", "tff" if plan.field_order == TOP_FIRST else "bff"))
        if plan.aspect is not None:
            marks.append(("setsar", f"{plan.aspect.numerator}/{plan.aspect.denominator}"))
        if marks:
            self._graph = Graph()
            given = plan.frame_tags
            tags = f"colorspace={given.matrix}:range={2 if given.full_range else 1}"
            source = (
                f"video_size={plan.width}x{plan.height}:pix_fmt={plan.pix_fmt}"
                f":time_base={1 / plan.rate}:{tags}"
            )
            filters = [("buffer", source), *marks, ("buffersink", None)]
            nodes = [self._graph.add(name, given) for name, given in filters]
            self._graph.link_nodes(*nodes).configure()

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        """Mark a frame; its samples are not copied, unless their range changes."""
        if self._graph is None:
            return frame
        self._graph.vpush(frame)
        return self._graph.vpull()


@dataclass(frozen=True)
class EncoderChoice:
    """What the user asked of the encoder."""

    codec: str | None = None
    crf: float | None = None
    preset: str | None = None
    pix_fmt: str | None = None
    profile: str | None = None


def plan_encoder(
    facts: FilmFacts, container: str, choice: EncoderChoice, size: tuple[int, int]
) -> tuple[EncoderPlan, list[str]]:
    """Find an encoder that takes a film as it is, or as nearly as there is one.

    Args:
        facts: The film.
        container: FFmpeg's name of the format of the file.
        choice: What the user asked for.
        size: Width and height of the frames.

    Returns:
        The plan, and what the user should know, one sentence each.

    Raises:
        OptionError: There is no such codec, or it does not take what was asked for.
        OutputError: The container cannot hold the codec.
    """
    kept = _MASTERS.get(facts.codec) if container in _MASTER_CONTAINERS else None
    codec = _find(choice.codec or kept or _usual_codec(container, facts, size))
    _check_container(codec, container)
    profile = _profile(codec, choice, facts)
    plan = EncoderPlan(
        codec=codec.name,
        pix_fmt="",
        width=size[0],
        height=size[1],
        rate=_writable_rate(codec.name, facts.rate),
        aspect=facts.aspect,
        tags=facts.tags,
        field_order=facts.field_order,
        options=tuple(_options(codec, choice).items()),
        container=container,
    )
    wanted = pixel_format(facts.form.bits, facts.form.shift)
    if choice.pix_fmt is not None:
        candidates = [_asked_format(choice.pix_fmt, codec)]
    else:
        candidates = _candidates(codec, wanted)
    if profile is not None:
        candidates = _of_profile(profile, codec, choice, candidates)
    failure: OptionError | None = None
    for candidate in candidates:
        try:
            options = dict(plan.options)
            if codec.name == "dnxhd" or profile is not None:
                options["profile"] = profile or _USUAL_PROFILES.get(candidate, "dnxhr_hq")
            chosen = replace(plan, pix_fmt=candidate, options=tuple(options.items()))
            chosen.open()
        except OptionError as error:
            failure = failure or error
        else:
            notes = _differences(codec, wanted, candidate, choice.pix_fmt)
            if codec.name == "dnxhd" and facts.profile == "DNXHD" and choice.profile is None:
                notes.append(f"DNxHD is written as DNxHR: {options['profile']}")
            return chosen, notes
    raise failure or OptionError(f"{codec.name} takes no frames of a film")


def known_options(context: CodecContext) -> set[str]:
    """Return the names of the options that an encoder has for itself."""
    return {option.name for option in context.supported_options.private}


def _find(name: str) -> Codec:
    try:
        codec = Codec(name, "w")
    except ValueError as error:
        raise OptionError(f"no encoder is called {name!r} here") from error
    if codec.type != "video":
        raise OptionError(f"{name} is no encoder of films")
    if codec.name == "libsvtav1":
        os.environ.setdefault("SVT_LOG", "1")  # errors only: it writes to stderr on its own
    return codec


def _writable_rate(codec: str, rate: Fraction) -> Fraction:
    """Return a rate near one that an encoder can write: MPEG-4 counts ticks in 16 bits."""
    if codec == "mpeg4":
        return 1 / (1 / rate).limit_denominator(_MOST_TICKS)
    return rate.limit_denominator(_MOST_TICKS)


def _usual_codec(container: str, facts: FilmFacts, size: tuple[int, int]) -> str:
    usual = _CODECS.get(container, _USUAL_CODEC)
    is_small = size[0] < _SMALLEST_DNXHR[0] or size[1] < _SMALLEST_DNXHR[1]
    if usual == "dnxhd" and (is_small or facts.field_order > PROGRESSIVE):
        return "prores_ks"  # which takes any size, and fields
    return usual


def _profile(codec: Codec, choice: EncoderChoice, facts: FilmFacts) -> str | None:
    """Return the profile that was asked for, or that the film has; None for the usual one."""
    known = _PROFILES.get(codec.name)
    if choice.profile is not None:
        if known is None and "profile" not in known_options(CodecContext.create(codec, "w")):
            raise OptionError(f"{codec.name} has no --profile")
        if known is not None and choice.profile not in known:
            raise OptionError(f"--profile {choice.profile}: {codec.name} has {', '.join(known)}")
        return choice.profile
    if known is None or facts.profile is None or _MASTERS.get(facts.codec) != codec.name:
        return None
    stated = {"XQ": "4444xq"}.get(facts.profile, facts.profile.lower().replace(" ", "_"))
    return stated if stated in known and choice.pix_fmt in (None, known[stated]) else None


def _of_profile(
    profile: str, codec: Codec, choice: EncoderChoice, candidates: list[str]
) -> list[str]:
    """Return the formats of samples that go with a profile."""
    known = _PROFILES.get(codec.name)
    if known is None:
        return candidates
    if choice.pix_fmt not in (None, known[profile]):
        raise OptionError(f"--profile {profile}: takes {known[profile]}, not {choice.pix_fmt}")
    return [known[profile]]


def _check_container(codec: Codec, container: str) -> None:
    if container == "mxf" and codec.name in _HELD_BY_MXF:
        return
    with av.open(os.devnull, "w", format=container) as output:
        if codec.name not in output.supported_codecs:
            known = {"matroska": "mkv"}.get(container, container)
            raise OutputError(f"{known} cannot hold {codec.name}: another --codec or suffix")


def _options(codec: Codec, choice: EncoderChoice) -> dict[str, str]:
    options = dict(_OWN_OPTIONS.get(codec.name, {}))
    known = known_options(CodecContext.create(codec, "w"))
    if choice.crf is not None:
        name = next((name for name in ("crf", "cq", "global_quality") if name in known), None)
        if name is None:
            raise OptionError(f"{codec.name} has no --crf")
        options[name] = f"{choice.crf:g}"
    elif codec.name in _QUALITY:
        options["crf"] = str(_QUALITY[codec.name])
    if choice.preset is not None:
        if "preset" not in known:
            raise OptionError(f"{codec.name} has no --preset")
        if codec.name in ("libx264", "libx265") and choice.preset not in _PRESETS:
            raise OptionError(f"{codec.name} knows the presets {', '.join(_PRESETS)}")
        options["preset"] = choice.preset
    return options


def _set_quality(context: VideoCodecContext) -> None:
    """Ask for a quality, never for the bit rate that FFmpeg has by default."""
    context.bit_rate = 0
    if not context.options.keys() & {"crf", "cq"} and context.name not in _INTRA:
        context.qscale = True
        context.global_quality = _QUANTIZER * _LAMBDA


def _asked_format(name: str, codec: Codec) -> str:
    if depth_and_shift(name) is None:
        raise OptionError(f"--pix-fmt {name}: not planar YUV, such as yuv420p or yuv422p10le")
    if name not in {known.name for known in codec.video_formats or ()}:
        raise OptionError(f"--pix-fmt {name}: {codec.name} does not take it")
    return name


def _candidates(codec: Codec, wanted: str) -> list[str]:
    """Sort the formats that a codec takes by how near they come to the one wanted."""
    bits, shift = depth_and_shift(wanted) or (8, (1, 1))

    def distance(name: str) -> tuple[bool, int, bool, int]:
        found = depth_and_shift(name)
        assert found is not None
        coarser = found[1][0] > shift[0] or found[1][1] > shift[1]
        apart = abs(found[1][0] - shift[0]) + abs(found[1][1] - shift[1])
        return found[0] < bits, abs(found[0] - bits), coarser, apart

    known = [name.name for name in codec.video_formats or () if depth_and_shift(name.name)]
    return sorted(known, key=distance) if known else [wanted]


def _differences(codec: Codec, wanted: str, chosen: str, asked: str | None) -> list[str]:
    before, after = depth_and_shift(wanted), depth_and_shift(chosen)
    assert before is not None
    assert after is not None
    if before == after or asked is not None:
        return []
    if before[0] > after[0]:
        return [f"{codec.name} takes {after[0]} bits at most: samples of {before[0]} are rounded"]
    known = {held.name for held in codec.video_formats or ()}
    why = " of this size" if wanted in known else ""
    return [f"{codec.name} does not take {wanted}{why}: written as {chosen}"]


def _given(plan: EncoderPlan) -> str:
    options = ", ".join(f"{name} {value}" for name, value in plan.options)
    return f" ({plan.width}x{plan.height}, {plan.pix_fmt}{', ' if options else ''}{options})"


def _has_global_header(container: str) -> bool:
    wanted: Any = FormatFlags.global_header
    return bool(ContainerFormat(container, "w").flags & wanted.value)
