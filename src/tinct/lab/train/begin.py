"""The network of a run, and the weights it begins with: random ones, or those others were at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from tinct.errors import ModelError, TrainingError
from tinct.lab.networks import build
from tinct.lab.networks.blocks import ConvNorm, fold_pixels, fuse, unfold_pixels
from tinct.lab.networks.classifier import Classifier
from tinct.lab.networks.efficientnet import Encoder, find_variant, published_weights
from tinct.lab.networks.hints import HintBranch, HintConfig, HintedNetwork
from tinct.lab.train.config import TrainConfig, config_from_dict
from tinct.runtime import model_path
from tinct.spec import HINTS_KEY, METADATA_KEY, HintSpec, ModelSpec

_LEAST_SCALE = 1e-3  # of a channel that answers the same to everything
_PREFIX = "network."  # of the weights' names in a model file
_WHOLE = ("fp32", "fp16-weights")  # precisions of files that hold every weight by its name
_BRANCH = ("inside.", "outside.")  # the same in the file of a branch for hints


def make_network(config: TrainConfig) -> nn.Module:
    """Build the network of a run, with random weights.

    One that begins with a model file has no batch norms behind convolutions, unless it asks for
    them: they are folded into them there, which suits fine-tuning, where batches are few and of one
    kind.

    Raises:
        ModelError: There is no such network, or it has not such options.
    """
    network = build(config.network, **config.options)
    if config.start and not config.norms:
        network = _fold(network)
    if config.hints:
        if not isinstance(network, Classifier):
            raise ModelError(f"network {config.network!r} has no colors that hints could change")
        choices = config.hints
        sizes = HintConfig(choices.hidden, choices.heads, choices.dimensions)
        network = HintedNetwork(network, sizes)
    return network.train()


def _fold(network: nn.Module) -> nn.Module:
    """Give a network the shape that it has in a model file."""
    fuse(network.eval())
    fold_pixels(network)
    return network.train()


def begin(network: nn.Module, config: TrainConfig, lightness: Callable[[], Tensor]) -> None:
    """Give a network the weights that its run begins with, if the configuration names any.

    Args:
        network: Of the run, see :func:`make_network`.
        config: The choices of the run.
        lightness: Gives L* of some photographs, (N, 1, S, S): norms put back are measured on them.

    Raises:
        ModelError: They are missing, or of another network.
        TrainingError: The network has no place for them.
        MissingExtraError: The package that carries them is not installed.
    """
    if config.encoder and not config.start:
        load_encoder(network, config.encoder)
    if config.start and config.norms:
        folded = _fold(build(config.network, **config.options))
        load_model(folded, config.start)
        unfold(network, folded, lightness())
    elif config.start:
        automatic = network.network if isinstance(network, HintedNetwork) else network
        load_model(automatic, config.start)


@torch.no_grad()
def unfold(network: nn.Module, folded: nn.Module, lightness: Tensor) -> None:
    """Give a network with batch norms the function of one whose norms were folded away.

    A norm is put in that undoes what it finds: its statistics are measured on photographs, its
    scale and shift bring them back. Weights are scaled so that what they answer has a variance of
    1, which is where random ones begin.

    Args:
        network: Fresh.
        folded: The same network as a model file has it.
        lightness: L* of some photographs, (N, 1, H, W), 0..100.
    """
    answers = _watch(folded.eval(), lightness)
    state = dict(folded.state_dict())
    for name, block in network.named_modules():
        if isinstance(block, ConvNorm):
            weight, bias = (state.pop(f"{name}.0.{fact}") for fact in ("weight", "bias"))
            _unfold_block(block, weight, bias, *answers[name])
    network.load_state_dict(state, strict=False)


def _unfold_block(
    block: ConvNorm, weight: Tensor, bias: Tensor, mean: Tensor, variance: Tensor
) -> None:
    convolution, norm = block[0], block[1]
    assert isinstance(convolution, nn.Conv2d)
    assert isinstance(norm, nn.BatchNorm2d)
    scale = variance.sqrt().clamp(min=_LEAST_SCALE)
    variance = variance / scale**2
    weight = unfold_pixels(weight, convolution) / scale.reshape(-1, 1, 1, 1)
    convolution.load_state_dict({"weight": weight})
    statistics = {"running_mean": (mean - bias) / scale, "running_var": variance}
    affine = {"weight": scale * (variance + norm.eps).sqrt(), "bias": mean}
    norm.load_state_dict(norm.state_dict() | statistics | affine)


def _watch(folded: nn.Module, lightness: Tensor) -> dict[str, tuple[Tensor, Tensor]]:
    """Return mean and variance, (C,) each, of what every folded convolution answers."""
    answers: dict[str, tuple[Tensor, Tensor]] = {}

    def note(name: str) -> Any:
        def hook(module: nn.Module, inputs: Any, answer: Tensor) -> None:
            variance, mean = torch.var_mean(answer, dim=(0, 2, 3), correction=0)
            answers[name] = mean, variance

        return hook

    blocks = [(n, m) for n, m in folded.named_modules() if isinstance(m, ConvNorm)]
    hooks = [block[0].register_forward_hook(note(name)) for name, block in blocks]
    folded(lightness)
    for hook in hooks:
        hook.remove()
    return answers


def load_encoder(network: nn.Module, encoder: str) -> None:
    """Begin the encoder of a network with weights trained on ImageNet (Apache-2.0).

    Args:
        network: Has an ``encoder``.
        encoder: ``efficientnet-lite0`` or ``efficientnet-lite2``.

    Raises:
        TrainingError: The network has no such encoder.
        MissingExtraError: The package with the weights is not installed.
    """
    ours = check_encoder(network, encoder)
    ours.load_published(*published_weights(ours.variant))


def check_encoder(network: nn.Module, encoder: str) -> Encoder:
    """Return the encoder of a network, if weights of this name are of its size.

    Raises:
        TrainingError: They are not, or it has none.
    """
    ours = getattr(network, "encoder", None)
    if not isinstance(ours, Encoder):
        raise TrainingError(f"this network has no encoder that could begin with {encoder!r}")
    if ours.variant != find_variant(encoder):
        text = f"the network's encoder is {ours.variant.name}, not {encoder!r}"
        raise TrainingError(f'{text}: options = {{ encoder = "{encoder}" }} makes it that')
    return ours


def model_spec(model: str) -> ModelSpec:
    """Return what a model file says of itself.

    Args:
        model: Name of a model inside the package, or path of a model file.

    Raises:
        ModelError: There is no such model, or it is not one of tinct's.
    """
    return _spec(_read(model_path(model)), str(model_path(model)))


def load_classifier(model: str) -> Classifier:
    """Return the network of a model file, in evaluation mode, its weights fixed.

    Args:
        model: Name of a model inside the package, or path of a model file.

    Raises:
        ModelError: There is no such model, or it is not one of tinct's.
    """
    choices = fine_tuning(model)
    network = make_network(config_from_dict(choices, model))
    load_model(network, model)
    assert isinstance(network, Classifier)
    return network.eval().requires_grad_(False)


def fine_tuning(model: str) -> dict[str, Any]:
    """Return the choices of a run that trains a model on, on a few hundred photographs or more.

    Args:
        model: Name of a model inside the package, or path of a model file.

    Raises:
        ModelError: There is no such model, or it is not one of tinct's.
    """
    spec = model_spec(model)
    return {
        "network": spec.name,
        "options": spec.provenance.get("config", {}).get("options", {}),
        "start": model,
        "steps": 500,
        "warmup": 50,
        "learning_rate": 2e-4,  # a tenth of what they were trained with: they shall not forget
        "ema": 0.99,
        "crop": 160,
        "augment": {"crop": (0.7, 1.0)},  # of 256 pixels: next to none is enlarged, and so blurred
        "data": {"short_side": 256, "validation_side": 256},
        "validate_every": 100,
    }


def load_model(network: nn.Module, model: str) -> None:
    """Give a network the weights, the bins and the prior of a model file.

    Args:
        network: Of the kind that the file names, its batch norms folded (see ``make_network``).
        model: Name of a model inside the package, or path of a model file.

    Raises:
        ModelError: There is no such model, it is of another network, or it computes in fewer bits.
    """
    path = model_path(model)
    proto = _read(path)
    facts = _spec(proto, str(path)).provenance
    precision = facts.get("precision", "fp32")
    if precision not in _WHOLE:
        text = f"a model in {precision}, whose weights cannot be read back"
        raise ModelError(f"{path}: {text}: name the model that it was made of")
    try:
        weights = _weights(_tensors(proto), facts)
    except KeyError as error:
        raise ModelError(f"{path}: its weights are not all there") from error
    _load(network, weights, path)


def _weights(tensors: dict[str, Tensor], facts: dict[str, Any]) -> dict[str, Tensor]:
    """Return the state of a classifier from the tensors and the provenance of its model file."""
    weights = {
        name.removeprefix(_PREFIX): value
        for name, value in tensors.items()
        if name.startswith(_PREFIX)
    }
    for name in ("head.weight", "head.bias"):  # see export.fold_temperature
        weights[name] = weights[name] * facts["decode"]["temperature"]
    weights["bin_centers"] = tensors["moments"][:2, :, 0, 0].T
    weights["log_prior"] = torch.tensor(facts["prior"]).log()
    return weights


def load_hint_branch(path: Path) -> tuple[HintBranch, HintSpec]:
    """Return the branch for hints of a file beside a model, in evaluation mode, and its facts.

    Raises:
        ModelError: It is not such a file.
    """
    proto = _read(path)
    facts = {item.key: item.value for item in proto.metadata_props}
    if HINTS_KEY not in facts:
        raise ModelError(f"{path}: an ONNX file, but not a branch for hints")
    spec = HintSpec.from_json(facts[HINTS_KEY], str(path))
    tensors = _tensors(proto)
    weights = {name: value for name, value in tensors.items() if name.startswith(_BRANCH)}
    try:
        hidden, inputs = weights["inside.weight"].shape[:2]
        dimensions = len(weights["outside.bias"]) // sum(spec.heads) - 1
        branch = HintBranch(inputs - 1, HintConfig(hidden, spec.heads, dimensions, spec.middle))
        weights |= {
            "log_reach": torch.tensor(spec.reach).log(),
            "log_noise": torch.tensor(spec.noise).log(),
        }
        branch.load_state_dict(weights)
    except (KeyError, RuntimeError) as error:
        raise ModelError(f"{path}: its weights do not fit a branch for hints") from error
    return branch.eval().requires_grad_(False), spec


def _tensors(proto: onnx.ModelProto) -> dict[str, Tensor]:
    """Return the weights of a graph by name, in 32 bits, also where the file holds 16."""
    arrays = {item.name: numpy_helper.to_array(item) for item in proto.graph.initializer}
    return {
        name.removesuffix(".half"): torch.from_numpy(array.astype(np.float32))
        for name, array in arrays.items()
        if array.dtype.kind == "f"
    }


def _load(network: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    counters = {key for key in network.state_dict() if key.endswith("num_batches_tracked")}
    try:
        missing, surplus = network.load_state_dict(weights, strict=False)
    except RuntimeError as error:
        raise ModelError(f"{path}: its weights do not fit this network") from error
    if surplus or set(missing) - counters:
        raise ModelError(f"{path}: its weights do not fit this network")


def _read(path: Path) -> onnx.ModelProto:
    try:
        return onnx.load(path)
    except Exception as error:  # protobuf's own kind
        raise ModelError(f"{path}: not a model file") from error


def _spec(proto: onnx.ModelProto, name: str) -> ModelSpec:
    facts = {item.key: item.value for item in proto.metadata_props}
    if METADATA_KEY not in facts:
        raise ModelError(f"{name}: an ONNX file, but not a tinct model")
    return ModelSpec.from_json(facts[METADATA_KEY], name)
