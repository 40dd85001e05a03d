"""A comparison without a pair: every file that CI reads says so, and why."""

import json
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import NamedTuple

import pytest
import yaml
from jsonschema import Draft202012Validator

import harness.report
from harness import names
from harness.cli import main
from tests.e2e.conftest import LOCUSTFILE, document


class Failure(NamedTuple):
    """A comparison that never begins: its options, the error, a part of the hint, the exit code."""

    options: tuple[str, ...]
    error: str
    hint: str
    code: int


PROGRAM = 'import os; print(os.environ["TOKEN"]); raise SystemExit(9)'
ENDS = f"{sys.executable} -c '{PROGRAM}' {{port}} --key=my-secret-token"
FAILURES = {
    "service that ends at once": Failure(
        ("--baseline-command", ENDS, "--candidate-command", ENDS),
        "could not be loaded: the service ended with exit code 9 before it was ready",
        "the whole output is in",
        4,
    ),
    "no repository": Failure(
        ("--baseline", "HEAD"), "is in no working tree of git", "two commands or two URLs", 2
    ),
}


def validate(schema: str, stored: object) -> None:
    path = Path(harness.report.__path__[0], f"{schema}.schema.json")
    Draft202012Validator(json.loads(path.read_text())).validate(stored)


@pytest.mark.parametrize("name", FAILURES)
def test_comparison_without_a_pair_is_said_in_every_file_for_ci(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    failure, plan = FAILURES[name], document()
    plan["budgets"]["latency"]["max_regression"] = "20%"
    plan["target"]["environment"] = {"TOKEN": "${API_TOKEN}"}
    (tmp_path / "budgets.yaml").write_text(yaml.safe_dump(plan, sort_keys=False))
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "step.md")
    monkeypatch.setenv("API_TOKEN", "my-secret-token")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    Path("junit.xml").write_text("of an earlier run")
    options = ("--rate", "40/s", "--warm-up", "1s", "--out", "out", "--junit-xml", "junit.xml")
    with pytest.raises(SystemExit) as ended:
        main(["compare", *failure.options, *options])
    shown = capsys.readouterr()
    assert ended.value.code == failure.code, shown.err
    last = f"INCONCLUSIVE: nothing was compared; budgets not judged: 1 (exit code {failure.code})"
    assert shown.out.splitlines()[-1] == last
    # Once on the terminal, and once as an annotation.
    assert shown.err.count(failure.error) == 2
    assert shown.err.count("::error") == 1
    comment = Path("out", names.COMMENT_FILE).read_text()
    assert comment.startswith("<!-- harness compare ")
    summary = Path("out", names.COMPARE_SUMMARY).read_text()
    assert Path("step.md").read_text() == summary
    page = Path("out", names.REPORT_FILE).read_text()
    stored = json.loads(Path("out", names.COMPARE_FILE).read_text())
    validate("compare/compare", stored)
    for text in (comment, summary, page, stored["error"]):
        assert text.count(failure.error) == 1
        assert failure.hint in text
    assert "my-secret-token" not in shown.out + shown.err
    for file in Path("out").iterdir():
        assert not file.is_file() or "my-secret-token" not in file.read_text()
    assert (stored["outcome"], stored["exit_code"]) == ("inconclusive", failure.code)
    assert (stored["done"], stored["pairs"]) == (False, 0)
    suite = ET.parse("junit.xml").getroot()
    assert [case.get("name") for case in suite.iter("testcase")] == ["comparison"]
    (error,) = suite.iter("error")
    assert failure.error in (error.get("message") or "")


def test_capacities_of_versions_that_cannot_be_prepared_are_said_in_every_file_for_ci(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    plan = document()
    plan["target"]["environment"] = {"TOKEN": "${API_TOKEN}"}
    (tmp_path / "budgets.yaml").write_text(yaml.safe_dump(plan, sort_keys=False))
    (tmp_path / "locustfile.py").write_text(LOCUSTFILE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("GITHUB_ACTIONS", "false")
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    monkeypatch.setenv("API_TOKEN", "my-secret-token")
    options = ("--max-regression", "10%", "--out", "out", "--junit-xml", "junit.xml")
    with pytest.raises(SystemExit) as ended:
        main(["compare", "--capacity", "--baseline", "HEAD", "--baseline-command", ENDS, *options])
    shown = capsys.readouterr()
    assert ended.value.code == 2, shown.err
    reason = "is in no working tree of git"
    assert shown.err.count(reason) == 1
    last = shown.out.splitlines()[-1]
    assert last == "INCONCLUSIVE: no pair of searches is complete (exit code 2)"
    folder = Path("out")
    for path in folder.glob("**/*.*"):
        assert not path.is_file() or "my-secret-token" not in path.read_text()
    for file in (names.COMMENT_FILE, names.COMPARE_SUMMARY, names.REPORT_FILE):
        assert reason in (folder / file).read_text()
    stored = json.loads((folder / names.CAPACITY_COMPARE_FILE).read_text())
    validate("capacity/capacity-compare", stored)
    assert stored["exit_code"] == 2
    (error,) = ET.parse("junit.xml").getroot().iter("error")
    assert reason in (error.get("message") or "")
