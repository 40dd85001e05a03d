"""A fuzzer that knows the service's OpenAPI document finds no 5xx and no undocumented answer."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    allow_header_conformance,
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from sample_app.app import create_app
from tests.integration.sample_app.conftest import settings_for

EXAMPLES = 10  # of each operation and mode
PATIENCE = 60.0  # seconds; only a hang takes that long
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
    allow_header_conformance,
]


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


def fuzz(url: str) -> set[int]:
    """Ask everything that the document allows and does not allow, as an admin.

    Returns:
        The statuses that were answered.
    """
    log_in = {"username": "admin@example.com", "password": "sample-password"}
    token = httpx.post(f"{url}/api/v1/auth/token", data=log_in).json()["access_token"]
    headers = {"Authorization": f"Bearer {token}"}
    document = schemathesis.openapi.from_url(f"{url}/openapi.json")
    statuses: set[int] = set()
    for result in document.get_all_operations():
        assert isinstance(result, Ok), result
        operation = result.ok()
        for mode in schemathesis.GenerationMode:

            @given(case=operation.as_strategy(mode))
            @settings(
                max_examples=EXAMPLES,
                deadline=None,
                derandomize=True,
                database=None,
                phases=[Phase.explicit, Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            def ask(case: schemathesis.Case[Any]) -> None:
                answer = case.call_and_validate(headers=headers, checks=CHECKS)
                statuses.add(answer.status_code)

            with suppress(Unsatisfiable):  # nothing about it can be wrong
                ask()
    return statuses


@pytest.mark.slow
def test_fuzzer_on_sqlite_finds_nothing(tmp_path: Path) -> None:
    with served(tmp_path, None) as url:
        assert fuzz(url) >= {200, 201, 204, 404, 422}


@pytest.mark.slow
@pytest.mark.needs_postgresql
def test_fuzzer_on_postgresql_finds_nothing(tmp_path: Path, postgresql_url: str) -> None:
    with served(tmp_path, postgresql_url) as url:
        assert fuzz(url) >= {200, 201, 204, 404, 422}
