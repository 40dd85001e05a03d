"""The text of budgets.yaml."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from harness.init.bounds import BudgetProposal
from harness.init.load import LoadPlan
from harness.units import Unit, format_quantity

_WORD: Final = re.compile(r"[A-Za-z/][\w./-]*|https?://[\w.:/{}-]*\w[/}]?", re.ASCII)
_SENTENCE: Final = re.compile(r"[A-Za-z0-9/][\w ./:,%={}~+()'-]*", re.ASCII)
_RESERVED: Final = frozenset({"yes", "no", "on", "off", "true", "false", "null", "y", "n"})


@dataclass(frozen=True, slots=True)
class TargetText:
    """The target as budgets.yaml has it.

    Attributes:
        command: Empty for a service that runs already.
        ready: Path that answers 2xx when the service is ready; empty without one.
        metrics: Path or URL; empty without metrics.
        dialects: Names of the dialects of its metrics.
        requests: Metric of its requests and its labels, by the keys of `target.requests`.
        ca_file: Relative to the folder of budgets.yaml; empty without one.
    """

    service: str
    url: str
    command: str = ""
    ready: str = ""
    metrics: str = ""
    dialects: tuple[str, ...] = ()
    requests: Mapping[str, str] = field(default_factory=dict)
    ca_file: str = ""


@dataclass(frozen=True, slots=True)
class ScenarioText:
    """The scenario: its name, its locustfile relative to budgets.yaml, its times in seconds."""

    name: str
    locustfile: str
    warm_up: int = 5


def budgets_text(
    target: TargetText,
    scenario: ScenarioText,
    load: LoadPlan,
    proposals: Sequence[BudgetProposal],
    *,
    head: Sequence[str] = (),
) -> str:
    """The budgets.yaml of a service.

    Args:
        target: The service.
        scenario: How it is loaded.
        load: The rate and the duration.
        proposals: The budgets.
        head: Lines of the comment at its beginning.
    """
    lines = [*(f"# {line}" for line in head), *([""] if head else []), "version: 1"]
    lines += [f"service: {scalar(target.service)}", "", *_target(target), ""]
    lines += [
        "scenarios:",
        f"  {scenario.name}:",
        f"    locustfile: {scalar(scenario.locustfile)}",
        f"    rate: {load.rate}/s  # arrivals, whether or not earlier requests are answered",
        f"    warm_up: {scenario.warm_up}s  # not judged",
        f"    duration: {load.duration}s  # judged",
        "",
        "budgets:",
    ]
    for title, found in (
        ("What users see.", [one for one in proposals if not one.server]),
        ("What the service measures.", [one for one in proposals if one.server]),
    ):
        lines += [f"  # {title}"] if found else []
        for proposal in found:
            lines += _budget(proposal)
    return "\n".join(lines) + "\n"


def _target(target: TargetText) -> Iterator[str]:
    yield "target:"
    if target.command:
        yield "  # {port} becomes a free port."
        yield f"  command: {scalar(target.command)}"
    yield f"  url: {scalar(target.url)}"
    if target.ca_file:
        yield f"  ca_file: {scalar(target.ca_file)}  # verifies its certificate"
    if target.ready:
        yield f"  ready: {scalar(target.ready)}"
    if target.metrics:
        yield f"  metrics: {scalar(target.metrics)}"
    if target.dialects:
        yield f"  dialect: [{', '.join(target.dialects)}]  # the names of its metrics"
    if target.requests:
        named = ", ".join(f"{key}: {scalar(name)}" for key, name in target.requests.items())
        yield f"  requests: {{{named}}}  # its own names"


def _budget(proposal: BudgetProposal) -> Iterator[str]:
    if proposal.bound is None:
        yield f"  # {proposal.name}: not proposed: {_short(proposal.problem)}"
        return
    yield f"  {proposal.name}:"
    yield f"    description: {scalar(proposal.description)}"
    yield f"    indicator: {proposal.indicator}"
    bound = quantity(proposal.bound, proposal.unit)
    yield f"    {proposal.direction}: {bound}" + (
        f"  # {proposal.measured}" if proposal.measured else ""
    )


def quantity(value: float, unit: Unit) -> str:
    """A bound as people write it in YAML: without a space, and with every digit it has."""
    if unit is Unit.SECONDS and value < 1:
        return f"{float(f'{value * 1000:.9g}'):g}ms"
    if unit is Unit.SECONDS:
        return f"{value:.9g}s"
    if unit is Unit.RATIO:
        return f"{float(f'{value * 100:.9g}'):.9g}%"
    if unit is Unit.BYTES:
        return format_quantity(value, unit).replace(" ", "")
    return f"{value:.9g}/s" if unit is Unit.PER_SECOND else f"{value:.9g}"


def scalar(text: str) -> str:
    """A text as a YAML scalar, in double quotes where it needs them; `${` is escaped."""
    text = text.replace("${", "$${")
    if _WORD.fullmatch(text) and text.lower() not in _RESERVED:
        return text
    several = " " in text and text == text.strip() and not text.endswith(":")
    if several and _SENTENCE.fullmatch(text) and ": " not in text:
        return text
    return json.dumps(text, ensure_ascii=False)


def _short(text: str) -> str:
    """The first clause of a text."""
    return re.split(r"; ", " ".join(text.split()))[0][:160]
