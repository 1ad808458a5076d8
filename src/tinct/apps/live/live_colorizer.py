"""Colors the pictures of a camera in a thread of its own, beside capture and display."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Self

import cv2
import numpy as np

from tinct.cameras.camera import CapturedFrame
from tinct.cameras.slot import Slot
from tinct.frame_format import FrameFormat
from tinct.runtime.compose import compose_planes
from tinct.runtime.film import FilmColorizer

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from numpy.typing import NDArray

    from tinct.apps.live.window_pictures import PanelPictures
    from tinct.cameras.camera import Camera
    from tinct.runtime.colorizer import Colorizer, ColorOptions
    from tinct.runtime.upsample import ChromaModel

_POLL = 0.1  # seconds after which a waiting thread looks whether it shall end
_PATIENCE = 5.0
_WARM_UPS = 2


@dataclass(eq=False)
class ColoredFrame:
    """A picture with its colors, which become pixels only at the size at which they are wanted."""

    frame: CapturedFrame
    luma: NDArray[np.uint8]  # (H, W), full range, BT.601
    chroma: ChromaModel
    stages: dict[str, float] = field(default_factory=dict)  # seconds of each
    is_repeated: bool = False  # shown before: only the options have changed since
    panels: PanelPictures | None = None  # at the size at which a window shows them
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @cached_property
    def _planes(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        return compose_planes(self.luma, self.chroma)

    @property
    def planes(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
        """Y, Cb and Cr, 4:2:0, full range, BT.601: computed once, whoever asks first."""
        with self._lock:
            cb, cr = self._planes
        return self.luma, cb, cr

    @property
    def square_planes(self) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
        """The planes enlarged to square pixels, for whom nothing tells what shape they have."""
        aspect = self.frame.aspect
        if aspect == 1:
            return self.planes
        luma, cb, cr = self.planes
        height, width = luma.shape
        size = (round(width * max(aspect, 1)), round(height / min(aspect, 1)))
        half = ((size[0] + 1) // 2, (size[1] + 1) // 2)
        return _resized(luma, size), _resized(cb, half), _resized(cr, half)


class LiveColorizer:
    """Takes the latest picture, colors it, and hands it over before it takes the next.

    To be used as a context manager.

    Attributes:
        options: How colorful, and how careful; may be replaced at any time.
        steady: Whether colors are smoothed over time; may be switched at any time.
        prepare: Called with each picture, in the live_colorizer's thread, before it is handed over.
    """

    def __init__(self, camera: Camera, colorizer: Colorizer, *, steady: bool = True) -> None:
        """Prepare.

        Args:
            camera: Where the pictures come from.
            colorizer: The model, and how colorful at first.
            steady: Whether colors are smoothed over time at first.
        """
        self.options: ColorOptions = colorizer.options
        self.steady = steady
        self.prepare: Callable[[ColoredFrame], object] = lambda colored: None
        self._camera = camera
        self._colorizer = colorizer
        self._film: FilmColorizer | None = None
        self._format: FrameFormat | None = None
        self._last: CapturedFrame | None = None
        self._slot: Slot[ColoredFrame] = Slot()
        self._is_closing = self._is_repeat_wanted = False
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Self:
        """Begin."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop."""
        with self._slot.changed:
            self._is_closing = True
            self._slot.changed.notify_all()
        self._thread.join(_PATIENCE)

    def warm_up(self, size: tuple[int, int]) -> ColoredFrame:
        """Color a black picture, so that the first real one does not wait for what is slow once.

        Args:
            size: Width and height, as the camera is expected to have them.

        Returns:
            The black picture.

        Raises:
            ModelError: The model answers NaN or infinity.
        """
        black = np.zeros((size[1], size[0], 3), np.uint8)
        frame = CapturedFrame(black, 0, time.perf_counter(), 0.0)
        for _ in range(_WARM_UPS):
            colored = self._color(frame, is_repeated=False)
        self._film = None  # it shall remember nothing
        return colored

    def take(self, wait: float) -> ColoredFrame | None:
        """Fetch the next picture; None if there is none in ``wait`` seconds, or at the end.

        Raises:
            InputError: The camera has failed.
            ModelError: The model answers NaN or infinity.
        """
        return self._slot.take(wait)

    @property
    def has_ended(self) -> bool:
        """Whether the camera has come to its end, and every picture has been fetched."""
        return self._slot.has_ended

    @property
    def model(self) -> str:
        """Name of the model."""
        return self._colorizer.session.spec.name

    @property
    def device(self) -> str:
        """What the network runs on."""
        return self._colorizer.session.device

    @property
    def vividness(self) -> float:
        """The vividness in use."""
        default = self._colorizer.session.spec.default_vividness
        return default if self.options.vividness is None else self.options.vividness

    def repeat(self) -> None:
        """Color the last picture once more, with the options as they are now."""
        self._is_repeat_wanted = True

    def _run(self) -> None:
        try:
            while not (self._is_closing or self._camera.has_ended):
                colored = self._next()
                if colored is not None:
                    self._slot.put(colored)
        except Exception as error:  # noqa: BLE001 - take() raises it in the thread that asks
            self._slot.end(error)
        else:
            self._slot.end()

    def _next(self) -> ColoredFrame | None:
        """Wait for a picture, and color it; not before the last one has been fetched.

        A picture that is begun too early only grows old.
        """
        with self._slot.changed:
            self._slot.changed.wait_for(lambda: not self._slot.is_full or self._is_closing)
        frame = self._camera.take(_POLL)
        if frame is not None:
            self._last, self._is_repeat_wanted = frame, False
            return self._color(frame, is_repeated=False)
        if self._is_repeat_wanted and self._last is not None:
            self._is_repeat_wanted = False
            return self._color(self._last, is_repeated=True)
        return None

    def _color(self, frame: CapturedFrame, *, is_repeated: bool) -> ColoredFrame:
        begin = time.perf_counter()
        film = self._film_for(frame)
        luma = np.asarray(cv2.cvtColor(frame.rgb, cv2.COLOR_RGB2GRAY), np.uint8)
        view = film.predict(luma)
        predicted = time.perf_counter()
        colored = ColoredFrame(frame, luma, film.fit(film.smooth(view)), is_repeated=is_repeated)
        fitted = time.perf_counter()
        self.prepare(colored)
        colored.stages = {
            "convert": frame.converted,
            "wait": max(begin - frame.time - frame.converted, 0.0),
            "network": predicted - begin,
            "smooth": fitted - predicted,
            "compose": time.perf_counter() - fitted,
        }
        return colored

    def _film_for(self, frame: CapturedFrame) -> FilmColorizer:
        """Return the colorizer of frames of this size, with the options of this moment."""
        height, width = frame.rgb.shape[:2]
        format = FrameFormat(width, height, full_range=True, matrix="bt601")
        if self._film is None or format != self._format:
            self._film, self._format = FilmColorizer(self._colorizer, format), format
        self._film.options, self._film.steady = self.options, self.steady
        return self._film


def _resized(plane: NDArray[np.uint8], size: tuple[int, int]) -> NDArray[np.uint8]:
    return np.asarray(cv2.resize(plane, size), np.uint8)
