"""Data flows one way: which room may import which, and who may touch the world."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.untraced

HARNESS = Path("harness")
LEAVES = {"errors", "names", "units"}  # every room may import them
ALLOWED = {
    **{leaf: set() for leaf in LEAVES},
    "budgets": set(),
    "runs": set(),
    "process": set(),
    "promql": {"budgets"},
    "load": {"budgets", "runs", "process"},
    "observe": {"budgets", "runs", "process"},
    "judge": {"budgets", "runs"},
    "diagnose": {"budgets", "runs", "judge"},
    "report": {"budgets", "runs", "judge", "diagnose"},
    "render": {"budgets", "promql"},
    "init": {"budgets", "judge"},
    "runner": {"budgets", "runs", "load", "observe", "judge", "promql"},
    "experiments": {
        *("budgets", "runs", "process", "promql", "load", "observe", "judge", "report", "render"),
        *("runner", "diagnose"),
    },
    "commands": {
        *("budgets", "runs", "process", "promql", "load", "observe", "judge", "report", "render"),
        *("runner", "experiments", "init", "diagnose"),
    },
    "cli": {"commands"},
    "testing": {"budgets", "runs", "process"},
    "pytest_plugin": {"testing"},
}
WORLD = {"asyncio", "http", "multiprocessing", "psutil", "signal", "socket", "subprocess", "urllib"}
PURE = {"budgets", "diagnose", "init", "judge", "promql", "render", "report", *LEAVES}
CHILD = HARNESS / "load" / "child"  # what runs inside the Locust process
OUTSIDE = {"sample_app", "scenarios", "dashboards", "tests"}
MOST_MODULES = 17  # of a room; `harness/` itself has at most MOST_IN_ROOT
MOST_IN_ROOT = 8


def modules() -> list[Path]:
    return sorted(HARNESS.rglob("*.py"))


def room_of(path: Path) -> str:
    return path.relative_to(HARNESS).parts[0].removesuffix(".py")


def imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path}: relative import"
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


@pytest.mark.parametrize("path", modules(), ids=str)
def test_imports_of_a_module_respect_the_walls(path: Path) -> None:
    room = room_of(path)
    if room in {"__init__", "__main__"}:
        return
    inner = {name.split(".")[1] for name in imports(path) if name.startswith("harness.")}
    assert inner - LEAVES - {room} <= ALLOWED[room]
    # urllib.parse only takes texts apart.
    outer = {name.split(".")[0] for name in imports(path) if not name.startswith("urllib.parse")}
    assert not outer & OUTSIDE
    if room in PURE:
        assert not outer & WORLD
    if CHILD not in path.parents:
        assert not outer & {"locust", "gevent"}


@pytest.mark.parametrize("room", sorted({path.parent for path in modules()}), ids=str)
def test_room_is_not_crowded(room: Path) -> None:
    found = [path for path in room.glob("*.py") if room == HARNESS or path.name != "__init__.py"]
    assert len(found) <= (MOST_IN_ROOT if room == HARNESS else MOST_MODULES)


def public_types(path: Path) -> set[str]:
    """The names of the public classes and type aliases that a module defines."""
    found = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            if isinstance(target, ast.Name) and target.id[0].isupper() and not target.id.isupper():
                found.add(target.id)
    return {name for name in found if not name.startswith("_")}


def test_no_type_has_the_name_of_another() -> None:
    places: dict[str, list[str]] = {}
    for path in modules():
        for name in public_types(path):
            places.setdefault(name, []).append(str(path))
    assert {name: found for name, found in places.items() if len(found) > 1} == {}


HEAVY = {
    *("asyncio", "gevent", "grafana_foundation_sdk", "hdrh", "jinja2", "locust", "numpy"),
    *("prometheus_client", "psutil", "requests", "rich", "scipy", "zmq"),
}


def imported(code: str) -> set[str]:
    """The packages of HEAVY, pydantic and yaml that a new interpreter imports by some code."""
    known = sorted(HEAVY | {"pydantic", "yaml"})
    told = f"import sys\n{code}\nprint(*(set({known}) & set(sys.modules)), file=sys.stderr)"
    result = subprocess.run(
        [sys.executable, "-c", told], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    return set(result.stderr.splitlines()[-1].split())


def called(*arguments: str) -> str:
    return (
        "from harness.cli import main\n"
        f"try: main({list(arguments)})\n"
        "except SystemExit as end: assert end.code == 0, end\n"
    )


def test_help_imports_nothing_heavy() -> None:
    assert imported(called("--help")) == set()


def test_lint_imports_nothing_that_it_does_not_need() -> None:
    assert imported(called("lint")) == {"pydantic", "yaml"}


def test_run_starts_the_service_before_it_imports_its_reports() -> None:
    assert not imported("import harness.commands.run") & {"jinja2", "rich"}


def test_a_command_does_not_collect_garbage_when_it_ends() -> None:
    garbage = (
        "class Garbage:\n"
        "    def __init__(self): self.own = self\n"
        "    def __del__(self): print('collected')\n"
        "import gc; gc.disable()\n"
        "Garbage()\n"
    )
    code = f"{called('--version')}{garbage}"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.startswith("harness ")
    assert "collected" not in ended.stdout


def test_no_command_imports_statistics_locust_or_charts_before_it_needs_them() -> None:
    commands = [path.stem for path in (HARNESS / "commands").glob("[a-z]*.py")]
    found = imported("\n".join(f"import harness.commands.{name}" for name in commands))
    assert "rich" in found
    assert not found & {"gevent", "grafana_foundation_sdk", "locust", "numpy", "scipy"}


def test_nothing_in_the_harness_knows_the_reference_service() -> None:
    """No rule may fit it alone. Names of mistakes may stand in examples, not in `diagnose`."""
    mistakes = {file.stem for file in Path("sample_app/regressions").glob("*_*.py")}
    mistakes.discard("__init__")
    words = {"sample_app", "SAMPLE_APP", "contacts_", "ContactService", "aiosqlite", "asyncpg"}
    found = [
        f"{file}: {word}"
        for file in modules()
        for word in (words | mistakes if room_of(file) == "diagnose" else {"sample_app"})
        if word in file.read_text(encoding="utf-8")
    ]
    assert found == []


@pytest.mark.parametrize("path", modules(), ids=str)
def test_files_and_functions_are_short(path: Path) -> None:
    """Files under 500 lines; functions under 50, not counting their docstring."""
    text = path.read_text()
    assert len(text.splitlines()) < 500
    lengths = {
        node.name: length_of(node)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
    assert {name: lines for name, lines in lengths.items() if lines >= 50} == {}


def length_of(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    lines = (function.end_lineno or 0) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        lines -= (first.end_lineno or 0) - first.lineno + 1
    return lines
