"""The mutants: every guard that never trips, and every branch of the code that decides."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from harness.judge.guards.all import GUARDS

ROOT: Final = Path(__file__).parents[2]
_GUARDS: Final = "harness/judge/guards/all.py"
# Guards that only inform.
NEVER_TRIP: Final = frozenset({"late_iterations", "receive_times", "idle_users"})
_UNIT: Final = "tests/unit/judge/"
# Functions that only choose words.
_WORDS: Final = frozenset({"decide", "_range", "_measured", "_distance", "_details", "values_at"})
# The files whose branches are turned, with the tests that must notice.
BRANCHES: Final[Mapping[str, tuple[str, ...]]] = {
    "harness/judge/judge.py": (
        f"{_UNIT}test_judge.py",
        f"{_UNIT}test_locustfile.py",
        f"{_UNIT}guards",
    ),
    "harness/judge/bounds.py": (f"{_UNIT}test_judge.py", f"{_UNIT}intervals/test_interval.py"),
    "harness/judge/measure/gaps.py": (
        f"{_UNIT}measure/test_gaps.py",
        f"{_UNIT}measure/test_absent.py",
        f"{_UNIT}guards/test_scrapes.py",
        f"{_UNIT}test_law.py",
    ),
    "harness/judge/measure/deltas.py": (f"{_UNIT}measure/test_deltas.py", f"{_UNIT}guards"),
    "harness/judge/measure/absent.py": (
        f"{_UNIT}measure/test_absent.py",
        f"{_UNIT}measure/test_gaps.py",
        f"{_UNIT}test_law.py",
    ),
    "harness/judge/guards/excess.py": (
        f"{_UNIT}guards/test_excess.py",
        f"{_UNIT}guards/test_lag.py",
        f"{_UNIT}guards/test_contention.py",
        f"{_UNIT}guards/test_generator.py",
    ),
    "harness/judge/guards/load.py": (f"{_UNIT}guards/test_load.py", f"{_UNIT}guards"),
    "harness/judge/failed.py": (f"{_UNIT}test_failed.py",),
    "harness/judge/locustfile.py": (f"{_UNIT}test_locustfile.py",),
    "harness/runs/digests.py": ("tests/unit/runs/test_digests.py",),
}
# Of these files only the branches of some functions are turned.
FUNCTIONS: Final[Mapping[str, frozenset[str]]] = {
    "harness/judge/guards/load.py": frozenset(
        {"requests_stored", "user_errors", "_consequences", "_iterations"}
    )
}
_OF_GUARDS: Final = (
    f"{_UNIT}guards",
    f"{_UNIT}measure/test_gaps.py",
    f"{_UNIT}test_law_folders.py",
)
# Mutants that change nothing that can be seen, with the reason.
EQUIVALENT: Final[Mapping[str, str]] = {
    "gaps.py: _lacking_replicas: `len(replicas) < 2` is always False": "the rest finds none",
    "gaps.py: _contradictions: `counts[text] == 1 and all(map(lt, one.times, islice(one.times, 1,"
    " None)))` is always False": "the loop finds none",
    "absent.py: zero_at: `not found` is always False": "`deltas` then says the same",
    "absent.py: zero_at: `not family(evidence, selector)` is always False": "so does the end",
}


class Mutant(NamedTuple):
    """One fault.

    Attributes:
        name: What is wrong, in words; unique.
        file: The file that has the fault, from the root of the repository.
        source: Its text with the fault.
        tests: The tests that must notice it.
    """

    name: str
    file: str
    source: str
    tests: tuple[str, ...]


def mutants() -> Iterator[Mutant]:
    """All of them, without the equivalent ones."""
    for one in (*_silent_guards(), *_turned_branches()):
        if one.name not in EQUIVALENT:
            yield one


def _silent_guards() -> Iterator[Mutant]:
    text = (ROOT / _GUARDS).read_text(encoding="utf-8")
    for find in GUARDS:
        name = find.__name__
        if name not in NEVER_TRIP:
            yield Mutant(f"guard {name} never trips", _GUARDS, text + _silence(name), _OF_GUARDS)


def _silence(name: str) -> str:
    return f"""

def _silent(evidence, measured):
    from dataclasses import replace

    return (replace(one, outcome="ok") for one in {name}(evidence, measured))


GUARDS = tuple(_silent if find is {name} else find for find in GUARDS)
"""


def _turned_branches() -> Iterator[Mutant]:
    for file, tests in BRANCHES.items():
        text = (ROOT / file).read_text(encoding="utf-8")
        chosen = FUNCTIONS.get(file)
        count = len(list(_places(ast.parse(text), chosen)))
        seen: dict[str, int] = {}
        for number in range(count):
            tree = ast.parse(text)
            what = list(_places(tree, chosen))[number]()
            seen[what] = seen.get(what, 0) + 1
            again = f" ({seen[what]})" if seen[what] > 1 else ""
            name = f"{Path(file).name}: {what}{again}"
            yield Mutant(name, file, ast.unparse(tree), tests)


def _places(tree: ast.Module, chosen: frozenset[str] | None) -> Iterator[Callable[[], str]]:
    """Functions that each change the tree in one place and return what they changed, in words."""
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef) or function.name in _WORDS:
            continue
        if chosen is not None and function.name not in chosen:
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.If | ast.IfExp):
                yield _turn(function, node, value=True)
                yield _turn(function, node, value=False)
            body = getattr(node, "body", None)
            if isinstance(body, list):
                for index, statement in enumerate(body):
                    if _can_go(statement):
                        yield _remove(function, body, index)


def _turn(function: ast.FunctionDef, node: ast.If | ast.IfExp, *, value: bool) -> Callable[[], str]:
    def change() -> str:
        what = f"{function.name}: `{ast.unparse(node.test)}` is always {value}"
        # The condition is still evaluated: it may assign a name.
        pair = ast.Tuple([node.test, ast.Constant(value)], ast.Load())
        node.test = ast.Subscript(pair, ast.Constant(1), ast.Load())
        return what

    return change


def _can_go(statement: ast.stmt) -> bool:
    """Whether a statement adds something to a result: a yield, or an amount that is added."""
    yields = isinstance(statement, ast.Expr) and isinstance(
        statement.value, ast.Yield | ast.YieldFrom
    )
    return yields or isinstance(statement, ast.AugAssign)


def _remove(function: ast.FunctionDef, body: list[ast.stmt], index: int) -> Callable[[], str]:
    def change() -> str:
        what = f"{function.name}: without `{ast.unparse(body[index])}`"
        body[index] = ast.parse("if False:\n    yield" if _is_yield(body[index]) else "pass").body[
            0
        ]
        return what

    return change


def _is_yield(statement: ast.stmt) -> bool:
    return isinstance(statement, ast.Expr)
