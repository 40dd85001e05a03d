"""The OpenMetrics text format: samples to lines, lines to samples, series to a whole document.

Format: https://prometheus.io/docs/specs/om/open_metrics_spec/. The strict rules that `document`
satisfies are those of `prometheus_client.openmetrics.parser`; a family that breaks one of them
(a counter that is negative, a histogram without its +Inf bucket) is written as `unknown`, so its
values are kept as they were.
"""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal, NamedTuple, assert_never, cast, get_args

from harness.names import EXPORTED

MetricKind = Literal["counter", "gauge", "histogram", "summary", "unknown"]
METRIC_KINDS: Final[frozenset[str]] = frozenset(get_args(MetricKind))

_LABEL = re.compile(r'[ \t]*([a-zA-Z_][a-zA-Z0-9_]*)[ \t]*=[ \t]*"((?:[^"\\]|\\.)*)"[ \t]*(?:,|$)')
_ESCAPED = re.compile(r"\\(.)", re.DOTALL)
_UNESCAPE = {"n": "\n", "\\": "\\", '"': '"'}
_ESCAPE = str.maketrans({"\n": "\\n", "\\": "\\\\", '"': '\\"'})
# Suffix of a sample's name -> the kinds of family that such a sample may belong to.
_PARTS: dict[str, tuple[MetricKind, ...]] = {
    "_total": ("counter",),
    "_bucket": ("histogram",),
    "_sum": ("histogram", "summary"),
    "_count": ("histogram", "summary"),
}


FAMILY_PARTS: Final = (*_PARTS, "_created")


class Sample(NamedTuple):
    """One value of one series at one moment.

    Attributes:
        name: As exposed: `x_total`, `x_bucket`.
        family: The name without the suffix that its kind adds: `x`.
    """

    name: str
    labels: Mapping[str, str]
    value: float
    kind: MetricKind = "unknown"
    family: str = ""


@dataclass(frozen=True, slots=True)
class Points:
    """A series' values: seconds since the epoch with the value at each, 16 bytes a point."""

    times: array[float] = field(default_factory=lambda: array("d"))
    values: array[float] = field(default_factory=lambda: array("d"))


def reading(name: str, value: float, labels: Mapping[str, str] | None = None) -> Sample:
    """A sample of the harness's own: a counter when the name ends in `_total`, else a gauge."""
    kind: MetricKind = "counter" if name.endswith("_total") else "gauge"
    return Sample(name, labels or {}, value, kind, name.removesuffix("_total"))


def family_of(name: str, kinds: Mapping[str, MetricKind]) -> tuple[str, MetricKind]:
    """The family of a sample name and its kind, given the kinds of the declared families."""
    exact = kinds.get(name, "unknown")
    if exact in {"gauge", "summary"}:
        return name, exact
    for suffix, allowed in _PARTS.items():
        base = name.removesuffix(suffix)
        if base != name and kinds.get(base) in allowed:
            return base, kinds[base]
    return name, "counter" if exact == "counter" else "unknown"


def parse_type(line: str) -> tuple[str, MetricKind] | None:
    """Read `# TYPE family kind`; None for any other comment. Kinds beyond ours are `unknown`."""
    words = line.split()
    if len(words) != 4 or words[:2] != ["#", "TYPE"]:
        return None
    kind = cast("MetricKind", words[3]) if words[3] in METRIC_KINDS else "unknown"
    return (words[2].removesuffix("_total") if kind == "counter" else words[2]), kind


def parse_labels(text: str) -> list[tuple[str, str]]:
    """Read what stands between the braces of a sample line.

    Raises:
        ValueError: It is not a list of labels, or a label comes twice.
    """
    labels: list[tuple[str, str]] = []
    position, end = 0, len(text.rstrip(" \t"))
    while position < end:
        match = _LABEL.match(text, position)
        if match is None:
            raise ValueError(f"unreadable label at {text[position : position + 40]!r}")
        name, value = match.groups()
        labels.append((name, _ESCAPED.sub(_unescape, value) if "\\" in value else value))
        position = match.end()
    if len({name for name, _ in labels}) != len(labels):
        raise ValueError(f"a label comes twice in {text[:80]!r}")
    return labels


