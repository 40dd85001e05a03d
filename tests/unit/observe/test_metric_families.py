"""Metrics of a running service: what is said when there are none."""

from __future__ import annotations

import pytest

from harness.errors import TargetError
from harness.observe import metric_families
from harness.observe.fetch import Answer, NoAnswer

URL = "http://127.0.0.1:9"


def test_service_without_metrics_is_not_one_that_is_down(monkeypatch: pytest.MonkeyPatch) -> None:
    def not_found(*_: object, **__: object) -> Answer:
        return Answer(404, b"")

    monkeypatch.setattr(metric_families, "fetch", not_found)
    with pytest.raises(TargetError) as answered:
        metric_families.fetch_families(URL, None)
    assert answered.value.message == f"{URL}/metrics answered 404"
    assert answered.value.hint.endswith("or leave out --url if it has none")

    def refused(*_: object, **__: object) -> Answer:
        raise NoAnswer("connection refused")

    monkeypatch.setattr(metric_families, "fetch", refused)
    with pytest.raises(TargetError) as silent:
        metric_families.fetch_families(URL, None)
    assert silent.value.hint.startswith("start the service")
