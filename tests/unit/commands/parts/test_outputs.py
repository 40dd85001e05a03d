"""Where reports go besides files: the page of a GitHub job."""

from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from harness.commands.parts.outputs import STEP_SUMMARY_LIMIT, annotate, append_step_summary
from harness.report.run.markdown import summary_markdown
from tests.unit.report.cases import CASES


def test_summaries_of_a_step_follow_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    append_step_summary("first ✅\n")
    append_step_summary("second\n")
    assert path.read_text(encoding="utf-8") == "first ✅\n\nsecond\n"


def test_heading_of_a_second_summary_is_a_heading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "summary.md"
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    for _ in range(2):
        append_step_summary(summary_markdown(*CASES["fail"][:2]))
    tokens = MarkdownIt("commonmark").parse(path.read_text(encoding="utf-8"))
    headings = [one for one in tokens if one.type == "heading_open" and one.tag == "h2"]
    assert len(headings) == 2


def test_summary_that_the_step_has_no_room_for_is_left_out_and_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "summary.md"
    path.write_text("x" * (STEP_SUMMARY_LIMIT - 4))
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(path))
    append_step_summary("é✅")  # six bytes with the empty line
    assert path.stat().st_size == STEP_SUMMARY_LIMIT - 4
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
