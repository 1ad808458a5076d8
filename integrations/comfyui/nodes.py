"""The nodes. Pictures are IMAGE: float tensors (B, H, W, C) in 0..1; masks (B, H, W) in 0..1.

What is known of the colors of a picture goes from node to node as TINCT_KNOWN, a tuple of functions
that say it to a canvas.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from comfy.utils import ProgressBar
from comfy_api.latest import ComfyExtension, io

from tinct import Colorizer, FilmColorizer, FrameFormat, color
from tinct.cores import count_processors
from tinct.runtime import ColorOptions, color_frames
from tinct.runtime.canvas import Canvas

CATEGORY = "image/color"
MODELS = ["base", "nano"]
BITS = 16  # of luma and chroma between the steps of a film's frame

Known = tuple[Callable[[Canvas], object], ...]
KNOWN = io.Custom("TINCT_KNOWN")


@lru_cache(maxsize=4)
def load(model: str, threads: int | None = None) -> Colorizer:
    """Load a model once."""
    return Colorizer(model, threads=threads)


def to_arrays(images: torch.Tensor) -> Iterator[np.ndarray[Any, np.dtype[np.float32]]]:
    """Take a batch apart: (H, W, 3) float32 each; alpha is left out."""
    for image in images:
        yield image[..., :3].expand(-1, -1, 3).float().clamp(0, 1).cpu().numpy()


def to_batch(arrays: list[np.ndarray[Any, Any]]) -> torch.Tensor:
    """Put pictures of one size together."""
    return torch.from_numpy(np.stack([array.astype(np.float32) for array in arrays]))


def color_inputs(default: str) -> list[io.Input]:
    """Return the inputs that say how to color."""
    return [
        io.Image.Input("image"),
        io.Combo.Input("model", options=MODELS, default=default),
        io.Float.Input(
            "vividness", default=0.6, min=0.0, max=1.0, step=0.05,
            tooltip="0: the most faithful colors. 1: the most vivid.",
        ),
        io.Float.Input(
            "cautious", default=0.0, min=0.0, max=1.0, step=0.05,
            tooltip="Towards 1 colors that the network is unsure of fade to gray.",
        ),
        io.Float.Input("saturation", default=1.0, min=0.0, max=4.0, step=0.05),
    ]  # fmt: skip


class Colorize(io.ComfyNode):
    """Colors pictures, each for itself."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node."""
        known = KNOWN.Input(
            "known", optional=True, tooltip="Hints and references, for each of the pictures."
        )
        return io.Schema(
            node_id="TinctColorize",
            display_name="Colorize",
            category=CATEGORY,
            description="Colors gray photographs. Their luma stays as it is.",
            search_aliases=["colorization", "black and white", "tinct"],
            inputs=[*color_inputs("base"), known],
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(
        cls,
        image: torch.Tensor,
        model: str,
        known: Known = (),
        **options: float,
    ) -> io.NodeOutput:
        """Color a batch."""
        colorizer, progress = load(model), ProgressBar(len(image))
        made = []
        for picture in to_arrays(image):
            if known:
                canvas = colorizer.open(picture, **options)
                for say in known:
                    say(canvas)
                made.append(canvas.picture())
            else:
                made.append(colorizer(picture, **options))
            progress.update(1)
        return io.NodeOutput(to_batch(made))


class ColorizeFrames(io.ComfyNode):
    """Colors the frames of a film, steady over time."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node."""
        return io.Schema(
            node_id="TinctColorizeFrames",
            display_name="Colorize video frames (steady)",
            category=CATEGORY,
            description="Colors the frames of one film in their order, without flicker.",
            search_aliases=["colorization", "film", "tinct"],
            inputs=color_inputs("nano"),
            outputs=[io.Image.Output()],
        )

    @classmethod
    def execute(
        cls,
        image: torch.Tensor,
        model: str,
        **options: float,
    ) -> io.NodeOutput:
        """Color a batch as one film."""
        height, width = image.shape[1:3]
        form = FrameFormat(width, height, BITS, shift=(0, 0), full_range=True)
        film = FilmColorizer(load(model, threads=1), form)
        film.options = ColorOptions(**options)
        progress = ProgressBar(len(image))

        def luma_of(frame: Any) -> Any:
            return color.quantize_luma(color.rgb_to_luma(frame, form.matrix), BITS)

        def finish(frame: Any, luma: Any, cb: Any, cr: Any) -> Any:
            chroma = color.dequantize_chroma(np.stack((cb, cr), axis=-1), BITS)
            gray = color.rgb_to_luma(frame, form.matrix)
            return color.luma_chroma_to_rgb(gray, chroma.astype(np.float32), form.matrix).clip(0, 1)

        made = []
        frames = to_arrays(image)
        for picture in color_frames(film, frames, luma_of, finish, jobs=count_processors() + 1):
            made.append(picture)
            progress.update(1)
        return io.NodeOutput(to_batch(made))


class ColorHint(io.ComfyNode):
    """Says what color an area is."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node."""
        return io.Schema(
            node_id="TinctColorHint",
            display_name="Color hint",
            category=CATEGORY,
            description="Says what color the masked area is; things like it get that color, too.",
            inputs=[
                io.Mask.Input("mask"),
                io.String.Input(
                    "color",
                    default="#2e7d32",
                    tooltip="#2e7d32, rgb(46, 125, 50), or a name of CSS.",
                ),
                KNOWN.Input("known", optional=True, tooltip="What is known already."),
            ],
            outputs=[KNOWN.Output(display_name="known")],
        )

    @classmethod
    def execute(cls, mask: torch.Tensor, color: str, known: Known = ()) -> io.NodeOutput:
        """Add a hint to what is known."""
        area = mask.reshape(-1, *mask.shape[-2:])[0].cpu().numpy()
        return io.NodeOutput((*known, lambda canvas: canvas.area(area, color)))


class ColorReference(io.ComfyNode):
    """Says that things are colored like those of another picture."""

    @classmethod
    def define_schema(cls) -> io.Schema:
        """Describe the node."""
        return io.Schema(
            node_id="TinctColorReference",
            display_name="Color reference",
            category=CATEGORY,
            description="Things get the colors of what is like them in a picture in color.",
            inputs=[
                io.Image.Input("image"),
                KNOWN.Input("known", optional=True, tooltip="What is known already."),
            ],
            outputs=[KNOWN.Output(display_name="known")],
        )

    @classmethod
    def execute(cls, image: torch.Tensor, known: Known = ()) -> io.NodeOutput:
        """Add references to what is known."""
        pictures = tuple(to_arrays(image))
        said = tuple(lambda canvas, one=one: canvas.reference(one) for one in pictures)
        return io.NodeOutput((*known, *said))


class Tinct(ComfyExtension):
    """All of them."""

    async def get_node_list(self) -> list[type[io.ComfyNode]]:
        """Return the nodes."""
        return [Colorize, ColorizeFrames, ColorHint, ColorReference]
