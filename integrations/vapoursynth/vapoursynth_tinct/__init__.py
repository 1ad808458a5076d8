"""Color for gray films in VapourSynth.

``colorize(clip)`` makes chroma planes; luma is that of the clip. Three filters stand behind each
other: one shows a frame to the network, one averages its answer over time, one makes the planes.
The second needs what was known after the frame before, and so asks for its own output there: the
core then works on several frames at once and yet averages them in their order. What is known
travels as a property of the frames, so that nothing depends on which are cached.

A key frame colors frames before it as well, up to the cuts around it. Where these are is found out
before there are filters, as ``tinct video`` does: the clip is read once from its beginning.
"""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import vapoursynth as vs

from tinct.errors import InputError, TinctError
from tinct.films.pixels import ColorTags
from tinct.frame_format import MAX_BITS, MIN_BITS, FrameFormat
from tinct.photographs import read_picture
from tinct.runtime import Colorizer
from tinct.runtime.film import FilmColorizer, Samples
from tinct.runtime.key_frames import KeyFrames, KeyPicture, place_key_frames

__all__ = ["colorize"]

LOOK_BACK = 50
"""Frames before the one that a player jumps to, from which its colors are averaged."""
_VIEW, _MEMORY = "_TinctView", "_TinctMemory"
_UNSPECIFIED = 2  # of H.273

KeyFrameSource = vs.VideoNode | str | os.PathLike[str]
"""A picture: a clip of one frame, or a path."""


def colorize(  # noqa: PLR0913 - options by name, as filters of VapourSynth have them
    clip: vs.VideoNode,
    model: str = "nano",
    *,
    vividness: float | None = None,
    cautious: float = 0.0,
    saturation: float = 1.0,
    steady: bool = True,
    key_frames: Mapping[int, KeyFrameSource] | None = None,
    subsampling: tuple[int, int] = (1, 1),
    matrix: int | None = None,
    full_range: bool | None = None,
    device: str = "auto",
    threads: int = 1,
) -> vs.VideoNode:
    """Color a clip.

    Args:
        clip: Gray or YUV of 8 to 16 bits, of one format and size. Luma stays as it is; chroma that
            is there is left out.
        model: Name of a model in tinct, or path of a model file.
        vividness: 0 careful, 1 full colors; None for the model's own.
        cautious: Fade to gray where the network is unsure, 0 to 1.
        saturation: Factor on the colors, 0 to 4.
        steady: Whether colors are averaged over the frames.
        key_frames: Pictures of frames in the colors that they shall have, by the numbers of these
            frames as VapourSynth counts them: paths, or clips of one frame in RGB24, RGB48 or RGBS.
            Their colors go to the ends of their scenes; to find these, the clip is read before this
            function returns.
        subsampling: Of the chroma planes of a gray clip, log2, horizontal and vertical; YUV keeps
            its own.
        matrix: Of luma and chroma, in the numbers of H.273; None for that of the first frame, and
            where it has none BT.601 up to 576 lines and BT.709 beyond.
        full_range: Whether samples are of full range; None for what the first frame says, and
            where it says nothing limited.
        device: As in tinct.
        threads: Of the network, for each frame in work.

    Returns:
        YUV of the same depth.

    Raises:
        vapoursynth.Error: The clip or an option cannot be used.
    """
    try:
        _check(clip)
        tags = _tags_of(clip, matrix, full_range)
        form = _format_of(clip, subsampling, tags)
        colorizer = Colorizer(
            model,
            vividness=vividness,
            cautious=cautious,
            saturation=saturation,
            device=device,
            threads=threads,
        )
        film = FilmColorizer(colorizer, form, steady=steady)
        known = _place(clip, film, key_frames) if key_frames else KeyFrames()
    except (TinctError, ValueError) as error:
        raise vs.Error(f"tinct: {error}") from error
    return _Filters(clip, film, known, tags).output()


def _check(clip: vs.VideoNode) -> None:
    given = clip.format
    if given is None or not clip.width:
        raise ValueError("a clip whose format or size changes: resize it first")
    if given.color_family not in (vs.GRAY, vs.YUV) or given.sample_type != vs.INTEGER:
        raise ValueError(f"{given.name}: only gray and YUV of {MIN_BITS} to {MAX_BITS} bits")


def _tags_of(clip: vs.VideoNode, matrix: int | None, full_range: bool | None) -> ColorTags:
    """Return the tags that were asked for, else those of the first frame, completed."""
    props = clip.get_frame(0).props
    primaries, transfer, stated = (
        int(props.get(name, _UNSPECIFIED)) for name in ("_Primaries", "_Transfer", "_Matrix")
    )
    number = stated if matrix is None else matrix
    if full_range is None:
        full_range = int(props.get("_Range", vs.RANGE_LIMITED)) == vs.RANGE_FULL
    tags = ColorTags.completed(primaries, transfer, number, clip.height, full_range)
    if number not in (_UNSPECIFIED, tags.matrix):
        raise ValueError(f"matrix {number} is none of BT.601, BT.709 and BT.2020")
    return tags


def _format_of(clip: vs.VideoNode, subsampling: tuple[int, int], tags: ColorTags) -> FrameFormat:
    given = clip.format
    is_gray = given.color_family == vs.GRAY
    shift = subsampling if is_gray else (given.subsampling_w, given.subsampling_h)
    size, bits = (clip.width, clip.height), given.bits_per_sample
    return FrameFormat(*size, bits, shift, tags.full_range, tags.name)


