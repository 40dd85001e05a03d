"""What `/metrics` answers, read into samples.

Reads the Prometheus text format and OpenMetrics, leniently where services are sloppy (repeated
TYPE and HELP blocks, exemplars, families in pieces) and strictly where a value could be wrong: a
line that is no sample fails the whole scrape.
Format: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from harness.runs.openmetrics import MetricKind, Sample, family_of, parse_labels, parse_type

# One fixed header for every scrape: libraries take the first type that they know, whatever the q.
ACCEPT: Final = "text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0;q=0.5"

_SAMPLE = re.compile(
    r"""([a-zA-Z_:][a-zA-Z0-9_:]*)                            # name
        (?:[ \t]*\{((?:[^"{}]|"(?:[^"\\]|\\.)*")*)\}[ \t]*|[ \t]+)  # labels
        ([^\s_]+)                                             # value
        (?:[ \t]+[-+0-9.eE]+)?                                # time, ignored: ours is exact
        (?:[ \t]+\#.*)?                                       # exemplar
    """,
    re.VERBOSE,
)
_SCOPE = "otel_scope_"

_Labels = tuple[tuple[str, str], ...]


def parse_exposition(text: str) -> list[Sample]:
    """Read one answer of a metrics endpoint.

    Empty labels are dropped, as they equal absent ones, and so are the labels that name an
    OpenTelemetry scope; series that differ in nothing else are added up. `_created` series of
    declared counters, histograms and summaries are dropped.

    Args:
        text: The whole answer, decoded.

    Returns:
        One sample per series, in the order of the answer. Of a series that comes twice the first
        counts, as for Prometheus.

    Raises:
        ValueError: A line is no sample; the message names the line.
    """
    kinds: dict[str, MetricKind] = {}
    rows: list[tuple[str, _Labels, float]] = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip(" \t\r")
        if line.startswith("#"):
            if declared := parse_type(line):
                kinds.setdefault(*declared)
        elif line:
            try:
                rows.append(_row(line))
            except ValueError as error:
                raise ValueError(f"line {number} is no sample: {error}") from error
    return [
        Sample(name, dict(labels), value, kind, family)
        for (name, labels), value in _without_scopes(rows).items()
        for family, kind in (family_of(name, kinds),)
        if not _is_created(name, kinds)
    ]


def _row(line: str) -> tuple[str, _Labels, float]:
    match = _SAMPLE.fullmatch(line)
    if match is None:
        raise ValueError(repr(line[:80]))
    name, labels, value = match.groups()
    pairs = parse_labels(labels) if labels else []
    return name, tuple(sorted(pair for pair in pairs if pair[1])), float(value)


def _without_scopes(
    rows: Iterable[tuple[str, _Labels, float]],
) -> dict[tuple[str, _Labels], float]:
    seen: set[tuple[str, _Labels]] = set()
    merged: dict[tuple[str, _Labels], float] = {}
    for name, labels, value in rows:
        if (name, labels) in seen:
            continue
        seen.add((name, labels))
        key = name, tuple(pair for pair in labels if not pair[0].startswith(_SCOPE))
        merged[key] = merged[key] + value if key in merged else value
    return merged


def _is_created(name: str, kinds: dict[str, MetricKind]) -> bool:
    base = name.removesuffix("_created")
    return base != name and kinds.get(base) in {"counter", "histogram", "summary"}
