from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tinct.errors import ModelError
from tinct.lab.networks import build
from tinct.lab.networks.paper import (
    PaperConfig,
    PaperNetwork,
    SameConv2d,
    SameConvTranspose2d,
    load_published,
)

pytestmark = pytest.mark.train


def num_trainable(module):
    return sum(parameter.numel() for parameter in module.parameters())


def published_arrays(network):
    """Weights of a network in the layout of the published file."""
    layers = {"conv": 0, "norm": 1}
    variables = {
        "conv.weight": "kernel",
        "conv.bias": "bias",
        "norm.weight": "gamma",
        "norm.bias": "beta",
        "norm.running_mean": "moving_mean",
        "norm.running_var": "moving_variance",
    }
    arrays = {}
    for key, value in network.state_dict().items():
        part, index, layer, name = key.split(".")
        if name == "num_batches_tracked":
            continue
        array = value.numpy()
        array = array.transpose(2, 3, 1, 0) if array.ndim == 4 else array
        number = 3 * int(index) + layers[layer]
        arrays[f"{part}.{number}.{variables[f'{layer}.{name}']}"] = array
    return arrays


@pytest.fixture
def randomized():
    """A network none of whose parameters has its initial value."""
    torch.manual_seed(0)
    network = PaperNetwork().eval()
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if tensor.is_floating_point():
                tensor.add_(0.1 * torch.rand_like(tensor))
    return network


def test_golden_answers(seed_folder):
    golden = np.load(seed_folder / "golden.npz")
    network = load_published(seed_folder / "published-weights.npz")
    with torch.no_grad():
        answer = network(torch.from_numpy(golden["x"]).permute(0, 3, 1, 2))
    np.testing.assert_allclose(answer.permute(0, 2, 3, 1).numpy(), golden["y"], atol=1e-5, rtol=0)


def test_parameter_counts_are_those_of_the_paper():
    network = PaperNetwork()
    statistics = [
        2 * norm.num_features for norm in network.modules() if hasattr(norm, "running_var")
    ]
    assert num_trainable(network) == 297_210
    assert num_trainable(network.encoder) + sum(statistics[:4]) == 148_155
    assert num_trainable(network.decoder) + sum(statistics[4:]) == 150_145


def test_no_layer_has_more_than_128_filters():
    network = PaperNetwork()
    assert max(m.out_channels for m in network.modules() if hasattr(m, "out_channels")) == 105


@pytest.mark.parametrize(("name", "channels"), [("paper", 2), ("paper-rgb", 3), ("paper-skip", 2)])
@pytest.mark.parametrize("size", [(64, 64), (8, 40)])
def test_variants_answer_at_the_size_of_the_input(name, channels, size):
    network = build(name).eval()
    with torch.no_grad():
        assert network(torch.zeros(2, 1, *size)).shape == (2, channels, *size)


def test_the_skip_variant_has_the_same_parameters_and_other_answers(randomized):
    skipping = PaperNetwork(PaperConfig(skip=True)).eval()
    skipping.load_state_dict(randomized.state_dict())
    picture = torch.linspace(-1, 1, 32 * 32).view(1, 1, 32, 32)
    with torch.no_grad():
        difference = skipping(picture) - randomized(picture)
    assert difference.abs().max() > 1e-3


def test_shortcuts_pass_gradients_around_the_bottleneck():
    network = PaperNetwork(PaperConfig(skip=True)).eval()
    with torch.no_grad():
        network.encoder[-1].conv.weight.zero_()  # nothing passes through the code
    network(torch.rand(1, 1, 32, 32)).sum().backward()
    first, second, third, _ = (stage.conv.weight.grad.abs().max() for stage in network.encoder)
    assert first > 0
    assert second > 0
    assert third == 0  # feeds the code alone


def test_units_of_the_answer(randomized):
    lightness = torch.rand(1, 1, 16, 16) * 100
    with torch.no_grad():
        raw = randomized(lightness / 50 - 1)
        torch.testing.assert_close(randomized.predict(lightness), 127.5 * raw + 0.5)
        rgb = build("paper-rgb").eval().predict(lightness)
    assert rgb.shape == (1, 3, 16, 16)
    assert rgb.min() > 0
    assert rgb.max() < 1


