"""Run folders with one file that is bad or odd, and what `harness check` makes of each."""

from __future__ import annotations

import gzip
import json
import os
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final, NamedTuple

from harness.errors import EXIT_INCONCLUSIVE, EXIT_PASS, EXIT_USAGE
from harness.names import (
    BUDGETS_FILE,
    FAILURES_FILE,
    GENERATOR_LOG,
    LATENCY_FILE,
    MANIFEST_FILE,
    METRICS_FILE,
    PROMETHEUS_FILE,
    SLOWEST_FILE,
    TARGET_LOG,
)
from tests.law.stored import Files


class Row(NamedTuple):
    """A change of a run that passes, and its outcome.

    Attributes:
        change: From the files of the run to the files of the row.
        code: The exit code.
        says: A pattern of the error, or of the report when there is no error.
    """

    change: Callable[[Files], Files]
    code: int
    says: str


_packed: Final = partial(gzip.compress, mtime=0)  # the same bytes each time


def _content(name: str, content: bytes | str, says: str, code: int = EXIT_USAGE) -> Row:
    raw = content.encode() if isinstance(content, str) else content
    return Row(lambda files: {**files, name: raw}, code, says)


def _missing(name: str, says: str, code: int = EXIT_USAGE) -> Row:
    return Row(lambda files: {n: c for n, c in files.items() if n != name}, code, says)


def _edited(name: str, edit: Callable[[bytes], bytes], says: str, code: int = EXIT_USAGE) -> Row:
    return Row(lambda files: {**files, name: edit(files[name])}, code, says)


def _run(place: str, value: Any, says: str, code: int = EXIT_USAGE) -> Row:
    """run.json with another value at a place such as "clock.started"."""

    def edit(raw: bytes) -> bytes:
        whole = json.loads(raw)
        *parents, key = place.split(".")
        part = whole
        for parent in parents:
            part = part[int(parent) if parent.isdigit() else parent]
        part[key] = value
        return json.dumps(whole).encode()

    return _edited(MANIFEST_FILE, edit, says, code)


def _without(place: str, says: str, code: int = EXIT_USAGE) -> Row:
    """run.json without a key."""

    def edit(raw: bytes) -> bytes:
        whole = json.loads(raw)
        *parents, key = place.split(".")
        part = whole
        for parent in parents:
            part = part[parent]
        del part[key]
        return json.dumps(whole).encode()

    return _edited(MANIFEST_FILE, edit, says, code)


