"""Samples of frames: FFmpeg's pixel formats, and planes as arrays.

The luma of a film is never converted where it already lies in a plane of its own. Only RGB,
palettes and packed formats go through FFmpeg's converter first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from av.video.format import VideoFormat
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation

from tinct.color import Standard
from tinct.frame_format import FrameFormat

if TYPE_CHECKING:
    from numpy.typing import NDArray

_UNSPECIFIED = 2  # in all three of FFmpeg's lists of primaries, transfer functions and matrices
_MATRICES: dict[int, Standard] = {1: "bt709", 4: "bt601", 5: "bt601", 6: "bt601", 7: "bt709",
                                9: "bt2020", 10: "bt2020"}  # fmt: skip
_UNKNOWN = (0, 2, 3)
"""Primaries, transfer functions and matrices that say nothing: reserved and unspecified."""
_FAMILIES = {1: (1, 1, 1), 4: (4, 4, 4), 5: (5, 6, 5), 6: (6, 6, 6), 7: (7, 7, 7), 9: (9, 14, 9),
             10: (9, 14, 10)}  # fmt: skip
"""Primaries, transfer function and matrix that go together, by the matrix or the primaries."""
COLORSPACES = {"bt601": 5, "bt709": 1, "bt2020": 9}
"""Matrices as FFmpeg's converter numbers them."""
_LARGEST_SD = 576  # lines: films that say nothing are BT.601 up to here, BT.709 above
_LINES_525 = 480
_DEPTHS = (8, 9, 10, 12, 14, 16)
_OTHERWISE = ("p0", "p2", "p4", "grayf", "xyz", "vuy", "y2")
"""Formats, by how their names begin, whose first plane is not luma in the low bits."""
_SUBSAMPLING = {(1, 1): "420", (1, 0): "422", (0, 0): "444", (0, 1): "440", (2, 0): "411"}


@dataclass(frozen=True)
class ColorTags:
    """The color tags of a film, in FFmpeg's numbers (which are those of H.273)."""

    primaries: int = _UNSPECIFIED
    transfer: int = _UNSPECIFIED
    matrix: int = _UNSPECIFIED
    full_range: bool = False

    @classmethod
    def of(cls, frame: VideoFrame) -> ColorTags:
        """Read the tags of a frame, and complete what it leaves out.

        Untagged samples are limited, but for formats that FFmpeg itself takes for full: gray alone,
        and JPEG's.
        """
        full = frame.color_range == ColorRange.JPEG
        if frame.color_range == ColorRange.UNSPECIFIED:
            full = frame.format.name.startswith(("yuvj", "gray", "ya"))
        if frame.format.is_rgb:
            return cls.usual(frame.height, full_range=False)
        stated = frame.color_primaries, frame.color_trc, frame.colorspace
        return cls.completed(*stated, frame.height, full)

    @classmethod
    def completed(
        cls, primaries: int, transfer: int, matrix: int, height: int, full_range: bool
    ) -> ColorTags:
        """Complete the tags of a film of so many lines.

        What is set is kept. The rest follows the matrix, else the primaries; a film that says
        neither is BT.601 in standard definition and BT.709 beyond.
        """
        usual = _usual_tags(height)
        if matrix in _MATRICES or primaries not in _UNKNOWN:
            usual = _FAMILIES.get(matrix if matrix in _MATRICES else primaries, usual)
        return cls(
            usual[0] if primaries in _UNKNOWN else primaries,
            usual[1] if transfer in _UNKNOWN else transfer,
            matrix if matrix in _MATRICES else usual[2],
            full_range,
        )

    @classmethod
    def usual(cls, height: int, full_range: bool) -> ColorTags:
        """Return the tags of a film of so many lines that says nothing."""
        return cls(*_usual_tags(height), full_range=full_range)

    @property
    def name(self) -> Standard:
        """The matrix by its name."""
        return _MATRICES[self.matrix]


def _usual_tags(height: int) -> tuple[int, int, int]:
    """Return primaries, transfer function and matrix of an untagged film."""
    if height > _LARGEST_SD:
        return 1, 1, 1
    return (6, 6, 6) if height <= _LINES_525 else (5, 6, 5)


def pixel_format(bits: int, shift: tuple[int, int]) -> str:
    """Return FFmpeg's name of planar YUV with a depth and a subsampling."""
    deep = "" if bits == 8 else f"{bits}le"
    return f"yuv{_SUBSAMPLING[shift]}p{deep}"


def depth_and_shift(name: str) -> tuple[int, tuple[int, int]] | None:
    """Return bits and subsampling of a planar YUV format, None for any other."""
    for bits in _DEPTHS:
        for shift in _SUBSAMPLING:
            if name == pixel_format(bits, shift):
                return bits, shift
    return None