@pytest.mark.parametrize(("size", "before"), [(4, 0), (5, 1)])
def test_same_padding_of_a_strided_convolution(size, before):
    # TensorFlow: an even size is padded at the end alone, an odd one at both ends.
    convolution = SameConv2d(1, 1, 3, stride=2, bias=False)
    with torch.no_grad():
        convolution.weight.zero_()
        convolution.weight[0, 0, 0, 0] = 1  # answers the top left value of each window
        picture = torch.arange(1.0, size * size + 1).view(1, 1, size, size)
        answer = convolution(picture)[0, 0]
    expected = np.zeros((-(-size // 2),) * 2, np.float32)
    padded = np.pad(picture[0, 0].numpy(), (before, 2))
    expected[:] = padded[::2, ::2][: len(expected), : len(expected)]
    np.testing.assert_array_equal(answer.numpy(), expected)


def test_transposed_convolution_is_the_gradient_of_the_convolution():
    torch.manual_seed(0)
    convolution = SameConv2d(2, 3, 3, stride=2, bias=False)
    transposed = SameConvTranspose2d(3, 2, 3, stride=2, bias=False)
    transposed.weight = convolution.weight
    picture = torch.zeros(1, 2, 8, 8, requires_grad=True)
    code = torch.rand(1, 3, 4, 4)
    (gradient,) = torch.autograd.grad(convolution(picture), picture, code)
    torch.testing.assert_close(transposed(code), gradient)


def test_initial_values_are_tensorflows():
    network = PaperNetwork()
    kernel = network.encoder[1].conv.weight
    limit = (6 / (9 * (75 + 90))) ** 0.5  # Glorot uniform
    assert 0.98 * limit < kernel.abs().max() <= limit
    assert network.decoder[2].conv.bias.abs().max() == 0
    assert {stage.norm.eps for stage in network.decoder} == {1e-3}


def test_saved_weights_load_again(tmp_path, randomized):
    path = tmp_path / "weights.npz"
    np.savez(path, **published_arrays(randomized))
    loaded = load_published(path)
    picture = torch.rand(1, 1, 16, 16)
    with torch.no_grad():
        torch.testing.assert_close(loaded(picture), randomized(picture), rtol=0, atol=0)
    assert not loaded.training


def test_an_archive_may_have_the_names_of_the_checkpoint(tmp_path, randomized):
    arrays = {
        f"{part}/layer_list/{index}/{name}/.ATTRIBUTES/VARIABLE_VALUE": array
        for key, array in published_arrays(randomized).items()
        for part, index, name in [key.split(".")]
    }
    arrays["optimizer/iter/.ATTRIBUTES/VARIABLE_VALUE"] = np.zeros(1)
    np.savez(tmp_path / "w.npz", **arrays)
    picture = torch.rand(1, 1, 16, 16)
    with torch.no_grad():
        answer = load_published(tmp_path / "w.npz")(picture)
        torch.testing.assert_close(answer, randomized(picture), rtol=0, atol=0)


def test_wrong_names_are_named(tmp_path, randomized):
    arrays = published_arrays(randomized)
    arrays["encoder.0.kernels"] = arrays.pop("encoder.0.kernel")
    np.savez(tmp_path / "w.npz", **arrays)
    message = r"w\.npz: .*lacks encoder\.0\.kernel; has unknown encoder\.0\.kernels$"
    with pytest.raises(ModelError, match=message):
        load_published(tmp_path / "w.npz")


def test_wrong_shapes_are_named(tmp_path, randomized):
    np.savez(tmp_path / "w.npz", **published_arrays(randomized))
    with pytest.raises(ModelError, match=r"w\.npz: .*decoder\.9\.kernel has shape \(1, 1, 2, 75\)"):
        load_published(tmp_path / "w.npz", PaperConfig(output="rgb"))


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 but no archive", b"\x80\x03}q\x00."])
def test_unreadable_weights_are_one_clear_line(tmp_path, content):
    path = Path(tmp_path, "weights.npz")
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"weights\.npz: ") as caught:
        load_published(path)
    assert "\n" not in str(caught.value)


def test_a_single_array_is_no_archive(tmp_path):
    np.save(tmp_path / "array.npy", np.zeros(3))
    with pytest.raises(ModelError, match=r"array\.npy: a single array"):
        load_published(tmp_path / "array.npy")
