"""What a Prometheus server answers, beside the own scrapes and the clock of the machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import pytest

from harness import names
from harness.budgets.model import Budget, Gauge, Indicator, Promql, Rate, Ratio, Selector
from harness.judge.judge import judge
from harness.judge.model import Guard, Verdict
from harness.runs.model import Evidence, ServerAnswer
from harness.units import Unit
from tests.unit.judge.evidence import END, START, budget, counter, evidence, series
from tests.unit.judge.guards.guarding import P95

C, G = Selector("c_total"), Selector("g")
RATE = budget(Rate(C), 10.0, unit=Unit.PER_SECOND)
PEAK = budget(Gauge(G, "max"), 10.0, unit=Unit.COUNT)
ERRORS = budget(
    Ratio(Selector("e_total", {"code": "500"}), Selector("e_total")), 0.1, unit=Unit.RATIO
)
OWN = (
    counter("c_total", 50.0),
    series("g", lambda _: 5.0),
    counter("e_total", 100.0, {"code": "200"}),
    counter("e_total", 100.0, {"code": "500"}),
)


def answer(
    value: float,
    scrapes: float = 20.0,
    batches: Mapping[str, list[tuple[dict[str, str], float]]] = MappingProxyType({}),
    **numbers: float | None,
) -> ServerAnswer:
    """An answer about series that a server scraped well, but for the given numbers."""
    about: dict[str, float | None] = {}
    for number in "01":
        about |= {
            f"first {number}": START + 0.1,
            f"last {number}": END - 0.1,
            f"fewest {number}": scrapes,
            f"most {number}": scrapes,
            f"age {number}": 0.5,
            f"present {number}": 100.0,
        }
    about |= {name.replace("_", " "): number for name, number in numbers.items()}
    every = {
        names.ASKED_VALUE: value,
        names.ASKED_SCRAPES: scrapes,
        names.ASKED_RESETS: 0.0,
        names.ASKED_EVENTS: 20.0,
        **about,
    }
    found: Mapping[str, list[tuple[dict[str, str], float]]] = {
        what: [({}, number)] for what, number in every.items() if number is not None
    }
    parts = {f"batches {number}": in_parts(10.0, 10.0, 10.0, 10.0, 10.0) for number in "01"}
    return ServerAnswer("http://prometheus", {**found, **parts, **batches})


def in_parts(*values: float) -> list[tuple[dict[str, str], float]]:
    return [({"batch": str(number)}, value) for number, value in enumerate(values)]


def asked(
    of: Budget, said: ServerAnswer, *, own: bool = True, step: float | None = 0.0
) -> tuple[Verdict, dict[str, Guard]]:
    run: Evidence = evidence(*(OWN if own else ()), scrape_interval=1.0, step=step)
    run = replace(run, answers={of.name: said})
    judgement = judge((of,), run)
    return judgement.verdicts[0], {guard.name: guard for guard in judgement.guards}


@pytest.mark.parametrize("own", [True, False], ids=["with own scrapes", "alone"])
@pytest.mark.parametrize(("of", "value"), [(RATE, 5.0), (PEAK, 5.0)], ids=["rate", "peak"])
def test_answer_that_covers_the_window_is_judged(of: Budget, value: float, own: bool) -> None:
    verdict, guards = asked(of, answer(value), own=own)
    assert (verdict.outcome, verdict.value) == ("pass", value)
    assert guards["server-coverage"].value == pytest.approx(0.98)
    assert ("server-agrees" in guards) == own


def test_case_3f_zero_of_a_server_does_not_stand_against_half_of_the_own_scrapes() -> None:
    verdict, guards = asked(ERRORS, answer(0.0))
    assert verdict.outcome == "inconclusive"
    assert verdict.reason.startswith(
        "server-agrees: the-budget is 0% by the server and 50% by the harness's own scrapes, which"
        " contradict each other"
    )
    assert guards["server-agrees"].budgets == ("the-budget",)


AGREEING: dict[str, tuple[Budget, float, bool]] = {
    "a rate that is equal": (RATE, 5.0, True),
    "a rate within the share that was not scraped": (RATE, 5.14, True),
    "a rate on the same side that is beyond it": (RATE, 6.0, False),
    "a rate on the other side": (RATE, 10.1, False),
    "a level that is less than half as large again": (PEAK, 9.0, True),
    "a level that is less than half": (PEAK, 2.4, False),
    "a level on the other side": (PEAK, 10.1, False),
}


@pytest.mark.parametrize(("of", "value", "agrees"), AGREEING.values(), ids=AGREEING)
def test_case_3f_contradiction_is_a_matter_of_size_and_of_the_side_of_the_bound(
    of: Budget, value: float, agrees: bool
) -> None:
    """The own rate is 5/s without any scatter; the server scraped 98% of the window."""
    verdict, guards = asked(of, answer(value))
    assert (guards["server-agrees"].outcome == "ok") is agrees
    assert (verdict.outcome == "pass") is agrees


LACKING: dict[str, tuple[Budget, ServerAnswer, str]] = {
    "scrapes that begin late": (
        RATE,
        answer(5.0, first_0=START + 1.5),
        "cover 84% of the window, and 90% are needed (budget the-budget); let Prometheus",
    ),
    "scrapes that end early": (RATE, answer(5.0, last_0=END - 1.5), "cover 84%"),
    "no stored answer about the scrapes": (RATE, answer(5.0, first_0=None), "cover 0%"),
    "one that is not a number": (RATE, answer(5.0, first_0=float("nan")), "cover 0%"),
    "four readings of a gauge": (
        PEAK,
        answer(5.0, scrapes=4),
        "has 4 readings of a gauge, and 5 are needed (budget the-budget); let Prometheus",
    ),
    "a gauge of which a series is rarer": (
        PEAK,
        answer(5.0, fewest_0=17.0),
        "g has a series with 17 of 20 scrapes",
    ),
    "a gauge that was old for long": (PEAK, answer(5.0, age_0=2.6), "missing for a part"),
    "a gauge that was gone for long": (PEAK, answer(5.0, present_0=89.0), "missing for a part"),
    "a counter that was born, without own scrapes": (
        RATE,
        answer(5.0, fewest_0=17.0),
        "c_total has a series with 17 of 20 scrapes",
    ),
}


@pytest.mark.parametrize(("of", "said", "reason"), LACKING.values(), ids=LACKING)
def test_case_3f_server_that_scraped_too_little_is_no_verdict(
    of: Budget, said: ServerAnswer, reason: str
) -> None:
    verdict, guards = asked(of, said, own=False)
    assert verdict.outcome == "inconclusive"
    assert reason in verdict.reason
    assert verdict.reason.count("scrape more often") == 1
    assert guards["server-coverage"].outcome == "tripped"


def test_counter_that_was_born_counts_where_the_own_scrapes_agree() -> None:
    verdict, _ = asked(RATE, answer(5.0, fewest_0=17.0))
    assert verdict.outcome == "pass"
    verdict, _ = asked(ERRORS, answer(0.5, fewest_0=17.0, first_0=None, most_0=None))
    assert verdict.outcome == "fail"  # the failures never were, says the server's account of series


def test_counter_that_a_server_never_saw_is_zero_where_the_own_scrapes_show_it() -> None:
    said = answer(0.0, batches={"batches 0": []}, first_0=None, most_0=None, fewest_0=None)
    verdict, _ = asked(ERRORS, said, own=False)
    assert verdict.outcome == "inconclusive"
    assert "the harness's own scrapes do not show that it is 0" in verdict.reason
    assert asked(ERRORS, said)[0].outcome == "inconclusive"  # the own scrapes saw failures
    run = evidence(counter("e_total", 200.0, {"code": "200"}), scrape_interval=1.0, step=0.0)
    (verdict,) = judge((ERRORS,), replace(run, answers={ERRORS.name: said})).verdicts
    assert (verdict.outcome, verdict.value) == ("pass", 0.0)


def test_case_3f_own_interval_holds_for_an_answer_too() -> None:
    """Alternating batches: what is too uncertain by own scrapes is no pass by a server."""
    jumps = series("c_total", lambda t: 50.0 * ((t + 5) // 4) if t < 11 else 200.0)
    limit = replace(RATE, bound=11.0)
    run = evidence(jumps, scrape_interval=1.0)
    (own,) = judge((limit,), run).verdicts
    value = own.value
    assert value is not None
    (by_server,) = judge((limit,), replace(run, answers={"the-budget": answer(value)})).verdicts
    assert own.outcome == by_server.outcome == "inconclusive"
    assert (by_server.lower, by_server.upper) == (own.lower, own.upper)


SCATTERED: dict[str, tuple[list[tuple[dict[str, str], float]], bool]] = {
    "equal parts": (in_parts(16.0, 16.0, 16.0, 16.0, 16.0), True),
    "all in one part": (in_parts(0.0, 0.0, 80.0, 0.0, 0.0), False),
    "one part only": (in_parts(80.0), False),
    "no parts": ([], False),
    "parts that have no number": ([({}, 40.0), ({"batch": "x"}, 40.0)], False),
}


@pytest.mark.parametrize(("parts", "sure"), SCATTERED.values(), ids=SCATTERED)
def test_case_3f_answer_alone_has_an_interval_by_the_parts_of_the_window(
    parts: list[tuple[dict[str, str], float]], sure: bool
) -> None:
    verdict, _ = asked(RATE, answer(8.0, batches={"batches 0": parts}), own=False)
    assert (verdict.outcome == "pass") is sure
    assert ((verdict.lower, verdict.upper) == (8.0, 8.0)) is sure


@pytest.mark.parametrize(
    ("step", "tripped"), [(None, True), (0.5, False), (0.501, True), (-6.0, True)]
)
@pytest.mark.parametrize("indicator", [Rate(C), Promql("c")], ids=["own query", "promql"])
def test_case_3e_step_of_the_clock_takes_away_what_a_server_answered(
    indicator: Indicator, step: float | None, tripped: bool
) -> None:
    verdict, guards = asked(replace(RATE, indicator=indicator), answer(5.0), step=step)
    assert (verdict.outcome == "inconclusive") is tripped
    assert (guards["clock-step"].outcome == "tripped") is tripped
    assert guards["clock-step"].value == (None if step is None else abs(step))


def test_case_3e_step_of_the_clock_changes_nothing_that_the_harness_measured() -> None:
    run = evidence(*OWN, step=6.0)
    judgement = judge((P95, replace(RATE, name="rate")), run)
    assert [verdict.outcome for verdict in judgement.verdicts] == ["pass", "pass"]
    (guard,) = (guard for guard in judgement.guards if guard.name == "clock-step")
    assert guard.reason == (
        "the machine's clock was 6 s ahead of the run's clock: it was set; no verdict depends on"
        " that"
    )
