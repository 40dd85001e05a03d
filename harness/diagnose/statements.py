"""The statements of a recording by their text, and the columns that they select."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from harness.diagnose.answers import FEWEST, NO_TRACES, Analysis, part_of
from harness.diagnose.model import Cause
from harness.diagnose.shares import shares
from harness.diagnose.signs import Proportions
from harness.diagnose.traces import SpanOperation, Trace

_WIDE: Final = 10  # columns of a table, below which a whole row is short
_LONGEST: Final = 20_000  # characters of a statement that are read
_DEEPEST: Final = 50  # parentheses in parentheses
_LITERAL: Final = re.compile(r"'(?:[^']|'')*'")
_NESTED: Final = re.compile(r"\([^()]*\)")
_SELECT: Final = re.compile(
    r"\bSELECT\s+(?:DISTINCT\s+)?(?P<columns>.*?)\s+FROM\s+(?P<table>[^\s,;]+)(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_COLUMN: Final = re.compile(r"(?:(?P<table>[\w.]+)\.)?(?P<name>\w+|\*)(?:\s+(?:[aA][sS]\s+)?\w+)?")
_ORDER: Final = re.compile(r"\bORDER\s+BY\b", re.IGNORECASE)
_WHERE: Final = re.compile(r"\bWHERE\b", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class StatementUse:
    """How requests use a statement.

    Attributes:
        text: Its text, on one line.
        requests: Number of requests that execute it.
        count: How often it was executed.
        seconds: The time of all executions together.
        share: Of the time of all requests, from 0 to 1.
    """

    text: str
    requests: int
    count: int
    seconds: float
    share: float

    @property
    def per_request(self) -> float:
        """How often such a request executes it."""
        return self.count / self.requests

    @property
    def mean(self) -> float:
        """Seconds of an execution."""
        return self.seconds / self.count


def statement_uses(traces: Iterable[Trace]) -> list[StatementUse]:
    """The statements of all requests, those with the most time first."""
    whole = 0.0
    found: dict[str, list[tuple[Trace, SpanOperation]]] = {}
    for trace in traces:
        whole += trace.root.seconds
        for operation in trace.counts:
            if operation.kind == "statement":
                found.setdefault(operation.name, []).append((trace, operation))
    uses = (_use(text, of, whole) for text, of in found.items())
    return sorted(uses, key=lambda one: (-one.seconds, one.text))


def _use(text: str, of: list[tuple[Trace, SpanOperation]], whole: float) -> StatementUse:
    seconds = sum(trace.own[operation] for trace, operation in of)
    return StatementUse(
        text,
        len({id(trace) for trace, _ in of}),  # one with two places in the code is one request
        sum(trace.counts[operation] for trace, operation in of),
        seconds,
        min(1.0, seconds / whole) if whole else 0.0,
    )


@dataclass(frozen=True, slots=True)
class Selected:
    """What a SELECT statement reads of each row, by its text.

    Attributes:
        columns: Number of values of a row; None where it selects "*".
        of_tables: The columns by table, or by its alias.
        is_ordered: Whether it has an order, so that it reads several rows.
        has_condition: Whether it has a WHERE.
    """

    columns: int | None
    of_tables: Mapping[str, frozenset[str]]
    is_ordered: bool
    has_condition: bool


def selected(statement: str) -> Selected | None:
    """What a statement selects, outside of its parentheses; None without SELECT ... FROM."""
    text = re.sub(r'[`"\[\]]', "", _LITERAL.sub("?", statement[:_LONGEST]))
    for _ in range(_DEEPEST):
        outer = _NESTED.sub(" ? ", text)
        if outer == text:
            break
        text = outer
    found = _SELECT.search(text)
    if found is None:
        return None
    columns = [each.strip() for each in found["columns"].split(",")]
    of_tables: dict[str, set[str]] = {}
    for each in columns:
        if column := _COLUMN.fullmatch(each):
            of_tables.setdefault(column["table"] or found["table"], set()).add(column["name"])
    stars = any("*" in names for names in of_tables.values())
    return Selected(
        None if stars else len(columns),
        {table: frozenset(names) for table, names in of_tables.items()},
        bool(_ORDER.search(found["rest"])),
        bool(_WHERE.search(found["rest"])),
    )


def columns(traces: Sequence[Trace], every: Sequence[Trace], usual: Proportions) -> Analysis:
    """The columns that requests select, by statement.

    Args:
        traces: Of the endpoints that the budget is about.
        every: All traces; their statements for one row say which columns a table has.
        usual: Of the whole recording.
    """
    if len(traces) < FEWEST:
        return Analysis(missing=NO_TRACES)
    found = _selecting(traces)
    for operation, one in found.items():
        if one.columns is None:
            return Analysis(missing=f"no trace shows the columns of {operation.name[:100]}")
    executing = [one for one in traces if found.keys() & one.counts.keys()]
    if len(executing) < FEWEST:
        return Analysis(missing="the service sent too few spans of SELECT statements")
    rows = [
        [float(one.counts.get(each, 0) * (what.columns or 0)) for each, what in found.items()]
        for one in executing
    ]
    of_tables = _columns_of_one_row(_selecting(every).values())
    causes = tuple(
        _wide(part_of(each, share, _with(each, executing), usual), what, of_tables)
        for (each, what), share in zip(found.items(), shares(rows), strict=True)
    )
    return Analysis(f"the columns that {len(executing)} requests select", causes)


def _selecting(traces: Iterable[Trace]) -> dict[SpanOperation, Selected]:
    names = dict.fromkeys(operation for one in traces for operation in one.counts)
    found = ((each, selected(each.name)) for each in names if each.kind == "statement")
    return {each: what for each, what in found if what is not None}


def _with(operation: SpanOperation, traces: Iterable[Trace]) -> list[Trace]:
    return [one for one in traces if operation in one.counts]


def _columns_of_one_row(statements: Iterable[Selected]) -> dict[str, frozenset[str]]:
    """The columns of each table that the widest statement for one row selects."""
    widest: dict[str, frozenset[str]] = {}
    for one in statements:
        if one.has_condition and not one.is_ordered:
            for table, names in one.of_tables.items():
                widest[table] = max(widest.get(table, names), names, key=len)
    return widest


def _wide(part: Cause, what: Selected, of_tables: Mapping[str, frozenset[str]]) -> Cause:
    """A statement as a part of the columns; its sign is that its many rows are whole."""
    whole = (
        f"each of its rows has all {len(names)} columns of {table} that one row by itself has"
        for table, names in of_tables.items()
        if len(names) >= _WIDE and names <= what.of_tables.get(table, frozenset())
    )
    return replace(
        part,
        evidence=f"{what.columns} columns, {part.evidence}",
        advice="select the columns that are shown",
        sign=next(whole, "") if what.is_ordered else "",
    )
