from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from tinct.errors import InputError, MissingExtraError
from tinct.lab.data import remote as web
from tinct.lab.data.collection import Collection


def png(number: int) -> bytes:
    """Another picture for each number, which no compression makes small."""
    noise = np.random.default_rng(number).integers(0, 256, (40, 50, 3), np.uint8)
    stream = io.BytesIO()
    Image.fromarray(noise).save(stream, "PNG")
    return stream.getvalue()


def tar_of(contents: dict[str, bytes], mode: str = "w") -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, data in contents.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            archive.addfile(member, io.BytesIO(data))
    return stream.getvalue()


def write(folder, contents: dict[str, bytes]):
    for name, data in contents.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


FIVE = {f"{number}.png": png(number) for number in range(5)}


def read(*sources) -> dict[str, bytes]:
    """All photographs by name; fails if one of them could not be read."""
    items = list(Collection(*sources))
    assert all(isinstance(data, bytes) for _, data in items)
    assert len(dict(items)) == len(items)
    return dict(items)


def reason(*sources) -> str:
    with pytest.raises(InputError) as caught:
        list(Collection(*sources))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_a_folder_is_searched_to_any_depth_and_gives_names_in_order(tmp_path):
    pictures = {"b/c/x.JPG": b"1", "a.png": b"2", "b/a.TIFF": b"3", "z.jp2": b"4", "b.webp": b"5"}
    write(tmp_path, pictures | {"notes.txt": b"", "b/x.json": b""})
    (tmp_path / "folder.png").mkdir()
    assert list(read(tmp_path).items()) == [
        ("a.png", b"2"),
        ("b/a.TIFF", b"3"),
        ("b/c/x.JPG", b"1"),
        ("b.webp", b"5"),
        ("z.jp2", b"4"),
    ]


def test_imagenet_as_torchvision_has_it(tmp_path):
    pictures = {
        f"{split}/{kind}/ILSVRC2012_{split}_0000{number}.JPEG": png(number)
        for number, (split, kind) in enumerate(
            [("train", "n01440764"), ("val", "n01440764"), ("val", "n01443537")]
        )
    }
    write(tmp_path, pictures | {"meta.bin": b"x", "ILSVRC2012_devkit_t12/readme.txt": b"x"})
    assert read(tmp_path) == pictures
    assert list(read(tmp_path / "val")) == [
        "n01440764/ILSVRC2012_val_00001.JPEG",
        "n01443537/ILSVRC2012_val_00002.JPEG",
    ]


@pytest.mark.parametrize("kind", ["", "gz", "bz2", "xz"])
def test_tar_files_plain_and_compressed(tmp_path, kind):
    path = tmp_path / "shard.tar"  # told by its content, not by its name
    path.write_bytes(tar_of(FIVE | {"a.json": b"{}"}, f"w:{kind}"))
    assert list(read(path).items()) == list(FIVE.items())
    assert Collection(path).count() == 5


def test_a_folder_may_hold_shards_and_a_picture_is_a_source(tmp_path):
    write(tmp_path, {"1.TAR": tar_of({"x.png": b"1"}), "2.tar.gz": tar_of({"y.png": b"2"}, "w:gz")})
    write(tmp_path, {"0.png": b"0", "sub/3.tgz": tar_of({"z.png": b"3"}, "w:gz")})
    assert read(tmp_path) == {"0.png": b"0", "x.png": b"1", "y.png": b"2", "z.png": b"3"}
    assert read(tmp_path / "0.png", tmp_path / "1.TAR") == {"0.png": b"0", "x.png": b"1"}
    assert Collection(tmp_path).count() == 4


def test_patterns_of_shards(tmp_path):
    shards = {f"s-{n:03d}.tar": tar_of({f"{n}.png": b"x"}) for n in (8, 9, 10, 11)}
    write(tmp_path, shards)
    assert list(read(f"{tmp_path}/s-*.tar")) == ["8.png", "9.png", "10.png", "11.png"]
    assert list(read(f"{tmp_path}/s-{{009..011}}.tar")) == ["9.png", "10.png", "11.png"]
    assert list(read(f"{tmp_path}/s-{{011,008}}.tar")) == ["11.png", "8.png"]
    missing = f"{tmp_path}/s-012.tar: no such folder or tar file of photographs"
    assert reason(f"{tmp_path}/s-{{011..012}}.tar") == missing
    assert "stands for more than" in reason(f"{tmp_path}/s-{{0..99999999}}.tar")


