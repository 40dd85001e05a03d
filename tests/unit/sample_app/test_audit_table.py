"""The table of demands in docs/service.md names files and tests that exist."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
TABLE = (ROOT / "docs" / "service.md").read_text().split("## The standards, row by row")[1]
DEMANDS, LEFT_OUT = TABLE.split("### Left out")
ROWS = re.findall(r"^\| (?!demand|---)(.+) \| (.*) \| (.+) \|$", DEMANDS, re.MULTILINE)


@cache
def functions(path: str) -> frozenset[str]:
    """The names of all test functions of a file."""
    nodes = ast.parse((ROOT / path).read_text()).body
    return frozenset(n.name for n in nodes if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef))


def problems(demand: str, where: str, tests: str) -> list[str]:
    """What a row names and what does not exist."""
    found = [f"no file {path}" for path in re.findall(r"`([^`]+)`", where)
             if not (ROOT / path).exists()]  # fmt: skip
    named = re.findall(r"`(tests/[^`]+)::(\w+)`", tests)
    for path, name in named:
        if not (ROOT / path).is_file() or name not in functions(path):
            found.append(f"no test {path}::{name}")
    if not (named and where):
        found.append(f"no test or no place of: {demand}")
    return found


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0][:50])
def test_row_names_files_and_tests_that_exist(row: tuple[str, str, str]) -> None:
    assert problems(*row) == []


@pytest.mark.parametrize(
    "row",
    [
        ("a demand", "`sample_app/absent.py`", "`tests/unit/sample_app/test_edge.py::test_x`"),
        ("a demand", "`sample_app/app.py`", "`tests/unit/absent.py::test_x`"),
        ("a demand", "`sample_app/app.py`", "some tests"),
        ("a demand", "", "`tests/unit/sample_app/test_audit_table.py::test_each_decision_is_x`"),
    ],
)
def test_row_that_names_what_does_not_exist_is_noticed(row: tuple[str, str, str]) -> None:
    assert problems(*row)


def test_each_system_has_its_demands_and_what_is_left_out_has_a_reason() -> None:
    assert len(ROWS) > 70
    assert len({demand for demand, _, _ in ROWS}) == len(ROWS)
    assert re.findall(r"^### (.+)$", DEMANDS, re.MULTILINE) == [
        "Structure", "Settings", "Database", "Queries", "Cache", "Resilience", "Rate limits",
        "Background tasks", "Big data", "API and errors", "Security", "Health", "Observability",
        "Upkeep",
    ]  # fmt: skip
    reasons = re.findall(r"^\| (?!demand|---)(.+) \| (.+) \|$", LEFT_OUT, re.MULTILINE)
    assert len(reasons) == 8
    assert all(len(reason) > 20 for _, reason in reasons)


def test_each_decision_is_in_the_list() -> None:
    folder = ROOT / "docs" / "decisions"
    listed = re.findall(
        r"^\| \[(\d{4})\]\((\S+)\) \|", (folder / "README.md").read_text(), re.MULTILINE
    )
    files = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert [name for _, name in listed] == files
    assert [number for number, _ in listed] == [name[:4] for name in files]
    for name in files:
        assert (folder / name).read_text().startswith(f"# {name[:4]}: ")
