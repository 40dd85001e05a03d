"""What budgets.yaml must tell so that a service need not be looked at."""

import pytest

from harness.budgets.dialects.model import MetricRole
from harness.budgets.dialects.recognise import assumed, recognise
from harness.budgets.dialects.requests import RequestNames
from harness.budgets.dialects.told import changed_roles, request_names, told_roles
from harness.budgets.lint.metrics import Family
from harness.budgets.model import Target
from harness.observe.exposition import parse_exposition
from harness.observe.metric_families import families_of
from tests.unit.budgets.dialects.test_recognise import EXPECTED, exposed

# Metrics of a Flask service whose author counts its requests.
OWN = """\
# TYPE http_request_duration_seconds histogram
http_request_duration_seconds_bucket{method="GET",endpoint="/orders",le="0.5"} 2
http_request_duration_seconds_bucket{method="GET",endpoint="/orders",le="+Inf"} 2
http_request_duration_seconds_sum{method="GET",endpoint="/orders"} 0.2
http_request_duration_seconds_count{method="GET",endpoint="/orders"} 2
"""


def test_own_names_of_a_service_are_told() -> None:
    found = recognise(families_of(parse_exposition(OWN)))
    assert found.dialects == ("promhttp",)
    assert found[MetricRole.ERRORS] is None  # no label tells the status
    names = request_names(found)
    assert names == RequestNames("http_request_duration_seconds", "endpoint", "", "method")
    assert names.given == {
        "metric": "http_request_duration_seconds",
        "route": "endpoint",
        "method": "method",
    }


@pytest.mark.parametrize("exposition", sorted({*EXPECTED} - {"go"}))
def test_names_of_a_library_need_not_be_told(exposition: str) -> None:
    assert request_names(recognise(exposed(exposition))) is None


def test_told_names_are_those_that_a_look_recognises() -> None:
    found = recognise(exposed("go"))
    names = request_names(found)
    assert names is not None
    told = told_roles(Target("http://127.0.0.1", dialects=found.dialects, requests=names.given))
    assert changed_roles(found, told) == ()


def test_requests_in_flight_are_recognised_beside_named_requests() -> None:
    families = {**exposed("go"), "shop_http_requests_in_flight": Family("gauge", ({},))}
    found = recognise(families)
    assert found[MetricRole.IN_FLIGHT] is not None
    names = request_names(found)
    again = recognise(families, found.dialects, names)
    assert again[MetricRole.IN_FLIGHT] == found[MetricRole.IN_FLIGHT]
    assert assumed(["promhttp"], names)[MetricRole.IN_FLIGHT] is None
