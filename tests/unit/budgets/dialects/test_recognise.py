"""What plays each role in the expositions of real services and libraries."""

from pathlib import Path

import pytest

from harness.budgets.dialects.model import MetricRole, Recognition, RoleGroup, RoleMetric
from harness.budgets.dialects.read import dialects
from harness.budgets.dialects.recognise import assumed, recognise, with_process_tree
from harness.budgets.dialects.requests import RequestNames
from harness.budgets.lint.metrics import Family
from harness.observe.exposition import parse_exposition
from harness.observe.metric_families import families_of

EXPOSITIONS = Path("tests/expositions")
PROCESS = {
    "process CPU": "process_cpu_seconds_total",
    "process memory": "process_resident_memory_bytes",
    "process start time": "process_start_time_seconds",
    "context switches": "harness_service_context_switches_total",
    "page faults": "harness_service_page_faults_total",
}
# By exposition: the dialects, and the series of each role, with the label names of route, method
# and status in parentheses. A unit other than seconds and 1 stands after the series.
EXPECTED: dict[str, tuple[tuple[str, ...], dict[str, str]]] = {
    "opentelemetry": (
        ("opentelemetry",),
        {
            "server latency": "http_server_request_duration_seconds"
            " (http_route, http_request_method, http_response_status_code)",
            "requests": "http_server_request_duration_seconds_count"
            " (http_route, http_request_method, http_response_status_code)",
            "errors": 'http_server_request_duration_seconds_count{http_response_status_code=~"5.."}'
            " (http_route, http_request_method, http_response_status_code)",
            "requests in flight": "http_server_active_requests",
            "pool in use": 'db_client_connection_count{db_client_connection_state="used"}',
            "pool limit": "db_client_connection_max",
            "pool wait": "db_client_connection_wait_time_seconds",
            "pool pending": "db_client_connection_pending_requests",
            "database time": "db_client_operation_duration_seconds",
            "database operations": "db_client_operation_duration_seconds_count",
        },
    ),
    "opentelemetry-python": (
        ("opentelemetry-python",),
        {
            "server latency": "http_server_duration_milliseconds ms"
            " (http_target, http_method, http_status_code)",
            "requests": "http_server_duration_milliseconds_count"
            " (http_target, http_method, http_status_code)",
            "errors": 'http_server_duration_milliseconds_count{http_status_code=~"5.."}'
            " (http_target, http_method, http_status_code)",
            "pool in use": 'db_client_connections_usage_connections{state="used"}',
        },
    ),
    "fastapi-instrumentator": (
        ("prometheus-fastapi-instrumentator",),
        {
            "server latency": "http_request_duration_seconds (handler, method)",
            "server latency, overall": "http_request_duration_highr_seconds",
            "requests": "http_requests_total (handler, method, status)",
            "errors": 'http_requests_total{status=~"5.."} (handler, method, status)',
        },
    ),
    "starlette-exporter": (
        ("starlette-exporter",),
        {
            "server latency": "starlette_request_duration_seconds (path, method, status_code)",
            "requests": "starlette_requests_total (path, method, status_code)",
            "errors": 'starlette_requests_total{status_code=~"5.."} (path, method, status_code)',
            "requests in flight": "starlette_requests_in_progress",
        },
    ),
    "litestar": (
        ("litestar",),
        {
            "server latency": "litestar_request_duration_seconds (path, method, status_code)",
            "requests": "litestar_requests_total (path, method, status_code)",
            "errors": 'litestar_requests_total{status_code=~"5.."} (path, method, status_code)',
            "requests in flight": "litestar_requests_in_progress",
        },
    ),
    "django-prometheus": (
        ("django-prometheus",),
        {
            "server latency": "django_http_requests_latency_seconds_by_view_method (view, method)",
            "requests": "django_http_responses_total_by_status_view_method_total"
            " (view, method, status)",
            "errors": 'django_http_responses_total_by_status_view_method_total{status=~"5.."}'
            " (view, method, status)",
            "database time": "django_db_query_duration_seconds",
            "database operations": "django_db_execute_total",
        },
    ),
    "flask-exporter": (
        ("prometheus-flask-exporter",),
        {
            "server latency": "flask_http_request_duration_seconds (path, method, status)",
            "requests": "flask_http_request_duration_seconds_count (path, method, status)",
            "errors": 'flask_http_request_duration_seconds_count{status=~"5.."}'
            " (path, method, status)",
        },
    ),
    "express-prom-bundle": (
        ("express-prom-bundle",),
        {
            "server latency": "http_request_duration_seconds (path, method, status_code)",
            "requests": "http_request_duration_seconds_count (path, method, status_code)",
            "errors": 'http_request_duration_seconds_count{status_code=~"5.."}'
            " (path, method, status_code)",
        },
    ),
    "fastify-metrics": (
        ("fastify-metrics", "nodejs"),
        {
            "server latency": "http_request_duration_seconds (route, method, status_code)",
            "requests": "http_request_duration_seconds_count (route, method, status_code)",
            "errors": 'http_request_duration_seconds_count{status_code=~"5.."}'
            " (route, method, status_code)",
            "event loop lag": "nodejs_eventloop_lag_p99_seconds",
            "GC time": "nodejs_gc_duration_seconds",
        },
    ),
    "prometheus-api-metrics": (
        ("prometheus-api-metrics", "nodejs"),
        {
            "server latency": "http_request_duration_seconds (route, method, code)",
            "requests": "http_request_duration_seconds_count (route, method, code)",
            "errors": 'http_request_duration_seconds_count{code=~"5.."} (route, method, code)',
            "event loop lag": "nodejs_eventloop_lag_p99_seconds",
        },
    ),
    "spring": (
        ("spring",),
        {
            "server latency": "http_server_requests_seconds (uri, method, status)",
            "requests": "http_server_requests_seconds_count (uri, method, status)",
            "errors": 'http_server_requests_seconds_count{status=~"5.."} (uri, method, status)',
            "pool in use": "hikaricp_connections_active",
            "pool limit": "hikaricp_connections_max",
            "pool wait": "hikaricp_connections_acquire_seconds",
            "pool pending": "hikaricp_connections_pending",
            "cache hits": 'cache_gets_total{result="hit"}',
            "cache gets": "cache_gets_total",
            "GC time": "jvm_gc_pause_seconds",
        },
    ),
    "prometheus-net": (
        ("prometheus-net",),
        {
            "server latency": "http_request_duration_seconds (endpoint, method, code)",
            "requests": "http_requests_received_total (endpoint, method, code)",
            "errors": 'http_requests_received_total{code=~"5.."} (endpoint, method, code)',
            "requests in flight": "http_requests_in_progress",
        },
    ),
    "go": (
        ("promhttp", "go"),
        {
            "server latency": "shop_http_request_duration_seconds (handler, method, code)",
            "requests": "shop_http_request_duration_seconds_count (handler, method, code)",
            "errors": 'shop_http_request_duration_seconds_count{code=~"5.."}'
            " (handler, method, code)",
            "pool in use": "go_sql_in_use_connections",
            "pool limit": "go_sql_max_open_connections",
            "pool wait": "go_sql_wait_duration_seconds_total",
            "GC time": "go_gc_duration_seconds",
        },
    ),
    "grpc": (
        ("grpc",),
        {
            "server latency": "grpc_server_handling_seconds (grpc_method)",
            "requests": "grpc_server_handled_total (grpc_method, grpc_code)",
            "errors": 'grpc_server_handled_total{grpc_code=~"Unknown|DeadlineExceeded|Unimplemented'
            "|Internal|Unavailable|DataLoss|UNKNOWN|DEADLINE_EXCEEDED|UNIMPLEMENTED|INTERNAL"
            '|UNAVAILABLE|DATA_LOSS"} (grpc_method, grpc_code)',
        },
    ),
    "opentelemetry-grpc": (
        ("opentelemetry-grpc",),
        {
            "server latency": "rpc_server_call_duration_seconds"
            " (rpc_method, rpc_response_status_code)",
            "requests": "rpc_server_call_duration_seconds_count"
            " (rpc_method, rpc_response_status_code)",
            "errors": 'rpc_server_call_duration_seconds_count{rpc_response_status_code=~"UNKNOWN'
            '|DEADLINE_EXCEEDED|UNIMPLEMENTED|INTERNAL|UNAVAILABLE|DATA_LOSS"}'
            " (rpc_method, rpc_response_status_code)",
        },
    ),
    "prometheus": (
        ("prometheus-server", "go"),
        {
            "server latency": "prometheus_http_request_duration_seconds (handler)",
            "requests": "prometheus_http_requests_total (handler, code)",
            "errors": 'prometheus_http_requests_total{code=~"5.."} (handler, code)',
            "GC time": "go_gc_duration_seconds",
        },
    ),
    "datasette": (
        ("opentelemetry",),
        {
            "database time": "db_client_operation_duration_seconds",
            "database operations": "db_client_operation_duration_seconds_count",
        },
    ),
    # Before the first request: families without series.
    "fastapi-instrumentator-idle": (
        ("prometheus-fastapi-instrumentator",),
        {
            "server latency": "http_request_duration_seconds (handler, method)",
            "server latency, overall": "http_request_duration_highr_seconds",
            "requests": "http_requests_total (handler, method, status)",
            "errors": 'http_requests_total{status=~"5.."} (handler, method, status)',
        },
    ),
}


