"""The nodes in ComfyUI itself: its server, its loading of pictures, its workflows."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import numpy as np
import pytest
from PIL import Image

import tinct

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "broadway-saratoga-1900-1915.jpg"
HOST = os.environ.get("TINCT_COMFYUI")
PYTHON = os.environ.get("TINCT_COMFYUI_PYTHON", "python")
PATIENCE = 180  # s
WIDTH, HEIGHT = 320, 240

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        HOST is None, reason="TINCT_COMFYUI: folder of ComfyUI; TINCT_COMFYUI_PYTHON: what runs it"
    ),
]


def _gray() -> Any:
    with Image.open(EXAMPLE) as picture:
        return picture.convert("L").resize((WIDTH, HEIGHT))


class Comfy:
    """A running server of ComfyUI."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder, self._address = folder, f"http://127.0.0.1:{port}"

    def ask(self, path: str, content: Any = None) -> Any:
        data = None if content is None else json.dumps(content).encode()
        request = Request(self._address + path, data, {"Content-Type": "application/json"})
        with urlopen(request, timeout=PATIENCE) as answer:
            return json.loads(answer.read())

    def answers(self) -> bool:
        try:
            self.ask("/system_stats")
        except OSError:
            return False
        return True

    def run(self, workflow: dict[str, Any]) -> dict[str, Any]:
        """Run a workflow to its end, and return what its history says of it."""
        number = self.ask("/prompt", {"prompt": workflow})["prompt_id"]
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            history = self.ask(f"/history/{number}")
            if number in history:
                done: dict[str, Any] = history[number]
                return done
            time.sleep(0.2)
        raise TimeoutError("ComfyUI did not finish")

    def pictures(self, done: dict[str, Any], node: str) -> list[np.ndarray]:
        assert done["status"]["status_str"] == "success", done["status"]
        names = [entry["filename"] for entry in done["outputs"][node]["images"]]
        return [np.asarray(Image.open(self.folder / "output" / name)) for name in names]


@pytest.fixture(scope="module")
def comfy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Comfy]:
    assert HOST is not None
    folder = tmp_path_factory.mktemp("comfyui")
    for name in ("input", "output", "temp", "user", "custom_nodes"):
        (folder / name).mkdir()
    (folder / "custom_nodes" / "comfyui-tinct").symlink_to(ROOT / "integrations" / "comfyui")
    _gray().save(folder / "input" / "gray.png")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [PYTHON, "main.py", "--cpu", "--listen", "127.0.0.1", "--port", str(port)]
    command += ["--base-directory", str(folder), "--disable-api-nodes"]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(
            command,
            cwd=HOST,
            stdout=log,
            stderr=log,
            env=os.environ | {"PYTHONPATH": str(ROOT / "src")},
        )
    try:
        server = Comfy(folder, port)
        end = time.monotonic() + PATIENCE
        while not server.answers():
            is_over = process.poll() is not None or time.monotonic() > end
            assert not is_over, (folder / "log").read_text()
            time.sleep(0.5)
        yield server
    finally:
        process.terminate()
        process.wait()


def node(kind: str, **inputs: Any) -> dict[str, Any]:
    return {"class_type": kind, "inputs": inputs}


LOAD = node("LoadImage", image="gray.png")
PLACE = {"x": 20, "y": 10}
OPTIONS: dict[str, Any] = {"vividness": 0.6, "cautious": 0.0, "saturation": 1.0}


def test_the_nodes_are_described(comfy: Comfy) -> None:
    names = ("TinctColorize", "TinctColorizeFrames", "TinctColorHint", "TinctColorReference")
    for name in names:
        described = comfy.ask(f"/object_info/{name}")[name]
        assert described["category"] == "image/color"
        assert described["display_name"]


def test_a_photograph_gets_the_colors_of_python(comfy: Comfy) -> None:
    done = comfy.run({
        "1": LOAD,
        "2": node("TinctColorize", image=["1", 0], model="base", **OPTIONS),
        "3": node("SaveImage", images=["2", 0], filename_prefix="color"),
    })  # fmt: skip
    (made,) = comfy.pictures(done, "3")
    gray = np.asarray(_gray().convert("RGB"))
    expected = tinct.Colorizer("base", vividness=0.6)(gray)
    difference = np.abs(made.astype(int) - expected.astype(int))
    assert difference.max() <= 2
    assert np.abs(expected.astype(int) - gray).mean() > 3


def test_hints_and_references_are_known(comfy: Comfy) -> None:
    done = comfy.run({
        "1": LOAD,
        "2": node("SolidMask", value=1.0, width=60, height=60),
        "3": node("SolidMask", value=0.0, width=WIDTH, height=HEIGHT),
        "4": node("MaskComposite", destination=["3", 0], source=["2", 0], operation="add", **PLACE),
        "5": node("TinctColorHint", mask=["4", 0], color="#2040c0"),
        "6": node("TinctColorize", image=["1", 0], model="nano", known=["5", 0], **OPTIONS),
        "7": node("SaveImage", images=["6", 0], filename_prefix="hint"),
        "8": node("TinctColorReference", image=["6", 0], known=["5", 0]),
        "9": node("TinctColorize", image=["1", 0], model="nano", known=["8", 0], **OPTIONS),
        "10": node("SaveImage", images=["9", 0], filename_prefix="reference"),
    })  # fmt: skip
    for saved in ("7", "10"):
        (made,) = comfy.pictures(done, saved)
        spot = made[20:60, 30:70].reshape(-1, 3).mean(axis=0)
        assert spot[2] > spot[0] + 10, "blue, as was said"


def test_frames_of_a_film_are_steady(comfy: Comfy) -> None:
    done = comfy.run({
        "1": LOAD,
        "2": node("RepeatImageBatch", image=["1", 0], amount=6),
        "3": node("TinctColorizeFrames", image=["2", 0], model="nano", **OPTIONS),
        "4": node("SaveImage", images=["3", 0], filename_prefix="frame"),
    })  # fmt: skip
    frames = comfy.pictures(done, "4")
    assert len(frames) == 6
    assert np.ptp(frames[0].astype(int), axis=2).mean() > 5
    assert np.abs(frames[5].astype(int) - frames[4]).max() <= 2


def test_a_gray_reference_is_refused_with_a_reason(comfy: Comfy) -> None:
    done = comfy.run({
        "1": LOAD,
        "2": node("TinctColorReference", image=["1", 0]),
        "3": node("TinctColorize", image=["1", 0], model="nano", known=["2", 0], **OPTIONS),
        "4": node("SaveImage", images=["3", 0], filename_prefix="never"),
    })  # fmt: skip
    assert done["status"]["status_str"] == "error"
    assert "this picture is gray" in json.dumps(done["status"])
