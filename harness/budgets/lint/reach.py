"""Advice on budgets that ask for more than the users or the rate of a scenario can give."""

from __future__ import annotations

import ast
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, assert_never

from harness.budgets.lint.metrics import Advice
from harness.budgets.model import Budget, Latency, Load, Scenario, Throughput
from harness.budgets.rates import expected, first_rate
from harness.budgets.workload import ClosedWorkload, OpenWorkload, ShapeWorkload
from harness.units import counted, format_quantity


def out_of_reach(
    scenario: Scenario, budgets: Iterable[Budget], locustfiles: Mapping[Path, str]
) -> Iterator[Advice]:
    """Latencies at whose bound the pool of users is too small, and throughputs above the load.

    Args:
        scenario: With the changes of the command line.
        budgets: Of the scenario.
        locustfiles: Their texts; one that is absent may have any wait times.
    """
    for budget in budgets:
        if isinstance(budget.indicator, Latency) and budget.direction == "max":
            for load in scenario.loads:
                yield from _on_pool(load, scenario, budget)
        if isinstance(budget.indicator, Throughput) and budget.direction == "min":
            yield from _on_throughput(scenario, budget, locustfiles)


def arrivals(load: Load, workload: OpenWorkload, scenario: Scenario) -> float:
    """Arrivals that are due in the window."""
    begin = scenario.warm_up - load.start
    end = begin + scenario.expected
    return expected(workload.stages, end) - expected(workload.stages, begin)


def _on_pool(load: Load, scenario: Scenario, budget: Budget) -> Iterator[Advice]:
    """Fewer users than there are requests in flight when the latency is at its bound."""
    workload = load.workload
    if not isinstance(workload, OpenWorkload):
        return
    peak = max(max(stage.rate, first_rate(stage)) for stage in workload.stages)
    in_flight = peak * budget.bound
    if in_flight > workload.max_users:
        of = f"of load {load.name} " if load.name else ""
        yield Advice(
            ("budgets", budget.name),
            f"at its bound, {math.ceil(in_flight - 1e-9)} requests {of}of scenario "
            f"{scenario.name} are in flight, but max_users is {workload.max_users}; raise it",
        )


# --- throughput ---------------------------------------------------------------------------------


class _Pace(NamedTuple):
    """The most iterations per second, and their reason."""

    rate: float
    reason: str


class _Wait(NamedTuple):
    """The most iterations per second of one user, and the function that limits them."""

    rate: float
    function: str


def _on_throughput(
    scenario: Scenario, budget: Budget, locustfiles: Mapping[Path, str]
) -> Iterator[Advice]:
    paces = [_pace(load, scenario, locustfiles) for load in scenario.loads]
    known = [pace for pace in paces if pace is not None]
    most = sum(pace.rate for pace in known)
    if len(known) < len(paces) or most >= budget.bound * (1 - 1e-9):
        return
    yield Advice(
        ("budgets", budget.name, "min"),
        f"scenario {scenario.name} makes at most {most:.3g} iterations/s "
        f"({' and '.join(pace.reason for pace in known)}); "
        f"{format_quantity(budget.bound, budget.unit)} is reached only if an iteration makes "
        "several requests: raise the load, or lower min",
    )


def _pace(load: Load, scenario: Scenario, locustfiles: Mapping[Path, str]) -> _Pace | None:
    """The most iterations per second of a load; None when nothing limits them."""
    workload = load.workload
    match workload:
        case OpenWorkload():
            rate = arrivals(load, workload, scenario) / scenario.expected
            return _Pace(rate, f"{rate:.3g} arrivals/s")
        case ClosedWorkload():
            wait = _quickest_wait(locustfiles.get(load.locustfile, ""))
            if wait is None:
                return None
            users = max(max(stage.users, stage.start_users or 0) for stage in workload.stages)
            each = f"{wait.rate:.3g} iterations/s each by {wait.function}"
            return _Pace(users * wait.rate, f"{counted(users, 'user')}, at most {each}")
        case ShapeWorkload():
            return None
        case _:
            assert_never(workload)


def _quickest_wait(text: str) -> _Wait | None:
    """The shortest of the waits that limit the users; None if a class has another wait, or none.

    The text is read, not run: what it imports or computes is not known.
    """
    try:
        body = ast.parse(text).body
    except (SyntaxError, ValueError):
        return None
    classes = {node.name: node for node in body if isinstance(node, ast.ClassDef)}
    users = [
        name for name in classes if _is_user(name, classes) and not _is_abstract(classes[name])
    ]
    waits = [_wait_of(name, classes) for name in users]
    known = [wait for wait in waits if wait is not None]
    return max(known) if known and len(known) == len(waits) else None


def _is_user(name: str, classes: Mapping[str, ast.ClassDef]) -> bool:
    if name not in classes:
        return name.endswith("User")
    return any(_is_user(base, classes) for base in _bases(classes[name]) if base != name)


def _bases(node: ast.ClassDef) -> list[str]:
    return [_last_name(base) for base in node.bases]


def _last_name(node: ast.expr) -> str:
    """`FastUser` of `FastUser` and of `harness.FastUser`."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _is_abstract(node: ast.ClassDef) -> bool:
    value = _assigned(node, "abstract")
    return isinstance(value, ast.Constant) and value.value is True


def _assigned(node: ast.ClassDef, name: str) -> ast.expr | None:
    """The value that a class gives to an attribute."""
    for one in node.body:
        targets = one.targets if isinstance(one, ast.Assign) else []
        if isinstance(one, ast.AnnAssign):
            targets = [one.target]
        if any(isinstance(target, ast.Name) and target.id == name for target in targets):
            return one.value if isinstance(one, ast.Assign | ast.AnnAssign) else None
    return None


def _wait_of(name: str, classes: Mapping[str, ast.ClassDef]) -> _Wait | None:
    """The wait of a class by its own attribute, or by those of its bases in the same file."""
    if name not in classes:
        return None
    node = classes[name]
    if any(isinstance(one, ast.FunctionDef) and one.name == "wait_time" for one in node.body):
        return None
    value = _assigned(node, "wait_time")
    if value is not None:
        return _wait(value)
    inherited = (_wait_of(base, classes) for base in _bases(node) if base != name)
    return next((wait for wait in inherited if wait is not None), None)


def _wait(value: ast.expr) -> _Wait | None:
    """The wait of `constant_throughput(N)` or `constant_pacing(N)` with a number."""
    if not isinstance(value, ast.Call) or len(value.args) != 1:
        return None
    function, argument = _last_name(value.func), value.args[0]
    number = argument.value if isinstance(argument, ast.Constant) else None
    if isinstance(number, bool) or not isinstance(number, int | float) or number <= 0:
        return None
    if function == "constant_throughput":
        return _Wait(float(number), f"constant_throughput({number})")
    return (
        _Wait(1 / number, f"constant_pacing({number})") if function == "constant_pacing" else None
    )
