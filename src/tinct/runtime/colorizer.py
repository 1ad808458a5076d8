"""The colorizer: a picture in, the same picture in color out."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, overload

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color import Plane, luma_to_lightness
from tinct.cores import count_cores
from tinct.errors import ModelError, OptionError
from tinct.photographs import Picture
from tinct.photographs.read import Source
from tinct.runtime.compose import Pixels, color_picture, luma_of, white_level
from tinct.runtime.in_order import in_order
from tinct.runtime.inputs import SupportsArray, holds_pictures, open_picture
from tinct.runtime.session import Session
from tinct.runtime.upsample import ChromaModel, fit_chroma
from tinct.spec import PHOTOGRAPH_MODEL

if TYPE_CHECKING:
    from PIL import Image

    from tinct.runtime.canvas import Canvas
    from tinct.runtime.hint_session import HintSession

MAX_ASPECT = 4
"""A picture longer than this times its short side is squeezed for the network."""
MAX_SATURATION = 4.0
CAUTION_WIDTH = 0.4
"""Confidence over which a color fades out, around the value of caution."""
GPU_BATCH = 8
"""Pictures that a GPU is given at once."""


@dataclass(frozen=True)
class ColorOptions:
    """How colorful, and how careful."""

    vividness: float | None = None
    """0 the most faithful colors, 1 the most vivid; None takes the model's default."""
    cautious: float = 0.0
    """0 shows every color; towards 1 those that the network is unsure of fade to gray."""
    saturation: float = 1.0
    """Chroma is multiplied by this, 0 to 4."""

    def __post_init__(self) -> None:
        """Check the ranges."""
        for name, value, highest in (
            ("vividness", 0.0 if self.vividness is None else self.vividness, 1.0),
            ("cautious", self.cautious, 1.0),
            ("saturation", self.saturation, MAX_SATURATION),
        ):
            if not 0 <= value <= highest:
                raise OptionError(f"{name} must be between 0 and {highest:g}, not {value:g}")


