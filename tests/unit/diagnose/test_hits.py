from dataclasses import replace

import pytest

from harness.budgets.dialects.recognise import by_default
from harness.budgets.model import Budget, ErrorRatio, Latency, Selftest
from harness.diagnose.hits import CauseHit, FalseCauses, count_within, false_causes, hit_of
from harness.diagnose.model import Cause, Diagnosis, Explanation
from harness.names import SERVICE_TIME
from harness.report.run.cause_hits import hit_line, hits_markdown, totals
from harness.runs.recording.recording import Recording
from harness.units import Unit
from tests.unit.diagnose.spans import request
from tests.unit.diagnose.test_diagnose import HITS as HIT_RATIO
from tests.unit.judge.evidence import counter, evidence, requests, series, up
from tests.unit.judge.test_selftest import judgement


def cause(what: str, place: str = "") -> Cause:
    return Cause("function", what, 0.5, 0.4, 0.6, "5 of 10 samples", place)


FOUND = Diagnosis(
    (
        Explanation("other", causes=(cause("planted()"),)),
        Explanation("slow", causes=(cause("first()"), cause("second()", "/srv/app/pages.py:8"))),
        Explanation("mute", note="no single cause found"),
    ),
    *(10, 20, 30),
)


@pytest.mark.parametrize(
    ("breaks", "expected", "rank", "first"),
    [
        (("slow",), "first", 1, "first()"),
        (("slow",), "pages.py", 2, "first()"),
        (("slow",), "planted", None, "first()"),  # named for another budget
        (("slow", "other"), "planted", 1, "planted()"),
        (("mute",), "first", None, ""),
        (("absent",), "first", None, ""),
    ],
)
def test_place_of_the_planted_cause(
    breaks: tuple[str, ...], expected: str, rank: int | None, first: str
) -> None:
    case = Selftest("bug", {"A": "1"}, "s", breaks, cause=expected)
    assert hit_of(case, FOUND) == CauseHit("bug", expected, rank, first)


HITS = [
    CauseHit("a", "x", 1, "x()"),
    CauseHit("b", "y", 3, "x()"),
    CauseHit("c", "z|", 4, "x|()"),
    CauseHit("d", "w", None, ""),
]


def test_report_of_hits() -> None:
    assert [count_within(HITS, places) for places in (1, 3)] == [1, 2]
    assert [hit_line(hit) for hit in HITS] == [
        "cause first: a: x()",
        "cause third: b: x()",
        "cause number 4: c: x|()",
        "cause not named: d: none named",
    ]
    text = "planted cause named first in 1 of 4 cases, among the first three in 2"
    assert totals(HITS) == [text]
    lines = hits_markdown(HITS).splitlines()
    assert lines[3] == "| `a` | `x` | first | `x()` |"
    assert lines[5].startswith("| `c` | <code>z&#124;</code> | number 4 | <code>x&#124;")
    assert lines[-1] == text
    assert hits_markdown([]) == ""


def test_report_of_causes_without_a_mistake() -> None:
    found = [FalseCauses(20, (("p95", "SELECT * FROM <b>"),)), FalseCauses(21)]
    text = "nothing planted, bounds 30% too tight: a cause named for 1 of 41 budgets"
    assert totals([], found) == [text, "    p95: SELECT * FROM <b>"]
    assert hits_markdown([], found).strip() == f"{text}\n\n- p95: SELECT \\* FROM &lt;b&gt;"


def test_bounds_that_are_too_tight_are_breaches_without_a_cause() -> None:
    slow = request("one", 0.02, [("SELECT a", 0.01), ("SELECT b", 0.01), ("SELECT c", 0.01)]) * 9
    budgets = [
        Budget("p95", Latency(0.95), Unit.SECONDS, 1.0, "max"),
        Budget("hits", HIT_RATIO, Unit.RATIO, 0.1, "min"),
        Budget("errors", ErrorRatio(), Unit.RATIO, 0.1, "max"),
    ]
    verdicts = judgement(p95="pass", hits="pass", errors="pass").verdicts
    measured = tuple(
        replace(one, value=value, bucket=bucket)
        for one, value, bucket in zip(
            verdicts, (None, 0.2, 0.01), ((0.1, 0.2), None, None), strict=True
        )
    )
    found = replace(judgement(p95="pass"), verdicts=measured)
    counts = [
        series("cache_gets_total", lambda t: max(0.0, min(t, 1.0)) * 5, {"result": result})
        for result in ("hit", "miss")
    ]
    roles = by_default()
    sound = Recording(tuple(slow))
    assert false_causes(found, budgets, evidence(*counts), sound, roles) == FalseCauses(2)
    repeated = Recording(
        tuple(each for n in range(9) for each in request(f"{n}", 0.4, [("SELECT a", 0.01)] * 20))
    )
    assert false_causes(found, budgets, evidence(*counts), repeated, roles) == FalseCauses(
        2, (("p95", "SELECT a"),)
    )


@pytest.mark.parametrize(("others", "named"), [(15.0, ()), (1.0, (("p95", "waiting for a CPU"),))])
def test_other_processes_are_no_false_cause(
    others: float, named: tuple[tuple[str, str], ...]
) -> None:
    budgets = [Budget("p95", Latency(0.95), Unit.SECONDS, 1.0, "max")]
    found = judgement(p95="pass")
    found = replace(found, verdicts=(replace(found.verdicts[0], value=0.5),))
    run = evidence(
        up(),
        counter("harness_service_cpu_wait_seconds_total", 5.0, {"provider": "psutil"}),
        counter("process_cpu_seconds_total", 1.0),
        counter("harness_other_cpu_seconds_total", others, {"provider": "psutil"}),
    )
    run = replace(run, latency=requests(ok=[0.5] * 40, what=SERVICE_TIME))
    slow = Recording(tuple(each for n in range(40) for each in request(f"{n}", 0.5, [])))
    assert false_causes(found, budgets, run, slow, by_default()) == FalseCauses(1, named)
