"""The colorizer: a picture in, the same picture in color out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, cast, overload

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.color import luma_to_lightness
from tinct.errors import InputError, ModelError, OptionError
from tinct.photographs import Picture, read_picture
from tinct.runtime.compose import Pixels, compose_planes, compose_rgb, luma_of, white_level
from tinct.runtime.session import Session
from tinct.runtime.upsample import ChromaModel, Plane, fit_chroma

if TYPE_CHECKING:
    from PIL import Image

MAX_ASPECT = 4
"""Pictures longer than this times their short side are seen by the network as if they were not."""
MAX_SATURATION = 4.0
_DTYPES = ("uint8", "uint16", "float32", "float64")


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

    Attributes:
        session: The loaded model.
        options: How colorful, and how careful.
    """

    def __init__(
        self,
        model: str | Path = "base",
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
            threads: Processor threads of the network; all cores when None.

        Raises:
            ModelError, DeviceError, OptionError: The model, the device or an option cannot be used.
        """
        self.options = ColorOptions(vividness, cautious, saturation)
        self.session = Session(model, device=device, threads=threads)

    @overload
    def __call__(self, image: str | Path | Picture) -> Picture: ...
    @overload
    def __call__(self, image: Image.Image) -> Image.Image: ...
    @overload
    def __call__(self, image: Pixels) -> Pixels: ...
    def __call__(
        self, image: str | Path | Picture | Image.Image | Pixels
    ) -> Picture | Image.Image | Pixels:
        """Color one picture, gray or in color (of which only the luma is looked at).

        Args:
            image: A path or a Picture gives a Picture with all its metadata, to be saved by
                ``.save(path)``; a PIL image gives a PIL image; an array (H, W) or (H, W, 1..4) of
                uint8, uint16 or float in 0..1
                gives an array (H, W, 3), or (H, W, 4) where there was alpha, of the same type.

        Raises:
            InputError: The picture cannot be read, or is no picture.
            ModelError: The model answers NaN or infinity.
        """
        if isinstance(image, (str, Path)):
            return self.colorize_picture(read_picture(image, gray=True))
        if isinstance(image, Picture):
            return self.colorize_picture(image)
        if isinstance(image, np.ndarray):
            return self.colorize_array(image)
        return _colorize_pil(self, image)

    def colorize_picture(self, picture: Picture) -> Picture:
        """Color a picture; what came from a gray JPEG stays in the 4:2:0 planes that it holds."""
        pixels = picture.pixels
        if picture.source_format == "JPEG" and pixels.ndim == 2 and pixels.dtype == np.uint8:
            return replace(picture, chroma=compose_planes(pixels, self.chroma(pixels)))
        return replace(picture, pixels=self.colorize_array(pixels), chroma=None)

    def colorize_array(self, pixels: Pixels) -> Pixels:
        """Color an array, see :meth:`__call__`."""
        _check(pixels)
        return compose_rgb(pixels, self.chroma(pixels))

    def chroma(self, pixels: Pixels) -> ChromaModel:
        """Look at a picture and return its chroma as a function of luma, for pictures of any size.

        Args:
            pixels: (H, W) or (H, W, 1..4), uint8, uint16 or float in 0..1.
        """
        luma = working_luma(pixels, self.session.spec.short_side, self.session.spec.multiple)
        lightness = luma_to_lightness(luma)[None, None]
        ab, confidence = self.predict(lightness)
        return fit_chroma(luma, adjust(ab[0], confidence[0, 0], self.options))

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
        """The vividness in use."""
        if self.options.vividness is None:
            return self.session.spec.default_vividness
        return self.options.vividness


def adjust(
    ab: NDArray[np.float32], confidence: Plane, options: ColorOptions
) -> NDArray[np.float32]:
    """Apply caution and saturation to ab, (2, h, w), of this confidence, (h, w)."""
    cautious = options.cautious
    if cautious:
        # Colors less sure than the caution fade out over a soft step around it.
        share = np.clip((confidence - cautious) / 0.4 + 0.5, 0, 1)
        fade = share * share * (3 - 2 * share)
        weight = min(2 * cautious, 1)  # caution itself comes in softly
        ab = ab * ((1 - weight) + weight * fade).astype(np.float32)
    return ab * np.float32(options.saturation)


def working_luma(pixels: Pixels, short_side: int, multiple: int) -> Plane:
    """Return luma at the size at which the network looks at a picture, (h, w) float32, 0..1.

    The short side becomes ``short_side``; both sides are rounded to the multiple. Very long
    pictures are squeezed.
    """
    luma = luma_of(working_pixels(pixels, short_side, multiple))
    return np.multiply(luma, np.float32(1 / white_level(pixels.dtype)), dtype=np.float32)


def working_pixels(
    pixels: Pixels, short_side: int, multiple: int, method: int = cv2.INTER_AREA
) -> Pixels:
    """Bring a picture to the size at which the network looks at it, see :func:`working_luma`.

    Args:
        pixels: (H, W) or (H, W, C).
        short_side: Of the result, in pixels.
        multiple: Both sides of the result are multiples of it.
        method: OpenCV's interpolation of the last step, if the picture shrinks.
    """
    height, width = pixels.shape[:2]
    scale = short_side / min(height, width)
    size = [
        max(round(min(side * scale, short_side * MAX_ASPECT) / multiple), 1) * multiple
        for side in (width, height)
    ]
    small = _shrink_by_halves(_resizable(pixels), size)
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


def _resizable(pixels: Pixels) -> Pixels:
    """Leave out an alpha channel beside gray: it must not be mixed into the luma."""
    return (
        np.ascontiguousarray(pixels[..., 0]) if pixels.ndim == 3 and pixels.shape[2] < 3 else pixels
    )


def _check(pixels: Pixels) -> None:
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (1, 2, 3, 4)):
        raise InputError(
            f"array: shape {pixels.shape} is not that of a picture, (H, W) or (H, W, 1 to 4)"
        )
    if 0 in pixels.shape:
        raise InputError(f"array: shape {pixels.shape} has no pixels")
    if pixels.dtype.name not in _DTYPES:
        raise InputError(f"array: type {pixels.dtype} is none of {', '.join(_DTYPES)}")
    if pixels.dtype.kind == "f" and not (pixels.min() >= 0 and pixels.max() <= 1):
        raise InputError("array: floats must lie between 0 and 1")


def _colorize_pil(colorizer: Colorizer, image: Image.Image) -> Image.Image:
    """Color a PIL image; its info (EXIF, ICC profile, DPI) goes along."""
    from PIL import Image

    if not isinstance(image, Image.Image):
        raise InputError(f"{type(image).__name__}: not a path, a picture or an array")
    alpha = image.has_transparency_data
    mode = "RGBA" if alpha else ("L" if image.mode in ("1", "L") else "RGB")
    pixels = np.asarray(image) if image.mode.startswith("I;16") else np.asarray(image.convert(mode))
    if pixels.dtype == np.uint16:  # PIL has no RGB of 16 bits
        pixels = (pixels / 257).round().astype(np.uint8)
    result = Image.fromarray(colorizer.colorize_array(pixels))
    result.info = dict(image.info)
    return result
