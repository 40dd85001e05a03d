"""Counters without a series: zero where their family is in every scrape, else missing evidence."""

from collections.abc import Mapping

import pytest

from harness import names
from harness.budgets.model import Budget, PerRequest, Rate, Ratio
from harness.budgets.selector import Selector, Where
from harness.judge.judge import judge
from harness.judge.measure.absent import places
from harness.judge.model import Verdict
from harness.runs.model import Evidence, Series
from harness.units import Unit
from tests.unit.judge.evidence import (
    APP,
    OTHER,
    START,
    TIMES,
    URL,
    budget,
    counter,
    evidence,
    measure,
    requests,
    series,
    up,
)

REQUESTS, ERRORS = "requests_total", "errors_total"
GOOD, LOST = {"status": "2xx"}, {"status": "4xx"}
SERVED = [counter(REQUESTS, 900, GOOD), counter(REQUESTS, 100, LOST)]
REPLICAS = [up(), up(OTHER)]


def declared(metric: str = ERRORS, instance: str = APP, times: tuple[float, ...] = TIMES) -> Series:
    """The scrapes that declare a counter without a sample."""
    labels = {names.DECLARED_METRIC: metric}
    return series(names.DECLARED, lambda _: 1.0, labels, instance, times)


def failures(
    wanted: Where = "5xx", metric: str = REQUESTS, label: str = "status", **more: bool
) -> Budget:
    of = Selector(metric, {label: wanted} if wanted else {}, **more)
    return budget(Ratio(of, Selector(REQUESTS)), 0.02, unit=Unit.RATIO)


def verdict_on(one: Budget, run: Evidence) -> Verdict:
    return judge((one,), run).verdicts[0]


def until(end: float, one: Series) -> Series:
    points = [(t, v) for t, v in zip(one.times, one.values, strict=True) if t <= START + end]
    return Series(one.name, one.labels, *map(tuple, zip(*points, strict=True)))


def since(begin: float, one: Series) -> Series:
    points = [(t, v) for t, v in zip(one.times, one.values, strict=True) if t >= START + begin]
    return Series(one.name, one.labels, *map(tuple, zip(*points, strict=True)))


ZERO: dict[str, tuple[Budget, list[Series]]] = {
    "other label values are there": (failures(), SERVED),
    "one of a list of label values may come": (failures(("5xx", "1xx")), SERVED),
    "a pattern that may match": (failures("~5.."), SERVED),
    "the family is declared": (failures("", ERRORS), [*SERVED, declared()]),
    "the family is declared, whatever the labels": (
        failures("timeout", ERRORS, "kind"),
        [*SERVED, declared()],
    ),
    "the file says so": (failures("", ERRORS, absent_is_zero=True), SERVED),
    "the file says so of a filter that looks wrong": (
        failures("5XX", absent_is_zero=True),
        SERVED,
    ),
    "the family is born within the window": (
        failures("", ERRORS),
        [*SERVED, since(4, declared())],
    ),
    "each replica declares it": (
        failures("", ERRORS),
        [
            *(counter(REQUESTS, 1000, GOOD, at) for at in (APP, OTHER)),
            *(declared(instance=at) for at in (APP, OTHER)),
        ],
    ),
}


@pytest.mark.parametrize(("one", "found"), ZERO.values(), ids=ZERO)
def test_counter_that_is_not_born_yet_is_zero(one: Budget, found: list[Series]) -> None:
    ups = REPLICAS if any(s.labels.get(names.INSTANCE) == OTHER for s in found) else None
    verdict = verdict_on(one, evidence(*found, ups=ups))
    assert (verdict.outcome, verdict.value) == ("pass", 0.0)
    assert "yet, which counts as 0" in verdict.reason


