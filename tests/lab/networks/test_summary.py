from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch import nn

from tinct.lab.networks import build
from tinct.lab.networks.summary import summarize, to_table

pytestmark = pytest.mark.train


def test_the_paper_has_the_rows_of_its_listing():
    summary = summarize(build("paper"))
    rows = [(block.name, block.kind, block.num_parameters) for block in summary.blocks]
    assert rows == [("encoder", "PaperEncoder", 148_155), ("decoder", "Decoder", 150_145)]
    assert summary.num_parameters == 148_155 + 150_145
    assert summary.num_trainable == 297_210
    assert summary.most_filters == 105


def test_multiplications_of_the_paper_by_hand():
    encoder = [128**2 * 9 * 75, 64**2 * 9 * 75 * 90, 32**2 * 9 * 90 * 105, 32**2 * 105 * 3]
    # A transposed convolution multiplies every input value with its whole kernel.
    decoder = [32**2 * 9 * 3 * 105, 64**2 * 9 * 105 * 90, 128**2 * 9 * 90 * 75, 256**2 * 75 * 2]
    blocks = summarize(build("paper")).blocks
    assert blocks[0].mmac == pytest.approx(sum(encoder) / 1e6)
    assert blocks[1].mmac == pytest.approx(sum(decoder) / 1e6)


class Mixed(nn.Module):
    """One layer of each kind that multiplies, and some that are not counted."""

    def __init__(self):
        super().__init__()
        self.grouped = nn.Conv2d(1, 4, 1, bias=False)
        self.depthwise = nn.Conv2d(4, 4, 3, padding=1, groups=4)
        self.norm = nn.BatchNorm2d(4)
        self.linear = nn.Linear(8, 5)

    def forward(self, x):
        x = torch.relu(self.norm(self.depthwise(self.grouped(x))))  # (1, 4, 8, 8)
        attention = x.flatten(2) @ x.flatten(2).transpose(1, 2)  # (1, 4, 4)
        return self.linear(x), attention


def test_every_kind_of_multiplication_is_counted():
    network = Mixed()
    summary = summarize(network, size=8)
    by_name = {block.name: block.mmac * 1e6 for block in summary.blocks}
    assert by_name["grouped"] == 64 * 4
    assert by_name["depthwise"] == 64 * 4 * 9
    assert by_name["norm"] == 0
    assert by_name["linear"] == 4 * 8 * 8 * 5
    assert summary.mmac * 1e6 == sum(by_name.values()) + 4 * 64 * 4
    assert summary.num_trainable == 4 + 36 + 4 + 8 + 45
    assert summary.num_non_trainable == 8
    assert network.training


def test_nano_stays_within_its_limits():
    summary = summarize(build("nano"))
    assert summary.num_trainable <= 300_000
    assert summary.mmac <= 130


def test_table_is_laid_out_as_keras_does():
    lines = to_table("paper", summarize(build("paper"))).splitlines()
    assert lines[0] == 'Model: "paper"'
    assert lines[2].split() == ["Layer", "(type)", "Param", "#", "MMAC", "at", "256x256"]
    assert lines[4].split() == ["encoder", "(PaperEncoder)", "148155", "347.3"]
    assert "Trainable params: 297,210" in lines
    assert len({len(line) for line in lines if line[0] in "_="}) == 1
