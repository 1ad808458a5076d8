"""Films in the making: finished segments in a folder, so that an interrupted run can go on.

A segment is a number of frames encoded by an encoder of their own. It begins with a key frame and
refers to nothing outside, so that segments can be joined by copying; and a run that begins anew at
one of them makes exactly the same of it.
"""

from __future__ import annotations

import io
import json
import shutil
import zipfile
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import numpy as np

from tinct.errors import OutputError
from tinct.files import make_folder, reason_of, write_atomically
from tinct.films.encoder import FrameMarker

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.codeccontext import VideoCodecContext
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream
    from numpy.typing import NDArray

    from tinct.films.encoder import EncoderPlan

_INDEX = "index.json"


@dataclass(frozen=True)
class Segment:
    """What the index says about a finished segment."""

    frames: int
    begin: int
    """Ticks of its first frame."""
    end: int
    """Ticks at which its last frame is over."""
    delay: int
    """By how many packets a frame comes later than it is shown, at most."""
    is_exact: bool
    """Whether the film itself gives all its times, so that they can be found again."""
    kept: int = 0
    """Frames that have the colors that they came with."""
    is_colored: bool = False
    """What the last frame says, see ``FilmFrame``."""
    contrary: int = 0


@dataclass(frozen=True)
class Packets:
    """The content of a segment, in the order of decoding."""

    data: list[bytes]
    order: NDArray[np.int64]
    """Which frame of the segment, counted as they are shown, a packet holds."""
    is_key: NDArray[np.bool_]
    times: NDArray[np.int64]
    """Ticks of the frames as they are shown."""
    memory: NDArray[np.float32] | None = None
    """What whoever makes the frames must know to go on after them."""


class SegmentEncoder:
    """Encodes the frames of one segment."""

    def __init__(self, plan: EncoderPlan) -> None:
        """Open an encoder.

        Raises:
            OptionError: It cannot be opened.
        """
        self._context: VideoCodecContext = plan.open()
        self._marker = FrameMarker(plan)
        self._packets: list[Packet[VideoStream]] = []
        self._times: list[int] = []
        self._end = 0
        self._is_exact = True

    def __len__(self) -> int:
        """Count the frames."""
        return len(self._times)

    def add(self, frame: VideoFrame, time: int, duration: int, is_exact: bool) -> None:
        """Encode a frame; the encoder takes no notice of the time, which is kept beside it.

        Raises:
            OutputError: The encoder fails.
        """
        frame.pts, frame.time_base = len(self._times), self._context.time_base
        self._times.append(time)
        self._end = time + duration
        self._is_exact = self._is_exact and is_exact
        self._packets += self._encode(self._marker(frame))

    def _encode(self, frame: VideoFrame | None) -> list[Packet[VideoStream]]:
        try:
            return self._context.encode(frame)
        except av.FFmpegError as error:
            raise OutputError(f"{self._context.name} fails: {error.strerror}") from error

    def finish(self, memory: NDArray[np.float32] | None) -> tuple[Segment, Packets]:
        """Take out what the encoder still holds, and close it.

        Args:
            memory: What to keep for whoever makes the next frames.

        Raises:
            OutputError: The encoder fails.
        """
        packets = [*self._packets, *self._encode(None)]
        order = np.array([packet.pts for packet in packets], np.int64)
        if sorted(order) != list(range(len(self._times))):
            raise OutputError(f"{self._context.name}: the encoder has lost frames")
        delay = int((np.arange(len(order)) - order).max(initial=0))
        keys = np.array([packet.is_keyframe for packet in packets], np.bool_)
        times = np.array(self._times, np.int64)
        segment = Segment(len(times), self._times[0], self._end, delay, self._is_exact)
        data = [bytes(packet) for packet in packets]
        return segment, Packets(data, order, keys, times, memory)


