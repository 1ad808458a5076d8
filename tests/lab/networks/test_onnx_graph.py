"""Networks of others as ONNX graphs: paddings, croppings and dilations are theirs."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("onnxscript")

from tinct.lab.networks import build
from tinct.lab.networks.onnx_graph import to_graph
from tinct.runtime.engines import load_engine

pytestmark = [pytest.mark.train, pytest.mark.slow]


@pytest.mark.parametrize("name", ["paper", "paper-skip", "eccv16", "siggraph17"])
def test_graph_answers_as_torch(name, tmp_path, rng):
    torch.manual_seed(0)
    network = build(name)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 2)
    network.eval()
    path = tmp_path / "peer.onnx"
    path.write_bytes(to_graph(network, size=64, name="L"))
    lightness = rng.uniform(0, 100, (1, 1, 64, 64)).astype(np.float32)
    with torch.no_grad():
        wanted = network.predict(torch.from_numpy(lightness)).numpy()
    engine = load_engine(path, "cpu", 1)
    (found,) = engine.run({"L": lightness}, engine.outputs)
    assert wanted.std() > 0
    np.testing.assert_allclose(found, wanted, atol=1e-4 * np.abs(wanted).max())
