"""Whether the matchers of a request find its series in what libraries really expose."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping

import pytest

from harness.budgets.dialects.recognise import recognise
from harness.budgets.dialects.requests import RequestNames
from harness.budgets.lint.metrics import family_of
from harness.promql.answers import answers
from tests.unit.budgets.dialects.test_recognise import exposed


def selected(labels: Mapping[str, str], matchers: Iterable[str]) -> bool:
    """Whether Prometheus would select a series; a regular expression fits a whole value."""
    for matcher in matchers:
        found = re.fullmatch(r"(\w+)(=~?)(\".*\")", matcher)
        assert found is not None
        value, wanted = labels.get(found[1], ""), json.loads(found[3])
        if not (re.fullmatch(wanted, value) if found[2] == "=~" else wanted == value):
            return False
    return True


OWN = RequestNames("shop_http_request_duration_seconds", "handler", "code", "method")


@pytest.mark.parametrize(
    ("name", "request_name", "own", "route"),
    [
        ("fastapi-instrumentator", "GET /items/{id}", None, "/items/{item_id}"),
        ("fastify-metrics", "GET /items/{id}", None, "/items/:id"),
        ("spring", "GET /owners/{owner}", None, "/owners/{id}"),
        ("express-prom-bundle", "GET /items/:id", None, "/items/#val"),
        ("express-prom-bundle", "GET /items", None, "/items"),
        ("go", "GET items", None, "items"),
        ("go", "GET items", OWN, "items"),
        ("grpc", "gRPC GetItem", None, "GetItem"),
        ("opentelemetry-grpc", "gRPC shop.v1.Items/GetItem", None, "shop.v1.Items/GetItem"),
    ],
)
def test_a_request_is_found_in_the_metrics_of_its_library(
    name: str, request_name: str, own: RequestNames | None, route: str
) -> None:
    families = exposed(name)
    found = recognise(families, requests=own)
    series = answers(request_name, "all", found)
    assert series is not None
    family = family_of(series.metric, families)
    assert family is not None
    matching = [labels for labels in family.labels if selected(labels, series.matchers)]
    assert matching
    assert all(route in labels.values() for labels in matching)


@pytest.mark.parametrize(
    ("method", "handler", "is_found"),
    [
        ("get", "GET /items/{id}", True),
        ("GET", "/items/{number}", True),
        ("get", "POST /items/{id}", False),
        ("post", "/items/{id}", False),
        ("get", "GET /items", False),
    ],
)
def test_a_route_of_net_http_may_begin_with_its_method(
    method: str, handler: str, is_found: bool
) -> None:
    series = answers("GET /items/{id}", "all", recognise(exposed("go")))
    assert series is not None
    assert selected({"method": method, "handler": handler}, series.matchers) is is_found