def test_names_that_look_like_patterns(tmp_path):
    for name in ("a[1]", "b{1,2}", "c*"):
        assert read(write(tmp_path / name, {"x.png": b"1"})) == {"x.png": b"1"}


def test_sources_come_one_after_another_and_are_counted_together(tmp_path):
    write(tmp_path, {"b/1.png": b"1", "a/2.png": b"2", "s.tar": tar_of(FIVE)})
    collection = Collection(tmp_path / "b", str(tmp_path / "s.tar"), tmp_path / "a")
    assert [name for name, _ in collection] == ["1.png", *FIVE, "2.png"]
    assert collection.count() == 7
    assert list(collection) == list(collection)


def test_a_folder_with_nothing_in_it_is_refused(tmp_path):
    write(tmp_path, {"notes.txt": b"x"})
    assert reason(tmp_path) == f"{tmp_path}: holds no photographs and no tar files"


def test_what_cannot_be_read_is_named(tmp_path):
    write(tmp_path, {"a.png": b"1"})
    (tmp_path / "b.png").symlink_to(tmp_path / "nothing")
    assert dict(Collection(tmp_path))["a.png"] == b"1"
    assert str(dict(Collection(tmp_path))["b.png"]) == "b.png: no such file"
    assert Collection(tmp_path).count() == 2
    assert Collection(tmp_path).fingerprint()

    with tarfile.open(tmp_path / "links.tar", "w") as archive:
        archive.add(tmp_path / "b.png", "linked.png")
    (item,) = Collection(tmp_path / "links.tar")
    assert str(item[1]) == "linked.png: a link, not a file"


def cut_and_damaged() -> dict[str, bytes]:
    """What becomes of shards; tarfile alone takes the last three of them for whole ones."""
    whole = tar_of(FIVE)
    third = whole.index(FIVE["3.png"]) - 512  # where the head of 3.png begins
    return {
        "text": b"hello",
        "in-a-picture": whole[: third + 900],
        "gzipped": gzip.compress(whole)[:-3000],
        "in-a-head": whole[: third + 200],
        "between-members": whole[:third],
        "overwritten": whole[:third] + b"\x07" * 512 + whole[third + 512 :],
    }


@pytest.mark.parametrize("kind", cut_and_damaged())
def test_damaged_shards_are_errors(tmp_path, kind):
    path = tmp_path / f"{kind}.tar"
    path.write_bytes(cut_and_damaged()[kind])
    assert reason(path).startswith(f"{path}: damaged, or not a folder or tar file of photographs: ")


def test_the_fingerprint_of_files_is_their_names_sizes_and_times(tmp_path):
    folder = write(tmp_path / "x", {"a.png": b"1", "b/c.jpg": b"22", "notes.txt": b"x"})
    shard = tmp_path / "s.tar"
    shard.write_bytes(tar_of(FIVE))
    times = [os.stat(path).st_mtime_ns for path in (folder / "a.png", folder / "b/c.jpg", shard)]
    # Written out: caches filled by earlier versions are found by it.
    sizes = (1, 2, shard.stat().st_size)
    names = ("x/a.png", "x/b/c.jpg", "s.tar")
    lines = [f"{n} {s} {t}\n" for n, s, t in zip(names, sizes, times, strict=True)]
    assert Collection(folder, shard).fingerprint() == "".join(lines).encode()


# -- shards on the web -------------------------------------------------------------------------


