"""The loop of a live run: keys, pictures, numbers."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from tinct import __version__
from tinct.apps.console import print_message, print_warning
from tinct.apps.live.loss_curve import LossCurve
from tinct.apps.live.meter import LiveStatistics
from tinct.apps.live.outputs import free_name
from tinct.apps.report import write_json
from tinct.errors import OptionError, OutputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tinct.apps.live.live_colorizer import ColoredFrame, LiveColorizer
    from tinct.apps.live.outputs import Outputs
    from tinct.apps.live.window import LiveWindow
    from tinct.cameras.camera import Camera

_WAIT = 0.05  # seconds without a picture after which keys are looked at
_STATUS_INTERVAL = 0.5
_TOAST = 3.0
_VIVIDNESS_STEP = 0.05
_CAUTION = 0.5  # that the key switches on, unless another was asked for


class LiveRun:
    """One live run."""

    def __init__(
        self,
        camera: Camera,
        live_colorizer: LiveColorizer,
        outputs: Outputs,
        window: LiveWindow | None,
        losses: LossCurve,
    ) -> None:
        """Put the parts together.

        Args:
            camera: Where pictures come from.
            live_colorizer: What colors them.
            outputs: Where they go.
            window: Where they are seen, if anywhere.
            losses: The curve in the window.
        """
        self._camera, self._live_colorizer, self._outputs = camera, live_colorizer, outputs
        self._window, self._losses = window, losses
        self._statistics = LiveStatistics()
        self._caution = live_colorizer.options.cautious or _CAUTION
        self._last: ColoredFrame | None = None
        self._trouble = ""
        self._toast, self._toast_until = "", 0.0
        self._next_status = 0.0
        self._is_over = False
        live_colorizer.prepare = self._prepare

    def warm_up(self, size: tuple[int, int]) -> None:
        """Do everything once with a black picture: what is slow the first time is so now.

        Args:
            size: Width and height, as the camera is expected to have them.
        """
        colored = self._live_colorizer.warm_up(size)
        if self._window is not None:
            LossCurve().add(0.0, colored.frame.rgb, colored.chroma)
            self._window.set_status(self._status_lines())
            self._window.show(colored)

    def run(self, duration: float | None = None) -> None:
        """Go on until the source ends, the user has seen enough, or the seconds are over.

        Raises:
            InputError, OutputError, DeviceError: Something has failed for good.
        """
        end = None if duration is None else time.perf_counter() + duration
        while not (self._is_over or self._live_colorizer.has_ended):
            colored = self._live_colorizer.take(_WAIT)
            if colored is not None:
                self._show(colored)
            self._report_trouble()
            if self._window is not None:
                self._serve_window(self._window)
            if end is not None and time.perf_counter() >= end:
                break

    def numbers(self) -> dict[str, Any]:
        """Return all numbers of this moment, as the status page and the statistics have them."""
        now = self._statistics.now()
        options = self._live_colorizer.options
        size = None if self._last is None else self._last.luma.shape[::-1]
        return {
            "tinct": __version__,
            "source": self._camera.name,
            "size": size,
            "model": self._live_colorizer.model,
            "device": self._live_colorizer.device,
            "options": {
                "vividness": self._live_colorizer.vividness,
                "cautious": options.cautious,
                "saturation": options.saturation,
                "steady": self._live_colorizer.steady,
            },
            **self._statistics.report(self._camera.counts),
            "now": {"rate": round(now.rate, 2), "latency_ms": round(1000 * now.latency, 2)},
            "trouble": self._camera.trouble,
        }

    def change(self, wanted: dict[str, Any]) -> None:
        """Change ``vividness``, ``cautious`` or ``steady`` from now on; in any thread.

        Raises:
            OptionError: There is another option among them, or a value makes no sense.
        """
        numbers = {key: value for key, value in wanted.items() if key in ("vividness", "cautious")}
        unknown = sorted(wanted.keys() - numbers.keys() - {"steady"})
        if unknown:
            raise OptionError(f"{', '.join(unknown)}: no such option")
        options = replace(self._live_colorizer.options, **numbers)
        self._live_colorizer.options = options
        self._live_colorizer.steady = bool(wanted.get("steady", self._live_colorizer.steady))

    def report(self, path: str | None) -> None:
        """Say what was done, and write the statistics where they are wanted.

        Raises:
            OutputError: They cannot be written.
        """
        numbers = self.numbers()
        frames, latency = numbers["frames"], numbers["latency_ms"]
        if frames["shown"]:
            print_message(
                f"{frames['captured']} frames captured, {frames['dropped']} dropped, "
                f"{frames['shown']} shown, {numbers['rate']['shown']:.1f} a second; latency "
                f"{latency['p50']:.1f} ms, p95 {latency['p95']:.1f} ms, p99 {latency['p99']:.1f} ms"
            )
        if path is not None:
            write_json(numbers, path)

    def _show(self, colored: ColoredFrame) -> None:
        """Compare and display; and count how long each took."""
        if self._last is None:  # not before: the camera may not be there
            with_what = f"{self._live_colorizer.model} on {self._live_colorizer.device}"
            print_message(f"{self._camera.name}: colored by {with_what}")
        self._last, stages = colored, dict(colored.stages)
        begin = time.perf_counter()
        if self._window is not None and self._window.has_loss and not colored.is_repeated:
            self._losses.add(colored.frame.time, colored.frame.rgb, colored.chroma)
            stages["loss"] = time.perf_counter() - begin
        begin = time.perf_counter()
        if self._window is not None:
            self._window.show(colored)
        if not colored.is_repeated:
            self._outputs.show(colored)
            end = time.perf_counter()
            self._statistics.add(colored.frame.time, end, stages | {"display": end - begin})

    def _prepare(self, colored: ColoredFrame) -> None:
        """Compose what will be shown, in the live_colorizer's thread."""
        if self._window is not None:
            self._window.prepare(colored)
        if self._window is None or self._outputs.need_planes:
            _ = colored.planes

    def _report_trouble(self) -> None:
        if self._camera.trouble != self._trouble:
            self._trouble = self._camera.trouble
            if self._trouble:
                print_warning(self._trouble)
            self._next_status = 0.0

    def _serve_window(self, window: LiveWindow) -> None:
        for action in window.events():
            self._act(action)
            self._next_status = 0.0
        now = time.perf_counter()
        if now >= self._next_status:
            self._next_status = now + _STATUS_INTERVAL
            window.is_recording = self._outputs.is_recording
            toast = self._trouble or (self._toast if now < self._toast_until else "")
            window.set_status(self._status_lines(), toast)
        window.refresh()

    def _status_lines(self) -> list[str]:
        numbers, now = self.numbers(), self._statistics.now()
        frames, latency, options = numbers["frames"], numbers["latency_ms"], numbers["options"]
        stages = "  ".join(f"{name} {1000 * time:.1f}" for name, time in now.stages.items())
        size = "x".join(map(str, numbers["size"] or ()))
        waiting = "waiting for the first picture" if self._last is None else ""
        caution = f"{options['cautious']:.2f}" if options["cautious"] else "off"
        return [
            f"{'PAUSED' if self._camera.paused else f'{now.rate:.1f} frames/s'}"
            f"  captured {frames['captured']}  dropped {frames['dropped']}"
            f"  shown {frames['shown']}  latency {latency['p50']:.1f} ms"
            f"  p95 {latency['p95']:.1f}  p99 {latency['p99']:.1f}",
            f"ms: {stages}" if stages else waiting,
            f"{size}  {numbers['model']} on {numbers['device']}"
            f"  vividness {options['vividness']:.2f}  cautious {caution}"
            f"  steady {'on' if options['steady'] else 'off'}"
            f"{'  RECORDING' if self._outputs.is_recording else ''}  h: help",
        ]

    def _act(self, action: str) -> None:
        """Do what a key means; what cannot be written is said, and the run goes on."""
        meanings: dict[str, Callable[[], None]] = {
            "quit": self._quit,
            "pause": self._pause,
            "more vivid": lambda: self._change_vividness(_VIVIDNESS_STEP),
            "less vivid": lambda: self._change_vividness(-_VIVIDNESS_STEP),
            "cautious": self._switch_caution,
            "steady": self._switch_steadiness,
            "snapshot": self._take_snapshot,
            "record": self._switch_recording,
        }
        try:
            meanings[action]()
        except OutputError as error:
            print_warning(str(error))
            self._say(str(error))

    def _quit(self) -> None:
        self._is_over = True

    def _pause(self) -> None:
        self._camera.paused = not self._camera.paused

    def _change_vividness(self, step: float) -> None:
        vividness = min(max(round(self._live_colorizer.vividness + step, 2), 0.0), 1.0)
        self._live_colorizer.options = replace(self._live_colorizer.options, vividness=vividness)
        self._say(f"vividness {vividness:.2f}")

    def _switch_caution(self) -> None:
        caution = 0.0 if self._live_colorizer.options.cautious else self._caution
        self._live_colorizer.options = replace(self._live_colorizer.options, cautious=caution)
        self._say(f"cautious {caution:.2f}" if caution else "cautious off")

    def _switch_steadiness(self) -> None:
        self._live_colorizer.steady = not self._live_colorizer.steady
        self._say(f"steady colors {'on' if self._live_colorizer.steady else 'off'}")

    def _take_snapshot(self) -> None:
        if self._last is not None:
            self._outputs.snapshot(self._last, self._say)

    def _switch_recording(self) -> None:
        if self._outputs.is_recording:
            self._say(self._outputs.stop_recording())
        else:
            path = free_name(".mp4")
            self._outputs.record(path)
            self._say(f"recording {path}")

    def _say(self, words: str) -> None:
        """Show some words for a moment; a paused picture shows what has changed at once."""
        self._toast, self._toast_until = words, time.perf_counter() + _TOAST
        self._next_status = 0.0
        if self._camera.paused:
            self._live_colorizer.repeat()