class Colorizer:
    """Colors gray pictures; keeps no state between them and may be used from several threads.

    It can be pickled: the copy loads the same model again, where it is unpickled.

    Attributes:
        session: The loaded model.
        options: How colorful, and how careful.
    """

    def __init__(
        self,
        model: str | Path = PHOTOGRAPH_MODEL,
        *,
        vividness: float | None = None,
        cautious: float = 0.0,
        saturation: float = 1.0,
        device: str = "auto",
        threads: int | None = None,
    ) -> None:
        """Load a model.

        Args:
            model: Name of a model inside the package, or path of an ONNX file.
            vividness: 0 the most faithful colors, 1 the most vivid; None takes the model's
                default.
            cautious: 0 shows every color; towards 1 unsure colors fade to gray.
            saturation: Chroma is multiplied by this, 0 to 4.
            device: ``auto``, ``cpu``, ``cuda``, ``tensorrt``, ``openvino``, ``coreml`` or
                ``directml``.
            threads: Processor threads of the network; None is one for each physical core that this
                process may use.

        Raises:
            ModelError, DeviceError, OptionError: The model, the device or an option cannot be used.
        """
        self.options = ColorOptions(vividness, cautious, saturation)
        self.session = Session(model, device=device, threads=threads)
        self._threads = threads
        self._hints: HintSession | None = None

    def open(
        self,
        image: Any,
        *,
        vividness: float | None = None,
        cautious: float | None = None,
        saturation: float | None = None,
    ) -> Canvas:
        """Look at a picture once, to say then what color things in it are.

        Args:
            image: One picture, of any kind that ``colorizer(image)`` takes.
            vividness: Of the colors that nothing is said about; None takes that of the colorizer,
                as with the others.
            cautious: Likewise.
            saturation: Likewise.

        Raises:
            InputError: The picture cannot be read, or is no picture.
            ModelError: The model takes no hints.
            OptionError: An option is out of range.
        """
        from tinct.runtime.canvas import Canvas

        options = self._options_with(vividness, cautious, saturation)
        return Canvas(self, self.load_hints(), image, options)

    def load_hints(self) -> HintSession:
        """Return the branch for hints of the model, loaded when it is first asked for.

        Raises:
            ModelError: The model takes no hints.
        """
        from tinct.runtime.hint_session import HintSession

        if self._hints is None:  # loaded twice by two threads: no harm
            self._hints = HintSession(self.session, self._threads)
        return self._hints

    def __getstate__(self) -> dict[str, Any]:
        """Leave the branch for hints out of a pickle: it is loaded again where it is needed."""
        return self.__dict__ | {"_hints": None}

    @overload
    def __call__(
        self,
        image: Source | Picture,
        *,
        vividness: float | None = None,
        cautious: float | None = None,
        saturation: float | None = None,
    ) -> Picture: ...
    @overload
    def __call__(
        self,
        image: Image.Image,
        *,
        vividness: float | None = None,
        cautious: float | None = None,
        saturation: float | None = None,
    ) -> Image.Image: ...
    @overload
    def __call__(
        self,
        image: SupportsArray,
        *,
        vividness: float | None = None,
        cautious: float | None = None,
        saturation: float | None = None,
    ) -> Pixels: ...
    @overload
    def __call__(
        self,
        image: Iterable[Any],
        *,
        vividness: float | None = None,
        cautious: float | None = None,
        saturation: float | None = None,
    ) -> Iterator[Any]: ...
    def __call__(
        self,
        image: Any,
        *,
        vividness: float | None = None,
        cautious: float | None = None,
        saturation: float | None = None,
    ) -> Any:
        """Color one picture, or one after the other of many; the result is of the input's kind.

        Of pictures in color only the luma is used.

        ================================================  ==========================================
        given                                             returned
        ================================================  ==========================================
        a path, the bytes of a file, an open binary file  ``Picture``, with all metadata of the file
        ``Picture``                                       ``Picture``
        PIL image of any mode but LAB                     PIL image, RGB or RGBA, with its ``info``
        array (H, W) or (H, W, 1..4): uint8, uint16,      array (H, W, 3), or (H, W, 4) where there
        float in 0..1, or bool                            was alpha, of the same type; bool: uint8
        torch tensor (the same, or (1..4, H, W)), or      a NumPy array (H, W, 3) or (H, W, 4), as
        anything else with ``__array__``                  above
        list, tuple or any iterable of these              an iterator of results, in their order:
                                                          ``colorize_all``
        ================================================  ==========================================

        Args:
            image: The picture or pictures.
            vividness: For this call; None takes that of the colorizer, as with the others.
            cautious: For this call.
            saturation: For this call.

        Raises:
            InputError: The picture cannot be read, or is no picture.
            ModelError: The model answers NaN or infinity.
            OptionError: An option is out of range.
        """
        options = self._options_with(vividness, cautious, saturation)
        if holds_pictures(image):
            return self.colorize_all(
                image, vividness=vividness, cautious=cautious, saturation=saturation
            )
        pixels, finish = open_picture(image, self.session.spec.name)
        return self.color_pages(finish(self.chroma(pixels, options)), options)

    def colorize_all(
        self,
        images: Iterable[Any],
        *,
        vividness: float | None = None,
        cautious: float | None = None,
        saturation: float | None = None,
        jobs: int | None = None,
        batch: int | None = None,
    ) -> Iterator[Any]:
        """Color many pictures, several at a time, in threads.

        At most ``2 * jobs * batch`` pictures are taken from the iterable ahead of the results.

        Args:
            images: Pictures of any kinds that ``colorizer(image)`` takes.
            vividness: For these; None takes that of the colorizer, as with the others.
            cautious: For these.
            saturation: For these.
            jobs: Groups of pictures in work at once; None is one for each physical core.
            batch: Pictures that the network is given at once, where they are of one shape. None
                is 8 on GPUs and 1 elsewhere: on processors a batch takes as long as its pictures.

        Returns:
            An iterator of the results, in the order of the pictures. A picture that fails raises
            its error in its turn, which ends the iterator.

        Raises:
            OptionError: An option is out of range.
        """
        options = self._options_with(vividness, cautious, saturation)
        size = self.batch_size if batch is None else batch
        count = count_cores() if jobs is None else jobs
        for name, value in (("jobs", count), ("batch", size)):
            if value < 1:
                raise OptionError(f"{name} must be at least 1, not {value}")

        def work(group: list[Any]) -> list[Any]:
            return self.colorize_batch(group, options)

        return in_order(work, images, jobs=count, batch=size)

    @property
    def batch_size(self) -> int:
        """How many pictures it pays to color in one run of the network."""
        return 1 if self.session.device in ("cpu", "openvino") else GPU_BATCH

    def colorize_batch(self, images: list[Any], options: ColorOptions | None = None) -> list[Any]:
        """Color a few pictures, those of one shape in one run of the network.

        Args:
            images: Pictures of any kinds that ``colorizer(image)`` takes.
            options: How colorful, and how careful; None takes those of the colorizer.

        Returns:
            The results in the same order; where a picture fails, its error stands in place of one.
        """
        options = options or self.options
        name = self.session.spec.name
        opened = [attempt(partial(open_picture, name=name), image) for image in images]
        pixels = [entry[0] for entry in opened if not isinstance(entry, Exception)]
        chroma = iter(self._chroma_of_all(pixels, options))

        def finish(entry: tuple[Pixels, Callable[[ChromaModel], Any]]) -> Any:
            return self.color_pages(entry[1](next(chroma)), options)

        return [
            entry if isinstance(entry, Exception) else attempt(finish, entry) for entry in opened
        ]

    def color_pages(self, result: Any, options: ColorOptions) -> Any:
        """Color the further pages of a ``Picture``, where it has any."""
        if not (isinstance(result, Picture) and result.pages):
            return result
        name = self.session.spec.name
        pages = tuple(
            color_picture(page, name, self.chroma(page.pixels, options)) for page in result.pages
        )
        return replace(result, pages=pages)

    def chroma(self, pixels: Pixels, options: ColorOptions | None = None) -> ChromaModel:
        """Predict the chroma of a picture as a function of luma, for pictures of any size.

        Args:
            pixels: (H, W) or (H, W, 1..4), uint8, uint16 or float in 0..1.
            options: How colorful, and how careful; None takes those of the colorizer.
        """
        return self._chroma_of_all([pixels], options or self.options)[0]

    def _chroma_of_all(self, pictures: list[Pixels], options: ColorOptions) -> list[ChromaModel]:
        """Predict the chroma of several pictures, those of one working size in one run."""
        spec = self.session.spec
        lumas = [working_luma(pixels, spec.short_side, spec.multiple) for pixels in pictures]
        models: dict[int, ChromaModel] = {}
        for shape in {luma.shape for luma in lumas}:
            places = [index for index, luma in enumerate(lumas) if luma.shape == shape]
            batch = np.stack([luma_to_lightness(lumas[index]) for index in places])[:, None]
            ab, confidence = self.predict(batch, options.vividness)  # (N, 2, h, w), (N, 1, h, w)
            for row, index in enumerate(places):
                adjusted = adjust(ab[row], confidence[row, 0], options)
                models[index] = fit_chroma(lumas[index], adjusted)
        return [models[index] for index in range(len(pictures))]

    def predict(
        self, lightness: NDArray[np.float32], vividness: float | None = None
    ) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """Run the network alone.

        Args:
            lightness: L* (N, 1, H, W) float32, 0..100; H and W multiples of 32.
            vividness: 0..1; None takes the one in use.

        Returns:
            ab (N, 2, H/4, W/4) in CIE units, and the confidence (N, 1, H/4, W/4), 0..1.

        Raises:
            ModelError: The answer holds NaN or infinity.
        """
        ab, confidence = self.session.run(
            lightness, self.vividness if vividness is None else vividness
        )
        # Further on, NaN would turn into gray or black pixels, and nobody would know why.
        if not (np.isfinite(ab).all() and np.isfinite(confidence).all()):
            raise ModelError(f"{self.session.spec.name}: the model answers NaN or infinity")
        return ab, confidence

    @property
    def vividness(self) -> float:
        """The vividness in use, 0..1."""
        if self.options.vividness is None:
            return self.session.spec.default_vividness
        return self.options.vividness

    def _options_with(
        self, vividness: float | None, cautious: float | None, saturation: float | None
    ) -> ColorOptions:
        """Return the colorizer's options, with those replaced that are not None."""
        changes = {"vividness": vividness, "cautious": cautious, "saturation": saturation}
        return replace(self.options, **{k: v for k, v in changes.items() if v is not None})


