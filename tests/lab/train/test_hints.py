from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

import onnxruntime

from tinct.errors import TrainingError
from tinct.lab.train.checkpoint import load_checkpoint
from tinct.lab.train.config import config_from_dict
from tinct.lab.train.hints import MISTAKE, draw_hints, draw_number, recolor
from tinct.spec import HINTS_KEY, HintSpec

pytestmark = pytest.mark.train


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def test_numbers_reach_from_one_to_the_most():
    generator = seeded()
    drawn = [draw_number(96, generator) for _ in range(400)]
    assert min(drawn) == 1
    assert 80 < max(drawn) <= 96
    assert np.median(drawn) < 20
    assert draw_number(1, generator) == 1


def test_hints_lie_in_the_picture_and_have_its_colors():
    target = torch.tensor([30.0, -20.0]).reshape(1, 2, 1, 1).expand(64, 2, 24, 32)
    at, colors = draw_hints(target, 7, seeded())
    assert at.shape == colors.shape == (64, 7, 2)
    assert at.min() >= 0
    assert (at <= torch.tensor([23.0, 31.0])).all()
    errors = (colors - torch.tensor([30.0, -20.0])).abs().amax(dim=(1, 2))
    is_off = errors > 1e-3
    assert 0.05 < is_off.float().mean() < 0.4
    assert errors.max() < 6 * MISTAKE


def test_one_thing_gets_another_color_and_the_rest_stays():
    target = torch.zeros(40, 2, 32, 32)
    target[:, 0, 8:20, 8:20] = 50
    target[:, 1, :, 26:] = -60
    lightness = torch.full((40, 1, 32, 32), 50.0)
    changed, things = recolor(target, lightness, seeded())
    is_changed = (changed != target).any(dim=1)
    assert not (is_changed & ~things).any()
    shares = things.float().mean(dim=(1, 2))
    assert 0.1 < (shares > 0).float().mean() < 0.8
    for new, thing in zip(changed, things, strict=True):
        if thing.any():
            inside = new[:, thing]
            assert (inside - inside.mean(dim=1, keepdim=True)).abs().max() < 1e-3
            at, _ = draw_hints(new[None], 4, seeded(), thing[None])
            row, column = at[0, 0].round().long().tolist()
            assert thing[row, column]


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"start": ""}, "start must name one"),
        ({"norms": True}, "hints go with no norms"),
        ({"feature_weight": 1.0}, "hints go with no norms, teacher, picture_weight or feature"),
        ({"hints": {"most": 0}}, "most"),
        ({"hints": {"many": 3}}, "unknown key"),
    ],
)
def test_choices_that_make_no_sense_are_one_line(change, text):
    table = {"network": "nano", "start": "nano", "hints": {}} | change
    with pytest.raises(TrainingError, match=text) as caught:
        config_from_dict(table, "h.toml")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_run_trains_the_branch_alone_and_its_export_answers_as_torch(make_config, tmp_path):
    from tinct.lab.train.export_hints import export_hints, hinted_network
    from tinct.lab.train.loop import train

    table = {"network": "nano", "start": "nano", "steps": 6, "batch": 2, "hints": {"most": 8}}
    last = train(make_config(**table), tmp_path / "run")
    checkpoint = load_checkpoint(last)
    network = hinted_network(checkpoint, "last")
    from tinct.lab.train.begin import load_classifier

    automatic = load_classifier("nano").state_dict()
    for name, tensor in network.network.state_dict().items():
        torch.testing.assert_close(tensor, automatic[name], rtol=0, atol=0)
    spec = export_hints(last, tmp_path / "x-hints.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "x-hints.onnx")
    text = session.get_modelmeta().custom_metadata_map[HINTS_KEY]
    assert HintSpec.from_json(text, "x") == spec
    assert len(spec.bins) == 104
    assert spec.provenance["config"]["hints"]["most"] == 8
    longer = train(make_config(**(table | {"steps": 8})), tmp_path / "run", resume=True)
    assert load_checkpoint(longer).step == 8
