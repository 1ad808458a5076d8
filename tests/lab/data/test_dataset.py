from __future__ import annotations

import hashlib
import io
from importlib.util import find_spec

import cv2
import numpy as np
import pytest
from PIL import Image

from tinct.errors import InputError, OptionError
from tinct.lab.data.dataset import Photographs, read_rgb, square


def names(photographs):
    return [photograph.name for photograph in photographs]


def test_a_shard_gives_its_photographs_in_order(shard, make_rgb, encode):
    path = shard({f"{n}.png": encode(make_rgb(n)) for n in (2, 0, 1)})
    photographs = list(Photographs(path))
    assert [p.name for p in photographs] == ["2.png", "0.png", "1.png"]
    for photograph, number in zip(photographs, (2, 0, 1), strict=True):
        np.testing.assert_array_equal(photograph.rgb, make_rgb(number))


def test_a_folder_gives_pictures_and_shards_by_name(tmp_path, shard, make_rgb, encode):
    shard({"in-shard.png": encode(make_rgb(0))}, "b.tar")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.png").write_bytes(encode(make_rgb(1)))
    (tmp_path / "a.webp").write_bytes(encode(make_rgb(2)))
    (tmp_path / "notes.txt").write_text("no picture")
    assert names(Photographs(tmp_path)) == ["a.webp", "in-shard.png", "sub/c.png"]


def test_other_files_in_a_shard_are_not_photographs(shard, make_rgb, encode):
    path = shard({"a.json": b"{}", "a.png": encode(make_rgb(0))})
    photographs = Photographs(path)
    assert names(photographs) == ["a.png"]
    assert len(photographs) == 1


def test_broken_photographs_are_named_and_counted(colorful):
    photographs = Photographs(colorful)
    assert names(photographs) == ["p0.png", "p1.png", "p2.png", "gray.png"]
    assert len(photographs.broken) == 1
    assert photographs.broken[0].startswith("broken.png: ")
    assert len(photographs) == 5


def test_a_truncated_jpeg_is_no_truth(make_rgb):
    stream = io.BytesIO()
    Image.fromarray(make_rgb(0, 200, 200)).save(stream, "JPEG", quality=95)
    whole = stream.getvalue()
    assert read_rgb(whole, "whole.jpg").shape == (200, 200, 3)
    with pytest.raises(InputError, match=r"^half\.jpg: "):
        read_rgb(whole[: len(whole) // 2], "half.jpg")


def test_the_hash_depends_on_names_and_contents(shard, make_rgb, encode):
    contents = {"a.png": encode(make_rgb(0)), "b.png": encode(make_rgb(1))}
    renamed = {"a.png": contents["a.png"], "c.png": contents["b.png"]}
    changed = {"a.png": contents["a.png"], "b.png": encode(make_rgb(2))}
    hashes = []
    for index, files in enumerate((contents, renamed, changed, contents)):
        photographs = Photographs(shard(files, f"{index}.tar"))
        list(photographs)
        hashes.append(photographs.sha256)
    assert hashes[0] == hashes[3]
    assert len(set(hashes)) == 3


def test_iterating_twice_gives_the_same(colorful):
    photographs = Photographs(colorful)
    first = names(photographs), list(photographs.broken), photographs.sha256
    assert (names(photographs), photographs.broken, photographs.sha256) == first


def test_the_limit_counts_what_could_be_read(shard, make_rgb, encode):
    good = encode(make_rgb(0))
    photographs = Photographs(shard({"bad.png": good[:40], "a.png": good, "b.png": good}), limit=1)
    assert names(photographs) == ["a.png"]
    assert len(photographs) == 1


def test_16_bits_are_rounded(make_rgb):
    deep = np.array([[[0, 257 * 7, 257 * 7 + 128], [257 * 99 + 129, 65535, 257 * 99]]], np.uint16)
    data = cv2.imencode(".png", deep[..., ::-1])[1].tobytes()
    np.testing.assert_array_equal(read_rgb(data, "deep.png"), [[[0, 7, 7], [100, 255, 99]]])


def test_gray_and_transparent_pictures_become_rgb(encode):
    assert (
        read_rgb(encode(np.full((4, 6), 9, np.uint8)), "gray.png").tolist() == [[[9] * 3] * 6] * 4
    )
    assert read_rgb(encode(np.zeros((4, 6, 4), np.uint8)), "alpha.png").shape == (4, 6, 3)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("none", "no such folder or tar file of photographs"),
        ("a.txt", "damaged, or not a folder or tar file of photographs"),
        ("empty", "holds no photographs and no tar files"),
    ],
)
def test_unusable_sources_are_refused(tmp_path, name, reason):
    (tmp_path / "a.txt").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=rf"{name}: {reason}"):
        list(Photographs(tmp_path / name))


