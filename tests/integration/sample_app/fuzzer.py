"""A fuzzer of everything that the OpenAPI document of a service allows and does not allow.

A file of its own, because each worker of the tests imports every test: Schemathesis takes seconds.
"""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import httpx
import schemathesis
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

EXAMPLES = 5  # of each operation and mode
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


def fuzz(url: str) -> set[int]:
    """Ask everything that the document allows and does not allow, as an admin.

    Returns:
        The statuses that were answered.
    """
    log_in = {"username": "admin@example.com", "password": "sample-password"}
    # The service may still start.
    token = httpx.post(f"{url}/api/v1/auth/token", data=log_in, timeout=60).json()["access_token"]
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
                answer = case.call_and_validate(headers=headers, checks=CHECKS, timeout=60)
                statuses.add(answer.status_code)

            with suppress(Unsatisfiable):  # nothing about it can be wrong
                ask()
    return statuses
