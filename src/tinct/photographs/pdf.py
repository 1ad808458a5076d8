"""Scans in a PDF: every page as a picture, at the resolution of what was scanned.

PDFium, by pypdfium2, reads them. It must not be used by two threads at once.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from tinct.errors import MissingExtraError
from tinct.photographs.metadata import Metadata, sensible_dpi
from tinct.photographs.picture import Decoded, Limit, UnreadableError, space_of

if TYPE_CHECKING:
    from numpy.typing import NDArray

_POINTS_PER_INCH = 72
_DPI_WITHOUT_SCAN = 300.0  # of pages that hold no image
_LOCK = threading.Lock()


def decode_pdf(data: bytes, limit: Limit) -> Decoded:
    """Decode all pages of a PDF.

    A page that is nothing but an upright image, as scanners write it, gives the pixels of that
    image; any other is rendered so that its finest image keeps its resolution.

    Raises:
        UnreadableError: It cannot be decoded, or its pages are larger than the limit together.
        MissingExtraError: The library that reads such files is not installed.
    """
    try:
        import pypdfium2
    except ImportError as error:
        raise MissingExtraError("a PDF", "pdf") from error
    with _LOCK:
        try:
            document = pypdfium2.PdfDocument(data)
        except pypdfium2.PdfiumError as error:
            locked = error.err_code == pypdfium2.raw.FPDF_ERR_PASSWORD
            reason = "a PDF that needs a password" if locked else "a damaged PDF"
            raise UnreadableError(reason) from error
        with document:
            if not len(document):
                raise UnreadableError("a PDF without pages")
            pages: list[Decoded] = []
            for page in document:
                free = Limit(limit.max_pixels - sum(_num_pixels(done) for done in pages))
                pages.append(_decode_page(page, limit if not pages else free))
    first, *others = pages
    return Decoded(first.pixels, first.space, first.metadata, orientation=1, pages=tuple(others))


def _num_pixels(page: Decoded) -> int:
    return int(page.pixels.shape[0] * page.pixels.shape[1])


def _decode_page(page: Any, limit: Limit) -> Decoded:
    """Decode a page of pypdfium2."""
    from pypdfium2.raw import FPDF_PAGEOBJ_IMAGE

    objects = list(page.get_objects())
    images = [item for item in objects if item.type == FPDF_PAGEOBJ_IMAGE]
    scale = max((_pixels_per_point(image) for image in images), default=0.0)
    scale = scale or _DPI_WITHOUT_SCAN / _POINTS_PER_INCH
    if images == objects and len(images) == 1 and _is_whole_page(images[0], page):
        width, height = images[0].get_px_size()
        limit.check(height, width)
        bitmap = images[0].get_bitmap()
    else:
        limit.check(round(page.get_height() * scale), round(page.get_width() * scale))
        bitmap = page.render(
            scale=scale * (1 - 1e-6)
        )  # sides are rounded up: 160.0001 would be 161
    pixels = _rgb_or_gray(bitmap)
    dpi = sensible_dpi(scale * _POINTS_PER_INCH, scale * _POINTS_PER_INCH)
    return Decoded(pixels, space_of(pixels), Metadata(dpi=dpi), orientation=1)


def _pixels_per_point(image: Any) -> float:
    """Return the resolution of an image on its page."""
    left, bottom, right, top = image.get_bounds()
    on_page, in_file = sorted((right - left, top - bottom)), sorted(image.get_px_size())
    return float(in_file[1] / on_page[1]) if on_page[1] > 0 else 0.0


def _is_whole_page(image: Any, page: Any) -> bool:
    """Tell whether a page shows an image as it is: upright, and nothing of it cut off or beside."""
    matrix = image.get_matrix()
    left, bottom, right, top = image.get_bounds()
    shown = page.get_cropbox()
    return bool(
        page.get_rotation() == 0
        and matrix.a > 0 < matrix.d
        and matrix.b == matrix.c == 0
        and np.allclose((left, bottom, right, top), shown, atol=1)  # points
        and _is_opaque(image)
    )


def _is_opaque(image: Any) -> bool:
    """Tell an image from a stencil and from one with a mask, which are not shown as they are.

    PDFium does not say what an image is (ISO 32000-1, 8.9.6), but draws it: at a pixel a point.
    """
    drawn = image.get_bitmap(render=True, scale_to_original=False).to_numpy()
    inside = drawn[1:-1, 1:-1]  # the edge need not fill its pixels
    return inside.shape[2] < 4 or bool((inside[..., 3] == 255).all())


def _rgb_or_gray(bitmap: Any) -> NDArray[np.uint8]:
    """Copy a bitmap, (H, W) gray or (H, W, 3) RGB, without its alpha, which is opaque in pages."""
    samples = bitmap.to_numpy()
    if samples.ndim == 2:
        return np.array(samples)
    return np.ascontiguousarray(samples[..., 0] if samples.shape[2] == 1 else samples[..., 2::-1])
