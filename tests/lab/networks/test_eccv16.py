from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import torch.nn.functional as F  # noqa: N812 - torch's own idiom
from oracles import annealed_mean

from tinct.bins import grid_centers
from tinct.errors import ModelError
from tinct.lab.networks.eccv16 import from_arrays
from tinct.lab.networks.eccv16_keras import Eccv16Keras
from tinct.lab.networks.published_networks import cost, load_published, to_function

pytestmark = pytest.mark.train

# Filters of the blocks' convolutions, from the papers' tables, independent of the modules.
TRUNK = [(64,) * 2, (128,) * 2, (256,) * 3, (512,) * 3, (512,) * 3, (512,) * 3]
OFFICIAL = [*TRUNK, (512,) * 3]
KERAS = [*TRUNK, (256,) * 3, (128,) * 3]


def official_shapes():
    """Names and shapes of the published state dict."""
    shapes, inputs = {}, 1
    for block, filters in enumerate(OFFICIAL, start=1):
        for index, outputs in enumerate(filters):
            shapes[f"model{block}.{2 * index}.weight"] = (outputs, inputs, 3, 3)
            shapes[f"model{block}.{2 * index}.bias"] = (outputs,)
            inputs = outputs
        for variable in ("weight", "bias", "running_mean", "running_var"):
            shapes[f"model{block}.{2 * len(filters)}.{variable}"] = (outputs,)
    heads = [(0, (512, 256, 4, 4)), (2, (256, 256, 3, 3)), (4, (256,) * 2 + (3, 3))]
    for index, kernel in [*heads, (6, (313, 256, 1, 1))]:
        shapes[f"model8.{index}.weight"] = kernel
        shapes[f"model8.{index}.bias"] = (313 if index == 6 else 256,)
    shapes["model_out.weight"] = (2, 313, 1, 1)
    return shapes


def random_tensor(name, shape):
    if len(shape) > 1:
        return torch.randn(shape) * (2 / np.prod(shape[1:])) ** 0.5
    # Variances and scales that keep the signal alive, so that the answer depends on the input.
    return torch.rand(shape) + (-0.5 if name.endswith("bias") else 0.5)


@pytest.fixture(scope="module")
def official_state():
    torch.manual_seed(0)
    state = {name: random_tensor(name, shape) for name, shape in official_shapes().items()}
    return state | {"model_out.weight": state["model_out.weight"] * 20}  # colors worth comparing


@pytest.fixture(scope="module")
def lightness():
    return 100 * torch.rand(1, 1, 32, 40, generator=torch.Generator().manual_seed(0))


def forward_by_hand(state, lightness):
    """The published network, spelled out in functions."""
    x = (lightness - 50) / 100
    for block, filters in enumerate(OFFICIAL, start=1):
        dilation = 2 if block in (5, 6) else 1
        for index in range(len(filters)):
            stride = 2 if block <= 3 and index == len(filters) - 1 else 1
            kernel, bias = (state[f"model{block}.{2 * index}.{v}"] for v in ("weight", "bias"))
            x = F.relu(F.conv2d(x, kernel, bias, stride, dilation, dilation))
        norm = f"model{block}.{2 * len(filters)}."
        mean, var, gamma, beta = (
            state[norm + v].view(-1, 1, 1)
            for v in ("running_mean", "running_var", "weight", "bias")
        )
        x = (x - mean) / torch.sqrt(var + 1e-5) * gamma + beta
    x = F.relu(F.conv_transpose2d(x, state["model8.0.weight"], state["model8.0.bias"], 2, 1))
    for index in (2, 4):
        weight, bias = state[f"model8.{index}.weight"], state[f"model8.{index}.bias"]
        x = F.relu(F.conv2d(x, weight, bias, padding=1))
    logits = F.conv2d(x, state["model8.6.weight"], state["model8.6.bias"])
    share = torch.exp(logits) / torch.exp(logits).sum(1, keepdim=True)
    ab = torch.einsum("nqhw,cq->nchw", share, state["model_out.weight"][..., 0, 0])
    size = [4 * side for side in ab.shape[2:]]
    return 110 * F.interpolate(ab, size=size, mode="bilinear", align_corners=False)


