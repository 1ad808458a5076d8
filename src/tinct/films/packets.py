"""Packets of a file in their order, on one clock that never goes back.

FFmpeg's demultiplexers hand out the times that stand in the file. Where MPEG streams have been put
together (the cells of a DVD, a recorder that was stopped) their clock begins again at any value.
The command ``ffmpeg`` mends that outside of its libraries, and so outside of PyAV.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import av
from av.packet import Packet

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from av.container import InputContainer
    from av.stream import Stream

MPEG_FORMATS = ("mpegts", "mpeg", "hls")
"""Formats whose clock may begin again anywhere, and which name their streams as they come."""
_BACK = Fraction(1, 10)
"""Seconds that a stream may go back before that counts as a break of the clock."""
_GAP = 10
"""Seconds that a stream may be silent; as much as the command ``ffmpeg`` allows."""
_OVERLAP = 2
"""Seconds by which streams may overlap where files were joined: they do not end together."""
_MOST_ERRORS = 16
"""Errors in a row after which the rest of a file counts as unreadable."""


@dataclass
class _Line:
    """How far one stream has come."""

    epoch: int
    end: Fraction | None = None
    """Seconds, on the mended clock, at which the last packet is over."""


class Clock:
    """Continues the times of all streams of a file where its clock jumps.

    It is shown every packet of the file in order. All streams are moved alike at a break, so that
    sound and picture stay together.

    Attributes:
        breaks: Number of breaks so far.
    """

    def __init__(self) -> None:
        """Begin with the file's own times."""
        self._offsets = [Fraction(0)]
        self._lines: dict[int, _Line] = {}

    @property
    def breaks(self) -> int:
        """Number of breaks so far."""
        return len(self._offsets) - 1

    @property
    def end(self) -> Fraction | None:
        """Seconds at which the last packet so far is over, on the mended clock."""
        return max(
            (line.end for line in self._lines.values() if line.end is not None), default=None
        )

    def correct(self, packet: Packet[Any]) -> None:
        """Bring the times of the next packet to the mended clock."""
        if packet.dts is None and packet.pts is None:
            return
        index, base = packet.stream.index, packet.time_base
        line = self._lines.setdefault(index, _Line(self.breaks))
        if packet.stream.type not in ("video", "audio"):
            line.epoch = self.breaks  # too sparse to tell where they are
        elif packet.dts is not None:
            time = packet.dts * base
            line.epoch = self._epoch_of(line, time)
            line.end = time + self._offsets[line.epoch] + (packet.duration or 0) * base
        shift = round(self._offsets[line.epoch] / base)
        if shift:
            packet.pts = None if packet.pts is None else packet.pts + shift
            packet.dts = None if packet.dts is None else packet.dts + shift

    def _epoch_of(self, line: _Line, time: Fraction) -> int:
        """Return the number of the offset that continues a stream; a new one where none does."""
        reached = self.end
        if line.end is None or reached is None:
            return line.epoch
        for epoch in range(line.epoch, len(self._offsets)):
            back = _BACK if epoch == line.epoch else _OVERLAP
            if line.end - back <= time + self._offsets[epoch] <= reached + _GAP:
                return epoch
        self._offsets.append(reached - time)
        return self.breaks


def read_packets(
    container: InputContainer,
    streams: Sequence[Stream],
    report: Callable[[str], object] = lambda reason: None,
) -> Iterator[Packet[Any]]:
    """Yield the packets of some streams, then an empty one of each, which ends its decoder.

    Errors in between are passed over as long as something can be read behind them.

    Args:
        container: The file.
        streams: Whose packets are wanted.
        report: Called with the reason of each error.
    """
    ended: set[int] = set()
    errors = 0
    packets = container.demux(*streams)
    while errors < _MOST_ERRORS:
        try:
            packet = next(packets)
        except (StopIteration, IndexError):
            break  # IndexError: PyAV cannot end streams that began after the file was opened
        except av.FFmpegError as error:
            report(error.strerror or str(error))
            errors += 1
            packets = container.demux(*streams)
            continue
        errors = 0
        if packet.size == 0:
            ended.add(packet.stream.index)
        yield packet
    for stream in streams:
        if stream.index not in ended:
            last: Packet[Any] = Packet()
            last.stream = stream
            yield last
