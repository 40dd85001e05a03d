"""Data flows one way: who may import whom, and who may touch the world."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HARNESS = Path("harness")
# A package may import the packages in its set, and the leaves that everybody may.
LEAVES = {"errors", "meanings", "names", "units"}
ALLOWED = {
    "errors": set(),
    "names": set(),
    "meanings": set(),
    "units": set(),
    "option_values": set(),
    "arguments": {"option_values", "prometheus_options"},
    "prometheus_options": set(),
    "keeper": set(),
    "process": {"keeper"},
    "git": {"budgets"},
    "worktree": {"git", "process"},
    "sides": {"budgets", "observe"},
    "versions": {"budgets", "git", "observe", "sides", "worktree"},
    "budgets": set(),
    "runs": set(),
    "load": {"budgets", "runs", "process"},
    "observe": {"budgets", "runs", "process"},
    "judge": {"budgets", "runs"},
    "report": {"budgets", "runs", "judge"},
    "render": {"budgets"},
    "facts": {"budgets", "calibration", "observe"},
    "signals": set(),
    "account": {"runs", "load"},
    "early": {"budgets", "runs", "load"},
    "settled": {"runs", "judge"},
    "gather": {
        *("budgets", "runs", "load", "observe", "facts", "account", "early", "signals", "exposed"),
    },
    "pair": {"budgets", "runs", "load", "judge", "gather", "sides"},
    "compare": {
        *("budgets", "load", "observe", "judge", "report", "pair", "sides", "signals", "versions"),
    },
    "exposed": {"budgets", "runs", "judge", "report"},
    "calibration": {"runs", "observe"},
    "calibration_use": {"budgets", "judge", "calibration"},
    "calibrate": {
        *("budgets", "runs", "load", "judge", "compare", "gather", "pair", "sides", "signals"),
        "versions",
    },
    "calibrate_command": {
        *("budgets", "runs", "judge", "observe", "report", "asked", "calibrate", "calibration"),
        *("calibration_use", "compare", "live", "pair", "told"),
    },
    "asked": {"option_values", "budgets", "load"},
    "served": {"budgets", "exposed", "observe"},
    "consult": {"asked", "budgets", "observe", "render", "runs"},
    "told": {"runs"},
    "live": {"runs", "judge", "report", "told"},
    "compare_command": {
        *("runs", "judge", "report", "asked", "compare", "live", "pair", "sides", "told"),
        *("calibration", "calibration_use"),
    },
    "export_command": {"runs", "report", "told"},
    "backfill": {"runs", "judge", "report"},
    "backfill_command": {"runs", "observe", "backfill"},
    "page": {"budgets", "runs", "judge", "report"},
    "report_command": {"runs", "judge", "asked", "consult", "page", "told"},
    "history_command": {"runs", "report", "told"},
    "grafana": {"runs", "judge", "observe", "report", "asked"},
    "render_command": {"render", "asked", "grafana", "told"},
    "selftest": {"budgets", "runs", "load", "judge", "report", "gather"},
    "selftest_command": {"runs", "judge", "report", "asked", "live", "selftest", "told"},
    "cli": {
        *("budgets", "runs", "load", "observe", "judge", "report", "gather"),
        *(
            "arguments",
            "asked",
            "backfill_command",
            "calibrate_command",
            "calibration",
            "calibration_use",
        ),
        *(
            "compare_command",
            "consult",
            "export_command",
            "exposed",
            "grafana",
            "history_command",
            "live",
        ),
        *(
            "page",
            "render_command",
            "report_command",
            "selftest_command",
            "served",
            "settled",
            "told",
        ),
    },
}
WORLD = {"asyncio", "http", "multiprocessing", "psutil", "signal", "socket", "subprocess", "urllib"}
PURE = {"budgets", "judge", "report", "render", *LEAVES}
CHILD = HARNESS / "load" / "child"  # what runs inside the Locust process
OUTSIDE = {"sample_app", "scenarios", "dashboards", "tests"}


def modules() -> list[Path]:
    return sorted(HARNESS.rglob("*.py"))


def part_of(path: Path) -> str:
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
    part = part_of(path)
    if part in {"__init__", "__main__"}:
        return
    inner = {name.split(".")[1] for name in imports(path) if name.startswith("harness.")}
    assert inner - LEAVES - {part} <= ALLOWED[part]
    outer = {name.split(".")[0] for name in imports(path)}
    assert not outer & OUTSIDE
    if part in PURE:
        assert not outer & WORLD
    if CHILD not in path.parents:
        assert not outer & {"locust", "gevent"}


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\n"
        "from harness.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'asyncio', 'gevent', 'hdrh', 'locust', 'prometheus_client', 'psutil',\n"
        "         'pydantic', 'rich', 'scipy', 'yaml'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False
    )
    assert result.returncode == 0, result.stderr
    assert "judge a stored run again" in result.stdout
