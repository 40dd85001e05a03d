"""Exact counts on a private registry after a known number of requests."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from prometheus_client.registry import Collector
from starlette.applications import Starlette

from harness import names
from sample_app.services.welcome import WelcomeService
from sample_app.settings import Settings
from sample_app.telemetry.exposition import metrics_route
from tests.integration.sample_app.conftest import PATIENCE, Service, running, settings_for

pytestmark = pytest.mark.untraced  # test_contacts_api.py runs the same lines

API = "/api/v1/contacts"
HTTP = f"{names.HTTP_DURATION}_count"
DB = f"{names.DB_DURATION}_count"


async def requests(service: Service, method: str, path: str, times: int = 1) -> None:
    for _ in range(times):
        answer = await service.client.request(method, path)
        assert answer.is_success


def service_metrics() -> set[str]:
    """What harness/names.py lists as exposed by the service."""
    prefixes = (
        "HTTP_D",
        "HTTP_A",
        "DB_D",
        "POOL_",
        "CACHE_",
        "TASK_",
        "LOOP_",
        "CPU_SECONDS",
        "MEMORY_",
        "CLIENT_",
        "BREAKER_",
    )
    labels = {
        *(names.POOL_STATE, names.POOL_NAME, names.CACHE_NAME, names.CACHE_LEVEL),
        *(names.CACHE_RESULT, names.CACHE_OPERATION, names.TASK_NAME),
        *(names.CLIENT_PEER, names.CLIENT_REJECTED_BY),
    }
    return {
        value
        for name, value in vars(names).items()
        if name.startswith(prefixes) and value not in labels
    } | {names.START_TIME}


async def test_names_every_metric_the_harness_knows_is_exposed_from_the_start(
    service: Service,
) -> None:
    exposed = service.names()
    known = service_metrics()
    assert len(known) >= 20
    missing = {name for name in known if not {name, f"{name}_count"} & exposed}
    assert missing == set()


async def test_labels_are_those_that_the_harness_knows(service: Service) -> None:
    used = {
        label
        for family in service.registry.collect()
        for sample in family.samples
        if sample.name.startswith(("http", "db", "cache", "background"))
        for label in sample.labels
    }
    assert used - {"le", "error_type", "limit"} == {
        *(names.HTTP_METHOD, names.HTTP_ROUTE, names.HTTP_STATUS),
        *(names.DB_SYSTEM, names.DB_OPERATION, names.POOL_NAME, names.POOL_STATE),
        *(names.WINDOW_LABEL, names.CACHE_NAME, names.CACHE_LEVEL, names.CACHE_RESULT),
        *(names.CACHE_OPERATION, names.TASK_NAME, names.CLIENT_PEER, names.CLIENT_REJECTED_BY),
    }


async def test_every_documented_operation_has_a_series_before_its_first_request(
    tmp_path: Path,
) -> None:
    async with running(settings_for(tmp_path)) as service:
        series = {
            (s.labels[names.HTTP_METHOD], s.labels[names.HTTP_ROUTE], s.labels[names.HTTP_STATUS])
            for family in service.registry.collect()
            for s in family.samples
            if s.name == HTTP
        }
        assert series == {
            (method.upper(), path, min(operation["responses"]))
            for path, operations in service.app.openapi()["paths"].items()
            for method, operation in operations.items()
        }


async def test_requests_are_counted_by_route_and_status(service: Service) -> None:
    await requests(service, "GET", API, 7)
    await requests(service, "GET", f"{API}/search?q=a", 5)
    await requests(service, "GET", f"{API}/1", 3)
    await requests(service, "GET", f"{API}/2", 2)
    await requests(service, "GET", "/health", 4)
    await service.client.get(f"{API}/99999")
    await service.client.get("/metrics")
    for route, status, count in (
        (API, "200", 7),
        (f"{API}/search", "200", 5),
        (f"{API}/{{id}}", "200", 5),
        (f"{API}/{{id}}", "404", 1),
        ("/health", "200", 4),
    ):
        labels = {"http_route": route, "http_response_status_code": status}
        assert service.value(HTTP, http_request_method="GET", **labels) == count
    assert service.value(HTTP) == 22  # without /metrics
    assert service.value(names.HTTP_ACTIVE) == 0


@pytest.mark.parametrize(
    ("method", "path", "statements"),
    [
        pytest.param("GET", f"{API}?size=100", {"SELECT": 1}, id="a page of a hundred: one"),
        pytest.param("GET", f"{API}/search?q=a&size=100", {"SELECT": 1}, id="a search: one"),
        pytest.param("GET", f"{API}/1", {"SELECT": 1}, id="a detail: one"),
        pytest.param("DELETE", f"{API}/1", {"DELETE": 1}, id="a deletion: one"),
        pytest.param("GET", "/health", {}, id="health: none"),
    ],
)
async def test_statements_of_a_request_are_few(
    service: Service,
    settings: Settings,
    method: str,
    path: str,
    statements: dict[str, int],
) -> None:
    system = settings.database.url.partition("+")[0]

    def counts() -> dict[str, float]:
        return {
            name: service.value(DB, db_operation_name=name, db_system_name=system)
            for name in ("SELECT", "INSERT", "UPDATE", "DELETE")
        }

    before = counts()
    await requests(service, method, path)
    after = counts()
    assert {name: after[name] - before[name] for name in after if after[name] > before[name]} == (
        statements
    )


async def test_cache_hits_are_requests_without_statements(service: Service) -> None:
    before = service.value(DB)
    await requests(service, "GET", f"{API}/1", 10)
    await requests(service, "GET", f"{API}/2", 10)
    assert service.value(names.CACHE_GETS, cache="contact_details", result="hit") == 18
    assert service.value(names.CACHE_GETS, cache="contact_details", result="miss") == 2
    assert service.value(names.CACHE_PUTS) == 2
    assert service.value(names.CACHE_SIZE, level="memory") == 2
    assert service.value(DB) - before == 2


async def test_welcome_task_is_measured_but_not_as_part_of_the_request(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_end = asyncio.Event()

    async def send(self: WelcomeService) -> None:
        await may_end.wait()
        await asyncio.sleep(0.1)

    monkeypatch.setattr(WelcomeService, "_send", send)
    async with running(settings) as service:
        body = {
            "first_name": "A",
            "last_name": "B",
            "email": "a@b.example",
            "company_id": 1,
        }
        async with asyncio.timeout(PATIENCE):
            assert (await service.client.post(API, json=body)).status_code == 201
        labels = {"http_request_method": "POST", "http_route": API}
        assert service.value(HTTP, **labels) == 1  # measured, and the task has not ended
        in_request = service.value(f"{names.HTTP_DURATION}_sum", **labels)
        may_end.set()
        await service.app.state.services.background.idle()
        assert service.value(HTTP, **labels) == 1
        assert service.value(f"{names.HTTP_DURATION}_sum", **labels) == in_request
        in_task = service.value(f"{names.TASK_DURATION}_sum", task="welcome")
        assert service.value(f"{names.TASK_DURATION}_count", task="welcome") == 1
        assert service.value(f"{names.TASK_DURATION}_count", task="note_welcome") == 1
        assert in_task >= 0.1
        assert service.value(names.TASK_ACTIVE) == 0
        assert service.value(names.TASK_FAILURES) == 0


async def test_failed_statement_is_counted_with_its_error(service: Service) -> None:
    first = (await service.client.get(f"{API}/1")).json()
    body = {"first_name": "A", "last_name": "B", "email": first["email"], "company_id": 1}
    assert (await service.client.post(API, json=body)).status_code == 409
    failed = service.value(DB, db_operation_name="INSERT", error_type="IntegrityError")
    assert failed == 1


async def test_slow_statement_is_logged_without_its_values(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    database = settings.database.model_copy(update={"slow_query": 1e-9})
    async with running(settings.model_copy(update={"database": database})) as service:
        caplog.clear()
        await requests(service, "GET", f"{API}/search?q=smith")
    slow = [record for record in caplog.records if record.message == "slow query"]
    assert slow
    assert all("smith" not in str(vars(record)) for record in slow)


async def test_metrics_page_is_the_registry_as_text_without_a_redirect(service: Service) -> None:
    answer = await service.client.get("/metrics")
    assert answer.status_code == 200
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert 'cache_gets_total{cache="contact_details",level="memory",result="hit"} 0.0' in (
        answer.text
    )
    accept = {"Accept": "application/openmetrics-text;version=1.0.0"}
    answer = await service.client.get("/metrics", headers=accept)
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert answer.text.endswith("# EOF\n")
    assert answer.text.count("# EOF") == 1
    families = list(text_string_to_metric_families(answer.text))  # type: ignore[no-untyped-call]
    assert {"http_server_request_duration_seconds", "cache_gets"} <= {f.name for f in families}


@pytest.mark.parametrize(
    ("given", "status"),
    [
        pytest.param(None, 401, id="nothing"),
        pytest.param("Bearer the-token-of-metrics", 200, id="the token"),
        pytest.param("bearer  the-token-of-metrics", 200, id="in lower case"),
        pytest.param("Bearer the-token-of-metric", 401, id="a part of it"),
        pytest.param("Basic the-token-of-metrics", 401, id="another scheme"),
        pytest.param("Bearer", 401, id="an empty one"),
        pytest.param("Bearer d\u00e9j\u00e0", 401, id="not ASCII"),
    ],
)
async def test_metrics_page_with_a_token_is_for_those_who_have_it(
    given: str | None, status: int
) -> None:
    app = Starlette(routes=[metrics_route(CollectorRegistry(), "the-token-of-metrics")])
    headers = [(b"Authorization", given.encode())] if given else []
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
        answer = await client.get("/metrics", headers=headers)
    assert answer.status_code == status
    assert answer.headers.get("WWW-Authenticate") == (None if status == 200 else "Bearer")


async def test_metrics_page_of_the_service_refuses_in_the_one_shape(tmp_path: Path) -> None:
    token: dict[str, object] = {"token": "the-token-of-metrics"}
    settings = settings_for(tmp_path, seed={"rows": 0}, metrics=token)
    async with running(settings) as service:
        refused = await service.client.get("/metrics")
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthorized")
        headers = {"Authorization": "Bearer the-token-of-metrics"}
        text = (await service.client.get("/metrics", headers=headers)).text
        assert "http_server_request_duration_seconds" in text


async def test_others_have_their_turn_between_two_families_of_the_metrics_page() -> None:
    turns, seen = 0, []

    class Families(Collector):
        def collect(self) -> Iterator[Metric]:
            for number in range(5):
                seen.append(turns)
                yield GaugeMetricFamily(f"family_{number}", "", value=number)

    async def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    registry = CollectorRegistry()
    registry.register(Families())
    seen.clear()  # to register it is to collect once
    app = Starlette(routes=[metrics_route(registry)])
    counting = asyncio.create_task(count())
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://test"
    ) as client:
        answer = await client.get("/metrics")
    counting.cancel()
    assert answer.text.count("# TYPE ") == len(seen) == len(set(seen)) == 5


async def test_two_services_in_one_process_do_not_share_metrics(
    service: Service, tmp_path_factory: pytest.TempPathFactory
) -> None:
    async with running(settings_for(tmp_path_factory.mktemp("other"))) as other:
        await asyncio.gather(requests(service, "GET", API, 3), requests(other, "GET", API, 2))
        assert (service.value(HTTP), other.value(HTTP)) == (3, 2)
