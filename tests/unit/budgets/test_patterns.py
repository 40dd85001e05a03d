"""Regular expressions of filters: what is read, what is refused, and that no pattern is slow."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.budgets.patterns import compiled, literal
from harness.budgets.selector import Matcher

MATCHES = {
    "5..": (["500", "5xx", "5\n0"], ["50", "5000", "450", ""]),
    "4..|5..": (["404", "500"], ["200", "4045", "4..|5.."]),
    "^5.*$": (["5", "500"], ["1500"]),
    "/a(/b)?": (["/a", "/a/b"], ["/a/b/b", "/ab"]),
    "[45][0-9]{2}": (["404", "599"], ["4044", "304"]),
    "[^/]+": (["a", "ä"], ["", "a/b"]),
    r"/c/\d+": (["/c/1", "/c/42"], ["/c/", "/c/x", "/c/٣"]),
    r"\w+\.json": (["a_1.json"], ["a-1.json", "a_1xjson"]),
    r"[\w.-]+": (["a-b.c"], ["a b"]),
    r"\S+\s\S+": (["a b"], ["ab", "a  b", "a\vb"]),
    "(?:ab){2,3}": (["abab", "ababab"], ["ab", "abababab"]),
    "a{2,}": (["aa", "aaaa"], ["a"]),
    "a*?b+?": (["b", "aabb"], ["a"]),
    "(a|)b": (["b", "ab"], ["aab"]),
    r"\{id\}": (["{id}"], ["id"]),
    r"[\]\[]": (["]", "["], ["a"]),
    "a]}": (["a]}"], ["a"]),
    "(?:a{100}){10}|(b{2}){500}": (["a" * 1000, "b" * 1000], ["a" * 999]),
    "(x|(?:a{3}b)*){333}": (["x" * 333, "aaab"], ["a"]),
}
REFUSED = {
    "": "empty",
    "(": "ends within",
    "(a": "ends within",
    "a)": "closes no group",
    "[a": "ends within",
    "[]a]": "within a class",
    "[[:alpha:]]": "within a class",
    "[z-a]": "no range",
    r"[\d-z]x[\W]": "cannot stand",
    "a\\": "ends within",
    "*a": "repeats nothing",
    "a|+": "repeats nothing",
    "a**": "follows another",
    "a++": "follows another",
    "a{2}{3}": "follows another",
    "a{,3}": "repeats nothing",
    "/{id}": "repeats nothing",
    "a{1001}": "repeats too much",
    "a{3,2}": "repeats too much",
    "(a{200}){200}": "repeats within repeats",
    "(a{100}){11}": "repeats within repeats",
    "(x|(?:a{3}b)*){334}": "repeats within repeats",
    "(?=a)": "look-around",
    "(?i)a": "look-around",
    "(?P<n>a)": "look-around",
    "(?>a)": "look-around",
    r"(a)\1": "read alike",
    r"\bx": "read alike",
    r"\pL": "read alike",
    r"\Qa": "read alike",
    r"\Z": "read alike",
    "^*a": "repeats a",
    "a^b": "needless",
    "a$b": "needless",
    "(" * 30 + ")" * 30: "within each other",
    "a" * 501: "longer than",
}
PIECES = st.sampled_from(
    ["a", "b", ".", "[ab]", "[^a]", r"\d", "(a|b)", "(ab)*", "a+", "b?", "c{1,2}", "|", "0"]
)


@pytest.mark.parametrize(("pattern", "values"), MATCHES.items(), ids=MATCHES)
def test_pattern_matches_whole_values(pattern: str, values: tuple[list[str], list[str]]) -> None:
    fitting, others = values
    assert [one for one in (*fitting, *others) if compiled(pattern).matches(one)] == fitting


@pytest.mark.parametrize(("pattern", "reason"), REFUSED.items(), ids=[*map(repr, REFUSED)])
def test_what_prometheus_reads_otherwise_is_refused(pattern: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        compiled(pattern)


@given(st.lists(PIECES, min_size=1, max_size=6).map("".join), st.text("abc01\n", max_size=8))
def test_pattern_matches_what_python_matches(pattern: str, value: str) -> None:
    expected = re.fullmatch(pattern, value, re.DOTALL | re.ASCII) is not None
    assert compiled(pattern).matches(value) is expected


@given(st.lists(PIECES, min_size=1, max_size=6).map("".join))
def test_example_of_a_pattern_matches_it(pattern: str) -> None:
    example = compiled(pattern).example()
    assert example is not None
    assert compiled(pattern).matches(example)


@given(st.text(max_size=20))
def test_literal_matches_its_text_only(value: str) -> None:
    if value:
        assert compiled(literal(value)).matches(value)
        assert not compiled(literal(value)).matches(value + "x")


@given(st.text("ab(|)[]{}*+?.^$\\d-1,:=", max_size=12))
def test_any_text_is_a_pattern_or_refused(text: str) -> None:
    """What is read here is valid for Python, too, whose syntax is wider."""
    try:
        compiled(text)
    except ValueError:
        return
    re.compile(text)


@pytest.mark.parametrize("pattern", ["(a*)*b", "(a|a)*b", "(a|aa)+b", ".*.*.*.*.*x", "(.*)*(.*)*x"])
def test_no_pattern_takes_exponential_time(pattern: str) -> None:
    assert not compiled(pattern).matches("a" * 2_000)


def test_pattern_matches_what_prometheus_matches(tmp_path: Path) -> None:
    """Every pattern on every value, each a series, evaluated by promtool."""
    values = sorted({one for fitting, others in MATCHES.values() for one in (*fitting, *others)})
    labels = {number: one for number, one in enumerate(values) if "\n" not in one}
    series = [
        {"series": f'm{{n="{number}", v={json.dumps(one)}}}', "values": "1"}
        for number, one in labels.items()
    ]
    tests = [
        {
            "expr": f"sum by (n) (m{{v{Matcher('=~', pattern)}}})",
            "eval_time": "0m",
            "exp_samples": [
                {"labels": f'{{n="{number}"}}', "value": 1}
                for number, one in labels.items()
                if compiled(pattern).matches(one)
            ],
        }
        for pattern in MATCHES
    ]
    file = tmp_path / "tests.yml"
    document = {"tests": [{"input_series": series, "promql_expr_test": tests}]}
    file.write_text(json.dumps(document))
    found = subprocess.run(
        ["promtool", "test", "rules", file], capture_output=True, text=True, check=False
    )
    assert found.returncode == 0, found.stdout + found.stderr
