"""Films at their own rate, streams as they come, and a test picture that needs neither."""

from __future__ import annotations

import math
import re
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import numpy as np
from numpy.typing import NDArray

from tinct.cameras.capture import CaptureOptions, parse_size
from tinct.errors import InputError, OptionError
from tinct.files import open_source, reason_of

if TYPE_CHECKING:
    import av

_LATE = 1.0  # seconds behind its clock after which a film's clock is set anew
_HELD = 2  # periods: a camera holds a picture or two for a late reader, no more
_MOST_ERRORS = 100  # in a row, after which a source counts as broken
_NETWORK_OPTIONS = {"fflags": "nobuffer", "rtsp_transport": "tcp"}
_TEST_QUERY: dict[str, Callable[[str], Any]] = {
    "size": parse_size, "rate": float, "frames": int, "gray": lambda text: text != "0"
}  # fmt: skip
_TEST_SIZE, _TEST_RATE = (1280, 720), 30.0
_PHOTOGRAPH = "test.jpg"


class StreamSource:
    """A film at its own rate, or a stream as it comes; decoded by PyAV."""

    missed = 0

    def __init__(self, address: str, options: CaptureOptions) -> None:
        """Open it.

        Args:
            address: A path, a URL, or ``test://``.
            options: Size, loop, and the timeout of the network.

        Raises:
            InputError: It cannot be opened, or holds no film.
            OptionError: A query of ``test://`` is unknown or makes no sense.
        """
        self._address, self._options = address, options
        self._stopped = threading.Event()
        self._is_test = address.startswith("test://")
        self._period = 0.0
        if self._is_test:
            graph, rate = describe_test(address, options)
            self._container = _open(address, graph, "lavfi", options)
            self._period = 1 / rate
        else:
            self._container = _open(address, address, None, options)
        self._frames = self._decode()
        self._frame: av.VideoFrame | None = None
        aspect: Any = self._container.streams.video[0].sample_aspect_ratio
        self._own_aspect = Fraction(aspect or 1)  # PyAV 19 has rationals of its own
        self.aspect = self._own_aspect
        # A stream has no length, and comes by itself at its own rate.
        self.live = "://" in address and self._container.duration is None
        self._origin = -math.inf  # time of perf_counter at which the film's time was 0

    def advance(self) -> float | None:
        """See :class:`tinct.cameras.capture.Source`."""
        while True:
            self._frame = next(self._frames, None)
            if self._frame is None or self._stopped.is_set():
                return None
            if self.live and not self._is_test:
                return time.perf_counter()
            due = self._wait(self._frame.time)
            if not self._is_test or time.perf_counter() - due < _HELD * self._period:
                return due
            self.missed += 1  # a camera does not wait for its reader

    def _wait(self, seconds: float | None) -> float:
        """Wait until a time of the film has come; return when it came."""
        now = time.perf_counter()
        if seconds is None:  # no times at all: as fast as it can be read
            return now
        due = self._origin + seconds
        if not now - _LATE < due < now + self._options.timeout:  # a start, a pause, a leap
            self._origin, due = now - seconds, now
        self._stopped.wait(max(due - now, 0))
        return due

    def picture(self) -> NDArray[np.uint8]:
        """See :class:`tinct.cameras.capture.Source`."""
        assert self._frame is not None
        width, height = self._options.size or (None, None)
        turns = round(getattr(self._frame, "rotation", 0) / 90) % 4
        if turns % 2:
            width, height = height, width
        rgb = self._frame.to_ndarray(format="rgb24", width=width, height=height)
        rows, columns = rgb.shape[:2]
        scaled = Fraction(self._frame.width * rows, self._frame.height * columns)
        aspect = self._own_aspect * scaled
        self.aspect = 1 / aspect if turns % 2 else aspect
        return np.ascontiguousarray(np.rot90(rgb, turns))

    def interrupt(self) -> None:
        """See :class:`tinct.cameras.capture.Source`."""
        self._stopped.set()

    def close(self) -> None:
        """See :class:`tinct.cameras.capture.Source`."""
        self._container.close()

    def _decode(self) -> Iterator[av.VideoFrame]:
        """Yield the pictures, again and again where that is wanted.

        Raises:
            InputError: The source is lost.
        """
        while True:
            yield from self._decode_once()
            if not self._options.loop or self.live:
                return
            self._container.seek(0)
            self._origin = -math.inf

    def _decode_once(self) -> Iterator[av.VideoFrame]:
        """Yield the pictures that can be decoded; what is damaged is left out and counted."""
        import av

        stream = self._container.streams.video[0]
        packets, errors = self._container.demux(stream), 0
        while errors < _MOST_ERRORS:
            try:
                packet = next(packets)
                yield from packet.decode()
                errors = 0
            except StopIteration:
                return
            except IndexError:  # PyAV cannot end streams that began after the file was opened
                yield from stream.decode(None)
                return
            except ValueError as error:  # of FFmpeg: it does not make sense of some bytes
                self.missed += 1
                errors += 1
                reason = error
                if getattr(packets, "gi_frame", packets) is None:
                    packets = self._container.demux(stream)
            except (av.FFmpegError, OSError) as error:
                raise InputError(f"{self._address}: {_reason(error)}") from error
        raise InputError(f"{self._address}: {_reason(reason)}") from reason


