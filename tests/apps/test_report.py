"""Where reports may go."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tinct.apps.report import check_report
from tinct.errors import OptionError, OutputError

Call = Callable[..., tuple[int, str, list[str]]]
SaveGray = Callable[..., Path]


@pytest.mark.parametrize(
    "command",
    [
        ("image", "photo.jpg", "-m", "nano", "--json"),
        ("video", "film.mp4", "--json"),
        ("live", "test://", "--no-window", "--duration", "0.1", "--stats"),
    ],
)
@pytest.mark.parametrize(
    ("place", "code", "words"),
    [
        ("mine.jpg", 2, "mine.jpg: there already, and not a report; choose another name"),
        ("none/report.json", 1, "none/report.json: there is no such folder"),
    ],
)
def test_a_report_that_cannot_be_is_refused_before_the_work(
    call: Call,
    tmp_path: Path,
    save_gray: SaveGray,
    command: tuple[str, ...],
    place: str,
    code: int,
    words: str,
) -> None:
    save_gray(tmp_path / "photo.jpg")
    mine = save_gray(tmp_path / "mine.jpg").read_bytes()
    (tmp_path / "film.mp4").write_bytes(b"no film: it would be said if it were opened")
    result, _, lines = call(*command, place)
    assert result == code
    assert len(lines) == 1
    assert words in lines[0]
    assert (tmp_path / "mine.jpg").read_bytes() == mine
    assert sorted(os.listdir(tmp_path)) == ["film.mp4", "mine.jpg", "photo.jpg"]


def test_a_report_may_lie_among_the_results_and_replace_itself(
    call: Call, tmp_path: Path, save_gray: SaveGray
) -> None:
    save_gray(tmp_path / "album/photo.jpg")
    for _ in range(2):
        code, _, _ = call("image", "album", "-m", "nano", "--json", "album-color/report.json")
        assert code == 0
        assert (tmp_path / "album-color/report.json").read_bytes().startswith(b"{")


def test_what_a_report_may_replace(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    (tmp_path / "old.json").write_text("{}")
    for place in ("empty", "old.json", "new.json"):
        check_report(str(tmp_path / place))
    for place in (None, "-", os.devnull):
        check_report(place)
    check_report(str(tmp_path / "out/report.json"), [None, tmp_path / "out/below/photo.jpg"])
    (tmp_path / "table.csv").write_text("a,b")
    with pytest.raises(OptionError, match="not a report"):
        check_report(str(tmp_path / "table.csv"))
    with pytest.raises(OutputError, match="a folder, not a file"):
        check_report(str(tmp_path))
    with pytest.raises(OutputError, match="no such folder"):
        check_report(str(tmp_path / "none/report.json"), [tmp_path / "out/photo.jpg"])


def test_a_folder_that_may_not_be_written_is_said_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may do all
    with pytest.raises(OutputError, match="no permission"):
        check_report(str(tmp_path / "report.json"))
