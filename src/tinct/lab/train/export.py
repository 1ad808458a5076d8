"""From a checkpoint to the model file: an ONNX graph with decoding and spec, equal to torch."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import torch
from torch import Tensor, nn

import tinct
from tinct.errors import ModelError, OptionError, TrainingError
from tinct.files import check_can_write, write_atomically
from tinct.lab.networks.blocks import fold_pixels, fuse
from tinct.lab.networks.classifier import Classifier
from tinct.lab.networks.onnx_graph import write_graph
from tinct.lab.networks.readout import ColorModel, DecodeConfig, ModelFile
from tinct.lab.train.begin import load_classifier, make_network, model_spec
from tinct.lab.train.checkpoint import Checkpoint, load_checkpoint, load_weights
from tinct.spec import METADATA_KEY, ModelSpec

TOLERANCE = 1e-4
"""Largest difference between torch and ONNX Runtime, of ab / 110 and of the confidence."""
_AB_RANGE = 110.0
_STATED_LATER = {"precision", "calibration", "averaged_with"}  # of what is made of a file
_SHAPES = ((1, 64, 96), (3, 64, 96), (1, 256, 352), (3, 256, 352))


def averaged_network(checkpoint: Checkpoint, name: str) -> nn.Module:
    """Return the network of a checkpoint with the moving average of its weights.

    Raises:
        TrainingError: The weights are not its own, or no numbers.
    """
    network = make_network(checkpoint.config)
    load_weights(network, checkpoint, "ema", name)
    if not all(torch.isfinite(tensor).all() for tensor in network.state_dict().values()):
        raise TrainingError(f"{name}: its weights hold NaN or infinity")
    return network.eval()


def color_model(
    checkpoint: Checkpoint, name: str, decode: DecodeConfig | None = None
) -> ColorModel:
    """Return the averaged network of a checkpoint with its decoding, for evaluation.

    Args:
        checkpoint: Of a run.
        name: Of the checkpoint, for errors.
        decode: How colors are read from the distribution.

    Raises:
        TrainingError: The network does not predict a distribution over colors, or its weights
            cannot be used.
    """
    network = averaged_network(checkpoint, name)
    if not isinstance(network, Classifier):
        text = f"network {checkpoint.config.network!r} has no distribution over colors"
        advice = f"tinct lab evaluate {name} ... measures it as it is"
        raise TrainingError(f"{name}: cannot be exported: {text}; {advice}")
    return ColorModel(network, decode).eval()


@dataclass(frozen=True)
class Reading:
    """How pictures are shown to a network, and colors read from its distribution."""

    decode: DecodeConfig = field(default_factory=DecodeConfig)
    default_vividness: float = 0.5
    """Used where the user names none."""
    short_side: int = 256
    """Of photographs as the network sees them, in pixels."""


def reading_before(path: Path) -> Reading:
    """Return how the model was read that a run began with.

    Args:
        path: A checkpoint of the run.

    Returns:
        That; the usual reading of a run that began with no model.

    Raises:
        TrainingError: There is no such checkpoint.
        ModelError: The model that it began with is gone.
    """
    start = load_checkpoint(path).config.start
    if not start:
        return Reading()
    spec = model_spec(start)
    return Reading(decoding_of(spec), spec.default_vividness, spec.short_side)


def export_model(
    path: Path,
    output: Path,
    *,
    reading: Reading | None = None,
    notes: dict[str, Any] | None = None,
) -> ModelSpec:
    """Export a checkpoint to a model file.

    Args:
        path: The checkpoint.
        output: The ONNX file to write; it appears only if the check below holds.
        reading: How it is to be used; the usual way when left out.
        notes: Further facts for the provenance.

    Returns:
        The spec, as stored in the file.

    Raises:
        TrainingError: The checkpoint cannot be exported, or ONNX Runtime does not answer as torch.
        OptionError: ``output`` is the checkpoint, or a note has the name of another fact.
        OutputError: ``output`` cannot be written.
    """
    check_can_write(output, [path])
    checkpoint, reading = load_checkpoint(path), reading or Reading()
    model = color_model(checkpoint, str(path), reading.decode)
    spec = _spec(checkpoint, model, reading, notes or {})
    write_atomically(checked_onnx(model, spec, str(output)), output, overwrite=True)
    return spec


def open_model(model: str) -> tuple[ColorModel, ModelSpec]:
    """Return a network with its decoding, to be read in another way, and what is known of it.

    Args:
        model: A checkpoint (``.safetensors``), the name of a model in the package, or a model file.

    Raises:
        TrainingError: The checkpoint cannot be exported.
        ModelError: There is no such model, or its weights are not all there.
    """
    if not model.endswith(".safetensors"):
        spec = model_spec(model)
        network = load_classifier(model)
        spec = replace(spec, weights=weights_digest(network))  # older files do not say
        return ColorModel(network, decoding_of(spec)).eval(), spec
    reading = reading_before(Path(model))
    checkpoint = load_checkpoint(Path(model))
    colors = color_model(checkpoint, model, reading.decode)
    return colors, _spec(checkpoint, colors, reading, {})


def decoding_of(spec: ModelSpec) -> DecodeConfig:
    """Return how a model file reads colors from its distribution.

    Raises:
        ModelError: The file does not say.
    """
    try:
        return DecodeConfig(**spec.provenance["decode"])
    except (KeyError, TypeError) as error:
        raise ModelError(f"{spec.name}: the model does not say how its colors are read") from error


def with_decoding(
    spec: ModelSpec, decode: DecodeConfig, default_vividness: float, notes: dict[str, Any]
) -> ModelSpec:
    """Return the spec of a model that is to be read in another way, in 32 bits."""
    provenance = {key: value for key, value in spec.provenance.items() if key != "precision"}
    provenance |= {"tinct": tinct.__version__, "decode": asdict(decode), **notes}
    return replace(spec, default_vividness=default_vividness, provenance=provenance)


def checked_onnx(model: ColorModel, spec: ModelSpec, name: str) -> bytes:
    """Return the model as ONNX, proved equal to torch.

    Raises:
        TrainingError: ONNX Runtime does not answer as torch; it names ``name``.
    """
    data = to_onnx(model, spec)
    check_parity(model, data, name)
    return data


def run_facts(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return what a file states of the run that made it, without paths of the machine."""
    config = asdict(checkpoint.config)
    data = config.pop("data")
    data |= {key: [Path(item).name for item in data[key]] for key in ("train", "validation")}
    config |= {key: Path(config[key]).name for key in ("start", "teacher") if config[key]}
    return {
        "tinct": tinct.__version__,
        "torch": torch.__version__,
        "config": config | {"data": {key: data[key] for key in data if key != "cache"}},
        "steps": checkpoint.step,
        "photographs_seen": checkpoint.step * checkpoint.config.batch,
        "training_hours": round(checkpoint.seconds / 3600, 2),
    }


