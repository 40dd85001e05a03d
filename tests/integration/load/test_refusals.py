"""Locustfiles that cannot be run are refused with line and reason, before any load."""

import json
import re
import subprocess
import sys
from typing import Any

import pytest

from harness.budgets.model import Load
from harness.budgets.workload import ClosedWorkload, OpenWorkload, Stage, UserStage
from harness.errors import ScenarioError
from harness.load.generator import generator
from tests.integration.load.conftest import Loads, descendants

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
NO_TASKS = """
class Idle(FastHttpUser):
    def on_start(self): self.found = self.tasks
"""
CONSTRUCTOR = """
class Broken(FastHttpUser):
    def __init__(self, environment): raise OSError("no file")
    @task
    def one(self): pass
"""

OWN_OPTIONS = (
    TAGGED + "@events.init_command_line_parser.add_listener\n"
    "def add(parser):\n"
    "    parser.add_argument('--tenant')\n"
    "    parser.add_argument('-d', '--depth', type=int)\n"
)
BEFORE = "Options of harness stand before `--`."
ADDED = f"The locustfile adds --tenant, --depth. {BEFORE}"

NEVER_LOADED = {
    "syntax error": ("x = (\n", {}, r":2: SyntaxError: '\(' was never closed"),
    "missing package": ("\nimport nowhere\n", {}, r":3: ModuleNotFoundError: No module named 'now"),
    "missing file": (
        "\nopen('ids.csv')",
        {},
        r":3: FileNotFoundError: .*'ids\.csv'$",
    ),
    "exception at import": ("1 / 0", {}, r":2: ZeroDivisionError: division by zero"),
    "unset environment variable": (
        "\nimport os; os.environ['API_TOKEN']",
        {},
        r":3: KeyError: the environment variable API_TOKEN is not set$",
    ),
    "absent key of a dictionary": ("{}['API_TOKEN']", {}, r":2: KeyError: 'API_TOKEN'$"),
    "sys.exit at import": ("import sys; sys.exit(3)", {}, r":2: SystemExit: 3"),
    "no user class": ("x = 1", {}, r": no User class found"),
    "only weights of zero": (TAGGED + "    weight = 0", {}, r"no users with weight > 0"),
    "no tasks": ("class Idle(FastHttpUser): pass", {}, r": Idle has no tasks"),
    "task set without tasks": (
        "class Idle(FastHttpUser):\n    @task\n    class Empty(TaskSet): pass",
        {},
        r": Idle has no tasks",
    ),
    "tags that no task has": (TAGGED, {"tags": ("b",)}, r": no task is left with tags \['b'\]"),
    "tags that exclude everything": (TAGGED, {"exclude_tags": ("a",)}, r" without \['a'\]"),
    "required option": (
        TAGGED + "@events.init_command_line_parser.add_listener\n"
        "def add(parser): parser.add_argument('--must', required=True)",
        {},
        r": the following arguments are required: --must",
    ),
    "option of Locust": (TAGGED, {"arguments": ("--users", "3")}, r"--users of Locust cannot be"),
    "short option of Locust": (TAGGED, {"arguments": ("-t3m",)}, r"-t of Locust cannot be"),
    "unknown option": (TAGGED, {"arguments": ("--nope",)}, r": unrecognized arguments: --nope"),
    "misspelt option": (
        OWN_OPTIONS,
        {"arguments": ("--tenent=7", "--rate", "5/s")},
        r": unrecognized arguments: --tenent=7 --rate$",
    ),
    "option of harness": (
        OWN_OPTIONS,
        {"arguments": ("--rate", "5/s")},
        r": unrecognized arguments: --rate$",
    ),
    "option with a wrong value": (
        OWN_OPTIONS,
        {"arguments": ("--depth", "deep")},
        r": argument -d/--depth: invalid int value: 'deep'$",
    ),
    "unknown class": (TAGGED, {"arguments": ("Other",)}, r"has no user class 'Other'"),
    "listener of the parser that fails": (
        TAGGED + "@events.init_command_line_parser.add_listener\n"
        "def add(parser): parser.add_argument('--host')",
        {},
        r":8: ArgumentError: .*--host, raised by a listener of events\.init_command_line_parser$",
    ),
    "listener of init that fails": (
        TAGGED + "@events.init.add_listener\ndef bad(**_): raise OSError('x')\n",
        {},
        r":8: OSError: x, raised by a listener of events\.init$",
    ),
}
# Locustfiles that stock Locust runs, too, with the classes that get users.
LOADED = {
    "base class without tasks": (
        TAGGED + "class Base(FastHttpUser): pass\nclass A(Base, Tagged): pass",
        (),
        "A Tagged",
    ),
    "tasks set in on_start": (
        "class Late(FastHttpUser):\n    def on_start(self): self.tasks = [print]",
        (),
        "Late",
    ),
    "tests": (
        "def test_one(fastsession): pass\ndef test_two(session): pass",
        (),
        "test_one test_two",
    ),
    "routes of the web interface": (
        TAGGED + "@events.init.add_listener\n"
        "def add(environment, web_ui, **_):\n"
        "    assert not web_ui\n"
        "    @environment.web_ui.app.route('/x')\n"
        "    def page(): return 1\n"
        "    assert page() == 1",
        (),
        "Tagged",
    ),
    "class of the arguments": (TAGGED + "class Other(Tagged): pass", ("Other",), "Other"),
    "required option": (
        TAGGED + "@events.init_command_line_parser.add_listener\n"
        "def add(parser): parser.add_argument('--must', required=True)",
        ("--must", "x"),
        "Tagged",
    ),
    "options": (
        TAGGED + "@events.init_command_line_parser.add_listener\n"
        "def add(parser): parser.add_argument('--own', env_var='LOCUST_OWN')\n"
        "@events.init.add_listener\n"
        "def check(environment, **_):\n"
        "    o = environment.parsed_options\n"
        "    assert (o.own, o.num_users, o.spawn_rate, o.run_time) == ('mine', 1, 100, 60)\n"
        "    assert (o.host, o.tags, o.headless) == ('http://x', None, True)",
        (),
        "Tagged",
    ),
}
NEVER_READY = {
    "on_start that fails for all": (
        ON_START,
        r"every user ended before the load began; Broken: ValueError: no login \(.*\.py:4\)",
    ),
    "on_start that sets no tasks": (NO_TASKS, r"Idle: Exception: No tasks defined on Idle"),
    "class without users": (
        TAGGED + "class Rare(Tagged): fixed_count = 5",
        "Tagged has no user in a pool of 2",
    ),
    "constructor that fails": (
        CONSTRUCTOR,
        r"a user could not be started: .*scenario\.py:4: OSError: no file",
    ),
}
# Loads every scenario in a fork of one process, since importing Locust takes the longest.
LOAD_ALL = """
import json, os, sys
import locust
from harness.budgets.workload import ClosedWorkload, UserStage
from harness.load.protocol.frames import Setup
from harness.load.child.locustfile.load import load
from harness.load.child.locustfile.refusal import RefusalError
os.environ["LOCUST_OWN"] = "mine"
os.environ["LOCUST_USERS"] = "77"
for path, tags, exclude, arguments in json.load(open(sys.argv[1])):
    if os.fork() == 0:
        try:
            workload = ClosedWorkload((UserStage(1, 60),))
            more = {"arguments": tuple(arguments), "seconds": 60.0}
            setup = Setup(path, "http://x", workload, tuple(tags), tuple(exclude), **more)
            notices = []
            classes = load(setup, on_notice=notices.append).user_classes
            assert "LOCUST_USERS (use `users`" in notices[0], notices
            print(json.dumps([path, " ".join(sorted(c.__name__ for c in classes))]), flush=True)
        except RefusalError as refusal:
            print(json.dumps([path, refusal.message + "|" + refusal.hint]), flush=True)
        os._exit(0)
    os.wait()
"""


