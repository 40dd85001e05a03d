"""Where reports go besides files: the page of a GitHub job."""

from pathlib import Path

import pytest

from harness.commands.parts.outputs import STEP_SUMMARY_LIMIT, annotate, append_step_summary


def test_summaries_of_a_step_follow_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    append_step_summary("first ✅\n")
    append_step_summary("second\n")
    assert path.read_text(encoding="utf-8") == "first ✅\nsecond\n"


def test_summary_that_the_step_has_no_room_for_is_left_out_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "summary.md"
    path.write_text("x" * (STEP_SUMMARY_LIMIT - 3))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    append_step_summary("é✅")  # five bytes
    assert path.stat().st_size == STEP_SUMMARY_LIMIT - 3
    assert "the step summary is full" in capsys.readouterr().err
    append_step_summary("é\n")
    assert path.stat().st_size == STEP_SUMMARY_LIMIT


def test_nothing_is_appended_outside_a_github_job(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    monkeypatch.chdir(tmp_path)
    append_step_summary("text")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("value", "printed"), [("true", "::error::x\n"), ("false", "")])
def test_annotations_are_for_a_github_job(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], value: str, printed: str
) -> None:
    monkeypatch.setenv("GITHUB_ACTIONS", value)
    annotate(["::error::x"])
    assert capsys.readouterr() == ("", printed)
