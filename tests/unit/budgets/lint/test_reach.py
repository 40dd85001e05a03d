"""Budgets that ask for more than the load of a scenario can give."""

from datetime import date
from pathlib import Path

import pytest

from harness.budgets.lint.plan import lint
from harness.budgets.parse.parse import parse_plan
from harness.commands.parts.samples import out_of_reach

USERS = "users: 10, duration: 60s"
HEAD = "from locust import *\n"
TASK = "    @task\n    def get(self): pass\n"


def user(wait: str, base: str = "FastHttpUser", name: str = "A") -> str:
    return f"class {name}({base}):\n    {wait}\n{TASK}"


def advice(folder: Path, load: str, budget: str, locustfile: str) -> list[str]:
    """What lint says about the budget, which run must say, too."""
    (folder / "a.py").write_text(HEAD + locustfile)
    text = (
        f"version: 1\nservice: shop\nscenarios: {{s: {{locustfile: a.py, warm_up: 1s, {load}}}}}\n"
        f"budgets: {{it: {{{budget}}}}}\n"
    )
    plan = parse_plan(text, folder / "budgets.yaml", {}, date(2026, 11, 20))
    (scenario,) = plan.scenarios.values()
    texts = {folder / "a.py": HEAD + locustfile}
    found = [one.message for one in lint(plan, None, (), texts) if one.path.startswith("budgets")]
    assert out_of_reach(plan, scenario) == [f"note: it: {one}" for one in found]
    return found


MIN = "indicator: throughput, min: 50/s"
MANY = "; 50/s is reached only if an iteration makes several requests: raise the load, or lower min"


@pytest.mark.parametrize(
    ("load", "locustfile", "limit"),
    [
        (
            "rate: 40/s, duration: 60s",
            "",
            "40 iterations/s (40 arrivals/s)",
        ),
        (
            "workload: {stages: [{rate: 20/s, for: 31s}, {rate: 60/s, for: 30s}]}",
            "",
            "40 iterations/s (40 arrivals/s)",
        ),
        (
            USERS,
            user("wait_time = constant_throughput(2)"),
            "20 iterations/s (10 users, at most 2 iterations/s each by constant_throughput(2))",
        ),
        (
            USERS,
            user("wait_time = constant_pacing(0.5)"),
            "20 iterations/s (10 users, at most 2 iterations/s each by constant_pacing(0.5))",
        ),
        (
            USERS,
            user("wait_time = constant_throughput(0.1)")
            + user("wait_time = locust.constant_throughput(4.5)", name="B"),
            "45 iterations/s (10 users, at most 4.5 iterations/s each by constant_throughput(4.5))",
        ),
        (
            USERS,
            "class Base(HttpUser):\n    abstract = True\n    wait_time = constant_throughput(1)\n"
            + user("weight = 1", base="Base"),
            "10 iterations/s (10 users, at most 1 iterations/s each by constant_throughput(1))",
        ),
    ],
)
def test_throughput_above_the_load_is_said_by_lint_and_run(
    tmp_path: Path, load: str, locustfile: str, limit: str
) -> None:
    assert advice(tmp_path, load, MIN, locustfile) == [f"scenario s makes at most {limit}{MANY}"]


@pytest.mark.parametrize(
    ("load", "locustfile"),
    [
        ("rate: 50/s, duration: 60s", ""),
        (USERS, user("wait_time = constant_throughput(5)")),
        (USERS, user("wait_time = constant_pacing(0.2)")),
        (USERS, user("wait_time = between(1, 2)")),
        (USERS, user("wait_time = constant_throughput(RATE)")),
        (USERS, user("wait_time = constant_throughput(0)")),
        (USERS, user("wait_time = constant_throughput(True)")),
        (USERS, user("def wait_time(self): return 1")),
        (USERS, user("weight = 1")),
        (USERS, user("wait_time = constant_throughput(1)") + user("weight = 1", name="B")),
        (USERS, user("wait_time = constant_throughput(1)", base="A")),  # its own base
        (USERS, user("wait_time = constant_throughput(1)", base="object")),
        (USERS, "class A(\n"),
        (USERS, "\0"),
    ],
)
def test_load_that_suffices_or_is_not_known_gets_no_advice(
    tmp_path: Path, load: str, locustfile: str
) -> None:
    assert advice(tmp_path, load, MIN, locustfile) == []


def test_locustfile_that_does_not_exist_limits_nothing(tmp_path: Path) -> None:
    text = (
        "version: 1\nservice: shop\nscenarios: {s: {locustfile: a.py, users: 1, duration: 9s}}\n"
        "budgets: {it: {indicator: throughput, min: 50/s}}\n"
    )
    plan = parse_plan(text, tmp_path / "budgets.yaml", {}, date(2026, 11, 20))
    assert out_of_reach(plan, plan.scenarios["s"]) == []


def test_pool_that_is_too_small_at_the_bound_is_said_by_lint_and_run(tmp_path: Path) -> None:
    budget = "indicator: {kind: latency, quantile: 0.95}, max: 3s"
    assert advice(tmp_path, "rate: 50/s, duration: 60s", budget, "") == [
        "at its bound, 150 requests of scenario s are in flight, but max_users is 100; raise it"
    ]