def parse_series(text: str) -> tuple[str, dict[str, str]]:
    """Read `name` or `name{a="b"}`, as `series_text` writes it.

    Raises:
        ValueError: The labels are unreadable.
    """
    name, brace, rest = text.partition("{")
    if not brace:
        return name, {}
    if not rest.endswith("}"):
        raise ValueError(f"no closing brace in {text[:80]!r}")
    return name, dict(parse_labels(rest[:-1]))


def exported(labels: Mapping[str, str], reserved: Collection[str]) -> Mapping[str, str]:
    """Labels of a service with names that do not collide with those of labels that are added.

    `instance` becomes `exported_instance`, as in Prometheus without `honor_labels`; a name that the
    service has as well gets the prefix once more.
    Source: `resolveConflictingExposedLabels` in scrape/scrape.go of Prometheus.

    Args:
        labels: As the service exposes them.
        reserved: The names of the labels that are added.
    """
    if not any(name in labels for name in reserved):
        return labels
    found = {name: value for name, value in labels.items() if name not in reserved}
    for name in sorted(set(reserved) & set(labels), key=lambda name: (len(name), name)):
        renamed = EXPORTED + name
        while renamed in found or renamed in reserved:
            renamed = EXPORTED + renamed
        found[renamed] = labels[name]
    return found


def series_text(name: str, labels: Mapping[str, str]) -> str:
    """Write a series' name and labels; equal series give equal text, whatever the labels' order."""
    if not labels:
        return name
    pairs = (f'{key}="{value.translate(_ESCAPE)}"' for key, value in sorted(labels.items()))
    return f"{name}{{{','.join(pairs)}}}"


def value_text(value: float) -> str:
    """Write a value so that it reads back as the same float."""
    if math.isfinite(value):
        return repr(float(value))
    return "NaN" if math.isnan(value) else "+Inf" if value > 0 else "-Inf"


def are_different(one: float, other: float) -> bool:
    """Whether two values of one series at one time contradict each other; NaN equals NaN."""
    return one != other and not (math.isnan(one) and math.isnan(other))


def sample_line(series: str, value: float, at: float) -> str:
    """Write one sample, with its time to the millisecond, which is what Prometheus keeps."""
    return f"{series} {value_text(value)} {at:.3f}\n"


class _Stored(NamedTuple):
    """A series on its way into a document."""

    text: str
    name: str
    labels: dict[str, str]
    points: Points


def document(kinds: Mapping[str, MetricKind], series: Mapping[str, Points]) -> Iterator[str]:
    """Write series as the lines of one valid OpenMetrics document.

    Args:
        kinds: Family name to its kind; families that are not in it are `unknown`.
        series: Text of a series to its points, which are in ascending order of time.

    Yields:
        Lines with their line feeds; the last is `# EOF`.
    """
    families: dict[tuple[str, MetricKind], list[_Stored]] = {}
    owner: dict[str, tuple[str, MetricKind]] = {}
    for text, points in series.items():
        name, labels = parse_series(text)
        owner[name] = family_of(name, kinds)
        families.setdefault(owner[name], []).append(_Stored(text, name, labels, points))
    taken: set[str] = set()
    for key, members in families.items():
        family, kind = key
        reserved = {family + suffix for suffix in _reserved(kind)}
        clash = reserved & taken or any(owner.get(name, key) != key for name in reserved)
        groups = None if clash else _groups(family, kind, members)
        if groups is None:
            for name in dict.fromkeys(one.name for one in members):
                yield from _block(name, "unknown", [[one] for one in members if one.name == name])
        else:
            taken |= reserved
            yield from _block(family, kind, groups)
    yield "# EOF\n"


def _reserved(kind: MetricKind) -> tuple[str, ...]:
    """Suffixes of the names that a family of a kind takes."""
    match kind:
        case "counter":
            return "", "_total", "_created"
        case "histogram":
            return "", "_bucket", "_sum", "_count", "_created"
        case "summary":
            return "", "_sum", "_count", "_created"
        case "gauge" | "unknown":
            return ("",)
        case _:
            assert_never(kind)


