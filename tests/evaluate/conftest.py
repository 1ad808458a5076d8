"""Fixtures for the tests of the evaluation."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture
def data_root() -> Path:
    """The paper's material and the photographs, which are not part of the repository."""
    root = os.environ.get("TINCT_DATA")
    if not root:
        pytest.skip("TINCT_DATA is not set: the folder with seed/ and data/")
    return Path(root)


def make_rgb(number: int, height: int = 40, width: int = 56) -> np.ndarray:
    """A smooth colourful picture, another one for each number."""
    y, x = np.mgrid[:height, :width] / 40
    waves = [np.sin(4 * x + number + c) * np.cos(3 * y * (c + 1)) for c in range(3)]
    return np.rint(127.5 + 127.5 * np.stack(waves, axis=-1)).astype(np.uint8)


def encode(rgb: np.ndarray) -> bytes:
    """A PNG of a picture."""
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def shard(tmp_path):
    """Writes named contents to a tar shard and returns its path."""

    def write(contents: dict[str, bytes], name: str = "shard.tar") -> Path:
        with tarfile.open(tmp_path / name, "w") as tar:
            for member, data in contents.items():
                info = tarfile.TarInfo(member)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        return tmp_path / name

    return write


@pytest.fixture
def colorful(shard):
    """A shard of three colourful photographs, one grey one and one that is broken."""
    contents = {f"p{number}.png": encode(make_rgb(number)) for number in range(3)}
    contents["grey.png"] = encode(np.full((40, 40, 3), 90, np.uint8))
    contents["broken.png"] = contents["p0.png"][:50]
    return shard(contents)


@pytest.fixture(name="make_rgb")
def make_rgb_fixture():
    return make_rgb


@pytest.fixture(name="encode")
def encode_fixture():
    return encode