def with_notes(facts: dict[str, Any], notes: dict[str, Any]) -> dict[str, Any]:
    """Return what a file states of itself, and a user's notes beside it.

    Raises:
        OptionError: A note has the name of something that files state, and that is read again.
    """
    if taken := sorted(notes.keys() & (facts.keys() | _STATED_LATER)):
        known = f"{taken[0]!r} is what a file states itself"
        raise OptionError(f"note {known}: choose another name")
    return facts | notes


def _spec(
    checkpoint: Checkpoint, model: ColorModel, reading: Reading, notes: dict[str, Any]
) -> ModelSpec:
    facts = {
        **run_facts(checkpoint),
        "decode": asdict(model.config),
        "prior": [round(p, 7) for p in model.network.log_prior.exp().tolist()],
    }
    spec = ModelSpec(
        name=checkpoint.config.network,
        short_side=reading.short_side,
        stride=model.network.stride,
        default_vividness=reading.default_vividness,
        parameters=sum(item.numel() for item in model.network.parameters()),
        weights=weights_digest(model.network),
        provenance=with_notes(facts, notes),
    )
    return ModelSpec.from_json(spec.to_json(), spec.name)  # as it will be read: lists, not tuples


def weights_digest(network: Classifier) -> str:
    """Return a name of the weights that features come from, the same in 32 bits and in 16.

    A branch for hints names the weights that it was trained behind. How colors are read from the
    features may change without harm to it, and so the head does not count.
    """
    folded = copy.deepcopy(network).eval()
    fuse(folded)
    fold_pixels(folded)
    digest = hashlib.sha256()
    for name, tensor in sorted(folded.state_dict().items()):
        if tensor.is_floating_point() and not name.startswith(("head.", "bin_", "log_")):
            values = tensor.half() + 0  # -0 is 0: averages of weights do not keep its sign
            digest.update(values.contiguous().numpy().tobytes())
    return digest.hexdigest()[:16]


