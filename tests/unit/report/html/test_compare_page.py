"""The page of a comparison, as text."""

import pytest

from harness.report.compare.words import RULE
from harness.report.html.compare_page import compare_page
from tests.unit.report.compare.cases import CASES


@pytest.mark.parametrize("case", CASES)
def test_page_says_what_fails_and_what_passes(case: str) -> None:
    comparison, setting, code = CASES[case]
    page = compare_page(comparison, setting, exit_code=code)
    assert page.count(RULE) == bool(comparison.changes and not comparison.never_began)
    assert page.count('class="failure"') == bool(comparison.error)
