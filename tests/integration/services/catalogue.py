"""The services of `tests/services/`: how each starts, and what a budget of it names.

A row of `SERVICES` is all that a test needs to know about a service. A test for every service takes
`service` as a parameter from `EACH`.
"""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.servers import end, free_port, program, wait_until

ROOT = Path(__file__).parents[3]
NODE = ROOT / "tests/services/node"


@dataclass(frozen=True)
class Service:
    """A service with the metrics exporter of its framework.

    Attributes:
        name: As in the ids of the tests.
        command: Starts it; it reads PORT, SLEEP_MS (of GET /items) and ERROR_SHARE (of
            GET /items/{id}) from its environment.
        needs: Modules of Python and packages of Node without which it cannot start.
        latency: Histogram of request times.
        list_items: Labels of that histogram for GET /items.
        openapi: Path of its OpenAPI document; empty when it has none.
    """

    name: str
    command: tuple[str, ...]
    needs: tuple[str, ...]
    latency: str
    list_items: Mapping[str, str] = field(default_factory=dict)
    openapi: str = ""

    @property
    def operations(self) -> tuple[str, ...]:
        """Options of `init` without an OpenAPI document."""
        return () if self.openapi else ("--path", "/items", "--path", "/items/1")

    @property
    def absent(self) -> str:
        """What has to be installed first; empty when the service can start."""
        if self.command[0] == "node":
            return missing_in_node(*self.needs)
        missing = [one for one in self.needs if find_spec(one) is None]
        return f"not installed: {', '.join(missing)} (uv sync --group services)" if missing else ""


def missing_in_node(*packages: str) -> str:
    """Which packages of Node have to be installed first; empty when all are there."""
    if program("node") is None:
        return "not installed: node (Debian: apt-get install nodejs npm)"
    missing = [one for one in packages if not (NODE / "node_modules" / one).is_dir()]
    remedy = f"npm ci --prefix {NODE.relative_to(ROOT)}"
    return f"not installed: {', '.join(missing)} ({remedy})" if missing else ""


def skip_or_fail(absent: str) -> None:
    """Skip the test, or in CI fail it, when something is absent."""
    if absent and os.environ.get("HARNESS_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{absent}, and HARNESS_REQUIRE_SERVICES is set", pytrace=False)
    if absent:
        pytest.skip(absent)


def python(module: str) -> tuple[str, ...]:
    """The command of a service in Python."""
    return sys.executable, "-m", f"tests.services.{module}"


def node(module: str) -> tuple[str, ...]:
    """The command of a service in JavaScript."""
    return "node", str(NODE / module)


SERVICES = (
    Service(
        "fastapi",
        python("fastapi_items"),
        ("fastapi", "prometheus_fastapi_instrumentator"),
        "http_request_duration_seconds",
        {"handler": "/items"},
        openapi="/openapi.json",
    ),
    Service(
        "starlette",
        python("starlette_items"),
        ("starlette_exporter",),
        "starlette_request_duration_seconds",
        {"path": "/items"},
    ),
    Service(
        "litestar",
        python("litestar_items"),
        ("litestar",),
        "litestar_request_duration_seconds",
        {"path": "/items"},
        openapi="/schema/openapi.json",
    ),
    Service(
        "flask",
        python("flask_items"),
        ("prometheus_flask_exporter",),
        "flask_http_request_duration_seconds",
        {"path": "/items"},
    ),
    Service(
        "django",
        python("django_items"),
        ("django_prometheus", "gunicorn"),
        "django_http_requests_latency_seconds_by_view_method",
        {"view": "tests.services.django_items.list_items"},
    ),
    Service(
        "express",
        node("express_items.mjs"),
        ("express", "express-prom-bundle", "prom-client"),
        "http_request_duration_seconds",
        {"path": "/items"},
    ),
    Service(
        "fastify",
        node("fastify_items.mjs"),
        ("fastify", "fastify-metrics"),
        "http_request_duration_seconds",
        {"route": "/items"},
    ),
)
EACH = pytest.mark.parametrize("service", SERVICES, ids=lambda one: one.name)

LOCUSTFILE = """\
from locust import HttpUser, task


class Visitor(HttpUser):
    @task
    def list_items(self):
        self.client.get("/items")
"""


def budgets(service: Service) -> dict[str, Any]:
    """A budgets.yaml as a new user would write it."""
    return {
        "version": 1,
        "service": service.name,
        "target": {
            "command": shlex.join(service.command),
            "url": "http://127.0.0.1:{port}",
            "ready": "/items",
            "metrics": "/metrics",
            "environment": {"PORT": "{port}", "PYTHONPATH": str(ROOT)},
        },
        "scenarios": {
            "smoke": {"locustfile": "locustfile.py", "rate": "80/s", "duration": "3s"},
        },
        "budgets": {"list": list_budget(service)},
    }


def list_budget(service: Service) -> dict[str, Any]:
    """A budget on the service's own times of GET /items."""
    histogram = {"metric": service.latency, "where": dict(service.list_items)}
    return {"indicator": {"kind": "quantile", "quantile": 0.9, **histogram}, "max": "100ms"}


@contextmanager
def running(service: Service, **environment: str) -> Iterator[str]:
    """The URL of a started service, which ends at the end."""
    url = f"http://127.0.0.1:{(port := free_port())}"

    def answers() -> bool:
        try:
            with urllib.request.urlopen(f"{url}/metrics", timeout=5):
                return True
        except OSError:
            return False

    with tempfile.TemporaryDirectory(prefix=f"{service.name}-") as folder:
        with (Path(folder) / "log").open("wb") as log:
            process = subprocess.Popen(
                service.command,
                cwd=ROOT,
                env={**os.environ, **environment, "PORT": str(port), "TMPDIR": folder},
                stdout=log,
                stderr=log,
            )
        try:
            wait_until(answers, process, Path(folder))
            yield url
        finally:
            end(process, signal.SIGTERM)
