"""An archive in color: every photograph has its fate, and nothing is done twice."""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

pytest.importorskip("pyarrow", reason="the extra 'archive' is not installed")
pytest.importorskip("fsspec", reason="the extra 'archive' is not installed")
import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from archives import ThreadCrew, results_in, rows_of
from filelock import FileLock
from modules import forget
from PIL import Image

from tinct.apps.archive import run

if TYPE_CHECKING:
    from tinct.apps.archive.item import Work
    from tinct.apps.archive.run import ArchiveOptions

Call = Callable[..., tuple[int, str, list[str]]]
SaveGray = Callable[..., Path]
NANO = ("-m", "nano")
pytestmark = pytest.mark.usefixtures("in_threads")


@pytest.fixture
def in_threads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Workers in threads; the list gets an entry whenever some are called."""
    calls: list[int] = []

    def make(work: Work, options: ArchiveOptions) -> ThreadCrew:
        calls.append(1)
        return ThreadCrew(work, options.jobs or 1)

    monkeypatch.setattr(run, "_make_crew", make)
    return calls


@pytest.fixture
def save_color() -> Callable[[Path], Path]:
    """Write a small picture of four colors."""

    def save(path: Path) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        ramp = np.tile(np.linspace(60, 200, 120), (90, 1))
        rgb = np.stack([ramp, ramp * 0.8, ramp * 0.6], axis=2)
        rgb[:45, :60] *= (1.2, 0.5, 0.4)
        rgb[45:, 60:] *= (0.4, 0.8, 1.6)
        Image.fromarray(np.clip(rgb, 0, 255).astype(np.uint8)).save(path)
        return path

    return save


@pytest.fixture
def scans(tmp_path: Path, save_gray: SaveGray) -> Path:
    """Four photographs in two folders, one of them broken."""
    for name in ("a.jpg", "old/b.jpg", "old/c.png"):
        save_gray(tmp_path / "scans" / name)
    (tmp_path / "scans/broken.jpg").write_bytes(b"\xff\xd8\xff no more")
    return tmp_path / "scans"


def statuses(target: Path) -> Counter[str]:
    return Counter(row["status"] for row in rows_of(target))


# -- what comes out


def test_results_are_those_of_tinct_image(
    call: Call, tmp_path: Path, scans: Path, save_gray: SaveGray, save_color: Callable[[Path], Path]
) -> None:
    save_gray(scans / "logo.gif")
    save_gray(scans / "logo.png")
    save_color(scans / "today.png")
    (scans / "notes.txt").write_text("-")
    assert call("image", "scans", "-o", "one", *NANO)[0] == 1
    code, _, lines = call("archive", "scans", "-o", "all", *NANO)
    assert code == 1
    assert results_in(tmp_path / "all") == results_in(tmp_path / "one")
    assert "logo.gif.png" in results_in(tmp_path / "all")
    assert "left out: 1 .txt" in lines
    assert lines[-1].startswith("5 photographs colored in ")
    assert "1 in color already, 1 failed" in lines[-1]


def test_the_table_says_what_became_of_each(
    call: Call, tmp_path: Path, scans: Path, save_color: Callable[[Path], Path]
) -> None:
    save_color(scans / "today.png")
    call("archive", "scans", "-o", "out", *NANO, "--vividness", "0.5")
    done, broken, *_, today = rows_of(tmp_path / "out")
    assert done["source"] == str(scans / "a.jpg")
    assert (done["place"], done["status"], done["reason"]) == ("a.jpg", "done", None)
    assert (done["width"], done["height"]) == (90, 70)
    assert done["seconds"] > 0
    assert done["size"] == (scans / "a.jpg").stat().st_size
    assert done["hash"] == hashlib.sha256((scans / "a.jpg").read_bytes()).hexdigest()
    result = (tmp_path / "out/a.jpg").read_bytes()
    assert done["output_hash"] == hashlib.sha256(result).hexdigest()
    assert done["output_size"] == len(result)
    assert done["model"] == "nano"
    assert '"vividness": 0.5' in done["options"]
    assert (broken["status"], today["status"]) == ("failed", "skipped")
    assert "damaged" in broken["reason"]
    assert "in color already" in today["reason"]
    manifest = pq.read_table(tmp_path / "out/tinct-archive/manifest").to_pylist()
    assert sorted(row["place"] for row in manifest) == [
        "a.jpg", "broken.jpg", "old/b.jpg", "old/c.png", "today.png",
    ]  # fmt: skip


def test_several_folders_keep_their_names(call: Call, tmp_path: Path, save_gray: SaveGray) -> None:
    for name in ("one/photo.jpg", "two/photo.jpg", "three/one/photo.jpg"):
        save_gray(tmp_path / name)
    assert call("archive", "one", "two", "-o", "out", *NANO)[0] == 0
    assert set(results_in(tmp_path / "out")) == {"one/photo.jpg", "two/photo.jpg"}
    code, _, lines = call("archive", "one", "three/one", "-o", "other")
    assert code == 2
    assert lines == ["tinct: error: two folders called one: archive one after the other"]


# -- started again


def test_a_second_run_does_nothing(
    call: Call, tmp_path: Path, scans: Path, in_threads: list[int]
) -> None:
    call("archive", "scans", "-o", "out", *NANO)
    rows = rows_of(tmp_path / "out")
    code, _, lines = call("archive", "scans", "-o", "out", *NANO)
    assert code == 1  # one has failed, though not now
    assert in_threads == [1]  # no worker was called
    assert rows_of(tmp_path / "out") == rows
    assert "3 finished before, 1 failed (--retry tries them again)" in lines[-1]


def test_what_has_changed_or_gone_is_done_again(
    call: Call, tmp_path: Path, scans: Path, save_gray: SaveGray
) -> None:
    call("archive", "scans", "-o", "out", *NANO)
    before = {row["place"]: row["finished"] for row in rows_of(tmp_path / "out")}
    save_gray(scans / "a.jpg", 64, 48)
    (tmp_path / "out/old/b.jpg").unlink()
    save_gray(scans / "new.jpg")
    assert call("archive", "scans", "-o", "out", *NANO)[0] == 1
    rows = rows_of(tmp_path / "out")
    again = {row["place"] for row in rows if before.get(row["place"]) != row["finished"]}
    assert again == {"a.jpg", "old/b.jpg", "new.jpg"}
    assert Counter(row["place"] for row in rows).most_common(1)[0][1] == 1  # one row for each
    changed = next(row for row in rows if row["place"] == "a.jpg")
    assert (changed["width"], changed["height"]) == (64, 48)
    assert changed["warnings"] == ["done again: the file, the model or an option has changed"]


def test_other_options_replace_all_results(call: Call, tmp_path: Path, scans: Path) -> None:
    call("archive", "scans", "-o", "out", *NANO)
    before = results_in(tmp_path / "out")
    call("archive", "scans", "-o", "out", *NANO, "--saturation", "0")
    after = results_in(tmp_path / "out")
    assert before.keys() == after.keys()
    assert all(before[name] != after[name] for name in before)
    assert statuses(tmp_path / "out") == {"done": 3, "failed": 1}


def test_files_of_others_are_never_replaced(
    call: Call, tmp_path: Path, scans: Path, save_gray: SaveGray
) -> None:
    mine = save_gray(tmp_path / "out/a.jpg", 10, 10)
    before = mine.read_bytes()
    for _ in range(2):
        _, _, lines = call("archive", "scans", "-o", "out", *NANO)
        assert mine.read_bytes() == before
        assert "1 left as they are (--overwrite replaces them)" in lines[-1]
    assert statuses(tmp_path / "out") == {"done": 2, "skipped": 1, "failed": 1}
    call("archive", "scans", "-o", "out", *NANO, "--overwrite")
    assert mine.read_bytes() != before
    assert statuses(tmp_path / "out") == {"done": 3, "failed": 1}


def test_results_that_were_retouched_are_never_replaced(
    call: Call, tmp_path: Path, scans: Path
) -> None:
    call("archive", "scans", "-o", "out", *NANO)
    retouched = tmp_path / "out/a.jpg"
    retouched.write_bytes(retouched.read_bytes()[:-2] + b"by")  # of the same size
    for _ in range(2):
        _, _, lines = call("archive", "scans", "-o", "out", *NANO, "--saturation", "0")
        assert retouched.read_bytes().endswith(b"by")
        assert "1 left as they are (--overwrite replaces them)" in lines[-1]
    assert statuses(tmp_path / "out") == {"done": 2, "skipped": 1, "failed": 1}
    call("archive", "scans", "-o", "out", *NANO, "--saturation", "0", "--overwrite")
    assert statuses(tmp_path / "out") == {"done": 3, "failed": 1}


def test_a_second_box_does_not_take_the_place_of_the_first(
    call: Call, tmp_path: Path, save_gray: SaveGray
) -> None:
    first = save_gray(tmp_path / "box1/scan001.jpg")
    save_gray(tmp_path / "box2/scan001.jpg", 60, 50)
    save_gray(tmp_path / "box2/more.jpg")
    assert call("archive", "box1", "-o", "out", *NANO)[0] == 0
    before = (tmp_path / "out/scan001.jpg").read_bytes()
    for _ in range(2):
        assert call("archive", "box2", "-o", "out", *NANO)[0] == 1
        assert (tmp_path / "out/scan001.jpg").read_bytes() == before
        reason = f"scan001.jpg is the result of {first}; choose another place with -o"
        assert [row["reason"] for row in rows_of(tmp_path / "out") if row["reason"]] == [reason]
    assert statuses(tmp_path / "out") == {"done": 2, "failed": 1}
    # The manifest knows it, too, where a run was killed before it could write the table
    shutil.rmtree(tmp_path / "out/tinct-archive/status")
    assert call("archive", "box2", "-o", "out", *NANO)[0] == 1
    assert (tmp_path / "out/scan001.jpg").read_bytes() == before
    (tmp_path / "box1").rename(tmp_path / "moved")
    assert call("archive", "box2", "-o", "out", *NANO)[0] == 0
    assert (tmp_path / "out/scan001.jpg").read_bytes() != before


def test_what_failed_is_tried_again_if_asked_for_or_repaired(
    call: Call, tmp_path: Path, scans: Path, save_gray: SaveGray
) -> None:
    call("archive", "scans", "-o", "out", *NANO)
    code, _, lines = call("archive", "scans", "-o", "out", *NANO, "--retry")
    assert code == 1
    assert any("broken.jpg" in line for line in lines)
    save_gray(scans / "broken.jpg")
    assert call("archive", "scans", "-o", "out", *NANO)[0] == 0
    assert statuses(tmp_path / "out") == {"done": 4}


def test_a_result_is_known_after_a_later_attempt_that_failed(
    call: Call, tmp_path: Path, scans: Path, save_gray: SaveGray
) -> None:
    for options in ((), ("--overwrite",)):
        save_gray(scans / "a.jpg")
        call("archive", "scans", "-o", "out", *NANO)
        before = (tmp_path / "out/a.jpg").read_bytes()
        (scans / "a.jpg").write_bytes(b"\xff\xd8\xff no more")
        for again in ((), ("--retry",)):
            call("archive", "scans", "-o", "out", *NANO, *options, *again)
            assert statuses(tmp_path / "out") == {"done": 2, "failed": 2}
        assert (tmp_path / "out/a.jpg").read_bytes() == before
        save_gray(scans / "a.jpg", 64, 48)
        call("archive", "scans", "-o", "out", *NANO)
        assert statuses(tmp_path / "out") == {"done": 3, "failed": 1}
        assert (tmp_path / "out/a.jpg").read_bytes() != before


def test_a_result_that_was_being_replaced_is_known_after_an_attempt_that_failed(
    call: Call, tmp_path: Path, scans: Path, save_gray: SaveGray
) -> None:
    call("archive", "scans", "-o", "out", *NANO)
    first = set((tmp_path / "out/tinct-archive/status").iterdir())
    call("archive", "scans", "-o", "out", *NANO, "--saturation", "0")
    for path in set((tmp_path / "out/tinct-archive/status").iterdir()) - first:
        path.unlink()  # as when it was killed
    (scans / "a.jpg").write_bytes(b"\xff\xd8\xff no more")
    call("archive", "scans", "-o", "out", *NANO, "--saturation", "0")
    assert statuses(tmp_path / "out") == {"done": 2, "failed": 2}
    save_gray(scans / "a.jpg")
    call("archive", "scans", "-o", "out", *NANO, "--saturation", "0")
    assert statuses(tmp_path / "out") == {"done": 3, "failed": 1}


def test_a_retouched_result_stays_after_an_attempt_that_failed(
    call: Call, tmp_path: Path, scans: Path, save_gray: SaveGray
) -> None:
    call("archive", "scans", "-o", "out", *NANO)
    (scans / "a.jpg").write_bytes(b"\xff\xd8\xff no more")
    call("archive", "scans", "-o", "out", *NANO)
    (tmp_path / "out/a.jpg").write_bytes(b"mine")
    save_gray(scans / "a.jpg")
    call("archive", "scans", "-o", "out", *NANO)
    assert (tmp_path / "out/a.jpg").read_bytes() == b"mine"
    assert statuses(tmp_path / "out") == {"done": 2, "skipped": 1, "failed": 1}


def test_those_in_color_are_looked_at_once_and_colored_if_asked_for(
    call: Call,
    tmp_path: Path,
    save_color: Callable[[Path], Path],
    in_threads: list[int],
) -> None:
    save_color(tmp_path / "scans/today.png")
    for _ in range(2):
        code, _, lines = call("archive", "scans", "-o", "out", *NANO)
        assert code == 0
        assert "1 in color already" in lines[-1]
    assert in_threads == [1]
    call("archive", "scans", "-o", "out", *NANO, "--recolor")
    assert statuses(tmp_path / "out") == {"done": 1}


def test_results_without_a_row_are_known_to_be_its_own(
    call: Call, tmp_path: Path, scans: Path, in_threads: list[int]
) -> None:
    """As when everything is killed between the writing of results and that of the table."""
    call("archive", "scans", "-o", "out", *NANO)
    shutil.rmtree(tmp_path / "out/tinct-archive/status")
    (tmp_path / "out/a.jpg").unlink()  # this one was not written in time
    (tmp_path / "out/old/.tinct-0123456789abcdef.tmp").write_bytes(b"half")
    os.utime(tmp_path / "out/old/.tinct-0123456789abcdef.tmp", (1, 1))
    call("archive", "scans", "-o", "out", *NANO)
    rows = rows_of(tmp_path / "out")
    assert Counter(row["status"] for row in rows) == {"done": 3, "failed": 1}
    found = {row["place"] for row in rows if row["reason"] and "ended before" in row["reason"]}
    assert found == {"old/b.jpg", "old/c.png"}
    assert not list((tmp_path / "out").rglob(".tinct-*"))
    call("archive", "scans", "-o", "out", *NANO)
    assert len(in_threads) == 2
    assert len(rows_of(tmp_path / "out")) == 4


def test_results_that_were_being_replaced_are_done_again(
    call: Call, tmp_path: Path, scans: Path
) -> None:
    """Killed while results of other options are replaced: which are new, nobody knows."""
    call("archive", "scans", "-o", "out", *NANO)
    old = results_in(tmp_path / "out")
    first = set((tmp_path / "out/tinct-archive/status").iterdir())
    call("archive", "scans", "-o", "out", *NANO, "--saturation", "0")
    new = results_in(tmp_path / "out")
    (tmp_path / "out/a.jpg").write_bytes(old["a.jpg"])
    for path in set((tmp_path / "out/tinct-archive/status").iterdir()) - first:
        path.unlink()
    call("archive", "scans", "-o", "out", *NANO, "--saturation", "0")
    assert results_in(tmp_path / "out") == new
    assert statuses(tmp_path / "out") == {"done": 3, "failed": 1}


def test_rows_of_a_part_in_work_are_not_counted_twice(
    call: Call, tmp_path: Path, scans: Path
) -> None:
    """Killed between the whole part and the removal of what it was made of."""
    call("archive", "scans", "-o", "out", *NANO)
    (whole,) = (tmp_path / "out/tinct-archive/status").iterdir()
    table = pq.read_table(whole)
    pq.write_table(table[:2], whole.with_name(f"{whole.stem}-0000.parquet"))
    call("archive", "scans", "-o", "out", *NANO)
    assert len(rows_of(tmp_path / "out")) == 4


def test_a_photograph_is_never_replaced_by_its_result(
    call: Call, tmp_path: Path, save_gray: SaveGray
) -> None:
    before = save_gray(tmp_path / "photo.jpg").read_bytes()
    assert call("archive", "photo.jpg", "-o", ".", *NANO, "--overwrite")[0] == 1
    (row,) = rows_of(tmp_path)
    assert row["reason"] == "its result would overwrite it; choose another place with -o"
    assert (tmp_path / "photo.jpg").read_bytes() == before


def test_two_runs_do_not_meet(call: Call, tmp_path: Path, scans: Path) -> None:
    call("archive", "scans", "-o", "out", *NANO)
    with FileLock(tmp_path / "out/tinct-archive/lock"):
        code, _, lines = call("archive", "scans", "-o", "out", *NANO)
    assert code == 2
    assert lines == [f"tinct: error: {tmp_path / 'out'}: another tinct archive writes there"]


# -- manifests


def test_a_manifest_takes_the_place_of_a_folder(
    call: Call, tmp_path: Path, scans: Path, save_gray: SaveGray
) -> None:
    save_gray(scans / "logo.gif")
    save_gray(scans / "logo.png")
    code, _, lines = call("archive", "scans", "--list", "-o", "manifest.parquet")
    assert (code, lines) == (0, ["6 photographs -> manifest.parquet"])
    call("archive", "manifest.parquet", "-o", "one", *NANO)
    call("archive", "scans", "-o", "two", *NANO)
    assert results_in(tmp_path / "one") == results_in(tmp_path / "two")


def test_a_manifest_may_have_paths_and_hashes_alone(
    call: Call, tmp_path: Path, scans: Path
) -> None:
    right = hashlib.sha256((scans / "a.jpg").read_bytes()).hexdigest().upper()
    paths = ["scans/a.jpg", "scans/old/b.jpg", "scans/old/gone.jpg"]
    columns = {"path": paths, "hash": [right, "0" * 64, None]}
    pq.write_table(pa.table(columns), tmp_path / "manifest.parquet")
    assert call("archive", "manifest.parquet", "-o", "out", *NANO)[0] == 1
    done, other, gone = rows_of(tmp_path / "out")
    assert (done["place"], done["status"]) == ("a.jpg", "done")
    assert other["reason"] == "is not what the manifest says: its hash is another"
    assert (gone["place"], gone["reason"]) == ("old/gone.jpg", "no such file")


def test_places_that_lead_elsewhere_or_are_taken_fail(
    call: Call, tmp_path: Path, scans: Path, in_threads: list[int]
) -> None:
    places = ["x.jpg", "../y.jpg", "/z.jpg", "tinct-archive/status", "x.jpg", "x.jpg"]
    sources = [str(scans / name) for name in ("a.jpg", *("old/b.jpg",) * 4, "a.jpg")]
    table = pa.table({"source": sources, "place": places})
    pq.write_table(table, tmp_path / "manifest.parquet")
    for _ in range(2):
        code, _, lines = call("archive", "manifest.parquet", "-o", "out", "--format", "png", *NANO)
        assert code == 1
        assert set(results_in(tmp_path / "out")) == {"x.png"}
    assert "left out: 1 named twice" in lines
    assert not (tmp_path / "y.png").exists()


@pytest.mark.parametrize(
    ("columns", "reason"),
    [
        ({"name": ["a.jpg"]}, "a manifest has a column source (or path, or uri)"),
        ({"path": ["a.jpg"], "size": ["large"]}, "column size is string, not int64"),
        ({"path": ["a.jpg", None]}, "a row without path"),
        ({"path": ["a.jpg"], "place": [None]}, "a.jpg has no place"),
    ],
)
def test_manifests_that_lack_something_are_one_line(
    call: Call, tmp_path: Path, columns: dict[str, Any], reason: str
) -> None:
    pq.write_table(pa.table(columns), tmp_path / "manifest.parquet")
    code, _, lines = call("archive", "manifest.parquet", "-o", "out")
    assert (code, lines) == (1, [f"tinct: error: manifest.parquet: {reason}"])


# -- object stores, and what is missing


@pytest.mark.parametrize("source", ["nowhere", "nowhere.parquet", "scans"])
@pytest.mark.parametrize("output", [("-o", "new"), ("-o", "new/all.parquet", "--list")])
def test_a_source_that_is_none_leaves_nothing(
    call: Call, tmp_path: Path, scans: Path, source: str, output: tuple[str, ...]
) -> None:
    (tmp_path / "more/scans").mkdir(parents=True)
    assert call("archive", source, "more/scans", *output)[0] == 2
    assert not (tmp_path / "new").exists()


def test_object_stores_are_read_and_written(
    call: Call, tmp_path: Path, scans: Path, in_threads: list[int]
) -> None:
    store = fsspec.filesystem("memory")
    store.put(str(scans), "/bucket/scans", recursive=True)
    try:
        for _ in range(2):
            code, _, _ = call(
                "archive", "memory://bucket/scans", "-o", "memory://bucket/out", *NANO
            )
            assert code == 1
        assert in_threads == [1]
        call("image", "scans", "-o", "out", *NANO)
        for name, data in results_in(tmp_path / "out").items():
            assert store.cat_file(f"/bucket/out/{name}") == data
        (part,) = store.ls("/bucket/out/tinct-archive/status", detail=False)
        assert pq.read_table(store.open(part)).num_rows == 4
        assert not any(".tmp" in name for name in store.find("/bucket"))
    finally:
        store.rm("/bucket", recursive=True)


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("nowhere", "-o", "out"), "nowhere: no such file or folder"),
        (("memory://nowhere", "-o", "out"), "memory://nowhere: no such folder"),
        (("nowhere.parquet", "-o", "out"), "nowhere.parquet: no such file"),
        (("memory://nowhere.parquet", "-o", "out"), "memory://nowhere.parquet: no such file"),
        (("scans/old/empty", "-o", "out"), "no photographs and no films in what was named"),
        (("scans", "-o", "scans"), "-o scans: results would overwrite what was named"),
        (("scans", "-o", "scans/a.jpg"), "an archive needs a folder, and this is a file"),
        (("scans", "-o", "new.mkv"), "an archive needs a folder, and this is a file name"),
        (("scans", "-o", "new.parquet"), "an archive needs a folder, and this is a file name"),
        (("scans", "-o", "place://x/y"), "place://x/y: Protocol not known: place"),
        (("scans", "-o", "out", "--list"), "--list writes a Parquet file on a disk"),
        (("scans", "-o", "out", "-m", "none"), "none: no such model"),
    ],
)
def test_what_makes_no_sense_is_one_line(
    call: Call, scans: Path, arguments: tuple[str, ...], reason: str
) -> None:
    (scans / "old/empty").mkdir()
    code, _, lines = call("archive", *arguments)
    assert code in (1, 2)
    assert len(lines) == 1
    assert reason in lines[0]


@pytest.mark.parametrize(
    ("module", "arguments", "extra"),
    [("pyarrow", (), "archive"), ("ray", ("--ray", "auto"), "ray")],
)
def test_a_missing_extra_is_one_line(
    call: Call,
    scans: Path,
    monkeypatch: pytest.MonkeyPatch,
    module: str,
    arguments: tuple[str, ...],
    extra: str,
) -> None:
    forget(monkeypatch, "tinct.apps.archive", module)
    monkeypatch.setitem(sys.modules, module, None)
    code, _, lines = call("archive", "scans", "-o", "out", *arguments)
    assert code == 1
    (line,) = lines
    assert line.startswith(f"tinct: error: tinct archive ({module}) needs parts that are not")
    assert f"pip install '.[{extra}]'" in line


@pytest.mark.skipif(sys.platform != "linux", reason="names of any bytes")
def test_names_that_are_no_text_fail_with_a_reason(
    call: Call, tmp_path: Path, save_gray: SaveGray, in_threads: list[int]
) -> None:
    photo = save_gray(tmp_path / "scans/photo.jpg")
    shutil.copy(photo, os.fsencode(tmp_path) + b"/scans/caf\xe9.jpg")
    for _ in range(2):
        assert call("archive", "scans", "-o", "out", *NANO)[0] == 1
        failed, done = rows_of(tmp_path / "out")
        assert failed["reason"] == "its name is not UTF-8: rename it"
        assert failed["source"].endswith("caf\\udce9.jpg")
        assert done["status"] == "done"
    code, _, lines = call("archive", "scans", "--list", "-o", "lists/manifest.parquet")
    assert code == 1
    assert lines[-1] == "1 photograph -> lists/manifest.parquet"
    assert "caf\\udce9.jpg: its name is not UTF-8" in lines[0]
