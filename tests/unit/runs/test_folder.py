"""Files of a run folder, and reports elsewhere, that are replaced as a whole."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from harness.runs.folder import create_folder, probe_file, replace_text


def test_file_of_somebody_else_with_a_similar_name_stays(tmp_path: Path) -> None:
    download = tmp_path / "report.html.part"
    download.write_text("half of a download")
    probe_file(tmp_path / "report.html")
    replace_text(tmp_path / "report.html", "a report")
    assert download.read_text() == "half of a download"
    assert {path.name for path in tmp_path.iterdir()} == {"report.html", "report.html.part"}


def test_link_with_a_similar_name_is_not_followed(tmp_path: Path) -> None:
    """In a folder that everybody may write into, somebody could aim it at a file of the user."""
    (tmp_path / "precious").write_text("precious")
    (tmp_path / "results.json.part").symlink_to(tmp_path / "precious")
    replace_text(tmp_path / "results.json", "{}")
    assert (tmp_path / "precious").read_text() == "precious"
    assert not (tmp_path / "results.json").is_symlink()


def test_two_processes_replace_one_file_at_the_same_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "report.html"
    rename = Path.replace

    def later(temporary: Path, target: Path) -> None:
        monkeypatch.undo()
        replace_text(path, "of another process")
        rename(temporary, target)

    monkeypatch.setattr(Path, "replace", later)
    replace_text(path, "of this one")
    assert path.read_text() == "of this one"
    assert list(tmp_path.iterdir()) == [path]


def test_what_is_no_regular_file_is_written_to(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    try:
        probe_file(tmp_path / "pipe")
        replace_text(tmp_path / "pipe", "a report")
        assert os.read(reader, 100) == b"a report"
    finally:
        os.close(reader)
    assert [path.name for path in tmp_path.iterdir()] == ["pipe"]


def test_standard_output_in_a_file_is_written_to_where_it_stands(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError  # it would take /dev/stdout away from the whole machine

    monkeypatch.setattr(Path, "replace", refuse)
    os.write(1, b"before\n")
    probe_file(Path("/dev/stdout"))
    replace_text(Path("/dev/stdout"), "a report\n")
    os.write(1, b"after\n")
    replace_text(Path("/dev/stderr"), "another\n")
    assert capfd.readouterr() == ("before\na report\nafter\n", "another\n")


def test_runs_that_begin_at_once_have_folders_of_their_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    now = datetime(2026, 11, 30, tzinfo=UTC)
    make, others = Path.mkdir, []

    def later(path: Path, **options: bool) -> None:
        monkeypatch.undo()
        monkeypatch.chdir(tmp_path)
        others.append(create_folder(None, "smoke", now).path)
        make(path, **options)

    monkeypatch.setattr(Path, "mkdir", later)
    ours = create_folder(None, "smoke", now).path
    assert (str(ours), list(map(str, others))) == (
        "runs/20261130T000000Z-smoke-2",
        ["runs/20261130T000000Z-smoke"],
    )


@pytest.mark.parametrize("links", [False, True], ids=["a file", "a link to nothing"])
def test_default_folder_avoids_a_name_that_is_taken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, links: bool
) -> None:
    monkeypatch.chdir(tmp_path)
    taken = tmp_path / "runs" / "20261130T000000Z-smoke"
    taken.parent.mkdir()
    if links:
        taken.symlink_to("nothing")
    else:
        taken.touch()
    folder = create_folder(None, "smoke", datetime(2026, 11, 30, tzinfo=UTC))
    assert folder.path.name == "20261130T000000Z-smoke-2"