def _place(
    clip: vs.VideoNode, film: FilmColorizer, sources: Mapping[int, KeyFrameSource]
) -> KeyFrames:
    """Read key frames, and look through the clip for their scenes; time is the frame's number."""
    pictures = {number: _read(number, source) for number, source in sources.items()}
    for number, picture in pictures.items():  # known at once, not when all has been read
        if not 0 <= number < len(clip):
            raise InputError(
                f"{picture.name}: there is no frame {number}, the last one is {len(clip) - 1}"
            )

    def numbered() -> Iterator[tuple[int, int, Samples]]:
        for number, frame in enumerate(clip.frames()):
            yield number, number, np.asarray(frame[0])

    def warn(text: str) -> None:
        vs.core.log_message(vs.MESSAGE_TYPE_WARNING, f"tinct: {text}")

    return place_key_frames(film, numbered(), pictures, warn)


def _read(number: int, source: KeyFrameSource) -> KeyPicture:
    if not isinstance(source, vs.VideoNode):
        return KeyPicture(os.fspath(source), read_picture(os.fspath(source)).pixels)
    name = f"key frame {number}"
    if source.format is None or source.format.id not in (vs.RGB24, vs.RGB48, vs.RGBS):
        raise InputError(f"{name}: RGB24, RGB48 or RGBS is needed: resize.Bicubic(format=RGB24)")
    if len(source) != 1:
        raise InputError(f"{name}: {len(source)} frames, where one is needed: clip[{number}]")
    frame = source.get_frame(0)
    pixels = np.dstack([np.asarray(frame[plane]) for plane in range(3)])
    return KeyPicture(name, pixels.clip(0, 1) if source.format.id == vs.RGBS else pixels)


@dataclass
class _Filters:
    """The filters of one clip."""

    clip: vs.VideoNode
    film: FilmColorizer
    key_frames: KeyFrames
    tags: ColorTags

    def __post_init__(self) -> None:
        self._asked: set[int] = set()
        self._begins = {0}
        self._lock = threading.Lock()

    def output(self) -> vs.VideoNode:
        """Return the colored clip."""
        form, core = self.film.format, vs.core
        target = core.query_video_format(vs.YUV, vs.INTEGER, form.bits, *form.shift)
        blank = core.std.BlankClip(self.clip, format=target.id, color=[0] * 3, keep=True)
        # What is known travels on frames of one sample: those of the clip are not kept for it.
        carrier = core.std.BlankClip(self.clip, 1, 1, format=vs.GRAY8, keep=True)
        seen = core.std.ModifyFrame(carrier, [carrier, self.clip], self._predict)
        if self.film.steady:
            known = core.std.FrameEval(carrier, lambda n: self._chain(n, seen, before))
            before = core.std.DuplicateFrames(known, 0)[:-1] if len(known) > 1 else known
        else:
            known = core.std.ModifyFrame(seen, seen, self._smooth)
        return core.std.ModifyFrame(blank, [blank, self.clip, known], self._compose)

    def _predict(self, n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        carried = f[0].copy()
        view = self.film.predict(np.asarray(f[1][0]), self.key_frames.near(n))
        carried.props[_VIEW] = pickle.dumps(view)
        return carried

    def _chain(self, n: int, seen: vs.VideoNode, before: vs.VideoNode) -> vs.VideoNode:
        """Return the filter that averages frame n: behind the one before, but for a beginning."""
        with self._lock:
            near = range(max(n - 2 * LOOK_BACK, 0), n)
            if n > 2 * LOOK_BACK and not self._asked.intersection(near):
                self._begins.add(n - LOOK_BACK)  # a jump: not all of the film before it
            self._asked.add(n)
            clips = seen if n in self._begins else [seen, before]
        return vs.core.std.ModifyFrame(seen, clips, self._smooth)

    def _smooth(self, n: int, f: Any) -> vs.VideoFrame:
        frames = f if isinstance(f, list) else [f]
        carried = frames[0].copy()
        view = pickle.loads(carried.props[_VIEW])
        with self._lock:
            memory = frames[1].props[_MEMORY] if len(frames) == 2 else b""
            self.film.memory = pickle.loads(memory) if memory else None
            view = self.film.smooth(view)
            known = self.film.memory
        carried.props[_VIEW] = pickle.dumps(view)
        carried.props[_MEMORY] = b"" if known is None else pickle.dumps(known)
        return carried

    def _compose(self, n: int, f: list[vs.VideoFrame]) -> vs.VideoFrame:
        _, given, known = f
        luma = np.asarray(given[0])
        chroma = self.film.compose(luma, self.film.fit(pickle.loads(known.props[_VIEW])))
        made = f[0].copy()
        for plane, samples in enumerate((luma, *chroma)):
            np.copyto(np.asarray(made[plane]), samples)
        for name, value in given.props.items():
            made.props[name] = value
        self._tag(made)
        return made

    def _tag(self, frame: vs.VideoFrame) -> None:
        """Say what the samples mean: a resizer asks for it once there is color."""
        frame.props["_Matrix"] = self.tags.matrix
        frame.props["_Range"] = vs.RANGE_FULL if self.tags.full_range else vs.RANGE_LIMITED
        for name, value in (("_Primaries", self.tags.primaries), ("_Transfer", self.tags.transfer)):
            if frame.props.get(name, _UNSPECIFIED) == _UNSPECIFIED:
                frame.props[name] = value