MISSING: dict[str, tuple[Budget, list[Series], str]] = {
    "nothing shows that it exists": (failures("", ERRORS), SERVED, f"never exposed {ERRORS}"),
    "another case": (failures("4XX"), SERVED, 'did you mean "4xx"?'),
    "a pattern without its sign": (failures("5.."), SERVED, '"~5.."'),
    "a status beside groups": (failures("500"), SERVED, "grouped, as in 5xx"),
    "a label that does not exist": (
        failures(label="status_code"),
        SERVED,
        "has a label status_code; its labels are instance, status; did you mean status?",
    ),
    "its family vanishes": (
        failures(),
        [until(6, one) for one in SERVED],
        "series-complete",
    ),
    "its declaration is dropped": (
        failures("", ERRORS),
        [*SERVED, until(6, declared())],
        f"{ERRORS} is missing in 4 of 11 scrapes of {APP}",
    ),
    "its declaration ended before the window": (
        failures("", ERRORS),
        [*SERVED, until(-2, declared())],
        "is missing in 11 of 11 scrapes",
    ),
    "its first series comes after the window": (
        failures("", ERRORS),
        [*SERVED, since(11, series(ERRORS, lambda _: 500.0))],
        "is missing in 11 of 11 scrapes",
    ),
    "it is declared after the window only": (
        failures("", ERRORS),
        [*SERVED, since(11, declared())],
        "is missing in 11 of 11 scrapes",
    ),
}


@pytest.mark.parametrize(("one", "found", "reason"), MISSING.values(), ids=MISSING)
def test_counter_without_a_sign_of_it_is_missing(
    one: Budget, found: list[Series], reason: str
) -> None:
    verdict = verdict_on(one, evidence(*found))
    assert verdict.outcome == "inconclusive"
    assert reason in verdict.reason


def test_counter_that_existed_and_disappears_is_not_zero() -> None:
    """Whether it vanished in the window or before, and although its family is there."""
    gone = counter(REQUESTS, 500, {"status": "5xx"})
    for end in (-3, 0, 5):
        verdict = verdict_on(failures(), evidence(*SERVED, until(end, gone)))
        assert verdict.outcome == "inconclusive"


def test_declaration_that_gives_way_to_a_series_that_vanishes_is_not_zero() -> None:
    """The law: without the series, the scrapes after its birth lack both."""
    run = evidence(*SERVED, until(3, declared()))
    assert verdict_on(failures("", ERRORS), run).outcome == "inconclusive"
    born = since(4, counter(ERRORS, 500, before=0.0))
    whole = evidence(*SERVED, until(3, declared()), born)
    assert measure(failures("", ERRORS), whole).value == 0.5
    assert verdict_on(failures("", ERRORS), whole).outcome == "fail"


def test_counter_is_not_zero_where_its_scrapes_failed() -> None:
    """Not even if the file says that it is zero without a trace."""
    dead = evidence(ups=[up(failed=range(-5, 12))])
    rate = Rate(Selector(ERRORS, {}, absent_is_zero=True))
    verdict = verdict_on(budget(rate, 1.0, unit=Unit.PER_SECOND), dead)
    assert verdict.outcome == "inconclusive"


def test_counter_that_one_replica_has_not_born_yet_counts_as_zero_there() -> None:
    bad = {"status": "5xx"}
    served = [counter(REQUESTS, 1000, GOOD, at) for at in (APP, OTHER)]
    run = evidence(*served, counter(REQUESTS, 200, bad), ups=REPLICAS)
    verdict = verdict_on(failures(), run)
    assert verdict.outcome == "fail"
    assert verdict.value == pytest.approx(200 / 2200)
    lacking = evidence(served[0], counter(REQUESTS, 200, bad), *others(), ups=REPLICAS)
    assert verdict_on(failures(), lacking).outcome == "inconclusive"


def others() -> list[Series]:
    """What replicas have in common, so that they are known as such."""
    return [series(name, lambda _: 1.0, None, at) for name in "ab" for at in (APP, OTHER)]


def test_denominator_that_is_not_born_is_no_data() -> None:
    one = budget(Ratio(Selector(REQUESTS), Selector(REQUESTS, {"status": "5xx"})), 1.0)
    assert "seen: 2xx, 4xx" in verdict_on(one, evidence(*SERVED)).reason


def test_rate_of_a_counter_that_is_not_born_is_zero() -> None:
    one = budget(Rate(Selector(REQUESTS, {"status": "5xx"})), 1.0, unit=Unit.PER_SECOND)
    verdict = verdict_on(one, evidence(*SERVED))
    assert (verdict.outcome, verdict.value) == ("pass", 0.0)