def exposed(name: str) -> dict[str, Family]:
    return families_of(parse_exposition((EXPOSITIONS / f"{name}.prom").read_text()))


def shown(metric: RoleMetric) -> str:
    labels = [metric.labels[one] for one in ("route", "method", "status") if one in metric.labels]
    unit = " ms" if metric.unit == "ms" else ""
    return f"{metric.selector}{unit}" + (f" ({', '.join(labels)})" if labels else "")


def test_each_committed_exposition_is_in_the_table() -> None:
    assert {file.stem for file in EXPOSITIONS.glob("*.prom")} == set(EXPECTED)


@pytest.mark.parametrize("name", EXPECTED)
def test_exposition_is_recognised(name: str) -> None:
    used, roles = EXPECTED[name]
    found = recognise(exposed(name))
    here = {role.value: shown(one) for role, one in found.played.items()}
    assert {role: one for role, one in here.items() if role not in PROCESS} == roles
    assert (
        here.items()
        >= {role: one for role, one in PROCESS.items() if role != "process start time"}.items()
    )
    assert set(found.dialects) == set(used)
    assert found.ambiguous == {}


@pytest.mark.parametrize("name", EXPECTED)
def test_recognition_survives_its_document(name: str) -> None:
    found = recognise(exposed(name))
    assert Recognition.of_json(found.as_json()) == found


