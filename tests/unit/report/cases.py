"""Runs with their judgement, one for each way in which a report can differ."""

from dataclasses import replace

from harness.judge.model import Guard, Judgement, Outcome, Verdict
from harness.names import ERROR, LATENCY, OK, SCHEDULER_LAG, SERVICE_TIME
from harness.runs.model import (
    Clock,
    Distribution,
    Evidence,
    LatencyKey,
    Manifest,
    Requests,
    SlowRequest,
    Worker,
)
from harness.runs.records.failed import FailedReply, FailureKind
from harness.units import Unit

P95 = Verdict(
    name="api-latency-p95",
    description="API endpoints answer within 200 ms for 95% of requests",
    outcome="pass",
    severity="error",
    value=0.1834,
    lower=0.1791,
    upper=0.1902,
    bound=0.2,
    direction="max",
    unit=Unit.SECONDS,
    margin=0.083,
    samples=998,
    source="load generator",
    reason="",
    runbook="https://example.org/runbooks/api-latency?p=95",
    line=31,
    request="",
)
HITS = replace(
    P95,
    name="cache-hit-ratio",
    description="",
    value=0.912,
    lower=None,
    upper=None,
    bound=0.8,
    direction="min",
    unit=Unit.RATIO,
    margin=0.14,
    samples=240,
    source="service metrics",
    runbook="",
    request=None,
)
MEMORY = replace(
    HITS,
    name="process-memory-of-the-whole-service",
    severity="warn",
    value=440_401_920.0,
    bound=536_870_912.0,
    direction="max",
    unit=Unit.BYTES,
    margin=0.1796875,
    samples=21,
)
ERRORS = replace(HITS, name="error-ratio", value=0.0, bound=0.01, direction="max", margin=1.0)
PASSING = (P95, HITS, MEMORY, ERRORS)

DELIVERED = Guard(
    "load-delivered", "ok", 1.0, 0.99, Unit.RATIO, "1000 of 1000 iterations were sent.", "all"
)
SATURATED = Guard(
    name="generator-saturated",
    outcome="tripped",
    value=0.97,
    limit=0.9,
    unit=Unit.RATIO,
    reason="The load generator used 97% of its core: lower the rate or add --workers.",
    scope="client",
)
UNREADABLE = Guard("scrape-coverage", "tripped", None, None, Unit.RATIO, "Nothing was scraped.")

BREACHED = replace(
    P95,
    outcome="fail",
    value=0.25,
    lower=0.241,
    upper=0.262,
    margin=-0.25,
    reason="p95 of 998 requests was 250 ms, over max 200 ms; 9.1% of the requests took longer.",
    advice="compare with the service's own times to see which part is slow",
)
WARNED = replace(
    MEMORY,
    outcome="warn",
    value=600_000_000.0,
    margin=-0.1175870895385742,
    reason="572 MiB is over max 512 MiB; the budget only warns.",
)
UNKNOWN = replace(
    HITS,
    outcome="inconclusive",
    value=None,
    margin=None,
    samples=0,
    reason="The service exposes no series cache_gets_total; instrument the cache or see /metrics.",
)

FAILING = replace(
    ERRORS,
    outcome="fail",
    value=0.002,
    bound=0.001,
    margin=-1.0,
    samples=1000,
    source="load generator",
    reason="error ratio of all requests is 0.2%, over max 0.1%",
    advice="see the answers in failures.jsonl, and the log of the service",
    failing="",
)

LATENCIES = {
    LatencyKey(LATENCY, OK, "GET", "/contacts"): Distribution((0.05, 0.1, 0.2), (600, 80, 18)),
    LatencyKey(SERVICE_TIME, OK, "GET", "/contacts"): Distribution((0.04, 0.09), (650, 48)),
    LatencyKey(LATENCY, OK, "GET", "/contacts/[id]"): Distribution((0.01, 0.02), (200, 100)),
    LatencyKey(SERVICE_TIME, OK, "GET", "/contacts/[id]"): Distribution((0.01,), (300,)),
    LatencyKey(LATENCY, ERROR, "POST", "/contacts"): Distribution((0.5,), (2,)),
    LatencyKey(SERVICE_TIME, ERROR, "POST", "/contacts"): Distribution((0.5,), (2,)),
    LatencyKey(SCHEDULER_LAG): Distribution((0.001,), (1000,)),
}

