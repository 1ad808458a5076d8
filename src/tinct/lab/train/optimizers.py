"""The optimizers of a run, and which weights each of them moves."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, nn

from tinct.lab.train.config import TrainConfig

Group = dict[str, Any]


class MatrixMuon(torch.optim.Muon):
    """Muon for convolutions: their weights as matrices of outputs by everything that is summed.

    Muon (Jordan et al., 2024) steps along the orthogonal part of a matrix's momentum: all its
    directions learn at once, where AdamW follows the loud ones. Steps are as long as AdamW's at the
    same rate (Liu et al., Muon is Scalable for LLM Training, 2025).
    """

    def __init__(self, groups: list[Group], rate: float, weight_decay: float) -> None:
        """Take groups of weights, (outputs, inputs, height, width), each with its ``share``."""
        self._weights: list[nn.Parameter] = [p for group in groups for p in group["params"]]
        matrices = [
            group | {"params": [nn.Parameter(_matrix(p.data, p)) for p in group["params"]]}
            for group in groups
        ]
        super().__init__(matrices, rate, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw")

    def step(self, closure: Callable[[], float] | None = None) -> None:  # type: ignore[override]
        """Move the weights along their gradients.

        torch orthogonalizes in bfloat16. Processors that do not compute in it emulate it, and two
        thirds of a step of ``base`` went there; so on a processor this is done in float32.
        """
        self._follow()
        if any(weight.device.type != "cpu" for weight in self._weights):
            super().step(closure)  # type: ignore[no-untyped-call]
            return
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is not None:
                    self._step_in_float32(matrix, matrix.grad, group)

    @torch.no_grad()
    def _step_in_float32(self, matrix: Tensor, gradient: Tensor, group: Group) -> None:
        """Do for one matrix what ``torch.optim.Muon`` does, with its Nesterov momentum."""
        state = self.state[matrix]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        momentum = state["momentum_buffer"].lerp_(gradient, 1 - group["momentum"])
        direction = torch.lerp(gradient, momentum, group["momentum"])
        along = orthogonalize(direction, group["ns_coefficients"], group["ns_steps"], group["eps"])
        matrix.mul_(1 - group["lr"] * group["weight_decay"])
        matrix.add_(along, alpha=-0.2 * math.sqrt(max(matrix.shape)) * group["lr"])

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take up the momenta where others left them, on the device that the weights are on."""
        self._follow()
        super().load_state_dict(state_dict)

    def _follow(self) -> None:
        """Look at the weights where they are now, and at their gradients."""
        matrices = [p for group in self.param_groups for p in group["params"]]
        for weight, matrix in zip(self._weights, matrices, strict=True):
            matrix.data = _matrix(weight.data, weight)
            matrix.grad = None if weight.grad is None else _matrix(weight.grad, weight)


def orthogonalize(
    matrix: Tensor, coefficients: tuple[float, float, float], steps: int, least: float
) -> Tensor:
    """Bring the singular values of a matrix near 1, and leave its singular vectors.

    The quintic iteration of Newton and Schulz with the coefficients of Jordan et al. (2024).

    Args:
        matrix: (M, N) float32.
        coefficients: Of the first, third and fifth power of a singular value.
        steps: How often the polynomial is applied.
        least: Smallest norm that the matrix is divided by.
    """
    first, third, fifth = coefficients
    wide = matrix.T if matrix.shape[0] > matrix.shape[1] else matrix
    wide = wide / wide.norm().clamp(min=least)
    # Each step multiplies the matrix by a polynomial of its Gram matrix. These have the short side
    # alone, so they are multiplied together first, and with the matrix once.
    gram = wide @ wide.T
    factors = torch.eye(len(gram), dtype=gram.dtype, device=gram.device)
    for _ in range(steps):
        factor = torch.addmm(gram, gram, gram, beta=third, alpha=fifth)
        factor.diagonal().add_(first)
        factors = factor @ factors
        gram = factor @ gram @ factor
    wide = torch.mm(factors, wide)
    return wide.T if matrix.shape[0] > matrix.shape[1] else wide


def _matrix(values: Tensor, weight: Tensor) -> Tensor:
    """See a weight, or its gradient, as a matrix; a weight's is its own memory."""
    order = values if weight.is_contiguous() else values.permute(0, 2, 3, 1)
    return order.flatten(1)


def make_optimizers(config: TrainConfig, network: nn.Module) -> dict[str, torch.optim.Optimizer]:
    """Return the optimizers by their names in a checkpoint; norms and biases are not decayed."""
    if config.optimizer == "adam":
        return {"optimizer": torch.optim.Adam(network.parameters(), config.learning_rate)}
    named = [(name, p) for name, p in network.named_parameters() if p.requires_grad]
    is_muon = config.optimizer == "muon"
    inside = [(name, p) for name, p in named if is_muon and _is_inside(name, p)]
    taken = {name for name, _ in inside}
    others = _groups(config, [(name, p) for name, p in named if name not in taken])
    rate, decay = config.learning_rate, config.weight_decay
    optimizers: dict[str, torch.optim.Optimizer] = {
        "optimizer": torch.optim.AdamW(others, rate, weight_decay=decay)
    }
    if inside:
        optimizers["muon"] = MatrixMuon(_groups(config, inside), rate, decay)
    return optimizers


def _is_inside(name: str, parameter: nn.Parameter) -> bool:
    """Tell whether it is a matrix between others: no depthwise one, no norm, not the head."""
    return parameter.ndim == 4 and parameter.shape[1] > 1 and not name.startswith("head.")


def _groups(config: TrainConfig, named: Iterable[tuple[str, nn.Parameter]]) -> list[Group]:
    """Group weights by their share of the learning rate, and by whether they are decayed."""
    is_pretrained = bool(config.encoder or config.norms)
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for name, parameter in named:
        key = (is_pretrained and name.startswith("encoder."), parameter.ndim <= 1)
        groups.setdefault(key, []).append(parameter)
    return [
        {"params": groups[is_begun, is_plain], "share": config.encoder_rate if is_begun else 1.0}
        | ({"weight_decay": 0.0} if is_plain else {})
        for is_begun, is_plain in sorted(groups)
    ]
