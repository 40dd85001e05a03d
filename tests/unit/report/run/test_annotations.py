"""Annotations: which of them, in which order, and what GitHub's runner reads out of them."""

import re
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.judge.model import Verdict
from harness.report.run.annotations import error_command, workflow_commands
from tests.unit.report.cases import BREACHED, HITS, P95, UNKNOWN, WARNED
from tests.unit.report.compare.cases import CASES as COMPARISONS
from tests.unit.report.strategies import TEXTS, VERDICTS

FILE = "/home/runner/work/shop/shop/budgets.yaml"
UNESCAPED = {"%0D": "\r", "%0A": "\n", "%3A": ":", "%2C": ",", "%25": "%"}


@dataclass(frozen=True)
class Read:
    """A workflow command as `ActionCommand.TryParseV2` of actions/runner takes it apart."""

    command: str
    properties: dict[str, str]
    message: str


def read(line: str) -> Read:
    match = re.fullmatch(r"::(\w+)(?: (.*?))?::(.*)", line)
    assert match, line
    command, listed, message = match.groups()
    pairs = [pair.split("=", 1) for pair in (listed or "").split(",") if pair]
    return Read(command, {key: unescaped(value) for key, value in pairs}, unescaped(message))


def unescaped(text: str) -> str:
    return re.sub("%(0D|0A|3A|2C|25)", lambda match: UNESCAPED[match[0]], text)


def commands(*verdicts: Verdict, code: int = 3, headline: str = "why") -> list[Read]:
    lines = workflow_commands(verdicts, FILE, headline=headline, exit_code=code)
    return [read(line) for line in lines]


def test_breach_stands_at_the_line_of_its_budget_with_the_next_step() -> None:
    assert commands(BREACHED) == [
        Read(
            "error",
            {"file": FILE, "line": "31", "title": "FAIL api-latency-p95"},
            f"{BREACHED.reason}\nnext: {BREACHED.advice}\nrunbook: {BREACHED.runbook}",
        )
    ]


def test_command_is_escaped_as_the_runner_undoes_it() -> None:
    awkward = replace(
        BREACHED, name="a:b,c=d%", reason="100% :: of\r\nit %0A", runbook="", advice=""
    )
    (line,) = workflow_commands([awkward], "C:\\a,b\\budgets.yaml", headline="", exit_code=3)
    assert line == (
        "::error file=C%3A\\a%2Cb\\budgets.yaml,line=31,title=FAIL a%3Ab%2Cc=d%25"
        "::100%25 :: of it %250A"
    )
    assert read(line).properties["title"] == "FAIL a:b,c=d%"


@pytest.mark.parametrize(
    ("verdict", "levels"),
    [
        pytest.param(P95, [], id="a pass"),
        pytest.param(BREACHED, ["error"], id="a breach"),
        pytest.param(WARNED, ["warning"], id="a warning"),
        pytest.param(UNKNOWN, ["error"], id="what blocks because it could not be judged"),
        pytest.param(replace(UNKNOWN, severity="warn"), ["warning"], id="what would only warn"),
    ],
)
def test_level_says_whether_it_blocks(verdict: Verdict, levels: list[str]) -> None:
    assert [one.command for one in commands(verdict, code=0)] == levels


def test_most_important_stand_first_and_the_rest_is_counted() -> None:
    breached = [replace(BREACHED, name=f"breach-{n}") for n in range(8)]
    unknown = [replace(UNKNOWN, name=f"unknown-{n}") for n in range(5)]
    warned = [replace(WARNED, name=f"warning-{n}") for n in range(10)]
    found = commands(*warned, *unknown, HITS, *breached)
    titles = [(one.command, one.properties["title"]) for one in found]
    assert titles == [
        *(("error", f"FAIL breach-{n}") for n in range(8)),
        ("error", "INCONCLUSIVE unknown-0"),
        ("error", "harness"),
        *(("warning", f"WARN warning-{n}") for n in range(10)),
    ]
    assert found[9].message == "... and 4 more, in the summary"


@pytest.mark.parametrize(
    ("verdicts", "code", "messages"),
    [
        pytest.param((), 4, ["it was interrupted"], id="nothing was judged"),
        pytest.param((P95, WARNED), 130, ["it was interrupted", WARNED.reason], id="interrupted"),
        pytest.param((BREACHED,), 3, [BREACHED.reason], id="a budget is to blame"),
        pytest.param((P95,), 0, [], id="a success"),
    ],
)
def test_failure_that_no_budget_is_to_blame_for_has_its_headline(
    verdicts: tuple[Verdict, ...], code: int, messages: list[str]
) -> None:
    found = commands(*verdicts, code=code, headline="it was interrupted")
    assert [one.message.splitlines()[0] for one in found] == messages


def test_error_that_left_nothing_to_judge_is_annotated_with_its_hint() -> None:
    line = error_command("budgets.yaml:3: a\nbudgets.yaml:5: 50%\x1b", "see the docs")
    assert read(line) == Read(
        "error",
        {"title": "harness"},
        "budgets.yaml:3: a\nbudgets.yaml:5: 50%\nhint: see the docs",
    )
    assert read(error_command("gone", "")).message == "gone"


def test_comparison_is_annotated_as_a_run_is() -> None:
    comparison = COMPARISONS["fail"][0]
    lines = workflow_commands(comparison.changes, FILE, headline="", exit_code=3)
    assert [(read(line).command, read(line).properties["title"]) for line in lines] == [
        ("error", "FAIL api-latency-p95"),
        ("error", "FAIL queries-per-request"),
        ("error", "FAIL cache-hit-ratio"),
        ("warning", "WARN throughput"),
    ]
    assert "file" not in read(lines[0]).properties  # these budgets come from no file


@given(st.lists(VERDICTS, max_size=30), TEXTS, st.sampled_from([0, 3, 4, 130]))
def test_commands_of_anything_are_single_lines_within_the_limits(
    verdicts: list[Verdict], headline: str, code: int
) -> None:
    lines = workflow_commands(verdicts, FILE, headline=headline, exit_code=code)
    found = [read(line) for line in lines]
    assert all(len(line.splitlines()) == 1 for line in lines)
    for level in ("error", "warning"):
        assert sum(one.command == level for one in found) <= 10
    assert all(len(one.properties["title"]) <= 255 for one in found)
    assert code == 0 or any(one.command == "error" for one in found)
