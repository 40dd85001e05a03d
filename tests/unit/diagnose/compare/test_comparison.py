"""Causes of regressions in two recordings whose difference is known."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

import pytest

from harness.budgets.dialects.recognise import by_default
from harness.budgets.model import (
    Budget,
    Direction,
    ErrorRatio,
    Gauge,
    Indicator,
    Latency,
    Mean,
    Quantile,
    Rate,
    Ratio,
    Selector,
    Utilization,
)
from harness.diagnose.compare.comparison import (
    ComparedExplanation,
    diagnose_comparison,
    needs_windows,
    recorded_pair,
)
from harness.diagnose.compare.differences import added_cache_commands
from harness.diagnose.compare.request_parts import compared_endpoints
from harness.runs.model import Evidence, SlowRequest
from harness.runs.recording.profile import Stack
from harness.runs.recording.recording import Recording
from harness.runs.recording.spans import ExceptionEvent, Span
from harness.runs.records.changes import ChangedCode, ChangedFile, CodeFunction, LineRange
from harness.runs.records.failed import FailureKind
from harness.units import Unit
from tests.unit.diagnose.spans import request, span, stack
from tests.unit.diagnose.test_functions import LOOP, SELECT
from tests.unit.diagnose.test_skew import front_and_back
from tests.unit.judge.evidence import evidence, series

HTTP, DB = "http_server_request_duration_seconds", "db_client_operation_duration_seconds"
OLD, NEW = "SELECT a, b FROM c JOIN d", "SELECT b FROM d WHERE id = ?"
P50 = Latency(0.5)
QUERIES = Ratio(Selector(f"{DB}_count"), Selector(f"{HTTP}_count"))
CPU = Rate(Selector("process_cpu_seconds_total"))
HITS = Ratio(Selector("cache_gets_total", {"result": "hit"}), Selector("cache_gets_total"))
POOL = Utilization(Selector("db_client_connection_count"), Selector("db_client_connection_max"))
LAG = Quantile(Selector("event_loop_lag_seconds"), 0.95)
BASE, BRANCH = "/tmp/x/baseline", "/tmp/x/candidate"
CODE = ChangedCode(
    baseline=BASE,
    candidate=BRANCH,
    files=(
        ChangedFile(
            path="app/shop.py",
            lines=(LineRange(first=7, last=8),),
            functions=(CodeFunction(name="load", lines=LineRange(first=5, last=9)),),
        ),
    ),
)
IDLE = stack(1000, *SELECT)
Parts = Sequence[tuple[str, float]]


def requests(
    count: int, parts: Parts, own: float, *, route: str = "/items", spread: float = 0.1
) -> list[Span]:
    """Requests in 10 s that do the parts, with so much time of their own, each a bit different."""
    source = random.Random(f"{count}{route}{own}")
    found: list[Span] = []
    for number in range(count):
        scale = source.uniform(1 - spread, 1 + spread)
        cut = [(text, seconds * scale) for text, seconds in parts]
        seconds = (own + sum(seconds for _, seconds in parts)) * scale
        found += request(
            *(f"{route}{count}-{number}", seconds, cut),
            route=route,
            start=100.0 + 10 * number / (count - 1),
        )
    return found


def three(spans: Sequence[Span]) -> Iterator[tuple[Span, Span, Span]]:
    return zip(spans[::3], spans[1::3], spans[2::3], strict=True)


def explained(
    indicator: Indicator,
    baseline: Recording,
    candidate: Recording,
    code: ChangedCode | None = CODE,
    windows: tuple[Sequence[Evidence], Sequence[Evidence]] = ((), ()),
) -> ComparedExplanation:
    direction: Direction = "min" if indicator is HITS else "max"
    budget = Budget("worse", indicator, Unit.SECONDS, 1, direction)
    pair = recorded_pair(baseline, candidate, code, windows)
    (found,) = diagnose_comparison([budget], pair, by_default()).explanations
    return found


def recording(spans: Sequence[Span] = (), *wall: Stack, cpu: Sequence[Stack] = ()) -> Recording:
    return Recording(tuple(spans), wall, tuple(cpu))


# --- time -----------------------------------------------------------------------------------------


def test_statement_that_is_executed_once_per_row_is_the_cause() -> None:
    found = explained(
        P50,
        recording(requests(60, [(OLD, 0.005)], own=0.002), IDLE),
        recording(
            requests(60, [("SELECT a FROM c", 0.004)] + [(NEW, 0.002)] * 20, own=0.006),
            IDLE,
            stack(
                30,
                f"load {BRANCH}/app/shop.py:8",
                f"x {BRANCH}/.venv/lib/python3/site-packages/sqlalchemy/engine.py:1",
            ),
        ),
    )
    cause, caller = found.causes
    assert (cause.kind, cause.what) == ("statement", NEW)
    # Added: 40 ms for it, 4 ms for another statement, 4 ms of own code.
    assert cause.share == pytest.approx(40 / 48, abs=0.01)
    assert 0.8 < cause.lower <= cause.share <= cause.upper < 0.87
    assert cause.evidence == "20 times in a request, never before; 1.98 ms each"
    assert found.about.startswith("the added time of 30 of 60 requests (GET /items, ")
    assert (caller.what, caller.place) == ("load()", "app/shop.py:8")
    assert caller.evidence == "30 samples, 0 before, mostly in sqlalchemy"
    assert found.changed == ()


def test_changed_function_that_calls_the_database_is_named_beside_its_statement() -> None:
    # Its samples are too few to be a part of the time.
    library = f"x {BRANCH}/.venv/lib/python3/site-packages/sqlalchemy/engine.py:1"
    found = explained(
        P50,
        recording(requests(60, [(OLD, 0.005)], own=0.01), IDLE),
        recording(
            requests(60, [(OLD, 0.005)] + [(NEW, 0.02)] * 20, own=0.02),
            IDLE,
            stack(4, f"load {BRANCH}/app/shop.py:8", library),
        ),
    )
    assert [one.what for one in found.causes] == [NEW]
    (place,) = found.changed
    assert (place.place, place.function) == ("app/shop.py:8", "load")
    assert place.why == "on the stack in 4 samples, 0 before, calls sqlalchemy"


def test_statement_that_takes_longer_is_the_cause() -> None:
    found = explained(
        P50,
        recording(requests(60, [(OLD, 0.005), (NEW, 0.004)], own=0.01)),
        recording(requests(60, [(OLD, 0.005), (NEW, 0.050)], own=0.01)),
    )
    (cause,) = found.causes
    assert cause.what == NEW
    assert cause.share > 0.95
    assert cause.evidence.startswith("once in a request, as before; 5")
    assert [(one.place, one.why) for one in found.changed] == [
        ("app/shop.py:7", "the only change of the branch")
    ]


def test_function_that_runs_longer_is_the_cause_with_its_changed_line() -> None:
    # 60 requests in 10 s, 1000 samples in 10 s: 30 ms of each request are 180 samples.
    found = explained(
        P50,
        recording(
            requests(60, [(OLD, 0.005)], own=0.005),
            replace(IDLE, count=990),
            stack(10, f"load {BASE}/app/shop.py:6"),
        ),
        recording(
            requests(60, [(OLD, 0.005)], own=0.035),
            replace(IDLE, count=810),
            stack(190, f"load {BRANCH}/app/shop.py:7"),
        ),
    )
    (cause,) = found.causes
    assert (cause.what, cause.place) == ("load()", "app/shop.py:7")
    assert getattr(cause, "changed", "") == "changed in this branch"
    assert cause.share > 0.9
    assert cause.evidence == "190 samples, 10 before"
    assert found.changed == ()  # the cause has the line


def test_what_goes_on_after_the_answer_is_no_added_time() -> None:
    def mailed(spans: list[Span], seconds: float) -> list[Span]:
        roots = (one for one in spans if not one.parent_id)
        return spans + [
            span("mail", one.trace_id, one.end, one.end + seconds, parent=one.span_id)
            for one in roots
        ]

    found = explained(
        P50,
        recording(mailed(requests(60, [(OLD, 0.005)], own=0.005), 0.1)),
        recording(mailed(requests(60, [(OLD, 0.015)], own=0.005), 3.0)),
    )
    assert [cause.what for cause in found.causes] == [OLD]


def test_profile_does_not_divide_the_code_of_another_service() -> None:
    def through_two(seconds: float, queries: int) -> list[Span]:
        found: list[Span] = []
        for number in range(60):
            about = f"{seconds}{number}"
            root, call, back, query = front_and_back(skew=0.0, served=0.6 + seconds)
            call, root = replace(call, end=0.9 + seconds), replace(root, end=1.0 + seconds)
            root, call, back, query = (
                replace(one, trace_id=about, start=one.start + number, end=one.end + number)
                for one in (root, call, back, query)
            )
            found += [root, call, back]
            found += [replace(query, span_id=f"{query.span_id}{n}") for n in range(queries)]
        return found

    wall = [stack(800, f"render {BRANCH}/app/pages.py:5"), IDLE]
    before = recording(through_two(0.0, 1), stack(700, f"render {BASE}/app/pages.py:5"), IDLE)
    (cause,) = explained(P50, before, recording(through_two(0.5, 1), *wall)).causes
    assert (cause.kind, cause.what, cause.service) == ("span", "GET /stock", "stock")
    more = recording(through_two(0.0, 9))
    assert explained(QUERIES, before, more).causes == ()  # it executes none itself


def test_function_of_a_renamed_file_is_the_same() -> None:
    code = ChangedCode(
        baseline=BASE, candidate=BRANCH, files=(), renamed={"app/old.py": "app/new.py"}
    )
    old, new = f"render {BASE}/app/old.py:5", f"render {BRANCH}/app/new.py:5"
    found = explained(
        CPU,
        recording(cpu=[stack(500, old), stack(100, f"price {BASE}/app/shop.py:1")]),
        recording(cpu=[stack(510, new), stack(300, f"price {BRANCH}/app/shop.py:1")]),
        code,
    )
    (cause,) = found.causes
    assert (cause.what, cause.evidence) == ("price()", "300 samples, 100 before")


@pytest.mark.parametrize(("line", "named"), [(7, ["go()", "load()"]), (30, ["go()"])])
def test_function_at_a_changed_line_needs_a_smaller_share(line: int, named: list[str]) -> None:
    found = explained(
        CPU,
        recording(cpu=[stack(10, "go /srv/a.py:1")]),
        recording(
            cpu=[stack(300, "go /srv/a.py:1"), stack(40, f"load {BRANCH}/app/shop.py:{line}")]
        ),
    )
    assert [one.what for one in found.causes] == named
    assert bool(found.changed) == (line == 30)


def test_time_in_which_no_thread_runs_is_waiting() -> None:
    found = explained(
        P50,
        recording(
            requests(60, [(OLD, 0.005)], own=0.005),
            replace(IDLE, count=990),
            stack(10, f"load {BASE}/app/shop.py:6"),
        ),
        recording(
            requests(60, [(OLD, 0.005)], own=0.055),
            replace(IDLE, count=988),
            stack(12, f"load {BRANCH}/app/shop.py:6"),
        ),
    )
    (cause,) = found.causes
    assert cause.what == ("GET /items: waits in the service's own code, while no thread runs it")
    assert cause.share > 0.9
    assert cause.lower > 0.6
    assert [one.place for one in found.changed] == ["app/shop.py:7"]


def test_function_that_is_certain_is_named_beside_functions_that_ran_less_by_chance() -> None:
    # As many samples as before in all: 100 of a function are new, 100 of others are gone.
    found = explained(
        P50,
        recording(
            requests(60, [(OLD, 0.005)], own=0.005),
            IDLE,
            *(stack(20, f"f{n} /srv/a.py:{n}") for n in range(5)),
        ),
        recording(
            requests(60, [(OLD, 0.005)], own=0.025),
            IDLE,
            stack(100, f"load {BRANCH}/app/shop.py:8"),
        ),
    )
    assert found.causes[0].what == "load()"
    for cause in found.causes:
        assert cause.lower <= cause.share <= cause.upper


def test_requests_that_are_not_slower_have_no_cause() -> None:
    found = explained(
        P50,
        recording(requests(60, [(OLD, 0.005)], own=0.01)),
        recording(requests(61, [(OLD, 0.005)], own=0.01)),
    )
    assert found.causes == ()
    assert found.note.startswith("the recorded requests are not slower: 1")


def test_many_small_parts_are_no_single_cause() -> None:
    parts = [(f"SELECT {n}", 0.002) for n in range(10)]
    found = explained(
        P50,
        recording(requests(60, parts, own=0.01)),
        recording(requests(60, [(text, 0.004) for text, _ in parts], own=0.01)),
    )
    assert found.causes == ()
    assert found.note.startswith("no single cause found: no part has 20% of the added time")
    assert found.unexplained == 1


def test_few_very_slow_requests_do_not_hide_what_moved_the_median() -> None:
    # A disturbance of three requests of the baseline takes longer than all that was added.
    slow = requests(3, [(OLD, 9.0)], own=0.01)
    found = explained(
        P50,
        recording([*requests(57, [(OLD, 0.005)], own=0.01), *slow]),
        recording(requests(60, [(OLD, 0.005), (NEW, 0.02)], own=0.01)),
    )
    assert [one.what for one in found.causes] == [NEW]
    assert found.about.startswith("the added time of 30 of 60 requests (GET /items, 15")
    mean = explained(
        Latency(None),
        recording([*requests(57, [(OLD, 0.005)], own=0.01), *slow]),
        recording(requests(60, [(OLD, 0.005), (NEW, 0.02)], own=0.01)),
    )
    assert mean.note.startswith("the recorded requests are not slower")


def test_slowest_requests_explain_a_high_quantile() -> None:
    usual = requests(90, [(OLD, 0.005)], own=0.01)
    before = recording(usual + requests(10, [(OLD, 0.05)], own=0.01))
    after = recording(usual + requests(10, [(OLD, 0.05), (NEW, 0.2)], own=0.01))
    found = explained(Latency(0.95), before, after)
    assert [one.what for one in found.causes] == [NEW]
    assert found.about.startswith("the added time of 10 of 100 requests")


def test_only_the_endpoint_of_the_budget_counts() -> None:
    before = requests(40, [(OLD, 0.005)], own=0.01) + requests(40, [(NEW, 0.01)], 0.01, route="/o")
    after = requests(40, [(OLD, 0.05)], own=0.01) + requests(40, [(NEW, 0.2)], 0.01, route="/o")
    named = SlowRequest(100.0, "GET others", "ok", 0.2, 0.2, "/o40-3", sampled=True)
    both = recording(before), replace(recording(after), slowest=(named,))
    assert explained(Latency(0.5, "GET /items"), *both).causes[0].what == OLD
    assert explained(Latency(0.5, "GET others"), *both).causes[0].what == NEW
    everything = explained(P50, *both)
    assert everything.causes[0].what == NEW
    assert everything.about.startswith("the added time of 40 of 80 requests (2 endpoints, ")
    by_route = Quantile(Selector(f"{HTTP}_bucket", {"http_route": "/items"}), 0.5)
    assert explained(by_route, *both).causes[0].what == OLD
    other_method = {"http_route": "/items", "http_request_method": "POST"}
    by_method = Quantile(Selector(f"{HTTP}_bucket", other_method), 0.5)
    assert explained(by_method, *both).causes == ()


def test_functions_that_keep_the_event_loop_are_the_causes_of_all_waiting() -> None:
    # Statements wait for the loop, too: their spans are longer without any change of theirs.
    found = explained(
        P50,
        recording(
            requests(60, [(OLD, 0.005)], own=0.005), IDLE, stack(50, *LOOP, "go /srv/a.py:1")
        ),
        recording(
            requests(60, [(OLD, 0.2)], own=0.3),
            replace(IDLE, count=400),
            stack(60, *LOOP, "go /srv/a.py:1"),
            stack(590, *LOOP, "go /srv/a.py:2", f"load {BRANCH}/app/shop.py:8"),
        ),
    )
    (cause,) = found.causes
    assert (cause.what, cause.place) == ("load()", "app/shop.py:8")
    assert "the event loop, which is occupied for 62% of its time, 5% before" in found.about


def test_without_traces_the_profile_of_the_threads_explains_a_latency() -> None:
    found = explained(
        P50,
        recording((), IDLE, stack(50, "go /srv/a.py:1")),
        recording((), IDLE, stack(52, "go /srv/a.py:1"), stack(80, f"load {BRANCH}/app/shop.py:8")),
    )
    (cause,) = found.causes
    assert (cause.what, cause.place) == ("load()", "app/shop.py:8")
    assert found.about == "the added time of the service's threads"


def test_without_traces_and_profile_it_is_said() -> None:
    found = explained(P50, recording(), recording(), code=None)
    assert found.note == "the service sent no traces, and there is no profile of it"
    assert (found.causes, found.changed) == ((), ())


# --- the other questions --------------------------------------------------------------------------


def test_statements_by_number_and_by_time() -> None:
    before = recording(requests(60, [(OLD, 0.020)] * 2, own=0.01))
    after = recording(requests(60, [(OLD, 0.080)] * 2 + [(NEW, 0.001)] * 8, own=0.01))
    counted = explained(QUERIES, before, after)
    assert (counted.causes[0].what, counted.causes[0].share) == (NEW, 1.0)
    assert counted.about.startswith("the added number of statements in 60 requests")
    timed = explained(Mean(Selector(DB)), before, after)
    assert timed.causes[0].what == OLD
    assert timed.causes[0].share == pytest.approx(120 / 128, abs=0.01)


def test_calls_of_other_services_by_number() -> None:
    calls = Ratio(Selector("http_client_request_duration_seconds_count"), Selector(f"{HTTP}_count"))
    found = explained(
        calls,
        recording(requests(60, [("call mail", 0.01), ("call map", 0.01)], own=0.01)),
        recording(requests(60, [("call mail", 0.01)] + [("call map", 0.01)] * 5, own=0.01)),
    )
    (cause,) = found.causes
    assert (cause.what, cause.share) == ("GET map", 1.0)
    assert cause.evidence.startswith("5 times in a request, once before")


def test_connection_of_a_database_is_no_call_of_another_service() -> None:
    def connecting(times: int) -> Recording:
        found = requests(60, [("call map", 0.01)], own=0.01)
        roots = [one for one in found if not one.parent_id]
        for root in roots * times:
            about = (root.trace_id, root.start, root.end)
            found.append(span("connect", *about, parent=root.span_id, kind=3, db_system="sqlite"))
        return recording(found)

    calls = Ratio(Selector("http_client_request_duration_seconds_count"), Selector(f"{HTTP}_count"))
    assert explained(calls, connecting(1), connecting(9)).causes == ()


def with_spans(*parts: str) -> Recording:
    """Requests with commands of a cache ("redis TEXT") and work after the answer ("later NAME")."""
    found: list[Span] = []
    for number in range(20):
        trace = f"{parts}{number}"
        root, *_ = request(trace, 0.1, [], start=100.0 + number)
        found.append(root)
        for part in parts:
            kind, _, text = part.partition(" ")
            start = root.start + (0.05 if kind == "redis" else 0.2)
            made = span(text, trace, start, start + 0.01, parent=root.span_id)
            if kind == "redis":
                made = replace(made, attributes={"db.query.text": text, "db.system.name": "redis"})
            found.append(made)
    return recording(found)


def test_commands_of_caches_are_no_statements_of_databases() -> None:
    before, after = with_spans("redis GET"), with_spans("redis GET", "redis SET", "redis SET")
    counted = explained(QUERIES, before, after)
    assert counted.note == "no span of the service has the text of a statement"
    pair = recorded_pair(before, after)
    endpoints = compared_endpoints(pair.baseline.traces, pair.candidate.traces)
    (cause, *_) = sorted(added_cache_commands(pair, endpoints).causes, key=lambda one: -one.share)
    assert (cause.what, cause.share) == ("SET", 1.0)


def test_work_after_the_answer_by_time() -> None:
    tasks = Mean(Selector("background_task_duration_seconds"))
    found = explained(tasks, with_spans("later mail"), with_spans("later mail", "later export"))
    (cause,) = found.causes
    assert (cause.what, cause.share) == ("export", 1.0)
    assert found.about.startswith("the added time after the answers in 20 requests")


def test_functions_that_use_more_cpu() -> None:
    found = explained(
        CPU,
        recording(cpu=[stack(50, f"load {BASE}/app/shop.py:6"), stack(40, "go /srv/a.py:1")]),
        recording(cpu=[stack(250, f"load {BRANCH}/app/shop.py:8"), stack(45, "go /srv/a.py:1")]),
    )
    (cause,) = found.causes
    assert (cause.what, cause.place) == ("load()", "app/shop.py:8")
    assert cause.share == pytest.approx(200 / 205)


def test_threads_that_wait_use_no_cpu() -> None:
    waiting = stack(900, "get /usr/lib/python3.11/queue.py:180")
    work = (stack(50, "load /srv/a.py:6"), stack(90, "load /srv/a.py:6"))
    before, after = (recording(cpu=[one]) for one in work)
    idle = recording(cpu=[*after.cpu, waiting])
    assert explained(CPU, before, idle).causes == explained(CPU, before, after).causes != ()


def test_connection_is_held_from_a_statement_on_not_from_a_command_of_a_cache() -> None:
    def asked(seconds: float) -> Recording:
        spans = []
        for root, command, statement in three(
            requests(60, [("GET ?", seconds), (OLD, 0.01)], own=0.0)
        ):
            redis = replace(command, attributes={**command.attributes, "db.system.name": "redis"})
            spans += [root, redis, statement]
        return recording(spans)

    assert explained(POOL, asked(0.01), asked(0.5)).causes == ()


def test_profile_without_growth_names_nothing() -> None:
    same = [stack(100, "go /srv/a.py:1")]
    found = explained(CPU, recording(cpu=same), recording(cpu=same))
    assert found.note == "the profile does not show the added CPU time of the service"


def test_functions_that_keep_the_loop() -> None:
    found = explained(
        LAG,
        recording((), IDLE, stack(40, *LOOP, "go /srv/a.py:1")),
        recording(
            (), IDLE, stack(41, *LOOP, "go /srv/a.py:1"), stack(90, *LOOP, "nap /srv/a.py:5")
        ),
    )
    assert found.causes[0].what == "nap()"


def test_what_a_request_does_while_it_keeps_a_connection() -> None:
    before = recording(requests(60, [(OLD, 0.005)], own=0.002))
    after = recording(requests(60, [(OLD, 0.005), ("call mail", 0.2)], own=0.002))
    found = explained(POOL, before, after)
    assert found.causes[0].what == "GET mail"
    assert found.about == "the added time from the first statement of a request to its end"


def failures(count: int, text: str = "500 Internal Server Error") -> FailureKind:
    return FailureKind(
        *("GET /items", "status", 500, text), False, count, count, 1.0, 2.0, "", replies=()
    )


def test_failed_requests_have_the_line_that_raised_the_exception() -> None:
    traceback = f'  File "{BRANCH}/app/shop.py", line 8, in load\n'
    raised = (ExceptionEvent("KeyError", "'x'", traceback),)
    spans = request("t1", 0.1, [], error=True, exceptions=raised)
    run = evidence()
    windows = (
        [replace(run, failures=(failures(2),))],
        [replace(run, failures=(failures(30),)), replace(run, failures=(failures(12),))],
    )
    found = explained(ErrorRatio(), recording(), recording(spans), windows=windows)
    (cause,) = found.causes
    assert cause.what == "GET /items: 500 Internal Server Error, KeyError: 'x'"
    assert (cause.place, cause.evidence) == ("app/shop.py:8", "42 failed requests, 2 before")
    assert getattr(cause, "changed", "") == "changed in this branch"
    fewer = explained(ErrorRatio(), recording(), recording(spans), windows=windows[::-1])
    assert fewer.note == "the timed pairs have no more failed requests"
    other = explained(ErrorRatio("GET /else"), recording(), recording(), windows=windows)
    assert other.causes == ()


def test_failures_are_those_that_the_metric_of_the_service_counts() -> None:
    absent = replace(failures(90, "404 Not Found"), status=404)
    windows = ([evidence()], [replace(evidence(), failures=(absent, failures(10)))])
    errors = Ratio(Selector(f"{HTTP}_count", {"http_response_status_code": "~5.."}), Selector(HTTP))
    (cause,) = explained(errors, recording(), recording(), windows=windows).causes
    assert (cause.what, cause.share) == ("GET /items: 500 Internal Server Error", 1.0)
    both = explained(ErrorRatio(), recording(), recording(), windows=windows).causes
    assert both[0].what == "GET /items: 404 Not Found"


def with_cache(users: tuple[int, int], pages: tuple[int, int]) -> Evidence:
    """A window with so many hits and misses of two caches."""
    counts = {"users": users, "pages": pages}
    return evidence(
        *(
            series(
                "cache_gets_total",
                lambda t, count=count: max(0.0, min(t, 1.0)) * count,  # type: ignore[misc]
                {"cache": name, "result": result},
            )
            for name, of_cache in counts.items()
            for result, count in zip(("hit", "miss"), of_cache, strict=True)
        )
    )


def test_misses_of_each_cache_are_counted_over_all_pairs() -> None:
    before = [with_cache((90, 10), (50, 50))] * 2
    after = [with_cache((10, 90), (50, 50)), with_cache((20, 80), (45, 55))]
    found = explained(HITS, recording(), recording(), windows=(before, after))
    (cause,) = found.causes
    assert (cause.what, cause.evidence) == ("cache users", "170 misses, 20 before")
    assert cause.share == pytest.approx(150 / 155)
    same = explained(HITS, recording(), recording(), windows=(before, before))
    assert same.note == "the timed pairs have no more misses"


def test_indicators_without_a_rule_say_so() -> None:
    found = explained(Gauge(Selector("process_resident_memory_bytes")), recording(), recording())
    assert found.note == "a recording of some seconds does not explain it"


@pytest.mark.parametrize(
    ("indicator", "needed"), [(ErrorRatio(), True), (HITS, True), (P50, False), (CPU, False)]
)
def test_timed_pairs_are_read_for_failures_and_misses_only(
    indicator: Indicator, needed: bool
) -> None:
    budget = Budget("one", indicator, Unit.RATIO, 0.5, "min")
    assert needs_windows(budget, by_default()) == needed