def test_cpu_time_of_a_started_service_is_that_of_all_its_processes() -> None:
    found = recognise(exposed("fastapi-instrumentator"))
    assert found[MetricRole.TREE_CPU] is None
    started = with_process_tree(found)
    tree = started[MetricRole.TREE_CPU]
    assert tree is not None
    assert (tree.metric, tree.dialect) == ("harness_service_cpu_seconds_total", "harness")
    assert started[MetricRole.CPU] == found[MetricRole.CPU]
    assert Recognition.of_json(started.as_json()) == started


def test_each_dialect_has_an_exposition() -> None:
    used = {name for names, _ in EXPECTED.values() for name in names} | {"process"}
    assert used == set(dialects())


def test_each_dialect_names_its_source_and_its_file() -> None:
    folder = Path("harness/budgets/dialects/data")
    assert {file.stem for file in folder.iterdir()} == set(dialects())
    assert all(dialect.source and dialect.title for dialect in dialects().values())


def test_service_with_libraries_of_two_kinds_is_recognised_by_group() -> None:
    pool = {name: one for name, one in exposed("go").items() if name.startswith("go_sql")}
    found = recognise(exposed("fastapi-instrumentator") | pool)
    http, pool_used = found[MetricRole.REQUESTS], found[MetricRole.POOL_USED]
    assert http is not None
    assert pool_used is not None
    assert (http.dialect, pool_used.dialect) == ("prometheus-fastapi-instrumentator", "go")


BOTH = exposed("opentelemetry") | exposed("opentelemetry-python")


