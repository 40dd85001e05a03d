"""The command line that makes the same run again, without what is for this run only."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Iterator, Sequence
from typing import Final

from harness.report.parts.safe import without_credentials

# Options that change what is measured or which workers make the load, each with a value. All others
# name files and servers of one run, and some of them hold secrets.
_KEPT: Final = frozenset(
    {
        *("--budgets", "--url", "--metrics", "--rate", "--users", "--duration", "--warm-up"),
        *("--max-duration", "--workers", "--diagnose", "--diagnose-for", "--traces-size", "--otlp"),
        *("--expect-workers", "--bind", "--worker-secret-file", "--run-id", "--on-worker-loss"),
    }
)


def repeat_command(options: argparse.Namespace, given: Sequence[str] | None = None) -> str:
    """The command line of `harness run`, for a shell.

    The arguments of the locustfile may hold secrets, so "..." stands for them.

    Args:
        options: The parsed options.
        given: The arguments of the command line; None is `sys.argv`.
    """
    given = sys.argv[1:] if given is None else given
    scenario = [options.scenario] if options.scenario else []
    arguments = " -- ..." if options.locustfile_arguments else ""
    return shlex.join(["harness", "run", *scenario, *_kept(given)]) + arguments


def _kept(given: Sequence[str]) -> Iterator[str]:
    end = given.index("--") if "--" in given else len(given)
    words = iter(given[:end])
    for word in words:
        name, equals, value = word.partition("=")
        if option := _kept_option(name):
            value = value if equals else next(words, "")
            yield from (option, without_credentials(value))


def _kept_option(name: str) -> str:
    """The option that a word is, or the only one that it begins; empty if it is not kept."""
    if name in _KEPT:
        return name
    begun = (one for one in _KEPT if one.startswith(name)) if name.startswith("--") else ()
    return next(iter(begun), "")