@pytest.mark.parametrize(
    ("of", "sign"),
    [
        pytest.param(Selector(REQUESTS, {"status": "5xx"}), [], id="other label values"),
        pytest.param(Selector(ERRORS), [declared()], id="a declaration"),
        pytest.param(Selector(ERRORS, absent_is_zero=True), [], id="the file says so"),
    ],
)
def test_counter_that_is_born_after_the_window_is_zero_in_it(
    of: Selector, sign: list[Series]
) -> None:
    labels = {name: str(value) for name, value in of.where.items()}
    first = since(11, series(of.metric, lambda _: 1.0, labels))
    run = evidence(*SERVED, *sign, first)
    rate = verdict_on(budget(Rate(of), 1.0, unit=Unit.PER_SECOND), run)
    assert (rate.outcome, rate.value, rate.samples) == ("pass", 0.0, 11)
    share = verdict_on(budget(Ratio(of, Selector(REQUESTS)), 0.02, unit=Unit.RATIO), run)
    assert (share.outcome, share.value) == ("pass", 0.0)


WHERE: dict[str, tuple[Mapping[str, Where], float]] = {
    "a value": ({"status": "2xx"}, 900),
    "a list": ({"status": ("2xx", "4xx")}, 1000),
    "a pattern": ({"status": "~[45].."}, 100),
    "not a value": ({"status": "!4xx"}, 907),
    "not a pattern": ({"status": "!~2..|4.."}, 7),
    "a label that some lack": ({"status": ""}, 7),
}


@pytest.mark.parametrize(("where", "value"), WHERE.values(), ids=WHERE)
def test_filter_decides_which_series_are_summed(where: Mapping[str, Where], value: float) -> None:
    one = budget(Rate(Selector(REQUESTS, where)), 1.0, unit=Unit.PER_SECOND)
    run = evidence(*SERVED, counter(REQUESTS, 7))
    assert measure(one, run).value == pytest.approx(value / 10)


# --- requests as the denominator ------------------------------------------------------------------

QUERIES = "queries_total"
PER_REQUEST = budget(PerRequest(Selector(QUERIES)), 4.0, unit=Unit.COUNT)


def test_counter_per_request_is_by_the_requests_of_the_generator() -> None:
    answered = requests(ok=[0.01] * 180, failed=[0.01] * 20)
    run = evidence(counter(QUERIES, 600), latency=answered)
    verdict = verdict_on(PER_REQUEST, run)
    assert (verdict.outcome, verdict.value, verdict.samples) == ("pass", 3.0, 200)
    assert verdict.lower == pytest.approx(3.0, abs=0.2)
    worse = evidence(counter(QUERIES, 1000), latency=answered)
    assert verdict_on(PER_REQUEST, worse).outcome == "fail"


@pytest.mark.parametrize(
    ("queries", "outcome"), [(300, "pass"), (900, "inconclusive"), (2000, "fail")]
)
def test_unanswered_requests_count_as_possible_for_a_counter_per_request(
    queries: int, outcome: str
) -> None:
    """100 requests answered and 200 not: 3 to 1, 9 to 3, 20 to 6.7 queries a request."""
    hanging = requests(what=names.UNANSWERED_LATENCY, ok=[30.0] * 200)
    unanswered = {key._replace(outcome=""): found for key, found in hanging.items()}
    run = evidence(counter(QUERIES, queries), latency=requests(ok=[0.01] * 100) | unanswered)
    one = budget(PerRequest(Selector(QUERIES)), 4.0, unit=Unit.COUNT, decide="value")
    measured = measure(one, run)
    assert measured.value == queries / 100
    assert bool(measured.undecided) is (outcome == "inconclusive")


def test_counter_per_request_needs_a_load_that_was_not_cut() -> None:
    verdict = verdict_on(
        PER_REQUEST, evidence(counter(QUERIES, 300), user_errors=("User: ValueError: x",))
    )
    assert verdict.outcome == "inconclusive"
    assert verdict.reason.startswith("user-errors")


def test_counter_per_request_needs_requests_and_scrapes() -> None:
    assert verdict_on(PER_REQUEST, evidence(counter(QUERIES, 300), latency={})).value is None
    lost = evidence(counter(QUERIES, 300), ups=[up(failed=range(-5, 12))], metrics=(URL,))
    assert verdict_on(PER_REQUEST, lost).outcome == "inconclusive"


def test_places_of_what_is_no_counter_are_those_of_its_series() -> None:
    run = evidence(series("g", lambda _: 1.0, {"a": "b"}))
    other = Selector("g", {"a": "c"})
    assert places(run, other, counted=False) == set()
    assert len(places(run, other, counted=True)) == 1
    assert places(run, Selector("x"), counted=True) == set()
    assert places(run, Selector("x", absent_is_zero=True), counted=False) == set()