def attempt(function: Callable[[Any], Any], argument: Any) -> Any:
    """Return what the function does, or the error that it raises."""
    try:
        return function(argument)
    except Exception as error:  # noqa: BLE001 - of one picture, not of the others
        return error


def colorize(
    image: Any,
    *,
    model: str | Path = PHOTOGRAPH_MODEL,
    vividness: float | None = None,
    cautious: float = 0.0,
    saturation: float = 1.0,
) -> Any:
    """Color one picture, or many; see :meth:`Colorizer.__call__` for what may be given.

    The model stays loaded for the next call.

    Args:
        image: A path, a ``Picture``, a PIL image, an array, or an iterable of these.
        model: Name of a model inside the package, or path of an ONNX file.
        vividness: 0 the most faithful colors, 1 the most vivid; None takes the model's default.
        cautious: 0 shows every color; towards 1 unsure colors fade to gray.
        saturation: Chroma is multiplied by this, 0 to 4.

    Raises:
        InputError, ModelError, OptionError: As of ``Colorizer``.
    """
    return _load_once(model)(image, vividness=vividness, cautious=cautious, saturation=saturation)


@lru_cache(maxsize=2)
def _load_once(model: str | Path) -> Colorizer:
    return Colorizer(model)


def adjust(
    ab: NDArray[np.float32], confidence: Plane, options: ColorOptions
) -> NDArray[np.float32]:
    """Apply caution and saturation.

    Args:
        ab: (2, h, w) float32, CIE units.
        confidence: (h, w) float32, 0..1.
        options: How careful, and how colorful.
    """
    cautious = options.cautious
    if cautious:
        # Colors of less confidence than the caution fade out, over a smooth step around it.
        position = np.clip((confidence - cautious) / CAUTION_WIDTH + 0.5, 0, 1)
        fade = position * position * (3 - 2 * position)
        weight = min(2 * cautious, 1)  # small caution takes little from any color
        ab = ab * ((1 - weight) + weight * fade).astype(np.float32)
    return ab * np.float32(options.saturation)


