"""Fixtures that every test may use: real servers, started once and only when a test asks."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.servers import (
    PostgresqlServer,
    RedisServer,
    postgresql_server,
    program,
    redis_server,
)

# A busy machine is no fault of what is tested. Each run of the tests tries other examples; in CI,
# which Hypothesis knows by its variables, each tries the same.
settings.register_profile(
    "no clock", max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("no clock")

pytest_plugins = ["tests.schedule", "tests.tracer"]

# In a job of GitHub the harness prints annotations, too, and COLUMNS is the width of its reports.
for name in list(os.environ):
    if name.startswith("GITHUB_") or name in {"COLUMNS", "NO_COLOR"}:
        del os.environ[name]

# Marker: the programs that a test with it needs, and the Debian packages that have them.
PROGRAMS = {
    "needs_postgresql": (("postgres", "initdb", "psql", "pg_isready"), "postgresql"),
    "needs_redis": (("redis-server",), "redis-server"),
    "needs_prometheus": (("prometheus", "promtool"), "prometheus"),
    "needs_alertmanager": (("prometheus-alertmanager",), "prometheus-alertmanager"),
    "needs_openssl": (("openssl",), "openssl"),
    "needs_chromium": (("chromium",), "chromium fonts-dejavu-core"),
    "needs_jq": (("jq",), "jq"),
    "needs_curl": (("curl",), "curl"),
}


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose programs are absent; where all must be there, fail it."""
    for marker, (names, packages) in PROGRAMS.items():
        absent = [name for name in names if program(name) is None]
        if absent and item.get_closest_marker(marker):
            reason = f"not installed: {', '.join(absent)} (Debian: apt-get install {packages})"
            if os.environ.get("HARNESS_REQUIRE_SERVICES") == "1":
                pytest.fail(f"{reason}, and HARNESS_REQUIRE_SERVICES is set", pytrace=False)
            pytest.skip(reason)


@pytest.fixture(scope="session")
def postgresql() -> Iterator[PostgresqlServer]:
    """The server that all tests share; mark the test `needs_postgresql`."""
    with postgresql_server() as server:
        yield server


@pytest.fixture
def postgresql_url(postgresql: PostgresqlServer) -> str:
    """An empty PostgreSQL; mark the test `needs_postgresql`."""
    postgresql.clear()
    return postgresql.url


@pytest.fixture(scope="session")
def redis() -> Iterator[RedisServer]:
    """The server that all tests share; mark the test `needs_redis`."""
    with redis_server() as server:
        yield server


@pytest.fixture
def redis_url(redis: RedisServer) -> str:
    """An empty Redis; mark the test `needs_redis`. Who stops servers starts one of their own."""
    redis.clear()
    return redis.url
