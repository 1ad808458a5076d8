"""``tinct lab train``: train a network on one's own photographs."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from tinct.apps.console import is_terminal, make_progress, print_message, print_warning
from tinct.errors import OptionError

if TYPE_CHECKING:
    from types import TracebackType

    from tinct.lab.train.config import TrainConfig
    from tinct.lab.train.log import CurveRow
    from tinct.lab.train.loop import Progress

_ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(8 << 30),
    "MALLOC_TRIM_THRESHOLD_": str(8 << 30),
    "MALLOC_TOP_PAD_": str(256 << 20),
}
"""Makes glibc keep freed memory instead of giving large tensors back: 5 to 18 times as fast."""

_DECODED = 1000  # photographs between two lines where there is no bar
_INTERRUPTED = 130  # 128 + SIGINT, as shells have it


def train(
    config_and_photographs: Annotated[
        list[str],
        typer.Argument(
            metavar="[CONFIG.toml] [PHOTOGRAPHS]...",
            help="TOML file with the choices of the run; folders, tar files or others with the "
            "photographs, instead of all that it names, those to validate with included. With "
            "--from, no file is needed.",
        ),
    ],
    start: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="MODEL",
            help="Begin with the weights of a model: a shipped one by name, or a model file.",
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Folder for checkpoints, curves and sheets.",
            show_default="runs/ and the name of the file or the model",
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on from the last checkpoint in the folder.")
    ] = False,
    validation: Annotated[
        list[str] | None,
        typer.Option(
            help="Photographs for validation; repeatable. Without any, a tenth is held out."
        ),
    ] = None,
    cache: Annotated[str | None, typer.Option(help="Folder for decoded photographs.")] = None,
    steps: Annotated[int | None, typer.Option(help="Length of the run in steps.")] = None,
    accelerator: Annotated[
        Literal["auto", "cpu", "cuda"] | None,
        typer.Option(help="Where to compute.", show_default="auto: a GPU where there is one"),
    ] = None,
    devices: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Processes on each machine, a GPU each; every batch is shared among them.",
            show_default="1, or as torchrun has it",
        ),
    ] = None,
    nodes: Annotated[
        int | None,
        typer.Option(min=1, help="Machines.", show_default="1, or as torchrun has it"),
    ] = None,
    precision: Annotated[
        Literal["32", "bf16"] | None,
        typer.Option(help="Bits of activations; weights have 32.", show_default="32"),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(
            min=0, help="Processes that make batches, for each that trains.", show_default="1"
        ),
    ] = None,
) -> None:
    """Train a network; Ctrl-C saves first, --resume goes on as if nothing had happened."""
    _use_allocator()
    from tinct.lab.train.loop import train as run
    from tinct.lab.train.run import BEST

    config, photographs = _split(config_and_photographs)
    if photographs and validation is None:
        validation = []  # those of the file belong to others
    data = {"train": photographs or None, "validation": validation, "cache": cache}
    changes = {
        "steps": steps,
        "accelerator": accelerator,
        "devices": devices,
        "nodes": nodes,
        "precision": precision,
        "workers": workers,
    }
    choices = _choices(config, start, data, changes)
    folder = output or Path("runs") / Path(config or str(start)).stem
    print_message(f"opening photographs; everything goes to {folder}")
    with _Display(choices) as display:
        last = run(
            choices,
            folder,
            resume=resume,
            on_progress=display.training,
            on_cache=display.decoding,
            on_doubt=print_warning,
        )
    if last is None:  # one of several processes, and not the first: it has nothing to say
        return
    if display.step is None:
        print_message(f"{last}: the run has ended already; with more steps it goes on")
    elif display.step < choices.steps:
        print_message(f"stopped at step {display.step} of {choices.steps}, saved {last}")
        print_message("to go on, run the same command with --resume")
        raise typer.Exit(_INTERRUPTED)
    else:
        print_message(f"saved {last}; curves and sheets are in {folder}")
    best = folder / BEST
    if choices.picture_weight or choices.feature_weight:
        best = last
        print_message(
            "the test loss does not count the errors of pictures, which the last steps have made "
            "smaller: compare models by tinct lab evaluate --lpips"
        )
    elif display.first and display.best:
        print_message(_judge(display.first, display.best))
    print_message(f"next: {_name_next(choices, best, folder.resolve().name)}")


def _name_next(choices: TrainConfig, best: Path, run: str) -> str:
    """Say what to do with the checkpoint of a run."""
    if choices.objective == "regression":
        return f"tinct lab evaluate {_word(best)} PHOTOGRAPHS"
    if choices.hints:
        return _name_next_of_hints(best, choices.start, run)
    model = _word(f"{run}.onnx")
    return f"tinct lab export {_word(best)} -o {model}; then tinct photo.jpg --model {model}"


def _word(path: str | Path) -> str:
    """Write a path so that every shell takes it for one word."""
    return f'"{path}"' if " " in str(path) else str(path)


def _name_next_of_hints(best: Path, start: str, run: str) -> str:
    """Say how to use a branch for hints: beside the model that it was trained behind."""
    from tinct.runtime.session import hints_path, model_names, model_path
    from tinct.spec import HINTS_ENDING

    model, copying = Path(start), ""
    if start in model_names():  # those of the package keep the branches that they came with
        model = Path(f"{run.removesuffix(HINTS_ENDING)}.onnx")
        copying = f"copy {model_path(start)} to {model}, beside it; "
    export = f"tinct lab export {_word(best)} -o {_word(hints_path(model))}"
    return f"{export}; {copying}then tinct photo.jpg --model {_word(model)} --hints hints.json"


def _judge(first: CurveRow, best: CurveRow) -> str:
    """Say whether a run has made anything better."""
    before, after = first.validation.loss, best.validation.loss
    if best is first and first.step:  # nothing before the run to compare with
        return f"test loss {after:.4g} at step {best.step}"
    if best is first:
        return (
            f"no better than before: the test loss did not fall below {before:.4g}; "
            "more photographs or other choices may help"
        )
    return f"better: the test loss fell from {before:.4g} to {after:.4g}, at step {best.step}"


def _use_allocator() -> None:
    """Start the program over with an allocator made for large tensors, once."""
    program = Path(sys.argv[0])
    is_ours = program.stem == "tinct" or program.parts[-2:] == ("tinct", "__main__.py")
    is_set = "LD_PRELOAD" in os.environ or _ALLOCATOR.items() <= os.environ.items()
    if sys.platform == "linux" and is_ours and not is_set:
        os.environ.update(_ALLOCATOR)
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])


def _split(arguments: list[str]) -> tuple[str | None, list[str]]:
    """Tell the configuration, if there is one, from the photographs."""
    first, *others = arguments
    return (first, others) if first.endswith(".toml") else (None, arguments)


def _choices(
    config: str | None, start: str | None, data: dict[str, Any], changes: dict[str, Any]
) -> TrainConfig:
    """Gather the choices of a run; what the command line names has the last word."""
    from tinct.lab.train.begin import fine_tuning
    from tinct.lab.train.config import config_from_dict, load_config

    if config is None and start is None:
        raise OptionError("name a configuration (.toml), or a model to begin with: --from nano")
    table: dict[str, Any]
    if config:
        table = asdict(load_config(Path(config))) | ({"start": start} if start else {})
    else:
        table = fine_tuning(str(start))
    table["data"] |= {key: value for key, value in data.items() if value is not None}
    table |= {key: value for key, value in changes.items() if value is not None}
    return config_from_dict(table, config or f"--from {start}")


class _Display:
    """A progress bar on a terminal; a line at each validation everywhere."""

    def __init__(self, config: TrainConfig) -> None:
        self.total, self.batch = config.steps * config.batch, config.batch
        self.step: int | None = None  # a finished run has no steps to do
        self.first: CurveRow | None = None
        self.best: CurveRow | None = None
        self.decoded = 0
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
        if not self.is_shown and done // _DECODED > self.decoded // _DECODED:
            print_message(f"decoding: {done} photographs")
        self.decoded = done

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
            self.first = self.first or progress.row
            if not self.best or progress.row.validation.loss < self.best.validation.loss:
                self.best = progress.row
            numbers = progress.row.numbers() | {"rate": progress.rate}
            line = "  ".join(f"{key} {_short(value)}" for key, value in numbers.items())
            if self.is_shown:
                self.bar.console.print(line, highlight=False, markup=False, soft_wrap=True)
            else:
                print_message(line)


def _short(value: float) -> str:
    return str(value) if isinstance(value, int) else f"{value:.4g}"
