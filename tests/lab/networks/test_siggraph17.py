from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: N812 - torch's own idiom

from tinct.lab.networks import build
from tinct.lab.networks.published_networks import cost, load_published

pytestmark = pytest.mark.train

BLOCKS = {  # of the published table: filters of input and convolutions, place of the first one
    "model1": ((4, 64, 64), 0),
    "model2": ((64, 128, 128), 0),
    "model3": ((128, 256, 256, 256), 0),
    "model4": ((256, 512, 512, 512), 0),
    "model5": ((512, 512, 512, 512), 0),
    "model6": ((512, 512, 512, 512), 0),
    "model7": ((512, 512, 512, 512), 0),
    "model8": ((256, 256, 256), 1),
    "model9": ((128, 128), 1),
}
SINGLE = {
    "model8up.0": (512, 256, 4, 4),
    "model3short8.0": (256, 256, 3, 3),
    "model9up.0": (256, 128, 4, 4),
    "model2short9.0": (128, 128, 3, 3),
    "model10up.0": (128, 128, 4, 4),
    "model1short10.0": (128, 64, 3, 3),
    "model10.1": (128, 128, 3, 3),
    "model_class.0": (529, 256, 1, 1),
    "model_out.0": (2, 128, 1, 1),
}


@pytest.fixture(scope="module")
def state():
    torch.manual_seed(0)
    state = {}
    for name, shape in SINGLE.items():
        state[f"{name}.weight"] = torch.randn(shape) * (2 / np.prod(shape[1:])) ** 0.5
        outputs = shape[1] if "up" in name else shape[0]
        state[f"{name}.bias"] = torch.randn(outputs) / 10
    for name, (channels, first) in BLOCKS.items():
        for index, (inputs, outputs) in enumerate(pairwise(channels)):
            place = f"{name}.{first + 2 * index}"
            state[f"{place}.weight"] = torch.randn(outputs, inputs, 3, 3) * (2 / 9 / inputs) ** 0.5
            state[f"{place}.bias"] = torch.randn(outputs) / 10
        norm = f"{name}.{first + 2 * (len(channels) - 1)}"
        for variable in ("weight", "running_mean", "running_var"):
            state[f"{norm}.{variable}"] = torch.rand(outputs) + 0.5
        state[f"{norm}.bias"] = torch.rand(outputs) - 0.5
    return state


def convolve(state, name, x, **options):
    return F.conv2d(x, state[f"{name}.weight"], state[f"{name}.bias"], **options)


def double(state, name, x):
    return F.conv_transpose2d(x, state[f"{name}.weight"], state[f"{name}.bias"], 2, 1)


def block(state, name, x):
    channels, first = BLOCKS[name]
    dilation = 2 if name in ("model5", "model6") else 1
    for index in range(len(channels) - 1):
        place = f"{name}.{first + 2 * index}"
        x = F.relu(convolve(state, place, x, padding=dilation, dilation=dilation))
    norm = f"{name}.{first + 2 * (len(channels) - 1)}"
    mean, var, gamma, beta = (
        state[f"{norm}.{v}"].view(-1, 1, 1)
        for v in ("running_mean", "running_var", "weight", "bias")
    )
    return (x - mean) / torch.sqrt(var + 1e-5) * gamma + beta


def forward_by_hand(state, lightness):
    """The published network without hints, spelled out in functions."""
    empty = torch.zeros(1, 3, *lightness.shape[2:])
    x1 = block(state, "model1", torch.cat([(lightness - 50) / 100, empty], 1))
    x2 = block(state, "model2", x1[:, :, ::2, ::2])
    x3 = block(state, "model3", x2[:, :, ::2, ::2])
    x = x3[:, :, ::2, ::2]
    for name in ("model4", "model5", "model6", "model7"):
        x = block(state, name, x)
    x = F.relu(double(state, "model8up.0", x) + convolve(state, "model3short8.0", x3, padding=1))
    x = block(state, "model8", x)
    x = F.relu(double(state, "model9up.0", x) + convolve(state, "model2short9.0", x2, padding=1))
    x = block(state, "model9", x)
    x = F.relu(double(state, "model10up.0", x) + convolve(state, "model1short10.0", x1, padding=1))
    x = F.leaky_relu(convolve(state, "model10.1", x, padding=1), 0.2)
    return 110 * torch.tanh(convolve(state, "model_out.0", x))


def test_parameters_are_those_of_the_published_network():
    # Convolutions with their biases and batch norms of the table above, the classifier included.
    summary = cost("siggraph17")
    assert summary.num_trainable == 34_187_027
    assert summary.num_parameters == 34_192_787
    classifier = 529 * (256 + 1)
    assert round((summary.num_trainable - classifier) / 1e6, 2) == 34.05  # OpenVINO's model zoo
    assert summary.mmac * 2 / 1e3 == pytest.approx(150.54, rel=2e-3)  # GFLOPs, the same


def test_published_weights_give_the_published_answers(tmp_path, state):
    torch.save(state, tmp_path / "siggraph17.pth")
    name, network = load_published(tmp_path / "siggraph17.pth")
    assert name == "siggraph17"
    lightness = 100 * torch.rand(1, 1, 32, 48)
    with torch.inference_mode():
        answer = network.predict(lightness)
        expected = forward_by_hand(state, lightness)
        darker = network.predict(lightness / 2)
    assert answer.shape == (1, 2, 32, 48)
    assert (answer - darker).abs().max() > 0.1
    torch.testing.assert_close(answer, expected, rtol=1e-3, atol=1e-2)


def test_old_files_without_counters_and_new_ones_with_them_load(tmp_path):
    network = build("siggraph17")
    assert any(name.endswith("num_batches_tracked") for name in network.state_dict())
    torch.save(network.state_dict(), tmp_path / "new.pth", _use_new_zipfile_serialization=False)
    name, loaded = load_published(tmp_path / "new.pth")
    assert name == "siggraph17"
    torch.testing.assert_close(loaded.model10[1].weight, network.model10[1].weight)