def test_parameters_are_those_of_the_published_network():
    summary = cost("eccv16")
    assert summary.num_trainable == 32_236_011
    assert summary.num_parameters == 32_241_003


def test_parameters_of_the_keras_variant_are_those_of_the_papers_listing():
    summary = cost("eccv16-keras")
    assert summary.num_parameters == 24_793_081
    assert summary.num_trainable == 24_788_345
    assert summary.num_non_trainable == 4_736


def test_published_weights_give_the_published_answers(tmp_path, official_state, lightness):
    torch.save(official_state, tmp_path / "eccv16.pth")
    name, network = load_published(tmp_path / "eccv16.pth")
    assert name == "eccv16"
    with torch.inference_mode():
        answer = network.predict(lightness)
        expected = forward_by_hand(official_state, lightness)
        darker = network.predict(lightness / 2)
    assert answer.shape == (1, 2, 32, 40)
    torch.testing.assert_close(answer, expected, rtol=1e-3, atol=1e-3)
    assert (answer - darker).abs().max() > 0.1


def test_a_network_as_a_function_may_be_used_from_several_threads(official_state):
    function = to_function(from_arrays({n: t.numpy() for n, t in official_state.items()}, "test"))
    lightness = list(100 * np.random.default_rng(0).random((3, 16, 24), np.float32))
    alone = [function(planes) for planes in lightness]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(function, lightness))
    np.testing.assert_allclose(together, alone, atol=1e-4)
    assert alone[0].shape == (16, 24, 2)
    assert np.abs(alone[0] - alone[2]).max() > 1e-3


def test_weights_of_a_parallel_run_and_safetensors_load_too(tmp_path, official_state):
    from safetensors.torch import save_file

    parallel = {f"module.{name}": tensor for name, tensor in official_state.items()}
    save_file(parallel, tmp_path / "eccv16.safetensors")
    name, network = load_published(tmp_path / "eccv16.safetensors")
    assert name == "eccv16"
    torch.testing.assert_close(network.model_out.weight.data, official_state["model_out.weight"])


def test_wrong_names_are_named(tmp_path, official_state):
    state = dict(official_state)
    for index in (0, 2, 4, 6):
        state[f"model8.{index}.biases"] = state.pop(f"model8.{index}.bias")
    del state["model_out.weight"]
    torch.save(state, tmp_path / "e.pth")
    message = (
        r"e\.pth: not weights of ECCV16: lacks model8\.0\.bias, model8\.2\.bias, model8\.4\.bias "
        r"and 2 more; has unknown model8\.0\.biases, .* and 1 more$"
    )
    with pytest.raises(ModelError, match=message):
        load_published(tmp_path / "e.pth")


def test_wrong_shapes_are_named(tmp_path, official_state):
    state = official_state | {"model_out.weight": torch.zeros(2, 529, 1, 1)}
    torch.save(state, tmp_path / "e.pth")
    message = r"model_out\.weight has shape \(2, 529, 1, 1\), not \(2, 313, 1, 1\)"
    with pytest.raises(ModelError, match=message):
        load_published(tmp_path / "e.pth", "eccv16")


def write_keras(path, arrays, *, root="model_weights"):
    """Write variables as Keras 2 does: groups of a layer's name, twice, and ':0'."""
    h5py = pytest.importorskip("h5py")
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            layer, variable = name.split("/")
            file[f"{root}/{layer}/{layer}/{variable}:0"] = array
        file["optimizer_weights/Adam/conv1_1/kernel/m:0"] = np.zeros(3)


