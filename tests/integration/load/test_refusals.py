"""Locustfiles that cannot be run are refused with the place and the reason, before any load."""

import pytest

from harness.budgets.model import ClosedWorkload, OpenWorkload, Scenario, Stage
from harness.errors import ScenarioError
from harness.load.generator import generator
from tests.integration.load.conftest import Loads, descendants_of_us

OPEN = OpenWorkload((Stage(10, 1),), max_users=2)
TAGGED = """
class Tagged(FastHttpUser):
    @tag("a")
    @task
    def one(self): self.client.get("/fast")
"""
ON_START = """
class Broken(FastHttpUser):
    def on_start(self): raise ValueError("no login")
    @task
    def one(self): self.client.get("/fast")
"""
CONSTRUCTOR = """
class Broken(FastHttpUser):
    def __init__(self, environment): raise OSError("no file")
    @task
    def one(self): pass
"""


@pytest.mark.parametrize(
    ("locustfile", "more", "message"),
    [
        ("x = (\n", {}, r"scenario\.py:2: SyntaxError: '\(' was never closed"),
        (
            "\nimport nowhere\n",
            {},
            r"scenario\.py:3: ModuleNotFoundError: No module named 'nowhere'",
        ),
        ("1 / 0", {}, r"scenario\.py:2: ZeroDivisionError: division by zero"),
        ("import sys; sys.exit(3)", {}, r"scenario\.py:2: SystemExit: 3"),
        ("x = 1", {}, r"scenario\.py: no User class found"),
        ("class Idle(FastHttpUser): pass", {}, r"scenario\.py: Idle has no tasks"),
        (TAGGED, {"tags": ("b",)}, r"scenario\.py: no task is left with tags \['b'\]"),
        (TAGGED, {"exclude_tags": ("a",)}, r"no task is left .* without \['a'\]"),
        (ON_START, {}, r"every user ended before the load began.*ValueError: no login.*\.py:4"),
        (
            TAGGED + "class Rare(Tagged): fixed_count = 5",
            {},
            r"(Tagged|Rare) has no user in a pool of 2",
        ),
        (
            TAGGED + "@events.init.add_listener\ndef bad(**_): raise OSError('x')\n",
            {},
            r"a listener of events\.init raised",
        ),
        (
            CONSTRUCTOR,
            {},
            r"a user could not be started: .*scenario\.py:4: OSError: no file",
        ),
    ],
    ids=[
        "syntax error",
        "missing package",
        "exception at import",
        "sys.exit at import",
        "no user class",
        "no tasks",
        "tags that nothing has",
        "tags that exclude everything",
        "on_start that fails for all",
        "class without users",
        "listener of init that fails",
        "constructor that fails",
    ],
)
async def test_bad_locustfile_is_refused_with_its_place(
    loads: Loads, locustfile: str, more: dict[str, tuple[str, ...]], message: str
) -> None:
    before = descendants_of_us()
    scenario = loads.scenario(locustfile, OPEN, **more)
    with pytest.raises(ScenarioError, match=message) as error:
        async with generator(scenario, loads.url, loads.log, never):
            pass
    assert "Traceback" not in error.value.message
    assert descendants_of_us() == before


async def test_missing_locustfile_is_refused(loads: Loads) -> None:
    scenario = Scenario("test", loads.folder / "nothing.py", OPEN, 0, 1)
    with pytest.raises(ScenarioError, match=r"nothing\.py: no such locustfile"):
        async with generator(scenario, loads.url, loads.log, never):
            pass


async def test_settings_of_stock_locust_are_ignored(
    loads: Loads, monkeypatch: pytest.MonkeyPatch
) -> None:
    (loads.folder / "locust.conf").write_text(
        "users = 7\nrun-time = 1\nhost = http://127.0.0.1:1\n"
    )
    (loads.folder / "pyproject.toml").write_text("[tool.locust]\nlocustfile = 'other.py'\n")
    monkeypatch.chdir(loads.folder)
    monkeypatch.setenv("LOCUST_HOST", "http://127.0.0.1:2")
    monkeypatch.setenv("LOCUST_TAGS", "nothing")
    locustfile = """
class Shape(LoadTestShape):
    def tick(self): return None
class One(FastHttpUser):
    host = "http://127.0.0.1:3"
    @task
    def one(self): self.client.get("/fast")
"""
    workload = OpenWorkload((Stage(40, 0.5),), arrivals="even", max_users=3)
    outcome = await loads.run(loads.scenario(locustfile, workload), 0.5)
    assert outcome.recorded() == {("GET /fast", "ok"): 20}


async def test_tags_choose_tasks(loads: Loads) -> None:
    locustfile = (
        TAGGED
        + """
    @task
    def two(self): self.client.get("/sleep/1")
class Other(FastHttpUser):
    @task
    def three(self): self.client.get("/sleep/2")
"""
    )
    workload = ClosedWorkload(users=2, spawn_rate=100)
    outcome = await loads.run(loads.scenario(locustfile, workload, tags=("a",)), 0.3)
    assert set(outcome.recorded()) == {("GET /fast", "ok")}


def never(_: object) -> None:
    raise AssertionError("no report was due")
