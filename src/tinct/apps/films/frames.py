"""Frames of a film on their way: colored in their order, put together, encoded by segments."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from tinct.apps.films.own_color import add_tint, fit_own_chroma
from tinct.cores import count_processors, prepare_threads
from tinct.films.pixels import build_frame, change_depth
from tinct.films.segments import Parts, SegmentEncoder
from tinct.runtime import Colorizer
from tinct.runtime.film import FilmColorizer, Samples, View
from tinct.runtime.key_frames import KeyFrames
from tinct.runtime.parallel import color_frames

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from av.video.frame import VideoFrame
    from numpy.typing import NDArray

    from tinct.apps.colorizer_options import ColorizerOptions
    from tinct.films.encoder import EncoderPlan
    from tinct.films.facts import FilmFacts
    from tinct.films.pixels import ColorTags
    from tinct.films.reader import FilmFrame
    from tinct.frame_format import FrameFormat

SEGMENT = 250
"""Frames of a segment: as many as encoders put between two key frames anyway."""


@dataclass(frozen=True)
class Colored:
    """A frame on its way to the encoder."""

    frame: VideoFrame
    source: FilmFrame
    """As it was read."""
    memory: NDArray[np.float32] | None = None
    """What the colorizer knew after it."""


class RememberingColorizer(FilmColorizer):
    """Colors a film, and says of every frame what must be known to go on after it.

    Attributes:
        key_frames: Frames whose colors are known.
    """

    def __init__(
        self, colorizer: Colorizer, format: FrameFormat, *, steady: bool, jobs: int
    ) -> None:
        """Prepare for a film.

        Args:
            colorizer: Holds the model, see ``FilmColorizer``.
            format: Of the frames.
            steady: Average colors over time.
            jobs: Frames in work at once.
        """
        super().__init__(colorizer, format, steady=steady)
        self._jobs = jobs
        self.key_frames = KeyFrames()
        self._memories: deque[NDArray[np.float32] | None] = deque()

    def smooth(self, view: View) -> View:
        """Average the colors of the next frame, and keep what is known then."""
        smoothed = super().smooth(view)
        self._memories.append(self.memory)
        return smoothed

    def color(
        self, frames: Iterable[FilmFrame], finish: Finish, warm_up: int = 0
    ) -> Iterator[Colored]:
        """Color frames, several at a time, in their order.

        Args:
            frames: The film.
            finish: Puts frames together.
            warm_up: So many frames are only looked at.
        """
        made = color_frames(
            self, frames, finish.luma, finish, jobs=self._jobs, warm_up=warm_up,
            references=lambda frame: self.key_frames.near(frame.time),
        )  # fmt: skip
        for item in made:
            while warm_up:
                self._memories.popleft()
                warm_up -= 1
            yield replace(item, memory=self._memories.popleft())


def make_colorizer(
    color: ColorizerOptions, form: FrameFormat, *, steady: bool, jobs: int | None = None
) -> RememberingColorizer:
    """Load the model for a film.

    Args:
        color: How it is colored.
        form: Of the colored frames.
        steady: Average colors over time.
        jobs: Frames in work at once; one for each processor and one more when None.

    Raises:
        ModelError, DeviceError, OptionError: The model, the device or an option cannot be used.
    """
    prepare_threads(count_processors())
    colorizer = Colorizer(
        color.model,
        vividness=color.vividness,
        cautious=color.cautious,
        saturation=color.saturation,
        device=color.device,
        threads=color.threads or 1,  # frames are colored at the same time instead
    )
    jobs = jobs or count_processors() + 1
    return RememberingColorizer(colorizer, form, steady=steady, jobs=jobs)


class Finish:
    """Puts frames for the encoder together."""

    def __init__(
        self,
        facts: FilmFacts,
        form: FrameFormat,
        tags: ColorTags,
        *,
        preview: bool = False,
        keep_tint: bool = False,
    ) -> None:
        """Prepare for a film.

        Args:
            facts: The film as it is read.
            form: Of the colored frames.
            tags: What these say of their colors.
            preview: Put the gray frame at the left of each, as it is shown.
            keep_tint: Put the tint of the film over the new colors.
        """
        self._facts, self._form, self._tags = facts, form, tags
        self._preview, self._keep_tint = preview, keep_tint

    def luma(self, frame: FilmFrame) -> Samples:
        """Return the luma of a frame in the depth of the new film."""
        source = self._facts.form
        return change_depth(frame.luma, source.bits, self._form.bits, source.full_range)

    def __call__(self, frame: FilmFrame, luma: Samples, cb: Samples, cr: Samples) -> Colored:
        """Put a frame together."""
        form = self._form
        if frame.is_colored:
            cb, cr = fit_own_chroma(frame, self._facts.form, form)
        elif self._keep_tint and frame.chroma is not None:
            cb, cr = add_tint(frame, (cb, cr), self._facts.form, form)
        if self._preview:
            gray = np.full_like(cb, 128 << (form.bits - 8))
            pairs = ((luma, luma), (gray, cb), (gray, cr))
            axis, is_left_first = self._facts.left_side
            step = 1 if is_left_first else -1
            luma, cb, cr = (np.concatenate(pair[::step], axis) for pair in pairs)
            form = replace(form, height=luma.shape[0], width=luma.shape[1])
            rows, columns = form.chroma_shape  # an odd side has half a sample of chroma twice
            cb, cr = cb[:rows, :columns], cr[:rows, :columns]
        return Colored(build_frame((luma, cb, cr), form, self._tags), frame)


def encode_segments(items: Iterable[Colored], plan: EncoderPlan, parts: Parts) -> None:
    """Encode frames, segment by segment; the last one may be shorter.

    Raises:
        OutputError: A segment cannot be stored, or the encoder fails.
    """
    encoder: SegmentEncoder | None = None
    kept = 0
    for item in items:
        if encoder is None:
            encoder, kept = SegmentEncoder(plan), 0
        last = item.source
        encoder.add(item.frame, last.time, last.duration, last.is_exact)
        kept += last.is_colored
        if len(encoder) == SEGMENT:
            _store(encoder, item, kept, parts)
            encoder = None
    if encoder is not None:
        _store(encoder, item, kept, parts)


def _store(encoder: SegmentEncoder, last: Colored, kept: int, parts: Parts) -> None:
    segment, packets = encoder.finish(last.memory)
    is_colored, contrary = last.source.is_colored, last.source.contrary
    parts.add(replace(segment, kept=kept, is_colored=is_colored, contrary=contrary), packets)