@pytest.fixture(scope="module")
def keras_arrays():
    rng = np.random.default_rng(0)
    arrays, inputs = {}, 1
    for block, filters in enumerate(KERAS, start=1):
        for index, outputs in enumerate(filters, start=1):
            kernel = rng.standard_normal((3, 3, inputs, outputs), np.float32)
            arrays[f"conv{block}_{index}/kernel"] = kernel * (2 / (9 * inputs)) ** 0.5
            arrays[f"conv{block}_{index}/bias"] = rng.standard_normal(outputs, np.float32) / 5
            inputs = outputs
        # Keras counts on: the names say the order and nothing else.
        norm = f"batch_normalization_{block + 3}"
        arrays[f"{norm}/gamma"] = rng.random(outputs, np.float32) + 0.5
        arrays[f"{norm}/beta"] = rng.random(outputs, np.float32) - 0.5
        arrays[f"{norm}/moving_mean"] = rng.random(outputs, np.float32)
        arrays[f"{norm}/moving_variance"] = rng.random(outputs, np.float32) + 0.5
    arrays["pred/kernel"] = rng.standard_normal((1, 1, 128, 313), np.float32) / 5
    arrays["pred/bias"] = rng.standard_normal(313, np.float32) / 5
    return arrays


def keras_logits_by_hand(arrays, x):
    """The Keras variant up to the logits, (N, 1, H, W) in 0..1, spelled out in functions."""
    for block, filters in enumerate(KERAS, start=1):
        if block == 8:
            x = x.repeat_interleave(2, 2).repeat_interleave(2, 3)
        for index in range(1, len(filters) + 1):
            kernel = torch.from_numpy(arrays[f"conv{block}_{index}/kernel"]).permute(3, 2, 0, 1)
            bias = torch.from_numpy(arrays[f"conv{block}_{index}/bias"])
            if block <= 3 and index == len(
                filters
            ):  # SAME, stride 2: an even size grows at its end
                x = F.conv2d(F.pad(x, (0, 1, 0, 1)), kernel, bias, 2)
            elif block in (5, 6):
                x = F.conv2d(x, kernel, bias, 1, 2, 2)
            else:
                x = F.conv2d(x, kernel, bias, 1, 1)
            x = F.relu(x)
        gamma, beta, mean, variance = (
            torch.from_numpy(arrays[f"batch_normalization_{block + 3}/{v}"]).view(-1, 1, 1)
            for v in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        x = (x - mean) / torch.sqrt(variance + 1e-3) * gamma + beta
    kernel = torch.from_numpy(arrays["pred/kernel"]).permute(3, 2, 0, 1)
    return F.conv2d(x, kernel, torch.from_numpy(arrays["pred/bias"]))


@pytest.mark.parametrize("suffix", ["h5", "npz"])
def test_keras_weights_give_the_answers_of_the_keras_variant(
    tmp_path, keras_arrays, lightness, suffix
):
    path = tmp_path / f"model.06-2.5489.{suffix}"
    write_keras(path, keras_arrays) if suffix == "h5" else np.savez(path, **keras_arrays)
    name, network = load_published(path)
    assert name == "eccv16-keras"
    with torch.inference_mode():
        logits = network(lightness / 100)
        expected = keras_logits_by_hand(keras_arrays, lightness / 100)
        darker = network(lightness / 200)
    torch.testing.assert_close(logits, expected, rtol=1e-3, atol=1e-3)
    assert (logits - darker).abs().max() > 0.1


def test_color_of_the_keras_variant_is_the_annealed_mean(keras_arrays, lightness):
    cv2 = pytest.importorskip("cv2")
    torch.manual_seed(0)
    network = Eccv16Keras().eval()
    with torch.inference_mode():
        network.pred.weight.mul_(20)
        logits = network(lightness / 100)
        answer = network.predict(lightness)[0].permute(1, 2, 0).numpy()
    logits = np.ascontiguousarray(logits[0].permute(1, 2, 0).numpy())
    ab = annealed_mean(logits, grid_centers(), 0.38)
    expected = cv2.resize(ab, (40, 32), interpolation=cv2.INTER_CUBIC)
    assert expected.std() > 1
    np.testing.assert_allclose(answer, expected, atol=1e-2)


def test_a_keras_file_of_another_network_is_refused(tmp_path, keras_arrays):
    arrays = {n: a for n, a in keras_arrays.items() if not n.startswith("batch_normalization_11")}
    write_keras(tmp_path / "k.h5", arrays)
    message = (
        r"k\.h5: not weights of the Keras variant.*lacks norm8/beta, .*norm8/moving_mean and 1"
    )
    with pytest.raises(ModelError, match=message):
        load_published(tmp_path / "k.h5")