def working_luma(pixels: Pixels, short_side: int, multiple: int) -> Plane:
    """Return luma at working size, at which the network gets a picture, (h, w) float32, 0..1.

    The short side becomes ``short_side``; both sides are rounded to the multiple. A picture longer
    than ``MAX_ASPECT`` times its short side is squeezed to that.
    """
    luma = luma_of(working_pixels(pixels, short_side, multiple))
    return np.multiply(luma, np.float32(1 / white_level(pixels.dtype)), dtype=np.float32)


def working_pixels(
    pixels: Pixels, short_side: int, multiple: int, method: int = cv2.INTER_AREA
) -> Pixels:
    """Bring a picture to working size, see :func:`working_luma`.

    Args:
        pixels: (H, W) or (H, W, C).
        short_side: Short side of the result, in pixels.
        multiple: Both sides of the result are multiples of it.
        method: OpenCV's interpolation in the last step, if the picture shrinks.
    """
    height, width = pixels.shape[:2]
    scale = short_side / min(height, width)
    size = [
        max(round(min(side * scale, short_side * MAX_ASPECT) / multiple), 1) * multiple
        for side in (width, height)
    ]
    if pixels.ndim == 3 and pixels.shape[2] < 3:  # alpha must not be mixed into the luma
        pixels = np.ascontiguousarray(pixels[..., 0])
    small = _shrink_by_halves(pixels, size)
    if size[0] * size[1] >= width * height:
        method = cv2.INTER_LINEAR
    return cast("Pixels", cv2.resize(small, size, interpolation=method))


def _shrink_by_halves(pixels: Pixels, size: list[int]) -> Pixels:
    """Halve a picture while it is at least twice the size (width, height) in both directions.

    Averaging 2x2 pixels is many times as fast as averaging over areas of any size.
    """
    while pixels.shape[1] >= 2 * size[0] and pixels.shape[0] >= 2 * size[1]:
        half = (pixels.shape[1] // 2, pixels.shape[0] // 2)
        even = pixels[: 2 * half[1], : 2 * half[0]]
        pixels = cv2.resize(even, half, interpolation=cv2.INTER_AREA)
    return pixels
