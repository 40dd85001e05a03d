"""A fuzzer that knows the service's OpenAPI document finds no 5xx and no undocumented answer."""

from __future__ import annotations

import multiprocessing
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import uvicorn

from sample_app.app import create_app
from sample_app.settings import Settings
from tests.integration.sample_app.conftest import settings_for

PATIENCE = 60.0  # seconds; only a hang takes that long


def serve(settings: Settings, listener: socket.socket) -> None:
    """Run the service until the process ends."""
    uvicorn.Server(uvicorn.Config(create_app(settings), log_config=None)).run([listener])


@contextmanager
def served(folder: Path, database: str | None) -> Iterator[str]:
    """The service in a process of its own, and its base URL.

    In a thread, its random numbers would count as those of the fuzzer's strategies.
    """
    where: dict[str, object] = {"url": database} if database else {}
    settings = settings_for(folder, database=where, log={"requests": False})
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()  # requests wait until the service is ready
        context = multiprocessing.get_context("spawn")
        process = context.Process(target=serve, args=(settings, listener))
        process.start()
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            process.terminate()
            process.join(PATIENCE)


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
