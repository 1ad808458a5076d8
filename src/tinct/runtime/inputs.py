"""What a person hands over as a picture becomes an array, and the result is of the same kind again.

Arrays of any library come through the array protocol of NumPy, Pillow's pictures through the same
steps as pictures from files: palettes resolved, transparency as a channel, colors in sRGB.
"""

from __future__ import annotations

import sys
import warnings
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from os import PathLike
from typing import TYPE_CHECKING, Any, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from tinct.errors import InputError
from tinct.files import reason_of
from tinct.photographs import Picture, read_picture
from tinct.runtime.compose import Pixels, color_picture, compose_rgb
from tinct.runtime.upsample import ChromaModel

if TYPE_CHECKING:
    from PIL import Image

_TYPES = ("uint8", "uint16", "float32", "float64")


class SupportsArray(Protocol):
    """An array or tensor of any library."""

    def __array__(self, *args: Any, **kwargs: Any) -> NDArray[Any]:
        """Return it as an array of NumPy."""
        ...


def holds_pictures(image: Any) -> bool:
    """Return whether this is an iterable of pictures; one picture may be iterable as well."""
    one = (str, bytes, bytearray, memoryview, np.ndarray, Mapping)
    return (
        isinstance(image, Iterable)
        and not isinstance(image, one)
        and not any(hasattr(image, name) for name in ("read", "__array__", "__array_interface__"))
    )


def open_picture(image: Any, name: str) -> tuple[Pixels, Callable[[ChromaModel], Any]]:
    """Return the pixels of a picture of any kind, and how its result is made.

    Args:
        image: The picture.
        name: Of the model that colors it.

    Returns:
        Pixels that the network may be asked about, (H, W) or (H, W, 1..4); and a function that
        gives the picture in color, of the kind that came in, for its chroma.

    Raises:
        InputError: It cannot be read, or is no picture.
    """
    if _is_file(image):
        image = read_picture(image, gray=True)
    if isinstance(image, Picture):
        return image.pixels, partial(color_picture, image, name)
    if "PIL.Image" in sys.modules:  # nobody has a picture of Pillow who has not loaded it
        from PIL import Image

        if isinstance(image, Image.Image):
            pixels, icc = pillow_pixels(image)
            return pixels, partial(_color_pillow, pixels, image.info, icc)
    array = as_array(image)
    pixels = as_pixels(array)
    return pixels, partial(_color_array, pixels, array.dtype)


def _is_file(image: Any) -> bool:
    """Tell whether a picture is given as a path, as the bytes of a file, or as an open file."""
    is_named_or_bytes = isinstance(image, str | PathLike | bytes | bytearray | memoryview)
    return is_named_or_bytes or hasattr(image, "read")


def read_pixels(image: Any) -> NDArray[Any]:
    """Return the pixels of a picture of any kind with their colors.

    Args:
        image: As with ``open_picture``.

    Returns:
        (H, W) or (H, W, 1..4), uint8 or uint16.

    Raises:
        InputError: It cannot be read, or is no picture.
    """
    if _is_file(image):
        image = read_picture(image)
    if isinstance(image, Picture) and image.chroma is not None:
        image = image.to_rgb()
    pixels, _ = open_picture(image, "")
    if pixels.dtype.kind == "f":
        return cast("NDArray[Any]", np.rint(pixels * 255).astype(np.uint8))
    return pixels


def _color_array(pixels: Pixels, dtype: np.dtype[Any], chroma: ChromaModel) -> Pixels:
    colored = compose_rgb(pixels, chroma)
    return colored.astype(np.float16) if dtype == np.float16 else colored


def _color_pillow(
    pixels: NDArray[np.uint8], info: dict[Any, Any], icc: bytes | None, chroma: ChromaModel
) -> Image.Image:
    """Color the pixels of a PIL image; its info (EXIF, DPI) goes along, its profile is replaced."""
    from PIL import Image

    result = Image.fromarray(compose_rgb(pixels, chroma))
    # Transparency has become a channel by now.
    result.info = {k: v for k, v in info.items() if k not in ("icc_profile", "transparency")}
    if icc is not None:
        result.info["icc_profile"] = icc
    return result


