"""Pictures from any GStreamer pipeline, by way of a ``gst-launch-1.0`` child and a pipe.

So any build of OpenCV will do, and no Python bindings are needed: on a Jetson the CSI camera comes
this way. The size of the pictures is read from what the child says about its last pad.
"""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import deque
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from tinct.cameras.capture import CaptureOptions
from tinct.errors import InputError, OptionError

PROGRAM = "gst-launch-1.0"
_SINK = "tinct"
_CAPS = re.compile(rf"GstFdSink:{_SINK}\.GstPad:sink: caps = video/x-raw.*")
_ERROR = re.compile(r"ERROR: (from element \S+: )?|WARNING: erroneous pipeline: ")
_KEPT_LINES = 30
_GRACE = 1.0  # seconds for a child to leave by itself
_PIPE_BYTES = 1 << 20  # as much as Linux lets anybody have: fewer wake-ups for each picture
_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ of Linux


class GstreamerSource:
    """Reads the pictures of a pipeline; the child never outlives it."""

    live = True
    missed = 0
    aspect = Fraction(1)

    def __init__(self, pipeline: str, options: CaptureOptions, name: str) -> None:
        """Start the pipeline.

        Args:
            pipeline: As for ``gst-launch-1.0``, without a sink.
            options: Size and rate are asked of ``videoscale`` and ``videorate``; the latter leaves
                pictures out, and never repeats one.
            name: How messages call the source.

        Raises:
            InputError: GStreamer's tools are not there.
            OptionError: The quotes in the pipeline do not match.
        """
        self._name = name
        self._buffer = np.empty(0, np.uint8)
        self._size: tuple[int, int] | None = None  # width, height
        self._lines: deque[str] = deque(maxlen=_KEPT_LINES)
        self._told = threading.Event()  # the size is known, or will never be
        reader, writer = os.pipe()
        try:
            self._child = _start(_command(pipeline, options, writer), writer, name)
        except BaseException:
            os.close(reader)
            raise
        finally:
            os.close(writer)
        self._pipe = os.fdopen(reader, "rb", buffering=0)
        _widen(reader)
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def advance(self) -> float | None:
        """See :class:`tinct.cameras.capture.Source`."""
        self._told.wait()
        if self._size is None or not self._fill():
            self._explain_end()
            return None
        return time.perf_counter()

    def picture(self) -> NDArray[np.uint8]:
        """See :class:`tinct.cameras.capture.Source`."""
        assert self._size is not None
        width, height = self._size
        rows = np.ascontiguousarray(self._buffer.reshape(height, -1)[:, : 3 * width])
        return rows.reshape(height, width, 3)

    def interrupt(self) -> None:
        """See :class:`tinct.cameras.capture.Source`."""
        self._stop()

    def close(self) -> None:
        """End the child and wait for it."""
        self._stop()
        self._listener.join()
        self._pipe.close()

    def _fill(self) -> bool:
        """Read one picture; False when the child has closed its end."""
        assert self._size is not None
        width, height = self._size
        # GStreamer pads each row of RGB to four bytes.
        self._buffer = np.empty(height * (-(-3 * width // 4) * 4), np.uint8)
        view, filled = memoryview(self._buffer.data), 0
        while filled < len(view):
            count = self._pipe.readinto(view[filled:])
            if not count:
                return False
            filled += count
        return True

    def _explain_end(self) -> None:
        """Find out why there are no more pictures; say nothing where the pipeline just ended.

        Raises:
            InputError: It failed.
        """
        code = self._child.wait()
        self._listener.join()
        if code == 0 and not any(map(_ERROR.match, self._lines)):
            return
        if code < 0:
            raise InputError(f"{self._name}: {PROGRAM} was killed ({signal.Signals(-code).name})")
        raise InputError(f"{self._name}: {_reason(self._lines)}")

    def _listen(self) -> None:
        """Read what the child says, so that it never has to wait for us."""
        assert self._child.stdout is not None
        with self._child.stdout as lines:
            for line in lines:
                if _CAPS.search(line):
                    self._take_size(line)
                    self._told.set()
                elif line.strip():
                    self._lines.append(line.strip())
        self._told.set()

    def _take_size(self, line: str) -> None:
        found = [re.search(rf"{side}=\(int\)(\d+)", line) for side in ("width", "height")]
        size = tuple(int(match[1]) for match in found if match)
        if self._size is not None and size != self._size:
            self._lines.append("ERROR: the size of the pictures has changed")
            self._signal(signal.SIGKILL)
        elif len(size) == 2:
            self._size = (size[0], size[1])

    def _stop(self) -> None:
        """Ask the child to leave, so that it gives its camera back; then make it."""
        if self._child.poll() is None:
            self._signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._child.wait(_GRACE)
        self._signal(signal.SIGKILL)  # whatever it has started too
        self._child.wait()

    def _signal(self, number: signal.Signals) -> None:
        """Send a signal to the child's process group, in which it is the first."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._child.pid, number)


def csi_pipeline(sensor: int, options: CaptureOptions) -> str:
    """Return the pipeline of a CSI camera of a Jetson."""
    width, height = options.size or (1280, 720)
    rate = round(options.rate or 30)
    return (
        f"nvarguscamerasrc sensor-id={sensor}"
        " ! video/x-raw(memory:NVMM),format=NV12"
        f",width={width},height={height},framerate={rate}/1"
        " ! nvvidconv ! video/x-raw,format=BGRx"
    )


def _command(pipeline: str, options: CaptureOptions, descriptor: int) -> list[str]:
    try:
        words = shlex.split(pipeline)
    except ValueError as error:
        raise OptionError(f"{pipeline}: {error}") from error
    caps, steps = "video/x-raw,format=RGB", ["videoconvert"]
    if options.size is not None:
        steps.append("videoscale")
        caps += ",width={},height={}".format(*options.size)
    if options.rate is not None:
        steps.append("videorate drop-only=true")  # a slow camera stays slow, and is measured so
        caps += f",framerate={round(options.rate * 1000)}/1000"
    # Synchronized: what does not come from a camera is played at its own rate.
    sink = ["fdsink", f"name={_SINK}", f"fd={descriptor}", "sync=true"]
    links = [word for step in (*steps, caps) for word in ("!", *step.split())]
    return [PROGRAM, "-v", *words, *links, "!", *sink]


def _start(command: list[str], descriptor: int, name: str) -> subprocess.Popen[str]:
    if sys.platform == "win32":
        raise InputError(f"{name}: GStreamer pipelines need a system that is not Windows")
    if shutil.which(PROGRAM) is None:
        raise InputError(
            f"{name}: {PROGRAM} is not installed (Debian and Ubuntu: gstreamer1.0-tools)"
        )
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        pass_fds=(descriptor,),
        start_new_session=True,
        text=True,
        errors="replace",
        env={**os.environ, "LC_ALL": "C"},  # "ERROR" is looked for
    )


def _widen(descriptor: int) -> None:
    if sys.platform == "linux":
        import fcntl

        with contextlib.suppress(OSError):
            fcntl.fcntl(descriptor, _SET_PIPE_SIZE, _PIPE_BYTES)


def _reason(lines: deque[str]) -> str:
    """Choose the line that says most: the first that reports an error, else the last."""
    errors = [line for line in lines if _ERROR.match(line)]
    if errors:
        return _ERROR.sub("", errors[0])
    return lines[-1] if lines else f"{PROGRAM} failed without a word"
