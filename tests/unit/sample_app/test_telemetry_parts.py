"""Statements, tasks, the loop's lag, the machine's limits, the worker's lock, log lines."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import sys
import time
from pathlib import Path

import psutil
import pytest
from prometheus_client import CollectorRegistry
from sqlalchemy import create_engine

from sample_app.core.logs.correlation import request_id, user_id
from sample_app.core.logs.json_lines import JsonFormatter
from sample_app.telemetry.logs import LogMetrics
from sample_app.telemetry.loop_lag import LoopLagMetrics
from sample_app.telemetry.one_worker import take_lock
from sample_app.telemetry.pool import PoolMetrics
from sample_app.telemetry.process import cpu_count, memory_limit, register_process_metrics
from sample_app.telemetry.queries import operation_of


@pytest.mark.parametrize(
    ("statement", "operation"),
    [
        pytest.param("SELECT 1", "SELECT", id="a query"),
        pytest.param("  \n select 1", "SELECT", id="white space and lower case"),
        pytest.param("INSERT INTO t VALUES (1)", "INSERT", id="an insertion"),
        pytest.param("with x as (select 1) select * from x", "WITH", id="a common table"),
        pytest.param("VACUUM", "_OTHER", id="a rare statement"),
        pytest.param("", "_OTHER", id="nothing"),
        pytest.param("SELECTED", "_OTHER", id="a word that begins like a known one"),
    ],
)
def test_operation_of_statement_is_one_of_few(statement: str, operation: str) -> None:
    assert operation_of(statement) == operation


def test_pool_metrics_of_another_pool_are_refused() -> None:
    engine = create_engine("sqlite://")
    with pytest.raises(TypeError, match="poolclass=MeasuredPool"):
        PoolMetrics(CollectorRegistry()).watch(engine, "main")


def test_log_records_are_counted_by_level_while_watched() -> None:
    registry, logger = CollectorRegistry(), logging.getLogger("sample_app.test")
    logger.setLevel("INFO")

    def logged() -> None:
        logger.debug("below the level")
        logger.info("one")
        logger.warning("another")
        logger.log(35, "a level without a series")

    try:
        metrics = LogMetrics(registry)
        logged()
        with metrics.watched():
            logged()
            logged()
        logged()
    finally:
        logger.setLevel(logging.NOTSET)
    counts = {
        level: registry.get_sample_value("log_records_total", {"level": level})
        for level in ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
    }
    assert counts == {"DEBUG": 0, "INFO": 2, "WARNING": 2, "ERROR": 0, "CRITICAL": 0}


async def test_loop_lag_while_something_blocks_shows_it() -> None:
    registry = CollectorRegistry()
    async with LoopLagMetrics(registry).sampled(interval=0.01):
        await asyncio.sleep(0.005)
        time.sleep(0.3)
        async with asyncio.timeout(10):
            while not registry.get_sample_value("event_loop_lag_seconds_count"):
                await asyncio.sleep(0.005)
    lag = registry.get_sample_value("event_loop_lag_seconds_sum") or 0
    assert lag >= 0.28


def test_process_limits_are_those_that_psutil_sees() -> None:
    assert cpu_count() == len(psutil.Process().cpu_affinity() or [])
    assert 0 < memory_limit() <= psutil.virtual_memory().total
    registry = CollectorRegistry()
    register_process_metrics(registry)
    resident = registry.get_sample_value("process_resident_memory_bytes")
    assert resident == pytest.approx(psutil.Process().memory_info().rss, rel=0.2)
    assert registry.get_sample_value("system_cpu_logical_count") == cpu_count()


def test_lock_taken_twice_is_refused_until_the_first_lets_go(tmp_path: Path) -> None:
    first = take_lock(tmp_path / "lock")
    assert first is not None
    assert take_lock(tmp_path / "lock") is None
    first.close()
    again = take_lock(tmp_path / "lock")
    assert again is not None
    again.close()


def test_log_line_is_json_with_correlation_id_extras_and_exception() -> None:
    try:
        os.stat("/nowhere")  # noqa: PTH116
    except OSError:
        record = logging.getLogger("a.b").makeRecord(
            *("a.b", logging.ERROR, __file__, 12, "lost %s", ("it",), sys.exc_info()),
            func="look",
            extra={"n": 3},
        )
    request, user = request_id.set("abc"), user_id.set(7)
    try:
        line = json.loads(JsonFormatter().format(record))
    finally:
        request_id.reset(request)
        user_id.reset(user)
    assert (line["level"], line["logger"], line["message"]) == ("ERROR", "a.b", "lost it")
    assert (line["request_id"], line["user_id"], line["n"]) == ("abc", 7, 3)
    assert (line["function"], line["line"]) == ("look", 12)
    assert "user_id" not in json.loads(JsonFormatter().format(record))
    assert line["time"].endswith("+00:00")
    assert "FileNotFoundError" in line["exception"]