@pytest.fixture(scope="module")
def refusals(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """The message and hint for each of NEVER_LOADED, the classes for each of LOADED."""
    folder = tmp_path_factory.mktemp("refusals")
    loaded: dict[str, Any] = {
        f"{case}, accepted": (text, {"arguments": a}, w) for case, (text, a, w) in LOADED.items()
    }
    every: dict[str, Any] = {**NEVER_LOADED, **loaded}
    paths = {case: folder / f"{number}.py" for number, case in enumerate(every)}
    scenarios = []
    for case, (locustfile, more, _) in every.items():
        paths[case].write_text("from locust import *\n" + locustfile)
        tags = more.get("tags", ()), more.get("exclude_tags", ())
        scenarios.append((str(paths[case]), *tags, more.get("arguments", ())))
    (folder / "all.json").write_text(json.dumps(scenarios))
    command = [sys.executable, "-c", LOAD_ALL, str(folder / "all.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    texts = dict(json.loads(line) for line in done.stdout.splitlines())
    return {case: texts[str(path)].replace(str(path), "FILE") for case, path in paths.items()}


@pytest.mark.parametrize("case", NEVER_LOADED)
def test_locustfile_that_cannot_be_loaded_is_refused(refusals: dict[str, str], case: str) -> None:
    message, hint = refusals[case].split("|")
    assert re.search(NEVER_LOADED[case][2], message)
    assert "\n" not in message
    assert hint


def test_refusal_for_an_unset_variable_says_to_set_it(refusals: dict[str, str]) -> None:
    hint = refusals["unset environment variable"].split("|")[1]
    assert hint == "Set API_TOKEN in the environment of harness, e.g. `export API_TOKEN=VALUE`."


@pytest.mark.parametrize(
    ("case", "expected"),
    [
        (
            "unknown option",
            "The locustfile adds no options (a listener of `events.init_command_line_parser` can). "
            + BEFORE,
        ),
        ("misspelt option", f"Did you mean --tenant? {ADDED}"),
        ("option of harness", ADDED),
        ("option with a wrong value", ADDED),
        (
            "required option",
            "Pass the arguments of the locustfile after `--`: harness run -- --my-option VALUE.",
        ),
    ],
)
def test_hint_of_an_option_says_which_options_there_are(
    refusals: dict[str, str], case: str, expected: str
) -> None:
    assert refusals[case].split("|")[1] == expected


@pytest.mark.parametrize("case", LOADED)
def test_locustfile_that_stock_locust_runs_is_accepted(refusals: dict[str, str], case: str) -> None:
    assert refusals[f"{case}, accepted"] == LOADED[case][2]


@pytest.mark.traced
@pytest.mark.parametrize("case", NEVER_READY)
async def test_scenario_whose_users_cannot_start_is_refused(loads: Loads, case: str) -> None:
    before = descendants()
    locustfile, message = NEVER_READY[case]
    scenario = loads.scenario(locustfile, OPEN).loads[0]
    with pytest.raises(ScenarioError, match=message):
        async with generator(scenario, loads.url, loads.log, never):
            pass
    assert descendants() == before


async def test_syntax_error_is_a_scenario_error_without_a_traceback(loads: Loads) -> None:
    before = descendants()
    with pytest.raises(ScenarioError, match=r"scenario\.py:2: SyntaxError: ") as error:
        async with generator(loads.scenario("x = (", OPEN).loads[0], loads.url, loads.log, never):
            pass
    assert "Traceback" not in error.value.message
    assert descendants() == before


async def test_missing_locustfile_is_refused(loads: Loads) -> None:
    scenario = Load(loads.folder / "nothing.py", OPEN)
    with pytest.raises(ScenarioError, match=r"nothing\.py: no such locustfile"):
        async with generator(scenario, loads.url, loads.log, never):
            pass


@pytest.mark.traced
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
    workload = ClosedWorkload((UserStage(2, 60),))
    scenario = loads.scenario(locustfile, workload, tags=("a",))
    outcome = await loads.run(scenario, 0.3, until=lambda load: load.requests.recorded)
    assert set(outcome.recorded()) == {("GET /fast", "ok")}


def never(_: object) -> None:
    raise AssertionError("no report was expected")
