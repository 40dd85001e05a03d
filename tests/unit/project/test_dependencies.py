"""What harness/ imports is what pyproject.toml declares."""

import ast
import json
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

from harness.report.html.document import LIBRARY

PROJECT = tomllib.loads(Path("pyproject.toml").read_text())["project"]


def distribution_name(text: str) -> str:
    """The normalized name in a requirement or of a distribution."""
    (name,) = re.findall(r"^[A-Za-z0-9._-]+", text)
    return re.sub(r"[-_.]+", "-", name).lower()


def imported(path: Path) -> set[str]:
    """Top-level names of the modules that a file imports, also inside functions."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module.split(".")[0])
    return found


def undeclared(names: set[str], declared: set[str]) -> set[str]:
    """Third-party modules of which no declared distribution is the source."""
    distributions = packages_distributions()
    return {
        name
        for name in names - sys.stdlib_module_names - {"harness"}
        if not declared & {distribution_name(one) for one in distributions.get(name, [])}
    }


# Files that need the packages of an optional dependency, and those packages.
OPTIONAL = {
    Path("harness/pytest_plugin.py"): {"pytest"},
    **{path: {"pytest"} for path in Path("harness/testing").glob("*.py")},
    Path("harness/report/history/changes.py"): {"ruptures"},
}


def test_every_import_of_the_package_is_a_declared_dependency() -> None:
    files = Path("harness").rglob("*.py")
    names = {name for path in files for name in imported(path) - OPTIONAL.get(path, set())}
    assert {"locust", "numpy", "yaml"} <= names
    assert "pytest" not in names
    declared = {distribution_name(one) for one in PROJECT["dependencies"]}
    assert undeclared(names, declared) == set()


def test_import_that_is_not_declared_is_found() -> None:
    assert undeclared({"os", "yaml", "hypothesis", "absent"}, {"pyyaml"}) == {
        "hypothesis",
        "absent",
    }


def test_types_of_the_package_are_for_the_checkers_of_users() -> None:
    """Without the marker, a checker takes `FastUser` for Any, and refuses its subclasses."""
    assert "Typing :: Typed" in PROJECT["classifiers"]
    assert Path("harness/py.typed").read_text() == ""


def test_charting_library_has_the_locked_version() -> None:
    node = Path("tests/services/node")
    locked = json.loads((node / "package-lock.json").read_text())["packages"]
    version = locked["node_modules/plotly.js-basic-dist-min"]["version"]
    assert locked[""]["devDependencies"]["plotly.js-basic-dist-min"] == version
    source = (Path("harness/report/html/assets") / LIBRARY).read_text()
    assert source.startswith(f"/**\n* plotly.js (basic - minified) v{version}\n"), "make charts"
