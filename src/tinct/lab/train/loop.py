"""The training loop, from the top down: data, network, optimizer, steps."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

import cv2
from torch import nn
from torch.utils.data import DataLoader

from tinct.errors import TrainingError
from tinct.lab.data.batches import Batch, unused_weights
from tinct.lab.data.cache import Cache, open_cache
from tinct.lab.networks.efficientnet import published_file
from tinct.lab.networks.lpips import VGG16, weights_file
from tinct.lab.train.begin import check_encoder, make_network, model_spec
from tinct.lab.train.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from tinct.lab.train.config import DataConfig, TrainConfig, check_same_run
from tinct.lab.train.log import CurveRow, RunReport
from tinct.lab.train.objectives import check_objective
from tinct.lab.train.processes import any_of, connected, make_fabric
from tinct.lab.train.run import BEST, LAST, TRUNK, Run, learning_rate, make_batches
from tinct.lab.train.validate import ValidationSet, sheet, validate
from tinct.signals import STOPPING, endings, withheld_from_processes


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    step: int
    steps: int
    loss: float
    """Of the last step, over all processes."""
    rate: float
    """Photographs a second, lately."""
    row: CurveRow | None = None
    """The line of the curves, at a step that validates."""


def train(
    config: TrainConfig,
    folder: Path,
    *,
    resume: bool = False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_cache: Callable[[int], None] = lambda done: None,
    on_doubt: Callable[[str], None] = lambda text: None,
) -> Path | None:
    """Train a network, and leave checkpoints, curves and sheets in ``folder``.

    An interrupt (Ctrl-C, SIGTERM or SIGHUP) of any of its processes saves the run and returns.

    Args:
        config: The choices of the run.
        folder: Where everything goes.
        resume: Go on from the last checkpoint in ``folder``.
        on_progress: Called after each step.
        on_cache: Called with the number of photographs decoded, while the cache is filled.
        on_doubt: Called with a line about photographs that were left out, or a choice that is
            probably none.

    Returns:
        The last checkpoint; None in all processes but the first, which alone writes and tells.

    Raises:
        DeviceError: This machine has not the devices that were asked for.
        InputError: A source of photographs is missing, damaged or out of reach.
        MissingExtraError: A package with weights that the run needs is not installed.
        ModelError: A model that the run begins with or learns from is missing, or not tinct's.
        OutputError: A checkpoint cannot be written.
        TrainingError: The photographs or the checkpoint cannot be used, ``folder`` cannot be
            written, or it holds a run already that is not to be resumed; or the loss has become
            infinite or no number.
    """
    # Before hours may go into decoding.
    fabric = make_fabric(config)
    network = make_network(config)
    check_objective(config, network)
    for model in filter(None, (config.start, config.teacher)):
        model_spec(model)
    _find_published(config, network, resume)
    _check_folder(folder)
    checkpoint = _last_checkpoint(config, folder, resume)
    photographs, held_out = _open_caches(config.data, on_cache)
    run = Run(config, photographs, checkpoint, fabric)
    if not fabric.is_global_zero:
        _steps(run, photographs, None, lambda progress: None)
        return None
    for pattern in unused_weights(photographs.names, config.data.weights):
        on_doubt(f"data.weights: no photograph is called {pattern!r}")
    for cache, what in ((photographs, "training"), (held_out, "validation")):
        if cache.left_out():
            on_doubt(f"{what}: {len(cache)} photographs; left out {cache.left_out()}")
    if shared := held_out.count_shared(photographs):
        on_doubt(f"validation: {shared} of {len(held_out)} photographs are trained on, too")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with closing(RunReport(folder, run.step)) as report:
            side = config.data.validation_side or config.crop
            validation = ValidationSet.from_cache(held_out, side)
            _steps(run, photographs, Record(report, validation), on_progress)
    except OSError as error:
        raise TrainingError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return folder / LAST


def _find_published(config: TrainConfig, network: nn.Module, resume: bool) -> None:
    """Make sure that the published weights which a run needs are installed, and of its size."""
    if config.feature_weight and config.feature_network == "vgg16":
        weights_file(VGG16)
    elif config.feature_weight:
        published_file()
    if config.encoder and not (config.start or resume):
        published_file(check_encoder(network, config.encoder).variant)


@dataclass(frozen=True)
class Record:
    """What the first process keeps of a run, and measures it on."""

    report: RunReport
    held_out: ValidationSet


def _check_folder(folder: Path) -> None:
    """Make sure that the folder of a run is there or can be made; nothing is made yet.

    Raises:
        TrainingError: A file is in the way, or nothing may be written there.
    """
    places = (folder, *folder.absolute().parents)
    there = next(path for path in places if os.path.exists(path))  # no error without permission
    if not there.is_dir():
        raise TrainingError(f"{folder}: cannot be written: {there} is a file, not a folder")
    if not os.access(there, os.W_OK | os.X_OK):
        raise TrainingError(f"{folder}: cannot be written: no permission to write in {there}")


def _last_checkpoint(config: TrainConfig, folder: Path, resume: bool) -> Checkpoint | None:
    path = folder / LAST
    if resume:
        checkpoint = load_checkpoint(path)
        check_same_run(checkpoint.config, config, str(path))
        return checkpoint
    if path.exists():
        raise TrainingError(f"{path}: there is a run already: resume it, or name another folder")
    return None


def _open_caches(data: DataConfig, report: Callable[[int], None]) -> tuple[Cache, Cache]:
    """Open the photographs to train on and those to validate on."""
    folder, side = Path(data.cache), data.short_side
    photographs = open_cache(data.train, folder, side, report=report)
    limit = data.validation_limit
    if not data.validation:
        return photographs.hold_out(limit)
    return photographs, open_cache(data.validation, folder, side, limit=limit, report=report)


class _Stopwatch:
    """Measures how long a run has taken, and how fast it is lately."""

    def __init__(self, run: Run) -> None:
        self.run, self.before = run, run.seconds
        self.start = self.last = time.perf_counter()
        self.rate = 0.0

    def lap(self) -> float:
        """Count a step; return the photographs a second, smoothed over some twenty steps."""
        now = time.perf_counter()
        rate = self.run.config.batch / (now - self.last)
        self.rate = 0.95 * self.rate + 0.05 * rate if self.rate else rate
        self.last, self.run.seconds = now, self.before + now - self.start
        return self.rate

    def skip(self) -> None:
        """Leave out of the rate what was done since the last step."""
        self.last = time.perf_counter()


def _steps(
    run: Run,
    photographs: Cache,
    record: Record | None,
    on_progress: Callable[[Progress], None],
) -> None:
    config, clock = run.config, _Stopwatch(run)
    batches = _batches(run, photographs)
    with connected(run.fabric), stop_on_signal() as stopped, batches as loaded:
        for batch in loaded:
            if run.step == 0 and config.start:  # what a model was like that is trained on
                loss = run.first_loss(batch)
                row = _validate(run, record, loss)
                on_progress(Progress(0, config.steps, loss, 0.0, row))
                clock.skip()
            if config.cooldown and run.step == config.trunk:
                _save(run, record, TRUNK)
            loss = run.train_step(batch)
            rate, row = clock.lap(), None
            if run.step % config.validate_every == 0 or run.step == config.steps:
                row = _validate(run, record, sum(run.losses) / len(run.losses))
                clock.skip()
            on_progress(Progress(run.step, config.steps, loss, rate, row))
            if any_of(run.fabric, stopped()):
                break
        _save(run, record, LAST)
        run.fabric.barrier()  # nobody leaves before everything is saved


def _save(run: Run, record: Record | None, name: str) -> None:
    """Save the run: all processes must call it, and the first does it."""
    run.settle()
    if record:
        save_checkpoint(run.checkpoint(), record.report.folder / name)


@contextmanager
def _batches(run: Run, photographs: Cache) -> Iterator[Iterator[Batch]]:
    """Make batches in other processes, which are gone afterwards whatever happened."""
    config = run.config
    # Not forked: a fork of OpenCV's and torch's threads can stand still forever.
    loader: DataLoader[Batch] = DataLoader(
        make_batches(config, run.network, photographs, run.share),
        batch_size=None,
        sampler=range(run.step, config.steps),
        num_workers=config.workers,
        prefetch_factor=4 if config.workers else None,
        multiprocessing_context="spawn" if config.workers else None,
        worker_init_fn=_quiet_worker,
        pin_memory=run.fabric.device.type == "cuda",
    )
    with withheld_from_processes(STOPPING):
        loaded = iter(loader)
    try:
        yield loaded
    finally:
        # Left to the collector of garbage, a worker that outlives an error keeps the program from
        # ending: it is deaf to the signal that would end it.
        shut_down = getattr(loaded, "_shutdown_workers", None)  # there is no public name
        if shut_down:
            shut_down()


def _quiet_worker(index: int) -> None:
    """Leave signals to the main process, which wants its batch still, and the cores to torch."""
    del index
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    cv2.setNumThreads(1)


def _validate(run: Run, record: Record | None, train_loss: float) -> CurveRow | None:
    """Measure and save the run: all processes must call it, and the first does it."""
    run.losses.clear()
    run.settle()
    if record is None:
        return None
    report = record.report
    result = validate(run.average, run.average_objective, record.held_out)
    row = CurveRow(
        run.step,
        run.step * run.config.batch,
        run.seconds,
        learning_rate(run.config, run.step),
        train_loss,
        result,
    )
    report.add(row, sheet(run.average, run.average_objective, record.held_out))
    if result.loss < run.best:
        run.best = result.loss
        save_checkpoint(run.checkpoint(), report.folder / BEST)
    save_checkpoint(run.checkpoint(), report.folder / LAST)
    return row


@contextmanager
def stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C, SIGTERM and SIGHUP into a flag, so that a step is never torn apart."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event.is_set
        return

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        event.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, *endings())}
    try:
        yield event.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