def test_a_file_that_is_not_there_is_named_and_counted(tmp_path, make_rgb, encode):
    (tmp_path / "a.png").write_bytes(encode(make_rgb(0)))
    (tmp_path / "b.png").symlink_to(tmp_path / "nothing")
    photographs = Photographs(tmp_path)
    assert names(photographs) == ["a.png"]
    assert photographs.broken == ["b.png: no such file"]
    assert len(photographs) == 2


def test_the_hash_is_that_of_the_photographs_wherever_they_are(tmp_path, shard, make_rgb, encode):
    contents = {f"{n}.png": encode(make_rgb(n)) for n in range(3)} | {"bad.png": b"no"}
    folders = {f"val/n0{index}/{name}": data for index, (name, data) in enumerate(contents.items())}
    for name, data in folders.items():
        (tmp_path / "root" / name).parent.mkdir(parents=True)
        (tmp_path / "root" / name).write_bytes(data)
    sources = [tmp_path / "root", shard(contents, "flat.tar"), shard(folders, "deep.tar")]
    if find_spec("datasets"):
        sources.append(f"hf:{tmp_path / 'root' / 'val'}")
    hashes = set()
    for source in sources:
        photographs = Photographs(source)
        assert len(names(photographs)) == 3
        assert [text.partition(": ")[0][-7:] for text in photographs.broken] == ["bad.png"]
        hashes.add(photographs.sha256)
    # names and bytes, written out: reports of earlier versions have the same hash
    data = b"".join(f"{n}\0{len(d)}\0".encode() + d for n, d in contents.items())
    assert hashes == {hashlib.sha256(data).hexdigest()}


def test_the_total_is_known_without_reading_or_not_at_all(shard, make_rgb, encode):
    path = shard({f"{n}.png": encode(make_rgb(n)) for n in range(3)})
    assert Photographs(path).total == len(Photographs(path)) == 3
    assert Photographs(path, limit=2).total == len(Photographs(path, limit=2)) == 2
    assert Photographs("http://127.0.0.1:9/shard.tar").total is None


@pytest.mark.slow
def test_the_photographs_of_the_published_results(data_root):
    photographs = Photographs(data_root / "data" / "photographs" / "val-imagenet.tar")
    assert sum(1 for _ in photographs) == len(photographs) == 1199
    assert photographs.sha256.startswith("539245fb5aba8182")


@pytest.mark.parametrize("shape", [(20, 60), (60, 20), (21, 40)])
def test_square_takes_the_center(shape):
    rgb = np.zeros((*shape, 3), np.uint8)
    side = min(shape)
    top, left = (shape[0] - side) // 2, (shape[1] - side) // 2
    rgb[top : top + side, left : left + side] = 200
    assert (square(rgb, 32) == 200).all()
    assert square(rgb, 32).shape == (32, 32, 3)


def test_square_of_the_same_size_changes_nothing(make_rgb):
    rgb = make_rgb(0, 48, 48)
    np.testing.assert_array_equal(square(rgb, 48), rgb)


def test_a_seed_takes_a_sample_in_the_order_of_the_photographs(shard, make_rgb, encode):
    path = shard({f"{number:02d}.png": encode(make_rgb(number, 8, 8)) for number in range(20)})

    def sample(seed):
        return [photograph.name for photograph in Photographs(path, limit=5, seed=seed)]

    assert len(sample(0)) == 5
    assert sample(0) == sorted(sample(0)) == sample(0)
    assert sample(0) != sample(1)
    assert sample(0) != [f"{number:02d}.png" for number in range(5)]
    with pytest.raises(OptionError, match="--limit tells of how many"):
        Photographs(path, seed=0)