def _block(family: str, kind: MetricKind, groups: Iterable[Sequence[_Stored]]) -> Iterator[str]:
    """Write one family: group by group, and in a group moment by moment."""
    yield f"# TYPE {family} {kind}\n"
    for group in groups:
        for index, at in enumerate(group[0].points.times):
            for one in group:
                yield sample_line(one.text, one.points.values[index], at)


def _groups(family: str, kind: MetricKind, members: list[_Stored]) -> list[list[_Stored]] | None:
    """The series of a family in the order of a document; None when its kind's rules are broken."""
    match kind:
        case "gauge" | "unknown":
            return [[one] for one in members]
        case "counter":
            valid = all(one.name == family + "_total" and _counts(one.points) for one in members)
            return [[one] for one in members] if valid else None
        case "histogram":
            return _grouped(family, "le", _histogram, members)
        case "summary":
            return _grouped(family, "quantile", _summary, members)
        case _:
            assert_never(kind)


def _grouped(
    family: str,
    edge: str,
    arrange: Callable[[str, list[_Stored]], list[_Stored] | None],
    members: list[_Stored],
) -> list[list[_Stored]] | None:
    """Members that differ only in their label `edge` together, each group in its order."""
    grouped: dict[tuple[tuple[str, str], ...], list[_Stored]] = {}
    for one in members:
        key = tuple(sorted((k, v) for k, v in one.labels.items() if k != edge))
        grouped.setdefault(key, []).append(one)
    groups: list[list[_Stored]] = []
    for group in grouped.values():
        ordered = arrange(family, group)
        if ordered is None or any(one.points.times != group[0].points.times for one in group):
            return None
        groups.append(ordered)
    return groups


def _histogram(family: str, group: list[_Stored]) -> list[_Stored] | None:
    """Buckets by their edge, then sum and count; None when one is missing or they contradict."""
    parts = {one.name: one for one in group if "le" not in one.labels}
    edges = sorted(((_number(one, "le"), one) for one in group if "le" in one.labels), key=_first)
    bounds = [edge for edge, _ in edges]
    buckets = [one for _, one in edges]
    total, count = parts.get(family + "_sum"), parts.get(family + "_count")
    if len(parts) != 2 or total is None or count is None or not buckets:
        return None
    if any(one.name != family + "_bucket" for one in buckets):
        return None
    if buckets[-1].labels["le"] != "+Inf" or bounds[0] < 0 or len(set(bounds)) < len(bounds):
        return None
    if any(math.isnan(bound) for bound in bounds) or not _counts(total.points):
        return None
    columns = [one.points.values for one in (*buckets, count)]
    if not all(_whole(column) for column in columns) or columns[-1] != columns[-2]:
        return None
    rising = all(list(row) == sorted(row) for row in zip(*columns, strict=False))
    return [*buckets, total, count] if rising else None


def _summary(family: str, group: list[_Stored]) -> list[_Stored] | None:
    """Quantiles in their order, then sum and count; None when a rule is broken."""
    quantiles = sorted(
        ((_number(one, "quantile"), one) for one in group if one.name == family), key=_first
    )
    parts = [one for one in group if one.name != family]
    if not all(0 <= quantile <= 1 for quantile, _ in quantiles):
        return None
    if any(value < 0 for _, one in quantiles for value in one.points.values):
        return None
    if not all(_counts(one.points) and "quantile" not in one.labels for one in parts):
        return None
    counts = (one for one in parts if one.name == family + "_count")
    if not all(_whole(one.points.values) for one in counts):
        return None
    return [*(one for _, one in quantiles), *parts]


def _number(one: _Stored, label: str) -> float:
    try:
        return float(one.labels[label])
    except (KeyError, ValueError):
        return math.nan


def _first(pair: tuple[float, _Stored]) -> float:
    return pair[0]


def _counts(points: Points) -> bool:
    """Whether the values may be a counter's: no NaN, none negative."""
    return all(value >= 0 for value in points.values)


def _whole(values: array[float]) -> bool:
    return all(value >= 0 and value.is_integer() for value in values)


def _unescape(match: re.Match[str]) -> str:
    return _UNESCAPE.get(match.group(1), match.group(0))
