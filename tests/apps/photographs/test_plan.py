"""Which file becomes which."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tinct.apps.photographs.plan import Naming, PhotographJob, make_plan, number_until_free
from tinct.errors import OptionError
from tinct.photographs import format_named


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def _targets(inputs: list[str], naming: Naming) -> list[str]:
    return [job.output_name.replace(os.sep, "/") for job in make_plan(inputs, naming).jobs]


@pytest.mark.parametrize(
    ("source", "output", "kind", "target"),
    [
        ("photo.jpg", None, None, "photo-color.jpg"),
        ("a/photo.JPG", None, None, "a/photo-color.JPG"),
        ("photo.jpg", None, "png", "photo-color.png"),
        ("photo.jpeg", None, "jpg", "photo-color.jpeg"),
        ("scan.gif", None, None, "scan-color.png"),
        ("scan.pgm", None, None, "scan-color.ppm"),
        ("scan.pgm", None, "ppm", "scan-color.ppm"),
        ("scan.pnm", None, "ppm", "scan-color.pnm"),
        ("scan.j2k", None, None, "scan-color.jp2"),
        ("scan.dat", None, None, "scan-color.dat"),
        ("photo.jpg", "x.png", None, "x.png"),
        ("photo.jpg", "new/", None, "new/photo.jpg"),
        ("photo.jpg", "new", None, "new/photo.jpg"),
        ("photo.jpg", "new", "avif", "new/photo.avif"),
        ("photo.jpg", "-", None, "standard output"),
        ("-", None, None, "standard output"),
        ("-", "x.tif", None, "x.tif"),
    ],
)
def test_names(source: str, output: str | None, kind: str | None, target: str) -> None:
    asked = None if kind is None else format_named(kind)
    assert _targets([source], Naming(output, asked)) == [target]


def test_sheets_are_named_like_the_input() -> None:
    beside = make_plan(["photo.png"], Naming(None, sheets=True)).jobs
    assert beside == [
        PhotographJob(Path("photo.png"), Path("photo-color.png"), Path("photo-compare.jpg"))
    ]
    elsewhere = make_plan(["photo.png"], Naming("out/", sheets=True)).jobs
    assert elsewhere[0].sheet == Path("out/photo-compare.jpg")


def test_the_same_input_twice_is_one_job() -> None:
    assert _targets(["a.jpg", "./a.jpg"], Naming(None)) == ["a-color.jpg"]


def test_two_formats_of_one_name_collide_only_when_they_become_one() -> None:
    assert len(_targets(["a.jpg", "a.png"], Naming("out"))) == 2
    names = ["out/a.jpg.webp", "out/a.png.webp"]
    assert _targets(["a.jpg", "a.png"], Naming("out", format_named("webp"))) == names


def test_another_input_is_never_overwritten() -> None:
    plan = make_plan(["x/a.jpg", "y/b.jpg", "out/a.jpg"], Naming("out"))
    assert [job.input_name for job in plan.jobs] == ["y/b.jpg", "out/a.jpg"]
    assert plan.jobs[1].output_name == "out/a-2.jpg"
    (record,) = plan.decided
    assert (record.input, record.status) == ("x/a.jpg", "failed")
    with pytest.raises(OptionError, match="overwrite an input"):
        make_plan(["out/a.jpg", "out/b.jpg"], Naming("out"))


@pytest.mark.skipif(sys.platform == "win32", reason="links need a privilege there")
def test_an_input_is_known_by_any_name(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"")
    (tmp_path / "link.jpg").symlink_to("photo.jpg")
    with pytest.raises(OptionError, match="overwrite an input"):
        make_plan(["photo.jpg"], Naming("link.jpg"))


def test_one_name_in_many_boxes_is_numbered_without_beginning_anew() -> None:
    asked: list[Path] = []

    def identify(path: Path) -> str:
        asked.append(path)
        return str(path)

    taken = {"scan.jpg": 1}
    wanted = ["scan.jpg", "scan-3.jpg"]
    names = []
    for _ in range(100):
        names.append(str(number_until_free(Path("scan.jpg"), wanted, taken, identify)))
        taken[names[-1]] = 1
    assert names == [f"scan-{number}.jpg" for number in (2, *range(4, 103))]
    assert len(asked) < 500


def test_current_folder_has_a_name(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"")
    (job,) = make_plan(["."], Naming(None)).jobs
    assert job.target == tmp_path.with_name(f"{tmp_path.name}-color") / "a.jpg"


_NAMES = st.sampled_from(["a", "b", "a-2", "a.jpg", "a-color", "a-compare"])
_SUFFIXES = st.sampled_from([".jpg", ".png", ".gif", ".pgm", ".pbm", ".JPG"])
_INPUTS = st.lists(
    st.builds("{}/{}{}".format, st.sampled_from(["x", "y", "out"]), _NAMES, _SUFFIXES),
    min_size=1,
    max_size=8,
)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(_INPUTS, st.sampled_from([None, "out"]), st.booleans(), st.sampled_from([None, "png"]))
def test_no_two_outputs_are_one_file_and_none_is_an_input(
    inputs: list[str], output: str | None, sheets: bool, kind: str | None
) -> None:
    naming = Naming(output, None if kind is None else format_named(kind), sheets)
    try:
        plan = make_plan(inputs, naming)
    except OptionError as error:
        assert "overwrite an input" in str(error)  # noqa: PT017 - it need not be raised
        return
    outputs = [path for job in plan.jobs for path in job.outputs]
    assert len(set(outputs)) == len(outputs)
    assert not {str(path) for path in outputs} & set(inputs)
    accounted = [job.input_name for job in plan.jobs] + [record.input for record in plan.decided]
    assert sorted(accounted) == sorted(set(inputs))


def test_one_file_name_for_several_inputs() -> None:
    with pytest.raises(OptionError, match="several inputs need a folder"):
        make_plan(["a.jpg", "b.jpg"], Naming("c.jpg"))


def test_unreadable_folder_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "album").mkdir()

    def refuse(_: object) -> None:
        raise PermissionError(13, "Permission denied", "album")

    monkeypatch.setattr(os, "scandir", refuse)
    (record,) = make_plan(["album"], Naming("out")).decided
    assert (record.input, record.status, record.reason) == ("album", "failed", "no permission")
