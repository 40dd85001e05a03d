"""Inside the master: the modules of the harness that run a load in a worker, as one file.

A worker on another machine runs Locust with `--worker -f -`, and so gets its locustfiles from the
master. The first of them is this bundle. It contains the sources of the modules and imports them
from memory, ahead of the harness that is installed on the worker's machine.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

_HARNESS = Path(__file__).parents[3]
ENTRY = "harness.load.child.distributed.worker"
# Imported by locustfiles only.
_OFFERED = ("harness.load.child.fast.user",)
_PROGRAM = '''"""Sent by the harness to its workers, from load.child.distributed.bundle."""

import importlib.abc
import importlib.util
import sys


class Importer(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Imports the harness from memory."""

    def find_spec(self, name, path=None, target=None):
        if name not in SOURCES:
            return None
        package = any(other.startswith(name + ".") for other in SOURCES)
        return importlib.util.spec_from_loader(name, self, origin=name, is_package=package)

    def get_source(self, name):
        return SOURCES[name]

    def get_code(self, name):
        return compile(SOURCES[name], name, "exec")  # so that a traceback says where

    def is_package(self, name):
        return any(other.startswith(name + ".") for other in SOURCES)


SOURCES = {sources!r}
for name in [name for name in sys.modules if name.split(".")[0] == "harness"]:
    del sys.modules[name]
sys.meta_path.insert(0, Importer())
importlib.import_module({entry!r}).register({setup!r}, __file__)
'''


def bundle(setup: bytes) -> str:
    """The source of a module that registers a Locust worker with the master.

    Args:
        setup: The encoded frame `Setup`.
    """
    values = {"sources": sources(), "entry": ENTRY, "setup": setup}
    return re.sub(r"\{(\w+)!r\}", lambda found: repr(values[found[1]]), _PROGRAM)


def sources() -> dict[str, str]:
    """The source of each module of the harness that a worker or its locustfile may import."""
    found: dict[str, str] = {}
    pending = [ENTRY, *_OFFERED]
    while pending:
        name = pending.pop()
        path = None if name in found else _path_of(name)
        if path is None:
            continue
        found[name] = path.read_text()
        parts = name.split(".")
        pending += [".".join(parts[:end]) for end in range(1, len(parts))]
        pending += sorted(imports(found[name]))
    return dict(sorted(found.items()))


def imports(source: str) -> set[str]:
    """Names of the modules that a module imports, and of all that it imports from them."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def _path_of(name: str) -> Path | None:
    """The file of a module of the harness; None for any other name."""
    package, *parts = name.split(".")
    path = _HARNESS.joinpath(*parts)
    if package != _HARNESS.name:
        return None
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    return file if file.is_file() else None
