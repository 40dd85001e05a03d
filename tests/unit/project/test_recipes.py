"""Pages for new users: commands parse, plans are accepted, and messages are those of the code."""

import ast
import re
import shlex
from datetime import date
from pathlib import Path

import pytest

from harness.budgets.lint.metrics import Family
from harness.budgets.lint.plan import lint
from harness.budgets.parse.parse import parse_plan
from harness.cli import parser
from harness.observe.exposition import parse_exposition
from harness.observe.metric_families import families_of

DOCS = Path("docs")
RECIPES = DOCS / "recipes"
INDEX = RECIPES / "README.md"
PAGES = [path for path in sorted(RECIPES.glob("*.md")) if path != INDEX]
EACH_PAGE = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
WITH_COMMANDS = [Path("README.md"), DOCS / "install.md", DOCS / "init.md", INDEX, *PAGES]
# What else stands at the beginning of a documented command, with the options in front of `harness`.
OTHERS = {"uv", "python", ".venv/bin/pip", "npm", "go", "mvn", "docker", "export", "pip"}
HARNESS = re.compile(r"^(?:uv run |\.venv/bin/|uvx --from \S+ )?harness (.+)$")
EXPOSITIONS = {
    "django": "django-prometheus",
    "express": "express-prom-bundle",
    "fastapi": "fastapi-instrumentator",
    "flask": "flask-exporter",
    "go": "go",
    "grpc": "grpc",
    "spring": "spring",
}


def blocks(page: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", page.read_text(), flags=re.DOTALL)


def file_of(page: Path, name: str) -> str:
    """The last example of a page that begins with a comment of this file's name."""
    texts = re.findall(
        rf"```\w+\n((?:#|//) {re.escape(name)}\n.*?)```", page.read_text(), re.DOTALL
    )
    return str(texts[-1])


def locustfiles(page: Path) -> list[str]:
    found = [text for text in blocks(page, "python") if text.startswith("# locustfile.py\n")]
    return found or locustfiles(INDEX)


def commands(page: Path) -> list[str]:
    lines = "\n".join(blocks(page, "sh")).replace("\\\n", "").splitlines()
    return [line.partition("  #")[0].rstrip() for line in lines if line and line[0] != "#"]


@pytest.mark.parametrize("page", WITH_COMMANDS, ids=str)
def test_commands_of_a_page_are_accepted_by_the_command_line(page: Path) -> None:
    of_scripts = set(re.findall(r"```sh\n# \S+\.sh\n(.*?)```", page.read_text(), re.DOTALL))
    script_lines = {line for text in of_scripts for line in text.splitlines()}
    for command in commands(page):
        found = HARNESS.match(command)
        if found:
            arguments = shlex.split(found[1])
            if arguments == ["--version"]:
                continue
            parser([arguments[0]]).parse_args(arguments)
        elif command not in script_lines:
            assert shlex.split(command)[0] in OTHERS, command
            assert not command.startswith("uv run harness"), command


def test_each_page_is_in_the_index_and_has_commands_a_plan_and_traps() -> None:
    linked = set(re.findall(r"\]\(([a-z-]+\.md)\)", INDEX.read_text()))
    assert linked == {page.name for page in PAGES}
    assert len(PAGES) == 10
    for page in PAGES:
        assert any(HARNESS.match(command) for command in commands(page)), page
        assert "\n## Traps\n" in page.read_text(), page


def families(page: Path) -> dict[str, Family] | None:
    name = EXPOSITIONS.get(page.stem)
    if name is None:
        return None
    text = (Path("tests/expositions") / f"{name}.prom").read_text()
    return families_of(parse_exposition(text))


@EACH_PAGE
def test_plan_of_a_recipe_is_accepted_without_advice(page: Path) -> None:
    plan = parse_plan(file_of(page, "budgets.yaml"), Path("budgets.yaml"), {}, date(2026, 11, 20))
    assert lint(plan, None) == []


@pytest.mark.parametrize("page", [p for p in PAGES if p.stem in EXPOSITIONS], ids=lambda p: p.stem)
def test_plan_of_a_recipe_finds_its_metrics_in_what_the_library_exposes(page: Path) -> None:
    plan = parse_plan(file_of(page, "budgets.yaml"), Path("budgets.yaml"), {}, date(2026, 11, 20))
    errors = [one for one in lint(plan, families(page)) if one.level == "error"]
    assert errors == []


@EACH_PAGE
def test_plan_of_a_recipe_names_requests_that_its_locustfile_makes(page: Path) -> None:
    plan = parse_plan(file_of(page, "budgets.yaml"), Path("budgets.yaml"), {}, date(2026, 11, 20))
    texts = "".join(locustfiles(page))
    for budget in plan.budgets:
        request = getattr(budget.indicator, "request", None)
        if request is not None:
            assert f'"{request.split(" ", 1)[1]}"' in texts, request


@pytest.mark.parametrize("page", [INDEX, *PAGES], ids=lambda page: page.stem)
def test_python_of_a_recipe_is_python(page: Path) -> None:
    for text in blocks(page, "python"):
        ast.parse(text)


# --- docs/troubleshooting.md ----------------------------------------------------------------------


def literals() -> str:
    """All texts of the package; `\0` stands for what is put into them."""
    found = []
    for path in Path("harness").rglob("*.py"):
        docstrings = []
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Expr):
                docstrings.append(node.value)
            elif isinstance(node, ast.JoinedStr):
                parts = (p.value if isinstance(p, ast.Constant) else "\0" for p in node.values)
                found.append("".join(map(str, parts)))
            elif isinstance(node, ast.Constant) and node not in docstrings:
                found.append(str(node.value))
    return "\n".join(found)


def test_messages_of_troubleshooting_stand_in_the_code() -> None:
    rows = re.findall(r"^\| (`.+?) \|", (DOCS / "troubleshooting.md").read_text(), re.MULTILINE)
    assert len(rows) >= 25
    texts = literals()
    for row in rows:
        for message in re.findall(r"`([^`]+)`", row.partition(" (")[0]):
            parts = [part.strip(" :,;") for part in message.split("...")]
            assert max(map(len, parts)) >= 8, message
            assert [part for part in parts if part not in texts] == [], message


def test_anchors_of_links_exist() -> None:
    for page in [*Path().glob("*.md"), *DOCS.rglob("*.md")]:
        for link, anchor in re.findall(r"\]\(([^)#:]*)#([^)]+)\)", page.read_text()):
            target = (page.parent / link) if link else page
            titles = re.findall(r"^#+ (.+)$", target.read_text(), flags=re.MULTILINE)
            slugs = {re.sub(r"[^\w -]", "", t.lower()).replace(" ", "-") for t in titles}
            assert anchor in slugs, f"{page}: {link}#{anchor}"
