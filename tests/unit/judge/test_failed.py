"""Where to look first when requests failed."""

from dataclasses import replace

import pytest

from harness.budgets.model import Budget, ErrorRatio, Latency
from harness.judge.failed import with_advice
from harness.judge.judge import decide
from harness.judge.model import Measurement, Verdict
from harness.runs.model import Evidence
from harness.runs.records.failed import FailureKind
from harness.units import Unit
from tests.unit.judge.evidence import manifest

KIND = FailureKind("GET /a", "status", 500, "500 X", False, 5, 5, 1.0, 2.0, "", ())
REFUSED = replace(KIND, kind="connection", status=0, text="connection refused: nothing listened")
ERRORS = Budget("errors", ErrorRatio(), Unit.RATIO, 0.01, "max")
USUAL = "see the service's log in the run folder"


def breach(budget: Budget) -> Verdict:
    return decide(budget, Measurement(0.5, 100, "load generator"), ())


def advised(
    *kinds: FailureKind, budget: Budget = ERRORS, logged: bool = False, **target: object
) -> str:
    of = manifest().model_copy(update={"target": {"ours": False} | target})
    run = Evidence(of, {}, (), failures=kinds, logged=logged)
    return with_advice(budget, breach(budget), run).advice


@pytest.mark.parametrize(
    ("kind", "advice"),
    [
        (KIND, "see the answers in failures.jsonl, and the log of the service"),
        (REFUSED, "see why the service stopped listening"),
        (
            replace(KIND, kind="timeout"),
            "see why the service does not answer in time, or raise the timeout",
        ),
        (
            replace(KIND, kind="check"),
            "compare the answers in failures.jsonl with the checks of the locustfile",
        ),
        (
            replace(KIND, kind="exception"),
            "see the answers in failures.jsonl and the generator's log",
        ),
        (replace(KIND, count=0), USUAL),
    ],
)
def test_advice_depends_on_how_requests_failed(kind: FailureKind, advice: str) -> None:
    assert advised(kind) == advice


def test_most_requests_decide() -> None:
    assert "listening" in advised(replace(KIND, count=4), REFUSED)
    assert "answers" in advised(replace(KIND, count=6), REFUSED)
    two = replace(REFUSED, request="GET /b", count=3)
    assert "listening" in advised(KIND, replace(REFUSED, count=3), two)


@pytest.mark.parametrize(
    ("code", "end"),
    [
        (1, ": its process ended with exit code 1"),
        (-9, ": its process was killed by signal 9"),
        (None, ""),
    ],
)
def test_end_of_the_process_is_named(code: int | None, end: str) -> None:
    text = advised(REFUSED, ours=True, exit_code=code)
    assert text == f"see why the service stopped listening{end}"


def test_log_is_named_only_if_there_is_something_in_it() -> None:
    assert "target.log" in advised(KIND, ours=True, logged=True)
    assert advised(KIND, ours=True) == (
        "see the answers in failures.jsonl; the service logged nothing"
    )


def test_requests_of_other_endpoints_and_other_budgets_change_nothing() -> None:
    one = replace(ERRORS, indicator=ErrorRatio(request="GET /b"))
    assert advised(KIND, budget=one) == USUAL
    latency = Budget("latency", Latency(), Unit.SECONDS, 0.01, "max")
    assert advised(KIND, budget=latency) == breach(latency).advice
    assert advised() == USUAL
