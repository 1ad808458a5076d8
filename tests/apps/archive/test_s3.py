"""An archive in an object store: s3:// in and out, against a server on this machine."""

from __future__ import annotations

import subprocess
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("pyarrow", reason="the extra 'archive' is not installed")
s3fs = pytest.importorskip("s3fs", reason="the extra 's3' is not installed")
moto_server = pytest.importorskip("moto.server", reason="moto[s3], flask, flask-cors: no server")
import pyarrow.parquet as pq
from archives import results_in

from films import make_film, packets

# Of botocore and moto, not of tinct
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::ResourceWarning")


@pytest.fixture
def environment(environment: dict[str, str]) -> Iterator[dict[str, str]]:
    """The environment of a process that shall find the server."""
    server = moto_server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield environment | {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    server.stop()


def test_an_archive_goes_from_bucket_to_bucket(
    tmp_path: Path,
    environment: dict[str, str],
    save_gray: Callable[..., Path],
    run: Callable[..., subprocess.CompletedProcess[bytes]],
) -> None:
    for name in ("a.jpg", "old/b.jpg", "old/deep/c.png", "old/.hidden/d.jpg"):
        save_gray(tmp_path / "scans" / name)
    make_film(tmp_path / "scans/old/film.mkv")
    (tmp_path / "scans/old/broken.jpg").write_bytes(b"\xff\xd8\xff no more")
    store = s3fs.S3FileSystem(
        key="testing", secret="testing", endpoint_url=environment["AWS_ENDPOINT_URL"]
    )
    store.mkdir("scans")
    store.mkdir("colored")
    store.put(str(tmp_path / "scans"), "scans/all", recursive=True)
    exact = ("-m", "nano", "--preset", "ultrafast")  # see test_films.py
    command = ("archive", "s3://scans/all", "-o", "s3://colored/all", *exact, "-j", "1")
    first = run(*command)
    assert first.returncode == 1
    assert b"s3://scans/all/old/broken.jpg: damaged" in first.stderr
    run("image", "scans", "-o", "out", "-m", "nano")
    expected = results_in(tmp_path / "out")
    assert set(expected) == {"a.jpg", "old/b.jpg", "old/deep/c.png"}
    run("video", "scans/old/film.mkv", "-o", "film.mkv", *exact)
    store.get_file("colored/all/old/film.mkv", str(tmp_path / "made.mkv"))
    assert packets(tmp_path / "made.mkv") == packets(tmp_path / "film.mkv")
    for name, data in expected.items():
        assert store.cat_file(f"colored/all/{name}") == data
    store.rm_file("colored/all/a.jpg")
    second = run(*command)
    assert b"1 photograph colored" in second.stderr
    assert b"3 finished before, 1 failed" in second.stderr
    store.invalidate_cache()
    assert store.cat_file("colored/all/a.jpg") == expected["a.jpg"]
    rows = []
    for part in store.ls("colored/all/tinct-archive/status", detail=False):
        with store.open(part) as file:
            rows += pq.read_table(file).to_pylist()
    assert Counter(row["status"] for row in rows) == {"done": 4, "failed": 1}


def test_a_bucket_that_is_not_there_is_one_line(
    tmp_path: Path,
    environment: dict[str, str],
    run: Callable[..., subprocess.CompletedProcess[bytes]],
) -> None:
    (tmp_path / "scans").mkdir()
    missing = run("archive", "s3://nowhere/scans", "-o", "out")
    assert missing.returncode == 2
    assert missing.stderr == b"tinct: error: s3://nowhere/scans: no such folder\n"
    missing = run("archive", "scans", "-o", "s3://nowhere/out")
    assert missing.stderr.count(b"\n") == 1
