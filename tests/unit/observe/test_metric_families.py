"""Metrics of a running service: their families, and what is said when there are none."""

from __future__ import annotations

import pytest

from harness.budgets.lint.metrics import Family, family_of
from harness.errors import TargetError
from harness.observe import metric_families
from harness.observe.exposition import parse_exposition
from harness.observe.fetch import Answer, NoAnswer
from harness.observe.metric_families import families_of

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


@pytest.mark.parametrize("first", ["jobs", "jobs_total"])
def test_gauge_and_counter_of_one_name_are_two_families(first: str) -> None:
    blocks = {
        "jobs": "# TYPE jobs gauge\njobs 3\n",
        "jobs_total": '# TYPE jobs_total counter\njobs_total{queue="mail"} 9\n',
    }
    text = "".join(blocks[name] for name in sorted(blocks, key=lambda name: name != first))
    families = families_of(parse_exposition(text))
    gauge, counter = (family_of(name, families) for name in ("jobs", "jobs_total"))
    assert gauge == Family("gauge", ({},))
    assert counter == Family("counter", ({"queue": "mail"},))
    without = text.replace('jobs_total{queue="mail"} 9\n', "")
    assert families_of(parse_exposition(without)).keys() == {"jobs", "jobs_total"}
