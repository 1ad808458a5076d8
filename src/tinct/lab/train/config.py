"""The choices of one training run, from a TOML file that holds what differs from the defaults."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import numpy as np

from tinct.errors import TrainingError


@dataclass(frozen=True)
class DataConfig:
    """Which photographs, and how they are stored in the cache."""

    train: tuple[str, ...] = ()
    """Folders or tar shards; ``*`` and ``?`` are expanded."""
    weights: dict[str, Any] = field(default_factory=dict)
    """How often photographs are seen, by patterns of their names: ``{"faces-*" = 0.25}`` shows
    these a quarter as often as others. The first pattern that fits counts."""
    validation: tuple[str, ...] = ()
    """The same, for the test loss and the sheets; where there are none, a tenth is held out."""
    cache: str = "cache"
    """Folder for the decoded photographs."""
    short_side: int = 208
    """Photographs are reduced to this short side in the cache (never enlarged)."""
    validation_limit: int = 512
    """Validate on this many photographs, the first ones."""
    validation_side: int = 0
    """Validate on squares of this many pixels, a multiple of 32; 0 for the side of the crops."""


@dataclass(frozen=True)
class AugmentConfig:
    """What happens to a photograph on its way to the network; probabilities per photograph."""

    crop: tuple[float, float] = (0.6, 1.0)
    """Side of the square crop over the short side of the photograph."""
    true_lightness: float = 0.15
    """The gray is the photograph's own L*, as in the papers; otherwise mostly its BT.601 luma."""
    film_response: float = 0.35
    """The gray is a random mixture of linear red, green and blue, as other films see it."""
    tone_curve: float = 0.3
    """Another contrast, faded blacks and whites."""
    blur: float = 0.1
    """Gaussian blur, 0.4 to 2 pixels."""
    grain: float = 0.2
    """Grain, 1 to 12 levels of 255."""
    damage: float = 0.1
    """Scratches and dust."""
    jpeg: float = 0.1
    """JPEG at quality 12 to 80."""


@dataclass(frozen=True)
class TrainConfig:
    """Everything that decides a run."""

    network: str = "nano"
    """Name in the registry of networks."""
    options: dict[str, Any] = field(default_factory=dict)
    """What of the network shall differ from its defaults: fields of its configuration."""
    start: str = ""
    """Model whose weights and bins the run begins with: one of the package, or a model file."""
    norms: bool = False
    """Put batch norms back into a model that the run begins with: for long runs."""
    frozen: tuple[str, ...] = ()
    """Beginnings of the names of weights that stay as they are."""
    encoder: str = ""
    """Weights to begin the network's encoder with, and fine-tune: ``efficientnet-lite0``."""
    encoder_rate: float = 0.15
    """Share of the learning rate at which weights that were begun with are fine-tuned."""
    objective: str = "classification"
    """``classification`` over ab bins, or ``regression``: the paper's mean squared error."""
    teacher: str = ""
    """Model whose distributions the network learns from besides the photographs."""
    teacher_share: float = 0.7
    """Share of the loss that is measured against the teacher."""
    picture_weight: float = 0.0
    """Of the error of the most faithful pictures in the loss of a classification."""
    feature_weight: float = 0.0
    """Of how differently pictures of middling vividness look to a network that recognizes
    things."""
    data: DataConfig = field(default_factory=DataConfig)
    augment: AugmentConfig = field(default_factory=AugmentConfig)
    crop: int = 192
    """Side of the training crops in pixels, a multiple of 32."""
    finish_steps: int = 0
    """How many of the last steps are different, while the learning rate falls on: crops are of
    ``finish_crop``, and in them alone do the errors of pictures count; 0 for none."""
    finish_crop: int = 0
    """Side of the crops in the last steps, a multiple of 32; 0 for that of the others."""
    batch: int = 32
    """Photographs in a step, of all processes together."""
    steps: int = 20_000
    """Length of the run; the learning rate falls to nothing along a cosine until here."""
    warmup: int = 500
    """Steps over which the learning rate rises."""
    optimizer: str = "adamw"
    """``adamw``; ``muon`` for the matrices inside the network, with ``adamw`` for the rest; or
    ``adam`` with a constant rate, as in the paper."""
    learning_rate: float = 2e-3
    """The highest it gets."""
    weight_decay: float = 0.02
    """Of ``adamw`` and ``muon``."""
    clip_norm: float = 5.0
    """Gradients are scaled down to this norm."""
    ema: float = 0.9995
    """Decay of the moving average of the weights; 0 keeps none."""
    positions: float = 0.25
    """Share of the places of the map at which head and loss are computed in a step."""
    validate_every: int = 1000
    """Steps between validations, checkpoints, curves and sheets: an epoch of the report."""
    seed: int = 0
    threads: int = 0
    """Threads of torch; 0 leaves the choice to it."""
    workers: int = 1
    """Processes that make batches, for each process that trains."""
    accelerator: str = "auto"
    """``cpu``, ``cuda``, or ``auto``: a GPU where torch sees one."""
    devices: int = 0
    """Processes that train on each machine, each on a GPU or on cores of its own, and share every
    batch; 0 for as many as ``torchrun`` has started, or one."""
    nodes: int = 0
    """Machines; 0 for as many as ``torchrun`` has started on, or one."""
    precision: str = "32"
    """Of activations: ``32`` bits, or ``bf16`` (weights and loss stay at 32)."""

    @property
    def finish(self) -> range:
        """The last steps, which are different; empty where none are."""
        return range(self.steps - min(self.finish_steps, self.steps), self.steps)

    def crop_at(self, step: int) -> int:
        """Return the side of the crops of a step."""
        return self.finish_crop if self.finish_crop and step in self.finish else self.crop

    def judges_pictures(self, step: int) -> bool:
        """Tell whether the errors of pictures count in a step, if they have a weight."""
        return not self.finish_steps or step in self.finish


