"""How alerts and links are written."""

import pytest

from harness.render.words import Links, camel, duration, plain, slug, value_format, verbatim
from harness.units import Unit


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.0, "0s"), (90.0, "1m30s"), (3600.0, "1h"), (2_592_000.0, "30d"), (0.5, "500ms")],
)
def test_duration_is_as_prometheus_writes_it(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("unit", "value", "text"),
    [
        (Unit.RATIO, 0.525, "52.5%"),
        (Unit.SECONDS, 1.2, "1.2 s"),
        (Unit.BYTES, 125829120.0, "120MiB"),
        (Unit.BYTES, 2048.0, "2kiB"),
        (Unit.BYTES, 12.0, "12B"),
        (Unit.PER_SECOND, 40.0, "40/s"),
        (Unit.COUNT, 3.6, "3.6"),
    ],
)
def test_value_in_an_alert_has_its_unit(unit: Unit, value: float, text: str) -> None:
    assert value_format(unit).text(value) == text


def test_names_become_those_of_alerts_and_addresses() -> None:
    assert camel("api-latency-p95") == "ApiLatencyP95"
    assert slug("My Shop (EU)") == "my-shop-eu"
    assert {slug(name).rpartition("-")[0] for name in ("каталог", "корзина")} == {"service"}
    assert slug("каталог") != slug("корзина")


def test_braces_are_no_template() -> None:
    assert verbatim("a {{b}}") == 'a {{ "{{" }}b}}'
    assert plain(verbatim("a {{b}}")) == "a {{b}}"


def test_uid_is_fixed_and_never_longer_than_grafana_allows() -> None:
    links = Links("shop", "shop", "https://grafana.example")
    assert links.uid("budgets") == "shop-budgets"
    assert links.dashboard("budgets", {"service": "a b/ä"}) == (
        "https://grafana.example/d/shop-budgets?var-service=a%20b%2F%C3%A4"
    )
    long = Links("a-service-with-a-very-long-name-that-goes-on", "j")
    assert len(long.uid("budgets")) == 40
    assert long.uid("budgets") != long.uid("service")
