"""Small films, made as they are needed, and what they hold."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tinct.apps.films import frames as film_frames
from tinct.films.pixels import plane_of


@dataclass(frozen=True)
class Film:
    """How a test film is made."""

    codec: str = "ffv1"
    pix_fmt: str = "yuv420p"
    width: int = 64
    height: int = 48
    frames: int = 8
    rate: Fraction = Fraction(25)
    times: Sequence[int] | None = None  # ticks; by default equal steps of one over the rate
    time_base: Fraction | None = None
    full_range: bool = False
    tags: tuple[int, int, int] | None = None  # primaries, transfer function, matrix
    aspect: Fraction | None = None
    rotation: int = 0
    fields: str | None = None  # tff or bff: which of the two fields is first
    sound: str | None = None  # a codec
    format: str | None = None
    options: tuple[tuple[str, str], ...] = ()


def luma(film: Film, number: int) -> NDArray[Any]:
    """Return the luma of a frame: a slope with a bar that moves, over all of the range."""
    bits = max(part.bits for part in av.VideoFormat(film.pix_fmt).components)
    low, high = (0, 255) if film.full_range else (16, 235)
    slope = np.linspace(low, high, film.width)[None, :] * np.linspace(0.4, 1, film.height)[:, None]
    slope = np.maximum(slope, low)
    slope[:, (3 * number) % film.width :][:, :4] = high
    return np.rint(slope * 2 ** (bits - 8)).astype(np.uint8 if bits == 8 else np.uint16)


def make_film(
    path: Path,
    film: Film | None = None,
    picture: NDArray[np.uint8] | None = None,
    tags: dict[str, str] | None = None,
) -> Path:
    """Write a film; with a picture, of which every frame has the luma, and tags."""
    film = film or Film()
    base = film.time_base or 1 / film.rate
    times = film.times or [round(n / film.rate / base) for n in range(film.frames)]
    with av.open(str(path), "w", format=film.format) as output:
        output.metadata.update(tags or {})
        stream: Any = output.add_stream(film.codec, rate=film.rate, options=dict(film.options))
        stream.width, stream.height, stream.pix_fmt = film.width, film.height, film.pix_fmt
        context = stream.codec_context
        context.time_base = stream.time_base = base
        context.color_range = 2 if film.full_range else 1
        if film.tags is not None:
            context.color_primaries, context.color_trc, context.colorspace = film.tags
        if film.aspect is not None:
            context.sample_aspect_ratio = film.aspect
        if film.rotation:
            stream.set_display_rotation(film.rotation)
        sound = output.add_stream(film.sound, rate=48000) if film.sound else None
        for number, time in enumerate(times):
            made = _frame(film, number)
            if picture is not None:
                np.copyto(plane_of(made, 0), picture)
            frame = _with_fields(film, made)
            frame.pts, frame.time_base = time, base
            output.mux(stream.encode(frame))
        output.mux(stream.encode(None))
        if sound is not None:
            _add_sound(output, sound, float((times[-1] + times[1] - times[0]) * base))
    return path


def _frame(film: Film, number: int) -> av.VideoFrame:
    frame = av.VideoFrame(film.width, film.height, film.pix_fmt)
    np.copyto(plane_of(frame, 0), luma(film, number))
    for index in range(1, len(frame.planes)):
        plane = plane_of(frame, index)
        plane[:] = 1 << (8 * plane.dtype.itemsize - 1 if plane.dtype == np.uint8 else 9)
    return frame


def _with_fields(film: Film, frame: av.VideoFrame) -> av.VideoFrame:
    if film.fields is None:
        return frame
    graph = av.filter.Graph()
    source = graph.add_buffer(
        width=film.width, height=film.height, format=frame.format, time_base=1 / film.rate
    )
    marks = graph.add("setfield", film.fields)
    graph.link_nodes(source, marks, graph.add("buffersink")).configure()
    graph.vpush(frame)
    return graph.vpull()


def _add_sound(output: Any, stream: Any, seconds: float) -> None:
    tone = np.sin(np.arange(round(seconds * 48000)) / 20).astype(np.float32)[None] * 0.3
    frame = av.AudioFrame.from_ndarray(np.vstack([tone, tone]), "fltp", "stereo")
    frame.sample_rate, frame.pts = 48000, 0
    output.mux(stream.encode(frame))
    output.mux(stream.encode(None))


@dataclass(frozen=True)
class Content:
    """What a film holds."""

    lumas: list[NDArray[Any]]
    chromas: list[NDArray[Any]]
    times: list[Fraction]  # seconds
    first: av.VideoFrame


def read_film(path: Path) -> Content:
    """Decode a film."""
    lumas, chromas, times, first = [], [], [], None
    with av.open(str(path)) as container:
        for frame in container.decode(container.streams.video[0]):
            first = first or frame
            lumas.append(plane_of(frame, 0).copy())
            if len(frame.planes) > 1:
                chromas.append(plane_of(frame, 1).copy())
            times.append(frame.pts * frame.time_base)
    assert first is not None
    return Content(lumas, chromas, times, first)


def copy_with_chapters(film: Path, target: Path, spans: Sequence[tuple[int, int]]) -> None:
    """Copy a film, with chapters of so many milliseconds: ``Place 0``, ``Place 1`` ..."""
    with av.open(str(film)) as source, av.open(str(target), "w") as output:
        output.set_chapters([
            {"id": n, "start": begin, "end": end, "time_base": Fraction(1, 1000),
             "metadata": {"title": f"Place {n}"}} for n, (begin, end) in enumerate(spans)
        ])  # fmt: skip
        copied = output.add_stream_from_template(source.streams[0], opaque=True)
        for packet in source.demux():
            if packet.size:
                packet.stream = copied
                output.mux(packet)


def packets(path: Path) -> list[tuple[int | None, int | None, bytes]]:
    """Return the packets of the pictures: times and content."""
    with av.open(str(path)) as container:
        held = container.demux(container.streams.video[0])
        return [(packet.pts, packet.dts, bytes(packet)) for packet in held if packet.size]


def stop_after(
    monkeypatch: pytest.MonkeyPatch, frames: int, error: type[BaseException] = KeyboardInterrupt
) -> None:
    """Make Ctrl-C, or an error, come when so many frames have been colored."""
    color = film_frames.RememberingColorizer.color

    def stopping(self: Any, *arguments: Any) -> Any:
        for number, item in enumerate(color(self, *arguments)):
            if number == frames:
                raise error
            yield item

    monkeypatch.setattr(film_frames.RememberingColorizer, "color", stopping)