class Handler(BaseHTTPRequestHandler):
    """Serves ``server.data`` with ranges; ``server.faults`` are done first, one a request."""

    def do_GET(self):
        server = self.server
        server.requests.append(self.headers)
        fault = server.faults.pop(0) if server.faults else None
        if isinstance(fault, int):
            self.send_error(fault)
            return
        start = 0
        if "Range" in self.headers and server.ranges and self.headers["If-Range"] == server.tag:
            start = int(self.headers["Range"].removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("Content-Length", str(len(server.data) - start))
        self.send_header("ETag", server.tag)
        self.end_headers()
        self.serve(server.data[start:], fault)

    def serve(self, data, fault):
        """Send the data, half of it if the connection shall break."""
        end = len(data) // 2 if fault == "break" else len(data)
        for position in range(0, end, 4096):
            part = data[position : min(position + 4096, end)]
            try:
                self.wfile.write(part)
            except ConnectionError:
                return
            self.server.sent += len(part)

    def log_message(self, *_):
        pass


@pytest.fixture
def server(monkeypatch):
    """A web server on this machine, and no pauses between tries."""
    monkeypatch.setattr(web, "_WAITS_S", (0.0,) * 4)
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.data, server.tag, server.ranges = tar_of(FIVE), '"one"', True
        server.faults, server.requests, server.sent = [], [], 0
        server.url = f"http://127.0.0.1:{server.server_port}/shard.tar"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("kind", ["", "gz", "xz"])
def test_a_shard_on_the_web(server, kind):
    server.data = tar_of(FIVE, f"w:{kind}")
    assert list(read(server.url).items()) == list(FIVE.items())
    assert Collection(server.url).count() is None
    assert len(server.requests) == 1


def test_braces_in_a_url(server):
    names = [name for name, _ in Collection(server.url.replace("shard", "shard-{00..02}"))]
    assert names == [*FIVE] * 3


def test_only_what_is_read_is_fetched(server):
    server.data = tar_of({f"{number}.png": bytes(1_000_000) for number in range(30)})
    photographs = iter(Collection(server.url))
    assert next(photographs)[0] == "0.png"
    photographs.close()
    assert server.sent < 15_000_000


def test_a_connection_that_breaks_goes_on_where_it_broke(server):
    server.faults = ["break", "break", 503]
    assert read(server.url) == FIVE
    half = len(server.data) // 2
    three_quarters = half + (len(server.data) - half) // 2
    starts = [request["Range"] for request in server.requests]
    assert starts == [None, f"bytes={half}-", *[f"bytes={three_quarters}-"] * 2]


@pytest.mark.parametrize("fault", [429, 503])
def test_a_busy_server_is_asked_again_but_not_for_ever(server, fault):
    server.faults = [fault] * 4
    assert read(server.url) == FIVE
    server.faults = [fault] * 5
    assert reason(server.url).startswith(f"{server.url}: the server says {fault} ")


def test_a_missing_shard_is_an_error_at_once(server):
    server.faults = [404]
    assert reason(server.url) == f"{server.url}: the server says 404 Not Found"
    assert len(server.requests) == 1


def test_a_file_that_changes_meanwhile_is_not_glued_together(server):
    photographs = iter(Collection(server.url))
    server.faults = ["break"]
    next(photographs)
    server.tag, server.data = '"two"', tar_of(dict(reversed(FIVE.items())))
    with pytest.raises(
        InputError, match=r"broke off at byte [\d,]+, and the server does not go on"
    ):
        list(photographs)


@pytest.mark.parametrize("kind", ["text", "in-a-head", "between-members", "overwritten"])
def test_damaged_shards_on_the_web_are_errors(server, kind):
    server.data = cut_and_damaged()[kind]
    assert reason(server.url).startswith(f"{server.url}: damaged, or not ")


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("http://127.0.0.1:9/x.tar", "Connection refused"),
        ("https://no-such-host.invalid/x.tar", "not known"),
        ("http:///x.tar", "no host given"),
        ("http://a b/x.tar", "control characters"),
    ],
)
def test_no_server_is_one_line(server, url, text):
    assert reason(url).startswith(f"{url}: ")
    assert text in reason(url)


def test_the_fingerprint_of_a_shard_on_the_web(server):
    first = Collection(server.url).fingerprint()
    assert Collection(server.url).fingerprint() == first
    server.tag = '"two"'
    assert Collection(server.url).fingerprint() != first


# -- data sets of Hugging Face -----------------------------------------------------------------


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """The library, with its cache in a folder of the tests."""
    os.environ["HF_HOME"] = str(tmp_path_factory.mktemp("hugging-face"))
    return pytest.importorskip("datasets", reason="the extra 'datasets' is not installed")


@pytest.fixture(scope="module")
def image_sets(hub, tmp_path_factory):
    """One data set in all the formats in which it may lie on a disk."""
    root = tmp_path_factory.mktemp("sets")
    write(root / "folder", {f"train/a/{name}": data for name, data in FIVE.items()})
    write(root / "folder", {"validation/b/7.png": png(7)})
    images = [{"bytes": data, "path": f"/elsewhere/{name}"} for name, data in FIVE.items()]
    features = hub.Features({"image": hub.Image(), "label": hub.Value("int64")})
    data = hub.Dataset.from_dict({"image": images, "label": list(range(5))}, features=features)
    (root / "parquet").mkdir()
    data.to_parquet(root / "parquet" / "train.parquet")
    data.save_to_disk(root / "saved")
    hub.DatasetDict(train=data, test=data.select([1])).save_to_disk(root / "saved-splits")
    return SimpleNamespace(root=root, data=data)


