"""Any judgement on any run, for property tests: names and numbers that nobody would choose."""

from hypothesis import strategies as st

from harness.judge.model import Guard, Judgement, Verdict
from harness.names import ERROR, LATENCY, OK, SERVICE_TIME
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
from harness.units import Unit

# Lone surrogates included: they come from undecodable bytes of a path.
TEXTS = st.text(max_size=40) | st.text(
    st.sampled_from("\x1b[31m]0;\x07\r\n\t|`*_<>&\"'\\@#$~ \x00\x9b\u202e\u200d\ud800é世👩‍🚀-/a.1"),
    max_size=60,
)
NUMBERS = st.none() | st.floats() | st.floats(-1e6, 1e6)
OUTCOMES = st.sampled_from(["pass", "warn", "fail", "inconclusive"])
UNITS = st.sampled_from(Unit)
COUNTS = st.integers(0, 10**9)
MOMENTS = st.floats(0, 4e9)

GUARDS = st.builds(
    Guard,
    name=TEXTS,
    outcome=st.sampled_from(["ok", "tripped"]),
    value=NUMBERS,
    limit=NUMBERS,
    unit=UNITS,
    reason=TEXTS,
    request=TEXTS,
)
VERDICTS = st.builds(
    Verdict,
    name=TEXTS,
    description=TEXTS,
    outcome=OUTCOMES,
    severity=st.sampled_from(["error", "warn"]),
    value=NUMBERS,
    lower=NUMBERS,
    upper=NUMBERS,
    bound=st.floats(allow_nan=False, allow_infinity=False),
    direction=st.sampled_from(["max", "min"]),
    unit=UNITS,
    margin=NUMBERS,
    samples=COUNTS,
    source=TEXTS,
    reason=TEXTS,
    runbook=TEXTS,
    request=st.none() | st.just("") | TEXTS,
    guard=st.sampled_from(["", "load-delivered"]) | TEXTS,
)
JUDGEMENTS = st.builds(
    Judgement,
    outcome=OUTCOMES,
    guards=st.lists(GUARDS, max_size=3).map(tuple),
    verdicts=st.lists(VERDICTS, max_size=5).map(tuple),
)


def _anything() -> st.SearchStrategy[dict[str, object]]:
    leaves = st.none() | st.booleans() | st.integers() | st.floats() | TEXTS
    nested = leaves | st.lists(leaves, max_size=2) | st.dictionaries(TEXTS, leaves, max_size=2)
    return st.dictionaries(TEXTS, nested, max_size=3)


WORKERS = st.builds(
    Worker,
    name=TEXTS,
    host=TEXTS,
    pid=COUNTS,
    offset=NUMBERS,
    drift=st.floats(0, 10),
    lost=TEXTS,
    lost_at=st.none() | MOMENTS,
)


def _clock(
    created: float, started: float | None, start: float | None, seconds: float | None
) -> Clock:
    """A clock whose window, if it has one, lasts so many seconds."""
    end = None if seconds is None else (created if start is None else start) + seconds
    return Clock(
        created=created,
        started=started,
        window_start=start,
        window_end=None if end is None else max(0.0, end),
    )


MANIFESTS = st.builds(
    Manifest,
    harness_version=TEXTS,
    status=st.sampled_from(["running", "complete", "interrupted", "failed", "aborted"]),
    reason=TEXTS,
    service=TEXTS,
    scenario=st.builds(lambda facts, name: facts | {"name": name}, _anything(), TEXTS),
    target=_anything(),
    clock=st.builds(
        _clock,
        MOMENTS,
        st.none() | MOMENTS,
        st.none() | MOMENTS,
        st.none() | st.floats(-1e5, 1e6),
    ),
    requests=st.builds(Requests, asked=COUNTS, started=COUNTS, recorded=COUNTS, late=COUNTS),
    user_errors=st.lists(TEXTS, max_size=7).map(tuple),
    workers=st.lists(WORKERS, max_size=2).map(tuple),
    notices=st.lists(TEXTS, max_size=2).map(tuple),
    aborted_by=TEXTS,
    host=_anything(),
    git=_anything(),
)
DISTRIBUTIONS = st.dictionaries(st.floats(0, 1e4), st.integers(1, 10**6), max_size=6).map(
    lambda counts: Distribution(tuple(sorted(counts)), tuple(counts[v] for v in sorted(counts)))
)
KEYS = st.builds(
    LatencyKey,
    what=st.sampled_from([LATENCY, SERVICE_TIME]),
    outcome=st.sampled_from([OK, ERROR]),
    method=st.sampled_from(["GET", "POST"]),
    name=TEXTS,
)
LATENCIES = st.dictionaries(KEYS, DISTRIBUTIONS, max_size=6)
SLOW_REQUESTS = st.builds(
    SlowRequest,
    at=MOMENTS,
    request=TEXTS,
    outcome=st.sampled_from([OK, ERROR]),
    latency=st.floats(0, 1e4),
    service_time=st.floats(0, 1e4),
    trace_id=TEXTS,
    source=TEXTS,
)
EVIDENCE = st.builds(
    Evidence,
    manifest=MANIFESTS,
    latency=LATENCIES,
    series=st.just(()),
    slowest=st.lists(SLOW_REQUESTS, max_size=4).map(tuple),
)
EXIT_CODES = st.sampled_from([0, 3, 4, 130])
