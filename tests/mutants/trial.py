"""Runs the tests of a mutant in a forked process, which imports the faulty module."""

from __future__ import annotations

import importlib.abc
import importlib.util
import os
import select
import signal
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Final

# Slow to import, and the same for every mutant.
import numpy as np  # noqa: F401
import pydantic  # noqa: F401
import pytest
import scipy.special
import scipy.stats  # noqa: F401

from tests.mutants.table import ROOT, Mutant

# A silent guard is another function, which says nothing about what the tests notice.
_OF_THE_LIST: Final = "test_every_guard_is_in_the_list"


class _Finder(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Imports one module from another source."""

    def __init__(self, mutant: Mutant) -> None:
        self._name = ".".join(Path(mutant.file).with_suffix("").parts)
        self._mutant = mutant

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname != self._name:
            return None
        return importlib.util.spec_from_loader(fullname, self)

    def exec_module(self, module: ModuleType) -> None:
        code = compile(self._mutant.source, str(ROOT / self._mutant.file), "exec")
        exec(code, module.__dict__)


class _FirstFailure:
    """A plugin of pytest that remembers the first test that failed."""

    test = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.test:
            self.test = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.test:
            self.test = f"{report.nodeid} (cannot be imported)"


def noticed_by(mutant: Mutant, seconds: float) -> str:
    """The first test that fails with a mutant; empty when all pass.

    Args:
        mutant: The fault.
        seconds: After so many a mutant counts as noticed, because it hangs.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        _report(mutant, writer)
    os.close(writer)
    ready, _, _ = select.select([reader], [], [], seconds)
    if not ready:
        os.kill(child, signal.SIGKILL)
    with os.fdopen(reader, "rb") as pipe:
        text = pipe.read().decode() if ready else "(timed out)"
    os.waitpid(child, 0)
    return text


def _report(mutant: Mutant, writer: int) -> None:
    """Run the tests, write the first failure, and end the process."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    for stream in (1, 2):
        os.dup2(quiet, stream)
    for name in [n for n in sys.modules if n.partition(".")[0] == "harness" or _is_test(n)]:
        del sys.modules[name]
    sys.meta_path.insert(0, _Finder(mutant))
    plugin = _FirstFailure()
    # The hook that rewrites assertions imports `harness`, which has a plugin, from its files.
    options = ["-x", "-q", "-n", "0", "-p", "no:cacheprovider", "--assert=plain"]
    options += ["-k", f"not {_OF_THE_LIST}"]
    try:
        code = pytest.main([*options, *mutant.tests], [plugin])
        text = plugin.test or ("" if code == pytest.ExitCode.OK else f"pytest: {code!r}")
        os.write(writer, text.encode())
    finally:
        os._exit(0)


def _is_test(name: str) -> bool:
    return name.startswith("tests.") and not name.startswith("tests.mutants")
