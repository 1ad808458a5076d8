"""A training run: its network, moving average and optimizers, on the devices that it has."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from tinct.errors import TrainingError
from tinct.lab.data.batches import WHOLE, Batch, PhotographBatches, Share
from tinct.lab.data.cache import Cache
from tinct.lab.networks.paper import PaperNetwork
from tinct.lab.train.begin import begin, load_classifier, make_network
from tinct.lab.train.checkpoint import (
    Checkpoint,
    load_weights,
    optimizer_tensors,
    restore_optimizer,
)
from tinct.lab.train.config import TrainConfig
from tinct.lab.train.objectives import make_objective, set_bins
from tinct.lab.train.optimizers import make_optimizers
from tinct.lab.train.processes import (
    average_statistics,
    check_same_photographs,
    launch,
    mean_of,
    synchronize_norms,
)

LAST, BEST, TRUNK = "last.safetensors", "best.safetensors", "trunk.safetensors"


def learning_rate(config: TrainConfig, step: int) -> float:
    """Return the rate of a step: a rise, then half a cosine to nothing; constant for ``adam``.

    With a ``cooldown`` it stays at its highest until then, and falls with the root of the steps
    since: by Hägele et al. (Scaling Laws and Compute-Optimal Training Beyond Fixed Training
    Durations, 2024) as good as a cosine of the same length.
    """
    if config.optimizer == "adam":
        return config.learning_rate
    if step < config.warmup:
        return config.learning_rate * (step + 1) / config.warmup
    if config.cooldown:
        done = (step - config.trunk) / config.cooldown
        return config.learning_rate * (1 - math.sqrt(min(max(done, 0), 1)))
    done = (step - config.warmup) / max(config.steps - config.warmup, 1)
    return config.learning_rate * 0.5 * (1 + math.cos(math.pi * min(done, 1)))


class Run:
    """A training run: its network, moving average and optimizers, and how far it is."""

    def __init__(
        self, config: TrainConfig, cache: Cache, checkpoint: Checkpoint | None, fabric: Fabric
    ) -> None:
        """Start a run, or take it up where a checkpoint left it; then start its processes.

        Mistakes show before there is a second process: each would tell of them.

        Raises:
            TrainingError: The processes do not see the same photographs.
        """
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
        self.optimizers = make_optimizers(config, self.network)
        if checkpoint:
            self._restore(checkpoint)
        else:
            batches = make_batches(config, self.network, cache)
            begin(self.network, config, lambda: batches[0]["lightness"])
            if not config.start:
                set_bins(self.network, cache)
            self.average.load_state_dict(self.network.state_dict())
        self.teacher = load_classifier(config.teacher) if config.teacher else None
        if self.teacher:
            self.teacher.to(memory_format=self.layout)  # type: ignore[call-overload]
        self.fabric = fabric
        self._spread(cache)

    def _spread(self, cache: Cache) -> None:
        """Start the processes of the run, and move it to their devices."""
        launch(self.fabric)
        check_same_photographs(self.fabric, cache.names)
        if self.config.threads:
            torch.set_num_threads(self.config.threads)
        self.share = Share(self.fabric.global_rank, self.fabric.world_size)
        synchronize_norms(self.fabric, self.network)
        objective = make_objective(self.config, self.network, self.teacher, self.share)
        self.objective = self.fabric.setup_module(objective)
        self.average_objective = make_objective(self.config, self.average)
        self.average_objective.to(self.fabric.device)
        # What they remember of the gradients moves to where the weights are.
        for optimizer in self.optimizers.values():
            optimizer.load_state_dict(optimizer.state_dict())

    def _restore(self, checkpoint: Checkpoint) -> None:
        load_weights(self.network, checkpoint, "network", LAST)
        load_weights(self.average, checkpoint, "ema", LAST)
        for name, optimizer in self.optimizers.items():
            restore_optimizer(optimizer, checkpoint.part(name))
        self.step, self.best = checkpoint.step, checkpoint.best
        self.seconds, self.losses = checkpoint.seconds, list(checkpoint.losses)

    @torch.no_grad()
    def first_loss(self, batch: Batch) -> float:
        """Return the loss of a batch before anything is learned, in evaluation mode."""
        seen = self.fabric.to_device(batch)
        generator = torch.Generator().manual_seed(self.config.seed)
        loss = self.average_objective(seen["lightness"], seen["target"], generator)
        return float(mean_of(self.fabric, loss.plain))

    def train_step(self, batch: Batch) -> float:
        """Do one step and return its loss, as far as the test loss has it too.

        Raises:
            TrainingError: The loss is infinite, or no number.
        """
        rate = learning_rate(self.config, self.step)
        for optimizer in self.optimizers.values():
            for group in optimizer.param_groups:
                group["lr"] = rate * group.get("share", 1.0)
        generator = torch.Generator().manual_seed(self.config.seed * 1_000_003 + self.step)
        seen = self.fabric.to_device(batch)
        lightness = seen["lightness"].contiguous(memory_format=self.layout)
        loss = self.objective(
            lightness,
            seen["target"],
            generator,
            seen["rgb"],
            judge_pictures=self.config.judges_pictures(self.step),
            ask_teacher=self.config.asks_teacher(self.step),
        )
        self.network.zero_grad()
        self.fabric.backward(loss.total)
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip_norm)
        for optimizer in self.optimizers.values():
            optimizer.step()
        self.step += 1
        # An average over about the last tenth of the run: it never lags behind random weights.
        decay = min(self.config.ema, self.step / (self.step + 10))
        update_average(self.average, self.network, decay)
        self.losses.append(float(mean_of(self.fabric, loss.plain)))
        if not math.isfinite(self.losses[-1]):
            raise TrainingError(
                f"step {self.step}: the loss is {self.losses[-1]}; --resume goes on from the last "
                "validation, and a lower learning_rate in a run of its own may help"
            )
        return self.losses[-1]

    def settle(self) -> None:
        """Bring together what the processes know apart, before it is measured or saved."""
        average_statistics(self.fabric, self.network)
        average_statistics(self.fabric, self.average)

    def checkpoint(self) -> Checkpoint:
        """Return the run as it is now."""
        parts: Mapping[str, Mapping[str, Tensor]] = {
            "network": self.network.state_dict(),
            "ema": self.average.state_dict(),
        } | {name: optimizer_tensors(one) for name, one in self.optimizers.items()}
        tensors = {f"{part}.{key}": parts[part][key] for part in parts for key in parts[part]}
        losses = tuple(self.losses)
        return Checkpoint(self.config, self.step, tensors, self.best, self.seconds, losses)


def make_batches(
    config: TrainConfig, network: nn.Module, photographs: Cache, share: Share = WHOLE
) -> PhotographBatches:
    """Return the batches that a network is trained on, or a share of them."""
    return PhotographBatches(
        photographs,
        config.augment,
        crop=config.crop_at,
        batch=config.batch,
        seed=config.seed,
        target=str(network.target),
        target_stride=int(network.stride),  # type: ignore[arg-type]
        share=share,
        weights=config.data.weights,
    )


def freeze(network: nn.Module, frozen: tuple[str, ...]) -> None:
    """Keep weights as they are whose names begin with one of ``frozen``.

    Batch norms among them keep their statistics, too, and normalize by these: the layers answer
    while others learn what they answer in use.

    Raises:
        TrainingError: No weight's name begins so.
    """
    for start in frozen:
        found = [p for name, p in network.named_parameters() if name.startswith(start)]
        if not found:
            raise TrainingError(f"frozen: no weights are called {start!r}...")
        for parameter in found:
            parameter.requires_grad_(False)
        for name, module in network.named_modules():
            if f"{name}.".startswith(start):
                module.eval()


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float) -> None:
    """Move the average a little towards the network, statistics too; counters are copied."""
    ours, theirs = average.state_dict(), network.state_dict()
    floating = [key for key, value in ours.items() if value.is_floating_point()]
    torch._foreach_lerp_([ours[k] for k in floating], [theirs[k] for k in floating], 1 - decay)
    for key in ours.keys() - set(floating):
        ours[key].copy_(theirs[key])
