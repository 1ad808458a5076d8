"""The choices of one training run, from a TOML file that holds what differs from the defaults."""

from __future__ import annotations

from dataclasses import field, fields
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import ConfigDict, Field, Strict, model_validator
from pydantic.dataclasses import dataclass

from tinct.errors import TrainingError
from tinct.lab.toml_choices import check_choices, read_toml

if TYPE_CHECKING:
    from pathlib import Path

MOST_OFTEN = 16
"""Largest weight of a source of photographs."""

# Strict: pydantic would take "3" for a number, and true for 1.
Text = Annotated[str, Strict()]
Flag = Annotated[bool, Strict()]
Count = Annotated[int, Strict(), Field(ge=0)]
Positive = Annotated[int, Strict(), Field(ge=1)]
Share = Annotated[float, Strict(), Field(ge=0, le=1)]
Amount = Annotated[float, Strict(), Field(ge=0)]
Side = Annotated[int, Strict(), Field(ge=32, le=4096, multiple_of=32)]
SideOrNone = Annotated[int, Strict(), Field(ge=0, le=4096, multiple_of=32)]
CropShare = Annotated[float, Strict(), Field(ge=0.1, le=1)]
Frequency = Annotated[float, Strict(), Field(ge=0, le=MOST_OFTEN)]

FeatureNetwork = Literal["efficientnet-lite0", "vgg16"]

_RULES = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_RULES)
class DataConfig:
    """Which photographs, and how they are stored in the cache."""

    train: tuple[Text, ...] = ()
    """Folders or tar shards; ``*`` and ``?`` are expanded."""
    weights: dict[Text, Frequency] = field(default_factory=dict)
    """How often photographs are seen, by patterns of their names: ``{"faces-*" = 0.25}`` shows
    these a quarter as often as others. The first pattern that fits counts."""
    validation: tuple[Text, ...] = ()
    """The same, for the test loss and the sheets; where there are none, a tenth is held out."""
    cache: Text = "cache"
    """Folder for the decoded photographs."""
    short_side: Annotated[int, Strict(), Field(ge=32)] = 208
    """Photographs are reduced to this short side in the cache (never enlarged)."""
    validation_limit: Positive = 512
    """Validate on this many photographs, the first ones."""
    validation_side: SideOrNone = 0
    """Validate on squares of this many pixels, a multiple of 32; 0 for the side of the crops."""


