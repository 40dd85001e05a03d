import pytest

from harness.budgets.model import Selftest
from harness.diagnose.hits import CauseHit, count_within, hit_of
from harness.diagnose.model import Cause, Diagnosis, Explanation
from harness.report.run.cause_hits import hit_line, hits_markdown, totals


def cause(what: str, place: str = "") -> Cause:
    return Cause("function", what, 0.5, 0.4, 0.6, "5 of 10 samples", place)


FOUND = Diagnosis(
    (
        Explanation("other", causes=(cause("planted()"),)),
        Explanation("slow", causes=(cause("first()"), cause("second()", "/srv/app/pages.py:8"))),
        Explanation("mute", note="no single cause found"),
    ),
    *(10, 20, 30),
)


@pytest.mark.parametrize(
    ("breaks", "expected", "rank", "first"),
    [
        (("slow",), "first", 1, "first()"),
        (("slow",), "pages.py", 2, "first()"),
        (("slow",), "planted", None, "first()"),  # named for another budget
        (("slow", "other"), "planted", 1, "planted()"),
        (("mute",), "first", None, ""),
        (("absent",), "first", None, ""),
    ],
)
def test_place_of_the_planted_cause(
    breaks: tuple[str, ...], expected: str, rank: int | None, first: str
) -> None:
    case = Selftest("bug", {"A": "1"}, "s", breaks, cause=expected)
    assert hit_of(case, FOUND) == CauseHit("bug", expected, rank, first)


HITS = [
    CauseHit("a", "x", 1, "x()"),
    CauseHit("b", "y", 3, "x()"),
    CauseHit("c", "z|", 4, "x|()"),
    CauseHit("d", "w", None, ""),
]


def test_report_of_hits() -> None:
    assert [count_within(HITS, places) for places in (1, 3)] == [1, 2]
    assert [hit_line(hit) for hit in HITS] == [
        "cause first: a: x()",
        "cause third: b: x()",
        "cause number 4: c: x|()",
        "cause not named: d: none named",
    ]
    text = "planted cause named first in 1 of 4 cases, among the first three in 2"
    assert totals(HITS) == text
    lines = hits_markdown(HITS).splitlines()
    assert lines[3] == "| `a` | `x` | first | `x()` |"
    assert lines[5].startswith("| `c` | <code>z&#124;</code> | number 4 | <code>x&#124;")
    assert lines[-1] == text
    assert hits_markdown([]) == ""