@pytest.mark.parametrize(
    "kind", ["folder@train", "parquet", "saved", "saved-splits@train", "parquet@train#image"]
)
def test_a_data_set_gives_its_images_undecoded(image_sets, kind):
    found = read(f"hf:{image_sets.root}/{kind}")
    assert list(found.values()) == list(FIVE.values())
    assert [name.rpartition("/")[2] for name in found] == list(FIVE)


def test_names_of_an_image_folder_have_its_folders(image_sets, monkeypatch):
    monkeypatch.chdir(image_sets.root)
    assert list(read("hf:folder@validation")) == ["validation/b/7.png"]


def test_counts_that_are_written_down(image_sets):
    assert Collection(f"hf:{image_sets.root}/saved-splits@test").count() == 1
    assert Collection(f"hf:{image_sets.root}/parquet").count() is None


def test_bytes_without_a_name(hub, tmp_path):
    data = hub.Dataset.from_dict({"jpg": list(FIVE.values()), "label": list(range(5))})
    data.to_parquet(tmp_path / "test.parquet")
    assert list(read(f"hf:{tmp_path}#jpg")) == [f"test-{index:08d}" for index in range(5)]
    assert "name a column with #; there is jpg, label" in reason(f"hf:{tmp_path}")
    assert "column 'label' holds no images" in reason(f"hf:{tmp_path}#label")


def test_images_that_are_not_there_are_named(hub, tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    pytest.importorskip("pyarrow.parquet")
    images = [{"bytes": png(1), "path": "a.png"}, None, {"bytes": None, "path": "/nothing/b.png"}]
    features = hub.Features({"image": hub.Image()})
    # datasets itself writes no file that is not there
    table = pyarrow.Table.from_pylist([{"image": image} for image in images], features.arrow_schema)
    pyarrow.parquet.write_table(table, tmp_path / "train.parquet")
    (_, first), (_, second), (_, third) = Collection(f"hf:{tmp_path}")
    assert first == png(1)
    assert str(second) == "train-00000001: the data set has no picture here"
    assert str(third) == "b.png: no such file"


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("folder", "name a split with @; there is train, validation"),
        ("folder@test", "has no split 'test'; there is train, validation"),
        ("folder@train#picture", "has no column 'picture'; there is image, label"),
        ("none", "Couldn't find any data file"),
    ],
)
def test_what_a_data_set_does_not_have_is_one_line(image_sets, source, text):
    source = f"hf:{image_sets.root}/{source}"
    assert reason(source).startswith(f"{source}: ")
    assert text in reason(source)


def test_a_damaged_parquet_file_is_one_line(image_sets, tmp_path):
    whole = (image_sets.root / "parquet" / "train.parquet").read_bytes()
    (tmp_path / "train.parquet").write_bytes(whole[: len(whole) // 2])
    assert reason(f"hf:{tmp_path}").startswith(f"hf:{tmp_path}: ")


def test_no_way_to_the_hub_is_one_line(hub, environment):
    program = "from tinct.lab.data.collection import Collection; Collection('hf:none/of-this-name')"
    command = [sys.executable, "-c", program]
    settings = environment | {"HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    last = done.stderr.splitlines()[-1]
    assert last.startswith("tinct.errors.InputError: hf:none/of-this-name: ")
    assert "Hub" in last


def test_the_library_is_asked_for_by_its_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match=r"hf:x needs .*pip install '\.\[datasets\]'"):
        Collection("hf:x")


def test_a_source_without_a_name(hub):
    assert reason("hf:") == "hf:: name a data set or a folder: hf:NAME[@SPLIT][#COLUMN]"


def test_the_fingerprint_of_a_data_set(image_sets, tmp_path):
    folder = write(tmp_path / "x", {"train/a.png": png(1), "test/b.png": png(2)})
    first = Collection(f"hf:{folder}@train").fingerprint()
    assert Collection(f"hf:{folder}@train").fingerprint() == first
    assert Collection(f"hf:{folder}@test").fingerprint() != first
    (folder / "train" / "a.png").write_bytes(png(3))
    assert Collection(f"hf:{folder}@train").fingerprint() != first
    digests = {
        hashlib.sha256(Collection(f"hf:{image_sets.root}/{name}").fingerprint()).hexdigest()
        for name in ("saved-splits@train", "saved-splits@test", "saved", "parquet")
    }
    assert len(digests) == 4