@dataclass(frozen=True, config=_RULES)
class AugmentConfig:
    """What happens to a photograph on its way to the network; probabilities per photograph."""

    crop: tuple[CropShare, CropShare] = (0.6, 1.0)
    """Side of the square crop over the short side of the photograph."""
    true_lightness: Share = 0.15
    """The gray is the photograph's own L*, as in the papers; otherwise mostly its BT.601 luma."""
    film_response: Share = 0.35
    """The gray is a random mixture of linear red, green and blue, as other films see it."""
    tone_curve: Share = 0.3
    """Another contrast, faded blacks and whites."""
    blur: Share = 0.1
    """Gaussian blur, 0.4 to 2 pixels."""
    grain: Share = 0.2
    """Grain, 1 to 12 levels of 255."""
    damage: Share = 0.1
    """Scratches and dust."""
    jpeg: Share = 0.1
    """JPEG at quality 12 to 80."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        smallest, largest = self.crop
        if smallest > largest:
            raise ValueError("crop must be the smaller side, then the larger")
        if self.true_lightness + self.film_response > 1:
            text = "true_lightness and film_response exclude each other"
            raise ValueError(f"{text}: together at most 1")
        return self


@dataclass(frozen=True, config=_RULES)
class HintChoices:
    """A branch for hints, which is trained behind a network that stays as it is."""

    hidden: Positive = 64
    """Channels between its two convolutions."""
    heads: tuple[Positive, Positive] = (3, 2)
    """Similarities that are summed up: of small differences, and of large ones."""
    dimensions: Positive = 12
    """Length of a key."""
    most: Annotated[int, Strict(), Field(ge=1, le=1024)] = 96
    """Hints in a picture at most; half of the pictures have less than its root."""


@dataclass(frozen=True, config=_RULES)
class TrainConfig:
    """Everything that decides a run."""

    network: Text = "nano"
    """Name in the registry of networks."""
    options: dict[Text, Any] = field(default_factory=dict)
    """What of the network shall differ from its defaults: fields of its configuration."""
    start: Text = ""
    """Model whose weights and bins the run begins with: one of the package, or a model file."""
    norms: Flag = False
    """Put batch norms back into a model that the run begins with: for long runs."""
    frozen: tuple[Text, ...] = ()
    """Beginnings of the names of weights that stay as they are."""
    encoder: Literal["", "efficientnet-lite0", "efficientnet-lite2"] = ""
    """Weights to begin the network's encoder with, and fine-tune: those of its size, which
    ``options`` may name, trained on ImageNet; with ``start`` they are that model's."""
    encoder_rate: Share = 0.15
    """Share of the learning rate at which weights that were begun with are fine-tuned."""
    objective: Literal["classification", "regression"] = "classification"
    """``classification`` over ab bins, or ``regression``: the paper's mean squared error."""
    hints: HintChoices | None = None
    """Train a branch for hints, and nothing else, behind the network that ``start`` names."""
    teacher: Text = ""
    """Model whose distributions the network learns from besides the photographs."""
    teacher_share: Share = 0.7
    """Share of the loss that is measured against the teacher."""
    picture_weight: Amount = 0.0
    """Of the error of the most faithful pictures in the loss of a classification."""
    feature_weight: Amount = 0.0
    """Of how differently pictures of middling vividness look to a network that recognizes
    things."""
    feature_network: FeatureNetwork = "efficientnet-lite0"
    """Which one: the first stages of ``efficientnet-lite0``, or LPIPS on ``vgg16``, whose weights
    the extra ``lpips`` brings (results are measured with LPIPS on another network)."""
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    crop: Side = 192
    """Side of the training crops in pixels, a multiple of 32."""
    finish_steps: Count = 0
    """How many of the last steps are different, while the learning rate falls on: crops are of
    ``finish_crop``, errors of pictures count in them alone, and a teacher does no longer; 0 for
    none."""
    finish_crop: SideOrNone = 0
    """Side of the crops in the last steps, a multiple of 32; 0 for that of the others."""
    batch: Positive = 32
    """Photographs in a step, of all processes together."""
    steps: Positive = 20_000
    """Length of the run; the learning rate falls to nothing along a cosine until here."""
    cooldown: Count = 0
    """Steps at the end in which the learning rate falls to nothing; before, it stays at its
    highest, and what the run was like then is kept as ``trunk.safetensors``: put in the place of
    ``last.safetensors``, it goes on for more ``steps`` as if it had never cooled down. 0 for a
    cosine."""
    warmup: Count = 500
    """Steps over which the learning rate rises."""
    optimizer: Literal["adamw", "muon", "adam"] = "adamw"
    """``adamw``; ``muon`` for the matrices inside the network, with ``adamw`` for the rest; or
    ``adam`` with a constant rate, as in the paper."""
    learning_rate: Share = 2e-3
    """The highest it gets."""
    weight_decay: Share = 0.02
    """Of ``adamw`` and ``muon``."""
    clip_norm: Annotated[float, Strict(), Field(gt=0)] = 5.0
    """Gradients are scaled down to this norm."""
    ema: Share = 0.9995
    """Decay of the moving average of the weights at most: at step n it is n / (n + 10), an average
    over about the last tenth of the run; 0 keeps none."""
    positions: Share = 0.25
    """Share of the places of the map at which head and loss are computed in a step."""
    validate_every: Positive = 1000
    """Steps between validations, checkpoints, curves and sheets: an epoch of the report."""
    seed: Count = 0
    threads: Count = 0
    """Threads of torch; 0 leaves the choice to it."""
    workers: Count = 1
    """Processes that make batches, for each process that trains."""
    accelerator: Literal["auto", "cpu", "cuda"] = "auto"
    """``cpu``, ``cuda``, or ``auto``: a GPU where torch sees one."""
    devices: Count = 0
    """Processes that train on each machine, each on a GPU or on cores of its own, and share every
    batch; 0 for as many as ``torchrun`` has started, or one."""
    nodes: Count = 0
    """Machines; 0 for as many as ``torchrun`` has started on, or one."""
    precision: Literal["32", "bf16"] = "32"
    """Of activations: ``32`` bits, or ``bf16`` (weights and loss stay at 32)."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.hints and not self.start:
            raise ValueError("hints are trained behind a model: start must name one")
        if self.hints and (
            self.norms or self.teacher or self.picture_weight or self.feature_weight
        ):
            raise ValueError("hints go with no norms, teacher, picture_weight or feature_weight")
        if self.finish_steps >= self.steps and not self.start:
            text = f"finish_steps = {self.finish_steps} leaves nothing of steps = {self.steps}"
            raise ValueError(f"{text}: errors of pictures want a network that has learned")
        return self

    @property
    def finish(self) -> range:
        """The last steps, which are different; empty where none are."""
        return range(self.steps - min(self.finish_steps, self.steps), self.steps)

    @property
    def trunk(self) -> int:
        """The step at which the learning rate begins to cool down, if it does."""
        return max(self.steps - self.cooldown, 0)

    def crop_at(self, step: int) -> int:
        """Return the side of the crops of a step."""
        return self.finish_crop if self.finish_crop and step in self.finish else self.crop

    def judges_pictures(self, step: int) -> bool:
        """Tell whether the errors of pictures count in a step, if they have a weight."""
        return not self.finish_steps or step in self.finish

    def asks_teacher(self, step: int) -> bool:
        """Tell whether the teacher, if there is one, has its share of the loss in a step."""
        return step not in self.finish


_MACHINE = {"threads", "workers", "accelerator", "devices", "nodes"}
_MAY_DIFFER = {"data", "steps", "cooldown", "finish_steps", "validate_every"} | _MACHINE
"""Choices that a resumed run may change: where things are, how long it goes on, and the machine."""


def load_config(path: Path) -> TrainConfig:
    """Read a run's choices from a TOML file.

    Raises:
        TrainingError: The file is missing, is not TOML, or has a key or a type that is not known.
    """
    return config_from_dict(read_toml(path, TrainingError), str(path))


def config_from_dict(table: dict[str, Any], name: str) -> TrainConfig:
    """Build the configuration from nested dictionaries.

    Args:
        table: What differs from the defaults.
        name: Of the file it is from, for errors.

    Raises:
        TrainingError: A key is not known, or a value has the wrong type or makes no sense.
    """
    return check_choices(TrainConfig, table, name, TrainingError)


def check_same_run(before: TrainConfig, now: TrainConfig, name: str) -> None:
    """Make sure that a run which goes on is still the run that was begun.

    Args:
        before: The choices that the run was begun with.
        now: The choices that it shall go on with.
        name: Of the checkpoint, for errors.

    Raises:
        TrainingError: They differ in what decides the run.
    """
    for item in fields(TrainConfig):
        old, new = getattr(before, item.name), getattr(now, item.name)
        if item.name not in _MAY_DIFFER and old != new:
            text = f"begun with {item.name} = {old!r}, not {new!r}"
            raise TrainingError(f"{name}: {text}: resume with the choices it was begun with")
