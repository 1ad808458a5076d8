"""The layers a picture passes in a network, found by watching one pass.

Nothing is written down about any network: hooks see what each layer answers, and the graph that
torch keeps for gradients tells which layers fed it, shortcuts included.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from tinct.lab.networks.summary import PICTURE_SIZE

CONVOLUTIONS = (nn.Conv2d, nn.ConvTranspose2d)
FOLLOWERS = (nn.BatchNorm2d, nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.Tanh, nn.Softmax, nn.Dropout)
"""Leave the shape as it is: named in the box of the layer before."""
ACTIVATIONS = {
    "TanhBackward": "tanh",
    "ReluBackward": "ReLU",
    "HardtanhBackward": "ReLU6",
    "LeakyReluBackward": "leaky ReLU",
    "SoftmaxBackward": "softmax",
}
TITLES = {
    "BatchNorm2d": "batch norm",
    "Tanh": "tanh",
    "LeakyReLU": "leaky ReLU",
    "Softmax": "softmax",
    "Dropout": "dropout",
}


@dataclass(frozen=True, slots=True)
class Layer:
    """One step of a network."""

    name: str  # of the module inside the network; "input" for the picture
    text: str  # what it does
    height: int  # of its answer to the picture
    width: int
    channels: int
    sources: tuple[int, ...] = ()  # indices of the layers that feed it


def trace_layers(network: nn.Module, size: int = PICTURE_SIZE) -> list[Layer]:
    """List the layers of a network in the order in which they are run.

    A layer is the outermost module that neither is nor holds a plain list of modules
    (``Sequential`` or ``ModuleList``). Batch norms and activations that stand alone belong to the
    layer before.

    Args:
        network: Takes (1, 1, size, size).
        size: Height and width of the picture.

    Returns:
        The layers; the first is the picture itself.
    """
    tracer = _Tracer(size)
    hooks = [
        module.register_forward_hook(tracer.watch(name)) for name, module in _find(network, "")
    ]
    was_training = network.training
    try:
        with torch.enable_grad():
            answer = network.eval()(tracer.picture)
    finally:
        network.train(was_training)
        for hook in hooks:
            hook.remove()
    tracer.close(answer)
    return tracer.layers


def _find(module: nn.Module, path: str) -> Iterator[tuple[str, nn.Module]]:
    for name, child in module.named_children():
        full = f"{path}.{name}".lstrip(".")
        if _is_list(child) or any(_is_list(part) for part in child.children()):
            yield from _find(child, full)
        else:
            yield full, child


def _is_list(module: nn.Module) -> bool:
    return type(module) is nn.Sequential or isinstance(module, nn.ModuleList)


class _Tracer:
    """Collects layers while a picture passes."""

    def __init__(self, size: int) -> None:
        self.picture = torch.zeros(1, 1, size, size, requires_grad=True)
        self.layers = [Layer("input", "lightness", size, size, 1)]
        # Nodes of torch's gradient graph by the layer that they end. They are compared by identity,
        # so each must stay alive.
        self._ends: dict[Any, int] = {}

    def watch(self, name: str) -> Any:
        """Return a hook that notes the layer of this name."""

        def hook(module: nn.Module, inputs: tuple[Any, ...], output: Any) -> None:
            if not isinstance(output, Tensor) or output.ndim != 4:
                return
            if isinstance(module, FOLLOWERS) and len(self.layers) > 1:
                self._extend(module)
            else:
                text = _describe(module, output)
                self._add(name, text, output, self._sources(list(inputs)))
            self._ends[output.grad_fn] = len(self.layers) - 1

        return hook

    def close(self, answer: Tensor) -> None:
        """Add what the network does behind its last layer, if it changes the answer's shape."""
        _, channels, height, width = answer.shape
        last = self.layers[-1]
        if (last.channels, last.height, last.width) != (channels, height, width):
            self._add("output", "answer", answer, self._sources([answer]))

    def _add(self, name: str, text: str, output: Tensor, sources: tuple[int, ...]) -> None:
        _, channels, height, width = output.shape
        self.layers.append(Layer(name, text, height, width, channels, sources))

    def _extend(self, module: nn.Module) -> None:
        title = type(module).__name__
        last = self.layers[-1]
        text = f"{last.text}, {TITLES.get(title, title)}"
        self.layers[-1] = replace(last, text=text)

    def _sources(self, inputs: list[Any]) -> tuple[int, ...]:
        """Walk back from the inputs to the nearest layers."""
        waiting = [node for tensor in _tensors(inputs) if (node := self._node(tensor))]
        seen, found = set(waiting), set()
        while waiting:
            node = waiting.pop()
            if node in self._ends:
                found.add(self._ends[node])
                continue
            if getattr(node, "variable", None) is self.picture:
                found.add(0)
            before = {parent for parent, _ in node.next_functions if parent} - seen
            seen |= before
            waiting.extend(before)
        return tuple(sorted(found))

    def _node(self, tensor: Tensor) -> Any:
        # The picture itself has no node but through something that uses it.
        return (tensor * 1).grad_fn if tensor is self.picture else tensor.grad_fn


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _tensors(item)


def _describe(module: nn.Module, output: Tensor) -> str:
    """Say what a layer does: its convolution if it has one, else its class."""
    convolutions = [part for part in module.modules() if isinstance(part, CONVOLUTIONS)]
    if len(convolutions) != 1:
        kernel = max((conv.kernel_size[0] for conv in convolutions), default=1)
        words = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", type(module).__name__)
        return words.capitalize() + (f" {kernel}x{kernel}" if kernel > 1 else "")
    parts = [_describe_convolution(convolutions[0])]
    if any(isinstance(part, nn.BatchNorm2d) for part in module.modules()):
        parts.append("batch norm")
    end = re.sub(r"\d+$", "", output.grad_fn.name()) if output.grad_fn else ""
    return ", ".join([*parts, *([ACTIVATIONS[end]] if end in ACTIVATIONS else [])])


def _describe_convolution(conv: nn.Conv2d | nn.ConvTranspose2d) -> str:
    kernel, stride, dilation = (int(v[0]) for v in (conv.kernel_size, conv.stride, conv.dilation))
    text = "transposed conv" if isinstance(conv, nn.ConvTranspose2d) else "conv"
    if conv.groups > 1:
        text = f"depthwise {text}"
    text += f" {kernel}x{kernel}"
    if stride > 1:
        text += f", stride {stride}"
    return text + (f", dilation {dilation}" if dilation > 1 else "")