def as_array(image: Any) -> NDArray[Any]:
    """Return an array or a tensor of any library as an array of NumPy.

    Args:
        image: Anything with ``__array__``. A tensor of torch may be on any device and have its
            channels first, (1..4, H, W): they are moved to the end.

    Raises:
        InputError: It is no array, or of a type that NumPy does not have.
    """
    if isinstance(image, np.ndarray):
        return image
    kind = type(image).__name__
    if not hasattr(image, "__array__") and not hasattr(image, "__array_interface__"):
        raise InputError(f"{kind}: not a path, a photograph or an array")
    is_tensor = hasattr(image, "detach")
    if is_tensor:
        image = image.detach().cpu()  # NumPy takes no gradients, and nothing of another device
    try:
        array = np.asarray(image)
    except (TypeError, ValueError, RuntimeError) as error:  # bfloat16, sparse, ...
        raise InputError(f"{kind}: cannot be made an array ({error})".splitlines()[0]) from error
    sizes = range(1, 5)  # numbers of channels
    if is_tensor and array.ndim == 3 and array.shape[0] in sizes and array.shape[2] not in sizes:
        return np.moveaxis(array, 0, -1)
    return array


def as_pixels(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array as pixels to compute with.

    Args:
        array: (H, W) or (H, W, 1..4), uint8, uint16, bool, or float16, float32, float64 in 0..1; of
            any byte order and memory layout.

    Returns:
        (H, W) or (H, W, 1..4) in native byte order, C-contiguous: bool has become uint8, 0 and 255,
        float16 has become float32, everything else has kept its type.

    Raises:
        InputError: It is not that of a picture.
    """
    pixels = array
    if pixels.ndim == 4:
        raise InputError(
            f"array: shape {pixels.shape} is that of several pictures; pass list(array)"
        )
    if pixels.ndim not in (2, 3) or (pixels.ndim == 3 and pixels.shape[2] not in (1, 2, 3, 4)):
        raise InputError(
            f"array: shape {pixels.shape} is not that of a picture, (H, W) or (H, W, 1 to 4)"
        )
    if 0 in pixels.shape:
        raise InputError(f"array: shape {pixels.shape} has no pixels")
    if pixels.dtype == np.bool_:
        pixels = pixels * np.uint8(255)
    if pixels.dtype == np.float16:
        pixels = pixels.astype(np.float32)
    if pixels.dtype.name not in _TYPES:
        known = "uint8, uint16, bool, or floats in 0..1"
        raise InputError(f"array: type {pixels.dtype} does not say what white is; {known} do")
    if pixels.dtype.kind == "f" and not (pixels.min() >= 0 and pixels.max() <= 1):
        raise InputError("array: floats must lie between 0 and 1")
    return np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("="))


def pillow_pixels(image: Image.Image) -> tuple[NDArray[np.uint8], bytes | None]:
    """Return the pixels of a Pillow picture of any mode but LAB, in sRGB.

    Args:
        image: Modes I, I;16 and I;16B are taken to hold 0..65535, F to hold 0..1. Its ICC profile
            is applied; one that cannot be is left out with a ``UserWarning``.

    Returns:
        (H, W), (H, W, 2), (H, W, 3) or (H, W, 4), 8 bits, since Pillow has no color beyond; and the
        profile that holds for them now, or None.

    Raises:
        InputError: It cannot be loaded, or the mode holds values that are out of these ranges.
    """
    from tinct.photographs.icc import to_srgb
    from tinct.photographs.metadata import Metadata
    from tinct.photographs.picture import Decoded, UnreadableError
    from tinct.photographs.pillow_formats import picture_from_pillow

    try:
        image.load()
    except Exception as error:  # a damaged file can make Pillow fail in any way
        raise InputError(f"PIL image: {reason_of(error)}") from error
    if image.mode == "F":
        return np.rint(as_pixels(np.asarray(image)) * 255).astype(np.uint8), None
    try:
        pixels, space = picture_from_pillow(image.convert("RGB") if image.mode == "HSV" else image)
    except UnreadableError as error:
        raise InputError(f"PIL image of mode {image.mode}: {error}") from error
    if pixels.dtype == np.uint16:
        pixels = np.rint(pixels / 257).astype(np.uint8)
    converted = to_srgb(Decoded(pixels, space, Metadata(icc=image.info.get("icc_profile"))))
    if converted.warning is not None:
        warnings.warn(f"PIL image: {converted.warning}", stacklevel=2)
    return converted.pixels, converted.icc