MANIFEST = Manifest(
    harness_version="0.1.0",
    status="complete",
    service="sample-app",
    scenario={
        "name": "smoke",
        "loads": [
            {
                "locustfile": "scenarios/smoke.py",
                "workload": {"stages": [{"rate": 50.0, "seconds": 25.0}], "seed": 1},
            }
        ],
        "warm_up": 5.0,
        "duration": 20.0,
        "tags": [],
    },
    target={"url": "http://ada:secret@127.0.0.1:8000", "command": "uvicorn app", "exit_code": None},
    clock=Clock(
        created=1782907198.25,
        started=1782907200.0,
        window_start=1782907205.0,
        window_end=1782907225.0000001,
        drained=1782907225.4,
    ),
    requests=Requests(asked=1250, sent=1250, started=1250, recorded=1250),
    versions={"locust": "2.47.1", "python": "3.13.1"},
    host={"cpus": 2, "system": "Linux"},
    git={"commit": "4f2a9c01d5", "dirty": True},
)
INTERRUPTED = MANIFEST.model_copy(
    update={
        "status": "interrupted",
        "reason": "SIGINT after 9 s.",
        "clock": MANIFEST.clock.model_copy(update={"window_end": None, "drained": None}),
        "user_errors": tuple(f"KeyError: 'token {i}' in scenarios/smoke.py:12" for i in range(5)),
    }
)

NEVER_BEGAN = MANIFEST.model_copy(
    update={
        "status": "failed",
        "reason": (
            "the service ended with exit code 1 before it was ready\nIts last output:\n"
            "    Traceback (most recent call last):\n"
            "      <b>`x`|y</b> @everyone ::error::\x1b[31m\n"
            "    ::error::KeyError\nhint: the whole output is in runs/a/target.log"
        ),
        "clock": Clock(created=1782907198.25),
        "requests": Requests(),
        "target": {},
    }
)
ABORTED = MANIFEST.model_copy(
    update={
        "status": "aborted",
        "reason": "the breach of contacts-latency-p95 was certain after 7 s of the window",
        "aborted_by": "contacts-latency-p95",
        "clock": MANIFEST.clock.model_copy(update={"window_end": 1782907212.0}),
        "requests": Requests(
            asked=600, sent=598, late=12, dropped=2, started=598, recorded=590, in_flight=8
        ),
        "workers": (
            Worker(name="worker-1", host="a", pid=71, offset=0.0, round_trip=0.0004),
            Worker(
                name="worker-2",
                host="b",
                pid=72,
                offset=-1.5,
                round_trip=0.0011,
                lost="silent for 5 s",
            ),
        ),
        "notices": ("WebSocketUser reports no start of its requests: latency is service time.",),
    }
)
SLOWEST = (
    SlowRequest(
        at=1782907209.5,
        request="GET /contacts",
        outcome="ok",
        latency=1.25,
        service_time=1.1,
        trace_id="0af7651916cd43dd8448eb211c80319c",
        sampled=True,
        source="worker-2",
    ),
    SlowRequest(1782907206.0, "POST /contacts", "error", 0.5, 0.5, "", False, "worker-1"),
    SlowRequest(1782907207.25, "GET /contacts", "ok", 0.4, 0.3999, "b7ad6b7169203331" * 2),
    *(SlowRequest(1782907208.0 + i, "GET /contacts", "ok", 0.3, 0.3) for i in range(3)),
)

BROKEN = FailureKind(
    request="POST /contacts",
    kind="status",
    status=500,
    text="500 Internal Server Error",
    varies=False,
    count=2,
    total=3,
    first=1782907203.2,
    last=1782907214.9,
    trace_id="0af7651916cd43dd8448eb211c80319c",
    replies=(
        FailedReply(1782907203.2, 500, "application/json", 18, '{"detail": "boom"}', "a" * 32),
    ),
)
UNEXPECTED = replace(
    BROKEN,
    request="GET /contacts",
    kind="check",
    status=200,
    text="expected id 17, got 99",
    varies=True,
    count=1,
    total=1,
    first=1782907209.0,
    last=1782907209.0,
    trace_id="",
    replies=(),
)
IN_WARM_UP = replace(
    UNEXPECTED,
    kind="connection",
    status=0,
    text="connection refused: nothing listened at 127.0.0.1:8000",
    varies=False,
    count=0,
    total=4,
    first=1782907203.0,
    last=1782907203.0,
)
FAILURES = (BROKEN, UNEXPECTED, IN_WARM_UP)
HOSTILE = (
    "::error::pwned\n::add-mask::x\x1b[31m ##[error] <script>alert(1)</script> @everyone"
    " [a](http://h) | `b` \u202e &amp; ]]> </failure>"
)

