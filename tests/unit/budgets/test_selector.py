"""Filters on labels as they are written, as PromQL has them, and what they match."""

import pytest

from harness.budgets.mistaken import mistake
from harness.budgets.selector import Matcher, Selector, Where, matcher

FILTERS: dict[str, tuple[Where, str, list[str], list[str]]] = {
    "a value": ("5xx", '="5xx"', ["5xx"], ["500", ""]),
    "a pattern": ("~5..", '=~"5.."', ["5xx", "500"], ["5", ""]),
    "not a value": ("!/metrics", '!="/metrics"', ["/", ""], ["/metrics"]),
    "not a pattern": ("!~4..|5..", '!~"4..|5.."', ["200", ""], ["404", "500"]),
    "a list": (("500", "502"), '=~"500|502"', ["500", "502"], ["50", "501"]),
    "a list of one": (("500",), '="500"', ["500"], ["5001"]),
    "values in a list are no patterns": (
        ("a.c", "d|e"),
        r'=~"a\\.c|d\\|e"',
        ["a.c", "d|e"],
        ["abc"],
    ),
    "a list of both": (("404", "~5.."), '=~"404|5.."', ["404", "500"], ["400"]),
    "none of a list": (("!/a", "!~/b.*"), '!~"/a|/b.*"', ["/c", ""], ["/a", "/bc"]),
    "a value with ~": (r"\~home", '="~home"', ["~home"], ["home"]),
    "a value with !": (r"\!x", '="!x"', ["!x"], ["x", "y"]),
    "a value with a backslash": (r"\\x", r'="\\x"', [r"\x"], ["x"]),
    "a backslash elsewhere": (r"\d", r'="\\d"', [r"\d"], ["1"]),
    "not a value with ~": (r"!\~x", '!="~x"', ["x"], ["~x"]),
    "no value": ("", '=""', [""], ["x"]),
}


@pytest.mark.parametrize(("written", "promql", "yes", "no"), FILTERS.values(), ids=FILTERS)
def test_filter_matches_as_in_promql(
    written: Where, promql: str, yes: list[str], no: list[str]
) -> None:
    found = matcher(written)
    assert str(found) == promql
    assert [one for one in (*yes, *no) if found.matches(one)] == yes
    assert found.matches(found.example())
    assert not found.matches(found.example(passing=False))


@pytest.mark.parametrize("written", [(), ("a", "!b"), "~(", ("a", "~(")])
def test_filter_that_has_no_meaning_is_refused(written: Where) -> None:
    with pytest.raises(ValueError, match=r"list|ends within"):
        matcher(written)


def test_selector_is_written_as_in_promql() -> None:
    found = Selector("x_total", {"status": "~5..", "handler": ("!/metrics", "!/health")})
    assert str(found) == 'x_total{status=~"5..", handler!~"/metrics|/health"}'
    assert found.selects({"status": "500", "handler": "/"})
    assert not found.selects({"status": "500", "handler": "/metrics"})
    assert not found.selects({"handler": "/"})


# A filter, the values that exist, and what is said; nothing where the value may come.
MISTAKES: dict[str, tuple[str, list[str], str]] = {
    "another case": ("5XX", ["2xx", "5xx"], 'did you mean "5xx"?'),
    "another spelling": ("/contcts", ["/contacts", "/"], 'did you mean "/contacts"?'),
    "other signs": ("not_found", ["ok", "not-found"], 'did you mean "not-found"?'),
    "a pattern without ~": ("5..", ["2xx"], 'a regular expression has a ~ before it: "~5.."'),
    "one status beside groups": ("500", ["2xx", "4xx"], "the values are grouped, as in 5xx"),
    "a group beside statuses": ("5xx", ["200"], "the values are written out, as in 500 or ~5.."),
    "a group in another case": ("5XX", ["2xx"], "the values are grouped, as in 5xx"),
    "a pattern of statuses beside groups": (
        "~5[0-9]{2}",
        ["2xx"],
        "the values are grouped, as in 5xx",
    ),
    "a method in another case": ("get", ["POST"], "the values have another case"),
    "a status that did not come yet": ("500", ["200", "404"], ""),
    "a group that did not come yet": ("5xx", ["2xx"], ""),
    "a pattern that fits groups": ("~5..", ["2xx"], ""),
    "a pattern that fits statuses": ("~5..", ["200"], ""),
    "another number": ("eu-west-2", ["eu-west-1"], ""),
    "another code": ("Internal", ["OK"], ""),
    "another word": ("miss", ["hit"], ""),
    "a filter that fits": ("~2..", ["200"], ""),
    "a negation": ("!200", ["200"], ""),
}


@pytest.mark.parametrize(("written", "seen", "said"), MISTAKES.values(), ids=MISTAKES)
def test_filter_that_can_never_match_is_told_from_one_that_may(
    written: str, seen: list[str], said: str
) -> None:
    assert mistake(matcher(written), seen) == said


def test_matcher_without_an_example_has_an_empty_one() -> None:
    assert Matcher("!~", ".*").example() == ""