def test_two_metrics_for_the_requests_are_asked_not_guessed() -> None:
    found = recognise(BOTH)
    assert found[MetricRole.SERVER_LATENCY] is None
    assert found[MetricRole.REQUESTS] is None
    assert {one.metric for one in found.ambiguous[RoleGroup.HTTP]} == {
        "http_server_request_duration_seconds",
        "http_server_duration_milliseconds",
    }
    message = found.lacks(MetricRole.REQUESTS)
    assert "http_server_request_duration_seconds (dialect opentelemetry)" in message
    assert "write target.dialect: opentelemetry or opentelemetry-python" in message.replace(
        "opentelemetry-python or opentelemetry", "opentelemetry or opentelemetry-python"
    )


def test_chosen_dialect_decides_between_two() -> None:
    found = recognise(BOTH, ["opentelemetry-python"])
    latency = found[MetricRole.SERVER_LATENCY]
    assert latency is not None
    assert latency.metric == "http_server_duration_milliseconds"
    assert found.ambiguous == {}


def test_two_prefixes_of_one_library_are_ambiguous() -> None:
    assert (
        RoleGroup.HTTP in recognise(exposed("starlette-exporter") | exposed("litestar")).ambiguous
    )


def renamed(families: dict[str, Family], old: str) -> dict[str, Family]:
    return {name.replace(f"{old}_", "shop_", 1): one for name, one in families.items()}


@pytest.mark.parametrize(
    ("name", "prefix", "dialect"),
    [
        ("litestar", "litestar", "litestar"),
        ("starlette-exporter", "starlette", "starlette-exporter"),
    ],
)
def test_litestar_and_starlette_exporter_are_told_apart_under_any_prefix(
    name: str, prefix: str, dialect: str
) -> None:
    assert recognise(renamed(exposed(name), prefix)).dialects == (dialect,)


def without_series(families: dict[str, Family]) -> dict[str, Family]:
    return {name: Family(one.kind) for name, one in families.items()}


@pytest.mark.parametrize(
    ("name", "prefix", "dialect"),
    [
        ("litestar", "litestar", "litestar"),
        ("starlette-exporter", "starlette", "starlette-exporter"),
    ],
)
def test_their_prefix_decides_before_the_first_request(
    name: str, prefix: str, dialect: str
) -> None:
    idle = without_series(exposed(name))
    assert recognise(idle).dialects == (dialect,)
    both = recognise(renamed(idle, prefix))
    assert set(both.dialects) == {"litestar", "starlette-exporter"}
    assert both.ambiguous == {}
    assert "http litestar or starlette-exporter" in both.summary


def test_named_requests_replace_what_is_recognised() -> None:
    own = Family("histogram", ({"verb": "GET", "page": "/", "result": "200"},), (0.1, 1.0))
    names = RequestNames("shop_ms", route="page", status="result")
    found = recognise(exposed("go") | {"shop_ms": own}, requests=names)
    latency, requests, errors = (
        found[role] for role in (MetricRole.SERVER_LATENCY, MetricRole.REQUESTS, MetricRole.ERRORS)
    )
    assert latency is not None
    assert requests is not None
    assert errors is not None
    assert (latency.metric, latency.unit, latency.shape) == ("shop_ms", "ms", "histogram")
    assert shown(requests) == "shop_ms_count (page, result)"
    assert shown(errors) == 'shop_ms_count{result=~"5.."} (page, result)'
    assert found[MetricRole.POOL_LIMIT] is not None


@pytest.mark.parametrize(
    ("kind", "labels"),
    [
        ("gauge", {"handler": "/", "method": "GET"}),  # not a histogram
        ("histogram", {"handler": "/"}),  # a label is missing
    ],
)
def test_metric_of_the_right_name_and_another_shape_plays_no_role(
    kind: str, labels: dict[str, str]
) -> None:
    families = exposed("fastapi-instrumentator")
    families["http_request_duration_seconds"] = Family(kind, (labels,))
    assert recognise(families)[MetricRole.SERVER_LATENCY] is None


def test_without_a_look_at_the_service_all_roles_of_a_dialect_are_assumed() -> None:
    found = assumed(["spring"])
    assert found[MetricRole.POOL_LIMIT] == RoleMetric("spring", "hikaricp_connections_max", "gauge")
    assert found[MetricRole.CPU] is not None
