"""Random answers of metrics endpoints: each is read, or a short error names what is wrong.

What is read is written to a metrics.om, which must be read back with the same values.
"""

from __future__ import annotations

import time
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_openmetrics

from harness.names import CONTRADICTING, CONTRADICTING_SERIES
from harness.observe.exposition import read_exposition
from harness.observe.fetch import Answer
from harness.runs.metrics import MetricsLog, read_metrics
from harness.runs.openmetrics import Sample, series_text
from tests.fuzz.corpora.expositions import ROWS
from tests.fuzz.mutate import MOST_BYTES, mutated

LONGEST = 5.0  # seconds of CPU that one answer may take
LONGEST_ERROR = 400  # characters
AT = 1_800_000_000.0


def run(seconds: float, seed: int) -> list[str]:
    """Read random answers for so long; a line for each crash, slow answer or unclear error."""
    chance = Random(seed)
    pool = [row.body for row in ROWS.values() if len(row.body) < MOST_BYTES] + 30 * _good()
    findings = []
    with TemporaryDirectory() as folder:
        path = Path(folder) / "metrics.om"
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            body = mutated(chance, chance.choice(pool), pool)
            if found := finding(body, path, end_known=chance.random() < 0.9):
                findings.append(f"{found}: {body[:2000]!r}")
    return findings


def finding(body: bytes, path: Path, *, end_known: bool = True) -> str:
    """What is wrong with the reading of an answer; empty when nothing is.

    Args:
        body: The answer.
        path: A file that may be written.
        end_known: Whether the server announced the end of the answer.
    """
    begun = time.process_time()
    try:
        samples = read_exposition(Answer(200, body, end_known))
    except ValueError as error:
        text = str(error)
        if type(error) is not ValueError or len(text) > LONGEST_ERROR or not text.isprintable():
            return f"unclear {type(error).__name__} {text[:300]!r}"
        samples = []
    except Exception as error:  # noqa: BLE001  any other exception is a finding
        return f"{type(error).__name__} {error}"[:300]
    if samples:
        try:
            if found := _lost(samples, path):
                return found
        except Exception as error:  # noqa: BLE001  any exception is a finding
            return f"{type(error).__name__} {error}"[:300]
    taken = time.process_time() - begun
    return f"took {taken:.1f} s of CPU" if taken > LONGEST else ""


def _lost(samples: list[Sample], path: Path) -> str:
    """A series that does not come back from a metrics.om with its value.

    Of a series with two values the first comes back, with a note.
    """
    with MetricsLog(path) as log:
        log.add(samples, AT)
    series = read_metrics(path)
    read = {series_text(s.name, s.labels): s.values for s in series}
    noted = {s.labels.get(CONTRADICTING_SERIES) for s in series if s.name == CONTRADICTING}
    first: dict[str, str] = {}
    for one in samples:
        text, value = series_text(one.name, one.labels), repr((float(one.value),))
        if first.setdefault(text, value) != value and text not in noted:
            return f"{text[:200]!r} has two values, which nothing says"
        if repr(read.get(text, ())) != first[text]:
            return f"{text[:200]!r} is {first[text]} and reads back as {read.get(text)}"
    return ""


def _good() -> list[bytes]:
    registry = CollectorRegistry()
    Counter("orders", "Orders.", ["state"], registry=registry).labels('pa"id\\\n').inc(3)
    latency = Histogram("latency_seconds", "Help.", ["route"], registry=registry)
    latency.labels("/a").observe(0.3, {"trace_id": "abc"})
    Gauge("pool_in_use", "Help.", registry=registry).set(-2.5)
    Summary("body_bytes", "Help.", registry=registry).observe(7)
    return [generate_latest(registry), generate_openmetrics(registry)]  # type: ignore[no-untyped-call]
