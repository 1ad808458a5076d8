import json

import numpy as np
import pytest

from tinct.lab.metrics.timing import Timing
from tinct.lab.steadiness import experiment as films
from tinct.lab.steadiness.clips import Clip
from tinct.lab.steadiness.experiment import (
    ClipResult,
    Result,
    SteadinessCost,
    SteadinessRow,
    measure_clip,
    measure_cost,
    merge,
)
from tinct.runtime import Colorizer


@pytest.fixture(scope="module")
def colorizer():
    return Colorizer("nano", threads=1, device="cpu")


@pytest.fixture(scope="module")
def noisy():
    """A still picture with grain."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:64, :64] / 30
    waves = [np.sin(4 * x + c) * np.cos(3 * y * (c + 1)) for c in range(3)]
    still = 127.5 + 70 * np.stack(waves, axis=-1)
    grain = (rng.normal(0, 10, (64, 64, 1)) for _ in range(16))
    return Clip("noisy", tuple(np.rint(still + one).clip(0, 255).astype(np.uint8) for one in grain))


@pytest.fixture(scope="module")
def rows(noisy, colorizer):
    return {row.name: row for row in measure_clip(noisy, colorizer).rows}


def test_the_truth_and_gray_frame_the_others(rows):
    assert list(rows) == ["gray", "truth", "frame by frame", "plain average", "steadied"]
    assert rows["truth"].psnr == 100
    assert rows["gray"].colorfulness == pytest.approx(0, abs=1e-3)
    assert rows["gray"].deviation == pytest.approx(0, abs=1e-3)
    assert rows["gray"].warp == pytest.approx(0, abs=1e-3)
    assert rows["truth"].colorfulness > rows["frame by frame"].colorfulness > 1


def test_steadied_is_steadier_than_frame_by_frame(rows):
    single, steadied = rows["frame by frame"], rows["steadied"]
    assert steadied.answered < single.answered / 2
    assert steadied.deviation < single.deviation / 1.5
    assert steadied.warp < single.warp / 2
    assert steadied.steadier == pytest.approx(single.answered / steadied.answered)
    assert steadied.gain == pytest.approx(steadied.psnr - single.psnr)


def row(name, deviation, psnr, **more):
    known = {"warp": 1.0, "cdc": 0.5, "colorfulness": 20.0, "answered": deviation}
    return SteadinessRow(name, deviation, psnr=psnr, **known, **more)


def clip_result(deviations, psnrs):
    single = row("frame by frame", deviations[0], psnrs[0])
    steadied = row("steadied", deviations[1], psnrs[1], steadier=9.9, gain=9.9)
    return ClipResult("pan", 72, (single, steadied))


def test_clips_of_one_name_are_averaged():
    results = [clip_result((2, 1), (20, 21)), clip_result((4, 1), (22, 24))]
    (mean,) = merge(results)
    single, steadied = mean.rows
    assert (mean.name, mean.frames) == ("pan", 144)
    assert (single.deviation, single.psnr) == (3, 21)
    assert np.isnan(single.gain)
    assert steadied.steadier == pytest.approx(3)
    assert steadied.gain == pytest.approx(1.5)


def test_what_nothing_is_known_of_does_not_count():
    (mean,) = merge([clip_result((2, 1), (20, 20)), clip_result((np.nan, np.nan), (20, 20))])
    assert [one.deviation for one in mean.rows] == [2, 1]


def test_cost_is_a_share_of_the_frame(noisy, colorizer, monkeypatch):
    monkeypatch.setattr(films, "TIMED_ROUNDS", 2)
    cost = measure_cost(noisy, colorizer)
    assert 0 < cost.share == cost.smoother.median / cost.frame.median


def test_the_report_has_a_line_for_each_row_and_null_for_the_unknown():
    timings = Timing.of([0.001]), Timing.of([0.02])
    clips = (clip_result((np.nan, 0.5), (20, 21)),)
    result = Result(
        "nano", "tinct lab steadiness x", "machine", {"numpy": "2"}, SteadinessCost(*timings), clips
    )
    text = result.to_markdown()
    assert "| pan | 72 | frame by frame |  |  |  | 1.00 | 0.50 | 20.0 | 20.00 |  |" in text
    assert "|  |  | steadied | 0.50 | 9.9 | 0.50 | 1.00 | 0.50 | 20.0 | 21.00 | 9.90 |" in text
    assert "5.0 %" in text
    record = json.loads(result.to_json())
    assert record["clips"][0]["rows"][0]["deviation"] is None
    assert record["cost_share"] == pytest.approx(0.05)