class Parts:
    """The folder of the finished segments of one film.

    Attributes:
        folder: Its name.
        segments: What the index says about each.
        is_whole: Whether the film ends with the last one.
    """

    def __init__(
        self, folder: Path, identity: Mapping[str, object], ignored: Collection[str] = ()
    ) -> None:
        """Open the folder; it is made with the first segment.

        Args:
            folder: Its name.
            identity: Input, options and versions, as JSON holds them: segments of another identity
                do not fit.
            ignored: Parts of the identity that may differ.

        Raises:
            OutputError: There are segments, of another run.
        """
        self.folder = folder
        self._identity = dict(identity)
        self.segments: list[Segment] = []
        self.is_whole = False
        try:
            index = json.loads((folder / _INDEX).read_text(encoding="utf-8"))
            known, listed = index["identity"], [Segment(**item) for item in index["segments"]]
            is_whole = index.get("is_whole", True)  # an older index does not say
        except FileNotFoundError:
            return
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise OutputError(f"{folder}: damaged; --overwrite begins anew") from error
        keys = sorted((self._identity.keys() | known.keys()) - set(ignored))
        other = [key for key in keys if known.get(key) != self._identity.get(key)]
        if other:
            raise OutputError(
                f"{folder}: the beginning of a run with other {', '.join(other)}; "
                "--overwrite begins anew"
            )
        self.segments, self.is_whole = listed, is_whole

    @property
    def frames(self) -> int:
        """Number of finished frames."""
        return sum(segment.frames for segment in self.segments)

    @property
    def is_exact(self) -> bool:
        """Whether the film itself gives the times of all finished frames."""
        return all(segment.is_exact for segment in self.segments)

    @property
    def kept(self) -> int:
        """Number of finished frames that have the colors that they came with."""
        return sum(segment.kept for segment in self.segments)

    def add(self, segment: Segment, packets: Packets) -> None:
        """Store a finished segment.

        Raises:
            OutputError: It cannot be written.
        """
        make_folder(self.folder)
        content = io.BytesIO()
        arrays: dict[str, Any] = {
            "order": packets.order,
            "is_key": packets.is_key,
            "times": packets.times,
            "sizes": np.array([len(data) for data in packets.data], np.int64),
            "data": np.frombuffer(b"".join(packets.data), np.uint8),
        }
        if packets.memory is not None:
            arrays["memory"] = packets.memory
        np.savez(content, **arrays)
        path = self._path(len(self.segments))
        write_atomically(content.getvalue(), path, overwrite=True)
        self.segments.append(segment)
        self._write_index()

    def finish(self) -> None:
        """Note that the film ends with the last segment.

        Raises:
            OutputError: It cannot be written.
        """
        self.is_whole = True
        self._write_index()

    def load(self, number: int) -> Packets:
        """Read a segment.

        Raises:
            OutputError: It is damaged, or gone.
        """
        held = self._read(number)
        data, ends = held["data"].tobytes(), np.cumsum(held["sizes"])
        pieces = [data[end - size : end] for end, size in zip(ends, held["sizes"], strict=True)]
        return Packets(pieces, held["order"], held["is_key"], held["times"], held.get("memory"))

    def _read(self, number: int, *names: str) -> dict[str, NDArray[Any]]:
        """Read arrays of a segment, all if none is named."""
        path = self._path(number)
        try:
            with np.load(path, allow_pickle=False) as held:
                return {name: held[name] for name in names or held.files}
        except (OSError, ValueError, KeyError, zipfile.BadZipFile) as error:
            raise OutputError(f"{path}: damaged; remove the folder to begin anew") from error

    def times(self) -> NDArray[np.int64]:
        """Return the ticks of all finished frames, as they are shown.

        Raises:
            OutputError: A segment is damaged, or gone.
        """
        held = [self._read(i, "times")["times"] for i in range(len(self.segments))]
        return np.concatenate(held)

    def drop_last(self) -> None:
        """Forget the last segment: it is not whole."""
        self.segments.pop()
        self._write_index()
        self._path(len(self.segments)).unlink(missing_ok=True)

    def remove(self) -> None:
        """Remove the folder and all that is in it.

        Raises:
            OutputError: It cannot be removed.
        """
        remove_parts(self.folder)

    def _write_index(self) -> None:
        index = {
            "identity": self._identity,
            "segments": [asdict(segment) for segment in self.segments],
            "is_whole": self.is_whole,
        }
        text = json.dumps(index, indent=1)
        write_atomically(text.encode(), self.folder / _INDEX, overwrite=True)

    def _path(self, number: int) -> Path:
        return self.folder / f"{number:06d}.npz"


def remove_parts(folder: Path) -> None:
    """Remove a folder of segments, if it is one.

    Raises:
        OutputError: It cannot be removed, or is something else.
    """
    if not folder.exists():
        return
    if not folder.is_dir() or any(
        path.suffix not in (".npz", ".json", ".tmp") for path in folder.iterdir()
    ):
        raise OutputError(f"{folder}: in the way, and not the folder of an interrupted film")
    try:
        shutil.rmtree(folder)
    except OSError as error:
        raise OutputError(f"{folder}: cannot be removed ({reason_of(error)})") from error
