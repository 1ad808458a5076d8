"""``tinct train``: train a network on one's own photographs."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from tinct.apps.console import is_terminal, say
from tinct.errors import MissingExtraError

if TYPE_CHECKING:
    from types import TracebackType

    from tinct.train.config import TrainConfig
    from tinct.train.loop import Progress

_ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(8 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(8 << 30),
    "MALLOC_TOP_PAD_": str(256 << 20),
}
"""Makes glibc keep freed memory instead of giving large tensors back: 5 to 18 times as fast."""

_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def train(
    config: Annotated[Path, typer.Argument(help="TOML file with the choices of the run.")],
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder for checkpoints, curves and sheets.",
            show_default="runs/ and the name of the file",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in the folder.")
    ] = False,
    data: Annotated[
        list[str] | None,
        typer.Option(help="Folder or tar file of photographs, instead of the file's; repeatable."),
    ] = None,
    validation: Annotated[
        list[str] | None, typer.Option(help="The same for validation; repeatable.")
    ] = None,
    cache: Annotated[str | None, typer.Option(help="Folder for decoded photographs.")] = None,
    steps: Annotated[int | None, typer.Option(help="Length of the run in steps.")] = None,
) -> None:
    """Train a network; Ctrl-C saves first, --resume goes on as if nothing had happened."""
    _use_allocator()
    try:
        from tinct.train.loop import train as run
    except ModuleNotFoundError as error:
        raise MissingExtraError("Training", "train") from error
    changes = {"train": data, "validation": validation, "cache": cache}
    choices = _choices(config, changes, steps)
    folder = output or Path("runs") / config.stem
    with _Display(choices) as display:
        last = run(
            choices, folder, resume=resume, on_progress=display.training, on_cache=display.decoding
        )
    if display.step < choices.steps:
        say(f"stopped at step {display.step} of {choices.steps}, saved {last}")
        say("to go on, run the same command with --resume")
        raise typer.Exit(_INTERRUPTED)
    say(f"saved {last}; curves and sheets are in {folder}")


def _use_allocator() -> None:
    """Start the program over with an allocator made for large tensors, once."""
    program = Path(sys.argv[0])
    is_ours = program.stem == "tinct" or program.parts[-2:] == ("tinct", "__main__.py")
    is_set = "LD_PRELOAD" in os.environ or _ALLOCATOR.items() <= os.environ.items()
    if sys.platform == "linux" and is_ours and not is_set:
        os.environ.update(_ALLOCATOR)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _choices(path: Path, changes: dict[str, Any], steps: int | None) -> TrainConfig:
    """Read the choices of a run; the command line has the last word."""
    from tinct.train.config import config_from_dict, load_config

    table: dict[str, Any] = asdict(load_config(path))
    table["data"] |= {key: value for key, value in changes.items() if value is not None}
    table |= {} if steps is None else {"steps": steps}
    return config_from_dict(table, str(path))


class _Display:
    """A progress bar on a terminal; a line at each validation everywhere."""

    def __init__(self, config: TrainConfig) -> None:
        # Rich costs a twentieth of a second: other commands should not pay for it.
        from tinct.apps.progress import make_progress

        self.total, self.batch = config.steps * config.batch, config.batch
        self.step = config.steps  # until told otherwise: a finished run has no steps to do
        self.bar = make_progress("photographs")
        self.task = self.bar.add_task("opening", total=None)
        self.is_shown = is_terminal()

    def __enter__(self) -> _Display:
        if self.is_shown:
            self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self.is_shown:
            self.bar.stop()

    def decoding(self, done: int) -> None:
        """Show how many photographs were decoded."""
        self.bar.update(self.task, description="decoding", completed=done)

    def training(self, progress: Progress) -> None:
        """Show how far the run is."""
        self.step = progress.step
        self.bar.update(
            self.task,
            description=f"training, loss {progress.loss:.3f}",
            total=self.total,
            completed=progress.step * self.batch,
        )
        if progress.row:
            numbers = progress.row.numbers() | {"rate": progress.rate}
            line = "  ".join(f"{key} {value:.4g}" for key, value in numbers.items())
            if self.is_shown:
                self.bar.console.print(line, highlight=False, markup=False, soft_wrap=True)
            else:
                say(line)