def describe_test(address: str, options: CaptureOptions) -> tuple[str, float]:
    """Return a graph of FFmpeg's filters that pans over a photograph, and its rate.

    Args:
        address: ``test://``, or with queries ``test://?size=640x480&rate=60&frames=100&gray=1``;
            ``frames`` ends it after so many.
        options: Size and rate win over those of the address.

    Raises:
        OptionError: A query is unknown or makes no sense.
    """
    query: dict[str, Any] = {}
    for name, text in parse_qsl(urlsplit(address).query, keep_blank_values=True):
        if name not in _TEST_QUERY:
            raise OptionError(f"{address}: {name!r} is none of {', '.join(_TEST_QUERY)}")
        try:
            query[name] = _TEST_QUERY[name](text)
        except ValueError as error:
            raise OptionError(f"{address}: {name}={text}: not a number") from error
    width, height = options.size or query.get("size", _TEST_SIZE)
    rate = options.rate or query.get("rate", _TEST_RATE)
    CaptureOptions(size=(width, height), rate=rate)  # checks the ranges
    path = re.sub(r"([\\:'])", r"\\\\\1", str(files("tinct.cameras") / _PHOTOGRAPH))
    larger = f"ceil({width}*1.3/2)*2:ceil({height}*1.3/2)*2"
    graph = (
        f"movie={path},scale={larger}:force_original_aspect_ratio=increase,format=yuv444p"
        f",loop=-1:1,setpts=N/{rate:g}/TB,fps={rate:g}"
        f",crop={width}:{height}:(iw-ow)*(0.5-0.5*cos(t/4)):(ih-oh)*(0.5-0.5*cos(t/7))"
    )
    if query.get("gray"):
        graph += ",format=gray"
    if "frames" in query:
        graph += f",trim=end_frame={query['frames']}"
    return graph, rate


def _open(
    name: str, address: str, format: str | None, options: CaptureOptions
) -> av.container.InputContainer:
    import av  # FFmpeg's libraries: not for those who look through something else

    is_url = re.match(r"\w+://", address) is not None
    if not is_url and format is None:
        if Path(address).is_dir():
            raise InputError(f"{name}: a folder, not a film")
        open_source(address, name).close()  # its reasons are clearer than FFmpeg's
        address = f"file:{address}"  # a name with a colon is no protocol
    try:
        container = av.open(
            address,
            format=format,
            options=_NETWORK_OPTIONS if is_url else {},
            timeout=options.timeout,
        )
    except (av.FFmpegError, OSError, ValueError) as error:
        raise InputError(f"{name}: {_reason(error)}") from error
    if not container.streams.video or container.streams.video[0].codec_context is None:
        container.close()
        raise InputError(f"{name}: no pictures in it")
    container.streams.video[0].thread_type = "AUTO"
    return container


def _reason(error: Exception) -> str:
    """Say in a few words what FFmpeg reports."""
    reason = reason_of(error)
    return reason[:1].lower() + reason[1:]
