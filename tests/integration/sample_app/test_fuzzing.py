"""A fuzzer that knows the service's OpenAPI document finds no 5xx and no undocumented answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from sample_app.app import create_app
from tests.integration.sample_app.conftest import settings_for

PATIENCE = 60.0  # seconds; only a hang takes that long


@contextmanager
def served(folder: Path, database: str | None) -> Iterator[str]:
    """The service on a real socket, in a thread; its base URL."""
    where: dict[str, object] = {"url": database} if database else {}
    app = create_app(settings_for(folder, database=where, log={"requests": False}))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None))
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        end = time.monotonic() + PATIENCE
        while not server.started:
            assert thread.is_alive()
            assert time.monotonic() < end
            time.sleep(0.01)
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(PATIENCE)


@pytest.mark.slow
def test_fuzzer_on_sqlite_finds_nothing(tmp_path: Path) -> None:
    from tests.integration.sample_app.fuzzer import fuzz

    with served(tmp_path, None) as url:
        assert fuzz(url) >= {200, 201, 204, 404, 422}


@pytest.mark.slow
@pytest.mark.needs_postgresql
def test_fuzzer_on_postgresql_finds_nothing(tmp_path: Path, postgresql_url: str) -> None:
    from tests.integration.sample_app.fuzzer import fuzz

    with served(tmp_path, postgresql_url) as url:
        assert fuzz(url) >= {200, 201, 204, 404, 422}
