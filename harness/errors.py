"""Every error that the harness raises on purpose.

```
HarnessError            exit code 1: a fault of the harness itself
├── UsageError          2: bad command line, unusable output folder
│   ├── BudgetsError    2: budgets.yaml is wrong; carries every problem with its place
│   ├── ScenarioError   2: the locustfile cannot be loaded or does nothing that can be run
│   └── RunFolderError  2: a folder that is not a readable run
└── UnjudgedError       4: nothing is wrong with the input, yet no verdict is possible
    ├── TargetError     4: the service did not start or never became ready
    └── GeneratorError  4: the load generator died or could not start
```

An error says what happened; its `hint` says what to do next. Exit codes are those of the
documentation: 0 pass, 1 internal error, 2 bad input, 3 breach, 4 inconclusive, 130 interrupted.
"""

from __future__ import annotations

from typing import ClassVar

EXIT_PASS = 0
EXIT_INTERNAL = 1
EXIT_USAGE = 2
EXIT_BREACH = 3
EXIT_INCONCLUSIVE = 4
EXIT_INTERRUPTED = 130


class HarnessError(Exception):
    """Base of all errors raised on purpose.

    Args:
        message: What happened, one or more full lines.
        hint: What the user can do about it; empty when the message already says so.
    """

    exit_code: ClassVar[int] = EXIT_INTERNAL

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    @property
    def text(self) -> str:
        """The message, and the hint on a line of its own."""
        return f"{self.message}\nhint: {self.hint}" if self.hint else self.message


class UsageError(HarnessError):
    """The command line, a path or an option cannot be used."""

    exit_code = EXIT_USAGE


class BudgetsError(UsageError):
    """budgets.yaml is wrong; the message lists every problem, one per line, with its place."""


class ScenarioError(UsageError):
    """The scenario's locustfile cannot be loaded or cannot be run."""


class RunFolderError(UsageError):
    """The folder does not hold a readable run."""


class UnjudgedError(HarnessError):
    """The input is fine, but no verdict is possible."""

    exit_code = EXIT_INCONCLUSIVE


class TargetError(UnjudgedError):
    """The service did not start, never became ready, or its port is taken."""


class GeneratorError(UnjudgedError):
    """The load generator could not start, or died."""


def why_unreadable(error: OSError | UnicodeDecodeError) -> str:
    """Why a file cannot be read, without its path and the number of the error."""
    if isinstance(error, UnicodeDecodeError):
        return "it is not text in UTF-8"
    return error.strerror or str(error)
