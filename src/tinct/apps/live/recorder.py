"""The colored stream as a film, with the times at which its pictures were captured."""

from __future__ import annotations

import os
import secrets
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import cv2
import numpy as np
from av.video.reformatter import ColorRange

from tinct.errors import OptionError, OutputError
from tinct.files import make_folder, reason_of
from tinct.films.mark import mark_colored

if TYPE_CHECKING:
    from av.video.stream import VideoStream

    from tinct.apps.live.live_colorizer import ColoredFrame

_TICK = Fraction(1, 90_000)  # seconds: fine enough for any camera, and what MP4 likes
_ENCODER_OPTIONS = {"preset": "veryfast", "crf": "20"}
_KEY_INTERVAL = 60  # frames: a piece of a broken-off MP4 ends at a key frame
_SUFFIXES = (".mp4", ".mkv", ".mov", ".m4v")
_BT601 = 5  # FFmpeg's number of its matrix


def check_recording(path: str | Path) -> Path:
    """Say early if a film cannot be recorded under a name.

    Raises:
        OptionError: The suffix is not that of a film.
        OutputError: There is something under the name that is not a file.
    """
    path = Path(path)
    if path.suffix.lower() not in _SUFFIXES:
        raise OptionError(f"{path}: recordings end in {', '.join(_SUFFIXES)}")
    if path.is_dir():
        raise OutputError(f"{path}: a folder, not a file")
    return path


class Recorder:
    """Writes H.264; the luma is that of the camera, chroma is ours.

    The film stands under a name of its own until it is closed, which Ctrl-C and SIGTERM do too.
    When the disk is full, or the power gone, what has been written up to then plays.

    Attributes:
        path: Where it will be.
        frames: How many have been written.
    """

    def __init__(self, path: str | Path, colored_by: str = "") -> None:
        """Begin; the first picture decides the size.

        Args:
            path: A file; its suffix decides the container.
            colored_by: Name of the model that the film names; empty for none.

        Raises:
            OptionError, OutputError: It cannot be written.
        """
        self.path = check_recording(path)
        make_folder(self.path.parent)
        self.frames = 0
        self._partial = self.path.with_name(f".tinct-{secrets.token_hex(8)}{self.path.suffix}")
        self._size = (0, 0)  # width, height
        self._first = self._pts = 0.0
        self._stream: VideoStream | None = None
        try:
            address = f"file:{self._partial}"  # a name with a colon is no protocol
            self._container = av.open(address, "w", options=self._muxer_options())
        except OSError as error:
            raise OutputError(f"{self.path}: {reason_of(error)}") from error
        mark_colored(self._container.metadata, self._container.format.name, colored_by)

    def show(self, colored: ColoredFrame) -> None:
        """Write one picture.

        Raises:
            OutputError: The disk is full, or the like.
        """
        stream = self._stream or self._begin(colored)
        pts = round((colored.frame.time - self._first) / _TICK)
        if self.frames and pts <= self._pts:
            return  # the same picture again
        self._pts = pts
        try:
            self._container.mux(stream.encode(self._video_frame(colored, pts)))
        except OSError as error:
            raise OutputError(f"{self.path}: {reason_of(error)}") from error
        self.frames += 1

    def close(self) -> None:
        """Finish the film and give it its name; nothing is left of one without pictures."""
        failure = None
        try:
            if self._stream is not None:
                self._container.mux(self._stream.encode(None))
            self._container.close()
        except OSError as error:
            failure = error
        try:
            if self.frames:
                os.replace(self._partial, self.path)
            else:
                self._partial.unlink(missing_ok=True)
        except OSError as error:
            failure = failure or error
        if failure is not None:
            raise OutputError(f"{self.path}: {reason_of(failure)}") from failure

    def _muxer_options(self) -> dict[str, str]:
        """In pieces while it is written, whatever may happen; in one when it is closed."""
        if self.path.suffix.lower() == ".mkv":
            own = {"cluster_time_limit": "1000"}  # milliseconds
        else:
            own = {"movflags": "hybrid_fragmented"}
        return {"flush_packets": "1", **own}

    def _begin(self, colored: ColoredFrame) -> VideoStream:
        height, width = (max(side & ~1, 2) for side in colored.luma.shape)  # 4:2:0 wants it even
        stream = self._container.add_stream("libx264", options=dict(_ENCODER_OPTIONS))
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.sample_aspect_ratio = colored.frame.aspect
        stream.gop_size = _KEY_INTERVAL
        stream.time_base = stream.codec_context.time_base = _TICK
        stream.codec_context.framerate = Fraction(60)  # no more than a hint
        stream.codec_context.colorspace = _BT601
        stream.codec_context.color_range = ColorRange.JPEG
        self._stream, self._size, self._first = stream, (width, height), colored.frame.time
        return stream

    def _video_frame(self, colored: ColoredFrame, pts: int) -> av.VideoFrame:
        width, height = self._size
        planes: list[Any] = []
        for plane, shrink in zip(colored.planes, (1, 2, 2), strict=True):
            size = (width // shrink, height // shrink)
            if colored.luma.shape[0] - height in (0, 1) and colored.luma.shape[1] - width in (0, 1):
                planes.append(plane[: size[1], : size[0]])
            else:  # another camera size than at first
                planes.append(cv2.resize(plane, size))
        flat = np.concatenate([plane.ravel() for plane in planes]).reshape(-1, width)
        frame = av.VideoFrame.from_ndarray(flat, format="yuv420p")
        frame.colorspace, frame.color_range = _BT601, ColorRange.JPEG
        frame.pts, frame.time_base = pts, _TICK
        return frame
