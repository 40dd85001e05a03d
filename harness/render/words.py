"""Names and texts of dashboards and rules: alerts, links, durations, values in templates."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import assert_never

from harness.budgets.dialects.model import Recognition
from harness.budgets.dialects.recognise import by_default
from harness.budgets.model import Budget, Direction, Plan
from harness.promql.answers import in_production
from harness.units import Unit, format_quantity

_LONGEST_UID = 40  # Grafana's limit
_STEPS = ((86400, "d"), (3600, "h"), (60, "m"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Links:
    """The identity of a service in Prometheus and Grafana.

    Attributes:
        service: Its name in budgets.yaml.
        job: The label `job` of its metrics.
        grafana: The base URL of Grafana; if it is empty, links have a path only.
        roles: What plays each role in its metrics.
    """

    service: str
    job: str
    grafana: str = ""
    roles: Recognition = field(default_factory=by_default)

    def uid(self, dashboard: str) -> str:
        """The fixed uid of one of the service's dashboards: "shop-budgets"."""
        uid = f"{slug(self.service)}-{dashboard}"
        if len(uid) <= _LONGEST_UID:
            return uid
        return f"{uid[: _LONGEST_UID - 9]}-{_mark(uid)}"

    def dashboard(self, dashboard: str, variables: Mapping[str, str]) -> str:
        """The URL of one of the service's dashboards, with variables set."""
        query = "&".join(f"var-{name}={_quoted(value)}" for name, value in variables.items())
        return f"{self.grafana}/d/{self.uid(dashboard)}?{query}"


def watched(plan: Plan, links: Links) -> tuple[Budget, ...]:
    """The judged budgets whose indicators the service exposes without a load test."""
    return tuple(b for b in plan.judged if in_production(b.indicator, links.roles))


def _quoted(text: str) -> str:
    return re.sub(
        r"[^\w.~-]",
        lambda m: "".join(f"%{byte:02X}" for byte in m[0].encode()),
        text,
        flags=re.ASCII,
    )


@dataclass(frozen=True, slots=True)
class ValueFormat:
    """The format of the value in the texts of an alert.

    Attributes:
        template: For Prometheus, which replaces `$value`.
        text: The result of the template for a value.
    """

    template: str
    text: Callable[[float], str]


def value_format(unit: Unit) -> ValueFormat:
    """The format of values of a unit."""
    match unit:
        case Unit.RATIO:
            template = "{{ $value | humanizePercentage }}"
            return ValueFormat(template, lambda value: f"{value * 100:.4g}%")
        case Unit.BYTES:
            return ValueFormat("{{ $value | humanize1024 }}B", _bytes)
        case Unit.SECONDS:
            return _number(" s")
        case Unit.PER_SECOND:
            return _number("/s")
        case Unit.COUNT:
            return _number("")
        case _:
            assert_never(unit)


def _number(suffix: str) -> ValueFormat:
    template = '{{ $value | printf "%.4g" }}' + suffix
    return ValueFormat(template, lambda value: f"{value:.4g}{suffix}")


def _bytes(value: float) -> str:
    power = 0
    while abs(value) >= 1024 and power < len("kMGTP"):
        value, power = value / 1024, power + 1
    return f"{value:.4g}{('', 'ki', 'Mi', 'Gi', 'Ti', 'Pi')[power]}B"


def verbatim(text: str) -> str:
    """Text escaped for Prometheus's templates."""
    return text.replace("{{", '{{ "{{" }}')


def plain(text: str) -> str:
    """The result of a template that `verbatim` made."""
    return text.replace('{{ "{{" }}', "{{")


def limit(budget: Budget) -> str:
    """The bound of a budget in words: "at most 200 ms"."""
    return bounded(budget.bound, budget.unit, budget.direction)


def bounded(bound: float, unit: Unit, direction: Direction) -> str:
    """A bound in words: "at least 80%"."""
    return f"{'at most' if direction == 'max' else 'at least'} {format_quantity(bound, unit)}"


def camel(name: str) -> str:
    """The name of an alert in Prometheus's style: ApiLatencyP95 for "api-latency-p95"."""
    return "".join(word[:1].upper() + word[1:] for word in re.split(r"[^a-zA-Z0-9]+", name))


def slug(name: str) -> str:
    """A name as part of a URL or a file name."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or f"service-{_mark(name)}"


def _mark(text: str) -> str:
    """A few characters that tell a text from others."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def duration(seconds: float) -> str:
    """A duration in Prometheus's format: "1h30m", "1m30s", "500ms"."""
    if seconds != int(seconds):
        return f"{seconds * 1000:.0f}ms"
    left, parts = int(seconds), []
    for length, name in _STEPS:
        count, left = divmod(left, length)
        parts += [f"{count}{name}"] * bool(count)
    return "".join(parts) or "0s"


def sentence(text: str) -> str:
    """A text that ends with a full stop; an empty text stays empty."""
    return f"{text.rstrip('.')}." if text else ""
