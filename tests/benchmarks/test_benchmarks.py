"""``python -m benchmarks`` on a small folder."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import pytest

from benchmarks.frames import FramesPlan, bench_frames, make_scene
from benchmarks.networks import FRAMES
from benchmarks.publish import Destination

Run = Callable[..., subprocess.CompletedProcess[bytes]]


@pytest.mark.slow
def test_networks_are_timed_at_their_own_size_and_at_that_of_peers(
    bench: Run, tmp_path: Path, save_gray: Callable[..., Path]
) -> None:
    pytest.importorskip("onnxscript")
    save_gray(tmp_path / "album/0.jpg", 64, 48)
    quick = ("--rounds", "1", "--threads", "1", "-o", "report", "--json", "-")
    done = bench("networks", "album", "--model", "base", "--peer", "paper", *quick)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report == json.loads((tmp_path / "report/bench-networks.json").read_text())
    lines = report["lines"]
    seen = [(i["model"], i["width"], i["height"]) for i in lines if i["kind"] == "network"]
    assert seen[:2] == [("base", 256, 256), ("base", 320, 320)]
    assert seen[-1] == ("paper", 256, 256)
    frames = [(i["width"], i["height"]) for i in lines if i["kind"] == "frame"]
    assert frames == list(FRAMES)
    assert {(i["device"], i["threads"]) for i in lines} == {("cpu", 1)}
    for line in lines:
        timing = line["timing"]
        assert 0 < timing["p25"] <= timing["median"] <= timing["p75"] <= timing["p95"]
    text = (tmp_path / "report/bench-networks.md").read_text()
    (shown,) = [i for i in text.splitlines() if i.startswith("| paper")]
    ours, paper = lines[0], lines[[i["model"] for i in lines].index("paper")]
    ratio = paper["timing"]["median"] / ours["timing"]["median"]
    assert float(shown.split("|")[-2]) == pytest.approx(ratio, abs=0.006)
    assert paper["note"] == "random weights, speed only"
    assert paper["parameters"] == 297_210
    assert paper["mmac"] == pytest.approx(1703.7, abs=0.1)


@pytest.mark.slow
def test_a_folder_and_single_photographs(
    bench: Run, tmp_path: Path, save_gray: Callable[..., Path]
) -> None:
    for index in range(2):
        save_gray(tmp_path / f"album/{index}.jpg", 640, 480)
    arguments = ("--as-they-are", "--rounds", "1", "-o", "report")
    done = bench("folder", "album", *arguments)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "report/bench-folder.md").read_bytes() == done.stdout.rstrip() + b"\n"
    report = json.loads((tmp_path / "report/bench-folder.json").read_text())
    folder = report["folder"]
    assert folder["photographs"] == 2
    for copy in ("copy_color", "copy_gray"):
        ratio = folder["color"]["median"] / folder[copy]["median"]  # there is just one round
        assert folder[f"ratio_to_{copy}"] == pytest.approx(ratio)
    assert [single["megapixels"] for single in report["singles"]] == [2, 12]
    for single in report["singles"]:
        assert single["cold_start"]["median"] > 0
        assert 50e6 < single["peak_memory"] < 1e9
    assert report["install"]["tinct"] > 1e6
    assert sorted(path.name for path in (tmp_path / "album").iterdir()) == ["0.jpg", "1.jpg"]


@pytest.mark.train
def test_an_unknown_peer(bench: Run, tmp_path: Path, save_gray: Callable[..., Path]) -> None:
    pytest.importorskip("onnxscript")
    save_gray(tmp_path / "album/0.jpg", 320, 240)
    done = bench("networks", "album", "--peer", "nobody")
    assert done.returncode == 1
    assert "no network is called 'nobody'" in done.stderr.decode()


def test_frames_in_memory(
    tmp_path: Path, save_gray: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    source = save_gray(tmp_path / "photograph.jpg", 320, 240)
    sizes = ((96, 64), (65, 33))
    plan = FramesPlan("nano", "cpu", None, 2, (), rounds=1, sizes=sizes)
    threads = cv2.getNumThreads()
    bench_frames(plan, source, Destination(folder=tmp_path / "report"))
    cv2.setNumThreads(threads)
    text = (tmp_path / "report/bench-frames.md").read_text()
    assert capsys.readouterr().out == text + "\n"
    lines = json.loads((tmp_path / "report/bench-frames.json").read_text())["frames"]
    assert [(i["width"], i["height"]) for i in lines] == list(sizes)
    for line, sees in zip(lines, ([320, 224], [448, 224]), strict=True):
        assert (line["model"], line["device"], line["jobs"]) == ("nano", "cpu", 2)
        assert line["sees"] == sees
        assert line["times_as_long"] == 1
        assert line["timing"]["median"] > 0
        assert line["processor"] > 0
        assert list(line["stages"]) == ["predict", "smooth", "fit", "compose"]
        assert all(seconds > 0 for seconds in line["stages"].values())
        rate = f"{1 / line['timing']['median']:.0f}"
        assert f"| {line['width']}x{line['height']} | nano | {sees[0]}x224 | {rate} [" in text


def test_the_scene_of_frames_is_a_pan_of_film(
    tmp_path: Path, save_gray: Callable[..., Path]
) -> None:
    scene = make_scene(save_gray(tmp_path / "photograph.jpg", 320, 240), 96, 64)
    assert {(luma.shape, luma.dtype.name) for luma in scene} == {((64, 96), "uint8")}
    assert min(luma.min() for luma in scene) >= 16
    assert max(luma.max() for luma in scene) <= 235
    for one, other in pairwise(scene):
        np.testing.assert_array_equal(one[:, 4:], other[:, :-4])


@pytest.mark.parametrize("command", ["networks", "frames", "folder", "film"])
def test_without_photographs(bench: Run, tmp_path: Path, command: str) -> None:
    (tmp_path / "empty").mkdir()
    done = bench(command, "empty")
    assert done.returncode == 1
    assert done.stderr.decode() == "tinct: error: empty: no photographs to measure with\n"


def test_an_evaluation_without_costs_is_no_plot(bench: Run, tmp_path: Path) -> None:
    (tmp_path / "old.json").write_text('{"rows": [{"name": "gray"}]}')
    done = bench("quality", "old.json", "-o", "plot")
    assert done.returncode == 1
    assert done.stderr.decode().startswith("tinct: error: old.json: not an evaluation with costs")
    assert not (tmp_path / "plot").exists()


@pytest.mark.slow
def test_every_way_is_timed_with_every_number_of_threads(
    bench: Run, tmp_path: Path, save_gray: Callable[..., Path]
) -> None:
    save_gray(tmp_path / "album/0.jpg", 640, 480)
    done = bench("threads", "album", "--rounds", "1", "--json", "-")
    assert done.returncode == 0, done.stderr
    lines = json.loads(done.stdout)["lines"]
    assert {line["way"] for line in lines} == {"film", "folder", "live", "photograph"}
    assert [line["threads"] for line in lines] == 4 * [None, 1, 2]
    assert all(line["timing"]["median"] > 0 for line in lines)
