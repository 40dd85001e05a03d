"""The layers of the service call each other in one direction."""

import ast
from pathlib import Path

import pytest

SERVICE = Path("sample_app")
LAYERS = {
    "settings": set(),
    "telemetry": {"settings"},
    "core": {"settings", "telemetry"},
    "models": {"core"},
    "schemas": {"core"},
    "migrations": {"settings", "core", "models"},
    "clients": {"settings", "core", "telemetry", "schemas"},
    "repositories": {"settings", "core", "models", "schemas"},
    "services": {"settings", "core", "models", "schemas", "clients", "repositories"},
    "api": {"settings", "core", "schemas", "services"},
}
FREE = {"app", "main", "migrate", "regressions", "__init__"}  # they assemble, or plant mistakes


def modules() -> list[Path]:
    return sorted(SERVICE.rglob("*.py"))


def layer_of(path: Path) -> str:
    return path.relative_to(SERVICE).parts[0].removesuffix(".py")


def imported(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    inner = {name.split(".")[1] for name in found if name.startswith("sample_app.")}
    return inner - {"__version__"}


@pytest.mark.parametrize("path", modules(), ids=str)
def test_imports_of_a_module_go_to_layers_below(path: Path) -> None:
    layer = layer_of(path)
    if layer not in FREE:
        assert imported(path) <= LAYERS[layer] | {layer}
    if layer != "main":
        assert not imported(path) & {"main", "migrate"}


def outside(path: Path) -> set[str]:
    """The names that a module imports from elsewhere."""
    nodes = [n for n in ast.walk(ast.parse(path.read_text())) if isinstance(n, ast.ImportFrom)]
    return {f"{node.module}.{alias.name}" for node in nodes for alias in node.names}


@pytest.mark.parametrize("path", modules(), ids=str)
def test_http_is_in_the_api_and_queries_are_in_repositories(path: Path) -> None:
    layer = layer_of(path)
    found = {name for name in outside(path) if name.startswith("sqlalchemy")}
    if layer in {"api", "clients", "schemas", "services", "settings"}:
        assert found <= {"sqlalchemy.ext.asyncio.AsyncSession", "sqlalchemy.event"}
    if layer in {"services", "repositories", "models", "schemas", "clients", "migrations"}:
        web = ("fastapi", "starlette", "uvicorn")
        assert not {name for name in outside(path) if name.startswith(web)}


def test_every_layer_is_in_the_table() -> None:
    assert {layer_of(path) for path in modules()} == {*LAYERS, *FREE}


@pytest.mark.parametrize("path", sorted((SERVICE / "core").rglob("*.py")), ids=str)
def test_core_knows_nothing_of_contacts(path: Path) -> None:
    words = path.read_text().lower()
    assert not [word for word in ("contact", "company", "companies") if word in words]


@pytest.mark.parametrize("path", modules(), ids=str)
def test_files_and_functions_are_short(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) < 500
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    lengths = {
        node.name: (node.end_lineno or 0) - node.lineno + 1
        for node in ast.walk(ast.parse(text))
        if isinstance(node, functions)
    }
    assert {name: lines for name, lines in lengths.items() if lines > 50} == {}
