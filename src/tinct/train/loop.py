"""The training loop, from the top down: data, network, optimizer, steps."""

from __future__ import annotations

import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

import cv2
import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from tinct.errors import TrainingError
from tinct.networks.paper import PaperNetwork
from tinct.train.begin import begin, load_classifier, make_network
from tinct.train.cache import Cache, open_cache
from tinct.train.checkpoint import (
    Checkpoint,
    load_checkpoint,
    load_weights,
    optimizer_tensors,
    restore_optimizer,
    save_checkpoint,
)
from tinct.train.config import DataConfig, TrainConfig, check_same_run
from tinct.train.data import Batch, PhotographBatches
from tinct.train.objectives import check_objective, make_objective, set_bins
from tinct.train.report import Report, Row
from tinct.train.validate import ValidationSet, sheet, validate

LAST, BEST = "last.safetensors", "best.safetensors"


@dataclass(frozen=True)
class Progress:
    """How far a run is."""

    step: int
    steps: int
    loss: float
    """Of the last step."""
    rate: float
    """Photographs a second, lately."""
    row: Row | None = None
    """The line of the curves, at a step that validates."""


def learning_rate(config: TrainConfig, step: int) -> float:
    """Return the rate of a step: a rise, then half a cosine to nothing; constant for ``adam``."""
    if config.optimizer == "adam":
        return config.learning_rate
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    done = (step - config.warmup) / max(config.steps - config.warmup, 1)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1)))


class Run:
    """A training run: its network, moving average and optimizer, and how far it is."""

    def __init__(self, config: TrainConfig, cache: Cache, checkpoint: Checkpoint | None) -> None:
        """Start a run, or take it up where a checkpoint left it."""
        torch.manual_seed(config.seed)
        self.config = config
        self.network, self.average = make_network(config), make_network(config)
        # Twice as fast for depthwise convolutions; transposed ones are slower with it.
        is_plain = isinstance(self.network, PaperNetwork)
        self.layout = torch.contiguous_format if is_plain else torch.channels_last
        self.network.to(memory_format=self.layout)  # type: ignore[call-overload]
        self.average.to(memory_format=self.layout)  # type: ignore[call-overload]
        self.average.eval().requires_grad_(False)
        self.step, self.best, self.seconds = 0, math.inf, 0.0
        self.losses: list[float] = []  # since the last validation
        freeze(self.network, config.frozen)
        self.optimizer = make_optimizer(config, self.network)
        if checkpoint:
            self._restore(checkpoint)
        else:
            begin(self.network, config, _dataset(self, cache)[0]["lightness"])
            if not config.start:
                set_bins(self.network, cache)
            self.average.load_state_dict(self.network.state_dict())
        teacher = load_classifier(config.teacher) if config.teacher else None
        self.objective = make_objective(config, self.network, teacher)
        self.average_objective = make_objective(config, self.average)

    def _restore(self, checkpoint: Checkpoint) -> None:
        load_weights(self.network, checkpoint, "network", LAST)
        load_weights(self.average, checkpoint, "ema", LAST)
        restore_optimizer(self.optimizer, checkpoint.part("optimizer"))
        self.step, self.best = checkpoint.step, checkpoint.best
        self.seconds, self.losses = checkpoint.seconds, list(checkpoint.losses)

    def train_step(self, batch: Batch) -> float:
        """Do one step and return its loss."""
        rate = learning_rate(self.config, self.step)
        for group in self.optimizer.param_groups:
            group["lr"] = rate * group.get("share", 1.0)
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.step)
        lightness = batch["lightness"].contiguous(memory_format=self.layout)
        loss = self.objective.loss(lightness, batch["target"], generator)
        self.optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip_norm)
        self.optimizer.step()
        self.step += 1
        # The average follows closely at first, so that it never lags behind random weights.
        decay = min(self.config.ema, self.step / (self.step + 10))
        update_average(self.average, self.network, decay)
        self.losses.append(float(loss.detach()))
        return self.losses[-1]

    def checkpoint(self) -> Checkpoint:
        """Return the run as it is now."""
        parts: Mapping[str, Mapping[str, Tensor]] = {
            "network": self.network.state_dict(),
            "ema": self.average.state_dict(),
            "optimizer": optimizer_tensors(self.optimizer),
        }
        tensors = {f"{part}.{key}": parts[part][key] for part in parts for key in parts[part]}
        losses = tuple(self.losses)
        return Checkpoint(self.config, self.step, tensors, self.best, self.seconds, losses)


def freeze(network: nn.Module, frozen: tuple[str, ...]) -> None:
    """Keep weights as they are whose names begin with one of ``frozen``.

    Raises:
        TrainingError: No weight's name begins so.
    """
    for start in frozen:
        found = [p for name, p in network.named_parameters() if name.startswith(start)]
        if not found:
            raise TrainingError(f"frozen: no weights are called {start!r}...")
        for parameter in found:
            parameter.requires_grad_(False)


def make_optimizer(config: TrainConfig, network: nn.Module) -> torch.optim.Optimizer:
    """Return the optimizer; norms and biases are not decayed."""
    if config.optimizer == "adam":
        return torch.optim.Adam(network.parameters(), config.learning_rate)
    named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    is_pretrained = bool(config.encoder or config.norms)
    begun = [p for name, p in named if is_pretrained and name.startswith("encoder.")]
    own = [p for name, p in named if not (is_pretrained and name.startswith("encoder."))]
    groups = _by_decay(own, 1.0) + _by_decay(begun, config.encoder_rate)
    return torch.optim.AdamW(groups, config.learning_rate, weight_decay=config.weight_decay)


