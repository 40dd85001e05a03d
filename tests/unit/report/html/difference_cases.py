"""Comparisons whose versions were recorded after the timed pairs."""

from __future__ import annotations

from harness.diagnose.compare.changed_files import ChangedPlace
from harness.diagnose.compare.comparison import (
    ComparedExplanation,
    ComparisonDiagnosis,
    RecordedCounts,
    recorded_pair,
)
from harness.diagnose.compare.differences import RecordedPair
from harness.diagnose.compare.request_parts import RegressionCause
from harness.judge.compare.compare import compare
from harness.judge.compare.model import Comparison, Rules
from harness.report.html.compare_page import compare_page
from harness.report.html.differences import differences_section
from harness.runs.recording.profile import Stack, StackFrame
from harness.runs.recording.recording import Recording
from harness.runs.recording.spans import Span
from tests.unit.diagnose.spans import request, stack
from tests.unit.report.compare.cases import BUDGETS, SETTING, noisy, pairs, values
from tests.unit.report.html.why_cases import HOSTILE, LIBRARY, STATEMENT

JOIN = "SELECT orders.id, companies.name FROM orders JOIN companies"
QUERY = RegressionCause(
    *("statement", STATEMENT, 0.6, 0.52, 0.68, "20 times in a request, never before; 8 ms each"),
    advice="look at what executes it, and at its plan (EXPLAIN)",
)
RENDER = RegressionCause(
    *("function", "render()", 0.3, 0.25, 0.35, "60 samples, 20 before", "app/pages.py:85"),
    advice="look at this line, and at what it calls",
    changed="changed in this branch",
)
PLACES = tuple(
    ChangedPlace(f"app/orders.py:{line}", "orders", exact=True, why="on the stack in 30 samples")
    for line in (12, 40, 77)
)
ABOUT = "the added time of 96 requests (GET /orders, 8.3 ms before, 47 ms now)"
EXPLAINED = ComparedExplanation("api-latency-p95", ABOUT, (QUERY, RENDER), 0.1, changed=PLACES[:1])
LONGEST = ComparedExplanation("api-latency-p95", ABOUT, (QUERY, QUERY, RENDER), 0.1, changed=PLACES)
UNKNOWN = ComparedExplanation("api-latency-p95", note="there is no profile", changed=PLACES[:1])
FAILED: Comparison = compare(BUDGETS, pairs(values(noisy(1.15)[:4])), Rules())
PAIR = recorded_pair(
    Recording(
        tuple(request("a", 0.1, [(JOIN, 0.02)])),
        wall=(
            stack(20, "handler app/api.py:3", "render app/pages.py:80"),
            stack(80, "handler app/api.py:3", "gone app/old.py:8"),
        ),
        cpu=(
            stack(20, "handler app/api.py:3", "render app/pages.py:80"),
            stack(80, "handler app/api.py:3", "gone app/old.py:8"),
        ),
    ),
    Recording(
        tuple(request("b", 0.4, [(STATEMENT, 0.1), (STATEMENT, 0.1), ("call other", 0.1)])),
        wall=(
            stack(60, "handler app/api.py:3", "render app/pages.py:85"),
            stack(30, "handler app/api.py:3", "load app/data.py:8"),
            stack(10, f"dispatch {LIBRARY}:7", "handler app/api.py:4"),
        ),
        cpu=(
            stack(60, "handler app/api.py:3", "render app/pages.py:85"),
            stack(30, "handler app/api.py:3", "load app/data.py:8"),
        ),
    ),
)


def diagnosis(
    *explanations: ComparedExplanation, notes: tuple[str, ...] = ()
) -> ComparisonDiagnosis:
    """A diagnosis with these explanations."""
    counts = RecordedCounts(40, 200, 100)
    return ComparisonDiagnosis(explanations, counts, RecordedCounts(41, 900, 140), notes)


def page(
    *explanations: ComparedExplanation, pair: RecordedPair = PAIR, notes: tuple[str, ...] = ()
) -> str:
    """The page of a comparison with these explanations."""
    why = differences_section(diagnosis(*explanations, notes=notes), pair)
    return compare_page(FAILED, SETTING, exit_code=3, why=why)


def hostile_page() -> str:
    """A page in which every text of the service and of the repository is hostile."""
    spans: list[Span] = []
    stacks: list[Stack] = []
    causes: list[RegressionCause] = []
    places: list[ChangedPlace] = []
    for number, text in enumerate(HOSTILE):
        spans += request(f"{text}{number}", 0.3, [(text, 0.1)], route=text)
        frames = (StackFrame(f"process {text}"), StackFrame(text, text, 3))
        stacks.append(Stack((*frames, StackFrame(text, f"/srv/{text}.py", 9)), 10))
        causes.append(
            RegressionCause("function", f"{text}()", 0.3, 0.2, 0.4, text, text, text, changed=text)
        )
        places.append(ChangedPlace(text, text, exact=True, why=text))
    explained = ComparedExplanation(
        HOSTILE[0], HOSTILE[1], tuple(causes), 0.5, changed=tuple(places)
    )
    recording = Recording(tuple(spans), tuple(stacks), tuple(stacks))
    return page(explained, pair=recorded_pair(recording, recording), notes=HOSTILE)
