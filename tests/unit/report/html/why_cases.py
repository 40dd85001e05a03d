"""Pages of runs that were recorded after their window."""

from __future__ import annotations

from harness.diagnose.model import Cause, Diagnosis, Explanation, ServiceReading, SlowExemplar
from harness.report.html.run_page import run_page
from harness.runs.recording.profile import Stack, StackFrame
from harness.runs.recording.recording import Recording
from harness.runs.recording.spans import Span
from tests.unit.diagnose.spans import request, span, stack
from tests.unit.report.html import page_cases

STATEMENT = "SELECT name FROM companies WHERE id = ?"
HOSTILE = (
    "</script><script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    '" onfocus="alert(1)" autofocus="',
    "{{ 7 * 7 }}",
    "a\x00b\x1b[31mc\u202egnp",
    "größe-世界-\U0001f600",
    "x" * 5000,
)
LIBRARY = "/srv/.venv/lib/python3.12/site-packages/starlette/routing.py"
QUERY = Cause(
    *("statement", STATEMENT, 0.6, 0.52, 0.68, "20 times in such a request, 8 ms each"),
    advice="load the rows of all items with one statement",
)
RENDER = Cause(
    *("function", "render()", 0.3, 0.25, 0.35, "30 of 100 samples", "/srv/app/pages.py:85"),
    advice="look at this line, and at what it calls",
)
EXPLAINED = Explanation("latency-p95", "the time of 12 slow requests", (QUERY, RENDER), 0.1)
UNKNOWN = Explanation("memory", note="a recording of some seconds does not explain it")
RECORDING = Recording(
    spans=tuple(
        request("trace-a", 0.4, [(STATEMENT, 0.1), (STATEMENT, 0.1), ("call other", 0.1)])
        + request("trace-b", 0.2, [(STATEMENT, 0.1)], route="/b", error=True)
    ),
    wall=(
        stack(60, "handler /srv/app/api.py:3", "render /srv/app/pages.py:85"),
        stack(30, "handler /srv/app/api.py:3", "load /srv/app/data.py:8"),
        stack(10, f"dispatch {LIBRARY}:7", "handler /srv/app/api.py:4"),
    ),
    cpu=(stack(40, "handler /srv/app/api.py:3", "render /srv/app/pages.py:85"),),
)


def page(
    *explanations: Explanation,
    recording: Recording = RECORDING,
    service: tuple[ServiceReading, ...] = (),
    exemplars: tuple[SlowExemplar, ...] = (),
) -> str:
    """The page of a run with these explanations."""
    run = page_cases.run("GET /contacts")
    diagnosis = Diagnosis(explanations, 2, len(recording.spans), 140, service, exemplars)
    return run_page(*run, exit_code=3, diagnosis=diagnosis, recording=recording)


def hostile_page() -> str:
    """A page in which every text of the service is hostile."""
    spans: list[Span] = []
    stacks: list[Stack] = []
    causes: list[Cause] = []
    for number, text in enumerate(HOSTILE):
        of_request = request(f"{text}{number}", 0.3, [(text, 0.1)], route=text)
        spans += of_request
        spans.append(
            span(text, f"{text}{number}", 100.1, 100.2, parent=of_request[0].span_id, error=True)
        )
        frames = (StackFrame(f"process {text}"), StackFrame(text, text, 3))
        stacks.append(Stack((*frames, StackFrame(text, f"/srv/{text}.py", 9)), 10))
        causes.append(Cause("function", f"{text}()", 0.3, 0.2, 0.4, text, text, text, text))
    explanation = Explanation(HOSTILE[0], HOSTILE[1], tuple(causes), 0.5)
    unknown = Explanation(HOSTILE[2], note=HOSTILE[0])
    recording = Recording(tuple(spans), tuple(stacks), tuple(stacks))
    service = tuple(ServiceReading(text, text) for text in HOSTILE)
    exemplars = tuple(SlowExemplar(text, 0.1, text, received=True) for text in HOSTILE)
    return page(explanation, unknown, recording=recording, service=service, exemplars=exemplars)