def _cut(raw: bytes) -> bytes:
    return raw[: len(raw) // 2]


_STORED: Final = r"latency\.hlog holds \d+ requests"
_VERSION: Final = "is not of this version: "
_NO_SAMPLE: Final = "is no sample with a time"
ROWS: Final[Mapping[str, Row]] = {
    # run.json as a whole
    "no run.json": _missing(MANIFEST_FILE, "holds no run.json"),
    "an empty run.json": _content(MANIFEST_FILE, "", "run.json is empty"),
    "half a run.json": _edited(MANIFEST_FILE, _cut, _VERSION),
    "zeros for run.json": _content(MANIFEST_FILE, bytes(4096), _VERSION),
    "a run.json in gzip": _edited(MANIFEST_FILE, _packed, "cannot read"),
    "a run.json in UTF-16": _edited(
        MANIFEST_FILE, lambda raw: raw.decode().encode("utf-16"), "cannot read"
    ),
    "null": _content(MANIFEST_FILE, "null", _VERSION),
    "a list": _content(MANIFEST_FILE, "[]", _VERSION),
    "an empty object": _content(MANIFEST_FILE, "{}", _VERSION),
    "objects 100,000 deep": _content(MANIFEST_FILE, '{"a":' * 100_000, _VERSION),
    "two objects": _edited(MANIFEST_FILE, lambda raw: raw * 2, _VERSION),
    "YAML": _content(MANIFEST_FILE, "schema: 1\n", _VERSION),
    # its parts
    "a later schema": _run("schema", 2, "schema"),
    "a key that is not known": _run("surprise", 1, "surprise"),
    "no status": _without("clock.created", "clock.created"),
    "a status that does not exist": _run("status", "fine", "status"),
    "no scenario": _without("scenario", "scenario: Field required"),
    "a scenario in words": _run("scenario", "smoke", "scenario: "),
    "no name of the scenario": _without("scenario.name", "scenario: it has no name"),
    "a name that is a number": _run("scenario.name", 5, "scenario: it has no name"),
    "loads in words": _run("scenario.loads", "all", "scenario: loads"),
    "a load in words": _run("scenario.loads", ["all"], r"scenario: loads\.0"),
    "a start in words": _run("scenario.loads.0.start", "now", r"loads\.0\.start"),
    "a negative start": _run("scenario.loads.0.start", -1, r"loads\.0\.start"),
    "a workload in words": _run("scenario.loads.0.workload", "open", r"loads\.0\.workload"),
    "a stage without a rate": _run(
        "scenario.loads.0.workload.stages", [{"seconds": 1}], "a stage needs a rate or users"
    ),
    "a rate of 1e300": _run(
        "scenario.loads.0.workload.stages", [{"seconds": 1, "rate": 1e300}], "stages"
    ),
    "a duration in words": _run("scenario.duration", "10s", "scenario: duration"),
    "workers in words": _run("scenario.workers", "two", "scenario: workers"),
    "a target in words": _run("target", "here", "target: "),
    "metrics that are a text": _run("target.metrics", "http://x", "target: metrics"),
    "an exit code in words": _run("target.exit_code", "one", "target: exit_code"),
    "an interval of 0": _run("target.scrape_interval", 0, "target: scrape_interval"),
    "an interval of 1e308": _run("target.scrape_interval", 1e308, "target: scrape_interval"),
    "an interval that is infinite": _run("target.scrape_interval", float("inf"), "scrape_int"),
    "no clock": _without("clock", "clock: Field required"),
    "a moment of 1e300": _run("clock.started", 1e300, "clock.started"),
    "a moment that is not a number": _run("clock.started", float("nan"), "clock.started"),
    "a negative moment": _run("clock.created", -1.0, "clock.created"),
    "a moment in words": _run("clock.window_start", "noon", "clock.window_start"),
    "a moment that does not exist": _run("clock.noon", 1.0, "clock.noon"),
    "a count of 10^400": _run("requests.asked", 10**400, "requests.asked"),
    "a count in words": _run("requests.lost", "none", "requests.lost"),
    "half a request": _run("requests.started", 0.5, "requests.started"),
    "workers that are a number": _run("workers", 2, "workers"),
    "a worker without a name": _run("workers", [{}], r"workers\.0\.name"),
    "a drift that is not a number": _run(
        "workers", [{"name": "worker-1", "drift": float("nan")}], r"workers\.0\.drift"
    ),
    "noise in words": _run("noise", {"p95": "much"}, "noise.p95"),
    # its contradictions
    "no window": _run("clock.window_end", None, "window", EXIT_INCONCLUSIVE),
    "a window that ends before it starts": _run(
        "clock.window_end", 1_799_999_000.0, "window", EXIT_INCONCLUSIVE
    ),
    "a window of a century": _run(
        "clock.window_end", 4_900_000_000.0, "longer than a run can be", EXIT_USAGE
    ),
    "a window an hour later": _run(
        "clock.window_start", 1_800_003_600.0, "window", EXIT_INCONCLUSIVE
    ),
    "no requests were started": _run(
        "requests.started", 0, "requests-accounted", EXIT_INCONCLUSIVE
    ),
    "fewer requests than the log holds": _run(
        "requests.recorded", 10, "requests", EXIT_INCONCLUSIVE
    ),
    "more iterations than were sent": _run(
        "requests.asked", 600, "requests-stored", EXIT_INCONCLUSIVE
    ),
    "a run that goes on": _run("status", "running", "run-complete", EXIT_INCONCLUSIVE),
    "a service that was killed": _run("target.exit_code", -9, "target-alive", EXIT_INCONCLUSIVE),
    # budgets.yaml
    "no budgets.yaml": _missing(BUDGETS_FILE, "budgets.yaml does not exist"),
    "an empty budgets.yaml": _content(BUDGETS_FILE, "", r"budgets\.yaml"),
    "zeros for budgets.yaml": _content(BUDGETS_FILE, bytes(512), r"budgets\.yaml"),
    "bytes for budgets.yaml": _content(BUDGETS_FILE, b"\xff\xfe\xff", r"budgets\.yaml"),
    "budgets of another service": _content(
        BUDGETS_FILE, "version: 1\nservice: x\nscenarios: {}\nbudgets: {}\n", r"budgets\.yaml"
    ),
    # latency.hlog
    "no latency.hlog": _missing(LATENCY_FILE, r"latency\.hlog: No such file"),
    "an empty latency.hlog": _content(LATENCY_FILE, "", "no request", EXIT_INCONCLUSIVE),
    "half a latency.hlog": _edited(LATENCY_FILE, _cut, _STORED, EXIT_INCONCLUSIVE),
    "a latency.hlog twice": _edited(LATENCY_FILE, lambda raw: raw * 2, _STORED, EXIT_INCONCLUSIVE),
    "a latency.hlog in gzip": _edited(LATENCY_FILE, _packed, "damaged line"),
    "a latency.hlog without a line": _content(LATENCY_FILE, "not a log", "damaged line"),
    "zeros for latency.hlog": _content(LATENCY_FILE, bytes(4096) + b"\n", "damaged line"),
    "a latency.hlog of 2 MB without a line": _content(LATENCY_FILE, "x" * 2**21, "damaged line"),
    "a word in latency.hlog": _edited(LATENCY_FILE, lambda raw: raw + b"x\n", "damaged line"),
    # metrics.om
    "no metrics.om": _missing(METRICS_FILE, r"metrics\.om cannot be read"),
    "an empty metrics.om": _content(METRICS_FILE, "", "", EXIT_INCONCLUSIVE),
    "half a metrics.om": _edited(METRICS_FILE, _cut, "", EXIT_INCONCLUSIVE),
    "a metrics.om in gzip": _edited(METRICS_FILE, _packed, r"metrics\.om:\d+: "),
    "zeros for metrics.om": _content(METRICS_FILE, bytes(64) + b"\n", _NO_SAMPLE),
    "a word in metrics.om": _edited(METRICS_FILE, lambda raw: b"x\n" + raw, _NO_SAMPLE),
    "a sample without a time": _edited(METRICS_FILE, lambda raw: b"a 1\n" + raw, _NO_SAMPLE),
    "a name of bytes": _edited(METRICS_FILE, lambda raw: b"\xff 1 2\n" + raw, _NO_SAMPLE),
    "braces that are not closed": _edited(
        METRICS_FILE, lambda raw: b'a{x="1" 1 2\n' + raw, _NO_SAMPLE
    ),
    # the others
    "words in slowest.jsonl": _content(SLOWEST_FILE, "x\n", r"slowest\.jsonl:1: damaged line"),
    "a list in slowest.jsonl": _content(SLOWEST_FILE, "[]\n", r"slowest\.jsonl:1: damaged line"),
    "half a line in slowest.jsonl": _content(
        SLOWEST_FILE, '{"at": 1', "files-unchanged", EXIT_INCONCLUSIVE
    ),
    "no slowest.jsonl": _missing(SLOWEST_FILE, "slowest.jsonl is missing", EXIT_INCONCLUSIVE),
    "words in failures.jsonl": _content(FAILURES_FILE, "x\n", r"failures\.jsonl:1: damaged line"),
    "a list in failures.jsonl": _content(FAILURES_FILE, "[]\n", r"failures\.jsonl:1: damaged line"),
    "half a line in failures.jsonl": _content(
        FAILURES_FILE, '{"request": 1', "files-unchanged", EXIT_INCONCLUSIVE
    ),
    "no logs": Row(
        lambda files: {n: c for n, c in files.items() if n not in {GENERATOR_LOG, TARGET_LOG}},
        EXIT_PASS,
        "PASS",
    ),
    "a log of bytes": _content(GENERATOR_LOG, os.urandom(64), "PASS", EXIT_PASS),
    "a file that is not known": _content("notes.txt", "hello", "PASS", EXIT_PASS),
    "an empty prometheus.json": _content(PROMETHEUS_FILE, "", r"prometheus\.json"),
    "words in prometheus.json": _content(PROMETHEUS_FILE, "hello", r"prometheus\.json"),
    "a list in prometheus.json": _content(PROMETHEUS_FILE, "[]", r"prometheus\.json"),
    "a query of 100 kB in prometheus.json": _content(
        PROMETHEUS_FILE,
        '{"schema":1,"server":"x","matchers":{},"asked":{"' + "q" * 100_000 + '":1}}',
        r"prometheus\.json",
    ),
    "a value in words in prometheus.json": _content(
        PROMETHEUS_FILE,
        '{"schema":1,"server":"x","matchers":{},"asked":{"q":{"found":[{"labels":{},"value":"x"}]}}}',
        r"prometheus\.json",
    ),
}
