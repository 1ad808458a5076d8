"""The layers of networks as one pass shows them, and their diagram."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("matplotlib")

from torch import nn
from torch.nn.functional import interpolate

from tinct.lab.figures.diagram import count_encoder, draw_layers
from tinct.lab.figures.figures import render
from tinct.lab.networks import NETWORKS, build
from tinct.lab.networks.layers import trace_layers

pytestmark = pytest.mark.train


class Small(nn.Module):
    """Down, up, a shortcut, and an answer that is resized without a module."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(
            nn.Conv2d(1, 4, 3, 2, 1), nn.BatchNorm2d(4), nn.ReLU(inplace=True)
        )
        self.deep = nn.Conv2d(4, 8, 3, 2, 1)
        self.up = nn.ConvTranspose2d(8, 4, 4, 2, 1)
        self.head = nn.Conv2d(4, 2, 1)

    def forward(self, x):
        y = self.down(x)
        return interpolate(self.head(torch.tanh(self.up(self.deep(y)) + y)), scale_factor=2)


def test_layers_shapes_and_shortcuts_of_a_small_network():
    network = Small()
    layers = trace_layers(network, 64)
    assert [(layer.name, layer.text) for layer in layers] == [
        ("input", "lightness"),
        ("down.0", "conv 3x3, stride 2, batch norm, ReLU"),
        ("deep", "conv 3x3, stride 2"),
        ("up", "transposed conv 4x4, stride 2"),
        ("head", "conv 1x1"),
        ("output", "answer"),
    ]
    shapes = [(layer.height, layer.width, layer.channels) for layer in layers]
    assert shapes == [(64, 64, 1), (32, 32, 4), (16, 16, 8), (32, 32, 4), (32, 32, 2), (64, 64, 2)]
    assert [layer.sources for layer in layers] == [(), (0,), (1,), (2,), (1, 3), (4,)]
    assert network.training
    assert not network.down[0]._forward_hooks


def test_the_papers_encoder_and_decoder():
    layers = trace_layers(build("paper"))
    assert [(layer.height, layer.channels) for layer in layers] == [
        (256, 1), (128, 75), (64, 90), (32, 105), (32, 3),
        (64, 105), (128, 90), (256, 75), (256, 2),
    ]  # fmt: skip
    assert count_encoder(layers) == 5
    assert layers[1].text == "conv 3x3, stride 2, batch norm, tanh"
    assert [layer.sources for layer in layers[1:]] == [(index,) for index in range(8)]


def test_the_shortcuts_of_the_variant_with_residual_connections():
    layers = trace_layers(build("paper-skip"))
    assert [layer.sources for layer in layers if len(layer.sources) > 1] == [(2, 5), (1, 6)]


@pytest.mark.parametrize("name", sorted(NETWORKS))
def test_every_registered_network_can_be_drawn(name):
    layers = trace_layers(build(name))
    assert all(layer.sources for layer in layers[1:])  # nothing hangs in the air
    figure = draw_layers(name, layers)
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert f"{layers[-1].height}x{layers[-1].width}x{layers[-1].channels}" in texts
    assert render(figure, "svg") == render(draw_layers(name, layers), "svg")


def test_no_two_boxes_of_a_diagram_overlap():
    figure = draw_layers("nano", trace_layers(build("nano")))
    boxes = [patch.get_bbox() for patch in figure.axes[0].patches if hasattr(patch, "get_bbox")]
    assert len(boxes) == len(trace_layers(build("nano")))
    for index, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[index + 1 :])
