import pytest

from harness.diagnose.statements import Selected, selected, statement_uses
from harness.diagnose.traces import traces_of
from tests.unit.diagnose.spans import request, span

ONE, TWO = "SELECT a FROM b", "SELECT c FROM d WHERE e = ?"


def test_statements_by_time_with_their_counts() -> None:
    spans = request("a", 0.5, [(ONE, 0.1), (TWO, 0.05), (TWO, 0.1), ("call other", 0.2)])
    spans += request("b", 0.3, [(TWO, 0.15)])
    two, one = statement_uses(traces_of(spans))
    assert [(each.text, each.requests, each.count) for each in (two, one)] == [
        (TWO, 2, 3),
        (ONE, 1, 1),
    ]
    assert [two.seconds, one.seconds] == pytest.approx([0.3, 0.1])
    assert [two.share, one.share] == pytest.approx([0.375, 0.125])
    assert [two.per_request, two.mean] == pytest.approx([1.5, 0.1])


def test_statement_from_two_places_is_one_and_a_request_counts_once() -> None:
    spans = request("a", 1.0, [(ONE, 0.2)])
    spans.append(
        span(
            *("SELECT", "a", 100.5, 100.6),
            parent=spans[0].span_id,
            db_query_text=ONE,
            code_filepath="/srv/app.py",
        )
    )
    (found,) = statement_uses(traces_of(spans))
    assert (found.requests, found.count) == (1, 2)
    assert found.seconds == pytest.approx(0.3)


def test_requests_without_duration_or_statements() -> None:
    assert statement_uses([]) == []
    assert statement_uses(traces_of(request("a", 0.1, []))) == []
    (found,) = statement_uses(traces_of(request("a", 0.0, [(ONE, 0.0)])))
    assert found.share == 0.0


A, B, C = "abc"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("SELECT a, b FROM t", Selected(2, {"t": frozenset({A, B})}, False, False)),
        (
            "select t.a as x, u.b y from t join u on t.c = u.c where t.c = ? order by u.b",
            Selected(2, {"t": frozenset({A}), "u": frozenset({B})}, True, True),
        ),
        (
            'SELECT DISTINCT "t"."a", `t`.`b`, [c] FROM t;',
            Selected(3, {"t": frozenset({A, B, C})}, False, False),
        ),
        (
            "SELECT a, (SELECT count(*), b FROM u WHERE c = ? ORDER BY c) AS n, f(a, b) FROM t",
            Selected(3, {"t": frozenset({A})}, False, False),
        ),
        ("SELECT 'x, y FROM z' AS l, a FROM t", Selected(2, {"t": frozenset({A})}, False, False)),
        ("SELECT s.t.a FROM s.t", Selected(1, {"s.t": frozenset({A})}, False, False)),
        ("SELECT t.* FROM t", Selected(None, {"t": frozenset({"*"})}, False, False)),
        ("SELECT * FROM t", Selected(None, {"t": frozenset({"*"})}, False, False)),
        (
            "WITH q AS (SELECT a, b FROM u) SELECT a FROM q",
            Selected(1, {"q": frozenset({A})}, False, False),
        ),
        ("INSERT INTO t (a, b) SELECT a FROM u", Selected(1, {"u": frozenset({A})}, False, False)),
        ("SELECT 1", None),
        ("DELETE FROM t WHERE a IN (SELECT a FROM u)", None),
        ("GET ?", None),
        ("", None),
        ("SELECT " + "(" * 1000, None),
        ("SELECT " * 300, None),
        ("(" * 100 + ")" * 100, None),
        ("SELECT '", None),
    ],
)
def test_columns_of_a_statement(text: str, expected: Selected | None) -> None:
    assert selected(text) == expected