MOST_OFTEN = 16
"""Largest weight of a source of photographs."""

_RANGES: dict[type, dict[str, tuple[float, float]]] = {
    DataConfig: {
        "short_side": (32, math.inf),
        "validation_limit": (1, math.inf),
        "validation_side": (0, 4096),
    },
    AugmentConfig: {
        "crop": (0.1, 1),
        **dict.fromkeys(("true_lightness", "film_response", "tone_curve"), (0, 1)),
        **dict.fromkeys(("blur", "grain", "damage", "jpeg"), (0, 1)),
    },
    TrainConfig: {
        **dict.fromkeys(("batch", "steps", "validate_every"), (1, math.inf)),
        **dict.fromkeys(("warmup", "seed", "threads", "workers"), (0, math.inf)),
        "finish_steps": (0, math.inf),
        "finish_crop": (0, 4096),
        **dict.fromkeys(("devices", "nodes"), (0, math.inf)),
        **dict.fromkeys(
            ("learning_rate", "encoder_rate", "teacher_share", "weight_decay", "ema", "positions"),
            (0, 1),
        ),
        "crop": (32, 4096),
        **dict.fromkeys(("clip_norm", "picture_weight", "feature_weight"), (0, math.inf)),
    },
}
"""Lowest and highest value of each number."""

_CHOICES = {
    "accelerator": ("auto", "cpu", "cuda"),
    "encoder": ("", "efficientnet-lite0"),
    "objective": ("classification", "regression"),
    "optimizer": ("adamw", "muon", "adam"),
    "precision": ("32", "bf16"),
}

_MACHINE = {"threads", "workers", "accelerator", "devices", "nodes"}
_MAY_DIFFER = {"data", "steps", "finish_steps", "validate_every"} | _MACHINE
"""Choices that a resumed run may change: where things are, how long it goes on, and the machine."""

_KINDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "text",
    dict: "a table",
}


def load_config(path: Path) -> TrainConfig:
    """Read a run's choices from a TOML file.

    Raises:
        TrainingError: The file is missing, is not TOML, or has a key or a type that is not known.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise TrainingError(f"{path}: {error.strerror or error}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path}: not a TOML file: {error}") from error
    return config_from_dict(table, str(path))


def config_from_dict(table: dict[str, Any], name: str) -> TrainConfig:
    """Build the configuration from nested dictionaries.

    Args:
        table: What differs from the defaults.
        name: Of the file it is from, for errors.

    Raises:
        TrainingError: A key is not known, or a value has the wrong type or makes no sense.
    """
    config: TrainConfig = _fill(TrainConfig, table, f"{name}: ")
    sides = {
        "crop": config.crop,
        "finish_crop": config.finish_crop,
        "data.validation_side": config.data.validation_side,
    }
    for key, side in sides.items():
        if side % 32:
            raise TrainingError(f"{name}: {key} must be a multiple of 32, not {side}")
    for key, known in _CHOICES.items():
        if getattr(config, key) not in known:
            text = f"{' or '.join(known)}, not {getattr(config, key)!r}"
            raise TrainingError(f"{name}: {key} must be {text}")
    smallest, largest = config.augment.crop
    if smallest > largest:
        raise TrainingError(f"{name}: augment.crop must be the smaller side, then the larger")
    for pattern, weight in config.data.weights.items():
        if type(weight) not in (int, float) or not 0 <= weight <= MOST_OFTEN:
            text = f"a number between 0 and {MOST_OFTEN}, not {weight!r}"
            raise TrainingError(f"{name}: data.weights: {pattern!r} must be {text}")
    if config.augment.true_lightness + config.augment.film_response > 1:
        text = "augment.true_lightness and augment.film_response exclude each other"
        raise TrainingError(f"{name}: {text}: together at most 1")
    return config


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


def _fill(kind: type, table: dict[str, Any], prefix: str) -> Any:
    hints = get_type_hints(kind)
    known = {item.name for item in fields(kind)}
    for key in table:
        if key not in known:
            text = f"unknown key {key!r}; known are {', '.join(sorted(known))}"
            raise TrainingError(f"{prefix}{text}")
    values = {key: _value(hints[key], value, prefix + key) for key, value in table.items()}
    for key, (low, high) in _RANGES[kind].items():
        value = values.get(key, low)
        if not all(low <= number <= high for number in np.atleast_1d(value)):
            text = f"at least {low}" if high == math.inf else f"between {low} and {high}"
            raise TrainingError(f"{prefix}{key} must be {text}, not {table[key]!r}")
    return kind(**values)


def _value(kind: Any, value: Any, name: str) -> Any:
    if is_dataclass(kind) and isinstance(kind, type):
        if not isinstance(value, dict):
            raise TrainingError(f"{name} must be a table")
        return _fill(kind, value, f"{name}.")
    if get_origin(kind) is tuple:
        return _list(get_args(kind), value, name)
    if get_origin(kind) is dict:
        kind = dict
    if kind is float and type(value) is int:
        value = float(value)
    if type(value) is not kind:
        raise TrainingError(f"{name} must be {_KINDS[kind]}, not {value!r}")
    return value


def _list(kinds: tuple[Any, ...], value: Any, name: str) -> tuple[Any, ...]:
    is_open = kinds[-1] is Ellipsis
    if not isinstance(value, list | tuple) or not (is_open or len(value) == len(kinds)):
        count = "a list" if is_open else f"a list of {len(kinds)}"
        raise TrainingError(f"{name} must be {count}, not {value!r}")
    return tuple(_value(kinds[0], item, f"{name}: each item") for item in value)
