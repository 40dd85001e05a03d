"""The documentation says what the code does: its examples parse, its tables are current."""

import ast
import importlib.util
import json
import re
import shlex
import subprocess
import sys
from dataclasses import fields
from datetime import date
from pathlib import Path
from types import ModuleType
from xml.etree import ElementTree

import pytest

from harness.budgets.lint.plan import lint
from harness.budgets.parse.parse import parse_plan
from harness.budgets.parse.schema import FileSpec
from harness.cli import COMMANDS, parser
from harness.runs.records.failures import read_failures
from harness.runs.records.slowest import read_slowest
from tests.unit.project.test_walls import ALLOWED, LEAVES

DOCS = Path("docs")
README = Path("README.md")
LINKING = [README, Path("CONTRIBUTING.md"), Path("SECURITY.md"), *sorted(DOCS.rglob("*.md"))]


def script(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, DOCS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def examples(path: Path) -> list[str]:
    return re.findall(r"```yaml\n(.*?)```", path.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("path", [README, DOCS / "budgets.md", DOCS / "selftest.md"], ids=str)
def test_documented_budgets_file_is_accepted(path: Path) -> None:
    (text,) = [text for text in examples(path) if text.startswith("version:")]
    plan = parse_plan(text, Path("budgets.yaml"), {}, date(2026, 11, 20))
    assert len(plan.budgets) >= 4


FRAME = {
    "version": "version: 1\nservice: shop\n",
    "scenarios": "scenarios: {smoke: {locustfile: a.py, rate: 50/s, duration: 30s}}\n",
    "budgets": "budgets: {errors: {indicator: error_ratio, max: 1%}}\n",
}


OF_OTHER_PROGRAMS = re.compile(r"^ *(jobs|script|scrape_configs|volumes):", flags=re.MULTILINE)


SECTIONS = {
    f"{path.name}-{number}": text
    for path in (README, *sorted(DOCS.glob("*.md")))
    for number, text in enumerate(examples(path), start=1)
    if not text.startswith("version:") and not OF_OTHER_PROGRAMS.search(text)
}


@pytest.mark.parametrize("section", SECTIONS)
def test_documented_section_is_accepted_without_advice(section: str) -> None:
    text = SECTIONS[section]
    rest = "".join(frame for key, frame in FRAME.items() if f"{key}:" not in text)
    plan = parse_plan(rest + text, Path("budgets.yaml"), {}, date(2026, 11, 20))
    assert lint(plan, None) == []


@pytest.mark.parametrize(
    ("file", "marker"),
    [("budgets.md", "keys"), ("prometheus.md", "metrics"), ("service.md", "entities")],
)
def test_generated_tables_have_no_drift(file: str, marker: str) -> None:
    update = script("update")
    text = (DOCS / file).read_text()
    assert update.between(text, marker, getattr(update, marker)()) == text


def test_every_section_of_the_file_stands_in_the_table_of_keys() -> None:
    keys = (DOCS / "budgets.md").read_text().split("<!-- keys -->")[1]
    for section in FileSpec.model_fields:
        assert re.search(rf"^\| (\*\*)?`{section}`", keys, flags=re.MULTILINE), section


def test_readme_output_names_the_budgets_of_smoke() -> None:
    budgets = Path("budgets.yaml")
    plan = parse_plan(budgets.read_text(), budgets, {}, date(2026, 11, 20))
    shown = re.findall(r"^PASS +(\S+)", README.read_text(), flags=re.MULTILINE)
    assert sorted(shown) == sorted(budget.name for budget in plan.budgets_of("smoke"))


def test_table_of_the_selftest_has_each_case_detected() -> None:
    budgets = Path("budgets.yaml")
    plan = parse_plan(budgets.read_text(), budgets, {}, date(2026, 11, 20))
    table = (DOCS / "selftest.md").read_text()
    rows = _detected(table, "table")
    assert rows[0] == ("nothing planted", "✅ passed")
    assert rows[1:] == [(name, "✅ detected") for name in plan.selftests]
    with_redis = _detected(table, "table-redis")  # may have fewer
    assert with_redis[0] == rows[0]
    assert set(with_redis) <= set(rows)


def _detected(text: str, marker: str) -> list[tuple[str, str]]:
    table = text.split(f"<!-- {marker} -->")[1].split("<!-- end -->", maxsplit=1)[0]
    return re.findall(r"^\| `([a-z0-9_ -]+)` \|.*\| (\S+ \w+) \|$", table, flags=re.MULTILINE)


@pytest.mark.parametrize("path", LINKING, ids=str)
def test_links_to_files_lead_somewhere(path: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)\)", path.read_text()):
        assert (path.parent / link).exists(), link


def test_picture_of_a_terminal_is_what_a_person_saw_and_loads_nothing() -> None:
    capture = script("capture")
    code = "import sys; print('\\x1b[31mred\\x1b[0m ', sys.stdout.isatty()); print('the end')"
    command = [sys.executable, "-c", code]
    seen = capture.capture(command, lambda text: "the end" in text)
    assert seen.plain == "red  True\nthe end"
    coloured = [span for span in seen.spans if span.style.color]
    assert [(span.style.color.name, span.start, span.end) for span in coloured] == [("red", 0, 3)]
    pictures = [capture.svg(seen, "a title"), *(p.read_text() for p in DOCS.glob("images/*.svg"))]
    for picture in pictures:
        ElementTree.fromstring(picture)
        assert not re.search("url\\((?!#)|href|@font-face|<script|<image", picture)
    with pytest.raises(ValueError, match="never was as wanted"):
        capture.capture(command, lambda text: "absent" in text)


def test_picture_of_a_breach_has_the_verdict_without_the_tables_of_requests() -> None:
    capture = script("capture")
    code = (
        "import os, sys; print(os.environ['WHAT'], '\\n\\nFAIL p95\\n    reason\\n');"
        "print('endpoint  p95\\n-\\nGET /  1\\n\\nStored in runs/x\\nFAIL (exit code 3)');"
        "sys.exit(3)"
    )
    command = [sys.executable, "-c", code]
    seen = capture.capture(
        command, lambda text: "exit code" in text, variables={"WHAT": "smoke"}, exit_code=3
    )
    assert capture.verdict(seen).plain.splitlines() == [
        *("smoke", "", "FAIL p95", "    reason", ""),
        *("Stored in runs/x", "FAIL (exit code 3)"),
    ]
    with pytest.raises(subprocess.CalledProcessError):
        capture.capture(command, lambda text: "exit code" in text, variables={"WHAT": "smoke"})


def test_options_in_the_documentation_of_the_load_exist(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = (DOCS / "load.md").read_text()
    for command in ("run", "worker"):
        with pytest.raises(SystemExit):
            parser(COMMANDS).parse_args([command, "--help"])
    option = re.compile(r"--[a-z][a-z-]+")
    of_locust = {
        *("--worker", "--host", "--spawn-rate", "--run-time", "--tags", "--exclude-tags"),
        *("--stop-timeout", "--master", "--processes", "--csv", "--html", "--json"),
        *("--config-users", "--equal-weights", "--loglevel", "--profile", "--my-option"),
    }
    assert set(option.findall(text)) - of_locust <= set(option.findall(capsys.readouterr().out))
    commands = re.findall(r"^harness (.+)$", text, flags=re.MULTILINE)
    assert commands
    for command in commands:
        parser(COMMANDS).parse_args(shlex.split(command))


def test_documented_line_of_the_slowest_requests_is_read(tmp_path: Path) -> None:
    text = (DOCS / "run-folder.md").read_text()
    line, _ = re.findall(r"```json\n(.*\n)```", text)
    (tmp_path / "slowest.jsonl").write_text(line)
    (request,) = read_slowest(tmp_path / "slowest.jsonl", 0.0, 2e9)
    assert (request.request, request.source) == ("GET /items", "worker-2")
    assert set(json.loads(line)) == {field.name for field in fields(request)}


def test_documented_line_of_the_failures_is_read(tmp_path: Path) -> None:
    text = (DOCS / "run-folder.md").read_text()
    _, line = re.findall(r"```json\n(.*\n)```", text)
    (tmp_path / "failures.jsonl").write_text(line)
    (kind,) = read_failures(tmp_path / "failures.jsonl", 0.0, 2e9).kinds
    assert (kind.request, kind.text, kind.count) == (
        "GET /items/{id}",
        "500 Internal Server Error",
        3,
    )


# --- the README on your own service, and docs/init.md ---------------------------------------------


def own_service_commands() -> list[str]:
    """The commands for one's own service, in order, without their comments."""
    section = README.read_text().split("## Your own service")[1]
    block = re.search(r"```sh\n(.*?)```", section, flags=re.DOTALL)
    assert block is not None
    return [line.partition("  #")[0] for line in block[1].splitlines()]


def test_own_service_takes_four_commands_that_exist() -> None:
    add, *commands = own_service_commands()
    assert add.startswith("uv add --dev ")
    found = [shlex.split(command) for command in commands]
    assert [words[:4] for words in found] == [
        ["uv", "run", "harness", name] for name in ("init", "run", "run")
    ]
    for _, _, _, *arguments in found:
        parser(arguments[:1]).parse_args(arguments)


def test_options_in_the_documentation_of_init_exist() -> None:
    text = (DOCS / "init.md").read_text()
    text_of_help = subprocess.run(
        [sys.executable, "-m", "harness", "init", "--help"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    documented = set(re.findall(r"`(--[a-z-]+)", text))
    assert len(documented) >= 10
    assert documented <= set(re.findall(r"--[a-z-]+", text_of_help))


# --- docs/architecture.md -------------------------------------------------------------------------

ARCHITECTURE = DOCS / "architecture.md"


def test_table_of_rooms_is_the_one_that_the_walls_test_holds() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", ARCHITECTURE.read_text(), flags=re.MULTILINE)
    table = {room: set(re.findall(r"`(\w+)`", allowed)) for room, allowed in rows}
    assert table == {room: found for room, found in ALLOWED.items() if room not in LEAVES}


def steps() -> list[tuple[str, str]]:
    """The `file:function` steps of the walks, the file as a path below harness/."""
    return re.findall(r"`([\w/]+\.py):([\w.]+)`", ARCHITECTURE.read_text())


@pytest.mark.parametrize(("file", "name"), steps())
def test_step_of_a_walk_exists(file: str, name: str) -> None:
    tree: ast.AST = ast.parse((Path("harness") / file).read_text())
    for part in name.split("."):
        found = [
            node
            for node in ast.iter_child_nodes(tree)
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
            and node.name == part
        ]
        assert found, f"{file} has no {part}"
        tree = found[0]


def test_runs_of_a_self_test_add_up_in_the_table_of_causes() -> None:
    update = script("update")
    head = "| case | planted cause | its place | named first |\n"
    first = f"{head}| `n` | `FROM a` | first | `x` |\n| `m` | `lock` | not named | - |\n"
    sound = "nothing planted, bounds 30% too tight: a cause named for {} of 20 budgets\n"
    table = update.accuracy("", first + sound.format(0))
    table = update.accuracy(table, f"{head}| `n` | `FROM a` | second | `y` |\n{sound.format(1)}")
    assert update.counts_of(table) == {
        "n": (2, 1, 2, "`FROM a`"),
        "m": (1, 0, 0, "`lock`"),
        "nothing planted": (2, 1, 40, "-"),
    }
    assert "| all | - | 3 | **1 (33%)** | **2 (67%)** |" in table
    assert update.accuracy(table, "no table") == table
