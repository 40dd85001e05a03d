"""Exemplars in expositions."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.openmetrics.exposition import generate_latest

from harness.observe.exposition import parse_exemplars
from harness.observe.target import Service
from harness.runner.phases.diagnosis import exemplars_of
from harness.runs.records.exemplars import (
    MOST_EXEMPLARS,
    Exemplar,
    ExemplarLog,
    read_exemplars,
)

ID = "0af7651916cd43dd8448eb211c80319c"


def test_exemplars_of_the_reference_client() -> None:
    registry = CollectorRegistry()
    histogram = Histogram("latency_seconds", "x", ["route"], registry=registry, buckets=(0.1, 1))
    histogram.labels('/a"}\\').observe(0.75, {"trace_id": ID})
    histogram.labels("/b").observe(0.05, {"trace_id": ID[::-1]})
    histogram.labels("/c").observe(0.05)
    text = generate_latest(registry).decode()  # type: ignore[no-untyped-call]
    found = list(parse_exemplars(text))
    assert found == [
        Exemplar("latency_seconds", {"route": '/a"}\\'}, 0.75, ID),
        Exemplar("latency_seconds", {"route": "/b"}, 0.05, ID[::-1]),
    ]


@pytest.mark.parametrize(
    "line",
    [
        f'x_bucket{{le="1"}} 3 # {{trace_id="{ID}"}} 0.5',
        f'x_bucket{{le="1"}} 3 1700000000.5 # {{traceID="{ID.upper()}",span_id="7"}} 0.5 1.7e9',
        f'x_bucket{{le="1",}} 3 # {{span_id="7",TraceId="{ID}"}}  5e-1 \r',
    ],
    ids=["plain", "with times", "odd spaces"],
)
def test_exemplar_in_each_form(line: str) -> None:
    assert list(parse_exemplars(f"# TYPE x histogram\n{line}\n")) == [Exemplar("x", {}, 0.5, ID)]


@pytest.mark.parametrize(
    "line",
    [
        'x_bucket{le="1"} 3',
        f'x_total 3 # {{trace_id="{ID}"}} 0.5',  # a counter
        'x_bucket{le="1"} 3 # {trace_id="<script>"} 0.5',
        'x_bucket{le="1"} 3 # {span_id="7"} 0.5',
        'x_bucket{le="1"} 3 # {} 0.5',
        f'x_bucket{{le="1"}} 3 # {{trace_id="{ID}"}}',
        f'x_bucket{{le="1"}} 3 # {{trace_id="{ID}"}} fast',
        f'x_bucket{{le="1"}} 3 # {{trace_id="{ID}"}} NaN',
        f'x_bucket{{le="1"}} 3 # {{trace_id="{ID}",trace_id="{ID}"}} 1',
        f'x_bucket{{le="1"}} 3 # {{trace_id="{ID}"',
        f'x_bucket{{le="{"9" * 5000}"}} 3 # {{trace_id="{ID}"}} 0.5',
    ],
)
def test_what_is_no_exemplar_of_a_histogram_is_left_out(line: str) -> None:
    assert list(parse_exemplars(line)) == []


def test_endpoint_that_does_not_answer_has_none() -> None:
    async def read() -> list[Exemplar]:
        died: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        return exemplars_of(Service("http://127.0.0.1:9", ("http://127.0.0.1:9/metrics",), died))

    assert asyncio.run(read()) == []


def test_stored_exemplars_are_read_again(tmp_path: Path) -> None:
    found = [Exemplar("x", {"route": f"/{n}"}, n / 7, ID) for n in range(MOST_EXEMPLARS + 5)]
    path = tmp_path / "exemplars.jsonl"
    with ExemplarLog(path) as log:
        log.write(found)
    assert read_exemplars(path) == tuple(found[:MOST_EXEMPLARS])
    assert read_exemplars(tmp_path / "none.jsonl") == ()


def test_without_exemplars_there_is_no_file(tmp_path: Path) -> None:
    with ExemplarLog(tmp_path / "exemplars.jsonl") as log:
        log.write([])
    assert list(tmp_path.iterdir()) == []
