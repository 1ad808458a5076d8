"""The mean of two models' weights: where one run began, and where it ended."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch

from tinct.errors import ModelError
from tinct.lab.networks.classifier import Classifier
from tinct.lab.networks.readout import ColorModel
from tinct.lab.train.begin import load_classifier, model_spec
from tinct.lab.train.export import decoding_of, weights_digest, with_decoding
from tinct.lab.train.run import update_average
from tinct.spec import ModelSpec


def average_models(one: str, other: str, share: float) -> tuple[ColorModel, ModelSpec]:
    """Return a network whose weights lie on the line between those of two model files.

    A run that begins with a model and keeps to a moderate rate ends in the same valley: what lies
    between is often better than both ends (Wortsman et al., Robust fine-tuning of zero-shot
    models, CVPR 2022). Nothing grows: it is one network of the same size.

    Args:
        one: Name of a model inside the package, or path of a model file.
        other: The same; of the same network with the same bins.
        share: Of the other's weights, 0 to 1.

    Returns:
        The network with the decoding of ``one``, and the spec of ``one`` with a note of what was
        averaged.

    Raises:
        ModelError: A model is missing, or they are not of one kind.
    """
    networks = [load_classifier(model) for model in (one, other)]
    specs = [model_spec(model) for model in (one, other)]
    _check_same_kind(networks, specs, f"{one}, {other}")
    update_average(networks[0], networks[1], 1 - share)
    decode = decoding_of(specs[0])
    notes: dict[str, Any] = {
        "averaged_with": {"share": share, "provenance": specs[1].provenance},
    }
    spec = with_decoding(specs[0], decode, specs[0].default_vividness, notes)
    spec = replace(spec, weights=weights_digest(networks[0]))
    return ColorModel(networks[0], decode).eval(), spec


def _check_same_kind(networks: list[Classifier], specs: list[ModelSpec], names: str) -> None:
    shapes = [{k: v.shape for k, v in network.state_dict().items()} for network in networks]
    if specs[0].name != specs[1].name or shapes[0] != shapes[1]:
        raise ModelError(f"{names}: not of the same network")
    ours, theirs = (network.bin_centers for network in networks)
    if not torch.allclose(ours, theirs, atol=0.1):  # 16 bits round them
        raise ModelError(f"{names}: their bins are different colors")