def _by_decay(parameters: list[nn.Parameter], share: float) -> list[dict[str, Any]]:
    """Group parameters by whether they are decayed; ``share`` is that of the learning rate."""
    decayed = [p for p in parameters if p.ndim > 1]
    others = [p for p in parameters if p.ndim <= 1]
    groups: list[dict[str, Any]] = [{"params": decayed}, {"params": others, "weight_decay": 0.0}]
    return [group | {"share": share} for group in groups if group["params"]]


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the average a little towards the network, statistics too; counters are copied."""
    ours, theirs = average.state_dict(), network.state_dict()
    floating = [key for key, value in ours.items() if value.is_floating_point()]
    torch._foreach_lerp_([ours[k] for k in floating], [theirs[k] for k in floating], 1 - decay)
    for key in ours.keys() - set(floating):
        ours[key].copy_(theirs[key])


def train(
    config: TrainConfig,
    folder: Path,
    *,
    resume: bool = False,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_cache: Callable[[int], None] = lambda done: None,
    on_left_out: Callable[[str], None] = lambda text: None,
) -> Path:
    """Train a network, and leave checkpoints, curves and sheets in ``folder``.

    An interrupt (Ctrl-C or SIGTERM) saves the run and returns.

    Args:
        config: The choices of the run.
        folder: Where everything goes.
        resume: Go on from the last checkpoint in ``folder``.
        on_progress: Called after each step.
        on_cache: Called with the number of photographs decoded, while the cache is filled.
        on_left_out: Called with a line that says which photographs are of no use, and why.

    Returns:
        The last checkpoint.

    Raises:
        InputError: A source of photographs is missing, damaged or out of reach.
        TrainingError: The photographs or the checkpoint cannot be used, ``folder`` cannot be
            written, or it holds a run already that is not to be resumed.
    """
    if config.threads:
        torch.set_num_threads(config.threads)
    # Before hours may go into decoding.
    check_objective(config, make_network(config))
    checkpoint = _last_checkpoint(config, folder, resume)
    photographs, held_out = _open_caches(config.data, on_cache)
    for cache, what in ((photographs, "training"), (held_out, "validation")):
        if cache.left_out():
            on_left_out(f"{what}: {len(cache)} photographs; left out {cache.left_out()}")
    run = Run(config, photographs, checkpoint)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        report = Report(folder, run.step)
        try:
            validation = ValidationSet.from_cache(held_out, config.crop)
            _steps(run, photographs, validation, report, on_progress)
        finally:
            report.close()
    except OSError as error:
        raise TrainingError(f"{folder}: cannot be written: {error.strerror or error}") from error
    return folder / LAST


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


class _Clock:
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
    held_out: ValidationSet,
    report: Report,
    on_progress: Callable[[Progress], None],
) -> None:
    config, clock = run.config, _Clock(run)
    with stop_on_signal() as stopped:
        for batch in _batches(run, photographs):
            loss = run.train_step(batch)
            rate, row = clock.lap(), None
            if run.step % config.validate_every == 0 or run.step == config.steps:
                row = _validate(run, held_out, report)
                clock.skip()
            on_progress(Progress(run.step, config.steps, loss, rate, row))
            if stopped():
                break
        save_checkpoint(run.checkpoint(), report.folder / LAST)


def _dataset(run: Run, photographs: Cache) -> PhotographBatches:
    config = run.config
    return PhotographBatches(
        photographs,
        config.augment,
        crop=config.crop,
        batch=config.batch,
        seed=config.seed,
        target=str(run.network.target),
        target_stride=int(run.network.stride),  # type: ignore[arg-type]
    )


def _batches(run: Run, photographs: Cache) -> Iterator[Batch]:
    config, dataset = run.config, _dataset(run, photographs)
    # Not forked: a fork of OpenCV's and torch's threads can stand still forever.
    loader: DataLoader[Batch] = DataLoader(
        dataset,
        batch_size=None,
        sampler=range(run.step, config.steps),
        num_workers=config.workers,
        prefetch_factor=4 if config.workers else None,
        multiprocessing_context="spawn" if config.workers else None,
        worker_init_fn=_quiet_worker,
    )
    return iter(loader)


def _quiet_worker(index: int) -> None:
    """Leave signals to the main process, which wants its batch still, and the cores to torch."""
    del index
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    cv2.setNumThreads(1)


def _validate(run: Run, held_out: ValidationSet, report: Report) -> Row:
    train_loss = sum(run.losses) / len(run.losses)
    run.losses.clear()
    result = validate(run.average, run.average_objective, held_out)
    row = Row(
        run.step,
        run.step * run.config.batch,
        run.seconds,
        learning_rate(run.config, run.step),
        train_loss,
        result,
    )
    report.add(row, sheet(run.average, run.average_objective, held_out))
    if result.loss < run.best:
        run.best = result.loss
        save_checkpoint(run.checkpoint(), report.folder / BEST)
    save_checkpoint(run.checkpoint(), report.folder / LAST)
    return row


@contextmanager
def stop_on_signal() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C and SIGTERM into a flag, so that a step is never torn apart."""
    event = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield event.is_set
        return

    def stop(number: int, frame: FrameType | None) -> None:
        del number, frame
        event.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
