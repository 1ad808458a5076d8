from __future__ import annotations

import hashlib
import io
import os
import pickle
import tarfile

import cv2
import numpy as np
import pytest
from PIL import Image

from tinct import bins, color
from tinct.errors import InputError, TrainingError
from tinct.lab.data.cache import open_cache

resource = pytest.importorskip(
    "resource", reason="limits on the size of files are a matter of Unix"
)


def photographs_of(cache):
    return {name: cache.photograph(index) for index, name in enumerate(cache.names)}


def test_folders_and_tars_in_order(photographs, generated, tmp_path):
    cache = open_cache(photographs.both, tmp_path, 64)
    assert len(cache) == 24
    assert list(cache.names) == [*sorted(cache.names[:12]), *sorted(cache.names[12:])]
    assert "below/01.webp" in cache.names
    assert cache.dropped == {"unreadable": 0, "too small": 0, "gray": 0}


def test_pixels_are_those_of_the_files(photographs, generated, tmp_path):
    cache = open_cache((str(photographs.folder),), tmp_path, 200)
    found = photographs_of(cache)
    np.testing.assert_array_equal(found["00.png"], generated.picture(0))  # never enlarged
    difference = np.abs(found["02.jpeg"].astype(int) - generated.picture(2))
    assert difference.mean() < 3
    assert cache.pixels[0].size == sum(picture.size for picture in found.values())


def test_photographs_are_reduced_to_their_short_side(photographs, generated, tmp_path):
    cache = open_cache((str(photographs.folder),), tmp_path, 36)
    assert set(map(tuple, cache.shapes.tolist())) == {(36, 48)}
    halved = generated.picture(0).reshape(36, 2, 48, 2, 3).mean(axis=(1, 3))
    assert np.abs(photographs_of(cache)["00.png"] - halved).max() <= 1


def test_the_same_photographs_are_known_by_their_pixels(photographs, generated, tmp_path):
    below = open_cache((str(photographs.folder / "below"),), tmp_path, 64)
    whole = open_cache(photographs.both, tmp_path, 64)
    tar = open_cache((str(photographs.tar),), tmp_path, 64)
    assert below.count_shared(whole) == len(below) == 6
    assert below.count_shared(tar) == 0


