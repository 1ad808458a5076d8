"""Where colored pictures go beside the window: a film, a browser, a virtual camera, a snapshot."""

from __future__ import annotations

import os
import time
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from tinct.apps.console import print_message, print_warning
from tinct.apps.live.recorder import Recorder
from tinct.errors import OutputError
from tinct.files import reason_of
from tinct.photographs import Picture, write_picture
from tinct.photographs.metadata import Metadata, dpi_of_shape
from tinct.runtime.compose import compose_rgb

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from tinct.apps.live.live_colorizer import ColoredFrame
    from tinct.apps.live.virtual_camera import VirtualCamera
    from tinct.apps.live.web import PictureServer


class Outputs:
    """Hands each picture on; to be used as a context manager, which closes them all."""

    def __init__(self, colored_by: str = "") -> None:
        """Prepare; each output is opened by its own method.

        Args:
            colored_by: Name of the model that recordings and snapshots name; empty for none.
        """
        self._colored_by = colored_by
        self._recorder: Recorder | None = None
        self._camera: VirtualCamera | None = None
        self._server: PictureServer | None = None
        self._writer = ThreadPoolExecutor(1)  # a PNG takes longer than a frame may

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Finish everything, the film first."""
        with ExitStack() as stack:
            stack.callback(self._writer.shutdown)
            if self._server is not None:
                stack.callback(self._server.close)
            if self._camera is not None:
                stack.callback(self._camera.close)
            if self._recorder is not None:
                stack.callback(self.stop_recording)

    @property
    def is_recording(self) -> bool:
        """Whether a film is being written."""
        return self._recorder is not None

    @property
    def need_planes(self) -> bool:
        """Whether somebody needs every picture at full size."""
        return self._recorder is not None or self._camera is not None

    def show(self, colored: ColoredFrame) -> None:
        """Hand one picture to all of them.

        Raises:
            OutputError: The film cannot be written.
            DeviceError: There is no virtual camera.
        """
        for output in (self._recorder, self._camera, self._server):
            if output is not None:
                output.show(colored)

    def record(self, path: str | Path, *, overwrite: bool = False) -> None:
        """Begin a film.

        Raises:
            OptionError, OutputError: It cannot be written, or is there already.
        """
        if os.path.exists(path) and not overwrite:
            raise OutputError(f"{path}: exists already; --overwrite replaces it")
        self._recorder = Recorder(path, self._colored_by)

    def stop_recording(self) -> str:
        """Finish the film; return what to say about it."""
        recorder, self._recorder = self._recorder, None
        if recorder is None:
            return ""
        recorder.close()
        words = f"{recorder.path}: {recorder.frames} frames recorded"
        print_message(words)
        return words

    def add_virtual_camera(self, rate: float | None) -> None:
        """Send pictures to a loopback device.

        Raises:
            MissingExtraError: The library is not installed.
        """
        from tinct.apps.live.virtual_camera import VirtualCamera

        self._camera = VirtualCamera(rate)

    def serve(
        self,
        address: str,
        title: str,
        numbers: Callable[[], object],
        change: Callable[[dict[str, Any]], object],
    ) -> None:
        """Show pictures in browsers, and say where.

        Raises:
            OptionError, OutputError: The address makes no sense, or cannot be had.
        """
        from tinct.apps.live.web import PictureServer, parse_address

        self._server = PictureServer(parse_address(address), title, numbers, change)
        where = self._server.address
        if where.is_loopback:
            print_message(f"{where.url}: for this machine alone")
        else:
            print_warning(
                f"{where.url}: everyone who can reach this machine, at {where.host}:{where.port}, "
                "can look; there is no password"
            )

    def snapshot(self, colored: ColoredFrame, tell: Callable[[str], object]) -> None:
        """Write a picture at full size as PNG, in the background.

        Args:
            colored: The picture.
            tell: Called with what became of it, from another thread.

        Raises:
            OutputError: Nothing can be written here.
        """
        path = free_name(".png")
        try:
            path.touch()  # taken: the next one, in the same second, gets another
        except OSError as error:
            raise OutputError(f"{path}: {reason_of(error)}") from error

        def write() -> str:
            rgb = compose_rgb(colored.luma, colored.chroma)
            try:
                metadata = Metadata(dpi=dpi_of_shape(colored.frame.aspect))
                picture = Picture(rgb, metadata=metadata, colored_by=self._colored_by)
                write_picture(picture, path, overwrite=True)
            except OutputError:
                path.unlink()
                raise
            return f"saved {path}"

        def report(future: Future[str]) -> None:
            error = future.exception()
            words = future.result() if error is None else str(error)
            (print_message if error is None else print_warning)(words)
            tell(words)

        self._writer.submit(write).add_done_callback(report)


def free_name(suffix: str) -> Path:
    """Return a name with the time in it that no file has, in the current folder."""
    stem = time.strftime("tinct-%Y%m%d-%H%M%S")
    path, number = Path(stem + suffix), 2
    while path.exists():
        path, number = Path(f"{stem}-{number}{suffix}"), number + 1
    return path
