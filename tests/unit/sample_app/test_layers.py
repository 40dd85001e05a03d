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


def test_every_layer_is_in_the_table() -> None:
    assert {layer_of(path) for path in modules()} == {*LAYERS, *FREE}


@pytest.mark.parametrize("path", sorted((SERVICE / "core").rglob("*.py")), ids=str)
def test_core_knows_nothing_of_contacts(path: Path) -> None:
    words = path.read_text().lower()
    assert not [word for word in ("contact", "company", "companies") if word in words]
