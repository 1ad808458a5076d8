"""Photographs and short runs that the tests of the laboratory share."""

from __future__ import annotations

import io
import os
import tarfile
from pathlib import Path
from types import SimpleNamespace

import cv2
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
    """A smooth colorful picture, another one for each number."""
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
    """A shard of three colorful photographs, one gray one and one that is broken."""
    contents = {f"p{number}.png": encode(make_rgb(number)) for number in range(3)}
    contents["gray.png"] = encode(np.full((40, 40, 3), 90, np.uint8))
    contents["broken.png"] = contents["p0.png"][:50]
    return shard(contents)


@pytest.fixture(name="make_rgb")
def make_rgb_fixture():
    return make_rgb


@pytest.fixture(name="encode")
def encode_fixture():
    return encode


FORMATS = ("PNG", "WEBP", "JPEG")
STEPS = 12


def smooth_picture(seed: int, height: int = 72, width: int = 96) -> np.ndarray:
    """Soft blobs of random colors, (height, width, 3) uint8 RGB."""
    coarse = np.random.default_rng(seed).uniform(-0.2, 1.2, (4, 5, 3)).astype(np.float32)
    smooth = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC).clip(0, 1)
    return np.rint(smooth * 255).astype(np.uint8)


def encoded(rgb: np.ndarray, format: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(rgb).save(buffer, format, quality=95)
    return buffer.getvalue()


def add_to_tar(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))


@pytest.fixture(scope="session")
def generated() -> SimpleNamespace:
    """The functions above: test files cannot import them."""
    return SimpleNamespace(picture=smooth_picture, encoded=encoded, add_to_tar=add_to_tar)


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """24 photographs, half of them in a folder and half in a tar file."""
    root = tmp_path_factory.mktemp("photographs")
    folder, tar = root / "folder", root / "shard.tar"
    (folder / "below").mkdir(parents=True)
    for seed in range(12):
        kind = FORMATS[seed % 3]
        path = folder / ("below" if seed % 2 else "") / f"{seed:02d}.{kind.lower()}"
        path.write_bytes(encoded(smooth_picture(seed), kind))
    with tarfile.open(tar, "w") as archive:
        for seed in range(12, 24):
            kind = FORMATS[seed % 3]
            add_to_tar(archive, f"{seed:02d}.{kind.lower()}", encoded(smooth_picture(seed), kind))
    return SimpleNamespace(folder=folder, tar=tar, both=(str(folder), str(tar)))


@pytest.fixture(scope="session")
def cache_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Decoded photographs, shared by all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def make_config(photographs: SimpleNamespace, cache_folder: Path):
    """Make the choices of a run that takes seconds; what is named differs from it."""
    from tinct.lab.train.config import config_from_dict

    def make(**changes):
        data = {
            "train": photographs.both,
            "validation": photographs.both,
            "cache": str(cache_folder),
            "validation_limit": 6,
        }
        table = {
            "data": data,
            "crop": 64,
            "batch": 4,
            "steps": STEPS,
            "warmup": 2,
            "learning_rate": 0.01,
            "validate_every": 5,
            "threads": 1,
            "workers": 0,  # a process that prepares photographs takes seconds to start
        }
        return config_from_dict(table | changes, "test")

    return make


@pytest.fixture(scope="session")
def finished(make_config, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """A run of twelve steps, without a break: its folder, its choices and what it told."""
    pytest.importorskip("torch")
    from tinct.lab.train.loop import train

    folder, told = tmp_path_factory.mktemp("runs") / "finished", []
    config = make_config()
    last = train(config, folder, on_progress=told.append)
    return SimpleNamespace(folder=folder, config=config, told=told, last=last)
