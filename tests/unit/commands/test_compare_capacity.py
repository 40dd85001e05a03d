"""The options of `harness compare --capacity`: what belongs to it, and what it needs."""

from pathlib import Path
from typing import Any

import pytest

from harness.budgets.model import Plan
from harness.cli import main, parser
from harness.commands import compare_capacity
from harness.commands.compare_capacity import check_options
from harness.errors import TargetError, UsageError
from harness.experiments.capacity_pair import not_searched
from harness.experiments.version import Version

SUFFIXES = {".md", ".xml", ".json", ".html"}

TEXT = """
version: 1
service: shop
target: {command: "serve {port}", url: "http://127.0.0.1:{port}"}
scenarios:
  smoke: {locustfile: a.py, rate: 50/s, duration: 20s}
  bound: {locustfile: a.py, rate: 50/s, duration: 20s, capacity: {max_regression: 10%}}
budgets:
  errors: {indicator: error_ratio, max: 1%, scenarios: [smoke]}
  answers: {indicator: {kind: throughput}, min: 5/s}
"""
REFUSED = {
    "--from 20/s": "--from belongs to --capacity",
    "--searches 3": "--searches belongs to --capacity",
    "--within 5%": "--within belongs to --capacity",
    "--capacity --rate 30/s": "--rate does not apply to --capacity",
    "--capacity --max-pairs 16": "--max-pairs does not apply to --capacity",
    "--capacity --slices 4": "--slices does not apply to --capacity",
    "--capacity --simultaneous": "--simultaneous does not apply to --capacity",
    "--capacity --diagnose always": "--diagnose does not apply to --capacity",
    "--capacity --diagnose-for 20s": "--diagnose-for does not apply to --capacity",
    "--capacity --traces-size 1MiB": "--traces-size does not apply to --capacity",
}


@pytest.mark.parametrize(("words", "message"), REFUSED.items())
def test_option_that_does_not_apply_is_refused(words: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check_options(parser(["compare"]).parse_args(["compare", *words.split()]))


@pytest.mark.parametrize("words", ["", "--capacity", "--capacity --diagnose never --from 9/s"])
def test_options_that_apply_are_accepted(words: str) -> None:
    check_options(parser(["compare"]).parse_args(["compare", *words.split()]))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("smoke --baseline main", "there is no bound on the change of the capacity"),
        ("bound --baseline main", "has no budget that a rate can break"),
        ("smoke --max-regression 10%", "there is nothing to compare the working tree with"),
        ("smoke --searches 1", "must be at least 2"),
        ("smoke --max-regression 100%", "must be at most 99%"),
        ("smoke --max-regression 10% --baseline main --from 9/s --to 8/s", "is above --to 8/s"),
    ],
)
def test_comparison_that_cannot_be_made_is_refused_before_a_folder_is_made(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    words: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").touch()
    (tmp_path / "budgets.yaml").write_text(TEXT)
    with pytest.raises(SystemExit) as ended:
        main(["compare", *words.split(), "--capacity"])
    assert ended.value.code == 2
    assert message in capsys.readouterr().err
    assert not (tmp_path / "runs").exists()


def test_error_that_ended_the_searches_hides_values_of_variables_in_each_report(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = TargetError("no connection to postgres://app:s3cret@db; see the log")

    async def ended(plan: Plan, versions: tuple[Version, Version], *_: Any, **__: Any) -> Any:
        for side in ("baseline", "candidate"):
            Path("out", side).mkdir()
        return not_searched(plan, versions, error)

    monkeypatch.setattr(compare_capacity, "search_versions", ended)
    monkeypatch.setenv("DATABASE", "postgres://app:s3cret@db")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.py").touch()
    text = TEXT.replace('command: "serve', 'environment: {DB: "${DATABASE}"}, command: "serve')
    (tmp_path / "budgets.yaml").write_text(text)
    asked = "smoke --capacity --max-regression 10% --candidate-environment A=b --out out"
    with pytest.raises(SystemExit) as code:
        main(["compare", *asked.split()])
    assert code.value.code == 4
    reports = [file for file in (tmp_path / "out").rglob("*") if file.suffix in SUFFIXES]
    texts = {file.relative_to(tmp_path / "out").as_posix(): file.read_text() for file in reports}
    assert not [name for name, found in texts.items() if "s3cret" in found]
    for name in ("comment.md", "junit.xml", "baseline/summary.md", "candidate/junit.xml"):
        assert "DATABASE" in texts[name]