AWKWARD = {
    "latenz-größe-µ-世界-👩‍🚀": replace(BREACHED, reason="größer als 200 ms – 世界"),
    "<script>alert(1)</script>": replace(
        UNKNOWN, reason="<img src=x onerror=alert(1)> & @everyone"
    ),
    "a|b`c\\d*e*_f_[g](http://h)": replace(WARNED, reason="x | y\nz `code` *bold* # ~~no~~ $x$"),
    "[bold red]not markup[/] :smile:": P95,
    "esc\x1b[31mred\x07\r\u202edesrever\x00": replace(HITS, reason="\x1b]0;title\x07"),
    "long-" + "name-of-a-budget/" * 117 + "wide": replace(P95, runbook="javascript:alert(1)"),
    "x" * 2000: replace(UNKNOWN, severity="warn", runbook="https://example.org/a b) [c](d)"),
}


def judged(
    outcome: Outcome, *verdicts: Verdict, guards: tuple[Guard, ...] = (DELIVERED,)
) -> Judgement:
    return Judgement(outcome, guards, verdicts)


def evidence(manifest: Manifest = MANIFEST, *, requests: bool = True) -> Evidence:
    return Evidence(manifest, LATENCIES if requests else {}, ())


AWKWARD_RUN = MANIFEST.model_copy(
    update={
        "service": "<b>café|☕</b>",
        "user_errors": ("Traceback:\n  <b>`x`|y</b>",),
        "notices": ("a|b <b>\n@everyone \x1b[31m",),
        "host": {"load": float("nan"), "name": "bytes-\udcff"},
    }
)
AWKWARD_LATENCIES = {
    LatencyKey(LATENCY, OK, "GET", f"/{name}"): Distribution((0.01 * i,), (i,))
    for i, name in enumerate([*AWKWARD, *(f"users/{n}" for n in range(30))], start=1)
}
AWKWARD_FAILURES = tuple(
    replace(
        BROKEN,
        request=f"GET /{name}",
        kind=kind,
        text=HOSTILE,
        trace_id=HOSTILE,
        replies=(FailedReply(0.0, 500, HOSTILE, 9, HOSTILE, HOSTILE),),
    )
    for name in list(AWKWARD)[:2]
    for kind in ("check", "timeout", "exception", "other")
)
AWKWARD_SLOWEST = tuple(
    SlowRequest(0.0, f"GET /{name}", "ok", 1e9, 0.0, name, True, name) for name in AWKWARD
)

# Name of the case: what was judged, on what, and the exit code.
CASES: dict[str, tuple[Judgement, Evidence, int]] = {
    "pass": (judged("pass", *PASSING), evidence(), 0),
    "warn": (
        judged("warn", P95, WARNED, HITS, ERRORS),
        replace(evidence(), failures=FAILURES),
        0,
    ),
    "fail": (
        judged("fail", HITS, WARNED, UNKNOWN, BREACHED, FAILING),
        replace(evidence(), failures=FAILURES),
        3,
    ),
    "inconclusive": (
        judged("inconclusive", P95, UNKNOWN, guards=(DELIVERED, SATURATED, UNREADABLE)),
        evidence(requests=False),
        4,
    ),
    "interrupted": (judged("inconclusive", UNKNOWN, P95), evidence(INTERRUPTED), 130),
    "aborted": (
        judged(
            "fail",
            replace(BREACHED, name="contacts-latency-p95", request="GET /contacts"),
            replace(
                UNKNOWN,
                reason="run-complete: the run was aborted and is only a part",
                guard="run-complete",
            ),
        ),
        Evidence(ABORTED, LATENCIES, (), SLOWEST),
        3,
    ),
    "awkward": (
        judged(
            "fail",
            *(replace(v, name=n, failing="") for n, v in AWKWARD.items()),
            guards=(SATURATED,),
        ),
        Evidence(*(AWKWARD_RUN, AWKWARD_LATENCIES, (), AWKWARD_SLOWEST), failures=AWKWARD_FAILURES),
        3,
    ),
    "never-began": (
        judged(
            "inconclusive",
            *(replace(UNKNOWN, name=f"budget-{number}") for number in range(3)),
            guards=(replace(SATURATED, name="run-complete"),),
        ),
        evidence(NEVER_BEGAN, requests=False),
        4,
    ),
    "no-budgets": (judged("inconclusive", guards=()), evidence(requests=False), 4),
}
