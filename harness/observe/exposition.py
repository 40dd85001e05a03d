"""Parses the response of a metrics endpoint into samples.

Reads the Prometheus text format and OpenMetrics. It accepts common deviations (repeated TYPE and
HELP blocks, exemplars, interleaved families), but no invalid sample: such a line fails the whole
scrape.
Format: https://prometheus.io/docs/instrumenting/exposition_formats/.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Final, assert_never

from harness.names import DECLARED, DECLARED_METRIC
from harness.observe.fetch import Answer
from harness.runs.openmetrics import (
    FAMILY_PARTS,
    MetricKind,
    Sample,
    are_different,
    family_of,
    parse_labels,
    parse_type,
    reading,
)
from harness.runs.records.exemplars import Exemplar

# One fixed header for all scrapes: libraries choose the first type that they know and ignore q.
ACCEPT: Final = "text/plain;version=0.0.4, application/openmetrics-text;version=1.0.0;q=0.5"
# Most libraries write exemplars in OpenMetrics only.
ACCEPT_EXEMPLARS: Final = "application/openmetrics-text;version=1.0.0, text/plain;q=0.5"

_SAMPLE = re.compile(
    r"""([a-zA-Z_:][a-zA-Z0-9_:]*)                            # name
        (?:[ \t]*\{((?:[^"{}]|"(?:[^"\\]|\\.)*")*)\}[ \t]*|[ \t]+)  # labels
        ([^\s_]+)                                             # value
        (?:[ \t]+[-+0-9.eE]+)?                                # time, ignored: the scrape's is exact
        (?:[ \t]+\#.*)?                                       # exemplar
    """,
    re.VERBOSE,
)
_SCOPE = "otel_scope_"
# The exemplar of a bucket, https://prometheus.io/docs/specs/om/open_metrics_spec/#exemplars
_LONGEST: Final = 4096  # characters of a line
_LABELS: Final = r"\{((?:[^\"{}]|\"(?:[^\"\\]|\\.)*\")*)\}"
_LINE: Final = re.compile(
    rf"([a-zA-Z_:][a-zA-Z0-9_:]*)_bucket{_LABELS}[ \t]+\S+(?:[ \t]+\S+)?"
    rf"[ \t]+\#[ \t]*{_LABELS}[ \t]+(\S+)(?:[ \t]+\S+)?"
)
_TRACE_ID: Final = re.compile("[0-9a-f]{32}")
_NAMES: Final = ("trace_id", "traceid")  # in lower case

_Labels = tuple[tuple[str, str], ...]
_Row = tuple[str, _Labels, float]


def read_exposition(answer: Answer) -> list[Sample]:
    """Read the samples of an answer with a status of success.

    Raises:
        ValueError: The body is not text, a line is not a sample, or the body was cut: without an
            announced end, a body whose last line has no line feed is taken as one that was cut.
    """
    try:
        text = answer.body.decode()
    except UnicodeDecodeError as error:
        raise ValueError(
            f"the response is not text in UTF-8: {error.reason} at byte {error.start}"
        ) from error
    if not answer.end_known and not text.endswith("\n"):
        raise ValueError("the response was cut: it has no announced length and ends within a line")
    return parse_exposition(text)


def parse_exposition(text: str) -> list[Sample]:
    """Parse one response of a metrics endpoint.

    A counter that is declared by `# TYPE` and has no sample is a sample `names.DECLARED`, and so
    are the count and the sum of a histogram or summary. Empty labels are dropped, since they equal
    absent ones, and so are the labels of OpenTelemetry scopes; series that differ only in these are
    added up. `_created` series of declared counters, histograms and summaries are dropped.

    Args:
        text: The whole response, decoded.

    Returns:
        One sample per series, in the order of the response. If a series is repeated with another
        value, that value is a further sample at the end; an equal value is the same sample.

    Raises:
        ValueError: A line is not a sample; the message names the line.
    """
    declared_names: dict[str, MetricKind] = {}
    rows: list[tuple[str, _Labels, float]] = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.strip(" \t\r")
        if line.startswith("#"):
            if declared := parse_type(line):
                declared_names.setdefault(line.split()[2], declared[1])
        elif line:
            try:
                rows.append(_row(line))
            except ValueError as error:
                raise ValueError(f"line {number} is not a sample: {error}") from error
    kinds = _by_family(declared_names)
    is_open_metrics = text.rstrip().endswith("# EOF")
    found = [
        Sample(name, dict(labels), value, kind, family)
        for name, labels, value in _without_scopes(rows)
        for family, kind in (family_of(name, kinds),)
        if not _is_created(name, kinds)
    ]
    return [*found, *_childless(declared_names, {row[0] for row in rows}, is_open_metrics)]


def parse_exemplars(text: str) -> Iterator[Exemplar]:
    """The exemplars of histograms in an exposition; what is no valid exemplar is left out."""
    for line in text.split("\n"):
        match = _LINE.fullmatch(line.strip()) if "#" in line and len(line) < _LONGEST else None
        if match is None:
            continue
        metric, labels, about, value = match.groups()
        try:
            seen = float(value)
            names = {name.lower(): text.lower() for name, text in parse_labels(about)}
            of_bucket = {name: text for name, text in parse_labels(labels) if name != "le"}
        except ValueError:
            continue
        trace_id = next((names[name] for name in _NAMES if name in names), "")
        if _TRACE_ID.fullmatch(trace_id) and math.isfinite(seen):
            yield Exemplar(metric, of_bucket, seen, trace_id)


def _by_family(declared: Mapping[str, MetricKind]) -> dict[str, MetricKind]:
    """The kinds by family: a counter's has no `_total`, unless another metric has that name."""
    kinds: dict[str, MetricKind] = {}
    for name, kind in declared.items():
        base = name.removesuffix("_total") if kind == "counter" else name
        kinds.setdefault(name if base in declared else base, kind)
    return kinds


def _childless(
    declared: Mapping[str, MetricKind], seen: set[str], is_open_metrics: bool
) -> Iterator[Sample]:
    """A sample for each counter of a family that is declared and has no sample at all."""
    parts: tuple[str, ...]
    for name, kind in declared.items():
        base = name.removesuffix("_total")
        own = {base + part for part in ("", *FAMILY_PARTS)} - (declared.keys() - {name})
        if own & seen:
            continue
        match kind:
            case "counter":
                ends = is_open_metrics and not name.endswith("_total")
                parts = (f"{name}_total" if ends else name,)
            case "histogram" | "summary":
                parts = (f"{name}_count", f"{name}_sum")
            case "gauge" | "unknown":
                parts = ()
            case _:
                assert_never(kind)
        for part in parts:
            yield reading(DECLARED, 1.0, {DECLARED_METRIC: part})


def _row(line: str) -> tuple[str, _Labels, float]:
    match = _SAMPLE.fullmatch(line)
    if match is None:
        raise ValueError(repr(line[:80]))
    name, labels, value = match.groups()
    pairs = parse_labels(labels) if labels else []
    try:
        number = float(value)
    except ValueError:
        raise ValueError(f"{value[:80]!r} is no number") from None
    return name, tuple(sorted(pair for pair in pairs if pair[1])), number


def _without_scopes(rows: Iterable[_Row]) -> list[_Row]:
    """Rows without the labels of scopes; what contradicts an earlier row stands at the end."""
    seen: dict[tuple[str, _Labels], float] = {}
    merged: dict[tuple[str, _Labels], float] = {}
    contradicting: list[tuple[tuple[str, _Labels], float]] = []
    for name, labels, value in rows:
        key = name, tuple(pair for pair in labels if not pair[0].startswith(_SCOPE))
        if (name, labels) not in seen:
            seen[name, labels] = value
            merged[key] = merged[key] + value if key in merged else value
        elif are_different(seen[name, labels], value):
            contradicting.append((key, value - seen[name, labels]))
    every = [*merged.items(), *((key, merged[key] + change) for key, change in contradicting)]
    return [(*key, value) for key, value in every]


def _is_created(name: str, kinds: dict[str, MetricKind]) -> bool:
    base = name.removesuffix("_created")
    return base != name and kinds.get(base) in {"counter", "histogram", "summary"}