def test_histogram_counts_the_colors(photographs, generated, tmp_path):
    cache = open_cache((str(photographs.folder),), tmp_path, 64)
    assert cache.histogram.shape == (256, 256)
    assert cache.histogram.sum() == sum(h // 4 * (w // 4) for h, w in cache.shapes.tolist())
    mean = (cache.histogram[..., None] * bins.ab_cells()).sum(axis=(0, 1)) / cache.histogram.sum()
    pixels = [cache.photograph(index).reshape(-1, 3) / 255 for index in range(len(cache))]
    np.testing.assert_allclose(
        mean, color.rgb_to_lab(np.concatenate(pixels))[:, 1:].mean(0), atol=1
    )


@pytest.fixture
def mixed(tmp_path, generated):
    """A folder with two photographs and one file of every kind that is left out."""
    folder = tmp_path / "mixed"
    folder.mkdir()
    png = generated.encoded(generated.picture(1), "PNG")
    jpeg = generated.encoded(generated.picture(2), "JPEG")
    gray = np.repeat(generated.picture(3)[..., :1], 3, axis=2)
    files = {
        "a.png": png,
        "b.JPG": jpeg,
        "broken.png": b"not a picture",
        "cut.jpg": jpeg[: len(jpeg) // 2],
        "empty.webp": b"",
        "gray.png": generated.encoded(gray, "PNG"),
        "small.png": generated.encoded(generated.picture(4, 31, 80), "PNG"),
        "notes.txt": b"no photograph at all",
    }
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / "folder.png").mkdir()
    (folder / "dangling.png").symlink_to(folder / "nothing")
    return folder


def test_files_of_no_use_are_counted_by_reason(mixed, tmp_path):
    cache = open_cache((str(mixed),), tmp_path / "cache", 64)
    assert cache.names == ("a.png", "b.JPG")
    assert cache.dropped == {"unreadable": 4, "too small": 1, "gray": 1}
    assert [text.partition(": ")[0] for text in cache.unreadable] == [
        "broken.png",
        "cut.jpg",
        "dangling.png",
        "empty.webp",
    ]
    assert cache.left_out() == (
        f"4 unreadable ({'; '.join(cache.unreadable)}), 1 too small, 1 gray"
    )
    assert "empty.webp: the file is empty" in cache.left_out()


def test_tar_members_of_no_use_are_counted_too(mixed, tmp_path):
    with tarfile.open(tmp_path / "mixed.tar.gz", "w:gz") as archive:
        archive.add(mixed, "mixed")
    cache = open_cache((str(tmp_path / "mixed.tar.gz"),), tmp_path / "cache", 64)
    assert sorted(cache.names) == ["mixed/a.png", "mixed/b.JPG"]
    assert cache.dropped == {"unreadable": 4, "too small": 1, "gray": 1}


def test_only_the_first_of_many_unreadable_ones_are_named_at_length(tmp_path, generated):
    (tmp_path / "z.png").write_bytes(generated.encoded(generated.picture(1), "PNG"))
    for number in range(8):
        (tmp_path / f"{number}.png").write_bytes(b"no")
    line = open_cache((str(tmp_path),), tmp_path / "cache", 64).left_out()
    assert line.startswith("8 unreadable (0.png: not a picture that tinct can read; 1.png: ")
    assert line.endswith("; 4.png: not a picture that tinct can read; and 3 more)")


def test_nothing_left_out_is_nothing_said(photographs, tmp_path):
    assert open_cache(photographs.both, tmp_path, 64).left_out() == ""


def test_caches_of_earlier_versions_are_found_and_read(photographs, tmp_path):
    cache = open_cache((str(photographs.tar),), tmp_path, 64)
    facts = photographs.tar.stat()
    identity = f"2 64 None\nshard.tar {facts.st_size} {facts.st_mtime_ns}\n"
    assert cache.paths[0].stem == hashlib.sha256(identity.encode()).hexdigest()[:16]
    with np.load(cache.paths[0]) as index:
        older = {key: index[key] for key in index if key != "unreadable"}
    np.savez(cache.paths[0], **older)
    again = open_cache((str(photographs.tar),), tmp_path, 64)
    assert (again.names, again.unreadable) == (cache.names, ())


def test_shards_in_a_folder_are_read_too(photographs, tmp_path):
    wanted = open_cache((str(photographs.tar),), tmp_path / "cache", 64)
    folder = tmp_path / "shards"
    folder.mkdir()
    (folder / "x.tar").write_bytes(photographs.tar.read_bytes())
    found = open_cache((str(folder),), tmp_path / "cache", 64)
    np.testing.assert_array_equal(found.pixels[0], wanted.pixels[0])


def test_data_sets_have_caches_of_their_own(photographs, tmp_path):
    pytest.importorskip("datasets", reason="the extra 'datasets' is not installed")
    folder = open_cache((str(photographs.folder),), tmp_path, 64)
    data_set = open_cache((f"hf:{photographs.folder}@train#image",), tmp_path, 64)
    assert data_set.paths != folder.paths
    np.testing.assert_array_equal(data_set.pixels[0], folder.pixels[0])
    assert (
        open_cache((f"hf:{photographs.folder}@train#image",), tmp_path, 64).paths == data_set.paths
    )


def test_photographs_are_upright_and_without_alpha(tmp_path, generated):
    rgb = generated.picture(5)
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned clockwise
    Image.fromarray(rgb).save(tmp_path / "turned.png", exif=exif)
    Image.fromarray(rgb).convert("RGBA").save(tmp_path / "alpha.png")
    found = photographs_of(open_cache((str(tmp_path),), tmp_path / "cache", 200))
    np.testing.assert_array_equal(found["turned.png"], np.rot90(rgb, -1))
    np.testing.assert_array_equal(found["alpha.png"], rgb)


def test_sixteen_bits_become_eight(tmp_path, generated):
    rgb = generated.picture(5)
    deep = (rgb[..., ::-1].astype(int) * 257 + 100).clip(0, 65535).astype(np.uint16)
    (tmp_path / "deep.png").write_bytes(cv2.imencode(".png", deep)[1].tobytes())
    found = photographs_of(open_cache((str(tmp_path),), tmp_path / "cache", 200))
    np.testing.assert_array_equal(found["deep.png"], rgb)


def test_second_opening_decodes_nothing(photographs, tmp_path):
    told = []
    first = open_cache(photographs.both, tmp_path, 64, report=told.append)
    assert told == [12, 24]
    before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
    second = open_cache(photographs.both, tmp_path, 64, report=told.append)
    assert told == [12, 24]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
    assert second.names == first.names
    for index in range(24):
        np.testing.assert_array_equal(second.photograph(index), first.photograph(index))


def test_a_further_source_leaves_the_others_as_they_are(photographs, tmp_path):
    told = []
    first = open_cache((str(photographs.tar),), tmp_path, 64)
    both = open_cache(photographs.both, tmp_path, 64, report=told.append)
    assert told == [12]
    assert both.paths[1:] == first.paths
    np.testing.assert_array_equal(both.photograph(12), first.photograph(0))
    np.testing.assert_array_equal(both.part(np.array([12, 3])).photograph(0), first.photograph(0))
    alone = open_cache((str(photographs.folder),), tmp_path, 64)
    np.testing.assert_array_equal(both.histogram, alone.histogram + first.histogram)


def test_a_source_without_photographs_of_use_is_no_hindrance(mixed, photographs, tmp_path):
    for path in mixed.glob("[ab].*"):
        path.unlink()
    cache = open_cache((str(mixed), str(photographs.tar)), tmp_path / "cache", 64)
    assert len(cache) == 12
    assert cache.dropped == {"unreadable": 4, "too small": 1, "gray": 1}
    assert len(cache.unreadable) == 4


def test_limit_takes_the_first(photographs, tmp_path):
    everything = open_cache(photographs.both, tmp_path, 64)
    few = open_cache(photographs.both, tmp_path, 64, limit=14)
    assert few.names == everything.names[:14]
    assert few.paths != everything.paths


def test_settings_and_changed_files_have_caches_of_their_own(mixed, tmp_path, generated):
    folder = tmp_path / "cache"
    first = open_cache((str(mixed),), folder, 64)
    assert open_cache((str(mixed),), folder, 48).paths != first.paths
    (mixed / "notes.txt").write_text("other notes")
    assert open_cache((str(mixed),), folder, 64).paths == first.paths
    facts = (mixed / "a.png").stat()
    os.utime(mixed / "a.png", ns=(facts.st_atime_ns, facts.st_mtime_ns + 1))
    assert open_cache((str(mixed),), folder, 64).paths != first.paths


def test_same_names_in_two_places_are_not_confused(tmp_path, generated):
    for place, seed in (("one", 1), ("two", 2)):
        (tmp_path / place / "x").mkdir(parents=True)
        rgb = generated.picture(seed)
        Image.fromarray(rgb).save(tmp_path / place / "x" / "a.bmp")  # all of one size
    caches = [open_cache((str(tmp_path / p / "x"),), tmp_path / "c", 64) for p in ("one", "two")]
    assert not np.array_equal(caches[0].photograph(0), caches[1].photograph(0))


def test_half_filled_cache_is_none(photographs, tmp_path):
    def stop(done):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        open_cache(photographs.both, tmp_path, 64, report=stop)
    assert list(tmp_path.iterdir()) == []
    assert len(open_cache(photographs.both, tmp_path, 64)) == 24


def test_lost_pixels_are_decoded_again(photographs, tmp_path):
    first = open_cache(photographs.both, tmp_path, 64)
    wanted = np.array(first.photograph(0))
    first.paths[0].with_suffix(".rgb").unlink()
    again = open_cache(photographs.both, tmp_path, 64)
    np.testing.assert_array_equal(again.photograph(0), wanted)


@pytest.mark.parametrize(
    ("suffix", "size"), [(".rgb", 0), (".rgb", 1000), (".npz", 0), (".npz", 100)]
)
def test_what_is_left_of_a_file_is_no_cache(photographs, tmp_path, suffix, size):
    first = open_cache(photographs.both, tmp_path, 64)
    wanted = np.array(first.photograph(0))
    path = first.paths[0].with_suffix(suffix)
    whole = path.read_bytes()
    path.unlink()  # first has it mapped
    path.write_bytes(whole[:size])
    again = open_cache(photographs.both, tmp_path, 64)
    np.testing.assert_array_equal(again.photograph(0), wanted)
    assert path.stat().st_size == len(whole)


def test_full_disk_is_one_line_and_leaves_nothing(photographs, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        with pytest.raises(TrainingError) as caught:
            open_cache(photographs.both, tmp_path / "cache", 64)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert str(caught.value).startswith(f"{tmp_path / 'cache'}: cannot keep decoded photographs: ")
    assert "\n" not in str(caught.value)
    assert list((tmp_path / "cache").iterdir()) == []


def test_cache_that_cannot_be_made_is_one_line(photographs, tmp_path):
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(TrainingError, match="file: cannot keep decoded photographs: "):
        open_cache(photographs.both, tmp_path / "file", 64)


def test_sources_may_be_patterns_but_must_exist(photographs, tmp_path):
    pattern = str(photographs.tar.with_name("sh?rd*.tar"))
    assert len(open_cache((pattern,), tmp_path, 64)) == 12
    with pytest.raises(InputError, match=r"none-\*\.tar: no such folder or tar file"):
        open_cache(("none-*.tar",), tmp_path, 64)
    with pytest.raises(TrainingError, match="no photographs given"):
        open_cache((), tmp_path, 64)


def test_sources_without_photographs_are_refused(tmp_path, generated):
    (tmp_path / "a.png").write_bytes(b"no")
    with pytest.raises(TrainingError, match=r"no usable photographs: 1 unreadable \(a\.png: "):
        open_cache((str(tmp_path),), tmp_path / "cache", 64)
    assert list((tmp_path / "cache").iterdir()) == []


def test_damaged_tars_are_named(photographs, tmp_path):
    whole = photographs.tar.read_bytes()
    gzipped = io.BytesIO()
    with tarfile.open(fileobj=gzipped, mode="w:gz") as archive:
        archive.add(photographs.folder, "x")
    kinds = {"text": b"hello", "cut": whole[:5000], "cut-gz": gzipped.getvalue()[:5000]}
    for name, data in kinds.items():
        path = tmp_path / f"{name}.tar"
        path.write_bytes(data)
        with pytest.raises(InputError, match=f"{name}.tar: damaged, or not a folder or") as caught:
            open_cache((str(path),), tmp_path / "cache", 64)
        assert "\n" not in str(caught.value)


def test_a_cache_is_sent_to_workers_as_its_path(photographs, tmp_path):
    cache = open_cache(photographs.both, tmp_path, 64)
    sent = pickle.dumps(cache)
    assert len(sent) < 2000
    np.testing.assert_array_equal(pickle.loads(sent).photograph(3), cache.photograph(3))


@pytest.fixture
def cache(photographs, tmp_path):
    return open_cache(photographs.both, tmp_path, 64)


def test_a_tenth_is_held_out(cache):
    kept, held_out = cache.hold_out(512)
    assert {*kept.names} | {*held_out.names} == {*cache.names}
    assert not {*kept.names} & {*held_out.names}
    assert len(held_out) == -(-len(cache) // 10)
    again = pickle.loads(pickle.dumps(held_out.part(np.array([2, 0])).part(np.array([1, 0]))))
    assert again.names == (held_out.names[0], held_out.names[2])
    for index, name in enumerate(again.names):
        number = cache.names.index(name)
        np.testing.assert_array_equal(again.photograph(index), cache.photograph(number))


def test_no_more_are_held_out_than_asked_for(cache):
    assert len(cache.hold_out(2)[1]) == 2


def test_a_single_photograph_is_all_there_is(cache):
    one = cache.part(np.arange(1))
    kept, held_out = one.hold_out(512)
    assert len(kept) == len(held_out) == 1
