"""Labeled sheets: gray beside color, and one picture in several colorings to choose from."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from tinct.color import rgb_to_luma
from tinct.photographs import Metadata, Picture
from tinct.photographs.pixels import shrink

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from tinct.runtime import Colorizer

_PANEL_MAX = 1000  # longer side of each of the two pictures, in pixels
_CHOICE_MAX = 480  # the same of each picture on a sheet of choices
_CHOICES = (0.0, 0.25, 0.5, 0.75, 1.0)  # vividness
_MARGIN = 24  # around and between the pictures, in pixels
_LABEL = 22  # height of the letters, in pixels
_PAPER = 255  # gray of the sheet
_INK = 60  # gray of the letters
_WIDE = 2.0  # from this aspect ratio on the pictures stand above each other


def make_sheet(before: Picture, after: Picture, labels: tuple[str, str]) -> Picture:
    """Put two pictures on one sheet.

    Args:
        before: The picture as it was given; its luma is shown.
        after: The picture in color, of the same size.
        labels: What to write under the two.

    Returns:
        An 8-bit RGB picture, scaled to sensible size.
    """
    gray = shrink(_show(before), _PANEL_MAX)
    luma = np.rint(rgb_to_luma(gray.astype(np.float32))).astype(np.uint8)
    panels = [
        _with_label(np.dstack([luma] * 3), labels[0]),
        _with_label(shrink(_show(after.to_rgb()), _PANEL_MAX), labels[1]),
    ]
    height, width = gray.shape[:2]
    sheet = _join(panels, axis=0 if width >= _WIDE * height else 1)
    return Picture(pixels=sheet, metadata=Metadata(), source_format="JPEG")


@dataclass(frozen=True)
class Chooser:
    """Makes a sheet of choices of a picture: a row for each model, a column for each vividness.

    Under every picture stands what to type to get it at full size.
    """

    colorizers: Mapping[str, Colorizer]
    """By the name of the model, as the user would type it."""

    def __call__(self, picture: Picture) -> Picture:
        """Make the sheet, an 8-bit RGB picture.

        Raises:
            ModelError: A model answers NaN or infinity.
        """
        small = Picture(np.ascontiguousarray(shrink(_show(picture), _CHOICE_MAX)))
        rows = []
        for model, colorizer in self.colorizers.items():
            panels = [
                _with_label(
                    _show(colorizer(small, vividness=vividness)),
                    f"--model {model} --vividness {vividness:g}",
                )
                for vividness in _CHOICES
            ]
            rows.append(_join(panels, axis=1))
        width = max(row.shape[1] for row in rows)
        padded = [
            np.pad(row, ((0, 0), (0, width - row.shape[1]), (0, 0)), constant_values=_PAPER)
            for row in rows
        ]
        sheet = np.ascontiguousarray(np.concatenate(padded))
        models = " and ".join(self.colorizers)
        return replace(
            small,
            pixels=sheet,
            source_format="JPEG",
            warnings=picture.warnings,
            colored_by=models,
        )


def _show(picture: Picture) -> NDArray[np.uint8]:
    """Turn pixels of any kind into (H, W, 3) uint8 RGB, transparency over the paper."""
    pixels: NDArray[Any] = picture.pixels
    if pixels.dtype == np.uint16:
        pixels = cv2.convertScaleAbs(pixels, alpha=1 / 257)  # rounds
    if pixels.ndim == 2:
        return np.dstack([pixels] * 3)
    if pixels.shape[2] in (2, 4):
        opacity = pixels[..., -1:].astype(np.float32) / 255
        over = pixels[..., :-1] * opacity + _PAPER * (1 - opacity)
        pixels = np.rint(over).astype(np.uint8)
    return np.dstack([pixels[..., 0]] * 3) if pixels.shape[2] == 1 else pixels


def _with_label(pixels: NDArray[np.uint8], label: str) -> NDArray[np.uint8]:
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(_LABEL)
    left, _, right, _ = font.getbbox(label)
    height, width = pixels.shape[:2]
    panel = Image.new("RGB", (max(width, round(right - left)), height + 2 * _LABEL), (_PAPER,) * 3)
    panel.paste(Image.fromarray(pixels), (0, 0))
    ImageDraw.Draw(panel).text((0, height + _LABEL // 2), label, fill=(_INK,) * 3, font=font)
    return np.asarray(panel)


def _join(panels: list[NDArray[np.uint8]], axis: int) -> NDArray[np.uint8]:
    """Stand panels beside (axis 1) or above (axis 0) each other, with margins."""
    across = 1 - axis
    widest = max(panel.shape[across] for panel in panels)
    framed = []
    for panel in panels:
        border = [(_MARGIN, 0), (_MARGIN, 0), (0, 0)]
        border[across] = (_MARGIN, _MARGIN + widest - panel.shape[across])
        framed.append(np.pad(panel, border, constant_values=_PAPER))
    end = [(0, 0), (0, 0), (0, 0)]
    end[axis] = (0, _MARGIN)
    return np.ascontiguousarray(np.pad(np.concatenate(framed, axis), end, constant_values=_PAPER))
