"""``tinct lab references``: what frames in color are worth to others."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from tinct import color
from tinct.apps.cli import main
from tinct.lab.steadiness.references import compare, transfer_histograms


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Make a film of 12 frames: a red and a blue half, both with some structure, that move."""
    path = tmp_path / "film.mkv"
    rng = np.random.default_rng(0)
    gray = rng.integers(80, 140, (8, 16)).repeat(8, axis=0).repeat(8, axis=1)
    rgb = np.stack([gray] * 3, axis=-1)
    rgb[:, :64, 0] += 90
    rgb[:, 64:, 2] += 90
    with av.open(str(path), "w") as container:
        stream = container.add_stream("ffv1", rate=25)
        stream.width, stream.height, stream.pix_fmt = 96, 64, "yuv444p"
        for number in range(12):
            pixels = np.ascontiguousarray(rgb[:, number : number + 96].astype(np.uint8))
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode(None))
    return path


def test_key_frames_and_references_are_nearer_to_the_truth(
    film: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    output = tmp_path / "out.md"
    assert main(["lab", "references", str(film), "--frames", "12", "-o", str(output)]) == 0
    text = output.read_text()
    rows = [[cell.strip() for cell in line.split("|")] for line in text.splitlines()]
    films = {row[2]: float(row[3]) for row in rows if row[1:2] == ["film"]}
    assert films["a key frame each 2 s"] < films["automatic"] / 3
    pairs = {row[2]: float(row[4]) for row in rows if row[1:2] == ["10 frames apart"]}
    assert pairs["reference"] < pairs["automatic"] * 0.8
    assert "30 frames apart" not in text


def test_histograms_are_those_of_the_other_picture(rng: np.random.Generator) -> None:
    gray: NDArray[np.uint8] = rng.integers(60, 200, (32, 32, 1), np.uint8).repeat(3, axis=-1)
    known = gray.copy()
    known[..., 0] += 30
    made = transfer_histograms(gray, known)
    lab, wanted = (color.rgb_to_lab(one.astype(np.float32) / 255) for one in (made, known))
    assert np.abs(lab[..., 1:].mean(axis=(0, 1)) - wanted[..., 1:].mean(axis=(0, 1))).max() < 1.5


def test_the_truth_is_no_error() -> None:
    rgb = np.full((16, 16, 3), (200, 90, 40), np.uint8)
    difference, psnr = compare(rgb.astype(np.float32) / 255, rgb)
    assert difference < 1e-3
    assert psnr > 90
