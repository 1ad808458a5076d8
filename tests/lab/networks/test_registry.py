from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tinct.errors import ModelError
from tinct.lab.networks import NETWORKS, build


def test_unknown_names_list_the_known_ones():
    with pytest.raises(ModelError, match=r"'papper'; there are: .*paper, paper-rgb, paper-skip"):
        build("papper")


def test_importing_the_registry_does_not_import_torch():
    code = "import sys, tinct.lab.networks; sys.exit('torch' in sys.modules)"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    result = subprocess.run([sys.executable, "-c", code], env=environment, check=False)
    assert result.returncode == 0


@pytest.mark.train
@pytest.mark.parametrize("name", [name for name in NETWORKS if name[:4] in ("nano", "pape")])
def test_nano_and_paper_are_networks_of_at_most_300_000_parameters(name):
    pytest.importorskip("torch")
    network = build(name)
    assert 200_000 < sum(parameter.numel() for parameter in network.parameters()) <= 300_000


@pytest.mark.train
def test_unknown_options_are_refused():
    pytest.importorskip("torch")
    with pytest.raises(ModelError, match=r"network 'paper': .*depth"):
        build("paper", depth=4)


@pytest.mark.train
def test_options_reach_the_configuration():
    pytest.importorskip("torch")
    assert build("paper", filters=(8, 16, 24)).config.filters == (8, 16, 24)
