"""Networks of others in the place of a model of ours."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from benchmarks.peer_graph import export_peer_model
from tinct.errors import OptionError
from tinct.frame_format import FrameFormat
from tinct.lab.networks import build
from tinct.runtime import Colorizer
from tinct.runtime.film import FilmColorizer

pytestmark = [pytest.mark.train]


@pytest.mark.slow
def test_the_papers_network_colors_films(tmp_path: Path, rng: np.random.Generator) -> None:
    torch.manual_seed(0)
    peer = export_peer_model("paper", tmp_path)
    assert (peer.name, peer.note) == ("paper", "random weights, speed only")
    torch.manual_seed(0)
    network = build("paper").eval()
    colorizer = Colorizer(peer.path, device="cpu", threads=1)
    assert colorizer.session.spec.name == "paper"
    for height, width in ((64, 96), (128, 64)):
        lightness = rng.uniform(0, 100, (1, 1, height, width)).astype(np.float32)
        with torch.no_grad():
            answer = network.predict(torch.from_numpy(lightness)).numpy()
        wanted = answer.reshape(2, height // 4, 4, width // 4, 4).mean(axis=(2, 4))
        for vividness in (0, 1):
            ab, confidence = colorizer.predict(lightness, vividness)
            np.testing.assert_allclose(ab[0], wanted, atol=1e-4 * np.abs(wanted).max())
            assert confidence.shape == (1, 1, height // 4, width // 4)
            assert (confidence == 1).all()
    luma = rng.integers(16, 235, (48, 64), np.uint8)
    planes = FilmColorizer(colorizer, FrameFormat(64, 48))(luma)
    assert [plane.shape for plane in planes] == [(24, 32)] * 2


def test_ours_is_no_peer(tmp_path: Path) -> None:
    with pytest.raises(OptionError, match="--model times it"):
        export_peer_model("nano", tmp_path)