def planar_twin(name: str) -> str:
    """Return the planar YUV format whose samples suit those of any format.

    It has the same depth and subsampling; where there is none (gray, RGB) it is 4:2:0.
    """
    described = VideoFormat(name, 16, 16)
    bits = max(component.bits for component in described.components)
    if described.has_palette or described.is_bayer:
        bits = 8
    bits = next((known for known in _DEPTHS if bits <= known), 16)
    is_yuv = not (described.is_rgb or described.has_palette or described.is_bayer)
    if not is_yuv or len(described.components) < 3:
        return pixel_format(bits, (1, 1))
    across = (16 // described.chroma_width()).bit_length() - 1
    down = (16 // described.chroma_height()).bit_length() - 1
    return pixel_format(bits, (across, down) if (across, down) in _SUBSAMPLING else (0, 0))


def has_luma_plane(name: str) -> bool:
    """Tell whether the first plane of a format holds nothing but luma, as we read it."""
    described = VideoFormat(name)
    parts = described.components
    if described.is_rgb or described.has_palette or described.is_bit_stream or described.is_bayer:
        return False
    if described.is_big_endian or parts[0].bits > 16 or parts[0].bits < 8:
        return False
    if name.startswith(_OTHERWISE) or "msb" in name:
        return False
    return len(parts) == 1 or all(part.plane > 0 for part in parts[1:])


def has_alpha(name: str) -> bool:
    """Tell whether a format has transparency."""
    return any(part.is_alpha for part in VideoFormat(name).components)


def luma_of(frame: VideoFrame) -> NDArray[Any]:
    """Return the luma of a frame, (H, W) uint8 or uint16: a view where it has a plane of its own.

    Everything else is converted by FFmpeg to the format that ``planar_twin`` names.
    """
    return planes_of(frame)[0]


def planes_of(
    frame: VideoFrame,
) -> tuple[NDArray[Any], tuple[NDArray[Any], NDArray[Any]] | None]:
    """Return luma, and Cb and Cr where the format has color, in the depth of ``planar_twin``.

    They are views of the frame where it has such planes; everything else is converted by FFmpeg.
    """
    name = frame.format.name
    has_luma = has_luma_plane(name) and frame.planes[0].line_size > 0
    if has_luma and len(frame.format.components) < 3:
        return plane_of(frame, 0), None
    is_planar = depth_and_shift(name.replace("yuvj", "yuv").replace("yuva", "yuv")) is not None
    planar = frame if has_luma and is_planar else _to_planar(frame)
    luma = plane_of(frame if has_luma else planar, 0)
    return luma, (plane_of(planar, 1), plane_of(planar, 2))


def fit_frame(frame: VideoFrame, width: int, height: int, name: str) -> VideoFrame:
    """Scale a frame to a size and pixel format; one that has them is returned as it is."""
    if (frame.width, frame.height, frame.format.name) == (width, height, name):
        return frame
    return frame.reformat(width, height, name, interpolation=Interpolation.BICUBIC)


def _to_planar(frame: VideoFrame) -> VideoFrame:
    tags = ColorTags.of(frame)
    limits = ColorRange.JPEG if tags.full_range else ColorRange.MPEG
    return frame.reformat(
        format=planar_twin(frame.format.name),
        dst_colorspace=COLORSPACES[tags.name],
        src_color_range=ColorRange.JPEG if frame.format.is_rgb else limits,
        dst_color_range=limits,
        interpolation=Interpolation.BILINEAR | Interpolation.ACCURATE_RND,
    )


def plane_of(frame: VideoFrame, index: int) -> NDArray[Any]:
    """Return a plane of a planar frame as a view, (H, W) uint8 or uint16; padding is left out."""
    plane = frame.planes[index]
    part = frame.format.components[min(index, len(frame.format.components) - 1)]
    dtype = np.dtype(np.uint8 if part.bits == 8 else np.uint16)
    rows: NDArray[Any] = np.frombuffer(memoryview(plane), dtype)[
        : plane.line_size // dtype.itemsize * plane.height
    ]
    return rows.reshape(plane.height, -1)[:, : plane.width]


def change_depth(luma: NDArray[Any], before: int, after: int, full_range: bool) -> NDArray[Any]:
    """Bring luma to another number of bits, rounding where they become fewer.

    Args:
        luma: uint8, or uint16 with the value in the low bits.
        before: Bits that it has.
        after: Bits that it shall have.
        full_range: Whether white is the largest value, else 235 times a power of two.
    """
    if before == after:
        return luma
    scale = (2**after - 1) / (2**before - 1) if full_range else 2.0 ** (after - before)
    changed = np.rint(luma * np.float32(scale)).clip(0, 2**after - 1)
    return changed.astype(np.uint8 if after == 8 else np.uint16)


def build_frame(planes: tuple[NDArray[Any], ...], form: FrameFormat, tags: ColorTags) -> VideoFrame:
    """Put Y, Cb and Cr into a frame.

    Args:
        planes: Of the size and depth of the format.
        form: The format.
        tags: Color tags of the film.
    """
    frame = VideoFrame(form.width, form.height, pixel_format(form.bits, form.shift))
    for index, plane in enumerate(planes):
        np.copyto(plane_of(frame, index), plane)
    frame.color_primaries, frame.color_trc = tags.primaries, tags.transfer
    frame.colorspace = tags.matrix
    frame.color_range = ColorRange.JPEG if tags.full_range else ColorRange.MPEG
    return frame
