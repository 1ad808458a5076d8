"""Films and cameras: the chroma planes of one frame after the other.

A frame goes through four steps. *predict* shrinks its luma and asks the network; *smooth* averages
the answer over time; *fit* makes chroma of it, as a function of luma; *compose* makes the chroma
planes at their own size. The luma plane itself is only read.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color import Plane, luma_to_lightness
from tinct.errors import InputError
from tinct.frame_format import FrameFormat
from tinct.runtime.colorizer import Colorizer, ColorOptions, adjust, working_pixels
from tinct.runtime.compose import Pixels, compose_planes, display_luma
from tinct.runtime.presence import find_presence, is_blank
from tinct.runtime.reference import KeyFrame, ab_of, color_like
from tinct.runtime.temporal import TemporalSmoother
from tinct.runtime.upsample import ChromaModel, fit_chroma

if TYPE_CHECKING:
    from tinct.runtime.hint_session import Description
    from tinct.runtime.reference import Weighted

SHORT_SIDE = 224
"""Of a frame as the network sees it, in pixels, whatever its model says of photographs: on 300 of
them 224 loses 0.01 dB against 256, within the noise, 192 0.06 dB and 160 0.25 dB."""
FIT_SHRINK = 4
"""Working size over that of the fit of chroma; half of it gains 0.004 to 0.018 dB."""
_NOISE_ROWS = 32  # of a frame are looked at, evenly spread
_NOISE_PIECE = 16  # samples
_CLIPPED = 0.1  # of the range, from black and from white
_LEAST_PIECES = 0.05  # of all: fewer say nothing
_SMOOTHEST_TENTH = 1.346  # of pieces of normal noise with a standard deviation of 1

_LEAST_SATURATION = 0.01

Samples = NDArray[Any]
"""A plane of uint8, or of uint16 beyond 8 bits."""


@dataclass(frozen=True)
class View:
    """What the network saw of one frame, and what it answered."""

    luma: Plane
    """At working size, (h, w), 0 black to 1 white."""
    ab: NDArray[np.float32]
    """(2, h / 4, w / 4) in CIE units."""
    confidence: Plane
    """(h / 4, w / 4), 0..1."""
    noise: float = 0.0
    """Standard deviation of the noise of luma, 0..1, in a sample of chroma."""
    presence: Plane | None = None
    """(h / 4, w / 4), 0..1: how much of its color each cell may have; None for all of it."""


class FilmColorizer:
    """Colors the frames of one film or camera.

    ``predict``, ``fit`` and ``compose`` keep no state and may run in several threads at once.
    ``smooth`` does, and is called once a frame, in the order of the frames.

    Attributes:
        options: How colorful, and how careful; may be replaced between frames.
        steady: Whether colors are steadied over time; may be switched between frames.
        format: What the samples of the frames mean.
        short_side: Of a frame as the network sees it, in pixels.
    """

    def __init__(
        self,
        colorizer: Colorizer,
        format: FrameFormat,
        *,
        steady: bool = True,
        short_side: int | None = None,
    ) -> None:
        """Prepare for a film.

        Args:
            colorizer: Its model is used, and its options to begin with. For the most frames a
                second it has one thread, and as many frames are worked on as there are cores.
            format: What the samples of the frames mean.
            steady: Whether colors are steadied over time.
            short_side: Of a frame as the network sees it, in pixels; ``SHORT_SIDE`` when None.
        """
        self.options: ColorOptions = colorizer.options
        self.steady = steady
        self.format = format
        self.short_side = SHORT_SIDE if short_side is None else short_side
        self._colorizer = colorizer
        self._smoother = TemporalSmoother()
        self._gray = _Grays(format)

    def __call__(self, luma: Samples) -> tuple[Samples, Samples]:
        """Color the next frame: the four steps in turn."""
        return self.compose(luma, self.fit(self.smooth(self.predict(luma))))

    def predict(self, luma: Samples, references: Sequence[Weighted] = ()) -> View:
        """Show a frame to the network.

        Args:
            luma: (H, W) of the format's size, dtype and range.
            references: Frames whose colors are known, and their weights above 0.

        Raises:
            InputError: It is of another size or dtype.
            ModelError: The model answers NaN or infinity, or takes no hints, which references are.
        """
        small = self._working(luma)
        lightness = self._lightness(small)
        if references:
            ab, confidence = color_like(self._describe(lightness), references)
        else:
            answer = self._colorizer.predict(lightness, self.options.vividness)
            ab, confidence = answer[0][0], answer[1][0, 0]
        turns = -self.format.turns
        ab, confidence = _turn(ab, turns), _turn(confidence, turns)
        return View(self._gray.luma(small), ab, confidence, self._noise(luma))

    def key_frame(self, luma: Samples, rgb: Pixels) -> KeyFrame:
        """Return what a frame whose colors are known says about the others of its scene.

        Args:
            luma: Of the frame, as with ``predict``.
            rgb: The frame in color, as it is shown, (h, w, 3) uint8, uint16 or float in 0..1, of
                any size.

        Raises:
            InputError, ModelError: As ``predict``.
        """
        lightness = self._lightness(self._working(luma))
        picture = self._describe(lightness)
        ab = ab_of(rgb, picture.confidence.shape)
        # Saturation is applied to everything later on: to be as they are here, these come first.
        wanted = ab / np.float32(max(self.options.saturation, _LEAST_SATURATION))
        return KeyFrame(picture, wanted, self._colorizer.load_hints().spec)

    def small_luma(self, luma: Samples) -> Plane:
        """Return the gray values of a frame, 0..1, at about the size of the map of ab."""
        spec = self._colorizer.session.spec
        side, multiple = (number // spec.stride for number in (self.short_side, spec.multiple))
        return self._gray.luma(working_pixels(luma, side, multiple, cv2.INTER_LINEAR))

    def _working(self, luma: Samples) -> Samples:
        """Return the luma of a frame as the network sees it."""
        self._check(luma)
        multiple = self._colorizer.session.spec.multiple
        # By halves and then linearly: by area the last step would take five times as long.
        return working_pixels(luma, self.short_side, multiple, cv2.INTER_LINEAR)

    def _lightness(self, working: Samples) -> Plane:
        """Return L* as the network sees it, (1, 1, h, w): as the frame is shown."""
        return self._gray.lightness(_turn(working, self.format.turns))[None, None]

    def _describe(self, lightness: Plane) -> Description:
        vividness = self.options.vividness
        level = self._colorizer.vividness if vividness is None else vividness
        return self._colorizer.load_hints().describe(lightness, level, coarse=True)

    def _noise(self, luma: Samples) -> float:
        """Return the standard deviation of the noise of luma, 0..1, in a sample of chroma."""
        black, white = self.format.luma_codes
        # White noise: where a sample of chroma covers several of luma, their mean has less.
        noise = estimate_noise(luma, black, white)
        return noise / (white - black) / 2 ** (sum(self.format.shift) / 2)

    def smooth(self, view: View) -> View:
        """Average the colors of the next frame over time, and find where there are none to be."""
        if not self.steady:
            self._smoother.reset()  # switched on again, it must not remember an old scene
            return replace(view, presence=find_presence(_shrink(view)))
        ab = self._smoother(view.luma, view.ab, view.confidence)
        averaged = self._smoother.luma
        shown = _shrink(view) if averaged is None or is_blank(_shrink(view)) else averaged
        return replace(view, ab=ab, presence=find_presence(shown))

    def fit(self, view: View) -> ChromaModel:
        """Fit chroma, as a function of luma, to the colors of a frame."""
        ab = adjust(view.ab, view.confidence, self.options)
        if view.presence is not None:
            ab = ab * view.presence
        return fit_chroma(view.luma, ab, self.format.matrix, FIT_SHRINK, view.noise)

    def compose(self, luma: Samples, chroma: ChromaModel) -> tuple[Samples, Samples]:
        """Give the chroma planes of a frame.

        Args:
            luma: (H, W) of the format's size, dtype and range.
            chroma: What ``fit`` gave for this frame.

        Returns:
            Cb and Cr, each of the format's chroma shape and dtype. Where luma and chroma together
            would leave the gamut, chroma is lowered.

        Raises:
            InputError: Luma is of another size or dtype.
        """
        self._check(luma)
        return compose_planes(luma, chroma, self.format)

    def reset(self) -> None:
        """Forget the frames so far: another film begins, or another place of it."""
        self._smoother.reset()

    @property
    def memory(self) -> NDArray[np.float32] | None:
        """What it knows of the frames so far, or None; set it to go on exactly from there."""
        return self._smoother.memory

    @memory.setter
    def memory(self, memory: NDArray[np.float32] | None) -> None:
        self._smoother.memory = memory

    def _check(self, luma: Samples) -> None:
        if luma.shape != self.format.luma_shape or luma.dtype != self.format.dtype:
            wanted = f"{self.format.width}x{self.format.height} {self.format.dtype}"
            size = "x".join(map(str, luma.shape[::-1]))
            raise InputError(f"frame: {size} {luma.dtype}, where {wanted} was expected")


def estimate_noise(luma: Samples, black: float, white: float) -> float:
    """Estimate the standard deviation of the noise of a frame, in its codes.

    Second differences along some of its rows see no slopes. Their sizes are averaged over pieces of
    a row, and the tenth of these that is the smoothest tells: what is left of it is noise, unless
    there is texture everywhere. Pieces near black or white are left out: there noise is clipped.

    Args:
        luma: (H, W) uint8 or uint16.
        black: Its code.
        white: Its code.
    """
    rows = luma[:: max(len(luma) // _NOISE_ROWS, 1)].astype(np.float32)
    count = (rows.shape[1] - 2) // _NOISE_PIECE
    if count < 1:
        return 0.0
    inner = rows[:, 1:-1]
    sizes = np.abs(2 * inner - rows[:, :-2] - rows[:, 2:])
    means, levels = (_mean_pieces(plane, count) for plane in (sizes, inner))
    margin = _CLIPPED * (white - black)
    telling = means[(levels > black + margin) & (levels < white - margin)]
    if telling.size < means.size * _LEAST_PIECES:
        telling = means
    tenth = telling.size // 10
    return float(np.partition(telling, tenth)[tenth]) / _SMOOTHEST_TENTH


def _mean_pieces(plane: Plane, count: int) -> Plane:
    part = plane[:, : count * _NOISE_PIECE]
    means: Any = cv2.resize(part, (count, len(part)), interpolation=cv2.INTER_AREA)
    return cast("Plane", means.ravel())


def _turn(planes: NDArray[Any], turns: int) -> NDArray[Any]:
    """Turn (..., h, w) by quarters against the clock."""
    return np.ascontiguousarray(np.rot90(planes, turns, axes=(-2, -1)))


def _shrink(view: View) -> Plane:
    size = view.ab.shape[:0:-1]
    return cast("Plane", cv2.resize(view.luma, size, interpolation=cv2.INTER_AREA))


class _Grays:
    """Luma codes of a film as gray values and as L*, by tables."""

    def __init__(self, format: FrameFormat) -> None:
        codes = np.arange(2**format.bits, dtype=format.dtype)
        self._luma = display_luma(codes, *format.luma_codes).ravel().clip(0, 1)
        self._lightness = luma_to_lightness(self._luma)

    def luma(self, codes: Samples) -> Plane:
        """Return gray values, 0 black to 1 white, of codes of any shape (H, W)."""
        return _look_up(self._luma, codes)

    def lightness(self, codes: Samples) -> Plane:
        """Return L*, 0..100, of codes of any shape (H, W)."""
        return _look_up(self._lightness, codes)


def _look_up(table: Plane, codes: Samples) -> Plane:
    if codes.dtype == np.uint8:
        return cast("Plane", cv2.LUT(codes, table))
    return table.take(codes, mode="clip")
