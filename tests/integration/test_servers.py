"""The servers that tests start: they answer, come back with their data, and leave nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from redis.asyncio import Redis
from sqlalchemy import text
from sqlalchemy.ext.asyncio import create_async_engine

from tests.servers import redis_server

ROOT = Path(__file__).parents[2]
TEST = """
import pytest

@pytest.mark.needs_postgresql
@pytest.mark.needs_redis
@pytest.mark.needs_prometheus
def test_nothing():
    pass
"""


@pytest.mark.needs_postgresql
async def test_postgresql_url_is_an_empty_database(postgresql_url: str) -> None:
    engine = create_async_engine(postgresql_url)
    async with engine.connect() as connection:
        query = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'"
        assert await connection.scalar(text(query)) == 0
        # English, not by code points, so that nobody can rely on the latter unknowingly.
        assert await connection.scalar(text("SELECT 'a' < 'B'"))
    await engine.dispose()


@pytest.mark.needs_redis
async def test_redis_after_stop_and_start_answers_again() -> None:
    with redis_server() as server:
        for _ in range(2):
            async with Redis.from_url(server.url) as client:
                assert await client.set("key", "value")
                assert await client.get("key") == b"value"
            server.stop()
            server.start()
            async with Redis.from_url(server.url) as client:
                assert await client.get("key") is None


@pytest.mark.parametrize(
    ("required", "outcome"),
    [
        pytest.param("0", "skipped", id="skipped with the reason by default"),
        pytest.param("1", "error", id="failed where services are required"),
    ],
)
def test_absent_programs_are(tmp_path: Path, required: str, outcome: str) -> None:
    (tmp_path / "test_it.py").write_text(TEST)
    script = (
        "import sys, pytest, tests.conftest as c; c.program = lambda name: None;"
        "sys.exit(pytest.main(['-c', 'pyproject.toml', '-p', 'no:cacheprovider',"
        # The fixtures' module has imported hypothesis before pytest could rewrite it.
        " '-W', 'ignore::pytest.PytestAssertRewriteWarning', sys.argv[1]], plugins=[c]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)],
        cwd=ROOT,
        env=os.environ | {"HARNESS_REQUIRE_SERVICES": required},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert f"1 {outcome}" in done.stdout
    assert "not installed: postgres, initdb, psql, pg_isready" in done.stdout