@torch.no_grad()
def fold_temperature(model: ColorModel) -> None:
    """Divide the head's weights, not every logit, by the temperature, in place."""
    config = model.config
    for weights in model.network.head.parameters():
        weights.div_(config.temperature)
    power = config.prior_power / config.temperature
    model.config = replace(config, temperature=1.0, prior_power=power)


def fold_all(model: ColorModel) -> ModelFile:
    """Return a copy with all folded that is arithmetic on weights alone, as model files have it."""
    folded = ModelFile(copy.deepcopy(model.network), model.config).eval()
    fuse(folded)
    fold_pixels(folded)
    fold_temperature(folded)
    return folded


def to_onnx(model: ColorModel, spec: ModelSpec) -> bytes:
    """Return the model as ONNX with dynamic batch, height and width, the spec in its metadata."""
    folded = fold_all(model)
    batch = torch.export.Dim("batch", min=1, max=4096)
    rows = torch.export.Dim("rows", min=2, max=512)
    columns = torch.export.Dim("columns", min=2, max=512)
    return write_graph(
        folded,
        {"lightness": torch.rand(2, 1, 128, 160) * 100, "vividness": torch.zeros(1)},
        ["ab", "confidence", "features", "scores"],
        ({0: batch, 2: 32 * rows, 3: 32 * columns}, None),
        {METADATA_KEY: spec.to_json()},
    )


@torch.no_grad()
def check_parity(model: ColorModel, data: bytes, name: str) -> float:
    """Compare ONNX Runtime with torch at two sizes and two batch sizes, at both ends of vividness.

    Returns:
        The largest difference found, of ab / 110 or the confidence.

    Raises:
        TrainingError: It is above ``TOLERANCE``.
    """
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    generator = torch.Generator().manual_seed(0)
    differences = [0.0]
    for shape in _SHAPES:
        lightness = smooth_lightness(shape, generator)
        for vividness in (0.0, 1.0):
            level = torch.tensor([vividness])
            wanted = model(lightness, level)
            feed = {"lightness": lightness.numpy(), "vividness": level.numpy()}
            answer = session.run(["ab", "confidence"], feed)
            for ours, theirs, scale in zip(wanted, answer, (_AB_RANGE, 1.0), strict=True):
                differences.append(float(np.abs(ours.numpy() - theirs).max()) / scale)
    worst = float(np.max(differences))  # not max(), which may lose a NaN
    if not worst <= TOLERANCE:
        raise TrainingError(f"{name}: ONNX Runtime differs from torch by {worst:.2g}: not exported")
    return worst


def smooth_lightness(shape: tuple[int, int, int], generator: torch.Generator) -> Tensor:
    """Return smooth random lightness, (N, 1, H, W): noise would leave much of a network unused."""
    batch, height, width = shape
    coarse = torch.rand(batch, 1, 8, 8, generator=generator) * 100
    smooth = nn.functional.interpolate(coarse, (height, width), mode="bicubic")
    return (smooth + torch.randn(smooth.shape, generator=generator) * 3).clamp(0, 100)
