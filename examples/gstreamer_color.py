"""Color between two GStreamer pipelines, in this process: appsink, tinct, appsrc.

    python examples/gstreamer_color.py 'filesrc location=gray.mp4 ! decodebin' \
        'x264enc ! mp4mux ! filesink location=color.mp4'

Luma passes bit for bit, times stay. Needs PyGObject (Debian: python3-gi and
gir1.2-gst-plugins-base-1.0).
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import gi
import numpy as np

gi.require_version("Gst", "1.0")
gi.require_version("GstApp", "1.0")
gi.require_version("GstVideo", "1.0")
from gi.repository import Gst, GstApp, GstVideo  # noqa: E402, F401

import tinct  # noqa: E402

MATRICES = {
    GstVideo.VideoColorMatrix.BT601: "bt601",
    GstVideo.VideoColorMatrix.BT2020: "bt2020",
}


def format_of(info: Any) -> tinct.FrameFormat:
    """Return what the samples of I420 frames mean."""
    colorimetry = info.colorimetry
    return tinct.FrameFormat(
        info.width,
        info.height,
        full_range=colorimetry.range == GstVideo.VideoColorRange(1),  # 0 to 255
        matrix=MATRICES.get(colorimetry.matrix, "bt709"),
    )


def planes_of(data: Any, info: Any) -> list[Any]:
    """Return Y, Cb and Cr of an I420 frame, as views of its bytes."""
    sizes = [(info.height, info.width), *[(-(-info.height // 2), -(-info.width // 2))] * 2]
    if len(data) < info.size:
        sys.exit(f"frames of {len(data)} bytes, where GStreamer has {info.size} for such a picture")
    samples, planes = np.frombuffer(data, np.uint8), []
    for (rows, columns), offset, stride in zip(sizes, info.offset, info.stride, strict=False):
        padded = samples[offset : offset + rows * stride].reshape(rows, stride)
        planes.append(padded[:, :columns])
    return planes


def fail_on_error(pipeline: Any, wanted: Any = Gst.MessageType.ERROR, wait: int = 0) -> None:
    """End the program with the line that GStreamer has for an error, if there is one."""
    message = pipeline.get_bus().timed_pop_filtered(wait, wanted)
    if message is not None and message.type == Gst.MessageType.ERROR:
        pipeline.set_state(Gst.State.NULL)
        sys.exit(f"GStreamer: {message.parse_error()[0].message}")


def read(pipeline: Any) -> Iterator[Any]:
    """Yield the samples of a pipeline that ends in ``appsink name=gray``."""
    gray = pipeline.get_by_name("gray")
    pipeline.set_state(Gst.State.PLAYING)
    while not gray.get_property("eos"):
        sample = gray.emit("try-pull-sample", Gst.SECOND)
        if sample is not None:
            yield sample
        fail_on_error(pipeline)
    pipeline.set_state(Gst.State.NULL)


def color(source: str, sink: str) -> int:
    """Color all frames, and return how many there were."""
    reading = Gst.parse_launch(
        f"{source} ! videoconvert ! video/x-raw,format=I420 ! "
        "appsink name=gray sync=false max-buffers=4"
    )
    writing = Gst.parse_launch(f"appsrc name=color format=time block=true ! videoconvert ! {sink}")
    colored = writing.get_by_name("color")
    film, info, number = None, None, 0
    for sample in read(reading):
        if film is None:
            info = GstVideo.VideoInfo.new_from_caps(sample.get_caps())
            film = tinct.FilmColorizer(tinct.Colorizer("nano"), format_of(info))
            colored.set_property("caps", sample.get_caps())
            writing.set_state(Gst.State.PLAYING)
        before = sample.get_buffer()
        data = bytearray(before.extract_dup(0, before.get_size()))
        luma, cb, cr = planes_of(data, info)
        cb[:], cr[:] = film(np.ascontiguousarray(luma))
        after = Gst.Buffer.new_wrapped(bytes(data))
        after.pts, after.dts, after.duration = before.pts, before.dts, before.duration
        if colored.emit("push-buffer", after) != Gst.FlowReturn.OK:
            break
        number += 1
    if film is not None:
        colored.emit("end-of-stream")
        fail_on_error(writing, Gst.MessageType.EOS | Gst.MessageType.ERROR, Gst.CLOCK_TIME_NONE)
    writing.set_state(Gst.State.NULL)
    return number


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    Gst.init(None)
    print(f"{color(*sys.argv[1:])} frames")
