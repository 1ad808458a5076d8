"""A camera, or anything like one, read by a thread of its own.

There is one slot, for the latest picture. A picture that nobody has fetched when the next one comes
is dropped and counted; nothing is ever queued, so what is shown is never older than it must be.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from types import TracebackType
from typing import Any, Self

import cv2
import numpy as np
from numpy.typing import NDArray

from tinct.cameras.capture import CaptureOptions, Flip, Source
from tinct.cameras.slot import Slot
from tinct.errors import InputError

FIRST_WAIT, LONGEST_WAIT = 1.0, 30.0
"""Seconds before a source is tried again: doubled each time, from the first to the longest."""
_FLIP_CODES: dict[Flip, int] = {"h": 1, "v": 0, "180": -1}  # as OpenCV has them
_PATIENCE = 2.0  # seconds for a thread to end; one that hangs in a driver is left behind


@dataclass(frozen=True, slots=True)
class CapturedFrame:
    """One picture of a camera."""

    rgb: NDArray[np.uint8]  # (H, W, 3)
    number: int  # counted from 0, the dropped ones too
    time: float  # when it was there, in seconds of time.perf_counter
    converted: float  # seconds that converting to RGB has taken
    aspect: Fraction = Fraction(1)  # width over height of a pixel


@dataclass(slots=True)
class CameraCounts:
    """What became of the pictures of a camera so far."""

    captured: int = 0  # given by the source, the missed ones too
    dropped: int = 0  # of these, never fetched, or missed by the source itself
    paused: int = 0  # of these, let go because of a pause
    retried: int = 0  # times that the source was opened anew


class Camera:
    """Reads a source until it ends, and opens it anew after failures where that is wanted.

    To be used as a context manager.

    Attributes:
        name: How messages call it.
        trouble: What is wrong while it is being tried again, else an empty text.
        changed: Notified when there is a picture, and when counts or the trouble change.
    """

    def __init__(
        self,
        name: str,
        connect: Callable[[], Source],
        options: CaptureOptions | None = None,
        *,
        retries: int | None = 0,
    ) -> None:
        """Prepare; nothing is opened before the context is entered.

        Args:
            name: How messages shall call it.
            connect: Opens the source.
            options: Flip and timeout are seen to here.
            retries: How often to try again in a row; None for ever.
        """
        self.name = name
        self.trouble = ""
        self._connect = connect
        self._options = options or CaptureOptions()
        self._retries = retries
        self._slot: Slot[CapturedFrame] = Slot()
        self.changed = self._slot.changed
        self._counts = CameraCounts()
        self._closing = False
        self._paused = False
        self._connection = _Connection()
        self._keeper = threading.Thread(target=self._keep_connected, daemon=True)

    def __enter__(self) -> Self:
        """Begin to read."""
        self._keeper.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop reading, and let go of the device."""
        with self.changed:
            self._closing = True
            self.changed.notify_all()
        self._keeper.join(2 * _PATIENCE)

    def take(self, wait: float) -> CapturedFrame | None:
        """Fetch the latest picture; None if there is no new one in ``wait`` seconds or at the end.

        Raises:
            InputError: The source has failed and is not tried again.
        """
        return self._slot.take(wait)

    @property
    def has_ended(self) -> bool:
        """Whether it came to its end, and every picture has been fetched."""
        return self._slot.has_ended

    @property
    def counts(self) -> CameraCounts:
        """A copy of the counts."""
        with self.changed:
            now, missed = self._counts, self._connection.missed
            return CameraCounts(
                now.captured + missed, now.dropped + missed, now.paused, now.retried
            )

    @property
    def paused(self) -> bool:
        """Whether pictures are let go; a film waits meanwhile."""
        return self._paused

    @paused.setter
    def paused(self, value: bool) -> None:
        with self.changed:
            self._paused = value
            self._connection.alive = time.perf_counter()
            self._counts.paused += self._slot.put(None)  # by the time it goes on, it would be old

    def _keep_connected(self) -> None:
        """Open the source, watch over its reader, and try again as often as wanted."""
        attempt = 0
        while True:
            before = self._counts.captured
            failure = self._read_once()
            if self._counts.captured > before:
                attempt = 0  # it has worked: patience begins anew
            is_final = failure is None or not isinstance(failure, InputError)
            if (
                is_final
                or self._closing
                or (self._retries is not None and attempt >= self._retries)
            ):
                break
            if not self._back_off(min(FIRST_WAIT * 2**attempt, LONGEST_WAIT), str(failure)):
                break
            attempt += 1
        self._slot.end(None if self._closing else failure)

    def _read_once(self) -> Exception | None:
        """Read until the source ends (None), fails or stalls."""
        connection = _Connection()
        with self.changed:
            self._settle_missed()
            self._connection = connection
        reader = threading.Thread(target=self._read, args=(connection,), daemon=True)
        reader.start()
        stalled = self._watch(connection)
        connection.abandon()
        with self.changed:
            self.changed.notify_all()
        reader.join(_PATIENCE)
        if stalled and not self._closing:
            return InputError(f"{self.name}: no picture for {self._options.timeout:g} seconds")
        return connection.failure

    def _watch(self, connection: _Connection) -> bool:
        """Wait until the reader is done, or we are; tell whether it has stalled."""
        with self.changed:
            while not (connection.done or self._closing):
                left = connection.alive + self._options.timeout - time.perf_counter()
                if self._paused:
                    left, connection.alive = self._options.timeout, time.perf_counter()
                if left <= 0:
                    return True
                self.changed.wait(left)
        return False

    def _back_off(self, seconds: float, reason: str) -> bool:
        """Wait before the next attempt; False if there shall be none."""
        with self.changed:
            self.trouble = f"{reason}; trying again in {seconds:g} s"
            self.changed.notify_all()
            self.changed.wait_for(lambda: self._closing, seconds)
            self.trouble = "" if self._closing else f"{reason}; trying again"
            self._counts.retried += not self._closing
            return not self._closing

    def _read(self, connection: _Connection) -> None:
        """Read one source to its end; runs in a thread of its own."""
        try:
            with closing(self._connect()) as source:
                connection.attach(source)
                before = self._counts.captured
                while not connection.is_abandoned and (moment := source.advance()) is not None:
                    self._publish(connection, source, moment)
                with self.changed:
                    if not connection.is_abandoned:
                        connection.missed = source.missed
                if self._counts.captured == before and not connection.is_abandoned:
                    raise InputError(f"{self.name}: it ended before the first picture")
                if source.live and self._retries != 0 and not connection.is_abandoned:
                    raise InputError(f"{self.name}: the stream has ended")
        except Exception as error:  # noqa: BLE001 - take() raises it in the thread that asks
            connection.failure = error
        with self.changed:
            connection.done = True
            self.changed.notify_all()

    def _publish(self, connection: _Connection, source: Source, moment: float) -> None:
        """Put a picture into the slot."""
        rgb, converted = None, 0.0
        if not self._paused or not source.live:
            begin = time.perf_counter()
            rgb = _flipped(source.picture(), self._options.flip)
            converted = time.perf_counter() - begin
        with self.changed:
            if connection.is_abandoned:
                return
            self.trouble = ""
            connection.alive, connection.missed = time.perf_counter(), source.missed
            if rgb is None:
                self._counts.paused += 1
            else:
                number = self._counts.captured
                frame = CapturedFrame(rgb, number, moment, converted, source.aspect)
                self._counts.dropped += self._slot.put(frame)
            self._counts.captured += 1
            self.changed.notify_all()
            if not source.live:  # a film waits through a pause
                self.changed.wait_for(lambda: not self._paused or connection.is_abandoned)

    def _settle_missed(self) -> None:
        """Keep what the last source has missed; the next one counts from nothing."""
        self._counts.captured += self._connection.missed
        self._counts.dropped += self._connection.missed


class _Connection:
    """One opened source, as the reader and the one who watches over it share it."""

    def __init__(self) -> None:
        self.alive = time.perf_counter()  # when the last sign of life came
        self.missed = 0
        self.done = False
        self.failure: Exception | None = None
        self.is_abandoned = False
        self._source: Source | None = None
        self._lock = threading.Lock()

    def attach(self, source: Source) -> None:
        with self._lock:
            self._source = source
            if self.is_abandoned:
                source.interrupt()

    def abandon(self) -> None:
        with self._lock:
            self.is_abandoned = True
            if self._source is not None and not self.done:
                self._source.interrupt()


def _flipped(rgb: NDArray[Any], flip: Flip) -> NDArray[np.uint8]:
    return rgb if flip == "none" else np.asarray(cv2.flip(rgb, _FLIP_CODES[flip]))
