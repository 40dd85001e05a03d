"""Which outcomes of a run count as a mistake noticed."""

from dataclasses import replace

import pytest

from harness.budgets.model import Selftest
from harness.judge.model import Judgement, Outcome, Verdict, guard
from harness.judge.selftest import detect, exit_code
from harness.units import Unit

PLANTED = {"PLANT": "1"}


def verdict(name: str, outcome: Outcome) -> Verdict:
    return Verdict(
        name=name,
        description="",
        outcome=outcome,
        severity="error",
        value=2.0,
        lower=None,
        upper=None,
        bound=1.0,
        direction="max",
        unit=Unit.COUNT,
        margin=-1.0,
        samples=9,
        source="service metrics",
        reason="",
    )


def judgement(**outcomes: Outcome) -> Judgement:
    worst = next(o for o in ("fail", "inconclusive", "pass") if o in {*outcomes.values(), "pass"})
    return Judgement(worst, (), tuple(verdict(name, o) for name, o in outcomes.items()))


def case(*breaks: str) -> Selftest:
    return Selftest("planted", PLANTED, "smoke", breaks)


UNJUDGED = Selftest("planted", PLANTED, "smoke", unjudged=("a",))
WHY = "the run failed (nothing answers)"
NEVER_READY = guard("run-complete", WHY, tripped=True, scope="all")
NO_SCRAPES = guard("edge-scrapes", "no scrape succeeded", tripped=True, scope="server")


@pytest.mark.parametrize(
    ("planted", "judged", "outcome", "reason"),
    [
        (case("a"), judgement(a="fail", b="pass"), "detected", ""),
        (case("a"), judgement(a="fail", b="fail"), "detected", ""),
        (case("a"), judgement(a="fail", b="inconclusive"), "detected", ""),
        (case("a", "b"), judgement(a="fail", b="pass"), "missed", "not breached: b"),
        (case("a"), judgement(a="warn"), "missed", "not breached: a"),
        (case("a"), judgement(a="pass", b="fail"), "missed", "not breached: a"),
        (case("a"), judgement(a="inconclusive"), "inconclusive", "could not be judged: a"),
        (case("a", "b"), judgement(a="inconclusive", b="pass"), "missed", "not breached: b"),
        (UNJUDGED, judgement(a="inconclusive"), "detected", ""),
        (UNJUDGED, judgement(a="inconclusive", b="pass"), "detected", ""),
        (
            UNJUDGED,
            judgement(a="pass", b="inconclusive"),
            "missed",
            "judged instead of unjudged: a",
        ),
        (
            UNJUDGED,
            replace(judgement(a="inconclusive"), guards=(NEVER_READY,)),
            "inconclusive",
            "the run itself is not valid: run-complete: the run failed (nothing answers)",
        ),
        (
            UNJUDGED,
            replace(judgement(a="inconclusive"), guards=(NO_SCRAPES,)),
            "detected",
            "",
        ),
        (UNJUDGED, judgement(a="pass"), "missed", "passed instead of unjudged"),
        (UNJUDGED, judgement(a="fail"), "missed", "breached instead of unjudged: a"),
        (Selftest("clean", {}, "smoke"), judgement(a="pass"), "detected", ""),
        (
            Selftest("clean", {}, "smoke"),
            judgement(a="fail"),
            "missed",
            "breached with nothing planted: a",
        ),
        (
            Selftest("clean", {}, "smoke"),
            judgement(a="inconclusive"),
            "inconclusive",
            "could not be judged: a",
        ),
    ],
    ids=[
        "the promised budget broke",
        "another one broke as well",
        "another one could not be judged",
        "one of two promised held",
        "only warned",
        "only another one broke",
        "the promised one could not be judged",
        "one promised held and one could not be judged",
        "unjudged as expected",
        "unjudged as expected, and another one passed",
        "another one was unjudged",
        "the service never got ready",
        "no scrape succeeded",
        "passed although unjudged was expected",
        "broke although unjudged was expected",
        "nothing planted and passed",
        "nothing planted and broke",
        "nothing planted and not judged",
    ],
)
def test_detect_run_against_promise(
    planted: Selftest, judged: Judgement, outcome: str, reason: str
) -> None:
    detection = detect(planted, judged)
    assert (detection.outcome, detection.reason) == (outcome, reason)


def test_detection_tells_promised_and_other_breaches_apart() -> None:
    detection = detect(case("c", "a"), judgement(a="fail", b="fail", c="fail", d="pass"))
    assert [v.name for v in detection.promised] == ["c", "a"]
    assert [v.name for v in detection.others] == ["b"]


@pytest.mark.parametrize(
    ("judgements", "code"),
    [
        ([judgement(a="fail")], 0),
        ([judgement(a="fail"), judgement(a="inconclusive")], 4),
        ([judgement(a="inconclusive"), judgement(a="pass")], 3),
    ],
    ids=["all detected", "one inconclusive", "one missed and one inconclusive"],
)
def test_exit_code_is_that_of_the_worst_case(judgements: list[Judgement], code: int) -> None:
    assert exit_code(detect(case("a"), one) for one in judgements) == code
